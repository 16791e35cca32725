//! What a cheat does to everything else: which checks it leaves to be made, what the report says, and several at once. A
//! record for every single cheat, made by somebody who holds the real keys: the corpus in `benches/src/tampered/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::type_complexity)]

#[path = "../common/mod.rs"]
mod common;
mod disputes;
mod election;
mod log;
mod voters;

use common::*;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::group::{EncodedScalar, Scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{
    Agreement, AgreementTag, BallotLeaf, ElectionResult, Extension, ExtensionTag, Head, Leaf, ResultTag,
};
use veritally_crypto::sample::{OPENS_AT_MS, SampleElection};
use veritally_crypto::signature::{SigningSecret, sign};
use veritally_crypto::{canonical, id::TrusteeId};
use veritally_verifier::Report;
use veritally_verifier::report::Status;
use veritally_verifier::sample::{SampleRecord, bytes, tree_files};

fn report(record: &SampleRecord) -> Report {
    check(&record.files().unwrap())
}

/// Everything but these checks passes or does not apply.
fn others_pass(report: &Report, but: &[&str]) {
    for check in report.checks.iter().filter(|check| !but.contains(&check.id.as_str())) {
        assert!(matches!(check.status, Status::Pass | Status::NotApplicable), "{} {}", check.id, check.message);
    }
}

/// An honest log, stopped before voting closes, with `cheat` put in, then honestly finished.
fn during_voting(cheat: impl FnOnce(&SampleElection) -> Vec<u8>) -> (SampleRecord, u64) {
    let mut record = record(voted());
    let entry = cheat(&record.election);
    let index = record.log.len() as u64;
    record.insert(entry);
    let rng = &mut rng();
    vote(&mut record.election, 1, "d", None);
    record.election.finish(rng).unwrap();
    record.publish(rng).unwrap();
    (record, index)
}

fn administrator(election: &SampleElection) -> SigningSecret {
    SigningSecret::from_seed(&election.administrator.expose_seed())
}

fn signed<E: veritally_crypto::signature::SignedEntry + Clone>(election: &SampleElection, entry: E) -> Vec<u8> {
    let signed = sign(entry, &election.fingerprint(), &administrator(election)).unwrap();
    canonical::to_bytes(&signed).unwrap()
}

fn edited(ballot: &EncryptedBallot, edit: impl FnOnce(&mut BallotLeaf)) -> EncryptedBallot {
    let mut leaf = ballot.leaf().clone();
    edit(&mut leaf);
    EncryptedBallot::parse(&canonical::to_bytes(&leaf).unwrap()).unwrap()
}

fn record_closed(mut election: SampleElection) -> SampleRecord {
    election.close().unwrap();
    record(election)
}

/// Agreements, shares, result.
fn complete(record: &mut SampleRecord) {
    let rng = &mut rng();
    for trustee in 0..2 {
        record.election.agree(trustee).unwrap();
    }
    for trustee in 0..2 {
        record.election.share(trustee, rng).unwrap();
    }
    record.election.publish().unwrap();
    record.publish(rng).unwrap();
}

#[test]
fn several_cheats_are_all_reported() {
    let mut record = record(voted());
    let ballot = record.election.ballot(2, &answers("guest", "d", None), &mut rng()).unwrap();
    let bad = edited(&ballot, |leaf| leaf.z_1 = leaf.z_2);
    record.admit_unverified(bad).unwrap();
    let ballot = record.election.ballot(3, &answers("guest", "d", None), &mut rng()).unwrap();
    record.admit_unverified(edited(&ballot, |leaf| leaf.z_3 = leaf.z_2)).unwrap();
    record.publish(&mut rng()).unwrap();
    let replayed = record.log.iter().find(|entry| entry.starts_with(b"{\"a\":")).unwrap().clone();
    record.insert(replayed);
    record.insert(br#"{"type":"secret/v1"}"#.to_vec());
    let mut files = record.files().unwrap();
    let tile = format!("tile/0/000.p/{}", record.log.len());
    files.0.get_mut(&tile).unwrap()[0] ^= 1;
    let report = check(&files);
    assert_eq!(report.failed(), ["V6", "V18", "V21", "V29"]);
    assert_eq!(report.check("V21").unwrap().entries.len(), 2);
}
