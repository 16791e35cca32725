//! What the voter wants, from arguments; and how it is shown.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use veritally_crypto::contests::{Answer, Answers, ChoiceAnswer, Rule};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Contest, text};
use veritally_session::session::Unlocked;

/// What stands for a blank vote.
const BLANK: &str = "blank";

/// What to vote.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AnswerArguments {
    /// CONTEST=SELECTION[,SELECTION…], CONTEST=blank, or CONTEST= for none; once for each contest.
    #[arg(long, value_name = "CONTEST=SELECTIONS")]
    choose: Vec<String>,
    /// A JSON object from contest ids to answers, as in a ballot opening's `selections`.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

impl AnswerArguments {
    /// Reads the answers; the ballot's contests say of which type each is.
    pub(crate) fn read(&self, ballot: &Unlocked<'_>) -> anyhow::Result<Answers> {
        if let Some(path) = &self.answers {
            let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
            return serde_json::from_slice(&bytes).with_context(|| format!("{} has no answers", path.display()));
        }
        let mut answers = Answers::new();
        for choice in &self.choose {
            let (id, chosen) = choice.split_once('=').with_context(|| {
                format!("{choice:?} is no choice: write CONTEST=SELECTION, for example {}", example(ballot))
            })?;
            let id = Id::new(id)?;
            let contest = ballot.contests().find(|c| c.id == id).with_context(|| {
                let ids: Vec<_> = ballot.contests().map(|c| c.id.as_str()).collect();
                format!("your ballot has no contest {id}; it has {}", ids.join(", "))
            })?;
            if answers.insert(id.clone(), parse(contest, chosen)?).is_some() {
                bail!("contest {id} is answered twice");
            }
        }
        Ok(answers)
    }
}

fn example(ballot: &Unlocked<'_>) -> String {
    let contest = ballot.contests().next();
    let selection = contest.and_then(|c| c.selections.first()).map(|s| s.id.as_str());
    format!("{}={}", contest.map_or("contest", |c| c.id.as_str()), selection.unwrap_or("selection"))
}

fn parse(contest: &Contest, chosen: &str) -> anyhow::Result<Answer> {
    match &contest.rule {
        Rule::Choice(_) => {
            let blank = chosen == BLANK;
            let ids = chosen.split(',').map(str::trim).filter(|id| !id.is_empty() && !blank);
            let selections = ids.map(Id::new).collect::<Result<_, _>>()?;
            Ok(Answer::Choice(ChoiceAnswer { blank, selections }))
        }
    }
}

/// Prints the answers with the names that the manifest gives.
pub(crate) fn show(ballot: &[Contest], answers: &Answers, language: &str) {
    for contest in ballot {
        let Some(answer) = answers.get(&contest.id) else { continue };
        let chosen = match answer {
            Answer::Choice(choice) if choice.blank => vec![BLANK],
            Answer::Choice(choice) => {
                let chosen = contest.selections.iter().filter(|s| choice.selections.contains(&s.id));
                chosen.map(|s| text(&s.name, language)).collect()
            }
        };
        let chosen = if chosen.is_empty() { "(nothing)".to_owned() } else { chosen.join(", ") };
        println!("{}: {chosen}", text(&contest.name, language));
    }
}
