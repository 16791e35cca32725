//! Why decryption shares are refused or do not combine.

use crate::decryption::ShareProofError;
use crate::id::{Id, TrusteeId};

/// Names the trustee and the contest where there is one.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are what the messages call them.
pub enum DecryptionError {
    /// Secret shares of one election, a tally of another.
    #[error("the shares of {0} are for another election")]
    WrongElection(TrusteeId),
    /// No such trustee.
    #[error("the manifest has no {0}")]
    UnknownTrustee(TrusteeId),
    /// The caller's rows are not the manifest's.
    #[error("contest {contest} has rows beyond the election's keys, or none")]
    Rows { contest: Id },
    /// Nobody voted in it, or it is withheld.
    #[error("contest {contest} has no cell with ballots, so it has no decryption shares")]
    NoCells { contest: Id },
    /// Contests in another order, or one left out.
    #[error("{trustee} sent shares of {found} where those of {expected} belong")]
    WrongContest { trustee: TrusteeId, expected: Id, found: Id },
    /// Not one share for each cell with ballots and each row: the trustee had another tally.
    #[error("{trustee} did not send one share for each cell and row of {contest}")]
    Shape { trustee: TrusteeId, contest: Id },
    /// Wrong shares, or shares of another tally or election.
    #[error("the proof of the shares of {trustee} for {contest} does not hold")]
    Proof { trustee: TrusteeId, contest: Id, source: ShareProofError },
    /// Too few trustees.
    #[error("{found} valid shares do not decrypt: {quorum} are needed")]
    TooFew { found: u64, quorum: u64 },
    /// The same trustee counted twice.
    #[error("{0} appears twice among the shares")]
    Repeated(TrusteeId),
    /// Shares of different contests or cells.
    #[error("the shares of {0} are not of the same cells as the others'")]
    Mixed(TrusteeId),
    /// Data that do not belong to the shares.
    #[error("the tally's data and the combined shares have different cells or rows")]
    Data,
}
