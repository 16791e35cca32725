//! Opened ballots: canonical, and none but the sample's own (with another seed or selections there is another code)
//! proves anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::ballot::BallotOpening;
use veritally_crypto::canonical;

fuzz_target!(|bytes: &[u8]| {
    let lenient = serde_json::from_slice::<BallotOpening>(bytes);
    let Ok(opening) = canonical::from_bytes::<BallotOpening>(bytes) else { return };
    assert_eq!(lenient.ok().as_ref(), Some(&opening));
    let election = veritally_fuzz::election();
    let context = election.state.ballot_context().expect("the election was opened");
    if let Ok(code) = opening.verify(context) {
        assert_eq!(code.0, opening.code);
        assert_eq!(opening, veritally_fuzz::opening(), "an altered opening is accepted");
    }
});
