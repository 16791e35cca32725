//! The share proof of specs/protocol.md section 5.

use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar};
use crate::leaves::ShareProof;
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Statement: D_{r,g} = x_r·P_g for all rows r and pads g, where Y_r = x_r·G.
///
/// A Chaum–Pedersen proof (1992) over random linear combinations of rows and pads. Witness: x_r. Moves, on the caller's
/// transcript after the whole statement and the weights w_r, u_g: V_base = v·G, V_pads = v·Σ_g u_g·P_g, c, z = v +
/// c·Σ_r w_r·x_r. Checks: z·G = V_base + c·Σ_r w_r·Y_r and z·Σ_g u_g·P_g = V_pads + c·Σ_{r,g} w_r·u_g·D_{r,g}. 96 bytes;
/// proving is constant-time, verifying is not.
///
/// The caller's transcript must be bound to election, ceremony, what is decrypted, and trustee.
#[derive(Debug, Clone, Copy)]
pub struct ShareStatement<'a> {
    /// Y_r, by row.
    pub public_shares: &'a [RistrettoPoint],
    /// P_g.
    pub pads: &'a [RistrettoPoint],
    /// D_{r,g}, pads outer, rows inner.
    pub shares: &'a [EncodedPoint],
}

/// Why a share proof is refused.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShareProofError {
    /// Not one share for each pad and row.
    #[error("there is not one share for each pad and row")]
    Shape,
    /// A share, announcement or response does not decode.
    #[error("a share or a part of the proof is not canonical")]
    Encoding,
    /// The check on the public shares: not made by who holds the secrets.
    #[error("share proof check 1 does not hold")]
    Base,
    /// The check on the shares: a share is wrong.
    #[error("share proof check 2 does not hold")]
    Pads,
}

/// What verifier and prover draw from the transcript before the announcements.
struct Weights {
    /// w_r.
    rows: Vec<Scalar>,
    /// u_g.
    pads: Vec<Scalar>,
}

impl ShareStatement<'_> {
    /// Appends `public-shares`, `pads`, `shares`; draws w_r and u_g.
    fn weights(&self, transcript: &mut Transcript) -> Weights {
        let encoded = |points: &[RistrettoPoint]| points.iter().map(EncodedPoint::from).collect::<Vec<_>>();
        transcript.append_points(b"public-shares", &encoded(self.public_shares));
        transcript.append_points(b"pads", &encoded(self.pads));
        transcript.append_points(b"shares", self.shares);
        let rows = self.public_shares.iter().map(|_| transcript.challenge_scalar(b"w")).collect();
        let pads = self.pads.iter().map(|_| transcript.challenge_scalar(b"u")).collect();
        Weights { rows, pads }
    }

    /// Σ_g u_g·P_g.
    fn weighted_pad(&self, weights: &Weights) -> RistrettoPoint {
        RistrettoPoint::vartime_multiscalar_mul(&weights.pads, self.pads)
    }
}

/// D_{r,g} = x_r·P_g, pads outer, rows inner. Constant-time.
pub(crate) fn share_points(secrets: &[SecretScalar], pads: &[RistrettoPoint]) -> Vec<EncodedPoint> {
    let shares = pads.iter().flat_map(|pad| secrets.iter().map(move |x| pad * x.expose_secret()));
    shares.map(|share| EncodedPoint::from(&share)).collect()
}

impl ShareProof {
    /// Proves; `secrets` are x_r, by row.
    pub(crate) fn prove(
        mut transcript: Transcript,
        statement: &ShareStatement<'_>,
        secrets: &[SecretScalar],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let weights = statement.weights(&mut transcript);
        // Σ_r w_r·x_r
        let witness = weights.rows.iter().zip(secrets).fold(Scalar::ZERO, |sum, (w, x)| sum + w * x.expose_secret());
        let witness = Zeroizing::new(witness);
        let v = Zeroizing::new(transcript.nonces(&[witness.as_bytes()], rng).scalar());
        let v_base = EncodedPoint::from(&RistrettoPoint::mul_base(&v));
        let v_pads = EncodedPoint::from(&(statement.weighted_pad(&weights) * *v));
        transcript.append_point(b"v-base", &v_base);
        transcript.append_point(b"v-pads", &v_pads);
        let c = transcript.challenge_scalar(b"c");
        Self { v_base, v_pads, z: (&(*v + c * *witness)).into() }
    }

    /// Verifies, and gives the decoded shares, pads outer, rows inner.
    ///
    /// # Errors
    /// [`ShareProofError`].
    pub fn verify(
        &self,
        mut transcript: Transcript,
        statement: &ShareStatement<'_>,
    ) -> Result<Vec<RistrettoPoint>, ShareProofError> {
        if statement.shares.is_empty()
            || Some(statement.shares.len()) != statement.pads.len().checked_mul(statement.public_shares.len())
        {
            return Err(ShareProofError::Shape);
        }
        let weights = statement.weights(&mut transcript);
        transcript.append_point(b"v-base", &self.v_base);
        transcript.append_point(b"v-pads", &self.v_pads);
        let c = transcript.challenge_scalar(b"c");
        let decode = |point: &EncodedPoint| point.decode().map_err(|_| ShareProofError::Encoding);
        let shares = statement.shares.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let (v_base, v_pads) = (decode(&self.v_base)?, decode(&self.v_pads)?);
        let z = self.z.decode().map_err(|_| ShareProofError::Encoding)?;
        // z·G = V_base + c·Σ_r w_r·Y_r
        let scaled: Vec<_> = weights.rows.iter().map(|w| c * w).collect();
        let public = RistrettoPoint::vartime_multiscalar_mul(&scaled, statement.public_shares);
        if !(v_base + public - RistrettoPoint::mul_base(&z)).is_identity() {
            return Err(ShareProofError::Base);
        }
        // z·Σ_g u_g·P_g = V_pads + c·Σ_{r,g} w_r·u_g·D_{r,g}
        let of_shares = weights.pads.iter().flat_map(|u| scaled.iter().map(move |w| w * u));
        let of_pads = weights.pads.iter().map(|u| -(z * u));
        let scalars: Vec<_> = of_shares.chain(of_pads).collect();
        let combined = RistrettoPoint::vartime_multiscalar_mul(&scalars, shares.iter().chain(statement.pads));
        if !(v_pads + combined).is_identity() {
            return Err(ShareProofError::Pads);
        }
        Ok(shares)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_weights_depend_on_the_whole_statement() {
        let points: Vec<_> = (1u8..=6).map(|m| RistrettoPoint::mul_base(&Scalar::from(m))).collect();
        let encoded: Vec<_> = points.iter().map(EncodedPoint::from).collect();
        let weights = |public_shares: &[RistrettoPoint], pads: &[RistrettoPoint], shares: &[EncodedPoint]| {
            let statement = ShareStatement { public_shares, pads, shares };
            let weights = statement.weights(&mut Transcript::protocol("test"));
            (weights.rows[0], weights.pads[0])
        };
        let of = weights(&points[..2], &points[2..3], &encoded[4..]);
        assert_eq!(of, weights(&points[..2], &points[2..3], &encoded[4..]));
        let others = [
            weights(&points[1..3], &points[2..3], &encoded[4..]),
            weights(&points[..2], &points[3..4], &encoded[4..]),
            weights(&points[..2], &points[2..3], &encoded[3..5]),
        ];
        for other in others {
            assert!(of.0 != other.0 && of.1 != other.1);
        }
    }
}
