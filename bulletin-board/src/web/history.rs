//! What a log says over time: read once, entry by entry, and kept in memory; the next page reads only what is new.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::Leaf;
use veritally_crypto::manifest::Manifest;

use crate::election::Election;
use crate::store::StoreError;

/// Entries read at once.
const CHUNK: u64 = 1_024;
/// A page waits so long for a long log to be read; it then shows what is known, and the next one goes on.
const PATIENCE: Duration = Duration::from_secs(2);
/// Every ballot's bytes begin so: members are sorted, and no other entry has one named `a` (specs/encoding.md).
const BALLOT_PREFIX: &[u8] = b"{\"a\":";

/// A point of the turnout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub time_ms: u64,
    /// Ballots up to then, superseded ones included.
    pub ballots: u64,
}

/// An entry that is neither ballot, tally head nor part of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noted {
    pub index: LeafIndex,
    /// Without the version: `opening`.
    pub kind: String,
    /// Who made it, or what it says.
    pub who: Option<Who>,
    pub time_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// By number, from 1.
    Trustee(u64),
    Administrator(u64),
    /// A later end of voting.
    Until(u64),
    /// So many voters.
    Voters(u64),
    /// Somebody's words.
    Said(String),
}

/// One election's.
#[derive(Debug, Default)]
pub(super) struct History {
    size: u64,
    pub opened_at_ms: Option<u64>,
    pub closed_at_ms: Option<u64>,
    pub turnout: Vec<Point>,
    pub noted: Vec<Noted>,
    /// Voters on the roll, by group.
    pub on_roll: BTreeMap<Id, u64>,
}

impl History {
    fn apply(&mut self, bytes: &Bytes) {
        let index = self.size;
        self.size += 1;
        if bytes.starts_with(BALLOT_PREFIX) {
            return;
        }
        // The log admits nothing that does not parse.
        let Ok(leaf) = Leaf::parse(bytes) else { return };
        if let Some((who, time_ms)) = self.learn(&leaf) {
            let kind = leaf.type_name().trim_end_matches("/v1").to_owned();
            self.noted.push(Noted { index, kind, who, time_ms });
        }
    }

    /// What is noted of an entry; `None` for those that come in numbers.
    #[allow(clippy::wildcard_in_or_patterns)]
    fn learn(&mut self, leaf: &Leaf) -> Option<(Option<Who>, Option<u64>)> {
        let trustee = |id: veritally_crypto::id::TrusteeId| Some((Some(Who::Trustee(id.0)), None));
        match leaf {
            Leaf::TallyHead(head) => {
                self.turnout.push(Point { time_ms: head.time_ms, ballots: head.ballots });
                None
            }
            Leaf::RollPart(part) => {
                for entry in &part.entries {
                    *self.on_roll.entry(entry.group.clone()).or_default() += 1;
                }
                None
            }
            Leaf::Commit(m) => trustee(m.trustee),
            Leaf::Reveal(m) => trustee(m.trustee),
            Leaf::Shares(m) => trustee(m.trustee),
            Leaf::Confirm(m) => trustee(m.trustee),
            Leaf::Rehearsal(m) => trustee(m.trustee),
            Leaf::DecryptionShare(m) => trustee(m.trustee),
            Leaf::Agreement(m) => Some((Some(Who::Trustee(m.trustee.0)), Some(m.time_ms))),
            Leaf::Roll(roll) => Some((Some(Who::Voters(roll.count)), None)),
            Leaf::Opening(opening) => {
                self.opened_at_ms = Some(opening.time_ms);
                Some((Some(Who::Administrator(opening.administrator)), Some(opening.time_ms)))
            }
            Leaf::Extension(e) => Some((Some(Who::Until(e.closes_at_ms)), Some(e.time_ms))),
            Leaf::Closing(closing) => {
                self.closed_at_ms = Some(closing.time_ms);
                Some((Some(Who::Administrator(closing.administrator)), Some(closing.time_ms)))
            }
            Leaf::Result(r) => Some((Some(Who::Administrator(r.administrator)), Some(r.time_ms))),
            Leaf::Abandonment(a) => Some((Some(Who::Said(a.reason.clone())), Some(a.time_ms))),
            Leaf::Part(part) => trustee(part.trustee),
            Leaf::Manifest(_) | _ => Some((None, None)),
        }
    }

    /// At most `most` points of the turnout, the last one included.
    pub fn sampled(&self, most: usize) -> Vec<Point> {
        let step = self.turnout.len().div_ceil(most.max(1)).max(1);
        let mut points: Vec<_> = self.turnout.iter().step_by(step).copied().collect();
        if let Some(last) = self.turnout.last().filter(|last| points.last() != Some(last)) {
            points.push(*last);
        }
        points
    }

    async fn catch_up(&mut self, election: &Election) -> Result<(), StoreError> {
        let size = election.snapshot().head.tree_size;
        while self.size < size {
            let end = size.min(self.size + CHUNK);
            for leaf in election.store().leaves(election.id(), self.size..end).await? {
                self.apply(&leaf);
            }
        }
        Ok(())
    }
}

/// The name of a trustee or administrator as the manifest has it.
pub(super) fn describe(who: &Who, manifest: &Manifest) -> Option<String> {
    match who {
        Who::Trustee(number) => manifest.trustee(veritally_crypto::id::TrusteeId(*number)).map(|t| t.name.clone()),
        Who::Administrator(number) => manifest.administrator(*number).map(|a| a.name.clone()),
        Who::Said(text) => Some(text.clone()),
        Who::Until(_) | Who::Voters(_) => None,
    }
}

type Shared = Arc<tokio::sync::Mutex<History>>;

/// All elections'.
#[derive(Debug, Default)]
pub(super) struct Histories(Mutex<HashMap<Id, Shared>>);

impl Histories {
    /// Uses an election's history, as far as it could be read in time.
    pub async fn with<T>(&self, election: &Election, use_it: impl FnOnce(&History) -> T) -> T {
        let shared = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(election.id().clone()).or_default())
        };
        let mut history = shared.lock().await;
        match tokio::time::timeout(PATIENCE, history.catch_up(election)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(election = %election.id(), %error, "the log can't be read for its page"),
            Err(_elapsed) => tracing::info!(election = %election.id(), size = history.size, "reading a long log"),
        }
        use_it(&history)
    }
}
