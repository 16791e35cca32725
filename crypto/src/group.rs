//! Ristretto255 (RFC 9496): encoded points and scalars, secrets, generators, Lagrange coefficients.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use curve25519_dalek::ristretto::CompressedRistretto;
pub use curve25519_dalek::ristretto::RistrettoPoint;
pub use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use rand::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Why 32 bytes are no point or scalar.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupError {
    /// The bytes are not the canonical encoding of a Ristretto point.
    #[error("not the canonical encoding of a group element")]
    Point,
    /// The identity stands where it is not allowed.
    #[error("the identity element is not allowed here")]
    Identity,
    /// The bytes are not a scalar below the group's order.
    #[error("not the canonical encoding of a scalar")]
    Scalar,
}

macro_rules! base64_bytes {
    ($name:ident, $length:literal, $text_length:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0u8; $text_length];
                let written = STANDARD.encode_slice(&self.0, &mut text).map_err(serde::ser::Error::custom)?;
                let text = text.get(..written).and_then(|t| std::str::from_utf8(t).ok()).unwrap_or_default();
                serializer.serialize_str(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} bytes in base64", $length)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        let mut buffer = [0u8; $text_length];
                        match STANDARD.decode_slice(text, &mut buffer) {
                            Ok($length) => Ok($name(std::array::from_fn(|i| buffer.get(i).copied().unwrap_or(0)))),
                            _ => Err(E::custom(concat!("expected ", $length, " bytes in padded base64"))),
                        }
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&STANDARD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}
pub(crate) use base64_bytes;

/// 32 bytes that claim to be a point; nothing is known of them before [`EncodedPoint::decode`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EncodedPoint(pub [u8; 32]);
base64_bytes!(EncodedPoint, 32, 44);

impl EncodedPoint {
    /// The identity's encoding.
    pub const IDENTITY: Self = Self([0; 32]);

    /// Decodes, refusing all but the canonical encoding (RFC 9496 section 4.3.1).
    ///
    /// # Errors
    /// [`GroupError::Point`].
    pub fn decode(&self) -> Result<RistrettoPoint, GroupError> {
        CompressedRistretto(self.0).decompress().ok_or(GroupError::Point)
    }

    /// Decodes a pad, key or credential, where the identity is refused.
    ///
    /// # Errors
    /// [`GroupError::Point`], [`GroupError::Identity`].
    pub fn decode_non_identity(&self) -> Result<RistrettoPoint, GroupError> {
        let point = self.decode()?;
        if point.is_identity() { Err(GroupError::Identity) } else { Ok(point) }
    }
}

impl From<&RistrettoPoint> for EncodedPoint {
    fn from(point: &RistrettoPoint) -> Self {
        Self(point.compress().to_bytes())
    }
}

/// 32 bytes that claim to be a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodedScalar(pub [u8; 32]);
base64_bytes!(EncodedScalar, 32, 44);

impl EncodedScalar {
    /// Decodes, refusing values from the group's order on.
    ///
    /// # Errors
    /// [`GroupError::Scalar`].
    pub fn decode(&self) -> Result<Scalar, GroupError> {
        Scalar::from_canonical_bytes(self.0).into_option().ok_or(GroupError::Scalar)
    }
}

impl From<&Scalar> for EncodedScalar {
    fn from(scalar: &Scalar) -> Self {
        Self(scalar.to_bytes())
    }
}

/// A scalar that must not be seen: no `Copy`, no `Serialize`, a silent `Debug`, erased on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// Wraps a secret.
    #[must_use]
    pub fn new(scalar: Scalar) -> Self {
        Self(scalar)
    }

    /// A uniform secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(random_scalar(rng))
    }

    /// The secret itself, for arithmetic.
    #[must_use]
    pub fn expose_secret(&self) -> &Scalar {
        &self.0
    }

    /// secret·G, in constant time.
    #[must_use]
    pub fn public_point(&self) -> RistrettoPoint {
        RistrettoPoint::mul_base(&self.0)
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(redacted)")
    }
}

/// A uniform scalar: 64 random bytes reduced.
pub fn random_scalar(rng: &mut impl CryptoRng) -> Scalar {
    let mut wide = [0; 64];
    rng.fill_bytes(&mut wide);
    let scalar = Scalar::from_bytes_mod_order_wide(&wide);
    wide.zeroize();
    scalar
}

/// The generator named `H` (index 0) or `G` (index i); specs/protocol.md section 1.
fn generator(name: &'static [u8], index: u64) -> RistrettoPoint {
    let mut transcript = Transcript::protocol("generator");
    transcript.append_message(b"name", name);
    transcript.append_integer(b"index", index);
    let mut bytes = [0; 64];
    transcript.challenge_bytes(b"point", &mut bytes);
    RistrettoPoint::from_uniform_bytes(&bytes)
}

/// `H`, `G_0` and `G_1 … G_N`: independent generators of which nobody knows a relation.
#[derive(Debug, Clone)]
pub struct Generators {
    /// Blinds commitments.
    pub h: RistrettoPoint,
    /// Carries the bit check's aggregate.
    pub g_0: RistrettoPoint,
    /// One per committed bit, G_1 first.
    pub g: Vec<RistrettoPoint>,
}

impl Generators {
    /// The generators for relations of up to `bits` bits.
    #[must_use]
    pub fn new(bits: usize) -> Self {
        Self {
            h: generator(b"H", 0),
            g_0: generator(b"G", 0),
            g: (1..=bits as u64).map(|i| generator(b"G", i)).collect(),
        }
    }
}

/// Lagrange coefficients at 0 for the evaluation points `ids` (distinct, from 1): Σ λ_i·f(i) = f(0).
#[must_use]
pub fn lagrange_at_zero(ids: &[u64]) -> Vec<Scalar> {
    ids.iter()
        .map(|&i| {
            let (numerator, denominator) =
                ids.iter().filter(|&&j| j != i).fold((Scalar::ONE, Scalar::ONE), |(numerator, denominator), &j| {
                    (numerator * Scalar::from(j), denominator * (Scalar::from(j) - Scalar::from(i)))
                });
            numerator * denominator.invert()
        })
        .collect()
}

/// Σ scalar·point of public values; the longer of two unequal lists is cut to the shorter.
#[must_use]
pub fn vartime_multiscalar_mul(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    use curve25519_dalek::traits::VartimeMultiscalarMul as _;
    let length = scalars.len().min(points.len());
    RistrettoPoint::vartime_multiscalar_mul(scalars.iter().take(length), points.iter().take(length))
}
