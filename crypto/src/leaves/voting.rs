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
pub struct Opening {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// The ceremony hash that all trustees confirmed: which keys voters encrypt to.
    pub ceremony: Hash,
    /// Hash of the roll as it stands in the log.
    pub roll: Hash,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: OpeningTag,
}

/// A ballot: statement, announcements, responses; specs/protocol.md section 4. M + 9 points and N + 4 scalars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotLeaf {
    /// A, announcement of the bits' commitment.
    pub a: EncodedPoint,
    /// B, the commitment to the bits.
    pub bits: EncodedPoint,
    /// From 1, one more than that of the credential's previous ballot.
    pub counter: u64,
    /// The voter's public key on the roll.
    pub credential: EncodedPoint,
    /// M points: data_j = m_j·G + r·K_j, one for each secret row of the style.
    pub data: Vec<EncodedPoint>,
    /// E_data, announcement of the equation of the rows.
    pub e_data: EncodedPoint,
    /// E_pad, announcement of the pad's nonce.
    pub e_pad: EncodedPoint,
    /// N responses f_i = x·b_i + a_i, one for each bit.
    pub f: Vec<EncodedScalar>,
    /// r·G; never seen before in the log.
    pub pad: EncodedPoint,
    /// SHA-256 of the credential's previous ballot entry, zeros for none.
    pub previous: Hash,
    /// S, announcement of the squares of the masks.
    pub s: EncodedPoint,
    /// Ballot style: that which the roll gives the credential.
    pub style: Id,
    /// T, announcement of the mixed terms.
    pub t: EncodedPoint,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: BallotTag,
    /// V, announcement of the credential's secret.
    pub v: EncodedPoint,
    /// Response for the randomness of B.
    pub z_1: EncodedScalar,
    /// Response for the randomness of T and S.
    pub z_2: EncodedScalar,
    /// Response for the encryption's nonce r.
    pub z_3: EncodedScalar,
    /// Response for the credential's secret.
    pub z_4: EncodedScalar,
}

/// A spoiled ballot that its voter publishes: an opening, signed by the credential; specs/protocol.md section 4.5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpoiledBallot {
    /// A `0` or `1` for each bit of the style.
    pub bits: String,
    /// The confirmation code, all 256 bits.
    pub code: Hash,
    /// That of the ballot that it would have been.
    pub counter: u64,
    /// The voter's public key on the roll.
    pub credential: EncodedPoint,
    /// As in the ballot that it would have been: SHA-256 of the previous one, zeros for none.
    pub previous: Hash,
    /// The credential's signature.
    pub proof: KnowledgeProof,
    /// 32 bytes from which the nonces are expanded; no hash, but written like one.
    pub seed: Hash,
    /// Ballot style: that which the roll gives the credential.
    pub style: Id,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: SpoiledBallotTag,
}

/// The board's commitment to the running tally.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TallyHead {
    /// Counted ballots: superseded ones are not among them.
    pub ballots: u64,
    /// Hash of the running tally: specs/protocol.md section 4.4.
    pub digest: Hash,
    /// By the board's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// Entries before this one, that is its own index.
    pub tree_size: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: TallyHeadTag,
}

/// A later end of voting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// The new announced end, later than the one before; milliseconds since the Unix epoch, UTC.
    pub closes_at_ms: u64,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ExtensionTag,
}

/// Voting ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ClosingTag,
}

/// The election ends without a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abandonment {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// For everybody to read, 1 to 4,096 bytes.
    pub reason: String,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: AbandonmentTag,
}

signed!(Opening, Extension, Closing, Abandonment);
