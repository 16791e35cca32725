//! `record DIR VOTERS [CASTS]`: writes the finished record of an election with so many voters, who each cast a 1-of-5 ballot,
//! or CASTS of them one after the other. On all cores; entries are written as they are made, so memory is what the voters take.

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

/// A voter's first `casts` ballots. Each from a generator of its own: a bench needs no secrets, but the same record each time,
/// and makes a superseded ballot again rather than keep it.
fn ballots(election: &SampleElection, voter: usize, casts: u64) -> Result<Vec<EncryptedBallot>, SampleError> {
    let context = election.state.ballot_context().ok_or("not open")?;
    let voter_of = election.voters.get(voter).ok_or("no such voter")?;
    let (key, mut previous, mut made) = (voter_of.credential.public(), Hash::ZERO, vec![]);
    for counter in 1..=casts {
        let seed = voter as u64 + ((counter - 1) << 32);
        let rng = &mut StdRng::seed_from_u64(seed);
        let chair = ["a", "b", "c", "d", "e"].get(voter % 7 % 5).copied().unwrap_or("a");
        let answers = choose("chair", &[chair], false)?;
        let prepared = context.prepare(&voter_of.entry.style, &answers, key, counter, previous, rng)?;
        let ballot = prepared.cast(&voter_of.credential, rng)?;
        previous = ballot.hash();
        made.push(ballot);
    }
    Ok(made)
}

fn generate(folder: &Path, voters: usize, casts: u64) -> Result<(), SampleError> {
    let rng = &mut StdRng::seed_from_u64(1);
    let mut writer = LogWriter::new(folder);
    let mut election = SampleElection::open_with(voters, rng)?;
    drain(&mut election, &mut writer)?;
    election.state.ballot_context().ok_or("not open")?.expect_many();
    let started = Instant::now();
    for (round, chunk) in (1..=casts).flat_map(|round| (0..voters).step_by(CHUNK).map(move |from| (round, from))) {
        let chunk = chunk..voters.min(chunk + CHUNK);
        let made = chunk.clone().into_par_iter();
        let made: Result<Vec<_>, String> =
            made.map(|voter| ballots(&election, voter, round).map_err(|error| error.to_string())).collect();
        for mut of_voter in made? {
            let ballot = of_voter.pop().ok_or("no ballot")?;
            let superseded = of_voter.pop().map(|ballot| ballot.bytes().to_vec());
            let bytes = ballot.bytes().to_vec();
            election.state.apply_ballot(&VerifiedBallot::trust_stored(ballot)?, superseded.as_deref())?;
            writer.push(bytes)?;
        }
        election.tally_head()?;
        drain(&mut election, &mut writer)?;
        let done = (round - 1) * voters as u64 + chunk.end as u64;
        eprint!("\r{done} of {} ballots, {:.0} s", casts * voters as u64, started.elapsed().as_secs_f64());
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
    let (folder, voters) = (arguments.next(), arguments.next().map(|n| n.parse()));
    let casts = arguments.next().map_or(Ok(1), |n| n.parse());
    let (Some(folder), Some(Ok(voters)), Ok(casts)) = (folder, voters, casts) else {
        eprintln!("record: record DIR VOTERS [CASTS]");
        return ExitCode::from(2);
    };
    match generate(Path::new(&folder), voters, casts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("record: {error}");
            ExitCode::FAILURE
        }
    }
}
