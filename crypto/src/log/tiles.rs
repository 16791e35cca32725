//! Tiles and entry bundles of C2SP tlog-tiles: the static files that a log is read from.

use std::fmt;
use std::ops::Range;

use super::MAX_TREE_SIZE;
use super::merkle::stored_hash_index;
use crate::canonical::MAX_LEAF_BYTES;
use crate::hash::Hash;

/// Hashes or entries in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Bytes of a full tile of hashes.
pub const FULL_TILE_BYTES: usize = 256 * 32;

/// Longest entry bundle: 256 entries of the largest size with their lengths.
pub const MAX_BUNDLE_BYTES: usize = 256 * (2 + MAX_LEAF_BYTES);

/// Highest level of a tile in a tree of [`MAX_TREE_SIZE`] entries: 256^7 = 2^56 is more than they are.
const MAX_LEVEL: u8 = 6;

/// Longest path that is read: `tile/entries/`, six groups of three digits, `.p/255`.
const MAX_PATH_BYTES: usize = 64;

/// Why a path or a file is none of this log's.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileError {
    /// Not `tile/<L>/<N>[.p/<W>]` nor `tile/entries/<N>[.p/<W>]`.
    #[error("not the path of a tile: expected tile/<level>/<index>[.p/<width>] or tile/entries/<index>[.p/<width>]")]
    Path,
    /// A file of another length or with other framing than its path says.
    #[error("the tile is damaged: {0}")]
    Content(&'static str),
    /// An entry that no bundle can hold.
    #[error("an entry of {0} bytes does not fit a bundle, whose entries have at most {MAX_LEAF_BYTES}")]
    EntryTooLong(usize),
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of this level: 0 for the entries', l for those of perfect subtrees of 256^l entries.
    Hashes(u8),
    /// The entries themselves.
    Entries,
}

/// A tile: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u64,
}

impl TilePath {
    /// A tile with 1 to 256 hashes or entries that may exist in a tree of up to [`MAX_TREE_SIZE`] entries.
    ///
    /// # Errors
    /// [`TileError::Path`].
    pub fn new(kind: TileKind, index: u64, width: u64) -> Result<Self, TileError> {
        let this = Self { kind, index, width };
        let level_fits = !matches!(kind, TileKind::Hashes(level) if level > MAX_LEVEL);
        let index_fits = index <= MAX_TREE_SIZE / TILE_WIDTH;
        if level_fits && index_fits && (1..=TILE_WIDTH).contains(&width) && this.is_in(MAX_TREE_SIZE) {
            Ok(this)
        } else {
            Err(TileError::Path)
        }
    }

    /// Reads a path such as `tile/0/x001/x234/067.p/8`.
    ///
    /// # Errors
    /// [`TileError::Path`].
    pub fn parse(path: &str) -> Result<Self, TileError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(TileError::Path);
        }
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (kind, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let kind = if kind == "entries" {
            TileKind::Entries
        } else {
            TileKind::Hashes(kind.parse().map_err(|_| TileError::Path)?)
        };
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => (digits, width.parse().ok().filter(|&w| w < TILE_WIDTH).ok_or(TileError::Path)?),
            None => (rest, TILE_WIDTH),
        };
        let index = digits.split('/').try_fold(0u64, |index, group| {
            let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok().filter(|&g| g < 1000)?;
            index.checked_mul(1000)?.checked_add(group)
        });
        let this = Self::new(kind, index.ok_or(TileError::Path)?, width)?;
        // One path per tile: whatever else parsed above (signs, zeros, a missing x) is not the way it prints.
        if this.to_string() == path { Ok(this) } else { Err(TileError::Path) }
    }

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Number within its level.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// 256 when full.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.width
    }

    /// Full tiles never change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile in its place, which may have replaced it.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// Numbers, within the level, of the hashes or entries in it.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let start = self.index * TILE_WIDTH;
        start..start + self.width
    }

    /// Whether a tree of this size has all of it.
    #[must_use]
    pub fn is_in(&self, tree_size: u64) -> bool {
        self.range().end <= tree_size >> shift(self.kind)
    }

    /// Stored hash indexes of its hashes, ascending; none for entries.
    #[must_use]
    pub fn stored_hashes(&self) -> Vec<u64> {
        match self.kind {
            TileKind::Hashes(level) => self.range().map(|n| stored_hash_index(8 * level, n)).collect(),
            TileKind::Entries => Vec::new(),
        }
    }
}

/// log2 of the number of entries under one hash.
fn shift(kind: TileKind) -> u32 {
    match kind {
        TileKind::Hashes(level) => 8 * u32::from(level),
        TileKind::Entries => 0,
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (left, group) in groups.iter().enumerate().rev() {
            if left > 0 { write!(f, "x{group:03}/")? } else { write!(f, "{group:03}")? }
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl std::str::FromStr for TilePath {
    type Err = TileError;
    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

/// The entry bundles of a tree that hold entries `from` and later.
pub fn bundles_of(from: u64, tree_size: u64) -> impl Iterator<Item = TilePath> {
    let size = tree_size.min(MAX_TREE_SIZE);
    level_of(TileKind::Entries, if from < size { from / TILE_WIDTH } else { u64::MAX }, size)
}

/// The tiles of hashes of a tree, level by level.
pub fn tiles_of(tree_size: u64) -> impl Iterator<Item = TilePath> {
    let size = tree_size.min(MAX_TREE_SIZE);
    (0..=MAX_LEVEL).flat_map(move |level| level_of(TileKind::Hashes(level), 0, size))
}

fn level_of(kind: TileKind, from: u64, tree_size: u64) -> impl Iterator<Item = TilePath> {
    let hashes = tree_size >> shift(kind);
    (from..hashes.div_ceil(TILE_WIDTH)).map(move |index| TilePath {
        kind,
        index,
        width: (hashes - index * TILE_WIDTH).min(TILE_WIDTH),
    })
}

/// Writes a tile of hashes.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Reads a tile of exactly `width` hashes.
///
/// # Errors
/// [`TileError::Content`].
pub fn decode_hashes(bytes: &[u8], width: u64) -> Result<Vec<Hash>, TileError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() as u64 != width {
        return Err(TileError::Content("it has not as many hashes as its path says"));
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// Writes an entry bundle: each entry after its length, 16 bits big-endian.
///
/// # Errors
/// [`TileError::EntryTooLong`].
pub fn encode_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bundle = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong(entry.len()))?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// Reads a bundle of exactly `width` entries.
///
/// # Errors
/// [`TileError::Content`].
pub fn decode_entries(bundle: &[u8], width: u64) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while !rest.is_empty() {
        if entries.len() as u64 == width {
            return Err(TileError::Content("it has more entries than its path says"));
        }
        let (length, after) = rest.split_first_chunk().ok_or(TileError::Content("it ends within a length"))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(TileError::Content("it ends within an entry"))?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() as u64 == width {
        Ok(entries)
    } else {
        Err(TileError::Content("it has fewer entries than its path says"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn paths_print_and_parse_as_c2sp_writes_them() {
        for (path, kind, index, width) in [
            ("tile/0/000", TileKind::Hashes(0), 0, 256),
            ("tile/0/x001/x234/067", TileKind::Hashes(0), 1_234_067, 256),
            ("tile/1/999.p/1", TileKind::Hashes(1), 999, 1),
            ("tile/2/x001/000.p/255", TileKind::Hashes(2), 1000, 255),
            ("tile/entries/x123/456.p/17", TileKind::Entries, 123_456, 17),
        ] {
            let tile = TilePath::new(kind, index, width).unwrap();
            assert_eq!(tile.to_string(), path);
            assert_eq!(TilePath::parse(path).unwrap(), tile);
        }
    }

    #[test]
    fn other_spellings_of_paths_are_refused() {
        for path in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/+0/000",
            "tile/-1/000",
            "tile/64/000",
            "tile/7/000",
            "tile/255/000",
            "tile/256/000",
            "tile/data/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x1/000",
            "tile/0/xx01/000",
            "tile/0/+01",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/1.p/1",
            "tile/0/000.p/1/",
            "tile/0//000",
            "/tile/0/000",
            "tile/8/0/000",
            "tile/0/000.p/+1",
            "tile/0/x999/x999/x999/x999/x999/999",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/../000",
            "tile/0/000%2e",
            "tile/entries/",
            "tile/Entries/000",
        ] {
            assert_eq!(TilePath::parse(path), Err(TileError::Path), "{path}");
        }
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_of_the_example() {
        let tiles: Vec<_> = tiles_of(70_000).collect();
        assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
        let partial: Vec<_> = tiles.iter().filter(|t| !t.is_full()).map(ToString::to_string).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert!(tiles.iter().all(|t| t.is_in(70_000)));
        assert_eq!(bundles_of(0, 70_000).count(), 274);
        assert_eq!(bundles_of(69_999, 70_000).map(|t| t.to_string()).collect::<Vec<_>>(), ["tile/entries/273.p/112"]);
        assert_eq!(bundles_of(70_000, 70_000).count(), 0);
        assert_eq!(tiles_of(256).map(|t| t.to_string()).collect::<Vec<_>>(), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(tiles_of(0).count(), 0);
        assert_eq!(bundles_of(256, 256).count(), 0);
    }

    #[test]
    fn a_tile_belongs_to_a_tree_that_has_all_its_hashes() {
        let tile = TilePath::parse("tile/1/000.p/2").unwrap();
        assert!(!tile.is_in(511));
        assert!(tile.is_in(512));
        assert_eq!(tile.stored_hashes(), [stored_hash_index(8, 0), stored_hash_index(8, 1)]);
        assert_eq!(TilePath::parse("tile/entries/001").unwrap().range(), 256..512);
    }

    #[test]
    fn bundles_round_trip_and_damaged_ones_are_refused() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bundle = encode_entries(entries).unwrap();
        assert_eq!(decode_entries(&bundle, 3).unwrap(), entries);
        assert!(decode_entries(&bundle, 2).is_err());
        assert!(decode_entries(&bundle, 4).is_err());
        for cut in 1..bundle.len() {
            assert!(decode_entries(&bundle[..cut], 3).is_err(), "{cut}");
        }
        assert!(matches!(encode_entries([vec![0; 65_536].as_slice()]), Err(TileError::EntryTooLong(65_536))));
        assert!(encode_entries([vec![0; 65_535].as_slice()]).is_ok());
    }

    #[test]
    fn tiles_of_hashes_round_trip_and_damaged_ones_are_refused() {
        let hashes = [Hash([1; 32]), Hash([2; 32])];
        let bytes = encode_hashes(&hashes);
        assert_eq!(decode_hashes(&bytes, 2).unwrap(), hashes);
        assert!(decode_hashes(&bytes, 1).is_err());
        assert!(decode_hashes(&bytes[1..], 2).is_err());
        assert!(decode_hashes(&bytes[..63], 1).is_err());
    }
}
