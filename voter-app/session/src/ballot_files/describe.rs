//! The election that a ballot file is from, as `veritally-board create` reads it: so that real ballots can be cast without
//! writing a description first.

use std::path::Path;

use serde::Serialize;
use veritally_crypto::contests::{Borda, Choice, Condorcet, FirstPlace, Rule};
use veritally_crypto::id::Id;

use super::{BallotFile, FileBallot, Format};

/// Why a file can't be described.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescribeError {
    /// A plain CSV knows ids only.
    #[error("a CSV file names neither contests nor selections for people: write the election's description yourself")]
    PlainCsv,
    /// Its ballots say nothing of the kind.
    #[error("a .{format} file does not hold the ballots of a contest of type {kind:?}: {reason}")]
    Type {
        /// Of the file.
        format: &'static str,
        /// Asked for.
        kind: ContestType,
        /// Why.
        reason: &'static str,
    },
    /// The writer failed.
    #[error("the description can't be written: {0}")]
    Toml(String),
}

/// What the ballots of a file are ballots in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ContestType {
    /// One selection: the first preference of a ranking.
    Choice,
    /// Any number of selections: the first category of a .cat file.
    Approval,
    /// Strict rankings by points; the first of n places is worth n.
    Borda,
    /// Rankings, with ties, by pairwise comparison.
    Condorcet,
}

/// How many trustees are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorums {
    /// k, to decrypt.
    pub quorum: u64,
    /// q, to agree on what is decrypted.
    pub agreement_quorum: u64,
}

/// The members of the board's configuration file that a ballot file has something to say on.
#[derive(Serialize)]
struct Description {
    election: String,
    name: String,
    quorum: u64,
    agreement_quorum: u64,
    dispute_window: &'static str,
    voting_days: u64,
    max_total_weight: u64,
    contests: Vec<Contest>,
}

#[derive(Serialize)]
struct Contest {
    id: &'static str,
    name: String,
    rule: Rule,
    selections: Vec<Selection>,
}

#[derive(Serialize)]
struct Selection {
    id: String,
    name: String,
}

/// Describes the election, in TOML. Without `kind` it is a choice of one by first preferences, or free approval for
/// categories. Ballots that rank nobody become blank ones in a choice, else rankings of nobody. `path` gives the
/// election's id.
///
/// # Errors
/// [`DescribeError`].
pub fn describe(
    path: &Path,
    file: &BallotFile,
    kind: Option<ContestType>,
    quorums: Quorums,
) -> Result<String, DescribeError> {
    let selections: Vec<_> = (1..).zip(&file.alternatives).map(|(number, name)| selection(number, name)).collect();
    let name = file.title.clone().unwrap_or_else(|| stem(path));
    let contest = Contest { id: "contest", name: name.clone(), rule: rule(file, kind)?, selections };
    let description = Description {
        election: election_id(&stem(path)),
        name,
        quorum: quorums.quorum,
        agreement_quorum: quorums.agreement_quorum,
        dispute_window: "0s",
        voting_days: 1,
        max_total_weight: file.count(),
        contests: vec![contest],
    };
    toml::to_string_pretty(&description).map_err(|e| DescribeError::Toml(e.to_string()))
}

/// The rule of the only contest, with one seat.
fn rule(file: &BallotFile, kind: Option<ContestType>) -> Result<Rule, DescribeError> {
    let categories = match file.format {
        Format::Csv => return Err(DescribeError::PlainCsv),
        format => format == Format::Cat,
    };
    let kind = kind.unwrap_or(if categories { ContestType::Approval } else { ContestType::Choice });
    if categories != (kind == ContestType::Approval) {
        let reason = if categories { "categories are approvals" } else { "rankings approve of nobody" };
        return Err(DescribeError::Type { format: file.format.name(), kind, reason });
    }
    let n = file.alternatives.len() as u64;
    let empty = |ballot: &FileBallot| matches!(ballot, FileBallot::Ranking(groups) if groups.is_empty());
    let empty = file.ballots.iter().any(|one| empty(&one.ballot));
    Ok(match kind {
        ContestType::Choice => Rule::Choice(Choice { blank: empty, max: 1, min: 1, seats: 1, undervotes: false }),
        ContestType::Approval => Rule::Choice(Choice { blank: false, max: n, min: 0, seats: 1, undervotes: false }),
        ContestType::Borda => {
            Rule::Borda(Borda { first_place: FirstPlace::N, min: u64::from(!empty), places: n, seats: 1 })
        }
        ContestType::Condorcet => Rule::Condorcet(Condorcet { seats: 1 }),
    })
}

/// By number: names may repeat, ids may not.
fn selection(number: usize, name: &str) -> Selection {
    let name = if name.trim().is_empty() { format!("Alternative {number}") } else { name.to_owned() };
    Selection { id: format!("a{number}"), name }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Lower-case letters and digits, hyphens for the rest.
fn election_id(stem: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = stem.chars().map(keep).take(Id::MAX_BYTES).collect();
    let text = text.trim_matches('-');
    if text.is_empty() { "election".to_owned() } else { text.to_owned() }
}
