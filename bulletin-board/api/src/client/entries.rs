//! Downloading a range of the log's entries, several bundles ahead.

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::log::tiles::{self, TilePath};

use super::{ClientError, ElectionClient};

/// Bundles under way at once: enough to hide the latency, few enough to be polite. At most 16 MB each.
const AHEAD: usize = 4;

/// Consecutive entries, as the board sent them.
#[derive(Debug, Clone)]
pub struct Bundle {
    start: LeafIndex,
    bytes: Bytes,
    /// Where in `bytes` each entry lies.
    entries: Vec<std::ops::Range<usize>>,
}

impl Bundle {
    /// The index of its first entry.
    #[must_use]
    pub fn start(&self) -> LeafIndex {
        self.start
    }

    /// The entries with their indexes.
    pub fn entries(&self) -> impl Iterator<Item = (LeafIndex, &[u8])> {
        (self.start..).zip(self.entries.iter().filter_map(|range| self.bytes.get(range.clone())))
    }

    /// Reads an entry bundle, as it is served, from entry `from` on.
    ///
    /// # Errors
    /// [`tiles::TileError`] when it is none.
    pub fn parse(tile: TilePath, from: LeafIndex, bytes: Bytes) -> Result<Self, tiles::TileError> {
        let mut end = 0;
        let decoded = tiles::decode_entries(&bytes, tile.width())?;
        let entries = decoded.into_iter().map(|entry| {
            let start = end + 2;
            end = start + entry.len();
            start..end
        });
        let first = tile.range().start;
        let skip = from.saturating_sub(first);
        let entries = entries.skip(usize::try_from(skip).unwrap_or(usize::MAX)).collect();
        Ok(Self { start: first + skip, bytes, entries })
    }
}

impl ElectionClient {
    /// The entries from `from` to before `tree_size` (of a checkpoint that the caller verified), in order. Nothing is
    /// verified here: compare the root hash of all entries with the checkpoint's.
    pub fn bundles(&self, from: LeafIndex, tree_size: u64) -> impl Stream<Item = Result<Bundle, ClientError>> + '_ {
        stream::iter(tiles::bundles_of(from, tree_size))
            .map(move |tile| async move {
                let bytes = self.tile(tile).await?;
                Bundle::parse(tile, from, bytes).map_err(|error| ClientError::Malformed {
                    url: self.client().board().clone(),
                    reason: format!("{tile}: {error}"),
                })
            })
            .buffered(AHEAD)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_bundle_begins_with_the_entry_that_was_asked_for() {
        let tile = TilePath::parse("tile/entries/001.p/3").unwrap();
        let bytes = Bytes::from(tiles::encode_entries([b"a".as_slice(), b"", b"ccc"]).unwrap());
        let all = Bundle::parse(tile, 0, bytes.clone()).unwrap();
        let entries: Vec<_> = all.entries().map(|(i, e)| (i, e.to_vec())).collect();
        assert_eq!(entries, [(256, b"a".to_vec()), (257, vec![]), (258, b"ccc".to_vec())]);
        let some = Bundle::parse(tile, 258, bytes.clone()).unwrap();
        assert_eq!(some.entries().map(|(i, e)| (i, e.len())).collect::<Vec<_>>(), [(258, 3)]);
        assert_eq!(some.start(), 258);
        assert!(Bundle::parse(tile, 0, bytes.slice(1..)).is_err());
    }
}
