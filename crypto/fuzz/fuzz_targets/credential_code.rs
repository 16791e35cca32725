//! Codes as voters type them: what is accepted is one code, printed in one way. Also ids and hashes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

fuzz_target!(|text: &str| {
    if let Ok(code) = CredentialCode::parse(text) {
        let printed = code.expose_text();
        let again = CredentialCode::parse(&printed).expect("what is printed is read");
        assert_eq!(*again.expose_text(), *printed);
        assert_eq!(again.credential(&Hash::ZERO).public(), code.credential(&Hash::ZERO).public());
    }
    if let Ok(id) = Id::new(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(hash) = Hash::from_hex(text) {
        assert_eq!(hash.to_string(), text);
    }
});
