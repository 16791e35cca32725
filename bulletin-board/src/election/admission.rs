//! The first stage: whatever waits is parsed, judged by the cheap rules, and its proofs are verified together.

use std::sync::Arc;

use bytes::Bytes;
use rayon::prelude::*;
use tokio::sync::mpsc;
use veritally_board_api::Problem;
use veritally_crypto::ballot::{BallotContext, EncryptedBallot, VerifiedBallot};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::record::Rejection;

use super::{Answer, Kind, Shared, Submission, problems};
use crate::replay::fresh_rng;

/// Fewest ballots that are worth another core: below, the shared generators cost more than is won.
const SMALLEST_PIECE: usize = 16;

/// What the sequencer gets.
pub(super) enum Checked {
    /// A ballot whose proof holds.
    Ballot { ballot: Box<VerifiedBallot>, answer: Answer },
    /// An official's entry, parsed.
    Entry { leaf: Box<Leaf>, bytes: Bytes, hash: Hash, answer: Answer },
    /// Refused, unless the log has these very bytes: then it was sent twice.
    Refused { hash: Hash, problem: Problem, answer: Answer },
}

impl Checked {
    pub(super) fn into_answer(self) -> Answer {
        match self {
            Self::Ballot { answer, .. } | Self::Entry { answer, .. } | Self::Refused { answer, .. } => answer,
        }
    }
}

/// A batch, and which state judged it.
pub(super) struct CheckedBatch {
    pub items: Vec<Checked>,
    pub generation: u64,
}

/// Runs until the queue is closed and empty.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut waiting: mpsc::Receiver<Submission>,
    checked: mpsc::Sender<CheckedBatch>,
) {
    let mut batch = Vec::new();
    // Waits for one, takes all that are there: nobody waits for a batch to fill.
    while waiting.recv_many(&mut batch, shared.limits.batch_entries).await > 0 {
        let (submissions, judge) = (std::mem::take(&mut batch), Arc::clone(&shared));
        match tokio::task::spawn_blocking(move || check(&judge, submissions)).await {
            Ok(batch) if batch.items.is_empty() => {}
            Ok(batch) => {
                if checked.send(batch).await.is_err() {
                    return;
                }
            }
            // The submissions' answers were dropped with the panic; their clients are told to try again.
            Err(error) => tracing::error!(election = %shared.id, %error, "checking a batch failed"),
        }
    }
}

/// A submission after parsing.
enum Parsed {
    Ballot(Box<EncryptedBallot>),
    Entry(Box<Leaf>),
}

fn parse(submission: &Submission) -> Result<Parsed, Problem> {
    match submission.kind {
        Kind::Ballot => {
            let ballot = EncryptedBallot::parse(&submission.bytes).map_err(problems::ballot)?;
            Ok(Parsed::Ballot(Box::new(ballot)))
        }
        Kind::Entry => match Leaf::parse(&submission.bytes).map_err(problems::malformed)? {
            Leaf::Ballot(_) => Err(problems::wrong_path("This is a ballot: post it to …/ballots.")),
            Leaf::TallyHead(_) => Err(problems::board_entry()),
            leaf => Ok(Parsed::Entry(Box::new(leaf))),
        },
    }
}

/// Judges a batch, in order.
fn check(shared: &Shared, submissions: Vec<Submission>) -> CheckedBatch {
    let parsed: Vec<_> = submissions.par_iter().map(parse).collect();
    let mut items = Vec::with_capacity(submissions.len());
    let (mut ballots, mut answers) = (Vec::new(), Vec::new());
    let state = shared.state();
    let (context, generation) = (state.ballot_context().cloned(), shared.generation());
    for (parsed, submission) in parsed.into_iter().zip(submissions) {
        let Submission { bytes, received_ms, answer, .. } = submission;
        match parsed {
            // The requester may be gone; so at every other answer.
            Err(problem) => drop(answer.send(Err(problem))),
            Ok(Parsed::Entry(leaf)) => items.push(Checked::Entry { leaf, hash: Hash::of(&bytes), bytes, answer }),
            Ok(Parsed::Ballot(ballot)) => {
                let refusal = match state.precheck(&ballot) {
                    Err(rejection) => Some(problems::rejected(&rejection)),
                    Ok(()) if received_ms >= state.closes_at_ms() => Some(problems::voting_ended()),
                    Ok(()) => None,
                };
                match refusal {
                    Some(problem) => items.push(Checked::Refused { hash: ballot.hash(), problem, answer }),
                    None => {
                        ballots.push(*ballot);
                        answers.push(answer);
                    }
                }
            }
        }
    }
    // Proofs take long: nobody waits for the state meanwhile.
    drop(state);
    if let Some(context) = context {
        items.extend(verify(&context, ballots, answers));
    }
    CheckedBatch { items, generation }
}

/// Verifies ballots on all cores; the bad ones are answered here.
fn verify(context: &BallotContext, ballots: Vec<EncryptedBallot>, answers: Vec<Answer>) -> Vec<Checked> {
    let size = ballots.len().div_ceil(rayon::current_num_threads()).max(SMALLEST_PIECE);
    let mut pieces = Vec::new();
    let mut rest = ballots.into_iter().peekable();
    while rest.peek().is_some() {
        pieces.push(rest.by_ref().take(size).collect::<Vec<_>>());
    }
    let verdicts: Vec<_> = pieces
        .into_par_iter()
        .map(|piece| match fresh_rng() {
            Ok(mut rng) => {
                context.verify_batch(piece, &mut rng).into_iter().map(|v| v.map_err(|(_, e)| Some(e))).collect()
            }
            // Without randomness nothing can be verified safely.
            Err(_) => piece.iter().map(|_| Err(None)).collect::<Vec<_>>(),
        })
        .collect();
    let mut good = Vec::with_capacity(answers.len());
    for (verdict, answer) in verdicts.into_iter().flatten().zip(answers) {
        match verdict {
            Ok(ballot) => good.push(Checked::Ballot { ballot: Box::new(ballot), answer }),
            Err(Some(error)) => drop(answer.send(Err(problems::rejected(&Rejection::Ballot(error))))),
            Err(None) => drop(answer.send(Err(problems::internal()))),
        }
    }
    good
}
