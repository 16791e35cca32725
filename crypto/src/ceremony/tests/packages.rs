//! Packages that are refused publicly, before anybody opens them.

use zeroize::Zeroizing;

use super::refused;
use crate::ceremony::messages::PackageRoute;
use crate::ceremony::tests::fixture::{Fixture, ROWS, decryption_secret, message_hash, parameters, rng};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase};
use crate::group::{EncodedPoint, GroupError, SecretScalar};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::knowledge::KnowledgeProof;
use crate::leaves::{Base64Bytes, SharePackage, Shares};

/// A ceremony in its shares phase, and what trustee 1 would honestly deal.
fn dealing() -> (Fixture, Shares) {
    let fixture = Fixture::at("election", CeremonyPhase::Shares);
    let shares = fixture.dealer(1).shares(&fixture.ceremony, &mut rng(1)).unwrap();
    (fixture, shares)
}

fn refused_shares(fixture: &mut Fixture, shares: &Shares) -> CeremonyError {
    refused(&mut fixture.ceremony, |c| c.apply_shares(shares, Hash::ZERO))
}

/// A valid package of `bytes`.
fn package(fixture: &Fixture, dealer: u64, recipient: u64, e: &SecretScalar, bytes: Vec<u8>) -> SharePackage {
    let parameters = fixture.ceremony.parameters();
    let recipient = TrusteeId(recipient);
    let (recipient_key, point) = parameters.encryption_key(recipient).unwrap();
    let route = PackageRoute { parameters, dealer: TrusteeId(dealer), recipient, recipient_key };
    let ephemeral = EncodedPoint::from(&e.public_point());
    let mut masked = bytes;
    route.apply_mask(&ephemeral, &Zeroizing::new(point * e.expose_secret()), &mut masked);
    let proof = KnowledgeProof::prove(route.statement(&ephemeral, &masked), e.expose_secret(), &mut rng(7));
    SharePackage { ephemeral, masked: Base64Bytes(masked), proof, recipient }
}

#[test]
fn packages_are_one_for_each_other_trustee_in_order() {
    let (mut fixture, honest) = dealing();
    let expected = CeremonyError::Recipients { trustee: TrusteeId(1) };
    let spoilt: [fn(&mut Vec<SharePackage>); 5] = [
        |packages| packages.swap(0, 1),
        |packages| drop(packages.pop()),
        |packages| packages.clear(),
        |packages| packages.extend_from_within(1..),
        |packages| packages[0].recipient = TrusteeId(1),
    ];
    for spoil in spoilt {
        let mut shares = honest.clone();
        spoil(&mut shares.packages);
        assert_eq!(refused_shares(&mut fixture, &shares), expected);
    }
    fixture.ceremony.apply_shares(&honest, message_hash(&honest)).unwrap();
}

#[test]
fn a_package_of_the_wrong_length_is_refused() {
    for rows in [0, ROWS - 1, ROWS + 1] {
        let (mut fixture, mut shares) = dealing();
        let e = SecretScalar::random(&mut rng(8));
        shares.packages[0] = package(&fixture, 1, 2, &e, vec![0; 32 * rows]);
        let (trustee, recipient) = (TrusteeId(1), TrusteeId(2));
        let expected = CeremonyError::MaskedLength { trustee, recipient, found: 32 * rows, expected: 32 * ROWS };
        assert_eq!(refused_shares(&mut fixture, &shares), expected);
    }
}

#[test]
fn an_altered_package_is_refused() {
    let (mut fixture, honest) = dealing();
    let expected = CeremonyError::PackageProof { trustee: TrusteeId(1), recipient: TrusteeId(3) };
    let mut shares = honest.clone();
    shares.packages[1].masked.0[40] ^= 1;
    assert_eq!(refused_shares(&mut fixture, &shares), expected);
    let mut shares = honest.clone();
    shares.packages[1].ephemeral = EncodedPoint::from(&decryption_secret(3).public_point());
    assert_eq!(refused_shares(&mut fixture, &shares), expected);
    let mut shares = honest;
    shares.packages[1].ephemeral = EncodedPoint([0xff; 32]);
    let expected = CeremonyError::Encoding { trustee: TrusteeId(1), source: GroupError::Point };
    assert_eq!(refused_shares(&mut fixture, &shares), expected);
}

#[test]
fn a_package_copied_from_another_dealer_is_refused_before_and_after_the_original() {
    let (mut fixture, original) = dealing();
    let mut copied = fixture.dealer(2).shares(&fixture.ceremony, &mut rng(2)).unwrap();
    // Trustee 1's package for 3, under trustee 2's name: it could then be opened by a complaint against trustee 2.
    copied.packages[1] = original.packages[1].clone();
    let (trustee, recipient) = (TrusteeId(2), TrusteeId(3));
    let error = refused_shares(&mut fixture, &copied);
    assert_eq!(error, CeremonyError::PackageProof { trustee, recipient });
    fixture.ceremony.apply_shares(&original, message_hash(&original)).unwrap();
    let error = refused_shares(&mut fixture, &copied);
    assert_eq!(error, CeremonyError::RepeatedEphemeral { trustee, recipient });
}

#[test]
fn a_package_sent_on_to_another_recipient_is_refused() {
    let (mut fixture, mut shares) = dealing();
    shares.packages[0] = SharePackage { recipient: TrusteeId(2), ..shares.packages[1].clone() };
    let error = refused_shares(&mut fixture, &shares);
    assert_eq!(error, CeremonyError::PackageProof { trustee: TrusteeId(1), recipient: TrusteeId(2) });
}

#[test]
fn an_ephemeral_point_is_used_once_even_by_who_knows_its_secret() {
    let (mut fixture, mut shares) = dealing();
    let e = SecretScalar::random(&mut rng(8));
    for (package_of, recipient) in shares.packages.iter_mut().zip([2, 3]) {
        *package_of = package(&fixture, 1, recipient, &e, vec![0; 32 * ROWS]);
    }
    let (trustee, recipient) = (TrusteeId(1), TrusteeId(3));
    let error = refused_shares(&mut fixture, &shares);
    assert_eq!(error, CeremonyError::RepeatedEphemeral { trustee, recipient });
}

#[test]
fn an_ephemeral_point_of_an_earlier_attempt_is_refused() {
    let first = Fixture::at("election", CeremonyPhase::Confirm);
    assert_eq!(first.ceremony.used_ephemerals().len(), 6);
    let parameters = parameters("election", 2);
    let used = first.ceremony.used_ephemerals().clone();
    let dealers = (1..=3).map(|i| super::dealer(&parameters, i)).collect();
    let second = Ceremony::continuing(parameters, used);
    let mut second = Fixture::with(second, dealers, CeremonyPhase::Shares);
    let mut shares = second.dealer(1).shares(&second.ceremony, &mut rng(11)).unwrap();
    let e = SecretScalar::random(&mut rng(8));
    shares.packages[0] = package(&second, 1, 2, &e, vec![0; 32 * ROWS]);
    let mut with_e = second.ceremony.used_ephemerals().clone();
    with_e.insert(shares.packages[0].ephemeral);
    second.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
    assert_eq!(second.ceremony.used_ephemerals().len(), 8);

    let parameters = super::parameters("election", 3);
    let dealers = (1..=3).map(|i| super::dealer(&parameters, i)).collect();
    let mut third = Fixture::with(Ceremony::continuing(parameters, with_e), dealers, CeremonyPhase::Shares);
    let mut shares = third.dealer(1).shares(&third.ceremony, &mut rng(12)).unwrap();
    shares.packages[0] = package(&third, 1, 2, &e, vec![0; 32 * ROWS]);
    let (trustee, recipient) = (TrusteeId(1), TrusteeId(2));
    assert_eq!(refused_shares(&mut third, &shares), CeremonyError::RepeatedEphemeral { trustee, recipient });
}

#[test]
fn a_package_of_an_earlier_attempt_is_refused() {
    // Without the list of used points, the proof still tells the attempts apart.
    let (_, first) = dealing();
    let parameters = parameters("election", 2);
    let dealers = (1..=3).map(|i| super::dealer(&parameters, i)).collect();
    let mut second = Fixture::with(Ceremony::new(parameters), dealers, CeremonyPhase::Shares);
    let shares = Shares { attempt: 2, ..first };
    let error = refused_shares(&mut second, &shares);
    assert_eq!(error, CeremonyError::PackageProof { trustee: TrusteeId(1), recipient: TrusteeId(2) });
}

#[test]
fn a_right_share_in_another_encoding_is_a_wrong_share() {
    // f + q is f modulo the group's order q; only one of the two may be taken, or implementations would differ.
    const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let (mut fixture, mut shares) = dealing();
    let mut bytes: Vec<u8> =
        fixture.dealer(1).evaluate(TrusteeId(2)).iter().flat_map(|share| share.to_bytes()).collect();
    let mut carry = 0;
    for (byte, order) in bytes.iter_mut().zip(hex::decode(ORDER).unwrap()) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        [*byte, _] = sum.to_le_bytes();
        carry = sum >> 8;
    }
    shares.packages[0] = package(&fixture, 1, 2, &SecretScalar::random(&mut rng(8)), bytes);
    fixture.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
    fixture.post(TrusteeId(2));
    fixture.post(TrusteeId(3));
    let error = fixture.dealer(2).open_shares(&fixture.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongShare { dealer: TrusteeId(1), recipient: TrusteeId(2) });
}

#[test]
fn a_package_whose_content_is_no_scalars_is_a_wrong_share() {
    let (mut fixture, mut shares) = dealing();
    let e = SecretScalar::random(&mut rng(8));
    shares.packages[0] = package(&fixture, 1, 2, &e, vec![0xff; 32 * ROWS]);
    fixture.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
    fixture.post(TrusteeId(2));
    fixture.post(TrusteeId(3));
    let error = fixture.dealer(2).open_shares(&fixture.ceremony).unwrap_err();
    assert_eq!(error, CeremonyError::WrongShare { dealer: TrusteeId(1), recipient: TrusteeId(2) });
    assert!(fixture.dealer(3).open_shares(&fixture.ceremony).is_ok());
}
