//! Contest types. Each is one file that lists its bits, its rows, its validation, how an answer becomes bits, and what
//! its counts mean; [`Rule`] registers them. Adding a type touches its file, this one and specs/protocol.md section 3.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

pub mod choice;
pub use choice::{Choice, ChoiceAnswer};

/// How a contest is voted on and counted: the registration of all contest types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Rule {
    /// Choose min..max of the selections.
    Choice(Choice),
}

/// What a voter answered in one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Answer {
    /// Selections of a choice contest, or blank.
    Choice(ChoiceAnswer),
}

/// A filled-in ballot: an answer for each contest of its style.
pub type Answers = BTreeMap<Id, Answer>;

/// What a secret row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowMeaning {
    /// The selection with this index.
    Selection(usize),
    /// Blank ballots.
    Blank,
}

/// A count that the tally adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// What it counts.
    pub meaning: RowMeaning,
    /// Weighted bits (indexes within the contest).
    pub terms: Vec<Term>,
    /// Largest value on one ballot.
    pub max: u64,
}

/// A contest compiled: bits and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContestRows {
    /// Number of bits.
    pub bits: usize,
    /// Tallied counts.
    pub secret: Vec<SecretRow>,
    /// Rules.
    pub public: Vec<PublicRow>,
}

/// Why a rule makes no sense for its contest.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleError {
    /// min..max does not fit the selections.
    #[error("a choice of {min} to {max} out of {selections} selections is impossible: need min ≤ max ≤ selections and max ≥ 1")]
    Range {
        /// Fewest.
        min: u64,
        /// Most.
        max: u64,
        /// Offered.
        selections: usize,
    },
    /// More seats than selections, or none.
    #[error("{seats} seats for {selections} selections: need 1 to {selections}")]
    Seats {
        /// Seats.
        seats: u64,
        /// Offered.
        selections: usize,
    },
}

/// Why an answer can't be encrypted. Shown to voters: says what to change.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// No answer for a contest.
    #[error("contest {0} is not answered: select, or leave blank where that is offered")]
    Missing(Id),
    /// An answer for a contest that is not on this ballot.
    #[error("contest {0} is not on this ballot")]
    UnknownContest(Id),
    /// The answer is of another type.
    #[error("the answer to contest {0} is of another contest type")]
    WrongType(Id),
    /// A selection that the contest does not offer.
    #[error("contest {contest} has no selection {selection}")]
    UnknownSelection {
        /// The contest.
        contest: Id,
        /// The culprit.
        selection: Id,
    },
    /// The same selection twice.
    #[error("selection {selection} is chosen twice in contest {contest}")]
    Repeated {
        /// The contest.
        contest: Id,
        /// The culprit.
        selection: Id,
    },
    /// Too many selections.
    #[error("overvote in contest {contest}: {chosen} chosen, at most {max} allowed")]
    Overvote {
        /// The contest.
        contest: Id,
        /// Chosen.
        chosen: usize,
        /// Allowed.
        max: u64,
    },
    /// Too few selections.
    #[error("undervote in contest {contest}: {chosen} chosen, at least {min} needed")]
    Undervote {
        /// The contest.
        contest: Id,
        /// Chosen.
        chosen: usize,
        /// Needed.
        min: u64,
    },
    /// Blank where it is not offered, or together with selections.
    #[error("contest {0} can't be left blank like this: blank is not offered, or selections are marked too")]
    Blank(Id),
}

/// What a contest's counts mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Indexes of the winning selections.
    pub winners: Vec<usize>,
    /// Indexes of selections tied for the last seats; a tie is reported, never broken.
    pub tied: Vec<usize>,
    /// How the winners follow from the counts.
    pub method: &'static str,
}

impl Rule {
    /// Checks the rule against the number of selections.
    ///
    /// # Errors
    /// [`RuleError`] with the reason.
    pub fn validate(&self, selections: usize) -> Result<(), RuleError> {
        match self {
            Self::Choice(choice) => choice.validate(selections),
        }
    }

    /// Bits and rows; call only after [`Rule::validate`].
    #[must_use]
    pub fn compile(&self, selections: usize) -> ContestRows {
        match self {
            Self::Choice(choice) => choice.compile(selections),
        }
    }

    /// The bits of an answer, one encoding per meaning.
    ///
    /// # Errors
    /// [`AnswerError`] when the answer breaks the rule.
    pub fn encode(&self, contest: &Id, selections: &[Selection], answer: &Answer) -> Result<Vec<bool>, AnswerError> {
        match (self, answer) {
            (Self::Choice(choice), Answer::Choice(answer)) => choice.encode(contest, selections, answer),
        }
    }

    /// Winners from the counts of the secret rows, summed over all cells.
    #[must_use]
    pub fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        match self {
            Self::Choice(choice) => choice.outcome(counts, selections),
        }
    }

    /// The name of the type, as in the manifest.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Choice(_) => "choice",
        }
    }
}
