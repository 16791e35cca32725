//! A ballot is parsed to the same bytes; its verification ends in a verdict, and nothing but the sample's own ballots
//! is accepted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veritally_crypto::ballot::EncryptedBallot;

fuzz_target!(|bytes: &[u8]| {
    let Ok(ballot) = EncryptedBallot::parse(bytes) else { return };
    assert_eq!(ballot.bytes(), bytes);
    let election = veritally_fuzz::election();
    let context = election.state.ballot_context().expect("the election was opened");
    let accepted = context.verify(ballot, &mut veritally_fuzz::rng()).is_ok();
    assert!(!accepted || election.entries.iter().any(|entry| entry == bytes), "an altered ballot is accepted");
});
