//! Proofs about a log's tree, made of the board's tiles and verified against a signed root.
//!
//! The board's word counts for nothing here: a wrong tile makes a proof that fails.

use std::collections::HashMap;

use veritally_board_api::ElectionClient;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{
    ConsistencyProof, InclusionProof, ProofError, leaf_hash, node_hash, stored_hash_origin,
};
use veritally_crypto::log::tiles::{self, TILE_WIDTH, TileError, TileKind, TilePath};

use crate::SessionError;

/// The tree with this head; the head's signature was verified by the caller.
pub(crate) struct Tree<'a> {
    client: &'a ElectionClient,
    head: Head,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(client: &'a ElectionClient, head: Head) -> Self {
        Self { client, head }
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Verifies that this tree begins with all entries of the one with head `old`.
    pub(crate) async fn verify_extends(&self, old: &Head) -> Result<(), SessionError> {
        let new = self.head;
        let fork = |source| SessionError::Fork { old: *old, new, source };
        if *old == new {
            return Ok(());
        }
        if old.tree_size == new.tree_size {
            return Err(fork(ProofError::Invalid));
        }
        let needed = ConsistencyProof::needed(old.tree_size, new.tree_size).map_err(fork)?;
        let hashes = self.stored_hashes(&needed).await?;
        let proof = ConsistencyProof::prove(old.tree_size, new.tree_size, &hashes).map_err(fork)?;
        proof.verify(old, &new).map_err(fork)
    }

    /// Verifies that an entry is in this tree; `otherwise` says what it means if it is not.
    pub(crate) async fn verify_includes(
        &self,
        index: LeafIndex,
        entry: &[u8],
        otherwise: impl Fn(ProofError) -> SessionError,
    ) -> Result<(), SessionError> {
        let size = self.head.tree_size;
        let needed = InclusionProof::needed(index, size).map_err(&otherwise)?;
        let hashes = self.stored_hashes(&needed).await?;
        let proof = InclusionProof::prove(index, size, &hashes).map_err(&otherwise)?;
        proof.verify(index, &leaf_hash(entry), &self.head).map_err(otherwise)
    }

    /// The stored hashes with these indexes, each tile fetched once.
    async fn stored_hashes(&self, indexes: &[u64]) -> Result<HashMap<u64, Hash>, SessionError> {
        let mut fetched: HashMap<TilePath, Vec<Hash>> = HashMap::new();
        let mut found = HashMap::with_capacity(indexes.len());
        for &index in indexes {
            let place = Place::of(index, self.head.tree_size)?;
            let hashes = match fetched.entry(place.tile) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let bytes = self.client.tile(place.tile).await?;
                    new.insert(tiles::decode_hashes(&bytes, place.tile.width())?)
                }
            };
            found.insert(index, place.hash(hashes).ok_or(TileError::Content("it lacks hashes of this tree"))?);
        }
        Ok(found)
    }
}

/// Where a stored hash is found: it is the root of some consecutive hashes of one tile.
struct Place {
    tile: TilePath,
    first: usize,
    /// A power of two.
    count: usize,
}

impl Place {
    fn of(stored_index: u64, tree_size: u64) -> Result<Self, TileError> {
        let (entry, level) = stored_hash_origin(stored_index).ok_or(TileError::Path)?;
        // Tiles have every eighth level; the levels between are computed.
        let (tile_level, above) = (level / 8, u32::from(level % 8));
        let first = (entry >> level) << above;
        let index = first / TILE_WIDTH;
        let hashes = tree_size >> (8 * u32::from(tile_level));
        let width = hashes.saturating_sub(index.saturating_mul(TILE_WIDTH)).min(TILE_WIDTH);
        let tile = TilePath::new(TileKind::Hashes(tile_level), index, width)?;
        // Below 256.
        let first = usize::try_from(first % TILE_WIDTH).map_err(|_| TileError::Path)?;
        Ok(Self { tile, first, count: 1 << above })
    }

    fn hash(&self, tile: &[Hash]) -> Option<Hash> {
        let mut hashes = tile.get(self.first..self.first + self.count)?.to_vec();
        while hashes.len() > 1 {
            hashes = hashes.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
        }
        hashes.pop()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use veritally_crypto::log::merkle::Frontier;

    use super::*;

    #[test]
    fn every_stored_hash_is_found_in_its_tile() {
        for size in [1u64, 2, 3, 255, 256, 257, 700, 66_000] {
            let (mut frontier, mut stored) = (Frontier::new(), Vec::new());
            for i in 0..size {
                frontier.push_with(leaf_hash(&i.to_le_bytes()), |hash| stored.push(hash));
            }
            let step = usize::try_from(size / 50 + 1).unwrap();
            for (index, expected) in
                stored.iter().enumerate().step_by(step).chain(stored.iter().enumerate().next_back())
            {
                let place = Place::of(index as u64, size).unwrap();
                let tile: Vec<_> =
                    place.tile.stored_hashes().iter().map(|&i| stored[usize::try_from(i).unwrap()]).collect();
                assert_eq!(place.hash(&tile), Some(*expected), "hash {index} of a tree of {size}");
            }
        }
    }
}
