//! Cosignatures of C2SP tlog-cosignature (`cosignature/v1`, Ed25519): a witness vouches that a checkpoint extends all those
//! that it cosigned before.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::note::{Note, NoteError, NoteSignature, check_name};
use crate::signature::{Signature, SigningSecret, VerificationKey};

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 0x04;

/// A witness: a name and an Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessVerifier {
    name: String,
    key: VerificationKey,
}

/// `cosignature/v1\ntime <seconds>\n` before the note's text.
fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// Cosigns a note's text, at a time in seconds since the Unix epoch. ⚠ Whoever calls this has checked that the log extends
/// what was cosigned before.
///
/// # Errors
/// [`NoteError::Name`].
pub fn cosign(text: &str, name: &str, key: &SigningSecret, time_s: u64) -> Result<NoteSignature, NoteError> {
    let witness = WitnessVerifier::new(name, key.verification_key())?;
    let mut signature = time_s.to_be_bytes().to_vec();
    signature.extend_from_slice(&key.sign_bytes(message(text, time_s).as_bytes()).0);
    Ok(NoteSignature { key_id: witness.key_id(), name: witness.name, signature })
}

impl WitnessVerifier {
    /// Checks the name.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: impl Into<String>, key: VerificationKey) -> Result<Self, NoteError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, key })
    }

    /// The witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &VerificationKey {
        &self.key
    }

    /// The first 4 bytes of SHA-256(name ‖ "\n" ‖ 0x04 ‖ key).
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', COSIGNATURE])
            .chain_update(self.key.0)
            .finalize();
        std::array::from_fn(|i| digest.get(i).copied().unwrap_or_default())
    }

    /// Reads `<name>+<id>+<key>`.
    ///
    /// # Errors
    /// [`NoteError::VerifierKey`], [`NoteError::Name`].
    pub fn parse(vkey: &str) -> Result<Self, NoteError> {
        let mut fields = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
        let Some((&COSIGNATURE, key)) = bytes.split_first() else { return Err(NoteError::VerifierKey) };
        let this = Self::new(name, VerificationKey(key.try_into().map_err(|_| NoteError::VerifierKey)?))?;
        if hex::encode(this.key_id()) == id { Ok(this) } else { Err(NoteError::VerifierKey) }
    }

    /// When this witness cosigned the note, in seconds since the Unix epoch; the latest time if it did so more than once.
    /// Lines that do not verify count for nothing.
    #[must_use]
    pub fn cosigned(&self, note: &Note) -> Option<u64> {
        let id = self.key_id();
        let lines = note.signatures().iter().filter(|line| line.name == self.name && line.key_id == id);
        lines.filter_map(|line| self.time(note.text(), line)).max()
    }

    fn time(&self, text: &str, line: &NoteSignature) -> Option<u64> {
        let (time, signature) = line.signature.split_first_chunk::<8>()?;
        let (time_s, signature) = (u64::from_be_bytes(*time), signature.try_into().map(Signature).ok()?);
        self.key.verify_bytes(message(text, time_s).as_bytes(), &signature).ok().map(|()| time_s)
    }
}

/// `<name>+<id>+<key>`, as Go's tools take it.
impl fmt::Display for WitnessVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![COSIGNATURE];
        bytes.extend_from_slice(&self.key.0);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.key_id()), STANDARD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn key() -> SigningSecret {
        SigningSecret::from_seed(&[3; 32])
    }

    fn witness() -> WitnessVerifier {
        WitnessVerifier::new("w.example", key().verification_key()).unwrap()
    }

    fn note(text: &str, lines: &[NoteSignature]) -> Note {
        let mut note = Note::sign(text, "log.example", &SigningSecret::from_seed(&[8; 32])).unwrap();
        lines.iter().for_each(|line| note.add(line.clone()).unwrap());
        Note::parse(&note.to_string()).unwrap()
    }

    #[test]
    fn a_cosignature_counts_for_its_own_witness_and_text_only() {
        let line = cosign("a\n1\nx\n", "w.example", &key(), 7).unwrap();
        assert_eq!(witness().cosigned(&note("a\n1\nx\n", std::slice::from_ref(&line))), Some(7));
        assert_eq!(witness().cosigned(&note("a\n2\nx\n", std::slice::from_ref(&line))), None);
        let other = WitnessVerifier::new("w.example", SigningSecret::from_seed(&[4; 32]).verification_key()).unwrap();
        assert_eq!(other.cosigned(&note("a\n1\nx\n", std::slice::from_ref(&line))), None);
        let renamed = WitnessVerifier::new("v.example", key().verification_key()).unwrap();
        assert_eq!(renamed.cosigned(&note("a\n1\nx\n", std::slice::from_ref(&line))), None);
        // The time is signed, too.
        let mut later = line;
        later.signature[7] += 1;
        assert_eq!(witness().cosigned(&note("a\n1\nx\n", &[later])), None);
        // The log's own kind of signature is no cosignature.
        assert_eq!(witness().cosigned(&Note::sign("a\n1\nx\n", "w.example", &key()).unwrap()), None);
    }

    #[test]
    fn a_newer_cosignature_takes_the_place_of_an_older_one() {
        let lines = [7, 9].map(|time| cosign("a\n1\nx\n", "w.example", &key(), time).unwrap());
        let note = note("a\n1\nx\n", &lines);
        assert_eq!(note.signatures().len(), 2, "the log's and one of the witness");
        assert_eq!(witness().cosigned(&note), Some(9));
    }

    #[test]
    fn a_witness_survives_its_text_and_is_not_taken_for_a_log() {
        let text = witness().to_string();
        assert_eq!(WitnessVerifier::parse(&text).unwrap(), witness());
        assert!(crate::log::note::NoteVerifier::parse(&text).is_err());
        let log = crate::log::note::NoteVerifier::new("w.example", key().verification_key()).unwrap();
        assert!(WitnessVerifier::parse(&log.to_string()).is_err());
        for bad in ["", "w.example", "w.example+00000000+BAAA", &text.replace("w.example", "v.example")] {
            assert!(WitnessVerifier::parse(bad).is_err(), "{bad}");
        }
    }
}
