//! Why an entry may not enter a log. `code` is stable: it goes to clients, reports and statistics.

use super::Phase;
use crate::ballot::{BallotError, SpoiledError};
use crate::canonical::CanonicalError;
use crate::ceremony::CeremonyError;
use crate::hash::Hash;
use crate::id::{Id, TrusteeId};
use crate::manifest::ManifestError;
use crate::signature::SignatureError;

/// Why an entry is refused.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Not the canonical bytes of an entry: damaged, too long, or of a version that this one does not know.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// Leaf 0 describes no election that can be held.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A manifest that is not the first entry.
    #[error("a log has one manifest, its first entry")]
    SecondManifest,
    /// A ballot was given to `apply` and not, verified, to `apply_ballot`: a mistake of the caller.
    #[error("a ballot enters only after its proof was verified")]
    UnverifiedBallot,
    /// Too early or too late.
    #[error("the election is {phase}: it takes no {entry} now")]
    Phase {
        /// The entry's type.
        entry: &'static str,
        /// Where the election stands.
        phase: Phase,
    },
    /// The official did not sign these bytes for this election.
    #[error("{who}: {source}")]
    Signature {
        /// Whose signature is missing or wrong.
        who: String,
        /// Why.
        source: SignatureError,
    },
    /// No such number in the manifest.
    #[error("the manifest has no administrator {0}")]
    UnknownAdministrator(u64),
    /// No such number in the manifest.
    #[error("the manifest has no {0}")]
    UnknownTrustee(TrusteeId),
    /// A message that the key ceremony does not take.
    #[error("key ceremony: {0}")]
    Ceremony(#[from] CeremonyError),
    /// A trustee that a restart left out speaks again.
    #[error("{0} was left out of the ceremony by a restart: it has no say in this election any more")]
    Excluded(TrusteeId),
    /// It leaves out others than those who are absent or at fault, or leaves too few trustees.
    #[error("the restart of the ceremony: {0}")]
    Restart(&'static str),
    /// A part out of turn, or whose members contradict the others'.
    #[error("{trustee}'s message in parts: {problem}")]
    Part {
        /// Who sent it.
        trustee: TrusteeId,
        /// What is wrong.
        problem: &'static str,
    },
    /// A part of the roll out of turn, unsorted, or with unknown style, group or key.
    #[error("the roll's part {part}: {problem}")]
    RollPart {
        /// Which part, from 0.
        part: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The roll's end does not say what its parts say.
    #[error("the roll's end: {0}")]
    Roll(&'static str),
    /// The old credential is unknown or has voted, or the new one is in use.
    #[error("the re-issue: {0}")]
    Reissue(&'static str),
    /// Other keys or another roll than the log has, or too early.
    #[error("the opening: {0}")]
    Opening(&'static str),
    /// A proof that does not hold, or a shape that is not the style's.
    #[error(transparent)]
    Ballot(#[from] BallotError),
    /// A wrong code, or one of another election.
    #[error("the ballot's credential is not on the roll: wrong code, or made for another election")]
    UnknownCredential,
    /// The code of the letter before.
    #[error("the ballot's credential was replaced by a re-issued one: use the code of the new letter")]
    ReplacedCredential,
    /// The voter's program took the wrong ballot.
    #[error("the ballot is of style {found}, the roll gives this credential style {expected}")]
    Style {
        /// On the ballot.
        found: Id,
        /// On the roll.
        expected: Id,
    },
    /// An old ballot sent again, or another device was first.
    #[error(
        "the ballot has counter {found}, this credential's next is {expected}: an old ballot sent again, or another one came in between; encrypt afresh"
    )]
    Counter {
        /// In the ballot.
        found: u64,
        /// One more than that of the credential's last ballot.
        expected: u64,
    },
    /// Made without knowledge of the ballot before.
    #[error("the ballot does not name this credential's previous ballot ({expected}); encrypt afresh")]
    Previous {
        /// SHA-256 of the credential's last ballot, zeros for none.
        expected: Hash,
    },
    /// The voter has voted as often as the manifest allows; how often that is.
    #[error("this credential has cast the {0} ballots that the election allows")]
    CastLimit(u64),
    /// A copied encryption, or a device without randomness.
    #[error("the ballot's pad occurred before: a copied or repeated encryption; encrypt afresh")]
    RepeatedPad,
    /// The caller gave other bytes of the ballot before than the log has.
    #[error("the superseded ballot's bytes are missing or not those of the log")]
    Superseded,
    /// A published spoiled ballot that does not hold.
    #[error("the published spoiled ballot: {0}")]
    Spoiled(#[from] SpoiledError),
    /// Not the running tally at this size, or not due.
    #[error("the tally head: {0}")]
    TallyHead(&'static str),
    /// Not later than the announced end, or in the past.
    #[error("the extension: {0}")]
    Extension(&'static str),
    /// Before the opening or the last extension, or with ballots that no tally head covers.
    #[error("the closing: {0}")]
    Closing(&'static str),
    /// The trustee saw another log: somebody shows two.
    #[error(
        "{trustee} agreed to the head of size {found}, the closing head has size {expected} or another root: two views of the log"
    )]
    AgreementHead {
        /// Who sent it.
        trustee: TrusteeId,
        /// Tree size that the trustee agreed to.
        found: u64,
        /// Tree size right after the closing.
        expected: u64,
    },
    /// A trustee agrees once and for ever.
    #[error("{0} has agreed already; an agreement is given once")]
    SecondAgreement(TrusteeId),
    /// Decryption shares that are missing, misshapen or whose proof does not hold.
    #[error("{trustee}'s decryption shares: {problem}")]
    Share {
        /// Who sent it.
        trustee: TrusteeId,
        /// What is wrong.
        problem: &'static str,
    },
    /// Shares before enough trustees agreed to that head.
    #[error("{trustee}'s decryption shares are for a head of size {found} to which not enough trustees have agreed")]
    ShareHead {
        /// Who sent it.
        trustee: TrusteeId,
        /// Tree size that the shares name.
        found: u64,
    },
    /// Counts that the shares do not give, or other contests and cells.
    #[error("the result: {0}")]
    Result(&'static str),
    /// An election is abandoned with a reason for everybody to read: this one is blank or too long.
    #[error("the reason for abandoning is empty or longer than 4,096 bytes")]
    Reason,
}

impl Rejection {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Canonical(CanonicalError::TooLong(_)) => "too-large",
            Self::Canonical(_) => "not-canonical",
            Self::Manifest(_) => "manifest",
            Self::SecondManifest => "second-manifest",
            Self::UnverifiedBallot => "unverified-ballot",
            Self::Phase { .. } => "phase",
            Self::Signature { .. } => "signature",
            Self::UnknownAdministrator(_) => "unknown-administrator",
            Self::UnknownTrustee(_) => "unknown-trustee",
            Self::Ceremony(_) => "ceremony",
            Self::Excluded(_) => "excluded-trustee",
            Self::Restart(_) => "restart",
            Self::Part { .. } => "part",
            Self::RollPart { .. } | Self::Roll(_) => "roll",
            Self::Reissue(_) => "reissue",
            Self::Opening(_) => "opening",
            Self::Ballot(BallotError::Canonical(CanonicalError::TooLong(_))) => "too-large",
            Self::Ballot(BallotError::Canonical(_) | BallotError::NotABallot) => "not-canonical",
            Self::Ballot(BallotError::Check(_)) => "ballot-proof",
            Self::Ballot(_) => "ballot-form",
            Self::UnknownCredential => "unknown-credential",
            Self::ReplacedCredential => "replaced-credential",
            Self::Style { .. } => "ballot-style",
            Self::Counter { .. } => "ballot-counter",
            Self::Previous { .. } => "ballot-previous",
            Self::CastLimit(_) => "cast-limit",
            Self::RepeatedPad => "repeated-pad",
            Self::Superseded => "superseded",
            Self::Spoiled(_) => "spoiled-ballot",
            Self::TallyHead(_) => "tally-head",
            Self::Extension(_) => "extension",
            Self::Closing(_) => "closing",
            Self::AgreementHead { .. } => "agreement-head",
            Self::SecondAgreement(_) => "second-agreement",
            Self::Share { .. } => "share",
            Self::ShareHead { .. } => "share-head",
            Self::Result(_) => "result",
            Self::Reason => "reason",
        }
    }
}
