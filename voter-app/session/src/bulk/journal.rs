//! What a run of many ballots has done, so that the next one goes on.
//!
//! ```text
//! veritally-cast-many/v1 <fingerprint> <SHA-256 of the ballot file> <contest or ->
//! sent <row> <the ballot's bytes>
//! done <row> <index in the log>
//! ```
//!
//! ⚠ `sent` is written before a ballot is sent: who finds it without `done` sends the same bytes again. A last line
//! that was cut is forgotten; its ballot was not sent.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use veritally_board_api::files::FileError;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::canonical::MAX_LEAF_BYTES;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

const FORMAT: &str = "veritally-cast-many/v1";

/// Longest line: an entry, its row, a word.
const MAX_LINE_BYTES: u64 = MAX_LEAF_BYTES as u64 + 64;

/// Why a journal can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Going on with it would mix two elections.
    #[error("{} is the journal of another election, ballot file or contest: delete it to begin anew, or name another one with --journal", .0.display())]
    Other(PathBuf),
    /// Two processes would cast the same ballots.
    #[error("another process uses the journal {}", .0.display())]
    Locked(PathBuf),
    /// Not as it was written.
    #[error("line {line} of the journal {} is damaged; delete it to begin anew (ballots that were cast are then refused)", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// From 1.
        line: u64,
    },
}

/// What earlier runs did.
#[derive(Debug, Default)]
pub struct Resumed {
    /// Rows whose ballots are in the log, and where.
    pub done: HashMap<usize, LeafIndex>,
    /// Rows whose ballots may have been sent.
    pub sent: BTreeMap<usize, EncryptedBallot>,
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Journal {
    /// Opens a journal, or begins one.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(
        path: &Path,
        fingerprint: &Hash,
        ballots: &Hash,
        contest: Option<&Id>,
    ) -> Result<(Self, Resumed), JournalError> {
        let contest = contest.map_or("-", Id::as_str);
        let header = format!("{FORMAT} {fingerprint} {ballots} {contest}\n");
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(FileError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(FileError::io("lock", path)(error).into()),
        }
        let (resumed, end) = read(&file, path, &header)?;
        file.set_len(end).map_err(FileError::io("write", path))?;
        let mut journal = Self { path: path.to_owned(), file: BufWriter::new(file) };
        if end == 0 {
            journal.write(header.as_bytes())?;
            journal.flush()?;
        }
        Ok((journal, resumed))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        Ok(self.file.write_all(bytes).map_err(FileError::io("write", &self.path))?)
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn flush(&mut self) -> Result<(), JournalError> {
        Ok(self.file.flush().map_err(FileError::io("write", &self.path))?)
    }

    /// Notes ballots before they are sent.
    ///
    /// # Errors
    /// [`JournalError::File`]: don't send them then.
    pub fn sent(&mut self, ballots: &[(usize, EncryptedBallot)]) -> Result<(), JournalError> {
        for (row, ballot) in ballots {
            self.write(format!("sent {row} ").as_bytes())?;
            self.write(ballot.bytes())?;
            self.write(b"\n")?;
        }
        self.flush()
    }

    /// Notes a verified receipt, at the latest with the next [`Journal::flush`].
    ///
    /// # Errors
    /// [`JournalError::File`].
    pub fn done(&mut self, row: usize, index: LeafIndex) -> Result<(), JournalError> {
        self.write(format!("done {row} {index}\n").as_bytes())
    }
}

/// Reads a journal; the second value is where its last whole line ends.
fn read(file: &File, path: &Path, header: &str) -> Result<(Resumed, u64), JournalError> {
    let mut reader = BufReader::new(file);
    let failed = |error: io::Error| FileError::io("read", path)(error);
    reader.rewind().map_err(failed)?;
    let (mut resumed, mut end) = (Resumed::default(), 0);
    let mut bytes = vec![];
    for line in 1.. {
        bytes.clear();
        let length = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(failed)?;
        if bytes.pop() != Some(b'\n') {
            if length as u64 == MAX_LINE_BYTES {
                return Err(JournalError::Line { path: path.to_owned(), line });
            }
            break;
        }
        if line == 1 {
            if bytes != header.trim_end().as_bytes() {
                return Err(JournalError::Other(path.to_owned()));
            }
        } else {
            resumed.line(&bytes).ok_or_else(|| JournalError::Line { path: path.to_owned(), line })?;
        }
        end += length as u64;
    }
    Ok((resumed, end))
}

impl Resumed {
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let mut fields = std::str::from_utf8(line).ok()?.splitn(3, ' ');
        let (word, row, rest) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        match word {
            "sent" => _ = self.sent.insert(row, EncryptedBallot::parse(rest.as_bytes()).ok()?),
            "done" => {
                self.sent.remove(&row)?;
                self.done.insert(row, rest.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}
