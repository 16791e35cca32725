//! BLT: `candidates seats`, withdrawn candidates as negative numbers, `weight preferences 0` lines, a line `0`, the
//! candidates' names in quotation marks, a title.
//!
//! `#` begins a comment outside quotation marks; `=` joins tied candidates. Preferences for withdrawn candidates are
//! left out, as when they are counted, so that a ranking may be empty, as may that of a voter who marked nobody.

use super::{
    BallotFile, Ballots, FileBallot, FileProblem, Format, LineError, MAX_ALTERNATIVES, MAX_NAME_BYTES, alternative,
    count, number, repeated,
};

/// What the next line has to be.
enum Expected {
    Numbers,
    Ballots,
    Names,
    Title,
    Nothing,
}

struct Reader {
    expected: Expected,
    candidates: usize,
    withdrawn: Vec<usize>,
    names: Vec<String>,
    title: Option<String>,
    ballots: Ballots,
}

/// The line without its comment.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '#' && !quoted
    });
    comment.map_or(line, |(at, _)| line.get(..at).unwrap_or(line)).trim()
}

/// `"A ""quoted"" name"`.
fn quoted(text: &str) -> Option<String> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let single = inside.replace("\"\"", "");
    if single.contains('"') || inside.is_empty() || inside.len() > MAX_NAME_BYTES {
        return None;
    }
    Some(inside.replace("\"\"", "\""))
}

impl Reader {
    fn line(&mut self, number: u64, line: &str) -> Result<(), LineError> {
        let at = |problem| LineError::new(number, problem);
        match self.expected {
            Expected::Numbers => {
                self.candidates = first_line(line).ok_or_else(|| at(FileProblem::BltFirstLine))?;
                self.expected = Expected::Ballots;
            }
            Expected::Ballots if line == "0" => self.expected = Expected::Names,
            Expected::Ballots if line.starts_with('-') && self.ballots.list.is_empty() => {
                for withdrawn in line.split_whitespace() {
                    let text = withdrawn.strip_prefix('-').unwrap_or(withdrawn);
                    self.withdrawn.push(alternative(text, self.candidates).map_err(at)?);
                }
            }
            Expected::Ballots => {
                let (how_many, groups) = ballot(line, self.candidates, &self.withdrawn).map_err(at)?;
                self.ballots.push(number, how_many, FileBallot::Ranking(groups))?;
            }
            Expected::Names => {
                let name = quoted(line).ok_or_else(|| at(FileProblem::BltName(self.names.len() + 1)))?;
                self.names.push(name);
                if self.names.len() == self.candidates {
                    self.expected = Expected::Title;
                }
            }
            Expected::Title => {
                // Often without quotation marks.
                self.title = quoted(line).or_else(|| Some(line.to_owned()).filter(|t| t.len() <= MAX_NAME_BYTES));
                self.expected = Expected::Nothing;
            }
            Expected::Nothing => return Err(at(FileProblem::BltTrailing)),
        }
        Ok(())
    }
}

/// `candidates seats`.
fn first_line(line: &str) -> Option<usize> {
    let mut numbers = line.split_whitespace().map(number);
    let (candidates, seats) = (numbers.next()??, numbers.next()??);
    let candidates = usize::try_from(candidates).ok().filter(|n| (1..=MAX_ALTERNATIVES).contains(n))?;
    (numbers.next().is_none() && seats > 0).then_some(candidates)
}

/// `weight 3 1=2 0`.
fn ballot(line: &str, candidates: usize, withdrawn: &[usize]) -> Result<(u64, Vec<Vec<usize>>), FileProblem> {
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    if fields.pop() != Some("0") || fields.is_empty() {
        return Err(FileProblem::BltEnd);
    }
    let how_many = count(fields.remove(0))?;
    let mut groups = Vec::with_capacity(fields.len());
    for field in fields {
        if field == "0" {
            return Err(FileProblem::BltEnd);
        }
        groups.push(field.split('=').map(|n| alternative(n, candidates)).collect::<Result<Vec<_>, _>>()?);
    }
    if let Some(twice) = repeated(&groups, candidates) {
        return Err(FileProblem::Repeated(twice));
    }
    for group in &mut groups {
        group.retain(|candidate| !withdrawn.contains(candidate));
    }
    groups.retain(|group| !group.is_empty());
    Ok((how_many, groups))
}

/// Reads a BLT file.
pub(super) fn parse(text: &str) -> Result<BallotFile, LineError> {
    let mut reader = Reader {
        expected: Expected::Numbers,
        candidates: 0,
        withdrawn: vec![],
        names: vec![],
        title: None,
        ballots: Ballots::default(),
    };
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let line = without_comment(line);
        if !line.is_empty() {
            reader.line(number, line)?;
        }
    }
    match reader.expected {
        Expected::Title | Expected::Nothing => {
            let file = BallotFile::new(Format::Blt, reader.names, vec![], reader.ballots);
            Ok(BallotFile { title: reader.title, ..file })
        }
        _ => Err(LineError::new(last, FileProblem::BltCut)),
    }
}
