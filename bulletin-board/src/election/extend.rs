//! Entries that another node appended, applied to this node's state.

use std::collections::HashMap;

use bytes::Bytes;
use rayon::prelude::*;
use veritally_board_api::answers::Tally;
use veritally_crypto::ballot::{BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::merkle::{Frontier, leaf_hash, stored_hash_index};
use veritally_crypto::record::Rejection;

use super::Shared;
use crate::replay::ReplayError;
use crate::store::StoreError;

/// Entries read and applied at once: a few megabytes.
pub(super) const CHUNK: u64 = 1_024;

/// An entry of the store, parsed. Its proof was verified by whoever admitted it.
enum Prepared {
    Ballot(Box<VerifiedBallot>),
    Other(Box<Leaf>),
}

fn prepare(bytes: &Bytes) -> Result<Prepared, Rejection> {
    match EncryptedBallot::parse(bytes) {
        Err(BallotError::NotABallot) => Ok(Prepared::Other(Box::new(Leaf::parse(bytes)?))),
        parsed => Ok(Prepared::Ballot(Box::new(VerifiedBallot::trust_stored(parsed?)?))),
    }
}

/// Entries in the order of the log, ready to be applied.
pub(super) struct Chunk {
    first: LeafIndex,
    entries: Vec<Bytes>,
    prepared: Vec<Prepared>,
    /// Entries before the chunk that its ballots supersede.
    pub superseded: HashMap<LeafIndex, Bytes>,
}

/// What grew by chunks.
pub(super) struct Extended {
    /// The tree.
    pub frontier: Frontier,
    /// Its hashes as far as new entries need them for receipts.
    pub known: HashMap<u64, Hash>,
    /// The running tally of the last tally head among the new entries.
    pub tally: Option<Tally>,
}

impl Extended {
    pub(super) fn new(frontier: Frontier) -> Self {
        Self { known: frontier.stored().collect(), frontier, tally: None }
    }
}

impl Chunk {
    /// Parses entries, and finds out which earlier ones they supersede: their indexes, to be filled in by the caller.
    /// Blocks.
    pub(super) fn new(
        shared: &Shared,
        first: LeafIndex,
        entries: Vec<Bytes>,
    ) -> Result<(Self, Vec<LeafIndex>), ReplayError> {
        let prepared: Vec<_> = entries.par_iter().map(prepare).collect();
        let rejected = |(index, prepared): (LeafIndex, Result<_, _>)| {
            prepared.map_err(|source| ReplayError::Rejected { index, source })
        };
        let prepared = (first..).zip(prepared).map(rejected).collect::<Result<Vec<_>, _>>()?;
        let state = shared.state();
        let earlier = prepared.iter().filter_map(|prepared| match prepared {
            Prepared::Ballot(ballot) => state.superseded(ballot.ballot()),
            Prepared::Other(_) => None,
        });
        let earlier = earlier.collect();
        drop(state);
        Ok((Self { first, entries, prepared, superseded: HashMap::new() }, earlier))
    }

    /// Hashes of the entries, with their indexes.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (LeafIndex, Hash)> {
        (self.first..).zip(&self.entries).map(|(index, bytes)| (index, Hash::of(bytes)))
    }

    /// Applies the entries. Blocks; on error the state may have changed and must be replaced.
    pub(super) fn apply(self, shared: &Shared, extended: &mut Extended) -> Result<(), ReplayError> {
        let mut state = shared.state_mut();
        for ((index, bytes), prepared) in (self.first..).zip(&self.entries).zip(&self.prepared) {
            let rejected = |source| ReplayError::Rejected { index, source };
            match prepared {
                Prepared::Other(leaf) => state.apply(leaf, bytes).map_err(rejected)?,
                Prepared::Ballot(ballot) => {
                    let superseded = match state.superseded(ballot.ballot()) {
                        None => None,
                        Some(old) => Some(self.earlier(old)?),
                    };
                    state.apply_ballot(ballot, superseded.map(AsRef::as_ref)).map_err(rejected)?;
                }
            }
            if let Prepared::Other(leaf) = prepared
                && let Leaf::TallyHead(head) = &**leaf
            {
                extended.tally = Some(Tally { head: head.clone(), sums: state.running_tally().encode() });
            }
            let (mut at, known) = (stored_hash_index(0, index), &mut extended.known);
            extended.frontier.push_with(leaf_hash(bytes), |hash| {
                known.insert(at, hash);
                at += 1;
            });
        }
        Ok(())
    }

    fn earlier(&self, index: LeafIndex) -> Result<&Bytes, ReplayError> {
        let here = index.checked_sub(self.first).and_then(|offset| self.entries.get(usize::try_from(offset).ok()?));
        let found = here.or_else(|| self.superseded.get(&index));
        found.ok_or_else(|| StoreError::Damaged(format!("entry {index} is missing")).into())
    }
}
