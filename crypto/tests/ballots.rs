//! Ballots: what is accepted, and a test for each way to cheat with one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ballot::{BallotError, EncryptedBallot, OpeningError};
use veritally_crypto::contests::{AnswerError, Choice, Rule};
use veritally_crypto::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::BallotLeaf;
use veritally_crypto::record::Rejection;
use veritally_crypto::sample::{SampleElection, choose, id};

type Edit = fn(&mut BallotLeaf);
type BoxedEdit = Box<dyn Fn(&mut BallotLeaf)>;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn open(voters: usize) -> (SampleElection, StdRng) {
    let mut rng = rng(1);
    (SampleElection::open_with(voters, &mut rng).unwrap(), rng)
}

fn altered(ballot: &EncryptedBallot, edit: impl FnOnce(&mut BallotLeaf)) -> EncryptedBallot {
    let mut leaf = ballot.leaf().clone();
    edit(&mut leaf);
    EncryptedBallot::parse(&veritally_crypto::canonical::to_bytes(&leaf).unwrap()).unwrap()
}

fn add(scalar: &EncodedScalar) -> EncodedScalar {
    (&(scalar.decode().unwrap() + Scalar::ONE)).into()
}

fn shift(point: &EncodedPoint) -> EncodedPoint {
    (&(point.decode().unwrap() + RistrettoPoint::mul_base(&Scalar::ONE))).into()
}

#[test]
fn an_honest_ballot_verifies_alone_and_among_others_and_has_the_documented_size() {
    let (election, mut rng) = open(9);
    let context = election.state.ballot_context().unwrap();
    let ballots: Vec<_> = (0..9)
        .map(|voter| election.ballot(voter, &choose("chair", &["c"], false).unwrap(), &mut rng).unwrap())
        .collect();
    // M + 9 points with the credential, N + 4 scalars, all of 32 bytes.
    let leaf = ballots[0].leaf();
    assert_eq!(32 * (leaf.data.len() + 9 + leaf.f.len() + 4), 736);
    for ballot in &ballots {
        assert!(context.verify(ballot.clone(), &mut rng).is_ok());
    }
    assert!(context.verify_batch(ballots, &mut rng).iter().all(Result::is_ok));
}

#[test]
fn each_check_names_itself_when_its_part_is_altered() {
    let (election, mut rng) = open(1);
    let context = election.state.ballot_context().unwrap().clone();
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    // The responses enter no challenge: altering one fails the checks that use it, the lowest of which is named.
    let cases: [(u8, Edit); 5] = [
        (1, |l| l.z_1 = add(&l.z_1)),
        (2, |l| l.z_2 = add(&l.z_2)),
        (3, |l| l.z_3 = add(&l.z_3)),
        (5, |l| l.z_4 = add(&l.z_4)),
        (1, |l| l.f[2] = add(&l.f[2])),
    ];
    for (check, edit) in cases {
        assert_eq!(context.verify(altered(&ballot, edit), &mut rng).unwrap_err(), BallotError::Check(check));
    }
}

/// Everything in a ballot is bound: any single altered member makes it fail.
#[test]
fn every_altered_member_is_refused() {
    let (election, mut rng) = open(2);
    let context = election.state.ballot_context().unwrap().clone();
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let other = election.voters[1].entry.credential;
    let edits: Vec<(&str, BoxedEdit)> = vec![
        ("a", Box::new(|l| l.a = shift(&l.a))),
        ("bits", Box::new(|l| l.bits = shift(&l.bits))),
        ("counter", Box::new(|l| l.counter += 1)),
        ("credential", Box::new(move |l| l.credential = other)),
        ("data", Box::new(|l| l.data[4] = shift(&l.data[4]))),
        ("data order", Box::new(|l| l.data.swap(0, 1))),
        ("e_data", Box::new(|l| l.e_data = shift(&l.e_data))),
        ("e_pad", Box::new(|l| l.e_pad = shift(&l.e_pad))),
        ("pad", Box::new(|l| l.pad = shift(&l.pad))),
        ("previous", Box::new(|l| l.previous = Hash::of(b"other"))),
        ("s", Box::new(|l| l.s = shift(&l.s))),
        ("t", Box::new(|l| l.t = shift(&l.t))),
        ("v", Box::new(|l| l.v = shift(&l.v))),
        ("z_4", Box::new(|l| l.z_4 = add(&l.z_4))),
    ];
    for (name, edit) in edits {
        let result = context.verify(altered(&ballot, |l| edit(l)), &mut rng);
        assert!(matches!(result, Err(BallotError::Check(1..=5))), "{name}: {result:?}");
    }
}

#[test]
fn an_altered_byte_anywhere_in_a_ballot_is_refused() {
    let (mut election, mut rng) = open(1);
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let size = election.entries.len();
    for position in (0..ballot.bytes().len()).step_by(7) {
        let mut bytes = ballot.bytes().to_vec();
        bytes[position] ^= 1;
        let refused = match EncryptedBallot::parse(&bytes) {
            Err(_) => true,
            Ok(ballot) => election.submit(ballot, &mut rng).is_err(),
        };
        assert!(refused, "byte {position}");
    }
    assert_eq!(election.entries.len(), size, "nothing was appended");
    assert!(election.submit(ballot, &mut rng).is_ok(), "the honest ballot still enters");
}

#[test]
fn one_bad_ballot_in_a_batch_is_named_and_the_others_accepted() {
    let (election, mut rng) = open(16);
    let context = election.state.ballot_context().unwrap();
    let mut ballots: Vec<_> = (0..16)
        .map(|voter| election.ballot(voter, &choose("chair", &["b"], false).unwrap(), &mut rng).unwrap())
        .collect();
    ballots[11] = altered(&ballots[11], |l| l.z_2 = add(&l.z_2));
    ballots[3] = altered(&ballots[3], |l| l.a = EncodedPoint([0xff; 32]));
    let verdicts = context.verify_batch(ballots, &mut rng);
    for (i, verdict) in verdicts.iter().enumerate() {
        match i {
            11 => assert_eq!(verdict.as_ref().unwrap_err().1, BallotError::Check(2)),
            3 => assert_eq!(verdict.as_ref().unwrap_err().1, BallotError::Element("a")),
            _ => assert!(verdict.is_ok(), "{i}"),
        }
    }
}

/// ⚠ With weights that are known beforehand, errors of two ballots can be made to cancel: +7 and −6 in place of two
/// votes. Whatever the generator gives, weights also depend on the batch's bytes; with fresh randomness nobody knows them.
#[test]
fn two_wrong_ballots_whose_errors_cancel_without_weights_are_both_named() {
    let (election, mut rng) = open(2);
    let context = election.state.ballot_context().unwrap();
    let honest: Vec<_> = (0..2)
        .map(|voter| election.ballot(voter, &choose("chair", &["b"], false).unwrap(), &mut rng).unwrap())
        .collect();
    // The sum of the two ballots' equations of check 2 is unchanged: z_2 + d and z_2 − d.
    let d = Scalar::from(5u8);
    let minus = |z: &EncodedScalar, d: Scalar| EncodedScalar::from(&(z.decode().unwrap() - d));
    let wrong =
        vec![altered(&honest[0], |l| l.z_2 = minus(&l.z_2, -d)), altered(&honest[1], |l| l.z_2 = minus(&l.z_2, d))];
    for seed in 0..4 {
        // Even a generator that repeats itself does not help: the batch's bytes are part of the key.
        let verdicts = context.verify_batch(wrong.clone(), &mut self::rng(seed));
        assert!(verdicts.iter().all(|v| matches!(v, Err((_, BallotError::Check(2))))));
    }
}

#[test]
fn overvote_undervote_and_malformed_answers_are_explained() {
    let mut rng = rng(2);
    let rule = Rule::Choice(Choice { blank: true, max: 3, min: 2, seats: 2, undervotes: false });
    let mut election = SampleElection::start((2, 3), |m| m.contests[0].rule = rule.clone(), &mut rng).unwrap();
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1)], &mut rng).unwrap();
    election.open().unwrap();
    let context = election.state.ballot_context().unwrap().clone();
    let key = election.voters[0].credential.public();
    let mut refused = |answers| match context.prepare(&id("all").unwrap(), &answers, key, 1, Hash::ZERO, &mut rng) {
        Err(BallotError::Answer(error)) => error,
        other => panic!("{other:?}"),
    };
    let chair = id("chair").unwrap();
    assert!(matches!(
        refused(choose("chair", &["a", "b", "c", "d"], false).unwrap()),
        AnswerError::Overvote { chosen: 4, max: 3, .. }
    ));
    assert!(matches!(
        refused(choose("chair", &["a"], false).unwrap()),
        AnswerError::Undervote { chosen: 1, min: 2, .. }
    ));
    assert_eq!(refused(choose("chair", &["a", "b"], true).unwrap()), AnswerError::Blank(chair.clone()));
    assert!(matches!(refused(choose("chair", &["a", "a"], false).unwrap()), AnswerError::Repeated { .. }));
    assert!(matches!(refused(choose("chair", &["a", "z"], false).unwrap()), AnswerError::UnknownSelection { .. }));
    assert_eq!(refused(choose("other", &["a"], false).unwrap()), AnswerError::UnknownContest(id("other").unwrap()));
    assert_eq!(refused(Default::default()), AnswerError::Missing(chair));
    for answers in
        [choose("chair", &[], true), choose("chair", &["a", "e"], false), choose("chair", &["a", "b", "c"], false)]
    {
        election.cast(0, &answers.unwrap(), &mut self::rng(3)).unwrap();
    }
}

#[test]
fn a_ballot_for_another_election_is_refused() {
    let (mut one, mut rng) = open(1);
    let mut other = SampleElection::open_with(1, &mut rng).unwrap();
    let ballot = other.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    assert_eq!(one.submit(ballot.clone(), &mut rng).unwrap_err(), Rejection::UnknownCredential);
    // Even with a credential of this election in its place: the proof is bound to the fingerprint.
    let moved = altered(&ballot, |l| l.credential = one.voters[0].entry.credential);
    assert!(matches!(one.submit(moved, &mut rng).unwrap_err(), Rejection::Ballot(BallotError::Check(_))));
    assert!(other.submit(ballot, &mut rng).is_ok());
}

#[test]
fn another_credentials_ballot_replayed_under_ones_own_is_refused() {
    let (mut election, mut rng) = open(2);
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let copied = altered(&ballot, |l| l.credential = election.voters[1].entry.credential);
    assert!(matches!(election.submit(copied.clone(), &mut rng).unwrap_err(), Rejection::Ballot(BallotError::Check(_))));
    election.submit(ballot, &mut rng).unwrap();
    assert_eq!(election.submit(copied, &mut rng).unwrap_err(), Rejection::RepeatedPad);
}

#[test]
fn an_old_ballot_of_the_same_credential_is_refused_whether_replayed_or_reordered() {
    let (mut election, mut rng) = open(1);
    let first = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let alternative = election.ballot(0, &choose("chair", &["c"], false).unwrap(), &mut rng).unwrap();
    election.submit(first.clone(), &mut rng).unwrap();
    let second = election.ballot(0, &choose("chair", &["b"], false).unwrap(), &mut rng).unwrap();
    assert!(matches!(
        election.submit(first.clone(), &mut rng).unwrap_err(),
        Rejection::Counter { found: 1, expected: 2 }
    ));
    assert!(matches!(election.submit(alternative, &mut rng).unwrap_err(), Rejection::Counter { .. }));
    let skipped = altered(&second, |l| l.previous = Hash::ZERO);
    assert_eq!(election.submit(skipped, &mut rng).unwrap_err(), Rejection::Previous { expected: first.hash() });
    election.submit(second, &mut rng).unwrap();
}

#[test]
fn a_credential_that_is_not_on_the_roll_is_refused() {
    let (mut election, mut rng) = open(1);
    let stranger = veritally_crypto::credential::CredentialCode::random(&mut rng).credential(&election.fingerprint());
    let context = election.state.ballot_context().unwrap().clone();
    let answers = choose("chair", &["a"], false).unwrap();
    let style = id("all").unwrap();
    let prepared = context.prepare(&style, &answers, stranger.public(), 1, Hash::ZERO, &mut rng).unwrap();
    let ballot = prepared.cast(&stranger, &mut rng).unwrap();
    assert_eq!(election.submit(ballot, &mut rng).unwrap_err(), Rejection::UnknownCredential);
}

#[test]
fn the_cast_limit_of_the_manifest_holds() {
    let mut rng = rng(4);
    let mut election = SampleElection::start((2, 3), |m| m.casts_per_credential = 2, &mut rng).unwrap();
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1)], &mut rng).unwrap();
    election.open().unwrap();
    let answers = choose("chair", &["a"], false).unwrap();
    election.cast(0, &answers, &mut rng).unwrap();
    election.cast(0, &answers, &mut rng).unwrap();
    let third = election.ballot(0, &answers, &mut rng).unwrap();
    assert_eq!(election.submit(third, &mut rng).unwrap_err(), Rejection::CastLimit(2));
}

#[test]
fn a_spoiled_ballot_proves_what_the_device_encrypted() {
    let (election, mut rng) = open(1);
    let context = election.state.ballot_context().unwrap();
    let key = election.voters[0].credential.public();
    let style = id("all").unwrap();
    let answers = choose("chair", &["d"], false).unwrap();
    let prepared = context.prepare(&style, &answers, key, 1, Hash::ZERO, &mut rng).unwrap();
    let code = prepared.code();
    let opening = prepared.spoil();
    assert_eq!(opening.verify(context).unwrap(), code);
    // The device showed d and encrypted a.
    let mut lie = opening.clone();
    lie.selections = choose("chair", &["a"], false).unwrap();
    assert!(matches!(lie.verify(context).unwrap_err(), OpeningError::Mismatch(_)));
    let mut lie = opening.clone();
    lie.code = Hash::of(b"other");
    assert_eq!(lie.verify(context).unwrap_err(), OpeningError::Mismatch("the confirmation code"));
    // Another spelling of the same seed: one opening has one text.
    let mut loud = opening.clone();
    loud.seed = loud.seed.to_uppercase();
    assert_eq!(loud.verify(context).unwrap_err(), OpeningError::Seed);
    let mut lie = opening;
    lie.fingerprint = Hash::of(b"other");
    assert!(matches!(lie.verify(context).unwrap_err(), OpeningError::OtherElection(_)));
}

/// ⚠ A spoiled ballot's seed gives r and s, never a nonce of the proof: casting the same selections twice from what an
/// opening contains gives unrelated announcements, so z_4 − z_4' over x − x' is not the credential.
#[test]
fn the_credential_can_not_be_extracted_from_an_opened_ballot() {
    let (election, mut rng) = open(1);
    let context = election.state.ballot_context().unwrap();
    let voter = &election.voters[0];
    let key = voter.credential.public();
    let style = id("all").unwrap();
    let answers = choose("chair", &["d"], false).unwrap();
    // The same seed twice: a device whose generator repeats itself when it draws the seed, and then moves on.
    let make = |rng: &mut StdRng| context.prepare(&style, &answers, key, 1, Hash::ZERO, rng).unwrap();
    let opening = make(&mut self::rng(7)).spoil();
    let one = make(&mut self::rng(7)).cast(&voter.credential, &mut rng).unwrap();
    let two = make(&mut self::rng(7)).cast(&voter.credential, &mut rng).unwrap();
    assert_eq!(one.leaf().pad, opening.pad, "the same seed gives the same encryption");
    assert_ne!(one.leaf().v, two.leaf().v, "the proof's nonces do not come from the seed");
    let json = String::from_utf8(veritally_crypto::canonical::to_bytes(&opening).unwrap()).unwrap();
    for member in ["\"v\"", "\"z_4\"", "\"f\"", "\"a\":\""] {
        assert!(!json.contains(member), "{member} in {json}");
    }
}
#[test]
fn a_non_canonical_point_or_scalar_is_refused() {
    let (election, mut rng) = open(1);
    let context = election.state.ballot_context().unwrap();
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let edits: [(&str, Edit); 5] = [
        ("pad", |l| l.pad = EncodedPoint::IDENTITY),
        ("pad", |l| l.pad = EncodedPoint([0xee; 32])),
        ("credential", |l| l.credential = EncodedPoint::IDENTITY),
        ("f", |l| l.f[0] = EncodedScalar([0xff; 32])),
        ("z_3", |l| l.z_3 = EncodedScalar([0xff; 32])),
    ];
    for (name, edit) in edits {
        let error = context.verify(altered(&ballot, edit), &mut rng).unwrap_err();
        assert_eq!(error, BallotError::Element(name));
    }
    let error = context.verify(altered(&ballot, |l| l.data.truncate(4)), &mut rng).unwrap_err();
    assert!(matches!(error, BallotError::Shape { found: 4, expected: 5, .. }), "{error}");
    let error = context.verify(altered(&ballot, |l| l.f.push(l.z_1)), &mut rng).unwrap_err();
    assert!(matches!(error, BallotError::Shape { found: 6, expected: 5, .. }), "{error}");
}

#[test]
fn json_in_other_bytes_is_refused() {
    let (election, mut rng) = open(1);
    let ballot = election.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let text = String::from_utf8(ballot.bytes().to_vec()).unwrap();
    for other in [
        format!(" {text}"),
        format!("{text}\n"),
        text.replace("\"counter\":1", "\"counter\":01"),
        text.replace("\"counter\":1", "\"counter\":1.0"),
        text.replace("\"counter\":1", "\"counter\":1,\"counter\":1"),
        text.replace("\"counter\":1", "\"counter\":1,\"country\":1"),
        text.replace("\"counter\":1,", ""),
        text.replace("\"style\":\"all\"", "\"style\":\"\\u0061ll\""),
        text.replace("ballot/v1", "ballot/v2"),
        text.replacen("=\"", "\"", 1),
    ] {
        assert_ne!(other, text);
        assert!(EncryptedBallot::parse(other.as_bytes()).is_err(), "{other}");
    }
}
