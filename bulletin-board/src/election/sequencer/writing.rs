//! Whether a node can write to the store that it shares: what was written last says so (specs/many-nodes.md, 3).
//!
//! Reading may go on for hours while no write succeeds, as when all standbys are gone and each commit waits for one. So
//! after a write that failed nobody waits for the next to fail: who casts is refused at once, and this node tries one
//! write that changes nothing, again and again, until one succeeds.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::store::Store;

/// Longest time for one try: a commit without a standby waits for ever.
const PATIENCE: Duration = Duration::from_secs(5);
/// From a try that failed to the next one.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of it.
pub(super) struct Writing {
    fails: bool,
    try_at: Instant,
    /// A try that is under way, aside: nobody waits for it.
    under_way: Option<JoinHandle<bool>>,
}

impl Writing {
    pub(super) fn new() -> Self {
        Self { fails: false, try_at: Instant::now(), under_way: None }
    }

    pub(super) fn works(&self) -> bool {
        !self.fails
    }

    /// A write failed, or did not end in time. The first try is made at once: one write alone may have been unlucky.
    pub(super) fn failed(&mut self) {
        if !self.fails {
            (self.fails, self.try_at) = (true, Instant::now());
        }
    }

    /// Learns what became of a try, or begins one when it is time.
    pub(super) async fn look(&mut self, store: &Arc<dyn Store>) {
        match self.under_way.take() {
            Some(under_way) if under_way.is_finished() => {
                self.fails = !under_way.await.unwrap_or(false);
                self.try_at = Instant::now() + PAUSE;
            }
            Some(under_way) => self.under_way = Some(under_way),
            None if self.fails && self.try_at <= Instant::now() => {
                let store = Arc::clone(store);
                let probe = async move { matches!(tokio::time::timeout(PATIENCE, store.probe()).await, Ok(Ok(()))) };
                self.under_way = Some(tokio::spawn(probe));
            }
            None => {}
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.under_way.take().inspect(JoinHandle::abort);
    }
}
