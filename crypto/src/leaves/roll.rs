//! The registrar's entries: specs/protocol.md section 6.

use serde::{Deserialize, Serialize};

use super::{ReissueTag, RollPartTag, RollTag, signed};
use crate::group::EncodedPoint;
use crate::hash::Hash;
use crate::id::Id;
use crate::signature::{Signature, SignedEntry};

/// One voter of the roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollEntry {
    /// The public key by which the voter is known; no identity.
    pub credential: EncodedPoint,
    /// Reporting group: one of the manifest's.
    pub group: Id,
    /// Ballot style: one of the manifest's.
    pub style: Id,
    /// From 1: how often each ballot counts.
    pub weight: u64,
}

/// Some hundred voters of the roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollPart {
    /// Ascending by credential, also from part to part.
    pub entries: Vec<RollEntry>,
    /// From 0.
    pub part: u64,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: RollPartTag,
}

/// The end of the roll: count, weight and hash of all parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roll {
    /// How many voters.
    pub count: u64,
    /// Of all parts: specs/protocol.md section 6.
    pub hash: Hash,
    /// How many parts there are, at least one.
    pub parts: u64,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Sum of all weights, at most the manifest's `max_total_weight`.
    pub total_weight: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: RollTag,
}

/// A new credential in the place of an old one that has not voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reissue {
    /// The credential that may vote from here on, with the old one's group, style and weight.
    pub new: EncodedPoint,
    /// The credential that may not any more.
    pub old: EncodedPoint,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the registrar's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ReissueTag,
}

signed!(RollPart, Roll, Reissue);
