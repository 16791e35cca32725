//! The log under an election: a Merkle tree of RFC 6962 in the formats of C2SP, without I/O.
//!
//! - [`merkle`]: leaf and node hashes, [`merkle::Frontier`] (root of a growing tree in a few hundred bytes), inclusion
//!   and consistency proofs.
//! - [`note`] and [`checkpoint`]: signed notes, and the signed tree heads written in them.
//! - [`cosignature`]: what witnesses add to them.
//! - [`tiles`]: paths and contents of the static files that a log is read from; [`place`]: where in them a hash is found.
//! - [`receipt`]: what a voter keeps: index, inclusion proof and checkpoint as one text.
//!
//! Proofs are computed by the `tlog_tiles` crate; the wrappers here bound its inputs, so that nothing read from outside
//! reaches one of its assertions. specs/protocol.md section 9.

pub mod checkpoint;
pub mod cosignature;
pub mod merkle;
pub mod note;
pub mod place;
pub mod receipt;
pub mod tiles;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use merkle::{ConsistencyProof, Frontier, InclusionProof, leaf_hash};
pub use note::NoteVerifier;
pub use receipt::Receipt;
pub use tiles::TilePath;

/// Largest tree: sizes stand in JSON entries, whose integers end at 2^53 − 1.
pub const MAX_TREE_SIZE: u64 = crate::canonical::MAX_INTEGER;

/// An ASCII decimal as C2SP writes it: digits only, no leading zero, at most [`MAX_TREE_SIZE`].
fn parse_decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|&value| plain && value <= MAX_TREE_SIZE)
}

#[cfg(test)]
mod tests;
