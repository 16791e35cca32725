//! One connection: TLS, the watch over it, and a look at what the server promises.

use std::future::poll_fn;
use std::pin::Pin;

use deadpool_postgres::Connect;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{COMMIT_TIMEOUT, LOOK_TIMEOUT};

/// The oldest server that knows all settings that a connection asks for, and that tests run against.
const OLDEST_SERVER: i32 = 150_000;

/// A commit that leaves a record in the write-ahead log and no trace in any table. After a primary was restarted, it shows
/// commits that no standby has; once a standby confirms this one, it has all that were visible before. Whoever serves
/// something else could show a log that is gone after a failover.
pub(super) const BARRIER: &str = "SELECT pg_logical_emit_message(true, 'veritally', '')";

/// The server's function that waits for standbys; all that it has to tell is that a wait was cut short. Its name is in
/// every notice, whatever language the server speaks.
const SYNC_WAIT: &str = "SyncRepWaitForLSN";

/// How connections are opened.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Option<MakeRustlsConnect>);

type Connected = Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            match self.0.clone() {
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    Ok((client, tokio::spawn(attend(connection))))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    Ok((client, tokio::spawn(attend(connection))))
                }
            }
        })
    }
}

/// Moves a connection's bytes until it ends. A commit whose wait for a standby is cut short (`pg_cancel_backend`) is
/// reported as done, with a warning beside it: the connection ends there, so that the commit's outcome is unknown.
async fn attend<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) if notice.routine() == Some(SYNC_WAIT) => {
                tracing::error!(notice = notice.message(), "a commit is not known to be on a standby");
                return;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = super::describe(&error), "a connection to the database broke");
                return;
            }
        }
    }
}

/// What is done with each new connection before anybody uses it.
pub(super) async fn look_at(client: &Client) -> Result<(), String> {
    match tokio::time::timeout(LOOK_TIMEOUT, expect_durable(client)).await {
        Ok(result) => result?,
        Err(_) => return Err("the database accepts connections and does not answer".to_owned()),
    }
    match tokio::time::timeout(COMMIT_TIMEOUT, client.simple_query(BARRIER)).await {
        Ok(result) => result.map(drop).map_err(|e| super::describe(&e)),
        Err(_) => Err("no standby confirms what the database has committed; is one running?".to_owned()),
    }
}

/// Refuses a server on which an acknowledged entry could get lost.
async fn expect_durable(client: &Client) -> Result<(), String> {
    let sql = "SELECT current_setting('synchronous_commit'), current_setting('fsync'), \
               current_setting('full_page_writes'), current_setting('server_version_num'), \
               current_setting('server_encoding')";
    let row = client.query_one(sql, &[]).await.map_err(|e| super::describe(&e))?;
    let text = |column: usize| row.try_get::<_, String>(column).map_err(|e| super::describe(&e));
    let synchronous_commit = text(0)?;
    if !matches!(synchronous_commit.as_str(), "on" | "remote_apply") {
        return Err(format!(
            "the database has synchronous_commit = {synchronous_commit} for this user: acknowledged ballots could get \
             lost; set it to on or remote_apply"
        ));
    }
    for (column, name) in [(1, "fsync"), (2, "full_page_writes")] {
        if text(column)? != "on" {
            return Err(format!(
                "the database runs with {name} = off: acknowledged ballots could get lost; set it to on"
            ));
        }
    }
    let version = text(3)?;
    if version.parse::<i32>().unwrap_or(0) < OLDEST_SERVER {
        return Err(format!("the database server has version number {version}; PostgreSQL 15 or newer is needed"));
    }
    let encoding = text(4)?;
    if encoding != "UTF8" {
        return Err(format!("the database's encoding is {encoding}: make it with ENCODING 'UTF8'"));
    }
    Ok(())
}
