//! Opening a file: pragmas in one place, numbered migrations.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// Migration n brings a file from `user_version` n − 1 to n. Never change one that was released: add another.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql"), include_str!("migrations/0002.sql")];

/// How long a connection waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of each connection in KiB; negative by SQLite's convention.
const CACHE_KIB: i64 = -16 << 10;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

pub(super) fn connect(path: &Path, access: Access) -> Result<Connection, StoreError> {
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    if access == Access::Write {
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Every commit is flushed: what was acknowledged survives the loss of power.
        connection.pragma_update(None, "synchronous", "full")?;
    }
    Ok(connection)
}

/// That a file has the present schema: for those who only read.
pub(super) fn expect_present(connection: &Connection) -> Result<(), StoreError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version as usize == MIGRATIONS.len() {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "the file has schema version {version}, this program reads {}: start the board of this version on it, or use \
         the program of that version",
        MIGRATIONS.len()
    )))
}

pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version as usize > MIGRATIONS.len() {
        return Err(StoreError::Damaged(format!(
            "the file has schema version {version}, this program knows up to {}: use the newer program",
            MIGRATIONS.len()
        )));
    }
    for (number, migration) in (1i64..).zip(MIGRATIONS).skip(version as usize) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    Ok(transaction.commit()?)
}
