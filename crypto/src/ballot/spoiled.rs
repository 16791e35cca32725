//! Spoiled ballots that voters publish: specs/protocol.md section 4.5.

use rand::CryptoRng;

use super::prepare::{Slot, encrypt};
use super::{BallotContext, BallotError, BallotOpening, ConfirmationCode, OpeningError, Statement};
use crate::credential::{Credential, CredentialKey};
use crate::group::EncodedPoint;
use crate::knowledge::KnowledgeProof;
use crate::leaves::{SpoiledBallot, SpoiledBallotTag};
use crate::relation::{CompiledStyle, Term};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// How many spoiled ballots a credential may publish beyond as many as it may cast: enough to test often, and too few
/// to flood a log.
pub const SPOILED_BEYOND_CASTS: u64 = 10;

/// Why a published spoiled ballot is refused.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoiledError {
    /// Not on the roll, or replaced by a re-issue.
    #[error("its credential is not on the roll, or was replaced")]
    UnknownCredential,
    /// The roll gives the credential another style.
    #[error("it is of another style than the roll gives its credential")]
    Style,
    /// Counter or previous hash are not the next ballot's.
    #[error("it is not this credential's next ballot: one was cast in between")]
    Turn,
    /// As many were published as [`SPOILED_BEYOND_CASTS`] allows; the number.
    #[error("this credential has published the {0} spoiled ballots that the election allows")]
    Limit(u64),
    /// Somebody else made it, or it was altered.
    #[error("the credential did not sign it")]
    Signature,
    /// Not one `0` or `1` for each bit of the style.
    #[error("its bits are not as many zeros and ones as its style has")]
    Bits,
    /// The bits are no valid ballot: the device cheated or failed.
    #[error("its bits break a rule of the ballot")]
    Rule,
    /// What the device showed is not what it had encrypted.
    #[error("seed and bits do not give its confirmation code")]
    Code,
    /// A ballot is cast or published, never both, and once.
    #[error("its pad occurred before: it was cast or published already")]
    RepeatedPad,
}

/// What a published spoiled ballot says when it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedBallot {
    /// Its confirmation code.
    pub code: ConfirmationCode,
    /// r·G: occurs once in a log.
    pub pad: EncodedPoint,
    /// The value of each secret row of the style, as one ballot of weight 1 would count.
    pub values: Vec<u64>,
}

/// Section 4.5: what the credential signs.
fn transcript(context: &BallotContext, spoiled: &SpoiledBallot, bits: &[u8]) -> Transcript {
    let mut transcript = Transcript::protocol("spoiled-ballot");
    transcript.append_hash(b"fingerprint", &context.manifest().fingerprint());
    transcript.append_hash(b"ceremony", &context.keys().ceremony);
    transcript.append_message(b"style", spoiled.style.as_bytes());
    transcript.append_point(b"credential", &spoiled.credential);
    transcript.append_integer(b"counter", spoiled.counter);
    transcript.append_hash(b"previous", &spoiled.previous);
    transcript.append_hash(b"seed", &spoiled.seed);
    transcript.append_message(b"bits", bits);
    transcript.append_hash(b"code", &spoiled.code);
    transcript
}

/// Σ weight·bit of public bits: no overflow by the relation's limits.
fn row_value(terms: &[Term], bits: &[u8]) -> i64 {
    terms.iter().map(|term| term.weight * i64::from(bits.get(term.bit).copied().unwrap_or(0))).sum()
}

/// The values of the secret rows, if every rule holds.
fn row_values(style: &CompiledStyle, bits: &[u8]) -> Result<Vec<u64>, SpoiledError> {
    if style.relation.public.iter().any(|row| row_value(&row.terms, bits) != row.value) {
        return Err(SpoiledError::Rule);
    }
    let values = style.relation.secret.iter().map(|terms| row_value(terms, bits));
    values.map(|value| u64::try_from(value).map_err(|_| SpoiledError::Rule)).collect()
}

impl BallotOpening {
    /// Makes the entry that publishes this spoiled ballot, signed by its credential. To be sent before the credential's
    /// next ballot: afterwards it is refused.
    ///
    /// # Errors
    /// As [`BallotOpening::verify`]; [`BallotError::Element`] when the credential is another one.
    pub fn publish(
        &self,
        context: &BallotContext,
        credential: &Credential,
        rng: &mut impl CryptoRng,
    ) -> Result<SpoiledBallot, OpeningError> {
        let code = self.verify(context)?;
        if credential.public().0 != self.credential {
            return Err(BallotError::Element("credential").into());
        }
        let (style, _) = context.style(&self.style).ok_or_else(|| BallotError::UnknownStyle(self.style.clone()))?;
        let bits = style.encode(&context.manifest().contests, &self.selections).map_err(BallotError::from)?;
        let bits: Vec<u8> = bits.into_iter().map(u8::from).collect();
        let placeholder = KnowledgeProof { v: EncodedPoint::IDENTITY, z: (&crate::group::Scalar::ZERO).into() };
        let mut spoiled = SpoiledBallot {
            bits: bits.iter().map(|bit| char::from(b'0' + bit)).collect(),
            code: code.0,
            counter: self.counter,
            credential: self.credential,
            previous: self.previous,
            proof: placeholder,
            seed: self.seed.parse().map_err(|_| OpeningError::Seed)?,
            style: self.style.clone(),
            tag: SpoiledBallotTag,
        };
        let transcript = transcript(context, &spoiled, &bits);
        spoiled.proof = KnowledgeProof::prove(transcript, credential.expose_secret().expose_secret(), rng);
        Ok(spoiled)
    }
}

impl BallotContext {
    /// Checks a published spoiled ballot by itself: signature, rules, code. Whether it may enter a log, and when, is
    /// [`crate::record::RecordState`]'s.
    ///
    /// # Errors
    /// [`SpoiledError`].
    pub fn open_spoiled(&self, spoiled: &SpoiledBallot) -> Result<OpenedBallot, SpoiledError> {
        let (style, _) = self.style(&spoiled.style).ok_or(SpoiledError::Style)?;
        let digits = spoiled.bits.bytes().map(|digit| digit.checked_sub(b'0').filter(|bit| *bit <= 1));
        let bits: Option<Vec<u8>> = digits.collect();
        let bits = bits.filter(|bits| bits.len() == style.relation.bits).ok_or(SpoiledError::Bits)?;
        let credential = spoiled.credential.decode_non_identity().map_err(|_| SpoiledError::UnknownCredential)?;
        let signed = spoiled.proof.verify(transcript(self, spoiled, &bits), &credential);
        signed.map_err(|_| SpoiledError::Signature)?;
        let values = row_values(style, &bits)?;
        let slot = Slot {
            style: spoiled.style.clone(),
            credential: CredentialKey(spoiled.credential),
            counter: spoiled.counter,
            previous: spoiled.previous,
        };
        let again = encrypt(self, style, &slot, &bits, &spoiled.seed.0);
        let code = Statement {
            style: &spoiled.style,
            credential: &spoiled.credential,
            counter: spoiled.counter,
            previous: &spoiled.previous,
            pad: &again.pad,
            data: &again.data,
            bits: &again.bits_commitment,
        }
        .confirmation_code(&self.manifest().fingerprint());
        if code.0 != spoiled.code {
            return Err(SpoiledError::Code);
        }
        Ok(OpenedBallot { code, pad: again.pad, values })
    }
}
