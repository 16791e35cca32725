//! Sections 2, 4.4, 5, 7 and 8: manifests, ceremony, share proofs, tally digests, cells.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use veritally_crypto::ballot::{EncryptedBallot, VerifiedBallot};
use veritally_crypto::ceremony::{ElectionKeys, verify_possession};
use veritally_crypto::decryption::{ContestDecryption, verify_contest_shares};
use veritally_crypto::discrete_log::DiscreteLogTable;
use veritally_crypto::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar, lagrange_at_zero};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, TrusteeId};
use veritally_crypto::knowledge::KnowledgeProof;
use veritally_crypto::leaves::{ContestShares, Head, Leaf, SharePackage, ShareProof};
use veritally_crypto::manifest::{CheckedManifest, TrusteeKeys};
use veritally_crypto::record::RecordState;
use veritally_crypto::sample::SampleElection;
use veritally_crypto::tally::{EncodedSum, EncryptedTally, VoterClass};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

use super::primitives::point;
use super::record::{apply, replay};
use super::{Case, array};

fn points(value: &Value) -> Vec<RistrettoPoint> {
    value.as_array().unwrap().iter().map(point).collect()
}

fn encoded(value: &Value) -> Vec<EncodedPoint> {
    value.as_array().unwrap().iter().map(|p| EncodedPoint(array(p))).collect()
}

fn scalar(value: &Value) -> Scalar {
    EncodedScalar(array(value)).decode().unwrap()
}

pub fn manifest(kind: &str, case: Case<'_>) {
    let started = RecordState::start(case.text("entry").as_bytes());
    match kind {
        "manifest" => assert_eq!(started.unwrap().fingerprint().0, array(&case.value["fingerprint"])),
        "bad-manifest" => {
            started.unwrap_err();
        }
        other => panic!("unread kind {other}"),
    }
}

fn possession(case: Case<'_>) -> bool {
    let keys = serde_json::json!({
        "encryption_key": case.value["encryption_key"], "identity_key": case.value["identity_key"], "name": "Ada",
        "proof": case.value["proof"],
    });
    verify_possession(&serde_json::from_value::<TrusteeKeys>(keys).unwrap()).is_ok()
}

fn complete(case: Case<'_>) {
    let state = replay(&case.file.entries("entries")).unwrap();
    let keys = state.ceremony().keys().unwrap();
    assert_eq!(keys.ceremony.0, array(&case.value["ceremony"]));
    assert_eq!(keys.encoded, encoded(&case.value["keys"]));
    for ((public, expected), secrets) in
        keys.public_shares.iter().zip(case.list("public_shares")).zip(case.list("secret_shares"))
    {
        assert_eq!(public, &points(expected));
        let of_secrets = secrets.as_array().unwrap().iter().map(|x| RistrettoPoint::mul_base(&scalar(x)));
        assert_eq!(public, &of_secrets.collect::<Vec<_>>());
    }
    // What stays inside the crate (h_l, commits, the rehearsal's pad) was compared when the messages were admitted.
}

/// The shares in a package, opened by the text of protocol.md section 5.3 and nothing of this crate's ceremony.
fn open(fingerprint: &Hash, dealer: u64, recipient: u64, secret: &Scalar, package: &SharePackage) -> Vec<Scalar> {
    let mut transcript = Transcript::protocol("share-mask");
    transcript.append_hash(b"fingerprint", fingerprint);
    transcript.append_integer(b"attempt", 1);
    transcript.append_integer(b"dealer", dealer);
    transcript.append_integer(b"recipient", recipient);
    transcript.append_point(b"ephemeral", &package.ephemeral);
    transcript.append_point(b"recipient-key", &EncodedPoint::from(&RistrettoPoint::mul_base(secret)));
    transcript.append_point(b"shared", &EncodedPoint::from(&(package.ephemeral.decode().unwrap() * secret)));
    let mut mask = vec![0; package.masked.0.len()];
    transcript.challenge_bytes(b"mask", &mut mask);
    let plain: Vec<u8> = mask.iter().zip(&package.masked.0).map(|(a, b)| a ^ b).collect();
    plain.chunks(32).map(|share| EncodedScalar(share.try_into().unwrap()).decode().unwrap()).collect()
}

fn package_in(entries: &[Vec<u8>], dealer: u64, recipient: u64) -> SharePackage {
    let mut found = entries.iter().filter_map(|entry| match Leaf::parse(entry).unwrap() {
        Leaf::Shares(shares) if shares.trustee == TrusteeId(dealer) => Some(shares.packages),
        _ => None,
    });
    found.next().unwrap().into_iter().find(|p| p.recipient == TrusteeId(recipient)).unwrap()
}

fn package(case: Case<'_>) {
    let entries = case.file.entries("entries");
    let (dealer, recipient) = (case.number("dealer"), case.number("recipient"));
    let secret = scalar(&case.file.member("decryption_secrets")[usize::try_from(recipient - 1).unwrap()]);
    let shares = open(&Hash::of(&entries[0]), dealer, recipient, &secret, &package_in(&entries, dealer, recipient));
    assert_eq!(shares, case.list("shares").iter().map(scalar).collect::<Vec<_>>());
}

/// So that this crate's packages, not only those of the vectors, open by the text of the specification.
#[test]
fn packages_of_this_crate_open_as_those_of_the_vectors_do() {
    let election = SampleElection::open_with(1, &mut StdRng::seed_from_u64(5)).unwrap();
    let secret = election.trustees[1].decryption_secret.expose_secret();
    let package = package_in(&election.entries, 1, 2);
    let shares = open(&election.fingerprint(), 1, 2, secret, &package);
    let commitments = election.entries.iter().find_map(|entry| match Leaf::parse(entry).unwrap() {
        Leaf::Reveal(reveal) if reveal.trustee == TrusteeId(1) => Some(reveal.commitments),
        _ => None,
    });
    let commitments: Vec<_> = commitments.unwrap().iter().map(|c| c.decode().unwrap()).collect();
    // C_0 + 2·C_1 for each key.
    let expected: Vec<_> = commitments.chunks(2).map(|row| row[0] + row[1] * Scalar::from(2u64)).collect();
    assert_eq!(shares.iter().map(RistrettoPoint::mul_base).collect::<Vec<_>>(), expected);
}

pub fn ceremony(kind: &str, case: Case<'_>) {
    match kind {
        "possession" => assert!(possession(case)),
        "bad-possession" => assert!(!possession(case)),
        "ceremony" => complete(case),
        "package" => package(case),
        "bad-message" => {
            let after = usize::try_from(case.number("after")).unwrap();
            let mut entries = case.file.entries("entries");
            entries.truncate(after);
            let mut state = replay(&entries).unwrap();
            let rejection = apply(&mut state, &mut entries, case.text("entry").as_bytes()).unwrap_err();
            assert!(["ceremony", "signature", "unknown-trustee"].contains(&rejection.code()), "{rejection}");
        }
        other => panic!("unread kind {other}"),
    }
}

fn share_proof(case: Case<'_>) -> bool {
    let (fingerprint, public_shares) = (Hash(array(&case.value["fingerprint"])), points(&case.value["public_shares"]));
    let pads = points(&case.value["pads"]);
    let head = Head { root: Hash(array(&case.value["root"])), tree_size: case.number("tree_size") };
    let contest = Id::new(case.text("contest")).unwrap();
    let proof = &case.value["proof"];
    let shares = ContestShares {
        contest: contest.clone(),
        proof: ShareProof {
            v_base: EncodedPoint(array(&proof["v_base"])),
            v_pads: EncodedPoint(array(&proof["v_pads"])),
            z: EncodedScalar(array(&proof["z"])),
        },
        shares: case.list("shares").iter().map(encoded).collect(),
    };
    let rows = 0..public_shares.len();
    let what = ContestDecryption { fingerprint: &fingerprint, head: &head, contest: &contest, rows, pads: &pads };
    let keys = ElectionKeys {
        fingerprint,
        ceremony: Hash(array(&case.value["ceremony"])),
        quorum: 2,
        keys: vec![],
        encoded: vec![],
        trustees: (1..=3).map(TrusteeId).collect(),
        public_shares: vec![public_shares; 3],
    };
    verify_contest_shares(&what, &keys, TrusteeId(case.number("trustee")), &shares).is_ok()
}

fn combination(case: Case<'_>) {
    let shares = case.value["shares"].as_object().unwrap();
    let trustees: Vec<u64> = shares.keys().map(|i| i.parse().unwrap()).collect();
    let terms = lagrange_at_zero(&trustees).into_iter().zip(shares.values()).map(|(x, share)| x * point(share));
    let message = point(&case.value["data"]) - terms.sum::<RistrettoPoint>();
    let (bound, count) = (case.number("bound"), case.number("count"));
    let table = DiscreteLogTable::for_maximum(bound, 1);
    assert_eq!(table.find(&message, bound), Some(count));
    assert_eq!(table.find(&(message + RistrettoPoint::mul_base(&Scalar::from(bound + 1))), bound), None);
}

pub fn shares(kind: &str, case: Case<'_>) {
    match kind {
        "share-proof" => assert!(share_proof(case)),
        "bad-share-proof" => assert!(!share_proof(case)),
        "lagrange" => {
            let trustees: Vec<u64> = serde_json::from_value(case.value["trustees"].clone()).unwrap();
            let expected: Vec<_> = case.list("coefficients").iter().map(scalar).collect();
            assert_eq!(lagrange_at_zero(&trustees), expected);
        }
        "combination" => combination(case),
        other => panic!("unread kind {other}"),
    }
}

fn cells(case: Case<'_>) {
    let manifest = CheckedManifest::from_leaf(case.text("manifest").as_bytes()).unwrap();
    let ballot = EncryptedBallot::parse(case.file.member("ballot").as_str().unwrap().as_bytes()).unwrap();
    let ballot = VerifiedBallot::trust_stored(ballot).unwrap();
    let mut tally = EncryptedTally::new(&manifest);
    for (group, weights) in case.list("groups").iter().enumerate() {
        for pair in weights.as_array().unwrap() {
            for _ in 0..pair[1].as_u64().unwrap() {
                tally.add(&ballot, VoterClass { group, style: 0, weight: pair[0].as_u64().unwrap() });
            }
        }
    }
    let made = &tally.cells(&manifest)[0];
    let groups: Vec<Vec<usize>> = made.cells.iter().map(|cell| cell.groups.clone().collect()).collect();
    let expected: Option<Vec<Vec<usize>>> = serde_json::from_value(case.value["cells"].clone()).unwrap();
    assert_eq!((!made.withheld).then_some(groups), expected);
}

pub fn tally(kind: &str, case: Case<'_>) {
    match kind {
        "digest" => {
            let sums = case.list("sums").iter().map(|sum| EncodedSum {
                ballots: sum["ballots"].as_u64().unwrap(),
                data: encoded(&sum["data"]),
                group: 0,
                pad: EncodedPoint(array(&sum["pad"])),
                style: 0,
            });
            assert_eq!(EncryptedTally::digest_of(&sums.collect::<Vec<_>>()).0, array(&case.value["digest"]));
        }
        "cells" => cells(case),
        other => panic!("unread kind {other}"),
    }
}

/// A proof of knowledge as vectors write it: kept so that its members stay what encoding.md says.
#[test]
fn a_proof_has_the_members_v_and_z() {
    let json =
        r#"{"v":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","z":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#;
    let proof: KnowledgeProof = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&proof).unwrap(), json);
}
