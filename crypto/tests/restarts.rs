//! Complaints and restarts in the record: who is left out, what is refused, and that an election goes on after one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::canonical;
use veritally_crypto::ceremony::{CeremonyError, CeremonyPhase, ComplaintVerdict};
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Exclusion, ExclusionReason, Leaf, Restart, RestartTag};
use veritally_crypto::record::{MAX_ATTEMPTS, Phase, Rejection};
use veritally_crypto::sample::{OPENS_AT_MS, SampleElection, SampleError, choose};
use veritally_crypto::signature::{SigningSecret, sign};

const ONE: TrusteeId = TrusteeId(1);
const TWO: TrusteeId = TrusteeId(2);
const THREE: TrusteeId = TrusteeId(3);

fn rejection(error: SampleError) -> Rejection {
    *error.downcast::<Rejection>().expect("a rejection")
}

/// An election of three trustees, two decrypt, up to a phase of its ceremony.
fn at(phase: CeremonyPhase) -> (SampleElection, StdRng) {
    let mut rng = StdRng::seed_from_u64(11);
    let mut election = SampleElection::start((2, 3), |_| {}, &mut rng).unwrap();
    election.ceremony_until(phase, &mut rng).unwrap();
    (election, rng)
}

/// Trustee 1 dealt trustee 2 a wrong share, which complained.
fn complained() -> (SampleElection, StdRng) {
    let (mut election, mut rng) = at(CeremonyPhase::Shares);
    election.shares_that_cheat(0, TWO, &mut rng).unwrap();
    for i in [1, 2] {
        election.ceremony_step(i, &mut rng).unwrap();
    }
    election.complain(1, ONE, &mut rng).unwrap();
    (election, rng)
}

fn restart(election: &mut SampleElection, attempt: u64, excluded: &[(TrusteeId, ExclusionReason)]) -> Rejection {
    let administrator = SigningSecret::from_seed(&election.administrator.expose_seed());
    restart_by(election, attempt, excluded, &administrator).unwrap_err()
}

fn restart_by(
    election: &mut SampleElection,
    attempt: u64,
    excluded: &[(TrusteeId, ExclusionReason)],
    key: &SigningSecret,
) -> Result<(), Rejection> {
    let excluded = excluded.iter().map(|(trustee, reason)| Exclusion { reason: *reason, trustee: *trustee }).collect();
    let restart =
        Restart { administrator: 1, attempt, excluded, signature: None, time_ms: OPENS_AT_MS, tag: RestartTag };
    election.append_signed(restart, key)
}

#[test]
fn an_election_goes_on_without_the_dealer_that_cheated() {
    let (mut election, mut rng) = complained();
    let complaint = &election.state.complaints()[0];
    assert_eq!((complaint.judged.culprit(), complaint.judged.verdict), (ONE, ComplaintVerdict::WrongShare));
    assert_eq!((complaint.attempt, complaint.index), (1, election.entries.len() as u64 - 1));
    election.restart(&[]).unwrap();
    assert_eq!(election.state.excluded(), [Exclusion { reason: ExclusionReason::Fault, trustee: ONE }]);
    assert_eq!(election.state.restarts()[0].ended_in, CeremonyPhase::Confirm);
    election.ceremony(&mut rng).unwrap();
    election.roll(&[("all", "all", 1)], &mut rng).unwrap();
    election.open().unwrap();
    election.cast(0, &choose("chair", &["c"], false).unwrap(), &mut rng).unwrap();
    election.close().unwrap();
    // Who was left out has no say, and k are still needed.
    assert_eq!(rejection(election.agree(0).unwrap_err()), Rejection::Excluded(ONE));
    election.agree(1).unwrap();
    election.agree(2).unwrap();
    election.share(1, &mut rng).unwrap();
    assert_eq!(election.state.phase(), Phase::Agreed);
    election.share(2, &mut rng).unwrap();
    assert_eq!(election.state.decrypted().unwrap()[0].cells[0].counts, [0, 0, 1, 0, 0]);
}

#[test]
fn a_false_complaint_leaves_its_author_out() {
    let (mut election, mut rng) = at(CeremonyPhase::Confirm);
    election.complain(1, ONE, &mut rng).unwrap();
    election.restart(&[]).unwrap();
    assert_eq!(election.state.excluded(), [Exclusion { reason: ExclusionReason::Fault, trustee: TWO }]);
    election.ceremony(&mut rng).unwrap();
    assert_eq!(election.state.ceremony().keys().unwrap().trustees, [ONE, THREE]);
}

#[test]
fn silence_excludes_without_being_called_fraud() {
    for phase in [
        CeremonyPhase::Commit,
        CeremonyPhase::Reveal,
        CeremonyPhase::Shares,
        CeremonyPhase::Confirm,
        CeremonyPhase::Rehearsal,
    ] {
        let (mut election, mut rng) = at(phase);
        election.ceremony_step(0, &mut rng).unwrap();
        election.ceremony_step(2, &mut rng).unwrap();
        assert_eq!(election.state.ceremony().missing(), [TWO]);
        election.restart(&[TWO]).unwrap();
        let restart = &election.state.restarts()[0];
        assert_eq!((restart.attempt, restart.ended_in), (2, phase));
        assert_eq!(restart.excluded, [Exclusion { reason: ExclusionReason::Absent, trustee: TWO }]);
        election.ceremony(&mut rng).unwrap();
        assert_eq!(election.state.phase(), Phase::Setup);
    }
}

#[test]
fn who_was_left_out_posts_nothing_any_more() {
    let (mut election, mut rng) = at(CeremonyPhase::Reveal);
    let dealer = election.dealer(1).unwrap();
    for i in [0, 2] {
        election.ceremony_step(i, &mut rng).unwrap();
    }
    election.restart(&[TWO]).unwrap();
    let identity = SigningSecret::from_seed(&election.trustees[1].identity.expose_seed());
    let mut commit = dealer.commit();
    commit.attempt = 2;
    assert_eq!(election.append_signed(commit, &identity).unwrap_err(), Rejection::Excluded(TWO));
    let part = veritally_crypto::leaves::Part {
        chunk: veritally_crypto::leaves::Base64Bytes(vec![0; 36_864]),
        message: election.fingerprint(),
        part: 0,
        parts: 2,
        signature: None,
        trustee: TWO,
        tag: "trustee-reveal-part/v1".into(),
    };
    let refused = election.append_signed(part, &identity).unwrap_err();
    assert_eq!((refused.code(), refused), ("excluded-trustee", Rejection::Excluded(TWO)));
    // Not even signed by who may speak.
    let stranger = SigningSecret::from_seed(&election.trustees[0].identity.expose_seed());
    let mut commit = dealer.commit();
    commit.attempt = 2;
    assert_eq!(election.append_signed(commit, &stranger).unwrap_err().code(), "signature");
}

#[test]
fn messages_of_an_earlier_attempt_are_refused_and_every_polynomial_is_redrawn() {
    let (mut election, mut rng) = at(CeremonyPhase::Confirm);
    let old: Vec<_> = election.entries.clone();
    let before: Vec<_> = (0..3).map(|i| election.dealer(i).unwrap().commit().hash).collect();
    election.restart(&[]).unwrap();
    for entry in &old[1..] {
        let error = election.append(entry.clone()).unwrap_err();
        assert!(matches!(error, Rejection::Ceremony(CeremonyError::WrongAttempt { expected: 2, .. })), "{error}");
    }
    for (i, hash) in before.iter().enumerate() {
        assert_ne!(election.dealer(i).unwrap().commit().hash, *hash);
    }
    // A package of the old attempt under the new number: its ephemeral point is known.
    election.ceremony_until(CeremonyPhase::Shares, &mut rng).unwrap();
    let shares = old.iter().find_map(|entry| match Leaf::parse(entry).unwrap() {
        Leaf::Shares(shares) => Some(shares),
        _ => None,
    });
    let mut shares = shares.unwrap();
    shares.attempt = 2;
    let identity = SigningSecret::from_seed(&election.trustees[0].identity.expose_seed());
    let error = election.append_signed(shares, &identity).unwrap_err();
    assert!(matches!(error, Rejection::Ceremony(CeremonyError::RepeatedEphemeral { .. })), "{error}");
    election.ceremony(&mut rng).unwrap();
}

#[test]
fn a_restart_names_exactly_those_that_cheated_or_are_awaited() {
    use ExclusionReason::{Absent, Fault};
    let (mut election, mut rng) = complained();
    let wrong: [&[(TrusteeId, ExclusionReason)]; 6] = [
        &[],
        &[(TWO, Fault)],
        &[(ONE, Absent)],
        &[(ONE, Fault), (THREE, Absent)],
        &[(ONE, Fault), (ONE, Fault)],
        &[(TrusteeId(9), Fault)],
    ];
    for excluded in wrong {
        assert_eq!(restart(&mut election, 2, excluded).code(), "restart", "{excluded:?}");
    }
    election.restart(&[]).unwrap();
    // Now trustee 3 is awaited, trustee 2 is not, and trustee 1 is out already.
    election.ceremony_step(1, &mut rng).unwrap();
    for excluded in [[(TWO, Absent)], [(THREE, Fault)], [(ONE, Absent)]] {
        assert_eq!(restart(&mut election, 3, &excluded).code(), "restart", "{excluded:?}");
    }
    for attempt in [0, 1, 2, 4] {
        assert_eq!(restart(&mut election, attempt, &[]).code(), "restart", "{attempt}");
    }
    // k = q = 2 trustees are left: none of them can be spared.
    assert!(restart(&mut election, 3, &[(THREE, Absent)]).to_string().contains("fewer trustees remain"));
    election.restart(&[]).unwrap();
    election.ceremony(&mut rng).unwrap();
}

#[test]
fn never_fewer_than_q_trustees_remain() {
    let mut rng = StdRng::seed_from_u64(12);
    let mut election = SampleElection::start((3, 5), |m| m.agreement_quorum = 4, &mut rng).unwrap();
    for i in [0, 1, 2] {
        election.ceremony_step(i, &mut rng).unwrap();
    }
    let (four, five) = (TrusteeId(4), TrusteeId(5));
    let error = rejection(election.restart(&[four, five]).unwrap_err());
    assert!(error.to_string().contains("fewer trustees remain than must agree"), "{error}");
    election.restart(&[four]).unwrap();
    election.ceremony(&mut rng).unwrap();
    assert_eq!(election.state.ceremony().keys().unwrap().trustees.len(), 4);
}

#[test]
fn only_an_administrator_restarts_and_only_before_the_opening() {
    let (mut election, mut rng) = at(CeremonyPhase::Complete);
    let trustee = SigningSecret::from_seed(&election.trustees[0].identity.expose_seed());
    assert_eq!(restart_by(&mut election, 2, &[], &trustee).unwrap_err().code(), "signature");
    let first = election.state.ceremony().keys().unwrap();
    // Somebody lost its key after the rehearsal: nothing has been encrypted yet.
    election.restart(&[]).unwrap();
    assert!(election.state.ceremony().keys().is_none() && election.open().is_err());
    election.ceremony(&mut rng).unwrap();
    let second = election.state.ceremony().keys().unwrap();
    assert!(first.encoded.iter().zip(&second.encoded).all(|(a, b)| a != b), "every key is another");
    election.roll(&[("all", "all", 1)], &mut rng).unwrap();
    election.open().unwrap();
    let refused = rejection(election.restart(&[]).unwrap_err());
    assert_eq!(refused, Rejection::Phase { entry: "restart of the ceremony", phase: Phase::Open });
}

#[test]
fn attempts_come_to_an_end() {
    let (mut election, _) = at(CeremonyPhase::Commit);
    for _ in 1..MAX_ATTEMPTS {
        election.restart(&[]).unwrap();
    }
    let refused = rejection(election.restart(&[]).unwrap_err());
    assert!(refused.to_string().contains("at most 100"), "{refused}");
}

#[test]
fn a_complaint_signed_by_another_or_for_another_election_is_refused() {
    let (mut election, mut rng) = at(CeremonyPhase::Shares);
    election.shares_that_cheat(0, TWO, &mut rng).unwrap();
    for i in [1, 2] {
        election.ceremony_step(i, &mut rng).unwrap();
    }
    let honest = election.dealer(1).unwrap().complain(election.state.ceremony(), ONE, &mut rng).unwrap();
    let three = SigningSecret::from_seed(&election.trustees[2].identity.expose_seed());
    assert_eq!(election.append_signed(honest.clone(), &three).unwrap_err().code(), "signature");
    let two = SigningSecret::from_seed(&election.trustees[1].identity.expose_seed());
    let foreign = sign(honest.clone(), &veritally_crypto::hash::Hash::of(b"another election"), &two).unwrap();
    assert_eq!(election.append(canonical::to_bytes(&foreign).unwrap()).unwrap_err().code(), "signature");
    election.append_signed(honest, &two).unwrap();
    assert_eq!(election.state.complaints()[0].judged.culprit(), ONE);
}
