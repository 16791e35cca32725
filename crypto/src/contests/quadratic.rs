//! Quadratic voting: v votes for a selection cost v² of a budget of credits (Lalley and Weyl 2018).
//!
//! Bits: for each selection unary digits, one per vote, of which the k-th costs 2k − 1 credits; then the digits of the
//! credits left over. Secret rows: votes per selection. Public row: Σ (2k − 1)·digit_k + left over = credits. A ballot that
//! skips a cheap digit for a dear one only wastes credits: it never has more votes than its credits buy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lookup::{less, marks};
use super::{AnswerError, ContestRows, Outcome, RowMeaning, RuleError, SecretRow, digits, highest, signed};
use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

/// The rule of a quadratic contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quadratic {
    /// The budget.
    pub credits: u64,
    /// How many selections win.
    pub seats: u64,
}

/// A voter's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuadraticAnswer {
    /// Votes; 0 for those left out.
    pub votes: BTreeMap<Id, u64>,
}

/// Largest budget: 1,000 votes for one selection.
const MAX_CREDITS: u64 = 1_000_000;

impl Quadratic {
    /// Most votes that the budget buys for one selection.
    #[must_use]
    pub fn most_votes(&self) -> u64 {
        self.credits.isqrt()
    }

    pub(super) fn validate(&self, selections: usize) -> Result<(), RuleError> {
        if self.credits == 0 || self.credits > MAX_CREDITS {
            return Err(RuleError::Number { what: "the budget", value: self.credits, min: 1, max: MAX_CREDITS });
        }
        RuleError::seats(self.seats, selections)
    }

    pub(super) fn compile(&self, selections: usize) -> ContestRows {
        // At most 1,000 by MAX_CREDITS.
        let most = usize::try_from(self.most_votes()).unwrap_or(0);
        let secret: Vec<_> = (0..selections)
            .map(|i| SecretRow {
                meaning: RowMeaning::Selection(i),
                terms: (0..most).map(|k| Term { bit: i * most + k, weight: 1 }).collect(),
                max: self.most_votes(),
            })
            .collect();
        let votes = selections * most;
        let rest = digits::weights(self.credits);
        let mut terms: Vec<Term> =
            (0..votes).map(|bit| Term { bit, weight: 2 * signed((bit % most.max(1)) as u64) + 1 }).collect();
        terms.extend(rest.iter().zip(votes..).map(|(w, bit)| Term { bit, weight: signed(*w) }));
        let public = vec![PublicRow { terms, value: signed(self.credits) }];
        ContestRows { bits: votes + rest.len(), secret, public }
    }

    pub(super) fn encode(
        &self,
        contest: &Id,
        selections: &[Selection],
        answer: &QuadraticAnswer,
    ) -> Result<Vec<bool>, AnswerError> {
        let given = answer.votes.iter().map(|(id, votes)| (id, *votes));
        let marks = marks(contest, selections, given, selections.len())?;
        let most = self.most_votes();
        if let Some((selection, mark)) = selections.iter().zip(&marks).find(|(_, mark)| mark.value > most) {
            let (contest, selection) = (contest.clone(), selection.id.clone());
            return Err(AnswerError::TooHigh { contest, selection, value: mark.value, max: most });
        }
        let cost: u64 = marks.iter().map(|mark| mark.value * mark.value).sum();
        let votes = marks.iter().flat_map(|mark| (0..most).map(|k| bool::from(less(k, mark.value))));
        let mut bits: Vec<bool> = votes.collect();
        if cost > self.credits {
            return Err(AnswerError::Budget { contest: contest.clone(), used: cost, budget: self.credits });
        }
        bits.extend(digits::encode(self.credits - cost, self.credits));
        Ok(bits)
    }

    pub(super) fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        highest(counts, selections, self.seats, "most votes, bought quadratically")
    }
}
