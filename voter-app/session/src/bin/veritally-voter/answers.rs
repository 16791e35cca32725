//! What the voter wants, from arguments; and how it is shown.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use veritally_crypto::contests::{Answer, Answers};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Contest, text};
use veritally_session::marks::{BLANK, Marks};
use veritally_session::session::Unlocked;

/// Between ids: a semicolon would need quotation marks in a shell.
const SEPARATOR: char = ',';

/// Longest file of answers: ids and numbers of a whole ballot.
const MAX_ANSWERS_BYTES: u64 = 1 << 20;

/// What to vote.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AnswerArguments {
    /// An answer, once for each contest; how it is written depends on the contest's type.
    ///
    /// choice: chair=ada or chair=ada,grace; chair=blank for a blank vote, chair= for nobody.
    ///
    /// score: chair=ada:3,grace:5; those left out get 0.
    ///
    /// quadratic: chair=ada:2,grace:1, the votes for each; v votes cost v² credits.
    ///
    /// borda: 'chair=ada>grace>alan', best first; those left out are unranked.
    ///
    /// condorcet: 'chair=ada>grace=alan', best first, = for ties; those left out are tied for the last place.
    ///
    /// In a shell > needs the quotation marks.
    #[arg(long, value_name = "CONTEST=ANSWER")]
    choose: Vec<String>,
    /// A JSON object from contest ids to answers, as in a ballot opening's `selections`.
    ///
    /// For example {"chair": {"type": "condorcet", "ranking": [["ada"], ["grace", "alan"]]}}; the other types are
    /// {"type": "choice", "selections": [], "blank": true}, {"type": "score", "scores": {"ada": 3}}, {"type": "quadratic",
    /// "votes": {"ada": 2}} and {"type": "borda", "ranking": ["ada", "grace"]}.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

impl AnswerArguments {
    /// Reads the answers; the ballot's contests say of which type each is.
    pub(crate) fn read(&self, ballot: &Unlocked) -> anyhow::Result<Answers> {
        if let Some(path) = &self.answers {
            let length = std::fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?.len();
            if length > MAX_ANSWERS_BYTES {
                bail!("{} has no answers: it is {length} bytes long", path.display());
            }
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
            let answer = Marks::parse(chosen, SEPARATOR)?.answer(contest)?;
            if answers.insert(id.clone(), answer).is_some() {
                bail!("contest {id} is answered twice");
            }
        }
        Ok(answers)
    }
}

fn example(ballot: &Unlocked) -> String {
    let contest = ballot.contests().next();
    let selection = contest.and_then(|c| c.selections.first()).map(|s| s.id.as_str());
    format!("{}={}", contest.map_or("contest", |c| c.id.as_str()), selection.unwrap_or("selection"))
}

/// Prints the answers with the names that the manifest gives.
pub(crate) fn show(ballot: &[Contest], answers: &Answers, language: &str) {
    for contest in ballot {
        if let Some(answer) = answers.get(&contest.id) {
            println!("{}: {}", text(&contest.name, language), shown(contest, answer, language));
        }
    }
}

/// An answer in one line.
fn shown(contest: &Contest, answer: &Answer, language: &str) -> String {
    let name = |id: &Id| {
        let selection = contest.selections.iter().find(|s| s.id == *id);
        selection.map_or(id.as_str(), |s| text(&s.name, language)).to_owned()
    };
    let tied = |group: &Vec<Id>| group.iter().map(name).collect::<Vec<_>>().join(" = ");
    let (parts, separator): (Vec<String>, _) = match answer {
        Answer::Choice(choice) if choice.blank => (vec![BLANK.to_owned()], ""),
        Answer::Choice(choice) => {
            // In the order of the ballot.
            let chosen = contest.selections.iter().filter(|s| choice.selections.contains(&s.id));
            (chosen.map(|s| name(&s.id)).collect(), ", ")
        }
        Answer::Score(answer) => (answer.scores.iter().map(|(id, n)| format!("{}: {n}", name(id))).collect(), ", "),
        Answer::Quadratic(answer) => (answer.votes.iter().map(|(id, n)| format!("{}: {n}", name(id))).collect(), ", "),
        Answer::Borda(answer) => (answer.ranking.iter().map(name).collect(), " > "),
        Answer::Condorcet(answer) => (answer.ranking.iter().map(tied).collect(), " > "),
    };
    if parts.is_empty() { "(nothing)".to_owned() } else { parts.join(separator) }
}
