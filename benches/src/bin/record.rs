//! `record DIR BALLOTS`: writes the finished record of an election with so many voters, who each cast a 1-of-5 ballot.
//! On all cores; entries are written as they are made, so memory is what the voters take.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rayon::prelude::*;
use veritally_benches::writer::LogWriter;
use veritally_crypto::ballot::{EncryptedBallot, VerifiedBallot};
use veritally_crypto::hash::Hash;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::sample::{SampleElection, SampleError, choose};

/// Ballots that are made at a time.
const CHUNK: usize = 8_192;

fn drain(election: &mut SampleElection, writer: &mut LogWriter) -> Result<(), SampleError> {
    election.entries.drain(..).try_for_each(|entry| writer.push(entry))
}

fn ballot(election: &SampleElection, voter: usize) -> Result<EncryptedBallot, SampleError> {
    // Each ballot from a generator of its own: a bench needs no secrets, but the same record each time.
    let rng = &mut StdRng::seed_from_u64(voter as u64);
    let context = election.state.ballot_context().ok_or("not open")?;
    let voter_of = election.voters.get(voter).ok_or("no such voter")?;
    let chair = ["a", "b", "c", "d", "e"].get(voter % 7 % 5).copied().unwrap_or("a");
    let answers = choose("chair", &[chair], false)?;
    let key = voter_of.credential.public();
    let prepared = context.prepare(&voter_of.entry.style, &answers, key, 1, Hash::ZERO, rng)?;
    Ok(prepared.cast(&voter_of.credential, rng)?)
}

fn generate(folder: &Path, ballots: usize) -> Result<(), SampleError> {
    let rng = &mut StdRng::seed_from_u64(1);
    let mut writer = LogWriter::new(folder);
    let mut election = SampleElection::open_with(ballots, rng)?;
    drain(&mut election, &mut writer)?;
    election.state.ballot_context().ok_or("not open")?.expect_many();
    let started = Instant::now();
    for chunk in (0..ballots).collect::<Vec<_>>().chunks(CHUNK) {
        let made: Result<Vec<_>, String> =
            chunk.par_iter().map(|voter| ballot(&election, *voter).map_err(|error| error.to_string())).collect();
        for ballot in made? {
            let bytes = ballot.bytes().to_vec();
            election.state.apply_ballot(&VerifiedBallot::trust_stored(ballot)?, None)?;
            writer.push(bytes)?;
        }
        election.tally_head()?;
        drain(&mut election, &mut writer)?;
        let done = chunk.last().map_or(0, |last| last + 1);
        eprint!("\r{done} of {ballots} ballots, {:.0} s", started.elapsed().as_secs_f64());
    }
    eprintln!();
    election.finish(rng)?;
    drain(&mut election, &mut writer)?;
    let origin = election.state.manifest().log.origin.clone();
    let checkpoint = SignedCheckpoint::sign(Checkpoint::new(origin, &writer.head()), &election.log_key)?;
    writer.finish(checkpoint.to_string().as_bytes())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(Ok(ballots))) = (arguments.next(), arguments.next().map(|n| n.parse())) else {
        eprintln!("record: record DIR BALLOTS");
        return ExitCode::from(2);
    };
    match generate(Path::new(&folder), ballots) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: {error}");
            ExitCode::FAILURE
        }
    }
}
