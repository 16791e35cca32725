//! Checkpoints print as they were read; no text but the sample's is one that the log signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::log::{Checkpoint, SignedCheckpoint};

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    let (sample, _) = veritally_fuzz::checkpoint_and_receipt();
    let key = veritally_fuzz::election().log_key.verification_key();
    if let Ok(signed) = SignedCheckpoint::parse(text, veritally_fuzz::origin(), &key) {
        assert_eq!(signed.to_string(), text);
        assert_eq!(signed.checkpoint(), sample.checkpoint(), "a checkpoint that the log never signed");
    }
});
