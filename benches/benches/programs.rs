//! The verifier end to end: a finished election's record in memory, all checks; CPU time of all threads.
//!
//! `cargo bench -p veritally-benches --bench programs`. A million ballots: benches/verify_throughput. The board end to end, as
//! a process behind HTTP: the program `veritally-load` of this package.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod measure;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use measure::CpuTime;
use veritally_benches::types::{ONE_OF_FIVE, cases};
use veritally_crypto::sample::SampleElection;
use veritally_verifier::sample::SampleRecord;
use veritally_verifier::{NoProgress, Options, verify};

fn verifier(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("verifier, whole record");
    let one_of_five = cases().into_iter().find(|case| case.id() == ONE_OF_FIVE).unwrap();
    for ballots in [10, 100, 1_000] {
        let rng = &mut rand::rng();
        let mut election: SampleElection = one_of_five.election(ballots, rng).unwrap();
        for voter in 0..ballots {
            let ballot = one_of_five.ballot(&election, voter, rng).unwrap();
            election.submit(ballot, rng).unwrap();
        }
        election.finish(rng).unwrap();
        let files = SampleRecord::new(election, rng).unwrap().files().unwrap();
        group.throughput(Throughput::Elements(ballots as u64));
        group.bench_function(BenchmarkId::new("verify", ballots), |b| {
            b.iter(|| assert!(verify(&files, &Options::default(), &NoProgress).unwrap().passed()));
        });
    }
}

criterion_group! { name = benches; config = measure::criterion(); targets = verifier }
criterion_main!(benches);
