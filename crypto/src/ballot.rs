//! Ballots, from filled in to verified: specs/protocol.md section 4.
//!
//! [`BallotContext`] holds what all ballots of an election share. [`BallotContext::prepare`] encrypts and gives a
//! [`PreparedBallot`], which shows its [`ConfirmationCode`] and is then either *cast* (made into an [`EncryptedBallot`]
//! with its proof) or *spoiled* (opened); each consumes it. [`BallotContext::verify_batch`] turns encrypted ballots into
//! [`VerifiedBallot`]s, the only ones that enter a tally.
//!
//! ```
//! use veritally_crypto::hash::Hash;
//! use veritally_crypto::sample::{SampleElection, SampleError, choose, id};
//!
//! # fn main() -> Result<(), SampleError> {
//! let rng = &mut rand::rng();
//! let election = SampleElection::open_with(1, rng)?;
//! let context = election.state.ballot_context().ok_or("voting is not open")?;
//! let credential = &election.voters[0].credential;
//!
//! // The voter's first ballot: counter 1, nothing before it.
//! let (style, answers) = (id("all")?, choose("chair", &["b"], false)?);
//! let prepared = context.prepare(&style, &answers, credential.public(), 1, Hash::ZERO, rng)?;
//! let code = prepared.code(); // is shown before the voter chooses Cast or Spoil
//! let ballot = prepared.cast(credential, rng)?;
//! assert_eq!(ballot.confirmation_code(&election.fingerprint()), code);
//!
//! let verified = context.verify(ballot, rng)?; // may enter a tally
//! # drop(verified);
//! # Ok(())
//! # }
//! ```

use std::fmt;

use crate::canonical::{CanonicalError, MAX_LEAF_BYTES};
use crate::contests::AnswerError;
use crate::credential::CredentialKey;
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::hash::{Hash, Hasher};
use crate::id::Id;
use crate::leaves::{BallotLeaf, Leaf};
use crate::text::{crockford, grouped};

mod context;
mod equation;
mod opening;
mod prepare;
mod prove;
mod spoiled;
mod tables;
mod verify;

pub use context::BallotContext;
pub use opening::{BallotOpening, OpeningError};
pub use prepare::PreparedBallot;
pub use spoiled::{OpenedBallot, SPOILED_BEYOND_CASTS, SpoiledError};

/// Digits of the confirmation code that people read: 100 bits.
pub const SHORT_CODE_DIGITS: usize = 20;

/// Why a ballot is refused for what it is; [`crate::record::Rejection`] says when its time or author is wrong.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BallotError {
    /// Not a canonical ballot entry.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// An entry of another type.
    #[error("this entry is not a ballot")]
    NotABallot,
    /// No such style.
    #[error("the election has no ballot style {0}")]
    UnknownStyle(Id),
    /// Lists of the wrong length for the style.
    #[error("the ballot has {found} {what} where its style has {expected}: made for another style or election")]
    Shape {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The style's.
        expected: usize,
    },
    /// A point or scalar that does not decode, or the identity as pad or credential.
    #[error("the ballot's member {0} is not a valid group element or scalar")]
    Element(&'static str),
    /// An equation of the proof fails.
    #[error("ballot check {0} fails: the ballot was altered, made for another election, or its votes break a rule")]
    Check(u8),
    /// What the voter filled in breaks a rule.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// What the voter keeps and looks up: a hash over statement and commitment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfirmationCode(pub Hash);

impl ConfirmationCode {
    /// The first 100 bits, as people read and type them, without hyphens.
    #[must_use]
    pub fn short(&self) -> String {
        crockford(&self.0.0, SHORT_CODE_DIGITS)
    }
}

impl fmt::Display for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(&self.short()))
    }
}

impl fmt::Debug for ConfirmationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfirmationCode({self})")
    }
}

/// What the confirmation code covers and what the proof is about.
pub(crate) struct Statement<'a> {
    pub style: &'a Id,
    pub credential: &'a EncodedPoint,
    pub counter: u64,
    pub previous: &'a Hash,
    pub pad: &'a EncodedPoint,
    pub data: &'a [EncodedPoint],
    /// B.
    pub bits: &'a EncodedPoint,
}

impl Statement<'_> {
    pub(crate) fn confirmation_code(&self, fingerprint: &Hash) -> ConfirmationCode {
        ConfirmationCode(
            Hasher::new("confirmation-code")
                .hash(fingerprint)
                .bytes(self.style.as_bytes())
                .point(self.credential)
                .u64(self.counter)
                .hash(self.previous)
                .point(self.pad)
                .u64(self.data.len() as u64)
                .points(self.data)
                .point(self.bits)
                .finish(),
        )
    }
}

/// A ballot as it travels: canonical, its proof not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub struct EncryptedBallot {
    /// Boxed: ballots go from hand to hand.
    leaf: Box<BallotLeaf>,
    bytes: Vec<u8>,
    hash: Hash,
}

impl EncryptedBallot {
    /// Parses an entry's exact bytes.
    ///
    /// # Errors
    /// [`BallotError::Canonical`], [`BallotError::NotABallot`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BallotError> {
        let leaf = match Leaf::parse_ballot(bytes) {
            Ok(leaf) => leaf,
            // Says what it is instead, or what is wrong with it.
            Err(_) => return Err(Leaf::parse(bytes).map_or_else(BallotError::from, |_| BallotError::NotABallot)),
        };
        Ok(Self { leaf: Box::new(leaf), bytes: bytes.to_vec(), hash: Hash::of(bytes) })
    }

    fn from_leaf(leaf: BallotLeaf) -> Result<Self, BallotError> {
        let bytes = serde_json::to_vec(&leaf).map_err(|e| CanonicalError::Malformed(e.to_string()))?;
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(CanonicalError::TooLong(bytes.len()).into());
        }
        Ok(Self { hash: Hash::of(&bytes), leaf: Box::new(leaf), bytes })
    }

    /// The entry's members.
    #[must_use]
    pub fn leaf(&self) -> &BallotLeaf {
        &self.leaf
    }

    /// The exact bytes that are sent and logged.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes: what the credential's next ballot names as `previous`.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Whose ballot it claims to be.
    #[must_use]
    pub fn credential(&self) -> CredentialKey {
        CredentialKey(self.leaf.credential)
    }

    /// Its confirmation code in the election with this fingerprint.
    #[must_use]
    pub fn confirmation_code(&self, fingerprint: &Hash) -> ConfirmationCode {
        self.statement().confirmation_code(fingerprint)
    }

    pub(crate) fn statement(&self) -> Statement<'_> {
        let leaf = &self.leaf;
        Statement {
            style: &leaf.style,
            credential: &leaf.credential,
            counter: leaf.counter,
            previous: &leaf.previous,
            pad: &leaf.pad,
            data: &leaf.data,
            bits: &leaf.bits,
        }
    }
}

/// A ballot whose five checks hold.
#[derive(Debug, Clone)]
pub struct VerifiedBallot {
    ballot: EncryptedBallot,
    /// r·G.
    pub(crate) pad: RistrettoPoint,
    /// One per secret row of the style.
    pub(crate) data: Vec<RistrettoPoint>,
}

impl VerifiedBallot {
    /// The ballot.
    #[must_use]
    pub fn ballot(&self) -> &EncryptedBallot {
        &self.ballot
    }

    /// Takes a ballot out of one's own store, where only verified ones were put, without checking its proof again.
    ///
    /// # Errors
    /// [`BallotError::Element`] when pad or data do not decode.
    ///
    /// # Security
    /// For a board that restarts. Never for a record that came from somebody else.
    pub fn trust_stored(ballot: EncryptedBallot) -> Result<Self, BallotError> {
        let pad = ballot.leaf.pad.decode_non_identity().map_err(|_| BallotError::Element("pad"))?;
        let data = ballot.leaf.data.iter().map(|d| d.decode().map_err(|_| BallotError::Element("data")));
        Ok(Self { pad, data: data.collect::<Result<_, _>>()?, ballot })
    }
}

/// Powers y, y², … of a challenge.
fn powers(y: crate::group::Scalar) -> impl Iterator<Item = crate::group::Scalar> {
    std::iter::successors(Some(y), move |power| Some(power * y))
}
