//! What Spoil writes, and its check on another device.

use serde::{Deserialize, Serialize};

use super::prepare::{Slot, encrypt};
use super::{BallotContext, BallotError, ConfirmationCode, Statement};
use crate::contests::Answers;
use crate::credential::CredentialKey;
use crate::group::EncodedPoint;
use crate::hash::Hash;
use crate::id::Id;
use crate::leaves::tag;

tag!(OpeningTag, "ballot-opening/v1");

/// A spoiled ballot, opened: specs/encoding.md, "Files that are not log entries". Holds no nonce of the proof, so it says
/// nothing about the credential's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotOpening {
    /// B, the commitment to the bits.
    pub bits: EncodedPoint,
    /// The confirmation code, all 256 bits.
    pub code: Hash,
    /// That of the ballot that it would have been, from 1.
    pub counter: u64,
    /// The voter's public key on the roll.
    pub credential: EncodedPoint,
    /// M points, one for each secret row of the style.
    pub data: Vec<EncodedPoint>,
    /// Of the election: SHA-256 of leaf 0.
    pub fingerprint: Hash,
    /// r·G.
    pub pad: EncodedPoint,
    /// SHA-256 of the credential's previous ballot entry, zeros for none.
    pub previous: Hash,
    /// 64 digits of lower-case hex: 32 bytes from which the nonces are expanded.
    pub seed: String,
    /// What the voter chose.
    pub selections: Answers,
    /// Ballot style.
    pub style: Id,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: OpeningTag,
}

/// Why an opening does not prove what the voter was told.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpeningError {
    /// For another election.
    #[error("the opened ballot belongs to another election (fingerprint {0})")]
    OtherElection(Hash),
    /// The seed is not 32 bytes of lower-case hex.
    #[error("the opening's seed is not 64 hexadecimal digits")]
    Seed,
    /// The selections can't be on this ballot.
    #[error(transparent)]
    Ballot(#[from] BallotError),
    /// The device encrypted something else than it opened.
    #[error("{0} is not what these selections and this seed give: the device that made this ballot cheated or failed")]
    Mismatch(&'static str),
}

impl BallotOpening {
    /// Recomputes the ballot from selections and seed. The caller compares the returned code, all 256 bits, with the one
    /// that was noted before choosing Spoil.
    ///
    /// # Errors
    /// [`OpeningError`].
    pub fn verify(&self, context: &BallotContext) -> Result<ConfirmationCode, OpeningError> {
        let fingerprint = context.manifest().fingerprint();
        if self.fingerprint != fingerprint {
            return Err(OpeningError::OtherElection(self.fingerprint));
        }
        // As a published one has it: lower case, so that one opening has one text.
        let Hash(seed) = Hash::from_hex(&self.seed).map_err(|_| OpeningError::Seed)?;
        let (style, _) = context.style(&self.style).ok_or_else(|| BallotError::UnknownStyle(self.style.clone()))?;
        let bits = style.encode(&context.manifest().contests, &self.selections).map_err(BallotError::from)?;
        let bits: Vec<u8> = bits.into_iter().map(u8::from).collect();
        let slot = Slot {
            style: self.style.clone(),
            credential: CredentialKey(self.credential),
            counter: self.counter,
            previous: self.previous,
        };
        let again = encrypt(context, style, &slot, &bits, &seed);
        if again.pad != self.pad {
            return Err(OpeningError::Mismatch("the pad"));
        }
        if again.data != self.data {
            return Err(OpeningError::Mismatch("the encrypted data"));
        }
        if again.bits_commitment != self.bits {
            return Err(OpeningError::Mismatch("the commitment to the bits"));
        }
        let code = Statement {
            style: &self.style,
            credential: &self.credential,
            counter: self.counter,
            previous: &self.previous,
            pad: &self.pad,
            data: &self.data,
            bits: &self.bits,
        }
        .confirmation_code(&fingerprint);
        if code.0 == self.code { Ok(code) } else { Err(OpeningError::Mismatch("the confirmation code")) }
    }
}
