//! One contest's answer while it is filled in: edits in, what is chosen and what is left out.

use std::fmt;

use veritally_crypto::contests::{
    Answer, AnswerError, Answers, BordaAnswer, ChoiceAnswer, CondorcetAnswer, QuadraticAnswer, Rule, ScoreAnswer,
    SecretAnswers,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::Contest;
use zeroize::Zeroize as _;

/// A change that a voter makes. What does not belong to the contest's type is refused, never applied in part.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// Choice: marks a selection or takes the mark away. Where only one may be chosen, a new mark replaces the old one.
    Mark {
        /// Which.
        selection: Id,
        /// Chosen or not.
        on: bool,
    },
    /// Choice: a blank vote, which is counted as such; takes all marks away.
    Blank(bool),
    /// Score: the score. Quadratic: the number of votes.
    Value {
        /// For which.
        selection: Id,
        /// From 0.
        value: u64,
    },
    /// Rankings: puts a selection on a place of its own, before the group that is now at `place` (from 0); beyond the
    /// last one: behind it. Moves it when it was ranked.
    Place {
        /// Which.
        selection: Id,
        /// Counted among the groups without this selection.
        place: usize,
    },
    /// Condorcet: ties a selection with the group at `place`, counted without this selection.
    Join {
        /// Which.
        selection: Id,
        /// From 0.
        place: usize,
    },
    /// Rankings: takes a selection out of the ranking.
    Unrank(Id),
    /// Rankings: one place better, as a key does it. Tied selections leave their group first.
    Up(Id),
    /// Rankings: one place worse; an unranked selection becomes the last one.
    Down(Id),
    /// Takes everything away.
    Clear,
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edit(redacted)")
    }
}

/// Why an edit was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditRefused {
    /// As many as may be chosen or ranked are.
    Full {
        /// How many that is.
        max: u64,
    },
    /// A score or number of votes beyond the largest.
    TooHigh {
        /// The largest.
        max: u64,
    },
    /// The points or credits do not suffice.
    Budget {
        /// What could still be used, the present value of this selection given back.
        left: u64,
    },
    /// Blank votes are not offered here.
    NoBlank,
    /// This ranking has no ties.
    NoTies,
    /// No such selection, or the edit is for another contest type.
    NotHere,
}

/// Where a contest's answer stands, in numbers for the page's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Choice.
    Choice {
        /// Marked.
        chosen: u64,
        /// Fewest, unless blank.
        min: u64,
        /// Most.
        max: u64,
        /// Whether the vote is blank; `None` where that is not offered.
        blank: Option<bool>,
    },
    /// Score.
    Score {
        /// Sum of the scores.
        used: u64,
        /// Largest sum; `None` without limit.
        limit: Option<u64>,
        /// Largest single score.
        max: u64,
    },
    /// Quadratic: v votes for a selection cost v² credits.
    Quadratic {
        /// Credits spent.
        used: u64,
        /// Credits given.
        credits: u64,
        /// Most votes for one selection.
        max: u64,
    },
    /// A strict ranking.
    Borda {
        /// Ranked.
        ranked: u64,
        /// Fewest.
        min: u64,
        /// Most.
        places: u64,
    },
    /// A ranking with ties; what is unranked is tied for the last place.
    Condorcet {
        /// Ranked.
        ranked: u64,
        /// Not ranked.
        unranked: u64,
    },
}

/// What an answer would mean if it were cast as it is: to be said plainly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// Everything is used that the contest offers.
    Complete,
    /// A blank vote; counted and published as blank.
    Blank,
    /// Nothing is marked, and that is allowed: the ballot says nothing in this contest.
    Nothing,
    /// Less is used than could be, and that is allowed.
    Under {
        /// Marks, points, credits or places used.
        used: u64,
        /// Most.
        of: u64,
    },
    /// It can't be cast like this.
    Incomplete(AnswerError),
}

/// The answer to one contest, as far as it is filled in. Erased when dropped.
pub struct Draft {
    contest: Contest,
    answer: Answer,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({}, redacted)", self.contest.id)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.clear();
    }
}

fn empty(rule: &Rule) -> Answer {
    match rule {
        Rule::Borda(_) => Answer::Borda(BordaAnswer { ranking: vec![] }),
        Rule::Choice(_) => Answer::Choice(ChoiceAnswer { blank: false, selections: vec![] }),
        Rule::Condorcet(_) => Answer::Condorcet(CondorcetAnswer { ranking: vec![] }),
        Rule::Quadratic(_) => Answer::Quadratic(QuadraticAnswer { votes: [].into() }),
        Rule::Score(_) => Answer::Score(ScoreAnswer { scores: [].into() }),
    }
}

impl Draft {
    /// An empty answer.
    #[must_use]
    pub fn new(contest: Contest) -> Self {
        Self { answer: empty(&contest.rule), contest }
    }

    /// The contest.
    #[must_use]
    pub fn contest(&self) -> &Contest {
        &self.contest
    }

    /// The answer so far.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Whether a selection is marked, or has votes or points, or is ranked.
    #[must_use]
    pub fn is_marked(&self, selection: &Id) -> bool {
        match &self.answer {
            Answer::Choice(answer) => answer.selections.contains(selection),
            Answer::Borda(answer) => answer.ranking.contains(selection),
            Answer::Condorcet(answer) => answer.ranking.iter().flatten().any(|id| id == selection),
            Answer::Score(_) | Answer::Quadratic(_) => self.value(selection) > 0,
        }
    }

    /// The score or number of votes of a selection; 0 in other contest types.
    #[must_use]
    pub fn value(&self, selection: &Id) -> u64 {
        match &self.answer {
            Answer::Score(answer) => answer.scores.get(selection).copied().unwrap_or(0),
            Answer::Quadratic(answer) => answer.votes.get(selection).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// The ranking, best first, groups are ties; empty in other contest types.
    #[must_use]
    pub fn ranking(&self) -> Vec<Vec<Id>> {
        match &self.answer {
            Answer::Borda(answer) => answer.ranking.iter().map(|id| vec![id.clone()]).collect(),
            Answer::Condorcet(answer) => answer.ranking.clone(),
            _ => vec![],
        }
    }

    /// The largest value that a selection can have now, with what the others use; 0 where there are no values.
    #[must_use]
    pub fn largest(&self, selection: &Id) -> u64 {
        let own = self.value(selection);
        match (&self.contest.rule, self.standing()) {
            (Rule::Score(rule), Standing::Score { used, .. }) if rule.limit > 0 => {
                rule.max.min(rule.limit.saturating_sub(used.saturating_sub(own)))
            }
            (Rule::Score(rule), _) => rule.max,
            (Rule::Quadratic(rule), Standing::Quadratic { used, .. }) => {
                rule.credits.saturating_sub(used.saturating_sub(own * own)).isqrt()
            }
            _ => 0,
        }
    }

    /// Numbers for the counter.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let selections = self.contest.selections.len() as u64;
        match (&self.contest.rule, &self.answer) {
            (Rule::Choice(rule), Answer::Choice(answer)) => Standing::Choice {
                chosen: answer.selections.len() as u64,
                min: rule.min,
                max: rule.max,
                blank: rule.blank.then_some(answer.blank),
            },
            (Rule::Score(rule), Answer::Score(answer)) => Standing::Score {
                used: answer.scores.values().sum(),
                limit: (rule.limit > 0).then_some(rule.limit),
                max: rule.max,
            },
            (Rule::Quadratic(rule), Answer::Quadratic(answer)) => Standing::Quadratic {
                used: answer.votes.values().map(|votes| votes * votes).sum(),
                credits: rule.credits,
                max: rule.most_votes(),
            },
            (Rule::Borda(rule), Answer::Borda(answer)) => {
                Standing::Borda { ranked: answer.ranking.len() as u64, min: rule.min, places: rule.places }
            }
            (_, answer) => {
                let ranked =
                    if let Answer::Condorcet(answer) = answer { answer.ranking.iter().flatten().count() } else { 0 };
                Standing::Condorcet { ranked: ranked as u64, unranked: selections.saturating_sub(ranked as u64) }
            }
        }
    }

    /// What the answer would mean.
    #[must_use]
    pub fn completeness(&self) -> Completeness {
        let Contest { id, rule, selections, .. } = &self.contest;
        match rule.encode(id, selections, &self.answer) {
            Err(error) => return Completeness::Incomplete(error),
            Ok(mut bits) => bits.zeroize(),
        }
        let (used, of) = match self.standing() {
            Standing::Choice { blank: Some(true), .. } => return Completeness::Blank,
            Standing::Choice { chosen, max, .. } => (chosen, max),
            Standing::Score { used, limit, max } => (used, limit.unwrap_or(max * selections.len() as u64)),
            Standing::Quadratic { used, credits, .. } => (used, credits),
            Standing::Borda { ranked, places, .. } => (ranked, places),
            Standing::Condorcet { ranked, unranked } => (ranked, ranked + unranked),
        };
        match used {
            0 => Completeness::Nothing,
            used if used < of => Completeness::Under { used, of },
            _ => Completeness::Complete,
        }
    }

    /// Whether anything was filled in.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.answer != empty(&self.contest.rule)
    }

    /// Whether it can be cast as it is.
    #[must_use]
    pub fn is_castable(&self) -> bool {
        !matches!(self.completeness(), Completeness::Incomplete(_))
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        std::mem::replace(&mut self.answer, empty(&self.contest.rule)).erase();
    }

    /// Applies an edit, or nothing of it.
    ///
    /// # Errors
    /// [`EditRefused`].
    pub fn edit(&mut self, edit: &Edit) -> Result<(), EditRefused> {
        let selection = match edit {
            Edit::Clear => {
                self.clear();
                return Ok(());
            }
            Edit::Blank(on) => return self.blank(*on),
            Edit::Mark { selection, .. } | Edit::Value { selection, .. } | Edit::Place { selection, .. } => selection,
            Edit::Join { selection, .. } | Edit::Unrank(selection) | Edit::Up(selection) | Edit::Down(selection) => {
                selection
            }
        };
        if !self.contest.selections.iter().any(|offered| offered.id == *selection) {
            return Err(EditRefused::NotHere);
        }
        match edit {
            Edit::Mark { on, .. } => self.mark(selection, *on),
            Edit::Value { value, .. } => self.set(selection, *value),
            _ => self.rank(selection, edit),
        }
    }

    fn blank(&mut self, on: bool) -> Result<(), EditRefused> {
        match (&self.contest.rule, &mut self.answer) {
            (Rule::Choice(rule), Answer::Choice(answer)) => {
                if on && !rule.blank {
                    return Err(EditRefused::NoBlank);
                }
                if on {
                    answer.selections.clear();
                }
                answer.blank = on;
                Ok(())
            }
            _ => Err(EditRefused::NoBlank),
        }
    }

    fn mark(&mut self, selection: &Id, on: bool) -> Result<(), EditRefused> {
        let (Rule::Choice(rule), Answer::Choice(answer)) = (&self.contest.rule, &mut self.answer) else {
            return Err(EditRefused::NotHere);
        };
        if !on {
            answer.selections.retain(|id| id != selection);
            return Ok(());
        }
        if answer.selections.contains(selection) {
            return Ok(());
        }
        if rule.max == 1 {
            answer.selections.clear();
        }
        if answer.selections.len() as u64 >= rule.max {
            return Err(EditRefused::Full { max: rule.max });
        }
        answer.blank = false;
        answer.selections.push(selection.clone());
        Ok(())
    }

    fn set(&mut self, selection: &Id, value: u64) -> Result<(), EditRefused> {
        let (largest, own) = (self.largest(selection), self.value(selection));
        let refused = match (&self.contest.rule, self.standing()) {
            (Rule::Score(rule), _) if value > rule.max => EditRefused::TooHigh { max: rule.max },
            (Rule::Quadratic(rule), _) if value > rule.most_votes() => EditRefused::TooHigh { max: rule.most_votes() },
            (Rule::Score(rule), Standing::Score { used, .. }) => {
                EditRefused::Budget { left: rule.limit.saturating_sub(used.saturating_sub(own)) }
            }
            (Rule::Quadratic(rule), Standing::Quadratic { used, .. }) => {
                EditRefused::Budget { left: rule.credits.saturating_sub(used.saturating_sub(own * own)) }
            }
            _ => return Err(EditRefused::NotHere),
        };
        if value > largest {
            return Err(refused);
        }
        let values = match &mut self.answer {
            Answer::Score(answer) => &mut answer.scores,
            Answer::Quadratic(answer) => &mut answer.votes,
            _ => return Err(EditRefused::NotHere),
        };
        match value {
            0 => values.remove(selection),
            value => values.insert(selection.clone(), value),
        };
        Ok(())
    }

    fn rank(&mut self, selection: &Id, edit: &Edit) -> Result<(), EditRefused> {
        let most = match &self.contest.rule {
            Rule::Borda(rule) => rule.places,
            Rule::Condorcet(_) => self.contest.selections.len() as u64,
            _ => return Err(EditRefused::NotHere),
        };
        let before = self.ranking();
        let after = reranked(before.clone(), selection, edit);
        if after.iter().flatten().count() as u64 > most {
            return Err(EditRefused::Full { max: most });
        }
        match &mut self.answer {
            Answer::Borda(_) if after.iter().any(|group| group.len() > 1) => return Err(EditRefused::NoTies),
            Answer::Borda(answer) => answer.ranking = after.into_iter().flatten().collect(),
            Answer::Condorcet(answer) => answer.ranking = after,
            _ => return Err(EditRefused::NotHere),
        }
        Ok(())
    }
}

/// A ranking after an edit. Empty groups vanish.
fn reranked(mut groups: Vec<Vec<Id>>, selection: &Id, edit: &Edit) -> Vec<Vec<Id>> {
    let at = groups.iter().position(|group| group.contains(selection));
    let tied = at.and_then(|at| groups.get(at)).is_some_and(|group| group.len() > 1);
    groups.iter_mut().for_each(|group| group.retain(|id| id != selection));
    groups.retain(|group| !group.is_empty());
    let last = groups.len();
    let alone = vec![selection.clone()];
    match (edit, at) {
        (Edit::Place { place, .. }, _) => groups.insert((*place).min(last), alone),
        (Edit::Join { place, .. }, _) => match groups.get_mut(*place) {
            Some(group) => group.push(selection.clone()),
            None => groups.push(alone),
        },
        // Out of a tie it comes right before or behind those it was tied with.
        (Edit::Up(_), Some(at)) if tied => groups.insert(at.min(last), alone),
        (Edit::Up(_), Some(at)) => groups.insert(at.saturating_sub(1).min(last), alone),
        (Edit::Down(_), Some(at)) => groups.insert((at + 1).min(last), alone),
        (Edit::Up(_) | Edit::Down(_), None) => groups.push(alone),
        _ => {}
    }
    groups
}

/// All answers, to be encrypted.
#[must_use]
pub fn answers(drafts: &[Draft]) -> SecretAnswers {
    let answers: Answers = drafts.iter().map(|draft| (draft.contest.id.clone(), draft.answer.clone())).collect();
    answers.into()
}
