//! The statements, each a function on a connection.

use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::log::merkle::stored_hash_origin;

use super::nodes;
use crate::store::moving::SEALED;
use crate::store::{Batch, NewLeaf, Position, StoreError, StoredHead};

/// Bits of a position below the election's number: 10^12 entries.
pub(super) const INDEX_BITS: u32 = 40;

/// (number << 40) + index.
pub(super) fn position(number: i64, index: u64) -> Result<i64, StoreError> {
    let index = i64::try_from(index).ok().filter(|&index| index < 1 << INDEX_BITS);
    match (index, number) {
        (Some(index), 0..=0x3f_ffff) => Ok((number << INDEX_BITS) + index),
        _ => Err(StoreError::Damaged(format!("entry {index:?} of log {number} is beyond what SQLite's layout holds"))),
    }
}

pub(super) fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is beyond 63 bits")))
}

pub(super) fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is negative")))
}

pub(super) fn election_number(connection: &Connection, election: &Id) -> Result<i64, StoreError> {
    connection
        .prepare_cached("SELECT number FROM elections WHERE id = ?1")?
        .query_row([election.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::UnknownElection(election.clone()))
}

pub(super) fn elections(connection: &Connection) -> Result<Vec<Id>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM elections ORDER BY number")?;
    let ids = statement.query_map([], |row| row.get::<_, String>(0))?;
    ids.map(|id| Id::new(id?).map_err(|e| StoreError::Damaged(e.to_string()))).collect()
}

pub(super) fn create(connection: &mut Connection, election: &Id, first: &Batch, epoch: u64) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let inserted = transaction.execute(
        "INSERT INTO elections (id, tree_size, epoch) VALUES (?1, ?2, ?3)",
        params![election.as_str(), integer(first.leaves.len() as u64)?, integer(epoch)?],
    );
    match inserted {
        Err(rusqlite::Error::SqliteFailure(e, _)) if e.code == ErrorCode::ConstraintViolation => {
            return Err(StoreError::Exists(election.clone()));
        }
        other => other?,
    };
    let number = transaction.last_insert_rowid();
    insert(&transaction, number, 0, first)?;
    Ok(transaction.commit()?)
}

pub(super) fn take_epoch(connection: &mut Connection, election: &Id) -> Result<StoredHead, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = election_number(&transaction, election)?;
    expect_open(&transaction, election, number)?;
    transaction.execute(
        "UPDATE elections SET epoch = epoch + 1, holder = NULL, lease_until_ms = 0 WHERE number = ?1",
        [number],
    )?;
    let head = head(&transaction, number)?;
    transaction.commit()?;
    Ok(head)
}

/// That a log was not moved away.
pub(super) fn expect_open(connection: &Connection, election: &Id, number: i64) -> Result<(), StoreError> {
    let sealed = stored_position(connection, number)?.epoch & SEALED != 0;
    if sealed { Err(StoreError::Sealed(election.clone())) } else { Ok(()) }
}

pub(super) fn head(connection: &Connection, number: i64) -> Result<StoredHead, StoreError> {
    let stored = stored_position(connection, number)?;
    let note = connection
        .prepare_cached("SELECT note FROM checkpoints WHERE position = ?1")?
        .query_row([position(number, stored.tree_size)?], |row| row.get(0))
        .optional()?;
    let missing = || StoreError::Damaged(format!("no checkpoint of size {}", stored.tree_size));
    Ok(StoredHead { position: stored, checkpoint: note.ok_or_else(missing)? })
}

pub(super) fn stored_position(connection: &Connection, number: i64) -> Result<Position, StoreError> {
    let (tree_size, epoch) = connection
        .prepare_cached("SELECT tree_size, epoch FROM elections WHERE number = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Position { tree_size: unsigned(tree_size)?, epoch: unsigned(epoch)? })
}

pub(super) fn append(
    connection: &mut Connection,
    election: &Id,
    expected: Position,
    batch: &Batch,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let number = election_number(&transaction, election)?;
    let new_size = expected.tree_size + batch.leaves.len() as u64;
    // The compare-and-swap, within the transaction that writes everything else.
    let swapped = transaction
        .prepare_cached("UPDATE elections SET tree_size = ?1 WHERE number = ?2 AND tree_size = ?3 AND epoch = ?4")?
        .execute(params![integer(new_size)?, number, integer(expected.tree_size)?, integer(expected.epoch)?])?;
    if swapped != 1 {
        return Err(StoreError::Conflict { expected, found: stored_position(&transaction, number)? });
    }
    insert(&transaction, number, expected.tree_size, batch)?;
    nodes::take_out(&transaction, number, batch.leaves.iter().map(|leaf| &leaf.hash))?;
    Ok(transaction.commit()?)
}

fn insert(transaction: &Transaction<'_>, number: i64, start: LeafIndex, batch: &Batch) -> Result<(), StoreError> {
    let mut leaves = transaction.prepare_cached("INSERT INTO leaves (position, entry) VALUES (?1, ?2)")?;
    let mut hashes = transaction.prepare_cached("INSERT INTO hashes (position, hashes) VALUES (?1, ?2)")?;
    let mut entry_hashes =
        transaction.prepare_cached("INSERT INTO entry_hashes (election, hash, leaf_index) VALUES (?1, ?2, ?3)")?;
    let mut codes = transaction.prepare_cached("INSERT INTO codes (election, code, leaf_index) VALUES (?1, ?2, ?3)")?;
    for (index, leaf) in (start..).zip(&batch.leaves) {
        let NewLeaf { bytes, hash, stored_hashes, code } = leaf;
        let at = position(number, index)?;
        leaves.execute(params![at, bytes.as_ref()])?;
        let stored: Vec<u8> = stored_hashes.iter().flat_map(|hash| hash.0).collect();
        hashes.execute(params![at, stored])?;
        entry_hashes.execute(params![number, hash.0, integer(index)?])?;
        if let Some(code) = code {
            codes.execute(params![number, code.0, integer(index)?])?;
        }
    }
    let size = start + batch.leaves.len() as u64;
    transaction
        .prepare_cached("INSERT INTO checkpoints (position, note) VALUES (?1, ?2)")?
        .execute(params![position(number, size)?, batch.checkpoint])?;
    Ok(())
}

pub(super) fn leaves(connection: &Connection, number: i64, range: Range<LeafIndex>) -> Result<Vec<Bytes>, StoreError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = connection
        .prepare_cached("SELECT entry FROM leaves WHERE position >= ?1 AND position < ?2 ORDER BY position")?;
    let bounds = [position(number, range.start)?, position(number, range.end)?];
    let entries = statement.query_map(bounds, |row| row.get::<_, Vec<u8>>(0).map(Bytes::from))?;
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    if entries.len() as u64 != range.end - range.start {
        return Err(StoreError::Damaged(format!("entries {range:?}: only {} are there", entries.len())));
    }
    Ok(entries)
}

pub(super) fn hashes(connection: &Connection, number: i64, indexes: &[u64]) -> Result<Vec<Hash>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT hashes FROM hashes WHERE position = ?1")?;
    indexes
        .iter()
        .map(|&index| {
            let missing = || StoreError::Damaged(format!("the tree's hash {index} is missing"));
            let (entry, level) = stored_hash_origin(index).ok_or_else(missing)?;
            let at = position(number, entry)?;
            let hash = statement.query_row([at], |row| {
                let stored = row.get_ref(0)?.as_blob()?;
                Ok(stored.as_chunks().0.get(usize::from(level)).copied().map(Hash))
            });
            hash.optional()?.flatten().ok_or_else(missing)
        })
        .collect()
}

pub(super) fn checkpoint_covering(
    connection: &Connection,
    number: i64,
    index: LeafIndex,
) -> Result<Option<String>, StoreError> {
    let note = connection
        .prepare_cached("SELECT note FROM checkpoints WHERE position > ?1 AND position < ?2 ORDER BY position LIMIT 1")?
        .query_row([position(number, index)?, (number + 1) << INDEX_BITS], |row| row.get(0))
        .optional()?;
    Ok(note)
}

pub(super) fn checkpoints(
    connection: &Connection,
    number: i64,
    sizes: &RangeInclusive<u64>,
) -> Result<Vec<(u64, String)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT position, note FROM checkpoints WHERE position BETWEEN ?1 AND ?2 ORDER BY position")?;
    let largest = (*sizes.end()).min((1 << INDEX_BITS) - 1);
    let bounds = [position(number, *sizes.start())?, position(number, largest)?];
    let rows = statement.query_map(bounds, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (at, note) = row?;
        Ok((unsigned(at - (number << INDEX_BITS))?, note))
    })
    .collect()
}

pub(super) fn index_of_entry(
    connection: &Connection,
    number: i64,
    hash: &Hash,
) -> Result<Option<LeafIndex>, StoreError> {
    connection
        .prepare_cached("SELECT leaf_index FROM entry_hashes WHERE election = ?1 AND hash = ?2")?
        .query_row(params![number, hash.0], |row| row.get(0))
        .optional()?
        .map(unsigned)
        .transpose()
}

pub(super) fn indexes_of_codes(
    connection: &Connection,
    number: i64,
    codes: &RangeInclusive<Hash>,
) -> Result<Vec<LeafIndex>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT leaf_index FROM codes WHERE election = ?1 AND code BETWEEN ?2 AND ?3 ORDER BY code LIMIT 2",
    )?;
    let found = statement.query_map(params![number, codes.start().0, codes.end().0], |row| row.get(0))?;
    found.map(|index| unsigned(index?)).collect()
}
