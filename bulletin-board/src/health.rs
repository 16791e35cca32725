//! Whether the board is well: what `/health` and `/ready` say, and a watch over the clock.
//!
//! Times are part of the record (openings, closings), so a wrong clock does harm. Nothing here sets it; it warns, in the
//! log, in `/ready` and by a metric, when the clock was moved while the board runs, when entries are dated after now, and
//! when it differs from the clocks of witnesses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use veritally_board_api::answers::{Readiness, Service};
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::canonical;

use crate::board::Board;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// A difference that is worth a warning. Officials' entries are refused when they differ by five minutes.
const WARN_MS: u64 = 30_000;
/// A clock that was moved by more than this while the board runs was set by somebody.
const JUMP_MS: u64 = 2_000;
/// How often the clock is compared with the monotonic one.
const INTERVAL: Duration = Duration::from_secs(10);
/// Seconds after which to ask again when the board is not ready.
const RETRY_S: u64 = 3;

/// Compares the clock with whatever tells the time.
pub struct ClockWatch {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    warnings: Mutex<BTreeMap<String, String>>,
}

impl ClockWatch {
    /// Nothing known yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self { clock, metrics, warnings: Mutex::default() }
    }

    /// What is wrong with the clock.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn set(&self, source: &str, warning: Option<String>) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        match warning {
            Some(warning) => {
                if warnings.insert(source.to_owned(), warning.clone()).is_none() {
                    tracing::warn!(source, "{warning}");
                }
            }
            None => {
                if warnings.remove(source).is_some() {
                    tracing::info!(source, "the clock is right again");
                }
            }
        }
    }

    /// Somebody says what time it is.
    pub fn told(&self, source: &str, their_ms: u64) {
        let ours_ms = self.clock.now_ms();
        let ahead = i64::try_from(i128::from(ours_ms) - i128::from(their_ms)).unwrap_or(i64::MAX);
        self.metrics.clock_ahead_ms.set(ahead);
        let wrong = ours_ms.abs_diff(their_ms) > WARN_MS;
        let warning = || {
            let side = if ahead < 0 { "behind" } else { "ahead of" };
            let seconds = ahead.unsigned_abs() / 1_000;
            format!("The board's clock is {seconds} s {side} {source}. Check it: entries carry times.")
        };
        self.set(source, wrong.then(warning));
    }

    /// An entry of the log is dated so.
    pub fn entry(&self, election: &str, entry_ms: u64) {
        let now_ms = self.clock.now_ms();
        let late = entry_ms.saturating_sub(now_ms);
        let warning = || {
            let seconds = late / 1_000;
            format!("The log of {election} has an entry dated {seconds} s after now: the board's clock is behind.")
        };
        self.set(&format!("the log of {election}"), (late > WARN_MS).then(warning));
    }

    /// Watches for jumps, for ever.
    pub async fn run(&self) {
        let mut before = (self.clock.now_ms(), Instant::now());
        loop {
            tokio::time::sleep(INTERVAL).await;
            before = self.compare(before, Instant::now());
        }
    }

    fn compare(&self, (then_ms, then): (u64, Instant), now: Instant) -> (u64, Instant) {
        let passed_ms = u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX);
        let (expected, found) = (then_ms.saturating_add(passed_ms), self.clock.now_ms());
        if expected.abs_diff(found) > JUMP_MS {
            let by = i128::from(found) - i128::from(expected);
            tracing::warn!(by_ms = %by, "the board's clock was set while the board runs");
        }
        (found, now)
    }
}

/// Looks at the newest entries of all logs: one that is dated after now means that the clock went back.
pub async fn compare_with_logs(board: &Board, watch: &ClockWatch) {
    for election in board.running() {
        let size = election.snapshot().head.tree_size;
        let newest = election.store().leaves(election.id(), size.saturating_sub(16)..size).await.unwrap_or_default();
        let times = newest.iter().filter_map(|leaf| time_of(leaf));
        if let Some(latest) = times.max() {
            watch.entry(&election.id().to_string(), latest);
        }
    }
}

fn time_of(leaf: &[u8]) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Dated {
        time_ms: u64,
    }
    debug_assert!(leaf.len() <= canonical::MAX_LEAF_BYTES);
    serde_json::from_slice::<Dated>(leaf).ok().map(|dated| dated.time_ms)
}

/// Whether the board should get requests.
///
/// # Errors
/// [`ProblemKind::NotReady`] while an election's store fails, [`ProblemKind::ShuttingDown`].
pub fn readiness(board: &Board, watch: &ClockWatch, shutting_down: bool) -> Result<Readiness, Problem> {
    if shutting_down {
        return Err(Problem::new(ProblemKind::ShuttingDown, "").with_retry_after(RETRY_S));
    }
    let summaries = board.summaries();
    let failing = summaries.iter().filter(|summary| summary.service == Service::Unavailable);
    let failing: Vec<_> = failing.map(|summary| summary.election.to_string()).collect();
    if !failing.is_empty() {
        let detail = format!("The store of these elections fails: {}.", failing.join(", "));
        return Err(Problem::new(ProblemKind::NotReady, detail).with_retry_after(RETRY_S));
    }
    let stopped = summaries.iter().filter(|summary| summary.service == Service::Stopped);
    Ok(Readiness {
        elections: summaries.len() as u64,
        stopped: stopped.map(|summary| summary.election.clone()).chain(board.refused()).collect(),
        warnings: watch.warnings(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Fixed(AtomicU64);

    impl Clock for Fixed {
        fn now_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_clock_that_others_contradict_is_warned_of_until_they_agree() {
        let clock = Arc::new(Fixed(AtomicU64::new(1_000_000)));
        let watch = ClockWatch::new(clock.clone(), Arc::default());
        watch.told("w.example", 1_000_000 - 29_000);
        watch.entry("village", 1_000_000 + 29_000);
        assert!(watch.warnings().is_empty());
        watch.told("w.example", 1_000_000 + 61_000);
        assert!(watch.warnings()[0].contains("61 s behind w.example"), "{:?}", watch.warnings());
        assert_eq!(watch.metrics.clock_ahead_ms.get(), -61_000);
        watch.entry("village", 1_000_000 + 60_000);
        assert_eq!(watch.warnings().len(), 2);
        clock.0.store(1_000_000 + 61_000, Ordering::SeqCst);
        watch.told("w.example", 1_000_000 + 61_000);
        watch.entry("village", 1_000_000 + 60_000);
        assert!(watch.warnings().is_empty());
        watch.told("w.example", 0);
        assert!(watch.warnings()[0].contains("1061 s ahead of w.example"), "{:?}", watch.warnings());
    }

    #[test]
    fn entries_without_a_time_tell_nothing() {
        assert_eq!(time_of(br#"{"time_ms":7,"type":"x/v1"}"#), Some(7));
        assert_eq!(time_of(br#"{"type":"x/v1"}"#), None);
        assert_eq!(time_of(b"["), None);
    }
}
