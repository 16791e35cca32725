//! Proofs about a log's tree, made of the board's tiles.
//!
//! The board's word counts for nothing: a wrong tile makes a proof that fails under the signed root.

use std::collections::HashMap;

use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{
    ConsistencyProof, EMPTY_ROOT, InclusionProof, ProofError, node_hash, stored_hash_index, stored_hash_origin,
};
use veritally_crypto::log::tiles::{self, TILE_WIDTH, TileError, TileKind, TilePath};

use super::{ClientError, ElectionClient};

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The board could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A tile that is none.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ElectionClient {
    /// The proof that the tree of `new_size` entries, as the board serves it, extends the one of `old_size`. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn consistency_proof(&self, old_size: u64, new_size: u64) -> Result<ConsistencyProof, TreeError> {
        let hashes = self.stored_hashes(&ConsistencyProof::needed(old_size, new_size)?, new_size).await?;
        Ok(ConsistencyProof::prove(old_size, new_size, &hashes)?)
    }

    /// The proof that entry `index` is in the tree of `tree_size` entries, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn inclusion_proof(&self, index: LeafIndex, tree_size: u64) -> Result<InclusionProof, TreeError> {
        let hashes = self.stored_hashes(&InclusionProof::needed(index, tree_size)?, tree_size).await?;
        Ok(InclusionProof::prove(index, tree_size, &hashes)?)
    }

    /// The head of the first `size` entries of the tree of `tree_size`, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn head_at(&self, size: u64, tree_size: u64) -> Result<Head, TreeError> {
        if size > tree_size {
            return Err(ProofError::OutOfRange { index: size, tree_size }.into());
        }
        // The perfect subtrees that make up the first `size` entries, largest first.
        let mut start = 0u64;
        let mut indexes = vec![];
        for level in (0..53u8).rev().filter(|level| size >> level & 1 == 1) {
            indexes.push(stored_hash_index(level, start >> level));
            start += 1 << level;
        }
        let hashes = self.stored_hashes(&indexes, tree_size).await?;
        let roots = indexes.iter().rev().filter_map(|index| hashes.get(index)).copied();
        let root = roots.reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT);
        Ok(Head { root, tree_size: size })
    }

    /// The hash of entry `index` in the tree of `tree_size` entries, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn leaf_hash_at(&self, index: LeafIndex, tree_size: u64) -> Result<Hash, TreeError> {
        let stored = stored_hash_index(0, index);
        let found = self.stored_hashes(&[stored], tree_size).await?;
        Ok(found.get(&stored).copied().ok_or(ProofError::MissingHash(stored))?)
    }

    /// The stored hashes with these indexes, each tile fetched once.
    async fn stored_hashes(&self, indexes: &[u64], tree_size: u64) -> Result<HashMap<u64, Hash>, TreeError> {
        let mut fetched: HashMap<TilePath, Vec<Hash>> = HashMap::new();
        let mut found = HashMap::with_capacity(indexes.len());
        for &index in indexes {
            let place = Place::of(index, tree_size)?;
            let hashes = match fetched.entry(place.tile) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let bytes = self.tile(place.tile).await?;
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

    use veritally_crypto::log::merkle::{Frontier, leaf_hash};

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
