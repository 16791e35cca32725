//! The report as one self-contained page: nothing is loaded from elsewhere, everything is escaped, and it prints as the
//! result's certificate.

use askama::Template;
use veritally_crypto::id::Id;

use crate::report::{ContestReport, CountsReport, GroupReport, Report, Status};
use crate::terminal::clean;
use crate::words::utc;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    title: String,
    made: String,
    version: &'static str,
    passed: bool,
    /// The result is published.
    complete: bool,
    failed: String,
    turnout: Option<Share>,
    contests: Vec<Contest>,
    checks: Vec<CheckLine>,
}

/// A part of a whole.
struct Share {
    shown: String,
    permille: u64,
}

struct Contest {
    name: String,
    winners: String,
    method: String,
    bars: Vec<Bar>,
    matrices: Vec<Matrix>,
    cells: Vec<Line>,
}

struct Bar {
    name: String,
    count: String,
    permille: Option<u64>,
    winner: bool,
}

/// A square table of pairs.
struct Matrix {
    caption: &'static str,
    columns: Vec<usize>,
    rows: Vec<Line>,
}

struct Line {
    name: String,
    ballots: u64,
    cells: Vec<String>,
}

struct CheckLine {
    id: String,
    name: String,
    status: &'static str,
    class: &'static str,
    message: String,
}

/// The page; `made_ms` is when the verification ended, milliseconds since the Unix epoch.
///
/// # Errors
/// None that a report causes.
pub fn render(report: &Report, made_ms: u64) -> Result<String, askama::Error> {
    let contests = report.contests.iter().map(|contest| {
        let cells = report.groups.iter().filter(|cell| cell.contest == contest.id);
        view(contest, cells)
    });
    let published = report.check("V27").is_some_and(|check| check.status == Status::Pass);
    let page = Page {
        report,
        title: if report.name.is_empty() { "An election".into() } else { clean(&report.name) },
        made: utc(made_ms),
        version: env!("CARGO_PKG_VERSION"),
        passed: report.passed(),
        complete: published,
        failed: report.failed().join(", "),
        turnout: share(report.ballots_counted, report.credentials),
        contests: contests.collect(),
        checks: report
            .checks
            .iter()
            .map(|check| CheckLine {
                id: check.id.clone(),
                name: check.name.clone(),
                status: check.status.as_str(),
                class: match check.status {
                    Status::Pass => "good",
                    Status::Fail => "bad",
                    Status::NotApplicable | Status::NotReached => "soft",
                },
                message: clean(&check.message),
            })
            .collect(),
    };
    page.render()
}

fn share(part: u64, whole: u64) -> Option<Share> {
    let permille = permille(part, whole)?;
    Some(Share { shown: format!("{}.{} %", permille / 10, permille % 10), permille })
}

/// Counts are below 2^40, so nothing overflows.
fn permille(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(1_000).checked_div(whole)
}

fn view<'a>(contest: &ContestReport, cells: impl Iterator<Item = &'a GroupReport>) -> Contest {
    let ContestReport { counts, .. } = contest;
    let rows = rows(counts);
    let largest = rows.iter().filter_map(|(_, count, _)| *count).max().unwrap_or(0);
    let bar = |(name, count, id): (String, Option<u64>, Option<&Id>)| Bar {
        name,
        count: shown(count, counts),
        permille: count.and_then(|count| permille(count, largest)),
        winner: id.is_some_and(|id| contest.winners.contains(id)),
    };
    let name =
        |id: &Id| counts.selections.iter().find(|s| s.id == *id).map_or_else(|| id.to_string(), |s| clean(&s.name));
    let matrices = [
        (&counts.pairwise, "Ballots that rank the row's selection before the column's"),
        (&contest.path_strengths, "Strongest paths from the row's selection to the column's"),
    ];
    let matrix = |(matrix, caption): (&Option<Vec<Vec<u64>>>, _)| {
        let matrix = matrix.as_ref()?;
        let rows = counts.selections.iter().zip(matrix).enumerate().map(|(a, (selection, row))| Line {
            name: format!("({}) {}", a + 1, clean(&selection.name)),
            ballots: 0,
            cells: row.iter().enumerate().map(|(b, n)| if a == b { "–".into() } else { n.to_string() }).collect(),
        });
        Some(Matrix { caption, columns: (1..=matrix.len()).collect(), rows: rows.collect() })
    };
    Contest {
        name: clean(&contest.name),
        winners: contest.winners.iter().map(name).collect::<Vec<_>>().join(", "),
        method: clean(&contest.method),
        bars: rows.into_iter().map(bar).collect(),
        matrices: matrices.into_iter().filter_map(matrix).collect(),
        cells: cells
            .map(|cell| Line {
                name: cell.groups.iter().map(Id::as_str).collect::<Vec<_>>().join(" + "),
                ballots: cell.ballots,
                cells: self::rows(&cell.counts).into_iter().map(|(_, count, _)| shown(count, &cell.counts)).collect(),
            })
            .collect(),
    }
}

/// What a contest counts, line by line.
fn rows(counts: &CountsReport) -> Vec<(String, Option<u64>, Option<&Id>)> {
    let selections = counts.selections.iter().map(|s| (clean(&s.name), s.count, Some(&s.id)));
    let others = [(counts.blank, "(blank)"), (counts.undervotes, "(not used)")];
    let others = others.into_iter().filter_map(|(count, name)| count.map(|count| (name.to_owned(), Some(count), None)));
    selections.chain(others).collect()
}

fn shown(count: Option<u64>, counts: &CountsReport) -> String {
    match (count, &counts.pairwise) {
        (Some(count), _) => count.to_string(),
        (None, Some(_)) => "in pairs".into(),
        (None, None) => "withheld".into(),
    }
}
