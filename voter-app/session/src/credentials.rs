//! The registrar's file of codes, as far as casting many ballots needs it.

use veritally_board_api::files::{self, FileError};
use veritally_crypto::credential::{CodeError, CredentialCode};
use veritally_crypto::hash::Hash;

/// Longest field: codes and fingerprints have some 70 characters, names a few hundred.
const MAX_FIELD_BYTES: usize = 1_024;

/// A line of the file.
#[derive(Debug)]
pub struct CodeRow {
    /// Line, from 1.
    pub line: u64,
    /// The voter's id, if the file has it.
    pub id: String,
    /// The secret.
    pub code: CredentialCode,
}

/// What is wrong with a file of codes. Never repeats a code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodesError {
    /// It can't be read, or others may read it too.
    #[error(transparent)]
    File(#[from] FileError),
    /// Perhaps another file: the first line names no column `code`.
    #[error("the file of codes has no column `code`: it must be the one that the registrar wrote")]
    NoCodeColumn,
    /// A code that was mistyped or cut.
    #[error("line {line}: {error}")]
    Code {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        error: CodeError,
    },
    /// The codes were drawn for another election.
    #[error("line {line}: the code is for the election with fingerprint {found}, this one has {expected}")]
    OtherElection {
        /// From 1.
        line: u64,
        /// The fingerprint of this election.
        expected: Hash,
        /// The one in the file.
        found: String,
    },
    /// A line that can't be read; its number, 0 if that is unknown.
    #[error("line {0}: a field is missing, too long or not UTF-8")]
    Line(u64),
    /// A header and nothing else.
    #[error("the file of codes has no lines")]
    Empty,
}

/// Reads a file of codes, after checking that nobody but its owner may.
///
/// # Errors
/// [`CodesError`]: the first error.
pub fn read(path: &std::path::Path, fingerprint: &Hash) -> Result<Vec<CodeRow>, CodesError> {
    parse(&files::read_secret(path)?, fingerprint)
}

/// Parses a file of codes: CSV with the column `code`, and optionally `id` and `fingerprint`; others are ignored.
///
/// # Errors
/// [`CodesError`]: the first error.
pub fn parse(bytes: &[u8], fingerprint: &Hash) -> Result<Vec<CodeRow>, CodesError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|_| CodesError::Line(1))?.clone();
    let column = |name: &[u8]| header.iter().position(|found| found.eq_ignore_ascii_case(name));
    let code_column = column(b"code").ok_or(CodesError::NoCodeColumn)?;
    let (id_column, fingerprint_column) = (column(b"id"), column(b"fingerprint"));
    let expected = fingerprint.to_string();
    let mut rows = vec![];
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|_| CodesError::Line(0))? {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| -> Result<&str, CodesError> {
            let field = record.get(index).filter(|field| field.len() <= MAX_FIELD_BYTES);
            field.and_then(|field| std::str::from_utf8(field).ok()).ok_or(CodesError::Line(line))
        };
        if let Some(found) = fingerprint_column.map(field).transpose()?.filter(|found| *found != expected) {
            let found = found.chars().take(64).collect();
            return Err(CodesError::OtherElection { line, expected: *fingerprint, found });
        }
        let code = CredentialCode::parse(field(code_column)?).map_err(|error| CodesError::Code { line, error })?;
        let id = id_column.map(field).transpose()?.unwrap_or_default().to_owned();
        rows.push(CodeRow { line, id, code });
    }
    if rows.is_empty() { Err(CodesError::Empty) } else { Ok(rows) }
}
