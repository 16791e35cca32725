//! `veritally-board fsck`: everything that a store keeps of a log, recomputed from its entries; names the first
//! difference.
//!
//! Entries are the only thing believed, and not even they: each must be admitted by the rules, ballots' proofs and tally
//! heads included. Everything else in the store follows from them: inner hashes, the root of every checkpoint, the
//! look-up tables.

use bytes::Bytes;
use tokio::runtime::Handle;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::SignedCheckpoint;
use veritally_crypto::log::merkle::{Frontier, leaf_hash, stored_hash_index};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::{Counts, Phase};

use crate::folder::Progress;
use crate::replay::{Replay, ReplayError, Trust};
use crate::store::{Store, StoreError};

/// Entries looked at together.
const CHUNK: u64 = 1_024;

/// The first difference.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsckError {
    /// The store can't be read, or lacks something.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The entries break the election's rules, or are not those of the checkpoint.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The first entry is no manifest.
    #[error("entry 0 is no manifest: {0}")]
    Manifest(String),
    /// An inner hash.
    #[error("the tree's stored hash {number} is {stored}, the entries give {computed} (it belongs to entry {index})")]
    TreeHash {
        /// The entry that completes it.
        index: LeafIndex,
        /// Stored hash index.
        number: u64,
        /// What the store has.
        stored: Hash,
        /// What the entries give.
        computed: Hash,
    },
    /// A look-up table.
    #[error("entry {index} has the {what} {hash}, under which the store finds {found:?}")]
    LookUp {
        /// Which entry.
        index: LeafIndex,
        /// Which table.
        what: &'static str,
        /// What was looked up.
        hash: Hash,
        /// What came.
        found: Vec<LeafIndex>,
    },
    /// A checkpoint.
    #[error("the checkpoint that covers entry {index} is wrong: {reason}")]
    Checkpoint {
        /// The first entry that it covers.
        index: LeafIndex,
        /// What is wrong.
        reason: String,
    },
}

/// A log that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sound {
    /// Size and root.
    pub head: Head,
    /// Signed checkpoints, all of them right.
    pub checkpoints: u64,
    /// Where the election stands.
    pub phase: Phase,
    /// How many ballots.
    pub counts: Counts,
}

/// What is known of the log while its entries are read.
struct Check<'a> {
    runtime: &'a Handle,
    store: &'a dyn Store,
    election: &'a Id,
    manifest: CheckedManifest,
    frontier: Frontier,
    /// The head of the first checkpoint that covers the next entry.
    due: Option<Head>,
    checkpoints: u64,
}

impl Check<'_> {
    fn entry(&mut self, bytes: &Bytes) -> Result<(), FsckError> {
        let index = self.frontier.size();
        if self.due.is_none() {
            self.due = Some(self.checkpoint_covering(index)?);
        }
        let mut computed = Vec::with_capacity(2);
        self.frontier.push_with(leaf_hash(bytes), |hash| computed.push(hash));
        let first = stored_hash_index(0, index);
        let numbers: Vec<u64> = (first..).take(computed.len()).collect();
        let stored = self.runtime.block_on(self.store.hashes(self.election, numbers))?;
        let differing =
            (first..).zip(stored.into_iter().zip(computed)).find(|(_, (stored, computed))| stored != computed);
        if let Some((number, (stored, computed))) = differing {
            return Err(FsckError::TreeHash { index, number, stored, computed });
        }
        self.look_up(index, bytes)?;
        let (found, size) = (self.frontier.head(), self.frontier.size());
        match self.due {
            Some(head) if head.tree_size == size && head != found => {
                let reason = format!("it has the root {}, the entries give {}", head.root, found.root);
                Err(FsckError::Checkpoint { index, reason })
            }
            Some(head) if head.tree_size == size => {
                self.checkpoints += 1;
                self.due = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn look_up(&self, index: LeafIndex, bytes: &[u8]) -> Result<(), FsckError> {
        let hash = Hash::of(bytes);
        let found = self.runtime.block_on(self.store.index_of_entry(self.election, &hash))?;
        if found != Some(index) {
            let found = found.into_iter().collect();
            return Err(FsckError::LookUp { index, what: "SHA-256", hash, found });
        }
        if let Ok(ballot) = EncryptedBallot::parse(bytes) {
            let code = ballot.confirmation_code(&self.manifest.fingerprint()).0;
            let found = self.runtime.block_on(self.store.indexes_of_codes(self.election, code..=code))?;
            if found != [index] {
                return Err(FsckError::LookUp { index, what: "confirmation code", hash: code, found });
            }
        }
        Ok(())
    }

    fn checkpoint_covering(&self, index: LeafIndex) -> Result<Head, FsckError> {
        let wrong = |reason: String| FsckError::Checkpoint { index, reason };
        let text = self.runtime.block_on(self.store.checkpoint_covering(self.election, index))?;
        let text = text.ok_or_else(|| wrong("there is none".into()))?;
        let log = &self.manifest.log;
        let signed = SignedCheckpoint::parse(&text, &log.origin, &log.key).map_err(|e| wrong(e.to_string()))?;
        let head = signed.checkpoint().head();
        if head.tree_size <= index {
            return Err(wrong(format!("it is of size {}", head.tree_size)));
        }
        Ok(head)
    }
}

/// Checks a log up to its committed head. Blocks, on all cores; reads only, so that a board may go on serving.
///
/// # Errors
/// [`FsckError`]: the first difference.
pub fn check(
    runtime: &Handle,
    store: &dyn Store,
    election: &Id,
    trust: Trust,
    progress: Progress<'_>,
) -> Result<Sound, FsckError> {
    let head = runtime.block_on(store.head(election))?;
    let size = head.position.tree_size;
    let leaf_0 = runtime.block_on(store.leaves(election, 0..1))?.pop().unwrap_or_default();
    let manifest = CheckedManifest::from_leaf(&leaf_0).map_err(|e| FsckError::Manifest(e.to_string()))?;
    let frontier = Frontier::new();
    let mut check = Check { runtime, store, election, manifest, frontier, due: None, checkpoints: 0 };
    let mut replay = Replay::new(trust);
    let earlier = |index: LeafIndex| {
        let entry = runtime.block_on(store.leaves(election, index..index + 1))?.pop();
        entry.ok_or_else(|| StoreError::Damaged(format!("entry {index} is missing")).into())
    };
    while replay.size() < size {
        let range = replay.size()..size.min(replay.size() + CHUNK);
        let entries = runtime.block_on(store.leaves(election, range))?;
        // First what is stored about them: a difference there is named better than what follows from it.
        entries.iter().try_for_each(|entry| check.entry(entry))?;
        replay.feed(&entries, &earlier)?;
        progress(replay.size(), size);
    }
    let last = (check.frontier.head(), check.checkpoints);
    if check.due.is_some() {
        let reason = "the log ends before it".into();
        return Err(FsckError::Checkpoint { index: size.saturating_sub(1), reason });
    }
    let log = &check.manifest.log;
    let newest = SignedCheckpoint::parse(&head.checkpoint, &log.origin, &log.key);
    let newest = newest.map_err(|e| FsckError::Checkpoint { index: size.saturating_sub(1), reason: e.to_string() })?;
    let replayed = replay.finish(newest.checkpoint().head())?;
    Ok(Sound { head: last.0, checkpoints: last.1, phase: replayed.state.phase(), counts: replayed.state.counts() })
}
