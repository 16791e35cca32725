//! How often somebody may fail to sign in: by account and by address, in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For so long a failure counts.
const WINDOW_MS: u64 = 15 * 60 * 1_000;
/// Most names that are remembered; beyond, those whose time is over are forgotten.
const MOST_NAMES: usize = 10_000;

/// Counts tries until they turn out right.
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

    /// Counts a try of all these names, before anybody judges it: else many at once were one. Where one of them has tried
    /// too often, counts nothing.
    ///
    /// # Errors
    /// In how many seconds they may try again.
    pub fn attempt(&self, names: &[&str], now_ms: u64) -> Result<(), u64> {
        let mut all = self.failures();
        let recent = |at: &u64| *at + WINDOW_MS > now_ms;
        let wait = |name: &&str| {
            let times: Vec<u64> = all.get(*name)?.iter().copied().filter(recent).collect();
            let oldest = times.len().checked_sub(self.most).and_then(|i| times.get(i))?;
            Some((oldest + WINDOW_MS - now_ms).div_ceil(1_000))
        };
        if let Some(seconds) = names.iter().filter_map(wait).max() {
            return Err(seconds);
        }
        if all.len() >= MOST_NAMES {
            all.retain(|_, times| times.last().is_some_and(recent));
        }
        for name in names {
            let times = all.entry((*name).to_owned()).or_default();
            times.retain(recent);
            times.push(now_ms);
        }
        Ok(())
    }

    /// Takes back a try of that time, which was right.
    pub fn withdraw(&self, name: &str, at_ms: u64) {
        if let Some(times) = self.failures().get_mut(name)
            && let Some(i) = times.iter().rposition(|at| *at == at_ms)
        {
            times.remove(i);
        }
    }

    /// Forgets the failures of who has signed in.
    pub fn forget(&self, name: &str) {
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
            guard.attempt(&["ada"], 1_000 + i).unwrap();
        }
        assert_eq!(guard.attempt(&["ada"], 1_000 + WINDOW_MS - 1), Err(1));
        // Refused together, counted for neither.
        assert_eq!(guard.attempt(&["grace", "ada"], 1_000 + WINDOW_MS - 1), Err(1));
        for _ in 0..8 {
            guard.attempt(&["grace"], 1_008).unwrap();
        }
        guard.withdraw("grace", 1_007);
        assert!(guard.attempt(&["grace"], 1_008).is_err());
        guard.withdraw("grace", 1_008);
        guard.attempt(&["grace"], 1_008).unwrap();
        assert_eq!(guard.attempt(&["ada"], 1_000 + WINDOW_MS), Ok(()));
        assert!(guard.attempt(&["ada"], 1_000 + WINDOW_MS).is_err());
        guard.forget("ada");
        assert_eq!(guard.attempt(&["ada"], 1_001), Ok(()));
    }

    #[test]
    fn of_many_at_once_no_more_try_than_may() {
        let guard = Guard::new(8);
        let tried = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    if guard.attempt(&["ada"], 1_000).is_ok() {
                        tried.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(tried.into_inner(), 8);
    }
}
