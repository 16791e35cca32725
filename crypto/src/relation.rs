//! The ballot relation: N bits and rows, each an integer-weighted sum of bits; specs/protocol.md section 3.

use std::ops::Range;

use crate::contests::{AnswerError, Answers, ContestRows};
use crate::hash::{Hash, Hasher};
use crate::manifest::Contest;

/// Row sums stay below this, far from the group's order.
pub const MAX_ROW_SUM: u64 = 1 << 52;

/// weight·b_bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Index of the bit, from 0.
    pub bit: usize,
    /// Its integer weight.
    pub weight: i64,
}

/// A rule: Σ terms = value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRow {
    /// The weighted bits.
    pub terms: Vec<Term>,
    /// t.
    pub value: i64,
}

/// Bits and rows of a ballot style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// N.
    pub bits: usize,
    /// M tallied counts.
    pub secret: Vec<Vec<Term>>,
    /// Rules.
    pub public: Vec<PublicRow>,
    /// Relation digest.
    pub digest: Hash,
}

/// A row's weights are too large to be proved as integers.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("a row's weights and value sum up to 2^52 or more")]
pub struct RowTooLarge;

impl Relation {
    fn new(bits: usize, secret: Vec<Vec<Term>>, public: Vec<PublicRow>) -> Result<Self, RowTooLarge> {
        let sum = |terms: &[Term], value: i64| {
            terms.iter().try_fold(value.unsigned_abs(), |sum, term| sum.checked_add(term.weight.unsigned_abs()))
        };
        let rows = secret.iter().map(|t| (t.as_slice(), 0)).chain(public.iter().map(|r| (r.terms.as_slice(), r.value)));
        let mut hasher =
            Hasher::new("relation").u64(bits as u64).u64(secret.len() as u64).u64((secret.len() + public.len()) as u64);
        for (terms, value) in rows {
            if sum(terms, value).is_none_or(|s| s >= MAX_ROW_SUM) {
                return Err(RowTooLarge);
            }
            hasher = hasher.u64(value.cast_unsigned()).u64(terms.len() as u64);
            for term in terms {
                hasher = hasher.u64(term.bit as u64).u64(term.weight.cast_unsigned());
            }
        }
        let digest = hasher.finish();
        Ok(Self { bits, secret, public, digest })
    }
}

/// Where a contest lies within its style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContestPlace {
    /// Index of the contest in the manifest.
    pub contest: usize,
    /// Its bits in the style's relation.
    pub bits: Range<usize>,
    /// Its secret rows in the style's relation.
    pub rows: Range<usize>,
}

/// A ballot style compiled to its relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledStyle {
    /// Bits and rows.
    pub relation: Relation,
    /// For each secret row of the relation, the index from 0 of its election key.
    pub keys: Vec<usize>,
    /// The contests, in manifest order.
    pub contests: Vec<ContestPlace>,
}

impl CompiledStyle {
    /// Puts contests one after the other. `contests` yields the manifest index of each, its rows and the index of the
    /// key of its first secret row.
    ///
    /// # Errors
    /// [`RowTooLarge`].
    pub fn compile<'a>(
        contests: impl IntoIterator<Item = (usize, &'a ContestRows, usize)>,
    ) -> Result<Self, RowTooLarge> {
        let (mut bits, mut secret, mut public, mut keys, mut places) = (0, vec![], vec![], vec![], vec![]);
        for (contest, rows, first_key) in contests {
            let shift = |terms: &[Term]| -> Vec<Term> {
                terms.iter().map(|t| Term { bit: t.bit + bits, weight: t.weight }).collect()
            };
            let first_row = secret.len();
            secret.extend(rows.secret.iter().map(|row| shift(&row.terms)));
            public.extend(rows.public.iter().map(|r| PublicRow { terms: shift(&r.terms), value: r.value }));
            keys.extend(first_key..first_key + rows.secret.len());
            places.push(ContestPlace { contest, bits: bits..bits + rows.bits, rows: first_row..secret.len() });
            bits += rows.bits;
        }
        Ok(Self { relation: Relation::new(bits, secret, public)?, keys, contests: places })
    }

    /// The bits of a filled-in ballot.
    ///
    /// # Errors
    /// [`AnswerError`]: what the voter has to change.
    pub fn encode(&self, contests: &[Contest], answers: &Answers) -> Result<Vec<bool>, AnswerError> {
        let on_ballot: Vec<&Contest> = self.contests.iter().filter_map(|p| contests.get(p.contest)).collect();
        if let Some(unknown) = answers.keys().find(|id| !on_ballot.iter().any(|c| c.id == **id)) {
            return Err(AnswerError::UnknownContest(unknown.clone()));
        }
        let mut bits = Vec::with_capacity(self.relation.bits);
        for contest in on_ballot {
            let answer = answers.get(&contest.id).ok_or_else(|| AnswerError::Missing(contest.id.clone()))?;
            bits.extend(contest.rule.encode(&contest.id, &contest.selections, answer)?);
        }
        Ok(bits)
    }

    /// Upper bound of a ballot's entry in this style, in bytes: 47 for each point and scalar in its list, the member
    /// names, two integers and a hash.
    #[must_use]
    pub fn ballot_bytes(&self) -> usize {
        const AROUND: usize = 400 + crate::id::Id::MAX_BYTES;
        (self.relation.secret.len() + 9 + self.relation.bits + 4) * 47 + AROUND
    }
}
