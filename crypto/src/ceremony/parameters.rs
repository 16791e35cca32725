//! What a ceremony is about: fixed by the manifest and the attempt.

use crate::ceremony::CeremonyError;
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::manifest::Manifest;

/// Election, attempt, quorum k, number of rows R and the encryption keys of the trustees that take part, checked to make
/// a ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeremonyParameters {
    fingerprint: Hash,
    attempt: u64,
    quorum: usize,
    rows: usize,
    /// Of all trustees of the manifest.
    encryption_keys: Vec<EncodedPoint>,
    encryption_points: Vec<RistrettoPoint>,
    /// Who takes part, ascending: all in the first attempt.
    trustees: Vec<TrusteeId>,
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
        let trustees = (1..=trustees).map(TrusteeId).collect();
        Ok(Self { fingerprint, attempt, quorum, rows, encryption_keys, encryption_points, trustees })
    }

    /// The next attempt, without the trustees `left_out`. Numbers, keys, k and R stay.
    ///
    /// # Errors
    /// [`CeremonyError::UnknownTrustee`] for one that does not take part now, [`CeremonyError::Quorum`] when fewer than k
    /// remain.
    pub fn next(&self, left_out: &[TrusteeId]) -> Result<Self, CeremonyError> {
        if let Some(unknown) = left_out.iter().find(|trustee| !self.trustees.contains(trustee)) {
            return Err(CeremonyError::UnknownTrustee(*unknown));
        }
        let trustees: Vec<_> = self.trustees.iter().copied().filter(|trustee| !left_out.contains(trustee)).collect();
        // 2k > n holds all the more.
        if trustees.len() < self.quorum {
            return Err(CeremonyError::Quorum { quorum: self.quorum as u64, trustees: trustees.len() as u64 });
        }
        Ok(Self { attempt: self.attempt.saturating_add(1), trustees, ..self.clone() })
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

    /// How many trustees take part.
    #[must_use]
    pub fn trustee_count(&self) -> usize {
        self.trustees.len()
    }

    /// Who takes part, ascending.
    pub fn trustees(&self) -> impl Iterator<Item = TrusteeId> + '_ {
        self.trustees.iter().copied()
    }

    /// Whether this trustee of the manifest was left out by a restart.
    #[must_use]
    pub fn is_excluded(&self, trustee: TrusteeId) -> bool {
        (1..=self.encryption_keys.len() as u64).contains(&trustee.0) && self.trustees.binary_search(&trustee).is_err()
    }

    /// R·k: the number of one trustee's coefficients.
    pub(super) fn coefficients(&self) -> usize {
        self.rows.saturating_mul(self.quorum)
    }

    /// Position of a trustee among those that take part, from 0.
    pub(super) fn index(&self, trustee: TrusteeId) -> Result<usize, CeremonyError> {
        if self.is_excluded(trustee) {
            return Err(CeremonyError::Excluded(trustee));
        }
        self.trustees.binary_search(&trustee).map_err(|_| CeremonyError::UnknownTrustee(trustee))
    }

    /// PK_i, as bytes and as a point.
    pub(super) fn encryption_key(&self, i: TrusteeId) -> Result<(&EncodedPoint, &RistrettoPoint), CeremonyError> {
        self.index(i)?;
        let index = i.0.checked_sub(1).and_then(|i| usize::try_from(i).ok()).ok_or(CeremonyError::UnknownTrustee(i))?;
        self.encryption_keys.get(index).zip(self.encryption_points.get(index)).ok_or(CeremonyError::UnknownTrustee(i))
    }
}
