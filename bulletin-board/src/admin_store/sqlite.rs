//! The dashboard's things in an SQLite file of their own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use veritally_crypto::hash::Hash;

use super::{Account, Activity, AdminStore, AdminStoreError, Kind, Role, SESSION_SWEEP_MS, Session};

/// Migration n brings a file from `user_version` n − 1 to n. Never change one that was released: add another.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];
/// How long a connection waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl From<rusqlite::Error> for AdminStoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// A database file. A few people use it: one connection is enough.
#[derive(Clone)]
pub struct SqliteAdminStore(Arc<Mutex<Connection>>);

impl SqliteAdminStore {
    /// Opens a file, or makes a new one that only its owner can read.
    ///
    /// # Errors
    /// [`AdminStoreError`].
    pub fn open(path: &Path) -> Result<Self, AdminStoreError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let open = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        open.map_err(|e| AdminStoreError::Backend(Box::new(e)))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        // A voter list that is deleted is gone from the file, too.
        connection.pragma_update(None, "secure_delete", true)?;
        migrate(&mut connection)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Writes a copy of the file at `path` as it stands now, whole, flushed and for its owner only, to a new file. What was
    /// deleted is not in it. Blocks; a board may go on using the file.
    ///
    /// # Errors
    /// [`AdminStoreError::Backend`], also when `out` exists.
    pub fn backup(path: &Path, out: &Path) -> Result<(), AdminStoreError> {
        let failed = |error: std::io::Error| AdminStoreError::Backend(Box::new(error));
        let folder = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let copy = tempfile::NamedTempFile::with_prefix_in(".veritally-backup.", folder).map_err(failed)?;
        let source = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        source.busy_timeout(BUSY_TIMEOUT)?;
        source.execute("VACUUM INTO ?1", [copy.path().to_string_lossy()])?;
        copy.as_file().sync_all().map_err(failed)?;
        copy.persist_noclobber(out).map_err(|e| failed(e.error))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, AdminStoreError> + Send + 'static,
    ) -> Result<T, AdminStoreError> {
        let connection = Arc::clone(&self.0);
        let work = move || job(&mut connection.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(|e| AdminStoreError::Backend(Box::new(e)))?
    }
}

fn migrate(connection: &mut Connection) -> Result<(), AdminStoreError> {
    let transaction = connection.transaction()?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version as usize > MIGRATIONS.len() {
        let known = MIGRATIONS.len();
        let text = format!("schema version {version}, this program knows up to {known}: use the newer program");
        return Err(AdminStoreError::Damaged(text));
    }
    for (number, migration) in (1i64..).zip(MIGRATIONS).skip(version as usize) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    Ok(transaction.commit()?)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let role: String = row.get(1)?;
    Ok(Account {
        name: row.get(0)?,
        // What is not known may do the least.
        role: Role::parse(&role).unwrap_or(Role::Observer),
        password: row.get(2)?,
        totp_secret: row.get(3)?,
        disabled: row.get(4)?,
        created_ms: row.get(5)?,
    })
}

const ACCOUNT: &str = "SELECT name, role, password, totp_secret, disabled, created_ms FROM account";

#[async_trait]
impl AdminStore for SqliteAdminStore {
    async fn accounts(&self) -> Result<Vec<Account>, AdminStoreError> {
        self.run(|connection| {
            let mut query = connection.prepare_cached(&format!("{ACCOUNT} ORDER BY name"))?;
            Ok(query.query_map([], account)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, AdminStoreError> {
        let name = name.to_owned();
        self.run(move |connection| {
            Ok(connection.query_row(&format!("{ACCOUNT} WHERE name = ?1"), [name], account).optional()?)
        })
        .await
    }

    async fn add_account(&self, new: Account) -> Result<(), AdminStoreError> {
        self.run(move |connection| {
            let added = connection.execute(
                "INSERT INTO account (name, role, password, totp_secret, disabled, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                params![new.name, new.role.name(), new.password, new.totp_secret, new.disabled, new.created_ms],
            )?;
            if added == 1 { Ok(()) } else { Err(AdminStoreError::Exists(new.name)) }
        })
        .await
    }

    async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminStoreError> {
        let name = name.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute("UPDATE account SET disabled = ?2 WHERE name = ?1", params![name, disabled])?;
            transaction.execute("DELETE FROM session WHERE account = ?1", [&name])?;
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn renew_account(&self, name: &str, password: &str, totp_secret: Vec<u8>) -> Result<(), AdminStoreError> {
        let (name, password) = (name.to_owned(), password.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "UPDATE account SET password = ?2, totp_secret = ?3, totp_step = 0, disabled = 0 WHERE name = ?1",
                params![name, password, totp_secret],
            )?;
            transaction.execute("DELETE FROM session WHERE account = ?1", [&name])?;
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn use_totp_step(&self, name: &str, step: u64) -> Result<bool, AdminStoreError> {
        let name = name.to_owned();
        self.run(move |connection| {
            let sql = "UPDATE account SET totp_step = ?2 WHERE name = ?1 AND totp_step < ?2";
            Ok(connection.execute(sql, params![name, step])? == 1)
        })
        .await
    }

    async fn add_session(&self, new: Session) -> Result<(), AdminStoreError> {
        self.run(move |connection| {
            let oldest = new.created_ms.saturating_sub(SESSION_SWEEP_MS);
            connection.execute("DELETE FROM session WHERE seen_ms < ?1", [oldest])?;
            connection.execute(
                "INSERT INTO session (token, account, csrf, created_ms, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![new.token.0, new.account, new.csrf, new.created_ms, new.seen_ms],
            )?;
            Ok(())
        })
        .await
    }

    async fn session(&self, token: &Hash, seen_ms: u64) -> Result<Option<Session>, AdminStoreError> {
        let token = *token;
        self.run(move |connection| {
            let sql = "SELECT account, csrf, created_ms, seen_ms FROM session WHERE token = ?1";
            let read = |row: &Row<'_>| {
                let (account, csrf, created_ms) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Session { token, account, csrf, created_ms, seen_ms: row.get(3)? })
            };
            let found = connection.query_row(sql, [token.0], read).optional()?;
            if found.is_some() {
                connection.execute(
                    "UPDATE session SET seen_ms = max(seen_ms, ?2) WHERE token = ?1",
                    params![token.0, seen_ms],
                )?;
            }
            Ok(found)
        })
        .await
    }

    async fn end_session(&self, token: &Hash) -> Result<(), AdminStoreError> {
        let token = *token;
        self.run(move |connection| {
            connection.execute("DELETE FROM session WHERE token = ?1", [token.0])?;
            Ok(())
        })
        .await
    }

    async fn note(&self, new: Activity) -> Result<(), AdminStoreError> {
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO activity (time_ms, account, action, election, detail, address)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![new.time_ms, new.account, new.action, new.election, new.detail, new.address],
            )?;
            Ok(())
        })
        .await
    }

    async fn activity(&self, before: u64, election: Option<&str>, most: u64) -> Result<Vec<Activity>, AdminStoreError> {
        let election = election.map(str::to_owned);
        self.run(move |connection| {
            let mut query = connection.prepare_cached(
                "SELECT number, time_ms, account, action, election, detail, address FROM activity
                 WHERE number < ?1 AND (?2 IS NULL OR election = ?2) ORDER BY number DESC LIMIT ?3",
            )?;
            let read = |row: &Row<'_>| {
                Ok(Activity {
                    number: row.get(0)?,
                    time_ms: row.get(1)?,
                    account: row.get(2)?,
                    action: row.get(3)?,
                    election: row.get(4)?,
                    detail: row.get(5)?,
                    address: row.get(6)?,
                })
            };
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            Ok(query.query_map(params![before, election, most], read)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn put(&self, kind: Kind, key: &str, bytes: Vec<u8>, time_ms: u64) -> Result<(), AdminStoreError> {
        let key = key.to_owned();
        self.run(move |connection| {
            connection.execute(
                "INSERT INTO document (kind, key, bytes, time_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (kind, key) DO UPDATE SET bytes = ?3, time_ms = ?4",
                params![kind.name(), key, bytes, time_ms],
            )?;
            Ok(())
        })
        .await
    }

    async fn find(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError> {
        let key = key.to_owned();
        self.run(move |connection| {
            let sql = "SELECT bytes FROM document WHERE kind = ?1 AND key = ?2";
            Ok(connection.query_row(sql, params![kind.name(), key], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(String, Vec<u8>)>, AdminStoreError> {
        self.run(move |connection| {
            let sql = "SELECT key, bytes FROM document WHERE kind = ?1 ORDER BY time_ms DESC, key";
            let mut query = connection.prepare_cached(sql)?;
            let rows = query.query_map([kind.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn take(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError> {
        let key = key.to_owned();
        self.run(move |connection| {
            let sql = "DELETE FROM document WHERE kind = ?1 AND key = ?2 RETURNING bytes";
            Ok(connection.query_row(sql, params![kind.name(), key], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn exchange(
        &self,
        kind: Kind,
        key: &str,
        expected: Option<&[u8]>,
        bytes: Vec<u8>,
        time_ms: u64,
    ) -> Result<bool, AdminStoreError> {
        let (key, expected) = (key.to_owned(), expected.map(<[u8]>::to_vec));
        self.run(move |connection| {
            let changed = match expected {
                Some(expected) => connection.execute(
                    "UPDATE document SET bytes = ?3, time_ms = ?4 WHERE kind = ?1 AND key = ?2 AND bytes = ?5",
                    params![kind.name(), key, bytes, time_ms, expected],
                )?,
                None => connection.execute(
                    "INSERT INTO document (kind, key, bytes, time_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                    params![kind.name(), key, bytes, time_ms],
                )?,
            };
            Ok(changed == 1)
        })
        .await
    }

    async fn count(&self, kind: Kind, prefix: &str) -> Result<u64, AdminStoreError> {
        let prefix = prefix.to_owned();
        self.run(move |connection| {
            let sql = format!("SELECT count(*) FROM document WHERE {BEGINS}");
            Ok(connection.query_row(&sql, params![kind.name(), prefix, LAST], |row| row.get(0))?)
        })
        .await
    }

    async fn clear(&self, kind: Kind, prefix: &str) -> Result<(), AdminStoreError> {
        let prefix = prefix.to_owned();
        self.run(move |connection| {
            connection.execute(&format!("DELETE FROM document WHERE {BEGINS}"), params![kind.name(), prefix, LAST])?;
            Ok(())
        })
        .await
    }
}

/// Documents of kind ?1 whose keys begin with ?2, found by the primary key; ?3 is [`LAST`].
const BEGINS: &str = "kind = ?1 AND key >= ?2 AND key < ?2 || ?3";
/// Comes after every other character.
const LAST: &str = "\u{10FFFF}";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::admin_store::contract;

    fn open() -> (tempfile::TempDir, SqliteAdminStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteAdminStore::open(&directory.path().join("admin.db")).unwrap();
        (directory, store)
    }

    #[tokio::test]
    async fn sqlite_keeps_the_contract_of_the_dashboard() {
        let mut opened = Vec::new();
        contract::run_all(async || {
            let (directory, store) = open();
            opened.push(directory);
            store
        })
        .await;
    }

    #[tokio::test]
    async fn a_file_of_a_newer_program_is_refused() {
        let (directory, store) = open();
        drop(store);
        let path = directory.path().join("admin.db");
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(SqliteAdminStore::open(&path), Err(AdminStoreError::Damaged(_))));
    }
}
