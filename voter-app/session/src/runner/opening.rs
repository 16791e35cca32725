//! Opening an election, and what the first pages show of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use veritally_board_api::{Link, Status};
use veritally_crypto::hash::Hash;
use veritally_crypto::record::Phase;

use super::device::Device;
use crate::SessionError;
#[cfg(feature = "practice")]
use crate::StateDirectory;
use crate::election::{Depth, Election, OpenRequest, View};
use crate::flow::{Compared, ElectionInfo, Event, Job, OpenStage, Trouble, TroubleKind};

/// A log that is not longer than this is read whole at once, so that ballots from other devices are known from the
/// start; at most some 10 MB and a second.
const SHORT_LOG: u64 = 2_000;

/// An election that was opened, and how.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) election: Arc<Election>,
    pub(super) info: ElectionInfo,
    request: OpenRequest,
    /// A practice election's local state, removed with it.
    practice_state: Option<Arc<tempfile::TempDir>>,
}

impl Opened {
    /// The same election again, its whole log read.
    pub(super) async fn read_whole_log(&self) -> Result<Self, SessionError> {
        let view = View::fetch_from(self.election.view().board().clone(), &self.request).await?;
        let election = Arc::new(Election::from_view(view, Depth::Full, &|_, _| {}).await?);
        let (info, request, practice_state) = (self.info.clone(), self.request.clone(), self.practice_state.clone());
        Ok(Self { election, info, request, practice_state })
    }
}

impl Device {
    pub(super) async fn open(&self, job: Job, link: Link, fingerprint: Option<Hash>) -> Result<Opened, Trouble> {
        let mut request = OpenRequest::new(link, self.settings.state.clone());
        (request.fingerprint, request.patience) = (fingerprint, self.settings.patience);
        let view = View::fetch(&request).await?;
        let size = view.checkpoint().checkpoint().tree_size;
        let depth = if size <= SHORT_LOG { Depth::Full } else { Depth::Opening };
        let on_read = |done, total| self.tell(Event::Opening(job, OpenStage::Reading { done, total }));
        let election = Arc::new(Election::from_view(view, depth, &on_read).await?);
        // Only for what pages show: dates, phase, clock.
        let status = election.view().board().status().await.ok();
        let compared = match (fingerprint, request.link.fingerprint) {
            (Some(_), _) => Compared::Letter,
            (None, Some(_)) => Compared::Link,
            (None, None) => Compared::Nothing,
        };
        let info = describe(&election, compared, status.as_ref());
        Ok(Opened { election, info, request, practice_state: None })
    }

    #[cfg(feature = "practice")]
    pub(super) async fn open_practice(&self) -> Result<Opened, Trouble> {
        let failed = |reason: String| Trouble::new(TroubleKind::Storage, reason);
        let made = tokio::task::spawn_blocking(crate::practice::PracticeBoard::new).await;
        let made = made.map_err(|error| failed(error.to_string()))?;
        let practice = Arc::new(made.map_err(|error| failed(error.to_string()))?);
        let directory = Arc::new(tempfile::tempdir().map_err(|error| failed(error.to_string()))?);
        let link = practice.link().map_err(|error| failed(error.to_string()))?;
        let code = practice.code().map(|code| code.expose_text().to_string());
        let request = OpenRequest::new(link, StateDirectory::new(directory.path()));
        let view = View::fetch_from(crate::board::Board::Practice(practice), &request).await?;
        let election = Arc::new(Election::from_view(view, Depth::Full, &|_, _| {}).await?);
        let mut info = describe(&election, Compared::Practice, None);
        // Its dates are made up.
        (info.link, info.practice_code, info.clock_ahead_ms) = (None, code, None);
        Ok(Opened { election, info, request, practice_state: Some(directory) })
    }

    #[cfg(not(feature = "practice"))]
    pub(super) async fn open_practice(&self) -> Result<Opened, Trouble> {
        Err(Trouble::new(TroubleKind::UnknownElection, "this program was built without the practice election"))
    }
}

fn describe(election: &Election, compared: Compared, status: Option<&Status>) -> ElectionInfo {
    let (manifest, view) = (election.manifest(), election.view());
    let link = view.store().link().ok().flatten();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_millis()).ok());
    let board_ms = status.and_then(|status| i64::try_from(status.time_ms).ok());
    // The record was opened no earlier than this: `RecordState` sees to it.
    let begun_ms =
        i64::try_from(manifest.schedule.opens_at_ms).ok().filter(|_| election.state().phase() != Phase::Setup);
    ElectionInfo {
        link,
        fingerprint: view.fingerprint(),
        compared,
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        languages: manifest.languages.clone(),
        board_key: manifest.log.key,
        origin: manifest.log.origin.clone(),
        head: view.checkpoint().checkpoint().head(),
        phase: status.map_or(election.state().phase(), |status| status.phase.max(election.state().phase())),
        opens_at_ms: manifest.schedule.opens_at_ms,
        closes_at_ms: status.map_or(election.state().closes_at_ms(), |status| status.closes_at_ms),
        administrators: manifest.administrators.iter().map(|one| one.name.clone()).collect(),
        registrar: manifest.registrar.name.clone(),
        trustees: manifest.trustees.iter().map(|one| one.name.clone()).collect(),
        quorum: manifest.quorum,
        casts_per_credential: manifest.casts_per_credential,
        weights_may_identify: manifest.weights_may_identify,
        clock_ahead_ms: now_ms.and_then(|now| clock_ahead(now, board_ms, begun_ms)),
        practice_code: None,
    }
}

/// How much this device's clock is ahead of the board's; of what the signed record proves to be past, if the board tells no
/// time, or one from before that.
fn clock_ahead(now_ms: i64, told_ms: Option<i64>, begun_ms: Option<i64>) -> Option<i64> {
    let behind_record = begun_ms.filter(|begun| now_ms < *begun);
    match told_ms {
        Some(told) if begun_ms.is_none_or(|begun| told >= begun) => Some(now_ms.saturating_sub(told)),
        told => behind_record.or(told).map(|past| now_ms.saturating_sub(past)),
    }
}

#[cfg(test)]
mod tests {
    use super::clock_ahead;

    #[test]
    fn a_wrong_clock_is_noticed_by_the_board_and_by_the_record() {
        assert_eq!(clock_ahead(1_000, Some(990), Some(500)), Some(10));
        assert_eq!(clock_ahead(100, Some(990), Some(500)), Some(-890));
        // The board tells nothing, or a time from before its own record: the record still knows.
        assert_eq!(clock_ahead(100, None, Some(500)), Some(-400));
        assert_eq!(clock_ahead(100, Some(90), Some(500)), Some(-400));
        assert_eq!(clock_ahead(1_000, Some(90), Some(500)), Some(910));
        assert_eq!(clock_ahead(1_000, None, Some(500)), None);
        assert_eq!(clock_ahead(1_000, None, None), None);
    }
}
