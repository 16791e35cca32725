//! A board under load and with a failing store: nothing that was acknowledged is lost, nothing else is acknowledged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Faults, Running, Setup, TestBoard, now_ms, receipt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use veritally_board::election::Limits;
use veritally_board::http::server::ServerLimits;
use veritally_board_api::answers::Service;
use veritally_board_api::{ClientError, ProblemKind, Submitted};
use veritally_crypto::hash::Hash;

fn kind(error: &ClientError) -> ProblemKind {
    error.problem().unwrap_or_else(|| panic!("{error}")).kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_fails_leaves_nothing_acknowledged_and_the_board_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 20, now_ms()).await;
    let ballots: Vec<_> = (0..20).map(|voter| running.ballot(voter, "a").bytes().to_vec()).collect();
    let before = running.board.status().await.unwrap();
    test.faults.fail_before.store(1, Ordering::SeqCst);
    test.faults.fail_head.store(1, Ordering::SeqCst);
    let error = running.board.submit_ballot(ballots[0].clone()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    assert!(error.problem().unwrap().retry_after_s.is_some());
    let status = running.board.status().await.unwrap();
    assert_eq!((status.head, status.counts), (before.head, before.counts));
    assert_eq!(status.service, Service::Unavailable);
    // The first attempt to recover fails, too.
    let error = running.board.submit_ballot(ballots[1].clone()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    // What the state without a store refused is not refused for good: clients come back, and are judged again.
    let patient = test.client.clone().with_patience(Duration::from_secs(20)).election(running.board.id().clone());
    for ballot in &ballots {
        let (_, new) = receipt(patient.submit_ballot(ballot.clone()).await.unwrap());
        assert!(new);
    }
    let status = running.board.status().await.unwrap();
    assert_eq!((status.counts.ballots_cast, status.service), (20, Service::Serving));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_success_was_not_told_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(0, "a");
    test.faults.fail_after.store(1, Ordering::SeqCst);
    let error = running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    let (text, new) = receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    assert!(!new, "it was stored after all");
    running.verify(&ballot, &text);
    let next = running.ballot(0, "b");
    receipt(running.board.submit_ballot(next.bytes().to_vec()).await.unwrap());
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 2);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_lost_its_log_to_another_stops_writing_and_goes_on_reading() {
    let directory = tempfile::tempdir().unwrap();
    let first = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&first.client, 3, now_ms()).await;
    let (one, two) = (running.ballot(0, "a"), running.ballot(1, "b"));
    // A second process on the same database takes over.
    let second = TestBoard::start(directory.path(), Setup::default()).await;
    let error = running.board.submit_ballot(one.bytes().to_vec()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::Stopped);
    assert_eq!(running.board.status().await.unwrap().service, Service::Stopped);
    let there = second.client.election(running.board.id().clone());
    receipt(there.submit_ballot(one.bytes().to_vec()).await.unwrap());
    assert_eq!(kind(&running.board.submit_ballot(two.bytes().to_vec()).await.unwrap_err()), ProblemKind::Stopped);
    receipt(there.submit_ballot(two.bytes().to_vec()).await.unwrap());
    assert_eq!(there.status().await.unwrap().counts.ballots_cast, 2);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_back_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { queue_entries: 2, batch_entries: 2, ..Limits::default() };
    let faults = Faults { gate: Some(Semaphore::new(100)), ..Faults::default() };
    let test = TestBoard::start(directory.path(), Setup { limits, faults, ..Setup::default() }).await;
    let mut running = Running::open(&test.client, 40, now_ms()).await;
    let ballots: Vec<_> = (0..40).map(|voter| running.ballot(voter, "a").bytes().to_vec()).collect();
    let gate = test.faults.gate.as_ref().unwrap();
    gate.forget_permits(usize::MAX >> 4);
    let sent = ballots.iter().map(|ballot| running.board.submit_ballot(ballot.clone()));
    let opener = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        gate.add_permits(1_000);
    };
    let (outcomes, ()) = futures_util::future::join(futures_util::future::join_all(sent), opener).await;
    let mut accepted = 0;
    for outcome in &outcomes {
        match outcome {
            Ok(submitted) => {
                assert!(matches!(submitted, Submitted::Receipt { new: true, .. }));
                accepted += 1;
            }
            Err(error) => {
                assert_eq!(kind(error), ProblemKind::QueueFull);
                assert_eq!(error.problem().unwrap().retry_after_s, Some(1));
            }
        }
    }
    assert!((1..40).contains(&accepted), "{accepted}");
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, accepted);
    // A patient client gets through by itself.
    let patient = test.client.clone().with_patience(Duration::from_secs(20)).election(running.board.id().clone());
    for outcome in futures_util::future::join_all(ballots.iter().map(|b| patient.submit_ballot(b.clone()))).await {
        receipt(outcome.unwrap());
    }
    assert_eq!(running.board.status().await.unwrap().counts.ballots_cast, 40);
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_long_is_no_promise_and_the_same_bytes_get_their_receipt_later() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { answer_timeout: Duration::from_millis(300), ..Limits::default() };
    let faults = Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() };
    let test = TestBoard::start(directory.path(), Setup { limits, faults, ..Setup::default() }).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let ballot = running.ballot(0, "a");
    let gate = test.faults.gate.as_ref().unwrap();
    gate.forget_permits(usize::MAX >> 4);
    // Whether this append will ever be committed nobody knows.
    let error = running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    let hash = Hash::of(ballot.bytes()).to_string();
    assert_eq!(running.board.receipt(&hash).await.unwrap(), None);
    gate.add_permits(1_000);
    let patient = test.client.clone().with_patience(Duration::from_secs(20)).election(running.board.id().clone());
    let (text, _) = receipt(patient.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    running.verify(&ballot, &text);
    assert_eq!(running.board.receipt(&hash).await.unwrap(), Some(text));
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_what_it_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() };
    let test = TestBoard::start(directory.path(), Setup { faults, ..Setup::default() }).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    let mut events = running.board.events(None);
    events.next().await.unwrap();
    let ballot = running.ballot(0, "a").bytes().to_vec();
    let gate = test.faults.clone();
    gate.gate.as_ref().unwrap().forget_permits(usize::MAX >> 4);
    let board = running.board.clone();
    let casting = tokio::spawn(async move { board.submit_ballot(ballot).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = tokio::spawn(test.stop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!stopping.is_finished());
    gate.gate.as_ref().unwrap().add_permits(1_000);
    receipt(casting.await.unwrap().unwrap());
    tokio::time::timeout(Duration::from_secs(5), stopping).await.expect("streams end, too").unwrap();
}

#[tokio::test]
async fn half_sent_headers_and_idle_connections_are_dropped_and_casting_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = ServerLimits { connections: 8, header_timeout: Duration::from_millis(400), ..ServerLimits::default() };
    let test = TestBoard::start(directory.path(), Setup { server, ..Setup::default() }).await;
    let mut slow = Vec::new();
    for i in 0..20 {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        if i % 2 == 0 {
            stream.write_all(b"POST /e/sample/ballots HTTP/1.1\r\nHost: x\r\nX-Half").await.unwrap();
        }
        slow.push(stream);
    }
    // All places are taken; they become free by themselves.
    let info = tokio::time::timeout(Duration::from_secs(5), test.client.board_info()).await.unwrap();
    info.unwrap();
    let mut rest = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), slow[0].read_to_end(&mut rest)).await;
    assert!(end.is_ok(), "the server closed the connection");
    test.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut stream = TcpStream::connect(test.address).await.unwrap();
    stream.write_all(b"GET /elections HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    for i in 0..2_000 {
        if stream.write_all(format!("X-Header-{i}: {}\r\n", "x".repeat(100)).as_bytes()).await.is_err() {
            break;
        }
    }
    // A reset is as good as an answer.
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("refused");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    test.client.board_info().await.unwrap();
    test.stop().await;
}
