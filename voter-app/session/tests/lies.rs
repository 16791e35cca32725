//! A board that lies: each lie is caught by the voter's program, typed as what it is, and kept as evidence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod board;

use std::sync::Arc;
use std::time::Duration;

use board::Board;
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::contests::Answers;
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::{SampleElection, choose};
use veritally_session::flow::{Lie, Trouble, TroubleKind};
use veritally_session::receipts::check;
use veritally_session::session::{Entered, Outgoing, Unsent};
use veritally_session::{Depth, Election, SessionError};
use veritally_verifier::evidence::{Evidence, Finding, Weight};

fn answers(selection: &str) -> Answers {
    choose("chair", &[selection], false).unwrap()
}

async fn open(board: &Board) -> Arc<Election> {
    Arc::new(Election::open(&board.request(), Depth::Opening).await.unwrap())
}

fn outgoing(election: &Arc<Election>, board: &Board) -> Outgoing {
    let Entered::Ready(unlocked) = election.unlock(&board.code(0)).unwrap() else { panic!("nothing is stored") };
    let rng = &mut rand::rng();
    unlocked.fill(answers("b")).unwrap().prepare(rng).unwrap().cast(rng).unwrap()
}

/// What a page would say, and the evidence as anybody can check it.
fn caught(error: &SessionError) -> (Lie, Evidence, Weight) {
    assert!(error.is_evidence(), "{error}");
    let trouble = Trouble::from(error);
    let TroubleKind::Caught(lie) = trouble.kind.clone() else { panic!("{trouble:?}") };
    let folder = trouble.evidence.unwrap_or_else(|| panic!("no evidence was kept: {error}"));
    assert!(std::fs::read_to_string(folder.join("README.txt")).unwrap().contains("veritally-verifier evidence"));
    let evidence = Evidence::read(&folder).unwrap();
    let weight = evidence.check().unwrap();
    (lie, evidence, weight)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_inclusion_proof_is_caught_and_the_ballot_kept() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().wrong_receipts = true;
    let Unsent::Retry(outgoing, error) = *outgoing(&election, &board).send().await.unwrap_err() else { panic!() };
    let (lie, _, weight) = caught(&error);
    assert_eq!((lie, weight), (Lie::Receipt, Weight::Testimony));
    // Ballot and false receipt lie beside it.
    let folder = error.evidence().unwrap();
    assert_eq!(std::fs::read(folder.join("ballot")).unwrap(), outgoing.bytes());
    assert!(folder.join("ballot.tlog-proof").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_head_is_caught_with_proof_for_everybody() {
    let board = Board::open(3).await;
    let rng = &mut rand::rng();
    let before = board.lock().election.entries.len();
    board.lock().election.cast(0, &answers("a"), rng).unwrap();
    open(&board).await;
    // The same size, another ballot; then a larger log that has forgotten the first ballot.
    for (voter, larger) in [(1, false), (2, true)] {
        if !larger {
            board.lock().election.entries.truncate(before);
        }
        board.lock().election.cast(voter, &answers("a"), rng).unwrap();
        let error = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
        let (lie, evidence, weight) = caught(&error);
        assert!(matches!(lie, Lie::Fork { .. }), "{lie:?}");
        assert_eq!(weight, Weight::Proof);
        assert!(matches!(&evidence.finding, Finding::Fork { passage, .. } if passage.is_some() == larger));
        assert_eq!(evidence.fingerprint(), board.link.fingerprint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swallowed_ballot_is_caught_by_its_receipt() {
    let board = Board::open(3).await;
    let rng = &mut rand::rng();
    let election = open(&board).await;
    let before = board.lock().election.entries.len();
    outgoing(&election, &board).send().await.unwrap();
    // The board gave a receipt, then drops the ballot and goes on with another one.
    board.lock().election.entries.truncate(before);
    board.lock().election.cast(1, &answers("a"), rng).unwrap();
    board.lock().election.cast(2, &answers("c"), rng).unwrap();
    let error = check(&board.request()).await.unwrap_err();
    let (lie, _, weight) = caught(&error);
    assert!(matches!(lie, Lie::Fork { .. }), "{lie:?}");
    assert_eq!(weight, Weight::Proof);
    // A device that lost the checkpoint still has the receipt.
    let directory = board.state.path().join(board.link.fingerprint.unwrap().to_string());
    std::fs::remove_file(directory.join("checkpoint")).unwrap();
    let (_, checks) = check(&board.request()).await.unwrap();
    let (_, evidence, weight) = caught(checks[0].outcome.as_ref().unwrap_err());
    assert_eq!(weight, Weight::Proof);
    assert!(matches!(evidence.finding, Finding::Fork { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_is_accepted_and_never_logged_stays_with_the_voter() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().swallow = true;
    let Unsent::Retry(outgoing, error) = *outgoing(&election, &board).send().await.unwrap_err() else { panic!() };
    let trouble = Trouble::from(&error);
    assert_eq!(trouble.kind, TroubleKind::Pending);
    assert!(trouble.may_pass());
    board.lock().swallow = false;
    outgoing.send().await.unwrap();
    assert_eq!(board.lock().election.state.counts().ballots_cast, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_waits_is_sent_again_until_it_is_logged() {
    let board = Board::open(1).await;
    let mut patient = board.request();
    patient.patience = Duration::from_secs(20);
    let election = Arc::new(Election::open(&patient, Depth::Opening).await.unwrap());
    board.lock().swallow = true;
    let sending = tokio::spawn(outgoing(&election, &board).send());
    while board.lock().posted.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Whatever was promised is forgotten: only the same bytes help.
    board.lock().swallow = false;
    sending.await.unwrap().unwrap();
    let posted = board.lock().posted.clone();
    assert!(posted.len() > 1 && posted.iter().all(|bytes| *bytes == posted[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_manifest_is_another_election() {
    let board = Board::open(1).await;
    let original = String::from_utf8(board.lock().election.entries[0].clone()).unwrap();
    let altered = original.replace("Sample election", "Sample Election");
    assert_ne!(original, altered);
    board.lock().replaced.insert(0, altered.clone().into_bytes());
    let error = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    let found = Hash::of(altered.as_bytes());
    let expected = board.link.fingerprint.unwrap();
    assert_eq!(Trouble::from(&error).kind, TroubleKind::OtherElection { expected, found });
    // Without a fingerprint to compare with, the log that the board signed gives it away.
    let mut request = board.request();
    request.link.fingerprint = None;
    let error = Election::open(&request, Depth::Opening).await.unwrap_err();
    assert_eq!(caught(&error).0, Lie::NotTheLog);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_election_are_caught_before_anything_is_encrypted() {
    let board = Board::open(1).await;
    let other = SampleElection::open_with(1, &mut rand::rng()).unwrap();
    let mine = board.lock().election.entries.len();
    for index in 1..mine.min(other.entries.len()) {
        board.lock().replaced.insert(index, other.entries[index].clone());
    }
    let error = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    assert_eq!(caught(&error).0, Lie::Entry(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_election_and_a_busy_board_are_no_lies() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().refuse = Some(Problem::new(ProblemKind::QueueFull, "").with_retry_after(7));
    let Unsent::Retry(outgoing, error) = *outgoing(&election, &board).send().await.unwrap_err() else { panic!() };
    assert_eq!(Trouble::from(&error).kind, TroubleKind::Busy { retry_after_s: Some(7) });
    board.lock().refuse = Some(Problem::new(ProblemKind::VotingEnded, ""));
    let Unsent::Refused(_, error) = *outgoing.send().await.unwrap_err() else { panic!() };
    assert_eq!(Trouble::from(&error).kind, TroubleKind::Closed);
    assert!(!error.is_evidence());
}
