//! Writes a log to a folder as it grows, so that records larger than memory can be made. The verifier has a tree of its own for
//! the same tiles: what is checked must not come from what is checked with.

use std::path::{Path, PathBuf};

use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::tiles::{TILE_WIDTH, TileKind, TilePath, encode_entries, encode_hashes};
use veritally_crypto::sample::SampleError;

/// A log that is being written.
#[derive(Debug)]
pub struct LogWriter {
    folder: PathBuf,
    frontier: Frontier,
    /// Entries of the last bundle.
    entries: Vec<Vec<u8>>,
    /// For each level the hashes of its last tile.
    levels: Vec<Vec<Hash>>,
}

impl LogWriter {
    /// Into this folder, which is made.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), frontier: Frontier::new(), entries: vec![], levels: vec![] }
    }

    /// The next entry.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn push(&mut self, entry: Vec<u8>) -> Result<(), SampleError> {
        let mut carried = leaf_hash(&entry);
        self.frontier.push(carried);
        self.entries.push(entry);
        if self.entries.len() as u64 == TILE_WIDTH {
            self.bundle()?;
        }
        for level in 0..8u8 {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(vec![]);
            }
            let Some(tile) = self.levels.get_mut(usize::from(level)) else { break };
            tile.push(carried);
            if (tile.len() as u64) < TILE_WIDTH {
                break;
            }
            let mut subtree = Frontier::new();
            tile.iter().for_each(|hash| subtree.push(*hash));
            carried = subtree.root();
            self.tile(level)?;
        }
        Ok(())
    }

    fn bundle(&mut self) -> Result<(), SampleError> {
        let width = self.entries.len() as u64;
        let path = TilePath::new(TileKind::Entries, (self.frontier.size() - 1) / TILE_WIDTH, width)?;
        let bytes = encode_entries(self.entries.iter().map(Vec::as_slice))?;
        self.entries.clear();
        self.write(&path.to_string(), &bytes)
    }

    /// The last tile of a level, full or not.
    fn tile(&mut self, level: u8) -> Result<(), SampleError> {
        let hashes = self.levels.get_mut(usize::from(level)).map(std::mem::take).unwrap_or_default();
        let of_level = self.frontier.size() >> (8 * u32::from(level));
        let path = TilePath::new(TileKind::Hashes(level), (of_level - 1) / TILE_WIDTH, hashes.len() as u64)?;
        self.write(&path.to_string(), &encode_hashes(&hashes))
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), SampleError> {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        Ok(std::fs::write(path, bytes)?)
    }

    /// Size and root so far.
    #[must_use]
    pub fn head(&self) -> Head {
        self.frontier.head()
    }

    /// Writes what is left, and the checkpoint.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn finish(mut self, checkpoint: &[u8]) -> Result<(), SampleError> {
        if !self.entries.is_empty() {
            self.bundle()?;
        }
        for level in 0..8u8 {
            if self.levels.get(usize::from(level)).is_some_and(|tile| !tile.is_empty()) {
                self.tile(level)?;
            }
        }
        self.write("checkpoint", checkpoint)
    }
}
