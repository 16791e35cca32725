//! The log's Merkle tree (RFC 6962), recomputed from the entries by `ct-merkle`, an implementation that board, trustees
//! and `RecordState` do not use.
//!
//! `ct_merkle::MemoryBackedTree` keeps all leaves and all inner hashes: 88 bytes and more an entry, too much for the
//! verifier's bound on memory. But an RFC 6962 tree of more than 256 entries is the tree over the roots of its groups
//! of 256 (the split at the largest power of two below the size falls between groups), and so on upwards: exactly the
//! tiles of C2SP tlog-tiles. So every group is a `ct-merkle` tree of its own of at most 256 leaves, and its root is a
//! leaf one level higher; 7 levels of 8 kB are all that is kept, and every hash of every tile is computed on the way
//! and compared with the record's. Nothing is sampled; inclusion and consistency proofs would add nothing to that.
//!
//! Above the lowest level a leaf is a hash already, but `ct-merkle` hashes leaves with the prefix 0 before it hashes
//! them in pairs with the prefix 1. [`Nodes`] is the hash function that undoes this: SHA-256 but for one thing, a
//! 32-byte leaf hashes to itself.

use ct_merkle::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::{Digest as _, Sha256};
use veritally_crypto::hash::Hash;
use veritally_crypto::log::tiles::{TILE_WIDTH, TileKind, TilePath};

/// Prefix of a leaf (RFC 6962 section 2.1).
const LEAF: u8 = 0;

/// SHA-256, except that a leaf of 32 bytes hashes to itself. Never for entries.
#[derive(Clone, Default)]
struct Nodes(Vec<u8>);

impl HashMarker for Nodes {}

impl OutputSizeUser for Nodes {
    type OutputSize = <Sha256 as OutputSizeUser>::OutputSize;
}

impl Update for Nodes {
    fn update(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }
}

impl FixedOutput for Nodes {
    fn finalize_into(self, out: &mut Output<Self>) {
        match self.0.split_first() {
            Some((&LEAF, hash)) if hash.len() == out.len() => out.copy_from_slice(hash),
            _ => out.copy_from_slice(&Sha256::digest(&self.0)),
        }
    }
}

/// The hash of an entry: the root of a tree with this entry alone.
pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    let mut tree = MemoryBackedTree::<Sha256, &[u8]>::new();
    tree.push(entry);
    Hash((*tree.root().as_bytes()).into())
}

/// The root over hashes of one level.
fn subtree(hashes: impl IntoIterator<Item = Hash>) -> Hash {
    let mut tree = MemoryBackedTree::<Nodes, [u8; 32]>::new();
    for hash in hashes {
        tree.push(hash.0);
    }
    Hash((*tree.root().as_bytes()).into())
}

/// A tile as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) path: TilePath,
    pub(crate) hashes: Vec<Hash>,
}

/// A tree that grows entry by entry.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    /// For each level the hashes of its last tile, up to 255.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Appends an entry, given its [`leaf_hash`]; gives the tiles that it completes, lowest first.
    pub(crate) fn push(&mut self, leaf: Hash) -> Vec<Tile> {
        self.size += 1;
        let mut complete = vec![];
        let mut carried = leaf;
        for level in 0..=u8::MAX {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(vec![]);
            }
            let Some(tile) = self.levels.get_mut(usize::from(level)) else { break };
            tile.push(carried);
            if (tile.len() as u64) < TILE_WIDTH {
                break;
            }
            let hashes = std::mem::take(tile);
            carried = subtree(hashes.iter().copied());
            let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
            complete.extend(self.tile(level, index, hashes));
        }
        complete
    }

    /// The tiles that are not full.
    pub(crate) fn partial(&self) -> Vec<Tile> {
        let levels = (0u8..).zip(&self.levels).filter(|(_, hashes)| !hashes.is_empty());
        let index = |level: u8| self.size >> (8 * (u32::from(level) + 1));
        levels.filter_map(|(level, hashes)| self.tile(level, index(level), hashes.clone())).collect()
    }

    fn tile(&self, level: u8, index: u64, hashes: Vec<Hash>) -> Option<Tile> {
        let path = TilePath::new(TileKind::Hashes(level), index, hashes.len() as u64).ok()?;
        Some(Tile { path, hashes })
    }

    /// The root hash.
    pub(crate) fn root(&self) -> Hash {
        let over = |below: Option<Hash>, hashes: &Vec<Hash>| match below {
            None if hashes.is_empty() => None,
            below => Some(subtree(hashes.iter().copied().chain(below))),
        };
        self.levels.iter().fold(None, over).unwrap_or_else(|| subtree([]))
    }

    /// The number of entries.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::HashMap;

    use veritally_crypto::log::merkle::{Frontier, stored_hash_index};
    use veritally_crypto::log::tiles::tiles_of;

    use super::*;

    #[test]
    fn roots_and_tiles_are_those_of_the_other_implementation() {
        let (mut tree, mut frontier) = (Tree::default(), Frontier::new());
        let (mut stored, mut tiles) = (HashMap::new(), HashMap::new());
        assert_eq!(tree.root(), frontier.root());
        // Two levels full and a third begun.
        for index in 0u64..66_000 {
            let entry = index.to_le_bytes();
            assert_eq!(leaf_hash(&entry), veritally_crypto::log::leaf_hash(&entry));
            let mut next = stored_hash_index(0, index);
            frontier.push_with(leaf_hash(&entry), |hash| {
                stored.insert(next, hash);
                next += 1;
            });
            tiles.extend(tree.push(leaf_hash(&entry)).into_iter().map(|tile| (tile.path, tile.hashes)));
            let size = index + 1;
            if size < 1_100 || size.is_multiple_of(997) || size.abs_diff(65_536) < 3 {
                assert_eq!(tree.root(), frontier.root(), "{size}");
            }
        }
        tiles.extend(tree.partial().into_iter().map(|tile| (tile.path, tile.hashes)));
        let expected: Vec<_> = tiles_of(66_000).collect();
        assert_eq!(tiles.len(), expected.len());
        for path in expected {
            let hashes: Vec<_> = path.stored_hashes().iter().map(|index| stored[index]).collect();
            assert_eq!(tiles[&path], hashes, "{path}");
        }
        assert_eq!(tree.size(), 66_000);
    }
}
