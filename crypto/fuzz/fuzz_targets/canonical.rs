//! What is canonical is written as it was read; any other JSON of the profile has one canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use veritally_crypto::canonical;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = canonical::from_bytes::<Value>(bytes) {
        assert_eq!(canonical::to_bytes(&value).as_deref(), Ok(bytes));
    }
    if let Ok(value) = serde_json::from_slice::<Value>(bytes)
        && let Ok(written) = canonical::to_bytes(&value)
    {
        assert_eq!(canonical::from_bytes::<Value>(&written).as_ref(), Ok(&value));
    }
});
