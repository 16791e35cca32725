//! A board's folder: log key, operator's token, database, and a lock against a second process.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use veritally_board_api::files::{self, FileError};
use veritally_board_api::key_file;
use veritally_crypto::log::note::{NoteError, check_name};
use veritally_crypto::signature::SigningSecret;
use zeroize::Zeroizing;

/// The log's signing key. Losing it ends every election of the board; copying it lets others fork their logs.
const LOG_KEY: &str = "log.key";
/// Opens and closes elections whose manifests let the board do so, and signs what administrators do in the dashboard.
const ADMINISTRATOR_KEY: &str = "administrator.key";
/// Whoever has it may create elections.
const OPERATOR_TOKEN: &str = "operator.token";
/// The dashboard's accounts, drafts and voter lists.
const ADMIN_DATABASE: &str = "admin.db";
/// The board's name: the beginning of its logs' origins.
const NAME: &str = "name";
/// The database.
const DATABASE: &str = "board.db";
/// Locked while a server runs.
const LOCK: &str = "board.lock";

/// Bytes of a token: 256 bits.
const TOKEN_BYTES: usize = 32;

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// A file in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process runs on it.
    #[error("another board is running on {}: stop it first, or use another folder", .0.display())]
    Locked(PathBuf),
    /// The first start needs a name.
    #[error(
        "give this board a name with --name, such as vote.example.org: it becomes the beginning of its logs' origins and can't be changed later"
    )]
    NoName,
    /// The name was another one.
    #[error("this board is named {stored:?}, not {given:?}: its logs' origins begin with it; leave --name out")]
    OtherName {
        /// On the first start.
        stored: String,
        /// Now.
        given: String,
    },
    /// A name that no log can have.
    #[error("{0}")]
    BadName(#[from] NoteError),
    /// A key would be lost.
    #[error("{} holds another key: elections depend on it, so it is not replaced", .0.display())]
    OtherKey(PathBuf),
    /// No database there.
    #[error("there is no board in {}", .0.display())]
    NoBoard(PathBuf),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
}

/// One of the board's own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardKey {
    /// Signs checkpoints.
    Log,
    /// Opens and closes elections whose manifests list it as held by the board.
    Administrator,
}

impl BoardKey {
    fn file(self) -> &'static str {
        match self {
            Self::Log => LOG_KEY,
            Self::Administrator => ADMINISTRATOR_KEY,
        }
    }
}

/// An opened folder; locked while it lives.
pub struct DataDir {
    /// Signs checkpoints.
    pub log_key: Arc<SigningSecret>,
    /// Opens and closes elections whose manifests list it as held by the board.
    pub administrator_key: Arc<SigningSecret>,
    /// For creating elections.
    pub operator_token: Arc<Zeroizing<String>>,
    /// The dashboard's database file.
    pub admin_database: PathBuf,
    /// The database file.
    pub database: PathBuf,
    /// The board's name.
    pub name: String,
    _lock: File,
}

impl DataDir {
    /// Opens a folder for serving; on the first start, makes it with fresh keys.
    ///
    /// # Errors
    /// [`DataDirError`].
    pub fn open(path: &Path, name: Option<&str>) -> Result<Self, DataDirError> {
        std::fs::create_dir_all(path).map_err(FileError::io("make the folder", path))?;
        let lock = lock(path)?;
        let name = open_name(&path.join(NAME), name)?;
        let key = |key: BoardKey| open_key(&path.join(key.file())).map(Arc::new);
        let (log_key, administrator_key) = (key(BoardKey::Log)?, key(BoardKey::Administrator)?);
        let operator_token = Arc::new(open_token(&path.join(OPERATOR_TOKEN))?);
        let (database, admin_database) = (path.join(DATABASE), path.join(ADMIN_DATABASE));
        Ok(Self { log_key, administrator_key, operator_token, admin_database, database, name, _lock: lock })
    }

    /// Reads one of a board's keys.
    ///
    /// # Errors
    /// [`DataDirError::File`].
    pub fn read_key(path: &Path, which: BoardKey) -> Result<SigningSecret, DataDirError> {
        Ok(key_file::read(&path.join(which.file()))?)
    }

    /// Puts a key into the folder of a board that has none yet, readable by its owner only. The same key again is fine;
    /// another one is never replaced.
    ///
    /// # Errors
    /// [`DataDirError::OtherKey`], [`DataDirError::File`].
    pub fn import_key(path: &Path, which: BoardKey, key: &SigningSecret) -> Result<(), DataDirError> {
        std::fs::create_dir_all(path).map_err(FileError::io("make the folder", path))?;
        let file = path.join(which.file());
        if !exists(&file)? {
            return Ok(key_file::create(&file, key)?);
        }
        let same = key_file::read(&file)?.verification_key() == key.verification_key();
        if same { Ok(()) } else { Err(DataDirError::OtherKey(file)) }
    }

    /// Where a folder's database is or will be, and a lock for as long as no board is to run on it.
    ///
    /// # Errors
    /// [`DataDirError::Locked`], [`DataDirError::File`].
    pub fn without_board(path: &Path) -> Result<(PathBuf, File), DataDirError> {
        std::fs::create_dir_all(path).map_err(FileError::io("make the folder", path))?;
        Ok((path.join(DATABASE), lock(path)?))
    }

    /// The database of a folder, for reading beside a running server.
    ///
    /// # Errors
    /// [`DataDirError::NoBoard`].
    pub fn database(path: &Path) -> Result<PathBuf, DataDirError> {
        let database = path.join(DATABASE);
        if database.is_file() { Ok(database) } else { Err(DataDirError::NoBoard(path.to_owned())) }
    }

    /// The dashboard's database of a folder, beside a running server.
    ///
    /// # Errors
    /// [`DataDirError::NoBoard`].
    pub fn admin_database(path: &Path) -> Result<PathBuf, DataDirError> {
        let database = path.join(ADMIN_DATABASE);
        // With PostgreSQL the file is absent, the board's name is not.
        let there = database.is_file() || path.join(NAME).is_file();
        if there { Ok(database) } else { Err(DataDirError::NoBoard(path.to_owned())) }
    }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let lock_path = path.join(LOCK);
    let lock = File::create(&lock_path).map_err(FileError::io("open", &lock_path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(FileError::io("lock", &lock_path)(error).into()),
    }
}

fn exists(path: &Path) -> Result<bool, FileError> {
    path.try_exists().map_err(FileError::io("look at", path))
}

fn open_name(path: &Path, given: Option<&str>) -> Result<String, DataDirError> {
    if !exists(path)? {
        let name = given.ok_or(DataDirError::NoName)?;
        check_name(name)?;
        files::write_atomic(path, format!("{name}\n").as_bytes())?;
        return Ok(name.to_owned());
    }
    let stored = std::fs::read_to_string(path).map_err(FileError::io("read", path))?.trim_end().to_owned();
    match given {
        Some(given) if given != stored => Err(DataDirError::OtherName { stored, given: given.to_owned() }),
        _ => Ok(stored),
    }
}

/// A generator seeded by the operating system.
pub(crate) fn rng() -> Result<StdRng, DataDirError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|e| DataDirError::Randomness(e.to_string()))
}

fn open_key(path: &Path) -> Result<SigningSecret, DataDirError> {
    if !exists(path)? {
        key_file::create(path, &SigningSecret::generate(&mut rng()?))?;
    }
    Ok(key_file::read(path)?)
}

fn open_token(path: &Path) -> Result<Zeroizing<String>, DataDirError> {
    if !exists(path)? {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        rand::Rng::fill_bytes(&mut rng()?, bytes.as_mut());
        let text = Zeroizing::new(format!("{}\n", URL_SAFE_NO_PAD.encode(bytes.as_ref())));
        files::create_secret(path, text.as_bytes())?;
    }
    read_token(path)
}

/// Reads a token file.
///
/// # Errors
/// [`DataDirError::File`].
pub fn read_token(path: &Path) -> Result<Zeroizing<String>, DataDirError> {
    let bytes = files::read_secret(path)?;
    let malformed = || FileError::Content { path: path.to_owned(), expected: "an operator's token" };
    let token = std::str::from_utf8(&bytes).map_err(|_| malformed())?.trim();
    // An empty token would let everybody in.
    if token.len() < 16 || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(malformed().into());
    }
    Ok(Zeroizing::new(token.to_owned()))
}

impl From<DataDirError> for io::Error {
    fn from(error: DataDirError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_folder_is_made_once_and_keeps_its_keys_and_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board");
        assert!(matches!(DataDir::open(&path, None), Err(DataDirError::NoName)));
        let first = DataDir::open(&path, Some("vote.example")).unwrap();
        let (key, token) = (first.log_key.verification_key(), first.operator_token.to_string());
        drop(first);
        let again = DataDir::open(&path, None).unwrap();
        assert_eq!(again.log_key.verification_key(), key);
        assert_eq!(again.operator_token.as_str(), token);
        assert_eq!(again.name, "vote.example");
        drop(again);
        assert!(matches!(DataDir::open(&path, Some("other.example")), Err(DataDirError::OtherName { .. })));
        assert!(matches!(DataDir::open(&directory.path().join("x"), Some("a b")), Err(DataDirError::BadName(_))));
    }

    #[test]
    fn a_second_process_on_the_same_folder_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _first = DataDir::open(directory.path(), Some("a")).unwrap();
        assert!(matches!(DataDir::open(directory.path(), None), Err(DataDirError::Locked(_))));
    }

    #[test]
    fn a_token_that_lets_everybody_in_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        files::write_secret(&path, b"\n").unwrap();
        assert!(read_token(&path).is_err());
    }
}
