//! Where logs are kept. A trait as small as the sequencer needs, with no policy: who may append what is decided before.
//!
//! A store keeps for each election the entries, the tree's inner hashes, a signed checkpoint for every size that was
//! ever committed, and two look-up tables. Its one promise is [`Store::append`]: all of a batch or nothing, durably, and
//! only on top of the expected head by the holder of the newest epoch. `contract` is the suite that every
//! implementation passes.
//!
//! Where several nodes share a store, it also keeps who may sequence (a lease, by the store's clock) and what the others
//! admitted (an inbox): specs/many-nodes.md. No promise of `append` rests on the lease: only the epoch does.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

#[cfg(any(test, feature = "contract-tests"))]
pub mod contract;
pub mod moving;
pub mod postgres;
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
    /// The log was moved away from here, or is being moved here.
    #[error(
        "the log of {0} is sealed in this store: it was moved to another one, or the move is not finished \
         (`veritally-board move-store` finishes it)"
    )]
    Sealed(Id),
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

/// How long the text of a refusal stays in the inbox: far longer than anybody waits for it.
pub const REFUSALS_KEPT: Duration = Duration::from_secs(600);

/// Who may sequence, by the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// This node, in this epoch, for the term that it asked for, counted from before it asked.
    Held(Position),
    /// Another node, for at most so long unless it renews.
    Other {
        /// Until then asking again is in vain.
        remaining: Duration,
    },
}

/// An entry that a node admitted and that waits for whoever sequences. A ballot's proof was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The entry's exact bytes.
    pub bytes: Bytes,
    /// SHA-256 of them; unique among those of an election that wait.
    pub hash: Hash,
    /// When its last byte had arrived at the node, in milliseconds since the Unix epoch.
    pub received_ms: u64,
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

    /// Takes over a log: raises its epoch, so that nobody who took it before can append any more, and ends the lease.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Sealed`], [`StoreError::Backend`].
    async fn take_epoch(&self, election: &Id) -> Result<StoredHead, StoreError>;

    /// The committed head.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn head(&self, election: &Id) -> Result<StoredHead, StoreError>;

    /// Appends a batch in one durable transaction if the log stands at `expected`; the same transaction takes out of the
    /// inbox what it appends.
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

    /// The checkpoints of the sizes in a range, with their sizes, in order.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn checkpoints(&self, election: &Id, sizes: RangeInclusive<u64>) -> Result<Vec<(u64, String)>, StoreError>;

    /// Claims or renews the lease of a log, durably. Who holds it keeps its epoch; when nobody does, or it has run out,
    /// the node gets it with an epoch raised by one. Also forgets refusals older than [`REFUSALS_KEPT`].
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Sealed`], [`StoreError::Backend`].
    async fn lease(&self, election: &Id, node: &str, term: Duration) -> Result<Lease, StoreError>;

    /// Gives the lease up, if this node holds it.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn release(&self, election: &Id, node: &str) -> Result<(), StoreError>;

    /// Puts entries into the inbox, durably. One that waits there keeps its place and its earlier arrival; one that was
    /// refused waits anew; one that the log has is left out.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn offer(&self, election: &Id, offers: Vec<Offer>) -> Result<(), StoreError>;

    /// Entries that wait, in the order in which they were put in, at most so many.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn offers(&self, election: &Id, most: usize) -> Result<Vec<Offer>, StoreError>;

    /// Notes why entries that wait were refused, if the log stands at `expected`; what the log has is only taken out.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it does not: nothing was noted. [`StoreError::Backend`].
    async fn refuse(&self, election: &Id, expected: Position, refusals: Vec<(Hash, String)>) -> Result<(), StoreError>;

    /// Those of these entries that are in the inbox: why each was refused, or `None` while it waits.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn inbox(&self, election: &Id, hashes: Vec<Hash>) -> Result<Vec<(Hash, Option<String>)>, StoreError>;

    /// A durable write that changes nothing: whether writing works at present.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn probe(&self) -> Result<(), StoreError>;

    /// Keeps the newest checkpoint that a quorum of witnesses cosigned; one of a smaller size than kept is ignored.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn keep_witnessed(&self, election: &Id, size: u64, checkpoint: String) -> Result<(), StoreError>;

    /// The newest checkpoint that a quorum of witnesses cosigned, with its size.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn witnessed(&self, election: &Id) -> Result<Option<(u64, String)>, StoreError>;

    /// Counts up when another process may have changed something, if the store can tell. It wakes early; nothing rests
    /// on it.
    fn news(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}
