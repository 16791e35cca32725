//! What is published of an election after each commit.

use std::sync::{Arc, OnceLock};

use veritally_board_api::answers::{Service, Status, Tally};
use veritally_crypto::leaves::Head;
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::{Counts, Phase, RecordState};

/// A committed state of affairs. Shared by all readers; replaced, never changed.
#[derive(Debug)]
pub struct Snapshot {
    /// The log.
    pub head: Head,
    /// Its signed checkpoint.
    pub checkpoint: Arc<str>,
    /// Where the election stands.
    pub phase: Phase,
    /// How many ballots came.
    pub counts: Counts,
    /// When voting is to end.
    pub closes_at_ms: u64,
    /// Whether it can be written to.
    pub service: Service,
    /// The running tally of the last tally head since the start of this process.
    pub tally: Option<Arc<Tally>>,
    tally_json: OnceLock<Option<Arc<str>>>,
    status_json: OnceLock<Option<Arc<str>>>,
}

impl Snapshot {
    pub(super) fn of(state: &RecordState, checkpoint: Arc<str>, tally: Option<Arc<Tally>>) -> Self {
        Self {
            head: state.head(),
            checkpoint,
            phase: state.phase(),
            counts: state.counts(),
            closes_at_ms: state.closes_at_ms(),
            service: Service::Serving,
            tally,
            tally_json: OnceLock::new(),
            status_json: OnceLock::new(),
        }
    }

    /// The same, with another service.
    pub(super) fn with_service(&self, service: Service) -> Self {
        Self {
            head: self.head,
            checkpoint: Arc::clone(&self.checkpoint),
            phase: self.phase,
            counts: self.counts,
            closes_at_ms: self.closes_at_ms,
            service,
            tally: self.tally.clone(),
            tally_json: self.tally_json.clone(),
            status_json: OnceLock::new(),
        }
    }

    /// As a status.
    #[must_use]
    pub fn status(&self, manifest: &CheckedManifest, time_ms: u64) -> Status {
        Status {
            checkpoint: self.checkpoint.to_string(),
            closes_at_ms: self.closes_at_ms,
            counts: self.counts,
            election: manifest.election.clone(),
            fingerprint: manifest.fingerprint(),
            head: self.head,
            opens_at_ms: manifest.schedule.opens_at_ms,
            phase: self.phase,
            service: self.service,
            time_ms,
        }
    }

    /// The status as JSON, made once for all subscribers, with the time of the first.
    pub(crate) fn status_json(&self, make: impl FnOnce(&Self) -> Status) -> Option<Arc<str>> {
        self.status_json.get_or_init(|| serde_json::to_string(&make(self)).ok().map(Arc::from)).clone()
    }

    /// The tally as JSON, made once for all subscribers.
    #[must_use]
    pub fn tally_json(&self) -> Option<Arc<str>> {
        self.tally_json
            .get_or_init(|| {
                let tally = self.tally.as_deref()?;
                serde_json::to_string(tally).ok().map(Arc::from)
            })
            .clone()
    }
}
