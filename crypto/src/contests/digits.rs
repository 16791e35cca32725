//! Numbers 0…max as weighted bits: binary digits whose top weight is cut so that all bits together are exactly max.

use subtle::{ConditionallySelectable as _, ConstantTimeLess as _};

/// Weights of the digits of 0…max: 1, 2, 4, … and a last one that makes the sum max; none for max 0.
#[must_use]
pub(super) fn weights(max: u64) -> Vec<u64> {
    let count = u64::BITS - max.leading_zeros();
    (0..count).map(|i| if i + 1 == count { max - ((1 << i) - 1) } else { 1 << i }).collect()
}

/// The digits of `value` (at most max), one encoding for each value: the cut top digit only when it is needed. The value
/// shows in nothing that is timed.
#[must_use]
pub(super) fn encode(value: u64, max: u64) -> Vec<bool> {
    let weights = weights(max);
    let Some((&top, lower)) = weights.split_last() else { return vec![] };
    let below_top = (1u64 << lower.len()) - 1;
    let uses_top = below_top.ct_lt(&value);
    let rest = value - u64::conditional_select(&0, &top, uses_top);
    (0..lower.len()).map(|i| rest >> i & 1 == 1).chain([uses_top.into()]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn every_value_up_to_the_maximum_and_none_beyond_has_digits() {
        for max in 0..200u64 {
            let weights = weights(max);
            assert_eq!(weights.iter().sum::<u64>(), max);
            assert!(weights.iter().all(|w| *w > 0));
            for value in 0..=max {
                let sum: u64 = encode(value, max).iter().zip(&weights).filter(|(bit, _)| **bit).map(|(_, w)| w).sum();
                assert_eq!(sum, value, "of {max}");
            }
        }
    }
}
