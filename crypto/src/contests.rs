//! Contest types. Each is one file that lists its bits, its rows, its validation, how an answer becomes bits, and what
//! its counts mean; [`Rule`] registers them. Adding a type touches its file, this one and specs/protocol.md section 3.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::manifest::Selection;
use crate::relation::{PublicRow, Term};

pub mod borda;
pub mod choice;
pub mod condorcet;
mod digits;
mod lookup;
pub mod quadratic;
pub mod schulze;
pub mod score;
mod secret;
pub use borda::{Borda, BordaAnswer, FirstPlace};
pub use choice::{Choice, ChoiceAnswer};
pub use condorcet::{Condorcet, CondorcetAnswer};
pub use quadratic::{Quadratic, QuadraticAnswer};
pub use score::{Score, ScoreAnswer};
pub use secret::SecretAnswers;

/// How a contest is voted on and counted: the registration of all contest types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Rule {
    /// Rank the selections, strictly; places are worth points.
    Borda(Borda),
    /// Choose min..max of the selections.
    Choice(Choice),
    /// Rank the selections, with ties; pairs are compared.
    Condorcet(Condorcet),
    /// Buy votes with credits.
    Quadratic(Quadratic),
    /// Give each selection a score.
    Score(Score),
}

/// What a voter answered in one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Answer {
    /// A strict ranking.
    Borda(BordaAnswer),
    /// Selections of a choice contest, or blank.
    Choice(ChoiceAnswer),
    /// A ranking with ties.
    Condorcet(CondorcetAnswer),
    /// Votes by selection.
    Quadratic(QuadraticAnswer),
    /// Scores by selection.
    Score(ScoreAnswer),
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
    /// Selections that could have been chosen and were not.
    Undervotes,
    /// Ballots that rank the first of these selections before the second.
    Pair(usize, usize),
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
    #[error(
        "a choice of {min} to {max} out of {selections} selections is impossible: need min ≤ max ≤ selections and max ≥ 1"
    )]
    Range {
        /// Fewest.
        min: u64,
        /// Most.
        max: u64,
        /// Offered.
        selections: usize,
    },
    /// Undervotes are counted where none can be.
    #[error("undervotes can't be counted where min and max are the same")]
    NoUndervotes,
    /// A number of the rule lies outside its range.
    #[error("{what} is {value}: must lie in {min} to {max}")]
    Number {
        /// Which.
        what: &'static str,
        /// Its value.
        value: u64,
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
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
    /// A score or number of votes beyond the largest.
    #[error("{value} for {selection} in contest {contest}: at most {max} allowed")]
    TooHigh {
        /// The contest.
        contest: Id,
        /// The culprit.
        selection: Id,
        /// Given.
        value: u64,
        /// Allowed.
        max: u64,
    },
    /// More points or credits used than there are.
    #[error("contest {contest}: {used} used of a budget of {budget}")]
    Budget {
        /// The contest.
        contest: Id,
        /// Used.
        used: u64,
        /// Allowed.
        budget: u64,
    },
    /// A rank of a ranking with ties that nobody has.
    #[error("the ranking in contest {0} has a rank without selections: leave it out")]
    EmptyRank(Id),
    /// Blank where it is not offered, or together with selections.
    #[error("contest {0} can't be left blank like this: blank is not offered, or selections are marked too")]
    Blank(Id),
}

impl RuleError {
    fn seats(seats: u64, selections: usize) -> Result<(), Self> {
        if seats == 0 || seats > selections as u64 { Err(Self::Seats { seats, selections }) } else { Ok(()) }
    }
}

impl AnswerError {
    /// Refuses unknown and repeated selections.
    fn check_selections<'a>(
        contest: &Id,
        offered: &[Selection],
        chosen: impl IntoIterator<Item = &'a Id>,
    ) -> Result<(), Self> {
        let mut seen = std::collections::BTreeSet::new();
        for id in chosen {
            let (contest, selection) = (contest.clone(), id.clone());
            if !offered.iter().any(|s| s.id == *id) {
                return Err(Self::UnknownSelection { contest, selection });
            }
            if !seen.insert(id) {
                return Err(Self::Repeated { contest, selection });
            }
        }
        Ok(())
    }
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
    /// All selections, best first; groups are ties.
    pub ranking: Vec<Vec<usize>>,
    /// Row a, column b: ballots that rank a before b. For contests that compare pairs.
    pub pairwise: Option<Vec<Vec<u64>>>,
    /// Strengths of the strongest paths (Schulze). For contests that compare pairs.
    pub path_strengths: Option<Vec<Vec<u64>>>,
}

/// A weight as a signed integer; weights stay below 2^52.
fn signed(weight: u64) -> i64 {
    i64::try_from(weight).unwrap_or(i64::MAX)
}

/// The `seats` selections with the highest counts; a tie for the last seats is reported, never broken.
fn highest(counts: &[u64], selections: usize, seats: u64, method: &'static str) -> Outcome {
    let seats = usize::try_from(seats).unwrap_or(usize::MAX);
    let mut by_count: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (count, selection) in counts.iter().take(selections).zip(0..) {
        by_count.entry(*count).or_default().push(selection);
    }
    let ranking: Vec<Vec<usize>> = by_count.into_values().rev().collect();
    Outcome::from_ranking(ranking, seats, method)
}

impl Outcome {
    fn from_ranking(ranking: Vec<Vec<usize>>, seats: usize, method: &'static str) -> Self {
        let (mut winners, mut tied) = (vec![], vec![]);
        for group in &ranking {
            if winners.len() + group.len() <= seats {
                winners.extend(group);
            } else {
                if winners.len() < seats {
                    tied.clone_from(group);
                }
                break;
            }
        }
        winners.sort_unstable();
        Self { winners, tied, method, ranking, pairwise: None, path_strengths: None }
    }
}

impl Rule {
    /// Checks the rule against the number of selections.
    ///
    /// # Errors
    /// [`RuleError`] with the reason.
    pub fn validate(&self, selections: usize) -> Result<(), RuleError> {
        match self {
            Self::Borda(rule) => rule.validate(selections),
            Self::Choice(rule) => rule.validate(selections),
            Self::Condorcet(rule) => rule.validate(selections),
            Self::Quadratic(rule) => rule.validate(selections),
            Self::Score(rule) => rule.validate(selections),
        }
    }

    /// Bits and rows; call only after [`Rule::validate`].
    #[must_use]
    pub fn compile(&self, selections: usize) -> ContestRows {
        match self {
            Self::Borda(rule) => rule.compile(selections),
            Self::Choice(rule) => rule.compile(selections),
            Self::Condorcet(rule) => rule.compile(selections),
            Self::Quadratic(rule) => rule.compile(selections),
            Self::Score(rule) => rule.compile(selections),
        }
    }

    /// The bits of an answer, one encoding per meaning.
    ///
    /// # Errors
    /// [`AnswerError`] when the answer breaks the rule.
    pub fn encode(&self, contest: &Id, selections: &[Selection], answer: &Answer) -> Result<Vec<bool>, AnswerError> {
        match (self, answer) {
            (Self::Borda(rule), Answer::Borda(answer)) => rule.encode(contest, selections, answer),
            (Self::Choice(rule), Answer::Choice(answer)) => rule.encode(contest, selections, answer),
            (Self::Condorcet(rule), Answer::Condorcet(answer)) => rule.encode(contest, selections, answer),
            (Self::Quadratic(rule), Answer::Quadratic(answer)) => rule.encode(contest, selections, answer),
            (Self::Score(rule), Answer::Score(answer)) => rule.encode(contest, selections, answer),
            _ => Err(AnswerError::WrongType(contest.clone())),
        }
    }

    /// Winners from the counts of the secret rows, summed over all cells.
    #[must_use]
    pub fn outcome(&self, counts: &[u64], selections: usize) -> Outcome {
        match self {
            Self::Borda(rule) => rule.outcome(counts, selections),
            Self::Choice(rule) => rule.outcome(counts, selections),
            Self::Condorcet(rule) => rule.outcome(counts, selections),
            Self::Quadratic(rule) => rule.outcome(counts, selections),
            Self::Score(rule) => rule.outcome(counts, selections),
        }
    }

    /// The name of the type, as in the manifest.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Borda(_) => "borda",
            Self::Choice(_) => "choice",
            Self::Condorcet(_) => "condorcet",
            Self::Quadratic(_) => "quadratic",
            Self::Score(_) => "score",
        }
    }
}
