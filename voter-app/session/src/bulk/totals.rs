//! What the tally of a plan's ballots must be: added up in the clear from the file's ballots.
//!
//! ⚠ This is the count that decrypted results are compared with, so it shares nothing with encryption: it uses neither
//! the answers that were made of the ballots nor the rows of their contests' rules; it says a second time what each
//! contest type counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use veritally_crypto::contests::{Choice, FirstPlace, Rule};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{CheckedManifest, Contest};

use super::Plan;
use crate::ballot_files::{BallotFile, FileBallot};
use crate::marks::{BLANK, Marks};

/// Names the row of selections that were allowed and not made.
pub const UNDERVOTES: &str = "undervotes";

/// The sum of one tallied row, weights included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowTotal {
    /// The selection's id, `blank`, `undervotes`, or `a>b` for the ballots that rank selection a before b.
    pub id: String,
    /// Σ weight · value.
    pub count: u64,
}

/// The sums of a contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestTotals {
    /// The contest.
    pub id: Id,
    /// Selections, then blank and undervotes; or all pairs.
    pub rows: Vec<RowTotal>,
}

/// A row; selections by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Selection(usize),
    Pair(usize, usize),
    Blank,
    Undervotes,
}

/// What a ballot of the file says in one contest; selections by position.
enum Said {
    Nothing,
    Blank,
    Valued(Vec<(usize, u64)>),
    Listed(Vec<usize>),
    Ranked(Vec<Vec<usize>>),
}

/// Adds up the ballots of a plan of which `done` says that they were cast. `target` is the contest that a file of rankings
/// or categories is for.
#[must_use]
pub fn totals(
    manifest: &CheckedManifest,
    file: &BallotFile,
    target: Option<&Id>,
    plan: &Plan,
    done: &[bool],
) -> Vec<ContestTotals> {
    let mut weights = vec![0u64; plan.answers.len()];
    for (ballot, _) in plan.ballots.iter().zip(done).filter(|(_, done)| **done) {
        if let Some(weight) = weights.get_mut(ballot.answers) {
            // The roll's total weight is at most 2^40.
            *weight += ballot.weight;
        }
    }
    let one_contest = |contest: &Contest| {
        let mut counts = Counts::new(contest);
        for (answers, weight) in plan.answers.iter().zip(&weights) {
            let style = manifest.ballot_styles.iter().find(|style| style.id == answers.style);
            if style.is_some_and(|style| style.contests.contains(&contest.id))
                && let Some(one) = file.ballots.get(answers.ballot)
            {
                counts.add(said(&one.ballot, contest, target == Some(&contest.id)), *weight);
            }
        }
        counts.totals()
    };
    manifest.contests.iter().map(one_contest).collect()
}

fn said(ballot: &FileBallot, contest: &Contest, is_target: bool) -> Said {
    let position = |id: &Id| contest.selections.iter().position(|s| s.id == *id);
    let positions = |ids: &[Id]| -> Vec<usize> { ids.iter().filter_map(position).collect() };
    match ballot {
        FileBallot::Ranking(groups) if is_target => Said::Ranked(groups.clone()),
        FileBallot::Categories(groups) if is_target => Said::Listed(groups.first().cloned().unwrap_or_default()),
        FileBallot::Ranking(_) | FileBallot::Categories(_) => Said::Nothing,
        FileBallot::Marks(marks) => match marks.get(&contest.id) {
            None => Said::Nothing,
            Some(Marks::Blank) => Said::Blank,
            Some(Marks::Listed(ids)) => Said::Listed(positions(ids)),
            Some(Marks::Ranked(groups)) => Said::Ranked(groups.iter().map(|group| positions(group)).collect()),
            Some(Marks::Valued(values)) => {
                Said::Valued(values.iter().filter_map(|(id, value)| Some((position(id)?, *value))).collect())
            }
        },
    }
}

/// A contest's sums.
struct Counts<'a> {
    contest: &'a Contest,
    rows: BTreeMap<Row, u64>,
}

impl<'a> Counts<'a> {
    /// All rows that the contest has, at 0.
    fn new(contest: &'a Contest) -> Self {
        let n = contest.selections.len();
        let rows: Vec<Row> = match &contest.rule {
            Rule::Condorcet(_) => {
                (0..n).flat_map(|a| (0..n).filter(move |b| *b != a).map(move |b| Row::Pair(a, b))).collect()
            }
            Rule::Choice(rule) => {
                let others = [(rule.blank, Row::Blank), (rule.undervotes, Row::Undervotes)];
                let others = others.into_iter().filter(|(counted, _)| *counted).map(|(_, row)| row);
                (0..n).map(Row::Selection).chain(others).collect()
            }
            _ => (0..n).map(Row::Selection).collect(),
        };
        Self { contest, rows: rows.into_iter().map(|row| (row, 0)).collect() }
    }

    /// Sums stay below 2^40: the manifest bounds weights × values.
    fn count(&mut self, row: Row, amount: u64) {
        *self.rows.entry(row).or_default() += amount;
    }

    fn add(&mut self, said: Said, weight: u64) {
        let n = self.contest.selections.len();
        // A single id without a `>` is a ranking of one.
        let ranking = |said| match said {
            Said::Ranked(groups) => groups,
            Said::Listed(ids) => ids.into_iter().map(|id| vec![id]).collect(),
            _ => vec![],
        };
        match &self.contest.rule {
            Rule::Choice(rule) => self.add_choice(rule, said, weight),
            Rule::Score(_) | Rule::Quadratic(_) => {
                let Said::Valued(values) = said else { return };
                values.into_iter().for_each(|(a, value)| self.count(Row::Selection(a), weight * value));
            }
            Rule::Borda(rule) => {
                let first = if rule.first_place == FirstPlace::N { n } else { n.saturating_sub(1) };
                for (a, place) in ranking(said).into_iter().flatten().zip(0..) {
                    self.count(Row::Selection(a), weight * first.saturating_sub(place) as u64);
                }
            }
            Rule::Condorcet(_) => {
                let mut unranked: Vec<usize> = (0..n).collect();
                for group in ranking(said) {
                    unranked.retain(|a| !group.contains(a));
                    for &a in &group {
                        unranked.iter().for_each(|&b| self.count(Row::Pair(a, b), weight));
                    }
                }
            }
        }
    }

    fn add_choice(&mut self, rule: &Choice, said: Said, weight: u64) {
        let blank = matches!(said, Said::Blank);
        let chosen = match said {
            Said::Listed(ids) => ids,
            Said::Ranked(groups) => groups.into_iter().next().unwrap_or_default(),
            _ => vec![],
        };
        if blank || (chosen.is_empty() && rule.min > 0) {
            // Who marks nobody where somebody must be marked leaves the contest blank.
            self.count(Row::Blank, weight);
        } else if rule.undervotes {
            self.count(Row::Undervotes, weight * rule.max.saturating_sub(chosen.len() as u64));
        }
        chosen.into_iter().for_each(|a| self.count(Row::Selection(a), weight));
    }

    fn totals(self) -> ContestTotals {
        let id = |i: usize| self.contest.selections.get(i).map_or("", |s| s.id.as_str());
        let name = |row: Row| match row {
            Row::Selection(a) => id(a).to_owned(),
            Row::Pair(a, b) => format!("{}>{}", id(a), id(b)),
            Row::Blank => BLANK.to_owned(),
            Row::Undervotes => UNDERVOTES.to_owned(),
        };
        let rows = self.rows.iter().map(|(row, count)| RowTotal { id: name(*row), count: *count }).collect();
        ContestTotals { id: self.contest.id.clone(), rows }
    }
}
