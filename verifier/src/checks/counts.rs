//! V27, a part: counts that no permitted ballots could come to.
//!
//! The ballots' proofs rule them out: that it is looked at again costs nothing and depends on no proof.

use veritally_crypto::contests::{Borda, Choice, FirstPlace, RowMeaning, Rule, SecretRow};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::ContestCounts;
use veritally_crypto::tally::ContestCells;

/// The first contest with such counts, in a sentence.
pub(crate) fn impossible(
    decrypted: &[ContestCounts],
    cells: &[ContestCells],
    manifest: &CheckedManifest,
) -> Option<String> {
    for (counts, cells) in decrypted.iter().zip(cells) {
        let contest = manifest.contests.get(cells.contest)?;
        let rows = &manifest.contest_rows().get(cells.contest)?.secret;
        for (found, cell) in counts.cells.iter().zip(&cells.cells) {
            let in_range =
                |(count, row): (&u64, &SecretRow)| u128::from(*count) <= u128::from(cell.weight) * u128::from(row.max);
            let rows_hold = found.counts.len() == rows.len() && found.counts.iter().zip(rows).all(in_range);
            let sums = Sums { rows, counts: &found.counts, weight: cell.weight.into() };
            if !rows_hold || !sums.add_up(&contest.rule, contest.selections.len()) {
                return Some(format!("No permitted ballots can add up to the counts of contest {}.", contest.id));
            }
        }
    }
    None
}

/// The counts of a cell and its total weight. Everything lies below 2^40, squares below 2^80.
struct Sums<'a> {
    rows: &'a [SecretRow],
    counts: &'a [u64],
    weight: u128,
}

impl Sums<'_> {
    /// What a contest's rule says about all of its counts together, where it is that simple.
    fn add_up(&self, rule: &Rule, selections: usize) -> bool {
        match rule {
            Rule::Choice(rule) => self.choices(rule),
            // At most L a ballot.
            Rule::Score(rule) => rule.limit == 0 || self.sum() <= u128::from(rule.limit) * self.weight,
            // Cauchy and Schwarz: (Σ w·v)² ≤ Σ w · Σ w·v², and Σ v² ≤ credits on each ballot.
            Rule::Quadratic(rule) => {
                let squares: u128 = self.selections().map(|votes| votes * votes).sum();
                squares <= u128::from(rule.credits) * self.weight * self.weight
            }
            Rule::Borda(rule) => self.points(rule, selections),
            Rule::Condorcet(_) => self.orders(selections),
        }
    }

    fn selections(&self) -> impl Iterator<Item = u128> {
        let rows = self.rows.iter().zip(self.counts);
        rows.filter(|(row, _)| matches!(row.meaning, RowMeaning::Selection(_))).map(|(_, count)| u128::from(*count))
    }

    fn sum(&self) -> u128 {
        self.selections().sum()
    }

    fn find(&self, meaning: RowMeaning) -> u128 {
        let found = self.rows.iter().zip(self.counts).find(|(row, _)| row.meaning == meaning);
        found.map_or(0, |(_, count)| u128::from(*count))
    }

    /// Between min and max selections for each ballot that is not blank; undervotes are what is missing to max.
    fn choices(&self, rule: &Choice) -> bool {
        let Some(marked) = self.weight.checked_sub(self.find(RowMeaning::Blank)) else { return false };
        let (least, most) = (u128::from(rule.min) * marked, u128::from(rule.max) * marked);
        self.selections().all(|count| count <= marked)
            && (least..=most).contains(&self.sum())
            && (!rule.undervotes || self.sum() + self.find(RowMeaning::Undervotes) == most)
    }

    /// Each ballot gives away the points of its first places, from min to all of them.
    fn points(&self, rule: &Borda, selections: usize) -> bool {
        let first = if rule.first_place == FirstPlace::N { selections } else { selections.saturating_sub(1) };
        let places = |many: u64| (0..u128::from(many)).map(|place| (first as u128).saturating_sub(place)).sum::<u128>();
        (places(rule.min) * self.weight..=places(rule.places) * self.weight).contains(&self.sum())
    }

    /// 0 ≤ P_ab + P_bc − P_ac ≤ 1 on each ballot for any selections a, b, c: the rows of specs/protocol.md section 3. With c = a
    /// it says that at most one of two stands before the other.
    fn orders(&self, n: usize) -> bool {
        let before = |a, b| self.find(RowMeaning::Pair(a, b));
        let triple = |a, b, c| {
            let around = before(a, b) + before(b, c);
            around >= before(a, c) && around - before(a, c) <= self.weight
        };
        (0..n).all(|a| (0..n).all(|b| (0..n).all(|c| triple(a, b, c))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use veritally_crypto::contests::{Condorcet, Quadratic, Score};

    use super::*;

    fn adds_up(rule: &Rule, counts: &[u64], selections: usize, weight: u128) -> bool {
        let rows = rule.compile(selections).secret;
        assert_eq!(rows.len(), counts.len());
        Sums { rows: &rows, counts, weight }.add_up(rule, selections)
    }

    #[test]
    fn counts_of_choices_that_no_permitted_ballots_come_to_are_told() {
        let one = Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false });
        assert!(adds_up(&one, &[3, 4], 2, 7));
        assert!(!adds_up(&one, &[3, 5], 2, 7));
        assert!(!adds_up(&one, &[3, 3], 2, 7));
        let blank = Rule::Choice(Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: false });
        assert!(adds_up(&blank, &[3, 3, 1, 4], 3, 8));
        assert!(!adds_up(&blank, &[5, 1, 1, 4], 3, 8));
        assert!(!adds_up(&blank, &[3, 3, 3, 4], 3, 8));
        assert!(!adds_up(&blank, &[0, 0, 0, 9], 3, 8));
        assert!(adds_up(&blank, &[0, 0, 0, 8], 3, 8));
        let undervotes = Rule::Choice(Choice { blank: true, max: 2, min: 1, seats: 1, undervotes: true });
        assert!(adds_up(&undervotes, &[3, 3, 1, 4, 1], 3, 8));
        assert!(!adds_up(&undervotes, &[3, 3, 1, 4, 2], 3, 8));
    }

    #[test]
    fn scores_and_votes_beyond_what_all_budgets_buy_are_told() {
        let score = |limit| Rule::Score(Score { limit, max: 5, seats: 1 });
        assert!(adds_up(&score(0), &[10, 10], 2, 2));
        assert!(adds_up(&score(7), &[10, 4], 2, 2));
        assert!(!adds_up(&score(7), &[10, 5], 2, 2));
        // Two ballots with 9 credits: 2 and 2 votes each, or 3 for one.
        let quadratic = Rule::Quadratic(Quadratic { credits: 9, seats: 1 });
        assert!(adds_up(&quadratic, &[4, 4], 2, 2));
        assert!(adds_up(&quadratic, &[6, 0], 2, 2));
        assert!(!adds_up(&quadratic, &[6, 1], 2, 2));
    }

    #[test]
    fn more_or_fewer_points_than_places_give_are_told() {
        let borda = |first_place, min| Rule::Borda(Borda { first_place, min, places: 2, seats: 1 });
        assert!(adds_up(&borda(FirstPlace::N, 1), &[3, 2, 5], 3, 2));
        assert!(!adds_up(&borda(FirstPlace::N, 1), &[3, 3, 5], 3, 2));
        assert!(adds_up(&borda(FirstPlace::N, 1), &[3, 0, 3], 3, 2));
        assert!(!adds_up(&borda(FirstPlace::N, 1), &[3, 0, 2], 3, 2));
        assert!(adds_up(&borda(FirstPlace::NMinusOne, 0), &[2, 2, 2], 3, 2));
        assert!(!adds_up(&borda(FirstPlace::NMinusOne, 0), &[3, 2, 2], 3, 2));
    }

    #[test]
    fn pairs_that_no_orders_come_to_are_told() {
        let condorcet = Rule::Condorcet(Condorcet { seats: 1 });
        // ab ac, ba bc, ca cb: one ballot a > b > c.
        assert!(adds_up(&condorcet, &[1, 1, 0, 1, 0, 0], 3, 1));
        assert!(!adds_up(&condorcet, &[1, 1, 1, 1, 0, 0], 3, 1), "before each other");
        assert!(!adds_up(&condorcet, &[1, 0, 0, 1, 1, 0], 3, 1), "in a circle");
        assert!(!adds_up(&condorcet, &[1, 0, 0, 1, 0, 0], 3, 1), "not transitive");
        assert!(!adds_up(&condorcet, &[0, 1, 0, 0, 0, 0], 3, 1), "ties are not transitive");
        assert!(adds_up(&condorcet, &[2, 1, 1, 2, 2, 1], 3, 3), "a circle of three ballots");
    }
}
