//! Phases, and why a ceremony's message is refused.

use std::fmt;

use crate::group::GroupError;
use crate::id::TrusteeId;

/// Where a ceremony stands; each phase needs the messages of all trustees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CeremonyPhase {
    /// Hashes of the coefficient commitments.
    Commit,
    /// The commitments.
    Reveal,
    /// Encrypted shares.
    Shares,
    /// The hash of the transcript.
    Confirm,
    /// Shares of a pad that nobody chose.
    Rehearsal,
    /// The election keys stand.
    Complete,
}

impl fmt::Display for CeremonyPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Commit => "commit",
            Self::Reveal => "reveal",
            Self::Shares => "shares",
            Self::Confirm => "confirm",
            Self::Rehearsal => "rehearsal",
            Self::Complete => "complete",
        })
    }
}

impl CeremonyPhase {
    /// What is still to be done by those who are waited for: "waiting for trustee 2 to …".
    #[must_use]
    pub fn task(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Reveal => "reveal",
            Self::Shares => "send the shares",
            Self::Confirm => "confirm",
            Self::Rehearsal => "rehearse",
            Self::Complete => "do nothing",
        }
    }
}

/// Why a message of the ceremony is refused, or a trustee does not go on. Names the culprit where there is one.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // The fields are what the messages call them.
pub enum CeremonyError {
    /// The manifest's numbers make no ceremony.
    #[error("a quorum of {quorum} of {trustees} trustees is not more than half of them and at most all")]
    Quorum { quorum: u64, trustees: u64 },
    /// Nothing is tallied.
    #[error("there are no rows, so there is nothing to make keys for")]
    NoRows,
    /// The manifest has no usable encryption key for this trustee.
    #[error("the encryption key of {trustee} is not usable")]
    EncryptionKey { trustee: TrusteeId, source: GroupError },
    /// No such trustee.
    #[error("the manifest has no {0}")]
    UnknownTrustee(TrusteeId),
    /// Left out by a restart.
    #[error("{0} was left out of the ceremony by a restart")]
    Excluded(TrusteeId),
    /// A complaint showed that somebody cheated: nothing more can come of this attempt.
    #[error("attempt {attempt} has failed, {culprit} cheated: an administrator must restart the ceremony")]
    Failed { attempt: u64, culprit: TrusteeId },
    /// Complains of itself, or of who dealt nothing to it.
    #[error("{trustee} complains of {dealer}, which has dealt it no package")]
    NoPackage { trustee: TrusteeId, dealer: TrusteeId },
    /// One complaint about one package.
    #[error("{trustee} has already complained of {dealer}")]
    AlreadyComplained { trustee: TrusteeId, dealer: TrusteeId },
    /// The complaint opens the package with something else than the recipient's secret.
    #[error("the proof of the complaint of {trustee} against {dealer} does not hold")]
    ComplaintProof { trustee: TrusteeId, dealer: TrusteeId },
    /// Every package holds what it should: a complaint would name the complainer.
    #[error("the shares that {dealer} dealt to {trustee} are right: there is nothing to complain of")]
    NothingWrong { trustee: TrusteeId, dealer: TrusteeId },
    /// A message of another attempt: a replay, or a trustee that missed a restart.
    #[error("{trustee} speaks in attempt {attempt}, this is attempt {expected}")]
    WrongAttempt { trustee: TrusteeId, attempt: u64, expected: u64 },
    /// A message too early or too late.
    #[error("{trustee} sent a {message} message while the ceremony is in its {phase} phase")]
    WrongPhase { trustee: TrusteeId, message: CeremonyPhase, phase: CeremonyPhase },
    /// A trustee speaks once a phase.
    #[error("{trustee} already sent its {message} message")]
    AlreadyPosted { trustee: TrusteeId, message: CeremonyPhase },
    /// Too few or too many coefficients would change the quorum.
    #[error("{trustee} revealed {found} coefficient commitments instead of {expected}")]
    CommitmentCount { trustee: TrusteeId, found: usize, expected: usize },
    /// Revealed something else than it had committed to.
    #[error("the commitments of {trustee} are not those whose hash it had committed to")]
    CommitmentsHash { trustee: TrusteeId },
    /// Saw other commits than the log has.
    #[error("{trustee} revealed for other commits than the log's: it saw another log")]
    CommitsHash { trustee: TrusteeId },
    /// 32 bytes that are no point.
    #[error("{trustee} sent a value that is no group element")]
    Encoding { trustee: TrusteeId, source: GroupError },
    /// Perhaps chose its key depending on the others'.
    #[error("{trustee} did not prove that it knows its constant terms")]
    ConstantTermsProof { trustee: TrusteeId },
    /// Cannot happen by chance, nor while one trustee is honest.
    #[error("two election keys are equal or one is the identity: the ceremony must be restarted")]
    Keys,
    /// Not one package for each other trustee, in order.
    #[error("the packages of {trustee} are not one for each other trustee, in order")]
    Recipients { trustee: TrusteeId },
    /// A ciphertext of the wrong size.
    #[error("the package of {trustee} for {recipient} has {found} bytes instead of {expected}")]
    MaskedLength { trustee: TrusteeId, recipient: TrusteeId, found: usize, expected: usize },
    /// Not the dealer's own package: copied, or altered.
    #[error("the proof of the package of {trustee} for {recipient} does not hold: copied from elsewhere, or altered")]
    PackageProof { trustee: TrusteeId, recipient: TrusteeId },
    /// A package must be its dealer's own and fresh.
    #[error("the package of {trustee} for {recipient} repeats an ephemeral point")]
    RepeatedEphemeral { trustee: TrusteeId, recipient: TrusteeId },
    /// Confirmed another transcript.
    #[error("{trustee} confirmed another transcript than the log's: it saw another log")]
    CeremonyHash { trustee: TrusteeId },
    /// A rehearsal share is missing or too many.
    #[error("{trustee} sent {found} rehearsal shares instead of {expected}")]
    RehearsalCount { trustee: TrusteeId, found: usize, expected: usize },
    /// Cannot decrypt with the share that it confirmed.
    #[error("the proof of the rehearsal shares of {trustee} does not hold")]
    RehearsalProof { trustee: TrusteeId },
    /// A private finding: the dealer cheated this trustee. The ceremony must not be confirmed.
    #[error("{dealer} dealt {recipient} a share that does not match its commitments: complain, do not confirm")]
    WrongShare { dealer: TrusteeId, recipient: TrusteeId },
    /// The secret is another trustee's or another election's.
    #[error("the decryption secret does not belong to the encryption key of {0} in the manifest")]
    WrongSecret(TrusteeId),
    /// The public state is of another election, attempt or set of keys than the secrets.
    #[error("the ceremony is another one than the one these secrets of {0} are for")]
    WrongCeremony(TrusteeId),
    /// The log has messages that this seed did not make: another seed was used, or somebody else holds the key.
    #[error("the log's {message} message of {trustee} was not made with this seed")]
    OwnMessage { trustee: TrusteeId, message: CeremonyPhase },
    /// Something is asked for that needs more messages first.
    #[error("the ceremony is in its {phase} phase: this needs all messages of the {needed} phase")]
    NotYet { phase: CeremonyPhase, needed: CeremonyPhase },
}
