//! A board in this process, over real HTTP: whole elections, refusals, events, the record as files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{ManualClock, Running, Setup, TOKEN, TestBoard, now_ms, receipt, sample_for, settled};
use veritally_board::admin::{self, Target};
use veritally_board::folder::{Folder, Source};
use veritally_board_api::client::Event;
use veritally_board_api::{Client, ClientError, ProblemKind};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Extension, ExtensionTag, Leaf};
use veritally_crypto::record::Phase;
use veritally_crypto::sample::choose;
use veritally_crypto::signature::SigningSecret;
use veritally_crypto::tally::EncryptedTally;

fn kind(error: &ClientError) -> ProblemKind {
    error.problem().unwrap_or_else(|| panic!("{error}")).kind()
}

fn code(error: &ClientError) -> &str {
    error.problem().and_then(|p| p.code.as_deref()).unwrap_or_else(|| panic!("{error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_election_runs_from_manifest_to_result_over_http() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 6, now_ms()).await;
    for (voter, choice) in ["a", "b", "b", "c", "b", "a"].into_iter().enumerate() {
        let ballot = running.ballot(voter, choice);
        let (text, new) = receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
        assert!(new);
        running.verify(&ballot, &text);
    }
    let second = running.ballot(0, "e");
    receipt(running.board.submit_ballot(second.bytes().to_vec()).await.unwrap());
    let status = running.board.status().await.unwrap();
    assert_eq!((status.phase, status.counts.ballots_cast, status.counts.ballots_counted), (Phase::Open, 7, 6));

    let link = format!("http://{}/e/sample?fp={}", test.address, running.sample.fingerprint());
    let target = Target::find(&link, None, None).await.unwrap();
    assert!(target.compared);
    let key = SigningSecret::from_seed(&running.sample.administrator.expose_seed());
    assert!(admin::close(&target, &key, false).await.unwrap_err().to_string().contains("--early"));
    assert!(admin::publish(&target, &key, &|_, _| {}).await.is_err());
    admin::close(&target, &key, true).await.unwrap();

    // The trustees replay the board's record: their head is the board's.
    let folder = Folder::at(directory.path().join("record"));
    folder.export(&Source::Board(&running.board), &|_, _| {}).await.unwrap();
    running.sample.state = folder.replay(&|_, _| {}).unwrap().state;
    running.sample.time_ms = now_ms();
    for trustee in [0, 2] {
        running.sample.agree(trustee).unwrap();
        running.post(running.sample.entries.last().unwrap().clone()).await;
    }
    for trustee in [2, 0] {
        let before = running.sample.entries.len();
        running.sample.share(trustee, &mut running.rng).unwrap();
        for entry in running.sample.entries.split_off(before) {
            running.post(entry).await;
        }
    }
    admin::publish(&target, &key, &|_, _| {}).await.unwrap();
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Published);
    folder.export(&Source::Board(&running.board), &|_, _| {}).await.unwrap();
    let state = folder.replay(&|_, _| {}).unwrap().state;
    assert_eq!(state.decrypted().unwrap()[0].cells[0].counts, [1, 3, 1, 0, 1]);
    test.stop().await;
}

#[tokio::test]
async fn the_same_ballot_sent_twice_gets_the_same_receipt() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(0, "a");
    let bytes = ballot.bytes().to_vec();
    let send = || running.board.submit_ballot(bytes.clone());
    // At the same time, so that they meet in one batch or in two.
    let together = futures_util::future::join_all((0..8).map(|_| send())).await;
    let together: Vec<_> = together.into_iter().map(|s| receipt(s.unwrap())).collect();
    assert_eq!(together.iter().filter(|(_, new)| *new).count(), 1);
    let index = running.verify(&ballot, &together[0].0);
    let later = running.ballot(0, "b");
    receipt(running.board.submit_ballot(later.bytes().to_vec()).await.unwrap());
    let again = receipt(running.board.submit_ballot(bytes.clone()).await.unwrap());
    assert!(!again.1);
    assert!(together.iter().all(|(text, _)| *text == again.0), "one receipt, whenever it is asked for");
    assert_eq!(running.verify(&ballot, &again.0), index);
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 2);
    test.stop().await;
}

#[tokio::test]
async fn receipts_are_found_by_code_and_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(1, "c");
    let (text, _) = receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    let code = ballot.confirmation_code(&running.sample.fingerprint());
    let before = running.board.status().await.unwrap();
    test.stop().await;

    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let board = test.client.election(running.board.id().clone());
    for spelling in [code.to_string(), code.short(), code.0.to_string(), Hash::of(ballot.bytes()).to_string()] {
        assert_eq!(board.receipt(&spelling).await.unwrap().as_deref(), Some(text.as_str()), "{spelling}");
    }
    assert_eq!(board.receipt(&Hash::ZERO.to_string()).await.unwrap(), None);
    assert_eq!(kind(&board.receipt("nonsense").await.unwrap_err()), ProblemKind::BadRequest);
    let after = board.status().await.unwrap();
    assert_eq!((after.counts, after.phase), (before.counts, before.phase));
    assert!(after.head.tree_size >= before.head.tree_size);
    assert_eq!(
        board.submit_ballot(ballot.bytes().to_vec()).await.unwrap(),
        veritally_board_api::Submitted::Receipt { text, new: false }
    );
    test.stop().await;
}

#[tokio::test]
async fn bad_ballots_are_refused_by_name_and_good_ones_beside_them_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 40, now_ms()).await;
    let ballots: Vec<_> = (0..40).map(|voter| running.ballot(voter, "a").bytes().to_vec()).collect();
    let altered = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let Leaf::Ballot(leaf) = Leaf::parse(bytes).unwrap() else { panic!() };
        text.replace(&leaf.z_1.to_string(), &leaf.z_2.to_string()).into_bytes()
    };
    let sent = (0..40).map(|i| {
        let bytes = if i % 10 == 3 { altered(&ballots[i]) } else { ballots[i].clone() };
        running.board.submit_ballot(bytes)
    });
    for (i, outcome) in futures_util::future::join_all(sent).await.into_iter().enumerate() {
        if i % 10 == 3 {
            let error = outcome.unwrap_err();
            assert_eq!((kind(&error), code(&error)), (ProblemKind::BallotInvalid, "ballot-proof"));
        } else {
            receipt(outcome.unwrap());
        }
    }
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 36);
    test.stop().await;
}

#[tokio::test]
async fn what_is_no_entry_is_refused_and_nothing_is_appended() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(0, "a").bytes().to_vec();
    let size = running.board.status().await.unwrap().head.tree_size;
    let mut spaced = ballot.clone();
    spaced.insert(1, b' ');
    for (body, expected) in [
        (vec![b'x'; 65_536], ProblemKind::TooLarge),
        (vec![b'x'; 10_000_000], ProblemKind::TooLarge),
        (vec![], ProblemKind::NotCanonical),
        (b"{}".to_vec(), ProblemKind::NotCanonical),
        (spaced, ProblemKind::NotCanonical),
        (running.sample.entries[1].clone(), ProblemKind::NotCanonical),
        (b"[".repeat(60_000), ProblemKind::NotCanonical),
    ] {
        match running.board.submit_ballot(body).await.unwrap_err() {
            // A client that still sends when the answer comes may see the connection close first.
            ClientError::Unreachable { .. } if expected == ProblemKind::TooLarge => {}
            error => assert_eq!(kind(&error), expected),
        }
    }
    assert_eq!(kind(&running.board.submit_entry(ballot.clone()).await.unwrap_err()), ProblemKind::NotCanonical);
    let head = running.sample.state.tally_head(now_ms());
    let head = veritally_crypto::canonical::to_bytes(&head).unwrap();
    assert_eq!(code(&running.board.submit_entry(head).await.unwrap_err()), "tally-head");
    let stranger = SigningSecret::from_seed(&[1; 32]);
    let extension = Extension {
        administrator: 1,
        closes_at_ms: now_ms() + 9_000_000,
        signature: None,
        time_ms: now_ms(),
        tag: ExtensionTag,
    };
    let fingerprint = running.sample.fingerprint();
    let forged = veritally_crypto::signature::sign(extension, &fingerprint, &stranger).unwrap();
    let forged = veritally_crypto::canonical::to_bytes(&forged).unwrap();
    assert_eq!(code(&running.board.submit_entry(forged).await.unwrap_err()), "signature");
    assert_eq!(running.board.status().await.unwrap().head.tree_size, size);
    receipt(running.board.submit_ballot(ballot).await.unwrap());
    test.stop().await;
}

#[tokio::test]
async fn replayed_and_reordered_ballots_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let (first, second) = (running.ballot(0, "a"), running.ballot(0, "b"));
    let early = running.board.submit_ballot(second.bytes().to_vec()).await.unwrap_err();
    assert_eq!((kind(&early), code(&early)), (ProblemKind::Rejected, "ballot-counter"));
    receipt(running.board.submit_ballot(first.bytes().to_vec()).await.unwrap());
    receipt(running.board.submit_ballot(second.bytes().to_vec()).await.unwrap());
    let mut other = sample_for(&test.client.board_info().await.unwrap(), now_ms(), 9);
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(5);
    other.ceremony(&mut rng).unwrap();
    other.roll(&[("all", "all", 1)], &mut rng).unwrap();
    other.open().unwrap();
    let foreign = other.ballot(0, &choose("chair", &["a"], false).unwrap(), &mut rng).unwrap();
    let error = running.board.submit_ballot(foreign.bytes().to_vec()).await.unwrap_err();
    assert_eq!(code(&error), "unknown-credential");
    test.stop().await;
}

#[tokio::test]
async fn ballots_after_the_end_and_entries_of_another_time_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let test = TestBoard::start(directory.path(), Setup { clock: clock.clone(), ..Setup::default() }).await;
    let start = clock.0.load(Ordering::SeqCst);
    let mut running = Running::open(&test.client, 3, start).await;
    let (first, second) = (running.ballot(0, "a"), running.ballot(1, "b"));
    receipt(running.board.submit_ballot(first.bytes().to_vec()).await.unwrap());
    clock.0.store(running.sample.state.closes_at_ms(), Ordering::SeqCst);
    let late = running.board.submit_ballot(second.bytes().to_vec()).await.unwrap_err();
    assert_eq!(kind(&late), ProblemKind::VotingEnded);
    let (_, new) = receipt(running.board.submit_ballot(first.bytes().to_vec()).await.unwrap());
    assert!(!new, "the receipt of a ballot that came in time is still given");

    let key = SigningSecret::from_seed(&running.sample.administrator.expose_seed());
    let extension = |time_ms| {
        let extension = Extension {
            administrator: 1,
            closes_at_ms: start + 7_200_000,
            signature: None,
            time_ms,
            tag: ExtensionTag,
        };
        let signed = veritally_crypto::signature::sign(extension, &running.sample.fingerprint(), &key).unwrap();
        veritally_crypto::canonical::to_bytes(&signed).unwrap()
    };
    let old = running.board.submit_entry(extension(start)).await.unwrap_err();
    assert_eq!(kind(&old), ProblemKind::ClockSkew);
    receipt(running.board.submit_entry(extension(start + 3_600_000)).await.unwrap());
    receipt(running.board.submit_ballot(second.bytes().to_vec()).await.unwrap());
    test.stop().await;
}

#[tokio::test]
async fn elections_are_created_by_the_operator_for_this_board_only() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let info = test.client.board_info().await.unwrap();
    let leaf = sample_for(&info, now_ms(), 1).entries[0].clone();
    for token in ["", "wrong", "a-token-that-nobody-guesse", "a-token-that-nobody-guesses!"] {
        assert_eq!(
            kind(&test.client.create_election(leaf.clone(), token).await.unwrap_err()),
            ProblemKind::Unauthorized
        );
    }
    let mut elsewhere = info.clone();
    elsewhere.origin_prefix = "other.example".into();
    let foreign = sample_for(&elsewhere, now_ms(), 1).entries[0].clone();
    assert_eq!(kind(&test.client.create_election(foreign, TOKEN).await.unwrap_err()), ProblemKind::ManifestRefused);
    let mut other_key = info.clone();
    other_key.log_key = SigningSecret::from_seed(&[3; 32]).verification_key();
    let foreign = sample_for(&other_key, now_ms(), 1).entries[0].clone();
    assert_eq!(kind(&test.client.create_election(foreign, TOKEN).await.unwrap_err()), ProblemKind::ManifestRefused);
    let garbage = test.client.create_election(b"{}".to_vec(), TOKEN).await.unwrap_err();
    assert_eq!(kind(&garbage), ProblemKind::ManifestRefused);

    assert!(test.client.elections().await.unwrap().is_empty());
    let summary = test.client.create_election(leaf.clone(), TOKEN).await.unwrap();
    assert_eq!(summary.fingerprint, Hash::of(&leaf));
    assert_eq!(test.client.create_election(leaf.clone(), TOKEN).await.unwrap(), summary);
    let another = sample_for(&info, now_ms() + 1, 2).entries[0].clone();
    assert_eq!(kind(&test.client.create_election(another, TOKEN).await.unwrap_err()), ProblemKind::ElectionExists);
    assert_eq!(test.client.elections().await.unwrap(), [summary]);
    let board = test.client.election("sample".parse().unwrap());
    assert_eq!(board.manifest_bytes().await.unwrap(), leaf);
    assert!(matches!(board.manifest(Some(&Hash::ZERO)).await, Err(ClientError::Fingerprint { .. })));
    test.stop().await;
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let running = Running::open(&test.client, 3, now_ms()).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let base = format!("http://{}", test.address);
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/e/nobody/status", 404),
        ("GET", "/e/NoId/status", 404),
        ("GET", "/e/sample/status/x", 404),
        ("DELETE", "/e/sample/status", 405),
        ("DELETE", "/e/sample/ballots", 405),
        ("POST", "/e/sample/checkpoint", 405),
        ("PUT", "/elections", 405),
        ("GET", "/e/sample/tile/0/001", 404),
        ("GET", "/e/sample/tile/0/000.p/255", 404),
        ("GET", "/e/sample/tile/../checkpoint", 200),
        ("GET", "/e/sample/tile/8/0/000", 404),
        ("HEAD", "/e/sample/checkpoint", 200),
        ("GET", "/e/sample/tile/entries/000.p/3", 200),
    ] {
        let request = http.request(method.parse().unwrap(), format!("{base}{path}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        if status >= 400 {
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let problem: veritally_board_api::Problem = response.json().await.unwrap();
            assert_ne!(problem.kind(), ProblemKind::Other);
        }
    }
    drop(running);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_counts_and_a_tally_that_its_logged_head_commits_to() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let mut events = running.board.events(None);
    let Event::Status(status) = events.next().await.unwrap() else { panic!("a status comes first") };
    assert_eq!(status.counts.ballots_cast, 0);
    let ballot = running.ballot(0, "a");
    receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    let tally = loop {
        if let Event::Tally(tally) = events.next().await.unwrap() {
            break tally;
        }
    };
    assert_eq!(tally.head.ballots, 1);
    assert_eq!(EncryptedTally::digest_of(&tally.sums), tally.head.digest);
    let Event::Status(status) = events.next().await.unwrap() else { panic!("and the status with it") };
    assert_eq!(status.counts.ballots_cast, 1);
    let bundle = running.board.tile("tile/entries/000.p/1".parse().unwrap()).await.unwrap();
    assert!(!bundle.is_empty());

    // Resuming at the present size: nothing to tell, until something happens.
    let size = running.board.status().await.unwrap().head.tree_size;
    let mut resumed = running.board.events(Some(size));
    assert!(tokio::time::timeout(Duration::from_millis(1_500), resumed.next()).await.is_err());
    let ballot = running.ballot(1, "b");
    receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    let next = tokio::time::timeout(Duration::from_secs(5), resumed.next()).await.unwrap().unwrap();
    assert!(matches!(next, Event::Status(_) | Event::Tally(_)));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_ballots_get_their_tally_head_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    for voter in 0..3 {
        let ballot = running.ballot(voter, "a");
        receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    settled(&running.board).await;
    let folder = Folder::at(directory.path().join("record"));
    folder.export(&Source::Board(&running.board), &|_, _| {}).await.unwrap();
    let replayed = folder.replay(&|_, _| {}).unwrap();
    assert!(!replayed.state.tally_head_due());
    assert_eq!(replayed.tally.unwrap().head.ballots, 3);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_exported_from_store_and_board_is_the_same_and_an_altered_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 300, now_ms()).await;
    for voter in 0..260 {
        let ballot = running.ballot(voter, "d");
        receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    settled(&running.board).await;
    let (here, there) = (directory.path().join("here"), directory.path().join("there"));
    let election = test.board.election(running.board.id()).unwrap();
    let from_store = Source::Store(election.store(), election.id());
    Folder::at(&here).export(&from_store, &|_, _| {}).await.unwrap();
    Folder::at(&there).export(&Source::Board(&running.board), &|_, _| {}).await.unwrap();
    for file in ["checkpoint", "tile/0/000", "tile/entries/000"] {
        assert_eq!(std::fs::read(here.join(file)).unwrap(), std::fs::read(there.join(file)).unwrap(), "{file}");
    }
    assert_eq!(std::fs::read_dir(here.join("tile/1")).unwrap().count(), 1);
    Folder::at(&there).replay(&|_, _| {}).unwrap();
    let bundle = there.join("tile/entries/000");
    let mut bytes = std::fs::read(&bundle).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    assert!(Folder::at(&there).replay(&|_, _| {}).is_err());
    test.stop().await;
}

#[tokio::test]
async fn a_board_whose_stored_log_was_altered_refuses_to_serve_it() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(0, "a");
    receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    let id = running.board.id().clone();
    test.stop().await;
    let database = rusqlite::Connection::open(directory.path().join("board.db")).unwrap();
    // The opening, exchanged for another valid one, would leave every ballot in place; here, a ballot is exchanged.
    let other = running.ballot(1, "b");
    let changed = database.execute("UPDATE leaves SET entry = ?1 WHERE entry = ?2", (other.bytes(), ballot.bytes()));
    assert_eq!(changed.unwrap(), 1);
    drop(database);
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let error = test.client.election(id).status().await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::Stopped);
    test.stop().await;
}

#[tokio::test]
async fn a_stranger_that_is_no_board_is_named() {
    let client = Client::new("http://127.0.0.1:9").unwrap().with_patience(Duration::ZERO);
    assert!(matches!(client.board_info().await, Err(ClientError::Unreachable { .. })));
    for bad in ["", "board.example", "ftp://board.example", "http://", "http://a/?x=1"] {
        assert!(Client::new(bad).is_err(), "{bad}");
    }
}
