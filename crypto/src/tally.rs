//! The running encrypted tally, cells and counts: specs/protocol.md sections 4.4 and 7.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use curve25519_dalek::traits::Identity as _;

use crate::ballot::VerifiedBallot;
use crate::group::{EncodedPoint, RistrettoPoint, Scalar};
use crate::hash::{Hash, Hasher};
use crate::manifest::CheckedManifest;

mod cells;
pub use cells::{Cell, ContestCells};

/// The sum of one style's ballots in one reporting group.
#[derive(Debug, Clone)]
pub struct StyleSum {
    /// Counted ballots.
    pub ballots: u64,
    /// Σ weight·pad.
    pub pad: RistrettoPoint,
    /// Σ weight·data, one per secret row of the style.
    pub data: Vec<RistrettoPoint>,
    /// The encoding of both, made when it is asked for and kept until the sum changes.
    encoded: OnceLock<(EncodedPoint, Vec<EncodedPoint>)>,
}

impl StyleSum {
    fn encoded(&self) -> &(EncodedPoint, Vec<EncodedPoint>) {
        self.encoded.get_or_init(|| ((&self.pad).into(), self.data.iter().map(EncodedPoint::from).collect()))
    }
}

/// A [`StyleSum`] as it is shown: what the tally's digest covers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct EncodedSum {
    /// Counted ballots.
    pub ballots: u64,
    /// One per secret row.
    pub data: Vec<EncodedPoint>,
    /// Index of the reporting group.
    pub group: usize,
    /// Σ weight·pad.
    pub pad: EncodedPoint,
    /// Index of the ballot style.
    pub style: usize,
}

/// Where a voter's ballot counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoterClass {
    /// Index of the reporting group.
    pub group: usize,
    /// Index of the ballot style.
    pub style: usize,
    /// Weight of the credential.
    pub weight: u64,
}

/// The sums of all counted ballots, by reporting group and style.
#[derive(Debug, Clone)]
pub struct EncryptedTally {
    styles: usize,
    /// Group by group, within it style by style.
    sums: Vec<StyleSum>,
    /// Distinct counted credentials of each class: what the floor looks at.
    voters: BTreeMap<VoterClass, u64>,
}

fn scaled(point: &RistrettoPoint, weight: u64) -> RistrettoPoint {
    if weight == 1 { *point } else { point * Scalar::from(weight) }
}

impl EncryptedTally {
    /// The empty tally.
    #[must_use]
    pub fn new(manifest: &CheckedManifest) -> Self {
        let one_group = manifest.styles().iter().map(|style| StyleSum {
            ballots: 0,
            pad: RistrettoPoint::identity(),
            data: vec![RistrettoPoint::identity(); style.relation.secret.len()],
            encoded: OnceLock::new(),
        });
        let sums = manifest.groups.iter().flat_map(|_| one_group.clone()).collect();
        Self { styles: manifest.styles().len(), sums, voters: BTreeMap::new() }
    }

    fn sum_mut(&mut self, class: VoterClass) -> Option<&mut StyleSum> {
        self.sums.get_mut(class.group * self.styles + class.style)
    }

    /// The sum of a style in a group.
    #[must_use]
    pub fn sum(&self, group: usize, style: usize) -> Option<&StyleSum> {
        self.sums.get(group * self.styles + style)
    }

    /// Adds a credential's first ballot.
    pub fn add(&mut self, ballot: &VerifiedBallot, class: VoterClass) {
        if let Some(sum) = self.sum_mut(class) {
            sum.encoded.take();
            sum.ballots += 1;
            sum.pad += scaled(&ballot.pad, class.weight);
            for (sum, data) in sum.data.iter_mut().zip(&ballot.data) {
                *sum += scaled(data, class.weight);
            }
            *self.voters.entry(class).or_default() += 1;
        }
    }

    /// Puts a credential's later ballot in the place of the one before.
    pub fn replace(&mut self, old: &VerifiedBallot, new: &VerifiedBallot, class: VoterClass) {
        if let Some(sum) = self.sum_mut(class) {
            sum.encoded.take();
            sum.pad += scaled(&(new.pad - old.pad), class.weight);
            for ((sum, new), old) in sum.data.iter_mut().zip(&new.data).zip(&old.data) {
                *sum += scaled(&(new - old), class.weight);
            }
        }
    }

    /// Counted ballots: one per credential that voted.
    #[must_use]
    pub fn ballots(&self) -> u64 {
        self.sums.iter().map(|sum| sum.ballots).sum()
    }

    /// Distinct counted credentials by class.
    #[must_use]
    pub fn voters(&self) -> &BTreeMap<VoterClass, u64> {
        &self.voters
    }

    /// The sums as encoded points, group by group.
    #[must_use]
    pub fn encode(&self) -> Vec<EncodedSum> {
        self.sums
            .iter()
            .enumerate()
            .map(|(i, sum)| EncodedSum {
                ballots: sum.ballots,
                data: sum.encoded().1.clone(),
                pad: sum.encoded().0,
                group: i / self.styles.max(1),
                style: i % self.styles.max(1),
            })
            .collect()
    }

    /// The digest that a tally head commits to.
    #[must_use]
    pub fn digest(&self) -> Hash {
        digest(self.ballots(), self.sums.iter().map(|sum| (sum.ballots, &sum.encoded().0, sum.encoded().1.as_slice())))
    }

    /// The digest of sums as they are shown: what an observer recomputes.
    #[must_use]
    pub fn digest_of(sums: &[EncodedSum]) -> Hash {
        let ballots = sums.iter().map(|sum| sum.ballots).sum();
        digest(ballots, sums.iter().map(|sum| (sum.ballots, &sum.pad, sum.data.as_slice())))
    }
}

fn digest<'a>(ballots: u64, sums: impl Iterator<Item = (u64, &'a EncodedPoint, &'a [EncodedPoint])>) -> Hash {
    sums.fold(Hasher::new("tally").u64(ballots), |hasher, (ballots, pad, data)| {
        hasher.u64(ballots).point(pad).u64(data.len() as u64).points(data)
    })
    .finish()
}
