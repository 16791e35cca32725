//! A prover that follows every step but puts whatever it likes where bits belong: what the five checks must refuse.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::prepare::{challenge_x, integer, row_weights};
use super::*;
use crate::group::{Scalar, random_scalar};
use crate::hash::Hash;
use crate::leaves::BallotTag;
use crate::sample::{SampleElection, SampleVoter};

/// What the cheat chooses.
struct Cheat<'a> {
    /// In place of bits.
    bits: &'a [i64],
    /// Added to the encrypted counts, by row.
    data: &'a [(usize, i64)],
}

fn points(relation_rows: &[Vec<crate::relation::Term>], bits: &[Scalar]) -> Vec<Scalar> {
    relation_rows.iter().map(|row| row.iter().map(|t| integer(t.weight) * bits[t.bit]).sum()).collect()
}

fn prove(context: &BallotContext, voter: &SampleVoter, cheat: &Cheat<'_>, rng: &mut StdRng) -> EncryptedBallot {
    let (style, prefix) = context.style(&voter.entry.style).unwrap();
    let generators = &context.generators;
    let secret = *voter.credential.expose_secret().expose_secret();
    let bits: Vec<Scalar> = cheat.bits.iter().map(|b| integer(*b)).collect();
    let [r, s, s_a, s_t, s_s, rho, k] = std::array::from_fn(|_| random_scalar(rng));
    let mut counts = points(&style.relation.secret, &bits);
    for (row, extra) in cheat.data {
        counts[*row] += integer(*extra);
    }
    let commit = |v: &[Scalar], s: Scalar| {
        generators.h * s + v.iter().zip(&generators.g).map(|(v, g)| g * v).sum::<RistrettoPoint>()
    };
    let keys: Vec<_> = context.style_keys(style).collect();
    let a: Vec<Scalar> = bits.iter().map(|_| random_scalar(rng)).collect();
    let zero = EncodedPoint::IDENTITY;
    let mut leaf = BallotLeaf {
        a: (&commit(&a, s_a)).into(),
        bits: (&commit(&bits, s)).into(),
        counter: 1,
        credential: voter.entry.credential,
        data: counts.iter().zip(&keys).map(|(m, key)| (&(RistrettoPoint::mul_base(m) + *key * r)).into()).collect(),
        e_data: zero,
        e_pad: (&RistrettoPoint::mul_base(&rho)).into(),
        f: vec![],
        pad: (&RistrettoPoint::mul_base(&r)).into(),
        previous: Hash::ZERO,
        s: zero,
        style: voter.entry.style.clone(),
        t: zero,
        tag: BallotTag,
        v: (&RistrettoPoint::mul_base(&k)).into(),
        z_1: (&s).into(),
        z_2: (&s).into(),
        z_3: (&s).into(),
        z_4: (&s).into(),
    };
    let statement = EncryptedBallot { leaf: leaf.clone(), bytes: vec![], hash: Hash::ZERO };
    let (mut transcript, y) = BallotContext::challenge_y(prefix, &statement.statement());
    let two = Scalar::from(2u8);
    let t: Scalar = a.iter().zip(&bits).zip(powers(y)).map(|((a, b), y)| y * a * (Scalar::ONE - two * b)).sum();
    let s_sum: Scalar = a.iter().zip(powers(y)).map(|(a, y)| y * a * a).sum();
    leaf.t = (&(generators.g_0 * t + generators.h * s_t)).into();
    leaf.s = (&(generators.h * s_s - generators.g_0 * s_sum)).into();
    let rows: Scalar = row_weights(style, y).iter().zip(&a).map(|(w, a)| w * a).sum();
    let key: RistrettoPoint = keys.iter().zip(powers(y)).map(|(key, y)| *key * y).sum();
    leaf.e_data = (&(RistrettoPoint::mul_base(&rows) + key * rho)).into();
    let x = challenge_x(&mut transcript, &leaf);
    leaf.f = bits.iter().zip(&a).map(|(b, a)| (&(x * b + a)).into()).collect();
    leaf.z_1 = (&(x * s + s_a)).into();
    leaf.z_2 = (&(x * s_t + s_s)).into();
    leaf.z_3 = (&(x * r + rho)).into();
    leaf.z_4 = (&(x * secret + k)).into();
    EncryptedBallot::from_leaf(leaf).unwrap()
}

fn verdict(cheat: &Cheat<'_>) -> Result<(), BallotError> {
    let rng = &mut StdRng::seed_from_u64(9);
    let election = SampleElection::open_with(1, rng).unwrap();
    let context = election.state.ballot_context().unwrap();
    let ballot = prove(context, &election.voters[0], cheat, rng);
    context.verify(ballot, rng).map(|_| ())
}

#[test]
fn the_cheating_prover_is_a_right_one_when_it_does_not_cheat() {
    assert_eq!(verdict(&Cheat { bits: &[0, 1, 0, 0, 0], data: &[] }), Ok(()));
}

#[test]
fn a_bit_of_two_or_minus_one_is_refused_by_check_2() {
    assert_eq!(verdict(&Cheat { bits: &[2, -1, 0, 0, 0], data: &[] }), Err(BallotError::Check(2)));
    assert_eq!(verdict(&Cheat { bits: &[2, 0, 0, 0, 0], data: &[] }), Err(BallotError::Check(2)));
}

#[test]
fn an_overvote_and_an_undervote_are_refused_by_check_4() {
    assert_eq!(verdict(&Cheat { bits: &[1, 1, 0, 0, 0], data: &[] }), Err(BallotError::Check(4)));
    assert_eq!(verdict(&Cheat { bits: &[0, 0, 0, 0, 0], data: &[] }), Err(BallotError::Check(4)));
}

#[test]
fn encrypting_another_count_than_the_committed_bits_is_refused_by_check_4() {
    assert_eq!(verdict(&Cheat { bits: &[1, 0, 0, 0, 0], data: &[(0, 6)] }), Err(BallotError::Check(4)));
    // Seven for one, six taken from another: the sum is right, the rows are not.
    assert_eq!(verdict(&Cheat { bits: &[1, 0, 0, 0, 0], data: &[(0, 6), (1, -6)] }), Err(BallotError::Check(4)));
}
