//! Witnesses: each new checkpoint goes to those that an election's manifest names and that have an address here; what they
//! cosign is published. One that is down holds nobody up.
//!
//! For each election one task: at most once an interval it takes the newest checkpoint as its *target*, submits it to all
//! witnesses at the same time (`submit`), and repeats what failed, ever more slowly. The target is common, so that the
//! cosignatures of a quorum meet on one checkpoint even while the log grows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;
use veritally_board_api::answers::{WitnessState, Witnesses};
use veritally_board_api::files::write_atomic;
use veritally_crypto::id::Id;
use veritally_crypto::log::note::{Note, NoteVerifier};
use veritally_crypto::manifest::CheckedManifest;

use crate::board::Board;
use crate::config::WitnessAddress;
use crate::election::Election;
use crate::health::ClockWatch;
use crate::metrics::{Metrics, WitnessLabels};

mod submit;

use submit::{Cosigned, Failure, Submission};

/// Shortest time between two targets, unless somebody says otherwise.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// How often the board is asked for new elections.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// First pause after a failure; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a request for the checkpoint waits for a quorum of cosignatures.
const PATIENCE: Duration = Duration::from_secs(3);

/// A checkpoint that is to be cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    size: u64,
    text: Arc<str>,
}

/// One witness of one election.
struct Member {
    verifier: NoteVerifier,
    url: Option<Url>,
    /// The size that it last cosigned.
    size: u64,
    time_s: Option<u64>,
    problem: Option<String>,
    failures: u32,
    not_before: Instant,
    busy: bool,
}

impl Member {
    fn is_well(&self) -> bool {
        self.problem.is_none()
    }
}

#[derive(Default)]
struct State {
    members: Vec<Member>,
    quorum: usize,
    /// The target, and what was cosigned of it so far.
    target: Option<(Target, Note)>,
    /// The newest checkpoint with a quorum of cosignatures.
    witnessed: Option<Target>,
}

/// What the witnesses of one election said.
struct Witnessed {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Witnessed {
    fn new(manifest: &CheckedManifest, addresses: &BTreeMap<String, Url>) -> Self {
        let members = manifest.witnesses.iter().filter_map(|witness| {
            let url = addresses.get(&witness.name).cloned();
            let problem = url.is_none().then(|| "The board has no address of this witness (setting witnesses).".into());
            Some(Member {
                verifier: NoteVerifier::witness(witness.name.as_str(), witness.key).ok()?,
                url,
                size: 0,
                time_s: None,
                problem,
                failures: 0,
                not_before: Instant::now(),
                busy: false,
            })
        });
        let quorum = usize::try_from(manifest.witness_quorum).unwrap_or(usize::MAX);
        let state = State { members: members.collect(), quorum, target: None, witnessed: None };
        Self { state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    fn with<T>(&self, job: impl FnOnce(&mut State) -> T) -> T {
        job(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Takes a target; what the last one lacked is given up.
    fn aim(&mut self, target: Target) {
        if let Ok(note) = Note::parse(&target.text) {
            self.target = Some((target, note));
        }
    }

    /// Who should get the target now.
    fn due(&mut self, now: Instant) -> Vec<(usize, Submission)> {
        let Some((target, _)) = &self.target else { return Vec::new() };
        let idle = self.members.iter_mut().enumerate();
        let idle = idle.filter(|(_, m)| !m.busy && m.size != target.size && m.not_before <= now);
        idle.filter_map(|(i, member)| {
            let url = member.url.clone()?;
            member.busy = true;
            let (verifier, old) = (member.verifier.clone(), member.size);
            Some((i, Submission { url, verifier, old, size: target.size, text: Arc::clone(&target.text) }))
        })
        .collect()
    }

    /// When somebody is due again.
    fn next(&self) -> Option<Instant> {
        let size = self.target.as_ref().map(|(target, _)| target.size)?;
        let waiting = self.members.iter().filter(|m| !m.busy && m.url.is_some() && m.size != size);
        waiting.map(|m| m.not_before).min()
    }

    /// Notes a cosignature; gives the checkpoint if a quorum cosigned it.
    fn cosigned(&mut self, member: usize, cosigned: &Cosigned) -> Option<Arc<str>> {
        if let Some(member) = self.members.get_mut(member) {
            member.busy = false;
            member.size = cosigned.size;
            member.time_s = Some(cosigned.time_s);
            member.problem = None;
            member.failures = 0;
        }
        let (target, note) = self.target.as_mut().filter(|(target, _)| target.size == cosigned.size)?;
        note.add(cosigned.line.clone()).ok()?;
        if cosignatures(note, &self.members) < self.quorum {
            return None;
        }
        let text: Arc<str> = note.to_string().into();
        self.witnessed = Some(Target { size: target.size, text: Arc::clone(&text) });
        Some(text)
    }

    fn failed(&mut self, member: usize, failure: &Failure, now: Instant) {
        if let Some(member) = self.members.get_mut(member) {
            member.busy = false;
            member.problem = Some(failure.to_string());
            member.failures = member.failures.saturating_add(1);
            let pause = FIRST_PAUSE.saturating_mul(1 << member.failures.saturating_sub(1).min(6)).min(LONGEST_PAUSE);
            member.not_before = now + failure.retry_after().unwrap_or(pause).min(LONGEST_PAUSE);
        }
    }

    /// What another node's witnesses cosigned; whether it is news.
    fn learn(&mut self, size: u64, text: &str) -> bool {
        let old = self.witnessed.as_ref().is_some_and(|witnessed| witnessed.size >= size && *witnessed.text == *text);
        let Some(note) = Note::parse(text).ok().filter(|_| !old) else { return false };
        for member in &mut self.members {
            if let Some(time_s) = member.verifier.cosigned(&note) {
                (member.size, member.time_s, member.problem) = (size, Some(time_s), None);
            }
        }
        self.witnessed = Some(Target { size, text: text.into() });
        true
    }

    /// What to publish to somebody who wants the log of at least this size: `Err` when it is worth waiting.
    fn publish(&self, size: u64, newest: &str) -> Result<String, ()> {
        if let Some(witnessed) = self.witnessed.as_ref().filter(|witnessed| witnessed.size >= size) {
            return Ok(witnessed.text.to_string());
        }
        if self.quorum > 0 && self.members.iter().filter(|member| member.is_well()).count() >= self.quorum {
            return Err(());
        }
        Ok(self.newest(newest))
    }

    /// The newest checkpoint, with the cosignatures that it has.
    fn newest(&self, newest: &str) -> String {
        match &self.target {
            Some((target, note)) if *target.text == *newest => note.to_string(),
            _ => newest.to_owned(),
        }
    }
}

fn cosignatures(note: &Note, members: &[Member]) -> usize {
    members.iter().filter(|member| member.verifier.cosigned(note).is_some()).count()
}

/// Keeps a cosigned checkpoint for other nodes. What is lost is cosigned again.
fn tell_others(election: Arc<Election>, size: u64, text: String) {
    tokio::spawn(async move {
        if let Err(error) = election.store().keep_witnessed(election.id(), size, text).await {
            tracing::warn!(election = %election.id(), %error, "a cosigned checkpoint can't be kept for other nodes");
        }
    });
}

/// The witnesses of all elections of a board.
pub struct Witnessing {
    addresses: BTreeMap<String, Url>,
    interval: Duration,
    http: reqwest::Client,
    clock: Arc<ClockWatch>,
    metrics: Arc<Metrics>,
    elections: Mutex<BTreeMap<Id, Arc<Witnessed>>>,
    /// Where cosigned checkpoints are kept.
    folder: Option<PathBuf>,
}

/// Where a board keeps the newest checkpoint of an election that a quorum cosigned: for exports without the server.
#[must_use]
pub fn kept(data: &Path, election: &Id) -> PathBuf {
    data.join("witnessed").join(election.to_string())
}

/// What could not be set up.
#[derive(Debug, thiserror::Error)]
#[error(
    "can't set up HTTP for witnesses: {0}; TLS needs the system's certificate authorities (Debian: the package ca-certificates)"
)]
pub struct WitnessError(String);

impl Witnessing {
    /// With these addresses.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn new(
        addresses: &[WitnessAddress],
        interval: Duration,
        clock: Arc<ClockWatch>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, WitnessError> {
        let addresses = addresses.iter().map(|witness| (witness.name.clone(), witness.url.clone())).collect();
        let (http, elections) = (submit::client().map_err(WitnessError)?, Mutex::default());
        Ok(Self { addresses, interval, http, clock, metrics, elections, folder: None })
    }

    /// The same, keeping what is cosigned in a board's folder.
    #[must_use]
    pub fn keeping_in(self, data: &Path) -> Self {
        Self { folder: Some(data.to_owned()), ..self }
    }

    /// Writes down what a quorum cosigned. What is lost is cosigned again after the next start.
    fn keep(&self, election: &Id, text: Arc<str>) {
        let Some(path) = self.folder.as_ref().map(|data| kept(data, election)) else { return };
        tokio::task::spawn_blocking(move || {
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = made.map_err(|e| e.to_string());
            if let Err(error) = written.and_then(|()| write_atomic(&path, text.as_bytes()).map_err(|e| e.to_string())) {
                tracing::warn!(error, "a cosigned checkpoint can't be kept");
            }
        });
    }

    /// Serves all elections that name witnesses, also those that are still to come, until the board shuts down.
    pub async fn run(self: Arc<Self>, board: Arc<Board>, mut shutdown: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            for election in board.running() {
                if let Some(witnessed) = self.take_on(&election) {
                    tasks.spawn(Arc::clone(&self).attend(election, witnessed));
                }
            }
            tokio::select! {
                _ = shutdown.wait_for(|&down| down) => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// Notes an election that was not known and names witnesses.
    fn take_on(&self, election: &Election) -> Option<Arc<Witnessed>> {
        let manifest = election.manifest();
        let mut elections = self.elections.lock().unwrap_or_else(PoisonError::into_inner);
        if manifest.witnesses.is_empty() || elections.contains_key(election.id()) {
            return None;
        }
        let witnessed = Arc::new(Witnessed::new(manifest, &self.addresses));
        for witness in manifest.witnesses.iter().filter(|witness| !self.addresses.contains_key(&witness.name)) {
            tracing::warn!(election = %election.id(), witness = witness.name, "no address of this witness is configured");
        }
        elections.insert(election.id().clone(), Arc::clone(&witnessed));
        Some(witnessed)
    }

    async fn attend(self: Arc<Self>, election: Arc<Election>, witnessed: Arc<Witnessed>) {
        let mut snapshots = election.subscribe();
        let mut under_way = JoinSet::new();
        let mut aimed: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if !election.leads() {
                // specs/many-nodes.md section 4: the node that sequences asks the witnesses.
                self.learn(&election, &witnessed).await;
                tokio::time::sleep(self.interval.min(LOOK_INTERVAL)).await;
                continue;
            }
            let snapshot = snapshots.borrow_and_update().clone();
            let size = snapshot.head.tree_size;
            let behind = witnessed.with(|state| state.target.as_ref().is_none_or(|(target, _)| target.size != size));
            let due_again = aimed.map_or(now, |aimed| aimed + self.interval);
            if behind && due_again <= now {
                aimed = Some(now);
                witnessed.with(|state| state.aim(Target { size, text: Arc::clone(&snapshot.checkpoint) }));
            }
            for (member, submission) in witnessed.with(|state| state.due(now)) {
                let (http, election) = (self.http.clone(), Arc::clone(&election));
                under_way.spawn(async move { (member, submission.run(&http, &election).await) });
            }
            let wake = [witnessed.with(|state| state.next()), (behind && due_again > now).then_some(due_again)];
            let wake = wake.into_iter().flatten().min().unwrap_or_else(|| now + Duration::from_secs(3_600));
            tokio::select! {
                Some(Ok((member, result))) = under_way.join_next() => self.note(&election, &witnessed, member, result),
                // While a target is being pursued, growth waits for the next round.
                changed = snapshots.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(wake.max(now + Duration::from_millis(1))) => {}
            }
        }
    }

    async fn learn(&self, election: &Election, witnessed: &Witnessed) {
        match election.store().witnessed(election.id()).await {
            Ok(Some((size, text))) if witnessed.with(|state| state.learn(size, &text)) => {
                witnessed.changed.send_replace(());
                self.keep(election.id(), text.into());
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(election = %election.id(), %error, "cosigned checkpoints can't be read"),
        }
    }

    fn note(&self, election: &Arc<Election>, witnessed: &Witnessed, member: usize, result: Result<Cosigned, Failure>) {
        let name = witnessed.with(|state| state.members.get(member).map(|m| m.verifier.name().to_owned()));
        let name = name.unwrap_or_default();
        let labels = WitnessLabels { election: election.id().to_string(), witness: name.clone() };
        match result {
            Ok(cosigned) => {
                self.clock.told(&name, cosigned.time_s.saturating_mul(1_000));
                self.metrics.cosignatures.get_or_create(&labels).inc();
                let size = i64::try_from(cosigned.size).unwrap_or(i64::MAX);
                self.metrics.witnessed_size.get_or_create(&labels).set(size);
                let (recovered, newest) = witnessed.with(|state| {
                    let recovered = state.members.get(member).is_some_and(|m| !m.is_well());
                    (recovered, state.cosigned(member, &cosigned))
                });
                if let Some(text) = newest {
                    if election.is_shared() {
                        tell_others(Arc::clone(election), cosigned.size, text.to_string());
                    }
                    self.keep(election.id(), text);
                }
                if recovered {
                    tracing::info!(election = %election.id(), witness = name, "the witness cosigns again");
                }
            }
            Err(failure) => {
                self.metrics.witness_failures.get_or_create(&labels).inc();
                let new = witnessed.with(|state| {
                    let known = state.members.get(member).and_then(|m| m.problem.clone());
                    state.failed(member, &failure, Instant::now());
                    known != Some(failure.to_string())
                });
                if new {
                    tracing::warn!(election = %election.id(), witness = name, %failure, "the witness does not cosign");
                }
            }
        }
        witnessed.changed.send_replace(());
    }

    fn of(&self, election: &Election) -> Option<Arc<Witnessed>> {
        self.elections.lock().unwrap_or_else(PoisonError::into_inner).get(election.id()).cloned()
    }

    /// The same, awaited for an election that is new and names witnesses.
    async fn found(&self, election: &Election, deadline: Instant) -> Option<Arc<Witnessed>> {
        loop {
            let found = self.of(election);
            let hopeless = election.manifest().witnesses.is_empty() || self.addresses.is_empty();
            if found.is_some() || hopeless || Instant::now() >= deadline {
                return found;
            }
            tokio::time::sleep(LOOK_INTERVAL / 10).await;
        }
    }

    /// The checkpoint to publish: of at least the log's size at the time of asking, cosigned by a quorum where that can be
    /// had within `PATIENCE`, else with what cosignatures there are.
    pub async fn checkpoint(&self, election: &Election) -> String {
        let snapshot = election.refreshed().await;
        let deadline = Instant::now() + PATIENCE;
        let Some(witnessed) = self.found(election, deadline).await else { return snapshot.checkpoint.to_string() };
        let size = snapshot.head.tree_size;
        let mut changed = witnessed.changed.subscribe();
        loop {
            if let Ok(text) = witnessed.with(|state| state.publish(size, &snapshot.checkpoint)) {
                return text;
            }
            if !matches!(tokio::time::timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                return witnessed.with(|state| state.newest(&snapshot.checkpoint));
            }
        }
    }

    /// Who cosigned what.
    #[must_use]
    pub fn status(&self, election: &Election) -> Witnesses {
        let quorum = election.manifest().witness_quorum;
        let Some(witnessed) = self.of(election) else {
            return Witnesses { quorum, tree_size: 0, witnesses: Vec::new() };
        };
        witnessed.with(|state| Witnesses {
            quorum,
            tree_size: state.witnessed.as_ref().map_or(0, |witnessed| witnessed.size),
            witnesses: state
                .members
                .iter()
                .map(|member| WitnessState {
                    name: member.verifier.name().to_owned(),
                    problem: member.problem.clone(),
                    time_ms: member.time_s.map(|seconds| seconds.saturating_mul(1_000)),
                    tree_size: member.size,
                })
                .collect(),
        })
    }
}
