//! Server-sent events: what changed, at most two events a second for each reader.
//!
//! There is no queue: a reader gets the newest state when it is ready for it, and one that reads nothing at all is
//! dropped by the connection's write time-out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::time::Instant;
use veritally_board_api::{Problem, paths};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::sse::Event;
use warp::{Filter, Reply as _};

use super::{Answer, Context, answer, election};
use crate::election::{Election, Snapshot};

/// Shortest time between two rounds of at most two events (a tally and a status).
const INTERVAL: Duration = Duration::from_secs(1);
/// Proxies drop connections on which nothing happens.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

pub(super) fn routes(context: &Context) -> BoxedFilter<(Response,)> {
    let shutdown = context.shutdown.clone();
    election(context)
        .and(warp::path(paths::EVENTS))
        .and(warp::path::end())
        .and(warp::get())
        .and(warp::header::optional("last-event-id"))
        .and_then(move |election, last: Option<u64>| {
            let shutdown = shutdown.clone();
            answer(async move { subscribe(election, last, shutdown) })
        })
        .boxed()
}

fn subscribe(election: Result<Arc<Election>, Problem>, last: Option<u64>, shutdown: watch::Receiver<bool>) -> Answer {
    let events = Subscription::new(election?, last, shutdown).into_stream();
    let events = warp::sse::keep_alive().interval(SIGN_OF_LIFE).stream(events);
    Ok(warp::sse::reply(events).into_response())
}

struct Subscription {
    election: Arc<Election>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    shutdown: watch::Receiver<bool>,
    /// What the reader knows: size, service as told, tally head.
    known: Option<Arc<Snapshot>>,
    /// The log size after which the reader resumes.
    resume: Option<u64>,
    pending: VecDeque<Event>,
    next_round: Instant,
}

impl Subscription {
    fn new(election: Arc<Election>, resume: Option<u64>, shutdown: watch::Receiver<bool>) -> Self {
        let snapshots = election.subscribe();
        let (known, pending, next_round) = (None, VecDeque::new(), Instant::now());
        Self { election, snapshots, shutdown, known, resume, pending, next_round }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send + Sync {
        stream::unfold(self, async |mut this| this.next().await.map(|event| (Ok(event), this)))
    }

    /// `None` ends the stream: the board shuts down, or the election is gone.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if *self.shutdown.borrow() {
                return None;
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.next_round) => {}
                _ = self.shutdown.changed() => return None,
            }
            let snapshot = self.snapshots.borrow_and_update().clone();
            self.round(snapshot);
            if self.pending.is_empty() {
                tokio::select! {
                    changed = self.snapshots.changed() => changed.ok()?,
                    _ = self.shutdown.changed() => return None,
                }
            } else {
                self.next_round = Instant::now() + INTERVAL;
            }
        }
    }

    /// Makes the events that the reader does not know.
    fn round(&mut self, snapshot: Arc<Snapshot>) {
        let id = snapshot.head.tree_size;
        let known = self.known.as_deref();
        let changed = match (known, self.resume) {
            (Some(known), _) => known.head != snapshot.head || known.service != snapshot.service,
            (None, Some(resume)) => resume != id,
            (None, None) => true,
        };
        if !changed {
            self.known = Some(snapshot);
            return;
        }
        let head_of = |s: &Snapshot| s.tally.as_ref().map(|tally| tally.head.tree_size);
        let told = match known {
            Some(known) => head_of(known),
            // The tally head's own entry lies before a size at which it was told.
            None => head_of(&snapshot).filter(|&index| self.resume.is_some_and(|resume| resume > index)),
        };
        if let Some(json) = snapshot.tally_json().filter(|_| told != head_of(&snapshot)) {
            self.pending.push_back(Event::default().event("tally").id(id.to_string()).data(&*json));
        }
        if let Some(json) = snapshot.status_json(|snapshot| self.election.status_of(snapshot)) {
            self.pending.push_back(Event::default().event("status").id(id.to_string()).data(&*json));
        }
        self.known = Some(snapshot);
    }
}
