//! CPU time of a process, as Linux counts it.

use anyhow::{Context as _, Result};

/// Ticks of `/proc/PID/stat` a second: USER_HZ is 100 on every architecture that Rust has a standard library for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU time that a process took so far, in all its threads, its own and the system's for it.
pub(crate) fn seconds_of(pid: u32) -> Result<f64> {
    times(pid, &[11, 12])
}

/// The same of a process, of its children, and of those that have ended.
pub(crate) fn seconds_of_family(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // One that ends meanwhile is counted by its parent the next time.
    let children = children.split_whitespace().filter_map(|child| seconds_of(child.parse().ok()?).ok());
    Ok(times(pid, &[11, 12, 13, 14])? + children.sum::<f64>())
}

fn times(pid: u32, columns: &[usize]) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The second field is the program's name in parentheses, which may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let field = |n: &usize| fields.split_whitespace().nth(*n).and_then(|field| field.parse::<f64>().ok());
    let ticks = columns.iter().map(field).sum::<Option<f64>>();
    Ok(ticks.with_context(|| format!("{path} has no times"))? / TICKS_PER_SECOND)
}
