//! Ballots of a 1-of-5 contest: encryption with proof, verification alone and in batches, against the floor of the same
//! run: decoding a ballot's 15 points and multiplying them in one multiscalar multiplication of the batch's size.
//!
//! `cargo bench -p veritally-benches --bench ballots`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::group::{EncodedPoint, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::sample::{SampleElection, choose};

/// Points of a 1-of-5 ballot that are decoded: M + 9.
const POINTS: usize = 14;

fn ballots(criterion: &mut Criterion) {
    let rng = &mut rand::rng();
    let election = SampleElection::open_with(1_000, rng).unwrap();
    let context = election.state.ballot_context().unwrap();
    let answers = choose("chair", &["c"], false).unwrap();
    let mut group = criterion.benchmark_group("1-of-5");
    group.sample_size(10);
    group.bench_function("encrypt and prove", |b| b.iter(|| election.ballot(0, &answers, &mut rand::rng()).unwrap()));
    let all: Vec<EncryptedBallot> = (0..1_000).map(|voter| election.ballot(voter, &answers, rng).unwrap()).collect();
    let encoded: Vec<EncodedPoint> =
        (0..POINTS * 1_000).map(|_| (&RistrettoPoint::mul_base(&random_scalar(rng))).into()).collect();
    let scalars: Vec<Scalar> = encoded.iter().map(|_| random_scalar(rng)).collect();
    for size in [1, 10, 100, 1_000] {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::new("verify from bytes", size), &size, |b, &size| {
            let bytes: Vec<_> = all[..size].iter().map(|ballot| ballot.bytes().to_vec()).collect();
            b.iter_batched(
                || (),
                |()| {
                    let parsed = bytes.iter().map(|bytes| EncryptedBallot::parse(bytes).unwrap()).collect();
                    assert!(context.verify_batch(parsed, &mut rand::rng()).iter().all(Result::is_ok));
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_with_input(BenchmarkId::new("floor", size), &size, |b, &size| {
            b.iter(|| floor(&encoded[..POINTS * size], &scalars[..POINTS * size]));
        });
    }
    group.finish();
}

/// What no verifier of these ballots can do without: decode each point, multiply it once.
fn floor(encoded: &[EncodedPoint], scalars: &[Scalar]) -> RistrettoPoint {
    let points: Vec<_> = encoded.iter().map(|point| point.decode().unwrap()).collect();
    veritally_crypto::group::vartime_multiscalar_mul(scalars, &points)
}

criterion_group!(benches, ballots);
criterion_main!(benches);
