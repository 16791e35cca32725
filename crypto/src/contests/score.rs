//! Score 0…R for each selection, optionally with a limit on the sum (cumulative voting).
//!
//! Bits: for each selection the digits of 0…R, then with a limit the digits of the unused rest 0…L. Secret rows: one score
//! per selection. Public row, with a limit: Σ scores + rest = L.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lookup::marks;
use super::{AnswerError, ContestRows, Outcome, RowMeaning, RuleError, SecretRow, digits, highest, signed};
use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

/// The rule of a score contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// L, the largest sum of all scores on one ballot; 0 for none.
    pub limit: u64,
    /// R, the largest score.
    pub max: u64,
    /// How many selections win.
    pub seats: u64,
}

/// A voter's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreAnswer {
    /// Scores; 0 for those left out.
    pub scores: BTreeMap<Id, u64>,
}

/// Most that a voter may give to one selection: ballots stay small.
const MAX_SCORE: u64 = 1 << 20;

impl Score {
    pub(super) fn validate(&self, selections: usize) -> Result<(), RuleError> {
        if self.max == 0 || self.max > MAX_SCORE {
            return Err(RuleError::Number { what: "the largest score", value: self.max, min: 1, max: MAX_SCORE });
        }
        let most = self.max * selections as u64;
        if self.limit > most {
            return Err(RuleError::Number { what: "the limit on the sum", value: self.limit, min: 0, max: most });
        }
        RuleError::seats(self.seats, selections)
    }

    pub(super) fn compile(&self, selections: usize) -> ContestRows {
        let weights = digits::weights(self.max);
        let digit = |first: usize, weights: &[u64]| -> Vec<Term> {
            weights.iter().zip(first..).map(|(w, bit)| Term { bit, weight: signed(*w) }).collect()
        };
        let secret: Vec<_> = (0..selections)
            .map(|i| SecretRow {
                meaning: RowMeaning::Selection(i),
                terms: digit(i * weights.len(), &weights),
                max: self.max,
            })
            .collect();
        let mut bits = selections * weights.len();
        let mut public = vec![];
        if self.limit > 0 {
            let rest = digits::weights(self.limit);
            let mut terms: Vec<Term> = secret.iter().flat_map(|row| row.terms.iter().copied()).collect();
            terms.extend(digit(bits, &rest));
            bits += rest.len();
            public.push(PublicRow { terms, value: signed(self.limit) });
        }
        ContestRows { bits, secret, public }
    }

    pub(super) fn encode(
        &self,
        contest: &Id,
        selections: &[Selection],
        answer: &ScoreAnswer,
    ) -> Result<Vec<bool>, AnswerError> {
        let given = answer.scores.iter().map(|(id, score)| (id, *score));
        let marks = marks(contest, selections, given, selections.len())?;
        if let Some((selection, mark)) = selections.iter().zip(&marks).find(|(_, mark)| mark.value > self.max) {
            let (contest, selection) = (contest.clone(), selection.id.clone());
            return Err(AnswerError::TooHigh { contest, selection, value: mark.value, max: self.max });
        }
        let sum: u64 = marks.iter().map(|mark| mark.value).sum();
        let mut bits: Vec<bool> = marks.iter().flat_map(|mark| digits::encode(mark.value, self.max)).collect();
        if self.limit > 0 {
            if sum > self.limit {
                return Err(AnswerError::Budget { contest: contest.clone(), used: sum, budget: self.limit });
            }
            bits.extend(digits::encode(self.limit - sum, self.limit));
        }
        Ok(bits)
    }

    pub(super) fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        highest(counts, selections, self.seats, "highest total score")
    }
}
