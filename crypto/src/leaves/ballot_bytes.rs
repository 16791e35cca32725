//! A ballot from its canonical bytes in one pass, without a JSON reader: most of a log are ballots, and canonical bytes have
//! one form only. Whatever is not in that form is left to [`crate::canonical`], which says what is wrong with it.

use base64_simd::{Out, STANDARD};

use super::{BallotLeaf, BallotTag};
use crate::canonical::MAX_INTEGER;
use crate::group::{EncodedPoint, EncodedScalar};
use crate::hash::Hash;
use crate::id::Id;

/// Characters of 32 bytes in padded base64.
const BASE64_LENGTH: usize = 44;
/// Characters of a hash.
const HEX_LENGTH: usize = 64;
/// Digits of the largest integer.
const MOST_DIGITS: usize = 16;

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text.as_bytes())?;
        Some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// 32 bytes in base64, with their quotes.
    fn element(&mut self) -> Option<[u8; 32]> {
        self.literal("\"")?;
        let mut buffer = [0; BASE64_LENGTH];
        let element = STANDARD.decode(self.take(BASE64_LENGTH)?, Out::from_slice(&mut buffer)).ok()?;
        self.literal("\"")?;
        element.as_ref().try_into().ok()
    }

    fn point(&mut self) -> Option<EncodedPoint> {
        self.element().map(EncodedPoint)
    }

    fn scalar(&mut self) -> Option<EncodedScalar> {
        self.element().map(EncodedScalar)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.literal("[")?;
        let mut items = vec![];
        if self.literal("]").is_some() {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            match self.take(1)? {
                b"," => {}
                b"]" => return Some(items),
                _ => return None,
            }
        }
    }

    fn integer(&mut self) -> Option<u64> {
        let digits = self.0.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let text = self.take(digits)?;
        if text.len() > 1 && text.starts_with(b"0") {
            return None;
        }
        std::str::from_utf8(text).ok()?.parse().ok().filter(|&value| value <= MAX_INTEGER)
    }

    fn hash(&mut self) -> Option<Hash> {
        self.literal("\"")?;
        let hash = Hash::from_hex(std::str::from_utf8(self.take(HEX_LENGTH)?).ok()?).ok()?;
        self.literal("\"")?;
        Some(hash)
    }

    /// No character of an id is ever escaped.
    fn id(&mut self) -> Option<Id> {
        self.literal("\"")?;
        let length = self.0.iter().take(Id::MAX_BYTES + 1).position(|byte| *byte == b'"')?;
        let id = Id::new(std::str::from_utf8(self.take(length)?).ok()?).ok()?;
        self.literal("\"")?;
        Some(id)
    }

    /// The name of the next member, then its value.
    fn member<T>(&mut self, name: &str, value: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        self.literal(name)?;
        value(self)
    }
}

/// The ballot, if these are a ballot's canonical bytes.
pub(super) fn read(bytes: &[u8]) -> Option<BallotLeaf> {
    let mut rest = Rest(bytes);
    // Members in the order of the struct, which is the order of their names.
    let ballot = BallotLeaf {
        a: rest.member("{\"a\":", Rest::point)?,
        bits: rest.member(",\"bits\":", Rest::point)?,
        counter: rest.member(",\"counter\":", Rest::integer)?,
        credential: rest.member(",\"credential\":", Rest::point)?,
        data: rest.member(",\"data\":", |rest| rest.list(Rest::point))?,
        e_data: rest.member(",\"e_data\":", Rest::point)?,
        e_pad: rest.member(",\"e_pad\":", Rest::point)?,
        f: rest.member(",\"f\":", |rest| rest.list(Rest::scalar))?,
        pad: rest.member(",\"pad\":", Rest::point)?,
        previous: rest.member(",\"previous\":", Rest::hash)?,
        s: rest.member(",\"s\":", Rest::point)?,
        style: rest.member(",\"style\":", Rest::id)?,
        t: rest.member(",\"t\":", Rest::point)?,
        tag: rest.member(",\"type\":", |rest| rest.literal("\"ballot/v1\"").map(|()| BallotTag))?,
        v: rest.member(",\"v\":", Rest::point)?,
        z_1: rest.member(",\"z_1\":", Rest::scalar)?,
        z_2: rest.member(",\"z_2\":", Rest::scalar)?,
        z_3: rest.member(",\"z_3\":", Rest::scalar)?,
        z_4: rest.member(",\"z_4\":", Rest::scalar)?,
    };
    rest.literal("}")?;
    rest.0.is_empty().then_some(ballot)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng as _;

    use super::*;
    use crate::canonical;
    use crate::sample::{SampleElection, choose};

    fn ballot() -> Vec<u8> {
        let rng = &mut rand::rngs::StdRng::seed_from_u64(1);
        let election = SampleElection::open_with(1, rng).unwrap();
        election.ballot(0, &choose("chair", &["b"], false).unwrap(), rng).unwrap().bytes().to_vec()
    }

    /// What the JSON reader makes of the same bytes.
    fn slowly(bytes: &[u8]) -> Option<BallotLeaf> {
        let ballot: BallotLeaf = canonical::from_bytes_sorted(bytes).ok()?;
        (ballot.counter <= MAX_INTEGER).then_some(ballot)
    }

    #[test]
    fn a_ballot_is_read_as_the_json_reader_reads_it() {
        let bytes = ballot();
        assert!(read(&bytes).is_some());
        assert_eq!(read(&bytes), slowly(&bytes));
        // Empty lists, the bounds of integers.
        let mut leaf = slowly(&bytes).unwrap();
        leaf.data.clear();
        leaf.f.clear();
        for counter in [0, 9, 10, MAX_INTEGER, MAX_INTEGER + 1, 9_999_999_999_999_999, u64::MAX] {
            leaf.counter = counter;
            let bytes = serde_json::to_vec(&leaf).unwrap();
            assert_eq!(read(&bytes), slowly(&bytes), "{counter}");
            assert_eq!(read(&bytes).is_some(), counter <= MAX_INTEGER, "{counter}");
        }
    }

    #[test]
    fn both_readers_refuse_the_same_bytes() {
        let bytes = ballot();
        let differs = |altered: &[u8]| assert_eq!(read(altered), slowly(altered), "{}", altered.escape_ascii());
        for at in 0..bytes.len() {
            differs(&bytes[..at]);
            for other in [b'"', b'=', b'0', b' ', b'A', b'/', b'\\', 0xff] {
                let mut altered = bytes.clone();
                altered[at] = other;
                differs(&altered);
                altered = bytes.clone();
                altered.insert(at, other);
                differs(&altered);
            }
            let mut altered = bytes.clone();
            altered.remove(at);
            differs(&altered);
        }
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\"counter\":1,", "\"counter\":01,"),
            ("\"counter\":1,", "\"counter\":,"),
            ("\"counter\":1,", "\"counter\":-1,"),
            ("\"counter\":1,", "\"counter\":1.0,"),
            ("\"style\":\"", "\"style\":\"\\u0061"),
            ("\"data\":[", "\"data\":[,"),
            ("ballot/v1", "ballot/v2"),
            ("}", "},"),
            ("}", ",\"zz\":1}"),
            ("}", "} "),
        ] {
            let altered = text.replacen(from, to, 1);
            assert_ne!(altered, text, "{from}");
            assert_eq!(read(altered.as_bytes()), None, "{to}");
            assert_eq!(slowly(altered.as_bytes()), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn any_two_bytes_changed_are_judged_alike(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3)) {
            thread_local!(static BALLOT: Vec<u8> = ballot());
            let mut bytes = BALLOT.with(Clone::clone);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            prop_assert_eq!(read(&bytes), slowly(&bytes));
        }
    }
}
