//! An election as an administrator writes it down: TOML or JSON, defaults for most of it, unknown keys refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use veritally_board_api::files::FileError;
use veritally_crypto::contests::{Choice, Rule};
use veritally_crypto::id::{Id, IdError};
use veritally_crypto::manifest::{BallotStyle, Contest, Group, NamedKey, Schedule, Selection, Texts};

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not TOML or JSON of this form.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A key whose value makes no sense.
    #[error("{key}: {problem}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong and what to write.
        problem: String,
    },
    /// An id.
    #[error(transparent)]
    Id(#[from] IdError),
}

fn value(key: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), problem: problem.into() }
}

/// A text: the same in all languages, or one for each.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// `name = "Council"`
    Same(String),
    /// `name = { en = "Council", fr = "Conseil" }`
    Each(BTreeMap<String, String>),
}

/// An option of a contest.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum SelectionConfig {
    /// `"Ada Lovelace"`: the id is made of the name.
    Name(String),
    /// `{ id = "ada", name = "Ada Lovelace" }`
    Named(Named),
}

/// Something with an id and a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Text,
}

/// A contest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContestConfig {
    /// Its id.
    pub id: String,
    /// What is asked.
    pub name: Text,
    /// The options.
    pub selections: Vec<SelectionConfig>,
    /// Whether each voter sees the options in a random order of their own; no.
    #[serde(default)]
    pub random_order: bool,
    /// How it is voted on, as in the manifest (specs/encoding.md): `rule = { type = "condorcet", seats = 1 }`. Without it,
    /// a choice by the next five.
    pub rule: Option<Rule>,
    /// Fewest options; 1.
    pub min: Option<u64>,
    /// Most options; 1, or `min`.
    pub max: Option<u64>,
    /// How many win; 1.
    pub seats: Option<u64>,
    /// Whether blank ballots are offered and counted; no.
    pub blank: Option<bool>,
    /// Whether selections that were allowed and not made are counted; no.
    pub undervotes: Option<bool>,
}

impl ContestConfig {
    fn rule(&self) -> Result<Rule, ConfigError> {
        match &self.rule {
            None => {
                let min = self.min.unwrap_or(1);
                let (max, seats) = (self.max.unwrap_or(min.max(1)), self.seats.unwrap_or(1));
                let (blank, undervotes) = (self.blank.unwrap_or(false), self.undervotes.unwrap_or(false));
                Ok(Rule::Choice(Choice { blank, max, min, seats, undervotes }))
            }
            Some(rule)
                if [self.min, self.max, self.seats] == [None; 3] && [self.blank, self.undervotes] == [None; 2] =>
            {
                Ok(rule.clone())
            }
            Some(_) => {
                let key = format!("contest {}", self.id);
                Err(value(&key, "min, max, seats, blank and undervotes belong inside rule when there is one"))
            }
        }
    }
}

/// A ballot style.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StyleConfig {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Ids of its contests.
    pub contests: Vec<String>,
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The election's id, part of its address.
    pub election: String,
    /// Its name.
    pub name: Text,
    /// What voters should know; empty.
    pub description: Option<Text>,
    /// Language tags; `["en"]`.
    #[serde(default = "english")]
    pub languages: Vec<String>,
    /// The name of the administrator whose key is given; "administrator".
    #[serde(default = "administrator")]
    pub administrator: String,
    /// Whether the board may open and close by its clock, with an administrator's key of its own; no.
    #[serde(default)]
    pub board_may_open_and_close: bool,
    /// When voting begins, RFC 3339 in UTC; now.
    pub opens_at: Option<String>,
    /// The same in milliseconds since the Unix epoch.
    pub opens_at_ms: Option<u64>,
    /// When voting ends, RFC 3339 in UTC.
    pub closes_at: Option<String>,
    /// The same in milliseconds.
    pub closes_at_ms: Option<u64>,
    /// Instead of a time: how many days after its beginning voting ends; 7.
    pub voting_days: Option<f64>,
    /// How long trustees wait after closing before they agree, such as `30m`; 1 hour.
    pub dispute_window: Option<String>,
    /// The same in minutes.
    pub dispute_window_minutes: Option<u64>,
    /// k: trustees needed to decrypt; more than half.
    pub quorum: Option<u64>,
    /// q: trustees needed to agree on what is decrypted.
    pub agreement_quorum: Option<u64>,
    /// Fewest voters in a group whose counts are published apart; 10.
    pub floor: Option<u64>,
    /// Whether few voters of a weight may be identifiable by it; no.
    #[serde(default)]
    pub weights_may_identify: bool,
    /// How often one credential may vote, the last time counts; 10.
    pub casts_per_credential: Option<u64>,
    /// Upper bound of all voters' weights; 1,000,000.
    pub max_total_weight: Option<u64>,
    /// The contests.
    pub contests: Vec<ContestConfig>,
    /// Ballot styles; one with all contests.
    #[serde(default)]
    pub styles: Vec<StyleConfig>,
    /// Reporting groups; one.
    #[serde(default)]
    pub groups: Vec<Named>,
    /// Witnesses of the log.
    #[serde(default)]
    pub witnesses: Vec<NamedKey>,
    /// How many of them must have cosigned; 0.
    #[serde(default)]
    pub witness_quorum: u64,
}

fn english() -> Vec<String> {
    vec!["en".into()]
}

fn administrator() -> String {
    "administrator".into()
}

/// Days of voting, unless something else is said.
const VOTING_DAYS: f64 = 7.0;
/// A century, against slips of the pen.
const MAX_VOTING_DAYS: f64 = 36_500.0;
/// Long enough to look at the closing head before anything is decrypted.
const DISPUTE_WINDOW: &str = "1h";

/// Id and name of the only style and group, when none is configured.
const ALL: (&str, &str) = ("all", "All voters");

impl Config {
    /// Reads a file: JSON if its name ends so, else TOML.
    ///
    /// # Errors
    /// [`ConfigError::File`], [`ConfigError::Syntax`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(FileError::io("read", path))?;
        let parsed = if path.extension().is_some_and(|extension| extension == "json") {
            serde_json::from_str(&text).map_err(|e| e.to_string())
        } else {
            toml::from_str(&text).map_err(|e| e.to_string())
        };
        parsed.map_err(|message| ConfigError::Syntax { path: path.to_owned(), message })
    }

    /// A text in all languages of the election. Whether they are all there is the manifest's own check.
    #[must_use]
    pub fn texts(&self, text: &Text) -> Texts {
        match text {
            Text::Same(text) => self.languages.iter().map(|language| (language.clone(), text.clone())).collect(),
            Text::Each(texts) => texts.clone(),
        }
    }

    /// When voting begins and ends.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn schedule(&self, now_ms: u64) -> Result<Schedule, ConfigError> {
        let opens_at_ms = one_of("opens_at", self.opens_at.as_deref(), self.opens_at_ms)?.unwrap_or(now_ms);
        let closes = one_of("closes_at", self.closes_at.as_deref(), self.closes_at_ms)?;
        let closes_at_ms = match (closes, self.voting_days) {
            (Some(_), Some(_)) => return Err(value("voting_days", "give either voting_days or closes_at, not both")),
            (Some(closes), None) => closes,
            (None, days) => {
                let days = days.unwrap_or(VOTING_DAYS);
                if !(days > 0.0 && days < MAX_VOTING_DAYS) {
                    return Err(value("voting_days", format!("must be more than 0 and less than {MAX_VOTING_DAYS}")));
                }
                opens_at_ms + u64::try_from(Duration::from_secs_f64(days * 86_400.0).as_millis()).unwrap_or(0)
            }
        };
        Ok(Schedule { closes_at_ms, opens_at_ms })
    }

    /// In milliseconds.
    ///
    /// # Errors
    /// [`ConfigError::Value`].
    pub fn dispute_window_ms(&self) -> Result<u64, ConfigError> {
        let text = match (&self.dispute_window, self.dispute_window_minutes) {
            (Some(_), Some(_)) => return Err(value("dispute_window", "give it once, as text or in minutes")),
            (None, Some(minutes)) => format!("{minutes}m"),
            (text, None) => text.clone().unwrap_or_else(|| DISPUTE_WINDOW.into()),
        };
        let window =
            humantime::parse_duration(&text).map_err(|e| value("dispute_window", format!("{e}; write 30m or 2h")))?;
        u64::try_from(window.as_millis()).map_err(|_| value("dispute_window", "is too long"))
    }

    /// The contests as the manifest has them.
    ///
    /// # Errors
    /// [`ConfigError::Value`], [`ConfigError::Id`].
    pub fn contests(&self) -> Result<Vec<Contest>, ConfigError> {
        self.contests
            .iter()
            .map(|contest| {
                let selections = self.selections(&contest.selections)?;
                let (id, name) = (Id::new(&*contest.id)?, self.texts(&contest.name));
                Ok(Contest { id, name, random_order: contest.random_order, rule: contest.rule()?, selections })
            })
            .collect()
    }

    fn selections(&self, selections: &[SelectionConfig]) -> Result<Vec<Selection>, ConfigError> {
        let mut taken = BTreeSet::new();
        (1..)
            .zip(selections)
            .map(|(number, selection)| {
                let (id, name) = match selection {
                    SelectionConfig::Named(named) => (Id::new(&*named.id)?, self.texts(&named.name)),
                    SelectionConfig::Name(name) => {
                        let made = Id::new(slug(name)).ok().filter(|id| !taken.contains(id));
                        let id = made.map_or_else(|| Id::new(format!("option-{number}")), Ok)?;
                        (id, self.texts(&Text::Same(name.clone())))
                    }
                };
                taken.insert(id.clone());
                Ok(Selection { id, name })
            })
            .collect()
    }

    /// Ballot styles; one with all contests if there are none.
    ///
    /// # Errors
    /// [`ConfigError::Id`].
    pub fn styles(&self) -> Result<Vec<BallotStyle>, ConfigError> {
        let ids = |ids: &mut dyn Iterator<Item = &String>| ids.map(Id::new).collect::<Result<Vec<_>, _>>();
        if self.styles.is_empty() {
            let contests = ids(&mut self.contests.iter().map(|contest| &contest.id))?;
            return Ok(vec![BallotStyle {
                contests,
                id: Id::new(ALL.0)?,
                name: self.texts(&Text::Same(ALL.1.into())),
            }]);
        }
        let one = |style: &StyleConfig| {
            let contests = ids(&mut style.contests.iter())?;
            Ok(BallotStyle { contests, id: Id::new(&*style.id)?, name: self.texts(&style.name) })
        };
        self.styles.iter().map(one).collect()
    }

    /// Reporting groups; one if there are none.
    ///
    /// # Errors
    /// [`ConfigError::Id`].
    pub fn groups(&self) -> Result<Vec<Group>, ConfigError> {
        if self.groups.is_empty() {
            return Ok(vec![Group { id: Id::new(ALL.0)?, name: self.texts(&Text::Same(ALL.1.into())) }]);
        }
        self.groups.iter().map(|group| Ok(Group { id: Id::new(&*group.id)?, name: self.texts(&group.name) })).collect()
    }
}

/// A name as an id: lower-case letters and digits, hyphens for the rest.
pub(crate) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(Id::MAX_BYTES);
    slug.trim_end_matches('-').to_owned()
}

fn one_of(key: &str, text: Option<&str>, ms: Option<u64>) -> Result<Option<u64>, ConfigError> {
    match (text, ms) {
        (Some(_), Some(_)) => Err(value(key, format!("give either {key} or {key}_ms, not both"))),
        (Some(text), None) => parse_time(text)
            .map(Some)
            .ok_or_else(|| value(key, format!("{text:?} is no time; write 2027-05-01T08:00:00Z (UTC)"))),
        (None, ms) => Ok(ms),
    }
}

/// `2027-05-01T08:00:00Z`, in milliseconds since the Unix epoch.
#[must_use]
pub fn parse_time(text: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339_weak(text.trim()).ok()?;
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    const SMALL: &str = r#"
        election = "village-2027"
        name = "Village council"
        voting_days = 7
        [[contests]]
        id = "council"
        name = "Who shall sit on the council?"
        selections = ["Ada Lovelace", "Grace Hopper", "Ηρώ", { id = "none", name = { en = "None of them" } }]
    "#;

    fn parse(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_small_file_is_enough() {
        let config = parse(SMALL).unwrap();
        let contests = config.contests().unwrap();
        let ids: Vec<_> = contests[0].selections.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["ada-lovelace", "grace-hopper", "option-3", "none"]);
        assert_eq!(
            contests[0].rule,
            Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false })
        );
        assert_eq!(config.styles().unwrap()[0].contests.len(), 1);
        assert_eq!(config.groups().unwrap().len(), 1);
        let schedule = config.schedule(1_000).unwrap();
        assert_eq!(schedule, Schedule { opens_at_ms: 1_000, closes_at_ms: 1_000 + 7 * 86_400_000 });
        assert_eq!(config.dispute_window_ms().unwrap(), 3_600_000);
    }

    #[test]
    fn unknown_keys_are_refused_wherever_they_stand() {
        let edits = [
            ("voting_days", "voting_dayz = 7\nvoting_days"),
            ("id = \"council\"", "id = \"council\"\nmaximum = 3"),
            ("{ id = \"none\",", "{ id = \"none\", colour = \"red\","),
        ];
        for (from, to) in edits {
            assert!(parse(&SMALL.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn times_are_given_once_and_make_sense() {
        let with = |line: &str| parse(&SMALL.replace("voting_days = 7", line)).unwrap().schedule(0);
        let schedule = with("opens_at = \"2027-05-01T08:00:00Z\"\ncloses_at = \"2027-05-08 08:00:00\"").unwrap();
        assert_eq!(schedule.closes_at_ms - schedule.opens_at_ms, 7 * 86_400_000);
        assert_eq!(with("opens_at_ms = 5\ncloses_at_ms = 9").unwrap(), Schedule { opens_at_ms: 5, closes_at_ms: 9 });
        for bad in [
            "closes_at = \"tomorrow\"",
            "voting_days = 0",
            "voting_days = -1",
            "voting_days = 7\ncloses_at_ms = 9",
            "closes_at = \"2027-05-08T08:00:00Z\"\ncloses_at_ms = 9",
        ] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_options_of_one_name_get_two_ids() {
        let text = SMALL.replace("\"Grace Hopper\"", "\"Ada  Lovelace!\"");
        let contests = parse(&text).unwrap().contests().unwrap();
        assert_eq!(contests[0].selections[1].id.as_str(), "option-2");
    }

    #[test]
    fn a_rule_is_given_as_in_the_manifest_or_by_its_numbers() {
        let with = |lines: &str| parse(&SMALL.replace("id = \"council\"", &format!("id = \"council\"\n{lines}")));
        let rule = "rule = { type = \"choice\", min = 0, max = 2, seats = 2, blank = true }";
        let expected = Rule::Choice(Choice { blank: true, max: 2, min: 0, seats: 2, undervotes: false });
        assert_eq!(with(rule).unwrap().contests().unwrap()[0].rule, expected);
        let numbers = with("min = 0\nmax = 2\nseats = 2\nblank = true").unwrap();
        assert_eq!(numbers.contests().unwrap()[0].rule, expected);
        assert!(with(&format!("{rule}\nmax = 3")).unwrap().contests().is_err());
        assert!(with(&format!("{rule}\nundervotes = true")).unwrap().contests().is_err());
        assert!(with("rule = { type = \"roulette\" }").is_err());
        assert!(with("rule = { type = \"choice\", min = 0, max = 2, seats = 2, blank = true, colour = 1 }").is_err());
    }

    #[test]
    fn rules_of_every_type_are_taken_as_the_manifest_has_them() {
        for (rule, name) in [
            ("{ type = \"score\", limit = 0, max = 5, seats = 1 }", "score"),
            ("{ type = \"quadratic\", credits = 25, seats = 2 }", "quadratic"),
            ("{ type = \"borda\", first_place = \"n-1\", min = 0, places = 3, seats = 1 }", "borda"),
            ("{ type = \"condorcet\", seats = 1 }", "condorcet"),
        ] {
            let with =
                |rule: &str| parse(&SMALL.replace("id = \"council\"", &format!("id = \"council\"\nrule = {rule}")));
            assert_eq!(with(rule).unwrap().contests().unwrap()[0].rule.type_name(), name);
            assert!(with(&rule.replace("seats", "chairs")).is_err(), "{name}");
        }
    }

    #[test]
    fn a_dispute_window_is_a_duration_or_minutes() {
        let with = |line: &str| parse(&SMALL.replace("voting_days = 7", line)).unwrap().dispute_window_ms();
        assert_eq!(with("dispute_window = \"0s\"").unwrap(), 0);
        assert_eq!(with("dispute_window_minutes = 30").unwrap(), 1_800_000);
        assert!(with("dispute_window = \"soon\"").is_err());
        assert!(with("dispute_window = \"1h\"\ndispute_window_minutes = 60").is_err());
    }

    #[test]
    fn the_samples_of_the_demo_are_read() {
        for (name, contests) in [("committee", 1), ("assembly", 6)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scripts/sample/{name}.toml"));
            let config = Config::read(&path).unwrap();
            let found = config.contests().unwrap();
            assert_eq!(found.len(), contests);
            assert!(found.iter().all(|contest| contest.selections.len() >= 3), "{name}");
            assert_eq!(config.dispute_window_ms().unwrap(), 0);
            config.schedule(0).unwrap();
        }
    }
}
