//! Random contests, answers and manifests of every type, and what answers count, in the clear.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use veritally_crypto::contests::{
    Answer, Borda, BordaAnswer, Choice, ChoiceAnswer, Condorcet, CondorcetAnswer, FirstPlace, Quadratic,
    QuadraticAnswer, RowMeaning, Rule, Score, ScoreAnswer,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{BallotStyle, Contest, Group, Manifest};
use veritally_crypto::sample::{choice_contest, english, id};

/// Number of contest types.
pub const TYPES: usize = 5;

/// A contest of a type, small enough for many tests, with 2 to 4 selections.
pub fn random_contest(which: usize, name: &str, rng: &mut StdRng) -> Contest {
    let n: u64 = rng.random_range(2..=4);
    let seats = rng.random_range(1..=n);
    let rule = match which % TYPES {
        0 => {
            let max = rng.random_range(1..=n);
            let min = rng.random_range(0..=max);
            let undervotes = min < max && rng.random();
            Rule::Choice(Choice { blank: rng.random(), max, min, seats, undervotes })
        }
        1 => {
            let max = rng.random_range(1..=9);
            let limit = if rng.random() { 0 } else { rng.random_range(1..=max * n) };
            Rule::Score(Score { limit, max, seats })
        }
        2 => Rule::Quadratic(Quadratic { credits: rng.random_range(1..=20), seats }),
        3 => {
            let places = rng.random_range(1..=n);
            let first_place = if rng.random() { FirstPlace::N } else { FirstPlace::NMinusOne };
            Rule::Borda(Borda { first_place, min: rng.random_range(0..=places), places, seats })
        }
        _ => Rule::Condorcet(Condorcet { seats }),
    };
    let plain = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let mut contest = choice_contest(name, u8::try_from(n).unwrap(), plain).unwrap();
    contest.rule = rule;
    contest
}

/// One to three contests, one or two styles (the second with the first contest only), one to three groups.
pub fn random_manifest(manifest: &mut Manifest, rng: &mut StdRng) {
    let first: usize = rng.random_range(0..TYPES);
    let contests = rng.random_range(1..=3);
    manifest.contests = (0..contests).map(|i| random_contest(first + i * 2, &format!("contest-{i}"), rng)).collect();
    let all: Vec<Id> = manifest.contests.iter().map(|contest| contest.id.clone()).collect();
    let style = |name: &str, contests: &[Id]| BallotStyle {
        contests: contests.to_vec(),
        id: id(name).unwrap(),
        name: english(name),
    };
    manifest.ballot_styles = vec![style("long", &all)];
    if rng.random() {
        manifest.ballot_styles.push(style("short", &all[..1]));
    }
    let groups = rng.random_range(1..=3);
    manifest.groups =
        (0..groups).map(|i| Group { id: id(&format!("group-{i}")).unwrap(), name: english("Group") }).collect();
}

/// An answer that the contest allows.
pub fn random_answer(contest: &Contest, rng: &mut StdRng) -> Answer {
    loop {
        let mut ids: Vec<Id> = contest.selections.iter().map(|selection| selection.id.clone()).collect();
        ids.shuffle(rng);
        ids.truncate(rng.random_range(0..=ids.len()));
        let values = ids.iter().map(|id| (id.clone(), rng.random_range(0..4))).collect();
        let answer = match contest.rule {
            Rule::Choice(_) => Answer::Choice(ChoiceAnswer { blank: ids.is_empty() && rng.random(), selections: ids }),
            Rule::Score(_) => Answer::Score(ScoreAnswer { scores: values }),
            Rule::Quadratic(_) => Answer::Quadratic(QuadraticAnswer { votes: values }),
            Rule::Borda(_) => Answer::Borda(BordaAnswer { ranking: ids }),
            Rule::Condorcet(_) => {
                let tied = rng.random_range(0..=ids.len());
                let rest = ids.split_off(tied).into_iter().map(|id| vec![id]);
                let groups = std::iter::once(ids).chain(rest).filter(|group| !group.is_empty());
                Answer::Condorcet(CondorcetAnswer { ranking: groups.collect() })
            }
        };
        if contest.rule.encode(&contest.id, &contest.selections, &answer).is_ok() {
            return answer;
        }
    }
}

/// What an answer adds to each count, by what the count means; owes nothing to bits and rows.
pub fn counts(contest: &Contest, answer: &Answer) -> Vec<u64> {
    let n = contest.selections.len();
    let rows = contest.rule.compile(n).secret;
    let name = |i: usize| &contest.selections[i].id;
    let place =
        |groups: &[Vec<Id>], id: &Id| groups.iter().position(|group| group.contains(id)).unwrap_or(groups.len());
    rows.iter()
        .map(|row| match (row.meaning, answer) {
            (RowMeaning::Selection(i), Answer::Choice(answer)) => u64::from(answer.selections.contains(name(i))),
            (RowMeaning::Blank, Answer::Choice(answer)) => u64::from(answer.blank),
            (RowMeaning::Undervotes, Answer::Choice(answer)) => {
                let Rule::Choice(rule) = &contest.rule else { panic!() };
                if answer.blank { 0 } else { rule.max - answer.selections.len() as u64 }
            }
            (RowMeaning::Selection(i), Answer::Score(answer)) => answer.scores.get(name(i)).copied().unwrap_or(0),
            (RowMeaning::Selection(i), Answer::Quadratic(answer)) => answer.votes.get(name(i)).copied().unwrap_or(0),
            (RowMeaning::Selection(i), Answer::Borda(answer)) => {
                let Rule::Borda(rule) = &contest.rule else { panic!() };
                let first = if rule.first_place == FirstPlace::N { n } else { n - 1 };
                answer.ranking.iter().position(|id| id == name(i)).map_or(0, |place| (first - place) as u64)
            }
            (RowMeaning::Pair(a, b), Answer::Condorcet(answer)) => {
                u64::from(place(&answer.ranking, name(a)) < place(&answer.ranking, name(b)))
            }
            other => panic!("{other:?}"),
        })
        .collect()
}
