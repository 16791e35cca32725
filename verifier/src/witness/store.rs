//! The witness's memory: files written whole or not at all, flushed to disk.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde_json::Value;
use veritally_board_api::files::{FileError, write_atomic};
use veritally_crypto::hash::Hash;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::note::NoteVerifier;

use super::{WitnessError, WitnessedLog};
use crate::evidence::LogIdentity;

const LOCK: &str = "lock";
const LOG: &str = "log";
const MANIFEST: &str = "manifest";
const CHECKPOINT: &str = "checkpoint";
const EVIDENCE: &str = "evidence";

/// A folder, locked for this process.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    _lock: File,
}

impl Store {
    pub(super) fn open(folder: PathBuf) -> Result<Self, WitnessError> {
        fs::create_dir_all(&folder).map_err(FileError::io("make", &folder))?;
        let path = folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(FileError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(WitnessError::InUse(folder)),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", &path)(error).into()),
        }
    }

    pub(super) fn evidence(&self) -> PathBuf {
        self.folder.join(EVIDENCE)
    }

    /// How many findings are kept.
    pub(super) fn findings(&self) -> usize {
        fs::read_dir(self.evidence()).map_or(0, Iterator::count)
    }

    fn of(&self, log: &LogIdentity) -> PathBuf {
        self.folder.join(Hash::of(log.origin.as_bytes()).to_string())
    }

    /// Every log, and what was cosigned last of it.
    pub(super) fn logs(
        &self,
        witness: &NoteVerifier,
    ) -> Result<Vec<(WitnessedLog, Option<SignedCheckpoint>)>, WitnessError> {
        let mut found = vec![];
        for entry in fs::read_dir(&self.folder).map_err(FileError::io("read", &self.folder))? {
            let folder = entry.map_err(FileError::io("read", &self.folder))?.path();
            let named = folder.file_name().and_then(|name| name.to_str()).and_then(|name| Hash::from_hex(name).ok());
            let Some(named) = named else { continue };
            let damaged = |what: &str| WitnessError::State(format!("{} {what}", folder.display()));
            let log = read(&folder.join(LOG))?.ok_or_else(|| damaged("has no log"))?;
            let identity: LogIdentity = serde_json::from_slice(&log).map_err(|_| damaged("names no log"))?;
            if Hash::of(identity.origin.as_bytes()) != named {
                return Err(damaged("is of another log"));
            }
            let last = match read(&folder.join(CHECKPOINT))? {
                None => None,
                Some(bytes) => Some(cosigned(&bytes, &identity, witness).ok_or_else(|| {
                    damaged("has a checkpoint that this witness did not cosign (is the key or the name another one?)")
                })?),
            };
            let manifest = read(&folder.join(MANIFEST))?;
            found.push((WitnessedLog { identity, manifest }, last));
        }
        Ok(found)
    }

    pub(super) fn save_log(&self, log: &WitnessedLog) -> Result<(), WitnessError> {
        let folder = self.of(&log.identity);
        fs::create_dir_all(&folder).map_err(FileError::io("make", &folder))?;
        if let Some(manifest) = &log.manifest {
            write_atomic(&folder.join(MANIFEST), manifest)?;
        }
        let json = serde_json::to_value(&log.identity).unwrap_or(Value::Null);
        // Last: a folder without it is one whose making was interrupted.
        write_atomic(&folder.join(LOG), format!("{json}\n").as_bytes())?;
        File::open(&self.folder).and_then(|d| d.sync_all()).map_err(FileError::io("flush", &self.folder))?;
        Ok(())
    }

    pub(super) fn save_checkpoint(&self, log: &LogIdentity, note: &SignedCheckpoint) -> Result<(), FileError> {
        write_atomic(&self.of(log).join(CHECKPOINT), note.to_string().as_bytes())
    }
}

/// A stored checkpoint, if log and witness signed it.
fn cosigned(bytes: &[u8], log: &LogIdentity, witness: &NoteVerifier) -> Option<SignedCheckpoint> {
    let text = std::str::from_utf8(bytes).ok()?;
    let signed = SignedCheckpoint::parse(text, &log.origin, &log.key).ok()?;
    witness.cosigned(signed.note()).map(|_| signed)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}
