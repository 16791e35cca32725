//! V3 to V7: the checkpoint, its witnesses, the tree over the entries, the files of the log.

use std::collections::BTreeMap;

use veritally_crypto::leaves::Head;
use veritally_crypto::log::NoteVerifier;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::note::Note;
use veritally_crypto::log::tiles::{TileKind, TilePath, decode_entries, encode_hashes};

use super::Check;
use super::tree::Tile;
use crate::audit::Audit;
use crate::findings::{Conclusion, Findings};
use crate::pipeline::Bundle;
use crate::source::{self, CHECKPOINT, MAX_ENTRIES, Source, SourceError, limit};
use crate::words::count;

/// The file `checkpoint`. What it says is used before its signature is checked: the key stands in entry 0.
pub(crate) struct CheckpointFile {
    text: String,
    head: Option<Head>,
}

impl CheckpointFile {
    pub(crate) fn read(source: &dyn Source, findings: &mut Findings) -> Result<Self, SourceError> {
        let bytes = source::read_checkpoint(source)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let checkpoint = Note::parse(&text).map_err(|e| e.to_string());
        let checkpoint = checkpoint.and_then(|note| Checkpoint::parse(note.text()).map_err(|e| e.to_string()));
        let head = match checkpoint {
            Ok(checkpoint) => Some(checkpoint.head()),
            Err(error) => {
                findings.fail(Check::Checkpoint, None, format!("The file `checkpoint` can't be read: {error}."));
                None
            }
        };
        Ok(Self { text, head })
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.head
    }

    pub(crate) fn tree_size(&self) -> u64 {
        self.head.map_or(0, |head| head.tree_size)
    }
}

/// Files of the record that the walk through the log does not read.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Partial tiles that larger ones took the place of, by place: their widths.
    earlier: BTreeMap<(TileKind, u64), Vec<u64>>,
    /// Files among the tiles that are none of this tree's.
    beyond: Vec<String>,
    /// Files elsewhere.
    others: Vec<String>,
}

/// How many hashes or entries of a kind a tree has.
fn width_of_level(kind: TileKind, tree_size: u64) -> u64 {
    match kind {
        TileKind::Entries => tree_size,
        TileKind::Hashes(level) => tree_size.checked_shr(8 * u32::from(level)).unwrap_or(0),
    }
}

impl Listing {
    pub(crate) fn read(source: &dyn Source, tree_size: u64) -> Result<Self, SourceError> {
        let mut listing = Self::default();
        for path in source.paths()? {
            match TilePath::parse(&path) {
                Ok(tile) if tile.is_in(tree_size) => {
                    if !tile.is_full() && tile.range().end != width_of_level(tile.kind(), tree_size) {
                        listing.earlier.entry((tile.kind(), tile.index())).or_default().push(tile.width());
                    }
                }
                Ok(_) => listing.beyond.push(path),
                Err(_) if path.starts_with("tile/") => listing.beyond.push(path),
                Err(_) if path == CHECKPOINT => {}
                Err(_) => listing.others.push(path),
            }
        }
        Ok(listing)
    }

    /// An earlier version of a tile is not there any more.
    pub(crate) fn forget(&mut self, tile: TilePath) {
        let place = (tile.kind(), tile.index());
        if let Some(widths) = self.earlier.get_mut(&place) {
            widths.retain(|width| *width != tile.width());
            if widths.is_empty() {
                self.earlier.remove(&place);
            }
        }
    }
}

/// Compares a tile with the record's, and with earlier, shorter versions of it.
pub(crate) fn compare_tile(audit: &mut Audit<'_>, tile: &Tile) -> Result<(), SourceError> {
    let (path, expected) = (tile.path, encode_hashes(&tile.hashes));
    let first_entry = tile_start(path);
    let problem = match source::locate(audit.source, path)? {
        None => Some("is missing"),
        Some((found, _)) => match audit.source.read(&found.to_string(), limit(path.kind()))?.bytes() {
            // A full tile may stand where a partial one is asked for.
            Some(bytes)
                if bytes.get(..expected.len()) == Some(&expected) && bytes.len() as u64 == found.width() * 32 =>
            {
                None
            }
            Some(_) => Some("does not have the hashes of these entries"),
            None => Some("is too large, or no plain file"),
        },
    };
    if let Some(problem) = problem {
        audit.findings.fail(Check::Tiles, first_entry, format!("the file {path}, which begins with it, {problem}."));
    }
    for width in audit.listing.earlier.remove(&(path.kind(), path.index())).unwrap_or_default() {
        let Ok(earlier) = TilePath::new(path.kind(), path.index(), width) else { continue };
        let found = audit.source.read(&earlier.to_string(), limit(path.kind()))?.bytes();
        let same = found.is_some_and(|bytes| bytes.len() as u64 == 32 * width && expected.starts_with(&bytes));
        if !same {
            audit.findings.fail(
                Check::Beyond,
                first_entry,
                format!("the file {earlier} is of another log than {path}."),
            );
        }
    }
    Ok(())
}

/// Compares a bundle with earlier, shorter versions of it.
pub(crate) fn earlier_versions(audit: &mut Audit<'_>, bundle: &Bundle) -> Result<(), SourceError> {
    let path = bundle.path;
    for width in audit.listing.earlier.remove(&(path.kind(), path.index())).unwrap_or_default() {
        let Ok(earlier) = TilePath::new(path.kind(), path.index(), width) else { continue };
        let found = audit.source.read(&earlier.to_string(), limit(path.kind()))?.bytes().unwrap_or_default();
        let now = audit.source.read_at(&path.to_string(), 0, found.len())?.unwrap_or_default();
        if found != now || decode_entries(&found, width).is_err() {
            let sentence = format!("the file {earlier}, which begins with it, is of another log than {path}.");
            audit.findings.fail(Check::Beyond, path.range().start, sentence);
        }
    }
    Ok(())
}

fn count_of_entries(size: u64) -> String {
    count(size, "entry", "entries")
}

/// The first entry under a tile.
fn tile_start(tile: TilePath) -> u64 {
    match tile.kind() {
        TileKind::Entries => tile.range().start,
        TileKind::Hashes(level) => tile.range().start.checked_shl(8 * u32::from(level)).unwrap_or(u64::MAX),
    }
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 5] {
    [
        (Check::Checkpoint, checkpoint(audit)),
        (Check::Witnesses, cosignatures(audit)),
        (Check::Root, root(audit)),
        (Check::Tiles, tiles(audit)),
        (Check::Beyond, beyond(audit)),
    ]
}

fn checkpoint(audit: &mut Audit<'_>) -> Conclusion {
    let Some(manifest) = &audit.manifest else { return audit.reached(false, "", "") };
    let origin = &manifest.log.origin;
    let holds = format!("The board signed for {} of {origin}.", count_of_entries(audit.tree_size()));
    if let Err(error) = SignedCheckpoint::parse(&audit.checkpoint.text, origin, &manifest.log.key) {
        audit.findings.fail(Check::Checkpoint, None, format!("{error}."));
    }
    Conclusion::Holds(holds)
}

fn cosignatures(audit: &mut Audit<'_>) -> Conclusion {
    let Some(manifest) = &audit.manifest else { return audit.reached(false, "", "") };
    if manifest.witnesses.is_empty() {
        return Conclusion::NotApplicable("The election names no witnesses.".into());
    }
    let Ok(note) = Note::parse(&audit.checkpoint.text) else { return audit.reached(false, "", "") };
    let witnesses = manifest.witnesses.iter().filter_map(|named| NoteVerifier::witness(&named.name, named.key).ok());
    let (cosigned, missing): (Vec<_>, Vec<_>) = witnesses.partition(|witness| witness.cosigned(&note).is_some());
    let (valid, all, quorum) = (cosigned.len(), manifest.witnesses.len(), manifest.witness_quorum);
    let mut sentence = format!("{valid} of {all} witnesses cosigned the checkpoint; {quorum} are needed.");
    if (valid as u64) < quorum {
        let names: Vec<_> = missing.iter().map(NoteVerifier::name).collect();
        sentence.push_str(&format!(" Not yet cosigned by {}.", names.join(", ")));
        audit.findings.fail(Check::Witnesses, None, sentence.clone());
    }
    Conclusion::Holds(sentence)
}

fn root(audit: &mut Audit<'_>) -> Conclusion {
    let Some(head) = audit.checkpoint.head() else { return audit.reached(false, "", "") };
    let own = audit.own_head();
    if head.tree_size > MAX_ENTRIES && !audit.findings.failed(Check::Root) {
        let sentence = format!("The checkpoint speaks of {} entries: more than any election has.", head.tree_size);
        audit.findings.fail(Check::Root, None, sentence);
    }
    if own.tree_size == head.tree_size && own.root != head.root {
        let sentence = format!("The entries hash to {}, the checkpoint says {}.", own.root, head.root);
        audit.findings.fail(Check::Root, None, sentence);
    }
    Conclusion::Holds(format!("{} found, with root hash {}.", count_of_entries(own.tree_size), own.root))
}

fn tiles(audit: &mut Audit<'_>) -> Conclusion {
    let complete = audit.complete();
    if complete {
        for tile in audit.tree.partial() {
            if let Err(error) = compare_tile(audit, &tile) {
                audit.findings.fail(Check::Tiles, None, format!("{error}."));
            }
        }
    }
    audit.reached(complete, "Every file of hashes fits the entries.", "")
}

fn beyond(audit: &mut Audit<'_>) -> Conclusion {
    if audit.checkpoint.head().is_none() {
        return audit.reached(false, "", "");
    }
    let Listing { earlier, beyond, others } = std::mem::take(&mut audit.listing);
    for path in &beyond {
        let sentence = format!("The file {path} belongs to no log of {}.", count_of_entries(audit.tree_size()));
        audit.findings.fail(Check::Beyond, None, sentence);
    }
    if let Some(first) = others.first() {
        let others = count(others.len() as u64, "other file", "other files");
        let sentence = format!("{others} ({first}) do not belong to a record and were not read.");
        audit.findings.note(Check::Beyond, sentence);
    }
    // What is left of `earlier` stands behind entries that could not be read.
    audit.reached(earlier.is_empty(), "The record has no entries or hashes but those that the board signed for.", "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_of_hashes_begins_with_the_first_entry_under_it() {
        let start = |kind, index| tile_start(TilePath::new(kind, index, 256).unwrap());
        assert_eq!(start(TileKind::Entries, 3), 3 * 256);
        assert_eq!(start(TileKind::Hashes(0), 3), 3 * 256);
        assert_eq!(start(TileKind::Hashes(1), 2), 2 * 256 * 256);
        assert_eq!(start(TileKind::Hashes(2), 1), 256 * 256 * 256);
    }
}
