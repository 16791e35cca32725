//! Signed notes of C2SP, with Ed25519 signatures.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::signature::{Signature, SigningSecret, VerificationKey};

/// Longest note that is read: three short lines and [`MAX_SIGNATURES`] signatures, some of them post-quantum (5 kB).
pub const MAX_NOTE_BYTES: usize = 128 << 10;

/// C2SP asks for at least 16.
pub const MAX_SIGNATURES: usize = 64;

/// Longest name of a key, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Why a text is no note, or a note is not to be trusted.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`].
    #[error("the note has {0} bytes; at most {MAX_NOTE_BYTES} are read")]
    TooLong(usize),
    /// Not text, an empty line and signature lines.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// A key's name that notes can't hold.
    #[error("{0:?} can't name a key: 1 to {MAX_NAME_BYTES} bytes without spaces, '+' and control characters")]
    Name(String),
    /// A verification key that is not `name+id+key`.
    #[error("not a note verification key of the form <name>+<id>+<key> for Ed25519")]
    VerifierKey,
    /// No line of the expected key.
    #[error("the note is not signed by {0}")]
    NotSigned(String),
    /// A line of the expected key that does not verify.
    #[error("the signature of {0} does not verify: the note was altered or its key is another one")]
    BadSignature(String),
}

/// What a key signs: the byte that C2SP puts before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// "Ed25519" of signed-note, over the note's text: a log's own signature.
    Ed25519 = 0x01,
    /// "timestamped Ed25519" of tlog-cosignature: a witness's, see [`super::cosignature`].
    Cosignature = 0x04,
}

/// A name and an Ed25519 key: who signs notes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    algorithm: Algorithm,
    name: String,
    key: VerificationKey,
}

impl NoteVerifier {
    /// Who signs like a log. Checks the name.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn log(name: impl Into<String>, key: VerificationKey) -> Result<Self, NoteError> {
        Self::new(Algorithm::Ed25519, name.into(), key)
    }

    /// Who cosigns as a witness. Checks the name.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn witness(name: impl Into<String>, key: VerificationKey) -> Result<Self, NoteError> {
        Self::new(Algorithm::Cosignature, name.into(), key)
    }

    fn new(algorithm: Algorithm, name: String, key: VerificationKey) -> Result<Self, NoteError> {
        check_name(&name)?;
        Ok(Self { algorithm, name, key })
    }

    /// What it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &VerificationKey {
        &self.key
    }

    /// The algorithm's byte and the key.
    fn typed_key(&self) -> Vec<u8> {
        [&[self.algorithm as u8][..], &self.key.0].concat()
    }

    /// The first 4 bytes of SHA-256(name ‖ "\n" ‖ algorithm ‖ key).
    #[must_use]
    pub fn key_id(&self) -> [u8; 4] {
        let digest =
            Sha256::new().chain_update(&self.name).chain_update(b"\n").chain_update(self.typed_key()).finalize();
        std::array::from_fn(|i| digest.get(i).copied().unwrap_or_default())
    }

    /// Reads `<name>+<id>+<key>` of a key that signs in this way.
    ///
    /// # Errors
    /// [`NoteError::VerifierKey`], [`NoteError::Name`].
    pub fn parse(vkey: &str, algorithm: Algorithm) -> Result<Self, NoteError> {
        let mut fields = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::VerifierKey)?;
        let Some((&byte, key)) = bytes.split_first() else { return Err(NoteError::VerifierKey) };
        let key = VerificationKey(key.try_into().map_err(|_| NoteError::VerifierKey)?);
        let this = Self::new(algorithm, name.to_owned(), key)?;
        let same = byte == algorithm as u8 && hex::encode(this.key_id()) == id;
        if same { Ok(this) } else { Err(NoteError::VerifierKey) }
    }

    /// This key's lines of a note, not verified.
    pub(super) fn lines<'a>(&'a self, note: &'a Note) -> impl Iterator<Item = &'a NoteSignature> {
        let id = self.key_id();
        note.signatures.iter().filter(move |line| line.name == self.name && line.key_id == id)
    }

    /// The line of a signature by this key.
    pub(super) fn line(&self, signature: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.name.clone(), key_id: self.key_id(), signature }
    }
}

/// `<name>+<id>+<key>`, as Go's tools take it.
impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, hex::encode(self.key_id()), STANDARD.encode(self.typed_key()))
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// Tells keys of one name apart.
    pub key_id: [u8; 4],
    /// 64 bytes for Ed25519, anything for other algorithms.
    pub signature: Vec<u8>,
}

/// A text, and signatures of which nothing is known before [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text.
    ///
    /// # Errors
    /// [`NoteError::Malformed`] for a text that does not end in a newline or has control characters,
    /// [`NoteError::Name`].
    pub fn sign(text: impl Into<String>, name: &str, secret: &SigningSecret) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        let verifier = NoteVerifier::log(name, secret.verification_key())?;
        let line = verifier.line(secret.sign_bytes(text.as_bytes()).0.to_vec());
        Ok(Self { text, signatures: vec![line] })
    }

    /// Reads a note. Nothing is verified.
    ///
    /// # Errors
    /// [`NoteError::TooLong`], [`NoteError::Malformed`], [`NoteError::Name`].
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(note.len()));
        }
        check_text(note)?;
        // The text is separated from the signatures by the last empty line.
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed("no empty line before signatures"))?;
        let (text, lines) = (note.get(..=split), note.get(split + 2..));
        let (Some(text), Some(lines)) = (text, lines) else { return Err(NoteError::Malformed("no signatures")) };
        let signatures = lines
            .strip_suffix('\n')
            .ok_or(NoteError::Malformed("no signatures"))?
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::Malformed("too many signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// Verifies a log's signature. Those of other keys are ignored; of a witness there is none, only cosignatures.
    ///
    /// # Errors
    /// [`NoteError::NotSigned`], [`NoteError::BadSignature`].
    pub fn verify(&self, verifier: &NoteVerifier) -> Result<(), NoteError> {
        let mut ours = verifier.lines(self).peekable();
        if ours.peek().is_none() || verifier.algorithm != Algorithm::Ed25519 {
            return Err(NoteError::NotSigned(verifier.name.clone()));
        }
        for line in ours {
            let bytes = line.signature.as_slice().try_into();
            bytes
                .ok()
                .and_then(|bytes| verifier.key.verify_bytes(self.text.as_bytes(), &Signature(bytes)).ok())
                .ok_or_else(|| NoteError::BadSignature(verifier.name.clone()))?;
        }
        Ok(())
    }

    /// Adds a signature line, in place of an older one of the same key.
    ///
    /// # Errors
    /// [`NoteError::Name`], [`NoteError::Malformed`] when the note has as many lines as are read.
    pub fn add(&mut self, line: NoteSignature) -> Result<(), NoteError> {
        check_name(&line.name)?;
        self.signatures.retain(|old| (&old.name, old.key_id) != (&line.name, line.key_id));
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::Malformed("too many signatures"));
        }
        self.signatures.push(line);
        Ok(())
    }

    /// The text, newline included: not to be believed before [`Note::verify`].
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl NoteSignature {
    /// Reads a signature line, without its newline. Nothing is verified.
    ///
    /// # Errors
    /// [`NoteError::Malformed`], [`NoteError::Name`].
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        const MALFORMED: NoteError = NoteError::Malformed("a signature line that is not '\u{2014} <name> <base64>'");
        let (name, signature) = line.strip_prefix("\u{2014} ").and_then(|l| l.split_once(' ')).ok_or(MALFORMED)?;
        check_name(name)?;
        let bytes = STANDARD.decode(signature).map_err(|_| MALFORMED)?;
        let (key_id, signature) = bytes.split_first_chunk::<4>().ok_or(MALFORMED)?;
        if signature.is_empty() {
            return Err(MALFORMED);
        }
        Ok(Self { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() })
    }
}

/// `— <name> <base64>`, without newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key_id.to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "\u{2014} {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Checks a name for keys and origins.
///
/// # Errors
/// [`NoteError::Name`].
pub fn check_name(name: &str) -> Result<(), NoteError> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(forbidden) {
        return Err(NoteError::Name(name.chars().take(80).collect()));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("no newline at its end"));
    }
    if text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(NoteError::Malformed("a control character"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    /// The example of golang.org/x/mod/sumdb/note: a note that Go's tools signed.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
         then you don't know what your problem is.\n\n\
         \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key() -> SigningSecret {
        SigningSecret::from_seed(&[7; 32])
    }

    #[test]
    fn a_note_signed_by_go_verifies_and_prints_the_same() {
        let verifier = NoteVerifier::parse(GO_KEY, Algorithm::Ed25519).unwrap();
        assert_eq!(verifier.to_string(), GO_KEY);
        let note = Note::parse(GO_NOTE).unwrap();
        note.verify(&verifier).unwrap();
        assert_eq!(note.to_string(), GO_NOTE);
    }

    #[test]
    fn what_is_signed_verifies_and_an_altered_text_does_not() {
        let verifier = NoteVerifier::log("example.org/a", key().verification_key()).unwrap();
        let note = Note::sign("one\n\ntwo\n", "example.org/a", &key()).unwrap();
        let text = note.to_string();
        assert_eq!(Note::parse(&text).unwrap(), note);
        note.verify(&verifier).unwrap();
        let altered = Note::parse(&text.replace("two", "three")).unwrap();
        assert_eq!(altered.verify(&verifier), Err(NoteError::BadSignature("example.org/a".into())));
    }

    #[test]
    fn signatures_of_unknown_keys_are_ignored_and_do_not_count() {
        let note = Note::sign("one\n", "example.org/a", &key()).unwrap();
        let other = NoteVerifier::log("example.org/b", key().verification_key()).unwrap();
        assert_eq!(note.verify(&other), Err(NoteError::NotSigned("example.org/b".into())));
        let unknown = format!("{note}\u{2014} witness.example {}\n", STANDARD.encode([1, 2, 3, 4, 5]));
        let verifier = NoteVerifier::log("example.org/a", key().verification_key()).unwrap();
        Note::parse(&unknown).unwrap().verify(&verifier).unwrap();
    }

    #[test]
    fn a_second_wrong_line_of_the_known_key_spoils_the_note() {
        let verifier = NoteVerifier::log("a", key().verification_key()).unwrap();
        let good = Note::sign("one\n", "a", &key()).unwrap().to_string();
        let bad = Note::sign("two\n", "a", &key()).unwrap().to_string();
        let both = format!("{good}{}\n", bad.lines().last().unwrap());
        assert_eq!(Note::parse(&both).unwrap().verify(&verifier), Err(NoteError::BadSignature("a".into())));
    }

    #[test]
    fn malformed_notes_are_refused() {
        for bad in [
            "",
            "\n",
            "\n\n",
            "text\n",
            "text\n\n",
            "text\n\n\n",
            "text\n\nnot a signature\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014} name !!!!\n",
            "text\n\n\u{2014} name AQIDBA==\n",
            "text\n\n\u{2014}  AQIDBAU=\n",
            "text\n\n\u{2014} na+me AQIDBAU=\n",
            "te\u{1}xt\n\n\u{2014} name AQIDBAU=\n",
            "text\n\n\u{2014} name AQIDBAU=",
            "text\r\n\r\n\u{2014} name AQIDBAU=\r\n",
        ] {
            assert!(Note::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Note::parse("text\n\n\u{2014} name AQIDBAU=\n").is_ok());
        let long = format!("{}\n\n\u{2014} name AQIDBAU=\n", "x".repeat(MAX_NOTE_BYTES));
        assert!(matches!(Note::parse(&long), Err(NoteError::TooLong(_))));
        let many = format!("text\n\n{}", "\u{2014} name AQIDBAU=\n".repeat(MAX_SIGNATURES + 1));
        assert!(Note::parse(&many).is_err());
        assert!(Note::sign("no newline", "a", &key()).is_err());
    }

    #[test]
    fn malformed_verifier_keys_are_refused() {
        let upper = GO_KEY.replace("c74f20a3", "C74F20A3");
        let id = GO_KEY.replace("c74f20a3", "c74f20a4");
        for bad in ["", "+", "++", "a+b", "PeterNeumann+c74f20a3+AAAA", "PeterNeumann+c74f20a3+", &upper, &id] {
            assert!(NoteVerifier::parse(bad, Algorithm::Ed25519).is_err(), "{bad}");
        }
    }
}
