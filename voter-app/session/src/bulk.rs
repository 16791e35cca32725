//! Casting many ballots from a file: for demonstrations, rehearsals and load.
//!
//! Ballots are encrypted on all cores, in pieces, while those before are on their way; every receipt is verified. What
//! was encrypted is journalled before it is sent, so that an interrupted run goes on where it stopped and sends the
//! same bytes again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt as _, stream};
use rayon::prelude::*;
use tokio::sync::mpsc;
use veritally_board_api::files::FileError;
use veritally_crypto::ballot::{BallotError, EncryptedBallot};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::receipt::Receipt;

use crate::SessionError;
use crate::ballot_files::LineError;
use crate::election::Election;
use crate::session::submit;

mod journal;
mod plan;
pub mod schulze;
mod totals;

pub use journal::{Journal, JournalError, Resumed};
pub use plan::{Plan, PlannedBallot};
pub use totals::{ContestTotals, RowTotal, UNDERVOTES, totals};

/// Ballots encrypted and journalled at once.
const PIECE: usize = 512;

/// From so many ballots on, tables are made first.
const MANY: usize = 100;

/// After this many refusals something is wrong with the election or the files, not with single ballots.
const MAX_REFUSALS: usize = 100;

/// Why many ballots can't be cast.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BulkError {
    /// The board, its log, or the local state.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A file that can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The journal of earlier runs.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A ballot that is no answer in this election, and its line.
    #[error("ballots, {0}")]
    Ballots(#[from] LineError),
    /// Each ballot needs a code of its own.
    #[error("{ballots} ballots and {credentials} credentials: issue more codes, or cast fewer with --limit")]
    TooFewCredentials {
        /// How many ballots.
        ballots: u64,
        /// How many codes.
        credentials: usize,
    },
    /// A code of another election, or one that was replaced.
    #[error("codes, line {line}: the credential is not on this election's roll")]
    NotOnRoll {
        /// From 1.
        line: u64,
    },
    /// One voter would cast two ballots.
    #[error("codes, line {line}: the same code is on line {first}")]
    Repeated {
        /// From 1.
        line: u64,
        /// Its other line.
        first: u64,
    },
    /// The voter has voted as often as the manifest allows.
    #[error("codes, line {line}: this credential has cast all {limit} ballots that the election allows")]
    CastLimit {
        /// From 1.
        line: u64,
        /// How many those are.
        limit: u64,
    },
    /// The row.
    #[error("the journal has a ballot of another credential in row {0}: it was made with another file of codes")]
    OtherCodes(usize),
    /// The answers do not fit the ballot style.
    #[error("a ballot can't be encrypted: {0}")]
    Encrypt(#[from] BallotError),
    /// What the board refused; everything else was cast.
    #[error("the board refused {} ballots, the first one, of voter {:?}: {}", .0.len(), .0.first().map(|r| &r.voter), .0.first().map_or("", |r| &r.reason))]
    Refusals(Vec<Refusal>),
    /// A thread ended early.
    #[error("the computation was interrupted")]
    Interrupted,
}

/// A ballot that the board refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Row of the plan, from 0.
    pub row: usize,
    /// The voter's id in the file of codes.
    pub voter: String,
    /// Why.
    pub reason: String,
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Ballots with a verified receipt, earlier runs included.
    pub done: usize,
    /// Ballots in all.
    pub total: usize,
}

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// For each row of the plan whether its ballot is in the log.
    pub done: Vec<bool>,
    /// Ballots cast by this run.
    pub cast: usize,
    /// Ballots that an earlier run had cast.
    pub cast_before: usize,
    /// Refused for good.
    pub refused: Vec<Refusal>,
    /// This run's time.
    pub took: Duration,
    /// Of which encrypting, on all cores.
    pub encrypting: Duration,
}

/// Casts what is not done yet, with up to `jobs` requests under way. Refusals of single ballots are listed in the
/// report.
///
/// # Errors
/// [`BulkError`]: nothing is lost, a further run with the same journal goes on.
pub async fn cast_many(
    election: &Arc<Election>,
    plan: &Arc<Plan>,
    (journal, resumed): (Journal, Resumed),
    jobs: usize,
    mut progress: impl FnMut(Progress),
) -> Result<Report, BulkError> {
    let begin = Instant::now();
    let total = plan.ballots.len();
    let mut done: Vec<bool> = (0..total).map(|row| resumed.done.contains_key(&row)).collect();
    let cast_before = done.iter().filter(|done| **done).count();
    let journal = Arc::new(Mutex::new(journal));
    let (sender, receiver) = mpsc::channel(2 * PIECE);
    let producer = Producer { election: election.clone(), plan: plan.clone(), journal: journal.clone(), sender };
    let producer = tokio::task::spawn_blocking(move || producer.run(resumed));
    let stop = Arc::new(AtomicBool::new(false));
    let mut sent = std::pin::pin!(send_all(election, receiver, jobs, stop.clone()));
    let (mut cast, mut refused, mut latest) = (0, vec![], None);
    let mut failed = None;
    while let Some((row, outcome)) = sent.next().await {
        match outcome {
            Ok((index, head)) => {
                if let Some(done) = done.get_mut(row) {
                    *done = true;
                }
                cast += 1;
                latest = latest.max(Some((head.tree_size, head.root)));
                lock(&journal).done(row, index)?;
                progress(Progress { done: cast_before + cast, total });
            }
            Err(error @ (SessionError::Refused(_) | SessionError::OtherDevice)) => {
                let voter = plan.ballots.get(row).map(|b| b.voter.clone()).unwrap_or_default();
                refused.push(Refusal { row, voter, reason: error.to_string() });
            }
            Err(error) => failed = failed.or(Some(error)),
        }
        // What is under way is waited for: its receipts count.
        stop.fetch_or(failed.is_some() || refused.len() >= MAX_REFUSALS, Ordering::Relaxed);
    }
    let encrypting = producer.await.map_err(|_| BulkError::Interrupted)?;
    lock(&journal).flush()?;
    match failed {
        Some(error) => return Err(error.into()),
        None if refused.len() >= MAX_REFUSALS => return Err(BulkError::Refusals(refused)),
        None => {}
    }
    if let Some((tree_size, root)) = latest {
        let here = election.view().checkpoint().checkpoint().head();
        election.view().verify_consistent(&here, &Head { root, tree_size }).await?;
    }
    Ok(Report { done, cast, cast_before, refused, took: begin.elapsed(), encrypting: encrypting? })
}

fn lock(journal: &Mutex<Journal>) -> std::sync::MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Encrypts, on the threads of rayon, and hands over.
struct Producer {
    election: Arc<Election>,
    plan: Arc<Plan>,
    journal: Arc<Mutex<Journal>>,
    sender: mpsc::Sender<(usize, EncryptedBallot)>,
}

impl Producer {
    /// Returns the time spent encrypting. Stops early when nobody takes ballots any more.
    fn run(self, resumed: Resumed) -> Result<Duration, BulkError> {
        let begun = |row: &usize| resumed.done.contains_key(row) || resumed.sent.contains_key(row);
        let rows: Vec<usize> = (0..self.plan.ballots.len()).filter(|row| !begun(row)).collect();
        let mut encrypting = Duration::ZERO;
        for (row, ballot) in resumed.sent {
            // A row beyond the plan belongs to a run with a larger limit.
            let Some(planned) = self.plan.ballots.get(row) else { continue };
            if planned.credential.public() != ballot.credential() {
                return Err(BulkError::OtherCodes(row));
            }
            if self.sender.blocking_send((row, ballot)).is_err() {
                return Ok(encrypting);
            }
        }
        if rows.len() >= MANY {
            self.election.context().expect_many();
        }
        for piece in rows.chunks(PIECE) {
            let begin = Instant::now();
            let ballots: Vec<_> = piece.par_iter().map(|row| self.encrypt(*row)).collect::<Result<_, _>>()?;
            encrypting += begin.elapsed();
            lock(&self.journal).sent(&ballots)?;
            for ballot in ballots {
                if self.sender.blocking_send(ballot).is_err() {
                    return Ok(encrypting);
                }
            }
        }
        Ok(encrypting)
    }

    fn encrypt(&self, row: usize) -> Result<(usize, EncryptedBallot), BulkError> {
        // Rows are positions of the plan.
        let planned = self.plan.ballots.get(row).ok_or(BulkError::Interrupted)?;
        let answers = self.plan.answers.get(planned.answers).ok_or(BulkError::Interrupted)?;
        let rng = &mut rand::rng();
        let context = self.election.context();
        let key = planned.credential.public();
        let ballot = context.prepare(&answers.style, &answers.answers, key, planned.counter, planned.previous, rng)?;
        Ok((row, ballot.cast(&planned.credential, rng)?))
    }
}

/// Where a ballot is in the log, and the signed head of a receipt.
type Outcome = (usize, Result<(LeafIndex, Head), SessionError>);

/// Sends what comes in, up to `jobs` at once, until `stop` is set.
fn send_all(
    election: &Arc<Election>,
    receiver: mpsc::Receiver<(usize, EncryptedBallot)>,
    jobs: usize,
    stop: Arc<AtomicBool>,
) -> impl Stream<Item = Outcome> {
    let election = election.clone();
    let next = move |mut receiver: mpsc::Receiver<(usize, EncryptedBallot)>| {
        let stop = stop.clone();
        async move { receiver.recv().await.filter(|_| !stop.load(Ordering::Relaxed)).map(|one| (one, receiver)) }
    };
    stream::unfold(receiver, next)
        .map(move |(row, ballot)| {
            let election = election.clone();
            // A task each: receipts are verified on all threads.
            let task = tokio::spawn(async move { send_one(&election, &ballot).await });
            async move { (row, task.await.unwrap_or(Err(SessionError::Interrupted))) }
        })
        .buffer_unordered(jobs.max(1))
}

async fn send_one(election: &Election, ballot: &EncryptedBallot) -> Result<(LeafIndex, Head), SessionError> {
    let view = election.view();
    let text = submit(view, ballot).await?;
    let log = &view.manifest().log;
    let (index, checkpoint) = Receipt::parse(&text)?.verify(ballot.bytes(), &log.origin, &log.key)?;
    Ok((index, checkpoint.head()))
}
