//! A voter's session against a board, honest and not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod board;

use std::sync::Arc;

use board::Board;
use veritally_board_api::{Link, Problem, ProblemKind};
use veritally_crypto::canonical;
use veritally_crypto::contests::Answers;
use veritally_crypto::credential::{CodeError, CredentialCode};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Opening, OpeningTag};
use veritally_crypto::sample::{OPENS_AT_MS, choose};
use veritally_crypto::signature::sign;
use veritally_session::receipts::check;
use veritally_session::session::{
    Entered, Filled, Outgoing, Prepared, Recorded, SpoiledError, Unlocked, Unsent, check_spoiled,
};
use veritally_session::{Depth, Election, SessionError, StateDirectory};

fn answers(selection: &str) -> Answers {
    choose("chair", &[selection], false).unwrap()
}

async fn open(board: &Board) -> Arc<Election> {
    Arc::new(Election::open(&board.request(), Depth::Opening).await.unwrap())
}

fn ready(election: &Arc<Election>, code: &CredentialCode) -> Unlocked {
    match election.unlock(code).unwrap() {
        Entered::Ready(unlocked) => unlocked,
        Entered::Interrupted(_) => panic!("no ballot was stored"),
    }
}

fn cast(unlocked: Unlocked, selection: &str) -> Outgoing {
    let rng = &mut rand::rng();
    unlocked.fill(answers(selection)).unwrap().prepare(rng).unwrap().cast(rng).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_casts_votes_again_and_checks_the_receipts() {
    let board = Board::open(3).await;
    let election = open(&board).await;
    assert!(election.view().is_compared());
    let rng = &mut rand::rng();
    let prepared = ready(&election, &board.code(0)).fill(answers("b")).unwrap().prepare(rng).unwrap();
    let shown = prepared.code();
    let recorded = prepared.cast(rng).unwrap().send().await.unwrap();
    assert_eq!(recorded.code(), shown);
    assert!(recorded.checkpoint().tree_size > recorded.index());
    let second = cast(recorded.again(), "c").send().await.unwrap();
    // Another session knows the counter from the local state.
    let election = open(&board).await;
    let third = cast(ready(&election, &board.code(0)), "d").send().await.unwrap();
    assert!(third.index() > second.index());
    let (_, checks) = check(&board.request()).await.unwrap();
    let indexes: Vec<_> = checks.iter().map(|check| *check.outcome.as_ref().unwrap()).collect();
    assert_eq!(indexes[1..], [Some(second.index()), Some(third.index())]);
    board.lock().election.finish(rng).unwrap();
    assert_eq!(board.lock().election.state.decrypted().unwrap()[0].cells[0].counts, [0, 0, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_election_than_the_expected_one_is_refused() {
    let board = Board::open(1).await;
    let mut request = board.request();
    request.link.fingerprint = Some(Hash::ZERO);
    let refused = Election::open(&request, Depth::Opening).await.unwrap_err();
    assert!(
        matches!(refused.cause(), SessionError::OtherElection { expected: Hash::ZERO, .. }) && refused.is_evidence()
    );
    request.link.fingerprint = None;
    request.fingerprint = Some(Hash::ZERO);
    assert!(matches!(Election::open(&request, Depth::Opening).await, Err(SessionError::OtherElection { .. })));
    request.link.fingerprint = board.link.fingerprint;
    assert!(matches!(Election::open(&request, Depth::Opening).await, Err(SessionError::TwoFingerprints { .. })));
    request.link.fingerprint = None;
    request.fingerprint = None;
    assert!(!Election::open(&request, Depth::Opening).await.unwrap().view().is_compared());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_hash_to_the_signed_checkpoint_is_refused() {
    for more_entries in [false, true] {
        let board = Board::open(2).await;
        replace_opening(&board, more_entries);
        let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
        assert!(matches!(refused.cause(), SessionError::NotTheLog(_)), "{refused}");
    }
}

/// Serves an opening that the administrator might have signed, but did not log.
fn replace_opening(board: &Board, more_entries: bool) {
    let mut inner = board.lock();
    let last = inner.election.entries.len() - 1;
    let other = Opening {
        administrator: 1,
        ceremony: inner.election.state.ceremony().hash().unwrap(),
        roll: inner.election.state.roll_hash().unwrap(),
        signature: None,
        time_ms: OPENS_AT_MS + 1,
        tag: OpeningTag,
    };
    let other = sign(other, &inner.election.fingerprint(), &inner.election.administrator).unwrap();
    inner.replaced.insert(last, canonical::to_bytes(&other).unwrap());
    if more_entries {
        inner.election.cast(0, &answers("a"), &mut rand::rng()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_breaks_the_rules_is_refused_and_the_entry_named() {
    let board = Board::open(2).await;
    let first = board.lock().election.entries[1].clone();
    board.lock().replaced.insert(2, first);
    let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    assert!(matches!(refused.cause(), SessionError::Record { index: 2, .. }), "{refused}");
    board.lock().replaced.insert(2, b"{}".to_vec());
    let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    assert!(matches!(refused.cause(), SessionError::Record { index: 2, .. }), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_continue_the_one_seen_before_is_refused() {
    let board = Board::open(3).await;
    let rng = &mut rand::rng();
    let before = board.lock().election.entries.len();
    board.lock().election.cast(0, &answers("a"), rng).unwrap();
    open(&board).await;
    board.lock().election.entries.truncate(before);
    let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    assert!(matches!(refused.cause(), SessionError::Fork { .. }) && refused.is_evidence(), "{refused}");
    for voter in [1, 2] {
        board.lock().election.cast(voter, &answers("a"), rng).unwrap();
        let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
        assert!(matches!(refused.cause(), SessionError::Fork { .. }), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_and_a_code_that_is_not_on_the_roll_are_told_apart() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    let stranger = CredentialCode::random(&mut rand::rng());
    assert!(matches!(election.unlock(&stranger), Err(SessionError::NotOnRoll)));
    let mut typed = board.code(0).expose_text().to_string();
    typed.replace_range(0..1, if typed.starts_with('7') { "8" } else { "7" });
    assert_eq!(CredentialCode::parse(&typed).unwrap_err(), CodeError::Checksum);
    let shown = format!("{:?}", election.unlock(&board.code(0)).unwrap());
    assert!(shown.contains("redacted") && !shown.contains(board.code(0).expose_text().as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_break_a_rule_come_back_with_the_reason() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    let refused = ready(&election, &board.code(0)).fill(choose("chair", &["a", "b"], false).unwrap()).unwrap_err();
    assert!(refused.1.to_string().contains("overvote"));
    assert!(refused.0.fill(answers("a")).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_for_other_bytes_is_refused_and_the_ballot_kept() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().wrong_receipts = true;
    let unsent = cast(ready(&election, &board.code(0)), "a").send().await.unwrap_err();
    let Unsent::Retry(outgoing, error) = *unsent else { panic!("the ballot may be in the log") };
    assert!(matches!(error.cause(), SessionError::Receipt(_)), "{error}");
    let (_, checks) = check(&board.request()).await.unwrap();
    assert!(matches!(checks[0].outcome, Ok(None)), "no receipt was stored");
    board.lock().wrong_receipts = false;
    outgoing.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_sends_the_stored_bytes_and_no_second_ballot() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().lose_answers_after = Some(0);
    let outgoing = cast(ready(&election, &board.code(0)), "a");
    let bytes = outgoing.bytes().to_vec();
    let unsent = outgoing.send().await.unwrap_err();
    assert!(matches!(*unsent, Unsent::Retry(_, SessionError::Client(_))));
    drop(unsent);
    // The program was stopped. A new session finds the ballot, and sends it before anything else.
    board.lock().lose_answers_after = None;
    let election = open(&board).await;
    let Entered::Interrupted(outgoing) = election.unlock(&board.code(0)).unwrap() else { panic!("a ballot is stored") };
    assert_eq!(outgoing.bytes(), bytes);
    let recorded = outgoing.send().await.unwrap();
    assert_eq!(board.lock().posted, [bytes.clone(), bytes]);
    assert_eq!(board.lock().election.state.counts().ballots_cast, 1);
    cast(recorded.again(), "b").send().await.unwrap();
    assert!(matches!(election.unlock(&board.code(0)).unwrap(), Entered::Ready(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_from_another_device_is_noticed_and_the_whole_log_tells_the_counter() {
    let board = Board::open(2).await;
    let rng = &mut rand::rng();
    for selection in ["a", "b"] {
        board.lock().election.cast(0, &answers(selection), rng).unwrap();
    }
    let election = open(&board).await;
    let unsent = cast(ready(&election, &board.code(0)), "c").send().await.unwrap_err();
    let Unsent::Refused(unlocked, error) = *unsent else { panic!("the board refused for good") };
    assert!(matches!(error, SessionError::OtherDevice), "{error}");
    assert_eq!(unlocked.ballots_cast(), 0);
    board.lock().election.tally_head().unwrap();
    let election = Arc::new(Election::open(&board.request(), Depth::Full).await.unwrap());
    assert_eq!(election.voter(&board.code(0)).unwrap().counter, 2);
    let unlocked = ready(&election, &board.code(0));
    assert_eq!(unlocked.ballots_cast(), 2);
    cast(unlocked, "c").send().await.unwrap();
    assert_eq!(board.lock().election.state.counts().ballots_cast, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_whose_receipt_is_here_and_that_left_the_log_is_noticed() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    let before = board.lock().election.entries.len();
    cast(ready(&election, &board.code(0)), "a").send().await.unwrap();
    board.lock().election.entries.truncate(before);
    // Even on a device that lost the checkpoint.
    let directory = board.state.path().join(board.link.fingerprint.unwrap().to_string());
    std::fs::remove_file(directory.join("checkpoint")).unwrap();
    let election = Arc::new(Election::open(&board.request(), Depth::Full).await.unwrap());
    assert!(matches!(election.unlock(&board.code(0)), Err(SessionError::Removed { receipts: 1, logged: 0 })));
    let (_, checks) = check(&board.request()).await.unwrap();
    assert!(
        matches!(checks[0].outcome.as_ref().unwrap_err().cause(), SessionError::Fork { .. }),
        "the board signed a larger log before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_ballot_is_put_aside_and_an_overloaded_board_is_not_a_refusal() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    board.lock().refuse = Some(Problem::new(ProblemKind::QueueFull, ""));
    let unsent = cast(ready(&election, &board.code(0)), "a").send().await.unwrap_err();
    let Unsent::Retry(outgoing, _) = *unsent else { panic!("it may pass") };
    board.lock().refuse = Some(Problem::new(ProblemKind::VotingEnded, "at noon"));
    let Unsent::Refused(_, error) = *outgoing.send().await.unwrap_err() else { panic!("it is refused for good") };
    assert!(error.to_string().contains("at noon"));
    assert!(matches!(election.unlock(&board.code(0)).unwrap(), Entered::Ready(_)));
    let (_, checks) = check(&board.request()).await.unwrap();
    assert!(checks.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_ballot_shows_what_was_encrypted_and_the_next_has_another_code() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    let rng = &mut rand::rng();
    let prepared = ready(&election, &board.code(0)).fill(answers("b")).unwrap().prepare(rng).unwrap();
    let code = prepared.code();
    let (unlocked, opening) = prepared.spoil();
    assert_eq!(check_spoiled(&election, &opening, Some(&code.0)).unwrap(), code);
    assert!(matches!(
        check_spoiled(&election, &opening, Some(&Hash::ZERO)),
        Err(SpoiledError::OtherCode { noted: Hash::ZERO, .. })
    ));
    let mut lie = opening.clone();
    lie.selections = answers("c");
    assert!(matches!(check_spoiled(&election, &lie, None), Err(SpoiledError::Opening(_))));
    let next = unlocked.fill(answers("b")).unwrap().prepare(rng).unwrap();
    assert_ne!(next.code(), code);
    assert!(board.lock().posted.is_empty(), "a spoiled ballot is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_state_holds_neither_code_nor_selections_nor_seed() {
    let board = Board::open(1).await;
    let election = open(&board).await;
    cast(ready(&election, &board.code(0)), "a").send().await.unwrap();
    let code = board.code(0).expose_text().to_string();
    let mut files = 0;
    let mut directories = vec![board.state.path().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                directories.push(entry);
                continue;
            }
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", entry.display());
            files += 1;
            if entry.ends_with("manifest") {
                continue;
            }
            let text = std::fs::read_to_string(entry).unwrap();
            assert!(!text.contains(&code) && !text.contains("seed") && !text.contains("selections"));
        }
    }
    assert_eq!(files, 5, "link, manifest, checkpoint, ballot, receipt");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_election_that_has_not_opened_says_so() {
    let mut election = veritally_crypto::sample::SampleElection::start((1, 1), |_| {}, &mut rand::rng()).unwrap();
    election.ceremony(&mut rand::rng()).unwrap();
    let board = Board::serve(election).await;
    let refused = Election::open(&board.request(), Depth::Opening).await.unwrap_err();
    assert!(matches!(refused.cause(), SessionError::NotOpen(_)), "{refused}");
    let mut request = board.request();
    request.link = Link::parse(&board.link.to_string().replace("/sample", "/other")).unwrap();
    request.state = StateDirectory::new(board.state.path().join("other"));
    assert!(Election::open(&request, Depth::Opening).await.is_err());
}

#[test]
fn every_state_can_wait_on_another_thread() {
    fn owned<T: Send + Sync + 'static>() {}
    owned::<Election>();
    owned::<Unlocked>();
    owned::<Filled>();
    owned::<Prepared>();
    owned::<Outgoing>();
    owned::<Recorded>();
}
