//! What the board counts, for Prometheus. No label holds an address, a credential or a code.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use veritally_board_api::Status;
use veritally_board_api::answers::Service;

use crate::board::Board;
use crate::election::{Election, Load};

/// The format that [`Metrics::encode`] writes.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// `GET`, `HEAD`, `POST` or `other`.
    pub method: &'static str,
    /// A name of `paths::ROUTES`, or `other`.
    pub route: &'static str,
    /// The status.
    pub status: u16,
}

/// Label of what belongs to a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    /// A name of `paths::ROUTES`, or `other`.
    pub route: &'static str,
}

/// Labels of a witness.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WitnessLabels {
    /// The election's id.
    pub election: String,
    /// The witness's name.
    pub witness: String,
}

/// All counters of one board.
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Answers.
    pub requests: Family<RequestLabels, Counter>,
    /// From a request's head to its answer's head.
    pub seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    /// Open connections.
    pub connections: Gauge,
    /// Connections ever taken.
    pub accepted: Counter,
    /// Connections closed because their address had too many.
    pub crowded: Counter,
    /// Requests answered with 429 because of their address.
    pub limited: Counter,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    /// Addresses that are being counted.
    pub addresses: Gauge,
    /// How far this clock is ahead of others', in milliseconds; 0 when nothing is known.
    pub clock_ahead_ms: Gauge,
    /// Cosignatures that came.
    pub cosignatures: Family<WitnessLabels, Counter>,
    /// Submissions to witnesses that failed.
    pub witness_failures: Family<WitnessLabels, Counter>,
    /// The tree size that a witness last cosigned.
    pub witnessed_size: Family<WitnessLabels, Gauge>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn request_seconds() -> Histogram {
    // 0.5 ms to 16 s.
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

impl Default for Metrics {
    fn default() -> Self {
        let this = Self {
            registry: Mutex::new(Registry::with_prefix("veritally_board")),
            requests: Family::default(),
            seconds: Family::new_with_constructor(request_seconds),
            connections: Gauge::default(),
            accepted: Counter::default(),
            crowded: Counter::default(),
            limited: Counter::default(),
            handshakes_failed: Counter::default(),
            addresses: Gauge::default(),
            clock_ahead_ms: Gauge::default(),
            cosignatures: Family::default(),
            witness_failures: Family::default(),
            witnessed_size: Family::default(),
        };
        this.register();
        this
    }
}

impl Metrics {
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let r = &mut *registry;
        r.register("requests", "Answered requests", self.requests.clone());
        r.register("request_seconds", "From a request's head to its answer's head", self.seconds.clone());
        r.register("connections", "Open connections", self.connections.clone());
        r.register("connections_accepted", "Connections taken", self.accepted.clone());
        r.register("connections_crowded", "Connections closed: their address had too many", self.crowded.clone());
        r.register("requests_limited", "Requests refused: their address sent too many", self.limited.clone());
        r.register("handshakes_failed", "TLS handshakes that failed", self.handshakes_failed.clone());
        r.register("addresses", "Addresses whose requests are being counted", self.addresses.clone());
        r.register("clock_ahead_ms", "This clock ahead of others', 0 if unknown", self.clock_ahead_ms.clone());
        r.register("cosignatures", "Cosignatures of witnesses", self.cosignatures.clone());
        r.register("witness_failures", "Submissions to witnesses that failed", self.witness_failures.clone());
        r.register("witnessed_size", "Tree size that a witness last cosigned", self.witnessed_size.clone());
    }

    /// Adds what the board's elections tell when they are asked.
    pub fn watch(&self, board: &Arc<Board>) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(Elections(Arc::downgrade(board))));
    }

    /// Counts an answer.
    pub fn answered(&self, method: &http::Method, route: &'static str, status: u16, took: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "HEAD" => "HEAD",
            "POST" => "POST",
            _ => "other",
        };
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
        self.seconds.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }

    /// All of it in [`MEDIA_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            // Writing to a string does not fail; a collector's error would leave half a text.
            text.clear();
            let _ = writeln!(text, "# EOF");
        }
        text
    }
}

/// Name, help and where to find it.
type HistogramOf = (&'static str, &'static str, fn(&Load) -> &Histogram);

/// Of each election.
const HISTOGRAMS: [HistogramOf; 2] = [
    ("batch_entries", "Entries of each commit to an election's log", |load| &load.batch_entries),
    ("commit_seconds", "From handing a batch to the store until it is durable", |load| &load.commit_seconds),
];

/// The elections' own numbers, read when they are asked for.
#[derive(Debug)]
struct Elections(std::sync::Weak<Board>);

impl Collector for Elections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(board) = self.0.upgrade() else { return Ok(()) };
        let all: Vec<_> = board.running().into_iter().map(|election| (election.status(), election)).collect();
        for (name, help, of) in HISTOGRAMS {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for (status, election) in &all {
                let labels = [("election", status.election.to_string())];
                of(election.load()).encode(metric.encode_family(&labels)?)?;
            }
        }
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Status, &Election) -> u64| {
            let family = ConstGauge::<u64>::new(0);
            let mut metric = encoder.encode_descriptor(name, help, None, family.metric_type())?;
            for (status, election) in &all {
                let labels = [("election", status.election.to_string())];
                ConstGauge::new(value(status, election)).encode(metric.encode_family(&labels)?)?;
            }
            Ok(())
        };
        gauge("log_entries", "Entries in an election's log", &|s, _| s.head.tree_size)?;
        gauge("ballots_cast", "Ballots in an election's log", &|s, _| s.counts.ballots_cast)?;
        gauge("ballots_counted", "Voters whose ballot counts", &|s, _| s.counts.ballots_counted)?;
        gauge("queue_entries", "Entries that wait to be checked", &|_, e| e.queued() as u64)?;
        gauge("writable", "1 while an election's log can be written", &|s, _| u64::from(s.service == Service::Serving))
    }
}
