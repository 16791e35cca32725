//! Receipts print as they were read; none but the sample's holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::log::Receipt;

fuzz_target!(|text: &str| {
    let Ok(receipt) = Receipt::parse(text) else { return };
    assert_eq!(receipt.to_string(), text);
    let election = veritally_fuzz::election();
    let key = election.log_key.verification_key();
    if let Ok((index, _)) = receipt.verify(&election.entries[0], veritally_fuzz::origin(), &key) {
        assert_eq!(index, 0);
        assert!(receipt.proof.0.is_empty());
    }
    assert!(receipt.verify(b"another entry", veritally_fuzz::origin(), &key).is_err());
});
