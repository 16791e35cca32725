//! Votes that break a rule, in every contest type: refused by the proof's verifier, not only by who fills in ballots.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::contests::{
    Answers, Borda, Choice, Condorcet, ContestRows, FirstPlace, RowMeaning, Rule, SecretRow,
};
use veritally_crypto::group::{Scalar, random_scalar};
use veritally_crypto::manifest::Contest;
use veritally_crypto::relation::{CompiledStyle, PublicRow, Term};
use veritally_crypto::sample::{SampleElection, id};

use crate::contests::{TYPES, counts, random_answer, random_contest, random_manifest};
use crate::prover::{Protocol, Prover, Setup, base, cheat, integer, integers};

/// Elections take a second each: few in a quick round, many in the long one.
fn cases(few: u32) -> ProptestConfig {
    let soak = std::env::var("VERITALLY_SOAK").is_ok_and(|value| value == "1");
    ProptestConfig::with_cases(if soak { 16 * few } else { few })
}

/// Whether all public rows hold for these "bits", modulo q.
fn obeys(style: &CompiledStyle, bits: &[Scalar]) -> bool {
    let value =
        |row: &PublicRow| -> Scalar { row.terms.iter().map(|term| integer(term.weight) * bits[term.bit]).sum() };
    style.relation.public.iter().all(|row| value(row) == integer(row.value))
}

fn only(contest: &Contest, rng: &mut StdRng) -> Answers {
    Answers::from([(contest.id.clone(), random_answer(contest, rng))])
}

#[test]
fn the_cheating_prover_is_a_right_one_when_it_does_not_cheat() {
    let mut rng = StdRng::seed_from_u64(9);
    let setup = Setup::new(|_| {}, &mut rng);
    let ballot = cheat(&setup, "all", &integers(&[0, 1, 0, 0, 0]), &[], &mut rng);
    assert_eq!(setup.verify(&ballot, &mut rng), Ok(()));
}

fn verdict(bits: &[i64], extra: &[(usize, i64)]) -> Result<(), u8> {
    let mut rng = StdRng::seed_from_u64(9);
    let setup = Setup::new(|_| {}, &mut rng);
    let ballot = cheat(&setup, "all", &integers(bits), extra, &mut rng);
    setup.verify(&ballot, &mut rng)
}

#[test]
fn a_bit_of_two_or_minus_one_is_refused_by_check_2() {
    assert_eq!(verdict(&[2, -1, 0, 0, 0], &[]), Err(2));
    assert_eq!(verdict(&[2, 0, 0, 0, 0], &[]), Err(2));
}

#[test]
fn an_overvote_and_an_undervote_are_refused_by_check_4() {
    assert_eq!(verdict(&[1, 1, 0, 0, 0], &[]), Err(4));
    assert_eq!(verdict(&[0, 0, 0, 0, 0], &[]), Err(4));
}

#[test]
fn encrypting_another_count_than_the_committed_bits_is_refused_by_check_4() {
    assert_eq!(verdict(&[1, 0, 0, 0, 0], &[(0, 6)]), Err(4));
    // Seven for one, six taken from another: the sum is right, the rows are not.
    assert_eq!(verdict(&[1, 0, 0, 0, 0], &[(0, 6), (1, -6)]), Err(4));
}

/// One lie each, told by a prover that does all else right.
#[test]
fn a_false_commitment_bit_pad_count_or_credential_is_refused_by_its_own_check() {
    let mut rng = StdRng::seed_from_u64(14);
    let setup = Setup::new(|_| {}, &mut rng);
    let mut point = || (&base(random_scalar(&mut rng))).into();
    let [commitment, pad, another_voter] = [point(), point(), point()];
    for check in 1..=5 {
        let bits = if check == 2 { [2, -1, 0, 0, 0] } else { [1, 0, 0, 0, 0] };
        let mut prover = Prover::new(&setup, "all", integers(&bits), &mut rng);
        match check {
            1 => prover.leaf.bits = commitment,
            2 => {}
            3 => prover.leaf.pad = pad,
            4 => prover.encrypt(&integers(&[1, 0, 0, 0, 1])),
            _ => prover.leaf.credential = another_voter,
        }
        assert_eq!(setup.verify(&prover.prove(&Protocol::real()), &mut rng), Err(check));
    }
}

/// Rows with negative weights: "bits" far out of range that obey every rule, so that only check 2 is left. Twice one
/// ranking less another is such: it gives and takes away more points than a ballot has.
#[test]
fn bits_out_of_range_that_obey_every_row_of_a_ranking_are_refused_by_check_2() {
    let mut rng = StdRng::seed_from_u64(10);
    let borda = Borda { first_place: FirstPlace::N, min: 1, places: 3, seats: 1 };
    for (rule, n) in [(Rule::Borda(borda), 4), (Rule::Condorcet(Condorcet { seats: 1 }), 4)] {
        let setup = Setup::one_contest(rule, n, &mut rng);
        let style = &setup.manifest.styles()[0];
        assert!(style.relation.public.iter().any(|row| row.terms.iter().any(|term| term.weight < 0)));
        let contest = &setup.manifest.contests[0];
        let one = setup.encode("all", &only(contest, &mut rng));
        let other =
            std::iter::repeat_with(|| setup.encode("all", &only(contest, &mut rng))).find(|b| *b != one).unwrap();
        // one + factor·(one − other); for 0 and −1 these are one and other themselves.
        for (factor, expected) in [(0, Ok(())), (-1, Ok(())), (1, Err(2)), (3, Err(2)), (1_000_000, Err(2))] {
            let bits: Vec<Scalar> = one.iter().zip(&other).map(|(a, b)| a + integer(factor) * (a - b)).collect();
            assert!(obeys(style, &bits));
            let ballot = cheat(&setup, "all", &bits, &[], &mut rng);
            assert_eq!(setup.verify(&ballot, &mut rng), expected, "{factor}");
        }
    }
}

proptest! {
    #![proptest_config(cases(20))]

    /// Every contest type under random rules: the honest ballot is accepted and encrypts what was answered; each bit
    /// turned over, each count altered, each bit out of range is refused.
    #[test]
    fn the_proof_refuses_each_single_violated_rule_of_any_contest(seed in any::<u64>(), which in 0..TYPES) {
        let mut rng = StdRng::seed_from_u64(seed);
        let drawn = random_contest(which, "contest", &mut rng);
        let n = u8::try_from(drawn.selections.len()).unwrap();
        let setup = Setup::one_contest(drawn.rule, n, &mut rng);
        let (contest, style) = (&setup.manifest.contests[0], &setup.manifest.styles()[0]);
        let answers = only(contest, &mut rng);
        let bits = setup.encode("all", &answers);
        let expected = counts(contest, &answers[&contest.id]);
        let honest = cheat(&setup, "all", &bits, &[], &mut rng);
        prop_assert_eq!(setup.verify(&honest, &mut rng), Ok(()));
        let plain = expected.iter().map(|count| base(Scalar::from(*count)));
        prop_assert_eq!(setup.decrypt(&honest), plain.collect::<Vec<_>>());

        // A bit turned over, with the counts that it then gives: accepted only if it is another answer.
        for _ in 0..3 {
            let mut turned = bits.clone();
            let bit = rng.random_range(0..turned.len());
            turned[bit] = Scalar::ONE - turned[bit];
            let ballot = cheat(&setup, "all", &turned, &[], &mut rng);
            let verdict = if obeys(style, &turned) { Ok(()) } else { Err(4) };
            prop_assert_eq!(setup.verify(&ballot, &mut rng), verdict, "bit {}", bit);
        }
        // A count that is not that of the bits.
        let row = rng.random_range(0..expected.len());
        for more in [1, -1, rng.random_range(2..1 << 40)] {
            let ballot = cheat(&setup, "all", &bits, &[(row, more)], &mut rng);
            prop_assert_eq!(setup.verify(&ballot, &mut rng), Err(4), "row {} by {}", row, more);
        }
        // A bit that is none: alone, and so that every row holds.
        let mut wrong = bits.clone();
        let bit = rng.random_range(0..wrong.len());
        wrong[bit] = integer(if rng.random() { 2 } else { -1 });
        let ballot = cheat(&setup, "all", &wrong, &[], &mut rng);
        prop_assert_eq!(setup.verify(&ballot, &mut rng), Err(2), "bit {}", bit);
        let other = setup.encode("all", &only(contest, &mut rng));
        if other != bits {
            let factor = integer(rng.random_range(1..1000));
            let beyond: Vec<Scalar> = bits.iter().zip(&other).map(|(a, b)| a + factor * (a - b)).collect();
            prop_assert!(obeys(style, &beyond));
            let ballot = cheat(&setup, "all", &beyond, &[], &mut rng);
            prop_assert_eq!(setup.verify(&ballot, &mut rng), Err(2));
        }
    }
}

proptest! {
    #![proptest_config(cases(6))]

    /// Whole elections with random contests, styles, groups and weights: what is decrypted is what was answered.
    #[test]
    fn honest_ballots_of_random_manifests_are_accepted_and_decrypt_to_the_right_sums(seed in any::<u64>()) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = StdRng::seed_from_u64(!seed);
        let mut election = SampleElection::start((1, 1), |m| random_manifest(m, &mut draw), &mut rng).unwrap();
        election.ceremony(&mut rng).unwrap();
        let manifest = election.state.manifest().clone();
        let roll: Vec<(String, String, u64)> = (0..6)
            .map(|_| {
                let style = &manifest.ballot_styles[rng.random_range(0..manifest.ballot_styles.len())];
                let group = &manifest.groups[rng.random_range(0..manifest.groups.len())];
                (style.id.to_string(), group.id.to_string(), rng.random_range(1..4))
            })
            .collect();
        let roll: Vec<_> = roll.iter().map(|(style, group, weight)| (style.as_str(), group.as_str(), *weight)).collect();
        election.roll(&roll, &mut rng).unwrap();
        election.open().unwrap();
        let mut expected: Vec<Vec<u64>> = manifest.contest_rows().iter().map(|rows| vec![0; rows.secret.len()]).collect();
        for (voter, (style, _, weight)) in roll.iter().enumerate() {
            let contests = &manifest.ballot_styles.iter().find(|s| s.id == id(style).unwrap()).unwrap().contests;
            // Some vote twice: the last ballot counts.
            for counted in if rng.random() { vec![true] } else { vec![false, true] } {
                let mut answers = Answers::new();
                for (contest, sums) in manifest.contests.iter().zip(&mut expected) {
                    if contests.contains(&contest.id) {
                        let answer = random_answer(contest, &mut rng);
                        if counted {
                            sums.iter_mut().zip(counts(contest, &answer)).for_each(|(sum, m)| *sum += weight * m);
                        }
                        answers.insert(contest.id.clone(), answer);
                    }
                }
                election.cast(voter, &answers, &mut rng).unwrap();
            }
        }
        election.finish(&mut rng).unwrap();
        for (contest, expected) in election.state.decrypted().unwrap().iter().zip(&expected) {
            prop_assert!(!contest.withheld);
            let total = |row: usize| contest.cells.iter().map(|cell| cell.counts[row]).sum::<u64>();
            let totals: Vec<u64> = (0..expected.len()).map(total).collect();
            prop_assert_eq!(&totals, expected, "{}", contest.contest);
        }
    }
}

/// The plain 1-of-n contest once more, for every wrong vector of small votes.
#[test]
fn a_one_of_two_contest_accepts_its_two_answers_and_no_other_small_votes() {
    let mut rng = StdRng::seed_from_u64(13);
    let setup = Setup::one_contest(
        Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false }),
        2,
        &mut rng,
    );
    for a in -2..=2 {
        for b in -2..=2 {
            let ballot = cheat(&setup, "all", &integers(&[a, b]), &[], &mut rng);
            let right = matches!((a, b), (0, 1) | (1, 0));
            assert_eq!(setup.verify(&ballot, &mut rng).is_ok(), right, "{a} {b}");
        }
    }
}

/// Sums of a row are integers only while they can't wrap around the group's order: |t| and all |weights| count.
#[test]
fn rows_whose_weights_reach_2_to_the_52_are_refused() {
    let row = |weights: &[i64]| -> Vec<Term> {
        weights.iter().zip(0..).map(|(weight, bit)| Term { bit, weight: *weight }).collect()
    };
    let compiled = |secret: &[i64], public: &[i64], value: i64| {
        let secret = vec![SecretRow { meaning: RowMeaning::Blank, terms: row(secret), max: 1 }];
        let rows = ContestRows { bits: 2, secret, public: vec![PublicRow { terms: row(public), value }] };
        CompiledStyle::compile([(0, &rows, 0)]).is_ok()
    };
    let limit = 1 << 52;
    assert!(compiled(&[limit - 2, 1], &[1 - limit], 0));
    assert!(!compiled(&[limit - 1, 1], &[1], 0));
    assert!(!compiled(&[1], &[limit / 2, -limit / 2], 0), "weights that cancel count all the same");
    assert!(!compiled(&[1], &[limit - 1], -1), "the row's value counts too");
    assert!(!compiled(&[i64::MAX, i64::MAX], &[i64::MIN, i64::MIN], i64::MIN), "no wrap-around in the check itself");
}
