//! From a file's ballots to answers in an election's contests.

use std::collections::BTreeMap;

use veritally_crypto::contests::{Answer, AnswerError, Answers, Rule};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{CheckedManifest, Contest, Selection};

use super::{BallotFile, CountedBallot, FileBallot, LineError};
use crate::marks::{Marks, MarksError, nothing};

/// Why a file or a ballot does not fit an election.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConvertError {
    /// A file of rankings is for one contest.
    #[error("the election has several contests: say which one the file is for (--contest)")]
    WhichContest,
    /// Not in this election.
    #[error("the election has no contest {0}")]
    NoContest(Id),
    /// The file is of another contest.
    #[error(
        "the file has {alternatives} alternatives and the contest {contest} {selections} selections: they must correspond one by one, in order"
    )]
    Alternatives {
        /// Which contest.
        contest: Id,
        /// In the file.
        alternatives: usize,
        /// In the contest.
        selections: usize,
    },
    /// Not in this election.
    #[error("the election has no ballot style {0}")]
    NoStyle(Id),
    /// The voter's ballot does not have the contest.
    #[error("contest {contest} is not on the ballots of style {style}")]
    NotOnStyle {
        /// Which contest.
        contest: Id,
        /// Which ballot style.
        style: Id,
    },
    /// No first preference to take.
    #[error("first preferences are tied: a choice contest takes one; break the tie in the file")]
    TiedFirst,
    /// An empty ballot where the rule allows none.
    #[error("nothing is marked, and contest {0} can neither be left open nor blank")]
    Nothing(Id),
    /// Rankings say nothing of scores, and so on.
    #[error("contest {contest} is of type {rule}, which {ballots} say nothing of; cast a .csv file in it")]
    Type {
        /// Which contest.
        contest: Id,
        /// The contest's type.
        rule: &'static str,
        /// What the file has.
        ballots: &'static str,
    },
    /// A field of a CSV file.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// Well written, and against the contest's rule.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// Makes answers of the ballots of one file, in one election.
///
/// Alternatives correspond to selections by position. A ranking is its first preference in a choice contest, itself in a
/// Borda contest (without ties) and in a Condorcet contest (with them); categories are, in a choice contest, the approval
/// of the first one. Contests that the file says nothing of are left open, or blank, where the rules allow it.
pub struct Converter<'a> {
    manifest: &'a CheckedManifest,
    target: Option<&'a Contest>,
}

impl<'a> Converter<'a> {
    /// For a file; `contest` says what a ranking is about, and may be left out when the election has one contest only.
    ///
    /// # Errors
    /// [`ConvertError`] when file and election do not fit.
    pub fn new(manifest: &'a CheckedManifest, file: &BallotFile, contest: Option<&Id>) -> Result<Self, ConvertError> {
        let find =
            |id: &Id| manifest.contests.iter().find(|c| c.id == *id).ok_or_else(|| ConvertError::NoContest(id.clone()));
        for id in &file.contests {
            find(id)?;
        }
        if !file.contests.is_empty() {
            return Ok(Self { manifest, target: None });
        }
        let contest = match (contest, manifest.contests.as_slice()) {
            (Some(id), _) => find(id)?,
            (None, [only]) => only,
            (None, _) => return Err(ConvertError::WhichContest),
        };
        let (alternatives, selections) = (file.alternatives.len(), contest.selections.len());
        if alternatives != selections {
            return Err(ConvertError::Alternatives { contest: contest.id.clone(), alternatives, selections });
        }
        Ok(Self { manifest, target: Some(contest) })
    }

    /// The contest that rankings or categories are for; none when the file names contests itself.
    #[must_use]
    pub fn target(&self) -> Option<&'a Contest> {
        self.target
    }

    /// Which selection each alternative becomes; empty when the file names selections itself.
    #[must_use]
    pub fn selections(&self) -> &'a [Selection] {
        self.target.map_or(&[], |contest| &contest.selections)
    }

    /// The answers of a ballot on the contests of a style, obeying every rule.
    ///
    /// # Errors
    /// [`LineError`] with the ballot's line.
    pub fn answers(&self, ballot: &CountedBallot, style: &Id) -> Result<Answers, LineError> {
        self.convert(&ballot.ballot, style).map_err(|problem| LineError::new(ballot.line, problem))
    }

    fn convert(&self, ballot: &FileBallot, style: &Id) -> Result<Answers, ConvertError> {
        let manifest = self.manifest;
        let (_, compiled) = manifest.style(style).ok_or_else(|| ConvertError::NoStyle(style.clone()))?;
        let contests: Vec<_> =
            compiled.contests.iter().filter_map(|place| manifest.contests.get(place.contest)).collect();
        let mut given = match ballot {
            FileBallot::Marks(marks) => {
                // An empty field of a contest that is not on this voter's ballot says nothing.
                let on_style = |id: &Id| contests.iter().any(|contest| contest.id == *id);
                let said = marks.iter().filter(|(id, marks)| **marks != Marks::default() || on_style(id));
                said.map(|(id, marks)| Ok((id.clone(), self.marked(id, marks)?)))
                    .collect::<Result<_, ConvertError>>()?
            }
            FileBallot::Ranking(groups) | FileBallot::Categories(groups) => {
                let ranking = matches!(ballot, FileBallot::Ranking(_));
                let answer = |contest: &Contest| Ok((contest.id.clone(), preferred(contest, groups, ranking)?));
                self.target.map(answer).into_iter().collect::<Result<BTreeMap<_, _>, ConvertError>>()?
            }
        };
        let mut answers = Answers::new();
        for contest in contests {
            let given = given.remove(&contest.id);
            let answer = given.or_else(|| nothing(contest)).ok_or_else(|| ConvertError::Nothing(contest.id.clone()))?;
            answers.insert(contest.id.clone(), answer);
        }
        if let Some(contest) = given.into_keys().next() {
            return Err(ConvertError::NotOnStyle { contest, style: style.clone() });
        }
        compiled.encode(&manifest.contests, &answers)?;
        Ok(answers)
    }

    /// The answer of a field of a plain CSV.
    fn marked(&self, contest: &Id, marks: &Marks) -> Result<Answer, ConvertError> {
        let found = self.manifest.contests.iter().find(|c| c.id == *contest);
        let found = found.ok_or_else(|| ConvertError::NoContest(contest.clone()))?;
        Ok(marks.clone().answer(found)?)
    }
}

/// The answer that a ranking, or else categories, are in a contest.
fn preferred(contest: &Contest, groups: &[Vec<usize>], ranking: bool) -> Result<Answer, ConvertError> {
    let ids = |group: &[usize]| -> Vec<Id> {
        group.iter().filter_map(|&i| contest.selections.get(i)).map(|s| s.id.clone()).collect()
    };
    let first = groups.first().map(Vec::as_slice).unwrap_or_default();
    let marks = match (&contest.rule, ranking) {
        (Rule::Choice(_), true) if first.len() > 1 => return Err(ConvertError::TiedFirst),
        (Rule::Choice(_), _) if first.is_empty() => {
            return nothing(contest).ok_or_else(|| ConvertError::Nothing(contest.id.clone()));
        }
        (Rule::Choice(_), _) => Marks::Listed(ids(first)),
        (Rule::Borda(_) | Rule::Condorcet(_), true) => Marks::Ranked(groups.iter().map(|group| ids(group)).collect()),
        _ => {
            let ballots = if ranking { "rankings" } else { "categories" };
            return Err(ConvertError::Type { contest: contest.id.clone(), rule: contest.rule.type_name(), ballots });
        }
    };
    Ok(marks.answer(contest)?)
}
