//! A filled-in ballot as a secret: erased when it is dropped, never printed.

use std::fmt;

use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::{Answer, Answers};
use crate::id::Id;

/// Answers that are erased from memory when they are dropped. Equal answers can be told apart by nobody who sees only
/// their `Debug`.
///
/// # Security
/// Best effort: what the caller copied out, and what a collection left behind while it grew, is not reached.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretAnswers(Answers);

impl SecretAnswers {
    /// The answers.
    #[must_use]
    pub fn expose_answers(&self) -> &Answers {
        &self.0
    }

    /// Gives the answers away, no longer protected: for opening a spoiled ballot.
    #[must_use]
    pub fn into_answers(mut self) -> Answers {
        std::mem::take(&mut self.0)
    }
}

impl From<Answers> for SecretAnswers {
    fn from(answers: Answers) -> Self {
        Self(answers)
    }
}

impl fmt::Debug for SecretAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAnswers(redacted)")
    }
}

impl Drop for SecretAnswers {
    fn drop(&mut self) {
        for (contest, answer) in std::mem::take(&mut self.0) {
            contest.erase();
            answer.erase();
        }
    }
}

impl ZeroizeOnDrop for SecretAnswers {}

impl Answer {
    /// Erases an answer that is not needed any more.
    pub fn erase(self) {
        match self {
            Self::Borda(answer) => answer.ranking.into_iter().for_each(Id::erase),
            Self::Choice(mut answer) => {
                answer.blank.zeroize();
                answer.selections.into_iter().for_each(Id::erase);
            }
            Self::Condorcet(answer) => answer.ranking.into_iter().flatten().for_each(Id::erase),
            Self::Quadratic(answer) => erase_values(answer.votes),
            Self::Score(answer) => erase_values(answer.scores),
        }
    }
}

fn erase_values(mut values: std::collections::BTreeMap<Id, u64>) {
    values.values_mut().for_each(|value| value.zeroize());
    values.into_keys().for_each(Id::erase);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;
    use crate::contests::ChoiceAnswer;

    #[test]
    fn secret_answers_are_not_printed() {
        let ada = Id::new("ada").unwrap();
        let answer = Answer::Choice(ChoiceAnswer { blank: false, selections: vec![ada.clone()] });
        let secret = SecretAnswers::from(Answers::from([(Id::new("chair").unwrap(), answer)]));
        assert!(!format!("{secret:?}").contains("ada"));
        assert_eq!(secret.clone(), secret);
        assert_eq!(secret.into_answers().len(), 1);
    }
}
