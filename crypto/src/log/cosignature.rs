//! Cosignatures of C2SP tlog-cosignature (`cosignature/v1`, Ed25519): a witness vouches that a checkpoint extends all those
//! that it cosigned before.

use super::note::{Algorithm, Note, NoteError, NoteSignature, NoteVerifier};
use crate::signature::{Signature, SigningSecret};

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
    let mut signature = time_s.to_be_bytes().to_vec();
    signature.extend_from_slice(&key.sign_bytes(message(text, time_s).as_bytes()).0);
    Ok(NoteVerifier::witness(name, key.verification_key())?.line(signature))
}

impl NoteVerifier {
    /// When this witness cosigned the note, in seconds since the Unix epoch; the latest time if it did so more than once.
    /// Lines that do not verify count for nothing; a log never cosigns.
    #[must_use]
    pub fn cosigned(&self, note: &Note) -> Option<u64> {
        if self.algorithm() != Algorithm::Cosignature {
            return None;
        }
        self.lines(note).filter_map(|line| self.time(note.text(), line)).max()
    }

    fn time(&self, text: &str, line: &NoteSignature) -> Option<u64> {
        let (time, signature) = line.signature.split_first_chunk::<8>()?;
        let (time_s, signature) = (u64::from_be_bytes(*time), signature.try_into().map(Signature).ok()?);
        self.key().verify_bytes(message(text, time_s).as_bytes(), &signature).ok().map(|()| time_s)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn key() -> SigningSecret {
        SigningSecret::from_seed(&[3; 32])
    }

    fn witness() -> NoteVerifier {
        NoteVerifier::witness("w.example", key().verification_key()).unwrap()
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
        let other = NoteVerifier::witness("w.example", SigningSecret::from_seed(&[4; 32]).verification_key()).unwrap();
        assert_eq!(other.cosigned(&note("a\n1\nx\n", std::slice::from_ref(&line))), None);
        let renamed = NoteVerifier::witness("v.example", key().verification_key()).unwrap();
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
        assert_eq!(NoteVerifier::parse(&text, Algorithm::Cosignature).unwrap(), witness());
        assert!(NoteVerifier::parse(&text, Algorithm::Ed25519).is_err());
        let log = NoteVerifier::log("w.example", key().verification_key()).unwrap();
        assert!(NoteVerifier::parse(&log.to_string(), Algorithm::Cosignature).is_err());
        // One key in both roles: a signature of the one never counts as the other's.
        let line = cosign("a\n1\nx\n", "w.example", &key(), 7).unwrap();
        let note = note("a\n1\nx\n", &[line]);
        assert_eq!(log.cosigned(&note), None);
        assert_eq!(note.verify(&witness()), Err(NoteError::NotSigned("w.example".into())));
        for bad in ["", "w.example", "w.example+00000000+BAAA", &text.replace("w.example", "v.example")] {
            assert!(NoteVerifier::parse(bad, Algorithm::Cosignature).is_err(), "{bad}");
        }
    }
}
