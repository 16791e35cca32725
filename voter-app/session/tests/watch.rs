//! "My elections": looked at again, alarms that stay, results verified on this device.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod board;

use std::sync::Arc;
use std::time::Duration;

use board::Board;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedReceiver;
use veritally_crypto::sample::{SampleElection, choose};
use veritally_session::flow::{self, Flow, Lie, Page, TroubleKind};
use veritally_session::overview::{Effect, Event, Overview, RECHECK_S, Verification};
use veritally_session::runner::{Runner, Settings};
use veritally_session::session::Entered;
use veritally_session::watch::{Place, ResultInfo, Watcher, verify_result};
use veritally_session::{Depth, Election, StateDirectory};
use veritally_verifier::evidence::{Evidence, Finding, Weight};

async fn cast(board: &Board, selections: &[&str]) {
    let election = Arc::new(Election::open(&board.request(), Depth::Opening).await.unwrap());
    let Entered::Ready(mut unlocked) = election.unlock(&board.code(0)).unwrap() else { panic!("nothing is stored") };
    for selection in selections {
        let rng = &mut rand::rng();
        let filled = unlocked.fill(choose("chair", &[selection], false).unwrap()).unwrap();
        unlocked = filled.prepare(rng).unwrap().cast(rng).unwrap().send().await.unwrap().again();
    }
}

struct Person {
    overview: Overview,
    watcher: Watcher,
    events: UnboundedReceiver<Event>,
}

impl Person {
    fn new(board: &Board) -> Self {
        let (watcher, events) = Watcher::on(Handle::current(), StateDirectory::new(board.state.path()));
        Self { overview: Overview::new(), watcher, events }
    }

    fn does(&mut self, event: Event) {
        for effect in self.overview.handle(event) {
            self.watcher.run(effect);
        }
    }

    async fn sees(&mut self, what: &str, is: impl Fn(&Overview) -> bool) {
        let wait = async {
            while !is(&self.overview) {
                let event = self.events.recv().await.expect("the watcher lives");
                self.does(event);
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), wait).await.is_err() {
            panic!("waiting for {what}: {:?}", self.overview);
        }
    }

    async fn looks_again(&mut self) {
        self.does(Event::Refresh);
        self.sees("a new look", |overview| !overview.is_busy()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_looked_at_again_and_the_last_ballot_is_found_in_the_result() {
    let board = Board::open(2).await;
    cast(&board, &["a", "b"]).await;
    let mut person = Person::new(&board);
    person.looks_again().await;
    let watched = &person.overview.elections()[0];
    assert_eq!(watched.card().name["en"], "Sample election");
    let [first, second] = watched.ballots() else { panic!("{:?}", watched.ballots()) };
    assert!(first.replaced && !second.replaced);
    assert!(matches!((&first.place, &second.place), (Place::InTheBox(a), Place::InTheBox(b)) if a < b));
    assert!(!watched.is_alarmed() && watched.trouble().is_none());
    let fingerprint = watched.card().fingerprint;
    let done = |overview: &Overview| matches!(overview.elections()[0].verification(), Verification::Done(_));
    person.does(Event::Verify(fingerprint));
    person.sees("a verified record", done).await;
    assert!(!person.overview.elections()[0].is_counted(), "there is no result yet");
    board.lock().election.finish(&mut rand::rng()).unwrap();
    person.does(Event::Verify(fingerprint));
    person.sees("the result", |overview| overview.elections()[0].is_counted()).await;
    let Verification::Done(result) = person.overview.elections()[0].verification() else { unreachable!() };
    assert_eq!(result.ballots.iter().map(|ballot| ballot.counted).collect::<Vec<_>>(), [false, true]);
    assert_eq!(result.report.contests[0].counts.selections[1].count, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_drops_a_ballot_raises_an_alarm_that_stays() {
    let board = Board::open(2).await;
    let before = board.lock().election.entries.clone();
    cast(&board, &["a"]).await;
    let after = board.lock().election.entries.clone();
    let mut person = Person::new(&board);
    person.looks_again().await;
    assert!(!person.overview.is_alarmed());
    board.lock().election.entries = before;
    person.looks_again().await;
    let watched = &person.overview.elections()[0];
    assert!(watched.is_alarmed());
    assert!(matches!(&watched.alarm().unwrap().kind, TroubleKind::Caught(Lie::Fork { .. })));
    assert!(watched.evidence().unwrap().join("evidence.json").is_file());
    // The board shows the old log again: the alarm stays, in another session too.
    board.lock().election.entries = after;
    person.looks_again().await;
    assert!(person.overview.is_alarmed() && person.overview.elections()[0].trouble().is_none());
    let mut later = Person::new(&board);
    later.looks_again().await;
    assert!(later.overview.is_alarmed() && later.overview.elections()[0].alarm().is_none());
}

impl Person {
    /// Has the whole record verified on this device; gives what was found.
    async fn recounts(&mut self) -> Result<ResultInfo, TroubleKind> {
        self.looks_again().await;
        let fingerprint = self.overview.elections()[0].card().fingerprint;
        self.does(Event::Verify(fingerprint));
        let done = |overview: &Overview| {
            matches!(overview.elections()[0].verification(), Verification::Done(_) | Verification::Failed(_))
        };
        self.sees("the recount", done).await;
        match self.overview.elections()[0].verification() {
            Verification::Done(result) => Ok((**result).clone()),
            Verification::Failed(trouble) => Err(trouble.kind.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// What the recount caught the board at, with evidence that anybody can check.
    async fn catches(&mut self) -> (ResultInfo, TroubleKind, Evidence, Weight) {
        let result = self.recounts().await.unwrap();
        let watched = &self.overview.elections()[0];
        assert!(watched.is_alarmed() && !watched.is_counted());
        let trouble = watched.alarm().unwrap();
        assert_eq!(result.caught.as_ref(), Some(trouble));
        let evidence = Evidence::read(watched.evidence().unwrap()).unwrap();
        let weight = evidence.check().unwrap();
        (result.clone(), trouble.kind.clone(), evidence, weight)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_shows_the_recount_alone_another_log_gets_nowhere() {
    let board = Board::open(2).await;
    let before = board.lock().election.entries.len();
    cast(&board, &["a"]).await;
    let mut person = Person::new(&board);
    person.looks_again().await;
    board.lock().election.finish(&mut rand::rng()).unwrap();
    person.looks_again().await;
    // The recount asks for one signed head, compared with what this device saw, and counts what that head signs. A second
    // one would be of a log without the ballot.
    let dropped = board.lock().election.entries[..before].to_vec();
    board.lock().other_log = Some((2, dropped));
    let size = board.lock().election.entries.len() as u64;
    let result = person.recounts().await.unwrap();
    assert_eq!((result.report.tree_size, result.caught), (size, None));
    assert!(person.overview.elections()[0].is_counted() && !person.overview.is_alarmed());
    // Shown to everybody, it is a fork.
    person.looks_again().await;
    assert!(person.overview.is_alarmed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_of_other_entries_than_were_signed_raises_an_alarm() {
    let board = Board::open(2).await;
    cast(&board, &["a"]).await;
    board.lock().election.finish(&mut rand::rng()).unwrap();
    let ballot = board.lock().election.entries.len() - 8;
    let other = board.lock().election.entries[ballot - 1].clone();
    board.lock().replaced.insert(ballot, other);
    let mut person = Person::new(&board);
    let (result, kind, evidence, weight) = person.catches().await;
    assert_eq!((kind, weight), (TroubleKind::Caught(Lie::Recount), Weight::Testimony));
    assert!(result.report.failed().contains(&"V5"), "{:?}", result.report.failed());
    let Finding::Stalled { reason, .. } = &evidence.finding else { panic!("{:?}", evidence.finding) };
    assert!(reason.contains("V5"), "{reason}");
    let report = person.overview.elections()[0].evidence().unwrap().join("report.json");
    assert!(std::fs::read_to_string(report).unwrap().contains("veritally-report/v1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_of_a_signed_record_that_breaks_the_rules_raises_an_alarm_with_proof() {
    let board = Board::open(2).await;
    cast(&board, &["a"]).await;
    {
        // The same ballot once more, signed by the board.
        let mut inner = board.lock();
        let ballot = inner.election.entries.last().unwrap().clone();
        inner.election.entries.push(ballot);
    }
    let index = board.lock().election.entries.len() as u64 - 1;
    let mut person = Person::new(&board);
    let (result, kind, evidence, weight) = person.catches().await;
    assert_eq!((kind, weight), (TroubleKind::Caught(Lie::Recount), Weight::Proof));
    assert!(!result.report.passed() && result.ballots.iter().all(|ballot| !ballot.counted));
    assert!(matches!(&evidence.finding, Finding::BadEntry { index: at, .. } if *at == index), "{:?}", evidence.finding);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_without_a_ballot_that_has_a_receipt_raises_an_alarm_with_proof() {
    let board = Board::open(3).await;
    let before = board.lock().election.entries.len();
    cast(&board, &["a"]).await;
    // An election like any other, but for the one ballot; and this device has lost the head that it saw.
    board.lock().rewind(before);
    for voter in [1, 2] {
        let answers = choose("chair", &["b"], false).unwrap();
        board.lock().election.cast(voter, &answers, &mut rand::rng()).unwrap();
    }
    board.lock().election.finish(&mut rand::rng()).unwrap();
    let directory = board.state.path().join(board.link.fingerprint.unwrap().to_string());
    std::fs::remove_file(directory.join("checkpoint")).unwrap();
    let result = verify_result(&board.request(), |_, _| {}).await.unwrap();
    assert!(result.report.passed() && !result.report.contests.is_empty());
    let trouble = result.caught.unwrap();
    assert_eq!(trouble.kind, TroubleKind::Caught(Lie::Removed { receipts: 1, logged: 0 }));
    let evidence = Evidence::read(&trouble.evidence.unwrap()).unwrap();
    assert_eq!(evidence.check().unwrap(), Weight::Proof);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_served_whole_is_not_called_a_missing_network() {
    let board = Board::open(2).await;
    cast(&board, &["a"]).await;
    board.lock().withhold_entries = true;
    let mut person = Person::new(&board);
    assert_eq!(person.recounts().await.unwrap_err(), TroubleKind::Unreadable);
    assert!(!person.overview.is_alarmed());
    board.lock().withhold_entries = false;
    assert_eq!(person.recounts().await.unwrap().caught, None);
}

#[test]
fn the_timer_looks_again_and_old_timers_are_void() {
    let mut overview = Overview::new();
    let [Effect::List(job)] = overview.handle(Event::Refresh)[..] else { panic!() };
    let effects = overview.handle(Event::Listed(job, Ok(vec![])));
    let [Effect::Wait { job: timer, seconds: RECHECK_S }] = effects[..] else { panic!("{effects:?}") };
    assert!(overview.handle(Event::Listed(job, Ok(vec![]))).is_empty(), "the same answer twice");
    let [Effect::List(again)] = overview.handle(Event::Refresh)[..] else { panic!() };
    let effects = overview.handle(Event::Listed(again, Ok(vec![])));
    let [Effect::Wait { job: live, seconds: RECHECK_S }] = effects[..] else { panic!("{effects:?}") };
    assert!(overview.handle(Event::TimeIsUp(timer)).is_empty(), "an old timer");
    assert!(matches!(overview.handle(Event::TimeIsUp(live))[..], [Effect::List(_)]), "the one that runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn turnout_is_heard_while_the_board_tells_it_and_broken_streams_are_taken_up_again() {
    let board = Board::open(2).await;
    cast(&board, &["a"]).await;
    let mut request = board.request();
    request.link.fingerprint = None;
    {
        let mut inner = board.lock();
        (inner.clock_ms, inner.streams) = (Some(7_000), 2);
    }
    let mut heard = vec![];
    let follow = veritally_session::watch::follow(&request, |turnout| heard.push(turnout));
    // The first stream breaks off within an event, the second one as well; then the board has none any more.
    let error = tokio::time::timeout(Duration::from_secs(60), follow).await.unwrap();
    assert!(!error.is_evidence(), "{error}");
    let expected: Vec<_> = heard.iter().map(|one| (one.counts.ballots_cast, one.time_ms, one.tally_sums)).collect();
    // Each stream tells the counts, then the tally: a sum for each of the contest's rows. It stays known.
    let sums = heard[1].tally_sums;
    assert_eq!(expected, [(1, 7_000, None), (1, 7_000, sums), (1, 7_000, sums), (1, 7_000, sums)]);
    assert!(sums.unwrap() >= 4 && heard[1].tally_bytes.unwrap() > 32 * sums.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_is_said_when_the_election_is_opened() {
    let rng = &mut rand::rng();
    let mut election = SampleElection::start((2, 3), |manifest| manifest.schedule.opens_at_ms = 1, rng).unwrap();
    election.ceremony(rng).unwrap();
    election.roll(&[("all", "all", 1)], rng).unwrap();
    election.open().unwrap();
    let board = Board::serve(election).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    for (board_ms, off) in [(now, false), (now - 4 * 60_000, false), (now - 6 * 60_000, true), (now + 3_600_000, true)]
    {
        board.lock().clock_ms = Some(board_ms);
        let settings = Settings::new(StateDirectory::new(board.state.path()));
        let (runner, mut events) = Runner::on(Handle::current(), settings);
        let mut flow = Flow::new();
        runner.run_all(flow.handle(flow::Event::Open(board.link.to_string())));
        while !matches!(flow.page(), Page::Election { .. }) {
            runner.run_all(flow.handle(events.recv().await.unwrap()));
        }
        let Page::Election { election, .. } = flow.page() else { unreachable!() };
        assert_eq!(election.is_clock_off(), off, "{:?}", election.clock_ahead_ms);
    }
}
