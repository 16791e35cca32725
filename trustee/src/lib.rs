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

/// Milliseconds since the Unix epoch by this machine's clock.
#[must_use]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Says what happens, one line at a time; the programs print it.
pub type Say<'a> = &'a (dyn Fn(&str) + Send + Sync);
