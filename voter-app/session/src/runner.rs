//! Carries out what [`crate::flow`] asks for: network, proofs and files, all off the caller's thread.
//!
//! A desktop program keeps a [`Flow`](crate::flow::Flow) on its main thread, hands every [`Effect`] to [`Runner::run`],
//! which returns at once, and gives every [`Event`] that comes out of the channel to
//! [`Flow::handle`](crate::flow::Flow::handle):
//!
//! ```no_run
//! # async fn example(state: veritally_session::StateDirectory) -> std::io::Result<()> {
//! use veritally_session::flow::{Event, Flow};
//! use veritally_session::runner::{Runner, Settings};
//!
//! let (runner, mut events) = Runner::start(Settings::new(state))?;
//! let mut flow = Flow::new();
//! runner.run_all(flow.handle(Event::Open("veritally://vote.example/village".into())));
//! while let Some(event) = events.recv().await {
//!     runner.run_all(flow.handle(event));
//!     // Show flow.page().
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The receiver works in any executor, GLib's main loop included. Secrets live here, in the states of [`crate::session`],
//! and are erased by [`Effect::Lock`] and when the runner is dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::StateDirectory;
use crate::flow::{Effect, Event};
use crate::secrets::SecretStore;

mod device;
mod opening;

use device::Device;

/// How long one attempt asks a board that does not answer; the model itself tries again later.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads for the network; proofs have threads of their own.
const WORKERS: usize = 2;

/// What a runner works with.
#[derive(Clone)]
pub struct Settings {
    /// Local state of all elections.
    pub state: StateDirectory,
    /// How long one attempt asks a board that does not answer.
    pub patience: Duration,
    /// Where codes are kept when the voter asks for it; `None`: nowhere.
    pub secrets: Option<Arc<dyn SecretStore>>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("state", &self.state).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Settings {
    /// With the usual patience and no secret store.
    #[must_use]
    pub fn new(state: StateDirectory) -> Self {
        Self { state, patience: PATIENCE, secrets: None }
    }
}

/// Carries out effects. Dropping it gives up what is under way; what was stored stays.
#[derive(Debug)]
pub struct Runner {
    device: Arc<Device>,
    handle: Handle,
    own: Option<Runtime>,
}

impl Runner {
    /// With threads of its own. Events come out of the receiver.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(settings: Settings) -> std::io::Result<(Self, UnboundedReceiver<Event>)> {
        let runtime =
            Builder::new_multi_thread().worker_threads(WORKERS).thread_name("session").enable_all().build()?;
        let (mut runner, events) = Self::on(runtime.handle().clone(), settings);
        runner.own = Some(runtime);
        Ok((runner, events))
    }

    /// On a runtime that is there already; it must have several threads.
    #[must_use]
    pub fn on(handle: Handle, settings: Settings) -> (Self, UnboundedReceiver<Event>) {
        let (sender, receiver) = unbounded_channel();
        (Self { device: Arc::new(Device::new(settings, sender)), handle, own: None }, receiver)
    }

    /// The runtime, for [`crate::watch::Watcher::on`].
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Begins to carry out an effect and returns at once; the answer comes as an event.
    pub fn run(&self, effect: Effect) {
        match effect {
            // At once, so that what follows finds things in order.
            Effect::Lock => self.device.lock(),
            Effect::Discard => self.device.discard(),
            effect => {
                let (device, generation) = (self.device.clone(), self.device.generation());
                let abortable = matches!(
                    effect,
                    Effect::Open(..) | Effect::OpenPractice(_) | Effect::CheckTest(..) | Effect::Wait { .. }
                );
                let task = self.handle.spawn(async move { device.carry_out(effect, generation).await });
                if abortable {
                    self.device.abort_when_locked(task.abort_handle());
                }
            }
        }
    }

    /// [`Runner::run`] for each.
    pub fn run_all(&self, effects: impl IntoIterator<Item = Effect>) {
        effects.into_iter().for_each(|effect| self.run(effect));
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.device.lock();
        if let Some(runtime) = self.own.take() {
            runtime.shutdown_background();
        }
    }
}
