//! From a draft to a manifest, and from an old election to a draft.

use veritally_board_api::BoardInfo;
use veritally_crypto::contests::{Borda, Choice, Condorcet, FirstPlace, Quadratic, Rule, Score};
use veritally_crypto::manifest::{BallotStyle, CheckedManifest, Contest, Manifest, NamedKey, Texts};

use super::Dashboard;
use super::drafts::{ContestDraft, Draft};
use crate::admin::AdminError;
use crate::admin::config::{Config, ContestConfig, Named, SelectionConfig, StyleConfig, Text, parse_time, slug};
use crate::admin::create::{People, default_agreement, manifest};

/// What is not filled in yet, as keys of the catalog, or what is wrong, in words.
pub(super) enum Problems {
    Missing(Vec<&'static str>),
    Wrong(String),
}

/// Writes a text so that it may stand between the marks of a line: `\\`, `\|`, `\=`, and `\u{…}` for what is not seen or
/// would be cut off.
fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        match c {
            '\\' | '|' | '=' => out.extend(['\\', c]),
            // Line breaks of all kinds; space that trimming would take.
            c if c.is_control() || (c.is_whitespace() && (i == 0 || i == last || c != ' ')) => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// The other way round; a backslash before anything else stands for itself.
fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after.strip_prefix("u{").and_then(|after| after.split_once('}'));
        let coded = code.and_then(|(hex, after)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, after)));
        rest = match (coded, after.chars().next()) {
            (Some((c, after)), _) => {
                out.push(c);
                after
            }
            (None, Some(c @ ('\\' | '|' | '='))) => {
                out.push(c);
                after.get(1..).unwrap_or_default()
            }
            (None, _) => {
                out.push('\\');
                after
            }
        };
    }
    out + rest
}

/// The pieces between marks that no backslash escapes.
fn pieces(line: &str, mark: char) -> Vec<&str> {
    let (mut all, mut begin, mut escaped) = (vec![], 0, false);
    for (at, c) in line.char_indices() {
        if c == mark && !escaped {
            all.push(line.get(begin..at).unwrap_or_default());
            begin = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    all.push(line.get(begin..).unwrap_or_default());
    all
}

/// `a | b | c` as a text in each language; a language without a part has the first one's.
fn texts(line: &str, languages: &[String]) -> Texts {
    let parts: Vec<String> = pieces(line, '|').into_iter().map(|part| unescaped(part.trim())).collect();
    let first = parts.first().cloned().unwrap_or_default();
    let part = |i: usize| parts.get(i).filter(|part| !part.is_empty()).unwrap_or(&first).clone();
    languages.iter().enumerate().map(|(i, language)| (language.clone(), part(i))).collect()
}

/// The other way round.
fn joined(texts: &Texts, languages: &[String]) -> String {
    let parts: Vec<_> = languages.iter().map(|l| escaped(texts.get(l).map_or("", String::as_str))).collect();
    if parts.windows(2).all(|pair| pair.first() == pair.last()) {
        return parts.first().cloned().unwrap_or_default();
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
    let made = slug(&unescaped(pieces(line, '|').first().copied().unwrap_or_default()));
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
        "borda" => {
            let first_place = if contest.last_is_nothing { FirstPlace::NMinusOne } else { FirstPlace::N };
            Rule::Borda(Borda { first_place, min: contest.min, places: contest.places, seats })
        }
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
        let contests = pieces(line, '=').last().copied().filter(|last| last.len() < line.len());
        let head = contests.and_then(|contests| line.get(..line.len() - contests.len() - 1)).unwrap_or(line);
        let (id, name) = named(head.trim(), number, "style", &[]);
        let contests =
            contests.unwrap_or_default().split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect();
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
        dispute_window: Some(format!("{}ms", draft.dispute_ms)),
        dispute_window_minutes: None,
        quorum: Some(draft.quorum),
        agreement_quorum: (draft.agreement_quorum > 0).then_some(draft.agreement_quorum),
        floor: Some(draft.floor),
        weights_may_identify: draft.weights_may_identify,
        casts_per_credential: Some(draft.casts),
        max_total_weight: (draft.max_total_weight > 0).then_some(draft.max_total_weight),
        contests: draft.contests.iter().map(contest).collect(),
        styles: (1..).zip(lines(&draft.styles)).map(style).collect(),
        groups: entries(&draft.groups, "group", all),
        witnesses: draft.witnesses.clone(),
        witness_quorum: draft.witness_quorum,
    }
}

/// What ballots of a draft will have on them, as far as it is filled in: contests and styles.
pub(super) fn ballots(draft: &Draft) -> Result<(Vec<Contest>, Vec<BallotStyle>), String> {
    let config = config(draft);
    let made = config.contests().and_then(|contests| Ok((contests, config.styles()?)));
    made.map_err(|error| error.to_string())
}

/// Witnesses, one a line: key, then name.
pub(super) fn witnesses(text: &str) -> Option<Vec<NamedKey>> {
    let one = |line: &str| {
        let (key, name) = line.split_once(char::is_whitespace)?;
        let key = serde_json::from_value(serde_json::Value::String(key.to_owned())).ok()?;
        Some(NamedKey { key, name: name.trim().to_owned() })
    };
    lines(text).map(one).collect()
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
    assemble(draft, people, &dashboard.board.info(), dashboard.now_ms())
        .map_err(|error| Problems::Wrong(error.to_string()))
}

fn assemble(draft: &Draft, people: People, board: &BoardInfo, now_ms: u64) -> Result<CheckedManifest, AdminError> {
    let mut manifest: Manifest = (*manifest(&config(draft), people, board, now_ms)?).clone();
    // The dashboard's key says that it is one.
    manifest.administrators.iter_mut().for_each(|administrator| administrator.held_by_board = true);
    Ok(CheckedManifest::new(manifest)?)
}

/// A new draft like an old election: everything but its id, times, administrators, registrar and trustees.
pub(super) fn copy(manifest: &Manifest) -> Draft {
    let all = manifest.languages.clone();
    let line = |id: &veritally_crypto::id::Id, name: &Texts| format!("{id}: {}", joined(name, &all));
    let contest = |contest: &Contest| {
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
            Rule::Borda(rule) => {
                (draft.min, draft.places) = (rule.min, rule.places);
                draft.last_is_nothing = rule.first_place == FirstPlace::NMinusOne;
            }
            Rule::Condorcet(_) => {}
        }
        draft
    };
    let style = |style: &BallotStyle| {
        let contests: Vec<_> = style.contests.iter().map(ToString::to_string).collect();
        format!("{} = {}", line(&style.id, &style.name), contests.join(", "))
    };
    // What the rule gives is left to the rule: with other trustees, or without these witnesses, it gives something else.
    let by_rule = default_agreement(manifest.trustee_count(), manifest.quorum, manifest.witness_quorum);
    Draft {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        contests: manifest.contests.iter().map(contest).collect(),
        styles: manifest.ballot_styles.iter().map(style).collect::<Vec<_>>().join("\n"),
        groups: manifest.groups.iter().map(|g| line(&g.id, &g.name)).collect::<Vec<_>>().join("\n"),
        quorum: manifest.quorum,
        agreement_quorum: if manifest.agreement_quorum == by_rule { 0 } else { manifest.agreement_quorum },
        floor: manifest.floor,
        casts: manifest.casts_per_credential,
        dispute_ms: manifest.dispute_window_ms,
        max_total_weight: manifest.max_total_weight,
        witnesses: manifest.witnesses.clone(),
        witness_quorum: manifest.witness_quorum,
        weights_may_identify: manifest.weights_may_identify,
        languages: all,
        ..Draft::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use veritally_crypto::id::Id;
    use veritally_crypto::manifest::{Group, LogIdentity, Schedule, Selection};
    use veritally_crypto::sample::SampleElection;
    use veritally_crypto::signature::SigningSecret;

    use super::*;
    use crate::web::admin::drafts::TrusteeDraft;

    /// A text that would like to be something else on a line.
    fn nasty(rng: &mut StdRng) -> String {
        const SIGNS: [&str; 22] = [
            "|", "=", "\\", ":", ",", "\n", "\r", "\t", " ", "\u{85}", "\u{2028}", "\u{a0}", "{", "}", "u{a}",
            "\\u{a}", "\"", "a: ", " | ", "é", "漢", "b",
        ];
        let count = rng.random_range(0..8);
        let mut text: String = (0..count).map(|_| SIGNS[rng.random_range(0..SIGNS.len())]).collect();
        if text.trim().is_empty() {
            text.push('x');
        }
        text
    }

    fn named_id(prefix: &str, number: usize) -> Id {
        Id::new(format!("{prefix}-{number}")).unwrap()
    }

    /// An election with a contest of each kind, several styles, groups, languages and witnesses.
    fn any_manifest(m: &mut Manifest, rng: &mut StdRng) {
        let languages = [vec!["en"], vec!["en", "de"], vec!["de", "fr", "es"]][rng.random_range(0..3)].clone();
        m.languages = languages.iter().map(|l| (*l).to_owned()).collect();
        let texts = |rng: &mut StdRng| -> Texts {
            let same = rng.random_bool(0.3).then(|| nasty(rng));
            languages.iter().map(|l| ((*l).to_owned(), same.clone().unwrap_or_else(|| nasty(rng)))).collect()
        };
        (m.name, m.description) = (texts(rng), texts(rng));
        let n = 4;
        let (min, seats, limit) = (rng.random_range(0..=2), rng.random_range(1..=n), [0, 7][rng.random_range(0..2)]);
        let first_place = [FirstPlace::N, FirstPlace::NMinusOne][rng.random_range(0..2)];
        let (blank, undervotes) = (min > 0 && rng.random(), rng.random());
        let rules = [
            Rule::Choice(Choice { blank, max: min + 1, min, seats, undervotes }),
            Rule::Score(Score { limit, max: rng.random_range(1..9), seats }),
            Rule::Quadratic(Quadratic { credits: rng.random_range(1..30), seats }),
            Rule::Borda(Borda { first_place, min, places: rng.random_range(2..=n), seats }),
            Rule::Condorcet(Condorcet { seats }),
        ];
        m.contests = (1..)
            .zip(rules)
            .map(|(number, rule)| Contest {
                id: named_id("c", number),
                name: texts(rng),
                random_order: rng.random(),
                rule,
                selections: (1..=4).map(|i| Selection { id: named_id("s", i), name: texts(rng) }).collect(),
            })
            .collect();
        let all: Vec<Id> = m.contests.iter().map(|contest| contest.id.clone()).collect();
        let some = all.iter().filter(|_| rng.random()).chain([&all[4]]).collect::<std::collections::BTreeSet<_>>();
        let some = some.into_iter().cloned().collect();
        m.ballot_styles = vec![
            BallotStyle { contests: all, id: named_id("style", 1), name: texts(rng) },
            BallotStyle { contests: some, id: named_id("style", 2), name: texts(rng) },
        ];
        m.groups = (1..=rng.random_range(1..4)).map(|i| Group { id: named_id("g", i), name: texts(rng) }).collect();
        m.witnesses = (0..rng.random_range(0..3u8))
            .map(|i| NamedKey { key: SigningSecret::from_seed(&[i + 1; 32]).verification_key(), name: format!("w{i}") })
            .collect();
        m.witness_quorum = rng.random_range(0..=m.witnesses.len() as u64);
        m.agreement_quorum = rng.random_range(2..=3);
        m.max_total_weight = rng.random_range(1..5_000_000);
        m.dispute_window_ms = rng.random_range(0..200_000);
        m.floor = rng.random_range(1..20);
        m.casts_per_credential = rng.random_range(1..20);
        m.weights_may_identify = rng.random();
        m.schedule = Schedule { opens_at_ms: 1_798_761_600_000, closes_at_ms: 1_798_761_660_000 };
    }

    #[test]
    fn a_copy_makes_the_same_election_again_but_for_id_times_and_people() {
        let mut rng = StdRng::seed_from_u64(1);
        let key = SigningSecret::from_seed(&[9; 32]).verification_key();
        let board =
            BoardInfo { administrator_key: None, log_key: key, origin_prefix: "board.example".into(), time_ms: 0 };
        let mut compared = 0;
        for _ in 0..150 {
            let mut values = StdRng::from_rng(&mut rng);
            let edit = |m: &mut Manifest| {
                any_manifest(m, &mut values);
                m.log = LogIdentity { key, origin: board.origin(&m.election) };
            };
            // A few draws are no elections: a style without a contest's rule, a row that is too large.
            let Ok(sample) = SampleElection::start((2, 3), edit, &mut rng) else { continue };
            let old = Manifest::clone(sample.state.manifest());
            let mut draft = copy(&old);
            // What a copy leaves to its maker; a draft goes to the database and back.
            draft.election = old.election.to_string();
            (draft.opens, draft.closes) = ("2027-01-01T00:00".into(), "2027-01-01T00:01".into());
            draft.trustees = old
                .trustees
                .iter()
                .map(|keys| TrusteeDraft { name: keys.name.clone(), token: String::new(), keys: Some(keys.clone()) })
                .collect();
            let draft: Draft = serde_json::from_slice(&serde_json::to_vec(&draft).unwrap()).unwrap();
            let people = People {
                administrator: old.administrators[0].key,
                registrar: old.registrar.clone(),
                trustees: old.trustees.clone(),
            };
            let mut made: Manifest = (*assemble(&draft, people, &board, 0).unwrap()).clone();
            made.administrators.clone_from(&old.administrators);
            assert_eq!(made, old);
            compared += 1;
        }
        assert!(compared > 100, "{compared}");
    }

    #[test]
    fn a_copy_without_its_witnesses_is_not_agreed_by_fewer_trustees_than_is_safe() {
        let mut rng = StdRng::seed_from_u64(2);
        let witness = NamedKey { key: SigningSecret::from_seed(&[1; 32]).verification_key(), name: "w".into() };
        let edit = |m: &mut Manifest| (m.witnesses, m.witness_quorum) = (vec![witness], 1);
        let sample = SampleElection::start((2, 3), edit, &mut rng).unwrap();
        let mut draft = copy(sample.state.manifest());
        assert_eq!((draft.agreement_quorum, draft.witnesses.len(), draft.witness_quorum), (0, 1, 1));
        (draft.witnesses, draft.witness_quorum) = (vec![], 0);
        (draft.opens, draft.closes) = ("2027-01-01T00:00".into(), "2027-01-01T00:01".into());
        draft.election = "again".into();
        let old = sample.state.manifest();
        let board = BoardInfo {
            administrator_key: None,
            log_key: old.log.key,
            origin_prefix: "board.example".into(),
            time_ms: 0,
        };
        let people = People {
            administrator: old.administrators[0].key,
            registrar: old.registrar.clone(),
            trustees: old.trustees.clone(),
        };
        assert_eq!(assemble(&draft, people, &board, 0).unwrap().agreement_quorum, 3);
    }

    #[test]
    fn what_is_typed_without_thinking_of_marks_means_what_it_says() {
        let languages = ["en".to_owned()];
        for (typed, meant) in
            [("AC\\DC", "AC\\DC"), ("a\\", "a\\"), ("\\u{zz}", "\\u{zz}"), ("\\u{110000}", "\\u{110000}")]
        {
            assert_eq!(texts(typed, &languages)["en"], meant);
        }
        assert_eq!(witnesses("nonsense w"), None);
        assert_eq!(witnesses("  \n"), Some(vec![]));
        let key = SigningSecret::from_seed(&[1; 32]).verification_key();
        assert_eq!(witnesses(&format!("{key} a witness")), Some(vec![NamedKey { key, name: "a witness".into() }]));
    }

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
