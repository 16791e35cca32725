//! Our own accept loop: `warp::serve` has no time-out for headers and no bounds by address.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service as _;
use veritally_board_api::paths::Route;
use veritally_board_api::{Problem, ProblemKind};
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::address::{AddressBook, AddressLimits, ClientAddress, Connected, FORWARDED_FOR, Forwarders};
use super::reply;
use crate::metrics::Metrics;

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// A request's head must arrive within this time, also the first and the next on an idle connection.
    pub header_timeout: Duration,
    /// Longest head, in bytes.
    pub header_bytes: usize,
    /// Who takes nothing off its connection for this time is dropped.
    pub write_timeout: Duration,
    /// After this time a shutdown waits no longer for answers under way.
    pub shutdown_grace: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 8_192,
            header_timeout: Duration::from_secs(20),
            header_bytes: 16 << 10,
            write_timeout: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// How often addresses that do nothing are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(5);

/// What stands between the internet and the routes.
#[derive(Clone)]
pub struct Edge {
    /// Bounds of the server.
    pub limits: ServerLimits,
    /// Proxies that may say for whom they ask.
    pub forwarders: Forwarders,
    /// Bounds by address.
    pub addresses: Arc<AddressBook>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Edge {
    /// No proxies.
    #[must_use]
    pub fn new(limits: ServerLimits, addresses: AddressLimits, metrics: Arc<Metrics>) -> Self {
        let addresses = Arc::new(AddressBook::new(addresses));
        Self { limits, forwarders: Forwarders::default(), addresses, metrics }
    }
}

impl From<ServerLimits> for Edge {
    fn from(limits: ServerLimits) -> Self {
        Self::new(limits, AddressLimits::default(), Arc::default())
    }
}

/// A connection on which writing has a time-out.
pub type Bounded = Pin<Box<TimeoutStream<TcpStream>>>;

/// What turns a TCP connection into the stream that HTTP is spoken on: [`Plain`], or TLS.
pub trait Handshake: Send + Sync + 'static {
    /// The stream.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Shakes hands.
    fn handshake(&self, stream: Bounded) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// HTTP without TLS: behind a proxy, or on a loopback address.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Handshake for Plain {
    type Stream = Bounded;
    async fn handshake(&self, stream: Bounded) -> io::Result<Bounded> {
        Ok(stream)
    }
}

/// Serves until `shutdown` becomes true, then finishes the requests under way.
pub async fn serve<H: Handshake>(
    listener: TcpListener,
    handshake: H,
    routes: BoxedFilter<(Response,)>,
    edge: impl Into<Edge>,
    mut shutdown: watch::Receiver<bool>,
) {
    let server = Arc::new(Server::new(handshake, routes, edge.into()));
    let room = Arc::new(Semaphore::new(server.edge.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut forget = tokio::time::interval(FORGET_INTERVAL);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = shutdown.wait_for(|&down| down) => break,
            _ = forget.tick() => {
                server.forget();
                continue;
            }
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let Some(connected) = server.edge.addresses.connect(peer.ip(), &server.edge.forwarders) else {
            server.edge.metrics.crowded.inc();
            continue;
        };
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            server.connection(stream, peer.ip(), connected, watcher).await;
        });
    }
    drop(listener);
    if tokio::time::timeout(server.edge.limits.shutdown_grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers were still under way when the time for shutting down was over");
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// Waits for a free place, then for a connection.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            // Out of file descriptors, or a connection that was gone before it was accepted.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

struct Server<H> {
    /// Whether a proxy that nobody configured was told of.
    stranger_told: AtomicBool,
    http: hyper::server::conn::http1::Builder,
    handshake: H,
    routes: BoxedFilter<(Response,)>,
    edge: Edge,
}

impl<H: Handshake> Server<H> {
    fn new(handshake: H, routes: BoxedFilter<(Response,)>, edge: Edge) -> Self {
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(edge.limits.header_timeout)
            .max_header_size(edge.limits.header_bytes)
            .max_headers(MAX_HEADERS)
            .half_close(false);
        Self { stranger_told: AtomicBool::new(false), http, handshake, routes, edge }
    }

    fn forget(&self) {
        self.edge.addresses.forget();
        self.edge.metrics.addresses.set(i64::try_from(self.edge.addresses.len()).unwrap_or(i64::MAX));
    }

    async fn connection(&self, stream: TcpStream, peer: IpAddr, _connected: Connected, watcher: Watcher) {
        let Edge { limits, metrics, .. } = &self.edge;
        metrics.accepted.inc();
        metrics.connections.inc();
        let stream = bounded(stream, limits.write_timeout);
        match tokio::time::timeout(limits.header_timeout, self.handshake.handshake(stream)).await {
            Ok(Ok(stream)) => {
                let service = hyper::service::service_fn(move |request| self.call(peer, request));
                let connection = self.http.serve_connection(TokioIo::new(stream), service);
                // Connections end with errors all the time; clients see them, nobody else needs to.
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "a connection ended early");
                }
            }
            _failed => {
                metrics.handshakes_failed.inc();
            }
        }
        metrics.connections.dec();
    }

    async fn call(&self, peer: IpAddr, mut request: hyper::Request<Incoming>) -> Result<Response, Infallible> {
        let start = Instant::now();
        let (method, route) = (request.method().clone(), Route::of(request.uri().path()));
        let client = self.edge.forwarders.client(peer, request.headers());
        if peer.to_canonical().is_loopback() && client.0 == peer.to_canonical() {
            self.tell_of_proxy(request.headers());
        }
        let response = match self.limited(client, &method) {
            Some(refused) => refused,
            None => {
                request.extensions_mut().insert(client);
                warp::service(self.routes.clone()).call(request).await?
            }
        };
        let (route, status) = (route.map_or("other", |route| route.name), response.status().as_u16());
        self.edge.metrics.answered(&method, route, status, start.elapsed());
        // What was asked and how it went: enough to operate a board, and nothing of who asked, or for which ballot.
        tracing::debug!(%method, route, status, "answered");
        Ok(response)
    }

    /// All clients of a proxy on this machine would pass for this machine itself.
    fn tell_of_proxy(&self, headers: &http::HeaderMap) {
        if headers.contains_key(FORWARDED_FOR) && !self.stranger_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("a proxy on this machine forwards requests, but trusted_proxies does not name it");
        }
    }

    fn limited(&self, client: ClientAddress, method: &http::Method) -> Option<Response> {
        let writes = !matches!(*method, http::Method::GET | http::Method::HEAD);
        let wait = self.edge.addresses.request(client, writes).err()?;
        self.edge.metrics.limited.inc();
        let problem = Problem::new(ProblemKind::AddressLimited, "Nothing was done. Send the same request again later.");
        let seconds = wait.as_secs().saturating_add(1);
        Some(reply::with_common_headers(reply::problem(&problem.with_retry_after(seconds))))
    }
}

fn bounded(stream: TcpStream, write_timeout: Duration) -> Bounded {
    // Receipts are small: waiting for more to send would delay each by 40 ms.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_timeout));
    Box::pin(stream)
}
