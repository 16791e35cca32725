//! Complaints: who is named, and which are refused.

use super::refused;
use crate::ceremony::tests::fixture::{Fixture, TRUSTEES, dealer, message_hash, rng};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase, ComplaintVerdict, JudgedComplaint};
use crate::group::EncodedPoint;
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{Commit, Complaint};

const ONE: TrusteeId = TrusteeId(1);
const TWO: TrusteeId = TrusteeId(2);
const THREE: TrusteeId = TrusteeId(3);

/// All have dealt; trustee 1 dealt trustee 2 a wrong share.
fn cheated() -> Fixture {
    let mut fixture = Fixture::at("election", CeremonyPhase::Shares);
    let shares = fixture.dealer(1).shares_that_cheat(&fixture.ceremony, TWO, &mut rng(1)).unwrap();
    fixture.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
    fixture.post(TWO);
    fixture.post(THREE);
    fixture
}

fn complaint(fixture: &Fixture) -> Complaint {
    fixture.dealer(2).complain(&fixture.ceremony, ONE, &mut rng(5)).unwrap()
}

#[test]
fn a_complaint_about_a_wrong_share_names_the_dealer() {
    let mut fixture = cheated();
    let error = fixture.dealer(2).open_shares(&fixture.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongShare { dealer: ONE, recipient: TWO });
    let complaint = complaint(&fixture);
    fixture.ceremony.apply_complaint(&complaint).unwrap();
    let judged = JudgedComplaint { trustee: TWO, dealer: ONE, verdict: ComplaintVerdict::WrongShare };
    assert_eq!(fixture.ceremony.complaints(), [judged]);
    assert_eq!((judged.culprit(), fixture.ceremony.culprits()), (ONE, vec![ONE]));
    assert_eq!(judged.to_string(), "trustee 1 dealt trustee 2 a wrong share");
    assert!(fixture.ceremony.has_failed() && fixture.ceremony.missing().is_empty());
}

#[test]
fn a_false_complaint_names_the_complainer() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Confirm);
    let error = fixture.dealer(2).complain(&fixture.ceremony, ONE, &mut rng(5)).unwrap_err();
    assert_eq!(error, CeremonyError::NothingWrong { trustee: TWO, dealer: ONE }, "the program does not do it");
    let complaint = fixture.dealer(2).complain_anyway(&fixture.ceremony, ONE, &mut rng(5)).unwrap();
    fixture.ceremony.apply_complaint(&complaint).unwrap();
    assert_eq!(fixture.ceremony.complaints()[0].verdict, ComplaintVerdict::FalseComplaint);
    assert_eq!(fixture.ceremony.culprits(), [TWO]);
    assert_eq!(fixture.ceremony.complaints()[0].to_string(), "trustee 2 complained falsely of trustee 1");
}

#[test]
fn two_cheats_of_one_attempt_are_both_named() {
    let mut fixture = cheated();
    fixture.ceremony.apply_complaint(&complaint(&fixture)).unwrap();
    let false_one = fixture.dealer(3).complain_anyway(&fixture.ceremony, TWO, &mut rng(6)).unwrap();
    fixture.ceremony.apply_complaint(&false_one).unwrap();
    assert_eq!(fixture.ceremony.culprits(), [ONE, THREE]);
}

#[test]
fn after_a_complaint_nothing_is_confirmed() {
    let mut fixture = cheated();
    let confirm = fixture.shares_of(3).confirm(&fixture.ceremony).unwrap();
    let complaint = complaint(&fixture);
    fixture.ceremony.apply_complaint(&complaint).unwrap();
    let error = refused(&mut fixture.ceremony, |c| c.apply_confirm(&confirm));
    assert_eq!(error, CeremonyError::Failed { attempt: 1, culprit: ONE });
    let error = refused(&mut fixture.ceremony, |c| c.apply_complaint(&complaint));
    assert_eq!(error, CeremonyError::AlreadyComplained { trustee: TWO, dealer: ONE });
}

#[test]
fn a_complaint_that_opens_the_package_otherwise_is_refused() {
    let mut fixture = cheated();
    let honest = complaint(&fixture);
    let expected = CeremonyError::ComplaintProof { trustee: TWO, dealer: ONE };
    let mut other = honest.clone();
    other.shared = EncodedPoint::from(&crate::ceremony::tests::fixture::decryption_secret(9).public_point());
    assert_eq!(refused(&mut fixture.ceremony, |c| c.apply_complaint(&other)), expected);
    let mut other = honest.clone();
    other.shared = EncodedPoint([255; 32]);
    assert_eq!(refused(&mut fixture.ceremony, |c| c.apply_complaint(&other)), expected);
    let mut other = honest.clone();
    other.proof.v_pads = other.proof.v_base;
    assert_eq!(refused(&mut fixture.ceremony, |c| c.apply_complaint(&other)), expected);
    // Another recipient's secret.
    let mut other = fixture.dealer(3).complain_anyway(&fixture.ceremony, ONE, &mut rng(6)).unwrap();
    other.trustee = TWO;
    assert_eq!(refused(&mut fixture.ceremony, |c| c.apply_complaint(&other)), expected);
    // One's own complaint about another dealer.
    let mut other = fixture.dealer(2).complain_anyway(&fixture.ceremony, THREE, &mut rng(6)).unwrap();
    other.dealer = ONE;
    assert_eq!(refused(&mut fixture.ceremony, |c| c.apply_complaint(&other)), expected);
    fixture.ceremony.apply_complaint(&honest).unwrap();
}

#[test]
fn a_complaint_out_of_turn_or_about_no_package_is_refused() {
    let mut fixture = cheated();
    let honest = complaint(&fixture);
    for dealer in [TWO, TrusteeId(0), TrusteeId(TRUSTEES + 1)] {
        let about = Complaint { dealer, ..honest.clone() };
        let error = refused(&mut fixture.ceremony, |c| c.apply_complaint(&about));
        assert_eq!(error, CeremonyError::NoPackage { trustee: TWO, dealer });
    }
    let replayed = Complaint { attempt: 2, ..honest.clone() };
    let error = refused(&mut fixture.ceremony, |c| c.apply_complaint(&replayed));
    assert_eq!(error, CeremonyError::WrongAttempt { trustee: TWO, attempt: 2, expected: 1 });

    let mut early = Fixture::at("election", CeremonyPhase::Shares);
    let error = refused(&mut early.ceremony, |c| c.apply_complaint(&honest));
    assert!(matches!(error, CeremonyError::WrongPhase { .. }), "{error}");

    let mut confirmed = Fixture::at("election", CeremonyPhase::Confirm);
    confirmed.post(TWO);
    let late = confirmed.dealer(2).complain_anyway(&confirmed.ceremony, ONE, &mut rng(5)).unwrap();
    let error = refused(&mut confirmed.ceremony, |c| c.apply_complaint(&late));
    assert_eq!(error, CeremonyError::AlreadyPosted { trustee: TWO, message: CeremonyPhase::Confirm });
}

#[test]
fn a_restart_leaves_trustees_out_and_keeps_numbers_quorum_and_ephemerals() {
    let fixture = cheated();
    let used = fixture.ceremony.used_ephemerals().clone();
    let next = fixture.ceremony.restarted(&[ONE]).unwrap();
    assert_eq!(next.missing(), [TWO, THREE]);
    assert_eq!((next.parameters().attempt(), next.parameters().quorum()), (2, 2));
    assert_eq!(next.used_ephemerals(), &used);
    let [old, _, _]: [_; 3] = fixture.dealers.try_into().unwrap();
    let dealers = vec![old, dealer(next.parameters(), 2), dealer(next.parameters(), 3)];
    let mut second = Fixture::with(next.clone(), dealers, CeremonyPhase::Commit);
    let commit = Commit { attempt: 2, ..second.dealer(1).commit() };
    let error = refused(&mut second.ceremony, |c| c.apply_commit(&commit, Hash::ZERO));
    assert_eq!(error, CeremonyError::Excluded(ONE));
    let done = Fixture::with(second.ceremony, second.dealers, CeremonyPhase::Complete);
    let keys = done.ceremony.keys().unwrap();
    assert_eq!(keys.trustees, [TWO, THREE]);
    assert!(keys.public_shares_of(ONE).is_none());
    assert_eq!(keys.public_shares_of(THREE).unwrap(), done.shares_of(3).public_shares());
    let lambdas = crate::group::lagrange_at_zero(&[2, 3]);
    let (two, three) = (done.shares_of(2), done.shares_of(3));
    for (row, key) in keys.keys.iter().enumerate() {
        let sum = two.public_shares()[row] * lambdas[0] + three.public_shares()[row] * lambdas[1];
        assert_eq!(sum, *key);
    }
}

#[test]
fn a_restart_that_leaves_fewer_than_k_is_refused() {
    let fixture = Fixture::at("election", CeremonyPhase::Commit);
    let error = fixture.ceremony.restarted(&[ONE, TWO]).unwrap_err();
    assert_eq!(error, CeremonyError::Quorum { quorum: 2, trustees: 1 });
    let next: Ceremony = fixture.ceremony.restarted(&[ONE]).unwrap();
    assert_eq!(next.restarted(&[ONE]).unwrap_err(), CeremonyError::UnknownTrustee(ONE));
}
