//! Encryption, then Cast or Spoil. The proof is made only after the voter chose Cast.

use std::sync::Arc;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;
use curve25519_dalek::traits::{Identity as _, MultiscalarMul as _, VartimeMultiscalarMul as _};
use rand::CryptoRng;
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroizing;

use super::{BallotContext, BallotError, BallotOpening, ConfirmationCode, EncryptedBallot, Statement, powers};
use crate::contests::{Answers, SecretAnswers};
use crate::credential::{Credential, CredentialKey};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar};
use crate::hash::Hash;
use crate::id::Id;
use crate::leaves::{BallotLeaf, BallotTag};
use crate::relation::{CompiledStyle, Term};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// So many additions are quicker than a multiplication.
const MOST_ADDITIONS: usize = 32;

/// Which ballot of which voter: what the encryption is bound to.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub style: Id,
    pub credential: CredentialKey,
    pub counter: u64,
    pub previous: Hash,
}

/// The points of the statement and the secrets behind them.
pub(super) struct Encryption {
    pub pad: EncodedPoint,
    pub data: Vec<EncodedPoint>,
    pub bits_commitment: EncodedPoint,
    r: SecretScalar,
    s: SecretScalar,
}

/// An encrypted ballot whose fate is not chosen yet. Neither `Clone` nor `Serialize`: it is cast or spoiled, once. Owns what
/// it needs, so that it can wait on any thread; erases its secrets when it is dropped.
pub struct PreparedBallot {
    context: Arc<BallotContext>,
    slot: Slot,
    answers: SecretAnswers,
    bits: Zeroizing<Vec<u8>>,
    seed: Zeroizing<[u8; 32]>,
    encryption: Encryption,
}

impl std::fmt::Debug for PreparedBallot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PreparedBallot({})", self.code())
    }
}

/// Σ weight·bit in constant time with respect to the bits; below 2^52 by the relation's limits.
fn row_value(terms: &[Term], bits: &[u8]) -> Scalar {
    let sum: i64 = terms
        .iter()
        .map(|t| t.weight.wrapping_mul(i64::from(bits.get(t.bit).copied().unwrap_or(0))))
        .fold(0, i64::wrapping_add);
    // Secret rows are ≥ 0 by construction of the contest types.
    Scalar::from(sum.cast_unsigned())
}

/// (Σ weight·bit)·G in constant time with respect to the bits.
fn message(terms: &[Term], bits: &[u8]) -> RistrettoPoint {
    if terms.len() > MOST_ADDITIONS || terms.iter().any(|term| term.weight != 1) {
        return RistrettoPoint::mul_base(&row_value(terms, bits));
    }
    // Most rows count a few bits.
    let bits = terms.iter().map(|term| bits.get(term.bit).copied().unwrap_or(0));
    bits.fold(RistrettoPoint::identity(), |sum, bit| sum + selected(&G, bit))
}

/// The point, or the identity for 0, in constant time.
fn selected(point: &RistrettoPoint, bit: u8) -> RistrettoPoint {
    RistrettoPoint::conditional_select(&RistrettoPoint::identity(), point, Choice::from(bit))
}

pub(super) fn integer(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

/// Section 4.2: r and s from the seed, bound to the slot and the bits; then pad, data and B.
pub(super) fn encrypt(
    context: &BallotContext,
    style: &CompiledStyle,
    slot: &Slot,
    bits: &[u8],
    seed: &[u8; 32],
) -> Encryption {
    let mut transcript = Transcript::protocol("ballot-nonces");
    transcript.append_message(b"seed", seed);
    transcript.append_hash(b"fingerprint", &context.manifest().fingerprint());
    transcript.append_message(b"style", slot.style.as_bytes());
    transcript.append_point(b"credential", &slot.credential.0);
    transcript.append_integer(b"counter", slot.counter);
    transcript.append_message(b"bits", bits);
    let r = SecretScalar::new(transcript.challenge_scalar(b"r"));
    let s = SecretScalar::new(transcript.challenge_scalar(b"s"));
    // pad = r·G, data_j = m_j·G + r·K_j
    let pad = EncodedPoint::from(&r.public_point());
    let rows = style.relation.secret.iter().zip(context.style_keys(style));
    let data = rows.map(|(terms, key)| EncodedPoint::from(&(message(terms, bits) + key * r.expose_secret()))).collect();
    // B = s·H + Σ b_i·G_i
    let blinding = context.generators.h * s.expose_secret();
    let commitment =
        context.generators.g.iter().zip(bits).fold(blinding, |sum, (generator, bit)| sum + selected(generator, *bit));
    Encryption { pad, data, bits_commitment: EncodedPoint::from(&commitment), r, s }
}

impl BallotContext {
    /// Encrypts a filled-in ballot.
    ///
    /// `counter` and `previous` follow the credential's last admitted ballot (1 and zeros for none).
    ///
    /// # Errors
    /// [`BallotError::UnknownStyle`], or [`BallotError::Answer`] with what the voter has to change.
    pub fn prepare(
        self: &Arc<Self>,
        style: &Id,
        answers: &Answers,
        credential: CredentialKey,
        counter: u64,
        previous: Hash,
        rng: &mut impl CryptoRng,
    ) -> Result<PreparedBallot, BallotError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        let slot = Slot { style: style.clone(), credential, counter, previous };
        let (compiled, _) = self.style(style).ok_or_else(|| BallotError::UnknownStyle(style.clone()))?;
        let encoded = Zeroizing::new(compiled.encode(&self.manifest().contests, answers)?);
        let bits: Zeroizing<Vec<u8>> = Zeroizing::new(encoded.iter().map(|bit| u8::from(*bit)).collect());
        let encryption = encrypt(self, compiled, &slot, &bits, &seed);
        Ok(PreparedBallot { context: self.clone(), slot, answers: answers.clone().into(), bits, seed, encryption })
    }
}

impl PreparedBallot {
    fn statement(&self) -> Statement<'_> {
        Statement {
            style: &self.slot.style,
            credential: &self.slot.credential.0,
            counter: self.slot.counter,
            previous: &self.slot.previous,
            pad: &self.encryption.pad,
            data: &self.encryption.data,
            bits: &self.encryption.bits_commitment,
        }
    }

    /// The code that the voter notes before choosing Cast or Spoil.
    #[must_use]
    pub fn code(&self) -> ConfirmationCode {
        self.statement().confirmation_code(&self.context.manifest().fingerprint())
    }

    /// Spoil: opens selections and seed so that any device can recompute the code. Contains nothing of a proof.
    #[must_use]
    pub fn spoil(self) -> BallotOpening {
        BallotOpening {
            bits: self.encryption.bits_commitment,
            code: self.code().0,
            counter: self.slot.counter,
            credential: self.slot.credential.0,
            data: self.encryption.data.clone(),
            fingerprint: self.context.manifest().fingerprint(),
            pad: self.encryption.pad,
            previous: self.slot.previous,
            seed: hex::encode(self.seed.as_ref()),
            selections: self.answers.into_answers(),
            style: self.slot.style,
            tag: super::opening::OpeningTag,
        }
    }

    /// Cast: makes the proof, which is also the credential's signature, and erases the seed.
    ///
    /// # Errors
    /// [`BallotError::Element`] when `credential` is not the one that the ballot was prepared for.
    pub fn cast(self, credential: &Credential, rng: &mut impl CryptoRng) -> Result<EncryptedBallot, BallotError> {
        if credential.public() != self.slot.credential {
            return Err(BallotError::Element("credential"));
        }
        let (style, prefix) =
            self.context.style(&self.slot.style).ok_or_else(|| BallotError::UnknownStyle(self.slot.style.clone()))?;
        let leaf = self.prove(style, prefix, credential, rng);
        EncryptedBallot::from_leaf(leaf)
    }

    fn prove(
        &self,
        style: &CompiledStyle,
        prefix: &Transcript,
        credential: &Credential,
        rng: &mut impl CryptoRng,
    ) -> BallotLeaf {
        let (relation, generators) = (&style.relation, &self.context.generators);
        let (mut transcript, y) = BallotContext::challenge_y(prefix, &self.statement());
        // B3: nonces of move 2
        let secret = credential.expose_secret().expose_secret();
        let mut nonces = transcript.nonces(&[secret.as_bytes(), self.seed.as_ref()], rng);
        let a: Zeroizing<Vec<Scalar>> = Zeroizing::new((0..relation.bits).map(|_| nonces.scalar()).collect());
        let [s_a, s_t, s_s, rho, k] = std::array::from_fn(|_| SecretScalar::new(nonces.scalar()));
        // A = Com(a; s_a)
        let announce_a = RistrettoPoint::multiscalar_mul(
            a.iter().chain([s_a.expose_secret()]),
            generators.g.iter().take(relation.bits).chain([&generators.h]),
        );
        // T = (Σ y^i a_i(1−2b_i))·G_0 + s_t·H, S = −(Σ y^i a_i²)·G_0 + s_s·H
        let (mut t_sum, mut s_sum) = (Scalar::ZERO, Scalar::ZERO);
        for ((a_i, bit), y_i) in a.iter().zip(self.bits.iter()).zip(powers(y)) {
            t_sum += y_i * Scalar::conditional_select(a_i, &-a_i, Choice::from(*bit));
            s_sum -= y_i * a_i * a_i;
        }
        let blind = |value: &Scalar, blinding: &SecretScalar| {
            RistrettoPoint::multiscalar_mul([value, blinding.expose_secret()], [&generators.g_0, &generators.h])
        };
        let (announce_t, announce_s) = (blind(&t_sum, &s_t), blind(&s_sum, &s_s));
        // E_pad = ρ·G, E_data = (Σ_j y^j R_j·a)·G + ρ·Σ_{j≤M} y^j K_j
        let combined_rows = row_weights(style, y);
        let row_sum: Scalar = combined_rows.iter().zip(a.iter()).map(|(w, a_i)| w * a_i).sum();
        // Keys and y are public.
        let keys: Vec<&RistrettoPoint> = self.context.style_keys(style).collect();
        let powers_of_y: Vec<Scalar> = powers(y).take(keys.len()).collect();
        let combined_key = RistrettoPoint::vartime_multiscalar_mul(powers_of_y, keys);
        let e_data = RistrettoPoint::mul_base(&row_sum) + combined_key * rho.expose_secret();
        let mut leaf = BallotLeaf {
            a: (&announce_a).into(),
            bits: self.encryption.bits_commitment,
            counter: self.slot.counter,
            credential: self.slot.credential.0,
            data: self.encryption.data.clone(),
            e_data: (&e_data).into(),
            e_pad: (&rho.public_point()).into(),
            f: vec![],
            pad: self.encryption.pad,
            previous: self.slot.previous,
            s: (&announce_s).into(),
            style: self.slot.style.clone(),
            t: (&announce_t).into(),
            tag: BallotTag,
            v: (&k.public_point()).into(),
            z_1: (&Scalar::ZERO).into(),
            z_2: (&Scalar::ZERO).into(),
            z_3: (&Scalar::ZERO).into(),
            z_4: (&Scalar::ZERO).into(),
        };
        // B4, B5
        let x = challenge_x(&mut transcript, &leaf);
        let respond = |witness: &Scalar, nonce: &SecretScalar| (&(x * witness + nonce.expose_secret())).into();
        leaf.f = a
            .iter()
            .zip(self.bits.iter())
            .map(|(a_i, bit)| (&(Scalar::conditional_select(&Scalar::ZERO, &x, Choice::from(*bit)) + a_i)).into())
            .collect();
        leaf.z_1 = respond(self.encryption.s.expose_secret(), &s_a);
        leaf.z_2 = respond(s_t.expose_secret(), &s_s);
        leaf.z_3 = respond(self.encryption.r.expose_secret(), &rho);
        leaf.z_4 = respond(secret, &k);
        leaf
    }
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
pub(super) fn row_weights(style: &CompiledStyle, y: Scalar) -> Vec<Scalar> {
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
