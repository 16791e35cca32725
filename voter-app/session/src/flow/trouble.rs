//! What can go wrong, as data that a program words in the voter's language.

use std::path::{Path, PathBuf};

use veritally_board_api::{ClientError, ProblemKind};
use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::record::Phase;

use super::code::CodeVerdict;
use crate::SessionError;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// For the page.
    pub kind: TroubleKind,
    /// In English, with every detail: for "what is happening" and for those who are asked for help.
    pub detail: String,
    /// The folder with the evidence that was kept, if the board was caught lying.
    pub evidence: Option<PathBuf>,
}

/// What went wrong. Each kind wants its own sentence and its own advice, so that a program which forgets one shall not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TroubleKind {
    /// What was opened is no link to an election: cut, or something else.
    NotALink,
    /// What was given as a test ballot is none: cut, or something else.
    NotATest,
    /// What was given as a confirmation code is none.
    NotACode,
    /// The test ballot is for another election than the link.
    OtherTest,
    /// No answer: no network, or the board is down. Try again.
    Offline,
    /// The board has too much to do, or is restarting. Try again.
    Busy {
        /// When the board wants to be asked again, seconds.
        retry_after_s: Option<u64>,
    },
    /// Somebody answers who is no board.
    NotABoard,
    /// The board answers, but the record that it serves is not whole.
    Unreadable,
    /// The board does not know this election.
    UnknownElection,
    /// The link's fingerprint is not the letter's: one of them is for another election.
    TwoFingerprints {
        /// In the link.
        link: Hash,
        /// Typed from the letter.
        given: Hash,
    },
    /// What was typed as a fingerprint is none.
    NotAFingerprint,
    /// The board shows another election than the link or the letter means. Don't vote here.
    OtherElection {
        /// In the link or the letter.
        expected: Hash,
        /// The board's.
        found: Hash,
    },
    /// Voting has not begun.
    NotOpen(Phase),
    /// Voting has ended.
    Closed,
    /// The typed code is not complete or has a typing error.
    Code(CodeVerdict),
    /// A well-formed code that is not on the roll: another election's, or replaced by a newer one.
    NotOnRoll,
    /// The registrar issued a newer code in place of this one; only the newer letter's code can be used.
    Replaced,
    /// The file of the code can't be read, or others may read it.
    CodeFile,
    /// No code is stored for this election.
    NothingStored,
    /// As many ballots were cast as the election allows; the last one counts.
    CastLimit(u64),
    /// The credential cast a ballot that this device does not know of; [`super::Event::ReadWholeLog`] goes on.
    VotedElsewhere,
    /// The board refused the ballot for good.
    Refused {
        /// The rule that it names, such as `ballot-counter`.
        code: Option<String>,
    },
    /// The election asks voters to confirm by mail before they cast; then the same ballot is sent again.
    ConfirmByMail {
        /// The page where that is done.
        address: Option<String>,
    },
    /// The board took the ballot and has not logged it yet. The same ballot is sent again.
    Pending,
    /// The local state is damaged.
    LocalState,
    /// The disk: full, or not writable. Nothing was sent that is not stored.
    Storage,
    /// The device failed its own check of what it had encrypted: memory or processor are broken. Nothing was sent.
    SelfCheck,
    /// The program is stopping, or was given a command out of turn.
    Interrupted,
    /// The board, or somebody who speaks for it, was caught. Loud; the evidence is kept.
    Caught(Lie),
}

/// What the board was caught at. As with [`TroubleKind`], none may be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lie {
    /// The manifest of another election under this name.
    OtherId,
    /// A manifest that breaks the rules.
    Manifest,
    /// A checkpoint that the election's log key did not sign.
    Checkpoint,
    /// An entry that may not be there, such as keys that no ceremony made.
    Entry(LeafIndex),
    /// Entries or proofs that are not those of the signed checkpoint.
    NotTheLog,
    /// Two signed versions of the log.
    Fork {
        /// Entries of the one that was seen before.
        old_size: u64,
        /// Entries of the one that is shown now.
        new_size: u64,
    },
    /// A receipt that does not hold.
    Receipt,
    /// A ballot that the receipt promises is not in the log.
    Missing {
        /// Its code.
        code: ConfirmationCode,
        /// Where it should be.
        index: LeafIndex,
    },
    /// Fewer ballots of this credential in the log than there are receipts.
    Removed {
        /// By the receipts.
        receipts: u64,
        /// In the log.
        logged: u64,
    },
    /// A whole record that does not hold: the recount on this device found it wrong.
    Recount,
}

impl Trouble {
    /// Without evidence.
    #[must_use]
    pub fn new(kind: TroubleKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), evidence: None }
    }

    /// Whether the same may succeed later without anybody doing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use TroubleKind::{Busy, NotABoard, Offline, Pending, Unreadable};
        // A captive portal answers like no board, and goes away; so does a copy that lags behind.
        matches!(self.kind, Offline | Busy { .. } | Pending | NotABoard | Unreadable)
    }

    /// Whether the board was caught.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        matches!(self.kind, TroubleKind::Caught(_) | TroubleKind::OtherElection { .. })
    }
}

impl From<&SessionError> for TroubleKind {
    fn from(error: &SessionError) -> Self {
        use SessionError as E;
        match error {
            E::Kept { error, .. } => Self::from(&**error),
            E::Client(error) => client(error),
            E::File(_) => Self::Storage,
            E::Code(_) => Self::Code(CodeVerdict::Mistyped),
            E::Ballot(_) | E::SelfCheck(_) => Self::SelfCheck,
            E::TwoFingerprints { link, given } => Self::TwoFingerprints { link: *link, given: *given },
            E::NotOpen(phase) => Self::NotOpen(*phase),
            E::NotOnRoll => Self::NotOnRoll,
            E::Replaced => Self::Replaced,
            E::Opening(_) => Self::SelfCheck,
            E::CastLimit(casts) => Self::CastLimit(*casts),
            E::OtherDevice => Self::VotedElsewhere,
            E::Refused(problem) if problem.kind() == ProblemKind::VotingEnded => Self::Closed,
            E::Refused(problem) => Self::Refused { code: problem.code.clone() },
            E::StillPending => Self::Pending,
            E::Unreadable(_) => Self::Unreadable,
            E::State(_) => Self::LocalState,
            E::Interrupted => Self::Interrupted,
            E::OtherElection { expected, found } => Self::OtherElection { expected: *expected, found: *found },
            E::OtherId { .. } => Self::Caught(Lie::OtherId),
            E::Manifest(_) => Self::Caught(Lie::Manifest),
            E::Checkpoint(_) => Self::Caught(Lie::Checkpoint),
            E::Record { index, .. } => Self::Caught(Lie::Entry(*index)),
            E::NotTheLog(_) | E::Tile(_) => Self::Caught(Lie::NotTheLog),
            E::Fork { old, new, .. } => Self::Caught(Lie::Fork { old_size: old.tree_size, new_size: new.tree_size }),
            E::Receipt(_) => Self::Caught(Lie::Receipt),
            E::Missing { code, index } => Self::Caught(Lie::Missing { code: *code, index: *index }),
            E::Removed { receipts, logged } => Self::Caught(Lie::Removed { receipts: *receipts, logged: *logged }),
            E::Fails { .. } => Self::Caught(Lie::Recount),
        }
    }
}

pub(crate) fn client(error: &ClientError) -> TroubleKind {
    match error {
        ClientError::Address(_) => TroubleKind::NotALink,
        ClientError::Refused(problem) => match problem.kind() {
            ProblemKind::UnknownElection | ProblemKind::NotFound => TroubleKind::UnknownElection,
            ProblemKind::ConfirmationNeeded => TroubleKind::ConfirmByMail { address: address_in(&problem.detail) },
            _ => TroubleKind::Busy { retry_after_s: problem.retry_after_s },
        },
        ClientError::Unexpected { status: 429 | 502 | 503 | 504, .. } => TroubleKind::Busy { retry_after_s: None },
        ClientError::Unexpected { .. } | ClientError::TooLong { .. } | ClientError::Malformed { .. } => {
            TroubleKind::NotABoard
        }
        ClientError::Fingerprint { expected, found, .. } => {
            TroubleKind::OtherElection { expected: *expected, found: *found }
        }
        _ => TroubleKind::Offline,
    }
}

/// The page that a board names in a sentence.
fn address_in(detail: &str) -> Option<String> {
    let word = detail.split_whitespace().find(|word| word.starts_with("https://") || word.starts_with("http://"))?;
    Some(word.trim_end_matches([',', ';', '.']).to_owned())
}

impl From<&SessionError> for Trouble {
    fn from(error: &SessionError) -> Self {
        let evidence = error.evidence().map(Path::to_owned);
        Self { kind: error.into(), detail: error.to_string(), evidence }
    }
}

impl From<SessionError> for Trouble {
    fn from(error: SessionError) -> Self {
        Self::from(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_page_to_confirm_on_is_found_in_the_boards_sentence() {
        let page = "https://vote.example/confirm/village/00ff";
        assert_eq!(address_in(&format!("confirm at {page}, then send the same ballot again")).as_deref(), Some(page));
        assert_eq!(address_in("ask the office"), None);
    }
}
