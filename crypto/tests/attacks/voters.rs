//! Re-issued credentials and published spoiled ballots: votes in another's place, made-up tests, opened votes.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ballot::{SPOILED_BEYOND_CASTS, SpoiledError};
use veritally_crypto::canonical;
use veritally_crypto::contests::Answers;
use veritally_crypto::credential::{CredentialCode, CredentialKey};
use veritally_crypto::group::{EncodedPoint, Scalar, random_scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::knowledge::KnowledgeProof;
use veritally_crypto::leaves::{Reissue, ReissueTag, RollEntry, RollPart, RollPartTag, SpoiledBallot};
use veritally_crypto::record::{Phase, RecordState, Rejection};
use veritally_crypto::sample::{SampleElection, choose, id};
use veritally_crypto::signature::{SigningSecret, sign};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

use crate::prover::{Setup, base};

/// Two multiples of the basepoint with the same public id, found among 110 million.
const CLASH: (u64, u64) = (198_173_236, 176_978_888);

fn opened(voters: usize) -> (SampleElection, StdRng) {
    let mut rng = StdRng::seed_from_u64(30);
    (SampleElection::open_with(voters, &mut rng).unwrap(), rng)
}

fn vote(selection: &str) -> Answers {
    choose("chair", &[selection], false).unwrap()
}

fn key(election: &SampleElection, voter: usize) -> CredentialKey {
    election.voters[voter].credential.public()
}

fn fresh(election: &SampleElection, rng: &mut StdRng) -> CredentialKey {
    CredentialCode::random(rng).credential(&election.fingerprint()).public()
}

fn multiple(scalar: u64) -> CredentialKey {
    CredentialKey((&base(Scalar::from(scalar))).into())
}

fn code(result: Result<(), Rejection>) -> &'static str {
    result.map_or_else(|rejection| rejection.code(), |()| "admitted")
}

fn published(election: &mut SampleElection, spoiled: &SpoiledBallot) -> Result<(), Rejection> {
    election.append(canonical::to_bytes(spoiled).unwrap())
}

#[test]
fn a_reissued_credential_votes_in_the_place_of_the_old_one_which_can_not_vote_any_more() {
    let (mut election, mut rng) = opened(3);
    let late = election.ballot(1, &vote("b"), &mut rng).unwrap();
    let (old, class) = (key(&election, 1), election.state.voter(key(&election, 1)).unwrap().class);
    election.reissue(1, &mut rng).unwrap();
    assert_eq!(code(election.submit(late, &mut rng)), "replaced-credential");
    assert!(election.state.voter(old).is_none() && election.state.is_replaced(old));
    assert_eq!(election.state.voter(key(&election, 1)).unwrap().class, class);
    assert_eq!(election.state.voters().count(), 3);
    for voter in 0..3 {
        election.cast(voter, &vote("b"), &mut rng).unwrap();
    }
    election.cast(1, &vote("c"), &mut rng).unwrap();
    election.finish(&mut rng).unwrap();
    let counts = election.state.counts();
    assert_eq!((counts.credentials, counts.credentials_reissued, counts.ballots_counted), (3, 1, 3));
    assert_eq!(election.state.decrypted().unwrap()[0].cells[0].counts, [0, 2, 1, 0, 0]);
}

#[test]
fn a_credential_that_voted_or_published_a_test_is_not_reissued() {
    let (mut election, mut rng) = opened(3);
    election.cast(0, &vote("a"), &mut rng).unwrap();
    election.publish_spoiled(1, &vote("a"), &mut rng).unwrap();
    for voter in [0, 1] {
        let new = fresh(&election, &mut rng);
        let refused = election.log_reissue(key(&election, voter), new).unwrap_err();
        assert!(refused.code() == "reissue" && refused.to_string().contains("has a ballot or"), "{refused}");
    }
    assert_eq!(election.state.counts().credentials_reissued, 0);
}

#[test]
fn a_credential_is_replaced_once_by_one_that_never_was_on_the_roll() {
    let (mut election, mut rng) = opened(4);
    let (first, stranger, new) = (key(&election, 0), fresh(&election, &mut rng), fresh(&election, &mut rng));
    let mut reissue = |old, new| code(election.log_reissue(old, new));
    assert_eq!(reissue(stranger, new), "reissue", "nobody's credential");
    assert_eq!(reissue(first, first), "reissue", "by itself");
    assert_eq!(reissue(first, CredentialKey(EncodedPoint::IDENTITY)), "reissue", "by the identity");
    assert_eq!(reissue(first, CredentialKey(EncodedPoint([0xff; 32]))), "reissue", "by no point");
    assert_eq!(reissue(first, new), "admitted");
    assert_eq!(reissue(first, stranger), "reissue", "the old one again");
    assert_eq!(reissue(new, first), "reissue", "back to one that was replaced");
    let second = fresh(&election, &mut rng);
    assert_eq!(code(election.log_reissue(key(&election, 1), new)), "reissue", "one credential for two voters");
    assert_eq!(code(election.log_reissue(new, second)), "admitted", "a letter lost twice");
    let counts = election.state.counts();
    assert_eq!((counts.credentials, counts.credentials_reissued, election.state.voters().count()), (4, 2, 4));
}

#[test]
fn only_the_registrar_reissues_after_the_roll_and_before_the_closing() {
    let mut rng = StdRng::seed_from_u64(31);
    let mut election = SampleElection::start((2, 3), |_| {}, &mut rng).unwrap();
    let entry = |election: &SampleElection, old, new, by: &SigningSecret| {
        let reissue = Reissue { new, old, signature: None, time_ms: 1, tag: ReissueTag };
        canonical::to_bytes(&sign(reissue, &election.fingerprint(), by).unwrap()).unwrap()
    };
    let registrar = SigningSecret::from_seed(&election.registrar.expose_seed());
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    let (some, new) = (fresh(&election, &mut rng).0, fresh(&election, &mut rng).0);
    let early = entry(&election, some, new, &registrar);
    assert_eq!(code(election.append(early)), "reissue");
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1); 3], &mut rng).unwrap();
    let forged = entry(&election, key(&election, 0).0, new, &administrator);
    assert_eq!(code(election.append(forged)), "signature");
    election.reissue(0, &mut rng).unwrap();
    assert_eq!(election.state.phase(), Phase::Setup);
    election.open().unwrap();
    election.reissue(1, &mut rng).unwrap();
    election.close().unwrap();
    let late = fresh(&election, &mut rng);
    assert_eq!(code(election.log_reissue(key(&election, 2), late)), "phase");
}

#[test]
fn two_voters_whose_letters_show_the_same_public_id_are_refused_on_the_roll_and_at_a_reissue() {
    let (one, other) = (multiple(CLASH.0), multiple(CLASH.1));
    assert_ne!(one, other);
    assert_eq!(one.public_id(), other.public_id());
    let mut rng = StdRng::seed_from_u64(32);
    let mut election = SampleElection::start((2, 3), |_| {}, &mut rng).unwrap();
    let registrar = SigningSecret::from_seed(&election.registrar.expose_seed());
    let part = |part, credentials: &[CredentialKey]| {
        let line = |key: &CredentialKey| RollEntry {
            credential: key.0,
            group: id("all").unwrap(),
            style: id("all").unwrap(),
            weight: 1,
        };
        let mut entries: Vec<_> = credentials.iter().map(line).collect();
        entries.sort_by_key(|entry| entry.credential);
        RollPart { entries, part, signature: None, tag: RollPartTag }
    };
    let (low, high) = (one.min(other), one.max(other));
    let refused = election.append_signed(part(0, &[low, high]), &registrar).unwrap_err();
    assert!(refused.code() == "roll" && refused.to_string().contains("same public id"), "{refused}");
    election.append_signed(part(0, &[low]), &registrar).unwrap();
    assert_eq!(code(election.append_signed(part(1, &[high]), &registrar)), "roll", "in two parts");
    let (mut election, mut rng) = opened(2);
    election.log_reissue(key(&election, 0), one).unwrap();
    let refused = election.log_reissue(key(&election, 1), other).unwrap_err();
    assert!(refused.code() == "reissue" && refused.to_string().contains("public id"), "{refused}");
    election.cast(1, &vote("a"), &mut rng).unwrap();
}

#[test]
fn a_published_spoiled_ballot_changes_no_count_and_is_never_cast() {
    let (mut election, mut rng) = opened(2);
    let context = election.state.ballot_context().unwrap().clone();
    let credential = &election.voters[0].credential;
    // A device that keeps the seed of what it opened: the same randomness twice.
    let prepare = || {
        let answers = vote("b");
        let style = id("all").unwrap();
        context.prepare(&style, &answers, credential.public(), 1, Hash::ZERO, &mut StdRng::seed_from_u64(5)).unwrap()
    };
    let opening = prepare().spoil();
    let cast = prepare().cast(credential, &mut rng).unwrap();
    assert_eq!(opening.code, cast.confirmation_code(&election.fingerprint()).0);
    let spoiled = opening.publish(&context, credential, &mut rng).unwrap();
    let opened = context.open_spoiled(&spoiled).unwrap();
    assert_eq!((opened.code.0, opened.values), (opening.code, vec![0, 1, 0, 0, 0]));
    let before = (election.state.running_tally().digest(), election.state.tally_head_due());
    published(&mut election, &spoiled).unwrap();
    assert_eq!(before, (election.state.running_tally().digest(), election.state.tally_head_due()));
    assert_eq!(election.state.counts().ballots_spoiled, 1);
    assert_eq!(code(election.submit(cast, &mut rng)), "repeated-pad");
    assert_eq!(code(published(&mut election, &spoiled)), "spoiled-ballot", "the same twice");
    election.cast(0, &vote("c"), &mut rng).unwrap();
    election.finish(&mut rng).unwrap();
    assert_eq!(election.state.decrypted().unwrap()[0].cells[0].counts, [0, 0, 1, 0, 0]);
}

#[test]
fn a_cast_ballot_is_not_published_as_a_spoiled_one_nor_is_an_older_test() {
    let (mut election, mut rng) = opened(2);
    let context = election.state.ballot_context().unwrap().clone();
    let older = election.spoiled(0, &vote("d"), &mut rng).unwrap();
    let prepare = |credential| {
        let style = id("all").unwrap();
        context.prepare(&style, &vote("b"), credential, 1, Hash::ZERO, &mut StdRng::seed_from_u64(6)).unwrap()
    };
    let opening = prepare(key(&election, 0)).spoil();
    let cast = prepare(key(&election, 0)).cast(&election.voters[0].credential, &mut rng).unwrap();
    let mut vote_for_sale = opening.publish(&context, &election.voters[0].credential, &mut rng).unwrap();
    election.submit(cast, &mut rng).unwrap();
    let problem = |result: Result<(), Rejection>| match result {
        Err(Rejection::Spoiled(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(published(&mut election, &older)), SpoiledError::Turn);
    assert_eq!(problem(published(&mut election, &vote_for_sale)), SpoiledError::Turn);
    // Under the next counter nothing fits any more, the signature first of all.
    let voter = election.state.voter(key(&election, 0)).unwrap();
    (vote_for_sale.counter, vote_for_sale.previous) = (voter.counter + 1, voter.last_hash);
    assert_eq!(problem(published(&mut election, &vote_for_sale)), SpoiledError::Signature);
}

/// The signature by hand, over anything.
fn signed(setup: &Setup, mut spoiled: SpoiledBallot, secret: Scalar, rng: &mut StdRng) -> SpoiledBallot {
    let mut transcript = Transcript::protocol("spoiled-ballot");
    transcript.append_hash(b"fingerprint", &setup.manifest.fingerprint());
    transcript.append_hash(b"ceremony", &setup.keys.ceremony);
    transcript.append_message(b"style", spoiled.style.as_bytes());
    transcript.append_point(b"credential", &spoiled.credential);
    transcript.append_integer(b"counter", spoiled.counter);
    transcript.append_hash(b"previous", &spoiled.previous);
    transcript.append_hash(b"seed", &spoiled.seed);
    let bits: Vec<u8> = spoiled.bits.bytes().map(|digit| digit - b'0').collect();
    transcript.append_message(b"bits", &bits);
    transcript.append_hash(b"code", &spoiled.code);
    spoiled.proof = KnowledgeProof::prove(transcript, &secret, rng);
    spoiled
}

#[test]
fn a_test_that_its_voter_did_not_sign_or_that_does_not_recompute_is_refused() {
    let mut rng = StdRng::seed_from_u64(33);
    let setup = Setup::new(|_| {}, &mut rng);
    let credential = CredentialCode::random(&mut rng).credential(&setup.manifest.fingerprint());
    let style = id("all").unwrap();
    let prepared = setup.context.prepare(&style, &vote("b"), credential.public(), 1, Hash::ZERO, &mut rng).unwrap();
    let honest = prepared.spoil().publish(&setup.context, &credential, &mut rng).unwrap();
    assert!(setup.context.open_spoiled(&honest).is_ok());
    let edits: [&dyn Fn(&mut SpoiledBallot); 6] = [
        &|s| s.bits = "10000".into(),
        &|s| s.code = Hash::ZERO,
        &|s| s.counter = 2,
        &|s| s.previous = Hash::of(b"other"),
        &|s| s.seed = Hash::ZERO,
        &|s| s.proof.v = EncodedPoint([0xff; 32]),
    ];
    for edit in edits {
        let mut altered = honest.clone();
        edit(&mut altered);
        assert_eq!(setup.context.open_spoiled(&altered).unwrap_err(), SpoiledError::Signature);
    }
    let other = CredentialCode::random(&mut rng).credential(&setup.manifest.fingerprint());
    let fake = SpoiledBallot { credential: other.public().0, ..honest.clone() };
    assert_eq!(setup.context.open_spoiled(&fake).unwrap_err(), SpoiledError::Signature, "in another's name");
    // What a voter signs can still be wrong.
    let secret = random_scalar(&mut rng);
    let mine = SpoiledBallot { credential: (&base(secret)).into(), ..honest };
    let verdict = |edit: &dyn Fn(&mut SpoiledBallot), rng: &mut StdRng| {
        let mut spoiled = mine.clone();
        edit(&mut spoiled);
        setup.context.open_spoiled(&signed(&setup, spoiled, secret, rng)).unwrap_err()
    };
    assert_eq!(verdict(&|_| {}, &mut rng), SpoiledError::Code, "another's code");
    assert_eq!(verdict(&|s| s.bits = "11000".into(), &mut rng), SpoiledError::Rule);
    assert_eq!(verdict(&|s| s.bits = "0100".into(), &mut rng), SpoiledError::Bits);
    assert_eq!(verdict(&|s| s.style = id("other").unwrap(), &mut rng), SpoiledError::Style);
    let mut garbled = mine.clone();
    garbled.bits = "0100x".into();
    assert_eq!(setup.context.open_spoiled(&garbled).unwrap_err(), SpoiledError::Bits);
}

#[test]
fn tests_are_published_up_to_a_limit_while_open_and_by_who_is_on_the_roll() {
    let mut rng = StdRng::seed_from_u64(34);
    let mut election = SampleElection::start((2, 3), |m| m.casts_per_credential = 1, &mut rng).unwrap();
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1); 2], &mut rng).unwrap();
    election.open().unwrap();
    for _ in 0..=SPOILED_BEYOND_CASTS {
        election.publish_spoiled(0, &vote("a"), &mut rng).unwrap();
    }
    let beyond = election.publish_spoiled(0, &vote("a"), &mut rng).unwrap_err();
    assert!(beyond.to_string().contains("has published the 11 spoiled ballots"), "{beyond}");
    let of_old = election.spoiled(1, &vote("a"), &mut rng).unwrap();
    election.reissue(1, &mut rng).unwrap();
    assert_eq!(code(published(&mut election, &of_old)), "spoiled-ballot", "of a replaced credential");
    let late = election.spoiled(1, &vote("a"), &mut rng).unwrap();
    let mut replayed = RecordState::start(&election.entries[0]).unwrap();
    let leaf = veritally_crypto::leaves::Leaf::SpoiledBallot(Box::new(late.clone()));
    let early = replayed.apply(&leaf, &canonical::to_bytes(&late).unwrap());
    assert_eq!(code(early), "phase", "before the opening");
    election.close().unwrap();
    assert_eq!(code(published(&mut election, &late)), "phase", "after the closing");
    assert_eq!(election.state.counts().ballots_spoiled, 11);
}
