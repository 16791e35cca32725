//! From a draft to a manifest, and from an old election to a draft.

use veritally_crypto::contests::{Borda, Choice, Condorcet, FirstPlace, Quadratic, Rule, Score};
use veritally_crypto::manifest::{CheckedManifest, Manifest, Texts};

use super::Dashboard;
use super::drafts::{ContestDraft, Draft};
use crate::admin::AdminError;
use crate::admin::config::{Config, ContestConfig, Named, SelectionConfig, StyleConfig, Text, parse_time, slug};
use crate::admin::create::{People, manifest};

/// What is not filled in yet, as keys of the catalog, or what is wrong, in words.
pub(super) enum Problems {
    Missing(Vec<&'static str>),
    Wrong(String),
}

/// `a | b | c` as a text in each language; a language without a part has the first one's.
fn texts(line: &str, languages: &[String]) -> Texts {
    let parts: Vec<&str> = line.split('|').map(str::trim).collect();
    let first = parts.first().copied().unwrap_or_default();
    let part = |i: usize| parts.get(i).copied().filter(|part| !part.is_empty()).unwrap_or(first).to_owned();
    languages.iter().enumerate().map(|(i, language)| (language.clone(), part(i))).collect()
}

/// The other way round.
fn joined(texts: &Texts, languages: &[String]) -> String {
    let parts: Vec<_> = languages.iter().map(|l| texts.get(l).map_or("", String::as_str)).collect();
    if parts.windows(2).all(|pair| pair.first() == pair.last()) {
        return parts.first().copied().unwrap_or_default().to_owned();
    }
    parts.join(" | ")
}

pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// `id: …` when the part before the colon is an id, else an id made of the words.
fn named(line: &str, number: usize, prefix: &str, taken: &[String]) -> (String, String) {
    if let Some((id, rest)) = line.split_once(':')
        && veritally_crypto::id::Id::new(id.trim()).is_ok()
    {
        return (id.trim().to_owned(), rest.trim().to_owned());
    }
    let made = slug(line.split('|').next().unwrap_or_default());
    let good = !made.is_empty() && !taken.contains(&made);
    (if good { made } else { format!("{prefix}-{number}") }, line.to_owned())
}

fn entries(text: &str, prefix: &str, languages: &[String]) -> Vec<Named> {
    let (mut taken, mut all) = (vec![], vec![]);
    for (number, line) in (1..).zip(lines(text)) {
        let (id, name) = named(line, number, prefix, &taken);
        taken.push(id.clone());
        all.push(Named { id, name: Text::Each(texts(&name, languages)) });
    }
    all
}

/// The rule that a contest's fields say.
pub(super) fn rule(contest: &ContestDraft) -> Rule {
    let seats = contest.seats;
    match contest.kind.as_str() {
        "score" => Rule::Score(Score { limit: contest.limit, max: contest.score_max, seats }),
        "quadratic" => Rule::Quadratic(Quadratic { credits: contest.credits, seats }),
        "borda" => Rule::Borda(Borda { first_place: FirstPlace::N, min: contest.min, places: contest.places, seats }),
        "condorcet" => Rule::Condorcet(Condorcet { seats }),
        _ => Rule::Choice(Choice {
            blank: contest.blank,
            max: contest.max,
            min: contest.min,
            seats,
            undervotes: contest.undervotes,
        }),
    }
}

fn config(draft: &Draft) -> Config {
    let all = &draft.languages;
    let contest = |contest: &ContestDraft| ContestConfig {
        id: contest.id.clone(),
        name: Text::Each(contest.name.clone()),
        selections: entries(&contest.options, "option", all).into_iter().map(SelectionConfig::Named).collect(),
        random_order: contest.random_order,
        rule: Some(rule(contest)),
        min: None,
        max: None,
        seats: None,
        blank: None,
        undervotes: None,
    };
    let style = |(number, line): (usize, &str)| {
        let (head, contests) = line.split_once('=').unwrap_or((line, ""));
        let (id, name) = named(head.trim(), number, "style", &[]);
        let contests = contests.split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
        StyleConfig { id, name: Text::Each(texts(&name, all)), contests }
    };
    let time = |text: &str| parse_time(&format!("{text}:00Z"));
    Config {
        election: draft.election.clone(),
        name: Text::Each(draft.name.clone()),
        description: Some(Text::Each(draft.description.clone())),
        languages: all.clone(),
        administrator: draft.administrator.clone(),
        // The only administrator here is the board's own key already.
        board_may_open_and_close: false,
        opens_at: None,
        opens_at_ms: time(&draft.opens),
        closes_at: None,
        closes_at_ms: time(&draft.closes),
        voting_days: None,
        dispute_window: None,
        dispute_window_minutes: Some(draft.dispute_minutes),
        quorum: Some(draft.quorum),
        agreement_quorum: (draft.agreement_quorum > 0).then_some(draft.agreement_quorum),
        floor: Some(draft.floor),
        weights_may_identify: draft.weights_may_identify,
        casts_per_credential: Some(draft.casts),
        max_total_weight: None,
        contests: draft.contests.iter().map(contest).collect(),
        styles: (1..).zip(lines(&draft.styles)).map(style).collect(),
        groups: entries(&draft.groups, "group", all),
        witnesses: vec![],
        witness_quorum: 0,
    }
}

/// The manifest of a draft for this board.
pub(super) fn make(dashboard: &Dashboard, draft: &Draft) -> Result<CheckedManifest, Problems> {
    let mut missing = vec![];
    let mut need = |there: bool, key: &'static str| {
        if !there {
            missing.push(key);
        }
    };
    need(!draft.election.is_empty() && draft.name.values().any(|name| !name.is_empty()), "missing_name");
    need(!draft.opens.is_empty() && !draft.closes.is_empty(), "missing_schedule");
    need(!draft.contests.is_empty(), "missing_contests");
    need(draft.registrar.is_some(), "missing_registrar");
    need(!draft.trustees.is_empty(), "missing_trustees");
    need(draft.trustees.iter().all(|trustee| trustee.keys.is_some()), "missing_trustee_keys");
    let (Some(registrar), true) = (draft.registrar.clone(), missing.is_empty()) else {
        return Err(Problems::Missing(missing));
    };
    let people = People {
        administrator: dashboard.key.verification_key(),
        registrar,
        trustees: draft.trustees.iter().filter_map(|trustee| trustee.keys.clone()).collect(),
    };
    let wrong = |error: AdminError| Problems::Wrong(error.to_string());
    let checked = manifest(&config(draft), people, &dashboard.board.info(), dashboard.now_ms()).map_err(wrong)?;
    let mut manifest: Manifest = (*checked).clone();
    // The dashboard's key says that it is one.
    manifest.administrators.iter_mut().for_each(|administrator| administrator.held_by_board = true);
    CheckedManifest::new(manifest).map_err(|error| wrong(error.into()))
}

/// A new draft like an old election: everything but its id, times and people.
pub(super) fn copy(manifest: &Manifest) -> Draft {
    let all = manifest.languages.clone();
    let line = |id: &veritally_crypto::id::Id, name: &Texts| format!("{id}: {}", joined(name, &all));
    let contest = |contest: &veritally_crypto::manifest::Contest| {
        let mut draft = ContestDraft {
            id: contest.id.to_string(),
            name: contest.name.clone(),
            kind: contest.rule.type_name().to_owned(),
            options: contest.selections.iter().map(|s| line(&s.id, &s.name)).collect::<Vec<_>>().join("\n"),
            random_order: contest.random_order,
            ..ContestDraft::default()
        };
        draft.seats = crate::web::outcome::seats(&contest.rule);
        match &contest.rule {
            Rule::Choice(rule) => {
                (draft.min, draft.max, draft.blank, draft.undervotes) =
                    (rule.min, rule.max, rule.blank, rule.undervotes);
            }
            Rule::Score(rule) => (draft.score_max, draft.limit) = (rule.max, rule.limit),
            Rule::Quadratic(rule) => draft.credits = rule.credits,
            Rule::Borda(rule) => (draft.min, draft.places) = (rule.min, rule.places),
            Rule::Condorcet(_) => {}
        }
        draft
    };
    let style = |style: &veritally_crypto::manifest::BallotStyle| {
        let contests: Vec<_> = style.contests.iter().map(ToString::to_string).collect();
        format!("{} = {}", line(&style.id, &style.name), contests.join(", "))
    };
    Draft {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        contests: manifest.contests.iter().map(contest).collect(),
        styles: manifest.ballot_styles.iter().map(style).collect::<Vec<_>>().join("\n"),
        groups: manifest.groups.iter().map(|g| line(&g.id, &g.name)).collect::<Vec<_>>().join("\n"),
        quorum: manifest.quorum,
        agreement_quorum: manifest.agreement_quorum,
        floor: manifest.floor,
        casts: manifest.casts_per_credential,
        dispute_minutes: manifest.dispute_window_ms / 60_000,
        weights_may_identify: manifest.weights_may_identify,
        languages: all,
        ..Draft::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn lines_become_ids_and_texts_and_lines_again() {
        let languages = ["en".to_owned(), "de".to_owned()];
        let all = entries("north: North | Nord\n\nSouth\nΗρώ", "group", &languages);
        let ids: Vec<_> = all.iter().map(|named| named.id.as_str()).collect();
        assert_eq!(ids, ["north", "south", "group-3"]);
        let Text::Each(north) = &all[0].name else { panic!() };
        assert_eq!((north["en"].as_str(), north["de"].as_str()), ("North", "Nord"));
        assert_eq!(joined(north, &languages), "North | Nord");
        let Text::Each(south) = &all[1].name else { panic!() };
        assert_eq!(joined(south, &languages), "South");
    }
}
