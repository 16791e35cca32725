//! `instructions TASK TIMES`: does something so many times after the same preparation, for `benches/instructions`, which counts
//! instructions under valgrind: they hardly differ between runs and machines, whatever else runs.

use std::hint::black_box;
use std::process::ExitCode;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::decryption::{decrypt_contest, verify_contest_shares};
use veritally_crypto::discrete_log::DiscreteLogTable;
use veritally_crypto::group::{RistrettoPoint, Scalar};
use veritally_crypto::sample::{SampleElection, SampleError, choose};

/// Ballots of one equation.
const BATCH: usize = 64;
/// The largest count of the search, and its table: small, so that preparation is quick.
const MAX_COUNT: u64 = 1_000_000;
const BABY_STEPS: usize = 1 << 10;

fn ballots(election: &SampleElection, times: usize, rng: &mut StdRng) -> Result<Vec<EncryptedBallot>, SampleError> {
    let answers = choose("chair", &["c"], false)?;
    (0..times).map(|_| election.ballot(0, &answers, rng)).collect()
}

fn run(task: &str, times: usize) -> Result<(), SampleError> {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::open_with(1, rng)?;
    let some = ballots(&election, if task == "encrypt" { 0 } else { BATCH }, rng)?;
    let context = election.state.ballot_context().ok_or("not open")?.clone();
    match task {
        "encrypt" => drop(black_box(ballots(&election, times, rng)?)),
        "parse" => {
            for ballot in some.iter().cycle().take(times) {
                black_box(EncryptedBallot::parse(ballot.bytes())?);
            }
        }
        "verify-alone" => {
            for ballot in some.iter().cycle().take(times) {
                black_box(context.verify(ballot.clone(), rng)?);
            }
        }
        "verify-64" => (0..times).for_each(|_| drop(black_box(context.verify_batch(some.clone(), rng)))),
        "share-make" | "share-verify" => {
            election.submit(some.first().cloned().ok_or("no ballot")?, rng)?;
            election.close()?;
            let posted = election.decryption_share(0, rng)?.contests.pop().ok_or("no contest")?;
            let secrets = election.dealer(0)?.open_shares(election.state.ceremony())?;
            let cells = election.state.decryptable().next().ok_or("nothing to decrypt")?;
            let trustee = election.trustees.first().ok_or("no trustee")?.id;
            let done = election.state.with_decryption(cells, |what| -> Result<(), SampleError> {
                for _ in 0..times {
                    if task == "share-make" {
                        black_box(decrypt_contest(what, &secrets, rng)?);
                    } else {
                        black_box(verify_contest_shares(what, context.keys(), trustee, &posted)?);
                    }
                }
                Ok(())
            });
            done.ok_or("not closed")??;
        }
        "discrete-log" => {
            let table = DiscreteLogTable::new(BABY_STEPS);
            let worst = RistrettoPoint::mul_base(&Scalar::from(MAX_COUNT));
            for _ in 0..times {
                black_box(table.find(&worst, MAX_COUNT));
            }
        }
        _ => {
            return Err(
                "instructions encrypt|parse|verify-alone|verify-64|share-make|share-verify|discrete-log TIMES".into()
            );
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (task, times) = (arguments.next().unwrap_or_default(), arguments.next().and_then(|times| times.parse().ok()));
    match run(&task, times.unwrap_or(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}
