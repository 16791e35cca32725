//! Every transcript and hash of the ceremony is bound to everything that the spec appends.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::ceremony::CeremonyParameters;
use crate::ceremony::messages::{
    ConstantTerms, PackageRoute, ceremony_hash, coefficients_hash, commits_hash, rehearsal_transcript,
};
use crate::ceremony::tests::fixture::parameters;
use crate::group::{EncodedPoint, RistrettoPoint, Scalar};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::transcript::{Transcript, TranscriptProtocol as _};

fn challenge(mut transcript: Transcript) -> [u8; 32] {
    transcript.challenge_scalar(b"test").to_bytes()
}

fn all_different(values: &[[u8; 32]]) {
    assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{values:?}");
}

fn point(m: u64) -> RistrettoPoint {
    RistrettoPoint::mul_base(&Scalar::from(m))
}

fn ceremonies() -> [CeremonyParameters; 3] {
    [parameters("election", 1), parameters("election", 2), parameters("another election", 1)]
}

#[test]
fn hashes_are_bound_to_election_attempt_trustee_and_content() {
    let points = [EncodedPoint::from(&point(1)), EncodedPoint::from(&point(2))];
    let hash = |p, i, points: &[EncodedPoint]| coefficients_hash(p, TrusteeId(i), points).0;
    let [first, second, other] = &ceremonies();
    all_different(&[
        hash(first, 1, &points),
        hash(second, 1, &points),
        hash(other, 1, &points),
        hash(first, 2, &points),
        hash(first, 1, &points[1..]),
    ]);
    let hashes = [Hash::of(b"1"), Hash::of(b"2")];
    let both = |p| [commits_hash(p, &hashes).0, ceremony_hash(p, &hashes).0];
    let swapped = commits_hash(first, hashes.iter().rev()).0;
    all_different(&[both(first), both(second), both(other), [swapped, [0; 32]]].concat());
}

#[test]
fn the_proof_of_constant_terms_is_bound_to_its_whole_statement() {
    let [first, second, other] = &ceremonies();
    let points = [EncodedPoint::from(&point(1)), EncodedPoint::from(&point(2))];
    let commits = [Hash::of(b"1"), Hash::of(b"2")];
    let bound = |parameters, i, commits: &Hash, commitments: &[EncodedPoint]| {
        challenge(ConstantTerms { parameters, trustee: TrusteeId(i), commits, commitments }.transcript())
    };
    all_different(&[
        bound(first, 1, &commits[0], &points),
        bound(second, 1, &commits[0], &points),
        bound(other, 1, &commits[0], &points),
        bound(first, 2, &commits[0], &points),
        bound(first, 1, &commits[1], &points),
        bound(first, 1, &commits[0], &points[1..]),
    ]);
}

#[test]
fn proof_and_mask_of_a_package_are_bound_to_its_whole_route() {
    let [first, second, other] = &ceremonies();
    let keys = [EncodedPoint::from(&point(1)), EncodedPoint::from(&point(2))];
    let route = |parameters, dealer, recipient, recipient_key| PackageRoute {
        parameters,
        dealer: TrusteeId(dealer),
        recipient: TrusteeId(recipient),
        recipient_key,
    };
    let routes = [
        route(first, 1, 2, &keys[0]),
        route(second, 1, 2, &keys[0]),
        route(other, 1, 2, &keys[0]),
        route(first, 3, 2, &keys[0]),
        route(first, 1, 3, &keys[0]),
    ];
    let mask = |route: &PackageRoute<'_>, ephemeral, shared| {
        let mut bytes = [0; 32];
        route.apply_mask(ephemeral, &Zeroizing::new(point(shared)), &mut bytes);
        bytes
    };
    let mut masks: Vec<_> = routes.iter().map(|r| mask(r, &keys[0], 5)).collect();
    masks.push(mask(&route(first, 1, 2, &keys[1]), &keys[0], 5));
    masks.push(mask(&routes[0], &keys[1], 5));
    masks.push(mask(&routes[0], &keys[0], 6));
    all_different(&masks);
    let mut proofs: Vec<_> = routes.iter().map(|r| challenge(r.statement(&keys[0], &[1]))).collect();
    proofs.push(challenge(routes[0].statement(&keys[1], &[1])));
    proofs.push(challenge(routes[0].statement(&keys[0], &[2])));
    all_different(&proofs);
}

#[test]
fn the_rehearsal_is_bound_to_election_ceremony_and_trustee() {
    let (a, b) = (Hash::of(b"a"), Hash::of(b"b"));
    let bound = |fingerprint, ceremony, i| challenge(rehearsal_transcript(fingerprint, ceremony, TrusteeId(i)));
    all_different(&[bound(&a, &a, 1), bound(&b, &a, 1), bound(&a, &b, 1), bound(&a, &a, 2)]);
}
