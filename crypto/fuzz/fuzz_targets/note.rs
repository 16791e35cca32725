//! Signed notes and verifier keys print as they were read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::log::note::{Algorithm, Note, NoteVerifier};

fuzz_target!(|text: &str| {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        let key = veritally_fuzz::election().log_key.verification_key();
        let _ = note.verify(&NoteVerifier::log(veritally_fuzz::origin(), key).expect("the origin names a key"));
    }
    for algorithm in [Algorithm::Ed25519, Algorithm::Cosignature] {
        if let Ok(verifier) = NoteVerifier::parse(text, algorithm) {
            assert_eq!(verifier.to_string(), text);
        }
    }
});
