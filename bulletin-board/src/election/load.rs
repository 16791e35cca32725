//! How an election's log is written, for operators: how many entries go into one commit, and how long it takes.

use std::time::Duration;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Counted since the process began to serve the election.
#[derive(Debug)]
pub struct Load {
    /// Entries of each commit, 1 to 4,096.
    pub batch_entries: Histogram,
    /// Seconds from handing a batch to the store until it is durable: 0.5 ms to 16 s.
    pub commit_seconds: Histogram,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            batch_entries: Histogram::new(exponential_buckets(1.0, 2.0, 13)),
            commit_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
        }
    }
}

impl Load {
    pub(super) fn committed(&self, entries: usize, took: Duration) {
        // Never more than a batch holds.
        self.batch_entries.observe(entries as f64);
        self.commit_seconds.observe(took.as_secs_f64());
    }
}
