//! Where in the tiles a tree's stored hashes are found: what proofs are made from, by whoever has the files.

use super::merkle::{EMPTY_ROOT, node_hash, stored_hash_index, stored_hash_origin};
use super::tiles::{TILE_WIDTH, TileError, TileKind, TilePath};
use crate::hash::Hash;
use crate::leaves::Head;

/// A stored hash's place: it is the root of some consecutive hashes of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashPlace {
    tile: TilePath,
    first: usize,
    /// A power of two.
    count: usize,
}

impl HashPlace {
    /// Of the hash with this stored hash index, in the tiles of a tree of `tree_size` entries.
    ///
    /// # Errors
    /// [`TileError::Path`] when the tree has no such hash.
    pub fn of(stored_index: u64, tree_size: u64) -> Result<Self, TileError> {
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

    /// The tile to be read.
    #[must_use]
    pub fn tile(&self) -> TilePath {
        self.tile
    }

    /// The stored hash, computed from its tile's hashes; `None` when they are too few.
    #[must_use]
    pub fn hash(&self, tile: &[Hash]) -> Option<Hash> {
        perfect_root(tile.get(self.first..self.first + self.count)?)
    }
}

/// The root over 2^n hashes.
#[must_use]
pub fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    let mut hashes = hashes.to_vec();
    while hashes.len() > 1 {
        let (pairs, rest) = hashes.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        hashes = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    hashes.pop()
}

/// Stored hash indexes of the perfect subtrees that make up the first `size` entries, largest first.
#[must_use]
pub fn head_indexes(size: u64) -> Vec<u64> {
    let mut start = 0u64;
    let mut indexes = vec![];
    for level in (0..53u8).rev().filter(|level| size >> level & 1 == 1) {
        indexes.push(stored_hash_index(level, start >> level));
        start += 1 << level;
    }
    indexes
}

/// The head of the first `size` entries, from the hashes of [`head_indexes`]; `None` when one is not to be had.
pub fn head_of(size: u64, stored_hash: impl Fn(u64) -> Option<Hash>) -> Option<Head> {
    let roots: Option<Vec<Hash>> = head_indexes(size).into_iter().map(stored_hash).collect();
    let root = roots?.into_iter().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT);
    Some(Head { root, tree_size: size })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;
    use crate::log::merkle::{Frontier, leaf_hash};

    #[test]
    fn every_stored_hash_is_found_in_its_tile_and_makes_up_every_head() {
        for size in [1u64, 2, 3, 255, 256, 257, 700, 66_000] {
            let (mut frontier, mut stored, mut heads) = (Frontier::new(), Vec::new(), vec![]);
            for i in 0..size {
                frontier.push_with(leaf_hash(&i.to_le_bytes()), |hash| stored.push(hash));
                if i % 611 == 0 || i + 1 == size {
                    heads.push(frontier.head());
                }
            }
            let step = usize::try_from(size / 50 + 1).unwrap();
            for (index, expected) in
                stored.iter().enumerate().step_by(step).chain(stored.iter().enumerate().next_back())
            {
                let place = HashPlace::of(index as u64, size).unwrap();
                let tile: Vec<_> =
                    place.tile.stored_hashes().iter().map(|&i| stored[usize::try_from(i).unwrap()]).collect();
                assert_eq!(place.hash(&tile), Some(*expected), "hash {index} of a tree of {size}");
            }
            for head in heads {
                let found = head_of(head.tree_size, |index| stored.get(usize::try_from(index).unwrap()).copied());
                assert_eq!(found, Some(head));
            }
        }
    }
}
