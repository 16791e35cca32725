//! Ballots of every contest type: encryption with proof, verification from bytes alone and in batches, and the floor of each
//! batch: decoding each of its ballots' M + 9 points and multiplying it once. CPU time of one thread.
//!
//! `cargo bench -p veritally-benches --bench ballots [-- FILTER]`; benches/report runs all benches.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod measure;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use measure::CpuTime;
use veritally_benches::types::{Case, ONE_OF_FIVE, cases, decode_and_multiply, random_points};
use veritally_crypto::ballot::EncryptedBallot;

/// Ballots of one equation, for the type that is measured in all sizes.
const SIZES: [usize; 6] = [1, 10, 100, BATCH, 1_000, 10_000];
/// For the others.
const BATCH: usize = 200;

fn ballots(criterion: &mut Criterion<CpuTime>) {
    for case in cases() {
        let id = case.id();
        let mut group = criterion.benchmark_group(&id);
        type_of(&mut group, case, if id == ONE_OF_FIVE { &SIZES } else { &[BATCH] });
        group.finish();
    }
}

fn type_of(group: &mut criterion::BenchmarkGroup<'_, CpuTime>, case: Case, sizes: &[usize]) {
    let rng = &mut rand::rng();
    // A credential may stand in many ballots of one batch: what is measured here does not look at that.
    let election = case.election(BATCH, rng).unwrap();
    group.bench_function("encrypt and prove one", |b| b.iter(|| case.ballot(&election, 0, &mut rand::rng()).unwrap()));
    let context = election.state.ballot_context().unwrap();
    context.expect_many();
    group.bench_function("encrypt and prove many", |b| b.iter(|| case.ballot(&election, 0, &mut rand::rng()).unwrap()));
    let some: Vec<Vec<u8>> =
        (0..BATCH).map(|voter| case.ballot(&election, voter, rng).unwrap().bytes().to_vec()).collect();
    let points = EncryptedBallot::parse(&some[0]).unwrap().leaf().data.len() + 9;
    for &size in sizes {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("verify from bytes", size), &size, |b, &size| {
            b.iter(|| {
                let parsed =
                    some.iter().cycle().take(size).map(|bytes| EncryptedBallot::parse(bytes).unwrap()).collect();
                assert!(context.verify_batch(parsed, &mut rand::rng()).iter().all(Result::is_ok));
            });
        });
        let (encoded, scalars) = random_points(points * size, rng);
        group.bench_with_input(BenchmarkId::new("floor", size), &size, |b, _| {
            b.iter(|| decode_and_multiply(&encoded, &scalars));
        });
    }
}

criterion_group! { name = benches; config = measure::criterion(); targets = ballots }
criterion_main!(benches);
