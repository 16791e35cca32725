//! `veritally-board serve`: a folder, a listener, the routes, and an orderly end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use veritally_board_api::files::{FileError, Ready};

use crate::board::{Board, BoardError};
use crate::clock::SystemClock;
use crate::data_dir::{DataDir, DataDirError};
use crate::election::{Environment, Limits};
use crate::http::server::{Plain, ServerLimits, serve};
use crate::http::{Context, routes};
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

/// File descriptors that are not connections: database, standard streams, reserve.
const RESERVED_FILES: u64 = 128;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The board's folder.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The board's name; needed on the first start.
    pub name: Option<String>,
    /// Written once the board listens.
    pub ready_file: Option<PathBuf>,
    /// Bounds of the elections.
    pub limits: Limits,
    /// Bounds of the server.
    pub server_limits: ServerLimits,
}

/// Why a board can't serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error("the database {}: {source}", path.display())]
    Store {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: StoreError,
    },
    /// The elections.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The address.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The ready file.
    #[error(transparent)]
    Ready(#[from] FileError),
}

/// Serves until `shutdown` ends, then finishes what was accepted.
///
/// # Errors
/// [`ServeError`] before the board listens; nothing afterwards.
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
    let data = DataDir::open(&options.data, options.name.as_deref())?;
    let store_error = |path: &Path| {
        let path = path.to_owned();
        move |source| ServeError::Store { path, source }
    };
    let store = SqliteStore::open(&data.database).map_err(store_error(&data.database))?;
    let environment = Environment {
        store: Arc::new(store),
        log_key: Arc::clone(&data.log_key),
        clock: Arc::new(SystemClock),
        limits: options.limits,
    };
    let board = Arc::new(Board::open(environment, &data.name).await?);
    let listen_error = |source| ServeError::Listen { address: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let (down, going_down) = watch::channel(false);
    let context = Context {
        board: Arc::clone(&board),
        operator_token: Arc::clone(&data.operator_token),
        shutdown: going_down.clone(),
    };
    tracing::info!(%address, name = data.name, "the board listens");
    if let Some(path) = &options.ready_file {
        Ready::new(address).write(path)?;
    }
    tokio::spawn(async move {
        shutdown.await;
        tracing::info!("shutting down: finishing what was accepted");
        down.send_replace(true);
    });
    let limits = with_file_limit(options.server_limits);
    serve(listener, Plain, routes(&context), limits, going_down).await;
    board.close().await;
    tracing::info!("the board has stopped");
    Ok(())
}

/// Raises the number of files that may be open as far as the system lets us, and takes no more connections than fit.
fn with_file_limit(mut limits: ServerLimits) -> ServerLimits {
    let wanted = limits.connections as u64 + RESERVED_FILES;
    let files = rlimit::increase_nofile_limit(wanted).unwrap_or(1_024);
    let fitting = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX).max(16);
    if fitting < limits.connections {
        tracing::warn!(connections = fitting, "fewer connections than configured: the limit of open files is low");
        limits.connections = fitting;
    }
    limits
}

/// Ends on SIGTERM or SIGINT.
///
/// # Errors
/// When the system lets no handler be installed.
pub fn signals() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
