//! What election pages show, taken from manifest, state and history.

use veritally_board_api::answers::{Service, Witnesses};
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::manifest::{CheckedManifest, NamedKey, text};
use veritally_crypto::record::{Phase, RecordState};

use super::history::{History, Noted, Point, Who, describe};
use super::outcome::{describe_rule, seats};
use super::words::Words;
use crate::admin::show_time;
use crate::election::{Election, Snapshot};

/// A time for a page: for machines and for people who have no script (UTC).
#[derive(Debug, Clone)]
pub(super) struct Time {
    pub machine: String,
    pub shown: String,
}

impl Time {
    pub fn new(time_ms: u64) -> Self {
        let machine = show_time(time_ms);
        let shown = machine.get(..16).map_or_else(|| machine.clone(), |t| t.replace('T', " ") + " UTC");
        Self { machine, shown }
    }
}

/// Points of a turnout chart: more can't be seen.
pub(super) const CHART_POINTS: usize = 240;
/// Lines of the table beside it.
const TABLE_POINTS: usize = 24;

/// A line of the table beside a turnout chart.
pub(super) struct TurnoutLine {
    pub time: Time,
    pub ballots: u64,
}

pub(super) fn turnout(history: &History) -> Vec<TurnoutLine> {
    let line = |point: Point| TurnoutLine { time: Time::new(point.time_ms), ballots: point.ballots };
    history.sampled(TABLE_POINTS).into_iter().map(line).collect()
}

/// A witness and what it cosigned.
pub(super) struct WitnessView {
    pub name: String,
    pub key: String,
    /// The size of the log that it cosigned last, and when; `None`: not since the board started.
    pub cosigned: Option<(u64, Time)>,
    /// It does not answer, or refuses.
    pub troubled: bool,
}

pub(super) fn witnesses(manifest: &CheckedManifest, status: &Witnesses) -> Vec<WitnessView> {
    let one = |witness: &NamedKey| {
        let state = status.witnesses.iter().find(|state| state.name == witness.name);
        WitnessView {
            name: witness.name.clone(),
            key: witness.key.to_string(),
            cosigned: state.and_then(|state| Some((state.tree_size, Time::new(state.time_ms?)))),
            troubled: state.is_some_and(|state| state.problem.is_some()),
        }
    };
    manifest.witnesses.iter().map(one).collect()
}

/// The head of every page of one election.
pub(super) struct Head {
    pub id: String,
    pub name: String,
    pub description: String,
    pub phase: Phase,
    pub fingerprint: String,
    pub opens: Time,
    pub closes: Time,
    pub service: Service,
    pub tab: &'static str,
    pub link: String,
}

impl Head {
    pub fn new(election: &Election, w: Words, tab: &'static str, host: &str) -> Self {
        let (manifest, snapshot) = (election.manifest(), election.snapshot());
        let fingerprint = manifest.fingerprint().to_string();
        Self {
            id: election.id().to_string(),
            name: text(&manifest.name, w.0.tag()).to_owned(),
            description: text(&manifest.description, w.0.tag()).to_owned(),
            phase: snapshot.phase,
            link: format!("veritally://{host}/{}?fp={fingerprint}", election.id()),
            fingerprint,
            opens: Time::new(manifest.schedule.opens_at_ms),
            closes: Time::new(snapshot.closes_at_ms),
            service: snapshot.service,
            tab,
        }
    }

    /// The catalog's key of the phase.
    pub fn phase_key(&self) -> String {
        format!("phase_{}", self.phase)
    }

    pub fn unavailable(&self) -> bool {
        self.service == Service::Unavailable
    }

    pub fn stopped(&self) -> bool {
        self.service == Service::Stopped
    }

    /// The tabs: key of the text, path, whether it is this page's.
    pub fn tabs(&self) -> [(&'static str, String, bool); 5] {
        ["overview", "ballots", "trustees", "result", "verify"].map(|tab| {
            let rest = if tab == "overview" { String::new() } else { format!("/{tab}") };
            (tab, format!("/e/{}{rest}", self.id), tab == self.tab)
        })
    }
}

/// A contest before there is a result.
pub(super) struct ContestView {
    pub name: String,
    pub rule: String,
    pub seats: u64,
    pub options: Vec<String>,
}

pub(super) fn contests(manifest: &CheckedManifest, w: Words) -> Vec<ContestView> {
    let one = |contest: &veritally_crypto::manifest::Contest| ContestView {
        name: text(&contest.name, w.0.tag()).to_owned(),
        rule: describe_rule(contest, w),
        seats: seats(&contest.rule),
        options: contest.selections.iter().map(|s| text(&s.name, w.0.tag()).to_owned()).collect(),
    };
    manifest.contests.iter().map(one).collect()
}

/// A ballot style with the names of its contests.
pub(super) fn styles(manifest: &CheckedManifest, w: Words) -> Vec<(String, String)> {
    let contest = |id: &veritally_crypto::id::Id| {
        manifest.contests.iter().find(|c| c.id == *id).map(|c| text(&c.name, w.0.tag()).to_owned())
    };
    let one = |style: &veritally_crypto::manifest::BallotStyle| {
        let contests: Vec<_> = style.contests.iter().filter_map(contest).collect();
        (text(&style.name, w.0.tag()).to_owned(), contests.join(" · "))
    };
    manifest.ballot_styles.iter().map(one).collect()
}

/// A line of the running tally.
pub(super) struct SumView {
    pub group: String,
    pub style: String,
    pub ballots: u64,
    pub pad: String,
}

/// The tally's digest and sums, as of the last tally head.
pub(super) fn tally(manifest: &CheckedManifest, snapshot: &Snapshot, w: Words) -> Option<(String, Vec<SumView>)> {
    let tally = snapshot.tally.as_ref()?;
    let one = |sum: &veritally_crypto::tally::EncodedSum| SumView {
        group: manifest.groups.get(sum.group).map_or("", |g| text(&g.name, w.0.tag())).to_owned(),
        style: manifest.ballot_styles.get(sum.style).map_or("", |s| text(&s.name, w.0.tag())).to_owned(),
        ballots: sum.ballots,
        pad: serde_json::to_value(sum.pad).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default(),
    };
    Some((tally.head.digest.to_string(), tally.sums.iter().map(one).collect()))
}

/// An entry in a list.
pub(super) struct EntryView {
    pub index: u64,
    pub kind: String,
    pub details: String,
    pub time: Option<Time>,
}

/// The name of a kind of entry; kinds that this program's words don't know keep their own.
pub(super) fn kind_name(kind: &str, w: Words) -> String {
    let key = format!("entry_{kind}");
    let name = w.t(&key);
    if name == key { kind.to_owned() } else { name.to_owned() }
}

pub(super) fn entry(noted: &Noted, manifest: &CheckedManifest, w: Words) -> EntryView {
    let details = match &noted.who {
        Some(Who::Until(time_ms)) => w.f("until", Time::new(*time_ms).shown),
        Some(Who::Voters(count)) => w.f("voters_count", w.num(*count)),
        Some(who) => describe(who, manifest).unwrap_or_default(),
        None => String::new(),
    };
    EntryView { index: noted.index, kind: kind_name(&noted.kind, w), details, time: noted.time_ms.map(Time::new) }
}

pub(super) fn latest(history: &History, manifest: &CheckedManifest, w: Words, most: usize) -> Vec<EntryView> {
    history.noted.iter().rev().take(most).map(|noted| entry(noted, manifest, w)).collect()
}

/// What a trustee has done.
pub(super) struct TrusteeView {
    pub number: u64,
    pub name: String,
    pub key: String,
    /// The five steps of the ceremony.
    pub ceremony: Vec<bool>,
    pub agreed: Option<Time>,
    /// `Some(false)`: the share was refused.
    pub share: Option<bool>,
}

/// The steps of the ceremony: key of the text, phase.
pub(super) const STEPS: [(&str, CeremonyPhase); 5] = [
    ("step_commit", CeremonyPhase::Commit),
    ("step_reveal", CeremonyPhase::Reveal),
    ("step_shares", CeremonyPhase::Shares),
    ("step_confirm", CeremonyPhase::Confirm),
    ("step_rehearsal", CeremonyPhase::Rehearsal),
];

pub(super) fn trustees(state: &RecordState) -> Vec<TrusteeView> {
    let ceremony = state.ceremony();
    let one = |(number, keys): (u64, &veritally_crypto::manifest::TrusteeKeys)| {
        let id = TrusteeId(number);
        let mut shares = state.shares().iter().filter(|share| share.trustee == id);
        TrusteeView {
            number,
            name: keys.name.clone(),
            key: keys.identity_key.to_string(),
            ceremony: STEPS.iter().map(|(_, phase)| ceremony.has_posted(id, *phase)).collect(),
            agreed: state.agreements().get(&id).map(|agreement| Time::new(agreement.time_ms)),
            share: shares.clone().next().map(|_| shares.any(|share| share.shares.is_ok())),
        }
    };
    (1..).zip(&state.manifest().trustees).map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use veritally_board_api::answers::WitnessState;
    use veritally_crypto::sample::SampleElection;
    use veritally_crypto::signature::SigningSecret;

    use super::*;

    #[test]
    fn each_witness_is_shown_with_what_it_cosigned_or_that_it_did_not() {
        let witness = |i: u8| NamedKey {
            key: SigningSecret::from_seed(&[i; 32]).verification_key(),
            name: format!("w{i}.example"),
        };
        let edit = |m: &mut veritally_crypto::manifest::Manifest| {
            (m.witnesses, m.witness_quorum) = ((1..=3).map(witness).collect(), 2);
        };
        let sample = SampleElection::start((2, 3), edit, &mut StdRng::seed_from_u64(1)).unwrap();
        let state = |name: &str, problem: Option<&str>, time_ms, tree_size| WitnessState {
            name: name.to_owned(),
            problem: problem.map(str::to_owned),
            time_ms,
            tree_size,
        };
        let status = Witnesses {
            quorum: 2,
            tree_size: 0,
            witnesses: vec![
                state("w2.example", Some("down"), Some(1_798_761_600_000), 7),
                state("w1.example", Some("never answered"), None, 0),
            ],
        };
        let shown = witnesses(sample.state.manifest(), &status);
        let shown: Vec<_> = shown
            .iter()
            .map(|w| {
                (w.name.as_str(), w.cosigned.as_ref().map(|(size, time)| (*size, time.machine.as_str())), w.troubled)
            })
            .collect();
        let expected = [
            ("w1.example", None, true),
            ("w2.example", Some((7, "2027-01-01T00:00:00Z")), true),
            ("w3.example", None, false),
        ];
        assert_eq!(shown, expected);
    }
}
