//! Bundles of entries and tiles of hashes, of the width that the first byte says, are written as they were read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::log::tiles::{decode_entries, decode_hashes, encode_entries, encode_hashes};

fuzz_target!(|bytes: &[u8]| {
    let Some((width, bytes)) = bytes.split_first() else { return };
    let width = u64::from(*width) + 1;
    if let Ok(entries) = decode_entries(bytes, width) {
        assert_eq!(entries.len() as u64, width);
        assert_eq!(encode_entries(entries).as_deref(), Ok(bytes));
    }
    if let Ok(hashes) = decode_hashes(bytes, width) {
        assert_eq!(encode_hashes(&hashes), bytes);
    }
});
