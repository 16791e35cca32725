//! Downloads from servers that want to harm: bodies without end, lengths that lie, redirections, wrong sizes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::*;
use veritally_board_api::{Client, ClientError, ElectionClient};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_verifier::sample::{SampleRecord, tree_files, write_folder};
use veritally_verifier::source::{DownloadError, Folder, MAX_ENTRIES, Memory, download_to};
use veritally_verifier::{NoProgress, Source as _};

fn client(board: &Board) -> ElectionClient {
    let link = board.link(None);
    Client::new(link.board.as_str()).unwrap().with_patience(Duration::ZERO).election(link.election)
}

#[tokio::test]
async fn what_has_no_end_is_cut_off_and_what_lies_is_refused() {
    let record = record(finished());
    let files = record.files().unwrap();
    let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let board = Board::serve(files.clone());
    let client = client(&board);
    let elsewhere = Board::serve(files.clone());
    for path in files.0.keys().filter(|path| path.starts_with("tile/")) {
        let to = format!("http://{}/e/sample/{path}", elsewhere.address);
        for trick in
            [Trick::Endless, Trick::Short, Trick::Redirect(to), Trick::Status("500 No"), Trick::Status("204 No")]
        {
            let dir = tempfile::tempdir().unwrap();
            board.trick(path, trick.clone());
            let started = Instant::now();
            let done = download_to(&client, &note, dir.path(), &NoProgress).await;
            match (&trick, done) {
                // An empty body is kept, and asked for again: the verification would say that it is damaged.
                (Trick::Status("204 No"), Ok(_)) => {}
                (_, Err(DownloadError::Client(error))) => {
                    let expected = match trick {
                        Trick::Endless => matches!(error, ClientError::TooLong { .. }),
                        Trick::Short => matches!(error, ClientError::Unreachable { .. }),
                        _ => matches!(error, ClientError::Unexpected { .. }),
                    };
                    assert!(expected, "{trick:?}: {error}");
                }
                (_, other) => panic!("{trick:?}: {other:?}"),
            }
            assert!(started.elapsed() < Duration::from_secs(30), "{trick:?}");
            // Nothing of it stands in the way of an honest server.
            board.behave();
            download_to(&client, &note, dir.path(), &NoProgress).await.unwrap();
            assert!(check(&Folder::new(dir.path())).passed());
        }
    }
    assert!(elsewhere.asked().is_empty(), "redirections are not followed");
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let record = record(finished());
    let (files, dir) = (record.files().unwrap(), tempfile::tempdir().unwrap());
    let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let board = Board::serve(files.clone());
    let last = files.0.keys().rfind(|path| path.starts_with("tile/")).unwrap();
    board.trick(last, Trick::Short);
    let broken = tempfile::tempdir().unwrap();
    download_to(&client(&board), &note, broken.path(), &NoProgress).await.unwrap_err();
    assert!(!broken.path().join("checkpoint").exists(), "a copy that is not whole says nothing of its size");
    // What an interrupted download left: all but one file. A board of its own, so that nobody asks it late.
    let mut left = files.clone();
    left.0.retain(|path, _| path.starts_with("tile/") && path != last);
    write_folder(&left, dir.path()).unwrap();
    let board = Board::serve(files.clone());
    download_to(&client(&board), &note, dir.path(), &NoProgress).await.unwrap();
    assert_eq!(board.asked(), [last.as_str()]);
    assert!(check(&Folder::new(dir.path())).passed());
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_what_came_before_is_kept() {
    let record = record(finished());
    let files = record.files().unwrap();
    let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let last = files.0.keys().rfind(|path| path.starts_with("tile/")).unwrap();
    for trick in [Trick::Mute, Trick::Silent] {
        let (board, dir) = (Board::serve(files.clone()), tempfile::tempdir().unwrap());
        let link = board.link(None);
        let brief = Client::new(link.board.as_str()).unwrap();
        let brief = brief.with_patience(Duration::ZERO).with_request_timeout(Duration::from_secs(2));
        let election = brief.election(link.election);
        board.trick(last, trick.clone());
        let started = Instant::now();
        let error = download_to(&election, &note, dir.path(), &NoProgress).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(30), "{trick:?}");
        assert!(matches!(&error, DownloadError::Client(ClientError::Unreachable { .. })), "{trick:?}: {error:?}");
        let said = error.to_string();
        assert!(said.contains("can't reach the board at http://") && said.contains("timed out"), "{trick:?}: {said}");
        // A whole download later asks for no file twice that had come, the silent one excepted.
        board.behave();
        let kept = veritally_verifier::Source::paths(&Folder::new(dir.path())).unwrap();
        board.asked();
        download_to(&election, &note, dir.path(), &NoProgress).await.unwrap();
        let asked = board.asked();
        assert!(
            asked.contains(last) && kept.iter().all(|path| !asked.contains(path)),
            "{trick:?}: {kept:?}, {asked:?}"
        );
        assert!(check(&Folder::new(dir.path())).passed());
        // The checkpoint itself.
        board.trick("checkpoint", trick.clone());
        let error = election.checkpoint().await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{trick:?}: {error:?}");
    }
}

#[tokio::test]
async fn sizes_that_nobody_can_have_filled_are_refused_before_anything_is_asked_for() {
    let record = record(opened());
    let (board, dir) = (Board::serve(record.files().unwrap()), tempfile::tempdir().unwrap());
    let head = Head { tree_size: MAX_ENTRIES + 1, ..record.head() };
    let note = String::from_utf8(record.checkpoint(&head).unwrap()).unwrap();
    let refused = download_to(&client(&board), &note, dir.path(), &NoProgress).await;
    assert!(matches!(refused, Err(DownloadError::TooLarge(_))));
    let refused = download_to(&client(&board), "no note", dir.path(), &NoProgress).await;
    assert!(matches!(refused, Err(DownloadError::Checkpoint(_))));
    assert!(board.asked().is_empty());
}

#[tokio::test]
async fn files_of_the_wrong_size_fail_the_verification_not_the_verifier() {
    let record = record(opened());
    let (mut files, dir) = (record.files().unwrap(), tempfile::tempdir().unwrap());
    for (path, bytes) in files.0.iter_mut().filter(|(path, _)| path.starts_with("tile/")) {
        bytes.truncate(bytes.len() - if path.contains("entries") { 7 } else { 1 });
    }
    let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let board = Board::serve(files.clone());
    download_to(&client(&board), &note, dir.path(), &NoProgress).await.unwrap();
    assert_eq!(check(&Folder::new(dir.path())).failed(), ["V5"]);
    // The same in a folder that somebody sent.
    let other = tempfile::tempdir().unwrap();
    write_folder(&files, other.path()).unwrap();
    assert_eq!(check(&Folder::new(other.path())).failed(), ["V5"]);
}

/// A log of many short entries, as a board would serve it: for downloads, which look at no entry's content.
fn long_log(record: &SampleRecord, entries: u64) -> (Memory, String) {
    let log: Vec<_> = (0..entries).map(|i| i.to_string().into_bytes()).collect();
    let mut frontier = Frontier::new();
    log.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let note = record.checkpoint(&frontier.head()).unwrap();
    (Memory(tree_files(&log).unwrap()), String::from_utf8(note).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_of_a_kept_copy_are_asked_for_once_more_and_no_others() {
    let record = record(opened());
    let (files, note) = long_log(&record, 66_000);
    let (board, dir) = (Board::serve(files.clone()), tempfile::tempdir().unwrap());
    write_folder(&files, dir.path()).unwrap();
    std::fs::write(dir.path().join("checkpoint"), &note).unwrap();
    let incomplete = ["tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1"];
    for (path, asked) in [
        ("tile/0/000", ["tile/0/000"].as_slice()),
        ("tile/1/000", &["tile/1/000"]),
        ("tile/entries/000", &["tile/entries/000"]),
        ("tile/entries/257.p/208", &["tile/entries/257.p/208"]),
        // Of those that make up the root nobody knows which one is wrong.
        ("tile/0/257.p/208", &incomplete),
        ("tile/2/000.p/1", &incomplete),
    ] {
        let mut damaged = files.0[path].clone();
        *damaged.last_mut().unwrap() ^= 1;
        std::fs::write(dir.path().join(path), damaged).unwrap();
        download_to(&client(&board), &note, dir.path(), &NoProgress).await.unwrap();
        let mut found = board.asked();
        found.sort_unstable();
        assert_eq!(found, asked, "{path}");
        assert!(std::fs::read(dir.path().join(path)).unwrap() == files.0[path], "{path}");
    }
    // Shorter versions are left, if they are that.
    let versions = ["tile/0/000.p/9", "tile/entries/000.p/2", "tile/0/000.p/8", "tile/entries/000.p/3"];
    let beginnings = [files.0["tile/0/000"][..9 * 32].to_vec(), b"\0\x010\0\x011".to_vec()];
    let spoiled = [vec![7; 8 * 32], b"\0\x010\0\x011\0\x013".to_vec()];
    for (path, bytes) in versions.iter().zip(beginnings.iter().chain(&spoiled)) {
        std::fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(path), bytes).unwrap();
    }
    download_to(&client(&board), &note, dir.path(), &NoProgress).await.unwrap();
    assert_eq!(versions.map(|path| dir.path().join(path).exists()), [true, true, false, false]);
    assert!(board.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_whose_own_files_are_damaged_is_asked_once_and_judged_by_the_verification() {
    let record = record(finished());
    let (mut files, dir) = (record.files().unwrap(), tempfile::tempdir().unwrap());
    let note = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let tile = format!("tile/0/000.p/{}", record.log.len());
    files.0.get_mut(&tile).unwrap()[0] ^= 1;
    write_folder(&files, dir.path()).unwrap();
    let board = Board::serve(files);
    download_to(&client(&board), &note, dir.path(), &NoProgress).await.unwrap();
    assert_eq!(board.asked(), [tile]);
    assert_eq!(check(&Folder::new(dir.path())).failed(), ["V6"]);
}

#[tokio::test]
async fn a_larger_log_that_does_not_begin_with_the_kept_copy_is_not_mixed_with_it() {
    let mut record = record(voted());
    let (kept, dir) = (beginning(&mut record, 30), tempfile::tempdir().unwrap());
    write_folder(&kept, dir.path()).unwrap();
    let paths = || Folder::new(dir.path()).paths().unwrap();
    let before = paths();
    record.log.swap(24, 25);
    let forked = record.files().unwrap();
    let note = String::from_utf8(forked.0["checkpoint"].clone()).unwrap();
    let refused = download_to(&client(&Board::serve(forked)), &note, dir.path(), &NoProgress).await;
    assert!(matches!(refused, Err(DownloadError::NotExtended { kept: 30, .. })), "{refused:?}");
    assert_eq!(paths(), before);
    // A checkpoint that a disk has spoiled is the folder's fault, not the board's.
    std::fs::write(dir.path().join("checkpoint"), "?").unwrap();
    record.log.swap(24, 25);
    let honest = record.files().unwrap();
    let note = String::from_utf8(honest.0["checkpoint"].clone()).unwrap();
    let refused = download_to(&client(&Board::serve(honest)), &note, dir.path(), &NoProgress).await;
    assert!(matches!(refused, Err(DownloadError::Kept(_))), "{refused:?}");
}
