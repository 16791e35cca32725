//! Everything but ballots: running tally, key ceremony, decryption shares, discrete logarithms, the log. CPU time.
//!
//! `cargo bench -p veritally-benches --bench tally [-- FILTER]`; benches/report runs all benches.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod measure;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use measure::CpuTime;
use veritally_benches::types::{Case, ONE_OF_FIVE, cases};
use veritally_crypto::ballot::VerifiedBallot;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::decryption::{VerifiedContestShares, combine, decrypt_contest, verify_contest_shares};
use veritally_crypto::discrete_log::{DiscreteLogTable, MAX_BABY_STEPS};
use veritally_crypto::group::{RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::sample::SampleElection;

/// Whose tally and shares are measured.
const TYPES: [&str; 3] = [ONE_OF_FIVE, "choice, 1 of n, n = 20", "Condorcet, n = 10"];
/// k of n.
const TRUSTEES: [(u64, u64); 4] = [(1, 1), (2, 3), (3, 5), (6, 10)];

fn of_types() -> impl Iterator<Item = Case> {
    cases().into_iter().filter(|case| TYPES.contains(&case.id().as_str()))
}

fn running_tally(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("running tally");
    for case in of_types() {
        let rng = &mut rand::rng();
        let election = case.election(1, rng).unwrap();
        let ballot = case.ballot(&election, 0, rng).unwrap();
        let class = election.state.voter(ballot.credential()).unwrap().class;
        let verified = VerifiedBallot::trust_stored(ballot).unwrap();
        let mut tally = election.state.running_tally().clone();
        group.bench_function(BenchmarkId::new("add a ballot", case.id()), |b| b.iter(|| tally.add(&verified, class)));
        group.bench_function(BenchmarkId::new("digest after a ballot", case.id()), |b| {
            b.iter(|| {
                tally.add(&verified, class);
                tally.digest()
            });
        });
    }
}

fn ceremony(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("ceremony of five keys");
    for (k, n) in TRUSTEES {
        group.bench_function(BenchmarkId::new("all trustees and the board", format!("{k} of {n}")), |b| {
            b.iter(|| {
                let rng = &mut rand::rng();
                let mut election = SampleElection::start((k, n), |_| {}, rng).unwrap();
                election.ceremony(rng).unwrap();
                assert_eq!(election.state.ceremony().phase(), CeremonyPhase::Complete);
            });
        });
    }
}

fn shares(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("decryption");
    for case in of_types() {
        let rng = &mut rand::rng();
        let mut election = case.election(1, rng).unwrap();
        let ballot = case.ballot(&election, 0, rng).unwrap();
        election.submit(ballot, rng).unwrap();
        election.close().unwrap();
        let posted: Vec<_> =
            (0..2).map(|i| (i, election.decryption_share(i, rng).unwrap().contests.pop().unwrap())).collect();
        let keys = election.state.ballot_context().unwrap().keys().clone();
        let secrets = election.dealer(0).unwrap().open_shares(election.state.ceremony()).unwrap();
        let cells = election.state.decryptable().next().unwrap();
        let id = |what| BenchmarkId::new(what, case.id());
        election.state.with_decryption(cells, |what| {
            group.bench_function(id("a trustee's shares, made"), |b| {
                b.iter(|| decrypt_contest(what, &secrets, &mut rand::rng()).unwrap());
            });
            group.bench_function(id("a trustee's shares, verified"), |b| {
                let trustee = election.trustees[0].id;
                b.iter(|| verify_contest_shares(what, &keys, trustee, &posted[0].1).unwrap());
            });
            let verified: Vec<VerifiedContestShares> = posted
                .iter()
                .map(|(i, shares)| verify_contest_shares(what, &keys, election.trustees[*i].id, shares).unwrap())
                .collect();
            let verified: Vec<_> = verified.iter().collect();
            group.bench_function(id("two trustees' shares, combined"), |b| b.iter(|| combine(&verified, 2).unwrap()));
        });
    }
}

fn discrete_logarithms(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("discrete logarithm");
    let scalar = random_scalar(&mut rand::rng());
    let point = RistrettoPoint::mul_base(&random_scalar(&mut rand::rng()));
    group.bench_function("unit: one scalar multiplication", |b| b.iter(|| point * scalar));
    group.bench_function("table for 10^9, one count", |b| b.iter(|| DiscreteLogTable::for_maximum(1_000_000_000, 1)));
    group.bench_function("largest table, 16 MiB", |b| b.iter(|| DiscreteLogTable::new(MAX_BABY_STEPS)));
    let table = DiscreteLogTable::new(MAX_BABY_STEPS);
    for (name, max) in [("10^6", 1_000_000), ("10^9", 1_000_000_000), ("2^32", 1u64 << 32)] {
        let worst = RistrettoPoint::mul_base(&Scalar::from(max));
        group.bench_function(BenchmarkId::new("worst case, largest table", name), |b| {
            b.iter(|| assert_eq!(table.find(&worst, max), Some(max)));
        });
    }
}

fn log(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("log");
    let entry = vec![7; 1_300];
    let mut frontier = Frontier::new();
    group.bench_function("append an entry of 1,300 bytes", |b| b.iter(|| frontier.push(leaf_hash(&entry))));
}

criterion_group! {
    name = benches;
    config = measure::criterion();
    targets = running_tally, ceremony, shares, discrete_logarithms, log
}
criterion_main!(benches);
