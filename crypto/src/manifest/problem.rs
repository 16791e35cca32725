//! Why a manifest is refused, all reasons at once.

use super::validate::{MAX_TALLY_POINTS, MAX_TEXT_BYTES};
use crate::canonical::{CanonicalError, MAX_LEAF_BYTES};
use crate::contests::RuleError;
use crate::id::Id;

/// One thing that is wrong with a manifest.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestProblem {
    /// A name or description.
    #[error("{what} is empty or longer than {MAX_TEXT_BYTES} bytes")]
    Text {
        /// Of what.
        what: String,
    },
    /// A text that lacks a language, or has one too many.
    #[error("{what} needs a text in exactly these languages: {languages:?}")]
    Languages {
        /// Of what.
        what: String,
        /// Those of the manifest.
        languages: Vec<String>,
    },
    /// A key or id that two have.
    #[error("{what} {id} occurs twice")]
    Duplicate {
        /// Of what.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// Too many or too few of something.
    #[error("{what}: {count} given, {min} to {max} allowed")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// Fewest or least.
        min: usize,
        /// Most.
        max: usize,
    },
    /// k of n: two groups could decrypt apart, or nobody could.
    #[error(
        "quorum {quorum} of {trustees} trustees: need 2·quorum > trustees ≥ quorum, so that no two groups can decrypt apart"
    )]
    Quorum {
        /// k.
        quorum: u64,
        /// n.
        trustees: u64,
    },
    /// q is less than k or more than n.
    #[error(
        "agreement quorum {agreement_quorum}: must lie between the quorum {quorum} and the number of trustees {trustees}"
    )]
    AgreementQuorum {
        /// q.
        agreement_quorum: u64,
        /// k.
        quorum: u64,
        /// n.
        trustees: u64,
    },
    /// Which trustee: it may have copied somebody's key.
    #[error("trustee {0}: the proof of possession of its encryption key does not hold; ask for its public file again")]
    Possession(u64),
    /// A contest that nobody could vote in or count.
    #[error("contest {contest}: {error}")]
    Rule {
        /// Which contest.
        contest: Id,
        /// What is wrong with it.
        error: RuleError,
    },
    /// A style with an unknown contest, or in another order than the manifest.
    #[error("ballot style {style} names contest {contest}, which does not exist or stands out of manifest order")]
    StyleContests {
        /// Which ballot style.
        style: Id,
        /// Which contest.
        contest: Id,
    },
    /// Nobody could vote on it.
    #[error("contest {0} is on no ballot style")]
    Unused(Id),
    /// The ballots would not fit an entry.
    #[error(
        "a ballot of style {style} would take {bytes} bytes, an entry has at most {MAX_LEAF_BYTES}: use fewer selections or several styles"
    )]
    BallotTooLarge {
        /// Which ballot style.
        style: Id,
        /// How long it could be.
        bytes: usize,
    },
    /// The sums could leave the range in which they are exact.
    #[error("ballot style {0} has a row whose weights are too large")]
    RowTooLarge(Id),
    /// The counts could not be decrypted.
    #[error(
        "total weight {max_total_weight} times {largest} a ballot exceeds 2^40, the largest total that can be decrypted"
    )]
    Total {
        /// Of the roll.
        max_total_weight: u64,
        /// The largest value of a row on one ballot.
        largest: u64,
    },
    /// A trustee's message, or the result, could not be logged.
    #[error("{what} could take {bytes} bytes, at most {max} are possible: use fewer groups, selections or trustees")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How long it could be.
        bytes: usize,
        /// Most.
        max: usize,
    },
    /// The running tally would outgrow memory.
    #[error(
        "{groups} groups with {points} tallied points each exceed the {MAX_TALLY_POINTS} that a running tally may have"
    )]
    Tally {
        /// How many reporting groups.
        groups: usize,
        /// Points in each.
        points: usize,
    },
    /// A number out of its range.
    #[error("{what} is {value}: must lie in {min} to {max}")]
    Range {
        /// Of what.
        what: &'static str,
        /// What the manifest has.
        value: u64,
        /// Fewest or least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// It would end before it begins.
    #[error("voting closes at {closes_at_ms} ms, before it opens at {opens_at_ms} ms")]
    Schedule {
        /// When voting opens, milliseconds since the Unix epoch.
        opens_at_ms: u64,
        /// When it closes.
        closes_at_ms: u64,
    },
    /// The log's name could not stand in a checkpoint.
    #[error("the log's origin must be a non-empty word without spaces or '+'")]
    Origin,
}

/// Why a manifest is refused: all reasons at once.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not a canonical manifest entry.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The entry is of another type.
    #[error("the first entry of a log must be a manifest")]
    NotAManifest,
    /// Canonical, but against the rules.
    #[error("the manifest can't be used: {}", list(.0))]
    Problems(Vec<ManifestProblem>),
}

fn list(problems: &[ManifestProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
