//! `veritally-board move-store`: logs from one store to another, such as from SQLite to PostgreSQL, each the same to the
//! last byte: entries, checkpoints of every size, confirmation codes.
//!
//! A log is sealed at its source before anything is read, and stays so: from then on nobody can write it there, also who
//! starts the old board again by mistake. It is sealed at its target until all of it is there. Whatever is interrupted is
//! finished by the same command once more.

use bytes::Bytes;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::SignedCheckpoint;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::manifest::CheckedManifest;

use crate::folder::Progress;
use crate::store::moving::{Movable, SEALED};
use crate::store::{Batch, NewLeaf, Position, StoreError, StoredHead};

/// Entries, or sizes of checkpoints, looked at together.
const CHUNK: u64 = 1_024;

/// Why a log could not be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// One of the stores.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target has a log of this name that is another one, or that is written there.
    #[error("the target has a log {election} that is not the source's: {reason}")]
    Different {
        /// Which election.
        election: Id,
        /// What is different.
        reason: String,
    },
    /// The source's log does not hold.
    #[error("the log {election} at the source does not hold ({reason}): `veritally-board fsck` says more")]
    Unsound {
        /// Which election.
        election: Id,
        /// What is wrong.
        reason: String,
    },
}

/// What became of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// All of it is at the target, which may be served now.
    Now(Head),
    /// An earlier run had done it.
    Before,
}

/// A move under way.
struct Move<'a> {
    from: &'a dyn Movable,
    to: &'a dyn Movable,
    election: &'a Id,
    manifest: CheckedManifest,
    frontier: Frontier,
}

impl Move<'_> {
    fn unsound(&self, reason: impl ToString) -> MoveError {
        MoveError::Unsound { election: self.election.clone(), reason: reason.to_string() }
    }

    fn different(&self, reason: impl ToString) -> MoveError {
        MoveError::Different { election: self.election.clone(), reason: reason.to_string() }
    }

    /// What is stored for an entry, made anew from its bytes.
    fn leaf(&mut self, bytes: Bytes) -> NewLeaf {
        let mut stored_hashes = Vec::with_capacity(2);
        self.frontier.push_with(leaf_hash(&bytes), |hash| stored_hashes.push(hash));
        let ballot = EncryptedBallot::parse(&bytes).ok();
        let code = ballot.map(|ballot| ballot.confirmation_code(&self.manifest.fingerprint()).0);
        NewLeaf { hash: Hash::of(&bytes), bytes, stored_hashes, code }
    }

    /// The entries up to a checkpoint. Its signature and its root must be those of the entries.
    async fn batch(&mut self, size: u64, checkpoint: String) -> Result<Batch, MoveError> {
        let entries = self.from.leaves(self.election, self.frontier.size()..size).await?;
        let leaves = entries.into_iter().map(|bytes| self.leaf(bytes)).collect();
        let log = &self.manifest.log;
        let signed = SignedCheckpoint::parse(&checkpoint, &log.origin, &log.key).map_err(|e| self.unsound(e))?;
        if signed.checkpoint().head() != self.frontier.head() {
            return Err(self.unsound(format!("the checkpoint of size {size} has another root than the entries")));
        }
        Ok(Batch { leaves, checkpoint })
    }

    /// Goes over what the target has already: it must be the beginning of the source's log.
    async fn compare(&mut self, size: u64) -> Result<(), MoveError> {
        while self.frontier.size() < size {
            let range: std::ops::Range<LeafIndex> = self.frontier.size()..size.min(self.frontier.size() + CHUNK);
            let here = self.from.leaves(self.election, range.clone()).await?;
            let there = self.to.leaves(self.election, range).await?;
            for (ours, theirs) in here.into_iter().zip(there) {
                if ours != theirs {
                    return Err(self.different(format!("entry {} differs", self.frontier.size())));
                }
                self.leaf(ours);
            }
        }
        Ok(())
    }

    /// Where the target stands; sealed, or an error.
    async fn target(&mut self) -> Result<Option<Position>, MoveError> {
        match self.to.head(self.election).await {
            Err(StoreError::UnknownElection(_)) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(head) if head.position.epoch & SEALED == 0 => Err(self.different("it is open for writing there")),
            Ok(head) => Ok(Some(head.position)),
        }
    }

    async fn copy(&mut self, source: &StoredHead, progress: Progress<'_>) -> Result<(), MoveError> {
        let target = self.target().await?;
        let total = source.position.tree_size;
        if let Some(position) = target {
            if position.tree_size > total {
                return Err(self.different("it is longer there"));
            }
            self.compare(position.tree_size).await?;
        }
        let mut epoch = target.map(|position| position.epoch);
        while self.frontier.size() < total {
            let start = self.frontier.size();
            // The first checkpoint after it covers at most a batch; a range of sizes finds it and those that follow.
            let found = self.from.checkpoints(self.election, start + 1..=total.min(start + CHUNK)).await?;
            if found.is_empty() {
                return Err(self.unsound(format!("no checkpoint covers entry {start}")));
            }
            for (size, checkpoint) in found {
                let expected = self.frontier.size();
                let batch = self.batch(size, checkpoint).await?;
                match epoch {
                    None => self.to.create_sealed(self.election, batch).await?,
                    Some(epoch) => {
                        let expected = Position { tree_size: expected, epoch };
                        self.to.append(self.election, expected, batch).await?;
                    }
                }
                epoch = Some(epoch.unwrap_or(SEALED));
                progress(self.frontier.size(), total);
            }
        }
        Ok(())
    }
}

/// Whether the target's log is open, in a later epoch, and goes on from where the source's ends.
async fn is_continued(to: &dyn Movable, election: &Id, source: &StoredHead) -> Result<bool, StoreError> {
    let there = match to.head(election).await {
        Ok(head) => head.position,
        Err(StoreError::UnknownElection(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let size = source.position.tree_size;
    if there.epoch & SEALED != 0 || there.epoch <= source.position.epoch & !SEALED || there.tree_size < size {
        return Ok(false);
    }
    Ok(to.checkpoints(election, size..=size).await? == [(size, source.checkpoint.clone())])
}

/// Moves one log. Its source is sealed for good, whatever happens afterwards.
///
/// # Errors
/// [`MoveError`]; the same call again goes on where this one ended.
pub async fn move_log(
    from: &dyn Movable,
    to: &dyn Movable,
    election: &Id,
    progress: Progress<'_>,
) -> Result<Moved, MoveError> {
    let unsound = |reason: String| MoveError::Unsound { election: election.clone(), reason };
    let source = from.seal(election).await?;
    if is_continued(to, election, &source).await? {
        return Ok(Moved::Before);
    }
    let leaf_0 = from.leaves(election, 0..1).await?.pop().unwrap_or_default();
    let manifest = CheckedManifest::from_leaf(&leaf_0).map_err(|e| unsound(e.to_string()))?;
    let mut moving = Move { from, to, election, manifest, frontier: Frontier::new() };
    moving.copy(&source, progress).await?;
    let there = to.head(election).await?;
    if (there.position.tree_size, &there.checkpoint) != (source.position.tree_size, &source.checkpoint) {
        return Err(moving.different("its newest checkpoint differs"));
    }
    if let Some((size, checkpoint)) = from.witnessed(election).await? {
        to.keep_witnessed(election, size, checkpoint).await?;
    }
    // Beyond every epoch in which somebody wrote at the source.
    let epoch = (source.position.epoch & !SEALED) + 1;
    to.unseal(election, epoch).await?;
    Ok(Moved::Now(moving.frontier.head()))
}

#[cfg(test)]
mod tests;
