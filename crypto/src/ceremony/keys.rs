//! What a complete ceremony leaves: the election keys and everybody's public shares.

use std::collections::BTreeSet;

use curve25519_dalek::traits::IsIdentity as _;

use crate::ceremony::messages::vartime_evaluate;
use crate::ceremony::{CeremonyError, CeremonyParameters};
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::hash::Hash;
use crate::id::TrusteeId;

/// K_1…K_R and Y_{i,r}, for encryption and for checking decryption shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionKeys {
    /// The election.
    pub fingerprint: Hash,
    /// The ceremony hash, to which ballots and decryption shares are bound.
    pub ceremony: Hash,
    /// k: how many trustees decrypt.
    pub quorum: u64,
    /// K_r = Σ_l C_{l,r,0}, by row.
    pub keys: Vec<RistrettoPoint>,
    /// The same as bytes.
    pub encoded: Vec<EncodedPoint>,
    /// Who holds shares, ascending: those that took part to the end.
    pub trustees: Vec<TrusteeId>,
    /// Y_{i,r}, by trustee (in that order) and row.
    pub public_shares: Vec<Vec<RistrettoPoint>>,
}

impl ElectionKeys {
    /// Y_{i,r} of one trustee, by row.
    #[must_use]
    pub fn public_shares_of(&self, trustee: TrusteeId) -> Option<&[RistrettoPoint]> {
        let index = self.trustees.binary_search(&trustee).ok()?;
        self.public_shares.get(index).map(Vec::as_slice)
    }

    /// Adds up all trustees' commitments.
    pub(super) fn new(parameters: &CeremonyParameters, ceremony: Hash, joint: &JointCommitments) -> Self {
        // Y_{i,r} = Σ_l Σ_m i^m·C_{l,r,m}: the joint polynomial, in the exponent, at i.
        let shares = |i| joint.rows(parameters).map(|row| vartime_evaluate(row, i)).collect();
        Self {
            fingerprint: *parameters.fingerprint(),
            ceremony,
            quorum: parameters.quorum() as u64,
            keys: joint.keys(parameters).copied().collect(),
            encoded: joint.keys(parameters).map(EncodedPoint::from).collect(),
            trustees: parameters.trustees().collect(),
            public_shares: parameters.trustees().map(shares).collect(),
        }
    }
}

/// Σ_l C_{l,r,m}, row by row.
#[derive(Debug, Clone)]
pub(super) struct JointCommitments(Vec<RistrettoPoint>);

impl JointCommitments {
    /// Sums, and checks that the keys are distinct and not the identity.
    ///
    /// # Errors
    /// [`CeremonyError::Keys`].
    pub(super) fn sum<'a>(
        parameters: &CeremonyParameters,
        dealers: impl IntoIterator<Item = &'a [RistrettoPoint]>,
    ) -> Result<Self, CeremonyError> {
        let mut dealers = dealers.into_iter();
        let mut sums = dealers.next().unwrap_or_default().to_vec();
        for commitments in dealers {
            for (sum, commitment) in sums.iter_mut().zip(commitments) {
                *sum += commitment;
            }
        }
        let joint = Self(sums);
        let mut seen = BTreeSet::new();
        for key in joint.keys(parameters) {
            // ⚠ Equal keys would show which counts differ; the identity would encrypt nothing.
            if key.is_identity() || !seen.insert(EncodedPoint::from(key)) {
                return Err(CeremonyError::Keys);
            }
        }
        Ok(joint)
    }

    fn rows(&self, parameters: &CeremonyParameters) -> impl Iterator<Item = &[RistrettoPoint]> {
        self.0.chunks(parameters.quorum())
    }

    /// K_r.
    fn keys(&self, parameters: &CeremonyParameters) -> impl Iterator<Item = &RistrettoPoint> {
        self.0.iter().step_by(parameters.quorum())
    }
}
