//! Evidence against a board: what a verifier, a witness, a trustee or a voter's program keeps when the board contradicts
//! what it signed. The folder's format is in specs/verification.md, "Evidence".
//!
//! A [`Finding`] is checked by [`Evidence::check`] from nothing but its own files: whoever gets the folder need not believe
//! who made it. What can't be proved to others (that the board went silent, say) is kept as *testimony*, and called so.

use std::fmt;

use serde::{Deserialize, Serialize};
use veritally_board_api::ElectionClient;
use veritally_board_api::client::TreeError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{CheckpointError, SignedCheckpoint};
use veritally_crypto::log::merkle::{ConsistencyProof, InclusionProof, ProofError, leaf_hash};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::signature::VerificationKey;

mod folder;
mod words;

pub use folder::MAX_EVIDENCE_BYTES;

/// The format's name.
pub const FORMAT: &str = "veritally-evidence/v1";

/// Why evidence can't be kept, read, or does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The file system.
    #[error("can't {action} {path}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why not.
        reason: std::io::Error,
    },
    /// Not a folder of evidence.
    #[error("{0}: this is no folder of evidence that this program understands")]
    Format(String),
    /// A signed note in it.
    #[error("{0}: {1}")]
    Note(&'static str, CheckpointError),
    /// A proof in it.
    #[error("the proof in {0} does not hold: {1}")]
    Proof(&'static str, ProofError),
    /// The files are in order, but show nothing wrong.
    #[error("the files contradict nothing: {0}")]
    NoContradiction(&'static str),
    /// `manifest.json` names another log.
    #[error("manifest.json is not the description of the log whose key is given: {0}")]
    Manifest(String),
}

/// The log that the evidence is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogIdentity {
    /// Its name, first line of its checkpoints.
    pub origin: String,
    /// Its key.
    pub key: VerificationKey,
}

/// Where a signed log stands at an earlier size, proved from its signed root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// The root of as many entries as the first checkpoint has, in the second one's log.
    pub root: Hash,
    /// The consistency proof from there to the second checkpoint.
    pub proof: Vec<Hash>,
}

/// What the board did. `first` and `second` are signed checkpoints, verbatim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// Two signed logs of which neither extends the other. Proof.
    Fork {
        /// Of the smaller log, or of the one that was seen first.
        first: String,
        /// Of the larger one.
        second: String,
        /// What the second log has at the size of the first; `None` when they have the same size.
        passage: Option<Passage>,
    },
    /// The tiles that the board serves do not fit what it signed. Testimony.
    Unproven {
        /// Seen first.
        first: String,
        /// Seen later.
        second: String,
    },
    /// The board shows a smaller log than before. Testimony: the smaller one was signed once.
    Rollback {
        /// Seen first, larger.
        first: String,
        /// Shown later, smaller.
        second: String,
    },
    /// An entry that a signed log had is not in a later one. Proof.
    Vanished {
        /// The log with the entry.
        first: String,
        /// Its exact bytes.
        entry: Vec<u8>,
        /// Where it was.
        index: LeafIndex,
        /// That it was there.
        inclusion: Vec<Hash>,
        /// The log without it.
        second: String,
        /// What stands in its place (the hash of that leaf).
        instead: Hash,
        /// That it stands there.
        instead_inclusion: Vec<Hash>,
    },
    /// A signed log has an entry that breaks the election's rules. Proof that it is there; why it is wrong shows who
    /// verifies the whole record.
    BadEntry {
        /// The log.
        first: String,
        /// The entry's exact bytes.
        entry: Vec<u8>,
        /// Where it is.
        index: LeafIndex,
        /// That it is there.
        inclusion: Vec<Hash>,
        /// Which checks it fails, and how.
        reason: String,
    },
    /// The board does not go on, or does not serve what it signed. Testimony.
    Stalled {
        /// The last checkpoint.
        first: String,
        /// What was missing, for how long.
        reason: String,
    },
}

/// What evidence is worth to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The board's own signatures contradict each other: nobody needs to be believed.
    Proof,
    /// The files fit together; that the board did it is the word of who noticed it.
    Testimony,
}

/// A finding, and what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Whose signatures count.
    pub log: LogIdentity,
    /// Leaf 0: binds the log's key to the election's fingerprint. A witness may not know it.
    pub manifest: Option<Vec<u8>>,
    /// When it was noticed, milliseconds since the Unix epoch, UTC.
    pub noticed_ms: u64,
    /// Which program noticed it.
    pub noticed_by: String,
    /// What.
    pub finding: Finding,
}

impl Finding {
    /// `fork`, `unproven`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fork { .. } => "fork",
            Self::Unproven { .. } => "unproven",
            Self::Rollback { .. } => "rollback",
            Self::Vanished { .. } => "vanished-entry",
            Self::BadEntry { .. } => "bad-entry",
            Self::Stalled { .. } => "stalled",
        }
    }

    /// The signed notes.
    #[must_use]
    pub fn notes(&self) -> (&str, Option<&str>) {
        match self {
            Self::Fork { first, second, .. }
            | Self::Unproven { first, second }
            | Self::Rollback { first, second }
            | Self::Vanished { first, second, .. } => (first, Some(second)),
            Self::BadEntry { first, .. } | Self::Stalled { first, .. } => (first, None),
        }
    }

    /// Compares two checkpoints of one log, both verified by the caller, the first one seen before the second; `client`
    /// serves the second one's log. `None`: the second log extends the first, or is the same.
    ///
    /// # Errors
    /// [`TreeError::Client`] when the board can't be asked.
    pub async fn compare(
        client: &ElectionClient,
        first: &SignedCheckpoint,
        second: &SignedCheckpoint,
    ) -> Result<Option<Self>, TreeError> {
        let (old, new) = (first.checkpoint().head(), second.checkpoint().head());
        let (first, second) = (first.to_string(), second.to_string());
        if old == new {
            return Ok(None);
        }
        if old.tree_size == new.tree_size {
            return Ok(Some(Self::Fork { first, second, passage: None }));
        }
        if old.tree_size > new.tree_size {
            return Ok(Some(Self::Rollback { first, second }));
        }
        let read = async {
            let proof = client.consistency_proof(old.tree_size, new.tree_size).await?;
            let passed = client.head_at(old.tree_size, new.tree_size).await?;
            Ok::<_, TreeError>((proof, passed))
        };
        let (proof, passed) = match read.await {
            Ok(read) => read,
            Err(error @ TreeError::Client(_)) => return Err(error),
            Err(_) => return Ok(Some(Self::Unproven { first, second })),
        };
        if proof.verify(&old, &new).is_ok() {
            return Ok(None);
        }
        Ok(Some(match proof.verify(&passed, &new) {
            Ok(()) => Self::Fork { first, second, passage: Some(Passage { root: passed.root, proof: proof.0 }) },
            Err(_) => Self::Unproven { first, second },
        }))
    }

    /// For a receipt's entry that is not in the log any more: `first` is the receipt's checkpoint with its inclusion proof,
    /// `second` a later one, both verified by the caller; `client` serves the second one's log. `None`: the entry is there.
    ///
    /// # Errors
    /// [`TreeError::Client`] when the board can't be asked.
    pub async fn vanished(
        client: &ElectionClient,
        (entry, index, inclusion): (&[u8], LeafIndex, &InclusionProof),
        first: &SignedCheckpoint,
        second: &SignedCheckpoint,
    ) -> Result<Option<Self>, TreeError> {
        let new = second.checkpoint().head();
        if index >= new.tree_size {
            return Ok(Some(Self::Rollback { first: first.to_string(), second: second.to_string() }));
        }
        let read = async {
            let instead = client.leaf_hash_at(index, new.tree_size).await?;
            Ok::<_, TreeError>((instead, client.inclusion_proof(index, new.tree_size).await?))
        };
        let (instead, proof) = match read.await {
            Ok(read) => read,
            Err(error @ TreeError::Client(_)) => return Err(error),
            Err(_) => return Ok(Some(Self::Unproven { first: first.to_string(), second: second.to_string() })),
        };
        if proof.verify(index, &instead, &new).is_err() {
            return Ok(Some(Self::Unproven { first: first.to_string(), second: second.to_string() }));
        }
        Ok((instead != leaf_hash(entry)).then(|| Self::Vanished {
            first: first.to_string(),
            entry: entry.to_vec(),
            index,
            inclusion: inclusion.0.clone(),
            second: second.to_string(),
            instead,
            instead_inclusion: proof.0,
        }))
    }
}

impl Evidence {
    /// Checks signatures and proofs, from the evidence alone.
    ///
    /// # Errors
    /// [`EvidenceError`] when the evidence does not show what it says.
    pub fn check(&self) -> Result<Weight, EvidenceError> {
        self.check_manifest()?;
        match &self.finding {
            Finding::Fork { first, second, passage } => {
                let (first, second) = (self.head("first.note", first)?, self.head("second.note", second)?);
                check_fork(&first, &second, passage.as_ref())?;
                Ok(Weight::Proof)
            }
            Finding::Unproven { first, second } => {
                self.head("first.note", first)?;
                self.head("second.note", second)?;
                Ok(Weight::Testimony)
            }
            Finding::Rollback { first, second } => {
                let (first, second) = (self.head("first.note", first)?, self.head("second.note", second)?);
                if second.tree_size >= first.tree_size {
                    return Err(EvidenceError::NoContradiction("the second log is not smaller than the first"));
                }
                Ok(Weight::Testimony)
            }
            Finding::Vanished { first, entry, index, inclusion, second, instead, instead_inclusion } => {
                let (first, second) = (self.head("first.note", first)?, self.head("second.note", second)?);
                let leaf = leaf_hash(entry);
                check_inclusion("first.note", inclusion, *index, &leaf, &first)?;
                check_inclusion("second.note", instead_inclusion, *index, instead, &second)?;
                if leaf == *instead {
                    return Err(EvidenceError::NoContradiction("both logs have the entry"));
                }
                Ok(Weight::Proof)
            }
            Finding::BadEntry { first, entry, index, inclusion, .. } => {
                let head = self.head("first.note", first)?;
                check_inclusion("first.note", inclusion, *index, &leaf_hash(entry), &head)?;
                Ok(Weight::Proof)
            }
            Finding::Stalled { first, .. } => {
                self.head("first.note", first)?;
                Ok(Weight::Testimony)
            }
        }
    }

    /// What happened, in a sentence or two for a warning.
    #[must_use]
    pub fn headline(&self) -> String {
        words::headline(self)
    }

    /// The election's fingerprint, if the manifest is there.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Hash> {
        self.manifest.as_deref().map(Hash::of)
    }

    fn check_manifest(&self) -> Result<(), EvidenceError> {
        let Some(bytes) = &self.manifest else { return Ok(()) };
        let manifest = CheckedManifest::from_leaf(bytes).map_err(|e| EvidenceError::Manifest(e.to_string()))?;
        if manifest.log.origin != self.log.origin || manifest.log.key != self.log.key {
            return Err(EvidenceError::Manifest("origin or key differ".into()));
        }
        Ok(())
    }

    fn head(&self, name: &'static str, note: &str) -> Result<Head, EvidenceError> {
        let signed = SignedCheckpoint::parse(note, &self.log.origin, &self.log.key);
        signed.map(|signed| signed.checkpoint().head()).map_err(|error| EvidenceError::Note(name, error))
    }
}

fn check_fork(first: &Head, second: &Head, passage: Option<&Passage>) -> Result<(), EvidenceError> {
    let root = match passage {
        None if first.tree_size != second.tree_size => {
            return Err(EvidenceError::NoContradiction(
                "the two logs have different sizes, and no proof compares them",
            ));
        }
        None => second.root,
        Some(Passage { root, proof }) => {
            let passed = Head { root: *root, tree_size: first.tree_size };
            let proof = ConsistencyProof(proof.clone());
            proof.verify(&passed, second).map_err(|error| EvidenceError::Proof("evidence.json", error))?;
            *root
        }
    };
    match root == first.root {
        true => Err(EvidenceError::NoContradiction("the second log extends the first")),
        false => Ok(()),
    }
}

fn check_inclusion(
    note: &'static str,
    proof: &[Hash],
    index: LeafIndex,
    leaf: &Hash,
    head: &Head,
) -> Result<(), EvidenceError> {
    let proof = InclusionProof(proof.to_vec());
    proof.verify(index, leaf, head).map_err(|error| EvidenceError::Proof(note, error))
}

/// What the evidence says, for people.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words::explain(self, f)
    }
}
