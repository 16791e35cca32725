//! A node that follows: reads what another one appends, offers what it admits (specs/many-nodes.md, 3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use veritally_board_api::Problem;
use veritally_board_api::answers::Service;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::{InclusionProof, Receipt, SignedCheckpoint};

use super::super::admission::{Checked, judge};
use super::super::extend::{CHUNK, Chunk, Extended};
use super::super::{Answer, Sequenced, Shared, Snapshot, problems};
use super::{Condition, Sequencer};
use crate::replay::ReplayError;
use crate::store::{Offer, StoreError, StoredHead};

/// How long clients wait for their entries to be put into the inbox: shorter than `Limits::answer_timeout`, so that who
/// waits behind them is told at once. A store may take longer: opening a connection and committing each have their time.
const OFFER_TIMEOUT: Duration = Duration::from_secs(8);

fn system(error: &dyn std::fmt::Display) -> ReplayError {
    ReplayError::System(error.to_string())
}

/// The receipts of new entries: each with the first checkpoint that covers it, as any node gives it.
async fn receipts(
    shared: &Shared,
    from: u64,
    extended: &Extended,
    arrived: &[(LeafIndex, Hash)],
) -> Result<Vec<(Hash, Sequenced)>, ReplayError> {
    let log = &shared.manifest.log;
    let texts = shared.store.checkpoints(&shared.id, from + 1..=extended.frontier.size()).await?;
    let checkpoints = texts.iter().map(|(_, text)| SignedCheckpoint::parse(text, &log.origin, &log.key));
    let checkpoints = checkpoints.collect::<Result<Vec<_>, _>>()?;
    let receipt = |&(index, hash): &(LeafIndex, Hash)| {
        let first = checkpoints.partition_point(|checkpoint| checkpoint.checkpoint().tree_size <= index);
        let missing = || StoreError::Damaged(format!("no checkpoint covers entry {index}"));
        let checkpoint = checkpoints.get(first).ok_or_else(missing)?;
        let proof = InclusionProof::prove(index, checkpoint.checkpoint().tree_size, &extended.known);
        let proof = proof.map_err(|error| system(&error))?;
        Ok((hash, Sequenced { index, receipt: Receipt::new(index, proof, checkpoint).to_string(), new: true }))
    };
    arrived.iter().map(receipt).collect()
}

impl Sequencer {
    /// One look: reads on, answers who waits, asks for the lease if it can write. Whether something happens.
    pub(super) async fn follow(&mut self) -> bool {
        if let Some(nodes) = &mut self.nodes {
            nodes.writing.look(&self.shared.store).await;
        }
        let grew = self.catch_up().await;
        if grew.is_ok() {
            self.answer_waiting().await;
            if self.can_write() {
                self.claim().await;
            }
        }
        let waits = self.nodes.as_mut().is_some_and(|nodes| !nodes.waiting.hashes().is_empty());
        waits || grew == Ok(true)
    }

    fn can_write(&self) -> bool {
        self.nodes.as_ref().is_some_and(|nodes| nodes.writing.works())
    }

    /// Reads the log to its end; whether it grew.
    pub(super) async fn catch_up(&mut self) -> Result<bool, ()> {
        let (began, from) = (Instant::now(), self.position.tree_size);
        match self.extend().await {
            Ok(()) => {
                self.announce(self.service());
                self.shared.standing.looked(began);
                return Ok(self.position.tree_size > from);
            }
            Err(ReplayError::Store(error @ StoreError::Backend(_))) => {
                tracing::warn!(election = %self.shared.id, %error, "the log can't be read on");
                self.announce(Service::Unavailable);
                if let Some(nodes) = &mut self.nodes {
                    nodes.look_up = true;
                }
            }
            Err(error @ ReplayError::System(_)) => self.break_down(&error.to_string()),
            Err(error) => {
                tracing::error!(election = %self.shared.id, %error, "the stored log does not go on as it must");
                self.stop();
            }
        }
        Err(())
    }

    async fn extend(&mut self) -> Result<(), ReplayError> {
        let shared = Arc::clone(&self.shared);
        let head = shared.store.head(&shared.id).await?;
        let (from, to) = (self.position.tree_size, head.position.tree_size);
        self.position.epoch = head.position.epoch;
        let published = shared.snapshot.borrow().clone();
        if published.head.tree_size == to && *published.checkpoint == *head.checkpoint {
            return Ok(());
        }
        let (mut extended, mut arrived) = (Extended::new(self.frontier.clone()), Vec::new());
        while extended.frontier.size() < to {
            let first = extended.frontier.size();
            let entries = shared.store.leaves(&shared.id, first..to.min(first + CHUNK)).await?;
            let judge = Arc::clone(&shared);
            let chunk = tokio::task::spawn_blocking(move || Chunk::new(&judge, first, entries)).await;
            let (mut chunk, earlier) = chunk.map_err(|e| system(&e))??;
            for index in earlier {
                let entry = shared.store.leaves(&shared.id, index..index + 1).await?;
                chunk.superseded.extend(entry.into_iter().map(|bytes| (index, bytes)));
            }
            if let Some(nodes) = &mut self.nodes {
                arrived.extend(chunk.hashes().filter(|(_, hash)| nodes.waiting.contains(hash)));
            }
            let state = Arc::clone(&shared);
            let applied = tokio::task::spawn_blocking(move || chunk.apply(&state, &mut extended).map(|()| extended));
            extended = applied.await.map_err(|e| system(&e))??;
            self.frontier = extended.frontier.clone();
            self.position.tree_size = self.frontier.size();
            if let (Some(nodes), Some(tally)) = (&mut self.nodes, extended.tally.take()) {
                nodes.tally = Some(tally);
            }
        }
        self.publish(&head)?;
        if !arrived.is_empty() {
            let receipts = receipts(&shared, from, &extended, &arrived).await?;
            if let Some(nodes) = &mut self.nodes {
                receipts.into_iter().for_each(|(hash, sequenced)| nodes.waiting.answer(&hash, Ok(sequenced)));
            }
        }
        Ok(())
    }

    /// Publishes a head that was reached, if tree and state are those of its checkpoint.
    fn publish(&mut self, head: &StoredHead) -> Result<(), ReplayError> {
        let log = &self.shared.manifest.log;
        let signed = SignedCheckpoint::parse(&head.checkpoint, &log.origin, &log.key)?;
        let (expected, found): (Head, Head) = (signed.checkpoint().head(), self.frontier.head());
        let state = self.shared.state();
        if found != expected || state.head() != expected {
            return Err(ReplayError::Root { expected, found });
        }
        let tally = self.nodes.as_mut().and_then(|nodes| nodes.tally.take());
        let tally = tally.map(Arc::new).or_else(|| self.shared.snapshot.borrow().tally.clone());
        let snapshot = Snapshot::of(&state, head.checkpoint.as_str().into(), tally).with_service(self.service());
        drop(state);
        self.shared.snapshot.send_replace(Arc::new(snapshot));
        Ok(())
    }

    /// Answers those whose entries were refused; after a gap, also those whose entries are in the log.
    async fn answer_waiting(&mut self) {
        let shared = Arc::clone(&self.shared);
        let Some(nodes) = &mut self.nodes else { return };
        let (hashes, look_up) = (nodes.waiting.hashes(), std::mem::take(&mut nodes.look_up));
        if hashes.is_empty() {
            return;
        }
        if look_up {
            for hash in &hashes {
                let logged = shared.store.index_of_entry(&shared.id, hash).await;
                if !matches!(logged, Ok(None)) {
                    let verdict = self.settle(hash, problems::store_unavailable()).await;
                    self.answer(Answer::Inbox, hash, verdict);
                }
            }
        }
        match shared.store.inbox(&shared.id, hashes).await {
            Ok(found) => {
                for (hash, text) in found.into_iter().filter_map(|(hash, refusal)| Some((hash, refusal?))) {
                    let problem = serde_json::from_str(&text).unwrap_or_else(|_| problems::internal());
                    self.answer(Answer::Inbox, &hash, Err(problem));
                }
            }
            Err(error) => tracing::warn!(election = %shared.id, %error, "refusals can't be read"),
        }
    }

    /// What this node's clients sent, for whoever sequences.
    pub(super) async fn hand_over(&mut self, items: Vec<Checked>) {
        let (mut offers, mut answers, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                Checked::Refused { ballot, received_ms, answer, .. } => refused.push((ballot, received_ms, answer)),
                Checked::Ballot { ballot, received_ms, answer } => {
                    let encrypted = ballot.ballot();
                    // Judged by a state that may have gone on since.
                    if judge(&self.shared.state(), encrypted, received_ms).is_err() {
                        refused.push((Box::new(encrypted.clone()), received_ms, answer));
                        continue;
                    }
                    let (bytes, hash) = (Bytes::copy_from_slice(encrypted.bytes()), encrypted.hash());
                    offers.push(Offer { bytes, hash, received_ms });
                    answers.push((hash, answer));
                }
                Checked::Entry { bytes, hash, received_ms, answer, .. } => {
                    match self.shared.store.index_of_entry(&self.shared.id, &hash).await {
                        Ok(None) => {
                            offers.push(Offer { bytes, hash, received_ms });
                            answers.push((hash, answer));
                        }
                        _ => answer.send(self.settle(&hash, problems::store_unavailable()).await),
                    }
                }
            }
        }
        if self.can_write() {
            self.offer(offers, answers).await;
        } else {
            super::refuse_all(answers.into_iter().map(|(_, answer)| answer), &problems::store_unavailable());
        }
        if !refused.is_empty() {
            self.judge_again(refused).await;
        }
    }

    async fn offer(&mut self, offers: Vec<Offer>, answers: Vec<(Hash, Answer)>) {
        let Some(nodes) = &mut self.nodes else { return };
        if offers.is_empty() {
            return;
        }
        let offered = tokio::time::timeout(OFFER_TIMEOUT, self.shared.store.offer(&self.shared.id, offers)).await;
        if let Ok(Ok(())) = offered {
            answers.into_iter().for_each(|(hash, answer)| nodes.waiting.add(hash, answer));
            return nodes.look_again(true);
        }
        let why = offered.map_or_else(|_| "no answer".to_owned(), |failed| format!("{:?}", failed.err()));
        tracing::warn!(election = %self.shared.id, why, "entries can't be put into the inbox");
        nodes.writing.failed();
        self.announce(Service::Unavailable);
        super::refuse_all(answers.into_iter().map(|(_, answer)| answer), &problems::store_unavailable());
    }

    /// A refusal holds only by a state that is as new as the store's.
    async fn judge_again(&mut self, refused: Vec<(Box<EncryptedBallot>, u64, Answer)>) {
        let fresh = self.catch_up().await.is_ok();
        let mut verdicts = Vec::with_capacity(refused.len());
        for (ballot, received_ms, answer) in refused {
            let problem = judge(&self.shared.state(), &ballot, received_ms).err().filter(|_| fresh);
            verdicts.push((answer, ballot.hash(), Err(problem.unwrap_or_else(|| self.not_now()))));
        }
        // The inbox first, then the log: this is the way that entries go.
        for (answer, hash, verdict) in self.join_waiting(verdicts).await {
            answer.send(match verdict {
                Err(problem) if !problem.kind().is_transient() => self.settle(&hash, problem).await,
                verdict => verdict,
            });
        }
    }

    fn not_now(&self) -> Problem {
        if self.condition == Condition::Stopped { problems::stopped() } else { problems::log_grew() }
    }
}
