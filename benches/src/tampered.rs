//! The tampered corpus: one record for each way to cheat, as a cheating board, registrar, trustee, voter or administrator
//! would make it with the real keys. Signatures hold, only the cheat shows, and exactly one check fails.
//!
//! The binary `tampered` writes all of them as folders, with what a verifier has to say of each; `tests/tampered.rs` runs the
//! verifier on them, the stage `corpus` of `scripts/test` the Python implementation.
// The generator edits JSON that it made itself a moment ago; a missing member is a fault of the generator, and stops it.
#![allow(clippy::indexing_slicing)]

use serde_json::Value;
use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::sample::SampleError;
use veritally_crypto::signature::{SignedEntry, SigningSecret, sign};
use veritally_verifier::source::Memory;

mod ballots;
mod disputes;
mod entries;
mod lab;
mod log;
mod outcome;
mod setup;

pub use lab::{Lab, Stage};

/// What a cheat gives.
#[derive(Debug)]
pub struct Tampered {
    /// The record.
    pub files: Memory,
    /// The fingerprint that the verifier is given.
    pub fingerprint: Option<Hash>,
    /// The entries that the failing check has to name: known from how the record was made, not from a verifier.
    pub culprits: Vec<u64>,
}

/// A way to cheat.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Names its folder.
    pub name: &'static str,
    /// The one check that fails.
    pub check: &'static str,
    /// Who cheats.
    pub by: &'static str,
    /// How, in a sentence.
    pub what: &'static str,
    /// Makes the record.
    pub make: fn() -> Result<Tampered, SampleError>,
}

/// All cases, by check.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut all = [setup::CASES, log::CASES, entries::CASES, ballots::CASES, outcome::CASES, disputes::CASES].concat();
    let number = |case: &Case| case.check.trim_start_matches('V').parse::<u32>().unwrap_or(u32::MAX);
    all.sort_by_key(number);
    all
}

/// The honest record from which all of them are made.
///
/// # Errors
/// None that the sample itself causes.
pub fn honest() -> Result<Tampered, SampleError> {
    Lab::at(Stage::Published)?.tampered()
}

/// Another honest record: the board's clock stepped back after the opening and was mended before the closing. Times of
/// entries are their authors' word (specs/protocol.md section 2).
///
/// # Errors
/// None that the sample itself causes.
pub fn clock_stepped_back() -> Result<Tampered, SampleError> {
    let mut lab = Lab::at(Stage::Opened)?;
    let time_ms = lab.record.election.time_ms;
    lab.record.election.time_ms = 1;
    lab.step()?;
    lab.record.election.time_ms = time_ms;
    lab.finish()
}

/// An entry's canonical bytes after an edit of its members; not signed anew.
fn edited(bytes: &[u8], edit: impl FnOnce(&mut Value)) -> Result<Vec<u8>, SampleError> {
    let mut value: Value = serde_json::from_slice(bytes)?;
    edit(&mut value);
    Ok(canonical::to_bytes(&value)?)
}

/// The entry with a fresh signature of this key.
fn signed_anew(bytes: &[u8], fingerprint: &Hash, key: &SigningSecret) -> Result<Vec<u8>, SampleError> {
    fn again<E: SignedEntry + Clone>(entry: E, fp: &Hash, key: &SigningSecret) -> Result<Vec<u8>, SampleError> {
        Ok(canonical::to_bytes(&sign(entry, fp, key)?)?)
    }
    match Leaf::parse(bytes)? {
        Leaf::Commit(entry) => again(entry, fingerprint, key),
        Leaf::Reveal(entry) => again(entry, fingerprint, key),
        Leaf::Shares(entry) => again(entry, fingerprint, key),
        Leaf::Confirm(entry) => again(entry, fingerprint, key),
        Leaf::Rehearsal(entry) => again(entry, fingerprint, key),
        Leaf::DecryptionShare(entry) => again(entry, fingerprint, key),
        Leaf::RollPart(entry) => again(entry, fingerprint, key),
        Leaf::Roll(entry) => again(entry, fingerprint, key),
        Leaf::Opening(entry) => again(entry, fingerprint, key),
        Leaf::Extension(entry) => again(entry, fingerprint, key),
        Leaf::Closing(entry) => again(entry, fingerprint, key),
        Leaf::Agreement(entry) => again(entry, fingerprint, key),
        Leaf::Result(entry) => again(entry, fingerprint, key),
        Leaf::Abandonment(entry) => again(entry, fingerprint, key),
        Leaf::Complaint(entry) => again(entry, fingerprint, key),
        Leaf::Restart(entry) => again(entry, fingerprint, key),
        Leaf::Reissue(entry) => again(entry, fingerprint, key),
        _ => Err("this type of entry is not signed".into()),
    }
}
