//! What all programs do with files: whole or not at all, secrets for their owner only, `--ready-file`.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Files of secrets are small: a key, a token, a list of codes of a large electorate.
const MAX_SECRET_BYTES: u64 = 256 << 20;

/// What went wrong with a file: which one, what was tried, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could read a secret.
    #[error("{} holds a secret and others may read it (mode {mode:o}): run `chmod 600` on it", path.display())]
    Permissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The content is not what it should be.
    #[error("{} is not {expected}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
}

impl FileError {
    /// For `map_err`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Writes a file whole or not at all: a new file beside it, flushed to disk, takes its place.
///
/// # Errors
/// [`FileError::Io`]; the old content is then still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, bytes, 0o644)
}

/// As [`write_atomic`], readable by its owner only.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, bytes, 0o600)
}

/// As [`write_secret`], but refuses to replace a file: a key that is overwritten is lost.
///
/// # Errors
/// [`FileError::Io`], of kind `AlreadyExists` when there is one.
pub fn create_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = temporary(path, bytes, 0o600)?;
    temporary.persist_noclobber(path).map_err(|e| FileError::io("create", path)(e.error))?;
    sync_directory(path)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let temporary = temporary(path, bytes, mode)?;
    temporary.persist(path).map_err(|e| FileError::io("write", path)(e.error))?;
    sync_directory(path)
}

fn temporary(path: &Path, bytes: &[u8], mode: u32) -> Result<tempfile::NamedTempFile, FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".veritally-").permissions(std::fs::Permissions::from_mode(mode));
    let mut file = builder.tempfile_in(parent(path)).map_err(FileError::io("write beside", path))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(FileError::io("write", path))?;
    Ok(file)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename durable.
fn sync_directory(path: &Path) -> Result<(), FileError> {
    File::open(parent(path)).and_then(|d| d.sync_all()).map_err(FileError::io("flush the directory of", path))
}

/// Reads a secret, after checking that nobody but its owner may.
///
/// # Errors
/// [`FileError::Permissions`], [`FileError::Io`].
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::open(path).map_err(FileError::io("read", path))?;
    let metadata = file.metadata().map_err(FileError::io("read", path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(FileError::Permissions { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0)));
    file.take(MAX_SECRET_BYTES).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    Ok(bytes)
}

/// What `--ready-file` holds once a program listens: scripts that passed port 0 learn the address from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// `IP:PORT`.
    pub address: String,
    /// The process.
    pub pid: u32,
    /// `http://IP:PORT` or `https://IP:PORT`.
    pub url: String,
}

impl Ready {
    /// For this process, listening here.
    #[must_use]
    pub fn new(address: std::net::SocketAddr) -> Self {
        Self { address: address.to_string(), pid: std::process::id(), url: format!("http://{address}") }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(address: std::net::SocketAddr) -> Self {
        Self { url: format!("https://{address}"), ..Self::new(address) }
    }

    /// Writes the file, atomically: who sees it can connect.
    ///
    /// # Errors
    /// [`FileError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let json = serde_json::to_vec(self).map_err(|e| FileError::io("write", path)(io::Error::other(e)))?;
        write_atomic(path, &json)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = std::fs::read(path).map_err(FileError::io("read", path))?;
        serde_json::from_slice(&bytes)
            .map_err(|_| FileError::Content { path: path.to_owned(), expected: "a ready file of a Veritally program" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_replaced_whole_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(write_atomic(&directory.path().join("no/such/directory"), b"x").is_err());
    }

    #[test]
    fn secrets_are_for_their_owner_and_refused_when_others_may_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        create_secret(&path, b"hush").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read_secret(&path).unwrap().as_slice(), b"hush");
        assert!(create_secret(&path, b"other").is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_secret(&path), Err(FileError::Permissions { mode: 0o640, .. })));
        write_secret(&path, b"again").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_ready_file_tells_the_address() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready");
        let ready = Ready::new("127.0.0.1:4711".parse().unwrap());
        ready.write(&path).unwrap();
        assert_eq!(Ready::read(&path).unwrap(), ready);
        assert_eq!(ready.url, "http://127.0.0.1:4711");
    }
}
