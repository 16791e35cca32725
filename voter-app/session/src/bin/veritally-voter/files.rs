//! `describe` and `compare`: what demonstrations with ballot files need around `cast-many`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use veritally_board_api::files;
use veritally_crypto::id::Id;
use veritally_session::ballot_files::{self, Quorums};
use veritally_session::bulk::ContestTotals;

/// `describe`.
#[derive(clap::Args)]
pub(crate) struct Describe {
    /// Ballots: .soi, .soc, .toi, .toc, .cat (PrefLib) or .blt; for --count also .csv.
    #[arg(long, value_name = "FILE")]
    ballots: PathBuf,
    /// Where the description goes (TOML).
    #[arg(long, value_name = "FILE", required_unless_present = "count")]
    out: Option<PathBuf>,
    /// Print the number of ballots, nothing else.
    #[arg(long, conflicts_with = "out")]
    count: bool,
    /// Trustees needed to decrypt.
    #[arg(long, value_name = "K", default_value_t = 2)]
    quorum: u64,
    /// Trustees needed to agree on what is decrypted.
    #[arg(long, value_name = "Q", default_value_t = 2)]
    agreement_quorum: u64,
}

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

pub(crate) fn describe(arguments: &Describe) -> anyhow::Result<ExitCode> {
    let file = ballot_files::read(&arguments.ballots)?;
    match &arguments.out {
        Some(out) => {
            let quorums = Quorums { quorum: arguments.quorum, agreement_quorum: arguments.agreement_quorum };
            let description = ballot_files::describe(&arguments.ballots, &file, quorums)?;
            files::write_atomic(out, description.as_bytes())?;
            println!("{} ballots, {} alternatives: {}", file.count(), file.alternatives.len(), out.display());
        }
        None => println!("{}", file.count()),
    }
    Ok(ExitCode::SUCCESS)
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

/// The verifier's counts by contest and row, rows named as in the totals.
fn verified(report: &Report) -> BTreeMap<(&str, &str), u64> {
    let mut counts = BTreeMap::new();
    for contest in &report.contests {
        for (id, count) in contest.selections.iter().map(|s| (s.id.as_str(), s.count)).chain([("blank", contest.blank)])
        {
            if let Some(count) = count {
                counts.insert((contest.id.as_str(), id), count);
            }
        }
    }
    counts
}

pub(crate) fn compare(arguments: &Compare) -> anyhow::Result<ExitCode> {
    let report: Report = read(&arguments.report, "a verifier's report")?;
    let totals: Vec<ContestTotals> = read(&arguments.totals, "the totals that cast-many wrote")?;
    let mut counts = verified(&report);
    let mut equal = report.verdict == "pass";
    println!("verdict: {}", report.verdict);
    for contest in &totals {
        for row in &contest.rows {
            let found = counts.remove(&(contest.id.as_str(), row.id.as_str()));
            equal &= found == Some(row.count);
            let shown = found.map_or("withheld".to_owned(), |count| count.to_string());
            let word = if found == Some(row.count) { "=" } else { "≠ DIFFERENT" };
            println!("{} {}: decrypted {shown} {word} cast {}", contest.id, row.id, row.count);
        }
    }
    for ((contest, row), count) in counts {
        equal = false;
        println!("{contest} {row}: decrypted {count}, not among what was cast");
    }
    println!("{}", if equal { "all decrypted counts are those of the ballots cast" } else { "NOT EQUAL" });
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
