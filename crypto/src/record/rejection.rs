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
#[allow(missing_docs)]
pub enum Rejection {
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("a log has one manifest, its first entry")]
    SecondManifest,
    #[error("a ballot enters only after its proof was verified")]
    UnverifiedBallot,
    #[error("the election is {phase}: it takes no {entry} now")]
    Phase { entry: &'static str, phase: Phase },
    #[error("{who}: {source}")]
    Signature { who: String, source: SignatureError },
    #[error("the manifest has no administrator {0}")]
    UnknownAdministrator(u64),
    #[error("the manifest has no {0}")]
    UnknownTrustee(TrusteeId),
    #[error("key ceremony: {0}")]
    Ceremony(#[from] CeremonyError),
    #[error("{0} was left out of the ceremony by a restart: it has no say in this election any more")]
    Excluded(TrusteeId),
    #[error("the restart of the ceremony: {0}")]
    Restart(&'static str),
    #[error("{trustee}'s message in parts: {problem}")]
    Part { trustee: TrusteeId, problem: &'static str },
    #[error("the roll's part {part}: {problem}")]
    RollPart { part: u64, problem: &'static str },
    #[error("the roll's end: {0}")]
    Roll(&'static str),
    #[error("the re-issue: {0}")]
    Reissue(&'static str),
    #[error("the opening: {0}")]
    Opening(&'static str),
    #[error(transparent)]
    Ballot(#[from] BallotError),
    #[error("the ballot's credential is not on the roll: wrong code, or made for another election")]
    UnknownCredential,
    #[error("the ballot's credential was replaced by a re-issued one: use the code of the new letter")]
    ReplacedCredential,
    #[error("the ballot is of style {found}, the roll gives this credential style {expected}")]
    Style { found: Id, expected: Id },
    #[error(
        "the ballot has counter {found}, this credential's next is {expected}: an old ballot sent again, or another one came in between; encrypt afresh"
    )]
    Counter { found: u64, expected: u64 },
    #[error("the ballot does not name this credential's previous ballot ({expected}); encrypt afresh")]
    Previous { expected: Hash },
    #[error("this credential has cast the {0} ballots that the election allows")]
    CastLimit(u64),
    #[error("the ballot's pad occurred before: a copied or repeated encryption; encrypt afresh")]
    RepeatedPad,
    #[error("the superseded ballot's bytes are missing or not those of the log")]
    Superseded,
    #[error("the published spoiled ballot: {0}")]
    Spoiled(#[from] SpoiledError),
    #[error("the tally head: {0}")]
    TallyHead(&'static str),
    #[error("the extension: {0}")]
    Extension(&'static str),
    #[error("the closing: {0}")]
    Closing(&'static str),
    #[error(
        "{trustee} agreed to the head of size {found}, the closing head has size {expected} or another root: two views of the log"
    )]
    AgreementHead { trustee: TrusteeId, found: u64, expected: u64 },
    #[error("{0} has agreed already; an agreement is given once")]
    SecondAgreement(TrusteeId),
    #[error("{trustee}'s decryption shares: {problem}")]
    Share { trustee: TrusteeId, problem: &'static str },
    #[error("{trustee}'s decryption shares are for a head of size {found} to which not enough trustees have agreed")]
    ShareHead { trustee: TrusteeId, found: u64 },
    #[error("the result: {0}")]
    Result(&'static str),
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
