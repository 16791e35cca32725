//! Cells: what may be decrypted without showing how few people voted. specs/protocol.md section 7.

use std::collections::BTreeMap;
use std::ops::Range;

use curve25519_dalek::traits::Identity as _;

use super::EncryptedTally;
use crate::group::RistrettoPoint;
use crate::manifest::CheckedManifest;

/// A contest in one or more reporting groups.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Indexes of its groups, consecutive.
    pub groups: Range<usize>,
    /// Counted ballots that hold the contest.
    pub ballots: u64,
    /// Σ of their weights.
    pub weight: u64,
    /// Sum of their pads.
    pub pad: RistrettoPoint,
    /// Sum of their data, one per secret row of the contest.
    pub data: Vec<RistrettoPoint>,
    /// Counted credentials by weight.
    voters: BTreeMap<u64, u64>,
}

/// The cells of one contest.
#[derive(Debug, Clone)]
pub struct ContestCells {
    /// Index of the contest in the manifest.
    pub contest: usize,
    /// Disjoint, in manifest order; together all groups. Empty when withheld.
    pub cells: Vec<Cell>,
    /// True when even all groups together fail the floor.
    pub withheld: bool,
}

impl ContestCells {
    /// The cells that have ballots: those that are decrypted.
    pub fn with_ballots(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.ballots > 0)
    }
}

impl Cell {
    /// A cell stands when each weight that occurs in it is shared by at least `floor` credentials.
    fn stands(&self, floor: u64, weights_may_identify: bool) -> bool {
        if weights_may_identify {
            self.ballots == 0 || self.ballots >= floor
        } else {
            self.voters.values().all(|&voters| voters >= floor)
        }
    }

    fn absorb(&mut self, other: Self) {
        self.groups = self.groups.start.min(other.groups.start)..self.groups.end.max(other.groups.end);
        self.ballots += other.ballots;
        self.weight += other.weight;
        self.pad += other.pad;
        for (sum, data) in self.data.iter_mut().zip(other.data) {
            *sum += data;
        }
        for (weight, voters) in other.voters {
            *self.voters.entry(weight).or_default() += voters;
        }
    }
}

impl EncryptedTally {
    /// The cells of all contests.
    #[must_use]
    pub fn cells(&self, manifest: &CheckedManifest) -> Vec<ContestCells> {
        (0..manifest.contests.len()).map(|contest| self.contest_cells(manifest, contest)).collect()
    }

    fn contest_cells(&self, manifest: &CheckedManifest, contest: usize) -> ContestCells {
        let stands = |cell: &Cell| cell.stands(manifest.floor, manifest.weights_may_identify);
        let mut cells: Vec<Cell> = vec![];
        let mut failing: Option<Cell> = None;
        // From first to last a failing cell merges with the next one …
        for group in 0..manifest.groups.len() {
            let mut cell = self.group_cell(manifest, contest, group);
            if let Some(before) = failing.take() {
                cell.absorb(before);
            }
            if stands(&cell) { cells.push(cell) } else { failing = Some(cell) }
        }
        // … and the last one with the one before it.
        while let Some(cell) = failing.take() {
            let Some(mut before) = cells.pop() else {
                return ContestCells { contest, cells: vec![], withheld: true };
            };
            before.absorb(cell);
            if stands(&before) { cells.push(before) } else { failing = Some(before) }
        }
        ContestCells { contest, cells, withheld: false }
    }

    fn group_cell(&self, manifest: &CheckedManifest, contest: usize, group: usize) -> Cell {
        let mut cell = Cell {
            groups: group..group + 1,
            ballots: 0,
            weight: 0,
            pad: RistrettoPoint::identity(),
            data: vec![RistrettoPoint::identity(); manifest.contest_keys(contest).len()],
            voters: BTreeMap::new(),
        };
        for (index, style) in manifest.styles().iter().enumerate() {
            let Some(place) = style.contests.iter().find(|place| place.contest == contest) else { continue };
            let Some(sum) = self.sum(group, index) else { continue };
            cell.ballots += sum.ballots;
            cell.pad += sum.pad;
            for (total, data) in cell.data.iter_mut().zip(sum.data.get(place.rows.clone()).unwrap_or_default()) {
                *total += data;
            }
            for (class, voters) in self.voters.iter().filter(|(c, _)| c.group == group && c.style == index) {
                *cell.voters.entry(class.weight).or_default() += voters;
                cell.weight += class.weight * voters;
            }
        }
        cell
    }
}
