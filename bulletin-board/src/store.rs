//! Where logs are kept. A trait as small as the sequencer needs, with no policy: who may append what is decided before.
//!
//! A store keeps for each election the entries, the tree's inner hashes, a signed checkpoint for every size that was
//! ever committed, and two look-up tables. Its one promise is [`Store::append`]: all of a batch or nothing, durably, and
//! only on top of the expected head by the holder of the newest epoch. `contract` is the suite that every
//! implementation passes.

use std::ops::{Range, RangeInclusive};

use async_trait::async_trait;
use bytes::Bytes;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

#[cfg(any(test, feature = "contract-tests"))]
pub mod contract;
pub mod sqlite;

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another writer was here: nothing was appended. Whoever sees this must stop writing.
    #[error("another process writes this log: expected {expected}, found {found}")]
    Conflict {
        /// What the caller expected.
        expected: Position,
        /// What is stored.
        found: Position,
    },
    /// An election of this id exists.
    #[error("the store has an election {0} already")]
    Exists(Id),
    /// No such election.
    #[error("the store has no election {0}")]
    UnknownElection(Id),
    /// Something that the log's size says must be there is not.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The database failed; whether an append took place is not known.
    #[error("the database failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A size of a log and the epoch of who may extend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Grows by one whenever somebody takes over; only the newest may append.
    pub epoch: u64,
    /// Number of entries.
    pub tree_size: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "size {} in epoch {}", self.tree_size, self.epoch)
    }
}

/// A committed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    /// Size and epoch.
    pub position: Position,
    /// The signed checkpoint of this size.
    pub checkpoint: String,
}

/// An entry to be appended, with all that is stored for it.
#[derive(Debug, Clone)]
pub struct NewLeaf {
    /// The entry's exact bytes.
    pub bytes: Bytes,
    /// SHA-256 of them: sending an entry twice finds it again. Unique within an election.
    pub hash: Hash,
    /// The hashes that it completes in the tree, its own first (`Frontier::push_with`).
    pub stored_hashes: Vec<Hash>,
    /// A ballot's confirmation code.
    pub code: Option<Hash>,
}

/// Entries that become durable together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In log order.
    pub leaves: Vec<NewLeaf>,
    /// The signed checkpoint of the log that ends with them.
    pub checkpoint: String,
}

/// A store of logs.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Begins a log with its first entry and that entry's checkpoint.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Backend`].
    async fn create_election(&self, election: &Id, first: Batch) -> Result<(), StoreError>;

    /// All elections, in the order of their creation.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn elections(&self) -> Result<Vec<Id>, StoreError>;

    /// Takes over a log: raises its epoch, so that nobody who took it before can append any more.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn take_epoch(&self, election: &Id) -> Result<StoredHead, StoreError>;

    /// The committed head.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn head(&self, election: &Id) -> Result<StoredHead, StoreError>;

    /// Appends a batch in one durable transaction if the log stands at `expected`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it does not: nothing was appended. [`StoreError::Backend`]: unknown.
    async fn append(&self, election: &Id, expected: Position, batch: Batch) -> Result<(), StoreError>;

    /// The entries of a range, all of them.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one is missing, [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn leaves(&self, election: &Id, range: Range<LeafIndex>) -> Result<Vec<Bytes>, StoreError>;

    /// Inner hashes of the tree by stored hash index, in the order asked for.
    ///
    /// # Errors
    /// As [`Store::leaves`].
    async fn hashes(&self, election: &Id, indexes: Vec<u64>) -> Result<Vec<Hash>, StoreError>;

    /// The first checkpoint that covers an entry: the one in its receipt.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn checkpoint_covering(&self, election: &Id, index: LeafIndex) -> Result<Option<String>, StoreError>;

    /// The entry whose bytes have this SHA-256.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn index_of_entry(&self, election: &Id, hash: &Hash) -> Result<Option<LeafIndex>, StoreError>;

    /// The first two ballots whose confirmation codes lie in a range: two are enough to see that a short code is
    /// ambiguous.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn indexes_of_codes(&self, election: &Id, codes: RangeInclusive<Hash>) -> Result<Vec<LeafIndex>, StoreError>;
}
