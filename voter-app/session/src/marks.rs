//! Answers as people type them, on the command line and in a plain CSV.
//!
//! | contest type | written (CSV; on the command line with `,` instead of `;`) |
//! | --- | --- |
//! | choice | `ada;grace`, `blank`, or nothing |
//! | score | `ada:3;grace:5`; those left out get 0 |
//! | quadratic | `ada:2;grace:1`, votes; those left out get 0 |
//! | borda | `ada>grace>alan`, best first; those left out are unranked |
//! | condorcet | `ada>grace=alan`, best first, `=` ties; those left out are tied for the last place |
//!
//! What is written is read once, into [`Marks`]; only then a contest's rule is asked what that means in it.

use std::collections::BTreeMap;

use veritally_crypto::contests::{
    Answer, AnswerError, BordaAnswer, ChoiceAnswer, CondorcetAnswer, QuadraticAnswer, Rule, ScoreAnswer,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::Contest;

/// What stands for a blank vote.
pub const BLANK: &str = "blank";

/// What was marked in one contest, before anybody asked for the contest's rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marks {
    /// `blank`.
    Blank,
    /// `a;b`: ids, each once or not at all.
    Listed(Vec<Id>),
    /// `a:3;b:5`.
    Valued(Vec<(Id, u64)>),
    /// `a>b=c`: best first; several in a group are tied.
    Ranked(Vec<Vec<Id>>),
}

impl Default for Marks {
    /// Nothing is marked.
    fn default() -> Self {
        Self::Listed(vec![])
    }
}

/// What can't be read as an answer.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarksError {
    /// The text, and what separates ids.
    #[error(
        "{0:?} is no selection's id; write ids separated by '{1}', with a value as id:3, ranked as id>id=id, or `blank`"
    )]
    Id(String, char),
    /// A selection without its number; the text.
    #[error("{0:?} gives no number; write each selection with its own as id:3")]
    Value(String),
    /// Written as another type of contest is.
    #[error("contest {contest} is of type {rule}: write {expected}")]
    Form {
        /// Which contest.
        contest: Id,
        /// The contest's type.
        rule: &'static str,
        /// How it is written.
        expected: &'static str,
    },
    /// Borda points need a strict order.
    #[error("selections are tied, and contest {0} (borda) ranks strictly: break the tie")]
    Tied(Id),
    /// Well written, and against the contest's rule.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// As much of a wrong text as a message shows.
fn shortened(text: &str) -> String {
    text.trim().chars().take(40).collect()
}

impl Marks {
    /// Reads a text; `separator` stands between ids, and between ids with values.
    ///
    /// # Errors
    /// [`MarksError::Id`], [`MarksError::Value`].
    pub fn parse(text: &str, separator: char) -> Result<Self, MarksError> {
        let text = text.trim();
        let id = |text: &str| Id::new(text.trim()).map_err(|_| MarksError::Id(shortened(text), separator));
        if text.is_empty() {
            Ok(Self::default())
        } else if text == BLANK {
            Ok(Self::Blank)
        } else if text.contains(['>', '=']) {
            let group = |group: &str| group.split('=').map(id).collect::<Result<Vec<_>, _>>();
            Ok(Self::Ranked(text.split('>').map(group).collect::<Result<_, _>>()?))
        } else if text.contains(':') {
            let valued = |item: &str| {
                let no_value = || MarksError::Value(shortened(item));
                let (of, value) = item.split_once(':').ok_or_else(no_value)?;
                Ok((id(of)?, number(value.trim()).ok_or_else(no_value)?))
            };
            Ok(Self::Valued(text.split(separator).map(valued).collect::<Result<_, MarksError>>()?))
        } else {
            Ok(Self::Listed(text.split(separator).map(id).collect::<Result<_, _>>()?))
        }
    }

    /// What it means in a contest. Whether the rule allows it is the encoding's business; that nothing is marked where
    /// something must be, too.
    ///
    /// # Errors
    /// [`MarksError`] for what is written in another type's way.
    pub fn answer(self, contest: &Contest) -> Result<Answer, MarksError> {
        let form = |expected| {
            let (contest, rule) = (contest.id.clone(), contest.rule.type_name());
            Err(MarksError::Form { contest, rule, expected })
        };
        Ok(match (&contest.rule, self) {
            (Rule::Choice(_), Self::Blank) => Answer::Choice(ChoiceAnswer { blank: true, selections: vec![] }),
            (Rule::Choice(_), Self::Listed(selections)) => Answer::Choice(ChoiceAnswer { blank: false, selections }),
            (Rule::Choice(_), _) => return form("the chosen ids, such as a;b"),
            (_, Self::Blank) => return Err(AnswerError::Blank(contest.id.clone()).into()),
            (Rule::Score(_) | Rule::Quadratic(_), marks) => match marks.into_values(&contest.id)? {
                None => return form("each id with its number, such as a:3;b:5"),
                Some(values) if matches!(contest.rule, Rule::Score(_)) => Answer::Score(ScoreAnswer { scores: values }),
                Some(values) => Answer::Quadratic(QuadraticAnswer { votes: values }),
            },
            (Rule::Borda(_), marks) => match marks.into_ranking() {
                None => return form("a ranking, such as a>b>c"),
                Some(ranking) if ranking.iter().any(|group| group.len() > 1) => {
                    return Err(MarksError::Tied(contest.id.clone()));
                }
                Some(ranking) => Answer::Borda(BordaAnswer { ranking: ranking.into_iter().flatten().collect() }),
            },
            (Rule::Condorcet(_), marks) => match marks.into_ranking() {
                None => return form("a ranking, such as a>b=c"),
                Some(ranking) => Answer::Condorcet(CondorcetAnswer { ranking }),
            },
        })
    }

    fn into_values(self, contest: &Id) -> Result<Option<BTreeMap<Id, u64>>, MarksError> {
        let mut values = BTreeMap::new();
        match self {
            Self::Listed(ids) if ids.is_empty() => {}
            Self::Valued(valued) => {
                for (selection, value) in valued {
                    if values.insert(selection.clone(), value).is_some() {
                        return Err(AnswerError::Repeated { contest: contest.clone(), selection }.into());
                    }
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(values))
    }

    /// A single id is a ranking too.
    fn into_ranking(self) -> Option<Vec<Vec<Id>>> {
        match self {
            Self::Ranked(groups) => Some(groups),
            Self::Listed(ids) if ids.len() <= 1 => Some(ids.into_iter().map(|id| vec![id]).collect()),
            _ => None,
        }
    }
}

/// Plain decimal digits, no sign.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// The answer that says nothing: open if that is allowed, else blank. `None` where the rule allows neither.
#[must_use]
pub fn nothing(contest: &Contest) -> Option<Answer> {
    let marks = match &contest.rule {
        Rule::Choice(rule) if rule.min > 0 => rule.blank.then_some(Marks::Blank)?,
        Rule::Borda(rule) if rule.min > 0 => return None,
        _ => Marks::default(),
    };
    marks.answer(contest).ok()
}
