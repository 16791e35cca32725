//! Refusals as problems: what a voter or official reads.

use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::ballot::BallotError;
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::record::Rejection;

use super::{RETRY_QUEUE_S, RETRY_STORE_S};

pub(super) fn queue_full() -> Problem {
    Problem::new(ProblemKind::QueueFull, "Nothing was stored. Send the same bytes again in a moment.")
        .with_retry_after(RETRY_QUEUE_S)
}

pub(super) fn too_many_invalid(wait: std::time::Duration) -> Problem {
    let detail =
        "Ballots with invalid proofs came for this credential, or from your address. Send the same bytes again.";
    Problem::new(ProblemKind::InvalidBallots, detail).with_retry_after(wait.as_secs() + 1)
}

pub(super) fn shutting_down() -> Problem {
    Problem::new(ProblemKind::ShuttingDown, "Nothing was stored. Send the same bytes again.")
        .with_retry_after(RETRY_STORE_S)
}

/// Another node sequenced meanwhile, or the store can't be asked.
pub(super) fn log_grew() -> Problem {
    let detail = "The log grew, or could not be read, while this was judged. Send the same bytes again.";
    Problem::new(ProblemKind::StoreUnavailable, detail).with_retry_after(RETRY_QUEUE_S)
}

pub(super) fn store_unavailable() -> Problem {
    let detail = "Storing failed, so nothing is acknowledged. Send the same bytes again: no entry is stored twice.";
    Problem::new(ProblemKind::StoreUnavailable, detail).with_retry_after(RETRY_STORE_S)
}

/// It may be committed a moment later, or never.
pub(super) fn too_slow() -> Problem {
    let detail =
        "Storing takes too long, so nothing is acknowledged. Send the same bytes again: no entry is stored twice.";
    Problem::new(ProblemKind::StoreUnavailable, detail).with_retry_after(RETRY_STORE_S)
}

pub(super) fn stopped() -> Problem {
    let detail = "Another process took over this election's log, or its store was altered. The operator must look.";
    Problem::new(ProblemKind::Stopped, detail)
}

pub(super) fn internal() -> Problem {
    Problem::new(ProblemKind::Internal, "Nothing was stored. Send the same bytes again.")
}

pub(super) fn rejected(rejection: &Rejection) -> Problem {
    let kind = match rejection {
        Rejection::Canonical(_) => ProblemKind::NotCanonical,
        Rejection::Ballot(BallotError::Canonical(_) | BallotError::NotABallot) => ProblemKind::NotCanonical,
        Rejection::Ballot(_) => ProblemKind::BallotInvalid,
        _ => ProblemKind::Rejected,
    };
    Problem::new(kind, rejection.to_string()).with_code(rejection.code())
}

pub(super) fn ballot(error: BallotError) -> Problem {
    rejected(&error.into())
}

pub(super) fn malformed(error: CanonicalError) -> Problem {
    rejected(&error.into())
}

pub(super) fn voting_ended() -> Problem {
    Problem::new(ProblemKind::VotingEnded, "The ballot arrived after the announced end of voting.")
}

pub(super) fn clock_skew(entry_ms: u64, board_ms: u64) -> Problem {
    let detail =
        format!("The entry says {entry_ms} ms, the board's clock {board_ms} ms. Set your clock and sign again.");
    Problem::new(ProblemKind::ClockSkew, detail)
}

pub(super) fn wrong_path(detail: &str) -> Problem {
    Problem::new(ProblemKind::NotCanonical, detail)
}

pub(super) fn board_entry() -> Problem {
    Problem::new(ProblemKind::Rejected, "Tally heads are the board's own entries.").with_code("tally-head")
}
