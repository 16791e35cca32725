//! A proof of knowledge of a discrete logarithm (Schnorr 1991), the smallest of our proofs.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand::CryptoRng;
use zeroize::Zeroize as _;

use crate::group::{EncodedPoint, EncodedScalar};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Statement: X = x·G. Witness: x. Moves: V = v·G, c = challenge("c"), z = v + c·x. Check: z·G = V + c·X.
/// 64 bytes; proving is constant-time. The caller's transcript must hold the whole statement, X included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeProof {
    /// The announcement V.
    pub v: EncodedPoint,
    /// The response z.
    pub z: EncodedScalar,
}

/// A proof does not hold.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("the proof of knowledge does not hold for this statement")]
pub struct ProofError;

impl KnowledgeProof {
    /// Proves knowledge of `secret`.
    pub fn prove(mut transcript: Transcript, secret: &Scalar, rng: &mut impl CryptoRng) -> Self {
        let mut v = transcript.nonces(&[secret.as_bytes()], rng).scalar();
        let announcement = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
        transcript.append_point(b"v", &announcement);
        let c = transcript.challenge_scalar(b"c");
        let z = v + c * secret;
        v.zeroize();
        Self { v: announcement, z: (&z).into() }
    }

    /// Verifies.
    ///
    /// # Errors
    /// [`ProofError`] when the equation does not hold or a value does not decode.
    pub fn verify(&self, mut transcript: Transcript, public: &RistrettoPoint) -> Result<(), ProofError> {
        transcript.append_point(b"v", &self.v);
        let c = transcript.challenge_scalar(b"c");
        let v = self.v.decode().map_err(|_| ProofError)?;
        let z = self.z.decode().map_err(|_| ProofError)?;
        // z·G = V + c·X
        if RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, public, &z) == v { Ok(()) } else { Err(ProofError) }
    }
}
