//! What challenges, nonces and batch weights have to depend on.

use std::collections::BTreeSet;
use std::convert::Infallible;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::ceremony::ElectionKeys;
use veritally_crypto::contests::Choice;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::group::{EncodedPoint, EncodedScalar, Generators, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::BallotLeaf;
use veritally_crypto::manifest::{BallotStyle, Manifest};
use veritally_crypto::sample::{choice_contest, choose, english, id};

use crate::prover::{Protocol, Prover, Setup, altered, base, cheat, errors, integer, integers};

type Edit = fn(&mut BallotLeaf);

/// The sample's 1-of-5 contest in two styles that are alike, `all` and `twin`, and another contest in neither.
fn twins(manifest: &mut Manifest) {
    let style = |name: &str, contest: &str| BallotStyle {
        contests: vec![id(contest).unwrap()],
        id: id(name).unwrap(),
        name: english(name),
    };
    let rule = Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
    manifest.contests.push(choice_contest("other", 2, rule).unwrap());
    manifest.ballot_styles = vec![style("all", "chair"), style("twin", "chair"), style("other", "other")];
}

fn setup() -> (Setup, StdRng) {
    let mut rng = StdRng::seed_from_u64(11);
    (Setup::new(twins, &mut rng), rng)
}

fn bits(setup: &Setup) -> Vec<Scalar> {
    setup.encode("all", &choose("chair", &["c"], false).unwrap())
}

fn random_point(rng: &mut StdRng) -> EncodedPoint {
    (&base(random_scalar(rng))).into()
}

/// A ballot made by the crate itself.
fn made(setup: &Setup, rng: &mut StdRng) -> EncryptedBallot {
    let code = veritally_crypto::credential::CredentialCode::random(rng);
    let credential = code.credential(&setup.manifest.fingerprint());
    let answers = choose("chair", &["c"], false).unwrap();
    let prepared =
        setup.context.prepare(&id("all").unwrap(), &answers, credential.public(), 1, Hash::ZERO, rng).unwrap();
    prepared.cast(&credential, rng).unwrap()
}

#[test]
fn prover_and_verifier_written_a_second_time_agree_with_the_first() {
    let (setup, mut rng) = setup();
    let real = Protocol::real();
    let first = made(&setup, &mut rng);
    let second = Prover::new(&setup, "all", bits(&setup), &mut rng).prove(&real);
    for ballot in [&first, &second] {
        assert_eq!(setup.verify(ballot, &mut rng), Ok(()));
        assert!(real.accepts(&setup, ballot));
        let plain: Vec<RistrettoPoint> = integers(&[0, 0, 1, 0, 0]).into_iter().map(base).collect();
        assert_eq!(setup.decrypt(ballot), plain);
    }
    for (bits, extra) in [([2, -1, 0, 0, 0], vec![]), ([1, 1, 0, 0, 0], vec![]), ([1, 0, 0, 0, 0], vec![(0, 6)])] {
        let ballot = cheat(&setup, "all", &integers(&bits), &extra, &mut rng);
        assert!(setup.verify(&ballot, &mut rng).is_err() && !real.accepts(&setup, &ballot));
    }
}

/// What stands in no equation is bound by the challenge alone: without it a ballot could be moved to another election,
/// ceremony, style or turn.
#[test]
fn fingerprint_ceremony_keys_style_counter_and_previous_can_not_be_altered_after_the_proof() {
    let (setup, mut rng) = setup();
    let with = |floor: u64, keys: ElectionKeys| {
        let edited = |m: &mut Manifest| *m = Manifest { floor, ..(**setup.manifest).clone() };
        let other = Setup::new(edited, &mut StdRng::seed_from_u64(12));
        Setup::with_keys(other.manifest, keys, setup.secrets.clone())
    };
    let mut other_ceremony = setup.keys.clone();
    other_ceremony.ceremony = Hash::of(b"another ceremony");
    // The key of a contest that is not on this ballot.
    let mut other_key = setup.keys.clone();
    other_key.keys[6] += base(Scalar::ONE);
    other_key.encoded[6] = (&other_key.keys[6]).into();
    let floor = setup.manifest.floor;
    let moved = [
        ("fingerprint", with(floor + 1, setup.keys.clone())),
        ("ceremony", with(floor, other_ceremony)),
        ("keys", with(floor, other_key)),
    ];
    for (member, other) in &moved {
        let weak = Protocol::without(member);
        let ballot = Prover::new(&setup, "all", bits(&setup), &mut rng).prove(&weak);
        assert!(weak.accepts(other, &ballot), "{member}: the weak verifier takes it elsewhere");
        let ballot = made(&setup, &mut rng);
        assert_eq!(setup.verify(&ballot, &mut rng), Ok(()));
        assert!(other.verify(&ballot, &mut rng).is_err(), "{member}");
    }
    let edits: [(&str, Edit); 3] = [
        ("style", |leaf| leaf.style = id("twin").unwrap()),
        ("counter", |leaf| leaf.counter = 2),
        ("previous", |leaf| leaf.previous = Hash::of(b"another")),
    ];
    for (member, edit) in edits {
        let weak = Protocol::without(member);
        let ballot = Prover::new(&setup, "all", bits(&setup), &mut rng).prove(&weak);
        assert!(weak.accepts(&setup, &altered(&ballot, edit)), "{member}: the weak verifier takes it altered");
        let ballot = made(&setup, &mut rng);
        assert!(setup.verify(&altered(&ballot, edit), &mut rng).is_err(), "{member}");
    }
}

#[test]
fn each_part_of_the_statement_and_each_announcement_changes_the_challenge_after_it() {
    let (setup, mut rng) = setup();
    let ballot = Prover::new(&setup, "all", bits(&setup), &mut rng).prove(&Protocol::real());
    let (y, x) = Protocol::real().challenges(&setup, ballot.leaf());
    // The crate's challenges are these two: its ballots are accepted with them.
    assert!(Protocol::real().accepts(&setup, &made(&setup, &mut rng)));
    for member in Protocol::real().before_y {
        let (y_without, x_without) = Protocol::without(member).challenges(&setup, ballot.leaf());
        assert!(y_without != y && x_without != x, "{member}");
    }
    for member in Protocol::real().before_x {
        let (y_without, x_without) = Protocol::without(member).challenges(&setup, ballot.leaf());
        assert!(y_without == y && x_without != x, "{member}");
    }
}

/// An announcement that x does not cover is chosen last and makes its check hold, whatever else is false.
#[test]
fn an_announcement_chosen_after_x_makes_its_check_void_and_is_refused() {
    let (setup, mut rng) = setup();
    let attack = |member: &str, check: usize, protocol: &Protocol, rng: &mut StdRng| {
        let mut prover = Prover::new(&setup, "all", bits(&setup), rng);
        match member {
            "a" => prover.leaf.bits = random_point(rng),
            "s" => prover = Prover::new(&setup, "all", integers(&[2, -1, 0, 0, 0]), rng),
            "e-pad" => prover.leaf.pad = random_point(rng),
            "e-data" => prover.encrypt(&integers(&[7, 0, 0, 0, 0])),
            _ => prover.leaf.credential = random_point(rng),
        }
        let ballot = prover.prove(protocol);
        let (y, x) = protocol.challenges(&setup, ballot.leaf());
        let error = errors(&setup, ballot.leaf(), y, x)[check - 1];
        assert_ne!(error, RistrettoPoint::default(), "{member}: nothing is false");
        altered(&ballot, |leaf| {
            let announcement = match member {
                "a" => &mut leaf.a,
                "s" => &mut leaf.s,
                "e-pad" => &mut leaf.e_pad,
                "e-data" => &mut leaf.e_data,
                _ => &mut leaf.v,
            };
            *announcement = (&(announcement.decode().unwrap() - error)).into();
        })
    };
    for (member, check) in [("a", 1), ("s", 2), ("e-pad", 3), ("e-data", 4), ("v", 5)] {
        let weak = Protocol::without(member);
        assert!(weak.accepts(&setup, &attack(member, check, &weak, &mut rng)), "{member}: the weak verifier");
        let ballot = attack(member, check, &Protocol::real(), &mut rng);
        assert!(setup.verify(&ballot, &mut rng).is_err(), "{member}");
    }
}

#[test]
fn the_nonces_r_and_s_depend_on_seed_election_style_credential_counter_and_bits() {
    let (setup, mut rng) = setup();
    let other_election = |m: &mut Manifest| {
        twins(m);
        m.floor += 1;
    };
    let other = Setup::new(other_election, &mut rng);
    let (one, two) = (CredentialKey(random_point(&mut rng)), CredentialKey(random_point(&mut rng)));
    let generators = Generators::new(5);
    // r·G and s·H, from what a spoiled ballot opens.
    let nonces = |setup: &Setup, seed: u64, style: &str, key: CredentialKey, counter: u64, choice: &str| {
        let answers = choose("chair", &[choice], false).unwrap();
        let rng = &mut StdRng::seed_from_u64(seed);
        let prepared = setup.context.prepare(&id(style).unwrap(), &answers, key, counter, Hash::ZERO, rng);
        let opening = prepared.unwrap().spoil();
        let bits = setup.encode(style, &answers);
        let committed: RistrettoPoint = bits.iter().zip(&generators.g).map(|(b, g)| g * b).sum();
        [opening.pad, (&(opening.bits.decode().unwrap() - committed)).into()]
    };
    let first = nonces(&setup, 1, "all", one, 1, "a");
    assert_eq!(first, nonces(&setup, 1, "all", one, 1, "a"), "recomputed from what Spoil opens");
    let all = [
        first,
        nonces(&setup, 2, "all", one, 1, "a"),
        nonces(&other, 1, "all", one, 1, "a"),
        nonces(&setup, 1, "twin", one, 1, "a"),
        nonces(&setup, 1, "all", two, 1, "a"),
        nonces(&setup, 1, "all", one, 2, "a"),
        nonces(&setup, 1, "all", one, 1, "b"),
    ];
    for nonce in 0..2 {
        assert_eq!(all.iter().map(|nonces| nonces[nonce]).collect::<BTreeSet<_>>().len(), all.len(), "{nonce}");
    }
}

/// Errors of two checks of one ballot that cancel when both have the same weight: z_1 and z_2 both multiply H.
#[test]
fn errors_of_two_checks_of_one_ballot_do_not_cancel() {
    let (setup, mut rng) = setup();
    let d = random_scalar(&mut rng);
    let moved = |z: &EncodedScalar, d: Scalar| EncodedScalar::from(&(z.decode().unwrap() + d));
    let ballot = altered(&made(&setup, &mut rng), |leaf| {
        leaf.z_1 = moved(&leaf.z_1, d);
        leaf.z_2 = moved(&leaf.z_2, -d);
    });
    let mut one_weight = Protocol::real();
    one_weight.checks = vec![vec![1, 2, 3, 4, 5]];
    assert!(one_weight.accepts(&setup, &ballot), "with one weight for each ballot");
    let two_checks = Protocol::adding(1, 2);
    assert!(two_checks.accepts(&setup, &ballot));
    for seed in 0..8 {
        assert_eq!(setup.verify(&ballot, &mut StdRng::seed_from_u64(seed)), Err(1));
    }
}

/// A generator that counts what is drawn from it and never repeats itself.
struct Counting {
    inner: StdRng,
    draws: Vec<Vec<u8>>,
}

impl TryRng for Counting {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand::rand_core::utils::next_word_via_fill(self)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand::rand_core::utils::next_word_via_fill(self)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.fill_bytes(bytes);
        self.draws.push(bytes.to_vec());
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

#[test]
fn every_batch_and_every_half_of_a_failing_one_has_weights_from_fresh_randomness() {
    let (setup, mut rng) = setup();
    let mut ballots: Vec<_> = (0..8).map(|_| made(&setup, &mut rng)).collect();
    let draws = |ballots: &[EncryptedBallot]| {
        let mut counting = Counting { inner: StdRng::seed_from_u64(5), draws: vec![] };
        let verdicts = setup.context.verify_batch(ballots.to_vec(), &mut counting);
        let bad: Vec<usize> = (0..8).filter(|i| verdicts[*i].is_err()).collect();
        assert!(counting.draws.iter().all(|draw| draw.len() == 32));
        assert_eq!(counting.draws.iter().collect::<BTreeSet<_>>().len(), counting.draws.len());
        (bad, counting.draws.len())
    };
    assert_eq!(draws(&ballots), (vec![], 1));
    let wrong = |z: EncodedScalar| EncodedScalar::from(&(z.decode().unwrap() + integer(1)));
    ballots[6] = altered(&ballots[6], |leaf| leaf.z_2 = wrong(leaf.z_2));
    // 8, then its halves of 4, of 2 and of 1 around the bad one.
    assert_eq!(draws(&ballots), (vec![6], 7));
}
