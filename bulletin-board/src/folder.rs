//! A record as a folder of static files: writing one from a store or a board, replaying one.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use veritally_board_api::files::{self, FileError};
use veritally_board_api::{ClientError, ElectionClient};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::CheckpointError;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::tiles::{self, TILE_WIDTH, TileError, TileKind, TilePath};
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};
use veritally_crypto::manifest::{CheckedManifest, ManifestError};

use crate::log_reader::{self, ReadError};
use crate::replay::{Replay, ReplayError, Replayed, Trust};
use crate::store::Store;

/// Files under way at once, when they come over the network.
const AHEAD: usize = 4;

/// Why a record could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The board that it comes from.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The store that it comes from.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The manifest in it.
    #[error("the record's first entry: {0}")]
    Manifest(#[from] ManifestError),
    /// The checkpoint in it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A tile in it.
    #[error("{tile}: {source}")]
    Tile {
        /// Which one.
        tile: TilePath,
        /// What is wrong.
        source: TileError,
    },
    /// The entries are not those of the checkpoint.
    #[error("the entries have the root {found}, the signed checkpoint says {expected}: the record was altered")]
    Root {
        /// By the checkpoint.
        expected: Hash,
        /// By the entries.
        found: Hash,
    },
    /// The log is empty.
    #[error("the log is empty")]
    Empty,
    /// The record's own rules.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A thread ended.
    #[error("the operating system failed: {0}")]
    System(String),
}

/// Where a record comes from.
pub enum Source<'a> {
    /// A store on this machine.
    Store(&'a dyn Store, &'a Id),
    /// A board.
    Board(&'a ElectionClient),
}

impl Source<'_> {
    async fn checkpoint(&self) -> Result<String, FolderError> {
        match self {
            Self::Store(store, id) => Ok(store.head(id).await.map_err(ReadError::from)?.checkpoint),
            Self::Board(election) => Ok(election.checkpoint().await?),
        }
    }

    async fn tile(&self, tile: TilePath) -> Result<Bytes, FolderError> {
        match self {
            Self::Store(store, id) => Ok(log_reader::tile(*store, id, tile).await?),
            Self::Board(election) => Ok(election.tile(tile).await?),
        }
    }
}

/// Counts files done, of all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// A folder with the paths of a log: `checkpoint`, `tile/<L>/<N>`, `tile/entries/<N>`.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// At this path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Writes a record, and compares its entries with its signed checkpoint. Files that are there already are replaced.
    ///
    /// # Errors
    /// [`FolderError`].
    pub async fn export(&self, source: &Source<'_>, progress: Progress<'_>) -> Result<SignedCheckpoint, FolderError> {
        use futures_util::stream::{self, StreamExt as _};
        let text = source.checkpoint().await?;
        let note = veritally_crypto::log::note::Note::parse(&text).map_err(CheckpointError::from)?;
        // Not yet verified: the key is in the first entry.
        let size = Checkpoint::parse(note.text())?.tree_size;
        let all: Vec<_> = tiles::bundles_of(0, size).chain(tiles::tiles_of(size)).collect();
        let total = all.len() as u64 + 1;
        let mut files =
            stream::iter(all.into_iter().map(|tile| async move { (tile, source.tile(tile).await) })).buffered(AHEAD);
        let (mut frontier, mut manifest, mut done) = (Frontier::new(), None, 0);
        while let Some((tile, bytes)) = files.next().await {
            let bytes = bytes?;
            if tile.kind() == TileKind::Entries {
                let entries = decode(tile, &bytes)?;
                if manifest.is_none() {
                    manifest = entries.first().map(|leaf| CheckedManifest::from_leaf(leaf)).transpose()?;
                }
                entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
            }
            self.write(&tile.to_string(), &bytes)?;
            done += 1;
            progress(done, total);
        }
        let manifest = manifest.ok_or(FolderError::Empty)?;
        let checkpoint = SignedCheckpoint::parse(&text, &manifest.log.origin, &manifest.log.key)?;
        compare(&checkpoint.checkpoint().head(), &frontier.head())?;
        // Last, so that a folder with a checkpoint is whole.
        self.write("checkpoint", text.as_bytes())?;
        progress(total, total);
        Ok(checkpoint)
    }

    /// Adds the cosignatures of a kept checkpoint to an exported one, if they are of the same log. Whether they hold is for
    /// who reads them.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn cosign(&self, exported: &SignedCheckpoint, kept: &str) -> Result<bool, FolderError> {
        let kept = veritally_crypto::log::note::Note::parse(kept).map_err(CheckpointError::from)?;
        let mut note = exported.note().clone();
        if kept.text() != note.text() {
            return Ok(false);
        }
        for line in kept.signatures() {
            note.add(line.clone()).map_err(CheckpointError::from)?;
        }
        self.write("checkpoint", note.to_string().as_bytes())?;
        Ok(true)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.0.join(path);
        let parent = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(FileError::io("make the folder", parent))?;
        files::write_atomic(&path, bytes)
    }

    fn read(&self, path: &str) -> Result<Bytes, FileError> {
        let path = self.0.join(path);
        std::fs::read(&path).map(Bytes::from).map_err(FileError::io("read", &path))
    }

    fn bundle(&self, tile: TilePath) -> Result<Vec<Bytes>, FolderError> {
        let bytes = self.read(&tile.to_string())?;
        decode(tile, &bytes)
    }

    /// Replays the whole record, verifying everything that its rules say. Blocks, on all cores.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn replay(&self, progress: Progress<'_>) -> Result<Replayed, FolderError> {
        let text = self.read("checkpoint")?;
        let text = String::from_utf8_lossy(&text);
        let note = veritally_crypto::log::note::Note::parse(&text).map_err(CheckpointError::from)?;
        let size = Checkpoint::parse(note.text())?.tree_size;
        let earlier = |index: LeafIndex| {
            let tile = tiles::bundles_of(index, size).next().ok_or_else(|| missing(index))?;
            let entries = self.bundle(tile).map_err(|e| ReplayError::System(e.to_string()))?;
            usize::try_from(index % TILE_WIDTH).ok().and_then(|i| entries.get(i)).cloned().ok_or_else(|| missing(index))
        };
        let mut replay = Replay::new(Trust::Nobody);
        let mut bundles: VecDeque<_> = tiles::bundles_of(0, size).collect();
        let total = bundles.len() as u64;
        while !bundles.is_empty() {
            // Several bundles at once keep all cores busy.
            let next: Vec<_> = bundles.drain(..bundles.len().min(8)).collect();
            let mut entries = Vec::new();
            for tile in next {
                entries.extend(self.bundle(tile)?);
            }
            replay.feed(&entries, &earlier)?;
            progress(total - bundles.len() as u64, total);
        }
        let log = &replay.state().ok_or(FolderError::Empty)?.manifest().log;
        let head = SignedCheckpoint::parse(&text, &log.origin, &log.key)?.checkpoint().head();
        Ok(replay.finish(head)?)
    }
}

fn missing(index: LeafIndex) -> ReplayError {
    ReplayError::System(format!("entry {index} is missing"))
}

fn decode(tile: TilePath, bytes: &Bytes) -> Result<Vec<Bytes>, FolderError> {
    let entries = tiles::decode_entries(bytes, tile.width()).map_err(|source| FolderError::Tile { tile, source })?;
    Ok(entries.into_iter().map(|entry| bytes.slice_ref(entry)).collect())
}

fn compare(expected: &Head, found: &Head) -> Result<(), FolderError> {
    if expected == found { Ok(()) } else { Err(FolderError::Root { expected: expected.root, found: found.root }) }
}
