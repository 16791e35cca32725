//! What the tally of a plan's ballots must be: added up in the clear, from the same rows that are encrypted.

use serde::{Deserialize, Serialize};
use veritally_crypto::contests::RowMeaning;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::CheckedManifest;

use super::Plan;

/// The sum of one tallied row, weights included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowTotal {
    /// The selection's id, or `blank`.
    pub id: String,
    /// Σ weight · value.
    pub count: u64,
}

/// The sums of a contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestTotals {
    /// The contest.
    pub id: Id,
    /// In the order of its rows: selections, then blank.
    pub rows: Vec<RowTotal>,
}

/// Adds up the ballots of a plan of which `done` says that they were cast.
#[must_use]
pub fn totals(manifest: &CheckedManifest, plan: &Plan, done: &[bool]) -> Vec<ContestTotals> {
    let mut weights = vec![0u64; plan.answers.len()];
    for (ballot, _) in plan.ballots.iter().zip(done).filter(|(_, done)| **done) {
        if let Some(weight) = weights.get_mut(ballot.answers) {
            // The roll's total weight is at most 2^40.
            *weight += ballot.weight;
        }
    }
    let contests = manifest.contests.iter().zip(manifest.contest_rows());
    contests
        .map(|(contest, rows)| {
            let mut counts = vec![0u64; rows.secret.len()];
            for (answers, weight) in plan.answers.iter().zip(&weights) {
                let answer = answers.answers.get(&contest.id);
                // Every answer was encoded once when the plan was made.
                let bits = answer.and_then(|a| contest.rule.encode(&contest.id, &contest.selections, a).ok());
                let Some(bits) = bits else { continue };
                for (count, row) in counts.iter_mut().zip(&rows.secret) {
                    let marked = row.terms.iter().filter(|term| bits.get(term.bit) == Some(&true));
                    let value: i64 = marked.map(|term| term.weight).sum();
                    // Secret rows are never negative.
                    *count += weight * u64::try_from(value).unwrap_or(0);
                }
            }
            let name = |meaning: &RowMeaning| match meaning {
                RowMeaning::Selection(i) => contest.selections.get(*i).map(|s| s.id.to_string()).unwrap_or_default(),
                RowMeaning::Blank => "blank".to_owned(),
            };
            let rows = rows.secret.iter().zip(counts).map(|(row, count)| RowTotal { id: name(&row.meaning), count });
            ContestTotals { id: contest.id.clone(), rows: rows.collect() }
        })
        .collect()
}
