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
#[allow(missing_docs)]
pub struct RollEntry {
    pub credential: EncodedPoint,
    pub group: Id,
    pub style: Id,
    pub weight: u64,
}

/// Some hundred voters of the roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RollPart {
    pub entries: Vec<RollEntry>,
    pub part: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    #[serde(rename = "type")]
    pub tag: RollPartTag,
}

/// The end of the roll: count, weight and hash of all parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Roll {
    pub count: u64,
    pub hash: Hash,
    pub parts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub total_weight: u64,
    #[serde(rename = "type")]
    pub tag: RollTag,
}

/// A new credential in the place of an old one that has not voted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Reissue {
    pub new: EncodedPoint,
    pub old: EncodedPoint,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: ReissueTag,
}

signed!(RollPart, Roll, Reissue);
