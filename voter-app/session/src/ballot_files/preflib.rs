//! PrefLib's formats: `# KEY: value` headers, then `count: preferences` lines.

use super::{
    BallotFile, Ballots, FileBallot, FileProblem, Format, LineError, MAX_ALTERNATIVES, MAX_NAME_BYTES, alternative,
    count, number, repeated, shortened,
};

/// Most categories.
const MAX_CATEGORIES: usize = 100;

/// What the headers announce.
#[derive(Default)]
struct Headers {
    data_type: Option<String>,
    title: Option<String>,
    alternatives: Option<usize>,
    voters: Option<u64>,
    unique: Option<u64>,
    categories: Option<usize>,
    names: Vec<Option<String>>,
}

impl Headers {
    /// Reads `KEY: value`. Unknown headers are for people.
    fn read(&mut self, text: &str) -> Result<(), FileProblem> {
        let Some((key, value)) = text.split_once(':') else { return Ok(()) };
        let (key, value) = (key.trim(), value.trim());
        let refuse = || FileProblem::Header(shortened(key));
        let up_to =
            |limit: usize| number(value).and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=limit).contains(n));
        let repeated = match key {
            "TITLE" if value.is_empty() || value.len() > MAX_NAME_BYTES => return Ok(()),
            "TITLE" => self.title.replace(value.to_owned()).is_some(),
            "DATA TYPE" => self.data_type.replace(value.to_owned()).is_some(),
            "NUMBER ALTERNATIVES" => self.alternatives.replace(up_to(MAX_ALTERNATIVES).ok_or_else(refuse)?).is_some(),
            "NUMBER CATEGORIES" => self.categories.replace(up_to(MAX_CATEGORIES).ok_or_else(refuse)?).is_some(),
            "NUMBER VOTERS" => self.voters.replace(number(value).ok_or_else(refuse)?).is_some(),
            "NUMBER UNIQUE ORDERS" | "NUMBER UNIQUE PREFERENCES" => {
                self.unique.replace(number(value).ok_or_else(refuse)?).is_some()
            }
            _ => match key.strip_prefix("ALTERNATIVE NAME ") {
                Some(position) => self.name(position, value).ok_or_else(refuse)?,
                None => false,
            },
        };
        if repeated { Err(refuse()) } else { Ok(()) }
    }

    /// Whether the name was there before; `None` for an impossible position or name.
    fn name(&mut self, position: &str, name: &str) -> Option<bool> {
        let index = alternative(position, MAX_ALTERNATIVES).ok()?;
        if name.len() > MAX_NAME_BYTES {
            return None;
        }
        if self.names.len() <= index {
            self.names.resize(index + 1, None);
        }
        self.names.get_mut(index).map(|slot| slot.replace(name.to_owned()).is_some())
    }
}

/// What ballots are read against, once the headers are complete.
struct Reader {
    format: Format,
    title: Option<String>,
    names: Vec<String>,
    categories: usize,
    voters: u64,
    unique: Option<u64>,
}

impl Reader {
    fn new(headers: Headers, format: Format) -> Result<Self, FileProblem> {
        let missing = |key: &str| FileProblem::Header(key.to_owned());
        if let Some(found) = headers.data_type.filter(|found| found != format.name()) {
            return Err(FileProblem::DataType { found: shortened(&found), expected: format.name() });
        }
        let alternatives = headers.alternatives.ok_or_else(|| missing("NUMBER ALTERNATIVES"))?;
        let names: Vec<String> = headers.names.into_iter().flatten().collect();
        if names.len() != alternatives {
            return Err(FileProblem::Sum {
                what: "ALTERNATIVE NAME",
                found: names.len() as u64,
                announced: alternatives as u64,
            });
        }
        let categories = match format {
            Format::Cat => headers.categories.ok_or_else(|| missing("NUMBER CATEGORIES"))?,
            _ => 0,
        };
        let voters = headers.voters.ok_or_else(|| missing("NUMBER VOTERS"))?;
        Ok(Self { format, title: headers.title, names, categories, voters, unique: headers.unique })
    }

    fn ballot(&self, text: &str) -> Result<(u64, FileBallot), FileProblem> {
        let (how_many, preferences) = text.split_once(':').ok_or(FileProblem::NoCount)?;
        let how_many = count(how_many)?;
        let alternatives = self.names.len();
        let groups = groups(preferences, alternatives)?;
        if let Some(twice) = repeated(&groups, alternatives) {
            return Err(FileProblem::Repeated(twice));
        }
        if self.format == Format::Cat {
            if groups.len() > self.categories {
                return Err(FileProblem::Categories { found: groups.len(), expected: self.categories });
            }
            return Ok((how_many, FileBallot::Categories(groups)));
        }
        if groups.iter().any(Vec::is_empty) {
            return Err(FileProblem::Empty);
        }
        let ties = groups.iter().any(|group| group.len() > 1);
        if ties && matches!(self.format, Format::Soi | Format::Soc) {
            return Err(FileProblem::Tie(self.format.name()));
        }
        let found = groups.iter().flatten().count();
        if found < alternatives && matches!(self.format, Format::Soc | Format::Toc) {
            return Err(FileProblem::Incomplete { found, expected: alternatives, format: self.format.name() });
        }
        Ok((how_many, FileBallot::Ranking(groups)))
    }

    /// What was announced is what came.
    fn finish(self, ballots: Ballots) -> Result<BallotFile, FileProblem> {
        let sum = |what, found, announced| {
            if found == announced { Ok(()) } else { Err(FileProblem::Sum { what, found, announced }) }
        };
        sum("NUMBER VOTERS", ballots.total, self.voters)?;
        if let Some(announced) = self.unique {
            sum("NUMBER UNIQUE ORDERS", ballots.list.len() as u64, announced)?;
        }
        Ok(BallotFile { title: self.title, ..BallotFile::new(self.format, self.names, vec![], ballots) })
    }
}

/// `1,{2,3},{},4`.
fn groups(text: &str, alternatives: usize) -> Result<Vec<Vec<usize>>, FileProblem> {
    let mut groups = vec![];
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(FileProblem::Empty);
    }
    loop {
        let group = if let Some(inside) = rest.strip_prefix('{') {
            let (inside, after) = inside.split_once('}').ok_or(FileProblem::Braces)?;
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(FileProblem::Braces);
            }
            let numbers = inside.split(',').filter(|_| !inside.trim().is_empty());
            numbers.map(|n| alternative(n, alternatives)).collect::<Result<_, _>>()?
        } else {
            let (one, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            rest = after;
            vec![alternative(one, alternatives)?]
        };
        groups.push(group);
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return Ok(groups),
        }
    }
}

/// Reads a PrefLib file.
pub(super) fn parse(text: &str, format: Format) -> Result<BallotFile, LineError> {
    let mut headers = Headers::default();
    let mut reader: Option<Reader> = None;
    let mut ballots = Ballots::default();
    let mut last = 0;
    for (number, line) in (1..).zip(text.lines()) {
        last = number;
        let line = line.trim();
        if let Some(header) = line.strip_prefix('#') {
            if reader.is_some() {
                return Err(LineError::new(number, FileProblem::LateHeader));
            }
            headers.read(header).map_err(|problem| LineError::new(number, problem))?;
        } else if !line.is_empty() {
            let known = match reader.take() {
                Some(reader) => reader,
                None => Reader::new(std::mem::take(&mut headers), format)
                    .map_err(|problem| LineError::new(number, problem))?,
            };
            let (how_many, ballot) = known.ballot(line).map_err(|problem| LineError::new(number, problem))?;
            ballots.push(number, how_many, ballot)?;
            reader = Some(known);
        }
    }
    let reader = reader.ok_or_else(|| LineError::new(last, FileProblem::NoBallots))?;
    reader.finish(ballots).map_err(|problem| LineError::new(0, problem))
}
