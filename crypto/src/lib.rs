//! The Veritally protocol: everything that has to be computed the same way by voters, trustees, boards and auditors.
//!
//! This crate knows no network, no files, no clock and no asynchronous code; randomness and time are arguments. What it
//! computes is written down in `specs/protocol.md`, the bytes in `specs/encoding.md`; comments name their steps.
//!
//! Where to start reading:
//!
//! - [`manifest`]: what an election is; its hash is the fingerprint to which everything is bound.
//! - [`contests`] and [`relation`]: how a ballot style becomes bits and rows.
//! - [`ballot`]: filling in, encrypting, proving, verifying alone and in batches.
//! - [`ceremony`] and [`decryption`]: the trustees' joint keys, and what they do with them.
//! - [`tally`]: the running encrypted tally, cells, counts.
//! - [`record`]: [`record::RecordState`], the one judge of what may enter an election's log.
//! - [`log`]: Merkle tree, checkpoints, tiles, receipts.

pub mod ballot;
pub mod canonical;
pub mod ceremony;
pub mod contests;
pub mod credential;
pub mod decryption;
pub mod discrete_log;
pub mod group;
pub mod hash;
pub mod id;
pub mod knowledge;
pub mod leaves;
pub mod log;
pub mod manifest;
pub mod record;
pub mod relation;
#[cfg(feature = "sample")]
pub mod sample;
pub mod signature;
pub mod tally;
pub mod text;
pub mod transcript;
