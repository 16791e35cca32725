//! A whole election in memory: manifest, key ceremony, roll, encrypted ballots (one voter votes twice), running tally,
//! agreement, decryption by two of three trustees, result.
//!
//! `cargo run -p veritally-crypto --example election`

use veritally_crypto::sample::{SampleElection, SampleError, choose};

fn main() -> Result<(), SampleError> {
    let rng = &mut rand::rng();
    let mut election = SampleElection::open_with(20, rng)?;
    println!("fingerprint {}", election.fingerprint());
    println!("{} trustees made {} keys", election.trustees.len(), election.state.manifest().row_count());

    let mut expected = [0u64; 5];
    for voter in 0..20 {
        let choice = voter * voter % 5;
        expected[choice] += 1;
        election.cast(voter, &choose("chair", &[["a", "b", "c", "d", "e"][choice]], false)?, rng)?;
    }
    let first = choose("chair", &["e"], false)?;
    election.cast(0, &first, rng)?; // a second vote: the last one counts
    expected[0] -= 1;
    expected[4] += 1;
    println!("running tally {}", election.state.running_tally().digest());

    election.finish(rng)?;
    let counts = &election.state.decrypted().ok_or("not decrypted")?[0].cells[0].counts;
    println!("{}: {counts:?}, expected {expected:?}", election.state.phase());
    if *counts == expected { Ok(()) } else { Err("the decrypted counts differ from the votes".into()) }
}
