//! Ballots that arrived in time and that the board itself put off.
//!
//! A ballot is in time when its last byte arrived before the announced end of voting. If the board then answers 503,
//! because its queue is full or its store fails, or 202, because no sequencer took it yet, the voter's program sends the
//! same bytes again, perhaps after the end. So the hashes of such ballots are remembered with their arrival, which counts
//! for a period of grace.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use veritally_crypto::hash::Hash;

/// Hashes remembered, 5 megabytes; the oldest are forgotten first.
const MOST: usize = 65_536;

/// Remembers them, in this process only.
#[derive(Default)]
pub(super) struct PutOff(Mutex<(HashMap<Hash, u64>, VecDeque<Hash>)>);

impl PutOff {
    pub(super) fn remember(&self, hash: Hash, received_ms: u64) {
        let mut locked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *locked;
        if let Entry::Vacant(vacant) = known.entry(hash) {
            vacant.insert(received_ms);
            order.push_back(hash);
            if order.len() > MOST {
                order.pop_front().map(|oldest| known.remove(&oldest));
            }
        }
    }

    /// When it arrived first.
    pub(super) fn arrival(&self, hash: &Hash) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let put_off = PutOff::default();
        let hash = |i: usize| Hash::of(&i.to_be_bytes());
        (0..MOST + 2).for_each(|i| put_off.remember(hash(i), 7));
        put_off.remember(hash(5), 9);
        assert!(put_off.arrival(&hash(0)).is_none() && put_off.arrival(&hash(1)).is_none());
        assert!(put_off.arrival(&hash(2)).is_some() && put_off.arrival(&hash(MOST + 1)).is_some());
        assert_eq!(put_off.arrival(&hash(5)), Some(7), "the first arrival counts");
    }
}
