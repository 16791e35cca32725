//! Who is admitted, beside whom, and when: bad proofs among good ones, rubbish in others' names, the last minute.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{BOARDS_ADMINISTRATOR, Faults, ManualClock, Running, Setup, TestBoard, altered, now_ms, receipt};
use tokio::sync::Semaphore;
use veritally_board_api::client::Event;
use veritally_board_api::{ClientError, ProblemKind, Submitted};
use veritally_crypto::log::Receipt;
use veritally_crypto::manifest::{Administrator, Manifest};
use veritally_crypto::record::Phase;
use veritally_crypto::signature::SigningSecret;

fn kind(error: &ClientError) -> ProblemKind {
    error.problem().unwrap_or_else(|| panic!("{error}")).kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_ballots_in_one_batch_the_bad_one_is_refused_by_name_and_the_others_are_in() {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() };
    let test = TestBoard::start(directory.path(), Setup { faults, ..Setup::default() }).await;
    let mut running = Running::open(&test.client, 43, now_ms()).await;
    let ballots: Vec<_> = (0..43).map(|voter| running.ballot(voter, "a")).collect();
    let gate = test.faults.gate.as_ref().unwrap();
    gate.forget_permits(usize::MAX >> 4);
    // One is being committed, one waits for that, one was checked: the rest meet in the queue.
    let send = |bytes: Vec<u8>| {
        let board = running.board.clone();
        tokio::spawn(async move { board.submit_ballot(bytes).await })
    };
    let mut first = Vec::new();
    for ballot in &ballots[..3] {
        first.push(send(ballot.bytes().to_vec()));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let sent = |i: usize| if i == 20 { altered(&ballots[i]) } else { ballots[i].bytes().to_vec() };
    let rest: Vec<_> = (3..43).map(|i| (i, send(sent(i)))).collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    gate.add_permits(1_000);
    for task in first {
        receipt(task.await.unwrap().unwrap());
    }
    let mut sizes = std::collections::BTreeSet::new();
    let log = &running.sample.state.manifest().log;
    for (i, task) in rest {
        let outcome = task.await.unwrap();
        if i == 20 {
            let error = outcome.unwrap_err();
            assert_eq!(kind(&error), ProblemKind::BallotInvalid);
            assert_eq!(error.problem().unwrap().code.as_deref(), Some("ballot-proof"));
        } else {
            let (text, _) = receipt(outcome.unwrap());
            let verified = Receipt::parse(&text).unwrap().verify(ballots[i].bytes(), &log.origin, &log.key);
            sizes.insert(verified.unwrap().1.tree_size);
        }
    }
    assert_eq!(sizes.len(), 1, "they were committed together: {sizes:?}");
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 42);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lonely_ballot_does_not_wait_for_others() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 5, now_ms()).await;
    let mut fastest = Duration::MAX;
    for voter in 0..5 {
        let ballot = running.ballot(voter, "a").bytes().to_vec();
        let start = Instant::now();
        receipt(running.board.submit_ballot(ballot).await.unwrap());
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_in_a_voters_name_is_put_off_and_the_voter_and_all_others_get_through() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballots: Vec<_> = (0..3).map(|voter| running.ballot(voter, "a")).collect();
    let rubbish = altered(&ballots[0]);
    let error = running.board.submit_ballot(rubbish.clone()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::BallotInvalid);
    let (_, new) = receipt(running.board.submit_ballot(ballots[0].bytes().to_vec()).await.unwrap());
    assert!(new, "a suspect's good ballot is admitted");
    // Now for a voter who has not voted: the quota of one address is used up.
    let rubbish = altered(&ballots[1]);
    let mut kinds = Vec::new();
    for _ in 0..10 {
        let error = running.board.submit_ballot(rubbish.clone()).await.unwrap_err();
        if kind(&error) == ProblemKind::InvalidBallots {
            assert!((1..=6).contains(&error.problem().unwrap().retry_after_s.unwrap()));
        }
        kinds.push(kind(&error));
    }
    assert!(kinds.iter().filter(|k| **k == ProblemKind::BallotInvalid).count() <= 5, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&ProblemKind::InvalidBallots));
    // A patient voter behind the same address gets through, and so does another.
    let patient = test.client.clone().with_patience(Duration::from_secs(30)).election(running.board.id().clone());
    for ballot in &ballots[1..] {
        receipt(patient.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    assert_eq!(running.board.status().await.unwrap().counts.ballots_counted, 3);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_in_time_that_was_put_off_is_admitted_within_the_grace_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let test = TestBoard::start(directory.path(), Setup { clock: clock.clone(), ..Setup::default() }).await;
    let mut running = Running::open(&test.client, 3, clock.0.load(Ordering::SeqCst)).await;
    let ballots: Vec<_> = (0..3).map(|voter| running.ballot(voter, "a").bytes().to_vec()).collect();
    let ends = running.sample.state.closes_at_ms();
    clock.0.store(ends - 1, Ordering::SeqCst);
    for ballot in &ballots[..2] {
        test.faults.fail_before.store(1, Ordering::SeqCst);
        let error = running.board.submit_ballot(ballot.clone()).await.unwrap_err();
        assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    }
    clock.0.store(ends + 59_999, Ordering::SeqCst);
    let late = running.board.submit_ballot(ballots[2].clone()).await.unwrap_err();
    let late = if kind(&late) == ProblemKind::StoreUnavailable {
        // The store's second failure is followed by a pause.
        tokio::time::sleep(Duration::from_secs(3)).await;
        running.board.submit_ballot(ballots[2].clone()).await.unwrap_err()
    } else {
        late
    };
    assert_eq!(kind(&late), ProblemKind::VotingEnded);
    receipt(running.board.submit_ballot(ballots[0].clone()).await.unwrap());
    clock.0.store(ends + 60_000, Ordering::SeqCst);
    let error = running.board.submit_ballot(ballots[1].clone()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::VotingEnded, "the grace is over");
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 1);
    test.stop().await;
}

/// Lets the board open and close by its clock.
fn let_the_board(manifest: &mut Manifest) {
    let key = SigningSecret::from_seed(&BOARDS_ADMINISTRATOR).verification_key();
    manifest.administrators.push(Administrator { held_by_board: true, key, name: "board".into() });
}

async fn wait_for(running: &Running, phase: Phase) -> bool {
    for _ in 0..50 {
        if running.board.status().await.unwrap().phase == phase {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_may_opens_and_closes_by_its_clock_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let start = clock.0.load(Ordering::SeqCst);
    let setup = || Setup { clock: clock.clone(), ..Setup::default() };
    let test = TestBoard::start(directory.path(), setup()).await;
    assert!(test.client.board_info().await.unwrap().administrator_key.is_some());
    let later = |manifest: &mut Manifest| {
        manifest.schedule.opens_at_ms = start + 10_000;
        let_the_board(manifest);
    };
    let mut running = Running::set_up(&test.client, 3, start, later).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Setup, "not before the time");
    clock.0.store(start + 10_000, Ordering::SeqCst);
    assert!(wait_for(&running, Phase::Open).await);
    running.sample.time_ms = start + 10_000;
    running.sample.open().unwrap();
    let ends = running.sample.state.closes_at_ms();
    clock.0.store(ends - 1, Ordering::SeqCst);
    // The opening that was logged is the board's, and gives the same keys.
    let ballot = running.ballot(0, "a").bytes().to_vec();
    receipt(running.board.submit_ballot(ballot).await.unwrap());
    clock.0.store(ends + 59_000, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Open, "the grace is not over");
    test.stop().await;
    clock.0.store(ends + 3_600_000, Ordering::SeqCst);
    let test = TestBoard::start(directory.path(), setup()).await;
    running.board = test.client.election(running.board.id().clone());
    assert!(wait_for(&running, Phase::Closed).await);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_holds_no_listed_key_neither_opens_nor_closes() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let start = clock.0.load(Ordering::SeqCst);
    let test = TestBoard::start(directory.path(), Setup { clock: clock.clone(), ..Setup::default() }).await;
    let not_held = |manifest: &mut Manifest| {
        let_the_board(manifest);
        manifest.administrators[1].held_by_board = false;
    };
    let mut running = Running::set_up(&test.client, 3, start, not_held).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Setup);
    running.sample.open().unwrap();
    running.post(running.sample.entries.last().unwrap().clone()).await;
    clock.0.store(start + 100 * 3_600_000, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Open);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_carry_the_signed_checkpoint_of_the_head_that_they_tell() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 1, now_ms()).await;
    let mut events = running.board.events(None);
    let ballot = running.ballot(0, "a").bytes().to_vec();
    assert!(matches!(running.board.submit_ballot(ballot).await.unwrap(), Submitted::Receipt { .. }));
    let log = &running.sample.state.manifest().log;
    loop {
        let Event::Status(status) = events.next().await.unwrap() else { continue };
        let text = &status.checkpoint;
        let signed = veritally_crypto::log::SignedCheckpoint::parse(text, &log.origin, &log.key).unwrap();
        assert_eq!(signed.checkpoint().head(), status.head);
        if status.counts.ballots_cast == 1 {
            break;
        }
    }
    test.stop().await;
}
