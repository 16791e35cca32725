//! A record in a folder.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{Content, MAX_FILES, MAX_PATH_BYTES, Source, SourceError};

/// Deepest folder that is looked into: `tile/entries/x000/x000/000.p` and one more.
const MAX_DEPTH: usize = 8;

/// Why something in the folder is not opened.
const NOT_A_FILE: &str = "it is a link, a folder or a device, not a file";
const TOO_LARGE: &str = "it is larger than such a file may be";

/// A folder with the paths of a log.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The size of a regular file. Links are not followed: a stranger's folder may point anywhere.
    fn regular(&self, path: &str) -> Result<Result<u64, Content>, SourceError> {
        match std::fs::symlink_metadata(self.root.join(path)) {
            Ok(metadata) if metadata.is_file() => Ok(Ok(metadata.len())),
            Ok(_) => Ok(Err(Content::Unreadable(NOT_A_FILE))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Ok(Err(Content::Missing))
            }
            Err(error) => Err(SourceError::io(path)(error)),
        }
    }

    fn list(&self, folder: &Path, depth: usize, found: &mut Vec<String>) -> Result<(), SourceError> {
        let shown = folder.display().to_string();
        for entry in std::fs::read_dir(folder).map_err(SourceError::io(&shown))? {
            let entry = entry.map_err(SourceError::io(&shown))?;
            let kind = entry.file_type().map_err(SourceError::io(&shown))?;
            if kind.is_dir() && depth < MAX_DEPTH {
                self.list(&entry.path(), depth + 1, found)?;
                continue;
            }
            if found.len() >= MAX_FILES {
                return Err(SourceError::TooManyFiles);
            }
            let path = entry.path();
            let relative = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
            found.push(relative.chars().take(MAX_PATH_BYTES).collect());
        }
        Ok(())
    }
}

impl Source for Folder {
    fn read(&self, path: &str, limit: usize) -> Result<Content, SourceError> {
        match self.regular(path)? {
            Err(content) => return Ok(content),
            Ok(size) if size > limit as u64 => return Ok(Content::Unreadable(TOO_LARGE)),
            Ok(_) => {}
        }
        let file = File::open(self.root.join(path)).map_err(SourceError::io(path))?;
        let mut bytes = Vec::new();
        // The file may grow while it is read.
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(SourceError::io(path))?;
        Ok(if bytes.len() > limit { Content::Unreadable(TOO_LARGE) } else { Content::Bytes(bytes) })
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let Ok(size) = self.regular(path)? else { return Ok(None) };
        let available = usize::try_from(size.saturating_sub(offset)).unwrap_or(length).min(length);
        let file = File::open(self.root.join(path)).map_err(SourceError::io(path))?;
        let mut bytes = vec![0; available];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(SourceError::io(path)(error)),
        }
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(match self.regular(path)? {
            Ok(size) => Some(size),
            // Read it, and it will say why not.
            Err(Content::Unreadable(_)) => Some(0),
            Err(_) => None,
        })
    }

    fn paths(&self) -> Result<Vec<String>, SourceError> {
        let mut found = Vec::new();
        self.list(&self.root, 0, &mut found)?;
        found.sort_unstable();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn files_are_read_within_limits_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("tile/0")).unwrap();
        std::fs::write(dir.path().join("tile/0/000"), b"abcdef").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("checkpoint")).unwrap();
        let folder = Folder::new(dir.path());
        assert_eq!(folder.read("tile/0/000", 6).unwrap(), Content::Bytes(b"abcdef".to_vec()));
        assert_eq!(folder.read("tile/0/000", 5).unwrap(), Content::Unreadable(TOO_LARGE));
        assert_eq!(folder.read("tile/0/001", 5).unwrap(), Content::Missing);
        assert_eq!(folder.read("tile/0/000/1", 5).unwrap(), Content::Missing);
        assert_eq!(folder.read("checkpoint", 99).unwrap(), Content::Unreadable(NOT_A_FILE));
        assert_eq!(folder.read("tile", 99).unwrap(), Content::Unreadable(NOT_A_FILE));
        assert_eq!(folder.read_at("tile/0/000", 2, 2).unwrap().unwrap(), b"cd");
        assert_eq!(folder.read_at("tile/0/000", 4, 9).unwrap().unwrap(), b"ef");
        assert_eq!(folder.read_at("tile/0/000", 7, 9).unwrap().unwrap(), b"");
        assert_eq!(folder.read_at("checkpoint", 0, 9).unwrap(), None);
        assert_eq!(folder.size("tile/0/000").unwrap(), Some(6));
        assert_eq!(folder.paths().unwrap(), ["checkpoint", "tile/0/000"]);
    }
}
