//! When a key ceremony goes wrong: a trustee's complaint, an administrator's restart; specs/protocol.md section 5.

use serde::{Deserialize, Serialize};

use super::{ComplaintTag, RestartTag, ShareProof, signed};
use crate::group::EncodedPoint;
use crate::id::TrusteeId;
use crate::signature::{Signature, SignedEntry};

/// A trustee opens the package that a dealer sent to it, for everybody to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// Which attempt at the ceremony, from 1.
    pub attempt: u64,
    /// Who is accused.
    pub dealer: TrusteeId,
    /// That Z has the discrete logarithm to E that the encryption key has to G.
    pub proof: ShareProof,
    /// Z = d_i·E, from which the package's mask follows.
    pub shared: EncodedPoint,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who complains: the package's recipient.
    pub trustee: TrusteeId,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ComplaintTag,
}

/// Why a trustee is left out of the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExclusionReason {
    /// It did not speak in the phase in which the ceremony stands: no fraud.
    Absent,
    /// A complaint showed that it cheated.
    Fault,
}

impl std::fmt::Display for ExclusionReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Absent => "absent",
            Self::Fault => "fault",
        })
    }
}

/// A trustee that is left out from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Absence or proven fault.
    pub reason: ExclusionReason,
    /// Who: a number from 1, in manifest order.
    pub trustee: TrusteeId,
}

/// The key ceremony begins anew, perhaps without some trustees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Which administrator: a number from 1, in manifest order.
    pub administrator: u64,
    /// Of the attempt that begins.
    pub attempt: u64,
    /// Ascending by trustee; those left out earlier stay out and are not repeated.
    pub excluded: Vec<Exclusion>,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// By the administrator's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: RestartTag,
}

signed!(Complaint, Restart);
