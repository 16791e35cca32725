//! What follows from a refused entry, and what does not: specs/verification.md, "How a record is verified".
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::SampleElection;

use super::*;

const ONE: TrusteeId = TrusteeId(1);
const VOTER: CredentialKey = CredentialKey(EncodedPoint([1; 32]));
const OTHER: CredentialKey = CredentialKey(EncodedPoint([2; 32]));

/// One of each, and those that name somebody else.
const ALL: [Subject; 21] = [
    Subject::Ceremony,
    Subject::Complaint,
    Subject::Restart,
    Subject::CeremonyPart(ONE),
    Subject::CeremonyPart(TrusteeId(2)),
    Subject::SharePart(ONE),
    Subject::SharePart(TrusteeId(2)),
    Subject::Roll,
    Subject::Reissue { old: OTHER, new: VOTER },
    Subject::Opening,
    Subject::Ballot(VOTER),
    Subject::Ballot(OTHER),
    Subject::Spoiled(VOTER),
    Subject::TallyHead,
    Subject::Closing,
    Subject::Agreement,
    Subject::Share,
    Subject::Extension,
    Subject::Result,
    Subject::Other,
    Subject::Unknown,
];

/// From which of these, refused before the closing or behind it, a refusal follows.
fn follows_from(rejection: &Rejection, subject: Subject, state: &RecordState) -> Vec<Subject> {
    let explains = |refused: &Subject| {
        let mut all = Refused::default();
        all.add(1, *refused);
        all.explains(rejection, subject, state)
    };
    ALL.into_iter().filter(explains).collect()
}

fn ballot(rejection: &Rejection, state: &RecordState) -> Vec<Subject> {
    follows_from(rejection, Subject::Ballot(VOTER), state)
}

/// An election that has just begun, and one in which voting has.
fn states() -> (RecordState, RecordState) {
    let rng = &mut StdRng::seed_from_u64(7);
    let begun = SampleElection::start((2, 3), |_| {}, rng).unwrap();
    (begun.state, SampleElection::open_with(2, rng).unwrap().state)
}

#[test]
fn a_phase_is_missed_because_of_what_was_to_bring_it_about() {
    let (_, state) = states();
    let follows = |phase, subject| follows_from(&Rejection::Phase { entry: "x", phase }, subject, &state);
    let both = |one| vec![one, Subject::Unknown];
    assert_eq!(follows(Phase::Setup, Subject::Ballot(VOTER)), both(Subject::Opening));
    assert_eq!(follows(Phase::Open, Subject::Agreement), both(Subject::Closing));
    assert_eq!(follows(Phase::Closed, Subject::Share), both(Subject::Agreement));
    let shares = [Subject::SharePart(ONE), Subject::SharePart(TrusteeId(2)), Subject::Share, Subject::Unknown];
    assert_eq!(follows(Phase::Agreed, Subject::Result), shares);
    for phase in [Phase::Decrypted, Phase::Published, Phase::Abandoned] {
        assert_eq!(follows(phase, Subject::Unknown), []);
    }
    // Too late is not too early.
    assert_eq!(follows(Phase::Open, Subject::Roll), []);
    assert_eq!(follows(Phase::Closed, Subject::Ballot(VOTER)), []);
    assert_eq!(follows(Phase::Closed, Subject::Extension), []);
}

#[test]
fn the_ceremony_goes_on_from_what_was_taken() {
    let (begun, open) = states();
    let follows = |rejection| follows_from(&rejection, Subject::Ceremony, &begun);
    let (one, other) = (CeremonyPhase::Commit, CeremonyPhase::Reveal);
    let messages =
        [Subject::Ceremony, Subject::Restart, Subject::CeremonyPart(ONE), Subject::CeremonyPart(TrusteeId(2))];
    let messages = || {
        let mut sorted: Vec<_> = ALL.into_iter().filter(|subject| messages.contains(subject)).collect();
        sorted.push(Subject::Unknown);
        sorted
    };
    let ceremony = |error: CeremonyError| follows(Rejection::Ceremony(error));
    assert_eq!(ceremony(CeremonyError::WrongPhase { trustee: ONE, message: one, phase: other }), messages());
    assert_eq!(ceremony(CeremonyError::CommitsHash { trustee: ONE }), messages());
    assert_eq!(ceremony(CeremonyError::CeremonyHash { trustee: ONE }), messages());
    assert_eq!(ceremony(CeremonyError::NotYet { phase: one, needed: other }), messages());
    let attempt = CeremonyError::WrongAttempt { trustee: ONE, attempt: 2, expected: 1 };
    assert_eq!(ceremony(attempt), [Subject::Restart, Subject::Unknown]);
    assert_eq!(ceremony(CeremonyError::Keys), []);
    let mut with_complaint = messages();
    with_complaint.insert(1, Subject::Complaint);
    assert_eq!(follows(Rejection::Restart("x")), with_complaint);
    let part = Rejection::Part { trustee: ONE, problem: "x" };
    assert_eq!(follows(part), [Subject::CeremonyPart(ONE), Subject::SharePart(ONE), Subject::Unknown]);

    // The opening lacks keys, or a roll, or neither.
    let mut opening = messages();
    opening.insert(opening.len() - 1, Subject::Roll);
    assert_eq!(follows(Rejection::Opening("x")), opening);
    assert_eq!(follows_from(&Rejection::Opening("x"), Subject::Opening, &open), []);
}

#[test]
fn voters_are_missing_because_of_a_refused_roll_or_reissue() {
    let (begun, open) = states();
    let roll = [Subject::Roll, Subject::Unknown];
    assert_eq!(follows_from(&Rejection::RollPart { part: 1, problem: "x" }, Subject::Roll, &begun), roll);
    assert_eq!(follows_from(&Rejection::Roll("x"), Subject::Roll, &begun), roll);

    let made = [Subject::Reissue { old: OTHER, new: VOTER }, Subject::Unknown];
    let again = |old| Subject::Reissue { old, new: OTHER };
    assert_eq!(follows_from(&Rejection::Reissue("x"), again(VOTER), &begun), roll);
    assert_eq!(follows_from(&Rejection::Reissue("x"), again(VOTER), &open), made);
    // Somebody whom no re-issue was to put on the roll; somebody who is on it; an entry that is none.
    assert_eq!(
        follows_from(&Rejection::Reissue("x"), again(CredentialKey(EncodedPoint([3; 32]))), &open),
        [Subject::Unknown]
    );
    let on_roll = open.voters().next().unwrap().credential;
    assert_eq!(follows_from(&Rejection::Reissue("x"), again(on_roll), &open), []);
    assert_eq!(follows_from(&Rejection::Reissue("x"), Subject::Roll, &open), []);

    assert_eq!(ballot(&Rejection::UnknownCredential, &open), made);
    let spoiled = Rejection::Spoiled(SpoiledError::UnknownCredential);
    assert_eq!(follows_from(&spoiled, Subject::Spoiled(VOTER), &open), made);
    assert_eq!(follows_from(&spoiled, Subject::Roll, &open), []);
}

#[test]
fn a_credential_that_was_replaced_is_not_missing() {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::open_with(2, rng).unwrap();
    let old = election.voters[0].credential.public();
    election.reissue(0, rng).unwrap();
    let again = Subject::Reissue { old, new: OTHER };
    assert_eq!(follows_from(&Rejection::Reissue("x"), again, &election.state), []);
}

#[test]
fn later_ballots_and_sums_follow_from_a_refused_ballot() {
    let (_, open) = states();
    let of_voter = [Subject::Ballot(VOTER), Subject::Unknown];
    assert_eq!(ballot(&Rejection::Counter { found: 2, expected: 1 }, &open), of_voter);
    assert_eq!(ballot(&Rejection::Previous { expected: Hash::ZERO }, &open), of_voter);
    let turn = Rejection::Spoiled(SpoiledError::Turn);
    assert_eq!(follows_from(&turn, Subject::Spoiled(VOTER), &open), of_voter);
    assert_eq!(follows_from(&turn, Subject::Roll, &open), []);
    let sums = [Subject::Ballot(VOTER), Subject::Ballot(OTHER), Subject::Unknown];
    assert_eq!(follows_from(&Rejection::TallyHead("x"), Subject::TallyHead, &open), sums);
    assert_eq!(ballot(&Rejection::RepeatedPad, &open), []);
}

#[test]
fn the_closing_and_what_trustees_sign_follow_from_what_the_log_lost() {
    let rng = &mut StdRng::seed_from_u64(7);
    let mut election = SampleElection::open_with(2, rng).unwrap();
    let closing = |state: &RecordState| follows_from(&Rejection::Closing("x"), Subject::Closing, state);
    assert_eq!(closing(&election.state), []);
    election.cast(0, &veritally_crypto::sample::choose("chair", &["a"], false).unwrap(), rng).unwrap();
    assert_eq!(closing(&election.state), [Subject::TallyHead, Subject::Unknown]);

    let mut refused = Refused::default();
    let explained = |refused: &Refused| {
        let agreement = Rejection::AgreementHead { trustee: ONE, found: 1, expected: 2 };
        refused.explains(&agreement, Subject::Agreement, &election.state)
    };
    // Refused behind the closing; before it.
    refused.closed();
    refused.add(9, Subject::Ballot(VOTER));
    assert!(!explained(&refused) && !refused.closing_head_differs());
    refused.closed();
    assert!(explained(&refused) && refused.closing_head_differs());
}

#[test]
fn what_an_entry_is_about_is_read_even_if_it_breaks_every_other_rule() {
    let (one, other) = (EncodedPoint([1; 32]), EncodedPoint([2; 32]));
    let about = |tag: &str| {
        let entry = serde_json::json!({"type": tag, "credential": one, "old": one, "new": other, "more": -1.5});
        Subject::of_malformed(entry.to_string().as_bytes())
    };
    let expected = [
        ("reissue/v1", Subject::Reissue { old: CredentialKey(one), new: CredentialKey(other) }),
        ("ballot/v1", Subject::Ballot(CredentialKey(one))),
        ("tally-head/v1", Subject::TallyHead),
        ("roll-part/v1", Subject::Roll),
        ("roll/v1", Subject::Roll),
        ("trustee-complaint/v1", Subject::Complaint),
        ("ceremony-restart/v1", Subject::Restart),
        ("opening/v1", Subject::Opening),
        ("closing/v1", Subject::Closing),
        ("agreement/v1", Subject::Agreement),
        ("decryption-share/v1", Subject::Share),
        ("extension/v1", Subject::Extension),
        ("result/v1", Subject::Result),
        ("manifest/v1", Subject::Other),
        ("abandonment/v1", Subject::Other),
        ("spoiled-ballot/v1", Subject::Other),
        ("trustee-commit/v1", Subject::Unknown),
    ];
    for (tag, subject) in expected {
        assert_eq!(about(tag), subject, "{tag}");
    }
    // Whose ballot it is can't be read.
    assert_eq!(Subject::of_malformed(br#"{"type":"ballot/v1"}"#), Subject::Unknown);
    assert_eq!(Subject::of_malformed(br#"{"type":"reissue/v1"}"#), Subject::Unknown);
    assert_eq!(Subject::of_malformed(b"{"), Subject::Unknown);
}

#[test]
fn positions_of_the_state_are_found_in_the_log() {
    let mut refused = Refused::default();
    assert_eq!(refused.position(5), 5);
    for index in [2, 3, 7] {
        refused.add(index, Subject::Other);
    }
    // The log's entries 0 1 4 5 6 8 9 are the state's 0 1 2 3 4 5 6.
    let found: Vec<_> = (0..7).map(|i| refused.position(i)).collect();
    assert_eq!(found, [0, 1, 4, 5, 6, 8, 9]);
}
