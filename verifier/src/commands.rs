//! The program's commands, one file each.

pub(crate) mod evidence;
pub(crate) mod follow;
pub(crate) mod verify;
pub(crate) mod voter;
pub(crate) mod witness;

use std::process::ExitCode;

use anyhow::Context as _;
use veritally_crypto::hash::Hash;

/// A check failed.
pub(crate) const FAILED: u8 = 1;

/// 0 or 1.
pub(crate) fn status(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

pub(crate) fn parse_fingerprint(text: &str) -> Result<Hash, String> {
    Hash::from_hex(&text.trim().to_ascii_lowercase()).map_err(|e| e.to_string())
}

/// Runs what waits for a network.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the operating system gives no threads")?.block_on(future)
}
