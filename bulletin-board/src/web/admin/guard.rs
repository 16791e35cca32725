//! How often somebody may fail to sign in: by account and by address, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For so long a failure counts.
const WINDOW_MS: u64 = 15 * 60 * 1_000;
/// Most names that are remembered; beyond, those whose time is over are forgotten.
const MOST_NAMES: usize = 10_000;

/// Counts failures.
#[derive(Debug)]
pub(super) struct Guard {
    /// Failures within [`WINDOW_MS`] after which somebody waits.
    most: usize,
    failures: Mutex<HashMap<String, Vec<u64>>>,
}

impl Guard {
    /// Lets somebody fail so often.
    pub fn new(most: usize) -> Self {
        Self { most, failures: Mutex::default() }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<String, Vec<u64>>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In how many seconds this one may try again; `None`: now.
    pub fn wait_s(&self, name: &str, now_ms: u64) -> Option<u64> {
        let all = self.failures();
        let recent: Vec<u64> = all.get(name)?.iter().copied().filter(|at| at + WINDOW_MS > now_ms).collect();
        let oldest = recent.len().checked_sub(self.most).and_then(|i| recent.get(i))?;
        Some((oldest + WINDOW_MS - now_ms).div_ceil(1_000))
    }

    /// Notes a failure.
    pub fn failed(&self, name: &str, now_ms: u64) {
        let mut all = self.failures();
        if all.len() >= MOST_NAMES {
            all.retain(|_, times| times.last().is_some_and(|at| at + WINDOW_MS > now_ms));
        }
        let times = all.entry(name.to_owned()).or_default();
        times.retain(|at| at + WINDOW_MS > now_ms);
        times.push(now_ms);
    }

    /// Forgets the failures of who has signed in.
    pub fn succeeded(&self, name: &str) {
        self.failures().remove(name);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn who_fails_too_often_waits_and_others_do_not() {
        let guard = Guard::new(8);
        for i in 0..8 {
            assert_eq!(guard.wait_s("ada", 1_000), None);
            guard.failed("ada", 1_000 + i);
        }
        assert_eq!(guard.wait_s("ada", 1_000 + WINDOW_MS - 1), Some(1));
        assert_eq!(guard.wait_s("ada", 1_000 + WINDOW_MS), None);
        assert_eq!(guard.wait_s("grace", 1_000), None);
        guard.succeeded("ada");
        assert_eq!(guard.wait_s("ada", 1_001), None);
    }
}
