//! From a file's ballots to answers in an election's contests.

use std::collections::BTreeMap;

use veritally_crypto::contests::{Answer, AnswerError, Answers, Choice, ChoiceAnswer, Rule};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{CheckedManifest, Contest, Selection};

use super::{BallotFile, CountedBallot, FileBallot, LineError, Marks};

/// Why a file or a ballot does not fit an election.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ConvertError {
    #[error("the election has several contests: say which one the file is for (--contest)")]
    WhichContest,
    #[error("the election has no contest {0}")]
    NoContest(Id),
    #[error(
        "the file has {alternatives} alternatives and the contest {contest} {selections} selections: they must correspond one by one, in order"
    )]
    Alternatives { contest: Id, alternatives: usize, selections: usize },
    #[error("the election has no ballot style {0}")]
    NoStyle(Id),
    #[error("contest {contest} is not on the ballots of style {style}")]
    NotOnStyle { contest: Id, style: Id },
    #[error("first preferences are tied: a choice contest takes one; break the tie in the file")]
    TiedFirst,
    #[error("nothing is marked, and contest {0} can neither be left open nor blank")]
    Nothing(Id),
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// What a ranking or categories are a ballot in.
struct Target<'a> {
    contest: &'a Contest,
}

/// Picks what a choice contest takes of a ranking or of categories.
type ToChoice = fn(&[Vec<usize>]) -> Result<&[usize], ConvertError>;

/// Makes answers of the ballots of one file, in one election.
///
/// Alternatives correspond to selections by position. In a choice contest a ranking is its first preference, categories
/// are the approval of the first one. Contests that the file says nothing of are left open, or blank, where the rules
/// allow it.
pub struct Converter<'a> {
    manifest: &'a CheckedManifest,
    target: Option<Target<'a>>,
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
        Ok(Self { manifest, target: Some(Target { contest }) })
    }

    /// Which selection each alternative becomes; empty when the file names selections itself.
    #[must_use]
    pub fn selections(&self) -> &'a [Selection] {
        self.target.as_ref().map_or(&[], |target| &target.contest.selections)
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
        let mut given = match ballot {
            FileBallot::Marks(marks) => {
                // An empty field of a contest that is not on this voter's ballot says nothing.
                let on_style = |id: &Id| {
                    manifest
                        .contests
                        .iter()
                        .zip(0..)
                        .any(|(c, i)| c.id == *id && compiled.contests.iter().any(|place| place.contest == i))
                };
                let said = marks.iter().filter(|(id, marks)| **marks != Marks::default() || on_style(id));
                said.map(|(id, marks)| (id.clone(), choice(marks.blank, marks.selections.clone()))).collect()
            }
            FileBallot::Ranking(groups) => self.on_target(groups, ranking_to_choice)?,
            FileBallot::Categories(groups) => self.on_target(groups, categories_to_choice)?,
        };
        let mut answers = Answers::new();
        for contest in compiled.contests.iter().filter_map(|place| manifest.contests.get(place.contest)) {
            let answer = match given.remove(&contest.id) {
                Some(answer) => answer,
                None => nothing(contest)?,
            };
            answers.insert(contest.id.clone(), answer);
        }
        if let Some(contest) = given.into_keys().next() {
            return Err(ConvertError::NotOnStyle { contest, style: style.clone() });
        }
        compiled.encode(&manifest.contests, &answers)?;
        Ok(answers)
    }

    /// Applies the conversion of the target's contest type.
    fn on_target(&self, groups: &[Vec<usize>], to_choice: ToChoice) -> Result<BTreeMap<Id, Answer>, ConvertError> {
        let Some(Target { contest }) = &self.target else { return Ok(BTreeMap::new()) };
        let answer = match &contest.rule {
            Rule::Choice(_) => {
                let chosen = to_choice(groups)?;
                let ids = chosen.iter().filter_map(|&i| contest.selections.get(i)).map(|s| s.id.clone());
                let selections: Vec<Id> = ids.collect();
                if selections.is_empty() { nothing(contest)? } else { choice(false, selections) }
            }
        };
        Ok(BTreeMap::from([(contest.id.clone(), answer)]))
    }
}

fn choice(blank: bool, selections: Vec<Id>) -> Answer {
    Answer::Choice(ChoiceAnswer { blank, selections })
}

/// The first preference: the first of the first group.
fn ranking_to_choice(groups: &[Vec<usize>]) -> Result<&[usize], ConvertError> {
    match groups.first().map(Vec::as_slice) {
        None => Ok(&[]),
        Some(first @ [_]) => Ok(first),
        Some(_) => Err(ConvertError::TiedFirst),
    }
}

/// The approval: all of the first category.
fn categories_to_choice(groups: &[Vec<usize>]) -> Result<&[usize], ConvertError> {
    Ok(groups.first().map_or(&[], Vec::as_slice))
}

/// An answer that says nothing: open if that is allowed, else blank.
fn nothing(contest: &Contest) -> Result<Answer, ConvertError> {
    match &contest.rule {
        Rule::Choice(Choice { min: 0, .. }) => Ok(choice(false, vec![])),
        Rule::Choice(Choice { blank: true, .. }) => Ok(choice(true, vec![])),
        Rule::Choice(_) => Err(ConvertError::Nothing(contest.id.clone())),
    }
}
