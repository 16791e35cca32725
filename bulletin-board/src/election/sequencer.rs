//! The second stage, one for each election: gives indexes, commits, answers.
//!
//! Durable before acknowledged: an answer goes out only after the store said that the batch is committed. When the store
//! fails, nobody is acknowledged and the state is made anew from the store, which alone knows what was committed.
//!
//! Where several nodes share the store, only who holds the election's lease sequences (`nodes`); the others follow it
//! (`follow`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use veritally_board_api::Problem;
use veritally_board_api::answers::Service;
use veritally_crypto::hash::Hash;
use veritally_crypto::log::merkle::Frontier;

use super::admission::{Checked, CheckedBatch};
use super::draft::{self, Committable, Draft, LookedUp};
use super::{Answer, Sequenced, Shared, Sharing, Snapshot, problems};
use crate::log_reader;
use crate::replay::{Replayed, replay_store};
use crate::store::{Position, StoreError};

mod follow;
mod nodes;
mod writing;

use nodes::Nodes;

/// Pause after the second failure in a row of a store; doubles with each further one. Each attempt to recover replays
/// the log.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// As good as never.
const NEVER: Duration = Duration::from_secs(3_600);

/// Whether this sequencer may write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Ready,
    /// Another node does. The state is that of the committed log, as far as this node read it.
    Follows,
    /// The state may differ from the store: it must be replayed before anything else.
    Broken,
    /// Somebody else writes this log, or it was altered. For good.
    Stopped,
}

pub(super) struct Sequencer {
    shared: Arc<Shared>,
    position: Position,
    frontier: Frontier,
    condition: Condition,
    /// Failures since something was committed.
    failures: u32,
    /// When to try to recover, if broken.
    recover_at: Instant,
    last_tally_head: Option<Instant>,
    /// When to act even if nothing arrives.
    wake: Option<Instant>,
    /// Where others share the store.
    nodes: Option<Nodes>,
}

/// What becomes of an entry that is not appended.
type Verdict = (Answer, Hash, Result<Sequenced, Problem>);

/// Answers everybody the same.
fn refuse_all(answers: impl IntoIterator<Item = Answer>, problem: &Problem) {
    answers.into_iter().for_each(|answer| answer.send(Err(problem.clone())));
}

/// Refused by a state that is gone: to be sent, and judged, again.
fn doubt_refusal(item: &mut Checked) {
    if let Checked::Refused { problem, .. } = item {
        *problem = problems::store_unavailable();
    }
}

impl Sequencer {
    pub(super) fn new(shared: Arc<Shared>, position: Position, frontier: Frontier, sharing: Option<Sharing>) -> Self {
        let nodes = sharing.map(Nodes::new);
        let condition = if nodes.is_some() { Condition::Follows } else { Condition::Ready };
        let wake = shared.state().tally_head_due().then(Instant::now).filter(|_| nodes.is_none());
        let (failures, recover_at, last_tally_head) = (0, Instant::now(), None);
        Self { shared, position, frontier, condition, failures, recover_at, last_tally_head, wake, nodes }
    }

    /// Runs until admission has ended.
    pub(super) async fn run(mut self, mut batches: mpsc::Receiver<CheckedBatch>) {
        let (shared, mut news) = (Arc::clone(&self.shared), self.shared.store.news());
        loop {
            let wake = self.wake_at();
            tokio::select! {
                batch = batches.recv() => match batch {
                    Some(batch) => self.take(batch).await,
                    None => break,
                },
                () = tokio::time::sleep_until(wake) => self.act().await,
                () = shared.standing.asked() => self.act().await,
                () = nodes::changed(&mut news) => self.act().await,
            }
        }
        self.leave().await;
    }

    fn wake_at(&self) -> Instant {
        let look = self.nodes.as_ref().map(Nodes::next_look);
        self.wake.into_iter().chain(look).min().unwrap_or_else(|| Instant::now() + NEVER)
    }

    async fn act(&mut self) {
        if self.nodes.is_some() {
            self.look().await;
        } else {
            self.sequence(CheckedBatch { items: Vec::new(), generation: self.shared.generation() }).await;
        }
    }

    /// Takes one batch to its end.
    async fn sequence(&mut self, batch: CheckedBatch) {
        if self.condition == Condition::Broken && Instant::now() >= self.recover_at {
            self.recover().await;
        }
        let CheckedBatch { mut items, generation } = batch;
        if generation != self.shared.generation() {
            items.iter_mut().for_each(doubt_refusal);
        }
        let problem = match self.condition {
            Condition::Ready => match self.draft(items).await {
                Ok(draft) => return self.commit(draft).await,
                Err(()) => return,
            },
            Condition::Follows => return self.hand_over(items).await,
            Condition::Broken => problems::store_unavailable(),
            Condition::Stopped => problems::stopped(),
        };
        refuse_all(items.into_iter().map(Checked::into_answer), &problem);
    }

    /// Looks up what the rules need, and applies. On error everybody was answered.
    async fn draft(&mut self, items: Vec<Checked>) -> Result<Draft, ()> {
        let found = match self.look_up(&items).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(election = %self.shared.id, %error, "the store can't be read");
                refuse_all(items.into_iter().map(Checked::into_answer), &problems::store_unavailable());
                return Err(());
            }
        };
        let interval = self.shared.limits.tally_head_interval;
        let wanted = self.last_tally_head.is_none_or(|last| last.elapsed() >= interval);
        let (shared, frontier) = (Arc::clone(&self.shared), self.frontier.clone());
        let built = tokio::task::spawn_blocking(move || draft::build(&shared, frontier, items, &found, wanted)).await;
        let reason = match built {
            Ok(Ok(draft)) => return Ok(draft),
            Ok(Err(problem)) => problem.to_string(),
            Err(error) => error.to_string(),
        };
        // The answers went with the items: their clients are told to try again.
        self.break_down(&reason);
        Err(())
    }

    async fn look_up(&self, items: &[Checked]) -> Result<LookedUp, StoreError> {
        let shared = &self.shared;
        let mut found = LookedUp::default();
        let superseded: HashMap<Hash, u64> = {
            let state = shared.state();
            let ballots = items.iter().filter_map(|item| match item {
                Checked::Ballot { ballot, .. } => Some(ballot.ballot()),
                _ => None,
            });
            ballots.filter_map(|ballot| Some((ballot.hash(), state.superseded(ballot)?))).collect()
        };
        for (hash, index) in superseded {
            let bytes = shared.store.leaves(&shared.id, index..index + 1).await?;
            found.superseded.extend(bytes.into_iter().map(|bytes| (hash, bytes)));
        }
        for item in items {
            if let Checked::Entry { hash, .. } = item {
                let index = shared.store.index_of_entry(&shared.id, hash).await?;
                found.known.extend(index.map(|index| (*hash, index)));
            }
        }
        Ok(found)
    }

    /// Commits, then answers.
    async fn commit(&mut self, draft: Draft) {
        let Draft { committable, accepted, doubtful, tally_head_due } = draft;
        if let Some(Committable { batch, frontier, snapshot, has_tally_head }) = committable {
            let (entries, started) = (batch.leaves.len(), Instant::now());
            let result = self.shared.store.append(&self.shared.id, self.position, batch).await;
            if let Err(error) = result {
                let problem = self.append_failed(&error);
                let answers = accepted.into_iter().map(|(a, ..)| a).chain(doubtful.into_iter().map(|(a, ..)| a));
                return refuse_all(answers, &problem);
            }
            self.shared.load.committed(entries, started.elapsed());
            self.position.tree_size += entries as u64;
            self.failures = 0;
            self.frontier = frontier;
            self.shared.snapshot.send_replace(Arc::new(snapshot));
            if has_tally_head {
                self.last_tally_head = Some(Instant::now());
            }
        }
        let interval = self.shared.limits.tally_head_interval;
        self.wake = tally_head_due.then(|| self.last_tally_head.map_or_else(Instant::now, |last| last + interval));
        for (answer, hash, sequenced) in accepted {
            self.answer(answer, &hash, Ok(sequenced));
        }
        let mut verdicts = Vec::with_capacity(doubtful.len());
        for (answer, hash, problem) in doubtful {
            let verdict = self.settle(&hash, problem).await;
            verdicts.push((answer, hash, verdict));
        }
        if self.nodes.is_some() {
            return self.refuse(verdicts).await;
        }
        verdicts.into_iter().for_each(|(answer, _, verdict)| answer.send(verdict));
    }

    fn answer(&mut self, answer: Answer, hash: &Hash, verdict: Result<Sequenced, Problem>) {
        match (answer, &mut self.nodes) {
            (Answer::Inbox, Some(nodes)) => nodes.waiting.answer(hash, verdict),
            (answer, _) => answer.send(verdict),
        }
    }

    /// The receipt of an entry that the log has already, else the problem.
    async fn settle(&self, hash: &Hash, problem: Problem) -> Result<Sequenced, Problem> {
        let shared = &self.shared;
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(election = %shared.id, %error, "the store can't be read");
            problems::store_unavailable()
        };
        let index = shared.store.index_of_entry(&shared.id, hash).await.map_err(|e| unavailable(&e))?;
        let index = index.ok_or(problem)?;
        let receipt = log_reader::receipt(&*shared.store, &shared.id, &shared.manifest.log, index).await;
        Ok(Sequenced { index, receipt: receipt.map_err(|e| unavailable(&e))?, new: false })
    }

    fn append_failed(&mut self, error: &StoreError) -> Problem {
        tracing::error!(election = %self.shared.id, %error, "a batch was not committed; nobody in it is acknowledged");
        let conflict = matches!(error, StoreError::Conflict { .. });
        match &mut self.nodes {
            None if conflict => {
                self.stop();
                return problems::stopped();
            }
            Some(nodes) if !conflict => nodes.writing.failed(),
            _ => {}
        }
        self.break_down("the store failed");
        problems::store_unavailable()
    }

    /// For good.
    fn stop(&mut self) {
        self.condition = Condition::Stopped;
        self.wake = None;
        self.shared.standing.lead(None);
        self.announce(Service::Stopped);
    }

    fn break_down(&mut self, reason: &str) {
        tracing::error!(election = %self.shared.id, reason, "the election's state must be made anew from the store");
        self.condition = Condition::Broken;
        self.pause();
        self.give_up_lease();
        self.announce(Service::Unavailable);
    }

    /// The first attempt to recover is made with the next batch, or after a pause.
    fn pause(&mut self) {
        // Where others share the store, somebody waits to be led.
        let longest = if self.nodes.is_some() { FIRST_PAUSE } else { LONGEST_PAUSE };
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.failures.min(8)).min(longest);
        let now = Instant::now();
        self.wake = Some(now + doubled);
        self.recover_at = if self.failures == 0 { now } else { now + doubled };
        self.failures += 1;
    }

    /// Whether this node takes entries.
    fn service(&self) -> Service {
        match self.condition {
            Condition::Stopped => Service::Stopped,
            Condition::Broken => Service::Unavailable,
            Condition::Ready | Condition::Follows => {
                let works = self.nodes.as_ref().is_none_or(|nodes| nodes.writing.works());
                if works { Service::Serving } else { Service::Unavailable }
            }
        }
    }

    fn announce(&self, service: Service) {
        self.shared.snapshot.send_if_modified(|snapshot| {
            let changes = snapshot.service != service;
            if changes {
                *snapshot = Arc::new(snapshot.with_service(service));
            }
            changes
        });
    }

    /// Replays the store: whether the last batch was committed is known only there.
    async fn recover(&mut self) {
        let shared = Arc::clone(&self.shared);
        let head = match shared.store.head(&shared.id).await {
            Ok(head) => head,
            Err(error) => return self.still_broken(&error),
        };
        if head.position.epoch != self.position.epoch && self.nodes.is_none() {
            let _ = self.append_failed(&StoreError::Conflict { expected: self.position, found: head.position });
            return;
        }
        let Replayed { state, frontier, tally } = match replay_store(&shared.store, &shared.id, &head).await {
            Ok(replayed) => replayed,
            Err(error) => return self.still_broken(&error),
        };
        tracing::info!(election = %shared.id, size = head.position.tree_size, "the election's state was made anew");
        self.position = head.position;
        self.frontier = frontier;
        let tally_head_due = state.tally_head_due();
        let snapshot = Snapshot::of(&state, head.checkpoint.as_str().into(), tally.map(Arc::new));
        shared.replace_state(state);
        if self.nodes.is_some() {
            self.recovered();
        } else {
            self.condition = Condition::Ready;
            self.wake = tally_head_due.then(Instant::now);
        }
        shared.snapshot.send_replace(Arc::new(snapshot.with_service(self.service())));
    }

    fn still_broken(&mut self, error: &dyn std::fmt::Display) {
        tracing::error!(election = %self.shared.id, %error, "the store is still failing");
        self.pause();
    }
}
