//! One election at run time: a bounded queue, batches checked on all cores, one sequencer.
//!
//! An entry goes this way: [`Election::submit`] puts its bytes into the queue or refuses (503) → `admission` takes
//! whatever waits, parses, applies the cheap rules, verifies proofs together → `sequencer` applies, hashes, signs a
//! checkpoint, commits all of it in one transaction, and only then answers with receipts and publishes the snapshot.
//! A lonely ballot does not wait for others: batches form because the stage before is busy. Who sent proofs that do not
//! hold (`suspects`) is checked aside, one ballot after the other, so that nobody else waits.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use veritally_board_api::Problem;
use veritally_board_api::answers::{ElectionSummary, Service, Status};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::RecordState;
use veritally_crypto::signature::SigningSecret;

use crate::clock::Clock;
use crate::replay::{ReplayError, Replayed, replay_store};
use crate::store::Store;
use crate::telemetry::Telemetry;

mod admission;
mod draft;
mod extend;
mod load;
mod problems;
mod put_off;
mod schedule;
mod sequencer;
mod sharing;
mod snapshot;
mod suspects;

pub use load::Load;

pub use sharing::Sharing;
pub use snapshot::Snapshot;

/// Bounds of one election's pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries that may wait to be checked. At 150 µs each on one core, 4,096 wait about half a second.
    pub queue_entries: usize,
    /// Kibibytes that may wait: entries may be large, so their number alone bounds nothing.
    pub queue_kib: usize,
    /// Most entries checked and committed together: bounds latency and the length of a transaction.
    pub batch_entries: usize,
    /// How long a client waits for its receipt before it is told to come back: by 202 if the entry waits durably, else by
    /// 503.
    pub answer_timeout: Duration,
    /// Shortest time between two tally heads.
    pub tally_head_interval: Duration,
    /// How far an official's entry may be from the server's clock.
    pub clock_skew_ms: u64,
    /// How long after the announced end a ballot is still admitted that arrived in time and was answered 503; and how
    /// long the board waits before it closes by itself.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_entries: 4_096,
            queue_kib: 64 << 10,
            batch_entries: 1_024,
            answer_timeout: Duration::from_secs(10),
            tally_head_interval: Duration::from_secs(1),
            clock_skew_ms: 5 * 60 * 1_000,
            grace: Duration::from_secs(60),
        }
    }
}

/// Seconds after which a client should try again when the queue is full.
const RETRY_QUEUE_S: u64 = 1;
/// The same when the store fails.
const RETRY_STORE_S: u64 = 3;

/// What comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A voter's ballot.
    Ballot,
    /// An official's entry.
    Entry,
}

/// A committed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced {
    /// Its position.
    pub index: LeafIndex,
    /// C2SP tlog-proof.
    pub receipt: String,
    /// False when the log had it before.
    pub new: bool,
}

/// What becomes of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable.
    Sequenced(Sequenced),
    /// It waits in the inbox, durably, for whoever sequences (specs/many-nodes.md, 3). Ask for the receipt of this hash, or
    /// send the same bytes again.
    Pending(Hash),
}

/// A client of this node that waits.
struct Client {
    answer: oneshot::Sender<Result<Sequenced, Problem>>,
    /// Whether the entry is known to wait in the inbox, durably: only then may the client be told 202.
    kept: Arc<AtomicBool>,
}

impl Client {
    fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    fn send(self, verdict: Result<Sequenced, Problem>) {
        // The requester may be gone.
        let _ = self.answer.send(verdict);
    }
}

/// Who is told what became of an entry.
enum Answer {
    /// A client of this node that waits.
    Client(Client),
    /// Whoever asks the inbox, where it waits: another node offered it.
    Inbox,
}

impl Answer {
    fn send(self, verdict: Result<Sequenced, Problem>) {
        if let Self::Client(client) = self {
            client.send(verdict);
        }
    }
}

/// An entry that waits to be checked.
struct Submission {
    kind: Kind,
    bytes: Bytes,
    /// When its last byte had arrived; for a ballot that was put off: the first time.
    received_ms: u64,
    from: Option<IpAddr>,
    answer: Answer,
}

/// It takes room until it was looked at.
struct Queued {
    submission: Submission,
    _room: OwnedSemaphorePermit,
}

/// What all stages share.
struct Shared {
    id: Id,
    manifest: Arc<CheckedManifest>,
    store: Arc<dyn Store>,
    log_key: Arc<SigningSecret>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    state: RwLock<RecordState>,
    /// Counts how often the state was replaced; changes only while the state is locked for writing. What was refused
    /// by a state that is gone may be good: that state had entries that were never committed.
    generation: AtomicU64,
    suspects: suspects::Suspects,
    put_off: put_off::PutOff,
    standing: sharing::Standing,
    snapshot: watch::Sender<Arc<Snapshot>>,
    load: Load,
}

impl Shared {
    /// A panic while the lock was held leaves a state that the sequencer replaces before it goes on; so poison is no
    /// reason to stop reading.
    fn state(&self) -> RwLockReadGuard<'_, RecordState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, RecordState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace_state(&self, state: RecordState) {
        let mut locked = self.state_mut();
        *locked = state;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

/// A running election.
pub struct Election {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    telemetry: Telemetry,
    queue: Mutex<Option<mpsc::Sender<Queued>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    schedule: Mutex<Option<JoinHandle<()>>>,
}

/// What an election runs on.
#[derive(Clone)]
pub struct Environment {
    /// Keeps the log.
    pub store: Arc<dyn Store>,
    /// Signs checkpoints.
    pub log_key: Arc<SigningSecret>,
    /// Opens and closes elections whose manifests list it as held by the board.
    pub administrator_key: Option<Arc<SigningSecret>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: Limits,
    /// How the store is shared with other nodes; `None`: it is not.
    pub sharing: Option<Sharing>,
}

impl Election {
    /// Begins to serve a stored election: replays its log, compares with its checkpoint. Alone on the store, it takes the
    /// log over before, and fences whoever wrote it; with others, it follows until it gets the lease.
    ///
    /// # Errors
    /// [`ReplayError`]: such an election must not be served.
    pub async fn start(environment: Environment, id: Id) -> Result<Arc<Self>, ReplayError> {
        let Environment { store, log_key, administrator_key, clock, limits, sharing } = environment;
        let head = if sharing.is_some() { store.head(&id).await? } else { store.take_epoch(&id).await? };
        let Replayed { state, frontier, tally } = replay_store(&store, &id, &head).await?;
        let snapshot = Snapshot::of(&state, head.checkpoint.as_str().into(), tally.map(Arc::new));
        let (snapshot, _) = watch::channel(Arc::new(snapshot));
        let manifest = Arc::clone(state.manifest());
        let (state, generation) = (RwLock::new(state), AtomicU64::new(0));
        let (suspects, put_off) = Default::default();
        let standing = sharing::Standing::new(sharing.is_none());
        let shared = Arc::new(Shared {
            id,
            manifest,
            store,
            log_key,
            clock,
            limits,
            state,
            generation,
            suspects,
            put_off,
            standing,
            snapshot,
            load: Load::default(),
        });
        let (queue, waiting) = mpsc::channel(limits.queue_entries);
        // One batch may wait while one is committed; the next is being checked.
        let (checked, to_sequence) = mpsc::channel(1);
        let sequencer = sequencer::Sequencer::new(Arc::clone(&shared), head.position, frontier, sharing);
        let tasks = vec![
            tokio::spawn(admission::run(Arc::clone(&shared), waiting, checked)),
            tokio::spawn(sequencer.run(to_sequence)),
        ];
        let election = Arc::new(Self {
            shared,
            room: Arc::new(Semaphore::new(limits.queue_kib)),
            telemetry: Telemetry::default(),
            queue: Mutex::new(Some(queue)),
            tasks: Mutex::new(tasks),
            schedule: Mutex::default(),
        });
        if let Some(key) = administrator_key
            && let Some(number) = schedule::held_number(&election, &key)
        {
            let task = schedule::run(Arc::downgrade(&election), election.subscribe(), key, number);
            *election.schedule.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokio::spawn(task));
        }
        Ok(election)
    }

    /// Admits an entry of this process, as [`Election::submit_from`].
    ///
    /// # Errors
    /// [`Problem`]: refused, or not now.
    pub async fn submit(&self, kind: Kind, bytes: Bytes) -> Result<Outcome, Problem> {
        self.submit_from(kind, bytes, None).await
    }

    /// Admits an entry that came from somewhere and waits until it is in the log, or for [`Limits::answer_timeout`]; then
    /// it is pending if it waits in the inbox, else put off. Its last byte has arrived now: this is the time that counts
    /// for a ballot.
    ///
    /// # Errors
    /// [`Problem`]: refused, or not now.
    pub async fn submit_from(&self, kind: Kind, bytes: Bytes, from: Option<IpAddr>) -> Result<Outcome, Problem> {
        let begin = tokio::time::Instant::now();
        let answer = self.submit_unnoted(kind, bytes, from).await;
        self.telemetry.note(&answer, begin.elapsed());
        answer
    }

    async fn submit_unnoted(&self, kind: Kind, bytes: Bytes, from: Option<IpAddr>) -> Result<Outcome, Problem> {
        let hash = Hash::of(&bytes);
        let received_ms = self.arrival(&hash);
        let outcome = self.wait(kind, bytes, hash, received_ms, from).await;
        let comes_again = match &outcome {
            Ok(Outcome::Sequenced(_)) => false,
            Ok(Outcome::Pending(_)) => true,
            Err(problem) => problem.kind().is_transient(),
        };
        if comes_again && kind == Kind::Ballot && received_ms < self.snapshot().closes_at_ms {
            self.shared.put_off.remember(hash, received_ms);
        }
        outcome
    }

    /// When something that arrives now arrived: for a ballot that was put off, within the grace, the first time.
    fn arrival(&self, hash: &Hash) -> u64 {
        let now_ms = self.shared.clock.now_ms();
        let grace_ms = u64::try_from(self.shared.limits.grace.as_millis()).unwrap_or(u64::MAX);
        let first = self.shared.put_off.arrival(hash);
        first.filter(|_| now_ms < self.snapshot().closes_at_ms.saturating_add(grace_ms)).unwrap_or(now_ms)
    }

    async fn wait(
        &self,
        kind: Kind,
        bytes: Bytes,
        hash: Hash,
        received_ms: u64,
        from: Option<IpAddr>,
    ) -> Result<Outcome, Problem> {
        let ((answer, result), kept) = (oneshot::channel(), Arc::new(AtomicBool::new(false)));
        let client = Client { answer, kept: Arc::clone(&kept) };
        self.enqueue(Submission { kind, bytes, received_ms, from, answer: Answer::Client(client) })?;
        match tokio::time::timeout(self.shared.limits.answer_timeout, result).await {
            Ok(Ok(answered)) => answered.map(Outcome::Sequenced),
            // Whatever becomes of this node, it waits in the database.
            _ if kept.load(Ordering::SeqCst) => Ok(Outcome::Pending(hash)),
            Err(_elapsed) => Err(problems::too_slow()),
            // The stages answer everything that they take; only a shutdown leaves something unanswered.
            Ok(Err(_dropped)) => Err(problems::shutting_down()),
        }
    }

    fn enqueue(&self, submission: Submission) -> Result<(), Problem> {
        let kib = u32::try_from(submission.bytes.len().div_ceil(1_024).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(|_| problems::queue_full())?;
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queued = Queued { submission, _room: room };
        queue.ok_or_else(problems::shutting_down)?.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => problems::queue_full(),
            mpsc::error::TrySendError::Closed(_) => problems::shutting_down(),
        })
    }

    /// What was answered since the start, and how fast.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// What its commits were like.
    #[must_use]
    pub fn load(&self) -> &Load {
        &self.shared.load
    }

    /// Entries that wait to be checked.
    #[must_use]
    pub fn queued(&self) -> usize {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// The election's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.shared.id
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &CheckedManifest {
        &self.shared.manifest
    }

    /// The store that keeps its log.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.shared.store
    }

    /// The last committed state of affairs.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.borrow().clone()
    }

    /// Whether this node sequences the election now.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.shared.standing.leads()
    }

    /// Whether other nodes serve the election, too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared.standing.is_shared()
    }

    /// Waits until the snapshot is at least as new as the store is now: where another node sequences, who saw a log there
    /// shall see no older one here. Not for long: without the store the last snapshot stays.
    pub async fn refreshed(&self) -> Arc<Snapshot> {
        self.shared.standing.refreshed().await;
        self.snapshot()
    }

    /// Looks at the state of the record. It may be ahead of the committed log by one batch: for pages, not for promises.
    pub fn with_state<T>(&self, look: impl FnOnce(&RecordState) -> T) -> T {
        look(&self.shared.state())
    }

    /// Learns of each new snapshot.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.snapshot.subscribe()
    }

    /// Where the election stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status_of(&self.snapshot())
    }

    /// A snapshot of this election as a status, with the present time.
    #[must_use]
    pub fn status_of(&self, snapshot: &Snapshot) -> Status {
        snapshot.status(&self.shared.manifest, self.shared.clock.now_ms())
    }

    /// A line for the list of elections.
    #[must_use]
    pub fn summary(&self) -> ElectionSummary {
        let snapshot = self.snapshot();
        let manifest = &self.shared.manifest;
        ElectionSummary {
            closes_at_ms: snapshot.closes_at_ms,
            election: self.shared.id.clone(),
            fingerprint: manifest.fingerprint(),
            name: manifest.name.clone(),
            opens_at_ms: manifest.schedule.opens_at_ms,
            phase: snapshot.phase,
            service: snapshot.service,
        }
    }

    /// Takes no more entries, finishes those that it took, and stops.
    pub async fn close(&self) {
        let schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner).take();
        schedule.inspect(JoinHandle::abort);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(election = %self.shared.id, %error, "a stage of the election failed");
            }
        }
    }

    /// Whether it can be written to.
    #[must_use]
    pub fn service(&self) -> Service {
        self.snapshot().service
    }
}
