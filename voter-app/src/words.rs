//! What the model says, in the voter's words.

use std::collections::BTreeMap;

use gtk::glib;
use veritally_crypto::contests::{Answer, AnswerError, Rule};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{Contest, text};
use veritally_session::flow::{Completeness, Draft, EditRefused, Standing};

use crate::i18n::{tr, tr_count, tr_with};

/// A moment in the voter's time zone and way of writing.
pub fn moment(time_ms: u64) -> String {
    let seconds = i64::try_from(time_ms / 1_000).unwrap_or(i64::MAX);
    let local = glib::DateTime::from_unix_local(seconds).and_then(|time| time.format("%-d %B %Y, %H:%M"));
    local.map(|words| words.to_string()).unwrap_or_default()
}

/// What a contest wants.
pub fn rule(contest: &Contest) -> String {
    match &contest.rule {
        Rule::Choice(rule) if rule.max == 1 => tr("Choose one."),
        Rule::Choice(rule) if rule.min == rule.max => tr_count("Choose exactly {n}.", "Choose exactly {n}.", rule.max),
        Rule::Choice(rule) if rule.max >= contest.selections.len() as u64 && rule.min == 0 => {
            tr("Check all that you approve of.")
        }
        Rule::Choice(rule) if rule.min == 0 => tr_count("Choose at most {n}.", "Choose at most {n}.", rule.max),
        Rule::Choice(rule) => {
            tr_with("Choose {min} to {max}.", &[("min", &rule.min.to_string()), ("max", &rule.max.to_string())])
        }
        Rule::Score(rule) if rule.limit > 0 => tr_with(
            "Give each a score from 0 to {max}. All scores together may be at most {limit}.",
            &[("max", &rule.max.to_string()), ("limit", &rule.limit.to_string())],
        ),
        Rule::Score(rule) => {
            tr_with("Give each a score from 0 (worst) to {max} (best).", &[("max", &rule.max.to_string())])
        }
        Rule::Quadratic(rule) => tr_with(
            "You have {credits} credits. 1 vote costs 1 credit, 2 votes cost 4, 3 votes cost 9, and so on.",
            &[("credits", &rule.credits.to_string())],
        ),
        Rule::Borda(rule) => tr_count(
            "Put your favourite first. You can rank {n}.",
            "Put your favourite first, then the next. You can rank up to {n}.",
            rule.places,
        ),
        Rule::Condorcet(_) => {
            tr("Put your favourite first. Several may share a place. Those that you leave out share the last place.")
        }
    }
}

/// How a draft stands, and whether the voter may go on.
pub fn standing(draft: &Draft) -> String {
    let said = completeness(draft);
    // Budgets are counted down even when all is well.
    let left = match draft.standing() {
        Standing::Quadratic { used, credits, .. } => Some((credits.saturating_sub(used), credits, true)),
        Standing::Score { used, limit: Some(limit), .. } => Some((limit.saturating_sub(used), limit, false)),
        _ => None,
    };
    let Some((left, of, credits)) = left else { return said };
    let values = [("left", left.to_string()), ("of", of.to_string())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let budget = if credits {
        tr_with("{left} of {of} credits left.", &values)
    } else {
        tr_with("{left} of {of} points left.", &values)
    };
    format!("{budget}\n{said}")
}

fn completeness(draft: &Draft) -> String {
    let ranking = matches!(draft.contest().rule, Rule::Borda(_) | Rule::Condorcet(_));
    match draft.completeness() {
        Completeness::Blank => tr("You vote blank. That is counted as a blank vote."),
        Completeness::Nothing => tr("Nothing marked. You may go on like this: you then have no say in this contest."),
        Completeness::Under { used, of } => {
            let values = [("marked", used.to_string()), ("max", of.to_string())];
            let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
            match &draft.contest().rule {
                Rule::Borda(_) | Rule::Condorcet(_) => {
                    tr_with("{marked} of {max} ranked. You may go on, or rank more.", &values)
                }
                Rule::Choice(_) => tr_with("{marked} of {max} chosen. You may go on, or choose more.", &values),
                _ => tr("You can go on."),
            }
        }
        Completeness::Complete => tr("Done. You can go on."),
        Completeness::Incomplete(AnswerError::Undervote { chosen, min, .. }) if chosen > 0 => tr_with(
            "{marked} marked, at least {min} needed.",
            &[("marked", &chosen.to_string()), ("min", &min.to_string())],
        ),
        Completeness::Incomplete(_) if ranking => tr("Nothing ranked yet."),
        Completeness::Incomplete(_) if matches!(draft.standing(), Standing::Choice { blank: Some(_), .. }) => {
            tr("Nothing chosen yet. You can also vote blank.")
        }
        Completeness::Incomplete(_) => tr("Nothing chosen yet."),
    }
}

/// Why an edit was refused.
pub fn refused(refused: EditRefused) -> String {
    match refused {
        EditRefused::Full { max } => {
            tr_count("Only {n} is allowed: take one away first.", "Only {n} are allowed: take one away first.", max)
        }
        EditRefused::TooHigh { max } => tr_count("At most {n}.", "At most {n}.", max),
        EditRefused::Budget { left } => {
            tr_count("That is more than you have: {n} is left.", "That is more than you have: {n} are left.", left)
        }
        EditRefused::NoBlank => tr("A blank vote is not offered here."),
        EditRefused::NoTies => tr("Here every place is for one only."),
        EditRefused::NotHere => tr("That is not possible here."),
    }
}

/// What was answered in a contest, a line for each thing to say.
pub fn answer(contest: &Contest, answer: &Answer, language: &str) -> Vec<String> {
    let name = |id: &Id| {
        let selection = contest.selections.iter().find(|selection| selection.id == *id);
        selection.map(|selection| text(&selection.name, language).to_owned()).unwrap_or_default()
    };
    let place = |(place, group): (usize, &[Id])| {
        format!("{}. {}", place + 1, group.iter().map(name).collect::<Vec<_>>().join(" = "))
    };
    let values = |values: &BTreeMap<Id, u64>| -> Vec<String> {
        // In the order of the ballot.
        let given =
            contest.selections.iter().filter_map(|s| Some((name(&s.id), values.get(&s.id).filter(|v| **v > 0)?)));
        given.map(|(name, value)| format!("{name}: {value}")).collect()
    };
    let lines: Vec<String> = match answer {
        Answer::Choice(answer) if answer.blank => vec![tr("Blank vote")],
        Answer::Choice(answer) => answer.selections.iter().map(name).collect(),
        Answer::Score(answer) => values(&answer.scores),
        Answer::Quadratic(answer) => values(&answer.votes),
        Answer::Borda(answer) => answer.ranking.chunks(1).enumerate().map(place).collect(),
        Answer::Condorcet(answer) => answer.ranking.iter().map(Vec::as_slice).enumerate().map(place).collect(),
    };
    if lines.is_empty() { vec![tr("Nothing marked: no say in this contest")] } else { lines }
}
