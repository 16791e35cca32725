//! `veritally-board serve`: a folder, a listener, the routes, and an orderly end.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use veritally_board_api::files::{FileError, Ready};
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::admin_store::{AdminStore, AdminStoreError};
use crate::board::{Board, BoardError};
use crate::clock::SystemClock;
use crate::config::{ConfigError, Settings, Time, WitnessAddress, networks};
use crate::data_dir::{DataDir, DataDirError};
use crate::election::{Environment, Limits, Sharing};
use crate::health::{self, ClockWatch};
use crate::http::address::{AddressLimits, Forwarders};
use crate::http::server::{Edge, Plain, ServerLimits, serve};
use crate::http::tls::{Tls, TlsError, TlsFiles};
use crate::http::{Context, Outside, private_routes, routes};
use crate::mailer::{MailSettings, Mailer, MailerError};
use crate::metrics::Metrics;
use crate::replay::ReplayError;
use crate::storage::{Storage, StorageError};
use crate::web::Dashboard;
use crate::witnesses::{self, WitnessError, Witnessing};

/// Where to listen unless somebody says otherwise.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8_480);
/// File descriptors that are not connections: database, standard streams, reserve.
const RESERVED_FILES: u64 = 128;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// The board's folder.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen for who collects metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// The board's name; needed on the first start.
    pub name: Option<String>,
    /// Where logs are kept.
    pub storage: Storage,
    /// Connections to it that read.
    pub store_connections: Option<NonZeroUsize>,
    /// Written once the board listens.
    pub ready_file: Option<PathBuf>,
    /// TLS, or plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies that are believed.
    pub forwarders: Forwarders,
    /// Where witnesses are.
    pub witnesses: Vec<WitnessAddress>,
    /// Shortest time between two checkpoints for witnesses.
    pub witness_interval: Duration,
    /// Where voters' one-time codes are sent.
    pub mail: Option<MailSettings>,
    /// Bounds of the elections.
    pub limits: Limits,
    /// Bounds of the server.
    pub server_limits: ServerLimits,
    /// Bounds by address.
    pub address_limits: AddressLimits,
}

impl Options {
    /// From settings.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            data: settings.data()?,
            listen: settings.listen.unwrap_or(DEFAULT_LISTEN),
            metrics_listen: settings.metrics_listen,
            name: settings.name.clone(),
            storage: settings.storage()?,
            store_connections: settings.store_connections,
            ready_file: settings.ready_file.clone(),
            tls: settings.tls()?,
            forwarders: Forwarders::new(networks(settings.trusted_proxies.as_deref().unwrap_or_default())),
            witnesses: settings.witnesses.clone().unwrap_or_default(),
            witness_interval: settings.witness_interval.map_or(witnesses::INTERVAL, |Time(time)| time),
            mail: settings.mail()?,
            limits: Limits::default(),
            server_limits: settings.server_limits(),
            address_limits: settings.address_limits(),
        })
    }
}

/// Why a board can't serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The databases.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The dashboard's database.
    #[error(transparent)]
    Dashboard(#[from] AdminStoreError),
    /// The elections.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// A name for this node.
    #[error(transparent)]
    Node(#[from] ReplayError),
    /// Mail.
    #[error(transparent)]
    Mail(#[from] MailerError),
    /// The client for witnesses.
    #[error(transparent)]
    Witnesses(#[from] WitnessError),
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
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

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let error = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

/// Prints the link for the first account of the dashboard at `origin`, as long as there is none. Warns where there should be
/// one (`expected`).
async fn offer_first_account(dashboard: &Dashboard, origin: &str, expected: bool) -> Result<(), ServeError> {
    let Some(token) = dashboard.first_token().await? else { return Ok(()) };
    if expected {
        // A backup that was restored without it looks just like this.
        tracing::warn!("logs, but a new dashboard's database: is admin.db missing, nobody confirms by mail any more");
    }
    // For whoever starts the board, once: an owner's account is made with it.
    println!("dashboard: make the first account at {origin}/admin/join?token={token}");
    Ok(())
}

/// Serves until a signal to end, then finishes what was accepted.
///
/// # Errors
/// [`ServeError`] before the board listens; nothing afterwards.
pub async fn run(options: Options, signals: Signals) -> Result<(), ServeError> {
    let data = DataDir::open(&options.data, options.name.as_deref())?;
    let stores = options.storage.open(&data, options.store_connections).await?;
    let clock = Arc::new(SystemClock);
    // A database may have other nodes; a file has none.
    let shared = matches!(options.storage, Storage::Postgres(_));
    let environment = Environment {
        store: stores.logs,
        log_key: Arc::clone(&data.log_key),
        administrator_key: Some(Arc::clone(&data.administrator_key)),
        clock: clock.clone(),
        limits: options.limits,
        sharing: if shared { Some(Sharing::new()?) } else { None },
    };
    let board = Arc::new(Board::open(environment, &data.name).await?);
    let metrics = Arc::new(Metrics::default());
    metrics.watch(&board);
    let watch = Arc::new(ClockWatch::new(clock, Arc::clone(&metrics)));
    health::compare_with_logs(&board, &watch).await;
    let (clock, counted) = (Arc::clone(&watch), Arc::clone(&metrics));
    let witnesses = Witnessing::new(&options.witnesses, options.witness_interval, clock, counted)?;
    let witnesses = Arc::new(witnesses.keeping_in(&options.data));
    let (down, going_down) = watch::channel(false);
    let dashboard = Arc::new(open_dashboard(&data, &board, stores.dashboard, &options)?);
    let context = Context {
        board: Arc::clone(&board),
        dashboard: Some(Arc::clone(&dashboard)),
        operator_token: Arc::clone(&data.operator_token),
        shutdown: going_down.clone(),
        outside: Outside { clock: Arc::clone(&watch), witnesses: Arc::clone(&witnesses) },
    };
    let (reload, reloads) = watch::channel(0);
    let tls = options.tls.map(|files| Tls::start(files, reloads)).transpose()?;
    let (listener, address) = listen(options.listen).await?;
    if let Some(address) = options.metrics_listen {
        let (listener, address) = listen(address).await?;
        tracing::info!(%address, "metrics");
        let private = private_routes(&context, &metrics);
        tokio::spawn(serve(listener, Plain, private, ServerLimits::default(), going_down.clone()));
    }
    tracing::info!(%address, name = data.name, tls = tls.is_some(), "the board listens");
    let scheme = if tls.is_some() { "https" } else { "http" };
    offer_first_account(
        &dashboard,
        &format!("{scheme}://{address}"),
        options.mail.is_some() && !board.summaries().is_empty(),
    )
    .await?;
    if let Some(path) = &options.ready_file {
        let ready = if tls.is_some() { Ready::with_tls(address) } else { Ready::new(address) };
        ready.write(path)?;
    }
    tokio::spawn(async move { watch.run().await });
    tokio::spawn(witnesses.run(Arc::clone(&board), going_down.clone()));
    let (board_following, until) = (Arc::clone(&board), going_down.clone());
    tokio::spawn(async move { board_following.follow(until).await });
    tokio::spawn(signals.watch(down, reload));
    let edge = Edge {
        forwarders: options.forwarders,
        ..Edge::new(with_file_limit(options.server_limits), options.address_limits, metrics)
    };
    front(listener, tls, routes(&context), edge, going_down).await;
    board.close().await;
    tracing::info!("the board has stopped");
    Ok(())
}

async fn front(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: BoxedFilter<(Response,)>,
    edge: Edge,
    down: watch::Receiver<bool>,
) {
    match tls {
        Some(tls) => serve(listener, tls, routes, edge, down).await,
        None => serve(listener, Plain, routes, edge, down).await,
    }
}

/// The administrator's pages, on tables of their own.
fn open_dashboard(
    data: &DataDir,
    board: &Arc<Board>,
    store: Arc<dyn AdminStore>,
    options: &Options,
) -> Result<Dashboard, ServeError> {
    let mailer = options.mail.as_ref().map(Mailer::new).transpose()?;
    let key = Arc::clone(&data.administrator_key);
    Ok(Dashboard::new(Arc::clone(board), store, key, Arc::new(SystemClock), mailer, &options.data))
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

/// The signals that a board heeds.
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on signals do not end the process by themselves.
    ///
    /// # Errors
    /// When the system lets no handler be installed.
    pub fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// SIGHUP reloads the certificate; SIGTERM and SIGINT end the board.
    async fn watch(mut self, down: watch::Sender<bool>, reload: watch::Sender<u64>) {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => reload.send_modify(|count| *count += 1),
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        tracing::info!("shutting down: finishing what was accepted");
        down.send_replace(true);
        // A second signal finds us finishing; the grace period ends it.
        while self.hang_up.recv().await.is_some() {}
    }
}
