//! The log's entries as types: specs/encoding.md, one struct per `type`, in a file for each part of an election.
//!
//! Members are declared in sorted order. [`Leaf::parse`] is the only way from bytes to an entry; it accepts canonical
//! bytes only. Parsing says nothing about whether an entry is admissible: that is [`crate::record::RecordState`]'s.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::canonical::{self, CanonicalError, MAX_LEAF_BYTES};
use crate::manifest::Manifest;

mod ballot_bytes;
mod ceremony;
mod decryption;
mod dispute;
mod part;
mod roll;
mod voting;

pub use ceremony::{Commit, Confirm, Rehearsal, Reveal, SharePackage, Shares};
pub use decryption::{
    Agreement, CellCounts, ContestResult, ContestShares, DecryptionShare, ElectionResult, Head, ShareProof,
};
pub use dispute::{Complaint, Exclusion, ExclusionReason, Restart};
pub use part::{CHUNK_BYTES, MAX_MESSAGE_BYTES, Part, split};
pub use roll::{Reissue, Roll, RollEntry, RollPart};
pub use voting::{Abandonment, BallotLeaf, Closing, Extension, Opening, SpoiledBallot, TallyHead};

/// Declares a zero-sized tag that reads and writes one fixed string, the member `type`.
macro_rules! tag {
    ($name:ident, $text:literal) => {
        #[doc = concat!("The `type` of `", $text, "`.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $name;
        impl $name {
            /// The type's name.
            pub const NAME: &'static str = $text;
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($text)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
                if text == $text { Ok(Self) } else { Err(serde::de::Error::custom(concat!("expected type ", $text))) }
            }
        }
    };
}
pub(crate) use tag;

macro_rules! signed {
    ($($name:ident),*) => {$(
        impl SignedEntry for $name {
            fn signature(&self) -> Option<&Signature> {
                self.signature.as_ref()
            }
            fn set_signature(&mut self, signature: Option<Signature>) {
                self.signature = signature;
            }
        }
    )*};
}
pub(crate) use signed;

tag!(CommitTag, "trustee-commit/v1");
tag!(RevealTag, "trustee-reveal/v1");
tag!(SharesTag, "trustee-shares/v1");
tag!(ConfirmTag, "trustee-confirm/v1");
tag!(RehearsalTag, "trustee-rehearsal/v1");
tag!(ComplaintTag, "trustee-complaint/v1");
tag!(RestartTag, "ceremony-restart/v1");
tag!(DecryptionShareTag, "decryption-share/v1");
tag!(RollPartTag, "roll-part/v1");
tag!(RollTag, "roll/v1");
tag!(ReissueTag, "reissue/v1");
tag!(OpeningTag, "opening/v1");
tag!(BallotTag, "ballot/v1");
tag!(SpoiledBallotTag, "spoiled-ballot/v1");
tag!(TallyHeadTag, "tally-head/v1");
tag!(ExtensionTag, "extension/v1");
tag!(ClosingTag, "closing/v1");
tag!(AgreementTag, "agreement/v1");
tag!(ResultTag, "result/v1");
tag!(AbandonmentTag, "abandonment/v1");

/// The profile's bound on integers, where the faster reader has not checked it.
fn integers(values: impl IntoIterator<Item = u64>) -> Result<(), CanonicalError> {
    let large = values.into_iter().any(|value| value > canonical::MAX_INTEGER);
    if large { Err(CanonicalError::OutsideProfile("integer from 2^53 on")) } else { Ok(()) }
}

/// Bytes of variable length in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64Bytes(pub Vec<u8>);

impl std::fmt::Debug for Base64Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Base64Bytes({} bytes)", self.0.len())
    }
}

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        base64::engine::general_purpose::STANDARD
            .decode(text.as_ref())
            .map(Self)
            .map_err(|_| de::Error::custom("expected padded base64"))
    }
}

/// An entry of the log, parsed and canonical, not yet judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// `manifest/v1`, the first entry.
    Manifest(Box<Manifest>),
    /// `trustee-commit/v1`.
    Commit(Commit),
    /// `trustee-reveal/v1`.
    Reveal(Reveal),
    /// `trustee-shares/v1`.
    Shares(Shares),
    /// `trustee-confirm/v1`.
    Confirm(Confirm),
    /// `trustee-rehearsal/v1`.
    Rehearsal(Rehearsal),
    /// `trustee-complaint/v1`.
    Complaint(Complaint),
    /// `ceremony-restart/v1`.
    Restart(Restart),
    /// `<name>-part/v1`: a part of a trustee's message.
    Part(Part),
    /// `roll-part/v1`.
    RollPart(RollPart),
    /// `roll/v1`.
    Roll(Roll),
    /// `reissue/v1`.
    Reissue(Reissue),
    /// `opening/v1`.
    Opening(Opening),
    /// `ballot/v1`.
    Ballot(Box<BallotLeaf>),
    /// `spoiled-ballot/v1`.
    SpoiledBallot(Box<SpoiledBallot>),
    /// `tally-head/v1`.
    TallyHead(TallyHead),
    /// `extension/v1`.
    Extension(Extension),
    /// `closing/v1`.
    Closing(Closing),
    /// `agreement/v1`.
    Agreement(Agreement),
    /// `decryption-share/v1`.
    DecryptionShare(DecryptionShare),
    /// `result/v1`.
    Result(ElectionResult),
    /// `abandonment/v1`.
    Abandonment(Abandonment),
}

impl Leaf {
    /// Parses an entry's exact bytes.
    ///
    /// # Errors
    /// [`CanonicalError`]: too long, not of a known type, members missing, unknown or ill-formed, not canonical.
    pub fn parse(bytes: &[u8]) -> Result<Self, CanonicalError> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(CanonicalError::TooLong(bytes.len()));
        }
        Self::parse_message(bytes)
    }

    /// Parses the bytes of a ballot's entry, and of nothing else: without a look at its type first.
    pub(crate) fn parse_ballot(bytes: &[u8]) -> Result<BallotLeaf, CanonicalError> {
        if bytes.len() > MAX_LEAF_BYTES {
            return Err(CanonicalError::TooLong(bytes.len()));
        }
        if let Some(ballot) = ballot_bytes::read(bytes) {
            return Ok(ballot);
        }
        // Says what is wrong.
        let ballot: BallotLeaf = canonical::from_bytes_sorted(bytes)?;
        integers([ballot.counter])?;
        Ok(ballot)
    }

    /// Parses the bytes of a whole message, which may be longer than an entry when it came in parts.
    pub(crate) fn parse_message(bytes: &[u8]) -> Result<Self, CanonicalError> {
        use canonical::{from_bytes, from_bytes_sorted};

        #[derive(Deserialize)]
        struct Peek<'a> {
            #[serde(borrow, rename = "type")]
            tag: std::borrow::Cow<'a, str>,
        }
        let peek: Peek<'_> = serde_json::from_slice(bytes).map_err(|e| CanonicalError::Malformed(e.to_string()))?;
        Ok(match peek.tag.as_ref() {
            crate::manifest::ManifestTag::NAME => Self::Manifest(Box::new(from_bytes(bytes)?)),
            CommitTag::NAME => Self::Commit(from_bytes(bytes)?),
            RevealTag::NAME => Self::Reveal(from_bytes(bytes)?),
            SharesTag::NAME => Self::Shares(from_bytes(bytes)?),
            ConfirmTag::NAME => Self::Confirm(from_bytes(bytes)?),
            RehearsalTag::NAME => Self::Rehearsal(from_bytes(bytes)?),
            ComplaintTag::NAME => Self::Complaint(from_bytes(bytes)?),
            RestartTag::NAME => Self::Restart(from_bytes(bytes)?),
            RollPartTag::NAME => {
                let part: RollPart = from_bytes_sorted(bytes)?;
                integers(part.entries.iter().map(|entry| entry.weight).chain([part.part]))?;
                Self::RollPart(part)
            }
            RollTag::NAME => Self::Roll(from_bytes(bytes)?),
            ReissueTag::NAME => Self::Reissue(from_bytes(bytes)?),
            OpeningTag::NAME => Self::Opening(from_bytes(bytes)?),
            BallotTag::NAME => Self::Ballot(Box::new(Self::parse_ballot(bytes)?)),
            SpoiledBallotTag::NAME => Self::SpoiledBallot(Box::new(from_bytes(bytes)?)),
            TallyHeadTag::NAME => Self::TallyHead(from_bytes(bytes)?),
            ExtensionTag::NAME => Self::Extension(from_bytes(bytes)?),
            ClosingTag::NAME => Self::Closing(from_bytes(bytes)?),
            AgreementTag::NAME => Self::Agreement(from_bytes(bytes)?),
            DecryptionShareTag::NAME => Self::DecryptionShare(from_bytes(bytes)?),
            ResultTag::NAME => Self::Result(from_bytes(bytes)?),
            AbandonmentTag::NAME => Self::Abandonment(from_bytes(bytes)?),
            part if Part::message_type_of(part).is_some() => Self::Part(from_bytes(bytes)?),
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(CanonicalError::Malformed(format!("unknown type {shown:?}")));
            }
        })
    }

    /// The entry's type name, for messages.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Manifest(_) => crate::manifest::ManifestTag::NAME,
            Self::Commit(_) => CommitTag::NAME,
            Self::Reveal(_) => RevealTag::NAME,
            Self::Shares(_) => SharesTag::NAME,
            Self::Confirm(_) => ConfirmTag::NAME,
            Self::Rehearsal(_) => RehearsalTag::NAME,
            Self::Complaint(_) => ComplaintTag::NAME,
            Self::Restart(_) => RestartTag::NAME,
            Self::Part(part) => &part.tag,
            Self::RollPart(_) => RollPartTag::NAME,
            Self::Roll(_) => RollTag::NAME,
            Self::Reissue(_) => ReissueTag::NAME,
            Self::Opening(_) => OpeningTag::NAME,
            Self::Ballot(_) => BallotTag::NAME,
            Self::SpoiledBallot(_) => SpoiledBallotTag::NAME,
            Self::TallyHead(_) => TallyHeadTag::NAME,
            Self::Extension(_) => ExtensionTag::NAME,
            Self::Closing(_) => ClosingTag::NAME,
            Self::Agreement(_) => AgreementTag::NAME,
            Self::DecryptionShare(_) => DecryptionShareTag::NAME,
            Self::Result(_) => ResultTag::NAME,
            Self::Abandonment(_) => AbandonmentTag::NAME,
        }
    }
}
