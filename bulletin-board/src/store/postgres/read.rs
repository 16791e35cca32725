//! Statements that read. Each is one statement and so sees one state of the database.

use std::collections::HashMap;
use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use tokio_postgres::Row;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::log::merkle::stored_hash_origin;

use super::{integer, unsigned};
use crate::postgres::Database;
use crate::store::{Position, StoreError, StoredHead};

pub(super) async fn elections(database: &Database) -> Result<Vec<Id>, StoreError> {
    let rows = database.read("SELECT id FROM elections ORDER BY number", &[]).await?;
    let id = |row: &Row| Id::new(row.try_get::<_, String>(0)?).map_err(|e| StoreError::Damaged(e.to_string()));
    rows.iter().map(id).collect()
}

/// Of columns `tree_size` and `epoch`.
pub(super) fn position(row: &Row) -> Result<Position, StoreError> {
    Ok(Position { tree_size: unsigned(row.try_get(0)?)?, epoch: unsigned(row.try_get(1)?)? })
}

/// Of columns `tree_size`, `epoch` and the checkpoint's `note`.
pub(super) fn stored_head(row: &Row) -> Result<StoredHead, StoreError> {
    let position = position(row)?;
    let missing = || StoreError::Damaged(format!("no checkpoint of size {}", position.tree_size));
    Ok(StoredHead { position, checkpoint: row.try_get::<_, Option<String>>(2)?.ok_or_else(missing)? })
}

pub(super) async fn head(database: &Database, number: i64) -> Result<StoredHead, StoreError> {
    let sql = "SELECT e.tree_size, e.epoch, c.note FROM elections e
               LEFT JOIN checkpoints c ON c.election = e.number AND c.tree_size = e.tree_size WHERE e.number = $1";
    let rows = database.read(sql, &[&number]).await?;
    let gone = || StoreError::Damaged("an election's row is gone".to_owned());
    stored_head(rows.first().ok_or_else(gone)?)
}

pub(super) async fn leaves(
    database: &Database,
    number: i64,
    range: Range<LeafIndex>,
) -> Result<Vec<Bytes>, StoreError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT entry FROM entries WHERE election = $1 AND leaf_index >= $2 AND leaf_index < $3
               ORDER BY leaf_index";
    let rows = database.read(sql, &[&number, &integer(range.start)?, &integer(range.end)?]).await?;
    if rows.len() as u64 != range.end - range.start {
        return Err(StoreError::Damaged(format!("entries {range:?}: only {} are there", rows.len())));
    }
    rows.iter().map(|row| Ok(Bytes::copy_from_slice(row.try_get::<_, &[u8]>(0)?))).collect()
}

pub(super) async fn hashes(database: &Database, number: i64, indexes: &[u64]) -> Result<Vec<Hash>, StoreError> {
    let missing = |index: u64| StoreError::Damaged(format!("the tree's hash {index} is missing"));
    let origin = |&index: &u64| stored_hash_origin(index).ok_or_else(|| missing(index));
    let origins: Vec<(LeafIndex, u8)> = indexes.iter().map(origin).collect::<Result<_, _>>()?;
    let entries: Vec<i64> = origins.iter().map(|&(entry, _)| integer(entry)).collect::<Result<_, _>>()?;
    let sql = "SELECT leaf_index, tree_hashes FROM entries WHERE election = $1 AND leaf_index = ANY ($2)";
    let rows = database.read(sql, &[&number, &entries]).await?;
    let mut stored: HashMap<i64, &[u8]> = HashMap::with_capacity(rows.len());
    for row in &rows {
        stored.insert(row.try_get(0)?, row.try_get(1)?);
    }
    let hash = |((&index, (_, level)), entry): ((&u64, &(LeafIndex, u8)), &i64)| {
        let hashes = stored.get(entry).map(|hashes| hashes.as_chunks().0);
        hashes.and_then(|hashes| hashes.get(usize::from(*level)).copied().map(Hash)).ok_or_else(|| missing(index))
    };
    indexes.iter().zip(&origins).zip(&entries).map(hash).collect()
}

pub(super) async fn checkpoint_covering(
    database: &Database,
    number: i64,
    index: LeafIndex,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT note FROM checkpoints WHERE election = $1 AND tree_size > $2 ORDER BY tree_size LIMIT 1";
    let rows = database.read(sql, &[&number, &integer(index)?]).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn checkpoints(
    database: &Database,
    number: i64,
    sizes: &RangeInclusive<u64>,
) -> Result<Vec<(u64, String)>, StoreError> {
    let sql = "SELECT tree_size, note FROM checkpoints WHERE election = $1 AND tree_size BETWEEN $2 AND $3
               ORDER BY tree_size";
    let [start, end] = [*sizes.start(), *sizes.end()].map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    let rows = database.read(sql, &[&number, &start, &end]).await?;
    rows.iter().map(|row| Ok((unsigned(row.try_get(0)?)?, row.try_get(1)?))).collect()
}

pub(super) async fn index_of_entry(
    database: &Database,
    number: i64,
    hash: &Hash,
) -> Result<Option<LeafIndex>, StoreError> {
    let sql = "SELECT leaf_index FROM entries WHERE election = $1 AND entry_hash = $2";
    let rows = database.read(sql, &[&number, &hash.0.as_slice()]).await?;
    rows.first().map(|row| unsigned(row.try_get(0)?)).transpose()
}

pub(super) async fn indexes_of_codes(
    database: &Database,
    number: i64,
    codes: &RangeInclusive<Hash>,
) -> Result<Vec<LeafIndex>, StoreError> {
    let sql = "SELECT leaf_index FROM entries WHERE election = $1 AND code BETWEEN $2 AND $3 ORDER BY code LIMIT 2";
    let rows = database.read(sql, &[&number, &codes.start().0.as_slice(), &codes.end().0.as_slice()]).await?;
    rows.iter().map(|row| unsigned(row.try_get(0)?)).collect()
}
