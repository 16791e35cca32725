//! Follow mode on a board that grows, stalls, forks and takes back; receipts and opened ballots on another device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use common::*;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::merkle::{Frontier, InclusionProof, leaf_hash};
use veritally_crypto::log::receipt::Receipt;
use veritally_verifier::evidence::{Evidence, Weight};
use veritally_verifier::follow::{FollowOptions, Followed, Notice, follow};
use veritally_verifier::sample::SampleRecord;
use veritally_verifier::source::Memory;
use veritally_verifier::voter::{Place, VoterError, check_opening, check_receipt};
use veritally_verifier::{NoProgress, Options};

/// What a board serves of the first `size` entries.
fn beginning(record: &mut SampleRecord, size: usize) -> Memory {
    let whole = record.log.clone();
    record.log.truncate(size);
    let files = serve(record, record.files().unwrap());
    record.log = whole;
    files
}

fn options(dir: &Path, record: &SampleRecord) -> FollowOptions {
    FollowOptions {
        folder: dir.join("kept"),
        evidence: dir.join("evidence"),
        every: Duration::from_millis(20),
        stall_after: Duration::from_millis(400),
        stop_after: Some(Duration::from_secs(60)),
        verify: Options { fingerprint: Some(record.election.fingerprint()), jobs: None },
    }
}

/// Follows; at each progress notice that has verified a new number of entries the board does its next step.
async fn following(options: &FollowOptions, board: &Board, steps: Vec<Memory>) -> (Followed, Vec<Notice>) {
    let (notices, steps) = (Mutex::new(vec![]), Mutex::new(steps.into_iter()));
    let tell = |notice: Notice| {
        let fresh = match (&notice, notices.lock().unwrap().last()) {
            (Notice::Progress { entries, .. }, Some(Notice::Progress { entries: before, .. })) => entries != before,
            _ => true,
        };
        if fresh {
            if let Some(files) = steps.lock().unwrap().next() {
                board.show(files);
            }
            notices.lock().unwrap().push(notice);
        }
    };
    let followed = follow(&board.link(None), options, &tell, &NoProgress).await.unwrap();
    (followed, notices.into_inner().unwrap())
}

/// With `manifest`, which boards serve beside the static files.
fn serve(record: &SampleRecord, files: Memory) -> Memory {
    let mut files = files;
    files.0.insert("manifest".into(), record.log[0].clone());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_election_is_verified_to_its_result_step_by_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(finished());
    let sizes = [3, 20, 25, 30, 31, 40, record.log.len()];
    let mut steps: Vec<_> = sizes.iter().map(|size| beginning(&mut record, *size)).collect();
    let board = Board::serve(steps.remove(0));
    let (followed, notices) = following(&options(dir.path(), &record), &board, steps).await;
    let report = followed.verified.unwrap().report;
    assert!(report.passed(), "{:?}", report.failed());
    assert_eq!((followed.warnings, report.ballots_counted), (0, 13));
    let seen: Vec<_> = notices
        .iter()
        .filter_map(|n| if let Notice::Progress { entries, .. } = n { Some(*entries) } else { None })
        .collect();
    assert_eq!(seen, sizes.map(|size| size as u64));
    // The same as in one go, but for what the copy has besides: shorter versions of files are gone.
    assert_eq!(
        report,
        veritally_verifier::verify(&record.files().unwrap(), &options(dir.path(), &record).verify, &NoProgress)
            .unwrap()
    );
    assert_eq!(check(&veritally_verifier::source::Folder::new(dir.path().join("kept"))).failed(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_and_rollbacks_are_warned_of_at_once_and_the_evidence_holds() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(voted());
    let first = beginning(&mut record, 30);
    let mut forked = record.log.clone();
    forked.swap(24, 25);
    let honest = std::mem::replace(&mut record.log, forked);
    let forked = beginning(&mut record, 33);
    record.log = honest;
    let back = beginning(&mut record, 12);
    let board = Board::serve(first);
    let mut options = options(dir.path(), &record);
    options.stop_after = Some(Duration::from_millis(700));
    options.stall_after = Duration::from_secs(60);
    let (followed, notices) = following(&options, &board, vec![forked, back]).await;
    assert_eq!(followed.warnings, 2, "{notices:?}");
    let evidence: Vec<_> = notices
        .iter()
        .filter_map(|n| if let Notice::Warning { evidence: Some(path), .. } = n { Some(path.clone()) } else { None })
        .map(|path| Evidence::read(&path).unwrap())
        .collect();
    assert_eq!(evidence.iter().map(|e| e.finding.kind()).collect::<Vec<_>>(), ["fork", "rollback"]);
    assert_eq!(evidence[0].check().unwrap(), Weight::Proof);
    assert_eq!(evidence[1].check().unwrap(), Weight::Testimony);
    // What was verified before stands.
    assert!(followed.verified.unwrap().report.passed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_against_the_rules_is_warned_of_with_proof_that_the_board_signed_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(voted());
    let first = beginning(&mut record, 30);
    let replayed = record.log.iter().find(|entry| entry.starts_with(b"{\"a\":")).unwrap().clone();
    record.insert(replayed);
    let cheat = serve(&record, record.files().unwrap());
    let board = Board::serve(first);
    let mut options = options(dir.path(), &record);
    options.stop_after = Some(Duration::from_millis(700));
    let (followed, notices) = following(&options, &board, vec![cheat]).await;
    assert_eq!(followed.verified.unwrap().report.failed(), ["V18"]);
    let warning = notices
        .iter()
        .find_map(|n| if let Notice::Warning { text, evidence } = n { Some((text, evidence)) } else { None });
    let evidence = Evidence::read(warning.unwrap().1.as_ref().unwrap()).unwrap();
    assert_eq!((evidence.finding.kind(), evidence.check().unwrap()), ("bad-entry", Weight::Proof));
    assert!(evidence.to_string().contains("V18 (Re-votes in order)"), "{evidence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_signs_but_does_not_serve_or_goes_silent_has_stalled() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(voted());
    let first = beginning(&mut record, 30);
    let mut empty = serve(&record, Memory::default());
    empty.0.insert("checkpoint".into(), record.files().unwrap().0["checkpoint"].clone());
    let whole = serve(&record, record.files().unwrap());
    let board = Board::serve(first);
    let mut options = options(dir.path(), &record);
    options.stop_after = Some(Duration::from_millis(2_500));
    let (followed, notices) = following(&options, &board, vec![empty, whole]).await;
    let kinds: Vec<_> = notices
        .iter()
        .map(|n| match n {
            Notice::Progress { .. } => "progress",
            Notice::Warning { .. } => "warning",
            _ => "goes on",
        })
        .collect();
    assert_eq!(kinds, ["progress", "warning", "goes on", "progress"], "{notices:?}");
    assert_eq!(followed.warnings, 1);
}

/// A receipt for an entry, in the tree of the first `size` entries.
fn receipt(record: &SampleRecord, index: u64, size: usize) -> String {
    let (mut frontier, mut stored) = (Frontier::new(), vec![]);
    record.log[..size].iter().for_each(|entry| frontier.push_with(leaf_hash(entry), |hash| stored.push(hash)));
    let checkpoint = Checkpoint::new(record.election.state.manifest().log.origin.clone(), &frontier.head());
    let signed = SignedCheckpoint::sign(checkpoint, &record.election.log_key).unwrap();
    Receipt::new(index, InclusionProof::prove(index, size as u64, &stored).unwrap(), &signed).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_is_checked_on_another_device_against_a_board_and_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let record = record(finished());
    veritally_verifier::sample::write_folder(&record.files().unwrap(), dir.path()).unwrap();
    let copy = Place::Copy(veritally_verifier::source::open(dir.path()).unwrap());
    let board = Place::Board(Board::serve(serve(&record, record.files().unwrap())).link(None));
    let ballots: Vec<u64> = (0..).zip(&record.log).filter(|(_, e)| e.starts_with(b"{\"a\":")).map(|(i, _)| i).collect();
    let (first, last) = (ballots[0], *ballots.last().unwrap());
    for (index, replaced) in [(first, true), (last, false)] {
        let entry = &record.log[usize::try_from(index).unwrap()];
        let text = receipt(&record, index, usize::try_from(last).unwrap() + 1);
        let code = EncryptedBallot::parse(entry).unwrap().confirmation_code(&record.election.fingerprint());
        for (place, expected) in [(&copy, Some(replaced)), (&board, None)] {
            for ballot in [None, Some(entry.as_slice())] {
                let found = check_receipt(place, Some(record.election.fingerprint()), &text, ballot).await.unwrap();
                assert_eq!((found.index, found.code, found.replaced), (index, code, expected));
            }
            let other = Some(record.log[usize::try_from(ballots[1]).unwrap()].as_slice());
            assert!(matches!(check_receipt(place, None, &text, other).await, Err(VoterError::Receipt(_))));
            let wrong = check_receipt(place, Some(Hash::ZERO), &text, None).await;
            assert!(matches!(wrong, Err(VoterError::Fingerprint { .. })));
        }
    }
    // The board took the ballot out and signed another log.
    let text = receipt(&record, first, usize::try_from(last).unwrap());
    let mut other = common::record(finished());
    other.log.remove(usize::try_from(first).unwrap());
    let forked = Place::Board(Board::serve(serve(&other, other.files().unwrap())).link(None));
    match check_receipt(&forked, None, &text, None).await {
        Err(VoterError::Forked(finding)) => assert_eq!(finding.unwrap().kind(), "fork"),
        found => panic!("{found:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_ballot_is_recomputed_and_all_256_bits_of_its_code_compared() {
    let dir = tempfile::tempdir().unwrap();
    let record = record(opened());
    veritally_verifier::sample::write_folder(&record.files().unwrap(), dir.path()).unwrap();
    let election = &record.election;
    let (context, voter) = (election.state.ballot_context().unwrap(), &election.voters[2]);
    let prepared = context
        .prepare(&voter.entry.style, &answers("guest", "b", None), voter.credential.public(), 1, Hash::ZERO, &mut rng())
        .unwrap();
    let code = prepared.code();
    let opening = prepared.spoil();
    let copy = Place::Copy(veritally_verifier::source::open(dir.path()).unwrap());
    let board = Place::Board(Board::serve(serve(&record, record.files().unwrap())).link(None));
    for place in [&copy, &board] {
        assert_eq!(check_opening(place, &opening, Some(&code.0)).await.unwrap().1, code);
        // The same 100 bits are not enough.
        let mut noted = code.0;
        noted.0[31] ^= 1;
        assert!(matches!(check_opening(place, &opening, Some(&noted)).await, Err(VoterError::OtherCode { .. })));
        let mut lie = opening.clone();
        lie.selections = answers("guest", "c", None);
        assert!(matches!(check_opening(place, &lie, Some(&code.0)).await, Err(VoterError::Opening(_))));
    }
    let mut wrong = record.files().unwrap();
    let head = Head { root: Hash::of(b"other"), ..record.head() };
    wrong.0.insert("checkpoint".into(), record.checkpoint(&head).unwrap());
    let wrong = Place::Copy(Box::new(wrong));
    assert!(matches!(check_opening(&wrong, &opening, None).await, Err(VoterError::NotTheLog)));
}
