//! Several nodes on one store (specs/many-nodes.md): who sequences, who follows, and what a take-over must not lose. Each
//! node is a board with a store of its own on the same file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Faults, ManualClock, Running, Setup, TestBoard, now_ms, receipt};
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use veritally_board::clock::Clock as _;
use veritally_board::election::{Limits, Sharing};
use veritally_board::store::{Offer, Store};
use veritally_board_api::answers::Service;
use veritally_board_api::{ClientError, ElectionClient, ProblemKind, Submitted};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::record::Phase;

/// Longer than a busy machine may hold up a process that renews its lease.
const TERM: Duration = Duration::from_secs(3);

fn sharing() -> Sharing {
    Sharing { term: TERM, longest_look: Duration::from_millis(100), ..Sharing::new().unwrap() }
}

async fn node(directory: &Path) -> TestBoard {
    node_with(directory, Setup::default()).await
}

async fn node_with(directory: &Path, setup: Setup) -> TestBoard {
    TestBoard::start(directory, Setup { sharing: Some(sharing()), ..setup }).await
}

fn leads(node: &TestBoard, running: &Running) -> bool {
    node.board.election(running.board.id()).unwrap().leads()
}

/// Waits until a node sequences.
async fn until_it_leads(node: &TestBoard, running: &Running) {
    for _ in 0..500 {
        if leads(node, running) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the node never sequences");
}

/// The same election through another node, which has to hear of it.
async fn through(node: &TestBoard, running: &Running) -> ElectionClient {
    node.board.look_for_new().await.unwrap();
    node.client.election(running.board.id().clone())
}

fn kind(error: &ClientError) -> ProblemKind {
    error.problem().unwrap_or_else(|| panic!("{error}")).kind()
}

fn bytes(ballot: &EncryptedBallot) -> Vec<u8> {
    ballot.bytes().to_vec()
}

/// A node that sequences an open election, and one that follows.
async fn two(directory: &Path, setup: Setup, voters: usize) -> (TestBoard, TestBoard, Running, ElectionClient) {
    let clock = Arc::clone(&setup.clock);
    let first = node_with(directory, setup).await;
    let running = Running::open(&first.client, voters, clock.now_ms()).await;
    until_it_leads(&first, &running).await;
    let second = node_with(directory, Setup { clock, ..Setup::default() }).await;
    let there = through(&second, &running).await;
    assert!(!leads(&second, &running));
    (first, second, running, there)
}

/// The same with a clock that both have, to be moved to the end of voting.
async fn two_at_a_time(
    directory: &Path,
    voters: usize,
) -> (TestBoard, TestBoard, Running, ElectionClient, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    let (first, second, running, there) = two(directory, setup, voters).await;
    (first, second, running, there, clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn ballots_sent_to_a_node_that_follows_get_receipts_and_all_nodes_give_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there) = two(directory.path(), Setup::default(), 40).await;
    let ballots: Vec<_> = (0..40).map(|voter| running.ballot(voter, "a")).collect();
    let mut events = there.events(None);
    let sent = ballots.iter().enumerate().map(|(i, ballot)| {
        let board = if i % 2 == 0 { &running.board } else { &there };
        board.submit_ballot(bytes(ballot))
    });
    for (ballot, sent) in ballots.iter().zip(join_all(sent).await) {
        let (text, new) = receipt(sent.unwrap());
        assert!(new);
        running.verify(ballot, &text);
        let code = Hash::of(ballot.bytes()).to_string();
        assert_eq!(there.receipt(&code).await.unwrap().unwrap(), text);
        assert_eq!(running.board.receipt(&code).await.unwrap().unwrap(), text);
    }
    // Both see all of it at once, and a stream of a node that follows tells it.
    for board in [&there, &running.board] {
        assert_eq!(board.status().await.unwrap().counts.ballots_cast, 40);
    }
    while !format!("{:?}", events.next().await.unwrap()).contains("ballots_cast: 40") {}
    assert!(leads(&first, &running) && !leads(&second, &running));
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_sent_through_two_nodes_is_there_once() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there) = two(directory.path(), Setup::default(), 10).await;
    let third = node(directory.path()).await;
    let elsewhere = through(&third, &running).await;
    let ballots: Vec<_> = (0..10).map(|voter| running.ballot(voter, "a")).collect();
    let everywhere = [&running.board, &there, &elsewhere, &there];
    let sent = ballots.iter().flat_map(|ballot| everywhere.map(|board| board.submit_ballot(bytes(ballot))));
    let receipts: Vec<_> = join_all(sent).await.into_iter().map(|sent| receipt(sent.unwrap()).0).collect();
    for (ballot, receipts) in ballots.iter().zip(receipts.chunks(everywhere.len())) {
        let indexes: Vec<_> = receipts.iter().map(|text| running.verify(ballot, text)).collect();
        assert!(indexes.iter().all(|index| *index == indexes[0]), "{indexes:?}");
    }
    assert_eq!(elsewhere.status().await.unwrap().counts.ballots_cast, 10);
    // And once more, when all is done.
    let (_, new) = receipt(there.submit_ballot(bytes(&ballots[3])).await.unwrap());
    assert!(!new);
    for node in [third, second, first] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_follows_refuses_by_the_newest_state() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there, clock) = two_at_a_time(directory.path(), 3).await;
    let (old, new) = (running.ballot(0, "a"), running.ballot(0, "b"));
    // The second ballot of a voter is good only after the first, which the other node got a moment ago.
    receipt(running.board.submit_ballot(bytes(&old)).await.unwrap());
    let patient = second.client.clone().with_patience(Duration::from_secs(10)).election(running.board.id().clone());
    receipt(patient.submit_ballot(bytes(&new)).await.unwrap());
    let late = running.ballot(1, "a");
    clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    running.sample.close().unwrap();
    running.post(running.sample.entries.last().unwrap().clone()).await;
    let error = there.submit_ballot(bytes(&late)).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::Rejected);
    assert_eq!(there.status().await.unwrap().phase, Phase::Closed);
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_officials_go_through_a_node_that_follows_and_refusals_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there, clock) = two_at_a_time(directory.path(), 3).await;
    let ballot = running.ballot(0, "a");
    receipt(there.submit_ballot(bytes(&ballot)).await.unwrap());
    // The roll again, changed: the sequencing node refuses it, through the inbox.
    let roll = String::from_utf8(running.sample.entries[running.sample.entries.len() - 3].clone()).unwrap();
    let error = there.submit_entry(roll.replacen('1', "2", 1).into_bytes()).await.unwrap_err();
    assert!(!kind(&error).is_transient(), "{error}");
    let opening = running.sample.entries.iter().find(|e| e.windows(8).any(|w| w == b"opening/")).unwrap().clone();
    let (_, new) = receipt(there.submit_entry(opening).await.unwrap());
    assert!(!new);
    clock.0.fetch_add(3_600_000, Ordering::SeqCst);
    running.sample.close().unwrap();
    let closing = running.sample.entries.last().unwrap().clone();
    receipt(there.submit_entry(closing).await.unwrap());
    assert_eq!(running.board.status().await.unwrap().phase, Phase::Closed);
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_orderly_end_another_node_sequences_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there) = two(directory.path(), Setup::default(), 3).await;
    let (one, other) = (running.ballot(0, "a"), running.ballot(1, "b"));
    receipt(running.board.submit_ballot(bytes(&one)).await.unwrap());
    first.stop().await;
    let (text, _) = receipt(there.submit_ballot(bytes(&other)).await.unwrap());
    running.verify(&other, &text);
    assert!(leads(&second, &running));
    let status = there.status().await.unwrap();
    assert_eq!((status.counts.ballots_cast, status.service), (2, Service::Serving));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_sleeps_through_its_lease_is_fenced_and_follows() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup { faults: Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() }, ..Setup::default() };
    let (first, second, mut running, there) = two(directory.path(), setup, 6).await;
    let ballots: Vec<_> = (0..6).map(|voter| running.ballot(voter, "a")).collect();
    // Its append hangs, as in a frozen process.
    first.faults.gate.as_ref().unwrap().forget_permits(usize::MAX >> 4);
    let sleeper = running.board.clone();
    let frozen = [bytes(&ballots[0]), bytes(&ballots[1])];
    let frozen = tokio::spawn(async move { join_all(frozen.map(|ballot| sleeper.submit_ballot(ballot))).await });
    until_it_leads(&second, &running).await;
    for ballot in &ballots[1..3] {
        receipt(there.submit_ballot(bytes(ballot)).await.unwrap());
    }
    // It wakes up: its append is committed never, and nobody was told otherwise.
    first.faults.gate.as_ref().unwrap().add_permits(1_000);
    for (answer, ballot) in frozen.await.unwrap().into_iter().zip(&ballots) {
        match answer {
            Err(error) => assert_eq!(kind(&error), ProblemKind::StoreUnavailable),
            Ok(submitted) => drop(running.verify(ballot, &receipt(submitted).0)),
        }
    }
    let patient = first.client.clone().with_patience(Duration::from_secs(20)).election(running.board.id().clone());
    for ballot in &ballots {
        let (text, _) = receipt(patient.submit_ballot(bytes(ballot)).await.unwrap());
        running.verify(ballot, &text);
    }
    assert!(leads(&second, &running) && !leads(&first, &running));
    let status = patient.status().await.unwrap();
    assert_eq!((status.counts.ballots_cast, status.service), (6, Service::Serving));
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_inbox_of_a_dead_sequencer_is_sequenced_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup { faults: Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() }, ..Setup::default() };
    let (first, second, mut running, there) = two(directory.path(), setup, 4).await;
    let ballots: Vec<_> = (0..4).map(|voter| running.ballot(voter, "a")).collect();
    first.faults.gate.as_ref().unwrap().forget_permits(usize::MAX >> 4);
    let one = running.board.clone();
    let (hanging, dead) = (bytes(&ballots[0]), bytes(&ballots[0]));
    let hanging = tokio::spawn(async move { one.submit_ballot(hanging).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sent = join_all(ballots[1..].iter().map(|ballot| there.submit_ballot(bytes(ballot)))).await;
    for (ballot, sent) in ballots[1..].iter().zip(sent) {
        let (text, new) = receipt(sent.unwrap());
        assert!(new);
        running.verify(ballot, &text);
    }
    assert!(leads(&second, &running));
    receipt(there.submit_ballot(dead).await.unwrap());
    assert_eq!(there.status().await.unwrap().counts.ballots_cast, 4);
    first.faults.gate.as_ref().unwrap().add_permits(1_000);
    let _ = hanging.await.unwrap();
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_commit_makes_the_sequencer_go_on_in_a_new_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let first = node(directory.path()).await;
    let mut running = Running::open(&first.client, 6, now_ms()).await;
    let id = running.board.id().clone();
    let ballots: Vec<_> = (0..6).map(|voter| running.ballot(voter, "a")).collect();
    receipt(running.board.submit_ballot(bytes(&ballots[0])).await.unwrap());
    let store = veritally_board::store::sqlite::SqliteStore::open_to_read(&directory.path().join("board.db")).unwrap();
    let epoch = async || Store::head(&store, &id).await.unwrap().position.epoch;
    let before = epoch().await;
    let patient = first.client.clone().with_patience(Duration::from_secs(20)).election(id.clone());
    for (fault, voters) in [(&first.faults.fail_before, 1..3), (&first.faults.fail_after, 3..5)] {
        fault.store(1, Ordering::SeqCst);
        for ballot in &ballots[voters] {
            let (text, _) = receipt(patient.submit_ballot(bytes(ballot)).await.unwrap());
            running.verify(ballot, &text);
        }
    }
    assert!(epoch().await >= before + 2);
    assert_eq!(patient.status().await.unwrap().counts.ballots_cast, 5);
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_follower_without_a_sequencer_is_told_to_wait_and_gets_its_receipt_later() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup { faults: Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() }, ..Setup::default() };
    let (first, second, mut running, _) = two(directory.path(), setup, 2).await;
    let limits = Limits { answer_timeout: Duration::from_millis(100), ..Limits::default() };
    let third = node_with(directory.path(), Setup { limits, ..Setup::default() }).await;
    let there = through(&third, &running).await;
    second.stop().await;
    let ballot = running.ballot(0, "a");
    first.faults.gate.as_ref().unwrap().forget_permits(usize::MAX >> 4);
    let Submitted::Pending { entry } = there.submit_ballot(bytes(&ballot)).await.unwrap() else { panic!("a receipt") };
    third.stop().await;
    first.faults.gate.as_ref().unwrap().add_permits(1_000);
    let text = loop {
        if let Some(text) = running.board.receipt(&entry.to_string()).await.unwrap() {
            break text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    running.verify(&ballot, &text);
    first.stop().await;
}

/// A setup whose appends wait while the gate is shut.
fn gated(limits: Limits) -> Setup {
    let faults = Faults { gate: Some(Semaphore::new(1_000)), ..Faults::default() };
    Setup { limits, faults, ..Setup::default() }
}

fn shut(node: &TestBoard) {
    node.faults.gate.as_ref().unwrap().forget_permits(usize::MAX >> 4);
}

fn open(node: &TestBoard) {
    node.faults.gate.as_ref().unwrap().add_permits(1_000);
}

/// Short enough for a test, and long enough for a commit.
fn impatient() -> Limits {
    Limits { answer_timeout: Duration::from_millis(700), ..Limits::default() }
}

const VOTING_MS: u64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_append_is_no_promise_and_what_came_in_time_is_admitted_when_it_is_sent_again() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let setup = Setup { clock: clock.clone(), ..gated(impatient()) };
    let (first, second, mut running, _) = two(directory.path(), setup, 2).await;
    let (ballot, late) = (running.ballot(0, "a"), running.ballot(1, "a"));
    shut(&first);
    // The node that sequences has nothing but a commit under way: it must not promise anything.
    let error = running.board.submit_ballot(bytes(&ballot)).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    until_it_leads(&second, &running).await;
    // Voting ends; the append wakes up, and is refused by the database.
    clock.0.fetch_add(VOTING_MS + 30_000, Ordering::SeqCst);
    open(&first);
    let patient = first.client.clone().with_patience(Duration::from_secs(20)).election(running.board.id().clone());
    let submitted = loop {
        match patient.submit_ballot(bytes(&ballot)).await.unwrap() {
            Submitted::Pending { .. } => {}
            submitted @ Submitted::Receipt { .. } => break submitted,
        }
    };
    running.verify(&ballot, &receipt(submitted).0);
    assert_eq!(kind(&patient.submit_ballot(bytes(&late)).await.unwrap_err()), ProblemKind::VotingEnded);
    assert!(leads(&second, &running) && !leads(&first, &running));
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_the_inbox_is_admitted_after_the_end_through_every_node() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let setup = Setup { clock: clock.clone(), ..gated(Limits::default()) };
    let (first, second, mut running, _) = two(directory.path(), setup, 3).await;
    let third =
        node_with(directory.path(), Setup { clock: clock.clone(), limits: impatient(), ..Setup::default() }).await;
    let (there, elsewhere) = (through(&third, &running).await, second.client.election(running.board.id().clone()));
    let (ballot, late) = (running.ballot(0, "a"), running.ballot(1, "a"));
    shut(&first);
    let Submitted::Pending { entry } = there.submit_ballot(bytes(&ballot)).await.unwrap() else { panic!("a receipt") };
    clock.0.fetch_add(VOTING_MS + 30_000, Ordering::SeqCst);
    // To a node that knows nothing of its arrival it comes too late; but it is in the inbox.
    let same = elsewhere.clone();
    let copy = bytes(&ballot);
    let again = tokio::spawn(async move { same.submit_ballot(copy).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    open(&first);
    let (text, _) = receipt(again.await.unwrap().unwrap());
    running.verify(&ballot, &text);
    for board in [&running.board, &there, &elsewhere] {
        assert_eq!(board.receipt(&entry.to_string()).await.unwrap().unwrap(), text);
        assert_eq!(receipt(board.submit_ballot(bytes(&ballot)).await.unwrap()).0, text);
        assert_eq!(kind(&board.submit_ballot(bytes(&late)).await.unwrap_err()), ProblemKind::VotingEnded);
    }
    for node in [third, second, first] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_sequences_lets_those_wait_whose_entry_is_in_its_inbox() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    let first = node_with(directory.path(), setup).await;
    let mut running = Running::open(&first.client, 2, clock.now_ms()).await;
    until_it_leads(&first, &running).await;
    let (ballot, late) = (running.ballot(0, "a"), running.ballot(1, "a"));
    let received_ms = clock.now_ms();
    clock.0.fetch_add(VOTING_MS + 30_000, Ordering::SeqCst);
    // As if another node had put it there, in time.
    let store = veritally_board::store::sqlite::SqliteStore::open(&directory.path().join("board.db")).unwrap();
    let offer = Offer { hash: Hash::of(ballot.bytes()), bytes: bytes(&ballot).into(), received_ms };
    Store::offer(&store, running.board.id(), vec![offer]).await.unwrap();
    running.verify(&ballot, &receipt(running.board.submit_ballot(bytes(&ballot)).await.unwrap()).0);
    assert_eq!(kind(&running.board.submit_ballot(bytes(&late)).await.unwrap_err()), ProblemKind::VotingEnded);
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_can_only_read_says_so_refuses_at_once_and_comes_back_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second, mut running, there) = two(directory.path(), Setup::default(), 2).await;
    let ballot = running.ballot(0, "a");
    second.faults.read_only.store(true, Ordering::SeqCst);
    let error = there.submit_ballot(bytes(&ballot)).await.unwrap_err();
    assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
    // Reading succeeds all the time, and must not be taken for more.
    let service = async || there.status().await.unwrap().service;
    for _ in 0..20 {
        assert_eq!(service().await, Service::Unavailable);
        let error = there.submit_ballot(bytes(&ballot)).await.unwrap_err();
        assert_eq!(kind(&error), ProblemKind::StoreUnavailable);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What the other node takes is seen here.
    receipt(running.board.submit_ballot(bytes(&ballot)).await.unwrap());
    assert_eq!(there.status().await.unwrap().counts.ballots_cast, 1);
    assert!(!receipt(there.submit_ballot(bytes(&ballot)).await.unwrap()).1);
    second.faults.read_only.store(false, Ordering::SeqCst);
    for _ in 0..500 {
        if service().await == Service::Serving {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let other = running.ballot(1, "a");
    running.verify(&other, &receipt(there.submit_ballot(bytes(&other)).await.unwrap()).0);
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_whose_outcome_is_unknown_end_the_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let first = node(directory.path()).await;
    let mut running = Running::open(&first.client, 2, now_ms()).await;
    until_it_leads(&first, &running).await;
    let ballot = running.ballot(0, "a");
    let (id, store) = (running.board.id().clone(), directory.path().join("board.db"));
    let store = veritally_board::store::sqlite::SqliteStore::open(&store).unwrap();
    let epoch = async || Store::head(&store, &id).await.unwrap().position.epoch;
    let before = epoch().await;
    // A ballot that came after the end, by another node.
    first.faults.fail_refuse.store(1, Ordering::SeqCst);
    let offer = Offer { hash: Hash::of(ballot.bytes()), bytes: bytes(&ballot).into(), received_ms: u64::MAX >> 12 };
    Store::offer(&store, &id, vec![offer.clone()]).await.unwrap();
    for _ in 0..500 {
        if Store::inbox(&store, &id, vec![offer.hash]).await.unwrap().iter().any(|(_, refusal)| refusal.is_some()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(epoch().await > before);
    let found = Store::inbox(&store, &id, vec![offer.hash]).await.unwrap();
    assert!(found[0].1.as_ref().unwrap().contains("voting-ended"), "{found:?}");
    first.stop().await;
}
