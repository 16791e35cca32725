//! CPU time of this process: what can be compared on a machine that others use too.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// What all threads of this process took so far, and the system for them. Waiting for a core counts for nothing.
#[must_use]
pub fn cpu_time() -> Duration {
    // Never negative.
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// The CPU time of each task, the least of so many rounds: what else runs on the machine only adds to it. The tasks run in
/// turn, so that all meet the same machine: caches and clock frequency depend on what else runs.
pub fn in_turn<const TASKS: usize>(rounds: usize, tasks: &mut [&mut dyn FnMut(); TASKS]) -> [Duration; TASKS] {
    let mut least = [Duration::MAX; TASKS];
    for _ in 0..rounds.max(1) {
        for (task, least) in tasks.iter_mut().zip(&mut least) {
            let started = cpu_time();
            task();
            *least = cpu_time().saturating_sub(started).min(*least);
        }
    }
    least
}
