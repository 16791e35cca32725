//! Transactions that write.

use veritally_crypto::id::{Id, LeafIndex};

use super::integer;
use super::read::{position, stored_head};
use crate::postgres::{Database, Open, PostgresError};
use crate::store::moving::SEALED;
use crate::store::{Batch, Position, StoreError, StoredHead};

/// Why a transaction was not committed, as far as that is known.
pub(super) enum Outcome {
    /// It did not take place, and may if it is tried again.
    NotDone(PostgresError),
    /// It did not take place, or that is not known.
    Failed(PostgresError),
    /// It did not take place, and will not.
    Refused(StoreError),
}

/// Of an error before the commit was sent.
fn before_commit(error: PostgresError) -> Outcome {
    if error.is_transient() || error.is_disconnected() { Outcome::NotDone(error) } else { Outcome::Failed(error) }
}

/// Of an error of the commit: a lost connection says nothing about it.
fn at_commit(error: PostgresError) -> Outcome {
    if error.is_transient() { Outcome::NotDone(error) } else { Outcome::Failed(error) }
}

impl From<Outcome> for StoreError {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::NotDone(error) | Outcome::Failed(error) => error.into(),
            Outcome::Refused(error) => error,
        }
    }
}

impl From<StoreError> for Outcome {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Outcome {
    fn from(error: tokio_postgres::Error) -> Self {
        before_commit(error.into())
    }
}

/// Begins a log; all statements of one transaction.
pub(super) async fn create(database: &Database, election: &Id, first: &Batch, epoch: u64) -> Result<(), StoreError> {
    let mut connection = database.living_writer().await?;
    let transaction = connection.begin().await?;
    let sql =
        "INSERT INTO elections (id, tree_size, epoch) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING number";
    let [size, epoch] = [first.leaves.len() as u64, epoch].map(integer);
    let rows = transaction.query(sql, &[&election.as_str(), &size?, &epoch?]).await?;
    let Some(row) = rows.first() else {
        transaction.roll_back().await?;
        connection.give_back();
        return Err(StoreError::Exists(election.clone()));
    };
    insert(&transaction, row.try_get(0)?, 0, first).await?;
    transaction.commit().await?;
    connection.give_back();
    Ok(())
}

/// Raises an epoch and ends the lease. Raising it twice does no harm, so it is repeated until its outcome is known.
pub(super) async fn take_epoch(database: &Database, election: &Id) -> Result<StoredHead, StoreError> {
    let sql = "WITH taken AS (
                   UPDATE elections SET epoch = epoch + 1, holder = NULL, lease_until = 'epoch'
                   WHERE id = $1 AND epoch < $2
                   RETURNING number, tree_size, epoch)
               SELECT t.tree_size, t.epoch, c.note FROM taken t
               LEFT JOIN checkpoints c ON c.election = t.number AND c.tree_size = t.tree_size";
    let rows = database.write(sql, &[&election.as_str(), &integer(SEALED)?]).await?;
    if let Some(row) = rows.first() {
        return stored_head(row);
    }
    let there = database.read("SELECT 1 FROM elections WHERE id = $1", &[&election.as_str()]).await?;
    let id = election.clone();
    Err(if there.is_empty() { StoreError::UnknownElection(id) } else { StoreError::Sealed(id) })
}

/// One attempt at an append.
pub(super) async fn append(
    database: &Database,
    election: &Id,
    expected: Position,
    batch: &Batch,
) -> Result<(), Outcome> {
    let mut connection = database.writer().await.map_err(Outcome::Failed)?;
    let transaction = connection.begin().await.map_err(before_commit)?;
    let new_size = expected.tree_size + batch.leaves.len() as u64;
    // The compare-and-swap, within the transaction that writes everything else.
    let swap = "UPDATE elections SET tree_size = $2 WHERE id = $1 AND tree_size = $3 AND epoch = $4 RETURNING number";
    let [new_size, size, epoch] = [new_size, expected.tree_size, expected.epoch].map(integer);
    let swapped = transaction.query(swap, &[&election.as_str(), &new_size?, &size?, &epoch?]).await;
    let swapped = swapped.map_err(before_commit)?;
    let Some(row) = swapped.first() else {
        let found = stored_position(&transaction, election).await;
        transaction.roll_back().await.map_err(before_commit)?;
        connection.give_back();
        return Err(StoreError::Conflict { expected, found: found? }.into());
    };
    insert(&transaction, row.try_get(0)?, expected.tree_size, batch).await?;
    transaction.commit().await.map_err(at_commit)?;
    connection.give_back();
    Ok(())
}

async fn stored_position(transaction: &Open<'_>, election: &Id) -> Result<Position, StoreError> {
    let sql = "SELECT tree_size, epoch FROM elections WHERE id = $1";
    let rows = transaction.query(sql, &[&election.as_str()]).await?;
    position(rows.first().ok_or_else(|| StoreError::UnknownElection(election.clone()))?)
}

/// All entries with one statement, and their checkpoint; they wait in the inbox no more.
async fn insert(transaction: &Open<'_>, number: i64, start: LeafIndex, batch: &Batch) -> Result<(), Outcome> {
    let leaves = &batch.leaves;
    let entries: Vec<&[u8]> = leaves.iter().map(|leaf| leaf.bytes.as_ref()).collect();
    let hashes: Vec<&[u8]> = leaves.iter().map(|leaf| leaf.hash.0.as_slice()).collect();
    let tree_hashes: Vec<Vec<u8>> =
        leaves.iter().map(|leaf| leaf.stored_hashes.iter().flat_map(|hash| hash.0).collect()).collect();
    let codes: Vec<Option<&[u8]>> =
        leaves.iter().map(|leaf| leaf.code.as_ref().map(|code| code.0.as_slice())).collect();
    let sql = "INSERT INTO entries (election, leaf_index, entry, entry_hash, tree_hashes, code)
               SELECT $1, $2 + place - 1, entry, entry_hash, tree_hashes, code
               FROM unnest($3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[])
               WITH ORDINALITY AS new (entry, entry_hash, tree_hashes, code, place)";
    let start_index = integer(start)?;
    transaction
        .execute(sql, &[&number, &start_index, &entries, &hashes, &tree_hashes, &codes])
        .await
        .map_err(before_commit)?;
    let sql = "DELETE FROM inbox WHERE election = $1 AND hash = ANY ($2)";
    transaction.execute(sql, &[&number, &hashes]).await.map_err(before_commit)?;
    let size = integer(start + leaves.len() as u64)?;
    let sql = "INSERT INTO checkpoints (election, tree_size, note) VALUES ($1, $2, $3)";
    transaction.execute(sql, &[&number, &size, &batch.checkpoint]).await.map_err(before_commit)?;
    Ok(())
}
