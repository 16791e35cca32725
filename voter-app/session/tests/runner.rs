//! Model and runner together: the practice election, and a board that stops answering.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod board;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use board::Board;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::ballot::BallotOpening;
use veritally_crypto::contests::Rule;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::Contest;
use veritally_session::StateDirectory;
use veritally_session::flow::{CastStep, Compared, Edit, Event, Flow, Page, Publishing, TroubleKind, code_qr};
use veritally_session::runner::{Runner, Settings};
use veritally_session::second::{Cheat, Noted, TestToCheck, TestVerdict};
use veritally_session::secrets::{SecretError, SecretStore};
use zeroize::Zeroizing;

/// A person in front of the model.
struct Person {
    flow: Flow,
    runner: Runner,
    events: UnboundedReceiver<Event>,
}

impl Person {
    fn new(state: &std::path::Path) -> Self {
        let mut settings = Settings::new(StateDirectory::new(state));
        settings.patience = Duration::ZERO;
        let (runner, events) = Runner::on(Handle::current(), settings);
        Self { flow: Flow::new(), runner, events }
    }

    fn does(&mut self, event: Event) {
        self.runner.run_all(self.flow.handle(event));
    }

    /// Waits until the page is one of these.
    async fn sees(&mut self, what: &str, is: impl Fn(&Page<'_>) -> bool) {
        let wait = async {
            while !is(&self.flow.page()) {
                let event = self.events.recv().await.expect("the runner lives");
                self.runner.run_all(self.flow.handle(event));
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), wait).await.is_err() {
            panic!("waiting for {what}: {:?}", self.flow.page());
        }
    }

    async fn opens(&mut self, link: String) {
        self.does(Event::Open(link));
        self.sees("the election", |page| matches!(page, Page::Election { .. })).await;
    }

    async fn votes_at(&mut self, board: &Board, code: &str) {
        self.opens(board.link.to_string()).await;
        self.enters(code).await;
    }

    async fn enters(&mut self, code: &str) {
        self.does(Event::Continue);
        self.does(Event::EnterCode { text: Zeroizing::new(code.to_lowercase()), remember: false });
        self.sees("a contest or a found ballot", |page| {
            matches!(page, Page::Contest { .. } | Page::Casting { .. } | Page::Receipt { .. } | Page::Stopped { .. })
        })
        .await;
    }

    /// Marks the first selection in every contest.
    async fn fills_in(&mut self) {
        while let Page::Contest { draft, .. } = self.flow.page() {
            let edit = first(draft.contest());
            self.does(Event::Edit(edit));
            self.does(Event::Continue);
        }
        self.does(Event::Encrypt);
        self.sees("the code", |page| matches!(page, Page::Choose { .. })).await;
    }
}

fn first(contest: &Contest) -> Edit {
    let selection = contest.selections[0].id.clone();
    match contest.rule {
        Rule::Choice(_) => Edit::Mark { selection, on: true },
        Rule::Score(_) | Rule::Quadratic(_) => Edit::Value { selection, value: 2 },
        Rule::Borda(_) | Rule::Condorcet(_) => Edit::Place { selection, place: 0 },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_tests_and_casts_in_the_practice_election_with_every_contest_type() {
    let state = tempfile::tempdir().unwrap();
    let mut person = Person::new(state.path());
    person.does(Event::OpenPractice);
    person.sees("the election", |page| matches!(page, Page::Election { .. })).await;
    let Page::Election { election, .. } = person.flow.page() else { unreachable!() };
    assert!(election.is_practice() && election.compared == Compared::Practice);
    assert!(!election.is_clock_off());
    let code = election.practice_code.clone().unwrap();
    person.enters(&code).await;
    let Page::Contest { voter, of, .. } = person.flow.page() else { panic!("{:?}", person.flow.page()) };
    assert_eq!((of, voter.ballots_cast), (5, 0));
    person.fills_in().await;
    let Page::Choose { code: noted, .. } = person.flow.page() else { unreachable!() };
    person.does(Event::Test);
    person.sees("the opened ballot", |page| matches!(page, Page::Tested { .. })).await;
    let Page::Tested { test, .. } = person.flow.page() else { unreachable!() };
    assert_eq!(test.code(), noted);
    let file: BallotOpening = serde_json::from_slice(&std::fs::read(&test.file).unwrap()).unwrap();
    assert_eq!(file, *test.opening);
    person.does(Event::Publish);
    let published = |page: &Page<'_>| matches!(page, Page::Tested { publishing: Publishing::Done, .. });
    person.sees("it published", published).await;
    person.does(Event::Encrypt);
    person.sees("another code", |page| matches!(page, Page::Choose { code, tests: 1, .. } if *code != noted)).await;
    person.does(Event::Cast);
    person.sees("the receipt", |page| matches!(page, Page::Receipt { receipt, .. } if receipt.number == 1)).await;
    person.does(Event::VoteAgain);
    person.fills_in().await;
    person.does(Event::Cast);
    person
        .sees("the second receipt", |page| matches!(page, Page::Receipt { receipt, .. } if receipt.number == 2))
        .await;
    person.does(Event::Leave);
    assert!(matches!(person.flow.page(), Page::Open { .. }));
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0, "practising leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_waits_on_disk_while_the_board_is_away_and_another_session_finds_it() {
    let board = Board::open(2).await;
    let code = board.code(0).expose_text();
    let mut person = Person::new(board.state.path());
    person.votes_at(&board, &code).await;
    board.lock().refuse = Some(Problem::new(ProblemKind::QueueFull, "").with_retry_after(3));
    person.fills_in().await;
    person.does(Event::Cast);
    let queued = |page: &Page<'_>| {
        matches!(page, Page::Casting { step: CastStep::Queued { trouble, seconds: 3, .. }, found: false, .. }
            if matches!(trouble.kind, TroubleKind::Busy { retry_after_s: Some(3) }))
    };
    person.sees("a queued ballot", queued).await;
    assert!(!person.flow.has_unsaved_choices());
    let Page::Casting { code: cast, .. } = person.flow.page() else { unreachable!() };
    // The program is closed; the next one finds the ballot.
    drop(person);
    board.lock().refuse = None;
    let mut person = Person::new(board.state.path());
    person.votes_at(&board, &code).await;
    person.sees("the receipt", |page| matches!(page, Page::Receipt { receipt, .. } if receipt.code == cast)).await;
    assert_eq!(board.lock().election.state.counts().ballots_cast, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_from_another_device_is_read_from_the_whole_log() {
    let board = Board::open(2).await;
    let code = board.code(0).expose_text();
    let mut person = Person::new(board.state.path());
    person.votes_at(&board, &code).await;
    let answers = veritally_crypto::sample::choose("chair", &["b"], false).unwrap();
    board.lock().election.cast(0, &answers, &mut rand::rng()).unwrap();
    person.fills_in().await;
    person.does(Event::Cast);
    person
        .sees(
            "the explanation",
            |page| matches!(page, Page::Stopped { trouble, .. } if trouble.kind == TroubleKind::VotedElsewhere),
        )
        .await;
    person.does(Event::ReadWholeLog);
    person.sees("the same answers", |page| matches!(page, Page::Review { voter, .. } if voter.ballots_cast == 1)).await;
    person.does(Event::Encrypt);
    person.sees("the code", |page| matches!(page, Page::Choose { .. })).await;
    person.does(Event::Cast);
    person.sees("the receipt", |page| matches!(page, Page::Receipt { receipt, .. } if receipt.number == 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_another_fingerprint_and_a_dead_board_are_told_apart() {
    let board = Board::open(1).await;
    let mut person = Person::new(board.state.path());
    let text = board.link.to_string();
    let wrong = text.replace(&board.link.fingerprint.unwrap().to_string(), &"0".repeat(64));
    let open_failed = |kind: fn(&TroubleKind) -> bool| move |page: &Page<'_>| matches!(page, Page::Open { trouble: Some(trouble), .. } if kind(&trouble.kind));
    person.does(Event::Open(wrong));
    person.sees("another election", open_failed(|kind| matches!(kind, TroubleKind::OtherElection { .. }))).await;
    person.does(Event::Open("veritally://127.0.0.1:1/sample".into()));
    person.sees("offline", open_failed(|kind| *kind == TroubleKind::Offline)).await;
    person.opens(text).await;
    person.does(Event::Continue);
    let stranger = CredentialCode::random(&mut rand::rng()).expose_text();
    person.does(Event::EnterCode { text: stranger, remember: true });
    person.sees("not on the roll", |page| matches!(page, Page::Credential { busy: false, trouble: Some(t), .. } if t.kind == TroubleKind::NotOnRoll)).await;
    let mut mistyped = board.code(0).expose_text();
    let other = if mistyped.starts_with('7') { "8" } else { "7" };
    mistyped.replace_range(0..1, other);
    person.does(Event::EnterCode { text: mistyped, remember: false });
    let Page::Credential { trouble: Some(trouble), .. } = person.flow.page() else {
        panic!("{:?}", person.flow.page())
    };
    assert!(matches!(trouble.kind, TroubleKind::Code(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_replaced_says_so_and_the_new_one_votes() {
    let board = Board::open(2).await;
    let old = board.code(0).expose_text();
    board.lock().election.reissue(0, &mut rand::rng()).unwrap();
    let new = board.code(0).expose_text();
    let mut person = Person::new(board.state.path());
    person.opens(board.link.to_string()).await;
    person.does(Event::Continue);
    person.does(Event::EnterCode { text: old, remember: false });
    let replaced = |page: &Page<'_>| matches!(page, Page::Credential { busy: false, trouble: Some(t), .. } if t.kind == TroubleKind::Replaced);
    person.sees("the old letter", replaced).await;
    person.does(Event::EnterCode { text: new, remember: false });
    person.sees("the ballot", |page| matches!(page, Page::Contest { .. })).await;
}

/// A key ring with room for one code.
#[derive(Default)]
struct Ring(Mutex<Option<String>>);

#[async_trait]
impl SecretStore for Ring {
    async fn has(&self, _: &Hash) -> Result<bool, SecretError> {
        Ok(self.0.lock().unwrap().is_some())
    }

    async fn get(&self, _: &Hash) -> Result<Option<CredentialCode>, SecretError> {
        Ok(self.0.lock().unwrap().as_deref().map(|code| CredentialCode::parse(code).unwrap()))
    }

    async fn put(&self, _: &Hash, _: &str, code: &CredentialCode) -> Result<(), SecretError> {
        *self.0.lock().unwrap() = Some(code.expose_text().to_string());
        Ok(())
    }

    async fn remove(&self, _: &Hash) -> Result<(), SecretError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_ring_keeps_the_code_of_a_file_when_and_only_when_it_is_asked_to() {
    let board = Board::open(1).await;
    let code = board.code(0).expose_text();
    let path = board.state.path().join("code.txt");
    veritally_board_api::files::write_secret(&path, code.as_bytes()).unwrap();
    for remember in [false, true] {
        let ring = Arc::new(Ring::default());
        let mut settings = Settings::new(StateDirectory::new(board.state.path()));
        settings.secrets = Some(ring.clone());
        let (runner, events) = Runner::on(Handle::current(), settings);
        let mut person = Person { flow: Flow::new(), runner, events };
        person.opens(board.link.to_string()).await;
        person.does(Event::Continue);
        person.does(Event::EnterCodeFile { path: path.clone(), remember });
        person.sees("the ballot", |page| matches!(page, Page::Contest { voter, .. } if !voter.not_kept)).await;
        assert_eq!(ring.0.lock().unwrap().as_deref(), remember.then_some(code.as_str()));
    }
}

/// What a second device says of a test ballot.
async fn second_device(person: &mut Person, test: TestToCheck) -> Result<TestVerdict, TroubleKind> {
    person.does(Event::Leave);
    person.does(Event::BeSecondDevice);
    person.does(Event::CheckTest(Box::new(test)));
    person.sees("a verdict", |page| matches!(page, Page::Second { busy: false, outcome: Some(_) })).await;
    let Page::Second { outcome: Some(outcome), .. } = person.flow.page() else { unreachable!() };
    outcome.clone().map_err(|trouble| trouble.kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_tells_an_honest_test_ballot_from_a_cheats() {
    let board = Board::open(2).await;
    let mut voter = Person::new(board.state.path());
    voter.votes_at(&board, &board.code(0).expose_text()).await;
    voter.fills_in().await;
    let Page::Choose { code, .. } = voter.flow.page() else { unreachable!() };
    voter.does(Event::Test);
    voter.sees("the opened ballot", |page| matches!(page, Page::Tested { .. })).await;
    let Page::Tested { test, .. } = voter.flow.page() else { unreachable!() };
    let opened = test.qr.clone().expect("a small ballot fits into a QR code");

    let state = tempfile::tempdir().unwrap();
    let mut second = Person::new(state.path());
    let link = board.link.to_string();
    let of = |opened: &str, noted: &str| TestToCheck { link: link.clone(), opened: opened.into(), code: noted.into() };
    for (noted, expected) in
        [(code_qr(&code), Noted::Whole), (code.to_string(), Noted::Short), (String::new(), Noted::Nothing)]
    {
        let Ok(TestVerdict::Holds(found)) = second_device(&mut second, of(&opened, &noted)).await else {
            panic!("{noted}")
        };
        assert_eq!((found.noted, found.code, found.compared), (expected, code, true));
        assert_eq!(found.answers.len(), 1);
        assert_eq!(found.answers[0].1, *test.opening.selections.values().next().unwrap());
    }
    // ⚠ The first 100 bits are the noted ones, the others are not: what a device looks for that picks both ballots.
    let mut bits = code_qr(&code);
    let last = if bits.ends_with('0') { "1" } else { "0" };
    bits.replace_range(63.., last);
    let otherwise = [bits, "0000-0000-0000-0000-0000".into()];
    for noted in otherwise {
        let verdict = second_device(&mut second, of(&opened, &noted)).await;
        assert!(matches!(verdict, Ok(TestVerdict::Cheated { cheat: Cheat::OtherBallot, .. })), "{noted}: {verdict:?}");
    }
    // It shows other answers than it encrypted.
    let lie = opened.replace("[\"a\"]", "[\"b\"]");
    assert_ne!(lie, opened);
    let verdict = second_device(&mut second, of(&lie, &code_qr(&code))).await;
    assert!(matches!(verdict, Ok(TestVerdict::Cheated { cheat: Cheat::OtherAnswers, .. })), "{verdict:?}");
    // What people mistake.
    let without = TestToCheck { link: String::new(), ..of(&opened, "") };
    assert_eq!(second_device(&mut second, without.clone()).await, Err(TroubleKind::NotALink));
    assert_eq!(second_device(&mut second, of(&opened[1..], "")).await, Err(TroubleKind::NotATest));
    assert_eq!(second_device(&mut second, of(&opened, "12345")).await, Err(TroubleKind::NotACode));
    let other = Board::open(1).await;
    let elsewhere = TestToCheck { link: other.link.to_string(), ..of(&opened, "") };
    assert_eq!(second_device(&mut second, elsewhere).await, Err(TroubleKind::OtherTest));
    // The voter's own device knows the election without a link.
    assert!(matches!(second_device(&mut voter, without).await, Ok(TestVerdict::Holds(_))));
    // A board that shows another election under the link is told from a cheating device.
    board.lock().replaced.insert(0, other.lock().election.entries[0].clone());
    let verdict = second_device(&mut second, of(&opened, "")).await;
    assert!(matches!(verdict, Err(TroubleKind::OtherElection { .. })), "{verdict:?}");
    assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0, "nothing is stored");
}
