//! Honest decryption by every quorum, and one test for each way to cheat.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ops::Range;

use crate::ceremony::tests::fixture::{Fixture, QUORUM, ROWS, TRUSTEES, rng};
use crate::ceremony::{CeremonyPhase, ElectionKeys};
use crate::decryption::{
    ContestDecryption, DecryptionError, ShareProofError, ShareStatement, VerifiedContestShares, combine,
    decrypt_contest, message_points, share_points, verify_contest_shares,
};
use crate::discrete_log::DiscreteLogTable;
use crate::group::{EncodedPoint, RistrettoPoint, Scalar, SecretScalar, random_scalar};
use crate::hash::Hash;
use crate::id::{Id, TrusteeId};
use crate::leaves::{ContestShares, Head, ShareProof};

/// The contest has rows 2 to 4 of the election.
const CONTEST_ROWS: Range<usize> = 1..ROWS;
const COUNTS: [[u64; 3]; 2] = [[5, 0, 1000], [1, 2, 3]];

/// A closed election with a contest of two cells.
struct Closed {
    fixture: Fixture,
    fingerprint: Hash,
    head: Head,
    contest: Id,
    pads: Vec<RistrettoPoint>,
    data: Vec<Vec<RistrettoPoint>>,
}

impl Closed {
    fn new(election: &str) -> Self {
        let fixture = Fixture::at(election, CeremonyPhase::Complete);
        let keys = fixture.ceremony.keys().unwrap();
        let rng = &mut rng(50);
        let nonces: Vec<_> = COUNTS.iter().map(|_| random_scalar(rng)).collect();
        let cell = |(counts, r): (&[u64; 3], &Scalar)| {
            let rows = counts.iter().zip(&keys.keys[CONTEST_ROWS]);
            rows.map(|(m, key)| RistrettoPoint::mul_base(&Scalar::from(*m)) + key * r).collect()
        };
        Self {
            fingerprint: keys.fingerprint,
            head: Head { root: Hash::of(b"root"), tree_size: 17 },
            contest: Id::new("mayor").unwrap(),
            pads: nonces.iter().map(RistrettoPoint::mul_base).collect(),
            data: COUNTS.iter().zip(&nonces).map(cell).collect(),
            fixture,
        }
    }

    fn what(&self) -> ContestDecryption<'_> {
        ContestDecryption {
            fingerprint: &self.fingerprint,
            head: &self.head,
            contest: &self.contest,
            rows: CONTEST_ROWS,
            pads: &self.pads,
        }
    }

    fn keys(&self) -> std::sync::Arc<ElectionKeys> {
        self.fixture.ceremony.keys().unwrap()
    }

    fn decrypt(&self, trustee: u64) -> ContestShares {
        decrypt_contest(&self.what(), &self.fixture.shares_of(trustee), &mut rng(trustee)).unwrap()
    }

    fn verify(&self, trustee: u64, shares: &ContestShares) -> Result<VerifiedContestShares, DecryptionError> {
        verify_contest_shares(&self.what(), &self.keys(), TrusteeId(trustee), shares)
    }

    fn verified(&self, trustee: u64) -> VerifiedContestShares {
        self.verify(trustee, &self.decrypt(trustee)).unwrap()
    }

    fn counts(&self, shares: &[&VerifiedContestShares]) -> Vec<Vec<Option<u64>>> {
        let points = message_points(&self.data, &combine(shares, QUORUM).unwrap()).unwrap();
        let table = DiscreteLogTable::new(64);
        points.iter().map(|rows| rows.iter().map(|p| table.find(p, 1000)).collect()).collect()
    }

    fn proof_refused(&self, trustee: u64, source: ShareProofError) -> DecryptionError {
        DecryptionError::Proof { trustee: TrusteeId(trustee), contest: self.contest.clone(), source }
    }
}

fn expected() -> Vec<Vec<Option<u64>>> {
    COUNTS.iter().map(|rows| rows.iter().map(|m| Some(*m)).collect()).collect()
}

#[test]
fn any_quorum_decrypts_the_same_counts() {
    let closed = Closed::new("election");
    let shares: Vec<_> = (1..=TRUSTEES).map(|i| closed.verified(i)).collect();
    for quorum in [&[0, 1][..], &[0, 2], &[1, 2], &[2, 0], &[0, 1, 2], &[2, 1, 0]] {
        let chosen: Vec<_> = quorum.iter().map(|i| &shares[*i]).collect();
        assert_eq!(closed.counts(&chosen), expected(), "{quorum:?}");
    }
}

#[test]
fn fewer_than_the_quorum_do_not_decrypt() {
    let closed = Closed::new("election");
    let one = closed.verified(1);
    assert_eq!(combine(&[&one], QUORUM).unwrap_err(), DecryptionError::TooFew { found: 1, quorum: QUORUM });
    assert_eq!(combine(&[], QUORUM).unwrap_err(), DecryptionError::TooFew { found: 0, quorum: QUORUM });
    assert!(combine(&[], 0).is_err());
    // Taken for a quorum of one, a share gives something, but not the counts.
    let points = message_points(&closed.data, &combine(&[&one], 1).unwrap()).unwrap();
    assert_eq!(DiscreteLogTable::new(64).find(&points[0][0], 1000), None);
}

#[test]
fn a_wrong_share_is_refused_by_name_and_the_others_decrypt() {
    let closed = Closed::new("election");
    for (cell, row) in [(0, 0), (0, 2), (1, 1)] {
        // The trustee proves honestly, but a share is moved.
        let mut wrong = closed.decrypt(2);
        let moved = wrong.shares[cell][row].decode().unwrap() + RistrettoPoint::mul_base(&Scalar::ONE);
        wrong.shares[cell][row] = EncodedPoint::from(&moved);
        assert!(matches!(closed.verify(2, &wrong).unwrap_err(), DecryptionError::Proof { trustee: TrusteeId(2), .. }));
    }
    assert_eq!(closed.counts(&[&closed.verified(1), &closed.verified(3)]), expected());
}

/// Shares of trustee 2 that `spoil` changes before the proof is made over them with the right secrets.
fn proved_over(closed: &Closed, spoil: impl Fn(&mut [RistrettoPoint])) -> DecryptionError {
    let shares = closed.fixture.shares_of(2);
    let secrets = &shares.expose_secrets()[CONTEST_ROWS];
    let honest = share_points(secrets, &closed.pads);
    let mut points: Vec<_> = honest.iter().map(|p| p.decode().unwrap()).collect();
    spoil(&mut points);
    let flat: Vec<_> = points.iter().map(EncodedPoint::from).collect();
    let public_shares = &shares.public_shares()[CONTEST_ROWS];
    let statement = ShareStatement { public_shares, pads: &closed.pads, shares: &flat };
    let transcript = closed.what().transcript(shares.ceremony(), TrusteeId(2));
    let proof = ShareProof::prove(transcript, &statement, secrets, &mut rng(2));
    let shares = flat.chunks(3).map(<[_]>::to_vec).collect();
    closed.verify(2, &ContestShares { contest: closed.contest.clone(), proof, shares }).unwrap_err()
}

#[test]
fn wrong_shares_that_cancel_over_rows_or_cells_are_refused() {
    let closed = Closed::new("election");
    let expected = closed.proof_refused(2, ShareProofError::Pads);
    let one = RistrettoPoint::mul_base(&Scalar::ONE);
    for (plus, minus) in [(0, 1), (0, 3), (4, 5), (2, 5)] {
        let error = proved_over(&closed, |points| {
            points[plus] += one;
            points[minus] -= one;
        });
        assert_eq!(error, expected);
    }
    // Exchanged rows, exchanged cells.
    assert_eq!(proved_over(&closed, |points| points.swap(0, 1)), expected);
    assert_eq!(proved_over(&closed, |points| points.swap(0, 3)), expected);
}

#[test]
fn shares_made_consistently_with_other_secrets_are_refused() {
    let closed = Closed::new("election");
    let shares = closed.fixture.shares_of(2);
    let rng = &mut rng(60);
    let secrets: Vec<_> = CONTEST_ROWS.map(|_| SecretScalar::random(rng)).collect();
    let flat = share_points(&secrets, &closed.pads);
    let public_shares = &shares.public_shares()[CONTEST_ROWS];
    let statement = ShareStatement { public_shares, pads: &closed.pads, shares: &flat };
    let transcript = closed.what().transcript(shares.ceremony(), TrusteeId(2));
    let proof = ShareProof::prove(transcript, &statement, &secrets, rng);
    let shares = flat.chunks(3).map(<[_]>::to_vec).collect();
    let forged = ContestShares { contest: closed.contest.clone(), proof, shares };
    assert_eq!(closed.verify(2, &forged).unwrap_err(), closed.proof_refused(2, ShareProofError::Base));
}

#[test]
fn a_proof_serves_one_trustee_contest_head_and_tally_only() {
    let closed = Closed::new("election");
    let shares = closed.decrypt(1);
    assert!(closed.verify(2, &shares).is_err());
    let keys = closed.keys();
    let refused = |what: ContestDecryption<'_>, shares: &ContestShares| {
        let error = verify_contest_shares(&what, &keys, TrusteeId(1), shares).unwrap_err();
        assert!(matches!(error, DecryptionError::Proof { source: ShareProofError::Base, .. }), "{error}");
    };
    let larger = Head { tree_size: 18, ..closed.head };
    refused(ContestDecryption { head: &larger, ..closed.what() }, &shares);
    let fork = Head { root: Hash::of(b"fork"), ..closed.head };
    refused(ContestDecryption { head: &fork, ..closed.what() }, &shares);
    let other = Id::new("council").unwrap();
    let renamed = ContestShares { contest: other.clone(), ..shares.clone() };
    refused(ContestDecryption { contest: &other, ..closed.what() }, &renamed);
    let pads = [closed.pads[1], closed.pads[0]];
    refused(ContestDecryption { pads: &pads, ..closed.what() }, &shares);
    // Even should two trustees have the same public shares.
    let mut twins = (*keys).clone();
    twins.public_shares[1] = twins.public_shares[0].clone();
    assert!(verify_contest_shares(&closed.what(), &twins, TrusteeId(2), &shares).is_err());
    let mut other_ceremony = (*keys).clone();
    other_ceremony.ceremony = Hash::ZERO;
    assert!(verify_contest_shares(&closed.what(), &other_ceremony, TrusteeId(1), &shares).is_err());
    let mut other_election = (*keys).clone();
    other_election.fingerprint = Hash::ZERO;
    let what = ContestDecryption { fingerprint: &Hash::ZERO, ..closed.what() };
    assert!(verify_contest_shares(&what, &other_election, TrusteeId(1), &shares).is_err());
    assert!(closed.verify(1, &shares).is_ok());
}

#[test]
fn shares_of_another_election_are_neither_made_nor_taken() {
    let (closed, other) = (Closed::new("election"), Closed::new("another election"));
    let error = decrypt_contest(&closed.what(), &other.fixture.shares_of(1), &mut rng(1)).unwrap_err();
    assert_eq!(error, DecryptionError::WrongElection(TrusteeId(1)));
    let error = verify_contest_shares(&closed.what(), &other.keys(), TrusteeId(1), &other.decrypt(1)).unwrap_err();
    assert_eq!(error, DecryptionError::WrongElection(TrusteeId(1)));
    assert!(closed.verify(1, &other.decrypt(1)).is_err());
}

#[test]
fn shares_that_are_not_one_for_each_cell_and_row_are_refused() {
    let closed = Closed::new("election");
    let shape = DecryptionError::Shape { trustee: TrusteeId(1), contest: closed.contest.clone() };
    let spoilt: [fn(&mut Vec<Vec<EncodedPoint>>); 5] = [
        |cells| cells.truncate(1),
        |cells| cells.clear(),
        |cells| cells.push(cells[0].clone()),
        |cells| cells[1].truncate(2),
        |cells| {
            // The right number altogether, but not by cell.
            let point = cells[0].pop().unwrap();
            cells[1].insert(0, point);
        },
    ];
    for spoil in spoilt {
        let mut shares = closed.decrypt(1);
        spoil(&mut shares.shares);
        assert_eq!(closed.verify(1, &shares).unwrap_err(), shape);
    }
}

#[test]
fn shares_of_another_contest_are_refused_by_name() {
    let closed = Closed::new("election");
    let found = Id::new("council").unwrap();
    let shares = ContestShares { contest: found.clone(), ..closed.decrypt(1) };
    let expected = DecryptionError::WrongContest { trustee: TrusteeId(1), expected: closed.contest.clone(), found };
    assert_eq!(closed.verify(1, &shares).unwrap_err(), expected);
    assert_eq!(closed.verify(4, &closed.decrypt(1)).unwrap_err(), DecryptionError::UnknownTrustee(TrusteeId(4)));
}

#[test]
fn bytes_that_are_no_points_or_scalars_are_refused() {
    let closed = Closed::new("election");
    let encoding = closed.proof_refused(1, ShareProofError::Encoding);
    let honest = closed.decrypt(1);
    let mut shares = honest.clone();
    shares.shares[0][0] = EncodedPoint([0xff; 32]);
    assert_eq!(closed.verify(1, &shares).unwrap_err(), encoding);
    let mut shares = honest.clone();
    shares.proof.z.0 = [0xff; 32];
    assert_eq!(closed.verify(1, &shares).unwrap_err(), encoding);
    let mut shares = honest;
    shares.proof.v_pads.0 = [0xff; 32];
    assert_eq!(closed.verify(1, &shares).unwrap_err(), encoding);
}

#[test]
fn rows_that_the_election_does_not_have_are_refused() {
    let closed = Closed::new("election");
    let rows = DecryptionError::Rows { contest: closed.contest.clone() };
    for range in [ROWS..ROWS + 1, 2..2, 0..ROWS + 1] {
        let what = ContestDecryption { rows: range, ..closed.what() };
        assert_eq!(decrypt_contest(&what, &closed.fixture.shares_of(1), &mut rng(1)).unwrap_err(), rows);
        let error = verify_contest_shares(&what, &closed.keys(), TrusteeId(1), &closed.decrypt(1)).unwrap_err();
        assert_eq!(error, rows);
    }
    let what = ContestDecryption { pads: &[], ..closed.what() };
    let error = decrypt_contest(&what, &closed.fixture.shares_of(1), &mut rng(1)).unwrap_err();
    assert_eq!(error, DecryptionError::NoCells { contest: closed.contest.clone() });
    let shares = ContestShares { shares: vec![], ..closed.decrypt(1) };
    let error = verify_contest_shares(&what, &closed.keys(), TrusteeId(1), &shares).unwrap_err();
    assert_eq!(error, closed.proof_refused(1, ShareProofError::Shape));
}

#[test]
fn shares_combine_only_when_of_different_trustees_and_the_same_cells() {
    let closed = Closed::new("election");
    let (one, two) = (closed.verified(1), closed.verified(2));
    assert_eq!(combine(&[&one, &one], QUORUM).unwrap_err(), DecryptionError::Repeated(TrusteeId(1)));
    assert_eq!(combine(&[&one, &two, &one], QUORUM).unwrap_err(), DecryptionError::Repeated(TrusteeId(1)));
    let what = ContestDecryption { pads: &closed.pads[..1], ..closed.what() };
    let shares = decrypt_contest(&what, &closed.fixture.shares_of(2), &mut rng(2)).unwrap();
    let fewer = verify_contest_shares(&what, &closed.keys(), TrusteeId(2), &shares).unwrap();
    assert_eq!(combine(&[&one, &fewer], QUORUM).unwrap_err(), DecryptionError::Mixed(TrusteeId(2)));
    let council = Id::new("council").unwrap();
    let what = ContestDecryption { contest: &council, ..closed.what() };
    let shares = decrypt_contest(&what, &closed.fixture.shares_of(2), &mut rng(2)).unwrap();
    let other = verify_contest_shares(&what, &closed.keys(), TrusteeId(2), &shares).unwrap();
    assert_eq!(combine(&[&one, &other], QUORUM).unwrap_err(), DecryptionError::Mixed(TrusteeId(2)));
    let combined = combine(&[&one, &two], QUORUM).unwrap();
    assert_eq!(message_points(&closed.data[..1], &combined).unwrap_err(), DecryptionError::Data);
}

#[test]
fn a_pad_that_came_out_as_the_identity_does_not_stop_decryption() {
    // All voters of a cell together can bring this about; their counts are theirs to show.
    let mut closed = Closed::new("election");
    closed.pads[1] = RistrettoPoint::default();
    closed.data[1] = COUNTS[1].iter().map(|m| RistrettoPoint::mul_base(&Scalar::from(*m))).collect();
    assert_eq!(closed.counts(&[&closed.verified(1), &closed.verified(2)]), expected());
}
