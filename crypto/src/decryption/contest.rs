//! Decryption shares of one contest: made by a trustee, checked by everybody.

use std::ops::Range;

use rand::CryptoRng;

use crate::ceremony::{ElectionKeys, TrusteeShares};
use crate::decryption::{DecryptionError, ShareStatement, share_points};
use crate::group::RistrettoPoint;
use crate::hash::Hash;
use crate::id::{Id, TrusteeId};
use crate::leaves::{ContestShares, Head, ShareProof};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// What of a contest is decrypted. ⚠ `pads` come from one's own tally, never from the board or a trustee.
#[derive(Debug, Clone)]
pub struct ContestDecryption<'a> {
    /// The election.
    pub fingerprint: &'a Hash,
    /// The closing head, to which q trustees agreed.
    pub head: &'a Head,
    /// The contest.
    pub contest: &'a Id,
    /// Its secret rows' positions among the election keys, from 0: row j of the specs is j − 1 here.
    pub rows: Range<usize>,
    /// P_g: the pads of its cells with ballots, in order.
    pub pads: &'a [RistrettoPoint],
}

/// A trustee's shares of one contest whose proof holds: D_{j,g}, by cell and row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedContestShares {
    trustee: TrusteeId,
    contest: Id,
    points: Vec<Vec<RistrettoPoint>>,
}

impl VerifiedContestShares {
    /// Whose they are.
    #[must_use]
    pub fn trustee(&self) -> TrusteeId {
        self.trustee
    }

    /// Which contest's.
    #[must_use]
    pub fn contest(&self) -> &Id {
        &self.contest
    }

    /// D_{j,g}, by cell and row.
    #[must_use]
    pub fn points(&self) -> &[Vec<RistrettoPoint>] {
        &self.points
    }
}

impl ContestDecryption<'_> {
    /// `transcript("decryption")`, append `fingerprint`, `ceremony`, `tree-size`, `root`, `contest`, `trustee`.
    pub(super) fn transcript(&self, ceremony: &Hash, trustee: TrusteeId) -> Transcript {
        let mut transcript = Transcript::protocol("decryption");
        transcript.append_hash(b"fingerprint", self.fingerprint);
        transcript.append_hash(b"ceremony", ceremony);
        transcript.append_integer(b"tree-size", self.head.tree_size);
        transcript.append_hash(b"root", &self.head.root);
        transcript.append_message(b"contest", self.contest.as_bytes());
        transcript.append_integer(b"trustee", trustee.0);
        transcript
    }

    /// The part of `all`, one per election key, that belongs to the contest's rows.
    fn rows_of<'b, T>(&self, all: &'b [T]) -> Result<&'b [T], DecryptionError> {
        let rows = all.get(self.rows.clone()).filter(|rows| !rows.is_empty());
        rows.ok_or_else(|| DecryptionError::Rows { contest: self.contest.clone() })
    }
}

/// A trustee's shares of a contest, with their proof. The caller must know that q trustees agreed to `what.head` and
/// that the pads are its own tally's at that head.
///
/// # Errors
/// [`DecryptionError::WrongElection`], [`DecryptionError::Rows`], [`DecryptionError::NoCells`].
pub fn decrypt_contest(
    what: &ContestDecryption<'_>,
    shares: &TrusteeShares,
    rng: &mut impl CryptoRng,
) -> Result<ContestShares, DecryptionError> {
    if what.fingerprint != shares.fingerprint() {
        return Err(DecryptionError::WrongElection(shares.trustee()));
    }
    if what.pads.is_empty() {
        return Err(DecryptionError::NoCells { contest: what.contest.clone() });
    }
    let secrets = what.rows_of(shares.expose_secrets())?;
    let public_shares = what.rows_of(shares.public_shares())?;
    // D_{j,g} = x_{i,j}·P_g
    let points = share_points(secrets, what.pads);
    let statement = ShareStatement { public_shares, pads: what.pads, shares: &points };
    let proof = ShareProof::prove(what.transcript(shares.ceremony(), shares.trustee()), &statement, secrets, rng);
    let shares = points.chunks(secrets.len()).map(<[_]>::to_vec).collect();
    Ok(ContestShares { contest: what.contest.clone(), proof, shares })
}

/// Checks a trustee's shares of a contest against the pads of one's own tally.
///
/// # Errors
/// [`DecryptionError`], naming the trustee: shares of another contest or shape, or a proof that does not hold.
pub fn verify_contest_shares(
    what: &ContestDecryption<'_>,
    keys: &ElectionKeys,
    trustee: TrusteeId,
    shares: &ContestShares,
) -> Result<VerifiedContestShares, DecryptionError> {
    if *what.fingerprint != keys.fingerprint {
        return Err(DecryptionError::WrongElection(trustee));
    }
    let contest = what.contest;
    if shares.contest != *contest {
        let (expected, found) = (contest.clone(), shares.contest.clone());
        return Err(DecryptionError::WrongContest { trustee, expected, found });
    }
    let public_shares = keys.public_shares_of(trustee).ok_or(DecryptionError::UnknownTrustee(trustee))?;
    let public_shares = what.rows_of(public_shares)?;
    let rows = public_shares.len();
    if shares.shares.len() != what.pads.len() || shares.shares.iter().any(|cell| cell.len() != rows) {
        return Err(DecryptionError::Shape { trustee, contest: contest.clone() });
    }
    let flat = shares.shares.concat();
    let statement = ShareStatement { public_shares, pads: what.pads, shares: &flat };
    let refused = |source| DecryptionError::Proof { trustee, contest: contest.clone(), source };
    let points = shares.proof.verify(what.transcript(&keys.ceremony, trustee), &statement).map_err(refused)?;
    let points = points.chunks(rows).map(<[_]>::to_vec).collect();
    Ok(VerifiedContestShares { trustee, contest: contest.clone(), points })
}
