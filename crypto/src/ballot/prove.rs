//! Moves 2 and 3 of the ballot proof: made only after the voter chose Cast.

use curve25519_dalek::traits::MultiscalarMul as _;
use rand::CryptoRng;
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroizing;

use super::tables::double_and_encode;
use super::{BallotContext, PreparedBallot, powers};
use crate::credential::Credential;
use crate::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar, SecretScalar};
use crate::leaves::{BallotLeaf, BallotTag};
use crate::relation::CompiledStyle;
use crate::transcript::{Nonces, Transcript, TranscriptProtocol as _};

/// The secrets of move 2: never stored, never opened.
struct Announced {
    /// One for each bit.
    a: Zeroizing<Vec<Scalar>>,
    s_a: SecretScalar,
    s_t: SecretScalar,
    s_s: SecretScalar,
    rho: SecretScalar,
    k: SecretScalar,
}

impl Announced {
    fn draw(bits: usize, nonces: &mut Nonces) -> Self {
        let a = Zeroizing::new((0..bits).map(|_| nonces.scalar()).collect());
        let [s_a, s_t, s_s, rho, k] = std::array::from_fn(|_| SecretScalar::new(nonces.scalar()));
        Self { a, s_a, s_t, s_s, rho, k }
    }
}

fn half(secret: &SecretScalar) -> SecretScalar {
    SecretScalar::new(secret.expose_secret().div_by_2())
}

impl PreparedBallot {
    pub(super) fn prove(
        &self,
        style: &CompiledStyle,
        prefix: &Transcript,
        credential: &Credential,
        rng: &mut impl CryptoRng,
    ) -> BallotLeaf {
        let (mut transcript, y) = BallotContext::challenge_y(prefix, &self.statement());
        // B3: nonces of move 2
        let secret = credential.expose_secret().expose_secret();
        let mut nonces = transcript.nonces(&[secret.as_bytes(), self.seed.as_ref()], rng);
        let announced = Announced::draw(style.relation.bits, &mut nonces);
        let mut leaf = self.announce(style, y, &announced);
        // B4, B5
        let x = challenge_x(&mut transcript, &leaf);
        self.respond(&mut leaf, x, secret, &announced);
        leaf
    }

    /// Move 2. The halves of all points are computed, then doubled and encoded together.
    fn announce(&self, style: &CompiledStyle, y: Scalar, announced: &Announced) -> BallotLeaf {
        let (context, generators) = (&self.context, &self.context.generators);
        let Announced { a, s_a, s_t, s_s, rho, k } = announced;
        // A = Com(a; s_a)
        let half_a: Zeroizing<Vec<Scalar>> = Zeroizing::new(a.iter().map(Scalar::div_by_2).collect());
        let announce_a = RistrettoPoint::multiscalar_mul(
            half_a.iter().chain([half(s_a).expose_secret()]),
            generators.g.iter().take(a.len()).chain([&generators.h]),
        );
        // T = (Σ y^i a_i(1−2b_i))·G_0 + s_t·H, S = −(Σ y^i a_i²)·G_0 + s_s·H
        let (mut t_sum, mut s_sum) = (Scalar::ZERO, Scalar::ZERO);
        for ((a_i, bit), y_i) in a.iter().zip(self.bits.iter()).zip(powers(y)) {
            t_sum += y_i * Scalar::conditional_select(a_i, &-a_i, Choice::from(*bit));
            s_sum -= y_i * a_i * a_i;
        }
        let announce_t = context.blind(&t_sum.div_by_2(), half(s_t).expose_secret());
        let announce_s = context.blind(&s_sum.div_by_2(), half(s_s).expose_secret());
        // E_pad = ρ·G, E_data = (Σ_j y^j R_j·a)·G + ρ·Σ_{j≤M} y^j K_j
        let half_rho = half(rho);
        let combined_rows = row_weights(style, y);
        let row_sum: Scalar = combined_rows.iter().zip(half_a.iter()).map(|(w, a_i)| w * a_i).sum();
        let masked = context.times_combined_key(style, y, half_rho.expose_secret());
        let e_data = RistrettoPoint::mul_base(&row_sum) + masked;
        // V = k·G
        let v = half(k).public_point();
        let halves = [announce_a, announce_t, announce_s, half_rho.public_point(), e_data, v];
        // As many encodings as halves.
        let mut encoded = double_and_encode(halves).into_iter();
        let mut next = || encoded.next().unwrap_or(EncodedPoint::IDENTITY);
        let [a, t, s, e_pad, e_data, v] = std::array::from_fn(|_| next());
        let nothing = EncodedScalar::from(&Scalar::ZERO);
        BallotLeaf {
            a,
            bits: self.encryption.bits_commitment,
            counter: self.slot.counter,
            credential: self.slot.credential.0,
            data: self.encryption.data.clone(),
            e_data,
            e_pad,
            f: vec![],
            pad: self.encryption.pad,
            previous: self.slot.previous,
            s,
            style: self.slot.style.clone(),
            t,
            tag: BallotTag,
            v,
            z_1: nothing,
            z_2: nothing,
            z_3: nothing,
            z_4: nothing,
        }
    }

    /// Move 3: f = x·b + a, z_1 = x·s + s_a, z_2 = x·s_t + s_s, z_3 = x·r + ρ, z_4 = x·credential_secret + k.
    fn respond(&self, leaf: &mut BallotLeaf, x: Scalar, secret: &Scalar, announced: &Announced) {
        let Announced { a, s_a, s_t, s_s, rho, k } = announced;
        let respond = |witness: &Scalar, nonce: &SecretScalar| (&(x * witness + nonce.expose_secret())).into();
        leaf.f = a
            .iter()
            .zip(self.bits.iter())
            .map(|(a_i, bit)| (&(Scalar::conditional_select(&Scalar::ZERO, &x, Choice::from(*bit)) + a_i)).into())
            .collect();
        leaf.z_1 = respond(self.encryption.s.expose_secret(), s_a);
        leaf.z_2 = respond(s_t.expose_secret(), s_s);
        leaf.z_3 = respond(self.encryption.r.expose_secret(), rho);
        leaf.z_4 = respond(secret, k);
    }
}

pub(super) fn integer(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// *B4*: the announcements, then x.
pub(super) fn challenge_x(transcript: &mut Transcript, leaf: &BallotLeaf) -> Scalar {
    transcript.append_point(b"a", &leaf.a);
    transcript.append_point(b"t", &leaf.t);
    transcript.append_point(b"s", &leaf.s);
    transcript.append_point(b"e-pad", &leaf.e_pad);
    transcript.append_point(b"e-data", &leaf.e_data);
    transcript.append_point(b"v", &leaf.v);
    transcript.challenge_scalar(b"x")
}

/// For each bit i, Σ_j y^j·(weight of bit i in row j), over secret rows, then public rows.
fn row_weights(style: &CompiledStyle, y: Scalar) -> Vec<Scalar> {
    let relation = &style.relation;
    let mut weights = vec![Scalar::ZERO; relation.bits];
    let rows = relation.secret.iter().map(Vec::as_slice).chain(relation.public.iter().map(|r| r.terms.as_slice()));
    for (terms, y_j) in rows.zip(powers(y)) {
        for term in terms {
            if let Some(weight) = weights.get_mut(term.bit) {
                match term.weight {
                    1 => *weight += y_j,
                    -1 => *weight -= y_j,
                    other => *weight += y_j * integer(other),
                }
            }
        }
    }
    weights
}
