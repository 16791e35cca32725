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

/// The credentials of a part of the roll, known to be group elements other than the identity: the costly half of its check,
/// which needs no state and so can be made on any thread, before [`crate::record::RecordState::apply_roll_part`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedCredentials(Vec<EncodedPoint>);

impl DecodedCredentials {
    /// `None` when one of them is no group element, or the identity.
    #[must_use]
    pub fn of(part: &RollPart) -> Option<Self> {
        let credentials =
            part.entries.iter().map(|entry| entry.credential.decode_non_identity().map(|_| entry.credential));
        credentials.collect::<Result<_, _>>().ok().map(Self)
    }

    pub(crate) fn are_those_of(&self, part: &RollPart) -> bool {
        self.0.iter().eq(part.entries.iter().map(|entry| &entry.credential))
    }
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
