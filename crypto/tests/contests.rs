//! Contest types: what voters may answer, what the rows accept, what the counts mean; whole elections of every type.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::contests::{
    Answer, AnswerError, Answers, Borda, BordaAnswer, Choice, ChoiceAnswer, Condorcet, CondorcetAnswer, FirstPlace,
    Quadratic, QuadraticAnswer, Rule, Score, ScoreAnswer,
};
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{BallotStyle, Group, Selection};
use veritally_crypto::relation::CompiledStyle;
use veritally_crypto::sample::{SampleElection, choice_contest, choose, english, id};

fn selections(n: usize) -> Vec<Selection> {
    let selection = |i: usize| Selection { id: letter(i), name: english("x") };
    (0..n).map(selection).collect()
}

fn letter(i: usize) -> Id {
    id(&char::from(b'a' + u8::try_from(i).unwrap()).to_string()).unwrap()
}

fn encode(rule: &Rule, n: usize, answer: &Answer) -> Result<Vec<bool>, AnswerError> {
    rule.encode(&id("contest").unwrap(), &selections(n), answer)
}

/// Counts of the secret rows if all public rows hold for these bits.
fn accepted(rule: &Rule, n: usize, bits: &[bool]) -> Option<Vec<u64>> {
    let rows = rule.compile(n);
    assert_eq!(rows.bits, bits.len());
    let value = |terms: &[veritally_crypto::relation::Term]| -> i64 {
        terms.iter().filter(|t| bits[t.bit]).map(|t| t.weight).sum()
    };
    rows.public.iter().all(|row| value(&row.terms) == row.value).then(|| {
        let counts = rows.secret.iter().map(|row| (u64::try_from(value(&row.terms)).unwrap(), row.max));
        counts.inspect(|(count, max)| assert!(count <= max)).map(|(count, _)| count).collect()
    })
}

/// All counts that some bits reach, by brute force.
fn reachable(rule: &Rule, n: usize) -> BTreeSet<Vec<u64>> {
    let bits = rule.compile(n).bits;
    assert!(bits <= 22, "{bits} bits are too many to try");
    let all = (0..1u32 << bits).map(|code| (0..bits).map(|i| code >> i & 1 == 1).collect::<Vec<_>>());
    all.filter_map(|bits| accepted(rule, n, &bits)).collect()
}

/// The counts of every answer that a voter may give.
fn honest(rule: &Rule, n: usize, answers: impl IntoIterator<Item = Answer>) -> BTreeSet<Vec<u64>> {
    let counts = |answer: Answer| {
        let bits = encode(rule, n, &answer).ok()?;
        Some(accepted(rule, n, &bits).unwrap_or_else(|| panic!("{answer:?} is encoded against the rows")))
    };
    answers.into_iter().filter_map(counts).collect()
}

fn vectors(n: usize, max: u64) -> Vec<Vec<u64>> {
    (0..n).fold(vec![vec![]], |all, _| {
        all.into_iter().flat_map(|v| (0..=max).map(move |x| v.iter().copied().chain([x]).collect())).collect()
    })
}

fn numbers(values: &[u64]) -> std::collections::BTreeMap<Id, u64> {
    values.iter().enumerate().map(|(i, v)| (letter(i), *v)).collect()
}

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &first in items {
        let rest: Vec<_> = items.iter().copied().filter(|i| *i != first).collect();
        all.extend(permutations(&rest).into_iter().map(|p| std::iter::once(first).chain(p).collect()));
    }
    all
}

#[test]
fn choice_rows_accept_exactly_what_voters_may_choose() {
    for (min, max, blank) in [(1, 1, false), (0, 1, true), (2, 3, false), (2, 3, true), (0, 4, false), (1, 4, true)] {
        let rule = Rule::Choice(Choice { blank, max, min, seats: 1, undervotes: false });
        let answers = vectors(4, 1).into_iter().flat_map(|v| {
            let selections: Vec<_> = v.iter().enumerate().filter(|(_, x)| **x == 1).map(|(i, _)| letter(i)).collect();
            [false, true].map(|blank| Answer::Choice(ChoiceAnswer { blank, selections: selections.clone() }))
        });
        assert_eq!(honest(&rule, 4, answers), reachable(&rule, 4), "{rule:?}");
    }
}

#[test]
fn undervotes_are_counted_where_the_rule_asks_and_blank_ballots_have_none() {
    let rule = |min, max, blank| Rule::Choice(Choice { blank, max, min, seats: 1, undervotes: true });
    let choose = |n: usize, blank| Answer::Choice(ChoiceAnswer { blank, selections: (0..n).map(letter).collect() });
    for (min, max, blank) in [(0, 4, false), (1, 3, true), (0, 2, false)] {
        let rule = rule(min, max, blank);
        for n in min..=max {
            let bits = encode(&rule, 4, &choose(usize::try_from(n).unwrap(), false)).unwrap();
            assert_eq!(accepted(&rule, 4, &bits).unwrap().last(), Some(&(max - n)), "{n} of {max}");
        }
        let answers = (0..=4).flat_map(|n| [choose(n, false), choose(n, true)]);
        // Every set of bits that the rows accept has as many undervotes as an honest ballot with as many selections.
        let honest: BTreeSet<_> = honest(&rule, 4, answers).into_iter().map(sums).collect();
        assert_eq!(honest, reachable(&rule, 4).into_iter().map(sums).collect());
    }
    assert!(rule(2, 2, false).validate(4).is_err());
    let blank = encode(&rule(1, 3, true), 4, &choose(0, true)).unwrap();
    assert_eq!(accepted(&rule(1, 3, true), 4, &blank).unwrap()[4..], [1, 0], "blank, no undervotes");
}

/// Selections together, then blank and undervotes.
fn sums(counts: Vec<u64>) -> Vec<u64> {
    std::iter::once(counts[..4].iter().sum()).chain(counts[4..].iter().copied()).collect()
}

#[test]
fn score_rows_accept_exactly_what_voters_may_give() {
    for (max, limit) in [(1, 0), (5, 0), (6, 10), (3, 4), (7, 7)] {
        let rule = Rule::Score(Score { limit, max, seats: 1 });
        let answers = vectors(3, max + 1).into_iter().map(|v| Answer::Score(ScoreAnswer { scores: numbers(&v) }));
        assert_eq!(honest(&rule, 3, answers), reachable(&rule, 3), "{rule:?}");
    }
}

#[test]
fn quadratic_rows_accept_exactly_what_credits_buy() {
    for credits in [1, 4, 10, 13] {
        let rule = Rule::Quadratic(Quadratic { credits, seats: 1 });
        let answers = vectors(3, 4).into_iter().map(|v| Answer::Quadratic(QuadraticAnswer { votes: numbers(&v) }));
        assert_eq!(honest(&rule, 3, answers), reachable(&rule, 3), "{rule:?}");
    }
}

#[test]
fn borda_rows_accept_exactly_the_truncated_rankings() {
    for (min, places, first_place) in [
        (0, 3, FirstPlace::N),
        (1, 3, FirstPlace::N),
        (0, 2, FirstPlace::N),
        (2, 2, FirstPlace::N),
        (3, 3, FirstPlace::NMinusOne),
    ] {
        let rule = Rule::Borda(Borda { first_place, min, places, seats: 1 });
        let rankings = permutations(&[0, 1, 2]);
        assert_eq!(rankings.len(), 1 + 3 + 6 + 6);
        let answers =
            rankings.iter().map(|r| Answer::Borda(BordaAnswer { ranking: r.iter().map(|a| letter(*a)).collect() }));
        assert_eq!(honest(&rule, 3, answers), reachable(&rule, 3), "{rule:?}");
    }
}

#[test]
fn points_of_both_conventions_are_those_of_the_specification() {
    let ranking = Answer::Borda(BordaAnswer { ranking: vec![letter(2), letter(0)] });
    let counts = |first_place| {
        let rule = Rule::Borda(Borda { first_place, min: 0, places: 3, seats: 1 });
        accepted(&rule, 4, &encode(&rule, 4, &ranking).unwrap()).unwrap()
    };
    assert_eq!(counts(FirstPlace::N), [3, 0, 4, 0]);
    assert_eq!(counts(FirstPlace::NMinusOne), [2, 0, 3, 0]);
}

#[test]
fn condorcet_counts_pairs_and_unranked_selections_are_last() {
    let rule = Rule::Condorcet(Condorcet { seats: 1 });
    let answer = Answer::Condorcet(CondorcetAnswer { ranking: vec![vec![letter(1)], vec![letter(0), letter(3)]] });
    let counts = accepted(&rule, 4, &encode(&rule, 4, &answer).unwrap()).unwrap();
    // ab ac ad, ba bc bd, ca cb cd, da db dc
    assert_eq!(counts, [0, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn answers_beyond_the_rules_are_explained() {
    let c = id("contest").unwrap();
    let score = Rule::Score(Score { limit: 5, max: 4, seats: 1 });
    let give = |v: &[u64]| encode(&score, 3, &Answer::Score(ScoreAnswer { scores: numbers(v) })).unwrap_err();
    assert!(matches!(give(&[5]), AnswerError::TooHigh { value: 5, max: 4, .. }));
    assert_eq!(give(&[3, 3]), AnswerError::Budget { contest: c.clone(), used: 6, budget: 5 });
    assert!(matches!(give(&[1, 1, 1, 1]), AnswerError::UnknownSelection { .. }));
    let quadratic = Rule::Quadratic(Quadratic { credits: 8, seats: 1 });
    let buy = |v: &[u64]| encode(&quadratic, 3, &Answer::Quadratic(QuadraticAnswer { votes: numbers(v) })).unwrap_err();
    assert!(matches!(buy(&[3]), AnswerError::TooHigh { .. }));
    assert_eq!(buy(&[2, 2, 1]), AnswerError::Budget { contest: c.clone(), used: 9, budget: 8 });
    let borda = Rule::Borda(Borda { first_place: FirstPlace::N, min: 1, places: 2, seats: 1 });
    let rank = |v: &[usize]| {
        encode(&borda, 3, &Answer::Borda(BordaAnswer { ranking: v.iter().map(|i| letter(*i)).collect() })).unwrap_err()
    };
    assert!(matches!(rank(&[0, 1, 2]), AnswerError::Overvote { chosen: 3, max: 2, .. }));
    assert!(matches!(rank(&[]), AnswerError::Undervote { .. }));
    assert!(matches!(rank(&[0, 0]), AnswerError::Repeated { .. }));
    let wrong = encode(&borda, 3, &Answer::Score(ScoreAnswer { scores: numbers(&[]) })).unwrap_err();
    assert_eq!(wrong, AnswerError::WrongType(c));
}

#[test]
fn a_condorcet_ballot_with_ten_selections_fits_one_entry() {
    let rows = Rule::Condorcet(Condorcet { seats: 1 }).compile(10);
    assert_eq!((rows.bits, rows.secret.len()), (90 + 45 + 720, 90));
    let style = CompiledStyle::compile([(0, &rows, 0)]).unwrap();
    assert!(style.ballot_bytes() <= veritally_crypto::canonical::MAX_LEAF_BYTES, "{}", style.ballot_bytes());
}

fn all_types() -> Vec<(&'static str, u8, Rule)> {
    vec![
        ("choice", 4, Rule::Choice(Choice { blank: true, max: 2, min: 1, seats: 2, undervotes: false })),
        ("score", 3, Rule::Score(Score { limit: 0, max: 5, seats: 1 })),
        ("cumulative", 3, Rule::Score(Score { limit: 6, max: 5, seats: 1 })),
        ("quadratic", 3, Rule::Quadratic(Quadratic { credits: 9, seats: 1 })),
        ("borda", 4, Rule::Borda(Borda { first_place: FirstPlace::NMinusOne, min: 0, places: 3, seats: 1 })),
        ("condorcet", 4, Rule::Condorcet(Condorcet { seats: 1 })),
    ]
}

/// A random admissible answer.
fn random_answer(rule: &Rule, n: usize, rng: &mut StdRng) -> Answer {
    use rand::RngExt as _;
    use rand::seq::SliceRandom as _;
    loop {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(rng);
        order.truncate(rng.random_range(0..=n));
        let values: Vec<u64> = (0..n).map(|_| rng.random_range(0..4)).collect();
        let letters: Vec<Id> = order.iter().map(|i| letter(*i)).collect();
        let answer = match rule {
            Rule::Choice(_) => Answer::Choice(ChoiceAnswer { blank: letters.is_empty(), selections: letters }),
            Rule::Score(_) => Answer::Score(ScoreAnswer { scores: numbers(&values) }),
            Rule::Quadratic(_) => Answer::Quadratic(QuadraticAnswer { votes: numbers(&values) }),
            Rule::Borda(_) => Answer::Borda(BordaAnswer { ranking: letters }),
            Rule::Condorcet(_) => {
                let cut = rng.random_range(0..=letters.len());
                let (first, rest) = letters.split_at(cut);
                let groups = [first.to_vec()].into_iter().chain(rest.iter().map(|id| vec![id.clone()]));
                Answer::Condorcet(CondorcetAnswer { ranking: groups.filter(|g| !g.is_empty()).collect() })
            }
        };
        if encode(rule, n, &answer).is_ok() {
            return answer;
        }
    }
}

/// All types, two styles, weights, three groups of which one is under the floor: exactly the expected counts.
#[test]
fn an_election_of_every_type_with_styles_weights_and_groups_decrypts_to_the_expected_counts() {
    let mut rng = StdRng::seed_from_u64(21);
    let types = all_types();
    let edit = |m: &mut veritally_crypto::manifest::Manifest| {
        m.floor = 2;
        m.groups = ["east", "west", "south"].map(|g| Group { id: id(g).unwrap(), name: english(g) }).to_vec();
        m.contests = types
            .iter()
            .map(|(name, n, rule)| {
                let plain = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
                let mut contest = choice_contest(name, *n, plain).unwrap();
                contest.rule = rule.clone();
                contest
            })
            .collect();
        let all: Vec<_> = m.contests.iter().map(|c| c.id.clone()).collect();
        m.ballot_styles = vec![
            BallotStyle { contests: all.clone(), id: id("long").unwrap(), name: english("Long") },
            BallotStyle {
                contests: vec![all[0].clone(), all[5].clone()],
                id: id("short").unwrap(),
                name: english("Short"),
            },
        ];
    };
    let mut election = SampleElection::start((2, 3), edit, &mut rng).unwrap();
    election.ceremony(&mut rng).unwrap();
    let roll: Vec<(&str, &str, u64)> = vec![
        ("long", "east", 1),
        ("long", "east", 1),
        ("long", "east", 3),
        ("long", "east", 3),
        ("short", "east", 1),
        ("long", "west", 1),
        ("long", "south", 1),
        ("long", "south", 1),
        ("short", "south", 1),
        ("short", "south", 1),
    ];
    election.roll(&roll, &mut rng).unwrap();
    election.open().unwrap();
    let mut expected: Vec<Vec<u64>> =
        types.iter().map(|(_, n, rule)| vec![0; rule.compile(usize::from(*n)).secret.len()]).collect();
    for (voter, (style, _, weight)) in roll.iter().enumerate() {
        let mut answers = Answers::new();
        for (contest, (name, n, rule)) in types.iter().enumerate() {
            if *style == "long" || contest == 0 || contest == 5 {
                let n = usize::from(*n);
                let answer = random_answer(rule, n, &mut rng);
                let counts = accepted(rule, n, &encode(rule, n, &answer).unwrap()).unwrap();
                for (sum, count) in expected[contest].iter_mut().zip(counts) {
                    *sum += weight * count;
                }
                answers.insert(id(name).unwrap(), answer);
            }
        }
        election.cast(voter, &answers, &mut rng).unwrap();
    }
    election.finish(&mut rng).unwrap();
    for (contest, expected) in election.state.decrypted().unwrap().iter().zip(&expected) {
        assert!(!contest.withheld);
        assert!(contest.cells.len() == 2, "west, with one voter, was merged: {:?}", contest.cells);
        let rows = contest.cells[0].counts.len();
        let totals: Vec<u64> = (0..rows).map(|row| contest.cells.iter().map(|cell| cell.counts[row]).sum()).collect();
        assert_eq!(totals, *expected, "{}", contest.contest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any single bit turned over breaks a rule or changes a count.
    #[test]
    fn a_turned_bit_never_passes_unnoticed(seed in any::<u64>(), which in 0usize..6) {
        let (_, n, rule) = &all_types()[which];
        let n = usize::from(*n);
        let mut rng = StdRng::seed_from_u64(seed);
        let bits = encode(rule, n, &random_answer(rule, n, &mut rng)).unwrap();
        let before = accepted(rule, n, &bits).unwrap();
        for i in 0..bits.len() {
            let mut turned = bits.clone();
            turned[i] = !turned[i];
            prop_assert_ne!(accepted(rule, n, &turned), Some(before.clone()), "bit {}", i);
        }
    }
}

#[test]
fn selections_in_random_order_are_shown_in_any_order_and_encoded_in_the_manifests() {
    let mut rng = StdRng::seed_from_u64(8);
    let rule = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    let mut contest = choice_contest("chair", 3, rule).unwrap();
    let json = |contest: &veritally_crypto::manifest::Contest| serde_json::to_value(contest).unwrap();
    assert_eq!(contest.shown_order(&mut rng), [0, 1, 2]);
    assert!(json(&contest).get("random_order").is_none());
    contest.random_order = true;
    assert_eq!(json(&contest)["random_order"], true);
    let orders: BTreeSet<_> = (0..200).map(|_| contest.shown_order(&mut rng)).collect();
    assert_eq!(orders.len(), 6, "every order occurs");
    let election = SampleElection::start((1, 1), |m| m.contests[0].random_order = true, &mut rng).unwrap();
    let manifest = election.state.manifest();
    let answers = choose("chair", &["b"], false).unwrap();
    let bits = manifest.styles()[0].encode(&manifest.contests, &answers).unwrap();
    assert_eq!(bits, [false, true, false, false, false]);
    let spelled = String::from_utf8(election.entries[0].clone()).unwrap();
    let spelled_out = spelled.replace("\"random_order\":true", "\"random_order\":false");
    assert!(veritally_crypto::leaves::Leaf::parse(spelled.as_bytes()).is_ok());
    assert!(veritally_crypto::leaves::Leaf::parse(spelled_out.as_bytes()).is_err(), "two spellings of one manifest");
}

#[test]
fn a_ranking_with_a_rank_that_nobody_has_is_refused() {
    let names = ["a", "b"].map(|name| id(name).unwrap());
    let selections: Vec<_> = names.iter().map(|id| Selection { id: id.clone(), name: english("x") }).collect();
    let rule = Rule::Condorcet(Condorcet { seats: 1 });
    let encode = |ranking: Vec<Vec<Id>>| {
        rule.encode(&id("c").unwrap(), &selections, &Answer::Condorcet(CondorcetAnswer { ranking }))
    };
    let one = |i: usize| vec![names[i].clone()];
    assert!(encode(vec![one(0), one(1)]).is_ok());
    for ranking in [vec![one(0), vec![], one(1)], vec![vec![], one(0)], vec![one(0), vec![]]] {
        assert_eq!(encode(ranking), Err(AnswerError::EmptyRank(id("c").unwrap())));
    }
}
