//! The dashboard's things in tables of their own, in the logs' database or another one.

use async_trait::async_trait;
use tokio_postgres::Row;
use veritally_crypto::hash::Hash;

use super::{Account, Activity, AdminStore, AdminStoreError, Kind, Role, SESSION_SWEEP_MS, Session};
use crate::postgres::{Database, Parameters, PostgresError, Schema};

/// The tables of the dashboard.
const SCHEMA: Schema = Schema { component: "dashboard", migrations: &[include_str!("postgres/0001.sql")] };

const ACCOUNT: &str = "SELECT name, role, password, totp_secret, disabled, created_ms FROM admin_account";

impl From<PostgresError> for AdminStoreError {
    fn from(error: PostgresError) -> Self {
        match error {
            PostgresError::Newer { .. } | PostgresError::NoTables(_) => Self::Damaged(error.to_string()),
            other => Self::Backend(Box::new(other)),
        }
    }
}

impl From<tokio_postgres::Error> for AdminStoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        PostgresError::from(error).into()
    }
}

/// A database; several nodes share one dashboard.
#[derive(Debug, Clone)]
pub struct PostgresAdminStore(Database);

/// For columns: no number here comes near 2^63.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> Result<u64, AdminStoreError> {
    u64::try_from(value).map_err(|_| AdminStoreError::Damaged(format!("{value} is negative")))
}

fn account(row: &Row) -> Result<Account, AdminStoreError> {
    let role: String = row.try_get(1)?;
    Ok(Account {
        name: row.try_get(0)?,
        // What is not known may do the least.
        role: Role::parse(&role).unwrap_or(Role::Observer),
        password: row.try_get(2)?,
        totp_secret: row.try_get(3)?,
        disabled: row.try_get(4)?,
        created_ms: unsigned(row.try_get(5)?)?,
    })
}

fn activity(row: &Row) -> Result<Activity, AdminStoreError> {
    Ok(Activity {
        number: unsigned(row.try_get(0)?)?,
        time_ms: unsigned(row.try_get(1)?)?,
        account: row.try_get(2)?,
        action: row.try_get(3)?,
        election: row.try_get(4)?,
        detail: row.try_get(5)?,
        address: row.try_get(6)?,
    })
}

impl PostgresAdminStore {
    /// Makes the tables, or brings them up to date.
    ///
    /// # Errors
    /// [`AdminStoreError`].
    pub async fn on(database: Database) -> Result<Self, AdminStoreError> {
        SCHEMA.migrate(&database).await?;
        Ok(Self(database))
    }

    /// One statement, on a connection that lives, that is not tried twice: what is done once must not be found done by its repetition.
    async fn once(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, AdminStoreError> {
        let connection = self.0.living_writer().await?;
        let rows = connection.query(sql, parameters).await?;
        connection.give_back();
        Ok(rows)
    }
}

#[async_trait]
impl AdminStore for PostgresAdminStore {
    async fn accounts(&self) -> Result<Vec<Account>, AdminStoreError> {
        self.0.read(&format!("{ACCOUNT} ORDER BY name"), &[]).await?.iter().map(account).collect()
    }

    async fn account(&self, name: &str) -> Result<Option<Account>, AdminStoreError> {
        self.0.read(&format!("{ACCOUNT} WHERE name = $1"), &[&name]).await?.first().map(account).transpose()
    }

    async fn add_account(&self, new: Account) -> Result<(), AdminStoreError> {
        let sql = "INSERT INTO admin_account (name, role, password, totp_secret, disabled, created_ms)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING name";
        let (role, created_ms) = (new.role.name(), integer(new.created_ms));
        let parameters: Parameters<'_> =
            &[&new.name, &role, &new.password, &new.totp_secret, &new.disabled, &created_ms];
        let added = self.once(sql, parameters).await?;
        if added.is_empty() { Err(AdminStoreError::Exists(new.name)) } else { Ok(()) }
    }

    async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminStoreError> {
        let sql = "WITH ended AS (DELETE FROM admin_session WHERE account = $1)
                   UPDATE admin_account SET disabled = $2 WHERE name = $1";
        self.0.write(sql, &[&name, &disabled]).await?;
        Ok(())
    }

    async fn renew_account(&self, name: &str, password: &str, totp_secret: Vec<u8>) -> Result<(), AdminStoreError> {
        let sql = "WITH ended AS (DELETE FROM admin_session WHERE account = $1)
                   UPDATE admin_account SET password = $2, totp_secret = $3, totp_step = 0, disabled = false
                   WHERE name = $1";
        self.0.write(sql, &[&name, &password, &totp_secret]).await?;
        Ok(())
    }

    async fn use_totp_step(&self, name: &str, step: u64) -> Result<bool, AdminStoreError> {
        let sql = "UPDATE admin_account SET totp_step = $2 WHERE name = $1 AND totp_step < $2 RETURNING name";
        Ok(!self.once(sql, &[&name, &integer(step)]).await?.is_empty())
    }

    async fn add_session(&self, new: Session) -> Result<(), AdminStoreError> {
        let oldest = integer(new.created_ms.saturating_sub(SESSION_SWEEP_MS));
        self.0.write("DELETE FROM admin_session WHERE seen_ms < $1", &[&oldest]).await?;
        let sql = "INSERT INTO admin_session (token, account, csrf, created_ms, seen_ms) VALUES ($1, $2, $3, $4, $5)";
        let (created_ms, seen_ms) = (integer(new.created_ms), integer(new.seen_ms));
        self.once(sql, &[&new.token.0.as_slice(), &new.account, &new.csrf, &created_ms, &seen_ms]).await?;
        Ok(())
    }

    async fn session(&self, token: &Hash, seen_ms: u64) -> Result<Option<Session>, AdminStoreError> {
        // The row as it was before, and its update, in one statement.
        let sql = "WITH seen AS (UPDATE admin_session SET seen_ms = greatest(seen_ms, $2) WHERE token = $1)
                   SELECT account, csrf, created_ms, seen_ms FROM admin_session WHERE token = $1";
        let rows = self.0.write(sql, &[&token.0.as_slice(), &integer(seen_ms)]).await?;
        let read = |row: &Row| {
            let (account, csrf) = (row.try_get(0)?, row.try_get(1)?);
            let (created_ms, seen_ms) = (unsigned(row.try_get(2)?)?, unsigned(row.try_get(3)?)?);
            Ok(Session { token: *token, account, csrf, created_ms, seen_ms })
        };
        rows.first().map(read).transpose()
    }

    async fn end_session(&self, token: &Hash) -> Result<(), AdminStoreError> {
        self.0.write("DELETE FROM admin_session WHERE token = $1", &[&token.0.as_slice()]).await?;
        Ok(())
    }

    async fn note(&self, new: Activity) -> Result<(), AdminStoreError> {
        let sql = "INSERT INTO admin_activity (time_ms, account, action, election, detail, address)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let time_ms = integer(new.time_ms);
        self.once(sql, &[&time_ms, &new.account, &new.action, &new.election, &new.detail, &new.address]).await?;
        Ok(())
    }

    async fn activity(&self, before: u64, election: Option<&str>, most: u64) -> Result<Vec<Activity>, AdminStoreError> {
        let sql = "SELECT number, time_ms, account, action, election, detail, address FROM admin_activity
                   WHERE number < $1 AND ($2::text IS NULL OR election = $2) ORDER BY number DESC LIMIT $3";
        let rows = self.0.read(sql, &[&integer(before), &election, &integer(most)]).await?;
        rows.iter().map(activity).collect()
    }

    async fn put(&self, kind: Kind, key: &str, bytes: Vec<u8>, time_ms: u64) -> Result<(), AdminStoreError> {
        let sql = "INSERT INTO admin_document (kind, key, bytes, time_ms) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (kind, key) DO UPDATE SET bytes = excluded.bytes, time_ms = excluded.time_ms";
        self.0.write(sql, &[&kind.name(), &key, &bytes, &integer(time_ms)]).await?;
        Ok(())
    }

    async fn find(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError> {
        let sql = "SELECT bytes FROM admin_document WHERE kind = $1 AND key = $2";
        let rows = self.0.read(sql, &[&kind.name(), &key]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(String, Vec<u8>)>, AdminStoreError> {
        let sql = "SELECT key, bytes FROM admin_document WHERE kind = $1 ORDER BY time_ms DESC, key";
        let rows = self.0.read(sql, &[&kind.name()]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    async fn take(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError> {
        let sql = "DELETE FROM admin_document WHERE kind = $1 AND key = $2 RETURNING bytes";
        let rows = self.once(sql, &[&kind.name(), &key]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    async fn exchange(
        &self,
        kind: Kind,
        key: &str,
        expected: Option<&[u8]>,
        bytes: Vec<u8>,
        time_ms: u64,
    ) -> Result<bool, AdminStoreError> {
        let (kind, time_ms) = (kind.name(), integer(time_ms));
        let changed = match expected {
            Some(expected) => {
                let sql = "UPDATE admin_document SET bytes = $3, time_ms = $4 WHERE kind = $1 AND key = $2
                           AND bytes = $5 RETURNING key";
                self.once(sql, &[&kind, &key, &bytes, &time_ms, &expected]).await?
            }
            None => {
                let sql = "INSERT INTO admin_document (kind, key, bytes, time_ms) VALUES ($1, $2, $3, $4)
                           ON CONFLICT DO NOTHING RETURNING key";
                self.once(sql, &[&kind, &key, &bytes, &time_ms]).await?
            }
        };
        Ok(!changed.is_empty())
    }

    async fn count(&self, kind: Kind, prefix: &str) -> Result<u64, AdminStoreError> {
        let sql = "SELECT count(*) FROM admin_document WHERE kind = $1 AND starts_with(key, $2)";
        let rows = self.0.read(sql, &[&kind.name(), &prefix]).await?;
        unsigned(rows.first().map_or(Ok(0), |row| row.try_get(0))?)
    }

    async fn clear(&self, kind: Kind, prefix: &str) -> Result<(), AdminStoreError> {
        let sql = "DELETE FROM admin_document WHERE kind = $1 AND starts_with(key, $2)";
        self.0.write(sql, &[&kind.name(), &prefix]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::admin_store::contract;
    use crate::postgres::testing::scratch;

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres_keeps_the_contract_of_the_dashboard() {
        let Some(_) = scratch().await else { return };
        contract::run_all(async || {
            let database = Database::connect(&scratch().await.unwrap().address, None).await.unwrap();
            PostgresAdminStore::on(database).await.unwrap()
        })
        .await;
    }

    /// Nothing of this is tried twice, so it must not be tried on a connection that died while nobody used it.
    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_done_once_survives_the_loss_of_connections() {
        let Some(scratch) = scratch().await else { return };
        let store = PostgresAdminStore::on(Database::connect(&scratch.address, None).await.unwrap()).await.unwrap();
        let new = |name: &str| Account {
            name: name.to_owned(),
            role: Role::Observer,
            password: String::new(),
            totp_secret: Vec::new(),
            disabled: false,
            created_ms: 1,
        };
        for name in ["ada", "bea", "eve"] {
            store.add_account(new(name)).await.unwrap();
            let end =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND state = 'idle'";
            scratch.client.execute(end, &[&scratch.schema]).await.unwrap();
        }
        assert_eq!(store.accounts().await.unwrap().len(), 3);
    }
}
