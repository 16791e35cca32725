//! What is kept when a board contradicts what it signed: folders that `veritally-verifier evidence` shows and checks.

use std::path::{Path, PathBuf};

use veritally_board_api::ElectionClient;
use veritally_crypto::hash::Hash;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::note::MAX_NOTE_BYTES;
use veritally_crypto::log::tiles::{MAX_BUNDLE_BYTES, bundles_of, decode_entries};
use veritally_crypto::manifest::CheckedManifest;
use veritally_verifier::evidence::{Evidence, Finding, LogIdentity};
use veritally_verifier::source::CHECKPOINT;
use veritally_verifier::{Report, Source};

use crate::journal::Journal;
use crate::{Say, now_ms};

/// Where evidence about the boards of a key file's elections is kept: `<key file>.evidence`.
#[must_use]
pub fn folder_of(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".evidence");
    PathBuf::from(name)
}

/// Keeps evidence of one board, and says where.
pub struct Keeper<'a> {
    /// Serves the log that contradicts.
    pub client: &'a ElectionClient,
    /// The folder.
    pub folder: &'a Path,
    /// Told where the evidence is.
    pub say: Say<'a>,
}

impl Keeper<'_> {
    /// Compares what the board shows now with every signed head in the journal. Failing to keep evidence must not hide
    /// the contradiction itself, so that trouble here is only said.
    pub async fn compare(&self, manifest: &CheckedManifest, journal: &Journal, known: &[SignedCheckpoint]) {
        let log = &manifest.log;
        let Ok(shown) = self.client.checkpoint().await else { return };
        let Ok(shown) = SignedCheckpoint::parse(&shown, &log.origin, &log.key) else { return };
        let noted = journal.seen_checkpoints(manifest.fingerprint());
        let noted = noted.filter_map(|note| SignedCheckpoint::parse(note, &log.origin, &log.key).ok());
        let mut seen: Vec<_> = noted.chain(known.iter().cloned()).collect();
        seen.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.checkpoint().head().tree_size));
        for first in seen {
            match Finding::compare(self.client, &first, &shown).await {
                Ok(Some(finding)) => return self.keep(manifest, finding).await,
                Ok(None) => {}
                Err(error) => return (self.say)(&format!("evidence could not be collected: {error}")),
            }
        }
    }

    /// The first entry that fails a check, with the signed head that covers it.
    pub async fn bad_entry(&self, manifest: &CheckedManifest, source: &dyn Source, report: &Report) {
        let failed = report.checks.iter().filter(|check| report.failed().contains(&check.id.as_str()));
        let Some((check, index)) = failed.filter_map(|check| Some((check, *check.entries.first()?))).next() else {
            return;
        };
        let read = |path: &str, limit| source.read(path, limit).ok().and_then(|content| content.bytes());
        let Some(note) = read(CHECKPOINT, MAX_NOTE_BYTES).and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return;
        };
        let tile = bundles_of(index, report.tree_size).next();
        let entry = tile.and_then(|tile| {
            let bytes = read(&tile.to_string(), MAX_BUNDLE_BYTES)?;
            let offset = usize::try_from(index - tile.range().start).ok()?;
            Some(decode_entries(&bytes, tile.width()).ok()?.get(offset)?.to_vec())
        });
        let (Some(entry), Ok(proof)) = (entry, self.client.inclusion_proof(index, report.tree_size).await) else {
            return;
        };
        let reason = format!("{}: {}", check.id, check.message);
        self.keep(manifest, Finding::BadEntry { first: note, entry, index, inclusion: proof.0, reason }).await;
    }

    async fn keep(&self, manifest: &CheckedManifest, finding: Finding) {
        let leaf_0 = self.client.manifest_bytes().await.ok();
        let leaf_0 = leaf_0.filter(|bytes| Hash::of(bytes) == manifest.fingerprint()).map(|bytes| bytes.to_vec());
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
