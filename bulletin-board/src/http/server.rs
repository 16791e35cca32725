//! Our own accept loop: `warp::serve` has no time-out for headers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service as _;
use warp::filters::BoxedFilter;
use warp::reply::Response;

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

/// The peer of a connection, as an extension of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddress(pub SocketAddr);

type Bounded = Pin<Box<TimeoutStream<TcpStream>>>;

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
    limits: ServerLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let handshake = Arc::new(handshake);
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.header_bytes)
        .half_close(false);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            _ = shutdown.wait_for(|&down| down) => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (http, handshake, routes) = (http.clone(), Arc::clone(&handshake), routes.clone());
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            let _place = place;
            let bounded = bounded(stream, limits.write_timeout);
            let shaken = tokio::time::timeout(limits.header_timeout, handshake.handshake(bounded)).await;
            let Ok(Ok(stream)) = shaken else { return };
            let service = hyper::service::service_fn(move |request| call(routes.clone(), peer, request));
            // Connections end with errors all the time; clients see them, nobody else needs to.
            if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, graceful.shutdown()).await.is_err() {
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

fn bounded(stream: TcpStream, write_timeout: Duration) -> Bounded {
    // Receipts are small: waiting for more to send would delay each by 40 ms.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(write_timeout));
    Box::pin(stream)
}

async fn call(
    routes: BoxedFilter<(Response,)>,
    peer: SocketAddr,
    mut request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(RemoteAddress(peer));
    warp::service(routes).call(request).await
}
