//! Voting credentials: from the code on the letter to the key that signs ballots; specs/protocol.md section 4.1.

use std::fmt;

use rand::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::group::{EncodedPoint, SecretScalar};
use crate::hash::{Hash, Hasher};
use crate::text::{crockford, digits, grouped, pack};
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Digits of the code itself: 128 bits and two zero bits.
const CODE_DIGITS: usize = 26;
/// Digits of the checksum.
const CHECKSUM_DIGITS: usize = 2;
/// Digits of the public id on a letter.
const PUBLIC_ID_DIGITS: usize = 10;

/// The 128-bit secret on a voter's letter. Never printed but by [`CredentialCode::expose_text`].
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CredentialCode([u8; 16]);

impl fmt::Debug for CredentialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialCode(redacted)")
    }
}

/// What is wrong with a typed code. Never repeats it.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodeError {
    /// A character that no code has.
    #[error("the credential code has a character that does not belong there: {0:?}")]
    Character(char),
    /// Too short or too long.
    #[error("the credential code has {found} characters instead of {}", CODE_DIGITS + CHECKSUM_DIGITS)]
    Length {
        /// Characters read.
        found: usize,
    },
    /// A typing error.
    #[error("the credential code has a typing error: its last two characters do not fit the others")]
    Checksum,
}

impl CredentialCode {
    /// A fresh code.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Reads what a voter typed: either case, with or without hyphens.
    ///
    /// # Errors
    /// [`CodeError`] says what is wrong without repeating the code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut values = digits(text).map_err(CodeError::Character)?;
        let found = values.len();
        if found != CODE_DIGITS + CHECKSUM_DIGITS {
            values.zeroize();
            return Err(CodeError::Length { found });
        }
        let mut packed = pack(values.get(..CODE_DIGITS).unwrap_or_default());
        let bytes: [u8; 16] = std::array::from_fn(|i| packed.get(i).copied().unwrap_or(0));
        let code = Self(bytes);
        packed.zeroize();
        values.zeroize();
        // One encoding per code: the two bits behind it are zero, and the checksum fits.
        let typed = digits(text).map(zeroize::Zeroizing::new).map_err(CodeError::Character)?;
        let expected = digits(&code.expose_text()).map(zeroize::Zeroizing::new).map_err(CodeError::Character)?;
        if typed == expected { Ok(code) } else { Err(CodeError::Checksum) }
    }

    /// The code as printed on a letter: seven groups of four.
    #[must_use]
    pub fn expose_text(&self) -> zeroize::Zeroizing<String> {
        let checksum = Hasher::new("code-checksum").bytes(&self.0).finish();
        let mut text = crockford(&self.0, CODE_DIGITS);
        text.push_str(&crockford(&checksum.0, CHECKSUM_DIGITS));
        zeroize::Zeroizing::new(grouped(&text))
    }

    /// The credential that this code is in the election with this fingerprint.
    #[must_use]
    pub fn credential(&self, fingerprint: &Hash) -> Credential {
        let mut transcript = Transcript::protocol("credential");
        transcript.append_hash(b"fingerprint", fingerprint);
        transcript.append_message(b"code", &self.0);
        let secret = SecretScalar::new(transcript.challenge_scalar(b"secret"));
        let public = CredentialKey(EncodedPoint::from(&secret.public_point()));
        Credential { secret, public }
    }
}

/// A voter's credential in one election.
#[derive(Debug, Clone)]
pub struct Credential {
    secret: SecretScalar,
    public: CredentialKey,
}

impl Credential {
    /// The point on the roll.
    #[must_use]
    pub fn public(&self) -> CredentialKey {
        self.public
    }

    pub(crate) fn expose_secret(&self) -> &SecretScalar {
        &self.secret
    }
}

/// A credential's public point, as it stands on the roll and on ballots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CredentialKey(pub EncodedPoint);

impl CredentialKey {
    /// Whether it is a group element other than the identity.
    #[must_use]
    pub fn is_valid(self) -> bool {
        self.0.decode_non_identity().is_ok()
    }

    /// The short name that letters and look-ups show.
    #[must_use]
    pub fn public_id(&self) -> String {
        grouped(&crockford(&self.id_hash().0, PUBLIC_ID_DIGITS))
    }

    /// The bits that [`CredentialKey::public_id`] shows.
    #[must_use]
    pub fn public_id_bits(&self) -> u64 {
        let first = self.id_hash().0.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(first) >> (64 - 5 * PUBLIC_ID_DIGITS)
    }

    fn id_hash(&self) -> Hash {
        Hasher::new("credential-id").point(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = CredentialCode([0x5a; 16]);
        let text = code.expose_text();
        assert_eq!(text.len(), 34);
        let typed = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(CredentialCode::parse(&typed).unwrap().0, code.0);
    }

    #[test]
    fn a_wrong_character_in_a_code_is_noticed() {
        let text = CredentialCode([0x5a; 16]).expose_text().to_string();
        let mut missed = 0;
        for i in (0..text.len()).filter(|&i| text.as_bytes()[i] != b'-') {
            let mut wrong = text.clone();
            let other = if &text[i..=i] == "7" { "8" } else { "7" };
            wrong.replace_range(i..=i, other);
            missed += usize::from(CredentialCode::parse(&wrong).is_ok());
        }
        assert_eq!(missed, 0);
        assert_eq!(CredentialCode::parse("ABCD").unwrap_err(), CodeError::Length { found: 4 });
        assert_eq!(CredentialCode::parse("ABC!").unwrap_err(), CodeError::Character('!'));
    }

    #[test]
    fn the_same_code_is_another_credential_in_another_election() {
        let code = CredentialCode([1; 16]);
        assert_ne!(code.credential(&Hash::of(b"a")).public(), code.credential(&Hash::of(b"b")).public());
    }

    #[test]
    fn secrets_are_not_printed() {
        let code = CredentialCode([0xab; 16]);
        let shown = format!("{code:?} {:?}", code.credential(&Hash::ZERO));
        assert!(shown.contains("redacted") && !shown.to_lowercase().contains("abab"), "{shown}");
    }
}
