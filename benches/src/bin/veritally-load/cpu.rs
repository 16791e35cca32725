//! CPU time of a process, as Linux counts it.

use anyhow::{Context as _, Result};

/// Ticks of `/proc/PID/stat` a second: USER_HZ is 100 on every architecture that Rust has a standard library for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU time that a process took so far, in all its threads, its own and the system's for it.
pub(crate) fn seconds_of(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let field = |n: usize| fields.split_whitespace().nth(n).and_then(|field| field.parse::<f64>().ok());
    let ticks = field(11).zip(field(12)).map(|(user, system)| user + system);
    Ok(ticks.with_context(|| format!("{path} has no times"))? / TICKS_PER_SECOND)
}
