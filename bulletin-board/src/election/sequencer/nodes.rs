//! The sequencer where several nodes share the store: the lease, the inbox, refusals (specs/many-nodes.md, 4 and 5).

use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;
use veritally_board_api::Problem;
use veritally_board_api::answers::Tally;
use veritally_crypto::ballot::{BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;

use super::super::admission::{Checked, CheckedBatch, ends_voting, judge};
use super::super::sharing::Waiting;
use super::super::{Answer, Shared, Sharing, problems};
use super::writing::Writing;
use super::{Condition, NEVER, Sequencer, Verdict};
use crate::store::{Lease, Offer, StoreError};

/// Longest time between two questions for the lease: somebody may have given it up.
const ASK: Duration = Duration::from_secs(1);
/// Batches taken from the inbox before voting ends: with more waiting, a closing is not held up for ever.
const MOST_BATCHES: usize = 1_000;

/// What a sequencer knows about others.
pub(super) struct Nodes {
    sharing: Sharing,
    /// How often it was in doubt what was committed: each time it goes on under another name, so with another epoch.
    doubts: u64,
    /// Until when it holds the lease, if it does.
    until: Instant,
    /// When to ask for the lease next, be it to renew it.
    ask_at: Instant,
    look_at: Instant,
    pause: Duration,
    pub waiting: Waiting,
    pub writing: Writing,
    /// What waits may be in the log without having been seen to come: look it up.
    pub look_up: bool,
    /// The last tally head that was read and is not published yet.
    pub tally: Option<Tally>,
}

/// Waits for news of the store, if it tells any.
pub(super) async fn changed(news: &mut Option<watch::Receiver<u64>>) {
    let alive = match news {
        Some(receiver) => receiver.changed().await.is_ok(),
        None => std::future::pending().await,
    };
    if !alive {
        *news = None;
    }
}

impl Nodes {
    pub(super) fn new(sharing: Sharing) -> Self {
        let now = Instant::now();
        let (pause, waiting, writing) = (sharing.shortest_look, Waiting::default(), Writing::new());
        let (doubts, look_up, tally) = (0, false, None);
        Self { sharing, doubts, until: now, ask_at: now, look_at: now, pause, waiting, writing, look_up, tally }
    }

    pub(super) fn next_look(&self) -> Instant {
        self.look_at
    }

    /// Looks soon after something happened, else ever more rarely.
    pub(super) fn look_again(&mut self, busy: bool) {
        let Sharing { shortest_look, longest_look, .. } = self.sharing;
        self.pause = if busy { shortest_look } else { self.pause.saturating_mul(2).min(longest_look) };
        self.look_at = Instant::now() + self.pause;
    }

    fn name(&self) -> String {
        format!("{}-{}", self.sharing.node, self.doubts)
    }
}

/// An entry of the inbox, parsed: its proof was verified by the node that offered it. Else the refusal.
fn open(shared: &Shared, offer: Offer) -> Result<Checked, Box<(Hash, Problem)>> {
    let Offer { bytes, hash, received_ms } = offer;
    let answer = Answer::Inbox;
    let unreadable = |problem| Err(Box::new((hash, problem)));
    match EncryptedBallot::parse(&bytes) {
        Err(BallotError::NotABallot) => match Leaf::parse(&bytes) {
            Ok(Leaf::TallyHead(_)) => unreadable(problems::board_entry()),
            Ok(leaf) => Ok(Checked::Entry { leaf: Box::new(leaf), bytes, hash, received_ms, answer }),
            Err(error) => unreadable(problems::malformed(error)),
        },
        Err(error) => unreadable(problems::ballot(error)),
        Ok(ballot) => match judge(&shared.state(), &ballot, received_ms) {
            Err(problem) => Ok(Checked::Refused { ballot: Box::new(ballot), received_ms, problem, answer }),
            Ok(()) => match VerifiedBallot::trust_stored(ballot) {
                Ok(ballot) => Ok(Checked::Ballot { ballot: Box::new(ballot), received_ms, answer }),
                Err(error) => unreadable(problems::ballot(error)),
            },
        },
    }
}

impl Sequencer {
    /// A batch of this node's own clients.
    pub(super) async fn take(&mut self, batch: CheckedBatch) {
        if self.condition == Condition::Ready && self.nodes.is_some() && self.keep_lease().await && ends_voting(&batch)
        {
            // specs/many-nodes.md section 4: what waits goes before a closing.
            for _ in 0..MOST_BATCHES {
                if !self.sequence_inbox().await {
                    break;
                }
            }
        }
        self.sequence(batch).await;
    }

    /// What is to be done without a batch.
    pub(super) async fn look(&mut self) {
        let mut busy = false;
        match self.condition {
            Condition::Ready => {
                if self.keep_lease().await {
                    busy = self.sequence_inbox().await;
                }
                if self.condition == Condition::Ready && self.wake.is_some_and(|wake| wake <= Instant::now()) {
                    self.sequence(CheckedBatch { items: Vec::new(), generation: self.shared.generation() }).await;
                }
            }
            Condition::Follows => busy = self.follow().await,
            Condition::Broken if Instant::now() >= self.recover_at => self.recover().await,
            Condition::Broken => {}
            Condition::Stopped => {
                if let Some(nodes) = &mut self.nodes {
                    nodes.look_at = Instant::now() + NEVER;
                }
                return;
            }
        }
        if let Some(nodes) = &mut self.nodes {
            nodes.look_again(busy);
        }
    }

    /// Takes what waits in the inbox; whether there was anything.
    async fn sequence_inbox(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        if self.condition != Condition::Ready {
            return false;
        }
        let offers = match shared.store.offers(&shared.id, shared.limits.batch_entries).await {
            Ok(offers) if offers.is_empty() => return false,
            Ok(offers) => offers,
            Err(error) => {
                tracing::warn!(election = %shared.id, %error, "the inbox can't be read");
                return false;
            }
        };
        let generation = shared.generation();
        let opened = tokio::task::spawn_blocking(move || {
            offers.into_par_iter().map(|offer| open(&shared, offer)).collect::<Vec<_>>()
        });
        let (mut items, mut refused) = (Vec::new(), Vec::new());
        for opened in opened.await.unwrap_or_default() {
            match opened {
                Ok(item) => items.push(item),
                Err(refusal) => {
                    let (hash, problem) = *refusal;
                    refused.push((Answer::Inbox, hash, Err(problem)));
                }
            }
        }
        if !refused.is_empty() {
            self.refuse(refused).await;
        }
        self.sequence(CheckedBatch { items, generation }).await;
        true
    }

    /// Answers what was not appended: refused, or in the log before. A refusal is final, so it is given only while nobody
    /// has taken over.
    pub(super) async fn refuse(&mut self, verdicts: Vec<Verdict>) {
        let verdicts = self.join_waiting(verdicts).await;
        if verdicts.is_empty() {
            return;
        }
        let (shared, expected) = (Arc::clone(&self.shared), self.position);
        let finals = verdicts.iter().filter(|(answer, _, verdict)| {
            let transient = verdict.as_ref().is_err_and(|problem| problem.kind().is_transient());
            matches!(answer, Answer::Inbox) && !transient
        });
        let texts = finals.map(|(_, hash, verdict)| {
            let text = verdict.as_ref().err().and_then(|problem| serde_json::to_string(problem).ok());
            (*hash, text.unwrap_or_default())
        });
        let texts = texts.collect::<Vec<_>>();
        let in_doubt = !texts.is_empty();
        // Also without any for the inbox: it compares the position.
        let noted = shared.store.refuse(&shared.id, expected, texts).await;
        match &noted {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => self.step_down("another node took over"),
            Err(error) => {
                tracing::warn!(election = %shared.id, %error, "refusals can't be noted");
                // A late refusal must not meet an append of the same entry: only a new epoch keeps them apart.
                if in_doubt {
                    self.nodes.as_mut().into_iter().for_each(|nodes| nodes.writing.failed());
                    self.break_down("it is not known what was refused");
                }
            }
        }
        for (answer, hash, verdict) in verdicts {
            let verdict = match (&noted, verdict) {
                (Err(_), Err(_)) => Err(problems::store_unavailable()),
                (_, verdict) => verdict,
            };
            if !(noted.is_err() && matches!(answer, Answer::Inbox)) {
                self.answer(answer, &hash, verdict);
            }
        }
    }

    /// Who is refused although the entry waits in the inbox, with an earlier arrival, waits with it: sent to one node in
    /// time and to this one after the end. The others stay.
    pub(super) async fn join_waiting(&mut self, verdicts: Vec<Verdict>) -> Vec<Verdict> {
        let (doubtful, mut others): (Vec<_>, Vec<_>) = verdicts.into_iter().partition(|(answer, _, verdict)| {
            let is_final = verdict.as_ref().is_err_and(|problem| !problem.kind().is_transient());
            matches!(answer, Answer::Client(_)) && is_final
        });
        if doubtful.is_empty() {
            return others;
        }
        let hashes = doubtful.iter().map(|(_, hash, _)| *hash).collect();
        let found = self.shared.store.inbox(&self.shared.id, hashes).await;
        if let Err(error) = &found {
            tracing::warn!(election = %self.shared.id, %error, "the inbox can't be read");
        }
        for (answer, hash, verdict) in doubtful {
            match (&found, &mut self.nodes) {
                (Err(_), _) => others.push((answer, hash, Err(problems::store_unavailable()))),
                (Ok(found), Some(nodes)) if found.contains(&(hash, None)) => {
                    nodes.waiting.add(hash, answer);
                    nodes.look_again(true);
                }
                _ => others.push((answer, hash, verdict)),
            }
        }
        others
    }

    /// Whether this node may still sequence; renews the lease when it is time.
    async fn keep_lease(&mut self) -> bool {
        let Some(nodes) = &mut self.nodes else { return true };
        let (term, name, now) = (nodes.sharing.term, nodes.name(), Instant::now());
        if now >= nodes.ask_at {
            let renewed = tokio::time::timeout(term, self.shared.store.lease(&self.shared.id, &name, term)).await;
            nodes.ask_at = now + term / 3;
            match renewed {
                Ok(Ok(Lease::Held(position))) if position == self.position => {
                    nodes.until = now + term;
                    self.shared.standing.lead(Some(nodes.until));
                }
                Ok(Ok(_)) => {
                    self.step_down("another node took over");
                    return false;
                }
                Ok(Err(error)) => tracing::warn!(election = %self.shared.id, %error, "the lease can't be renewed"),
                Err(_elapsed) => tracing::warn!(election = %self.shared.id, "the lease can't be renewed: no answer"),
            }
        }
        match &mut self.nodes {
            Some(nodes) if Instant::now() >= nodes.until => {
                // It could not be renewed, or this process slept: a write will tell.
                nodes.writing.failed();
                self.step_down("the lease has run out");
                false
            }
            _ => true,
        }
    }

    /// Follows from now on. The state is that of the committed log.
    fn step_down(&mut self, reason: &str) {
        tracing::warn!(election = %self.shared.id, reason, "this node sequences no more, and follows");
        self.shared.standing.lead(None);
        self.condition = Condition::Follows;
        self.wake = None;
        if let Some(nodes) = &mut self.nodes {
            nodes.ask_at = Instant::now();
            nodes.look_at = nodes.ask_at;
        }
    }

    /// In doubt what was committed: goes on under another name, so that a late append of this one is fenced.
    pub(super) fn give_up_lease(&mut self) {
        let Some(nodes) = &mut self.nodes else { return };
        let former = nodes.name();
        nodes.doubts += 1;
        let now = Instant::now();
        (nodes.ask_at, nodes.look_at) = (now, now);
        self.shared.standing.lead(None);
        let shared = Arc::clone(&self.shared);
        // If this fails, the lease runs out.
        tokio::spawn(async move { shared.store.release(&shared.id, &former).await });
    }

    /// The state was made anew; what waited may be in the log.
    pub(super) fn recovered(&mut self) {
        self.condition = Condition::Follows;
        self.wake = None;
        self.failures = 0;
        if let Some(nodes) = &mut self.nodes {
            nodes.look_up = true;
        }
    }

    /// Asks for the lease when it may be free; with it, reads the log to its end and sequences.
    pub(super) async fn claim(&mut self) {
        let Some(nodes) = &mut self.nodes else { return };
        let (term, name, now) = (nodes.sharing.term, nodes.name(), Instant::now());
        if now < nodes.ask_at {
            return;
        }
        nodes.ask_at = now + ASK;
        let position = match tokio::time::timeout(term, self.shared.store.lease(&self.shared.id, &name, term)).await {
            Ok(Ok(Lease::Held(position))) => position,
            Ok(Ok(Lease::Other { remaining })) => {
                nodes.ask_at = now + remaining.min(ASK);
                return;
            }
            Ok(Err(error)) => {
                nodes.writing.failed();
                return tracing::warn!(election = %self.shared.id, %error, "the lease can't be asked for");
            }
            Err(_elapsed) => {
                nodes.writing.failed();
                return tracing::warn!(election = %self.shared.id, "the lease can't be asked for: no answer");
            }
        };
        // specs/many-nodes.md section 5: the epoch is raised, so this is the end of the log.
        if self.catch_up().await.is_err() || self.position != position {
            return;
        }
        if let Some(nodes) = &mut self.nodes {
            (nodes.until, nodes.ask_at) = (now + term, now + term / 3);
            self.shared.standing.lead(Some(nodes.until));
        }
        tracing::info!(election = %self.shared.id, node = name, position = %self.position, "this node sequences");
        self.condition = Condition::Ready;
        self.wake = self.shared.state().tally_head_due().then(Instant::now);
    }

    /// Admission has ended: finishes what was taken, and lets others sequence at once.
    pub(super) async fn leave(mut self) {
        let deadline = Instant::now() + self.shared.limits.answer_timeout;
        while let Some(nodes) = &mut self.nodes
            && self.condition != Condition::Stopped
            && !nodes.waiting.hashes().is_empty()
            && Instant::now() < deadline
        {
            tokio::time::sleep_until(nodes.look_at).await;
            self.look().await;
        }
        if let Some(nodes) = &self.nodes {
            let (name, term) = (nodes.name(), nodes.sharing.term);
            let released = tokio::time::timeout(term, self.shared.store.release(&self.shared.id, &name)).await;
            if !matches!(released, Ok(Ok(()))) {
                tracing::warn!(election = %self.shared.id, "the lease can't be given up; it runs out");
            }
        }
    }
}
