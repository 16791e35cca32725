//! Statements for several nodes on one file: lease, inbox, cosigned checkpoints.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

use super::queries::{election_number, expect_open, integer, stored_position, unsigned};
use crate::store::{Lease, Offer, Position, REFUSALS_KEPT, StoreError};

/// The store's clock, in milliseconds since the Unix epoch.
fn now_ms(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)")?
        .query_row([], |row| row.get(0))?)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn lease(
    connection: &mut Connection,
    election: &Id,
    node: &str,
    term: Duration,
) -> Result<Lease, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = election_number(&transaction, election)?;
    expect_open(&transaction, election, number)?;
    let now = now_ms(&transaction)?;
    let (holder, until): (Option<String>, i64) = transaction
        .prepare_cached("SELECT holder, lease_until_ms FROM elections WHERE number = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let own = holder.as_deref() == Some(node);
    if !own && now < until {
        return Ok(Lease::Other { remaining: Duration::from_millis(unsigned(until - now)?) });
    }
    transaction
        .prepare_cached("UPDATE elections SET epoch = epoch + ?2, holder = ?3, lease_until_ms = ?4 WHERE number = ?1")?
        .execute(params![number, i64::from(!own), node, now.saturating_add(millis(term))])?;
    transaction
        .prepare_cached("DELETE FROM inbox WHERE election = ?1 AND refused_ms < ?2")?
        .execute([number, now.saturating_sub(millis(REFUSALS_KEPT))])?;
    let position = stored_position(&transaction, number)?;
    transaction.commit()?;
    Ok(Lease::Held(position))
}

pub(super) fn release(connection: &mut Connection, election: &Id, node: &str) -> Result<(), StoreError> {
    let number = election_number(connection, election)?;
    connection.execute(
        "UPDATE elections SET holder = NULL, lease_until_ms = 0 WHERE number = ?1 AND holder = ?2",
        params![number, node],
    )?;
    Ok(())
}

pub(super) fn offer(connection: &mut Connection, election: &Id, offers: &[Offer]) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = election_number(&transaction, election)?;
    let mut refused =
        transaction.prepare_cached("DELETE FROM inbox WHERE election = ?1 AND hash = ?2 AND refusal IS NOT NULL")?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO inbox (election, hash, entry, received_ms) SELECT ?1, ?2, ?3, ?4
         WHERE NOT EXISTS (SELECT 1 FROM entry_hashes WHERE election = ?1 AND hash = ?2)
         ON CONFLICT (election, hash) DO UPDATE SET received_ms = min(received_ms, excluded.received_ms)",
    )?;
    for Offer { bytes, hash, received_ms } in offers {
        refused.execute(params![number, hash.0])?;
        insert.execute(params![number, hash.0, bytes.as_ref(), integer(*received_ms)?])?;
    }
    drop((refused, insert));
    Ok(transaction.commit()?)
}

pub(super) fn offers(connection: &Connection, number: i64, most: usize) -> Result<Vec<Offer>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT hash, entry, received_ms FROM inbox WHERE election = ?1 AND refusal IS NULL ORDER BY ticket LIMIT ?2",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement
        .query_map([number, most], |row| Ok((row.get(0).map(Hash)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?)))?;
    rows.map(|row| {
        let (hash, bytes, received_ms) = row?;
        Ok(Offer { bytes: bytes.into(), hash, received_ms: unsigned(received_ms)? })
    })
    .collect()
}

/// Takes entries out of the inbox, if there is anything in it.
pub(super) fn take_out<'a>(
    transaction: &Transaction<'_>,
    number: i64,
    hashes: impl Iterator<Item = &'a Hash>,
) -> Result<(), StoreError> {
    let any = transaction.prepare_cached("SELECT 1 FROM inbox WHERE election = ?1 LIMIT 1")?.exists([number])?;
    if any {
        let mut delete = transaction.prepare_cached("DELETE FROM inbox WHERE election = ?1 AND hash = ?2")?;
        for hash in hashes {
            delete.execute(params![number, hash.0])?;
        }
    }
    Ok(())
}

pub(super) fn refuse(
    connection: &mut Connection,
    election: &Id,
    expected: Position,
    refusals: &[(Hash, String)],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = election_number(&transaction, election)?;
    let found = stored_position(&transaction, number)?;
    if found != expected {
        return Err(StoreError::Conflict { expected, found });
    }
    let now = now_ms(&transaction)?;
    let mut logged = transaction.prepare_cached(
        "DELETE FROM inbox WHERE election = ?1 AND hash = ?2
         AND EXISTS (SELECT 1 FROM entry_hashes WHERE election = ?1 AND hash = ?2)",
    )?;
    let mut note = transaction.prepare_cached(
        "UPDATE inbox SET refusal = ?3, refused_ms = ?4 WHERE election = ?1 AND hash = ?2 AND refusal IS NULL",
    )?;
    for (hash, why) in refusals {
        logged.execute(params![number, hash.0])?;
        note.execute(params![number, hash.0, why, now])?;
    }
    drop((logged, note));
    Ok(transaction.commit()?)
}

/// An update that leaves every row as it is goes to the disk as any other.
pub(super) fn probe(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("UPDATE elections SET epoch = epoch WHERE number = (SELECT min(number) FROM elections)", [])?;
    Ok(())
}

pub(super) fn inbox(
    connection: &Connection,
    number: i64,
    hashes: &[Hash],
) -> Result<Vec<(Hash, Option<String>)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT refusal FROM inbox WHERE election = ?1 AND hash = ?2")?;
    let mut found = Vec::new();
    for hash in hashes {
        let refusal = statement.query_row(params![number, hash.0], |row| row.get(0)).optional()?;
        found.extend(refusal.map(|refusal| (*hash, refusal)));
    }
    Ok(found)
}

pub(super) fn keep_witnessed(
    connection: &mut Connection,
    election: &Id,
    size: u64,
    checkpoint: &str,
) -> Result<(), StoreError> {
    let number = election_number(connection, election)?;
    connection.execute(
        "INSERT INTO witnessed (election, tree_size, note) VALUES (?1, ?2, ?3)
         ON CONFLICT (election) DO UPDATE SET tree_size = excluded.tree_size, note = excluded.note
         WHERE excluded.tree_size >= tree_size",
        params![number, integer(size)?, checkpoint],
    )?;
    Ok(())
}

pub(super) fn witnessed(connection: &Connection, number: i64) -> Result<Option<(u64, String)>, StoreError> {
    let row = connection
        .prepare_cached("SELECT tree_size, note FROM witnessed WHERE election = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(size, note)| Ok((unsigned(size)?, note))).transpose()
}
