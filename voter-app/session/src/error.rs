//! What can go wrong in a session, for voters: what happened, and what to do.

use std::path::{Path, PathBuf};

use veritally_board_api::files::FileError;
use veritally_board_api::{ClientError, Problem};
use veritally_crypto::ballot::{BallotError, ConfirmationCode, OpeningError};
use veritally_crypto::credential::CodeError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::CheckpointError;
use veritally_crypto::log::merkle::ProofError;
use veritally_crypto::log::receipt::ReceiptError;
use veritally_crypto::log::tiles::TileError;
use veritally_crypto::record::{Phase, Rejection};

/// Why a session can't go on.
///
/// Those of the second kind say that the board, or somebody on the way to it, shows something that is not the
/// election's record: [`SessionError::is_evidence`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The board could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file of the local state.
    #[error(transparent)]
    File(#[from] FileError),
    /// The typed code.
    #[error("{0}; type it again as it stands on the letter")]
    Code(#[from] CodeError),
    /// What was filled in, or a ballot that can't be made.
    #[error(transparent)]
    Ballot(#[from] BallotError),
    /// Link and option name different fingerprints.
    #[error("the link carries the fingerprint {link}, but {given} was given: one of them is for another election")]
    TwoFingerprints {
        /// In the link.
        link: Hash,
        /// Given beside it.
        given: Hash,
    },
    /// Voting has not begun.
    #[error("the election is not open: its log has no opening yet (phase: {0}). Try again later")]
    NotOpen(Phase),
    /// No such credential.
    #[error(
        "this credential code is not on the election's roll: it is for another election, or was replaced by a newer one"
    )]
    NotOnRoll,
    /// The registrar issued another credential in its place.
    #[error("this credential code was replaced by a newer one: use the code of the newer letter, or ask the registrar")]
    Replaced,
    /// An opened ballot that does not hold.
    #[error(transparent)]
    Opening(#[from] OpeningError),
    /// All casts used up.
    #[error("this credential has cast {0} ballots, as many as the election allows; the last one counts")]
    CastLimit(u64),
    /// Another device cast in between.
    #[error(
        "this credential cast ballots that are not in the local state (from another device?): repeat with --full, which reads the whole log"
    )]
    OtherDevice,
    /// Refused by the board for good.
    #[error("the board refused the ballot: {0}")]
    Refused(Box<Problem>),
    /// The board took the ballot, but did not log it in time.
    #[error("the board took the ballot but has not logged it yet; repeat the command: the same ballot is sent again")]
    StillPending,
    /// The local state holds something that is not its own.
    #[error("the local state is damaged: {0}. Move the directory away and repeat with --full")]
    State(String),

    /// The device's own check of what it had made failed.
    #[error(
        "this device made a ballot that its own check refuses ({0}). Nothing was sent: restart the device, or use another one"
    )]
    SelfCheck(BallotError),
    /// The board answers, but what it serves is no whole record.
    #[error("the election's record can't be read: {0}. Ask again later")]
    Unreadable(String),
    /// The program is stopping.
    #[error("the computation was interrupted; try again")]
    Interrupted,

    /// Another election.
    #[error(
        "the board shows an election with fingerprint {found}, the one you mean has {expected}: wrong link, or a board that deceives you. Don't vote here; tell the election's office"
    )]
    OtherElection {
        /// As printed on the letter or in the link.
        expected: Hash,
        /// What the board shows.
        found: Hash,
    },
    /// The manifest is for another path.
    #[error("the board shows the manifest of election {found} under {expected}")]
    OtherId {
        /// In the link.
        expected: Id,
        /// In the manifest.
        found: Id,
    },
    /// The manifest breaks the rules.
    #[error("the election's manifest is not usable: {0}")]
    Manifest(Rejection),
    /// The checkpoint.
    #[error("the board's signed checkpoint does not hold: {0}. Tell the election's office")]
    Checkpoint(#[from] CheckpointError),
    /// An entry that may not be there.
    #[error("entry {index} of the board's log breaks the election's rules: {rejection}. Tell the election's office")]
    Record {
        /// Which entry.
        index: LeafIndex,
        /// Why.
        rejection: Rejection,
    },
    /// The entries are not those that were signed.
    #[error(
        "the entries that the board sent are not those of its signed checkpoint ({0} entries): the log was altered. Tell the election's office"
    )]
    NotTheLog(u64),
    /// A tile that is none.
    #[error("the board sent a damaged tile: {0}")]
    Tile(#[from] TileError),
    /// The log does not extend one that was seen.
    #[error("the board's log of {new} entries does not continue the one of {old} entries that this device saw: two versions of the log exist. Keep the local state as evidence and tell the election's office", old = .old.tree_size, new = .new.tree_size)]
    Fork {
        /// Seen before.
        old: Head,
        /// Shown now.
        new: Head,
        /// How the proof fails.
        source: ProofError,
    },
    /// A receipt that does not hold.
    #[error(
        "the board's receipt does not hold: {0}. The ballot is kept and can be sent again; tell the election's office if that repeats"
    )]
    Receipt(#[from] ReceiptError),
    /// An entry that is not where the receipt says.
    #[error(
        "ballot {code} is not at place {index} of the board's log, although the receipt says so. Keep the receipt as evidence and tell the election's office"
    )]
    Missing {
        /// Of the ballot.
        code: ConfirmationCode,
        /// According to the receipt.
        index: LeafIndex,
    },
    /// The whole log has fewer ballots of this credential than there are receipts.
    #[error(
        "this device holds a receipt for ballot number {receipts} of this credential, the board's log has {logged}: a ballot was removed. Keep the local state as evidence and tell the election's office"
    )]
    Removed {
        /// Counter of the last receipt.
        receipts: u64,
        /// Counter according to the log.
        logged: u64,
    },
    /// The whole record was verified on this device, and does not hold.
    #[error(
        "the election's whole record was verified on this device, and does not hold: {}. Tell the election's office",
        checks.join("; ")
    )]
    Fails {
        /// The checks that failed, with what each of them found.
        checks: Vec<String>,
        /// An entry that shows it.
        entry: Option<LeafIndex>,
    },
    /// The same, and what shows it was kept.
    #[error("{error}. The evidence is in {}", folder.display())]
    Kept {
        /// The folder; `veritally-verifier evidence` reads it, and so do people.
        folder: PathBuf,
        /// What happened.
        error: Box<SessionError>,
    },
}

impl SessionError {
    /// What happened, without where the evidence is.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::Kept { error, .. } => error.cause(),
            other => other,
        }
    }

    /// The folder with the evidence, if it was kept.
    #[must_use]
    pub fn evidence(&self) -> Option<&Path> {
        match self {
            Self::Kept { folder, .. } => Some(folder),
            _ => None,
        }
    }

    /// Whether this shows that the board, or somebody who speaks for it, does not keep the election's record.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        matches!(
            self.cause(),
            Self::OtherElection { .. }
                | Self::OtherId { .. }
                | Self::Manifest(_)
                | Self::Checkpoint(_)
                | Self::Record { .. }
                | Self::NotTheLog(_)
                | Self::Tile(_)
                | Self::Fork { .. }
                | Self::Receipt(_)
                | Self::Missing { .. }
                | Self::Removed { .. }
                | Self::Fails { .. }
        )
    }
}
