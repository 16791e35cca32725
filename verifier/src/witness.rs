//! A witness (C2SP tlog-witness): cosigns a log's checkpoint only when it extends every one that it cosigned before.
//!
//! One implementation for all: [`server`] answers `POST /add-checkpoint`; [`Witness::pull`] asks a board itself; a trustee's
//! program calls either. What was cosigned last is on disk before the cosignature leaves. A log that does not extend it is
//! refused for ever, and what shows it is kept as [`evidence`](crate::evidence).
//!
//! ```text
//! DIR/lock                          one process at a time
//! DIR/<SHA-256 of the origin>/log         origin and key
//! DIR/<SHA-256 of the origin>/manifest    leaf 0, where it is known
//! DIR/<SHA-256 of the origin>/checkpoint  the last cosigned checkpoint, with the cosignature
//! DIR/evidence/                     one folder for each finding
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use veritally_board_api::client::TreeError;
use veritally_board_api::files::FileError;
use veritally_board_api::{ClientError, ElectionClient};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use veritally_crypto::log::cosignature::cosign;
use veritally_crypto::log::merkle::{ConsistencyProof, EMPTY_ROOT, ProofError};
use veritally_crypto::log::note::{Note, NoteError, NoteSignature, NoteVerifier};
use veritally_crypto::signature::SigningSecret;

use crate::evidence::{Evidence, EvidenceError, Finding, LogIdentity};

mod request;
pub mod server;
mod store;

pub use request::AddCheckpoint;
use store::Store;

/// Most findings of one witness that are kept: anybody may submit signed checkpoints with wrong proofs.
const MAX_FINDINGS: usize = 256;

/// Why a witness does not cosign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The request is not of its form.
    #[error("not a request to cosign: {0}")]
    Request(&'static str),
    /// No such log.
    #[error("this witness does not know the log {0:?}")]
    UnknownLog(String),
    /// The log's signature.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The old size is larger than the checkpoint's.
    #[error("the old size {old} is larger than the checkpoint's {new}")]
    OldSize {
        /// As the request says.
        old: u64,
        /// Of the checkpoint.
        new: u64,
    },
    /// Another size was cosigned last.
    #[error("the last checkpoint that was cosigned has {0} entries")]
    Conflict(u64),
    /// Same size, other root. ⚠ The log is forked.
    #[error("the log is forked: another root of {0} entries was cosigned")]
    Fork(u64),
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The board shows less than before, or a log that does not extend the one before.
    #[error("NOT cosigned: {kind}; the evidence is in {}", folder.display())]
    Caught {
        /// Which kind of finding.
        kind: &'static str,
        /// Where it is.
        folder: PathBuf,
    },
    /// The board could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A proof could not be made of the board's files.
    #[error(transparent)]
    Tree(TreeError),
    /// State could not be kept: then nothing is cosigned.
    #[error(transparent)]
    File(#[from] FileError),
    /// Evidence could not be kept.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The witness's name.
    #[error(transparent)]
    Name(#[from] NoteError),
    /// The stored state is not what this witness wrote.
    #[error("the witness's state is damaged: {0}. Restore it; a witness that forgot what it cosigned must not go on")]
    State(String),
    /// Another process works with this state.
    #[error("another process uses the witness's state in {}", .0.display())]
    InUse(PathBuf),
}

/// A log that is witnessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessedLog {
    /// Name and key: from a manifest whose fingerprint was compared, or from the log's operator.
    pub identity: LogIdentity,
    /// Leaf 0, to bind evidence to the election's fingerprint.
    pub manifest: Option<Vec<u8>>,
}

/// A cosigned checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint's head.
    pub head: Head,
    /// The cosignature, a line of the note.
    pub line: NoteSignature,
    /// The checkpoint with the signatures that it came with and this one.
    pub note: Note,
}

#[derive(Debug)]
struct LogState {
    log: WitnessedLog,
    /// What was cosigned last.
    last: Option<SignedCheckpoint>,
}

impl LogState {
    fn head(&self) -> Head {
        let nothing = Head { root: EMPTY_ROOT, tree_size: 0 };
        self.last.as_ref().map_or(nothing, |last| last.checkpoint().head())
    }
}

/// A witness: name, key, and what it cosigned.
#[derive(Debug)]
pub struct Witness {
    verifier: NoteVerifier,
    key: SigningSecret,
    store: Store,
    /// By origin. The lock of a log is held from the comparison to the end of writing.
    logs: RwLock<BTreeMap<String, Arc<Mutex<LogState>>>>,
}

impl Witness {
    /// Opens or makes the state in a folder; every log of it goes on where it was.
    ///
    /// # Errors
    /// [`WitnessError::InUse`], [`WitnessError::State`], [`WitnessError::File`], [`WitnessError::Name`].
    pub fn open(folder: impl Into<PathBuf>, name: &str, key: SigningSecret) -> Result<Self, WitnessError> {
        let verifier = NoteVerifier::witness(name, key.verification_key())?;
        let store = Store::open(folder.into())?;
        let mut logs = BTreeMap::new();
        for (log, last) in store.logs(&verifier)? {
            logs.insert(log.identity.origin.clone(), Arc::new(Mutex::new(LogState { log, last })));
        }
        Ok(Self { verifier, key, store, logs: RwLock::new(logs) })
    }

    /// Name and key, as a manifest and other programs take them.
    #[must_use]
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Begins to witness a log, or goes on.
    ///
    /// # Errors
    /// [`WitnessError::State`] when a log of this origin has another key, [`WitnessError::File`].
    pub fn add_log(&self, log: WitnessedLog) -> Result<(), WitnessError> {
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = logs.get(&log.identity.origin) {
            let mut known = lock(known);
            if known.log.identity != log.identity {
                return Err(WitnessError::State(format!("the log {:?} had another key", log.identity.origin)));
            }
            if known.log.manifest.is_none() && log.manifest.is_some() {
                self.store.save_log(&log)?;
                known.log = log;
            }
            return Ok(());
        }
        self.store.save_log(&log)?;
        let origin = log.identity.origin.clone();
        logs.insert(origin, Arc::new(Mutex::new(LogState { log, last: None })));
        Ok(())
    }

    /// The witnessed logs and what was cosigned last of each.
    #[must_use]
    pub fn logs(&self) -> Vec<(LogIdentity, Head)> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.values().map(|state| lock(state)).map(|state| (state.log.identity.clone(), state.head())).collect()
    }

    /// The last cosigned checkpoint of the log whose origin has this SHA-256, with the cosignature.
    #[must_use]
    pub fn cosigned(&self, origin: &Hash) -> Option<String> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        let (_, state) = logs.iter().find(|(name, _)| Hash::of(name.as_bytes()) == *origin)?;
        lock(state).last.as_ref().map(ToString::to_string)
    }

    fn log(&self, origin: &str) -> Result<Arc<Mutex<LogState>>, WitnessError> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(origin).cloned().ok_or_else(|| WitnessError::UnknownLog(origin.to_owned()))
    }

    /// Cosigns if the checkpoint extends what was cosigned last; `time_s` in seconds since the Unix epoch. Blocks for as
    /// long as the disk takes.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing was cosigned then.
    pub fn add_checkpoint(&self, request: &AddCheckpoint, time_s: u64) -> Result<Cosigned, WitnessError> {
        let note = Note::parse(&request.checkpoint).map_err(CheckpointError::from)?;
        let origin = Checkpoint::parse(note.text())?.origin;
        let log = self.log(&origin)?;
        let mut state = lock(&log);
        let identity = &state.log.identity;
        let signed = SignedCheckpoint::parse(&request.checkpoint, &identity.origin, &identity.key)?;
        let (old, last, new) = (request.old_size, state.head(), signed.checkpoint().head());
        if old > new.tree_size {
            return Err(WitnessError::OldSize { old, new: new.tree_size });
        }
        // Whatever the old size: this alone is proof.
        if let Some(first) = state.last.as_ref().filter(|_| new.tree_size == last.tree_size && new.root != last.root) {
            let finding = Finding::Fork { first: first.to_string(), second: signed.to_string(), passage: None };
            self.keep(&state.log, finding, time_s)?;
            return Err(WitnessError::Fork(new.tree_size));
        }
        if old != last.tree_size {
            return Err(WitnessError::Conflict(last.tree_size));
        }
        if let Err(error) = extends(&request.proof, &last, &new) {
            if let Some(first) = &state.last {
                let finding = Finding::Unproven { first: first.to_string(), second: signed.to_string() };
                self.keep(&state.log, finding, time_s)?;
            }
            return Err(error.into());
        }
        self.cosign(&mut state, &signed, time_s)
    }

    /// ⚠ On disk first, then out.
    fn cosign(&self, state: &mut LogState, signed: &SignedCheckpoint, time_s: u64) -> Result<Cosigned, WitnessError> {
        let mut note = signed.note().clone();
        let line = cosign(note.text(), self.verifier.name(), &self.key, time_s)?;
        note.add(line.clone())?;
        let identity = &state.log.identity;
        let kept = SignedCheckpoint::parse(&note.to_string(), &identity.origin, &identity.key)?;
        self.store.save_checkpoint(identity, &kept)?;
        state.last = Some(kept);
        Ok(Cosigned { head: signed.checkpoint().head(), line, note })
    }

    /// Asks a board for its checkpoint and cosigns it if it extends what was cosigned last. `origin` names a log of
    /// [`Self::add_log`].
    ///
    /// # Errors
    /// [`WitnessError::Caught`] when it does not; other errors say that nothing was found out.
    pub async fn pull(&self, client: &ElectionClient, origin: &str, time_s: u64) -> Result<Cosigned, WitnessError> {
        let (log, last) = {
            let log = self.log(origin)?;
            let state = lock(&log);
            (state.log.clone(), state.last.clone())
        };
        let text = client.checkpoint().await?;
        let signed = SignedCheckpoint::parse(&text, &log.identity.origin, &log.identity.key)?;
        let new_size = signed.checkpoint().tree_size;
        let finding = match &last {
            Some(last) => Finding::compare(client, last, &signed).await.map_err(tree)?,
            None => None,
        };
        if let Some(finding) = finding {
            let kind = finding.kind();
            let folder = self.keep(&log, finding, time_s)?;
            return Err(WitnessError::Caught { kind, folder });
        }
        let old_size = last.map_or(0, |last| last.checkpoint().tree_size);
        let proof = match old_size == new_size {
            true => ConsistencyProof(vec![]),
            false => client.consistency_proof(old_size, new_size).await.map_err(tree)?,
        };
        // Compared once more, with the log's lock held.
        self.add_checkpoint(&AddCheckpoint { old_size, proof, checkpoint: text }, time_s)
    }

    fn keep(&self, log: &WitnessedLog, finding: Finding, time_s: u64) -> Result<PathBuf, WitnessError> {
        let evidence = Evidence {
            log: log.identity.clone(),
            manifest: log.manifest.clone(),
            noticed_ms: time_s.saturating_mul(1_000),
            noticed_by: format!("witness {}", self.verifier.name()),
            finding,
        };
        // Proofs are always kept: there is one for each pair of signatures that no honest board gives.
        let testimony = matches!(evidence.finding, Finding::Unproven { .. });
        if testimony && self.store.findings() >= MAX_FINDINGS {
            return Ok(self.store.evidence());
        }
        Ok(evidence.write(&self.store.evidence())?)
    }
}

fn tree(error: TreeError) -> WitnessError {
    match error {
        TreeError::Client(error) => error.into(),
        other => WitnessError::Tree(other),
    }
}

/// C2SP tlog-witness: RFC 6962 section 2.1.2; no hashes for an old size of 0 and for equal sizes.
fn extends(proof: &ConsistencyProof, old: &Head, new: &Head) -> Result<(), ProofError> {
    if old.tree_size == new.tree_size {
        return if proof.0.is_empty() && old.root == new.root { Ok(()) } else { Err(ProofError::Invalid) };
    }
    proof.verify(old, new)
}

/// A thread that panicked while it held the lock had either written the new state or not: both are consistent.
fn lock(state: &Mutex<LogState>) -> MutexGuard<'_, LogState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
