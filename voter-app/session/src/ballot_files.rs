//! Readers of ballot files: PrefLib `.soi .soc .toi .toc .cat`, BLT, and a plain CSV.
//!
//! | extension | a line says | source |
//! | --- | --- | --- |
//! | `.soi` `.soc` | how many voters ranked the alternatives like this, partially or completely | [PrefLib] |
//! | `.toi` `.toc` | the same with ties in braces | [PrefLib] |
//! | `.cat` | how many voters put the alternatives into these categories | [PrefLib] |
//! | `.blt` | the same as `.toi`, as counting programs for transferable votes exchange it | OpenSTV, OpaVote |
//! | `.csv` | what a voter answered in each contest, by the selections' ids | [`plain`](self) below |
//!
//! Readers are strict: what a file announces must be what it holds, and every error names its line. A file is read
//! whole and expanded to nothing: a line that stands for 25,322 voters stays one [`CountedBallot`].
//!
//! # The plain CSV
//! A header with the contests' ids, and optionally `count`; then one line a ballot. A field holds an answer as
//! [`marks`](crate::marks) has it: ids separated by `;`, scores or votes as `ada:3;alan:5`, a ranking as `ada>alan=grace`,
//! `blank` for a blank vote, or nothing when nothing is marked:
//!
//! ```text
//! count,chair,board,budget
//! 2,ada,grace;alan,roads>schools
//! 1,blank,,schools
//! ```
//!
//! [PrefLib]: https://www.preflib.org/format

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use veritally_board_api::files::FileError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

use crate::marks::{Marks, MarksError, number};

mod blt;
mod convert;
mod describe;
mod plain;
mod preflib;

pub use convert::{ConvertError, Converter};
pub use describe::{ContestType, DescribeError, Quorums, describe};

/// Longest file: the largest of PrefLib has some 10 MB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Most alternatives: a ballot's entry of 65,535 bytes holds fewer.
pub const MAX_ALTERNATIVES: usize = 1_000;
/// Most ballots that a file may stand for: as many as a roll may have voters.
pub const MAX_BALLOTS: u64 = 10_000_000;
/// Longest name of an alternative, in bytes: as long as a text in a manifest.
pub const MAX_NAME_BYTES: usize = 4_096;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Strict orders, incomplete.
    Soi,
    /// Strict orders, complete.
    Soc,
    /// Orders with ties, incomplete.
    Toi,
    /// Orders with ties, complete.
    Toc,
    /// Categories.
    Cat,
    /// BLT.
    Blt,
    /// Selections by id.
    Csv,
}

impl Format {
    /// By the file's extension.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "soi" => Self::Soi,
            "soc" => Self::Soc,
            "toi" => Self::Toi,
            "toc" => Self::Toc,
            "cat" => Self::Cat,
            "blt" => Self::Blt,
            "csv" => Self::Csv,
            _ => return None,
        })
    }

    /// PrefLib's name for it.
    fn name(self) -> &'static str {
        match self {
            Self::Soi => "soi",
            Self::Soc => "soc",
            Self::Toi => "toi",
            Self::Toc => "toc",
            Self::Cat => "cat",
            Self::Blt => "blt",
            Self::Csv => "csv",
        }
    }
}

/// A ballot as the file has it. Alternatives are counted from 0, in the file's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBallot {
    /// Best first; several alternatives in a group are tied.
    Ranking(Vec<Vec<usize>>),
    /// The alternatives in each category, first category first; the first one is what the voter approves.
    Categories(Vec<Vec<usize>>),
    /// By contest.
    Marks(BTreeMap<Id, Marks>),
}

/// How many voters cast this ballot, and where that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedBallot {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub count: u64,
    /// What they cast.
    pub ballot: FileBallot,
}

/// A file of ballots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BallotFile {
    /// How it was written.
    pub format: Format,
    /// What the file says it is.
    pub title: Option<String>,
    /// Names of the alternatives; none in a plain CSV.
    pub alternatives: Vec<String>,
    /// The contests of a plain CSV, in the header's order.
    pub contests: Vec<Id>,
    /// In the file's order.
    pub ballots: Vec<CountedBallot>,
    /// SHA-256 of the file: tells it from others.
    pub digest: Hash,
}

impl BallotFile {
    fn new(format: Format, alternatives: Vec<String>, contests: Vec<Id>, ballots: Ballots) -> Self {
        Self { format, title: None, alternatives, contests, ballots: ballots.list, digest: Hash::ZERO }
    }

    /// How many ballots the file stands for.
    #[must_use]
    pub fn count(&self) -> u64 {
        // Bounded by MAX_BALLOTS when the file was read.
        self.ballots.iter().map(|ballot| ballot.count).sum()
    }
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileProblem {
    /// Longer than is read.
    #[error("more than {MAX_FILE_BYTES} bytes")]
    TooLong,
    /// Saved by a program that does not write UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// PrefLib: the header's name.
    #[error("the header {0} is missing, repeated or not a number in range")]
    Header(String),
    /// PrefLib: `# DATA TYPE` and the extension differ.
    #[error("the file says it is of type {found:?}, its name ends in .{expected}")]
    DataType {
        /// What was found.
        found: String,
        /// By the file's name.
        expected: &'static str,
    },
    /// PrefLib: headers come first.
    #[error("a header after the first ballot")]
    LateHeader,
    /// PrefLib: a line without a colon.
    #[error("expected `count: preferences`")]
    NoCount,
    /// The text where a number of ballots belongs.
    #[error("{0:?} is not a number of ballots from 1 to {MAX_BALLOTS}")]
    Count(String),
    /// The text, and how many alternatives there are.
    #[error("{0:?} is not the number of an alternative from 1 to {1}")]
    Alternative(String, usize),
    /// Which one, from 1.
    #[error("alternative {0} occurs twice")]
    Repeated(usize),
    /// The format, which is of strict orders.
    #[error("alternatives are tied, which a .{0} file does not have")]
    Tie(&'static str),
    /// A format of complete orders.
    #[error("{found} of {expected} alternatives are ranked, a .{format} file ranks all")]
    Incomplete {
        /// What was found.
        found: usize,
        /// What belongs there.
        expected: usize,
        /// The extension.
        format: &'static str,
    },
    /// A ballot that ranks nobody, in a format that has none.
    #[error("nothing is ranked, or braces are empty")]
    Empty,
    /// PrefLib: ties stand in braces.
    #[error("braces are not closed, or something stands behind them")]
    Braces,
    /// PrefLib: a ballot with more or fewer categories.
    #[error("{found} categories, the header announces {expected}")]
    Categories {
        /// What was found.
        found: usize,
        /// What belongs there.
        expected: usize,
    },
    /// PrefLib: the header's numbers are not those of the lines.
    #[error("{what}: {found} counted, {announced} announced")]
    Sum {
        /// What is counted.
        what: &'static str,
        /// What was found.
        found: u64,
        /// In the header.
        announced: u64,
    },
    /// More than are cast in one run.
    #[error("more than {MAX_BALLOTS} ballots")]
    TooMany,
    /// Nothing to cast.
    #[error("no ballots")]
    NoBallots,
    /// BLT: the first line.
    #[error("expected the numbers of candidates and of seats")]
    BltFirstLine,
    /// BLT: a ballot's line.
    #[error("a ballot's line ends with 0, and 0 stands nowhere else")]
    BltEnd,
    /// BLT: which candidate, from 1.
    #[error("expected the name of candidate {0} in quotation marks (those within it doubled)")]
    BltName(usize),
    /// BLT: text after the end.
    #[error("nothing may follow the title")]
    BltTrailing,
    /// BLT: cut off, perhaps while it was copied.
    #[error("the file ends before its candidates are named")]
    BltCut,
    /// CSV: a comma too many or too few.
    #[error("{found} fields instead of {expected}")]
    Fields {
        /// What was found.
        found: usize,
        /// What belongs there.
        expected: usize,
    },
    /// CSV: the header's field.
    #[error("the column {0:?} is no contest's id, or occurs twice")]
    Column(String),
    /// CSV: a field that is no answer.
    #[error(transparent)]
    Mark(MarksError),
    /// CSV: broken quotation marks and the like.
    #[error("not readable as CSV: {0}")]
    Csv(String),
    /// The ballot does not fit the election.
    #[error("{0}")]
    Convert(#[from] ConvertError),
}

/// What is wrong, and where. Line 0: with the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// From 1.
    pub line: u64,
    /// What.
    pub problem: FileProblem,
}

impl LineError {
    fn new(line: u64, problem: impl Into<FileProblem>) -> Self {
        Self { line, problem: problem.into() }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        self.problem.fmt(f)
    }
}

impl std::error::Error for LineError {}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BallotFileError {
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// No known extension.
    #[error("{0}: the name must end in .soi, .soc, .toi, .toc, .cat, .blt or .csv, which says how ballots are written")]
    Extension(String),
    /// The content is wrong.
    #[error("{path}: {error}")]
    Content {
        /// Which file.
        path: String,
        /// What and where.
        error: LineError,
    },
}

/// Reads a file; its extension says how it is written.
///
/// # Errors
/// [`BallotFileError`].
pub fn read(path: &Path) -> Result<BallotFile, BallotFileError> {
    let name = path.display().to_string();
    let format = Format::of_path(path).ok_or_else(|| BallotFileError::Extension(name.clone()))?;
    let content = |error| BallotFileError::Content { path: name.clone(), error };
    let metadata = std::fs::metadata(path).map_err(FileError::io("read", path))?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(content(LineError::new(0, FileProblem::TooLong)));
    }
    let bytes = std::fs::read(path).map_err(FileError::io("read", path))?;
    parse(format, &bytes).map_err(content)
}

/// Parses a file's bytes; a byte order mark is tolerated.
///
/// # Errors
/// [`LineError`]: the first error.
pub fn parse(format: Format, bytes: &[u8]) -> Result<BallotFile, LineError> {
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(LineError::new(0, FileProblem::TooLong));
    }
    let digest = Hash::of(bytes);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        LineError::new(before.iter().filter(|b| **b == b'\n').count() as u64 + 1, FileProblem::Encoding)
    })?;
    let file = match format {
        Format::Blt => blt::parse(text)?,
        Format::Csv => plain::parse(text)?,
        _ => preflib::parse(text, format)?,
    };
    let file = BallotFile { digest, ..file };
    if file.ballots.is_empty() { Err(LineError::new(0, FileProblem::NoBallots)) } else { Ok(file) }
}

/// The ballots read so far, within the limits.
#[derive(Default)]
struct Ballots {
    list: Vec<CountedBallot>,
    total: u64,
}

impl Ballots {
    fn push(&mut self, line: u64, count: u64, ballot: FileBallot) -> Result<(), LineError> {
        self.total = self.total.saturating_add(count);
        if self.total > MAX_BALLOTS {
            return Err(LineError::new(line, FileProblem::TooMany));
        }
        self.list.push(CountedBallot { line, count, ballot });
        Ok(())
    }
}

fn count(text: &str) -> Result<u64, FileProblem> {
    let value = number(text.trim()).filter(|count| (1..=MAX_BALLOTS).contains(count));
    value.ok_or_else(|| FileProblem::Count(shortened(text)))
}

/// The number of an alternative, from 1 in the file, from 0 here.
fn alternative(text: &str, alternatives: usize) -> Result<usize, FileProblem> {
    let text = text.trim();
    let value = number(text).and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=alternatives).contains(n));
    value.map(|n| n - 1).ok_or_else(|| FileProblem::Alternative(shortened(text), alternatives))
}

/// The first alternative that occurs twice, as the file counts.
fn repeated(groups: &[Vec<usize>], alternatives: usize) -> Option<usize> {
    let mut seen = vec![false; alternatives];
    let twice = |a: &&usize| seen.get_mut(**a).is_none_or(|seen| std::mem::replace(seen, true));
    groups.iter().flatten().find(twice).map(|a| a + 1)
}

/// As much of a wrong text as a message shows.
fn shortened(text: &str) -> String {
    text.trim().chars().take(40).collect()
}
