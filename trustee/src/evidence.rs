//! What is kept when a board contradicts what it signed: folders that `veritally-verifier evidence` shows and checks.

use std::path::{Path, PathBuf};

use veritally_board_api::ElectionClient;
use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::merkle::{ConsistencyProof, Frontier, InclusionProof, leaf_hash};
use veritally_crypto::manifest::CheckedManifest;
use veritally_verifier::Report;
use veritally_verifier::evidence::{Evidence, Finding, LogIdentity, Passage};
use veritally_verifier::source::Folder;

use crate::copy;
use crate::journal::Journal;
use crate::replica::ReplicaError;
use crate::{Say, now_ms};

/// Where evidence about the boards of a key file's elections is kept: `<key file>.evidence`.
#[must_use]
pub fn folder_of(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".evidence");
    PathBuf::from(name)
}

/// Keeps evidence, and says where. Failing to keep it must not hide the contradiction itself, so that trouble here is only
/// said.
pub struct Keeper<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Told where the evidence is.
    pub say: Say<'a>,
}

impl Keeper<'_> {
    /// What a board shows, which `client` asks, against an error that says what is wrong with it.
    pub async fn of_board(
        &self,
        client: &ElectionClient,
        manifest: &CheckedManifest,
        shown: &SignedCheckpoint,
        error: &ReplicaError,
        journal: &Journal,
        known: &[SignedCheckpoint],
    ) {
        if let ReplicaError::Entry { index, entry, reason } = error {
            let size = shown.checkpoint().head().tree_size;
            let Ok(proof) = client.inclusion_proof(*index, size).await else {
                return (self.say)("evidence could not be collected: the board does not prove that the entry is there");
            };
            return self.keep_entry(manifest, shown, (*index, entry), proof, reason.to_string());
        }
        let kept = self.compare(client, manifest, shown, journal, known).await;
        if let (false, ReplicaError::Fork(_)) = (kept, error) {
            let reason = "the entries that it serves do not hash to the root that it signed".into();
            self.keep(manifest, Finding::Stalled { first: shown.to_string(), reason });
        }
    }

    /// Compares what the board shows with every signed head in the journal and those of `known`; whether that gave
    /// evidence. Proof goes before testimony.
    pub async fn compare(
        &self,
        client: &ElectionClient,
        manifest: &CheckedManifest,
        shown: &SignedCheckpoint,
        journal: &Journal,
        known: &[SignedCheckpoint],
    ) -> bool {
        let mut testimony = None;
        for first in seen(manifest, journal, known) {
            match Finding::compare(client, &first, shown).await {
                Ok(Some(finding @ Finding::Fork { .. })) => {
                    self.keep(manifest, finding);
                    return true;
                }
                Ok(Some(finding)) => testimony = testimony.or(Some(finding)),
                Ok(None) => {}
                Err(error) => (self.say)(&format!("evidence could not be collected: {error}")),
            }
        }
        let found = testimony.is_some();
        testimony.into_iter().for_each(|finding| self.keep(manifest, finding));
        found
    }

    /// Compares a copy with every signed head in the journal. A copy that is only smaller proves nothing: it may be old.
    pub fn compare_copy(&self, copy: &Folder, manifest: &CheckedManifest, journal: &Journal) {
        let Some(shown) = copy::kept_checkpoint(copy, manifest) else { return };
        let new = shown.checkpoint().head();
        for first in seen(manifest, journal, &[]) {
            let old = first.checkpoint().head();
            let Some(tree) = Tree::read(copy, new.tree_size, old.tree_size) else { continue };
            if tree.passed == old {
                continue;
            }
            let passage = ConsistencyProof::prove(old.tree_size, new.tree_size, &tree.stored).ok();
            let passage = passage.filter(|proof| proof.verify(&tree.passed, &new).is_ok());
            let passage = passage.map(|proof| Passage { root: tree.passed.root, proof: proof.0 });
            let same_size = old.tree_size == new.tree_size;
            if same_size || passage.is_some() {
                let passage = passage.filter(|_| !same_size);
                let (first, second) = (first.to_string(), shown.to_string());
                return self.keep(manifest, Finding::Fork { first, second, passage });
            }
        }
    }

    /// The first entry of a copy that fails a check, with the signed head that covers it.
    pub fn bad_entry(&self, copy: &Folder, manifest: &CheckedManifest, report: &Report) {
        let failed = report.checks.iter().filter(|check| report.failed().contains(&check.id.as_str()));
        let Some((check, index)) = failed.filter_map(|check| Some((check, *check.entries.first()?))).next() else {
            return;
        };
        let Some(shown) = copy::kept_checkpoint(copy, manifest) else { return };
        let size = shown.checkpoint().head().tree_size;
        let mut entry = None;
        let tree = Tree::read_with(copy, size, size, |at, bytes| {
            if at == index {
                entry = Some(bytes.to_vec());
            }
        });
        let (Some(tree), Some(entry)) = (tree, entry) else { return };
        let Ok(proof) = InclusionProof::prove(index, size, &tree.stored) else { return };
        self.keep_entry(manifest, &shown, (index, &entry), proof, format!("{}: {}", check.id, check.message));
    }

    fn keep_entry(
        &self,
        manifest: &CheckedManifest,
        shown: &SignedCheckpoint,
        (index, entry): (u64, &[u8]),
        proof: InclusionProof,
        reason: String,
    ) {
        if proof.verify(index, &leaf_hash(entry), &shown.checkpoint().head()).is_err() {
            return (self.say)("evidence could not be kept: the entry is not in the tree that the board signed");
        }
        let (first, entry) = (shown.to_string(), entry.to_vec());
        self.keep(manifest, Finding::BadEntry { first, entry, index, inclusion: proof.0, reason });
    }

    fn keep(&self, manifest: &CheckedManifest, finding: Finding) {
        // A manifest has one encoding: what is written again is leaf 0.
        let leaf_0 = canonical::to_bytes(&**manifest).ok();
        let leaf_0 = leaf_0.filter(|bytes| Hash::of(bytes) == manifest.fingerprint());
        let log = LogIdentity { origin: manifest.log.origin.clone(), key: manifest.log.key };
        let noticed_by = format!("veritally-trustee {}", env!("CARGO_PKG_VERSION"));
        let kind = finding.kind();
        let evidence = Evidence { log, manifest: leaf_0, noticed_ms: now_ms(), noticed_by, finding };
        match std::fs::create_dir_all(self.folder).map(|()| evidence.write(self.folder)) {
            Ok(Ok(folder)) => (self.say)(&format!(
                "EVIDENCE ({kind}) against the board is in {0}: give it to the other trustees; anybody checks it with \
                 `veritally-verifier evidence {0}`",
                folder.display()
            )),
            Ok(Err(error)) => (self.say)(&format!("evidence could not be kept: {error}")),
            Err(error) => (self.say)(&format!("evidence could not be kept in {}: {error}", self.folder.display())),
        }
    }
}

/// Every signed head that was seen, the largest first.
fn seen(manifest: &CheckedManifest, journal: &Journal, known: &[SignedCheckpoint]) -> Vec<SignedCheckpoint> {
    let log = &manifest.log;
    let noted = journal.seen_checkpoints(manifest.fingerprint());
    let noted = noted.filter_map(|note| SignedCheckpoint::parse(note, &log.origin, &log.key).ok());
    let mut seen: Vec<_> = noted.chain(known.iter().cloned()).collect();
    seen.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.checkpoint().head().tree_size));
    seen
}

/// The tree of a copy.
struct Tree {
    /// Every hash that proofs are made of.
    stored: Vec<Hash>,
    /// Its head at an earlier size.
    passed: Head,
}

impl Tree {
    /// `None` when the copy has fewer entries than `size`, or fewer than `passing`.
    fn read(copy: &Folder, size: u64, passing: u64) -> Option<Self> {
        Self::read_with(copy, size, passing, |_, _| {})
    }

    fn read_with(copy: &Folder, size: u64, passing: u64, mut entry: impl FnMut(u64, &[u8])) -> Option<Self> {
        let (mut frontier, mut stored, mut passed) = (Frontier::new(), vec![], None);
        copy::for_each_entry(copy, size, |index, bytes| {
            entry(index, bytes);
            frontier.push_with(leaf_hash(bytes), |hash| stored.push(hash));
            if frontier.size() == passing {
                passed = Some(frontier.head());
            }
            Ok(())
        })
        .ok()?;
        Some(Self { stored, passed: passed? })
    }
}
