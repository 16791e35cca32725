//! Backups: key file and journal in one file, in the `age` format as the key file is, and only called one after it was
//! opened again.
//!
//! `age -d FILE` gives JSON with the members `key` (the content of the key file) and `journal` (its text). ⚠ The key is no text
//! in a text: its quotes would be escaped, and what undoes that leaves copies behind.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use veritally_board_api::files::{self, FileError};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::journal::{self, Journal, JournalError};
use crate::key_store::{self, KeyStore, KeyStoreError, secret_json};
use crate::now_ms;

const FORMAT: &str = "veritally-trustee-backup/v1";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Reading or writing.
    #[error(transparent)]
    File(#[from] FileError),
    /// Wrong passphrase, damaged.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Opened, but not what a backup holds.
    #[error("{} is no backup of this program", .0.display())]
    Format(PathBuf),
    /// What was written is not what is kept.
    #[error("the backup {} is not one of this key file: {what}. Make another one", path.display())]
    DoesNotWork {
        /// Which.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Would overwrite what may be newer.
    #[error("{} exists already: nothing was restored. Move it away, if you are sure that it is older", .0.display())]
    Exists(PathBuf),
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    journal: String,
    key: key_store::Content,
    made_ms: u64,
}

/// A backup that was opened: with this passphrase it works.
pub struct Opened {
    content: Content,
    store: KeyStore,
    /// Lines of its journal.
    pub events: usize,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({} journal lines, secrets redacted)", self.events)
    }
}

impl Opened {
    /// The keys in it.
    #[must_use]
    pub fn store(&self) -> &KeyStore {
        &self.store
    }

    /// Whether it holds what key file and journal hold now.
    ///
    /// # Errors
    /// [`BackupError::DoesNotWork`].
    pub fn compare(&self, store: &KeyStore, journal: &Journal, path: &Path) -> Result<(), BackupError> {
        let wrong = |what| Err(BackupError::DoesNotWork { path: path.into(), what });
        if self.store.identity().verification_key() != store.identity().verification_key() {
            return wrong("it holds another identity key");
        }
        if self.content.key != *store.content() {
            return wrong("it holds other secrets than the key file: it is older, or another one's");
        }
        if self.content.journal != journal.text()? {
            return wrong("it holds another journal: it is older");
        }
        Ok(())
    }

    /// When it was made, milliseconds since the Unix epoch.
    #[must_use]
    pub fn made_ms(&self) -> u64 {
        self.content.made_ms
    }
}

/// Writes a backup of key file and journal, opens it again and compares.
///
/// # Errors
/// [`BackupError`]: not written, or written and found not to work.
pub fn make(
    store: &KeyStore,
    journal: &Journal,
    passphrase: Zeroizing<String>,
    path: &Path,
) -> Result<Opened, BackupError> {
    let key = store.content().clone();
    let content = Content { format: FORMAT.into(), journal: journal.text()?, key, made_ms: now_ms() };
    files::create_secret(path, &store.encrypt(&secret_json(&content)?)?)?;
    // The passphrase as it was typed, the file as it is on disk.
    let opened = open(path, passphrase)?;
    opened.compare(store, journal, path)?;
    Ok(opened)
}

/// Opens a backup and checks that everything in it can be used.
///
/// # Errors
/// [`BackupError`].
pub fn open(path: &Path, passphrase: Zeroizing<String>) -> Result<Opened, BackupError> {
    let plain = KeyStore::decrypt(path, &passphrase)?;
    let content: Content = serde_json::from_slice(&plain).map_err(|_| BackupError::Format(path.into()))?;
    if content.format != FORMAT {
        return Err(BackupError::Format(path.into()));
    }
    let store = KeyStore::from_content(path, content.key.clone(), passphrase)?;
    let events = Journal::read(&content.journal, path)?.len();
    Ok(Opened { content, store, events })
}

/// Makes key file and journal from a backup; neither may exist. Interrupted, it can be run again.
///
/// # Errors
/// [`BackupError`]; what was written before the error can be removed.
pub fn restore(backup: &Opened, key_file: &Path, work_factor: Option<u8>) -> Result<(), BackupError> {
    if key_file.exists() {
        return Err(BackupError::Exists(key_file.into()));
    }
    restore_journal(backup, key_file)?;
    Ok(backup.store.copy_to(key_file, work_factor)?)
}

/// ⚠ First the journal, and that it was restored with it, in one: a key file with an old journal that does not say so would
/// agree again unasked.
fn restore_journal(backup: &Opened, key_file: &Path) -> Result<(), BackupError> {
    let (path, made_ms) = (journal::path_of(key_file), backup.content.made_ms);
    if path.exists() {
        // By a run that was interrupted before it had written the key file?
        let events = Journal::read(&backup.content.journal, &path)?;
        let interrupted = Journal::open(key_file).is_ok_and(|there| there.is_just_restored(&events, made_ms));
        return if interrupted { Ok(()) } else { Err(BackupError::Exists(path)) };
    }
    let text = Journal::restored_text(&backup.content.journal, now_ms(), made_ms, &path)?;
    Ok(files::create_secret(&path, text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use veritally_crypto::hash::Hash;
    use veritally_crypto::leaves::Head;

    use super::*;

    fn words(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn a_backup_restores_identity_seeds_and_journal_and_says_that_it_did() {
        let (dir, rng) = (tempfile::tempdir().unwrap(), &mut rand::rng());
        let at = |name: &str| dir.path().join(name);
        let mut store = KeyStore::create(&at("a.key"), "Ada", words("correct horse"), Some(2), rng).unwrap();
        let seed = store.ceremony_seed(&Hash::of(b"e"), 3, rng).unwrap();
        let mut journal = Journal::open(&at("a.key")).unwrap();
        let head = Head { root: Hash::ZERO, tree_size: 7 };
        journal.agree::<JournalError>(Hash::of(b"e"), head, || Ok("entry".into())).unwrap();
        let made = make(&store, &journal, words("correct horse"), &at("backup.age")).unwrap();
        assert_eq!((made.events, made.store().identity().verification_key()), (1, store.identity().verification_key()));
        assert!(matches!(make(&store, &journal, words("correct horse"), &at("backup.age")), Err(BackupError::File(_))));
        assert!(matches!(open(&at("backup.age"), words("wrong")), Err(BackupError::KeyStore(_))));
        assert!(std::fs::read(at("backup.age")).unwrap().starts_with(b"age-encryption.org/v1"));

        let backup = open(&at("backup.age"), words("correct horse")).unwrap();
        assert!(matches!(restore(&backup, &at("a.key"), Some(2)), Err(BackupError::Exists(_))));
        restore(&backup, &at("b.key"), Some(2)).unwrap();
        let restored = KeyStore::open(&at("b.key"), words("correct horse")).unwrap();
        assert_eq!(restored.known_seed(&Hash::of(b"e"), 3).unwrap(), seed);
        let journal = Journal::open(&at("b.key")).unwrap();
        assert_eq!(journal.agreement(Hash::of(b"e")).unwrap().0, head);
        assert_eq!(journal.restored_from(), Some(backup.made_ms()));
    }

    #[test]
    fn a_restore_that_was_interrupted_before_the_key_file_says_so_in_its_journal_and_goes_on() {
        let (dir, rng) = (tempfile::tempdir().unwrap(), &mut rand::rng());
        let at = |name: &str| dir.path().join(name);
        let store = KeyStore::create(&at("a.key"), "Ada", words("correct horse"), Some(2), rng).unwrap();
        let mut journal = Journal::open(&at("a.key")).unwrap();
        journal.seen(Hash::of(b"e"), Head { root: Hash::ZERO, tree_size: 7 }, None).unwrap();
        make(&store, &journal, words("correct horse"), &at("backup.age")).unwrap();
        let backup = open(&at("backup.age"), words("correct horse")).unwrap();
        restore_journal(&backup, &at("b.key")).unwrap();
        assert_eq!(Journal::open(&at("b.key")).unwrap().restored_from(), Some(backup.made_ms()));
        restore(&backup, &at("b.key"), Some(2)).unwrap();
        let mut restored = Journal::open(&at("b.key")).unwrap();
        assert_eq!(restored.events().len(), 2, "one line, and once that it was restored");
        assert_eq!(restored.restored_from(), Some(backup.made_ms()));
        // What has been used since, another backup's, or one that does not say so, is not taken for that.
        std::fs::remove_file(at("b.key")).unwrap();
        restored.first_seen_closed(Hash::of(b"e"), 5).unwrap();
        drop(restored);
        assert!(matches!(restore(&backup, &at("b.key"), Some(2)), Err(BackupError::Exists(_))));
        std::fs::copy(journal::path_of(&at("a.key")), journal::path_of(&at("c.key"))).unwrap();
        assert!(matches!(restore(&backup, &at("c.key"), Some(2)), Err(BackupError::Exists(_))));
    }

    #[test]
    fn a_backup_with_the_wrong_passphrase_or_a_damaged_file_does_not_count_as_one() {
        let (dir, rng) = (tempfile::tempdir().unwrap(), &mut rand::rng());
        let at = |name: &str| dir.path().join(name);
        let store = KeyStore::create(&at("a.key"), "Ada", words("correct horse"), Some(2), rng).unwrap();
        let journal = Journal::open(&at("a.key")).unwrap();
        // The owner believes in another passphrase than the key file's.
        assert!(make(&store, &journal, words("wrong horse"), &at("one.age")).is_err());
        make(&store, &journal, words("correct horse"), &at("two.age")).unwrap();
        let mut bytes = std::fs::read(at("two.age")).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        files::write_secret(&at("two.age"), &bytes).unwrap();
        assert!(open(&at("two.age"), words("correct horse")).is_err());
        assert!(matches!(open(&at("a.key"), words("correct horse")), Err(BackupError::Format(_))), "a key file");
    }
}
