//! SQLite: one file, embedded, the default.
//!
//! One connection writes, on its own thread; a few read, each on its own. WAL with `synchronous=FULL`: a commit that
//! returned survives the loss of power.

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::Connection;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

use super::{Batch, Lease, Offer, Position, Store, StoreError, StoredHead};

mod maintenance;
mod moving;
mod nodes;
mod queries;
mod schema;
mod workers;

use workers::Workers;

/// Reading threads: more than cores, since they wait for the disk.
const READERS: usize = 4;

/// A database file.
pub struct SqliteStore {
    writer: Workers,
    readers: Workers,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Backend(Box::new(error))
    }
}

impl SqliteStore {
    /// Opens a database file, or makes a new one; brings an old one up to date.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; [`StoreError::Damaged`] when a newer version of this program wrote the file.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut writer = schema::connect(path, schema::Access::Write)?;
        schema::migrate(&mut writer)?;
        let readers = (0..READERS).map(|_| schema::connect(path, schema::Access::Read)).collect::<Result<_, _>>()?;
        Ok(Self {
            writer: Workers::start("sqlite-writer", vec![writer])?,
            readers: Workers::start("sqlite-reader", readers)?,
        })
    }

    /// Opens a file for reading only, such as a backup or the file of a board that serves. Nothing can be written.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; [`StoreError::Damaged`] when another version of this program wrote the file.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let readers =
            (0..READERS).map(|_| schema::connect(path, schema::Access::Read)).collect::<Result<Vec<_>, _>>()?;
        readers.first().map_or(Ok(()), schema::expect_present)?;
        Ok(Self { writer: Workers::none(), readers: Workers::start("sqlite-reader", readers)? })
    }

    async fn write<T: Send + 'static>(
        &self,
        election: &Id,
        job: impl FnOnce(&mut Connection, &Id) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let election = election.clone();
        self.writer.run(move |connection| job(connection, &election)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        election: &Id,
        job: impl FnOnce(&Connection, i64) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let election = election.clone();
        self.readers
            .run(move |connection| {
                let number = queries::election_number(connection, &election)?;
                job(connection, number)
            })
            .await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_election(&self, election: &Id, first: Batch) -> Result<(), StoreError> {
        self.write(election, move |connection, election| queries::create(connection, election, &first, 0)).await
    }

    async fn elections(&self) -> Result<Vec<Id>, StoreError> {
        self.readers.run(|connection| queries::elections(connection)).await
    }

    async fn take_epoch(&self, election: &Id) -> Result<StoredHead, StoreError> {
        self.write(election, queries::take_epoch).await
    }

    async fn head(&self, election: &Id) -> Result<StoredHead, StoreError> {
        self.read(election, queries::head).await
    }

    async fn append(&self, election: &Id, expected: Position, batch: Batch) -> Result<(), StoreError> {
        self.write(election, move |connection, election| queries::append(connection, election, expected, &batch)).await
    }

    async fn leaves(&self, election: &Id, range: Range<LeafIndex>) -> Result<Vec<Bytes>, StoreError> {
        self.read(election, move |connection, number| queries::leaves(connection, number, range)).await
    }

    async fn hashes(&self, election: &Id, indexes: Vec<u64>) -> Result<Vec<Hash>, StoreError> {
        self.read(election, move |connection, number| queries::hashes(connection, number, &indexes)).await
    }

    async fn checkpoint_covering(&self, election: &Id, index: LeafIndex) -> Result<Option<String>, StoreError> {
        self.read(election, move |connection, number| queries::checkpoint_covering(connection, number, index)).await
    }

    async fn index_of_entry(&self, election: &Id, hash: &Hash) -> Result<Option<LeafIndex>, StoreError> {
        let hash = *hash;
        self.read(election, move |connection, number| queries::index_of_entry(connection, number, &hash)).await
    }

    async fn indexes_of_codes(&self, election: &Id, codes: RangeInclusive<Hash>) -> Result<Vec<LeafIndex>, StoreError> {
        self.read(election, move |connection, number| queries::indexes_of_codes(connection, number, &codes)).await
    }

    async fn checkpoints(&self, election: &Id, sizes: RangeInclusive<u64>) -> Result<Vec<(u64, String)>, StoreError> {
        self.read(election, move |connection, number| queries::checkpoints(connection, number, &sizes)).await
    }

    async fn lease(&self, election: &Id, node: &str, term: Duration) -> Result<Lease, StoreError> {
        let node = node.to_owned();
        self.write(election, move |connection, election| nodes::lease(connection, election, &node, term)).await
    }

    async fn release(&self, election: &Id, node: &str) -> Result<(), StoreError> {
        let node = node.to_owned();
        self.write(election, move |connection, election| nodes::release(connection, election, &node)).await
    }

    async fn offer(&self, election: &Id, offers: Vec<Offer>) -> Result<(), StoreError> {
        self.write(election, move |connection, election| nodes::offer(connection, election, &offers)).await
    }

    async fn offers(&self, election: &Id, most: usize) -> Result<Vec<Offer>, StoreError> {
        self.read(election, move |connection, number| nodes::offers(connection, number, most)).await
    }

    async fn refuse(&self, election: &Id, expected: Position, refusals: Vec<(Hash, String)>) -> Result<(), StoreError> {
        self.write(election, move |connection, election| nodes::refuse(connection, election, expected, &refusals)).await
    }

    async fn inbox(&self, election: &Id, hashes: Vec<Hash>) -> Result<Vec<(Hash, Option<String>)>, StoreError> {
        self.read(election, move |connection, number| nodes::inbox(connection, number, &hashes)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.writer.run(|connection| nodes::probe(connection)).await
    }

    async fn keep_witnessed(&self, election: &Id, size: u64, checkpoint: String) -> Result<(), StoreError> {
        self.write(election, move |connection, election| nodes::keep_witnessed(connection, election, size, &checkpoint))
            .await
    }

    async fn witnessed(&self, election: &Id) -> Result<Option<(u64, String)>, StoreError> {
        self.read(election, nodes::witnessed).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;
    use crate::store::contract;

    #[tokio::test]
    async fn sqlite_keeps_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        let mut number = 0;
        contract::run_all(|| {
            number += 1;
            SqliteStore::open(&directory.path().join(format!("{number}.db"))).unwrap()
        })
        .await;
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board.db");
        let store = SqliteStore::open(&path).unwrap();
        let log = contract::TestLog::create(&store, "village").await;
        log.append(&store, 5).await;
        let head = store.head(&log.id).await.unwrap();
        drop(store);
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.head(&log.id).await.unwrap(), head);
        assert_eq!(store.leaves(&log.id, 0..6).await.unwrap().len(), 6);
    }

    #[tokio::test]
    async fn two_open_stores_on_one_file_fence_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board.db");
        let (a, b) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
        contract::a_fenced_writer_loses(&a, &b).await;
        let path = directory.path().join("leases.db");
        let (a, b) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
        contract::nodes::a_lease_is_held_by_one_node_until_it_ends(&a, &b).await;
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board.db");
        drop(SqliteStore::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        assert!(matches!(SqliteStore::open(&path), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board.db");
        std::fs::write(&path, b"not a database at all, but long enough to be looked at".repeat(100)).unwrap();
        assert!(SqliteStore::open(&path).is_err());
    }
}
