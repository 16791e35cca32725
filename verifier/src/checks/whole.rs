//! V28 and V29: what concerns all entries together.

use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::id::LeafIndex;

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::source::MAX_ENTRIES;
use crate::words::count;

/// Bits of a confirmation code that people read and compare.
const CODE_BITS: u32 = 100;
/// The rest of 128 bits holds the entry's index.
const INDEX_BITS: u32 = 128 - CODE_BITS;

/// The readable part of each ballot's confirmation code with its entry's index: 16 bytes a ballot.
#[derive(Debug, Default)]
pub(crate) struct Codes(Vec<u128>);

impl Codes {
    pub(crate) fn add(&mut self, code: &ConfirmationCode, index: LeafIndex) {
        let first = code.0.0.first_chunk::<16>().copied().unwrap_or_default();
        self.add_bits(u128::from_be_bytes(first), index);
    }

    fn add_bits(&mut self, code: u128, index: LeafIndex) {
        // Indexes are below MAX_ENTRIES.
        self.0.push((code >> INDEX_BITS << INDEX_BITS) | u128::from(index % MAX_ENTRIES));
    }

    /// Pairs of entries with the same code.
    fn duplicates(&mut self) -> Vec<(LeafIndex, LeafIndex)> {
        self.0.sort_unstable();
        let index = |entry: &u128| LeafIndex::try_from(entry & u128::from(MAX_ENTRIES - 1)).unwrap_or_default();
        let neighbours = self.0.iter().zip(self.0.iter().skip(1));
        let same = neighbours.filter(|(a, b)| *a >> INDEX_BITS == *b >> INDEX_BITS);
        same.map(|(a, b)| (index(a), index(b))).collect()
    }
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 2] {
    for (first, second) in audit.codes.duplicates() {
        audit.findings.fail(Check::Codes, second, format!("its confirmation code is that of entry {first}."));
    }
    let ballots = audit.codes.0.len();
    let opened = audit.state.as_ref().is_some_and(|state| state.ballot_context().is_some());
    let complete = audit.complete();
    let codes = count(ballots as u64, "ballot has its own code.", "ballots have codes of their own.");
    let explained = count(audit.tree.size(), "entry is", "entries are");
    let explained = format!("{explained} of known kinds.");
    [
        (Check::Codes, audit.reached(opened && complete, codes, "Voting has not begun.")),
        (Check::Unexplained, audit.reached(complete && audit.state.is_some(), explained, "")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: () = assert!(MAX_ENTRIES <= 1 << INDEX_BITS);

    #[test]
    fn codes_that_agree_in_all_readable_bits_are_found() {
        let mut codes = Codes::default();
        codes.add_bits(5 << INDEX_BITS | 1, 7);
        codes.add_bits(6 << INDEX_BITS, 8);
        codes.add_bits(5 << INDEX_BITS | 2, 9);
        assert_eq!(codes.duplicates(), [(7, 9)]);
    }

    #[test]
    fn codes_that_differ_in_the_last_bit_that_people_read_are_two() {
        let mut codes = Codes::default();
        codes.add_bits(0, 1);
        codes.add_bits(1 << INDEX_BITS, 2);
        assert_eq!(codes.duplicates(), []);
        codes.add_bits((1 << INDEX_BITS) | 1, 3);
        assert_eq!(codes.duplicates(), [(2, 3)]);
    }
}
