//! Choice: min..max of n selections, optionally blank. Plurality, approval, several seats.
//!
//! Bits: one per selection, max − min slack bits, then a blank bit if offered. Secret rows: one per selection, then
//! blank, then, where the manifest asks for undervotes, Σ slack. Public row: Σ selections + Σ slack + max·blank = max, left
//! out together with the slack for free approval (min 0, max n, neither blank nor undervotes).

use serde::{Deserialize, Serialize};
use subtle::{Choice as Bit, ConditionallySelectable as _};

use super::lookup::{less, marks};
use super::{AnswerError, ContestRows, Outcome, RowMeaning, RuleError, SecretRow, highest};
use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

/// The rule of a choice contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// A voter may leave the contest blank, and blanks are counted.
    pub blank: bool,
    /// Most selections.
    pub max: u64,
    /// Fewest selections.
    pub min: u64,
    /// How many selections win.
    pub seats: u64,
    /// Selections that were allowed and not made are counted; blank ballots count none. Left out of the JSON when false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undervotes: bool,
}

/// A voter's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceAnswer {
    /// Blank: no selection then.
    #[serde(default)]
    pub blank: bool,
    /// The chosen selections, in any order.
    pub selections: Vec<Id>,
}

impl Choice {
    pub(super) fn validate(&self, selections: usize) -> Result<(), RuleError> {
        let n = selections as u64;
        if self.min > self.max || self.max > n || self.max == 0 {
            return Err(RuleError::Range { min: self.min, max: self.max, selections });
        }
        if self.undervotes && self.min == self.max {
            return Err(RuleError::NoUndervotes);
        }
        RuleError::seats(self.seats, selections)
    }

    /// max − min; max ≤ number of selections was checked.
    fn slack(&self, selections: usize) -> usize {
        if self.free(selections) { 0 } else { usize::try_from(self.max.saturating_sub(self.min)).unwrap_or(0) }
    }

    /// Free approval needs no rule.
    fn free(&self, selections: usize) -> bool {
        self.min == 0 && self.max == selections as u64 && !self.blank && !self.undervotes
    }

    pub(super) fn compile(&self, selections: usize) -> ContestRows {
        let slack = self.slack(selections);
        let blank = selections + slack;
        let one = |bit: usize| Term { bit, weight: 1 };
        let mut secret: Vec<_> = (0..selections)
            .map(|i| SecretRow { meaning: RowMeaning::Selection(i), terms: vec![one(i)], max: 1 })
            .collect();
        // max ≤ number of selections, far below 2^52.
        let max = i64::try_from(self.max).unwrap_or(i64::MAX);
        let mut terms: Vec<_> = (0..blank).map(one).collect();
        if self.blank {
            secret.push(SecretRow { meaning: RowMeaning::Blank, terms: vec![one(blank)], max: 1 });
            terms.push(Term { bit: blank, weight: max });
        }
        if self.undervotes {
            let terms = (selections..blank).map(one).collect();
            secret.push(SecretRow { meaning: RowMeaning::Undervotes, terms, max: slack as u64 });
        }
        let public = if self.free(selections) { vec![] } else { vec![PublicRow { terms, value: max }] };
        ContestRows { bits: blank + usize::from(self.blank), secret, public }
    }

    pub(super) fn encode(
        &self,
        contest: &Id,
        selections: &[Selection],
        answer: &ChoiceAnswer,
    ) -> Result<Vec<bool>, AnswerError> {
        let (n, chosen) = (selections.len(), answer.selections.len());
        // Like all selections the blank is looked at without a branch; what branches is the refusal.
        let slots = usize::try_from(self.max).unwrap_or(n).min(n);
        let marks = marks(contest, selections, answer.selections.iter().map(|id| (id, 0)), slots)?;
        let blank = Bit::from(u8::from(answer.blank));
        let offered = Bit::from(u8::from(self.blank));
        if bool::from(blank & (!offered | less(0, chosen as u64))) {
            return Err(AnswerError::Blank(contest.clone()));
        }
        if chosen as u64 > self.max {
            return Err(AnswerError::Overvote { contest: contest.clone(), chosen, max: self.max });
        }
        if bool::from(!blank & less(chosen as u64, self.min)) {
            return Err(AnswerError::Undervote { contest: contest.clone(), chosen, min: self.min });
        }
        // Lowest slack first: a partial answer has one encoding; a blank one uses the blank bit alone.
        let missing = u64::conditional_select(&self.max.saturating_sub(chosen as u64), &0, blank);
        let mut bits: Vec<bool> = marks.iter().map(|mark| mark.marked.into()).collect();
        bits.extend((0..self.slack(n) as u64).map(|i| bool::from(less(i, missing))));
        if self.blank {
            bits.push(blank.into());
        }
        Ok(bits)
    }

    pub(super) fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        highest(counts, selections, self.seats, "most votes")
    }
}
