//! Ballot bytes and check time by contest type and size; prints the table "By contest type" of benches/README.md.
//!
//! `cargo bench -p veritally-benches --bench ballot_table`
//!
//! CPU time of one thread for batches of 200, from the entry's bytes, and as a ratio to the floor of the same run: decoding
//! each of the ballot's points and multiplying it once in one multiscalar multiplication of the batch. Check and floor run in
//! turn. Exit status 1 when the check of a 1-of-5 ballot is further from its floor than 0.9.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::process::ExitCode;

use veritally_benches::cpu::{cpu_time, in_turn};
use veritally_benches::types::{Case, ONE_OF_FIVE, cases, decode_and_multiply, random_points};
use veritally_crypto::ballot::EncryptedBallot;

const BATCH: usize = 200;
const ROUNDS: usize = 21;
/// What the check of a 1-of-5 ballot must reach of its floor.
const LEAST: f64 = 0.9;

fn main() -> ExitCode {
    println!(
        "| contest | options | bits N | rows M | ballot, bytes | entry, bytes | encrypt, ms | check, µs | of the floor |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let fractions: Vec<(String, f64)> = cases().iter().map(|case| (case.id(), row(case))).collect();
    if fractions.iter().any(|(id, of_floor)| id == ONE_OF_FIVE && *of_floor < LEAST) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn row(case: &Case) -> f64 {
    let rng = &mut rand::rng();
    let election = case.election(BATCH, rng).unwrap();
    let start = cpu_time();
    let ballots: Vec<EncryptedBallot> = (0..BATCH).map(|voter| case.ballot(&election, voter, rng).unwrap()).collect();
    let encrypt = (cpu_time() - start) / BATCH as u32;
    let leaf = ballots[0].leaf();
    let (bits, rows) = (leaf.f.len(), leaf.data.len());
    let points = rows + 9;
    let bytes: Vec<Vec<u8>> = ballots.iter().map(|b| b.bytes().to_vec()).collect();
    let context = election.state.ballot_context().unwrap();
    let (encoded, scalars) = random_points(points * BATCH, rng);
    let mut check = || {
        let parsed = bytes.iter().map(|b| EncryptedBallot::parse(b).unwrap()).collect();
        assert!(context.verify_batch(parsed, &mut rand::rng()).iter().all(Result::is_ok));
    };
    let mut floor = || assert!(std::hint::black_box(decode_and_multiply(&encoded, &scalars)).is_ok());
    let [check, floor] = in_turn(ROUNDS, &mut [&mut check, &mut floor]);
    let fraction = floor.as_secs_f64() / check.as_secs_f64();
    println!(
        "| {} | {} | {bits} | {rows} | {} | {} | {:.2} | {:.0} | {fraction:.2} |",
        case.name,
        case.options,
        32 * (points + bits + 4),
        bytes[0].len(),
        encrypt.as_secs_f64() * 1e3,
        check.as_secs_f64() * 1e6 / BATCH as f64,
    );
    fraction
}
