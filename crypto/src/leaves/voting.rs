//! From the opening to the closing: specs/protocol.md sections 4, 6.

use serde::{Deserialize, Serialize};

use super::{AbandonmentTag, BallotTag, ClosingTag, ExtensionTag, OpeningTag, SpoiledBallotTag, TallyHeadTag, signed};
use crate::group::{EncodedPoint, EncodedScalar};
use crate::hash::Hash;
use crate::id::Id;
use crate::knowledge::KnowledgeProof;
use crate::signature::{Signature, SignedEntry};

/// Voting begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Opening {
    pub administrator: u64,
    pub ceremony: Hash,
    pub roll: Hash,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: OpeningTag,
}

/// A ballot: statement, announcements, responses; specs/protocol.md section 4. M + 9 points and N + 4 scalars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BallotLeaf {
    pub a: EncodedPoint,
    /// B, the commitment to the bits.
    pub bits: EncodedPoint,
    pub counter: u64,
    pub credential: EncodedPoint,
    pub data: Vec<EncodedPoint>,
    pub e_data: EncodedPoint,
    pub e_pad: EncodedPoint,
    pub f: Vec<EncodedScalar>,
    pub pad: EncodedPoint,
    pub previous: Hash,
    pub s: EncodedPoint,
    pub style: Id,
    pub t: EncodedPoint,
    #[serde(rename = "type")]
    pub tag: BallotTag,
    pub v: EncodedPoint,
    pub z_1: EncodedScalar,
    pub z_2: EncodedScalar,
    pub z_3: EncodedScalar,
    pub z_4: EncodedScalar,
}

/// A spoiled ballot that its voter publishes: an opening, signed by the credential; specs/protocol.md section 4.5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SpoiledBallot {
    /// A `0` or `1` for each bit of the style.
    pub bits: String,
    /// The confirmation code, all 256 bits.
    pub code: Hash,
    pub counter: u64,
    pub credential: EncodedPoint,
    pub previous: Hash,
    pub proof: KnowledgeProof,
    /// 32 bytes from which the nonces are expanded; no hash, but written like one.
    pub seed: Hash,
    pub style: Id,
    #[serde(rename = "type")]
    pub tag: SpoiledBallotTag,
}

/// The board's commitment to the running tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TallyHead {
    pub ballots: u64,
    pub digest: Hash,
    pub time_ms: u64,
    pub tree_size: u64,
    #[serde(rename = "type")]
    pub tag: TallyHeadTag,
}

/// A later end of voting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Extension {
    pub administrator: u64,
    pub closes_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: ExtensionTag,
}

/// Voting ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Closing {
    pub administrator: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: ClosingTag,
}

/// The election ends without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Abandonment {
    pub administrator: u64,
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: AbandonmentTag,
}

signed!(Opening, Extension, Closing, Abandonment);
