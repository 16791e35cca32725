//! From k trustees' shares to r·K_j, and from there to the counts' points; specs/protocol.md section 8.

use std::collections::BTreeSet;

use curve25519_dalek::traits::VartimeMultiscalarMul as _;

use crate::decryption::{DecryptionError, VerifiedContestShares};
use crate::group::{RistrettoPoint, lagrange_at_zero};

/// Σ_i λ_i·D_{i,j,g} over the first k of `shares`, by cell and row. Any k give the same.
///
/// # Errors
/// [`DecryptionError::TooFew`] with fewer than `quorum`, [`DecryptionError::Repeated`] when a trustee appears twice,
/// [`DecryptionError::Mixed`] when they are not of the same contest and cells.
pub fn combine(shares: &[&VerifiedContestShares], quorum: u64) -> Result<Vec<Vec<RistrettoPoint>>, DecryptionError> {
    let too_few = DecryptionError::TooFew { found: shares.len() as u64, quorum };
    let used = usize::try_from(quorum).ok().and_then(|k| shares.get(..k));
    let Some((used, first)) = used.and_then(|used| Some((used, used.first()?))) else { return Err(too_few) };
    let mut seen = BTreeSet::new();
    for share in shares {
        if !seen.insert(share.trustee()) {
            return Err(DecryptionError::Repeated(share.trustee()));
        }
        let cells = |s: &VerifiedContestShares| s.points().iter().map(Vec::len).collect::<Vec<_>>();
        if share.contest() != first.contest() || cells(share) != cells(first) {
            return Err(DecryptionError::Mixed(share.trustee()));
        }
    }
    // λ_i: the Lagrange coefficients at 0.
    let lambdas = lagrange_at_zero(&used.iter().map(|s| s.trustee().0).collect::<Vec<_>>());
    let combined = |cell: usize, row: usize| {
        let points = used.iter().map(|s| s.points().get(cell).and_then(|rows| rows.get(row)).copied());
        // The shapes are equal, so every point is there.
        RistrettoPoint::optional_multiscalar_mul(&lambdas, points).ok_or(DecryptionError::Mixed(first.trustee()))
    };
    let cells = first.points().iter().enumerate();
    cells.map(|(cell, rows)| (0..rows.len()).map(|row| combined(cell, row)).collect()).collect()
}

/// m_{j,g}·G = data_{j,g} − Σ_i λ_i·D_{i,j,g}: the counts in the exponent, by cell and row.
///
/// # Errors
/// [`DecryptionError::Data`] when `data` and `combined` differ in shape.
pub fn message_points(
    data: &[Vec<RistrettoPoint>],
    combined: &[Vec<RistrettoPoint>],
) -> Result<Vec<Vec<RistrettoPoint>>, DecryptionError> {
    if !data.iter().map(Vec::len).eq(combined.iter().map(Vec::len)) {
        return Err(DecryptionError::Data);
    }
    let cell = |(data, shares): (&Vec<RistrettoPoint>, &Vec<RistrettoPoint>)| {
        data.iter().zip(shares).map(|(data, share)| data - share).collect()
    };
    Ok(data.iter().zip(combined).map(cell).collect())
}
