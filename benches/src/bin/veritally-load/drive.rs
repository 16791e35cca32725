//! Casting over kept-alive connections: as fast as answers come, or at a set pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::Instant;
use veritally_crypto::ballot::EncryptedBallot;

use crate::scene::Scene;

/// One connection.
pub(crate) type Connection = SendRequest<Full<Bytes>>;

/// Opens a connection.
pub(crate) async fn connect(address: &str) -> Result<Connection> {
    let stream = TcpStream::connect(address).await.context("connecting to the board")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Connections that cast.
pub(crate) struct Drive {
    /// Each with the node's address.
    connections: Vec<(Arc<Mutex<Connection>>, String)>,
    path: String,
}

/// How a phase went.
pub(crate) struct Outcome {
    latencies: Vec<Duration>,
    took: Duration,
}

impl Outcome {
    /// Ballots a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// How long it took.
    pub(crate) fn seconds(&self) -> f64 {
        self.took.as_secs_f64()
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }

    /// For people.
    pub(crate) fn latencies(&self) -> String {
        format!("p50 {:.1} ms, p99 {:.1} ms", self.percentile_ms(50), self.percentile_ms(99))
    }

    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "ballots": self.latencies.len(), "ballots_per_second": self.rate(),
            "p50_ms": self.percentile_ms(50), "p99_ms": self.percentile_ms(99),
        })
    }
}

impl Drive {
    /// Connects.
    pub(crate) async fn new(scene: &Scene, connections: usize) -> Result<Self> {
        let mut opened = Vec::with_capacity(connections);
        for address in scene.addresses.iter().cycle().take(connections.max(1)) {
            opened.push((Arc::new(Mutex::new(connect(address).await?)), address.clone()));
        }
        Ok(Self { connections: opened, path: format!("/e/{}/ballots", scene.id) })
    }

    /// Casts all ballots, each connection the next as soon as it has its receipt.
    pub(crate) async fn saturate(&self, ballots: &[EncryptedBallot]) -> Result<Outcome> {
        self.cast(ballots, Duration::ZERO).await
    }

    /// Casts at a set pace. A latency counts from when the ballot was to be sent, not from when it could be.
    pub(crate) async fn paced(&self, ballots: &[EncryptedBallot], rate: f64) -> Result<Outcome> {
        self.cast(ballots, Duration::from_secs_f64(1.0 / rate)).await
    }

    async fn cast(&self, ballots: &[EncryptedBallot], pause: Duration) -> Result<Outcome> {
        let bodies: Arc<Vec<Bytes>> =
            Arc::new(ballots.iter().map(|ballot| Bytes::copy_from_slice(ballot.bytes())).collect());
        let next = Arc::new(AtomicUsize::new(0));
        let start = Instant::now();
        let workers: Vec<_> = self
            .connections
            .iter()
            .map(|(connection, address)| {
                let (connection, bodies, next) = (Arc::clone(connection), Arc::clone(&bodies), Arc::clone(&next));
                let (address, path) = (address.clone(), self.path.clone());
                tokio::spawn(async move {
                    let mut connection = connection.lock().await;
                    let mut latencies = Vec::new();
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        let Some(body) = bodies.get(i) else { return anyhow::Ok(latencies) };
                        let due = start + pause * u32::try_from(i)?;
                        if !pause.is_zero() {
                            tokio::time::sleep_until(due).await;
                        }
                        let since = if pause.is_zero() { Instant::now() } else { due };
                        cast_one(&mut connection, &address, &path, body.clone()).await?;
                        latencies.push(since.elapsed());
                    }
                })
            })
            .collect();
        let mut latencies = Vec::with_capacity(ballots.len());
        for worker in workers {
            latencies.extend(worker.await??);
        }
        let took = start.elapsed();
        latencies.sort_unstable();
        Ok(Outcome { latencies, took })
    }
}

async fn cast_one(connection: &mut Connection, address: &str, path: &str, body: Bytes) -> Result<()> {
    connection.ready().await?;
    let request = Request::post(path).header(http::header::HOST, address).body(Full::new(body))?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status == StatusCode::CREATED, "the board answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}
