//! Where records come from: a folder, a tar file, memory, or a board's address that is first downloaded to a folder.
//!
//! All have the same paths: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`. Whoever made them is a
//! stranger: nothing is read that is larger than such a file may be, no link is followed, nothing is unpacked.

use std::path::{Path, PathBuf};

use veritally_crypto::log::note::MAX_NOTE_BYTES;
use veritally_crypto::log::tiles::{FULL_TILE_BYTES, MAX_BUNDLE_BYTES, TileKind, TilePath};

mod download;
mod folder;
mod memory;
mod tape;
mod tree;
mod unfinished;

pub(crate) use download::download_more;
pub use download::{DownloadError, Downloaded, download, download_to};
pub use folder::Folder;
pub use memory::Memory;
pub use tape::Tape;
pub(crate) use tree::StoredTree;

/// Path of the signed tree head.
pub const CHECKPOINT: &str = "checkpoint";

/// Most entries of a log that are looked at: 268 million, far more than memory holds voters.
pub const MAX_ENTRIES: u64 = 1 << 28;

/// Most files of a record that are listed: tiles and bundles of [`MAX_ENTRIES`].
pub const MAX_FILES: usize = 1 << 22;

/// Longest path that is looked at, in bytes; those of a log have at most 64.
pub const MAX_PATH_BYTES: usize = 1_024;

/// Why a record can't be read. Not a finding about the election.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The operating system refused.
    #[error("can't read {path}: {reason}")]
    Io {
        /// Which file.
        path: String,
        /// Why not.
        reason: std::io::Error,
    },
    /// Not there, or neither folder nor file.
    #[error("{} is neither a folder nor a tar file with a record, nor the address of an election", .0.display())]
    NotARecord(PathBuf),
    /// There is no checkpoint, so this is no record.
    #[error("there is no file `checkpoint`: this is not the record of an election")]
    NoCheckpoint,
    /// A tar file that can't be used as it is.
    #[error("the tar file can't be used: {0}")]
    Tar(&'static str),
    /// More files than any record has.
    #[error("there are more than {MAX_FILES} files: this is not the record of an election")]
    TooManyFiles,
}

impl SourceError {
    pub(crate) fn io(path: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |reason| Self::Io { path: path.to_string(), reason }
    }
}

/// A file of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// There is none.
    Missing,
    /// Something that is not read: larger than the limit, a link, a device.
    Unreadable(&'static str),
}

impl Content {
    /// The bytes, if there are any.
    #[must_use]
    pub fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

/// A record's files. Reading is concurrent.
pub trait Source: Sync {
    /// A file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`SourceError::Io`] when reading fails; a missing or oversized file is no error.
    fn read(&self, path: &str, limit: usize) -> Result<Content, SourceError>;

    /// Up to `length` bytes of a file from `offset` on; `None` when it is missing or unreadable.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError>;

    /// A file's size in bytes, to plan how much is read at a time; `None` when it is missing.
    ///
    /// # Errors
    /// [`SourceError::Io`].
    fn size(&self, path: &str) -> Result<Option<u64>, SourceError>;

    /// All files' paths, so that what does not belong to the log is found.
    ///
    /// # Errors
    /// [`SourceError::Io`], [`SourceError::TooManyFiles`].
    fn paths(&self) -> Result<Vec<String>, SourceError>;
}

/// Opens a folder or a tar file.
///
/// # Errors
/// [`SourceError`].
pub fn open(path: &Path) -> Result<Box<dyn Source>, SourceError> {
    let metadata = std::fs::metadata(path).map_err(SourceError::io(path.display()))?;
    if metadata.is_dir() {
        Ok(Box::new(Folder::new(path)))
    } else if metadata.is_file() {
        Ok(Box::new(Tape::open(path)?))
    } else {
        Err(SourceError::NotARecord(path.to_owned()))
    }
}

/// Most bytes of a file of the log.
pub(crate) fn limit(kind: TileKind) -> usize {
    match kind {
        TileKind::Hashes(_) => FULL_TILE_BYTES,
        TileKind::Entries => MAX_BUNDLE_BYTES,
    }
}

/// Reads the signed tree head.
///
/// # Errors
/// [`SourceError::NoCheckpoint`], [`SourceError::Io`].
pub(crate) fn read_checkpoint(source: &dyn Source) -> Result<Vec<u8>, SourceError> {
    source.read(CHECKPOINT, MAX_NOTE_BYTES)?.bytes().ok_or(SourceError::NoCheckpoint)
}

/// The path under which a tile lies: its own, or that of the full tile that C2SP lets take the place of a partial one.
///
/// # Errors
/// [`SourceError::Io`].
pub(crate) fn locate(source: &dyn Source, tile: TilePath) -> Result<Option<(TilePath, u64)>, SourceError> {
    for candidate in [tile, tile.full()] {
        if let Some(size) = source.size(&candidate.to_string())? {
            return Ok(Some((candidate, size)));
        }
    }
    Ok(None)
}
