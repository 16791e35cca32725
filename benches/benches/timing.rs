//! Whether secrets show in the time that the code on them takes: encryption and proof of a ballot (which selection), and
//! a trustee's decryption share (which secrets). Welch's t-test over two classes of inputs, as in "dude, is my code
//! constant time?" (Reparaz, Balasch, Verbauwhede 2017): |t| beyond 10 is a leak, beyond 5 asks for a longer run; the
//! control, a multiplication in variable time, must go far beyond. About a minute.
//!
//! What is timed as encryption begins with turning the answer into bits, which is not constant-time: choices are looked
//! up by id, some 20 ns more or less of 300 µs. With 200,000 measurements that shows (t about -6); pad, data and B alone
//! do not (t below 2).
//!
//! `cargo bench -p veritally-benches --bench timing [-- BENCH]`, with another number of measurements in
//! VERITALLY_TIMING_SAMPLES; `scripts/test --soak` judges what it prints.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::cell::Cell;
use std::hint::black_box;

use dudect_bencher::ctbench::{BenchFn, BenchMetadata, BenchName, BenchOpts, run_benches_console};
use dudect_bencher::{BenchRng, Class, CtRunner};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use veritally_crypto::contests::Answers;
use veritally_crypto::decryption::{ContestDecryption, decrypt_contest};
use veritally_crypto::group::{RistrettoPoint, Scalar, random_scalar, vartime_multiscalar_mul};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::sample::{SampleElection, choose, id};

/// Measurements a bench; each takes some 300 to 500 µs.
fn samples() -> usize {
    std::env::var("VERITALLY_TIMING_SAMPLES").map_or(30_000, |samples| samples.parse().unwrap())
}

/// For the control, whose leak nobody can miss.
const CONTROL_SAMPLES: usize = 2_000;
/// Trustees in the bench of shares: one against all others.
const TRUSTEES: u64 = 15;

fn class(rng: &mut BenchRng) -> Class {
    if rng.random() { Class::Left } else { Class::Right }
}

fn seed(rng: &mut BenchRng) -> [u8; 32] {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    seed
}

/// Left: the first selection. Right: any other. Each input is allocated in the same way.
fn answers(class: Class, rng: &mut BenchRng) -> Answers {
    let selection = match class {
        Class::Left => "a",
        Class::Right => ["b", "c", "d", "e"][rng.random_range(0..4)],
    };
    choose("chair", &[selection], false).unwrap()
}

/// pad, data and B.
fn encryption(runner: &mut CtRunner, rng: &mut BenchRng) {
    let election = SampleElection::open_with(1, rng).unwrap();
    let context = election.state.ballot_context().unwrap();
    let (key, style) = (election.voters[0].credential.public(), id("all").unwrap());
    let inputs: Vec<_> = (0..samples())
        .map(|_| {
            let class = class(rng);
            (class, answers(class, rng), seed(rng))
        })
        .collect();
    for (class, answers, seed) in &inputs {
        let encrypt = || context.prepare(&style, answers, key, 1, Hash::ZERO, &mut StdRng::from_seed(*seed)).unwrap();
        runner.run_one(*class, encrypt);
    }
}

/// Announcements and responses.
fn proof(runner: &mut CtRunner, rng: &mut BenchRng) {
    let election = SampleElection::open_with(1, rng).unwrap();
    let context = election.state.ballot_context().unwrap();
    let (credential, style) = (&election.voters[0].credential, id("all").unwrap());
    for _ in 0..samples() {
        let class = class(rng);
        let answers = answers(class, rng);
        let prepared = context.prepare(&style, &answers, credential.public(), 1, Hash::ZERO, rng).unwrap();
        let (prepared, seed) = (Cell::new(Some(prepared)), seed(rng));
        let prove = || prepared.take().map(|it| it.cast(credential, &mut StdRng::from_seed(seed)).unwrap());
        runner.run_one(class, prove);
    }
}

/// Left: the secrets of the first trustee. Right: those of any other. Pads and heads differ each time, as the weights
/// that follow from them are public and multiplied in variable time.
fn share(runner: &mut CtRunner, rng: &mut BenchRng) {
    let mut election = SampleElection::start((TRUSTEES / 2 + 1, TRUSTEES), |_| {}, rng).unwrap();
    election.ceremony(rng).unwrap();
    let (ceremony, fingerprint, contest) = (election.state.ceremony(), election.fingerprint(), id("chair").unwrap());
    let rows = election.state.manifest().contest_keys(0);
    let count = usize::try_from(TRUSTEES).unwrap();
    let shares: Vec<_> =
        (0..count).map(|trustee| election.dealer(trustee).unwrap().open_shares(ceremony).unwrap()).collect();
    for _ in 0..samples() {
        let class = class(rng);
        let other = rng.random_range(1..count);
        let secrets = &shares[if matches!(class, Class::Left) { 0 } else { other }];
        let (head, pads) =
            (Head { root: Hash(seed(rng)), tree_size: 1 }, [RistrettoPoint::mul_base(&random_scalar(rng))]);
        let what = ContestDecryption {
            fingerprint: &fingerprint,
            head: &head,
            contest: &contest,
            rows: rows.clone(),
            pads: &pads,
        };
        // Once unmeasured: whose secrets were used lately must not show in the caches.
        let seed = seed(rng);
        let decrypt = || decrypt_contest(&what, secrets, &mut StdRng::from_seed(seed)).unwrap();
        black_box(decrypt());
        runner.run_one(class, decrypt);
    }
}

/// What must be noticed: a multiplication in variable time, by 1 and by any scalar.
fn control(runner: &mut CtRunner, rng: &mut BenchRng) {
    let point = [RistrettoPoint::mul_base(&random_scalar(rng))];
    let inputs: Vec<_> = (0..CONTROL_SAMPLES)
        .map(|_| {
            let class = class(rng);
            let any = random_scalar(rng);
            (class, [if matches!(class, Class::Left) { Scalar::ONE } else { any }])
        })
        .collect();
    for (class, scalar) in &inputs {
        runner.run_one(*class, || vartime_multiscalar_mul(scalar, &point));
    }
}

fn main() {
    let benches: [(&str, BenchFn); 4] =
        [("control", control), ("encryption", encryption), ("proof", proof), ("share", share)];
    let benches = benches.map(|(name, benchfn)| BenchMetadata { name: BenchName(name), seed: None, benchfn });
    // Cargo passes --bench.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    run_benches_console(BenchOpts { filter, ..BenchOpts::default() }, benches.into()).unwrap();
}
