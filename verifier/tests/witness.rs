//! The witness: what it cosigns, what it refuses, what it remembers; and the evidence that it keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::*;
use veritally_board_api::Client;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{ConsistencyProof, Frontier, leaf_hash};
use veritally_crypto::log::note::Note;
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::evidence::{Evidence, EvidenceError, Finding, LogIdentity, Weight};
use veritally_verifier::sample::SampleRecord;
use veritally_verifier::witness::server::serve;
use veritally_verifier::witness::{AddCheckpoint, Witness, WitnessError, WitnessedLog};

fn witness(folder: &Path) -> Witness {
    Witness::open(folder, "w.example", SigningSecret::from_seed(&[5; 32])).unwrap()
}

fn log_of(record: &SampleRecord) -> WitnessedLog {
    let manifest = record.election.state.manifest();
    let identity = LogIdentity { origin: manifest.log.origin.clone(), key: manifest.log.key };
    WitnessedLog { identity, manifest: Some(record.log[0].clone()) }
}

/// The head of the first `size` entries, and the stored hashes of all.
fn tree(log: &[Vec<u8>], size: usize) -> (Head, Vec<Hash>) {
    let (mut frontier, mut stored) = (Frontier::new(), vec![]);
    log[..size].iter().for_each(|entry| frontier.push_with(leaf_hash(entry), |hash| stored.push(hash)));
    (frontier.head(), stored)
}

/// A request of this log's board.
fn request(record: &SampleRecord, old: usize, new: usize) -> AddCheckpoint {
    let (head, stored) = tree(&record.log, new);
    let proof = match old == new {
        true => ConsistencyProof(vec![]),
        false => ConsistencyProof::prove(old as u64, new as u64, &stored).unwrap(),
    };
    let checkpoint = String::from_utf8(record.checkpoint(&head).unwrap()).unwrap();
    AddCheckpoint { old_size: old as u64, proof, checkpoint }
}

/// The same board's other log: two entries in another order.
fn fork(record: &SampleRecord) -> SampleRecord {
    let mut other = common::record(opened());
    other.election.log_key = SigningSecret::from_seed(&record.election.log_key.expose_seed());
    other.log = record.log.clone();
    other.log.swap(4, 5);
    other
}

fn findings(folder: &Path) -> Vec<Evidence> {
    let Ok(found) = std::fs::read_dir(folder.join("evidence")) else { return vec![] };
    let mut paths: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Evidence::read(path).unwrap()).collect()
}

#[test]
fn a_growing_log_is_cosigned_and_the_cosignature_verifies() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    let witness = witness(dir.path());
    witness.add_log(log_of(&record)).unwrap();
    for (old, new, time) in [(0, 3, 70), (3, 3, 71), (3, 4, 72), (4, record.log.len(), 73)] {
        let cosigned = witness.add_checkpoint(&request(&record, old, new), time).unwrap();
        assert_eq!(cosigned.head.tree_size, new as u64);
        let note = Note::parse(&cosigned.note.to_string()).unwrap();
        assert_eq!(witness.verifier().cosigned(&note), Some(time));
        assert_eq!(note.signatures().len(), 2);
    }
    assert!(findings(dir.path()).is_empty());
}

#[test]
fn rollbacks_and_gaps_are_refused_and_the_last_size_is_told() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    let witness = witness(dir.path());
    witness.add_log(log_of(&record)).unwrap();
    let refused = |old, new| witness.add_checkpoint(&request(&record, old, new), 70).unwrap_err();
    assert!(matches!(refused(3, 5), WitnessError::Conflict(0)));
    witness.add_checkpoint(&request(&record, 0, 6), 70).unwrap();
    assert!(matches!(refused(0, 3), WitnessError::Conflict(6)), "a rollback");
    assert!(matches!(refused(0, 6), WitnessError::Conflict(6)));
    assert!(matches!(refused(4, 7), WitnessError::Conflict(6)));
    let backwards = AddCheckpoint { old_size: 6, ..request(&record, 0, 3) };
    assert!(matches!(witness.add_checkpoint(&backwards, 70), Err(WitnessError::OldSize { old: 6, new: 3 })));
    // A proof that is none, and one too much.
    let unproven = AddCheckpoint { proof: ConsistencyProof(vec![]), ..request(&record, 6, 7) };
    assert!(matches!(witness.add_checkpoint(&unproven, 70), Err(WitnessError::Proof(_))));
    let padded = AddCheckpoint { proof: ConsistencyProof(vec![Hash::ZERO]), ..request(&record, 6, 6) };
    assert!(matches!(witness.add_checkpoint(&padded, 70), Err(WitnessError::Proof(_))));
    assert_eq!(witness.logs()[0].1, tree(&record.log, 6).0);
}

#[test]
fn other_logs_and_other_keys_are_refused() {
    let (dir, mut record) = (tempfile::tempdir().unwrap(), record(opened()));
    let witness = witness(dir.path());
    assert!(matches!(witness.add_checkpoint(&request(&record, 0, 3), 70), Err(WitnessError::UnknownLog(_))));
    witness.add_log(log_of(&record)).unwrap();
    let other = LogIdentity { key: SigningSecret::from_seed(&[7; 32]).verification_key(), ..log_of(&record).identity };
    assert!(matches!(witness.add_log(WitnessedLog { identity: other, manifest: None }), Err(WitnessError::State(_))));
    record.election.log_key = SigningSecret::from_seed(&[9; 32]);
    assert!(matches!(witness.add_checkpoint(&request(&record, 0, 3), 70), Err(WitnessError::Checkpoint(_))));
}

#[test]
fn a_fork_of_the_same_size_is_refused_and_its_evidence_is_proof() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    let witness = witness(dir.path());
    witness.add_log(log_of(&record)).unwrap();
    witness.add_checkpoint(&request(&record, 0, 7), 70).unwrap();
    let other = fork(&record);
    for old in [0, 7] {
        let forked = AddCheckpoint { old_size: old, ..request(&other, 7, 7) };
        assert!(matches!(witness.add_checkpoint(&forked, 71), Err(WitnessError::Fork(7))));
    }
    // A larger one that does not extend it.
    let forked = request(&other, 7, 9);
    assert!(matches!(witness.add_checkpoint(&forked, 71), Err(WitnessError::Proof(_))));
    let found = findings(dir.path());
    assert_eq!(found.iter().map(|e| e.finding.kind()).collect::<Vec<_>>(), ["fork", "unproven"]);
    assert_eq!(found[0].check().unwrap(), Weight::Proof);
    assert_eq!(found[1].check().unwrap(), Weight::Testimony);
    assert_eq!(found[0].fingerprint(), Some(record.election.fingerprint()));
    // What was cosigned stays, and the honest log goes on.
    witness.add_checkpoint(&request(&record, 7, 9), 72).unwrap();
}

#[test]
fn a_witness_goes_on_after_a_restart_and_never_forgets() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    {
        let first = witness(dir.path());
        first.add_log(log_of(&record)).unwrap();
        first.add_checkpoint(&request(&record, 0, 6), 70).unwrap();
        let second = Witness::open(dir.path(), "w.example", SigningSecret::from_seed(&[5; 32]));
        assert!(matches!(second, Err(WitnessError::InUse(_))));
    }
    {
        let again = witness(dir.path());
        assert!(matches!(again.add_checkpoint(&request(&record, 0, 3), 70), Err(WitnessError::Conflict(6))));
        assert!(matches!(again.add_checkpoint(&request(&fork(&record), 6, 6), 70), Err(WitnessError::Fork(6))));
        again.add_checkpoint(&request(&record, 6, 8), 80).unwrap();
    }
    // Another key must not take over this state, and damage is not overlooked.
    let other = Witness::open(dir.path(), "w.example", SigningSecret::from_seed(&[6; 32]));
    assert!(matches!(other, Err(WitnessError::State(_))));
    let path = dir.path().join(Hash::of(log_of(&record).identity.origin.as_bytes()).to_string()).join("checkpoint");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\n8\n", "\n5\n", 1)).unwrap();
    let damaged = Witness::open(dir.path(), "w.example", SigningSecret::from_seed(&[5; 32]));
    assert!(matches!(damaged, Err(WitnessError::State(_))));
}

#[tokio::test]
async fn the_server_answers_with_the_status_codes_of_c2sp() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    let witness = Arc::new(witness(dir.path()));
    witness.add_log(log_of(&record)).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, Arc::clone(&witness)));
    veritally_board_api::client::install_tls_provider();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |body: String| {
        let answer = http.post(format!("{url}/add-checkpoint")).body(body).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind, answer.text().await.unwrap())
    };
    let (status, _, line) = post(request(&record, 0, 6).to_string()).await;
    assert_eq!(status, 200);
    let note = Note::parse(&format!("{}{line}", request(&record, 0, 6).checkpoint)).unwrap();
    assert!(witness.verifier().cosigned(&note).is_some(), "{line}");
    let (status, kind, size) = post(request(&record, 0, 7).to_string()).await;
    assert_eq!((status, kind.as_str(), size.as_str()), (409, "text/x.tlog.size", "6\n"));
    assert_eq!(post(request(&fork(&record), 6, 6).to_string()).await.0, 409);
    assert_eq!(post(request(&fork(&record), 6, 9).to_string()).await.0, 422);
    assert_eq!(post("hello".into()).await.0, 400);
    assert_eq!(post(AddCheckpoint { old_size: 9, ..request(&record, 0, 7) }.to_string()).await.0, 400);
    let origin = log_of(&record).identity.origin;
    assert_eq!(post(request(&record, 6, 7).to_string().replace(&origin, "other.example/x")).await.0, 404);
    assert_eq!(post(request(&record, 6, 7).to_string().replace("\n7\n", "\n8\n")).await.0, 403);
    assert_eq!(post("x".repeat(400_000)).await.0, 413);
    let monitored = http.get(format!("{url}/checkpoint/{}", Hash::of(origin.as_bytes()))).send().await.unwrap();
    let note = Note::parse(&monitored.text().await.unwrap()).unwrap();
    assert!(witness.verifier().cosigned(&note).is_some());
    assert_eq!(http.get(format!("{url}/checkpoint/{}", Hash::ZERO)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn asking_a_board_cosigns_what_it_serves_and_catches_a_fork_and_a_rollback() {
    let (dir, mut record) = (tempfile::tempdir().unwrap(), record(opened()));
    let (witness, origin) = (witness(dir.path()), log_of(&record).identity.origin);
    witness.add_log(log_of(&record)).unwrap();
    let whole = record.log.clone();
    let board = Board::serve(record.files().unwrap());
    let client = Client::for_link(&board.link(None)).unwrap();
    record.log.truncate(7);
    board.show(record.files().unwrap());
    assert_eq!(witness.pull(&client, &origin, 70).await.unwrap().head.tree_size, 7);
    record.log = whole.clone();
    board.show(record.files().unwrap());
    assert_eq!(witness.pull(&client, &origin, 71).await.unwrap().head.tree_size, whole.len() as u64);
    // Larger, but two entries were swapped.
    record.log.push(whole[0].clone());
    record.log.swap(4, 5);
    board.show(record.files().unwrap());
    let caught = witness.pull(&client, &origin, 72).await.unwrap_err();
    assert!(matches!(caught, WitnessError::Caught { kind: "fork", .. }), "{caught}");
    record.log = whole[..9].to_vec();
    board.show(record.files().unwrap());
    let caught = witness.pull(&client, &origin, 73).await.unwrap_err();
    assert!(matches!(caught, WitnessError::Caught { kind: "rollback", .. }), "{caught}");
    let found = findings(dir.path());
    assert_eq!(found.iter().map(|e| e.check().unwrap()).collect::<Vec<_>>(), [Weight::Proof, Weight::Testimony]);
    assert!(matches!(&found[0].finding, Finding::Fork { passage: Some(_), .. }));
}

#[test]
fn altered_evidence_does_not_hold() {
    let (dir, record) = (tempfile::tempdir().unwrap(), record(opened()));
    let other = fork(&record);
    let note = |record: &SampleRecord, size| request(record, size, size).checkpoint;
    let of = |first, second, passage| Evidence {
        log: log_of(&record).identity,
        manifest: log_of(&record).manifest,
        noticed_ms: 1_798_761_600_000,
        noticed_by: "a test".into(),
        finding: Finding::Fork { first, second, passage },
    };
    let good = of(note(&record, 8), note(&other, 8), None);
    let folder = good.write(dir.path()).unwrap();
    assert_eq!(good.write(dir.path()).unwrap(), folder, "the same finding is kept once");
    assert_eq!(Evidence::read(&folder).unwrap(), good);
    assert_eq!(good.check().unwrap(), Weight::Proof);
    let text = std::fs::read_to_string(folder.join("README.txt")).unwrap();
    assert!(text.contains("two different versions") && text.contains("2027-01-01"), "{text}");
    // One log, two sizes, no proof that they differ.
    let check = |evidence: Evidence| evidence.check().unwrap_err();
    assert!(matches!(check(of(note(&record, 7), note(&record, 8), None)), EvidenceError::NoContradiction(_)));
    assert!(matches!(check(of(note(&record, 8), note(&record, 8), None)), EvidenceError::NoContradiction(_)));
    let mut stranger = good.clone();
    stranger.manifest = None;
    stranger.log.key = SigningSecret::from_seed(&[7; 32]).verification_key();
    assert!(matches!(check(stranger.clone()), EvidenceError::Note("first.note", _)));
    stranger.manifest = good.manifest.clone();
    assert!(matches!(check(stranger), EvidenceError::Manifest(_)));
    std::fs::remove_file(folder.join("second.note")).unwrap();
    assert!(matches!(Evidence::read(&folder), Err(EvidenceError::Format(_))));
    std::os::unix::fs::symlink("/etc/hostname", folder.join("second.note")).unwrap();
    assert!(matches!(Evidence::read(&folder), Err(EvidenceError::Format(_))));
}
