//! The yardstick: the classic way to prove a ballot of a choice contest, as Helios and Belenios do, and the comparison
//! of our proof with it. Each option is an ElGamal ciphertext with a disjunctive Chaum–Pedersen proof (Cramer, Damgård,
//! Schoenmakers 1994) that it encrypts 0 or 1, and their sum one with a proof that it encrypts min … max.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::contests::{Choice, Rule};
use veritally_crypto::group::{RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

use crate::prover::{Setup, base, cheat, integer, integers};

/// (r·G, m·G + r·K)
#[derive(Clone, Copy)]
struct Ciphertext {
    pad: RistrettoPoint,
    data: RistrettoPoint,
}

/// For each permitted value: announcements, its part of the challenge, response.
struct Branch {
    announcements: [RistrettoPoint; 2],
    challenge: Scalar,
    response: Scalar,
}

/// For each v of `values`, log_G pad = log_K(data − v·G) is claimed; one of them is true, nobody sees which.
struct Disjunction<'a> {
    key: RistrettoPoint,
    ciphertext: Ciphertext,
    values: &'a [i64],
}

impl Disjunction<'_> {
    fn challenge<'b>(&self, announcements: impl Iterator<Item = &'b [RistrettoPoint; 2]>) -> Scalar {
        let mut transcript = Transcript::protocol("yardstick");
        let mut append = |point: &RistrettoPoint| transcript.append_point(b"point", &point.into());
        [self.key, self.ciphertext.pad, self.ciphertext.data].iter().for_each(&mut append);
        announcements.flatten().for_each(&mut append);
        self.values.iter().for_each(|v| transcript.append_integer(b"value", v.cast_unsigned()));
        transcript.challenge_scalar(b"c")
    }

    /// z·G − c·pad, z·K − c·(data − v·G)
    fn announcements(&self, value: i64, challenge: Scalar, response: Scalar) -> [RistrettoPoint; 2] {
        let plain = self.ciphertext.data - base(integer(value));
        [base(response) - self.ciphertext.pad * challenge, self.key * response - plain * challenge]
    }

    /// The prover claims that its plaintext is `claimed`, with nonce r; the other branches are simulated.
    fn prove(&self, claimed: i64, r: Scalar, rng: &mut StdRng) -> Vec<Branch> {
        let nonce = random_scalar(rng);
        let mut branches: Vec<Branch> = self
            .values
            .iter()
            .map(|value| {
                let (challenge, response) = (random_scalar(rng), random_scalar(rng));
                if *value == claimed {
                    return Branch {
                        announcements: [base(nonce), self.key * nonce],
                        challenge: Scalar::ZERO,
                        response: Scalar::ZERO,
                    };
                }
                Branch { announcements: self.announcements(*value, challenge, response), challenge, response }
            })
            .collect();
        let simulated: Scalar = branches.iter().map(|branch| branch.challenge).sum();
        let challenge = self.challenge(branches.iter().map(|branch| &branch.announcements)) - simulated;
        for (branch, value) in branches.iter_mut().zip(self.values) {
            if *value == claimed {
                (branch.challenge, branch.response) = (challenge, nonce + challenge * r);
            }
        }
        branches
    }

    fn accepts(&self, proof: &[Branch]) -> bool {
        let sum: Scalar = proof.iter().map(|branch| branch.challenge).sum();
        proof.len() == self.values.len()
            && self.challenge(proof.iter().map(|branch| &branch.announcements)) == sum
            && proof.iter().zip(self.values).all(|(branch, value)| {
                self.announcements(*value, branch.challenge, branch.response) == branch.announcements
            })
    }
}

/// A whole ballot of min … max of n, for any votes: verdict and what it decrypts to.
fn yardstick(votes: &[i64], min: i64, max: i64, rng: &mut StdRng) -> (bool, Vec<RistrettoPoint>) {
    let secret = random_scalar(rng);
    let key = base(secret);
    let (bit, permitted) = ([0, 1], (min..=max).collect::<Vec<_>>());
    let nonces: Vec<Scalar> = votes.iter().map(|_| random_scalar(rng)).collect();
    let encrypted: Vec<Ciphertext> = votes
        .iter()
        .zip(&nonces)
        .map(|(vote, r)| Ciphertext { pad: base(*r), data: base(integer(*vote)) + key * r })
        .collect();
    // Who lies claims the nearest value that is permitted: there is nothing better to claim.
    let options = votes.iter().zip(&nonces).zip(&encrypted).all(|((vote, r), ciphertext)| {
        let claim = Disjunction { key, ciphertext: *ciphertext, values: &bit };
        let proof = claim.prove((*vote).clamp(0, 1), *r, rng);
        claim.accepts(&proof)
    });
    let sum = Ciphertext { pad: encrypted.iter().map(|c| c.pad).sum(), data: encrypted.iter().map(|c| c.data).sum() };
    let claim = Disjunction { key, ciphertext: sum, values: &permitted };
    let proof = claim.prove(votes.iter().sum::<i64>().clamp(min, max), nonces.iter().sum(), rng);
    let decrypted = encrypted.iter().map(|c| c.data - c.pad * secret).collect();
    (options && claim.accepts(&proof), decrypted)
}

/// The same votes under our proof; the prover tries what it can do with the slack.
fn ours(votes: &[i64], min: i64, max: i64, rng: &mut StdRng) -> (bool, Vec<RistrettoPoint>) {
    let [min_u, max_u] = [min, max].map(|value| u64::try_from(value).unwrap());
    let rule = Rule::Choice(Choice { blank: false, max: max_u, min: min_u, seats: 1, undervotes: false });
    let setup = Setup::one_contest(rule, u8::try_from(votes.len()).unwrap(), rng);
    let slack = setup.manifest.styles()[0].relation.bits - votes.len();
    let missing = max - votes.iter().sum::<i64>();
    // Slack of bits, lowest first; and slack that makes the sum right, in one bit that is none.
    let bits: Vec<i64> = (0..slack).map(|i| i64::from((i as i64) < missing)).collect();
    let mut unbound = vec![0; slack];
    unbound.iter_mut().take(1).for_each(|first| *first = missing);
    let attempts = [bits, unbound].map(|slack| {
        let all: Vec<i64> = votes.iter().copied().chain(slack).collect();
        cheat(&setup, "all", &integers(&all), &[], rng)
    });
    let accepted = attempts.iter().any(|ballot| setup.verify(ballot, rng).is_ok());
    (accepted, setup.decrypt(&attempts[0]))
}

fn agree(votes: &[i64], min: i64, max: i64, rng: &mut StdRng) -> Result<(), TestCaseError> {
    let permitted = votes.iter().all(|vote| (0..=1).contains(vote)) && (min..=max).contains(&votes.iter().sum());
    let (classic, classic_votes) = yardstick(votes, min, max, rng);
    let (accepted, decrypted) = ours(votes, min, max, rng);
    prop_assert_eq!(classic, permitted, "the yardstick, {:?} in {} to {}", votes, min, max);
    prop_assert_eq!(accepted, permitted, "our proof, {:?} in {} to {}", votes, min, max);
    prop_assert_eq!(&decrypted, &classic_votes);
    prop_assert_eq!(decrypted, votes.iter().map(|vote| base(integer(*vote))).collect::<Vec<_>>());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Honest answers, each way to break a rule, and votes at random.
    #[test]
    fn the_classic_disjunctive_proof_and_ours_accept_the_same_votes(
        seed in any::<u64>(),
        n in 1usize..=5,
        (low, high) in (0usize..=5, 1usize..=5),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (max, min) = (high.min(n), low.min(high).min(n));
        let [min, max] = [min, max].map(|value| i64::try_from(value).unwrap());
        let first = |count: i64| (0..n).map(|i| i64::from((i as i64) < count)).collect::<Vec<_>>();
        // Fewest, most, one too few, one too many.
        for count in [min, max, min - 1, max + 1] {
            agree(&first(count), min, max, &mut rng)?;
        }
        // A vote of 2 or −1, alone and so that the sum is right.
        let mut votes = first(max);
        votes[0] = 2;
        agree(&votes, min, max, &mut rng)?;
        votes[n - 1] -= 1;
        agree(&votes, min, max, &mut rng)?;
        let random: Vec<i64> = (0..n).map(|_| rng.random_range(-1..=2)).collect();
        agree(&random, min, max, &mut rng)?;
    }
}
