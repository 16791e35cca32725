#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    veritally_fuzz::link(bytes);
});
