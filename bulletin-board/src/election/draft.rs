//! A batch applied to the state, hashed, signed and with its receipts: everything but the commit.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rayon::prelude::*;
use veritally_board_api::Problem;
use veritally_board_api::answers::Tally;
use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::merkle::{Frontier, leaf_hash, stored_hash_index};
use veritally_crypto::log::{Checkpoint, InclusionProof, Receipt, SignedCheckpoint};
use veritally_crypto::record::RecordState;

use super::admission::Checked;
use super::{Answer, Sequenced, Shared, Snapshot, problems};
use crate::store::{Batch, NewLeaf};

/// What was looked up in the store before.
#[derive(Default)]
pub(super) struct LookedUp {
    /// By a ballot's hash: the bytes of the ballot that it supersedes.
    pub superseded: HashMap<Hash, Bytes>,
    /// By hash: official entries that the log has already.
    pub known: HashMap<Hash, LeafIndex>,
}

/// A batch applied.
pub(super) struct Draft {
    /// What to commit; `None` when everything was refused.
    pub committable: Option<Committable>,
    /// To be answered once it is durable.
    pub accepted: Vec<(Answer, Hash, Sequenced)>,
    /// Refused unless the log has them already: to be looked up after the commit.
    pub doubtful: Vec<(Answer, Hash, Problem)>,
    /// Ballots are not covered by a tally head yet.
    pub tally_head_due: bool,
}

/// New entries, and what is published once they are durable.
pub(super) struct Committable {
    pub batch: Batch,
    /// The tree after them.
    pub frontier: Frontier,
    pub snapshot: Snapshot,
    /// A tally head is among them.
    pub has_tally_head: bool,
}

/// A batch in the making. Holds the state's lock: nothing here waits for the store.
struct Builder<'a> {
    shared: &'a Shared,
    state: &'a mut RecordState,
    frontier: Frontier,
    known: HashMap<u64, Hash>,
    leaves: Vec<NewLeaf>,
    accepted: Vec<(Answer, Hash, LeafIndex, bool)>,
    doubtful: Vec<(Answer, Hash, Problem)>,
    /// By hash: entries of this batch.
    here: HashMap<Hash, LeafIndex>,
    tally: Option<Tally>,
    now_ms: u64,
}

impl Builder<'_> {
    fn push(&mut self, bytes: Bytes, hash: Hash, code: Option<Hash>) -> LeafIndex {
        let index = self.frontier.size();
        let (mut at, mut stored_hashes) = (stored_hash_index(0, index), Vec::with_capacity(2));
        let known = &mut self.known;
        self.frontier.push_with(leaf_hash(&bytes), |hash| {
            known.insert(at, hash);
            stored_hashes.push(hash);
            at += 1;
        });
        self.here.insert(hash, index);
        self.leaves.push(NewLeaf { bytes, hash, stored_hashes, code });
        index
    }

    fn item(&mut self, item: Checked, found: &LookedUp) {
        match item {
            Checked::Refused { ballot, problem, answer, .. } => self.refuse(ballot.hash(), problem, answer),
            Checked::Ballot { ballot, answer, .. } => {
                let encrypted = ballot.ballot();
                let hash = encrypted.hash();
                let superseded = found.superseded.get(&hash);
                match self.state.apply_ballot(&ballot, superseded.map(AsRef::as_ref)) {
                    Err(rejection) => self.refuse(hash, problems::rejected(&rejection), answer),
                    Ok(()) => {
                        let code = encrypted.confirmation_code(&self.shared.manifest.fingerprint()).0;
                        let index = self.push(Bytes::copy_from_slice(encrypted.bytes()), hash, Some(code));
                        self.accepted.push((answer, hash, index, true));
                    }
                }
            }
            Checked::Entry { leaf, bytes, hash, answer, .. } => {
                if found.known.contains_key(&hash) || self.here.contains_key(&hash) {
                    // In the log before: the answer is looked up after the commit.
                    return self.refuse(hash, problems::internal(), answer);
                }
                match self.entry(&leaf, &bytes) {
                    Err(problem) => self.refuse(hash, problem, answer),
                    Ok(()) => {
                        let index = self.push(bytes, hash, None);
                        self.accepted.push((answer, hash, index, true));
                    }
                }
            }
        }
    }

    /// Refuses, unless the log has this very entry.
    fn refuse(&mut self, hash: Hash, problem: Problem, answer: Answer) {
        match self.here.get(&hash) {
            Some(&index) => self.accepted.push((answer, hash, index, false)),
            None => self.doubtful.push((answer, hash, problem)),
        }
    }

    fn entry(&mut self, leaf: &Leaf, bytes: &[u8]) -> Result<(), Problem> {
        let skewed = |time_ms: &u64| time_ms.abs_diff(self.now_ms) > self.shared.limits.clock_skew_ms;
        if let Some(time_ms) = time_of(leaf).filter(skewed) {
            return Err(problems::clock_skew(time_ms, self.now_ms));
        }
        if let Leaf::Closing(closing) = leaf {
            // Not for a closing that is refused anyway: who is no administrator makes the board append nothing.
            self.state.precheck_closing(closing).map_err(|rejection| problems::rejected(&rejection))?;
            // specs/protocol.md section 4.4: a tally head always precedes the closing.
            self.tally_head()?;
        }
        self.state.apply(leaf, bytes).map_err(|rejection| problems::rejected(&rejection))
    }

    /// Appends a tally head if ballots came since the last.
    fn tally_head(&mut self) -> Result<(), Problem> {
        if !self.state.tally_head_due() {
            return Ok(());
        }
        let head = self.state.tally_head(self.now_ms);
        let bytes = canonical::to_bytes(&head).map_err(|e| {
            tracing::error!(error = %e, "a tally head can't be written");
            problems::internal()
        })?;
        self.state.apply(&Leaf::TallyHead(head.clone()), &bytes).map_err(|rejection| {
            tracing::error!(error = %rejection, "the board's own tally head is refused");
            problems::internal()
        })?;
        self.tally = Some(Tally { head, sums: self.state.running_tally().encode() });
        let hash = Hash::of(&bytes);
        self.push(bytes.into(), hash, None);
        Ok(())
    }
}

/// When an official says that it made an entry.
fn time_of(leaf: &Leaf) -> Option<u64> {
    match leaf {
        Leaf::Reissue(entry) => Some(entry.time_ms),
        Leaf::Restart(entry) => Some(entry.time_ms),
        Leaf::Opening(entry) => Some(entry.time_ms),
        Leaf::Extension(entry) => Some(entry.time_ms),
        Leaf::Closing(entry) => Some(entry.time_ms),
        // Not agreements: a trustee repeats its one agreement byte for byte, however long an outage lasted.
        Leaf::Result(entry) => Some(entry.time_ms),
        Leaf::Abandonment(entry) => Some(entry.time_ms),
        _ => None,
    }
}

/// Applies a batch to the state. Blocks; on error the state may have changed and must be replaced.
pub(super) fn build(
    shared: &Shared,
    frontier: Frontier,
    items: Vec<Checked>,
    found: &LookedUp,
    tally_head_wanted: bool,
) -> Result<Draft, Problem> {
    let mut state = shared.state_mut();
    let mut builder = Builder {
        shared,
        state: &mut state,
        known: frontier.stored().collect(),
        frontier,
        leaves: Vec::with_capacity(items.len() + 1),
        accepted: Vec::with_capacity(items.len()),
        doubtful: Vec::new(),
        here: HashMap::new(),
        tally: None,
        now_ms: shared.clock.now_ms(),
    };
    for item in items {
        builder.item(item, found);
    }
    if tally_head_wanted {
        builder.tally_head()?;
    }
    let Builder { known, frontier, leaves, accepted, doubtful, tally, .. } = builder;
    let tally_head_due = state.tally_head_due();
    if leaves.is_empty() {
        return Ok(Draft { committable: None, accepted: Vec::new(), doubtful, tally_head_due });
    }
    let head = frontier.head();
    if state.head() != head {
        tracing::error!(election = %shared.id, "the state's tree differs from the sequencer's");
        return Err(problems::internal());
    }
    let checkpoint = Checkpoint::new(shared.manifest.log.origin.as_str(), &head);
    let checkpoint = SignedCheckpoint::sign(checkpoint, &shared.log_key).map_err(|error| {
        tracing::error!(%error, "the checkpoint can't be signed");
        problems::internal()
    })?;
    let text = checkpoint.to_string();
    let has_tally_head = tally.is_some();
    let tally = tally.map(Arc::new).or_else(|| shared.snapshot.borrow().tally.clone());
    let snapshot = Snapshot::of(&state, text.as_str().into(), tally);
    drop(state);
    let receipt = |(answer, hash, index, new): (Answer, Hash, LeafIndex, bool)| {
        let proof = InclusionProof::prove(index, head.tree_size, &known).map_err(|error| {
            tracing::error!(%error, "a receipt can't be made");
            problems::internal()
        })?;
        Ok((answer, hash, Sequenced { index, receipt: Receipt::new(index, proof, &checkpoint).to_string(), new }))
    };
    let accepted = accepted.into_par_iter().map(receipt).collect::<Result<Vec<_>, Problem>>()?;
    let committable = Committable { batch: Batch { leaves, checkpoint: text }, frontier, snapshot, has_tally_head };
    Ok(Draft { committable: Some(committable), accepted, doubtful, tally_head_due })
}
