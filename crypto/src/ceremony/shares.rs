//! A trustee's shares of all election keys, opened and checked; specs/protocol.md section 5, phases 4 and 5.

use std::fmt;

use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::ceremony::messages::{complaint_transcript, rehearsal_pad, rehearsal_transcript, transcript};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase, Dealer};
use crate::decryption::{ShareStatement, share_points};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{Complaint, ComplaintTag, Confirm, ConfirmTag, Rehearsal, RehearsalTag, ShareProof};
use crate::transcript::TranscriptProtocol as _;

/// x_{i,1}…x_{i,R}. That it exists means that every dealer's shares were right: only then can a trustee confirm.
///
/// Erased on drop. Not to be stored: [`Dealer::open_shares`] makes it again from the log.
pub struct TrusteeShares {
    fingerprint: Hash,
    ceremony: Hash,
    attempt: u64,
    trustee: TrusteeId,
    /// x_{i,r} = Σ_l f_{l,r}(i).
    secrets: Vec<SecretScalar>,
    /// Y_{i,r} = x_{i,r}·G.
    public: Vec<RistrettoPoint>,
}

impl fmt::Debug for TrusteeShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrusteeShares({}, secrets redacted)", self.trustee)
    }
}

impl Dealer {
    /// *Confirm*, first half: opens all packages addressed to this trustee, adds its own shares, and checks
    /// f_{l,r}(i)·G = Σ_m i^m·C_{l,r,m} for all dealers l and rows r. Possible from the end of the shares phase on, also
    /// after the election.
    ///
    /// # Errors
    /// [`CeremonyError::WrongShare`] names a dealer that cheated: the trustee must not confirm. Others say that the
    /// ceremony is not so far or is not this dealer's.
    pub fn open_shares(&self, ceremony: &Ceremony) -> Result<TrusteeShares, CeremonyError> {
        self.check_own(ceremony)?;
        let missing = CeremonyError::NotYet { phase: ceremony.phase(), needed: CeremonyPhase::Shares };
        let hash = ceremony.hash().ok_or(missing)?;
        let mut sums = Zeroizing::new(self.evaluate(self.trustee()).to_vec());
        let weights = self.check_weights(&hash);
        for dealer in self.parameters().trustees().filter(|l| *l != self.trustee()) {
            let shares = self.open_right(ceremony, dealer, &weights)?;
            for (sum, share) in sums.iter_mut().zip(shares.iter()) {
                *sum += share;
            }
        }
        let secrets: Vec<_> = sums.iter().map(|x| SecretScalar::new(*x)).collect();
        Ok(TrusteeShares {
            fingerprint: *self.parameters().fingerprint(),
            ceremony: hash,
            attempt: self.parameters().attempt(),
            trustee: self.trustee(),
            public: secrets.iter().map(SecretScalar::public_point).collect(),
            secrets,
        })
    }

    /// One dealer's shares, checked.
    fn open_right(
        &self,
        ceremony: &Ceremony,
        dealer: TrusteeId,
        weights: &[Scalar],
    ) -> Result<Zeroizing<Vec<Scalar>>, CeremonyError> {
        let shares = self.open_package(ceremony, dealer)?;
        let needed = CeremonyPhase::Shares;
        let missing = CeremonyError::NotYet { phase: ceremony.phase(), needed };
        let commitments = ceremony.commitments_of(dealer).ok_or(missing)?;
        let wrong = |WrongShare| CeremonyError::WrongShare { dealer, recipient: self.trustee() };
        self.check_shares(&shares, commitments, weights).map_err(wrong)?;
        Ok(shares)
    }

    /// *Complain*: opens the package of a dealer that cheated, with Z = d_i·E and the proof that it is that.
    ///
    /// ⚠ Z opens this one package only, and its dealer knows it already; the packages' proofs of e see to that.
    ///
    /// # Errors
    /// [`CeremonyError::NothingWrong`] when the shares are right: everybody would see a false complaint. Others when the
    /// ceremony is not so far or is not this dealer's.
    pub fn complain(
        &self,
        ceremony: &Ceremony,
        dealer: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<Complaint, CeremonyError> {
        self.check_own(ceremony)?;
        let (phase, needed) = (ceremony.phase(), CeremonyPhase::Shares);
        let hash = ceremony.hash().ok_or(CeremonyError::NotYet { phase, needed })?;
        let trustee = self.trustee();
        match self.open_right(ceremony, dealer, &self.check_weights(&hash)) {
            Ok(_) => Err(CeremonyError::NothingWrong { trustee, dealer }),
            Err(CeremonyError::WrongShare { .. }) => self.open_publicly(ceremony, dealer, rng),
            Err(other) => Err(other),
        }
    }

    /// Complains of a dealer whether it cheated or not: for tests, which complain falsely.
    ///
    /// # Errors
    /// [`CeremonyError::NoPackage`].
    #[cfg(any(test, feature = "sample"))]
    pub fn complain_anyway(
        &self,
        ceremony: &Ceremony,
        dealer: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<Complaint, CeremonyError> {
        self.open_publicly(ceremony, dealer, rng)
    }

    fn open_publicly(
        &self,
        ceremony: &Ceremony,
        dealer: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<Complaint, CeremonyError> {
        let trustee = self.trustee();
        let refused = CeremonyError::NoPackage { trustee, dealer };
        let package = ceremony.package(dealer, trustee).ok_or(refused.clone())?;
        let ephemeral = package.ephemeral.decode().map_err(|_| refused)?;
        let secret = self.decryption_secret();
        // Z = d_i·E
        let shared = EncodedPoint::from(&(ephemeral * secret.expose_secret()));
        let (pads, secret) = ([ephemeral], [secret.clone()]);
        let public_shares = secret.each_ref().map(SecretScalar::public_point);
        let statement = ShareStatement { public_shares: &public_shares, pads: &pads, shares: &[shared] };
        let transcript = complaint_transcript(self.parameters(), dealer, trustee);
        let proof = ShareProof::prove(transcript, &statement, &secret, rng);
        let attempt = self.parameters().attempt();
        Ok(Complaint { attempt, dealer, proof, shared, signature: None, trustee, tag: ComplaintTag })
    }

    /// A 128-bit weight for each row. The ceremony hash covers commitments and packages, so no dealer can choose its
    /// shares by the weights; the secret keeps them from everybody. Private to a trustee, hence not in the specs.
    fn check_weights(&self, ceremony: &Hash) -> Vec<Scalar> {
        let mut transcript = transcript("share-check", self.parameters());
        transcript.append_hash(b"ceremony", ceremony);
        transcript.append_message(b"secret", self.decryption_secret().expose_secret().as_bytes());
        let weight = || {
            let mut bytes = [0; 16];
            transcript.challenge_bytes(b"weight", &mut bytes);
            Scalar::from(u128::from_le_bytes(bytes))
        };
        std::iter::repeat_with(weight).take(self.parameters().rows()).collect()
    }

    /// All rows of one dealer at once: (Σ_r w_r·f_r(i))·G = Σ_m i^m·Σ_r w_r·C_{r,m}.
    fn check_shares(
        &self,
        shares: &[Scalar],
        commitments: &[RistrettoPoint],
        weights: &[Scalar],
    ) -> Result<(), WrongShare> {
        let sum = Zeroizing::new(shares.iter().zip(weights).fold(Scalar::ZERO, |sum, (share, w)| sum + share * w));
        let at = Scalar::from(self.trustee().0);
        let powers = |w: &Scalar| std::iter::successors(Some(*w), |p| Some(p * at)).take(self.parameters().quorum());
        let scalars: Vec<_> = weights.iter().flat_map(powers).collect();
        // dalek panics on unequal lengths; every dealer revealed exactly R·k commitments.
        if scalars.len() != commitments.len() {
            return Err(WrongShare);
        }
        let expected = RistrettoPoint::vartime_multiscalar_mul(&scalars, commitments);
        if RistrettoPoint::mul_base(&sum) == expected { Ok(()) } else { Err(WrongShare) }
    }
}

/// The equation does not hold.
struct WrongShare;

impl TrusteeShares {
    /// Whose shares these are.
    #[must_use]
    pub fn trustee(&self) -> TrusteeId {
        self.trustee
    }

    /// The election.
    #[must_use]
    pub fn fingerprint(&self) -> &Hash {
        &self.fingerprint
    }

    /// The ceremony hash.
    #[must_use]
    pub fn ceremony(&self) -> &Hash {
        &self.ceremony
    }

    /// x_{i,r}, by row, for decryption.
    pub(crate) fn expose_secrets(&self) -> &[SecretScalar] {
        &self.secrets
    }

    /// Y_{i,r}, by row.
    #[must_use]
    pub fn public_shares(&self) -> &[RistrettoPoint] {
        &self.public
    }

    /// *Confirm*, second half: vouches for the whole transcript.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is not yet or no longer time, or the ceremony is another one.
    pub fn confirm(&self, ceremony: &Ceremony) -> Result<Confirm, CeremonyError> {
        self.check_turn(ceremony, CeremonyPhase::Confirm)?;
        Ok(Confirm {
            attempt: self.attempt,
            ceremony: self.ceremony,
            signature: None,
            trustee: self.trustee,
            tag: ConfirmTag,
        })
    }

    /// *Rehearsal*: decrypts the pad that follows from the ceremony hash, D_r = x_{i,r}·P for all rows.
    ///
    /// # Errors
    /// [`CeremonyError`] when not all have confirmed, this trustee has rehearsed, or the ceremony is another one.
    pub fn rehearse(&self, ceremony: &Ceremony, rng: &mut impl CryptoRng) -> Result<Rehearsal, CeremonyError> {
        self.check_turn(ceremony, CeremonyPhase::Rehearsal)?;
        Ok(self.rehearse_again(rng))
    }

    /// The rehearsal once more, not for the log: shows this machine's owner that its key still works.
    /// [`Ceremony::check_rehearsal`] judges it.
    #[must_use]
    pub fn rehearse_again(&self, rng: &mut impl CryptoRng) -> Rehearsal {
        let pads = [rehearsal_pad(&self.fingerprint, &self.ceremony)];
        let shares = share_points(&self.secrets, &pads);
        let statement = ShareStatement { public_shares: &self.public, pads: &pads, shares: &shares };
        let transcript = rehearsal_transcript(&self.fingerprint, &self.ceremony, self.trustee);
        let proof = ShareProof::prove(transcript, &statement, &self.secrets, rng);
        let (attempt, trustee) = (self.attempt, self.trustee);
        Rehearsal { attempt, proof, shares, signature: None, trustee, tag: RehearsalTag }
    }

    fn check_turn(&self, ceremony: &Ceremony, message: CeremonyPhase) -> Result<(), CeremonyError> {
        if *ceremony.parameters().fingerprint() != self.fingerprint || ceremony.hash() != Some(self.ceremony) {
            return Err(CeremonyError::WrongCeremony(self.trustee));
        }
        ceremony.in_turn(self.trustee, self.attempt, message)
    }
}
