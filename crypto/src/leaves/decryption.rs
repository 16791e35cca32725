//! After the closing: specs/protocol.md section 8. The share proof also stands in the ceremony's rehearsal.

use serde::{Deserialize, Serialize};

use super::{AgreementTag, DecryptionShareTag, ResultTag, signed};
use crate::group::{EncodedPoint, EncodedScalar};
use crate::hash::Hash;
use crate::id::{Id, TrusteeId};
use crate::signature::{Signature, SignedEntry};

/// A size of the log and the root hash of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Merkle tree hash (RFC 6962 section 2.1).
    pub root: Hash,
    /// Number of entries.
    pub tree_size: u64,
}

/// A trustee's one word on what is to be decrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Agreement {
    pub head: Head,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: AgreementTag,
}

/// The proof of specs/protocol.md section 5, "Share proof". 96 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ShareProof {
    pub v_base: EncodedPoint,
    pub v_pads: EncodedPoint,
    pub z: EncodedScalar,
}

/// A trustee's decryption shares of one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ContestShares {
    pub contest: Id,
    pub proof: ShareProof,
    /// For each cell with ballots, in order, a point per row.
    pub shares: Vec<Vec<EncodedPoint>>,
}

/// A trustee's decryption shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DecryptionShare {
    pub contests: Vec<ContestShares>,
    pub head: Head,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub trustee: TrusteeId,
    #[serde(rename = "type")]
    pub tag: DecryptionShareTag,
}

/// Decrypted counts of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellCounts {
    /// One per secret row of the contest.
    pub counts: Vec<u64>,
    /// The reporting groups merged in this cell, in manifest order.
    pub groups: Vec<Id>,
}

/// Decrypted counts of one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContestResult {
    /// Its cells; empty when withheld.
    pub cells: Vec<CellCounts>,
    /// The contest.
    pub contest: Id,
    /// True when too few voted for it to be decrypted.
    pub withheld: bool,
}

/// The published counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ElectionResult {
    pub administrator: u64,
    pub contests: Vec<ContestResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    pub time_ms: u64,
    #[serde(rename = "type")]
    pub tag: ResultTag,
}

signed!(Agreement, DecryptionShare, ElectionResult);
