//! Condorcet: rankings with ties and unranked selections (tied for the last place), tallied as a pairwise matrix.
//!
//! For n selections. Bits: P_ab for each ordered pair ("a before b"; row by row), T_ab for each pair a < b ("tied"), and
//! one slack bit for each ordered triple (a, b, c) of different selections, lexicographically. Secret rows: P_ab. Public
//! rows: P_ab + P_ba + T_ab = 1 for a < b; P_ab + P_bc − P_ac − slack_abc = 0 for each triple. They accept exactly the strict
//! weak orders: transitivity forbids the value 2, negative transitivity the value −1 (a test counts 13, 75, 541).

use serde::{Deserialize, Serialize};
use subtle::{Choice, ConditionallySelectable as _};

use super::lookup::{equal, less, marks};
use super::{AnswerError, ContestRows, Outcome, RowMeaning, RuleError, SecretRow, schulze};
use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

/// The rule of a Condorcet contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condorcet {
    /// How many selections win, from the top of the Schulze order.
    pub seats: u64,
}

/// A voter's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CondorcetAnswer {
    /// Groups of tied selections, best first; those left out are tied for the last place.
    pub ranking: Vec<Vec<Id>>,
}

/// A ballot of 12 is longer than an entry may be.
const MAX_SELECTIONS: usize = 11;

/// Position of P_ab among the ordered pairs.
fn pair(n: usize, a: usize, b: usize) -> usize {
    a * (n - 1) + if b > a { b - 1 } else { b }
}

/// Position of T_ab, a < b, among the unordered pairs.
fn tie(n: usize, a: usize, b: usize) -> usize {
    a * (2 * n - a - 1) / 2 + b - a - 1
}

fn ordered_pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |a| (0..n).filter(move |b| *b != a).map(move |b| (a, b)))
}

fn triples(n: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    ordered_pairs(n).flat_map(move |(a, b)| (0..n).filter(move |c| *c != a && *c != b).map(move |c| (a, b, c)))
}

impl Condorcet {
    pub(super) fn validate(&self, selections: usize) -> Result<(), RuleError> {
        // Bits grow with the cube of the selections: checked before anything of that size is made.
        if !(2..=MAX_SELECTIONS).contains(&selections) {
            let (value, max) = (selections as u64, MAX_SELECTIONS as u64);
            return Err(RuleError::Number { what: "the number of selections", value, min: 2, max });
        }
        RuleError::seats(self.seats, selections)
    }

    pub(super) fn compile(&self, n: usize) -> ContestRows {
        let ties = n * (n - 1);
        let slack = ties + n * (n - 1) / 2;
        let one = |bit| Term { bit, weight: 1 };
        let minus = |bit| Term { bit, weight: -1 };
        let secret = ordered_pairs(n)
            .map(|(a, b)| SecretRow { meaning: RowMeaning::Pair(a, b), terms: vec![one(pair(n, a, b))], max: 1 })
            .collect();
        let mut public: Vec<_> = ordered_pairs(n)
            .filter(|(a, b)| a < b)
            .map(|(a, b)| PublicRow {
                terms: vec![one(pair(n, a, b)), one(pair(n, b, a)), one(ties + tie(n, a, b))],
                value: 1,
            })
            .collect();
        public.extend(triples(n).enumerate().map(|(i, (a, b, c))| PublicRow {
            terms: vec![one(pair(n, a, b)), one(pair(n, b, c)), minus(pair(n, a, c)), minus(slack + i)],
            value: 0,
        }));
        ContestRows { bits: slack + n * (n - 1) * (n - 2), secret, public }
    }

    pub(super) fn encode(
        &self,
        contest: &Id,
        selections: &[Selection],
        answer: &CondorcetAnswer,
    ) -> Result<Vec<bool>, AnswerError> {
        if answer.ranking.iter().any(Vec::is_empty) {
            return Err(AnswerError::EmptyRank(contest.clone()));
        }
        let n = selections.len();
        let ranked = answer.ranking.iter().zip(0u64..);
        let given = ranked.flat_map(|(rank, place)| rank.iter().map(move |id| (id, place)));
        let marks = marks(contest, selections, given, n)?;
        // Nobody has a place from n on.
        let places: Vec<u64> =
            marks.iter().map(|mark| u64::conditional_select(&(n as u64), &mark.value, mark.marked)).collect();
        let compare = |of: fn(u64, u64) -> Choice, a: usize, b: usize| match (places.get(a), places.get(b)) {
            (Some(a), Some(b)) => of(*a, *b).unwrap_u8(),
            _ => 0,
        };
        let before = |a, b| compare(less, a, b);
        let mut bits: Vec<bool> = ordered_pairs(n).map(|(a, b)| before(a, b) == 1).collect();
        bits.extend(ordered_pairs(n).filter(|(a, b)| a < b).map(|(a, b)| compare(equal, a, b) == 1));
        // In a strict weak order the sum is 0 or 1.
        bits.extend(triples(n).map(|(a, b, c)| (before(a, b) + before(b, c)).wrapping_sub(before(a, c)) == 1));
        Ok(bits)
    }

    pub(super) fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        let n = selections;
        let mut matrix = vec![vec![0; n]; n];
        for ((a, b), count) in ordered_pairs(n).zip(counts) {
            if let Some(cell) = matrix.get_mut(a).and_then(|row| row.get_mut(b)) {
                *cell = *count;
            }
        }
        schulze::outcome(matrix, usize::try_from(self.seats).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use std::collections::BTreeSet;

    /// All assignments of P and T whose rows hold for some slack: by brute force over the ordered pairs.
    fn accepted(n: usize) -> usize {
        let rows = Condorcet { seats: 1 }.compile(n);
        let pairs = n * (n - 1);
        let slack = pairs + pairs / 2;
        let mut found = BTreeSet::new();
        // Each unordered pair is a before b, b before a, or tied: 3^(n(n−1)/2) candidates obey the first rows.
        for mut code in 0..3usize.pow(u32::try_from(pairs / 2).unwrap()) {
            let mut bits = vec![0i64; rows.bits];
            for a in 0..n {
                for b in a + 1..n {
                    let which = [pair(n, a, b), pair(n, b, a), pairs + tie(n, a, b)][code % 3];
                    bits[which] = 1;
                    code /= 3;
                }
            }
            let holds = rows.public.iter().all(|row| {
                let known = row.terms.iter().filter(|t| t.bit < slack).map(|t| t.weight * bits[t.bit]).sum::<i64>();
                let has_slack = row.terms.iter().any(|t| t.bit >= slack);
                if has_slack { known == 0 || known == 1 } else { known == row.value }
            });
            if holds {
                found.insert(bits);
            }
        }
        found.len()
    }

    #[test]
    fn the_rows_accept_exactly_the_strict_weak_orders() {
        assert_eq!([accepted(2), accepted(3), accepted(4), accepted(5)], [3, 13, 75, 541]);
    }
}
