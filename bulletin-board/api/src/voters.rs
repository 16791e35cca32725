//! The list of voters: a CSV file with a header, of which only the column `id` is required.
//!
//! | column | meaning | when left out |
//! | --- | --- | --- |
//! | `id` | the registrar's own name for the voter, unique | required |
//! | `name`, `email` (or `e-mail`) | for the letter | empty |
//! | `weight` | how much the vote counts, an integer from 1 | 1 |
//! | `style` | ballot style of the manifest | the only one |
//! | `group` | reporting group of the manifest | the only one |
//!
//! Columns stand in any order. A wrong list is refused as a whole, with every error and its line.

use std::collections::HashMap;
use std::fmt;

use veritally_crypto::id::Id;
use veritally_crypto::manifest::Manifest;

/// Longest list: a line of 50 bytes for each of [`MAX_VOTERS`].
pub const MAX_LIST_BYTES: usize = 512 << 20;

/// Most voters: ten million are more than any roll that one log has carried, and 3 GB of memory here.
pub const MAX_VOTERS: usize = 10_000_000;

/// Longest field. A longer one is a quotation mark that was never closed.
pub const MAX_FIELD_BYTES: usize = 1_024;

/// Largest weight: totals of weights stay below 2^40 (specs/protocol.md section 3).
const MAX_WEIGHT: u64 = veritally_crypto::manifest::MAX_TOTAL;

/// Somebody who may vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// The registrar's name for the voter. Never published.
    pub id: String,
    /// For the letter; may be empty.
    pub name: String,
    /// For the letter; may be empty.
    pub email: String,
    /// Reporting group.
    pub group: Id,
    /// Ballot style.
    pub style: Id,
    /// From 1.
    pub weight: u64,
}

/// One thing that is wrong with a list.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoterProblem {
    /// Not even a first line.
    #[error("the list is empty: its first line must name the columns, `id` at least")]
    NoHeader,
    /// Voters have nothing to be told apart by; the columns that were found.
    #[error("no column `id`; found {0:?}")]
    NoIdColumn(Vec<String>),
    /// A column that the list may not have.
    #[error(
        "unknown column {0:?}: allowed are id, name, email (or e-mail), weight, style, group, separated by commas; \
         remove the others"
    )]
    UnknownColumn(String),
    /// The same column twice.
    #[error("column {0:?} occurs twice")]
    RepeatedColumn(String),
    /// The election has several styles or groups, and no column says which is whose.
    #[error("no column `{column}`, and the election has several: {choices}")]
    MissingColumn {
        /// The column's name.
        column: &'static str,
        /// What there is, separated by commas.
        choices: String,
    },
    /// Nobody is on the list.
    #[error("no voters")]
    NoVoters,
    /// The file is longer than is read.
    #[error("more than {MAX_LIST_BYTES} bytes: split the electorate into several elections")]
    TooLong,
    /// More voters than an election may have.
    #[error("more than {MAX_VOTERS} voters")]
    TooMany,
    /// A line with more or fewer fields than the header.
    #[error("{found} fields instead of {expected}: a comma too many or too few, or one that is not in quotation marks")]
    Fields {
        /// On this line.
        found: usize,
        /// As many as the header has.
        expected: usize,
    },
    /// Saved by a program that does not write UTF-8.
    #[error("not UTF-8: save the list as UTF-8")]
    Encoding,
    /// Perhaps half the file, swallowed by a quotation mark; the column.
    #[error("the field {0} is longer than {MAX_FIELD_BYTES} bytes: is a quotation mark not closed?")]
    LongField(&'static str),
    /// A voter without an id.
    #[error("the id is empty")]
    EmptyId,
    /// An id that can't be printed on a letter.
    #[error("the id {0:?} has characters that don't print")]
    ControlCharacter(String),
    /// Two voters of the same id.
    #[error("the id {id:?} is on line {first} already")]
    DuplicateId {
        /// The id.
        id: String,
        /// Its other line.
        first: u64,
    },
    /// No number, 0, or too large.
    #[error("the weight {0:?} is not an integer from 1 to {MAX_WEIGHT}")]
    Weight(String),
    /// A style or group that the manifest does not have.
    #[error("the {column} {found:?} is not in the manifest: {choices}")]
    Unknown {
        /// The column's name.
        column: &'static str,
        /// What the list says.
        found: String,
        /// What there is, separated by commas.
        choices: String,
    },
    /// An empty style or group where there are several.
    #[error("no {column} is given, and the election has several: {choices}")]
    Unclear {
        /// The column's name.
        column: &'static str,
        /// What there is, separated by commas.
        choices: String,
    },
    /// Broken quotation marks and the like.
    #[error("can't be read as CSV: {0}")]
    Csv(String),
}

/// A problem and the line where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// From 1, as editors count.
    pub line: u64,
    /// What is wrong.
    pub problem: VoterProblem,
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// Everything that is wrong with a list, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoterListError(pub Vec<LineProblem>);

impl fmt::Display for VoterListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the list of voters has {count} error{}; nothing was issued", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for VoterListError {}

fn one(line: u64, problem: VoterProblem) -> VoterListError {
    VoterListError(vec![LineProblem { line, problem }])
}

/// The columns that a list may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Column {
    Id,
    Name,
    Email,
    Weight,
    Style,
    Group,
}

impl Column {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().as_str() {
            "id" => Self::Id,
            "name" => Self::Name,
            "email" | "e-mail" => Self::Email,
            "weight" => Self::Weight,
            "style" => Self::Style,
            "group" => Self::Group,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Email => "email",
            Self::Weight => "weight",
            Self::Style => "style",
            Self::Group => "group",
        }
    }
}

/// The styles or groups of a manifest, to look ids up.
struct Choices<'a> {
    column: &'static str,
    ids: HashMap<&'a str, &'a Id>,
    only: Option<&'a Id>,
    listed: String,
}

impl<'a> Choices<'a> {
    fn new(column: &'static str, ids: impl Iterator<Item = &'a Id> + Clone) -> Self {
        const SHOWN: usize = 20;
        let count = ids.clone().count();
        let mut listed = ids.clone().take(SHOWN).map(Id::as_str).collect::<Vec<_>>().join(", ");
        if count > SHOWN {
            listed.push_str(", …");
        }
        let only = if count == 1 { ids.clone().next() } else { None };
        Self { column, ids: ids.map(|id| (id.as_str(), id)).collect(), only, listed }
    }

    fn find(&self, text: &str) -> Result<Id, VoterProblem> {
        let (column, choices) = (self.column, self.listed.clone());
        match (self.ids.get(text), self.only) {
            (Some(id), _) => Ok((*id).clone()),
            (None, Some(only)) if text.is_empty() => Ok(only.clone()),
            (None, _) if text.is_empty() => Err(VoterProblem::Unclear { column, choices }),
            (None, _) => Err(VoterProblem::Unknown { column, found: text.to_owned(), choices }),
        }
    }
}

/// Reads lists of voters for one election.
pub struct VoterListReader<'a> {
    styles: Choices<'a>,
    groups: Choices<'a>,
}

impl<'a> VoterListReader<'a> {
    /// For the election with this manifest.
    #[must_use]
    pub fn new(manifest: &'a Manifest) -> Self {
        Self {
            styles: Choices::new("style", manifest.ballot_styles.iter().map(|s| &s.id)),
            groups: Choices::new("group", manifest.groups.iter().map(|g| &g.id)),
        }
    }

    /// Reads a list; a byte order mark is tolerated.
    ///
    /// # Errors
    /// [`VoterListError`] with every problem and its line.
    pub fn read(&self, list: &[u8]) -> Result<Vec<Voter>, VoterListError> {
        if list.len() > MAX_LIST_BYTES {
            return Err(one(1, VoterProblem::TooLong));
        }
        let list = list.strip_prefix(b"\xef\xbb\xbf").unwrap_or(list);
        let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(list);
        let header = reader.byte_headers().map_err(|e| one(1, VoterProblem::Csv(e.to_string())))?.clone();
        let columns = self.columns(&header)?;
        let mut rows = Rows { columns: &columns, reader: self, seen: HashMap::new(), voters: vec![], problems: vec![] };
        let mut record = csv::ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => rows.read(record.position().map_or(0, csv::Position::line), &record),
                Ok(false) => break,
                Err(e) => return Err(one(reader.position().line(), VoterProblem::Csv(e.to_string()))),
            }
            if rows.voters.len() > MAX_VOTERS {
                return Err(one(record.position().map_or(0, csv::Position::line), VoterProblem::TooMany));
            }
        }
        if rows.voters.is_empty() && rows.problems.is_empty() {
            return Err(one(1, VoterProblem::NoVoters));
        }
        if rows.problems.is_empty() { Ok(rows.voters) } else { Err(VoterListError(rows.problems)) }
    }

    /// `count` voters named v000001, v000002, …, for demonstrations.
    ///
    /// # Errors
    /// When the election has several styles or groups, so that it is not clear which they have.
    pub fn numbered(&self, count: usize) -> Result<Vec<Voter>, VoterProblem> {
        match count {
            0 => return Err(VoterProblem::NoVoters),
            1..=MAX_VOTERS => {}
            _ => return Err(VoterProblem::TooMany),
        }
        let (style, group) = (self.styles.find("")?, self.groups.find("")?);
        let voter = |number| Voter {
            id: format!("v{number:06}"),
            name: String::new(),
            email: String::new(),
            group: group.clone(),
            style: style.clone(),
            weight: 1,
        };
        Ok((1..=count).map(voter).collect())
    }

    fn columns(&self, header: &csv::ByteRecord) -> Result<Vec<Column>, VoterListError> {
        let mut problems = vec![];
        let mut columns: Vec<Column> = vec![];
        let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        for name in &names {
            match Column::parse(name) {
                None => problems.push(VoterProblem::UnknownColumn(name.clone())),
                Some(column) if columns.contains(&column) => problems.push(VoterProblem::RepeatedColumn(name.clone())),
                Some(column) => columns.push(column),
            }
        }
        if names.iter().all(String::is_empty) {
            problems = vec![VoterProblem::NoHeader];
        } else if !columns.contains(&Column::Id) {
            problems.push(VoterProblem::NoIdColumn(names));
        }
        for (column, choices) in [(Column::Style, &self.styles), (Column::Group, &self.groups)] {
            if problems.is_empty() && choices.only.is_none() && !columns.contains(&column) {
                problems.push(VoterProblem::MissingColumn { column: column.name(), choices: choices.listed.clone() });
            }
        }
        if problems.is_empty() {
            return Ok(columns);
        }
        Err(VoterListError(problems.into_iter().map(|problem| LineProblem { line: 1, problem }).collect()))
    }
}

/// The voters and problems found so far.
struct Rows<'a> {
    columns: &'a [Column],
    reader: &'a VoterListReader<'a>,
    /// Where an id was seen first.
    seen: HashMap<String, u64>,
    voters: Vec<Voter>,
    problems: Vec<LineProblem>,
}

impl Rows<'_> {
    fn read(&mut self, line: u64, record: &csv::ByteRecord) {
        let mut found = vec![];
        let voter = self.voter(line, record, &mut found);
        match voter {
            Some(voter) if found.is_empty() => self.voters.push(voter),
            _ => self.problems.extend(found.into_iter().map(|problem| LineProblem { line, problem })),
        }
    }

    /// Everything that is wrong with a line goes to `found`; the voter is then of no use.
    fn voter(&mut self, line: u64, record: &csv::ByteRecord, found: &mut Vec<VoterProblem>) -> Option<Voter> {
        if record.len() != self.columns.len() {
            found.push(VoterProblem::Fields { found: record.len(), expected: self.columns.len() });
            return None;
        }
        let mut fields: HashMap<Column, &str> = HashMap::new();
        for (column, bytes) in self.columns.iter().zip(record) {
            match std::str::from_utf8(bytes) {
                Ok(_) if bytes.len() > MAX_FIELD_BYTES => found.push(VoterProblem::LongField(column.name())),
                Ok(text) => _ = fields.insert(*column, text),
                Err(_) => {
                    found.push(VoterProblem::Encoding);
                    return None;
                }
            }
        }
        let text = |column| fields.get(&column).copied().unwrap_or_default();
        let mut keep = |result: Result<Id, VoterProblem>| result.map_err(|problem| found.push(problem)).ok();
        let style = keep(self.reader.styles.find(text(Column::Style)));
        let group = keep(self.reader.groups.find(text(Column::Group)));
        let weight = weight(text(Column::Weight)).map_err(|problem| found.push(problem)).ok();
        let id = text(Column::Id);
        if let Err(problem) = self.check_id(line, id) {
            found.push(problem);
        }
        Some(Voter {
            id: id.to_owned(),
            name: text(Column::Name).to_owned(),
            email: text(Column::Email).to_owned(),
            group: group?,
            style: style?,
            weight: weight?,
        })
    }

    fn check_id(&mut self, line: u64, id: &str) -> Result<(), VoterProblem> {
        if id.is_empty() {
            return Err(VoterProblem::EmptyId);
        }
        if id.chars().any(char::is_control) {
            return Err(VoterProblem::ControlCharacter(id.to_owned()));
        }
        match self.seen.insert(id.to_owned(), line) {
            None => Ok(()),
            Some(first) => {
                self.seen.insert(id.to_owned(), first);
                Err(VoterProblem::DuplicateId { id: id.to_owned(), first })
            }
        }
    }
}

fn weight(text: &str) -> Result<u64, VoterProblem> {
    if text.is_empty() {
        return Ok(1);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let value = text.parse().ok().filter(|value| digits && (1..=MAX_WEIGHT).contains(value));
    value.ok_or_else(|| VoterProblem::Weight(text.to_owned()))
}
