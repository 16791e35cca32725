//! Whatever is an entry is canonical JSON, by the general reader too, and keeps its type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::canonical;
use veritally_crypto::leaves::Leaf;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaf) = Leaf::parse(bytes) {
        let value: serde_json::Value = canonical::from_bytes(bytes).expect("entries are canonical");
        assert_eq!(value["type"], leaf.type_name());
    }
});
