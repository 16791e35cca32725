//! Ballot bytes and check time by contest type and size; prints the table of specs/ballot-sizes.md.
//!
//! `cargo bench -p veritally-benches --bench ballot_table`
//!
//! Times are of one core, for batches of 200, from the entry's bytes, and as a ratio to the floor of the same run: decoding
//! each of the ballot's points and multiplying it once in one multiscalar multiplication of the batch.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::contests::{
    Answer, Answers, Borda, BordaAnswer, Choice, ChoiceAnswer, Condorcet, CondorcetAnswer, FirstPlace, Quadratic,
    QuadraticAnswer, Rule, Score, ScoreAnswer,
};
use veritally_crypto::group::{EncodedPoint, RistrettoPoint, random_scalar, vartime_multiscalar_mul};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::Selection;
use veritally_crypto::sample::{SampleElection, english, id};

const BATCH: usize = 200;

fn selections(n: usize) -> Vec<Selection> {
    (1..=n).map(|i| Selection { id: id(&format!("s{i}")).unwrap(), name: english("x") }).collect()
}

fn ids(n: usize) -> Vec<Id> {
    selections(n).into_iter().map(|s| s.id).collect()
}

fn cases() -> Vec<(&'static str, usize, Rule, Answer)> {
    let mut cases = vec![];
    for n in [2, 5, 20] {
        let one = Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false });
        cases.push((
            "choice, 1 of n",
            n,
            one,
            Answer::Choice(ChoiceAnswer { blank: false, selections: vec![ids(n)[0].clone()] }),
        ));
    }
    for n in [16, 100] {
        let any = Rule::Choice(Choice { blank: false, max: n as u64, min: 0, seats: 1, undervotes: false });
        cases.push(("choice, approval", n, any, Answer::Choice(ChoiceAnswer { blank: false, selections: ids(n) })));
    }
    for n in [5, 20] {
        let score = Rule::Score(Score { limit: 0, max: 10, seats: 1 });
        cases.push((
            "score 0…10",
            n,
            score,
            Answer::Score(ScoreAnswer { scores: ids(n).into_iter().map(|i| (i, 7)).collect() }),
        ));
    }
    let quadratic = Rule::Quadratic(Quadratic { credits: 100, seats: 1 });
    let votes = ids(5).into_iter().map(|i| (i, 4)).collect();
    cases.push(("quadratic, 100 credits", 5, quadratic, Answer::Quadratic(QuadraticAnswer { votes })));
    for n in [5, 10] {
        let borda = Rule::Borda(Borda { first_place: FirstPlace::N, min: 0, places: n as u64, seats: 1 });
        cases.push(("Borda, all places", n, borda, Answer::Borda(BordaAnswer { ranking: ids(n) })));
    }
    for n in [3, 5, 10] {
        let condorcet = Rule::Condorcet(Condorcet { seats: 1 });
        let ranking = ids(n).into_iter().map(|i| vec![i]).collect();
        cases.push(("Condorcet", n, condorcet, Answer::Condorcet(CondorcetAnswer { ranking })));
    }
    cases
}

/// The fastest of three runs: these machines are noisy.
fn fastest(mut run: impl FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..3).map(|_| once(&mut run)).min().unwrap()
}

fn main() {
    println!(
        "| contest | options | bits N | rows M | ballot, bytes | entry, bytes | encrypt, ms | check, µs | of the floor |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, n, rule, answer) in cases() {
        row(name, n, rule, answer);
    }
}

fn row(name: &str, n: usize, rule: Rule, answer: Answer) {
    let rng = &mut rand::rng();
    let edit = |m: &mut veritally_crypto::manifest::Manifest| {
        m.contests[0].selections = selections(n);
        m.contests[0].rule = rule;
    };
    let mut election = SampleElection::start((2, 3), edit, rng).unwrap();
    election.ceremony(rng).unwrap();
    election.roll(&[("all", "all", 1); BATCH], rng).unwrap();
    election.open().unwrap();
    let answers = Answers::from([(id("chair").unwrap(), answer)]);
    let start = Instant::now();
    let ballots: Vec<EncryptedBallot> =
        (0..BATCH).map(|voter| election.ballot(voter, &answers, &mut rand::rng()).unwrap()).collect();
    let encrypt = start.elapsed() / BATCH as u32;
    let leaf = ballots[0].leaf();
    let (bits, rows) = (leaf.f.len(), leaf.data.len());
    let points = rows + 9;
    let bytes: Vec<Vec<u8>> = ballots.iter().map(|b| b.bytes().to_vec()).collect();
    let context = election.state.ballot_context().unwrap();
    let check = fastest(|| {
        let parsed = bytes.iter().map(|b| EncryptedBallot::parse(b).unwrap()).collect();
        assert!(context.verify_batch(parsed, &mut rand::rng()).iter().all(Result::is_ok));
    });
    let encoded: Vec<EncodedPoint> =
        (0..points * BATCH).map(|_| (&RistrettoPoint::mul_base(&random_scalar(rng))).into()).collect();
    let scalars: Vec<_> = encoded.iter().map(|_| random_scalar(rng)).collect();
    let floor = fastest(|| {
        let points: Vec<_> = encoded.iter().map(|point| point.decode().unwrap()).collect();
        std::hint::black_box(vartime_multiscalar_mul(&scalars, &points));
    });
    println!(
        "| {name} | {n} | {bits} | {rows} | {} | {} | {:.2} | {:.0} | {:.2} |",
        32 * (points + bits + 4),
        bytes[0].len(),
        encrypt.as_secs_f64() * 1e3,
        check.as_secs_f64() * 1e6 / BATCH as f64,
        floor.as_secs_f64() / check.as_secs_f64(),
    );
}
