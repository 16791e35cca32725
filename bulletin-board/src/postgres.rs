//! PostgreSQL below both stores: addresses, TLS, connections, migrations. No table is named here.
//!
//! Whatever a connection was lent for either ends well and the connection is lent again, or it is closed: nobody gets one
//! that still waits for an answer. Reads and writes have connections of their own, so that reading goes on while every
//! writer waits for a standby.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use deadpool_postgres::{Timeouts, Transaction};
use tokio::sync::watch;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

mod address;
mod connect;
mod news;
mod schema;
#[cfg(any(test, feature = "contract-tests"))]
pub mod testing;

pub use address::{AddressError, PostgresAddress, without_passwords};
pub use schema::Schema;

/// How long anybody waits for a free connection.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long opening a connection may take, without what is then done with it first: that has bounds of its own.
const CREATE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may take to tell the server's settings.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the client waits for a statement: longer than the server's own `statement_timeout`, which ends it cleanly.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the client waits for a commit. The server has no bound for it: a commit waits for its standby as long as
/// there is none. Shorter than `Limits::answer_timeout`, so that who casts is told 503 and not to come back for a receipt.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(8);
/// Attempts at what another transaction, or a connection that had died before, prevented.
pub(crate) const ATTEMPTS: u32 = 5;
/// Connections that write: an election's sequencer needs one for the length of a commit.
pub(crate) const WRITERS: usize = 4;
/// Connections that read, unless somebody says otherwise.
const READERS: usize = 12;

/// What a statement's parameters are.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Why PostgreSQL did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// An address that can't be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server said no, or the connection broke.
    #[error("{}", describe(.0))]
    Server(#[from] tokio_postgres::Error),
    /// No connection.
    #[error("no connection to the database: {0}")]
    Pool(String),
    /// No answer in time; whether it was done is not known.
    #[error("the database did not answer {what} within {} s", .after.as_secs())]
    Timeout {
        /// What was asked.
        what: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// Tables of a newer program.
    #[error(
        "the database's tables for the {component} have version {found}, this program knows up to {known}: use the \
         newer program"
    )]
    Newer {
        /// Whose tables.
        component: &'static str,
        /// What is there.
        found: i32,
        /// What is known here.
        known: i32,
    },
    /// Nobody made the tables.
    #[error("the database has no tables for the {0}: start the board on it first")]
    NoTables(&'static str),
}

/// The server's own words, with its code; else the chain of causes.
fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(answer) = error.as_db_error() {
        return format!("{} {}: {}", answer.severity(), answer.code().code(), answer.message());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

impl PostgresError {
    fn code(&self) -> Option<&SqlState> {
        if let Self::Server(error) = self { error.code() } else { None }
    }

    /// A constraint says that this is there already.
    pub(crate) fn is_repeated(&self) -> bool {
        self.code() == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Another transaction was in the way: this one was rolled back and may be tried again.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
    }

    /// The connection is gone, or the server is going: another connection may do better. Whether a commit that was under
    /// way took place is not known.
    pub(crate) fn is_disconnected(&self) -> bool {
        match self {
            Self::Server(error) if error.is_closed() => true,
            Self::Server(error) => match error.code() {
                Some(
                    &SqlState::ADMIN_SHUTDOWN
                    | &SqlState::CRASH_SHUTDOWN
                    | &SqlState::CANNOT_CONNECT_NOW
                    | &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                ) => true,
                Some(_) => false,
                None => std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>()),
            },
            _ => false,
        }
    }
}

impl From<PoolError> for PostgresError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Pool(describe(&error)),
            PoolError::PostCreateHook(HookError::Message(text)) => Self::Pool(text.into_owned()),
            other => Self::Pool(other.to_string()),
        }
    }
}

/// A lent connection. Dropped without [`Connection::give_back`] it is closed: an answer may still be under way.
pub(crate) struct Connection(Option<Object>);

fn gone() -> PostgresError {
    PostgresError::Pool("this one was given back".to_owned())
}

impl Connection {
    /// Lets others have it.
    pub(crate) fn give_back(mut self) {
        // Dropped as what it is, the pool has it back.
        drop(self.0.take());
    }

    /// Runs a prepared statement in a transaction of its own.
    pub(crate) async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, PostgresError> {
        let client = self.0.as_ref().ok_or_else(gone)?;
        within("a query", ANSWER_TIMEOUT, async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        })
        .await
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self) -> Result<Open<'_>, PostgresError> {
        let client = self.0.as_mut().ok_or_else(gone)?;
        Ok(Open(within("the beginning of a transaction", ANSWER_TIMEOUT, client.transaction()).await?))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// A transaction under way.
pub(crate) struct Open<'a>(Transaction<'a>);

impl Open<'_> {
    pub(crate) async fn query(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, PostgresError> {
        within("a statement", ANSWER_TIMEOUT, async {
            let statement = self.0.prepare_cached(sql).await?;
            self.0.query(&statement, parameters).await
        })
        .await
    }

    pub(crate) async fn execute(&self, sql: &str, parameters: Parameters<'_>) -> Result<u64, PostgresError> {
        within("a statement", ANSWER_TIMEOUT, async {
            let statement = self.0.prepare_cached(sql).await?;
            self.0.execute(&statement, parameters).await
        })
        .await
    }

    async fn script(&self, sql: &str) -> Result<(), PostgresError> {
        within("a migration", ANSWER_TIMEOUT, self.0.batch_execute(sql)).await
    }

    /// Commits. After an error it is not known whether the transaction took place, unless it
    /// [`is_transient`](PostgresError::is_transient).
    pub(crate) async fn commit(self) -> Result<(), PostgresError> {
        within("a commit (are its standbys there?)", COMMIT_TIMEOUT, self.0.commit()).await
    }

    pub(crate) async fn roll_back(self) -> Result<(), PostgresError> {
        within("a rollback", ANSWER_TIMEOUT, self.0.rollback()).await
    }
}

async fn within<T>(
    what: &'static str,
    after: Duration,
    job: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, PostgresError> {
    match tokio::time::timeout(after, job).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(PostgresError::Timeout { what, after }),
    }
}

/// A database, by its connections.
#[derive(Clone)]
pub struct Database {
    readers: Pool,
    writers: Pool,
    listener: Arc<news::Listener>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

impl Database {
    /// Connects, and refuses a server that would lose what it acknowledged. Clones share the connections.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub async fn connect(address: &PostgresAddress, readers: Option<NonZeroUsize>) -> Result<Self, PostgresError> {
        let count = readers.map_or(READERS, NonZeroUsize::get);
        let (config, connector) = address.connector()?;
        let listener = Arc::new(news::Listener { config, connector });
        let database = Self { readers: pool(address, count)?, writers: pool(address, WRITERS)?, listener };
        // All of them at once: while no standby is there, none can be opened, and reading is to go on.
        let mut opened = Vec::with_capacity(count);
        for _ in 0..count {
            opened.push(database.reader().await?);
        }
        opened.into_iter().for_each(Connection::give_back);
        Ok(database)
    }

    /// Counts up when somebody told something, and whenever that may have been missed.
    pub(crate) fn listen(&self, channel: &'static str) -> watch::Receiver<u64> {
        Arc::clone(&self.listener).start(channel)
    }

    /// Wakes those who listen. After the commit that it is about, in a transaction that writes nothing and waits for
    /// nobody: within it, commits would wait for each other.
    pub(crate) fn tell(&self, channel: &'static str) {
        let writers = self.writers.clone();
        tokio::spawn(async move {
            let Ok(object) = writers.get().await else { return };
            let connection = Connection(Some(object));
            if connection.query("SELECT pg_notify($1, '')", &[&channel]).await.is_ok() {
                connection.give_back();
            }
        });
    }

    async fn reader(&self) -> Result<Connection, PostgresError> {
        Ok(Connection(Some(self.readers.get().await?)))
    }

    /// A connection to write with.
    pub(crate) async fn writer(&self) -> Result<Connection, PostgresError> {
        Ok(Connection(Some(self.writers.get().await?)))
    }

    /// A connection to write with that lived a moment ago: for what must not be tried twice.
    pub(crate) async fn living_writer(&self) -> Result<Connection, PostgresError> {
        let mut dead = 0;
        loop {
            let connection = self.writer().await?;
            match connection.query("SELECT 1", &[]).await {
                Ok(_) => return Ok(connection),
                Err(error) if dead < self.writers.status().max_size && error.is_disconnected() => dead += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// A durable write that changes nothing.
    pub(crate) async fn probe(&self) -> Result<(), PostgresError> {
        self.write(connect::BARRIER, &[]).await.map(drop)
    }

    /// Reads with one statement; again when a connection turns out to have died.
    pub(crate) async fn read(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, PostgresError> {
        query_again(&self.readers, sql, parameters).await
    }

    /// Reads with one statement that may take any time.
    pub(crate) async fn read_slowly(&self, sql: &str) -> Result<Vec<Row>, PostgresError> {
        let connection = self.reader().await?;
        let client = connection.0.as_ref().ok_or_else(gone)?;
        // Not given back: its limit is gone.
        client.batch_execute("SET statement_timeout = 0").await?;
        Ok(client.query(sql, &[]).await?)
    }

    /// Writes with one statement, which is its own transaction. For what may be done twice.
    pub(crate) async fn write(&self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, PostgresError> {
        query_again(&self.writers, sql, parameters).await
    }
}

/// One statement, again when another transaction was in the way or a connection turns out to have died. All connections
/// of the pool may have died together, and the pool sees it only some time later: each of them may be tried once.
async fn query_again(pool: &Pool, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, PostgresError> {
    let mut conflicts = 1;
    let mut dead = 0;
    loop {
        let connection = Connection(Some(pool.get().await?));
        match connection.query(sql, parameters).await {
            Ok(rows) => {
                connection.give_back();
                return Ok(rows);
            }
            Err(error) if conflicts < ATTEMPTS && error.is_transient() => conflicts += 1,
            Err(error) if dead < pool.status().max_size && error.is_disconnected() => dead += 1,
            Err(error) => return Err(error),
        }
    }
}

fn pool(address: &PostgresAddress, size: usize) -> Result<Pool, PostgresError> {
    let (config, connector) = address.connector()?;
    // Whether a connection still lives shows when it is used; everything that may be repeated is.
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(config, connector, manager);
    let timeouts = Timeouts { wait: Some(WAIT_TIMEOUT), create: Some(CREATE_TIMEOUT), recycle: Some(WAIT_TIMEOUT) };
    let look = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { connect::look_at(client).await.map_err(HookError::message) })
    });
    let pool = Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).post_create(look);
    pool.build().map_err(|e| PostgresError::Pool(e.to_string()))
}
