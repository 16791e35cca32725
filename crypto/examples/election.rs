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

    let options = ["a", "b", "c", "d", "e"];
    let mut votes: Vec<&str> = options.iter().copied().cycle().step_by(3).take(20).collect();
    for (voter, option) in votes.iter().enumerate() {
        election.cast(voter, &choose("chair", &[option], false)?, rng)?;
    }
    election.cast(0, &choose("chair", &["e"], false)?, rng)?; // a second vote: the last one counts
    if let Some(vote) = votes.first_mut() {
        *vote = "e";
    }
    println!("running tally {}", election.state.running_tally().digest());

    election.finish(rng)?;
    let expected = options.map(|option| votes.iter().filter(|vote| **vote == option).count() as u64);
    let contests = election.state.decrypted().ok_or("not decrypted")?;
    let counts = contests.iter().flat_map(|contest| &contest.cells).flat_map(|cell| cell.counts.clone());
    let counts: Vec<u64> = counts.collect();
    println!("{}: {counts:?}, expected {expected:?}", election.state.phase());
    if counts == expected { Ok(()) } else { Err("the decrypted counts differ from the votes".into()) }
}
