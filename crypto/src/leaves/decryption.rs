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
pub struct Agreement {
    /// The log that ends with the closing: the head right after it.
    pub head: Head,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the trustee's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: AgreementTag,
}

/// The proof of specs/protocol.md section 5, "Share proof". 96 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareProof {
    /// k·G for the nonce k.
    pub v_base: EncodedPoint,
    /// k times the weighted sum of the pads.
    pub v_pads: EncodedPoint,
    /// k + e·(weighted sum of the trustee's secret shares).
    pub z: EncodedScalar,
}

/// A trustee's decryption shares of one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContestShares {
    /// The contest's id.
    pub contest: Id,
    /// One for all cells and rows of the contest.
    pub proof: ShareProof,
    /// For each cell with ballots, in order, a point per row.
    pub shares: Vec<Vec<EncodedPoint>>,
}

/// A trustee's decryption shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecryptionShare {
    /// Those that are decrypted, in manifest order.
    pub contests: Vec<ContestShares>,
    /// The head that enough trustees agreed to.
    pub head: Head,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// The member `type`.
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
pub struct ElectionResult {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// All contests, in manifest order.
    pub contests: Vec<ContestResult>,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ResultTag,
}

signed!(Agreement, DecryptionShare, ElectionResult);
