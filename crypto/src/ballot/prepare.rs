//! Encryption, then Cast or Spoil. The proof is made only after the voter chose Cast.

use std::sync::Arc;

use curve25519_dalek::traits::Identity as _;
use rand::CryptoRng;
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroizing;

use super::tables::{HALF_G, double_and_encode};
use super::{BallotContext, BallotError, BallotOpening, ConfirmationCode, EncryptedBallot, Statement};
use crate::contests::{Answers, SecretAnswers};
use crate::credential::{Credential, CredentialKey};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar};
use crate::hash::Hash;
use crate::id::Id;
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
    pub(super) r: SecretScalar,
    pub(super) s: SecretScalar,
}

/// An encrypted ballot whose fate is not chosen yet. Neither `Clone` nor `Serialize`: it is cast or spoiled, once. Owns what
/// it needs, so that it can wait on any thread; erases its secrets when it is dropped.
pub struct PreparedBallot {
    pub(super) context: Arc<BallotContext>,
    pub(super) slot: Slot,
    answers: SecretAnswers,
    pub(super) bits: Zeroizing<Vec<u8>>,
    pub(super) seed: Zeroizing<[u8; 32]>,
    pub(super) encryption: Encryption,
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

/// Half of (Σ weight·bit)·G, in constant time with respect to the bits.
fn half_message(terms: &[Term], bits: &[u8]) -> RistrettoPoint {
    if terms.len() > MOST_ADDITIONS || terms.iter().any(|term| term.weight != 1) {
        return RistrettoPoint::mul_base(&row_value(terms, bits).div_by_2());
    }
    // Most rows count a few bits.
    let bits = terms.iter().map(|term| bits.get(term.bit).copied().unwrap_or(0));
    bits.fold(RistrettoPoint::identity(), |sum, bit| sum + selected(&HALF_G, bit))
}

/// The point, or the identity for 0, in constant time.
fn selected(point: &RistrettoPoint, bit: u8) -> RistrettoPoint {
    RistrettoPoint::conditional_select(&RistrettoPoint::identity(), point, Choice::from(bit))
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
    // pad = r·G, data_j = m_j·G + r·K_j: their halves, which are doubled and encoded together.
    let half_r = SecretScalar::new(r.expose_secret().div_by_2());
    let masks = context.times_keys(style, half_r.expose_secret());
    let data = style.relation.secret.iter().zip(masks).map(|(terms, mask)| half_message(terms, bits) + mask);
    let mut points = double_and_encode(std::iter::once(half_r.public_point()).chain(data));
    let pad = points.remove(0);
    // B = s·H + Σ b_i·G_i
    let blinding = context.times_h(s.expose_secret());
    let commitment =
        context.generators.g.iter().zip(bits).fold(blinding, |sum, (generator, bit)| sum + selected(generator, *bit));
    Encryption { pad, data: points, bits_commitment: EncodedPoint::from(&commitment), r, s }
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
    pub(super) fn statement(&self) -> Statement<'_> {
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
        EncryptedBallot::from_leaf(self.prove(style, prefix, credential, rng))
    }
}
