//! From a stored ballot to a receipt.

use std::time::{Duration, Instant};

use veritally_board_api::{ClientError, ProblemKind, Submitted};
use veritally_crypto::ballot::{ConfirmationCode, EncryptedBallot};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::receipt::Receipt;

use super::Unlocked;
use crate::SessionError;
use crate::election::View;
use crate::evidence::About;

/// A ballot with its proof, stored; perhaps sent, its receipt not yet here.
#[derive(Debug)]
pub struct Outgoing {
    unlocked: Unlocked,
    ballot: Box<EncryptedBallot>,
}

/// What became of a ballot that has no receipt.
#[derive(Debug)]
pub enum Unsent {
    /// It may be in the log or not: send it again.
    Retry(Outgoing, SessionError),
    /// The board refused it for good; it was put aside.
    Refused(Unlocked, SessionError),
}

impl Unsent {
    /// Why.
    #[must_use]
    pub fn into_error(self) -> SessionError {
        match self {
            Self::Retry(_, error) | Self::Refused(_, error) => error,
        }
    }
}

impl Outgoing {
    pub(super) fn new(unlocked: Unlocked, ballot: EncryptedBallot) -> Self {
        Self { unlocked, ballot: Box::new(ballot) }
    }

    /// Its confirmation code.
    #[must_use]
    pub fn code(&self) -> ConfirmationCode {
        self.ballot.confirmation_code(&self.unlocked.election.fingerprint())
    }

    /// Whose ballot it is.
    #[must_use]
    pub fn unlocked(&self) -> &Unlocked {
        &self.unlocked
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.ballot.bytes()
    }

    /// Sends the stored bytes, verifies and stores the receipt.
    ///
    /// # Errors
    /// [`Unsent`], with the state to go on from.
    pub async fn send(mut self) -> Result<Recorded, Box<Unsent>> {
        match self.try_send().await {
            Ok((index, checkpoint)) => {
                let code = self.code();
                (self.unlocked.counter, self.unlocked.previous) = (self.ballot.leaf().counter, self.ballot.hash());
                Ok(Recorded { unlocked: self.unlocked, code, index, checkpoint })
            }
            Err(error @ (SessionError::OtherDevice | SessionError::Refused(_))) => {
                match self.unlocked.store.set_aside(self.ballot.leaf().counter) {
                    Ok(()) => Err(Box::new(Unsent::Refused(self.unlocked, error))),
                    Err(file) => Err(Box::new(Unsent::Retry(self, file.into()))),
                }
            }
            Err(error) => Err(Box::new(Unsent::Retry(self, error))),
        }
    }

    async fn try_send(&self) -> Result<(LeafIndex, Checkpoint), SessionError> {
        let view = self.unlocked.election.view();
        let text = submit(view, &self.ballot).await?;
        match self.take_receipt(view, &text).await {
            Ok(taken) => Ok(taken),
            Err(error) => {
                let about = About { ballot: Some(self.ballot.bytes()), receipt: Some(&text), ..About::default() };
                Err(view.keep_evidence(error, about).await)
            }
        }
    }

    async fn take_receipt(&self, view: &View, text: &str) -> Result<(LeafIndex, Checkpoint), SessionError> {
        let (index, checkpoint) = verify_receipt(view, self.ballot.bytes(), text)?;
        self.unlocked.store.save_receipt(self.ballot.leaf().counter, text)?;
        // One view: the receipt's log is the one that election keys were taken from.
        let here = view.checkpoint().checkpoint().head();
        view.verify_consistent(&here, &checkpoint.checkpoint().head()).await?;
        view.remember(&checkpoint)?;
        Ok((index, checkpoint.checkpoint().clone()))
    }
}

/// Sends a ballot's bytes until there is a receipt, which is not verified.
pub(crate) async fn submit(view: &View, ballot: &EncryptedBallot) -> Result<String, SessionError> {
    until_receipt(view, ballot.bytes(), true).await
}

/// As [`submit`], for an entry that is no ballot.
pub(crate) async fn submit_entry(view: &View, entry: Vec<u8>) -> Result<String, SessionError> {
    until_receipt(view, &entry, false).await
}

/// How soon a ballot that waits for its place in the log is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// Sending the same bytes again is asking again; only this also tells of a refusal.
async fn until_receipt(view: &View, bytes: &[u8], is_ballot: bool) -> Result<String, SessionError> {
    let deadline = Instant::now() + view.patience();
    loop {
        let submitted = match is_ballot {
            true => view.board().submit_ballot(bytes.to_vec()).await,
            false => view.board().submit_entry(bytes.to_vec()).await,
        };
        if let Submitted::Receipt { text, .. } = submitted.map_err(refusal)? {
            return Ok(text);
        }
        if Instant::now() + AGAIN > deadline {
            return Err(SessionError::StillPending);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Tells refusals for good from those that may pass.
fn refusal(error: ClientError) -> SessionError {
    use ProblemKind::{BallotInvalid, NotCanonical, Rejected, TooLarge, VotingEnded};
    match error.problem() {
        Some(problem) if matches!(problem.code.as_deref(), Some("ballot-counter" | "ballot-previous")) => {
            SessionError::OtherDevice
        }
        Some(problem) if matches!(problem.kind(), Rejected | BallotInvalid | NotCanonical | TooLarge | VotingEnded) => {
            SessionError::Refused(Box::new(problem.clone()))
        }
        _ => error.into(),
    }
}

/// Verifies that a receipt is for these bytes, by this election's log.
pub(crate) fn verify_receipt(
    view: &View,
    ballot: &[u8],
    text: &str,
) -> Result<(LeafIndex, SignedCheckpoint), SessionError> {
    let log = &view.manifest().log;
    let receipt = Receipt::parse(text)?;
    let (index, _) = receipt.verify(ballot, &log.origin, &log.key)?;
    Ok((index, SignedCheckpoint::parse(receipt.checkpoint_text(), &log.origin, &log.key)?))
}

/// The ballot is in the log: its receipt was verified and stored.
#[derive(Debug)]
pub struct Recorded {
    unlocked: Unlocked,
    code: ConfirmationCode,
    index: LeafIndex,
    checkpoint: Checkpoint,
}

impl Recorded {
    /// To be looked up by anybody.
    #[must_use]
    pub fn code(&self) -> ConfirmationCode {
        self.code
    }

    /// Whose ballot it is, counted.
    #[must_use]
    pub fn unlocked(&self) -> &Unlocked {
        &self.unlocked
    }

    /// Its place in the log.
    #[must_use]
    pub fn index(&self) -> LeafIndex {
        self.index
    }

    /// The signed tree that has it.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Votes again: the next ballot supersedes this one.
    #[must_use]
    pub fn again(self) -> Unlocked {
        self.unlocked
    }
}
