//! Against elastic-elgamal 0.4 on the same group, on one thread, in turn so that both meet the same machine; CPU time.
//! `cargo bench -p veritally-benches --bench peers`. Exit status 1 when one of the ratios is below what is promised.
//!
//! - a 1-of-5 ballot, verified from the JSON in which it travels: ours in batches, with the voter's signature in it; theirs,
//!   without one, has no batches;
//! - the same, encrypted with its proof: ours by who encrypts many, and by a voter, who encrypts one;
//! - a trustee's decryption shares of that contest's five counts, verified.

#![allow(missing_docs)]

use std::process::ExitCode;
use std::time::Duration;

use elastic_elgamal::app::{ChoiceParams, EncryptedChoice};
use elastic_elgamal::group::Ristretto;
use elastic_elgamal::sharing::{ActiveParticipant, Dealer, Params, PublicKeySet};
use elastic_elgamal::{CandidateDecryption, Ciphertext, Keypair, LogEqualityProof};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_benches::cpu::in_turn;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::decryption::verify_contest_shares;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::ContestShares;
use veritally_crypto::sample::{SampleElection, SampleError, choose};

/// Ballots in one of our equations.
const BATCH: u32 = 1_000;
/// Of what is done one by one, in one measurement.
const SINGLE: u32 = 100;
const ROUNDS: usize = 21;
/// Counts of the contest.
const OPTIONS: usize = 5;

/// How many times faster at least.
const VERIFY: Option<f64> = Some(8.0);
const ENCRYPT: Option<f64> = Some(2.5);
const SHARES: Option<f64> = Some(2.4);

fn compare(
    what: &str,
    least: Option<f64>,
    (ours, our_count): (&mut dyn FnMut(), u32),
    (theirs, their_count): (&mut dyn FnMut(), u32),
) -> bool {
    let [ours, theirs] = in_turn(ROUNDS, &mut [ours, theirs]);
    let micros = |time: Duration, count: u32| time.as_secs_f64() * 1e6 / f64::from(count);
    let (ours, theirs) = (micros(ours, our_count), micros(theirs, their_count));
    let times = theirs / ours;
    let reached = least.is_none_or(|least| times >= least);
    let least = least.map(|least| least.to_string()).unwrap_or_default();
    println!(
        "| {what} | {ours:.0} | {theirs:.0} | {times:.1} | {least}{} |",
        if reached { "" } else { " (not reached)" }
    );
    reached
}

fn ballots(rng: &mut StdRng) -> Result<bool, SampleError> {
    let election = SampleElection::open_with(8, rng)?;
    let context = election.state.ballot_context().ok_or("not open")?.clone();
    let answers = choose("chair", &["b"], false)?;
    let ballot = |i: u32, rng: &mut StdRng| election.ballot(i as usize % 8, &answers, rng);
    let (receiver, _) = Keypair::<Ristretto>::generate(rng).into_tuple();
    let parameters = ChoiceParams::single(receiver, OPTIONS);
    let (our_rng, their_rng) = (&mut StdRng::seed_from_u64(2), &mut StdRng::seed_from_u64(3));
    let mut encrypted = true;
    // First as who encrypts one ballot, then with tables.
    for (what, least) in [("1 of 5, encrypt and prove, one", None), ("1 of 5, encrypt and prove, of many", ENCRYPT)] {
        if least.is_some() {
            context.expect_many();
        }
        encrypted &= compare(
            what,
            least,
            (&mut || (0..SINGLE).for_each(|i| assert!(ballot(i, our_rng).is_ok())), SINGLE),
            (&mut || (0..SINGLE).for_each(|_| drop(EncryptedChoice::single(&parameters, 2, their_rng))), SINGLE),
        );
    }
    let ours: Vec<Vec<u8>> =
        (0..BATCH).map(|i| Ok(ballot(i, rng)?.bytes().to_vec())).collect::<Result<_, SampleError>>()?;
    let theirs = serde_json::to_vec(&EncryptedChoice::single(&parameters, 2, rng))?;
    let weights = &mut StdRng::seed_from_u64(4);
    let mut verify_ours = || {
        let parsed: Result<Vec<_>, _> = ours.iter().map(|bytes| EncryptedBallot::parse(bytes)).collect();
        assert!(parsed.is_ok_and(|parsed| context.verify_batch(parsed, weights).iter().all(Result::is_ok)));
    };
    let verify_theirs = || {
        let parsed: Result<EncryptedChoice<Ristretto, _>, _> = serde_json::from_slice(&theirs);
        assert!(parsed.is_ok_and(|choice| choice.verify(&parameters).is_ok()));
    };
    let verified = compare(
        "1 of 5, verify from bytes",
        VERIFY,
        (&mut verify_ours, BATCH),
        (&mut || (0..SINGLE).for_each(|_| verify_theirs()), SINGLE),
    );
    Ok(verified && encrypted)
}

/// Their shares of the counts of one contest, as they travel, each with its proof.
type Theirs = (PublicKeySet<Ristretto>, Vec<(Ciphertext<Ristretto>, Vec<u8>, LogEqualityProof<Ristretto>)>);

fn their_shares(rng: &mut StdRng) -> Result<Theirs, SampleError> {
    let parameters = Params::new(3, 2);
    let dealer = Dealer::<Ristretto>::new(parameters, rng);
    let (polynomial, proof) = dealer.public_info();
    let keys = PublicKeySet::new(parameters, polynomial, proof)?;
    let participant = ActiveParticipant::new(keys.clone(), 0, dealer.secret_share_for_participant(0))?;
    let share = |count| {
        let sum = keys.shared_key().encrypt(count, rng);
        let (share, proof) = participant.decrypt_share(sum, rng);
        (sum, share.to_bytes(), proof)
    };
    let shares = (0..OPTIONS as u64).map(share).collect();
    Ok((keys, shares))
}

fn shares(rng: &mut StdRng) -> Result<bool, SampleError> {
    let mut election = SampleElection::open_with(3, rng)?;
    for voter in 0..3 {
        election.cast(voter, &choose("chair", &["b"], false)?, rng)?;
    }
    election.close()?;
    let ours: ContestShares = election.decryption_share(0, rng)?.contests.pop().ok_or("no contest")?;
    let context = election.state.ballot_context().ok_or("not open")?;
    let cells = election.state.decryptable().next().ok_or("nothing to decrypt")?;
    let (keys, theirs) = their_shares(rng)?;
    let verify_theirs = || {
        theirs.iter().all(|(sum, share, proof)| {
            CandidateDecryption::from_bytes(share).is_some_and(|share| keys.verify_share(share, *sum, 0, proof).is_ok())
        })
    };
    let compared = election.state.with_decryption(cells, |what| {
        let verify_ours = || verify_contest_shares(what, context.keys(), TrusteeId(1), &ours).is_ok();
        compare(
            "shares of five counts, verify",
            SHARES,
            (&mut || (0..SINGLE).for_each(|_| assert!(verify_ours())), SINGLE),
            (&mut || (0..SINGLE).for_each(|_| assert!(verify_theirs())), SINGLE),
        )
    });
    compared.ok_or_else(|| "not closed".into())
}

fn main() -> Result<ExitCode, SampleError> {
    let rng = &mut StdRng::seed_from_u64(1);
    println!("| one thread | ours, µs | elastic-elgamal, µs | times | at least |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let ballots = ballots(rng)?;
    let shares = shares(rng)?;
    Ok(if ballots && shares { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
