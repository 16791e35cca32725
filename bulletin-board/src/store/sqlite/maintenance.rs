//! Backup of a file, and checks of it as a file; both beside a board that serves it.

use std::path::Path;

use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::queries::INDEX_BITS;
use super::{SqliteStore, schema};
use crate::store::StoreError;

/// What must be true of the rows of each election: counts and what they must equal.
const ROWS: &[(&str, &str)] = &[
    (
        "an election has not as many entries as its size says",
        "SELECT id FROM elections WHERE tree_size <> (SELECT count(*) FROM leaves
         WHERE position >= number << ?1 AND position < (number + 1) << ?1)",
    ),
    (
        "an election has not as many rows of tree hashes as its size says",
        "SELECT id FROM elections WHERE tree_size <> (SELECT count(*) FROM hashes
         WHERE position >= number << ?1 AND position < (number + 1) << ?1)",
    ),
    (
        "an election has not as many hashes of entries as its size says",
        "SELECT id FROM elections WHERE tree_size <> (SELECT count(*) FROM entry_hashes
         WHERE election = number) AND ?1 = ?1",
    ),
    (
        "an election has a confirmation code beyond its size",
        "SELECT id FROM elections WHERE ?1 = ?1 AND EXISTS (SELECT 1 FROM codes
         WHERE election = number AND leaf_index >= tree_size)",
    ),
    (
        "an election's newest checkpoint is not of its size",
        "SELECT id FROM elections WHERE tree_size <> (SELECT max(position) - (number << ?1) FROM checkpoints
         WHERE position >= number << ?1 AND position < (number + 1) << ?1)",
    ),
];

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Backend(Box::new(error))
}

impl SqliteStore {
    /// Writes a copy of the file at `path` as it stands now, whole and flushed, to a new file. Blocks; readers and the
    /// writer go on meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Backend`], also when `out` exists; [`StoreError::Damaged`] when the copy does not pass
    /// [`SqliteStore::check_file`].
    pub fn backup(path: &Path, out: &Path) -> Result<(), StoreError> {
        let folder = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // One read transaction: SQLite's backup interface would begin again with every commit of another process.
        let copy = NamedTempFile::with_prefix_in(".veritally-backup.", folder).map_err(failed)?;
        let source = schema::connect(path, schema::Access::Read)?;
        source.execute("VACUUM INTO ?1", [copy.path().to_string_lossy()])?;
        copy.as_file().sync_all().map_err(failed)?;
        Self::check_file(copy.path())?;
        copy.persist_noclobber(out).map_err(|e| failed(e.error))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Checks a file as a database, and that its tables fit each other in number. What is in them, `fsck` checks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Backend`].
    pub fn check_file(path: &Path) -> Result<(), StoreError> {
        let mut connection = schema::connect(path, schema::Access::Read)?;
        schema::expect_present(&connection)?;
        // One view of all tables.
        let transaction = connection.transaction()?;
        let report: String = transaction.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if report != "ok" {
            return Err(StoreError::Damaged(report));
        }
        for (what, query) in ROWS {
            if let Some(id) = first(&transaction, query)? {
                return Err(StoreError::Damaged(format!("{what}: {id}")));
            }
        }
        Ok(())
    }
}

fn first(connection: &Connection, query: &str) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([INDEX_BITS])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}
