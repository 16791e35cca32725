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
use veritally_verifier::evidence::{Evidence, Weight};
use veritally_verifier::follow::{FollowError, FollowOptions, Followed, Notice, follow};
use veritally_verifier::sample::SampleRecord;
use veritally_verifier::source::{Folder, Memory};
use veritally_verifier::voter::{Place, VoterError, check_opening, check_receipt};
use veritally_verifier::{NoProgress, Options, Source as _};

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
        // Of a fork the entry that vanished is still to be named.
        let more = matches!(&notice, Notice::Warning { text, .. } if text.contains("two different versions"));
        if fresh {
            if let Some(files) = (!more).then(|| steps.lock().unwrap().next()).flatten() {
                board.show(files);
            }
            notices.lock().unwrap().push(notice);
        }
    };
    let followed = follow(&board.link(None), options, &tell, &NoProgress).await.unwrap();
    (followed, notices.into_inner().unwrap())
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
    assert_eq!(check(&Folder::new(dir.path().join("kept"))).failed(), [""; 0]);
}

/// Kinds and words of the warnings with evidence, each of which holds.
fn warnings(notices: &[Notice]) -> (Vec<&'static str>, Vec<String>) {
    let warning = |notice: &Notice| match notice {
        Notice::Warning { text, evidence: Some(path) } => {
            let evidence = Evidence::read(path).unwrap();
            let kind = evidence.finding.kind();
            let proof = matches!(kind, "fork" | "vanished-entry" | "bad-entry");
            assert_eq!(evidence.check().unwrap(), if proof { Weight::Proof } else { Weight::Testimony });
            Some((kind, text.clone()))
        }
        _ => None,
    };
    notices.iter().filter_map(warning).unzip()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_run_holds_the_board_to_what_an_earlier_one_saw() {
    let mut record = record(voted());
    let seen = beginning(&mut record, 30);
    let honest = record.log.clone();
    for (size, forked, expected) in [
        (33, true, ["fork", "vanished-entry"].as_slice()),
        (30, true, &["fork", "vanished-entry"]),
        (27, true, &["rollback", "fork", "vanished-entry"]),
        (12, false, &["rollback"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path(), &record);
        options.stop_after = Some(Duration::ZERO);
        let board = Board::serve(seen.clone());
        let (followed, _) = following(&options, &board, vec![]).await;
        assert!(followed.verified.unwrap().report.passed());
        let kept = || {
            let folder = Folder::new(&options.folder);
            let paths = folder.paths().unwrap();
            paths.into_iter().map(|path| (folder.read(&path, 1 << 24).unwrap(), path)).collect::<Vec<_>>()
        };
        let before = kept();
        if forked {
            record.log.swap(24, 25);
        }
        board.show(beginning(&mut record, size));
        record.log = honest.clone();
        // The second time the evidence is there already, and is told all the same.
        for _ in 0..2 {
            let (followed, notices) = following(&options, &board, vec![]).await;
            let (kinds, texts) = warnings(&notices);
            assert_eq!(kinds, expected, "{size}: {texts:?}");
            assert_eq!(followed.warnings, expected.len() as u64);
            let report = followed.verified.unwrap().report;
            assert!(report.passed() && report.tree_size == 30, "{size}: {:?}", report.failed());
            assert!(kept() == before, "{size}: nothing of the other log is mixed with the copy");
        }
        // An honest board is followed on.
        board.show(beginning(&mut record, 33));
        let (followed, _) = following(&options, &board, vec![]).await;
        let report = followed.verified.unwrap().report;
        assert!(report.passed() && (report.tree_size, followed.warnings) == (33, 0), "{size}: {:?}", report.failed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_election_is_not_followed_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(voted());
    let options = options(dir.path(), &record);
    let mut other = beginning(&mut record, 30);
    let head = Head { root: Hash::of(b"x"), tree_size: 30 };
    let stranger = Checkpoint::new("board.example/other", &head);
    let stranger = SignedCheckpoint::sign(stranger, &record.election.log_key).unwrap();
    let board = Board::serve(other.clone());
    other.0.insert("checkpoint".into(), stranger.to_string().into_bytes());
    veritally_verifier::sample::write_folder(&other, &options.folder).unwrap();
    let refused = follow(&board.link(None), &options, &|_| {}, &NoProgress).await;
    assert!(matches!(refused, Err(FollowError::Kept { .. })), "{refused:?}");
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
    let (kinds, texts) = warnings(&notices);
    assert_eq!(
        (kinds.as_slice(), followed.warnings),
        (["fork", "vanished-entry", "rollback"].as_slice(), 3),
        "{texts:?}"
    );
    assert!(texts[0].contains("two different versions"), "{texts:?}");
    assert!(texts[1].contains("It is entry 24, the ballot with the confirmation code"), "{texts:?}");
    assert!(texts[2].contains("Entries 12 to 29 are missing."), "{texts:?}");
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
async fn each_of_two_bad_entries_under_one_checkpoint_has_its_own_warning_and_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut record = record(voted());
    let ballots: Vec<_> = record.log.iter().filter(|entry| entry.starts_with(b"{\"a\":")).take(2).cloned().collect();
    ballots.into_iter().for_each(|ballot| record.insert(ballot));
    let board = Board::serve(serve(&record, record.files().unwrap()));
    let mut options = options(dir.path(), &record);
    options.stop_after = Some(Duration::ZERO);
    let (followed, notices) = following(&options, &board, vec![]).await;
    assert_eq!((warnings(&notices).0, followed.warnings), (vec!["bad-entry"; 2], 2), "{notices:?}");
    assert_eq!(std::fs::read_dir(&options.evidence).unwrap().count(), 2);
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
    // With the ballot at hand it is named.
    let ballot = record.log[usize::try_from(first).unwrap()].as_slice();
    for (ballot, kind) in [(None, "fork"), (Some(ballot), "vanished-entry")] {
        match check_receipt(&forked, None, &text, ballot).await {
            Err(VoterError::Forked(finding)) => assert_eq!(finding.unwrap().kind(), kind),
            found => panic!("{found:?}"),
        }
    }
    other.log = record.log[..usize::try_from(last).unwrap() - 1].to_vec();
    let back = Place::Board(Board::serve(serve(&other, other.files().unwrap())).link(None));
    let found = check_receipt(&back, None, &text, None).await;
    assert!(matches!(found, Err(VoterError::WentBack { .. })), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tiles_are_not_called_a_fork_when_the_log_extends_the_receipts() {
    let record = record(finished());
    let size = record.log.len();
    let tile = format!("tile/0/000.p/{size}");
    // The proof that a log of 32 entries is the beginning reads no hash below 32; the tile is wrong beside the ballot.
    for (then, index, spoiled) in [(32, 24, 25), (size, 24, 25), (size, 24, 1)] {
        let mut files = serve(&record, record.files().unwrap());
        files.0.get_mut(&tile).unwrap()[32 * spoiled] ^= 1;
        let place = Place::Board(Board::serve(files).link(None));
        let entry = record.log[index].as_slice();
        for ballot in [None, Some(entry)] {
            let found = check_receipt(&place, None, &receipt(&record, index as u64, then), ballot).await;
            let error = found.unwrap_err();
            assert!(matches!(error, VoterError::WrongTiles), "{error:?}");
            let words = error.to_string();
            assert!(words.contains("the ballot is in the board's log") && !words.contains("two different"), "{words}");
        }
    }
    // Files from which nothing follows prove no fork either.
    let mut files = serve(&record, record.files().unwrap());
    files.0.get_mut(&tile).unwrap()[32 * 40] ^= 1;
    let place = Place::Board(Board::serve(files).link(None));
    let found = check_receipt(&place, None, &receipt(&record, 24, 32), None).await;
    assert!(matches!(found, Err(VoterError::Unproven(_))), "{found:?}");
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
