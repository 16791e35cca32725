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
pub struct Commit {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// SHA-256 of all coefficient commitments, as specs/protocol.md section 5 hashes them.
    pub hash: Hash,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: CommitTag,
}

/// Ceremony phase 2: the commitments themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// R·k points, key by key.
    pub commitments: Vec<EncodedPoint>,
    /// Hash of all trustees' commits: what the sender had seen.
    pub commits: Hash,
    /// Knowledge of the constant terms of all its polynomials, one proof for all R.
    pub proof: KnowledgeProof,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: RevealTag,
}

/// A dealer's masked shares for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharePackage {
    /// E = e·G, fresh for each package.
    pub ephemeral: EncodedPoint,
    /// R scalars of 32 bytes, key by key, XORed with the mask.
    pub masked: Base64Bytes,
    /// Knowledge of e, bound to ciphertext, dealer and recipient.
    pub proof: KnowledgeProof,
    /// For whom: a number from 1, never the dealer's own.
    pub recipient: TrusteeId,
}

/// Ceremony phase 3: packages for all other trustees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// One for each other trustee that takes part, ascending by recipient.
    pub packages: Vec<SharePackage>,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: SharesTag,
}

/// Ceremony phase 4: a trustee vouches for the whole transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// Hash of everybody's commit, reveal and shares messages.
    pub ceremony: Hash,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ConfirmTag,
}

/// Ceremony phase 5: shares of the rehearsal pad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// That the shares are right, by the commitments of all dealers.
    pub proof: ShareProof,
    /// R points: the trustee's share of the rehearsal pad by each key.
    pub shares: Vec<EncodedPoint>,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: RehearsalTag,
}

signed!(Commit, Reveal, Shares, Confirm, Rehearsal);
