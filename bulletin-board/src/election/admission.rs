//! The first stage: whatever waits is parsed, judged by the cheap rules, and its proofs are verified together; those of
//! suspects aside.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use rayon::prelude::*;
use tokio::sync::{mpsc, oneshot};
use veritally_board_api::Problem;
use veritally_crypto::ballot::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::record::{RecordState, Rejection};

use super::suspects::Lane;
use super::{Answer, Kind, Queued, Shared, Submission, problems};
use crate::replay::fresh_rng;

/// Fewest ballots that are worth another core: below, the shared generators cost more than is won.
const SMALLEST_PIECE: usize = 16;

/// Ballots of suspects that may wait; more are told to come back.
const SUSPECTS_WAITING: usize = 256;

/// What the sequencer gets.
pub(super) enum Checked {
    /// A ballot whose proof holds.
    Ballot { ballot: Box<VerifiedBallot>, received_ms: u64, answer: Answer },
    /// An official's entry, parsed.
    Entry { leaf: Box<Leaf>, bytes: Bytes, hash: Hash, received_ms: u64, answer: Answer },
    /// Refused, unless the log has these very bytes: then it was sent twice.
    Refused { ballot: Box<EncryptedBallot>, received_ms: u64, problem: Problem, answer: Answer },
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

/// What a failing proof is put down to.
#[derive(Clone, Copy)]
struct Author {
    credential: CredentialKey,
    from: Option<IpAddr>,
}

/// A ballot that the cheap rules admit.
struct Candidate {
    ballot: EncryptedBallot,
    received_ms: u64,
    author: Author,
    answer: Answer,
}

/// What the lane of suspects gets.
enum Aside {
    Ballot {
        candidate: Box<Candidate>,
        context: Arc<BallotContext>,
        generation: u64,
    },
    /// To be told when everything before was handed on.
    Barrier(oneshot::Sender<()>),
}

/// Runs until the queue is closed and empty.
pub(super) async fn run(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Queued>, checked: mpsc::Sender<CheckedBatch>) {
    let (aside, suspects) = mpsc::channel(SUSPECTS_WAITING);
    let suspects = tokio::spawn(check_suspects(Arc::clone(&shared), suspects, checked.clone()));
    let mut batch = Vec::new();
    let mut largest = shared.limits.batch_entries;
    // Waits for one, takes all that are there: nobody waits for a batch to fill.
    while waiting.recv_many(&mut batch, shared.limits.batch_entries).await > 0 {
        let (queued, judge, lane) = (std::mem::take(&mut batch), Arc::clone(&shared), aside.clone());
        let outcome = tokio::task::spawn_blocking(move || {
            let batch = check(&judge, queued, &lane, &mut largest);
            (batch, largest)
        });
        match outcome.await {
            Ok((batch, piece)) => {
                largest = piece;
                if batch.items.is_empty() {
                    continue;
                }
                if ends_voting(&batch) {
                    // Ballots of suspects that came before the closing go before it.
                    let (done, all_handed_on) = oneshot::channel();
                    if aside.send(Aside::Barrier(done)).await.is_ok() {
                        let _ = all_handed_on.await;
                    }
                }
                if checked.send(batch).await.is_err() {
                    return;
                }
            }
            // The submissions' answers were dropped with the panic; their clients are told to try again.
            Err(error) => tracing::error!(election = %shared.id, %error, "checking a batch failed"),
        }
    }
    drop(aside);
    if let Err(error) = suspects.await {
        tracing::error!(election = %shared.id, %error, "the lane of suspects failed");
    }
}

/// Whether an entry is among them after which no ballot is admitted.
pub(super) fn ends_voting(batch: &CheckedBatch) -> bool {
    let ends = |leaf: &Leaf| matches!(leaf, Leaf::Closing(_) | Leaf::Abandonment(_));
    batch.items.iter().any(|item| matches!(item, Checked::Entry { leaf, .. } if ends(leaf)))
}

/// Verifies the ballots of suspects one by one, on one core.
async fn check_suspects(shared: Arc<Shared>, mut waiting: mpsc::Receiver<Aside>, checked: mpsc::Sender<CheckedBatch>) {
    while let Some(next) = waiting.recv().await {
        let (candidate, context, generation) = match next {
            Aside::Ballot { candidate, context, generation } => (candidate, context, generation),
            Aside::Barrier(done) => {
                // Who waits may be gone.
                let _ = done.send(());
                continue;
            }
        };
        let judge = Arc::clone(&shared);
        let verified = tokio::task::spawn_blocking(move || verify(&judge, &context, vec![*candidate], &mut 1));
        match verified.await {
            Ok(items) if items.is_empty() => {}
            Ok(items) => {
                if checked.send(CheckedBatch { items, generation }).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::error!(election = %shared.id, %error, "checking a ballot failed"),
        }
    }
}

/// A submission after parsing.
enum Parsed {
    Ballot(Box<EncryptedBallot>),
    Entry(Box<Leaf>),
}

fn parse(queued: &Queued) -> Result<Parsed, Problem> {
    let Submission { kind, bytes, .. } = &queued.submission;
    match kind {
        Kind::Ballot => {
            let ballot = EncryptedBallot::parse(bytes).map_err(problems::ballot)?;
            Ok(Parsed::Ballot(Box::new(ballot)))
        }
        Kind::Entry => match Leaf::parse(bytes).map_err(problems::malformed)? {
            Leaf::Ballot(_) => Err(problems::wrong_path("This is a ballot: post it to …/ballots.")),
            Leaf::TallyHead(_) => Err(problems::board_entry()),
            leaf => Ok(Parsed::Entry(Box::new(leaf))),
        },
    }
}

/// Judges a batch, in order. `largest` is the size of the pieces that are verified together; see [`verify`].
fn check(shared: &Shared, queued: Vec<Queued>, aside: &mpsc::Sender<Aside>, largest: &mut usize) -> CheckedBatch {
    let parsed: Vec<_> = queued.par_iter().map(parse).collect();
    let mut items = Vec::with_capacity(queued.len());
    let mut together = Vec::new();
    let state = shared.state();
    let (context, generation) = (state.ballot_context().cloned(), shared.generation());
    for (parsed, Queued { submission, .. }) in parsed.into_iter().zip(queued) {
        let Submission { bytes, received_ms, from, answer, .. } = submission;
        let ballot = match parsed {
            // The requester may be gone; so at every other answer.
            Err(problem) => {
                answer.send(Err(problem));
                continue;
            }
            Ok(Parsed::Entry(leaf)) => {
                items.push(Checked::Entry { leaf, hash: Hash::of(&bytes), bytes, received_ms, answer });
                continue;
            }
            Ok(Parsed::Ballot(ballot)) => ballot,
        };
        if let Err(problem) = judge(&state, &ballot, received_ms) {
            items.push(Checked::Refused { ballot, received_ms, problem, answer });
            continue;
        }
        let author = Author { credential: ballot.credential(), from };
        let candidate = Candidate { ballot: *ballot, received_ms, author, answer };
        match (shared.suspects.lane(author.credential, from), &context) {
            (Ok(Lane::Together), _) => together.push(candidate),
            (Ok(Lane::Aside), Some(context)) => {
                let context = Arc::clone(context);
                let put = aside.try_send(Aside::Ballot { candidate: Box::new(candidate), context, generation });
                if let Err(mpsc::error::TrySendError::Full(Aside::Ballot { candidate, .. })) = put {
                    candidate.answer.send(Err(problems::queue_full()));
                }
            }
            // Without a context no ballot passed the cheap rules.
            (Ok(Lane::Aside), None) => candidate.answer.send(Err(problems::internal())),
            (Err(wait), _) => candidate.answer.send(Err(problems::too_many_invalid(wait))),
        }
    }
    // Proofs take long: nobody waits for the state meanwhile.
    drop(state);
    if let Some(context) = context {
        items.extend(verify(shared, &context, together, largest));
    }
    CheckedBatch { items, generation }
}

/// The cheap rules for a ballot: those of the record, and whether it came in time (specs/board.md section 4).
///
/// # Errors
/// Why it is refused.
pub(super) fn judge(state: &RecordState, ballot: &EncryptedBallot, received_ms: u64) -> Result<(), Problem> {
    state.precheck(ballot).map_err(|rejection| problems::rejected(&rejection))?;
    if received_ms < state.closes_at_ms() { Ok(()) } else { Err(problems::voting_ended()) }
}

type Verdicts = Vec<Result<VerifiedBallot, Option<BallotError>>>;

fn verdicts(context: &BallotContext, piece: Vec<EncryptedBallot>) -> Verdicts {
    match fresh_rng() {
        Ok(mut rng) => context.verify_batch(piece, &mut rng).into_iter().map(|v| v.map_err(|(_, e)| Some(e))).collect(),
        // Without randomness nothing can be verified safely.
        Err(_) => piece.iter().map(|_| Err(None)).collect(),
    }
}

/// Verifies ballots on all cores; the bad ones are answered here.
///
/// A piece with a bad ballot is halved again and again, at the cost of all in it. So the pieces shrink by half after
/// bad ones and grow again after good ones: when everything is bad, each ballot is checked once, by itself.
fn verify(shared: &Shared, context: &BallotContext, candidates: Vec<Candidate>, largest: &mut usize) -> Vec<Checked> {
    let fair = candidates.len().div_ceil(rayon::current_num_threads()).max(SMALLEST_PIECE);
    let size = fair.min(*largest).max(1);
    let (mut ballots, mut authors) = (Vec::with_capacity(candidates.len()), Vec::with_capacity(candidates.len()));
    for Candidate { ballot, received_ms, author, answer } in candidates {
        ballots.push(ballot);
        authors.push((author, received_ms, answer));
    }
    let mut pieces = Vec::new();
    let mut rest = ballots.into_iter().peekable();
    while rest.peek().is_some() {
        pieces.push(rest.by_ref().take(size).collect::<Vec<_>>());
    }
    let verdicts: Vec<Verdicts> = pieces.into_par_iter().map(|piece| verdicts(context, piece)).collect();
    let bad_pieces = verdicts.iter().filter(|piece| piece.iter().any(Result::is_err)).count();
    *largest = match bad_pieces {
        0 => largest.saturating_mul(2).min(shared.limits.batch_entries),
        _ => (*largest).min(size) / 2,
    }
    .max(1);
    let mut good = Vec::with_capacity(authors.len());
    for (verdict, (author, received_ms, answer)) in verdicts.into_iter().flatten().zip(authors) {
        match verdict {
            Ok(ballot) => good.push(Checked::Ballot { ballot: Box::new(ballot), received_ms, answer }),
            Err(Some(error)) => {
                shared.suspects.failed(author.credential, author.from);
                answer.send(Err(problems::rejected(&Rejection::Ballot(error))));
            }
            Err(None) => answer.send(Err(problems::internal())),
        }
    }
    good
}
