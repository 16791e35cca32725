//! Borda: strict rankings, possibly truncated; a place is worth so many points.
//!
//! For n selections and P places. Bits: placements x_{a,p} (selection by selection, place by place), an empty bit e_p for
//! each place after `min`, an unranked bit o_a for each selection, a step bit u_p for each two places next to each other of
//! which the later may be empty. Secret rows: one score per selection, Σ_p points_p·x_{a,p}. Public rows: for each place
//! Σ_a x_{a,p} + e_p = 1; for each selection Σ_p x_{a,p} + o_a = 1; for each such pair e_{p+1} − e_p − u_p = 0: empty places
//! come last.
//!
//! Points of place p: n − p ("n-1" for the first, 0 for the last of a complete ranking) or n − p + 1 ("n"). Unranked: 0.

use serde::{Deserialize, Serialize};

use super::lookup::{Mark, equal, less, marks};
use super::{AnswerError, ContestRows, Outcome, RowMeaning, RuleError, SecretRow, highest, signed};
use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

/// What the first of n places is worth; each next place is worth one less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirstPlace {
    /// n points: a last place is better than none.
    #[serde(rename = "n")]
    N,
    /// n − 1 points: a last place is worth as little as none.
    #[serde(rename = "n-1")]
    NMinusOne,
}

/// The rule of a Borda contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Borda {
    /// What the first place is worth.
    pub first_place: FirstPlace,
    /// Fewest selections ranked.
    pub min: u64,
    /// P, most selections ranked.
    pub places: u64,
    /// How many selections win.
    pub seats: u64,
}

/// A voter's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BordaAnswer {
    /// Best first; those left out are unranked.
    pub ranking: Vec<Id>,
}

/// Where each kind of bit begins.
struct Layout {
    selections: usize,
    places: usize,
    min: usize,
}

impl Layout {
    fn placement(&self, selection: usize, place: usize) -> usize {
        selection * self.places + place
    }
    /// For places from `min` on (counted from 0).
    fn empty(&self, place: usize) -> usize {
        self.selections * self.places + place - self.min
    }
    fn unranked(&self, selection: usize) -> usize {
        self.selections * self.places + (self.places - self.min) + selection
    }
    /// Between `place` and the next, both from `min` on.
    fn step(&self, place: usize) -> usize {
        self.unranked(self.selections) + place - self.min
    }
    fn bits(&self) -> usize {
        self.step(self.places.max(self.min + 1) - 1)
    }
}

impl Borda {
    fn layout(&self, selections: usize) -> Layout {
        // places ≤ number of selections was checked.
        let number = |value: u64| usize::try_from(value).unwrap_or(selections);
        Layout { selections, places: number(self.places), min: number(self.min) }
    }

    fn points(&self, selections: usize, place: usize) -> u64 {
        let first = match self.first_place {
            FirstPlace::N => selections,
            FirstPlace::NMinusOne => selections.saturating_sub(1),
        };
        first.saturating_sub(place) as u64
    }

    pub(super) fn validate(&self, selections: usize) -> Result<(), RuleError> {
        let n = selections as u64;
        if self.places == 0 || self.places > n {
            return Err(RuleError::Number { what: "the number of places", value: self.places, min: 1, max: n });
        }
        if self.min > self.places {
            return Err(RuleError::Number { what: "the fewest ranked", value: self.min, min: 0, max: self.places });
        }
        RuleError::seats(self.seats, selections)
    }

    pub(super) fn compile(&self, selections: usize) -> ContestRows {
        let layout = self.layout(selections);
        let one = |bit| Term { bit, weight: 1 };
        let row = |terms, value| PublicRow { terms, value };
        let secret = (0..selections)
            .map(|a| SecretRow {
                meaning: RowMeaning::Selection(a),
                terms: (0..layout.places)
                    .map(|p| Term { bit: layout.placement(a, p), weight: signed(self.points(selections, p)) })
                    .collect(),
                max: self.points(selections, 0),
            })
            .collect();
        let mut public = vec![];
        for p in 0..layout.places {
            let mut terms: Vec<_> = (0..selections).map(|a| one(layout.placement(a, p))).collect();
            if p >= layout.min {
                terms.push(one(layout.empty(p)));
            }
            public.push(row(terms, 1));
        }
        for a in 0..selections {
            let places = (0..layout.places).map(|p| one(layout.placement(a, p)));
            public.push(row(places.chain([one(layout.unranked(a))]).collect(), 1));
        }
        for p in layout.min..layout.places.saturating_sub(1) {
            let minus = |bit| Term { bit, weight: -1 };
            public.push(row(vec![one(layout.empty(p + 1)), minus(layout.empty(p)), minus(layout.step(p))], 0));
        }
        ContestRows { bits: layout.bits(), secret, public }
    }

    pub(super) fn encode(
        &self,
        contest: &Id,
        selections: &[Selection],
        answer: &BordaAnswer,
    ) -> Result<Vec<bool>, AnswerError> {
        let given = answer.ranking.iter().zip(0..);
        let slots = usize::try_from(self.places).unwrap_or(selections.len()).min(selections.len());
        let marks = marks(contest, selections, given, slots)?;
        let chosen = answer.ranking.len();
        if chosen as u64 > self.places {
            return Err(AnswerError::Overvote { contest: contest.clone(), chosen, max: self.places });
        }
        if (chosen as u64) < self.min {
            return Err(AnswerError::Undervote { contest: contest.clone(), chosen, min: self.min });
        }
        let layout = self.layout(selections.len());
        let (chosen, places) = (chosen as u64, layout.min as u64..layout.places as u64);
        // In the order of `Layout`.
        let at = |mark: &Mark, place: u64| bool::from(mark.marked & equal(mark.value, place));
        let mut bits = Vec::with_capacity(layout.bits());
        bits.extend(marks.iter().flat_map(|mark| (0..layout.places as u64).map(move |place| at(mark, place))));
        bits.extend(places.clone().map(|place| bool::from(!less(place, chosen))));
        bits.extend(marks.iter().map(|mark| bool::from(!mark.marked)));
        // The step from the last filled place to the first empty one, where both have an empty bit.
        bits.extend(places.skip(1).map(|place| bool::from(equal(place, chosen))));
        Ok(bits)
    }

    pub(super) fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        highest(counts, selections, self.seats, "highest Borda score")
    }
}
