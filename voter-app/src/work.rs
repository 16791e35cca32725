//! The session's workers: all network, proofs and files happen on their threads.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use veritally_session::StateDirectory;
use veritally_session::flow::Event;
use veritally_session::runner::{Runner, Settings};
use veritally_session::secrets::DesktopSecrets;

/// Starts the runner.
///
/// # Errors
/// When the system gives no threads.
pub fn start(state: StateDirectory) -> std::io::Result<(Runner, UnboundedReceiver<Event>)> {
    Runner::start(Settings { secrets: Some(Arc::new(DesktopSecrets)), ..Settings::new(state) })
}
