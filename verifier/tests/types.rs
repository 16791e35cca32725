//! An election with a contest of every type, two styles, weights and three groups, one of them under the floor: it
//! passes, and its report says what each contest came to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{check, files, rng, status};
use veritally_crypto::contests::{
    Answer, Answers, Borda, BordaAnswer, Choice, ChoiceAnswer, Condorcet, CondorcetAnswer, FirstPlace, Quadratic,
    QuadraticAnswer, Rule, Score, ScoreAnswer,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{BallotStyle, Group, Manifest};
use veritally_crypto::sample::{SampleElection, choice_contest, english, id};
use veritally_verifier::Report;
use veritally_verifier::report::{ContestReport, Status};
use veritally_verifier::terminal::{Style, render};

fn rules() -> [(&'static str, Rule); 6] {
    [
        ("choice", Rule::Choice(Choice { blank: true, max: 3, min: 1, seats: 2, undervotes: true })),
        ("score", Rule::Score(Score { limit: 0, max: 5, seats: 1 })),
        ("cumulative", Rule::Score(Score { limit: 6, max: 5, seats: 1 })),
        ("quadratic", Rule::Quadratic(Quadratic { credits: 9, seats: 1 })),
        ("borda", Rule::Borda(Borda { first_place: FirstPlace::NMinusOne, min: 0, places: 3, seats: 1 })),
        ("condorcet", Rule::Condorcet(Condorcet { seats: 1 })),
    ]
}

/// Six contests with four selections on the long ballots, the first and the last of them on the short ones.
fn every_type(manifest: &mut Manifest) {
    manifest.floor = 2;
    manifest.groups = ["east", "west", "south"].map(|g| Group { id: id(g).unwrap(), name: english(g) }).to_vec();
    let contest = |(name, rule)| {
        let plain = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
        let mut contest = choice_contest(name, 4, plain).unwrap();
        contest.rule = rule;
        contest
    };
    manifest.contests = rules().map(contest).to_vec();
    let all: Vec<Id> = manifest.contests.iter().map(|c| c.id.clone()).collect();
    let short = vec![all[0].clone(), all[5].clone()];
    manifest.ballot_styles = vec![
        BallotStyle { contests: all, id: id("long").unwrap(), name: english("Long") },
        BallotStyle { contests: short, id: id("short").unwrap(), name: english("Short") },
    ];
}

/// Style, group, weight, and which of two ballots.
const VOTERS: [(&str, &str, u64, usize); 10] = [
    ("long", "east", 1, 0),
    ("long", "east", 1, 0),
    ("long", "east", 3, 0),
    ("long", "east", 3, 1),
    ("short", "east", 1, 1),
    ("long", "west", 1, 1),
    ("long", "south", 1, 0),
    ("long", "south", 1, 1),
    ("short", "south", 1, 0),
    ("short", "south", 1, 1),
];

fn ids(text: &str) -> Vec<Id> {
    text.chars().map(|c| id(&c.to_string()).unwrap()).collect()
}

fn numbers(values: [u64; 4]) -> std::collections::BTreeMap<Id, u64> {
    ids("abcd").into_iter().zip(values).collect()
}

fn answers(style: &str, which: usize) -> Answers {
    let first = which == 0;
    let ranking = if first { ["a", "bc"] } else { ["d", "a"] };
    let all = [
        Answer::Choice(ChoiceAnswer { blank: !first, selections: ids(if first { "ab" } else { "" }) }),
        Answer::Score(ScoreAnswer { scores: numbers(if first { [5, 3, 0, 0] } else { [0, 0, 1, 4] }) }),
        Answer::Score(ScoreAnswer { scores: numbers(if first { [5, 1, 0, 0] } else { [0, 0, 3, 0] }) }),
        Answer::Quadratic(QuadraticAnswer { votes: numbers(if first { [2, 2, 1, 0] } else { [0, 0, 0, 3] }) }),
        Answer::Borda(BordaAnswer { ranking: ids(if first { "abc" } else { "d" }) }),
        Answer::Condorcet(CondorcetAnswer { ranking: ranking.map(ids).to_vec() }),
    ];
    let named = rules().map(|(name, _)| id(name).unwrap()).into_iter().zip(all);
    named.filter(|(name, _)| style == "long" || ["choice", "condorcet"].contains(&name.as_str())).collect()
}

fn finished() -> SampleElection {
    let rng = &mut rng();
    let mut election = SampleElection::start((2, 3), every_type, rng).unwrap();
    election.ceremony(rng).unwrap();
    election.roll(&VOTERS.map(|(style, group, weight, _)| (style, group, weight)), rng).unwrap();
    election.open().unwrap();
    for (voter, (style, _, _, which)) in VOTERS.iter().enumerate() {
        election.cast(voter, &answers(style, *which), rng).unwrap();
    }
    election.finish(rng).unwrap();
    election
}

/// The first ballot's value times its weight, and the second one's.
fn sums(weights: [u64; 2], first: [u64; 4], second: [u64; 4]) -> Vec<Option<u64>> {
    first.iter().zip(second).map(|(a, b)| Some(weights[0] * a + weights[1] * b)).collect()
}

fn counts(contest: &ContestReport) -> Vec<Option<u64>> {
    contest.counts.selections.iter().map(|s| s.count).collect()
}

fn winners(contest: &ContestReport) -> Vec<&str> {
    contest.winners.iter().map(Id::as_str).collect()
}

fn passed() -> Report {
    let report = check(&files(finished()));
    for line in &report.checks {
        let expected =
            if ["V2", "V4", "V32"].contains(&line.id.as_str()) { Status::NotApplicable } else { Status::Pass };
        assert_eq!(line.status, expected, "{} {}", line.id, line.message);
    }
    report
}

#[test]
fn an_election_of_every_type_passes_and_each_contest_has_its_counts_and_winners() {
    let report = passed();
    let kinds: Vec<_> = report.contests.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["choice", "score", "score", "quadratic", "borda", "condorcet"]);
    // Weights of the first and the second ballot: with short ones, and on long ones only.
    let (all, long) = ([7, 7], [6, 5]);
    assert_eq!(counts(&report.contests[0]), sums(all, [1, 1, 0, 0], [0; 4]));
    assert_eq!((report.contests[0].counts.blank, report.contests[0].counts.undervotes), (Some(7), Some(7)));
    assert_eq!(winners(&report.contests[0]), ["a", "b"]);
    assert_eq!(counts(&report.contests[1]), sums(long, [5, 3, 0, 0], [0, 0, 1, 4]));
    assert_eq!(counts(&report.contests[2]), sums(long, [5, 1, 0, 0], [0, 0, 3, 0]));
    assert_eq!(counts(&report.contests[3]), sums(long, [2, 2, 1, 0], [0, 0, 0, 3]));
    assert_eq!(winners(&report.contests[3]), ["d"]);
    assert!(report.contests[3].method.starts_with("most votes"));
    assert_eq!(counts(&report.contests[4]), sums(long, [3, 2, 1, 0], [0, 0, 0, 3]));
    for contest in [1, 2, 4] {
        assert_eq!(winners(&report.contests[contest]), ["a"]);
        assert!(report.contests[contest].counts.pairwise.is_none() && report.contests[contest].ranking.is_none());
    }
}

#[test]
fn pairs_are_reported_as_a_matrix_with_path_strengths_and_order() {
    let report = passed();
    let pairs = &report.contests[5];
    assert!(counts(pairs).iter().all(Option::is_none));
    // Seven of a > b = c > d, seven of d > a > b = c.
    let expected = [[0, 14, 14, 7], [0, 0, 0, 7], [0, 0, 0, 7], [7, 7, 7, 0]].map(|row| row.to_vec()).to_vec();
    assert_eq!(pairs.counts.pairwise, Some(expected));
    let strengths = [[0, 14, 14, 0], [0; 4], [0; 4], [0; 4]].map(|row| row.to_vec()).to_vec();
    assert_eq!(pairs.path_strengths, Some(strengths));
    assert_eq!(pairs.ranking, Some(vec![ids("ad"), ids("bc")]));
    assert_eq!((winners(pairs), pairs.method.as_str()), (vec![], "Schulze; tied for the last seats: a, d"));
    // The report's rows, in JSON, are those of the matrix.
    let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
    assert_eq!(json["contests"][5]["pairwise"][0][3], 7);
    assert_eq!(json["contests"][5]["selections"][0].get("count"), None);
    assert_eq!(json["contests"][4].get("pairwise"), None);
    let shown = render(&report, Style::Plain);
    let table = "ballots that rank the row's selection before the column's\n           (1)   (2)   (3)   (4)\n     (1)     –    14    14     7\n";
    assert!(shown.contains(table), "{shown}");
    assert!(shown.contains("order: (1) = (4) > (2) = (3)\n"), "{shown}");
}

#[test]
fn groups_under_the_floor_are_merged_in_every_contest_and_cells_add_up_to_the_totals() {
    let report = passed();
    assert_eq!(status(&report, "V25"), Status::Pass);
    for contest in &report.contests {
        let cells: Vec<_> = report.groups.iter().filter(|cell| cell.contest == contest.id).collect();
        let groups: Vec<Vec<&str>> = cells.iter().map(|c| c.groups.iter().map(Id::as_str).collect()).collect();
        assert_eq!(groups, [vec!["east"], vec!["west", "south"]], "{}", contest.id);
        for (i, selection) in contest.counts.selections.iter().enumerate() {
            let sum: u64 = cells.iter().filter_map(|cell| cell.counts.selections[i].count).sum();
            assert_eq!(sum, selection.count.unwrap_or(0));
        }
        let Some(pairwise) = &contest.counts.pairwise else { continue };
        for (a, row) in pairwise.iter().enumerate() {
            for (b, total) in row.iter().enumerate() {
                let in_cells = cells.iter().map(|cell| cell.counts.pairwise.as_ref().unwrap()[a][b]);
                assert_eq!(in_cells.sum::<u64>(), *total);
            }
        }
    }
}
