//! V25: which groups of voters are counted together; the rule of specs/protocol.md section 7, written a second time.

use std::collections::BTreeMap;
use std::ops::Range;

use veritally_crypto::leaves::ContestResult;
use veritally_crypto::record::RecordState;
use veritally_crypto::tally::ContestCells;

/// A cell in the making: its groups and how many counted credentials of each weight it has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sketch {
    groups: Range<usize>,
    by_weight: BTreeMap<u64, u64>,
}

impl Sketch {
    fn voters(&self) -> u64 {
        self.by_weight.values().sum()
    }

    fn weight(&self) -> u64 {
        self.by_weight.iter().map(|(weight, voters)| weight * voters).sum()
    }

    fn stands(&self, floor: u64, weights_may_identify: bool) -> bool {
        match weights_may_identify {
            true => self.voters() == 0 || self.voters() >= floor,
            false => self.by_weight.values().all(|voters| *voters >= floor),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.groups = self.groups.start.min(other.groups.start)..self.groups.end.max(other.groups.end);
        for (weight, voters) in &other.by_weight {
            *self.by_weight.entry(*weight).or_default() += voters;
        }
    }
}

/// From first to last a failing cell merges with the next, the last one with the one before. `None`: withheld.
fn merge(mut cells: Vec<Sketch>, stands: impl Fn(&Sketch) -> bool) -> Option<Vec<Sketch>> {
    while let Some(failing) = cells.iter().position(|cell| !stands(cell)) {
        if cells.len() == 1 {
            return None;
        }
        let cell = cells.remove(failing);
        let neighbour = failing.min(cells.len() - 1);
        cells.get_mut(neighbour)?.merge(&cell);
    }
    Some(cells)
}

/// A cell as two programs can compare it: groups, ballots, weight.
pub(crate) type Shape = (Range<usize>, u64, u64);

/// The cells of each contest as the counted voters of the roll give them; `None`: withheld.
pub(crate) fn expected(state: &RecordState) -> Vec<Option<Vec<Shape>>> {
    let manifest = state.manifest();
    let one_contest = |contest: usize| {
        let mut cells: Vec<Sketch> =
            (0..manifest.groups.len()).map(|g| Sketch { groups: g..g + 1, by_weight: BTreeMap::new() }).collect();
        for voter in state.voters().filter(|voter| voter.counter > 0) {
            let style = manifest.styles().get(voter.class.style);
            if style.is_some_and(|style| style.contests.iter().any(|place| place.contest == contest))
                && let Some(cell) = cells.get_mut(voter.class.group)
            {
                *cell.by_weight.entry(voter.class.weight).or_default() += 1;
            }
        }
        let merged = merge(cells, |cell| cell.stands(manifest.floor, manifest.weights_may_identify))?;
        Some(merged.iter().map(|cell| (cell.groups.clone(), cell.voters(), cell.weight())).collect())
    };
    (0..manifest.contests.len()).map(one_contest).collect()
}

/// Whether these cells, the state's, are those that this file's version of the rule gives.
pub(crate) fn agree(found: &[ContestCells], expected: &[Option<Vec<Shape>>]) -> bool {
    let found = found.iter().map(|contest| {
        let cells = contest.cells.iter().map(|cell| (cell.groups.clone(), cell.ballots, cell.weight));
        (!contest.withheld).then(|| cells.collect::<Vec<_>>())
    });
    found.eq(expected.iter().cloned())
}

/// Whether a result entry is about exactly the cells that are decrypted.
pub(crate) fn are_those_of(contests: &[ContestResult], state: &RecordState) -> bool {
    let shape = |contest: &ContestResult| {
        let cells: Vec<_> = contest.cells.iter().map(|cell| (cell.groups.clone(), cell.counts.len())).collect();
        (contest.contest.clone(), contest.withheld, cells)
    };
    state.decrypted().is_some_and(|own| own.iter().map(shape).eq(contests.iter().map(shape)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    #![allow(clippy::single_range_in_vec_init)]

    use super::*;

    fn cells(counts: &[u64], floor: u64) -> Option<Vec<Range<usize>>> {
        let sketch = |(g, voters): (usize, &u64)| Sketch {
            groups: g..g + 1,
            by_weight: if *voters == 0 { BTreeMap::new() } else { BTreeMap::from([(1, *voters)]) },
        };
        let merged = merge(counts.iter().enumerate().map(sketch).collect(), |cell| cell.stands(floor, false));
        merged.map(|cells| cells.into_iter().map(|cell| cell.groups).collect())
    }

    #[test]
    fn failing_cells_merge_forwards_and_the_last_one_backwards() {
        assert_eq!(cells(&[5, 5, 5], 5).unwrap(), [0..1, 1..2, 2..3]);
        assert_eq!(cells(&[2, 5, 5], 5).unwrap(), [0..2, 2..3]);
        assert_eq!(cells(&[2, 2, 5], 5).unwrap(), [0..3]);
        assert_eq!(cells(&[5, 5, 2], 5).unwrap(), [0..1, 1..3]);
        assert_eq!(cells(&[5, 0, 5], 5).unwrap(), [0..1, 1..2, 2..3]);
        assert_eq!(cells(&[2, 1], 5), None);
        assert_eq!(cells(&[0, 0], 5).unwrap(), [0..1, 1..2]);
    }

    #[test]
    fn the_floor_is_for_each_weight_unless_weights_may_identify() {
        let stands = |by_weight: &[(u64, u64)], weights_may_identify| {
            let by_weight = by_weight.iter().copied().collect();
            Sketch { groups: 0..1, by_weight }.stands(5, weights_may_identify)
        };
        assert!(stands(&[], true) && stands(&[], false));
        assert!(stands(&[(1, 3), (3, 2)], true));
        assert!(!stands(&[(1, 3), (3, 2)], false));
        assert!(!stands(&[(1, 3), (3, 1)], true));
        assert!(stands(&[(1, 5), (3, 5)], false));
        assert!(!stands(&[(1, 5), (3, 4)], false));
    }
}
