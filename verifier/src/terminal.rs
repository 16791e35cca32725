//! The report as a person reads it in a terminal.

use std::fmt::Write as _;

use veritally_crypto::id::Id;

use crate::report::{ContestReport, Report, Status, Verdict};

/// Width to which messages are wrapped.
const WIDTH: usize = 100;
/// Columns before a message: id, status, name.
const INDENT: usize = 53;

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// For files and pipes.
    Plain,
    /// ANSI colours.
    Coloured,
}

impl Style {
    /// Coloured when standard output is a terminal and nobody said `NO_COLOR`.
    #[must_use]
    pub fn of_standard_output() -> Self {
        use std::io::IsTerminal as _;
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stdout().is_terminal() { Self::Coloured } else { Self::Plain }
    }

    /// A warning, in the colour of warnings.
    #[must_use]
    pub fn warning(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    fn status(self, status: Status) -> String {
        let padded = format!("{:14}", status.as_str());
        match status {
            Status::Pass => self.paint("32", &padded),
            Status::Fail => self.paint("1;31", &padded),
            Status::NotApplicable => self.paint("2", &padded),
            Status::NotReached => self.paint("33", &padded),
        }
    }
}

/// What a stranger's record may not do to the terminal: control characters and direction marks become `?`.
pub(crate) fn clean(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hostile(c) { '?' } else { c }).collect()
}

/// A text from elsewhere that can't drive the terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    clean(text)
}

/// Breaks a text into lines of at most `width` characters where words allow.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The whole report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    // Writing to a String never fails.
    let _ = write_report(&mut out, report, style);
    out
}

fn write_report(out: &mut String, report: &Report, style: Style) -> std::fmt::Result {
    if !report.name.is_empty() {
        writeln!(out, "election     {}", clean(&report.name))?;
    }
    writeln!(out, "fingerprint  {}", report.fingerprint)?;
    writeln!(out, "entries      {}", report.tree_size)?;
    let (cast, counted, roll) = (report.ballots_cast, report.ballots_counted, report.credentials);
    writeln!(out, "ballots      {cast} cast, {counted} counted, of {roll} on the roll")?;
    for contest in &report.contests {
        write_contest(out, contest, style)?;
    }
    writeln!(out)?;
    for check in &report.checks {
        let mut lines = wrapped(&clean(&check.message), WIDTH).into_iter();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{:4} {} {:33}{first}", check.id, style.status(check.status), check.name)?;
        for line in lines {
            writeln!(out, "{:INDENT$}{line}", "")?;
        }
    }
    writeln!(out)?;
    let failed = report.failed().join(", ");
    match report.verdict {
        Verdict::Pass => writeln!(out, "{}", style.paint("1;32", "PASS: no check failed.")),
        Verdict::Fail => writeln!(out, "{}", style.paint("1;31", &format!("FAIL: {failed}."))),
    }
}

fn write_contest(out: &mut String, contest: &ContestReport, style: Style) -> std::fmt::Result {
    writeln!(out, "\n{} ({})", style.paint("1", &clean(&contest.name)), contest.method)?;
    for (number, selection) in (1..).zip(&contest.counts.selections) {
        let count = match (selection.count, &contest.counts.pairwise) {
            (Some(count), _) => count.to_string(),
            (None, Some(_)) => format!("({number})"),
            (None, None) => "withheld".into(),
        };
        let mark = if contest.winners.contains(&selection.id) { "*" } else { " " };
        writeln!(out, " {mark}{count:>12}  {}", clean(&selection.name))?;
    }
    for (count, what) in [(contest.counts.blank, "blank"), (contest.counts.undervotes, "not used")] {
        if let Some(count) = count {
            writeln!(out, "  {count:>12}  ({what})")?;
        }
    }
    write_pairs(out, contest)
}

/// The pairwise table, and the order with the strengths of its paths.
fn write_pairs(out: &mut String, contest: &ContestReport) -> std::fmt::Result {
    if let Some(pairwise) = &contest.counts.pairwise {
        writeln!(out, "\n  ballots that rank the row's selection before the column's")?;
        write_table(out, pairwise)?;
    }
    if let Some(strengths) = &contest.path_strengths {
        writeln!(out, "\n  strongest paths from the row's selection to the column's")?;
        write_table(out, strengths)?;
    }
    if let Some(ranking) = &contest.ranking {
        let number = |id: &Id| contest.counts.selections.iter().position(|s| s.id == *id).map_or(0, |i| i + 1);
        let layer = |ids: &Vec<Id>| ids.iter().map(|id| format!("({})", number(id))).collect::<Vec<_>>().join(" = ");
        writeln!(out, "\n  order: {}", ranking.iter().map(layer).collect::<Vec<_>>().join(" > "))?;
    }
    Ok(())
}

/// A square table whose rows and columns are the selections' numbers.
fn write_table(out: &mut String, matrix: &[Vec<u64>]) -> std::fmt::Result {
    let digits = |number: u64| number.to_string().len();
    // A column holds its number in brackets, too.
    let width = matrix.iter().flatten().map(|count| digits(*count)).max().unwrap_or(0).max(4) + 2;
    let header: String = (1..=matrix.len()).map(|column| format!("{:>width$}", format!("({column})"))).collect();
    writeln!(out, "        {header}")?;
    for (a, row) in matrix.iter().enumerate() {
        let cell =
            |(b, count): (usize, &u64)| format!("{:>width$}", if a == b { "–".to_owned() } else { count.to_string() });
        let cells: String = row.iter().enumerate().map(cell).collect();
        writeln!(out, "  {:>6}{cells}", format!("({})", a + 1))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_wrapped_at_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""]);
        assert_eq!(wrapped("overlong words stay", 4), ["overlong", "words", "stay"]);
    }

    #[test]
    fn a_hostile_name_can_not_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{202e}c"), "a?[2Jb?c");
    }
}
