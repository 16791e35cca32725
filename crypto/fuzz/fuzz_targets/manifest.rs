//! A manifest that is accepted begins a record under the fingerprint of its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::RecordState;

fuzz_target!(|bytes: &[u8]| {
    match CheckedManifest::from_leaf(bytes) {
        Ok(manifest) => {
            assert_eq!(manifest.fingerprint(), Hash::of(bytes));
            let state = RecordState::start(bytes);
            assert!(state.is_ok_and(|state| state.fingerprint() == manifest.fingerprint()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
