//! `compare`: whether what was decrypted is what `cast-many` counted in the clear.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use veritally_crypto::id::Id;
use veritally_session::bulk::{ContestTotals, UNDERVOTES, schulze};
use veritally_session::marks::BLANK;

/// `compare`.
#[derive(clap::Args)]
pub(crate) struct Compare {
    /// What `veritally-verifier --json` wrote.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// What `cast-many --totals` wrote.
    #[arg(long, value_name = "FILE")]
    totals: PathBuf,
}

/// What is compared of a report `veritally-report/v1`.
#[derive(Deserialize)]
struct Report {
    verdict: String,
    contests: Vec<ReportContest>,
}

#[derive(Deserialize)]
struct ReportContest {
    id: Id,
    selections: Vec<ReportSelection>,
    #[serde(default)]
    blank: Option<u64>,
    #[serde(default)]
    undervotes: Option<u64>,
    #[serde(default)]
    pairwise: Option<Vec<Vec<u64>>>,
    #[serde(default)]
    path_strengths: Option<Vec<Vec<u64>>>,
    #[serde(default)]
    ranking: Option<Vec<Vec<Id>>>,
}

#[derive(Deserialize)]
struct ReportSelection {
    id: Id,
    #[serde(default)]
    count: Option<u64>,
}

fn read<T: DeserializeOwned>(path: &Path, what: &str) -> anyhow::Result<T> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not {what}", path.display()))
}

impl ReportContest {
    /// The verifier's counts by row, rows named as in the totals.
    fn counts(&self) -> BTreeMap<String, u64> {
        let singles = self.selections.iter().map(|s| (s.id.to_string(), s.count));
        let others = [(BLANK, self.blank), (UNDERVOTES, self.undervotes)].map(|(id, count)| (id.to_owned(), count));
        let mut counts: BTreeMap<_, _> = singles.chain(others).filter_map(|(id, count)| Some((id, count?))).collect();
        for (a, row) in self.selections.iter().zip(self.pairwise.iter().flatten()) {
            for (b, count) in self.selections.iter().zip(row).filter(|(b, _)| a.id != b.id) {
                counts.insert(format!("{}>{}", a.id, b.id), *count);
            }
        }
        counts
    }

    /// Compares every row; the verifier may have no others.
    fn compare_rows(&self, totals: &ContestTotals) -> bool {
        let mut counts = self.counts();
        let mut equal = true;
        for row in &totals.rows {
            let found = counts.remove(&row.id);
            equal &= found == Some(row.count);
            let shown = found.map_or("withheld".to_owned(), |count| count.to_string());
            println!("{} {}: decrypted {shown} {} cast {}", self.id, row.id, sign(found == Some(row.count)), row.count);
        }
        for (row, count) in &counts {
            println!("{} {row}: decrypted {count}, not among what was cast", self.id);
        }
        equal && counts.is_empty()
    }

    /// Compares the Schulze order and its path strengths with those of the counts in the clear.
    fn compare_order(&self, totals: &ContestTotals) -> bool {
        if self.pairwise.is_none() {
            return true;
        }
        let clear: BTreeMap<&str, u64> = totals.rows.iter().map(|row| (row.id.as_str(), row.count)).collect();
        let wins = |a: &Id, b: &Id| clear.get(format!("{a}>{b}").as_str()).copied().unwrap_or(0);
        let ids: Vec<&Id> = self.selections.iter().map(|s| &s.id).collect();
        let wins: Vec<Vec<u64>> = ids.iter().map(|a| ids.iter().map(|b| wins(a, b)).collect()).collect();
        let strengths = schulze::path_strengths(&wins);
        let order: Vec<Vec<Id>> = schulze::order(&strengths)
            .iter()
            .map(|group| group.iter().filter_map(|i| ids.get(*i).copied()).cloned().collect())
            .collect();
        let same_strengths = self.path_strengths.as_ref() == Some(&strengths);
        let same_order = self.ranking.as_ref() == Some(&order);
        println!("{} path strengths: decrypted {} cast", self.id, sign(same_strengths));
        let decrypted = self.ranking.as_deref().map_or("none".to_owned(), show_order);
        println!("{} order: decrypted {decrypted} {} cast {}", self.id, sign(same_order), show_order(&order));
        same_strengths && same_order
    }
}

fn sign(equal: bool) -> &'static str {
    if equal { "=" } else { "≠ DIFFERENT" }
}

/// `(a > b,c)`: ties are joined by commas, so that no `=` stands where equality is meant.
fn show_order(order: &[Vec<Id>]) -> String {
    let group = |ids: &Vec<Id>| ids.iter().map(Id::as_str).collect::<Vec<_>>().join(",");
    format!("({})", order.iter().map(group).collect::<Vec<_>>().join(" > "))
}

pub(crate) fn compare(arguments: &Compare) -> anyhow::Result<ExitCode> {
    let report: Report = read(&arguments.report, "a verifier's report")?;
    let totals: Vec<ContestTotals> = read(&arguments.totals, "the totals that cast-many wrote")?;
    println!("verdict: {}", report.verdict);
    let mut equal = report.verdict == "pass";
    for contest in &totals {
        match report.contests.iter().find(|c| c.id == contest.id) {
            // Both are made: every difference is shown.
            Some(verified) => equal &= verified.compare_rows(contest) & verified.compare_order(contest),
            None => {
                equal = false;
                println!("{}: not in the report", contest.id);
            }
        }
    }
    for contest in report.contests.iter().filter(|c| totals.iter().all(|totals| totals.id != c.id)) {
        equal = false;
        println!("{}: decrypted, not among what was cast", contest.id);
    }
    println!("{}", if equal { "all decrypted counts are those of the ballots cast" } else { "NOT EQUAL" });
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
