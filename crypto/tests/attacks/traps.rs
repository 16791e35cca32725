//! specs/security.md section 5: simplifications that save a point or a hash and break the proof. Each attack passes the
//! simplified verifier and fails the real one.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_crypto::discrete_log::DiscreteLogTable;
use veritally_crypto::group::{EncodedPoint, Generators, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::sample::choose;

use crate::prover::{Protocol, Prover, Setup, base, combined_rows, dot, integer, integers, powers};

/// The sample's 1-of-5 contest.
fn setup(seed: u64) -> (Setup, StdRng) {
    let mut rng = StdRng::seed_from_u64(seed);
    (Setup::new(|_| {}, &mut rng), rng)
}

fn honest(setup: &Setup) -> Vec<Scalar> {
    setup.encode("all", &choose("chair", &["b"], false).unwrap())
}

fn points(counts: &[i64]) -> Vec<RistrettoPoint> {
    integers(counts).into_iter().map(base).collect()
}

/// q − 1, the exponents' beginning.
fn shifted_order(bits: u32) -> Scalar {
    let mut bytes = (-Scalar::ONE).to_bytes();
    for _ in 0..bits {
        for i in 0..32 {
            bytes[i] = bytes[i] >> 1 | bytes.get(i + 1).map_or(0, |next| next << 7);
        }
    }
    Scalar::from_canonical_bytes(bytes).unwrap()
}

fn power(value: Scalar, exponent: &Scalar) -> Scalar {
    let bits = exponent.as_bytes().iter().rev().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1));
    bits.fold(Scalar::ONE, |sum, bit| if bit == 1 { sum * sum * value } else { sum * sum })
}

/// A square root modulo q, if there is one; q is 5 modulo 8.
fn square_root(value: Scalar) -> Option<Scalar> {
    // value^((q+3)/8), and √−1 = 2^((q−1)/4)
    let root = power(value, &(shifted_order(3) + Scalar::ONE));
    let other = root * power(integer(2), &shifted_order(2));
    [root, other].into_iter().find(|root| root * root == value)
}

/// T1, once y is known: any b, not bits, with Σ y^i b_i(1 − b_i) = 0 and Σ_j y^j R_j·b = target.
fn bits_for(y: Scalar, weights: &[Scalar], target: Scalar, rng: &mut StdRng) -> Vec<Scalar> {
    loop {
        let mut b: Vec<Scalar> = weights.iter().map(|_| random_scalar(rng)).collect();
        // b_2 = α + β·b_1 from the second equation
        let (alpha, beta) =
            ((target - dot(&weights[2..], &b[2..])) * weights[1].invert(), -weights[0] * weights[1].invert());
        // The first equation: c_2·b_1² + c_1·b_1 + c_0 = 0
        let (y, y_2) = (y, y * y);
        let rest: Scalar = b.iter().zip(powers(y)).skip(2).map(|(b, y_i)| y_i * b * (Scalar::ONE - b)).sum();
        let c_2 = -(y + y_2 * beta * beta);
        let c_1 = y + y_2 * beta - integer(2) * y_2 * alpha * beta;
        let c_0 = y_2 * alpha * (Scalar::ONE - alpha) + rest;
        if let Some(root) = square_root(c_1 * c_1 - integer(4) * c_2 * c_0) {
            b[0] = (root - c_1) * (integer(2) * c_2).invert();
            b[1] = alpha + beta * b[0];
            return b;
        }
    }
}

/// What a voter of a 1-of-5 contest must not be able to cast, once with a right sum of votes and once not even that.
const STUFFED: [[i64; 5]; 2] = [[7, -6, 0, 0, 0], [7, 0, 0, 0, 0]];

#[test]
fn t1_bits_committed_to_after_y_would_let_one_voter_cast_seven_votes() {
    let (setup, mut rng) = setup(1);
    let mut weak = Protocol::real();
    weak.before_y.retain(|member| *member != "bits");
    weak.before_x.insert(0, "bits");
    assert!(weak.accepts(&setup, &Prover::new(&setup, "all", honest(&setup), &mut rng).prove(&weak)));
    for counts in STUFFED {
        let attack = |protocol: &Protocol, rng: &mut StdRng| {
            let mut prover = Prover::new(&setup, "all", honest(&setup), rng);
            prover.encrypt(&integers(&counts));
            let (y, _) = protocol.challenges(&setup, &prover.leaf);
            let (weights, values) = combined_rows(prover.style, y);
            let target = values + powers(y).zip(counts).map(|(y_j, m)| y_j * integer(m)).sum::<Scalar>();
            prover.bits = bits_for(y, &weights, target, rng);
            assert_eq!(dot(&weights, &prover.bits), target);
            prover.commit_bits();
            prover.prove(protocol)
        };
        let ballot = attack(&weak, &mut rng);
        assert!(weak.accepts(&setup, &ballot), "the attack on the weak verifier");
        assert_eq!(setup.decrypt(&ballot), points(&counts), "one voter, seven votes");
        assert!(setup.verify(&ballot, &mut rng).is_err());
        // Against the real one the bits solve equations of a y that changes with their commitment.
        assert_eq!(setup.verify(&attack(&Protocol::real(), &mut rng), &mut rng), Err(2));
    }
}

#[test]
fn t2_an_announcement_that_absorbs_e_data_would_let_one_voter_make_the_tally_undecryptable() {
    let (setup, mut rng) = setup(2);
    let weak = Protocol::adding(1, 4);
    assert!(weak.accepts(&setup, &Prover::new(&setup, "all", honest(&setup), &mut rng).prove(&Protocol::real())));
    let h = Generators::new(1).h;
    let delta = random_scalar(&mut rng);
    let mut prover = Prover::new(&setup, "all", honest(&setup), &mut rng);
    // data_1 = m_1·G + r·K_1 + δ·H
    let shifted = prover.leaf.data[0].decode().unwrap() + h * delta;
    prover.leaf.data[0] = EncodedPoint::from(&shifted);
    let (y, _) = weak.challenges(&setup, &prover.leaf);
    prover.announce(y);
    let (_, x) = weak.challenges(&setup, &prover.leaf);
    // z_1 = x·(s + y·δ) + s_a
    prover.s += y * delta;
    prover.respond(x);
    let ballot = prover.ballot();
    assert!(weak.accepts(&setup, &ballot), "the attack on the weak verifier");
    let row = setup.decrypt(&ballot)[0];
    assert_eq!(row - h * delta, base(Scalar::ZERO));
    assert_eq!(DiscreteLogTable::new(1 << 12).find(&row, 1 << 20), None, "nobody can count this row any more");
    assert_eq!(setup.verify(&ballot, &mut rng), Err(1));
}

#[test]
fn t3_merged_announcements_of_pad_and_data_would_let_trustees_cast_a_million_votes() {
    let (setup, mut rng) = setup(3);
    let weak = Protocol::adding(3, 4);
    assert!(weak.accepts(&setup, &Prover::new(&setup, "all", honest(&setup), &mut rng).prove(&Protocol::real())));
    let counts = [1_000_000, 0, 0, 0, 0];
    let mut prover = Prover::new(&setup, "all", honest(&setup), &mut rng);
    // pad = p·G, data_j = (m_j + p·k_j)·G: p is the nonce that decryption goes by.
    prover.encrypt(&integers(&counts));
    let (p, keys) = (prover.r, &setup.secrets);
    let (y, _) = weak.challenges(&setup, &prover.leaf);
    // r(y) = (p + Σ y^j(m_j + p·k_j) + Σ_{j>M} y^j·t_j − Σ_j y^j R_j·b) / (1 + Σ y^j·k_j)
    let (weights, values) = combined_rows(prover.style, y);
    let data: Scalar = powers(y).zip(counts).zip(keys).map(|((y_j, m), k)| y_j * (integer(m) + p * k)).sum();
    let combined_key: Scalar = powers(y).zip(keys).map(|(y_j, k)| y_j * k).sum();
    let witness = p + data + values - dot(&weights, &prover.bits);
    prover.r = witness * (Scalar::ONE + combined_key).invert();
    let ballot = prover.prove(&weak);
    assert!(weak.accepts(&setup, &ballot), "the attack on the weak verifier");
    assert_eq!(setup.decrypt(&ballot), points(&counts), "one voter, a million votes");
    assert_eq!(setup.verify(&ballot, &mut rng), Err(3));
}

/// Of the same kind: T announced after x absorbs the coefficient at x², which is not 0 when a bit is no bit.
#[test]
fn an_announcement_t_that_x_does_not_cover_would_let_a_voter_take_votes_away() {
    let (setup, mut rng) = setup(4);
    let attack = |protocol: &Protocol, rng: &mut StdRng| {
        let mut prover = Prover::new(&setup, "all", integers(&[2, -1, 0, 0, 0]), rng);
        let (y, _) = protocol.challenges(&setup, &prover.leaf);
        prover.announce(y);
        let (_, x) = protocol.challenges(&setup, &prover.leaf);
        let square: Scalar = prover.bits.iter().zip(powers(y)).map(|(b, y_i)| y_i * b * (Scalar::ONE - b)).sum();
        let t = prover.leaf.t.decode().unwrap() + Generators::new(1).g_0 * (x * square);
        prover.leaf.t = EncodedPoint::from(&t);
        prover.respond(x);
        prover.ballot()
    };
    let weak = Protocol::without("t");
    let ballot = attack(&weak, &mut rng);
    assert!(weak.accepts(&setup, &ballot), "the attack on the weak verifier");
    assert_eq!(setup.decrypt(&ballot), points(&[2, -1, 0, 0, 0]));
    assert!(setup.verify(&ballot, &mut rng).is_err());
    assert!(setup.verify(&attack(&Protocol::real(), &mut rng), &mut rng).is_err());
}

/// Weak Fiat–Shamir, specs/security.md section 7: data that y does not cover are replaced by others with the same
/// Σ y^j·data_j, after the proof.
#[test]
fn data_that_y_does_not_cover_could_be_replaced_after_the_proof() {
    let (setup, mut rng) = setup(5);
    let weak = Protocol::without("data");
    let attack = |protocol: &Protocol, rng: &mut StdRng| {
        let honest = Prover::new(&setup, "all", honest(&setup), rng).prove(protocol);
        assert!(protocol.accepts(&setup, &honest));
        let (y, _) = protocol.challenges(&setup, honest.leaf());
        // y·(−y·G) + y²·G = 0
        crate::prover::altered(&honest, |leaf| {
            leaf.data[0] = (&(leaf.data[0].decode().unwrap() - base(y))).into();
            leaf.data[1] = (&(leaf.data[1].decode().unwrap() + base(Scalar::ONE))).into();
        })
    };
    let ballot = attack(&weak, &mut rng);
    assert!(weak.accepts(&setup, &ballot), "the attack on the weak verifier");
    assert_eq!(setup.decrypt(&ballot)[1], base(integer(2)), "two votes for b, and a count for a that is no count");
    assert!(setup.verify(&ballot, &mut rng).is_err());
    let ballot = attack(&Protocol::real(), &mut rng);
    assert!(setup.verify(&ballot, &mut rng).is_err());
}
