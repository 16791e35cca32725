//! Hashes, transcripts and proofs of the ceremony's messages, shared by those who make and those who check them.

use curve25519_dalek::traits::{Identity as _, IsIdentity as _, VartimeMultiscalarMul as _};
use rand::CryptoRng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::ceremony::CeremonyParameters;
use crate::group::{EncodedPoint, RistrettoPoint, Scalar};
use crate::hash::{Hash, Hasher};
use crate::id::TrusteeId;
use crate::knowledge::{KnowledgeProof, ProofError};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Bytes of one masked share: a scalar.
pub(super) const SHARE_BYTES: usize = 32;

/// A transcript bound to election and attempt: append `fingerprint`, `attempt`.
pub(super) fn transcript(name: &'static str, parameters: &CeremonyParameters) -> Transcript {
    let mut transcript = Transcript::protocol(name);
    transcript.append_hash(b"fingerprint", parameters.fingerprint());
    transcript.append_integer(b"attempt", parameters.attempt());
    transcript
}

fn hasher(label: &str, parameters: &CeremonyParameters) -> Hasher {
    Hasher::new(label).hash(parameters.fingerprint()).u64(parameters.attempt())
}

/// *Commit*: h_l = `hash("coefficients", fingerprint, attempt, l, R, k, C_{l,1,0}, …)`.
pub(super) fn coefficients_hash(
    parameters: &CeremonyParameters,
    trustee: TrusteeId,
    commitments: &[EncodedPoint],
) -> Hash {
    hasher("coefficients", parameters)
        .u64(trustee.0)
        .u64(parameters.rows() as u64)
        .u64(parameters.quorum() as u64)
        .points(commitments)
        .finish()
}

/// *Commit*: `commits` = `hash("commits", fingerprint, attempt, h_1, …, h_n)`.
pub(super) fn commits_hash<'a>(parameters: &CeremonyParameters, commits: impl IntoIterator<Item = &'a Hash>) -> Hash {
    commits.into_iter().fold(hasher("commits", parameters), Hasher::hash).finish()
}

/// *Confirm*: `hash("ceremony", fingerprint, attempt, for l = 1…n: SHA-256 of l's commit, reveal and shares messages)`.
pub(super) fn ceremony_hash<'a>(parameters: &CeremonyParameters, messages: impl IntoIterator<Item = &'a Hash>) -> Hash {
    messages.into_iter().fold(hasher("ceremony", parameters), Hasher::hash).finish()
}

/// *Reveal*: the statement of a proof that `trustee` knows the constant terms of all its polynomials.
///
/// Witness: a_1…a_R. Moves: V = v·G, e = challenge("e"), z = v + Σ_r e^r·a_r. Check: z·G = V + Σ_r e^r·C_r.
/// ⚠ The powers of e keep the rows apart: a proof of the plain sum would let a trustee cancel the others' keys in one
/// row and hide it in the next.
pub(super) struct ConstantTerms<'a> {
    pub(super) parameters: &'a CeremonyParameters,
    pub(super) trustee: TrusteeId,
    pub(super) commits: &'a Hash,
    pub(super) commitments: &'a [EncodedPoint],
}

impl ConstantTerms<'_> {
    pub(super) fn transcript(&self) -> Transcript {
        let mut transcript = transcript("constant-terms", self.parameters);
        transcript.append_integer(b"trustee", self.trustee.0);
        transcript.append_hash(b"commits", self.commits);
        transcript.append_points(b"commitments", self.commitments);
        transcript
    }

    /// `coefficients` are all R·k, row by row; the constant terms are every k-th. Constant-time.
    pub(super) fn prove(&self, coefficients: &[Scalar], rng: &mut impl CryptoRng) -> KnowledgeProof {
        let mut transcript = self.transcript();
        let constants = || coefficients.iter().step_by(self.parameters.quorum());
        let secrets: Vec<&[u8]> = constants().map(|a| a.as_bytes().as_slice()).collect();
        let v = Zeroizing::new(transcript.nonces(&secrets, rng).scalar());
        let announcement = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
        transcript.append_point(b"v", &announcement);
        let e = transcript.challenge_scalar(b"e");
        // Σ_{r=1…R} e^r·a_r by Horner's rule.
        let sum = Zeroizing::new(constants().rev().fold(Scalar::ZERO, |sum, a| (sum + a) * e));
        KnowledgeProof { v: announcement, z: (&(*v + *sum)).into() }
    }

    /// `points` are the decoded commitments.
    pub(super) fn verify(&self, proof: &KnowledgeProof, points: &[RistrettoPoint]) -> Result<(), ProofError> {
        let mut transcript = self.transcript();
        transcript.append_point(b"v", &proof.v);
        let e = transcript.challenge_scalar(b"e");
        let v = proof.v.decode().map_err(|_| ProofError)?;
        let z = proof.z.decode().map_err(|_| ProofError)?;
        let constants = points.iter().step_by(self.parameters.quorum());
        // Vectors: dalek panics on iterators that do not know their length.
        let powers: Vec<_> = powers(e).take(constants.len()).collect();
        let sum = RistrettoPoint::vartime_multiscalar_mul(&powers, constants);
        // z·G = V + Σ e^r·C_{l,r,0}
        if (v + sum - RistrettoPoint::mul_base(&z)).is_identity() { Ok(()) } else { Err(ProofError) }
    }
}

/// e, e², e³, …
fn powers(e: Scalar) -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(e), move |power| Some(power * e))
}

/// *Shares*: the way of one package.
pub(super) struct PackageRoute<'a> {
    pub(super) parameters: &'a CeremonyParameters,
    pub(super) dealer: TrusteeId,
    pub(super) recipient: TrusteeId,
    pub(super) recipient_key: &'a EncodedPoint,
}

impl PackageRoute<'_> {
    /// Bound to election, attempt, dealer and recipient.
    pub(super) fn transcript(&self, name: &'static str) -> Transcript {
        let mut transcript = transcript(name, self.parameters);
        transcript.append_integer(b"dealer", self.dealer.0);
        transcript.append_integer(b"recipient", self.recipient.0);
        transcript
    }

    /// What the proof of e is about: [`KnowledgeProof`] appends `v`. ⚠ The ciphertext is in it, so that nobody else
    /// can send the package on.
    pub(super) fn statement(&self, ephemeral: &EncodedPoint, masked: &[u8]) -> Transcript {
        let mut transcript = self.transcript("share-package");
        transcript.append_point(b"ephemeral", ephemeral);
        transcript.append_message(b"masked", masked);
        transcript
    }

    /// XORs 32·R bytes with the mask that only dealer and recipient can compute: `shared` = e·PK_i = d_i·E.
    pub(super) fn apply_mask(&self, ephemeral: &EncodedPoint, shared: &Zeroizing<RistrettoPoint>, bytes: &mut [u8]) {
        let mut encoded = EncodedPoint::from(&**shared);
        let mut transcript = self.transcript("share-mask");
        transcript.append_point(b"ephemeral", ephemeral);
        transcript.append_point(b"recipient-key", self.recipient_key);
        transcript.append_point(b"shared", &encoded);
        let mut mask = Zeroizing::new(vec![0; bytes.len()]);
        transcript.challenge_bytes(b"mask", &mut mask);
        encoded.0.zeroize();
        for (byte, mask) in bytes.iter_mut().zip(mask.iter()) {
            *byte ^= mask;
        }
    }
}

/// *Complain*: the share proof's transcript.
pub(super) fn complaint_transcript(
    parameters: &CeremonyParameters,
    dealer: TrusteeId,
    recipient: TrusteeId,
) -> Transcript {
    let mut transcript = transcript("complaint", parameters);
    transcript.append_integer(b"dealer", dealer.0);
    transcript.append_integer(b"recipient", recipient.0);
    transcript
}

/// *Rehearsal*: P = ρ·G with ρ = `challenge("pad")` of `transcript("rehearsal-pad")`. ⚠ Never a pad that anybody chose:
/// the rehearsal would decrypt it.
pub(super) fn rehearsal_pad(fingerprint: &Hash, ceremony: &Hash) -> RistrettoPoint {
    let mut transcript = Transcript::protocol("rehearsal-pad");
    transcript.append_hash(b"fingerprint", fingerprint);
    transcript.append_hash(b"ceremony", ceremony);
    RistrettoPoint::mul_base(&transcript.challenge_scalar(b"pad"))
}

/// *Rehearsal*: the share proof's transcript.
pub(super) fn rehearsal_transcript(fingerprint: &Hash, ceremony: &Hash, trustee: TrusteeId) -> Transcript {
    let mut transcript = Transcript::protocol("rehearsal");
    transcript.append_hash(b"fingerprint", fingerprint);
    transcript.append_hash(b"ceremony", ceremony);
    transcript.append_integer(b"trustee", trustee.0);
    transcript
}

/// Σ_m i^m·C_m by Horner's rule. Variable-time, and quick because i is small: a few additions a step.
pub(super) fn vartime_evaluate(commitments: &[RistrettoPoint], at: TrusteeId) -> RistrettoPoint {
    commitments.iter().rev().fold(RistrettoPoint::identity(), |sum, c| vartime_multiple(sum, at.0) + c)
}

/// i·P by doubling and adding.
fn vartime_multiple(point: RistrettoPoint, times: u64) -> RistrettoPoint {
    (0..u64::BITS - times.leading_zeros()).rev().fold(RistrettoPoint::identity(), |sum, bit| {
        let doubled = sum + sum;
        if (times >> bit) & 1 == 1 { doubled + point } else { doubled }
    })
}
