//! Trustees' messages in the key ceremony: specs/protocol.md section 5.

use serde::{Deserialize, Serialize};

use super::{Base64Bytes, CommitTag, ConfirmTag, RehearsalTag, RevealTag, ShareProof, SharesTag, signed};
use crate::group::EncodedPoint;
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::knowledge::KnowledgeProof;
use crate::signature::{Signature, SignedEntry};

/// Ceremony phase 1: the hash of a trustee's coefficient commitments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Commit {
    pub attempt: u64,
    pub hash: Hash,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: CommitTag,
}

/// Ceremony phase 2: the commitments themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Reveal {
    pub attempt: u64,
    /// R·k points, key by key.
    pub commitments: Vec<EncodedPoint>,
    pub commits: Hash,
    pub proof: KnowledgeProof,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: RevealTag,
}

/// A dealer's masked shares for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SharePackage {
    pub ephemeral: EncodedPoint,
    pub masked: Base64Bytes,
    pub proof: KnowledgeProof,
    pub recipient: TrusteeId,
}

/// Ceremony phase 3: packages for all other trustees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Shares {
    pub attempt: u64,
    pub packages: Vec<SharePackage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: SharesTag,
}

/// Ceremony phase 4: a trustee vouches for the whole transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Confirm {
    pub attempt: u64,
    pub ceremony: Hash,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: ConfirmTag,
}

/// Ceremony phase 5: shares of the rehearsal pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Rehearsal {
    pub attempt: u64,
    pub proof: ShareProof,
    pub shares: Vec<EncodedPoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: RehearsalTag,
}

signed!(Commit, Reveal, Shares, Confirm, Rehearsal);
