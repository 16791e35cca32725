//! One ceremony that goes well, and one test for each way in which it must not go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod binding;
mod cheating;
mod complaints;
pub(crate) mod fixture;
mod packages;

use self::fixture::{Fixture, QUORUM, ROWS, TRUSTEES, dealer, message_hash, parameters, rng};
use crate::ceremony::messages::rehearsal_pad;
use crate::ceremony::{Ceremony, CeremonyError, CeremonyParameters, CeremonyPhase, Dealer};
use crate::group::{EncodedPoint, GroupError, RistrettoPoint, Scalar, lagrange_at_zero};
use crate::hash::Hash;
use crate::id::TrusteeId;

/// Applies a message that must be refused, and checks that nothing has changed.
pub(super) fn refused(
    ceremony: &mut Ceremony,
    apply: impl FnOnce(&mut Ceremony) -> Result<(), CeremonyError>,
) -> CeremonyError {
    let before = format!("{ceremony:?}");
    let error = apply(ceremony).unwrap_err();
    assert_eq!(format!("{ceremony:?}"), before, "a refused message changed the state");
    error
}

#[test]
fn a_ceremony_ends_in_keys_that_any_quorum_holds() {
    let fixture = Fixture::at("election", CeremonyPhase::Complete);
    let keys = fixture.ceremony.keys().unwrap();
    assert_eq!((keys.keys.len(), keys.quorum), (ROWS, QUORUM));
    assert_eq!(Some(keys.ceremony), fixture.ceremony.hash());
    for quorum in [[1, 2], [1, 3], [2, 3], [3, 1]] {
        let shares: Vec<_> = quorum.iter().map(|i| fixture.shares_of(*i)).collect();
        let lambdas = lagrange_at_zero(&quorum);
        for row in 0..ROWS {
            let secret: Scalar =
                shares.iter().zip(&lambdas).map(|(s, l)| s.expose_secrets()[row].expose_secret() * l).sum();
            assert_eq!(RistrettoPoint::mul_base(&secret), keys.keys[row]);
            assert_eq!(EncodedPoint::from(&keys.keys[row]), keys.encoded[row]);
        }
    }
    for i in 1..=TRUSTEES {
        assert_eq!(keys.public_shares_of(TrusteeId(i)).unwrap(), fixture.shares_of(i).public_shares());
    }
    assert_eq!((keys.public_shares_of(TrusteeId(0)), keys.public_shares_of(TrusteeId(4))), (None, None));
}

#[test]
fn the_phases_follow_each_other_when_all_have_spoken() {
    use CeremonyPhase::{Commit, Complete, Confirm, Rehearsal, Reveal, Shares};
    let mut fixture = Fixture::at("election", Commit);
    for phase in [Commit, Reveal, Shares, Confirm, Rehearsal] {
        for last in 1..=TRUSTEES {
            assert_eq!(fixture.ceremony.phase(), phase);
            assert_eq!(fixture.ceremony.missing(), (last..=TRUSTEES).map(TrusteeId).collect::<Vec<_>>());
            assert_eq!(fixture.ceremony.hash().is_some(), phase > Shares);
            assert!(fixture.ceremony.keys().is_none());
            assert!(!fixture.ceremony.has_posted(TrusteeId(last), phase));
            fixture.post(TrusteeId(last));
            assert!(fixture.ceremony.has_posted(TrusteeId(last), phase));
        }
    }
    assert_eq!((fixture.ceremony.phase(), fixture.ceremony.missing()), (Complete, vec![]));
    assert!(fixture.ceremony.keys().is_some());
}

#[test]
fn a_message_out_of_turn_is_refused() {
    use CeremonyPhase::{Commit, Reveal};
    let mut fixture = Fixture::at("election", Commit);
    fixture.post(TrusteeId(1));
    let commit = fixture.dealer(1).commit();
    let error = refused(&mut fixture.ceremony, |c| c.apply_commit(&commit, Hash::ZERO));
    assert_eq!(error, CeremonyError::AlreadyPosted { trustee: TrusteeId(1), message: Commit });

    let mut later = Fixture::at("election", Reveal);
    let error = refused(&mut later.ceremony, |c| c.apply_commit(&commit, Hash::ZERO));
    assert_eq!(error, CeremonyError::AlreadyPosted { trustee: TrusteeId(1), message: Commit });
    let reveal = later.dealer(1).reveal(&later.ceremony, &mut rng(1)).unwrap();
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::WrongPhase { trustee: TrusteeId(1), message: Reveal, phase: Commit });
    let error = fixture.dealer(1).reveal(&fixture.ceremony, &mut rng(1)).unwrap_err();
    assert_eq!(error, CeremonyError::WrongPhase { trustee: TrusteeId(1), message: Reveal, phase: Commit });
    later.post(TrusteeId(1));
    let error = refused(&mut later.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::AlreadyPosted { trustee: TrusteeId(1), message: Reveal });
}

#[test]
fn shares_before_all_have_revealed_are_refused() {
    let mut early = Fixture::at("election", CeremonyPhase::Reveal);
    let later = Fixture::at("election", CeremonyPhase::Shares);
    let shares = later.dealer(1).shares(&later.ceremony, &mut rng(1)).unwrap();
    let error = refused(&mut early.ceremony, |c| c.apply_shares(&shares, Hash::ZERO));
    assert!(matches!(error, CeremonyError::WrongPhase { .. }), "{error}");
    let error = early.dealer(1).open_shares(&early.ceremony).unwrap_err();
    let (phase, needed) = (CeremonyPhase::Reveal, CeremonyPhase::Shares);
    assert_eq!(error, CeremonyError::NotYet { phase, needed });
}

#[test]
fn a_rehearsal_before_all_have_confirmed_is_refused() {
    let mut early = Fixture::at("election", CeremonyPhase::Confirm);
    let later = Fixture::at("election", CeremonyPhase::Rehearsal);
    let rehearsal = later.shares_of(1).rehearse(&later.ceremony, &mut rng(1)).unwrap();
    let error = refused(&mut early.ceremony, |c| c.apply_rehearsal(&rehearsal));
    assert!(matches!(error, CeremonyError::WrongPhase { .. }), "{error}");
    let error = early.shares_of(1).rehearse(&early.ceremony, &mut rng(1)).unwrap_err();
    assert!(matches!(error, CeremonyError::WrongPhase { .. }), "{error}");
}

#[test]
fn a_trustee_that_the_manifest_does_not_have_is_refused() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Commit);
    for trustee in [TrusteeId(0), TrusteeId(TRUSTEES + 1), TrusteeId(u64::MAX)] {
        let mut commit = fixture.dealer(1).commit();
        commit.trustee = trustee;
        let error = refused(&mut fixture.ceremony, |c| c.apply_commit(&commit, Hash::ZERO));
        assert_eq!(error, CeremonyError::UnknownTrustee(trustee));
    }
}

#[test]
fn messages_of_another_attempt_are_refused_even_under_the_right_number() {
    let old = Fixture::at("election", CeremonyPhase::Reveal);
    let parameters = parameters("election", 2);
    let mut fixture = Fixture::with(Ceremony::new(parameters), old.dealers, CeremonyPhase::Commit);
    let mut commit = fixture.dealer(1).commit();
    let error = refused(&mut fixture.ceremony, |c| c.apply_commit(&commit, Hash::ZERO));
    assert_eq!(error, CeremonyError::WrongAttempt { trustee: TrusteeId(1), attempt: 1, expected: 2 });
    // Renumbered, the old hash is admitted, but nothing that could be revealed hashes to it.
    commit.attempt = 2;
    fixture.ceremony.apply_commit(&commit, Hash::ZERO).unwrap();
    replayed_reveal_is_refused(fixture, &old.ceremony);
}

#[test]
fn messages_of_another_election_are_refused() {
    let old = Fixture::at("another election", CeremonyPhase::Reveal);
    let mut fixture = Fixture::with(Ceremony::new(parameters("election", 1)), old.dealers, CeremonyPhase::Commit);
    let commit = fixture.dealer(1).commit();
    fixture.ceremony.apply_commit(&commit, Hash::ZERO).unwrap();
    replayed_reveal_is_refused(fixture, &old.ceremony);
}

/// `fixture` has trustee 1's commit of the ceremony `old` and its old dealers; the others commit freshly.
fn replayed_reveal_is_refused(mut fixture: Fixture, old: &Ceremony) {
    let parameters = fixture.ceremony.parameters().clone();
    for i in 2..=TRUSTEES {
        let commit = dealer(&parameters, i).commit();
        fixture.ceremony.apply_commit(&commit, message_hash(&commit)).unwrap();
    }
    let mut reveal = fixture.dealer(1).reveal(old, &mut rng(1)).unwrap();
    reveal.attempt = parameters.attempt();
    reveal.commits = fixture.ceremony.commits().unwrap();
    let error = refused(&mut fixture.ceremony, |c| c.apply_reveal(&reveal, Hash::ZERO));
    assert_eq!(error, CeremonyError::CommitmentsHash { trustee: TrusteeId(1) });
}

#[test]
fn a_confirmation_of_another_transcript_is_refused() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Confirm);
    let mut confirm = fixture.shares_of(1).confirm(&fixture.ceremony).unwrap();
    confirm.ceremony = Hash::ZERO;
    let error = refused(&mut fixture.ceremony, |c| c.apply_confirm(&confirm));
    assert_eq!(error, CeremonyError::CeremonyHash { trustee: TrusteeId(1) });
}

#[test]
fn the_ceremony_hash_covers_every_message() {
    let hash = |changed: Option<(CeremonyPhase, u64)>| {
        let mut fixture = Fixture::at("election", CeremonyPhase::Commit);
        while fixture.ceremony.phase() < CeremonyPhase::Confirm {
            let phase = fixture.ceremony.phase();
            for i in 1..=TRUSTEES {
                let own = |h: Hash| if changed == Some((phase, i)) { Hash::ZERO } else { h };
                let (dealer, rng) = (&fixture.dealers[i as usize - 1], &mut rng(i));
                let ceremony = &mut fixture.ceremony;
                match phase {
                    CeremonyPhase::Commit => {
                        ceremony.apply_commit(&dealer.commit(), own(message_hash(&dealer.commit())))
                    }
                    CeremonyPhase::Reveal => {
                        let reveal = dealer.reveal(ceremony, rng).unwrap();
                        ceremony.apply_reveal(&reveal, own(message_hash(&reveal)))
                    }
                    _ => {
                        let shares = dealer.shares(ceremony, rng).unwrap();
                        ceremony.apply_shares(&shares, own(message_hash(&shares)))
                    }
                }
                .unwrap();
            }
        }
        fixture.ceremony.hash().unwrap()
    };
    let honest = hash(None);
    assert_eq!(Some(honest), Fixture::at("election", CeremonyPhase::Confirm).ceremony.hash());
    for phase in [CeremonyPhase::Commit, CeremonyPhase::Reveal, CeremonyPhase::Shares] {
        for i in 1..=TRUSTEES {
            assert_ne!(hash(Some((phase, i))), honest, "{phase} of trustee {i}");
        }
    }
}

#[test]
fn a_wrong_rehearsal_share_is_refused() {
    let mut fixture = Fixture::at("election", CeremonyPhase::Rehearsal);
    let honest = fixture.shares_of(2).rehearse(&fixture.ceremony, &mut rng(2)).unwrap();
    let trustee = TrusteeId(2);
    let mut wrong = honest.clone();
    wrong.shares.swap(0, 1);
    let error = refused(&mut fixture.ceremony, |c| c.apply_rehearsal(&wrong));
    assert_eq!(error, CeremonyError::RehearsalProof { trustee });
    // Another trustee's, under one's own name.
    let mut copied = fixture.shares_of(1).rehearse(&fixture.ceremony, &mut rng(1)).unwrap();
    copied.trustee = trustee;
    let error = refused(&mut fixture.ceremony, |c| c.apply_rehearsal(&copied));
    assert_eq!(error, CeremonyError::RehearsalProof { trustee });
    let mut short = honest.clone();
    short.shares.pop();
    let error = refused(&mut fixture.ceremony, |c| c.apply_rehearsal(&short));
    assert_eq!(error, CeremonyError::RehearsalCount { trustee, found: ROWS - 1, expected: ROWS });
    fixture.ceremony.apply_rehearsal(&honest).unwrap();
}

#[test]
fn the_rehearsal_pad_depends_on_election_and_transcript_only() {
    let pad = rehearsal_pad(&Hash::of(b"e"), &Hash::of(b"c"));
    assert_eq!(pad, rehearsal_pad(&Hash::of(b"e"), &Hash::of(b"c")));
    assert_ne!(pad, rehearsal_pad(&Hash::of(b"f"), &Hash::of(b"c")));
    assert_ne!(pad, rehearsal_pad(&Hash::of(b"e"), &Hash::of(b"d")));
}

#[test]
fn a_trustee_that_crashed_goes_on_with_the_same_seed() {
    let fixture = Fixture::at("election", CeremonyPhase::Complete);
    let again = dealer(fixture.ceremony.parameters(), 1);
    assert_eq!(again.commit(), fixture.dealer(1).commit());
    let shares = again.open_shares(&fixture.ceremony).unwrap();
    assert_eq!(shares.public_shares(), fixture.shares_of(1).public_shares());
    // With another seed it does not mistake the log's messages for its own.
    let parameters = fixture.ceremony.parameters().clone();
    let other = Dealer::new(parameters, TrusteeId(1), &[9; 32], fixture::decryption_secret(1)).unwrap();
    let error = other.open_shares(&fixture.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::OwnMessage { trustee: TrusteeId(1), message: CeremonyPhase::Commit });
}

#[test]
fn another_attempt_has_other_polynomials_even_under_the_same_seed() {
    let hashes = [("election", 1), ("election", 2), ("another election", 1)]
        .map(|(election, attempt)| dealer(&parameters(election, attempt), 1).evaluate(TrusteeId(0)).to_vec());
    assert_ne!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}

#[test]
fn secrets_do_not_serve_another_trustee_or_ceremony() {
    let parameters = parameters("election", 1);
    let error = Dealer::new(parameters, TrusteeId(1), &[1; 32], fixture::decryption_secret(2)).unwrap_err();
    assert_eq!(error, CeremonyError::WrongSecret(TrusteeId(1)));
    let fixture = Fixture::at("election", CeremonyPhase::Confirm);
    let other = Fixture::at("another election", CeremonyPhase::Confirm);
    let error = fixture.dealer(1).open_shares(&other.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongCeremony(TrusteeId(1)));
    let error = fixture.shares_of(1).confirm(&other.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongCeremony(TrusteeId(1)));
}

#[test]
fn secrets_are_not_printed() {
    let fixture = Fixture::at("election", CeremonyPhase::Confirm);
    assert_eq!(format!("{:?}", fixture.dealer(1)), "Dealer(trustee 1, secrets redacted)");
    assert_eq!(format!("{:?}", fixture.shares_of(1)), "TrusteeShares(trustee 1, secrets redacted)");
}

#[test]
fn parameters_that_make_no_ceremony_are_refused() {
    let keys: Vec<_> = (1..=4).map(|i| EncodedPoint::from(&fixture::decryption_secret(i).public_point())).collect();
    let make = |quorum, rows, keys| CeremonyParameters::from_parts(Hash::ZERO, 1, quorum, rows, keys);
    for quorum in [0, 1, 2, 5, u64::MAX] {
        let error = make(quorum, 1, keys.clone()).unwrap_err();
        assert_eq!(error, CeremonyError::Quorum { quorum, trustees: 4 });
    }
    assert!(make(3, 1, keys.clone()).is_ok() && make(4, 1, keys.clone()).is_ok());
    assert_eq!(make(3, 0, keys.clone()).unwrap_err(), CeremonyError::NoRows);
    assert!(make(0, 1, vec![]).is_err());
    let mut identity = keys;
    identity[1] = EncodedPoint::IDENTITY;
    let expected = CeremonyError::EncryptionKey { trustee: TrusteeId(2), source: GroupError::Identity };
    assert_eq!(make(3, 1, identity).unwrap_err(), expected);
}
