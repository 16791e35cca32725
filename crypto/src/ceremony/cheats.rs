//! Trustees that cheat as well as it can be done, for tests of those who must refuse it.

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::ceremony::messages::{ConstantTerms, PackageRoute};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyParameters, CeremonyPhase, Dealer};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar, random_scalar};
use crate::id::TrusteeId;
use crate::knowledge::KnowledgeProof;
use crate::leaves::{Base64Bytes, Reveal, RevealTag, SharePackage, Shares};
use crate::transcript::TranscriptProtocol as _;

impl Dealer {
    /// Deals polynomials of a degree that is too high by one: with it, k trustees would not decrypt.
    #[must_use]
    pub fn with_too_many_coefficients(
        parameters: CeremonyParameters,
        trustee: TrusteeId,
        decryption_secret: SecretScalar,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let count = parameters.coefficients().saturating_add(parameters.rows());
        let coefficients = Zeroizing::new((0..count).map(|_| random_scalar(rng)).collect());
        Self::from_coefficients(parameters, trustee, coefficients, decryption_secret)
    }

    /// Takes the keys of these dealers, as if it had seen what they reveal, away from its own in row 1, and adds them in
    /// row 2: row 1 would be its own alone, and it knows the sum of its constant terms, though none of the two.
    #[must_use]
    pub fn with_a_rogue_key(mut self, others: &[&Self]) -> Self {
        let theirs = others.iter().filter_map(|other| other.commitments.first()?.decode().ok());
        let theirs: RistrettoPoint = theirs.sum();
        let second = self.parameters.quorum();
        for (index, by) in [(0, -theirs), (second, theirs)] {
            if let (Some(a), Some(commitment)) = (self.coefficients.get(index), self.commitments.get_mut(index)) {
                *commitment = EncodedPoint::from(&(RistrettoPoint::mul_base(a) + by));
            }
        }
        self
    }

    /// *Reveal*, whatever it has committed to. With `plain_sum` the proof is of Σ a_r, not of Σ e^r·a_r.
    ///
    /// # Errors
    /// [`CeremonyError::NotYet`].
    pub fn reveal_that_cheats(
        &self,
        ceremony: &Ceremony,
        plain_sum: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<Reveal, CeremonyError> {
        let phase = ceremony.phase();
        let commits = ceremony.commits().ok_or(CeremonyError::NotYet { phase, needed: CeremonyPhase::Commit })?;
        let (trustee, commitments) = (self.trustee, self.commitments.as_slice());
        let statement = ConstantTerms { parameters: &self.parameters, trustee, commits: &commits, commitments };
        let proof = if plain_sum {
            let mut transcript = statement.transcript();
            let v = random_scalar(rng);
            let announcement = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
            transcript.append_point(b"v", &announcement);
            let e = transcript.challenge_scalar(b"e");
            let sum: Scalar = self.coefficients.iter().step_by(self.parameters.quorum()).sum();
            KnowledgeProof { v: announcement, z: (&(v + e * sum)).into() }
        } else {
            statement.prove(&self.coefficients, rng)
        };
        let attempt = self.parameters.attempt();
        Ok(Reveal {
            attempt,
            commitments: commitments.to_vec(),
            commits,
            proof,
            signature: None,
            trustee,
            tag: RevealTag,
        })
    }

    /// *Shares*, but the package for `recipient` is the one that `victim` dealt it.
    ///
    /// # Errors
    /// As [`Dealer::shares`]; [`CeremonyError::NoPackage`].
    pub fn shares_with_a_copy(
        &self,
        ceremony: &Ceremony,
        victim: TrusteeId,
        recipient: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<Shares, CeremonyError> {
        let refused = CeremonyError::NoPackage { trustee: recipient, dealer: victim };
        let copy = ceremony.package(victim, recipient).ok_or(refused)?;
        Ok(with_package(self.shares(ceremony, rng)?, copy))
    }

    /// *Shares* with two packages of one ephemeral point, each with a proof that holds.
    ///
    /// # Errors
    /// As [`Dealer::shares`].
    pub fn shares_with_one_ephemeral(
        &self,
        ceremony: &Ceremony,
        rng: &mut impl CryptoRng,
    ) -> Result<Shares, CeremonyError> {
        let e = SecretScalar::random(rng);
        let ephemeral = EncodedPoint::from(&e.public_point());
        let mut shares = self.shares(ceremony, rng)?;
        for package in &mut shares.packages {
            let recipient = package.recipient;
            let (recipient_key, point) = self.parameters.encryption_key(recipient)?;
            let route = PackageRoute { parameters: &self.parameters, dealer: self.trustee, recipient, recipient_key };
            let mut masked: Vec<u8> = self.evaluate(recipient).iter().flat_map(|share| *share.as_bytes()).collect();
            route.apply_mask(&ephemeral, &Zeroizing::new(point * e.expose_secret()), &mut masked);
            let proof = KnowledgeProof::prove(route.statement(&ephemeral, &masked), e.expose_secret(), rng);
            *package = SharePackage { ephemeral, masked: Base64Bytes(masked), proof, recipient };
        }
        Ok(shares)
    }

    /// Deals `victim` a first share that is too high by one.
    ///
    /// # Errors
    /// As [`Dealer::shares`].
    pub fn shares_that_cheat(
        &self,
        ceremony: &Ceremony,
        victim: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<Shares, CeremonyError> {
        let shares = self.shares(ceremony, rng)?;
        let mut values = self.evaluate(victim);
        for value in values.iter_mut().take(1) {
            *value += Scalar::ONE;
        }
        let plain = values.iter().flat_map(|share| *share.as_bytes()).collect();
        Ok(with_package(shares, &self.package_of(victim, plain, rng)?))
    }
}

/// With this package in the place of the one for its recipient.
fn with_package(mut shares: Shares, package: &SharePackage) -> Shares {
    for slot in shares.packages.iter_mut().filter(|slot| slot.recipient == package.recipient) {
        *slot = package.clone();
    }
    shares
}
