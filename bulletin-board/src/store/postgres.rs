//! PostgreSQL: one database for any number of boards.
//!
//! An append is one transaction at the level *read committed* that begins with the compare-and-swap of (size, epoch) on
//! the election's row: who finds the row changed appends nothing, who changes it holds its lock until the end. Nothing
//! else is relied upon: no advisory locks; notifications only wake early. What must be unique is so by constraints.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::{Range, RangeInclusive};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

use super::{Batch, Lease, Offer, Position, Store, StoreError, StoredHead};
use crate::postgres::{ATTEMPTS, Database, PostgresAddress, PostgresError, Schema, WRITERS};

mod maintenance;
mod moving;
mod nodes;
mod read;
#[cfg(test)]
mod tests;
mod write;

use write::Outcome;

/// All writing connections may be dead and found so one after the other, once each.
const _: () = assert!(ATTEMPTS as usize > WRITERS);

/// Where nodes tell each other that something was written.
const CHANNEL: &str = "veritally_logs";

/// The tables of the logs.
const SCHEMA: Schema = Schema { component: "logs", migrations: &[include_str!("postgres/migrations/0001.sql")] };

impl From<PostgresError> for StoreError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Newer { .. } | PostgresError::NoTables(_) => Self::Damaged(error.to_string()),
            other => Self::Backend(Box::new(other)),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}

/// A database.
#[derive(Debug)]
pub struct PostgresStore {
    database: Database,
    /// Numbers of elections, which never change.
    numbers: RwLock<HashMap<Id, i64>>,
    news: Option<watch::Receiver<u64>>,
}

fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is beyond 63 bits")))
}

fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is negative")))
}

impl PostgresStore {
    /// Connects, and makes the tables or brings them up to date.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; [`StoreError::Damaged`] when a newer version of this program was here.
    pub async fn open(address: &PostgresAddress, readers: Option<NonZeroUsize>) -> Result<Self, StoreError> {
        Self::on(Database::connect(address, readers).await?).await
    }

    /// On a database to which there are connections already.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn on(database: Database) -> Result<Self, StoreError> {
        SCHEMA.migrate(&database).await?;
        let news = Some(database.listen(CHANNEL));
        Ok(Self { database, numbers: RwLock::default(), news })
    }

    /// Connects to a database that has its tables, and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; [`StoreError::Damaged`] when another version of this program made the tables.
    pub async fn open_to_read(address: &PostgresAddress) -> Result<Self, StoreError> {
        let database = Database::connect(address, None).await?;
        SCHEMA.expect_present(&database).await?;
        Ok(Self { database, numbers: RwLock::default(), news: None })
    }

    /// The number under which an election's rows are kept.
    async fn number(&self, election: &Id) -> Result<i64, StoreError> {
        let known = self.numbers.read().unwrap_or_else(PoisonError::into_inner).get(election).copied();
        if let Some(number) = known {
            return Ok(number);
        }
        let rows = self.database.read("SELECT number FROM elections WHERE id = $1", &[&election.as_str()]).await?;
        let row = rows.first().ok_or_else(|| StoreError::UnknownElection(election.clone()))?;
        let number = row.try_get(0)?;
        self.numbers.write().unwrap_or_else(PoisonError::into_inner).insert(election.clone(), number);
        Ok(number)
    }

    /// Repeats what did not take place because another transaction was in the way, or the connection had died before.
    async fn append_in(&self, election: &Id, expected: Position, batch: &Batch) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            match write::append(&self.database, election, expected, batch).await {
                Ok(()) => return Ok(()),
                Err(Outcome::NotDone(error)) if attempt < ATTEMPTS => {
                    tracing::debug!(%election, %error, attempt, "an append is tried again");
                    attempt += 1;
                }
                Err(Outcome::NotDone(error) | Outcome::Failed(error)) => return Err(error.into()),
                Err(Outcome::Refused(error)) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn create_election(&self, election: &Id, first: Batch) -> Result<(), StoreError> {
        write::create(&self.database, election, &first, 0).await
    }

    async fn elections(&self) -> Result<Vec<Id>, StoreError> {
        read::elections(&self.database).await
    }

    async fn take_epoch(&self, election: &Id) -> Result<StoredHead, StoreError> {
        write::take_epoch(&self.database, election).await
    }

    async fn head(&self, election: &Id) -> Result<StoredHead, StoreError> {
        read::head(&self.database, self.number(election).await?).await
    }

    async fn append(&self, election: &Id, expected: Position, batch: Batch) -> Result<(), StoreError> {
        self.append_in(election, expected, &batch).await?;
        self.database.tell(CHANNEL);
        Ok(())
    }

    async fn leaves(&self, election: &Id, range: Range<LeafIndex>) -> Result<Vec<Bytes>, StoreError> {
        read::leaves(&self.database, self.number(election).await?, range).await
    }

    async fn hashes(&self, election: &Id, indexes: Vec<u64>) -> Result<Vec<Hash>, StoreError> {
        read::hashes(&self.database, self.number(election).await?, &indexes).await
    }

    async fn checkpoint_covering(&self, election: &Id, index: LeafIndex) -> Result<Option<String>, StoreError> {
        read::checkpoint_covering(&self.database, self.number(election).await?, index).await
    }

    async fn index_of_entry(&self, election: &Id, hash: &Hash) -> Result<Option<LeafIndex>, StoreError> {
        read::index_of_entry(&self.database, self.number(election).await?, hash).await
    }

    async fn indexes_of_codes(&self, election: &Id, codes: RangeInclusive<Hash>) -> Result<Vec<LeafIndex>, StoreError> {
        read::indexes_of_codes(&self.database, self.number(election).await?, &codes).await
    }

    async fn checkpoints(&self, election: &Id, sizes: RangeInclusive<u64>) -> Result<Vec<(u64, String)>, StoreError> {
        read::checkpoints(&self.database, self.number(election).await?, &sizes).await
    }

    async fn lease(&self, election: &Id, node: &str, term: Duration) -> Result<Lease, StoreError> {
        nodes::lease(&self.database, election, self.number(election).await?, node, term).await
    }

    async fn release(&self, election: &Id, node: &str) -> Result<(), StoreError> {
        nodes::release(&self.database, self.number(election).await?, node).await
    }

    async fn offer(&self, election: &Id, offers: Vec<Offer>) -> Result<(), StoreError> {
        nodes::offer(&self.database, self.number(election).await?, &offers).await?;
        self.database.tell(CHANNEL);
        Ok(())
    }

    async fn offers(&self, election: &Id, most: usize) -> Result<Vec<Offer>, StoreError> {
        nodes::offers(&self.database, self.number(election).await?, most).await
    }

    async fn refuse(&self, election: &Id, expected: Position, refusals: Vec<(Hash, String)>) -> Result<(), StoreError> {
        nodes::refuse(&self.database, self.number(election).await?, expected, &refusals).await?;
        self.database.tell(CHANNEL);
        Ok(())
    }

    async fn inbox(&self, election: &Id, hashes: Vec<Hash>) -> Result<Vec<(Hash, Option<String>)>, StoreError> {
        nodes::inbox(&self.database, self.number(election).await?, &hashes).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        Ok(self.database.probe().await?)
    }

    async fn keep_witnessed(&self, election: &Id, size: u64, checkpoint: String) -> Result<(), StoreError> {
        nodes::keep_witnessed(&self.database, self.number(election).await?, size, &checkpoint).await
    }

    async fn witnessed(&self, election: &Id) -> Result<Option<(u64, String)>, StoreError> {
        nodes::witnessed(&self.database, self.number(election).await?).await
    }

    fn news(&self) -> Option<watch::Receiver<u64>> {
        self.news.clone()
    }
}
