//! What this trustee has said and seen: one JSON line each, flushed to disk before it is said.
//!
//! ⚠ A board that shows two heads to a trustee, or to two trustees, must not get two agreements out of one. So the
//! agreement is written here before it is posted, there is one per election for ever, and shares, once made, are only
//! ever repeated byte for byte.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A head that the board has signed, in a checkpoint or a receipt: the log must pass through it for ever.
    Seen {
        /// The election.
        fingerprint: Hash,
        /// It.
        head: Head,
        /// The signed note, word by word: evidence, should the board ever contradict it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<String>,
    },
    /// This journal came out of a backup: what was said after that backup, it does not know.
    Restored {
        /// When, by this machine's clock.
        time_ms: u64,
        /// When the backup was made.
        backup_ms: u64,
    },
    /// A verified log with its closing entry, for the first time: the dispute window begins.
    Closed {
        /// The election.
        fingerprint: Hash,
        /// By this machine's clock.
        time_ms: u64,
    },
    /// The agreement.
    Agreed {
        /// The election.
        fingerprint: Hash,
        /// To what.
        head: Head,
        /// The entry's exact text.
        entry: String,
    },
    /// The decryption shares.
    Shares {
        /// The election.
        fingerprint: Hash,
        /// Of what.
        head: Head,
        /// The entries' exact texts.
        entries: Vec<String>,
    },
}

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Reading or writing fails: then nothing may be said.
    #[error("the journal {} can't be used: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process of the same trustee.
    #[error("the journal {} is in use: another run of this program is under way", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// Shares without an agreement.
    #[error("there is no agreement of this trustee to these shares' head: nothing was posted")]
    NoAgreement,
    /// Others could change what this trustee remembers.
    #[error("others may write the journal {} (mode {mode:o}): run `chmod 600` on it", path.display())]
    Permissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A line that this program did not write.
    #[error("line {line} of the journal {} is damaged; restore it from the backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// ⚠ Two heads.
    #[error(
        "this trustee has agreed to the head of size {} with root {}; the board now shows size {} with root {}: \
         TWO VIEWS OF ONE ELECTION. Nothing was posted. Tell the other trustees and keep the journal",
        agreed.tree_size, agreed.root, shown.tree_size, shown.root
    )]
    OtherHead {
        /// What it agreed to.
        agreed: Head,
        /// What is shown now.
        shown: Head,
    },
}

/// Where the journal of a key file is: `<key file>.journal`.
#[must_use]
pub fn path_of(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".journal");
    PathBuf::from(name)
}

/// Parses whole lines; the number of the first that is damaged.
fn parse(text: &str) -> Result<Vec<Event>, usize> {
    (1..).zip(text.lines()).map(|(number, line)| serde_json::from_str(line).map_err(|_| number)).collect()
}

/// The journal beside a key file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    events: Vec<Event>,
}

impl Journal {
    /// Opens or begins the journal of a key file: `<key file>.journal`.
    ///
    /// # Errors
    /// [`JournalError`]. A last line that was not written to its end (a crash) is cut off: it was never acted upon.
    pub fn open(key_file: &Path) -> Result<Self, JournalError> {
        let path = path_of(key_file);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let begun = !path.exists();
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(JournalError::Permissions { path, mode });
        }
        if begun {
            // The new name, too, must survive a crash.
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        // Two runs at once could give two agreements: the lock lasts as long as the journal is open.
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(JournalError::InUse { path }),
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(io)?;
            text.truncate(whole);
        }
        let events = parse(&text).map_err(|line| JournalError::Damaged { path: path.clone(), line })?;
        Ok(Self { path, file, events })
    }

    /// Everything written so far.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// All of it, as in the file.
    ///
    /// # Errors
    /// [`JournalError::Io`]; none that occurs.
    pub fn text(&self) -> Result<String, JournalError> {
        let io = |e: serde_json::Error| JournalError::Io { path: self.path.clone(), source: e.into() };
        let lines = self.events.iter().map(|event| serde_json::to_string(event).map(|line| line + "\n"));
        lines.collect::<Result<_, _>>().map_err(io)
    }

    /// Checks that `text` is a journal, and gives its events.
    ///
    /// # Errors
    /// [`JournalError::Damaged`], under the name of the file that it came from.
    pub fn read(text: &str, from: &Path) -> Result<Vec<Event>, JournalError> {
        parse(text).map_err(|line| JournalError::Damaged { path: from.into(), line })
    }

    /// The text of a backup's journal with the note that it was restored: the two must never be on disk one without the
    /// other.
    ///
    /// # Errors
    /// [`JournalError::Io`]; none that occurs.
    pub fn restored_text(text: &str, time_ms: u64, backup_ms: u64, from: &Path) -> Result<String, JournalError> {
        let line = serde_json::to_string(&Event::Restored { time_ms, backup_ms });
        let line = line.map_err(|e| JournalError::Io { path: from.into(), source: e.into() })?;
        Ok(format!("{text}{line}\n"))
    }

    /// Whether these events are those of a backup with nothing after them but that they were restored from it.
    #[must_use]
    pub fn is_just_restored(&self, backup: &[Event], made_ms: u64) -> bool {
        let after = self.events.strip_prefix(backup);
        let note = |event: &Event| matches!(event, Event::Restored { backup_ms, .. } if *backup_ms == made_ms);
        after.is_some_and(|after| matches!(after, [event] if note(event)))
    }

    /// When the newest backup was made that this journal was restored from, if it was.
    #[must_use]
    pub fn restored_from(&self) -> Option<u64> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Restored { backup_ms, .. } => Some(*backup_ms),
            _ => None,
        })
    }

    fn write(&mut self, event: Event) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(&event).map_err(|e| io(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(io)?;
        self.file.sync_all().map_err(io)?;
        self.events.push(event);
        Ok(())
    }

    /// Notes a signed head.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn seen(&mut self, fingerprint: Hash, head: Head, checkpoint: Option<String>) -> Result<(), JournalError> {
        if self.seen_heads(fingerprint).any(|seen| seen == head) {
            return Ok(());
        }
        self.write(Event::Seen { fingerprint, head, checkpoint })
    }

    /// The signed notes of heads of an election that were noted, oldest first.
    pub fn seen_checkpoints(&self, fingerprint: Hash) -> impl Iterator<Item = &str> + '_ {
        self.events.iter().filter_map(move |event| match event {
            Event::Seen { fingerprint: f, checkpoint, .. } if *f == fingerprint => checkpoint.as_deref(),
            _ => None,
        })
    }

    /// All heads of an election that were noted.
    pub fn seen_heads(&self, fingerprint: Hash) -> impl Iterator<Item = Head> + '_ {
        self.events.iter().filter_map(move |event| match event {
            Event::Seen { fingerprint: f, head, .. } if *f == fingerprint => Some(*head),
            _ => None,
        })
    }

    /// When this trustee first saw the election closed; `now_ms` is noted if it is now.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn first_seen_closed(&mut self, fingerprint: Hash, now_ms: u64) -> Result<u64, JournalError> {
        let seen = self.events.iter().find_map(|event| match event {
            Event::Closed { fingerprint: f, time_ms } if *f == fingerprint => Some(*time_ms),
            _ => None,
        });
        if let Some(time_ms) = seen {
            return Ok(time_ms);
        }
        self.write(Event::Closed { fingerprint, time_ms: now_ms })?;
        Ok(now_ms)
    }

    /// The agreement given for an election, if any: head and exact entry.
    #[must_use]
    pub fn agreement(&self, fingerprint: Hash) -> Option<(Head, &str)> {
        self.events.iter().find_map(|event| match event {
            Event::Agreed { fingerprint: f, head, entry } if *f == fingerprint => Some((*head, entry.as_str())),
            _ => None,
        })
    }

    /// Whether shares were made for an election.
    #[must_use]
    pub fn has_shares(&self, fingerprint: Hash) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Shares { fingerprint: f, .. } if *f == fingerprint))
    }

    /// The entry to post for an agreement to `head`: the one given before, or what `make` gives, written down first.
    ///
    /// # Errors
    /// [`JournalError::OtherHead`] when this trustee has agreed to another head; [`JournalError::Io`].
    pub fn agree<E: From<JournalError>>(
        &mut self,
        fingerprint: Hash,
        head: Head,
        make: impl FnOnce() -> Result<String, E>,
    ) -> Result<String, E> {
        match self.agreement(fingerprint) {
            Some((agreed, entry)) if agreed == head => Ok(entry.to_owned()),
            Some((agreed, _)) => Err(JournalError::OtherHead { agreed, shown: head }.into()),
            None => {
                let entry = make()?;
                self.write(Event::Agreed { fingerprint, head, entry: entry.clone() })?;
                Ok(entry)
            }
        }
    }

    /// The entries to post as shares: those made before, or what `make` gives, written down first. Only for the head
    /// that was agreed to.
    ///
    /// # Errors
    /// [`JournalError::NoAgreement`], [`JournalError::OtherHead`], [`JournalError::Io`].
    pub fn shares<E: From<JournalError>>(
        &mut self,
        fingerprint: Hash,
        head: Head,
        make: impl FnOnce() -> Result<Vec<String>, E>,
    ) -> Result<Vec<String>, E> {
        match self.agreement(fingerprint) {
            None => return Err(JournalError::NoAgreement.into()),
            Some((agreed, _)) if agreed != head => return Err(JournalError::OtherHead { agreed, shown: head }.into()),
            Some(_) => {}
        }
        let made = self.events.iter().find_map(|event| match event {
            Event::Shares { fingerprint: f, entries, .. } if *f == fingerprint => Some(entries.clone()),
            _ => None,
        });
        if let Some(entries) = made {
            return Ok(entries);
        }
        let entries = make()?;
        self.write(Event::Shares { fingerprint, head, entries: entries.clone() })?;
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn head(size: u64) -> Head {
        Head { root: Hash::of(&size.to_le_bytes()), tree_size: size }
    }

    #[test]
    fn an_agreement_is_repeated_byte_for_byte_and_never_given_to_another_head() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let election = Hash::of(b"election");
        let make = || Ok::<_, JournalError>("entry".to_owned());
        let mut journal = Journal::open(&key).unwrap();
        assert_eq!(journal.agree(election, head(7), make).unwrap(), "entry");
        drop(journal);
        let mut journal = Journal::open(&key).unwrap();
        let other = || -> Result<String, JournalError> { panic!("made twice") };
        assert_eq!(journal.agree(election, head(7), other).unwrap(), "entry");
        assert!(matches!(journal.agree(election, head(8), other), Err(JournalError::OtherHead { .. })));
        let shares = || -> Result<Vec<String>, JournalError> { panic!("made") };
        assert!(matches!(journal.shares(election, head(8), shares), Err(JournalError::OtherHead { .. })));
        assert!(matches!(journal.shares(Hash::of(b"new"), head(7), shares), Err(JournalError::NoAgreement)));
        assert!(matches!(Journal::open(&key), Err(JournalError::InUse { .. })), "one run at a time");
        assert_eq!(journal.first_seen_closed(election, 5).unwrap(), 5);
        assert_eq!(journal.first_seen_closed(election, 9).unwrap(), 5);
        assert!(journal.agree(Hash::of(b"another election"), head(8), make).is_ok());
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_dropped_and_a_damaged_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        let mut journal = Journal::open(&key).unwrap();
        journal.seen(Hash::ZERO, head(1), None).unwrap();
        journal.seen(Hash::ZERO, head(2), None).unwrap();
        drop(journal);
        let path = dir.path().join("key.journal");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let mut journal = Journal::open(&key).unwrap();
        assert_eq!(journal.seen_heads(Hash::ZERO).collect::<Vec<_>>(), [head(1)]);
        journal.seen(Hash::ZERO, head(3), None).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&key).unwrap().seen_heads(Hash::ZERO).count(), 2);
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(Journal::open(&key), Err(JournalError::Damaged { line: 1, .. })));
    }
}
