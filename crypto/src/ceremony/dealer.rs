//! One trustee's private side up to its shares; specs/protocol.md section 5, phases 1 to 3 and the opening of phase 4.

use std::fmt;

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::ceremony::messages::{ConstantTerms, PackageRoute, SHARE_BYTES, coefficients_hash, transcript};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyParameters, CeremonyPhase};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar};
use crate::id::TrusteeId;
use crate::knowledge::KnowledgeProof;
use crate::leaves::{Base64Bytes, Commit, CommitTag, Reveal, RevealTag, SharePackage, Shares, SharesTag};
use crate::transcript::TranscriptProtocol as _;

/// A trustee that deals: its R polynomials f_{l,r} of degree k − 1, and the secret that opens what others deal to it.
///
/// The polynomials are expanded from a 32-byte seed, election, attempt and trustee, so that a trustee that crashed goes
/// on with the same ones; it needs seed and decryption secret until the result is out. Messages come unsigned.
///
/// # Security
/// A restart must use a fresh seed: what one attempt gave away (shares in complaints, a seed on a lost disk) then says
/// nothing about the next. All computations on secrets are constant-time; secrets are erased on drop.
pub struct Dealer {
    pub(super) parameters: CeremonyParameters,
    pub(super) trustee: TrusteeId,
    /// a_{l,r,m}, row by row.
    pub(super) coefficients: Zeroizing<Vec<Scalar>>,
    /// C_{l,r,m}, row by row.
    pub(super) commitments: Vec<EncodedPoint>,
    decryption_secret: SecretScalar,
}

impl fmt::Debug for Dealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealer({}, secrets redacted)", self.trustee)
    }
}

impl Dealer {
    /// The dealer of one trustee; `decryption_secret` is d_l, the secret of its encryption key in the manifest.
    ///
    /// # Errors
    /// [`CeremonyError::UnknownTrustee`], [`CeremonyError::WrongSecret`].
    pub fn new(
        parameters: CeremonyParameters,
        trustee: TrusteeId,
        seed: &[u8; 32],
        decryption_secret: SecretScalar,
    ) -> Result<Self, CeremonyError> {
        let (_, public) = parameters.encryption_key(trustee)?;
        if decryption_secret.public_point() != *public {
            return Err(CeremonyError::WrongSecret(trustee));
        }
        // `transcript("coefficients-seed")`, append `fingerprint`, `attempt`, `trustee`, `seed`; private to a trustee.
        let mut expansion = transcript("coefficients-seed", &parameters);
        expansion.append_integer(b"trustee", trustee.0);
        expansion.append_message(b"seed", seed);
        let count = parameters.coefficients();
        let mut coefficients = Zeroizing::new(Vec::with_capacity(count));
        coefficients.extend(std::iter::repeat_with(|| expansion.challenge_scalar(b"coefficient")).take(count));
        Ok(Self::from_coefficients(parameters, trustee, coefficients, decryption_secret))
    }

    pub(super) fn from_coefficients(
        parameters: CeremonyParameters,
        trustee: TrusteeId,
        coefficients: Zeroizing<Vec<Scalar>>,
        decryption_secret: SecretScalar,
    ) -> Self {
        let commitments = coefficients.iter().map(|a| EncodedPoint::from(&RistrettoPoint::mul_base(a))).collect();
        Self { parameters, trustee, coefficients, commitments, decryption_secret }
    }

    /// *Commit*: the hash of the coefficient commitments.
    #[must_use]
    pub fn commit(&self) -> Commit {
        Commit {
            attempt: self.parameters.attempt(),
            hash: coefficients_hash(&self.parameters, self.trustee, &self.commitments),
            signature: None,
            trustee: self.trustee,
            tag: CommitTag,
        }
    }

    /// *Reveal*: the commitments, and the proof that this trustee knows the constant terms.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is not yet or no longer time, or the log has another commit of this trustee.
    pub fn reveal(&self, ceremony: &Ceremony, rng: &mut impl CryptoRng) -> Result<Reveal, CeremonyError> {
        self.check_turn(ceremony, CeremonyPhase::Reveal)?;
        let phase = ceremony.phase();
        let commits = ceremony.commits().ok_or(CeremonyError::NotYet { phase, needed: CeremonyPhase::Commit })?;
        let (trustee, commitments) = (self.trustee, self.commitments.as_slice());
        let statement = ConstantTerms { parameters: &self.parameters, trustee, commits: &commits, commitments };
        Ok(Reveal {
            attempt: self.parameters.attempt(),
            commitments: self.commitments.clone(),
            commits,
            proof: statement.prove(&self.coefficients, rng),
            signature: None,
            trustee,
            tag: RevealTag,
        })
    }

    /// *Shares*: a package for each other trustee.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is not yet or no longer time, or the log has another commit of this trustee.
    pub fn shares(&self, ceremony: &Ceremony, rng: &mut impl CryptoRng) -> Result<Shares, CeremonyError> {
        self.check_turn(ceremony, CeremonyPhase::Shares)?;
        let recipients = self.parameters.trustees().filter(|i| *i != self.trustee);
        Ok(Shares {
            attempt: self.parameters.attempt(),
            packages: recipients.map(|i| self.package(i, rng)).collect::<Result<_, _>>()?,
            signature: None,
            trustee: self.trustee,
            tag: SharesTag,
        })
    }

    /// f_{l,1}(i), …, f_{l,R}(i).
    pub(super) fn evaluate(&self, at: TrusteeId) -> Zeroizing<Vec<Scalar>> {
        let at = Scalar::from(at.0);
        let rows = self.coefficients.chunks(self.parameters.quorum());
        let mut shares = Zeroizing::new(Vec::with_capacity(self.parameters.rows()));
        shares.extend(rows.map(|row| row.iter().rev().fold(Scalar::ZERO, |sum, a| sum * at + a)));
        shares
    }

    pub(super) fn package(
        &self,
        recipient: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<SharePackage, CeremonyError> {
        // f_{l,1}(i) ‖ … ‖ f_{l,R}(i)
        let mut plain = Vec::with_capacity(self.parameters.rows().saturating_mul(SHARE_BYTES));
        for share in self.evaluate(recipient).iter() {
            plain.extend_from_slice(share.as_bytes());
        }
        self.package_of(recipient, plain, rng)
    }

    /// The package of these bytes; they are masked in place.
    pub(super) fn package_of(
        &self,
        recipient: TrusteeId,
        mut masked: Vec<u8>,
        rng: &mut impl CryptoRng,
    ) -> Result<SharePackage, CeremonyError> {
        let (recipient_key, recipient_point) = self.parameters.encryption_key(recipient)?;
        let route = PackageRoute { parameters: &self.parameters, dealer: self.trustee, recipient, recipient_key };
        // E = e·G, shared = e·PK_i; e also depends on the decryption secret, should `rng` be weak.
        let hedged = route.transcript("share-mask");
        let e = SecretScalar::new(hedged.nonces(&[self.decryption_secret.expose_secret().as_bytes()], rng).scalar());
        let ephemeral = EncodedPoint::from(&e.public_point());
        let shared = Zeroizing::new(recipient_point * e.expose_secret());
        route.apply_mask(&ephemeral, &shared, &mut masked);
        let proof = KnowledgeProof::prove(route.statement(&ephemeral, &masked), e.expose_secret(), rng);
        Ok(SharePackage { ephemeral, masked: Base64Bytes(masked), proof, recipient })
    }

    /// Opens the package that `dealer` sent to this trustee: the shares as they came, not yet checked.
    pub(super) fn open_package(
        &self,
        ceremony: &Ceremony,
        dealer: TrusteeId,
    ) -> Result<Zeroizing<Vec<Scalar>>, CeremonyError> {
        let recipient = self.trustee;
        let package = ceremony
            .package(dealer, recipient)
            .ok_or(CeremonyError::NotYet { phase: ceremony.phase(), needed: CeremonyPhase::Shares })?;
        let refused = CeremonyError::WrongShare { dealer, recipient };
        let ephemeral = package.ephemeral.decode().map_err(|_| refused.clone())?;
        let (recipient_key, _) = self.parameters.encryption_key(recipient)?;
        let route = PackageRoute { parameters: &self.parameters, dealer, recipient, recipient_key };
        // shared = d_i·E
        let shared = Zeroizing::new(ephemeral * self.decryption_secret.expose_secret());
        let mut bytes = Zeroizing::new(package.masked.0.clone());
        route.apply_mask(&package.ephemeral, &shared, &mut bytes);
        let mut shares = Zeroizing::new(Vec::with_capacity(self.parameters.rows()));
        for share in bytes.as_chunks::<SHARE_BYTES>().0 {
            shares.push(Scalar::from_canonical_bytes(*share).into_option().ok_or(refused.clone())?);
        }
        if shares.len() == self.parameters.rows() { Ok(shares) } else { Err(refused) }
    }

    #[cfg(test)]
    pub(super) fn coefficients(&self) -> &[Scalar] {
        &self.coefficients
    }

    pub(super) fn parameters(&self) -> &CeremonyParameters {
        &self.parameters
    }

    pub(super) fn trustee(&self) -> TrusteeId {
        self.trustee
    }

    pub(super) fn decryption_secret(&self) -> &SecretScalar {
        &self.decryption_secret
    }

    /// The ceremony is this dealer's, and its commit in it was made with this seed.
    pub(super) fn check_own(&self, ceremony: &Ceremony) -> Result<(), CeremonyError> {
        let trustee = self.trustee;
        if *ceremony.parameters() != self.parameters {
            return Err(CeremonyError::WrongCeremony(trustee));
        }
        match ceremony.commit_of(trustee) {
            Some(hash) if *hash == self.commit().hash => Ok(()),
            Some(_) => Err(CeremonyError::OwnMessage { trustee, message: CeremonyPhase::Commit }),
            None => Err(CeremonyError::NotYet { phase: ceremony.phase(), needed: CeremonyPhase::Commit }),
        }
    }

    fn check_turn(&self, ceremony: &Ceremony, message: CeremonyPhase) -> Result<(), CeremonyError> {
        self.check_own(ceremony)?;
        ceremony.in_turn(self.trustee, self.parameters.attempt(), message)
    }
}
