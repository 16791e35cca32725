//! Ballots that arrived in time and that the board itself put off.
//!
//! A ballot is in time when its last byte arrived before the announced end of voting. If the board then answers 503,
//! because its queue is full or its store fails, the voter's program sends the same bytes again, perhaps after the end.
//! So the hashes of such ballots are remembered, and these bytes are admitted for a period of grace.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use veritally_crypto::hash::Hash;

/// Hashes remembered, 4 megabytes; the oldest are forgotten first.
const MOST: usize = 65_536;

/// Remembers them, in this process only.
#[derive(Default)]
pub(super) struct PutOff(Mutex<(HashSet<Hash>, VecDeque<Hash>)>);

impl PutOff {
    pub(super) fn remember(&self, hash: Hash) {
        let mut locked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, order) = &mut *locked;
        if known.insert(hash) {
            order.push_back(hash);
            if order.len() > MOST {
                order.pop_front().map(|oldest| known.remove(&oldest));
            }
        }
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered() {
        let put_off = PutOff::default();
        let hash = |i: usize| Hash::of(&i.to_be_bytes());
        (0..MOST + 2).for_each(|i| put_off.remember(hash(i)));
        put_off.remember(hash(5));
        assert!(!put_off.contains(&hash(0)) && !put_off.contains(&hash(1)));
        assert!(put_off.contains(&hash(2)) && put_off.contains(&hash(MOST + 1)));
    }
}
