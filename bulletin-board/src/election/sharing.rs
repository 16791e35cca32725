//! What a node knows about others that share its store (specs/many-nodes.md).

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use veritally_board_api::Problem;
use veritally_crypto::hash::Hash;

use super::{Answer, Client, Sequenced};
use crate::replay::{ReplayError, fresh_rng};

/// How long somebody who wants the newest head waits for the store.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a node shares its store with others.
#[derive(Debug, Clone)]
pub struct Sharing {
    /// Its name: another one for each process, also for each after another on the same machine.
    pub node: Arc<str>,
    /// How long a lease lasts. Longer than any pause of a healthy process; nobody sequences for so long after a crash.
    pub term: Duration,
    /// Time between two looks into the store while something happens.
    pub shortest_look: Duration,
    /// The same when nothing does.
    pub longest_look: Duration,
}

impl Sharing {
    /// With a fresh name and the usual times.
    ///
    /// # Errors
    /// [`ReplayError::System`] without randomness.
    pub fn new() -> Result<Self, ReplayError> {
        let mut name = [0; 32];
        fresh_rng()?.fill_bytes(&mut name);
        Ok(Self {
            node: Hash(name).to_string().into(),
            term: Duration::from_secs(6),
            shortest_look: Duration::from_millis(25),
            longest_look: Duration::from_millis(400),
        })
    }
}

/// Whether this node sequences an election, and how fresh what it knows is.
pub(super) struct Standing {
    /// Until when it may sequence. `None`: it follows.
    until: Mutex<Option<Instant>>,
    /// Alone on the store: it sequences, whatever the time.
    alone: bool,
    /// When the last look into the store began that succeeded.
    looked: watch::Sender<Option<Instant>>,
    asked: Notify,
}

impl Standing {
    pub(super) fn new(alone: bool) -> Self {
        Self { until: Mutex::default(), alone, looked: watch::Sender::new(None), asked: Notify::new() }
    }

    /// Whether it sequences.
    pub(super) fn leads(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        self.alone || until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn is_shared(&self) -> bool {
        !self.alone
    }

    pub(super) fn lead(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// A look that began then succeeded.
    pub(super) fn looked(&self, began: Instant) {
        self.looked.send_replace(Some(began));
    }

    /// Waits until somebody wants a look.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Waits until what is published is at least as new as the store was at the time of asking; not for long.
    pub(super) async fn refreshed(&self) {
        if self.leads() {
            return;
        }
        let (now, mut looked) = (Instant::now(), self.looked.subscribe());
        self.asked.notify_one();
        let fresh = looked.wait_for(|began| began.is_some_and(|began| began >= now));
        // Without the store, what was published last is the best there is.
        let _ = tokio::time::timeout(PATIENCE, fresh).await;
    }
}

/// Clients of this node whose entries wait in the inbox.
#[derive(Default)]
pub(super) struct Waiting(HashMap<Hash, Vec<Client>>);

impl Waiting {
    /// The entry is in the inbox: from now on the client may be told so.
    pub(super) fn add(&mut self, hash: Hash, answer: Answer) {
        if let Answer::Client(client) = answer {
            client.kept.store(true, Ordering::SeqCst);
            self.0.entry(hash).or_default().push(client);
        }
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.0.contains_key(hash)
    }

    /// Answers all who wait for an entry; only the first is told that it is new.
    pub(super) fn answer(&mut self, hash: &Hash, mut answer: Result<Sequenced, Problem>) {
        for client in self.0.remove(hash).unwrap_or_default() {
            client.send(answer.clone());
            if let Ok(sequenced) = &mut answer {
                sequenced.new = false;
            }
        }
    }

    /// For what somebody still waits.
    pub(super) fn hashes(&mut self) -> Vec<Hash> {
        self.0.retain(|_, clients| {
            clients.retain(|client| !client.is_gone());
            !clients.is_empty()
        });
        self.0.keys().copied().collect()
    }
}
