//! A trustee's side of an election: its key file, its part in the key ceremony, its one agreement, its decryption shares.
//!
//! The program believes nothing that a board says: it replays the log through [`veritally_crypto::record::RecordState`],
//! checks the log's signature and tree, and before it agrees to anything runs the whole verification on its own copy.
//! It must never depend on the server or on a voter's program.
//!
//! Where to start reading:
//!
//! - [`key_store`]: the one file to keep, encrypted with a passphrase in the `age` format.
//! - [`journal`]: what the trustee has said, written before it is said, so that it never says two different things.
//! - [`replica`]: the record's state, followed during the ceremony; [`copy`]: the whole record, verified, after it.
//! - [`ceremony`] and [`duty`]: what it does before and after the election.

use std::path::Path;

use veritally_board_api::files::FileError;
use zeroize::Zeroizing;

use crate::journal::{Journal, JournalError};
use crate::key_store::{KeyStore, KeyStoreError};

pub mod backup;
pub mod ceremony;
pub mod copy;
pub mod duty;
pub mod enrolment;
pub mod evidence;
pub mod journal;
pub mod key_store;
pub mod offline;
pub mod page;
pub mod passphrase;
pub mod replica;
pub mod status;

/// Why key file and journal can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key file.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Opens a key file and its journal, which is begun if there is none.
///
/// ⚠ The journal's lock comes first: a key file that was read before it could be older than what another run has written
/// since, and writing it back would lose a seed.
///
/// # Errors
/// [`OpenError`]; without a key file no journal is begun.
pub fn open(key_file: &Path, passphrase: Zeroizing<String>) -> Result<(KeyStore, Journal), OpenError> {
    std::fs::metadata(key_file).map_err(FileError::io("read", key_file)).map_err(KeyStoreError::from)?;
    let journal = Journal::open(key_file)?;
    Ok((KeyStore::open(key_file, passphrase)?, journal))
}

/// Milliseconds since the Unix epoch by this machine's clock.
#[must_use]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Says what happens, one line at a time; the programs print it.
pub type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_key_file_is_read_only_by_who_holds_the_journals_lock_and_a_missing_one_begins_no_journal() {
        let (dir, rng) = (tempfile::tempdir().unwrap(), &mut rand::rng());
        let (key, words) = (dir.path().join("key"), Zeroizing::new("correct horse".to_owned()));
        assert!(matches!(open(&key, words.clone()), Err(OpenError::KeyStore(KeyStoreError::File(_)))));
        assert!(!journal::path_of(&key).exists());
        KeyStore::create(&key, "Ada", words.clone(), Some(2), rng).unwrap();
        let (_store, journal) = open(&key, words).unwrap();
        // The second run does not come as far as the key file: the passphrase is not even tried.
        let wrong = Zeroizing::new("wrong".to_owned());
        assert!(matches!(open(&key, wrong.clone()), Err(OpenError::Journal(JournalError::InUse { .. }))));
        drop(journal);
        assert!(matches!(open(&key, wrong), Err(OpenError::KeyStore(KeyStoreError::Decrypt { .. }))));
    }
}
