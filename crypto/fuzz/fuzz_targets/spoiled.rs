//! Published spoiled ballots: none but the sample's own is believed, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::leaves::Leaf;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Leaf::SpoiledBallot(spoiled)) = Leaf::parse(bytes) else { return };
    let context = veritally_fuzz::election().state.ballot_context().expect("the election was opened");
    if context.open_spoiled(&spoiled).is_ok() {
        assert_eq!(bytes, veritally_fuzz::spoiled(), "an altered spoiled ballot is believed");
    }
});
