//! Many ballots from a file: all are counted, and an interrupted run goes on without a second ballot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod board;

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use board::Board;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::sample::{SampleElection, choose, id};
use veritally_session::ballot_files::{BallotFile, Converter, Format, parse};
use veritally_session::bulk::{self, BulkError, Journal, JournalError, Plan, Report, totals};
use veritally_session::credentials::{self, CodeRow, CodesError};
use veritally_session::{Depth, Election};

/// 12 + 9 + 4 + 3 + 2 = 30 first preferences.
const SOI: &str = "# NUMBER ALTERNATIVES: 5\n# NUMBER VOTERS: 30\n# ALTERNATIVE NAME 1: A\n# ALTERNATIVE NAME 2: B\n\
                   # ALTERNATIVE NAME 3: C\n# ALTERNATIVE NAME 4: D\n# ALTERNATIVE NAME 5: E\n\
                   12: 2,1\n9: 1\n4: 5,4,3\n3: 3\n2: 4,1,2\n";
const COUNTS: [u64; 5] = [9, 12, 3, 2, 4];

fn codes(board: &Board) -> Vec<CodeRow> {
    let inner = board.lock();
    let row = |(voter, line): (&veritally_crypto::sample::SampleVoter, u64)| CodeRow {
        line,
        id: format!("v{line}"),
        code: voter.code.clone(),
    };
    inner.election.voters.iter().zip(2..).map(row).collect()
}

fn chair() -> Id {
    id("chair").unwrap()
}

fn soi() -> BallotFile {
    parse(Format::Soi, SOI.as_bytes()).unwrap()
}

fn plan(election: &Election, codes: &[CodeRow], limit: Option<usize>) -> Result<Arc<Plan>, BulkError> {
    let file = soi();
    let converter = Converter::new(election.manifest(), &file, None).unwrap();
    Plan::new(election, &file, &converter, codes, limit).map(Arc::new)
}

fn journal_path(board: &Board) -> PathBuf {
    board.state.path().join("journal")
}

async fn run(board: &Board, limit: Option<usize>) -> Result<(Arc<Election>, Arc<Plan>, Report), BulkError> {
    let election = Arc::new(Election::open(&board.request(), Depth::Opening).await?);
    let plan = plan(&election, &codes(board), limit)?;
    let journal = Journal::open(&journal_path(board), &election.fingerprint(), &soi().digest, None)?;
    let mut last = 0;
    let report = bulk::cast_many(&election, &plan, journal, 8, |progress| last = progress.done).await?;
    assert_eq!(last, if report.cast == 0 { 0 } else { report.cast + report.cast_before });
    Ok((election, plan, report))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ballot_of_the_file_is_cast_and_the_tally_is_the_files() {
    let board = Board::open(31).await;
    let (election, plan, report) = run(&board, None).await.unwrap();
    assert_eq!((report.cast, report.cast_before, report.refused.len()), (30, 0, 0));
    let totals = totals(election.manifest(), &soi(), Some(&chair()), &plan, &report.done);
    assert_eq!(totals[0].rows.iter().map(|row| row.count).collect::<Vec<_>>(), COUNTS);
    board.lock().election.finish(&mut rand::rng()).unwrap();
    assert_eq!(board.lock().election.state.decrypted().unwrap()[0].cells[0].counts, COUNTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_goes_on_with_the_same_bytes() {
    let board = Board::open(30).await;
    board.lock().lose_answers_after = Some(11);
    assert!(matches!(run(&board, None).await, Err(BulkError::Session(_))));
    let logged = board.lock().election.state.counts().ballots_cast;
    assert!((11..30).contains(&logged), "{logged}");
    board.lock().lose_answers_after = None;
    // What was being written when the machine went down.
    let mut file = std::fs::OpenOptions::new().append(true).open(journal_path(&board)).unwrap();
    file.write_all(b"done 2").unwrap();
    drop(file);
    let (election, plan, report) = run(&board, None).await.unwrap();
    assert_eq!(report.cast + report.cast_before, 30);
    assert!(report.cast_before >= 11 && report.refused.is_empty());
    assert_eq!(totals(election.manifest(), &soi(), Some(&chair()), &plan, &report.done)[0].rows[1].count, 12);
    {
        let inner = board.lock();
        assert_eq!(inner.election.state.counts().ballots_cast, 30);
        assert_eq!(inner.posted.iter().collect::<HashSet<_>>().len(), 30, "no ballot was made twice");
    }
    let (_, _, report) = run(&board, None).await.unwrap();
    assert_eq!((report.cast, report.cast_before), (0, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_casts_the_first_ballots_and_a_later_run_the_rest() {
    let board = Board::open(30).await;
    assert_eq!(run(&board, Some(10)).await.unwrap().2.cast, 10);
    let (_, _, report) = run(&board, None).await.unwrap();
    assert_eq!((report.cast, report.cast_before), (20, 10));
    assert_eq!(run(&board, Some(10)).await.unwrap().2.cast_before, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_voted_before_are_refused_or_with_the_whole_log_vote_again() {
    let board = Board::open(30).await;
    board.lock().election.cast(3, &choose("chair", &["e"], false).unwrap(), &mut rand::rng()).unwrap();
    let (_, _, report) = run(&board, None).await.unwrap();
    assert_eq!((report.cast, report.refused.len(), report.refused[0].row), (29, 1, 3));
    assert_eq!(report.refused[0].voter, "v5");
    let election = Arc::new(Election::open(&board.request(), Depth::Full).await.unwrap());
    let plan = plan(&election, &codes(&board), None).unwrap();
    let path = board.state.path().join("another-journal");
    let journal = Journal::open(&path, &election.fingerprint(), &soi().digest, None).unwrap();
    assert_eq!(bulk::cast_many(&election, &plan, journal, 8, |_| {}).await.unwrap().cast, 30);
    board.lock().election.finish(&mut rand::rng()).unwrap();
    assert_eq!(board.lock().election.state.decrypted().unwrap()[0].cells[0].counts, COUNTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_are_refused_before_anything_is_cast() {
    let board = Board::open(29).await;
    let election = Election::open(&board.request(), Depth::Opening).await.unwrap();
    let refuse = |codes: &[CodeRow], limit| plan(&election, codes, limit).unwrap_err();
    let mut rows = codes(&board);
    assert!(matches!(refuse(&rows, None), BulkError::TooFewCredentials { ballots: 30, credentials: 29 }));
    rows[4].code = rows[2].code.clone();
    assert!(matches!(refuse(&rows, Some(20)), BulkError::Repeated { line: 6, first: 4 }));
    rows[4].code = veritally_crypto::credential::CredentialCode::random(&mut rand::rng());
    assert!(matches!(refuse(&rows, Some(20)), BulkError::NotOnRoll { line: 6 }));
    assert!(board.lock().posted.is_empty());
}

#[test]
fn a_journal_is_for_one_election_file_and_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (one, two) = (Hash([1; 32]), Hash([2; 32]));
    let open = Journal::open(&path, &one, &two, None).unwrap();
    assert!(matches!(Journal::open(&path, &one, &two, None), Err(JournalError::Locked(_))));
    drop(open);
    assert!(matches!(Journal::open(&path, &two, &one, None), Err(JournalError::Other(_))));
    for line in ["done 3 4\n", "sent 1 {}\n", "lost 1 2\n", "sent x {}\n", "\n"] {
        std::fs::remove_file(&path).unwrap();
        drop(Journal::open(&path, &one, &two, None).unwrap());
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(line.as_bytes()).unwrap();
        assert!(matches!(Journal::open(&path, &one, &two, None), Err(JournalError::Line { line: 2, .. })), "{line}");
    }
}

#[test]
fn files_of_codes_are_read_and_errors_never_repeat_a_code() {
    let election = SampleElection::open_with(2, &mut rand::rng()).unwrap();
    let (fingerprint, code) = (election.fingerprint(), election.voters[1].code.expose_text().to_string());
    let good = format!("id,code,fingerprint,name\nv1,{code},{fingerprint},\"Ada, first\"\n");
    let rows = credentials::parse(good.as_bytes(), &fingerprint).unwrap();
    assert_eq!((rows[0].id.as_str(), rows[0].line), ("v1", 2));
    assert_eq!(rows[0].code.credential(&fingerprint).public(), election.voters[1].credential.public());
    assert!(credentials::parse(format!("code\n{}\n", code.to_lowercase()).as_bytes(), &fingerprint).is_ok());
    let refuse = |text: &str| credentials::parse(text.as_bytes(), &fingerprint).unwrap_err();
    assert!(matches!(refuse(&good.replace(&fingerprint.to_string(), "00")), CodesError::OtherElection { line: 2, .. }));
    assert!(matches!(refuse("id,name\n1,x\n"), CodesError::NoCodeColumn));
    assert!(matches!(refuse("id,code\n"), CodesError::Empty));
    assert!(matches!(refuse("id,code\n1\n"), CodesError::Line(2)));
    let wrong = format!("id,code\n1,{}\n", &code[..code.len() - 3]);
    let error = refuse(&wrong);
    assert!(matches!(error, CodesError::Code { line: 2, .. }) && !error.to_string().contains(&code[..8]), "{error}");
}

/// Five lines for eleven voters; the fourth voter and the last four have the short style, the ninth weight 5.
const EVERY_TYPE: &str = "count,choice,score,quadratic,borda,condorcet\n\
                          3,a;b,a:3;b:5,a:2;b:2,b>a>c,a>b=c\n\
                          1,blank,,,,d>c>b>a\n\
                          3,c,c:5;d:3,d:3,d,b\n\
                          2,d,,,,a=b>c=d\n\
                          2,b;a,,,,\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_clear_count_of_every_contest_type_is_what_is_decrypted() {
    let mut voters = vec![("all", 1); 11];
    voters[3].0 = "short";
    voters[7..].iter_mut().for_each(|voter| voter.0 = "short");
    voters[8].1 = 5;
    let board = Board::of_every_type(&voters).await;
    let election = Arc::new(Election::open(&board.request(), Depth::Opening).await.unwrap());
    let file = parse(Format::Csv, EVERY_TYPE.as_bytes()).unwrap();
    let converter = Converter::new(election.manifest(), &file, None).unwrap();
    let plan = Arc::new(Plan::new(&election, &file, &converter, &codes(&board), None).unwrap());
    let journal = Journal::open(&journal_path(&board), &election.fingerprint(), &file.digest, None).unwrap();
    let report = bulk::cast_many(&election, &plan, journal, 4, |_| {}).await.unwrap();
    assert_eq!((report.cast, report.refused.len()), (11, 0));
    let totals = totals(election.manifest(), &file, None, &plan, &report.done);
    let clear = |contest: usize| totals[contest].rows.iter().map(|row| row.count).collect::<Vec<_>>();
    assert_eq!(clear(0), [5, 5, 3, 6, 1, 9], "the ninth voter's d counts five times; then blank and undervotes");
    assert_eq!(clear(1), [9, 15, 15, 9]);
    assert_eq!(clear(2), [6, 6, 0, 9]);
    assert_eq!(clear(3), [9, 12, 6, 12]);
    // ab ac ad, ba bc bd, ca cb cd, da db dc
    assert_eq!(clear(4), [3, 9, 9, 4, 9, 12, 1, 1, 3, 1, 1, 1]);
    assert_eq!(totals[4].rows[3].id, "b>a");
    board.lock().election.finish(&mut rand::rng()).unwrap();
    let inner = board.lock();
    for (contest, decrypted) in inner.election.state.decrypted().unwrap().iter().enumerate() {
        assert_eq!(decrypted.cells[0].counts, clear(contest), "{}", decrypted.contest);
    }
}

#[test]
fn the_second_way_to_the_schulze_order_is_as_good_as_the_protocols() {
    use rand::{RngExt as _, SeedableRng as _};
    use veritally_crypto::contests::schulze as protocol;
    use veritally_session::bulk::schulze;
    let rng = &mut rand::rngs::StdRng::seed_from_u64(5);
    for round in 0..300 {
        let n = rng.random_range(2..=8);
        // Few different counts, so that there are ties of all kinds.
        let most = if round % 2 == 0 { 4 } else { 1_000 };
        let wins: Vec<Vec<u64>> =
            (0..n).map(|a| (0..n).map(|b| if a == b { 0 } else { rng.random_range(0..most) }).collect()).collect();
        let strengths = schulze::path_strengths(&wins);
        assert_eq!(strengths, protocol::path_strengths(&wins), "{wins:?}");
        assert_eq!(schulze::order(&strengths), protocol::order(&strengths), "{wins:?}");
    }
}
