//! A copy's hash tiles as the tree that they are of: what proofs are made from, and which files do not fit a root.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{HashReader, leaf_hash};
use veritally_crypto::log::place::{HashPlace, head_of, perfect_root};
use veritally_crypto::log::tiles::{
    TILE_WIDTH, TileKind, TilePath, bundles_of, decode_entries, decode_hashes, tiles_of,
};

use super::{Source, SourceError, limit, locate};

/// The tree over the first `size` entries, as a copy's files have it. Whether they are right is another matter.
pub(crate) struct StoredTree<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) size: u64,
}

impl HashReader for StoredTree<'_> {
    fn stored_hash(&self, index: u64) -> Option<Hash> {
        let place = HashPlace::of(index, self.size).ok()?;
        place.hash(&self.hashes(place.tile())?)
    }
}

impl StoredTree<'_> {
    /// The head of the first `size` entries.
    pub(crate) fn head_at(&self, size: u64) -> Option<Head> {
        head_of(size, |index| self.stored_hash(index))
    }

    /// An entry.
    pub(crate) fn entry(&self, index: u64) -> Option<Vec<u8>> {
        let bundle = bundles_of(index, self.size).next()?;
        let (bytes, width) = self.read(bundle)?;
        let place = usize::try_from(index.checked_sub(bundle.range().start)?).ok()?;
        Some((*decode_entries(&bytes, width).ok()?.get(place)?).to_vec())
    }

    /// A file, or the full one in its place, with what it should hold; `None` when it can't be read.
    fn read(&self, tile: TilePath) -> Option<(Vec<u8>, u64)> {
        let (found, _) = locate(self.source, tile).ok()??;
        let bytes = self.source.read(&found.to_string(), limit(tile.kind())).ok()?.bytes()?;
        Some((bytes, found.width()))
    }

    fn hashes(&self, tile: TilePath) -> Option<Vec<Hash>> {
        let (bytes, width) = self.read(tile)?;
        let mut hashes = decode_hashes(&bytes, width).ok()?;
        hashes.truncate(usize::try_from(tile.width()).ok()?);
        Some(hashes)
    }

    /// The hash that a full tile, or a bundle's entry, is to have: from the tile above.
    fn hash_above(&self, tile: TilePath) -> Option<Hash> {
        let TileKind::Hashes(level) = tile.kind() else { return None };
        let hashes = self.size.checked_shr(8 * (u32::from(level) + 1))?;
        let parent = tile.index() / TILE_WIDTH;
        let width = hashes.checked_sub(parent * TILE_WIDTH)?.min(TILE_WIDTH);
        let above = self.hashes(TilePath::new(TileKind::Hashes(level + 1), parent, width).ok()?)?;
        above.get(usize::try_from(tile.index() % TILE_WIDTH).ok()?).copied()
    }

    fn fits(&self, tile: TilePath) -> bool {
        match tile.kind() {
            TileKind::Hashes(_) => {
                let own = self.hashes(tile).and_then(|hashes| perfect_root(&hashes));
                own.is_some() && own == self.hash_above(tile)
            }
            TileKind::Entries => {
                let leaves = TilePath::new(TileKind::Hashes(0), tile.index(), tile.width()).ok();
                let expected = leaves.and_then(|leaves| self.hashes(leaves));
                let own = self.read(tile).and_then(|(bytes, width)| {
                    let entries = decode_entries(&bytes, width).ok()?;
                    let wanted = entries.into_iter().take(usize::try_from(tile.width()).ok()?);
                    Some(wanted.map(leaf_hash).collect::<Vec<_>>())
                });
                own.is_some() && own == expected
            }
        }
    }

    /// The files that do not fit the tree with this head: of the highest level that has any, because what is below a wrong
    /// file may be right.
    pub(crate) fn misfits(&self, head: &Head) -> BTreeSet<TilePath> {
        // The incomplete tiles alone make up the root.
        if self.head_at(self.size) != Some(*head) {
            return tiles_of(self.size).filter(|tile| !tile.is_full()).collect();
        }
        let mut levels: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for tile in tiles_of(self.size).filter(TilePath::is_full).chain(bundles_of(0, self.size)) {
            levels.entry(tile.kind()).or_default().push(tile);
        }
        let entries = levels.remove(&TileKind::Entries);
        let down = levels.into_values().rev().chain(entries);
        let misfits = |tiles: Vec<_>| tiles.into_par_iter().filter(|tile| !self.fits(*tile)).collect::<BTreeSet<_>>();
        down.map(misfits).find(|level| !level.is_empty()).unwrap_or_default()
    }
}

/// Shorter versions of the tree's files that are no beginnings of them.
pub(crate) fn misfitting_versions(source: &dyn Source, size: u64) -> Result<Vec<TilePath>, SourceError> {
    let tree = StoredTree { source, size };
    let present: BTreeSet<_> = bundles_of(0, size).chain(tiles_of(size)).collect();
    let tiles = source.paths()?.into_iter().filter_map(|path| TilePath::parse(&path).ok());
    let earlier = tiles.filter(|tile| tile.is_in(size) && !present.contains(tile));
    Ok(earlier
        .filter(|tile| {
            let next = present.range(*tile..).next();
            let now = next.filter(|now| (now.kind(), now.index()) == (tile.kind(), tile.index()));
            let bytes = source.read(&tile.to_string(), limit(tile.kind())).ok().and_then(super::Content::bytes);
            match (now.and_then(|now| tree.read(*now)), bytes) {
                (Some((now, _)), Some(bytes)) => bytes.is_empty() || !now.starts_with(&bytes),
                _ => true,
            }
        })
        .collect())
}
