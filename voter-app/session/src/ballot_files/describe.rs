//! The election that a ballot file is from, as `veritally-board create` reads it: so that real ballots can be cast without
//! writing a description first.

use std::path::Path;

use serde::Serialize;
use veritally_crypto::id::Id;

use super::{BallotFile, FileBallot, Format};

/// Why a file can't be described.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DescribeError {
    /// A plain CSV knows ids only.
    #[error("a CSV file names neither contests nor selections for people: write the election's description yourself")]
    PlainCsv,
    /// The writer failed.
    #[error("the description can't be written: {0}")]
    Toml(String),
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
    min: u64,
    max: u64,
    blank: bool,
    selections: Vec<Selection>,
}

#[derive(Serialize)]
struct Selection {
    id: String,
    name: String,
}

/// Describes the election: a choice of one by first preferences, or free approval for categories; TOML. Ballots that rank
/// nobody become blank ones. `path` gives the election's id.
///
/// # Errors
/// [`DescribeError`].
pub fn describe(path: &Path, file: &BallotFile, quorums: Quorums) -> Result<String, DescribeError> {
    let selections: Vec<_> = (1..).zip(&file.alternatives).map(|(number, name)| selection(number, name)).collect();
    let (min, max) = match file.format {
        Format::Csv => return Err(DescribeError::PlainCsv),
        Format::Cat => (0, selections.len() as u64),
        _ => (1, 1),
    };
    let empty = |ballot: &FileBallot| matches!(ballot, FileBallot::Ranking(groups) if groups.is_empty());
    let name = file.title.clone().unwrap_or_else(|| stem(path));
    let contest = Contest {
        id: "contest",
        name: name.clone(),
        min,
        max,
        blank: file.ballots.iter().any(|one| empty(&one.ballot)),
        selections,
    };
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
