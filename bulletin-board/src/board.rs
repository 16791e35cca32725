//! All elections of one board.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use veritally_board_api::answers::{BoardInfo, ElectionSummary};
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::note::{NoteError, check_name};
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};
use veritally_crypto::manifest::CheckedManifest;

use crate::election::{Election, Environment};
use crate::store::{Batch, NewLeaf, StoreError};

/// How often a node asks the store for elections that others created.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// An election of this board.
enum Hosted {
    Running(Arc<Election>),
    /// Its stored log does not hold; the operator must look.
    Refused,
}

/// A board: a name, a log key, elections.
pub struct Board {
    environment: Environment,
    name: String,
    elections: RwLock<BTreeMap<Id, Hosted>>,
    /// One creation at a time.
    creating: tokio::sync::Mutex<()>,
}

impl Board {
    /// Takes over all stored elections. One whose log does not hold is not served; the others are.
    ///
    /// # Errors
    /// [`BoardError`].
    pub async fn open(environment: Environment, name: &str) -> Result<Self, BoardError> {
        check_name(name)?;
        let mut elections = BTreeMap::new();
        for id in environment.store.elections().await? {
            let hosted = match Election::start(environment.clone(), id.clone()).await {
                Ok(election) => {
                    let snapshot = election.snapshot();
                    tracing::info!(election = %id, phase = %snapshot.phase, size = snapshot.head.tree_size, "serving");
                    Hosted::Running(election)
                }
                Err(error) => {
                    tracing::error!(election = %id, %error, "this election is not served");
                    Hosted::Refused
                }
            };
            elections.insert(id, hosted);
        }
        let creating = tokio::sync::Mutex::default();
        Ok(Self { environment, name: name.to_owned(), elections: RwLock::new(elections), creating })
    }

    /// Where other nodes share the store: serves what they created, too, once. An election that can't be read now is tried
    /// again the next time.
    ///
    /// # Errors
    /// [`StoreError`]: the store can't say which elections there are.
    pub async fn look_for_new(&self) -> Result<(), StoreError> {
        for id in self.environment.store.elections().await? {
            let _one_at_a_time = self.creating.lock().await;
            if self.elections.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id) {
                continue;
            }
            match Election::start(self.environment.clone(), id.clone()).await {
                Ok(election) => {
                    tracing::info!(election = %id, "another node created this election; serving it, too");
                    let hosted = Hosted::Running(election);
                    self.elections.write().unwrap_or_else(PoisonError::into_inner).insert(id, hosted);
                }
                Err(error) => tracing::error!(election = %id, %error, "this election can't be served"),
            }
        }
        Ok(())
    }

    /// Looks for new elections again and again, where other nodes share the store.
    pub async fn follow(&self, mut down: watch::Receiver<bool>) {
        if self.environment.sharing.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                _ = down.wait_for(|&down| down) => return,
            }
            if let Err(error) = self.look_for_new().await {
                tracing::warn!(%error, "the store can't say which elections there are");
            }
        }
    }

    /// What a manifest must know.
    #[must_use]
    pub fn info(&self) -> BoardInfo {
        BoardInfo {
            administrator_key: self.environment.administrator_key.as_ref().map(|key| key.verification_key()),
            log_key: self.environment.log_key.verification_key(),
            origin_prefix: self.name.clone(),
            time_ms: self.environment.clock.now_ms(),
        }
    }

    /// A running election.
    ///
    /// # Errors
    /// [`ProblemKind::UnknownElection`], [`ProblemKind::Stopped`].
    pub fn election(&self, id: &Id) -> Result<Arc<Election>, Problem> {
        match self.elections.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            Some(Hosted::Running(election)) => Ok(Arc::clone(election)),
            Some(Hosted::Refused) => {
                Err(Problem::new(ProblemKind::Stopped, "This election's stored log does not hold; it is not served."))
            }
            None => Err(Problem::new(ProblemKind::UnknownElection, format!("There is no election {id} here."))),
        }
    }

    /// All elections that run.
    #[must_use]
    pub fn running(&self) -> Vec<Arc<Election>> {
        let elections = self.elections.read().unwrap_or_else(PoisonError::into_inner);
        let running = elections.values().filter_map(|hosted| match hosted {
            Hosted::Running(election) => Some(Arc::clone(election)),
            Hosted::Refused => None,
        });
        running.collect()
    }

    /// Those whose stored log does not hold.
    #[must_use]
    pub fn refused(&self) -> Vec<Id> {
        let elections = self.elections.read().unwrap_or_else(PoisonError::into_inner);
        let refused = elections.iter().filter(|(_, hosted)| matches!(hosted, Hosted::Refused));
        refused.map(|(id, _)| id.clone()).collect()
    }

    /// A line for each election that runs.
    #[must_use]
    pub fn summaries(&self) -> Vec<ElectionSummary> {
        self.running().iter().map(|election| election.summary()).collect()
    }

    /// Begins an election. The same manifest sent twice begins one.
    ///
    /// # Errors
    /// [`ProblemKind::ManifestRefused`], [`ProblemKind::ElectionExists`], [`ProblemKind::StoreUnavailable`].
    pub async fn create(&self, leaf: Bytes) -> Result<ElectionSummary, Problem> {
        let manifest = self.check_manifest(&leaf)?;
        let _one_at_a_time = self.creating.lock().await;
        let id = manifest.election.clone();
        let exists = || {
            let detail = format!("{id} is taken. Choose another id: a log is never overwritten.");
            Problem::new(ProblemKind::ElectionExists, detail)
        };
        if let Ok(election) = self.election(&id) {
            let same = election.manifest().fingerprint() == manifest.fingerprint();
            return if same { Ok(election.summary()) } else { Err(exists()) };
        }
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(election = %id, %error, "an election could not be created");
            Problem::new(ProblemKind::StoreUnavailable, "The election could not be stored. Send the manifest again.")
        };
        let batch = self.first_batch(leaf, &manifest).map_err(|e| unavailable(&e))?;
        match self.environment.store.create_election(&id, batch).await {
            Ok(()) => {}
            // Perhaps by another node, of this very manifest.
            Err(StoreError::Exists(_)) => match self.environment.store.leaves(&id, 0..1).await {
                Ok(first) if first.first().is_some_and(|stored| Hash::of(stored) == manifest.fingerprint()) => {}
                _ => return Err(exists()),
            },
            Err(error) => return Err(unavailable(&error)),
        }
        let election = Election::start(self.environment.clone(), id.clone()).await.map_err(|e| unavailable(&e))?;
        let summary = election.summary();
        tracing::info!(election = %id, fingerprint = %summary.fingerprint, "created");
        let hosted = Hosted::Running(election);
        self.elections.write().unwrap_or_else(PoisonError::into_inner).insert(id, hosted);
        Ok(summary)
    }

    fn check_manifest(&self, leaf: &[u8]) -> Result<CheckedManifest, Problem> {
        let refused = |detail: String| Problem::new(ProblemKind::ManifestRefused, detail);
        let manifest = CheckedManifest::from_leaf(leaf).map_err(|e| refused(e.to_string()))?;
        let info = self.info();
        let origin = info.origin(&manifest.election);
        if manifest.log.key != info.log_key {
            return Err(refused("The manifest names another log key than this board's (GET /board).".into()));
        }
        if manifest.log.origin != origin {
            return Err(refused(format!("The log's origin must be {origin:?}.")));
        }
        Ok(manifest)
    }

    fn first_batch(&self, leaf: Bytes, manifest: &CheckedManifest) -> Result<Batch, NoteError> {
        let mut frontier = Frontier::new();
        let mut stored_hashes = Vec::new();
        frontier.push_with(leaf_hash(&leaf), |hash| stored_hashes.push(hash));
        let head: Head = frontier.head();
        let checkpoint = Checkpoint::new(manifest.log.origin.as_str(), &head);
        let checkpoint = SignedCheckpoint::sign(checkpoint, &self.environment.log_key)?.to_string();
        let hash = Hash::of(&leaf);
        Ok(Batch { leaves: vec![NewLeaf { bytes: leaf, hash, stored_hashes, code: None }], checkpoint })
    }

    /// Finishes what was accepted, and stops all elections.
    pub async fn close(&self) {
        for election in self.running() {
            election.close().await;
        }
    }
}

/// Why a board can't open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name that no checkpoint can carry.
    #[error("the board's name can't be used: {0}; take something like vote.example.org")]
    Name(#[from] NoteError),
}
