//! Counts from points: discrete logarithms to the basepoint by baby steps and giant steps (Shanks 1971).
//!
//! A table holds j·G for j < B; a search for m·G subtracts B·G until it meets the table, at most max/B + 1 times. Both
//! work on encodings of doubled points, which [`RistrettoPoint::double_and_compress_batch`] makes many times faster
//! than others; doubling is one-to-one in a group of odd order. Only public points may be searched for: the time tells
//! the count.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::Identity as _;

use crate::group::{RistrettoPoint, Scalar};

/// Largest table: 2^20 baby steps are 16 MiB, and find 2^40 in about a second.
pub const MAX_BABY_STEPS: usize = 1 << 20;

/// Smallest table worth its code.
const MIN_BABY_STEPS: usize = 1 << 8;

/// Points made and encoded at a time.
const BATCH: usize = 1024;

/// The first batch of a search; later ones double up to [`BATCH`]. Most counts are small.
const FIRST_BATCH: usize = 16;

/// Low bits of a slot: j + 1. The rest is a tag from the encoding. 0 is an empty slot.
const STEP_BITS: u32 = 24;
const STEP_MASK: u64 = (1 << STEP_BITS) - 1;

/// How many baby steps make `searches` searches up to `max_inclusive` quickest: about √(max·searches), as a power of two
/// up to [`MAX_BABY_STEPS`].
#[must_use]
pub fn baby_steps_for(max_inclusive: u64, searches: usize) -> usize {
    let work = u128::from(max_inclusive) * searches.max(1) as u128;
    let steps = usize::try_from(work.isqrt()).unwrap_or(MAX_BABY_STEPS).min(MAX_BABY_STEPS);
    steps.next_power_of_two().clamp(MIN_BABY_STEPS, MAX_BABY_STEPS)
}

/// A table of baby steps: 16 bytes a step.
#[derive(Clone)]
pub struct DiscreteLogTable {
    /// Open addressing with linear probing, at most half full. Length is a power of two.
    slots: Vec<u64>,
    baby_steps: u64,
    /// −B·G.
    giant_step: RistrettoPoint,
}

impl std::fmt::Debug for DiscreteLogTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiscreteLogTable({} baby steps)", self.baby_steps)
    }
}

impl DiscreteLogTable {
    /// A table of 1 to [`MAX_BABY_STEPS`] steps; numbers outside are brought inside. 2^17 steps take about 0.2 s.
    #[must_use]
    pub fn new(baby_steps: usize) -> Self {
        let baby_steps = baby_steps.clamp(1, MAX_BABY_STEPS);
        let mut table = Self {
            slots: vec![0; (2 * baby_steps).next_power_of_two()],
            baby_steps: baby_steps as u64,
            giant_step: -RistrettoPoint::mul_base(&Scalar::from(baby_steps as u64)),
        };
        let one = RistrettoPoint::mul_base(&Scalar::ONE);
        let mut next = RistrettoPoint::identity();
        let mut step = 0;
        while step < table.baby_steps {
            let length = (table.baby_steps - step).min(BATCH as u64);
            for encoding in RistrettoPoint::double_and_compress_batch(&progression(&mut next, &one, length)) {
                table.insert(key(&encoding), step);
                step += 1;
            }
        }
        table
    }

    /// A table for `searches` searches up to `max_inclusive`; see [`baby_steps_for`].
    #[must_use]
    pub fn for_maximum(max_inclusive: u64, searches: usize) -> Self {
        Self::new(baby_steps_for(max_inclusive, searches))
    }

    /// The m from 0 to `max_inclusive` with m·G = `point`, if there is one. Variable-time.
    #[must_use]
    pub fn find(&self, point: &RistrettoPoint, max_inclusive: u64) -> Option<u64> {
        let mut next = *point;
        let mut remaining = max_inclusive / self.baby_steps + 1;
        // i·B
        let mut base = 0u64;
        let mut batch = FIRST_BATCH;
        while remaining > 0 {
            let length = remaining.min(batch as u64);
            // m·G − i·B·G
            let candidates = progression(&mut next, &self.giant_step, length);
            for encoding in RistrettoPoint::double_and_compress_batch(&candidates) {
                let found = self.lookup(key(&encoding)).filter_map(|step| base.checked_add(step));
                let right = |m: &u64| *m <= max_inclusive && RistrettoPoint::mul_base(&Scalar::from(*m)) == *point;
                if let Some(m) = found.into_iter().find(right) {
                    return Some(m);
                }
                base = base.saturating_add(self.baby_steps);
            }
            remaining -= length;
            batch = (2 * batch).min(BATCH);
        }
        None
    }

    /// The number of steps.
    #[must_use]
    pub fn baby_steps(&self) -> u64 {
        self.baby_steps
    }

    fn insert(&mut self, key: u64, step: u64) {
        let mut position = self.position(key);
        while let Some(slot) = self.slots.get_mut(position) {
            if *slot == 0 {
                *slot = (key & !STEP_MASK) | (step + 1);
                return;
            }
            position = self.position(position as u64 + 1);
        }
    }

    /// Steps whose tag is that of `key`: the right one if there is one, and with probability 2^-40 each, wrong ones.
    fn lookup(&self, key: u64) -> impl Iterator<Item = u64> {
        let mut position = self.position(key);
        std::iter::from_fn(move || {
            // Half of the slots are empty, so this ends.
            let slot = self.slots.get(position).copied().filter(|slot| *slot != 0)?;
            position = self.position(position as u64 + 1);
            Some(slot)
        })
        .filter(move |slot| (slot ^ key) & !STEP_MASK == 0)
        .map(|slot| (slot & STEP_MASK) - 1)
    }

    /// Low bits, within the table.
    fn position(&self, key: u64) -> usize {
        usize::try_from(key & (self.slots.len() as u64 - 1)).unwrap_or_default()
    }
}

/// `length` points from `next` on, each `step` further; `next` moves on behind them.
fn progression(next: &mut RistrettoPoint, step: &RistrettoPoint, length: u64) -> Vec<RistrettoPoint> {
    (0..length)
        .map(|_| {
            let point = *next;
            *next += step;
            point
        })
        .collect()
}

/// The first 8 bytes of an encoding.
fn key(encoding: &CompressedRistretto) -> u64 {
    encoding.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn point(m: u64) -> RistrettoPoint {
        RistrettoPoint::mul_base(&Scalar::from(m))
    }

    #[test]
    fn every_count_up_to_the_maximum_is_found() {
        for baby_steps in [1, 2, 3, 7, 64, 100] {
            let table = DiscreteLogTable::new(baby_steps);
            for m in 0..=100 {
                assert_eq!(table.find(&point(m), 100), Some(m), "{m} with {baby_steps} steps");
            }
        }
    }

    #[test]
    fn zero_and_the_maximum_are_found_and_one_more_is_not() {
        let table = DiscreteLogTable::new(64);
        for max in [0, 1, 63, 64, 65, 127, 128, 1000] {
            assert_eq!(table.find(&point(0), max), Some(0));
            assert_eq!(table.find(&point(max), max), Some(max));
            assert_eq!(table.find(&point(max + 1), max), None);
        }
    }

    #[test]
    fn a_negative_count_is_not_found() {
        assert_eq!(DiscreteLogTable::new(256).find(&-point(1), 100_000), None);
    }

    #[test]
    fn the_largest_maximum_does_not_overflow() {
        assert_eq!(DiscreteLogTable::new(64).find(&point(100), u64::MAX), Some(100));
    }

    #[test]
    fn a_thousand_million_is_found_with_a_table_of_its_size() {
        let table = DiscreteLogTable::for_maximum(1_000_000_000, 1);
        for m in [0, 1, 999_999_999, 1_000_000_000, 123_456_789] {
            assert_eq!(table.find(&point(m), 1_000_000_000), Some(m));
        }
    }

    #[test]
    fn the_largest_total_is_found_with_the_largest_table() {
        let table = DiscreteLogTable::for_maximum(1 << 40, 1);
        assert_eq!(table.find(&point(1 << 40), 1 << 40), Some(1 << 40));
        assert!(table.slots.len() * size_of::<u64>() < 20_000_000);
    }

    #[test]
    fn tables_are_about_the_square_root_of_the_maximum() {
        assert_eq!(baby_steps_for(1_000_000_000, 1), 1 << 15);
        assert_eq!(baby_steps_for(1_000_000_000, 16), 1 << 17);
        assert_eq!(baby_steps_for(0, 0), MIN_BABY_STEPS);
        assert_eq!(baby_steps_for(u64::MAX, usize::MAX), MAX_BABY_STEPS);
    }

    #[test]
    fn a_step_with_the_tag_of_another_is_told_apart() {
        // Two steps under one key: the wrong one is tried first and refused.
        let mut table = DiscreteLogTable::new(8);
        let encoding = RistrettoPoint::double_and_compress_batch(&[point(20)]).remove(0);
        table.slots = vec![0; 16];
        table.insert(key(&encoding), 3);
        table.insert(key(&encoding), 5);
        assert_eq!(table.find(&point(20), 100), None);
        assert_eq!(table.lookup(key(&encoding)).collect::<Vec<_>>(), [3, 5]);
    }
}
