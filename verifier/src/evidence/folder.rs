//! Evidence as a folder: raw files for what somebody signed, one JSON file for the rest.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use veritally_crypto::canonical::MAX_LEAF_BYTES;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::log::note::MAX_NOTE_BYTES;

use super::{Evidence, EvidenceError, FORMAT, Finding, LogIdentity, Passage};

/// Longest file of such a folder that is read.
pub const MAX_EVIDENCE_BYTES: usize = if MAX_NOTE_BYTES > MAX_LEAF_BYTES { MAX_NOTE_BYTES } else { MAX_LEAF_BYTES };

const JSON: &str = "evidence.json";
const MANIFEST: &str = "manifest.json";
const FIRST: &str = "first.note";
const SECOND: &str = "second.note";
const ENTRY: &str = "entry";
const README: &str = "README.txt";

/// `evidence.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    kind: String,
    log: LogIdentity,
    noticed_by: String,
    noticed_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passage: Option<Passage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<LeafIndex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inclusion: Option<Vec<Hash>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead: Option<Hash>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead_inclusion: Option<Vec<Hash>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn io<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> EvidenceError + 'a {
    move |reason| EvidenceError::Io { action, path: path.display().to_string(), reason }
}

impl Evidence {
    /// The name of its folder: kind and a hash of the notes and of the entry's place, so that the same finding is kept once.
    #[must_use]
    pub fn folder_name(&self) -> String {
        let (first, second) = self.finding.notes();
        let mut bytes = self.finding.kind().as_bytes().to_vec();
        for note in [Some(first), second].into_iter().flatten() {
            // Signatures of witnesses come and go: the text is what was signed.
            bytes.extend_from_slice(note.split("\n\n").next().unwrap_or_default().as_bytes());
            bytes.push(0);
        }
        if let Finding::Vanished { index, .. } | Finding::BadEntry { index, .. } = &self.finding {
            bytes.extend_from_slice(&index.to_be_bytes());
        }
        let digest: String = Hash::of(&bytes).to_string().chars().take(16).collect();
        format!("{}-{digest}", self.finding.kind())
    }

    /// Writes a folder below `parent`, whole or not at all, flushed to disk; gives its path. What is there already stays.
    ///
    /// # Errors
    /// [`EvidenceError::Io`].
    pub fn write(&self, parent: &Path) -> Result<PathBuf, EvidenceError> {
        let folder = parent.join(self.folder_name());
        if folder.join(JSON).is_file() {
            return Ok(folder);
        }
        fs::create_dir_all(parent).map_err(io("make", parent))?;
        let temporary = tempfile::Builder::new().prefix(".evidence-").tempdir_in(parent).map_err(io("make", parent))?;
        for (name, bytes) in self.files()? {
            let path = temporary.path().join(name);
            fs::write(&path, bytes).map_err(io("write", &path))?;
            File::open(&path).and_then(|file| file.sync_all()).map_err(io("flush", &path))?;
        }
        let made = temporary.keep();
        match fs::rename(&made, &folder) {
            Ok(()) => {}
            // Another process was first with the same finding.
            Err(_) if folder.join(JSON).is_file() => drop(fs::remove_dir_all(&made)),
            Err(error) => return Err(io("write", &folder)(error)),
        }
        File::open(parent).and_then(|directory| directory.sync_all()).map_err(io("flush", parent))?;
        Ok(folder)
    }

    fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, EvidenceError> {
        let json = serde_json::to_vec_pretty(&self.json()).map_err(|e| EvidenceError::Format(e.to_string()))?;
        let (first, second) = self.finding.notes();
        let mut files = vec![(README, self.to_string().into_bytes()), (JSON, json), (FIRST, first.as_bytes().to_vec())];
        files.extend(second.map(|note| (SECOND, note.as_bytes().to_vec())));
        files.extend(self.manifest.clone().map(|manifest| (MANIFEST, manifest)));
        if let Finding::Vanished { entry, .. } | Finding::BadEntry { entry, .. } = &self.finding {
            files.push((ENTRY, entry.clone()));
        }
        Ok(files)
    }

    fn json(&self) -> Json {
        let mut json = Json {
            format: FORMAT.into(),
            kind: self.finding.kind().into(),
            log: self.log.clone(),
            noticed_by: self.noticed_by.clone(),
            noticed_ms: self.noticed_ms,
            passage: None,
            index: None,
            inclusion: None,
            instead: None,
            instead_inclusion: None,
            reason: None,
        };
        match self.finding.clone() {
            Finding::Fork { passage, .. } => json.passage = passage,
            Finding::Vanished { index, inclusion, instead, instead_inclusion, .. } => {
                (json.index, json.inclusion) = (Some(index), Some(inclusion));
                (json.instead, json.instead_inclusion) = (Some(instead), Some(instead_inclusion));
            }
            Finding::BadEntry { index, inclusion, reason, .. } => {
                (json.index, json.inclusion, json.reason) = (Some(index), Some(inclusion), Some(reason));
            }
            Finding::Stalled { reason, .. } => json.reason = Some(reason),
            Finding::Unproven { .. } | Finding::Rollback { .. } => {}
        }
        json
    }

    /// Reads a folder. Nothing is checked but its form: [`Self::check`] does the rest.
    ///
    /// # Errors
    /// [`EvidenceError::Io`], [`EvidenceError::Format`].
    pub fn read(folder: &Path) -> Result<Self, EvidenceError> {
        let format = |what: String| EvidenceError::Format(what);
        let json = read(folder, JSON)?.ok_or_else(|| format(format!("{} has no {JSON}", folder.display())))?;
        let json: Json = serde_json::from_slice(&json).map_err(|e| format(format!("{JSON}: {e}")))?;
        if json.format != FORMAT {
            return Err(format(format!("{JSON} is of format {:?}", json.format)));
        }
        let missing = |name: &'static str| move || EvidenceError::Format(format!("{name} is missing"));
        let note = |name: &'static str| -> Result<String, EvidenceError> {
            let bytes = read(folder, name)?.ok_or_else(missing(name))?;
            String::from_utf8(bytes).map_err(|_| EvidenceError::Format(format!("{name} is no text")))
        };
        let entry = || read(folder, ENTRY)?.ok_or_else(missing(ENTRY));
        let first = note(FIRST)?;
        let finding = match json.kind.as_str() {
            "fork" => Finding::Fork { first, second: note(SECOND)?, passage: json.passage },
            "unproven" => Finding::Unproven { first, second: note(SECOND)? },
            "rollback" => Finding::Rollback { first, second: note(SECOND)? },
            "vanished-entry" => Finding::Vanished {
                first,
                entry: entry()?,
                index: json.index.ok_or_else(missing("index"))?,
                inclusion: json.inclusion.ok_or_else(missing("inclusion"))?,
                second: note(SECOND)?,
                instead: json.instead.ok_or_else(missing("instead"))?,
                instead_inclusion: json.instead_inclusion.ok_or_else(missing("instead_inclusion"))?,
            },
            "bad-entry" => Finding::BadEntry {
                first,
                entry: entry()?,
                index: json.index.ok_or_else(missing("index"))?,
                inclusion: json.inclusion.ok_or_else(missing("inclusion"))?,
                reason: json.reason.ok_or_else(missing("reason"))?,
            },
            "stalled" => Finding::Stalled { first, reason: json.reason.ok_or_else(missing("reason"))? },
            other => return Err(format(format!("evidence of kind {other:?}"))),
        };
        let (log, noticed_ms, noticed_by) = (json.log, json.noticed_ms, json.noticed_by);
        Ok(Self { log, manifest: read(folder, MANIFEST)?, noticed_ms, noticed_by, finding })
    }
}

fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, EvidenceError> {
    let path = folder.join(name);
    // A stranger's folder may point anywhere: links are not followed.
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("read", &path)(error)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(EvidenceError::Format(format!("{} is no plain file", path.display())));
        }
        Ok(_) => {}
    }
    let mut bytes = vec![];
    let file = File::open(&path).map_err(io("read", &path))?;
    file.take(MAX_EVIDENCE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io("read", &path))?;
    if bytes.len() > MAX_EVIDENCE_BYTES {
        return Err(EvidenceError::Format(format!("{} is too large", path.display())));
    }
    Ok(Some(bytes))
}
