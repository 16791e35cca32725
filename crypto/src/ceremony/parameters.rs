//! What a ceremony is about: fixed by the manifest and the attempt.

use crate::ceremony::CeremonyError;
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::manifest::Manifest;

/// Election, attempt, quorum k, number of rows R and the n trustees' encryption keys, checked to make a ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeremonyParameters {
    fingerprint: Hash,
    attempt: u64,
    quorum: usize,
    rows: usize,
    encryption_keys: Vec<EncodedPoint>,
    encryption_points: Vec<RistrettoPoint>,
}

impl CeremonyParameters {
    /// For one attempt (from 1) at the ceremony of the election with this manifest, whose contests have `rows` secret
    /// rows together.
    ///
    /// # Errors
    /// [`CeremonyError::Quorum`], [`CeremonyError::NoRows`], [`CeremonyError::EncryptionKey`]; none for a
    /// [`crate::manifest::CheckedManifest`] and its number of rows.
    pub fn new(fingerprint: Hash, attempt: u64, manifest: &Manifest, rows: usize) -> Result<Self, CeremonyError> {
        let encryption_keys = manifest.trustees.iter().map(|t| t.encryption_key).collect();
        Self::from_parts(fingerprint, attempt, manifest.quorum, rows, encryption_keys)
    }

    /// The same from the few numbers that matter. `encryption_keys` are in the trustees' order.
    ///
    /// # Errors
    /// As [`CeremonyParameters::new`].
    pub fn from_parts(
        fingerprint: Hash,
        attempt: u64,
        quorum: u64,
        rows: usize,
        encryption_keys: Vec<EncodedPoint>,
    ) -> Result<Self, CeremonyError> {
        let trustees = encryption_keys.len() as u64;
        let refused = CeremonyError::Quorum { quorum, trustees };
        // 2k > n: two disjoint sets of trustees must not both be able to decrypt.
        if quorum > trustees || quorum.saturating_mul(2) <= trustees {
            return Err(refused);
        }
        let quorum = usize::try_from(quorum).map_err(|_| refused)?;
        if rows == 0 {
            return Err(CeremonyError::NoRows);
        }
        // ⚠ Shares for the identity would be readable by everybody.
        let encryption_points = (1..)
            .zip(&encryption_keys)
            .map(|(i, key)| {
                let refused = |source| CeremonyError::EncryptionKey { trustee: TrusteeId(i), source };
                key.decode_non_identity().map_err(refused)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { fingerprint, attempt, quorum, rows, encryption_keys, encryption_points })
    }

    /// SHA-256 of the manifest's entry.
    #[must_use]
    pub fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }

    /// From 1.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// k: how many trustees decrypt.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.quorum
    }

    /// R: how many election keys are made.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// n.
    #[must_use]
    pub fn trustee_count(&self) -> usize {
        self.encryption_keys.len()
    }

    /// 1…n.
    pub fn trustees(&self) -> impl Iterator<Item = TrusteeId> + use<> {
        (1..=self.encryption_keys.len() as u64).map(TrusteeId)
    }

    /// R·k: the number of one trustee's coefficients.
    pub(super) fn coefficients(&self) -> usize {
        self.rows.saturating_mul(self.quorum)
    }

    /// Position of a trustee, from 0.
    pub(super) fn index(&self, trustee: TrusteeId) -> Result<usize, CeremonyError> {
        let index = trustee.0.checked_sub(1).and_then(|i| usize::try_from(i).ok());
        index.filter(|i| *i < self.encryption_keys.len()).ok_or(CeremonyError::UnknownTrustee(trustee))
    }

    /// PK_i, as bytes and as a point.
    pub(super) fn encryption_key(&self, i: TrusteeId) -> Result<(&EncodedPoint, &RistrettoPoint), CeremonyError> {
        let index = self.index(i)?;
        self.encryption_keys.get(index).zip(self.encryption_points.get(index)).ok_or(CeremonyError::UnknownTrustee(i))
    }
}
