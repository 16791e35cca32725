//! A record in a tar file, read in place: the file is gone through once to learn where each member lies.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{CHECKPOINT, Content, MAX_FILES, Source, SourceError};

/// Most members of a tar file, folders and other things included.
const MAX_MEMBERS: usize = 2 * MAX_FILES;

/// First bytes of what gzip, zstd, xz and bzip2 write.
const COMPRESSED: [&[u8]; 4] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], &[0xfd, b'7', b'z', b'X', b'Z'], b"BZh"];

/// A tar file, indexed.
#[derive(Debug)]
pub struct Tape {
    file: File,
    shown: String,
    /// Path → offset and length of the content.
    members: BTreeMap<String, (u64, u64)>,
}

impl Tape {
    /// Goes through the file once. The members may stand below one common folder (`record/checkpoint`).
    ///
    /// # Errors
    /// [`SourceError::Tar`], [`SourceError::NoCheckpoint`], [`SourceError::TooManyFiles`], [`SourceError::Io`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(SourceError::io(&shown))?;
        let mut magic = [0; 6];
        let read = file.read_at(&mut magic, 0).map_err(SourceError::io(&shown))?;
        let magic = magic.get(..read).unwrap_or_default();
        if COMPRESSED.iter().any(|compressed| magic.starts_with(compressed)) {
            return Err(SourceError::Tar("it is compressed; decompress it first"));
        }
        let members = strip_folder(index(&file)?)?;
        Ok(Self { file, shown, members })
    }
}

fn index(file: &File) -> Result<BTreeMap<String, (u64, u64)>, SourceError> {
    const BROKEN: SourceError = SourceError::Tar("it is damaged, cut off, or no tar file");
    let mut archive = tar::Archive::new(BufReader::new(file));
    let mut members = BTreeMap::new();
    // Raw: extension members are not interpreted, whose content would be read into memory whatever its size. The paths
    // of a record are too short to need them.
    for (number, entry) in archive.entries_with_seek().map_err(|_| BROKEN)?.raw(true).enumerate() {
        let entry = entry.map_err(|_| BROKEN)?;
        if number >= MAX_MEMBERS || members.len() >= MAX_FILES {
            return Err(SourceError::TooManyFiles);
        }
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            return Err(SourceError::Tar("a path in it is longer than any of a record"));
        }
        // Links and devices are left out; so they are missing where they are needed.
        if !kind.is_file() {
            continue;
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        if members.insert(path, (entry.raw_file_position(), entry.size())).is_some() {
            return Err(SourceError::Tar("two files in it have the same path"));
        }
    }
    Ok(members)
}

/// Takes off the folder that the checkpoint stands in, if all members are below it.
fn strip_folder(members: BTreeMap<String, (u64, u64)>) -> Result<BTreeMap<String, (u64, u64)>, SourceError> {
    if members.contains_key(CHECKPOINT) {
        return Ok(members);
    }
    let below = |path: &&String| path.strip_suffix(CHECKPOINT).is_some_and(|folder| folder.ends_with('/'));
    let shortest = members.keys().filter(below).min_by_key(|path| path.len()).ok_or(SourceError::NoCheckpoint)?;
    let folder = shortest.strip_suffix(CHECKPOINT).unwrap_or_default().to_owned();
    Ok(members.into_iter().filter_map(|(path, place)| Some((path.strip_prefix(&folder)?.to_owned(), place))).collect())
}

impl Source for Tape {
    fn read(&self, path: &str, limit: usize) -> Result<Content, SourceError> {
        let Some(&(offset, size)) = self.members.get(path) else { return Ok(Content::Missing) };
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= limit) else {
            return Ok(Content::Unreadable("it is larger than such a file may be"));
        };
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, offset).map_err(SourceError::io(format!("{} in {}", path, self.shown)))?;
        Ok(Content::Bytes(bytes))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let Some(&(start, size)) = self.members.get(path) else { return Ok(None) };
        let available = usize::try_from(size.saturating_sub(offset)).unwrap_or(length).min(length);
        let mut bytes = vec![0; available];
        let position = start.saturating_add(offset.min(size));
        self.file
            .read_exact_at(&mut bytes, position)
            .map_err(SourceError::io(format!("{} in {}", path, self.shown)))?;
        Ok(Some(bytes))
    }

    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        Ok(self.members.get(path).map(|(_, size)| *size))
    }

    fn paths(&self) -> Result<Vec<String>, SourceError> {
        Ok(self.members.keys().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn write(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut builder = tar::Builder::new(file.as_file());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *content).unwrap();
        }
        builder.finish().unwrap();
        drop(builder);
        file
    }

    #[test]
    fn members_are_read_in_place_with_or_without_a_common_folder() {
        for folder in ["", "./", "record/"] {
            let paths = [format!("{folder}checkpoint"), format!("{folder}tile/0/000")];
            let file = write(&[(&paths[0], b"note"), (&paths[1], b"abcdef")]);
            let tape = Tape::open(file.path()).unwrap();
            assert_eq!(tape.read("checkpoint", 9).unwrap(), Content::Bytes(b"note".to_vec()));
            assert_eq!(tape.read("tile/0/000", 5).unwrap().bytes(), None);
            assert_eq!(tape.read_at("tile/0/000", 1, 3).unwrap().unwrap(), b"bcd");
            assert_eq!(tape.read_at("tile/0/000", 4, 9).unwrap().unwrap(), b"ef");
            assert_eq!(tape.read_at("tile/0/000", 9, 9).unwrap().unwrap(), b"");
            assert_eq!(tape.size("tile/0/000").unwrap(), Some(6));
            assert_eq!(tape.paths().unwrap(), ["checkpoint", "tile/0/000"]);
        }
    }

    #[test]
    fn tar_files_that_are_no_record_are_refused() {
        let no_checkpoint = write(&[("tile/0/000", b"x")]);
        assert!(matches!(Tape::open(no_checkpoint.path()), Err(SourceError::NoCheckpoint)));
        let twice = write(&[("checkpoint", b"a"), ("./checkpoint", b"b")]);
        assert!(matches!(Tape::open(twice.path()), Err(SourceError::Tar(_))));
        let garbage = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(garbage.path(), [0x1f, 0x8b, 8, 0]).unwrap();
        assert!(matches!(Tape::open(garbage.path()), Err(SourceError::Tar(_))));
        std::fs::write(garbage.path(), vec![7; 4096]).unwrap();
        assert!(Tape::open(garbage.path()).is_err());
        let cut = write(&[("checkpoint", &[1; 2000])]);
        cut.as_file().set_len(700).unwrap();
        // The index is there, the content is not: an error when it is read, never a wrong content.
        assert!(
            Tape::open(cut.path()).is_err_and(|_| true)
                || Tape::open(cut.path()).unwrap().read("checkpoint", 9999).is_err()
        );
    }
}
