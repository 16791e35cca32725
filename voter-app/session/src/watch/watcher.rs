//! Carries out what [`crate::overview`] asks for, off the caller's thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use veritally_crypto::hash::Hash;
use veritally_verifier::progress::{Progress, Stage};

use crate::flow::{Job, Trouble};
use crate::overview::{Effect, Event};
use crate::{SessionError, StateDirectory, watch};

/// Before a board whose events stopped is asked for them again.
const FOLLOW_PAUSE: Duration = Duration::from_secs(20);

/// Carries out the overview's effects; use it like [`crate::runner::Runner`], on the same runtime.
#[derive(Debug)]
pub struct Watcher {
    state: StateDirectory,
    handle: Handle,
    events: UnboundedSender<Event>,
    following: Mutex<Option<JoinHandle<()>>>,
}

impl Watcher {
    /// On a runtime with several threads, such as [`crate::runner::Runner::handle`].
    #[must_use]
    pub fn on(handle: Handle, state: StateDirectory) -> (Self, UnboundedReceiver<Event>) {
        let (events, receiver) = unbounded_channel();
        (Self { state, handle, events, following: Mutex::new(None) }, receiver)
    }

    /// Begins to carry out an effect and returns at once.
    pub fn run(&self, effect: Effect) {
        let (state, events) = (self.state.clone(), self.events.clone());
        // Nobody listens any more when the program ends.
        let tell = move |event| drop(events.send(event));
        match effect {
            Effect::List(job) => {
                self.handle.spawn(async move {
                    let listed = tokio::task::spawn_blocking(move || watch::cards(&state)).await;
                    let listed = listed.unwrap_or(Err(SessionError::Interrupted));
                    tell(Event::Listed(job, listed.map_err(Trouble::from)));
                });
            }
            Effect::Recheck(job, fingerprint) => {
                self.handle.spawn(async move {
                    let checked = match watch::request(&state, &fingerprint) {
                        Ok(request) => watch::recheck(&request).await,
                        Err(error) => Err(error),
                    };
                    tell(Event::Rechecked(job, fingerprint, checked.map(Box::new).map_err(Trouble::from)));
                });
            }
            Effect::Follow(fingerprint) => {
                self.follow(Some(self.handle.spawn(follow(state, fingerprint, tell))));
            }
            Effect::Unfollow => self.follow(None),
            Effect::Verify(job, fingerprint) => {
                self.handle.spawn(verify(state, job, fingerprint, tell));
            }
            Effect::Wait { job, seconds } => {
                self.handle.spawn(async move {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    tell(Event::TimeIsUp(job));
                });
            }
        }
    }

    /// [`Watcher::run`] for each.
    pub fn run_all(&self, effects: impl IntoIterator<Item = Effect>) {
        effects.into_iter().for_each(|effect| self.run(effect));
    }

    fn follow(&self, next: Option<JoinHandle<()>>) {
        let before = std::mem::replace(&mut *self.following.lock().unwrap_or_else(PoisonError::into_inner), next);
        if let Some(before) = before {
            before.abort();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.follow(None);
    }
}

async fn follow(state: StateDirectory, fingerprint: Hash, tell: impl Fn(Event)) {
    let Ok(request) = watch::request(&state, &fingerprint) else { return };
    loop {
        watch::follow(&request, |turnout| tell(Event::Turnout(fingerprint, turnout))).await;
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

async fn verify(
    state: StateDirectory,
    job: Job,
    fingerprint: Hash,
    tell: impl Fn(Event) + Clone + Send + Sync + 'static,
) {
    let verified = match watch::request(&state, &fingerprint) {
        Ok(request) => {
            let progress = tell.clone();
            let progress = move |done, total| progress(Event::Verifying(job, fingerprint, done, total));
            watch::verify_result(&request, progress).await
        }
        Err(error) => Err(error),
    };
    tell(Event::Verified(job, fingerprint, verified.map(Box::new).map_err(Trouble::from)));
}

/// Steps of a progress bar: more events than these would only keep a main loop busy.
const STEPS: u64 = 100;

/// Tells a function how far the verifier is, at most [`STEPS`] times a stage.
#[derive(Clone)]
pub(super) struct Meter<F> {
    tell: Arc<F>,
    done: Arc<AtomicU64>,
    total: Arc<AtomicU64>,
}

impl<F: Fn(u64, u64)> Meter<F> {
    pub(super) fn new(tell: F) -> Self {
        Self { tell: Arc::new(tell), done: Arc::default(), total: Arc::default() }
    }
}

impl<F: Fn(u64, u64) + Send + Sync> Progress for Meter<F> {
    fn begin(&self, _: Stage, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        (self.tell)(0, total);
    }

    fn advance(&self, steps: u64) {
        let before = self.done.fetch_add(steps, Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        let step = (total / STEPS).max(1);
        if (before + steps) / step > before / step {
            (self.tell)(before + steps, total);
        }
    }

    fn finish(&self) {}
}
