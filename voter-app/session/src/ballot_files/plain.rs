//! The plain CSV: a column a contest, answers in it; see the module above.

use std::collections::BTreeMap;

use veritally_crypto::id::Id;

use super::{BallotFile, Ballots, FileBallot, FileProblem, Format, LineError, Marks, count, shortened};

/// The optional column with the number of voters.
const COUNT: &str = "count";
/// Between ids: commas are taken.
const SEPARATOR: char = ';';

/// The columns, `None` for the count.
fn columns(header: &csv::StringRecord) -> Result<Vec<Option<Id>>, FileProblem> {
    let mut columns: Vec<Option<Id>> = vec![];
    for name in header {
        let refuse = || FileProblem::Column(shortened(name));
        let column = if name == COUNT { None } else { Some(Id::new(name).map_err(|_| refuse())?) };
        if columns.contains(&column) {
            return Err(refuse());
        }
        columns.push(column);
    }
    if columns.iter().all(Option::is_none) { Err(FileProblem::Column(String::new())) } else { Ok(columns) }
}

fn row(record: &csv::StringRecord, columns: &[Option<Id>]) -> Result<(u64, FileBallot), FileProblem> {
    if record.len() != columns.len() {
        return Err(FileProblem::Fields { found: record.len(), expected: columns.len() });
    }
    let mut how_many = 1;
    let mut all = BTreeMap::new();
    for (column, field) in columns.iter().zip(record) {
        match column {
            None => how_many = count(field)?,
            Some(contest) => {
                _ = all.insert(contest.clone(), Marks::parse(field, SEPARATOR).map_err(FileProblem::Mark)?)
            }
        }
    }
    Ok((how_many, FileBallot::Marks(all)))
}

/// Reads a plain CSV.
pub(super) fn parse(text: &str) -> Result<BallotFile, LineError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let broken = |line, error: csv::Error| LineError::new(line, FileProblem::Csv(error.to_string()));
    let header = reader.headers().map_err(|e| broken(1, e))?;
    let columns = columns(header).map_err(|problem| LineError::new(1, problem))?;
    let mut ballots = Ballots::default();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| broken(reader_line(&e), e))? {
        let line = record.position().map_or(0, csv::Position::line);
        let (how_many, ballot) = row(&record, &columns).map_err(|problem| LineError::new(line, problem))?;
        ballots.push(line, how_many, ballot)?;
    }
    let contests = columns.into_iter().flatten().collect();
    Ok(BallotFile::new(Format::Csv, vec![], contests, ballots))
}

fn reader_line(error: &csv::Error) -> u64 {
    error.position().map_or(0, csv::Position::line)
}
