//! What moving a log from one store to another needs besides [`Store`]: ending a log here, beginning it there.

use async_trait::async_trait;
use veritally_crypto::id::Id;

use super::{Batch, Store, StoreError, StoredHead};

/// A bit of an epoch: while it is set nobody can take the log over, hold its lease, or append in a lower epoch.
pub const SEALED: u64 = 1 << 62;

/// A store from which and to which logs can be moved.
#[async_trait]
pub trait Movable: Store {
    /// Ends the writing of a log here: whoever holds it is fenced, and nobody can take it. Once more does nothing.
    ///
    /// # Errors
    /// [`StoreError::UnknownElection`], [`StoreError::Backend`].
    async fn seal(&self, election: &Id) -> Result<StoredHead, StoreError>;

    /// Begins a log that is sealed: only who moves it appends, in the epoch of its head.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Backend`].
    async fn create_sealed(&self, election: &Id, first: Batch) -> Result<(), StoreError>;

    /// Lets a sealed log be taken again, in epochs beyond this one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is not sealed, [`StoreError::Backend`].
    async fn unseal(&self, election: &Id, epoch: u64) -> Result<(), StoreError>;
}
