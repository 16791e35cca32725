//! A voter's device that chooses its own nonce: everything of specs/protocol.md section 4.3, written from the spec,
//! with r as an argument. An honest device derives r from its seed; this one can repeat another ballot's pad.

use rand::CryptoRng;
use veritally_crypto::ballot::{BallotContext, EncryptedBallot};
use veritally_crypto::contests::Answers;
use veritally_crypto::group::{EncodedPoint, EncodedScalar, Generators, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{BallotLeaf, BallotTag};
use veritally_crypto::relation::{CompiledStyle, Term};
use veritally_crypto::sample::{SampleError, SampleVoter};
use veritally_crypto::text::{digits, pack};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};
use veritally_crypto::{canonical, credential::CredentialCode};

/// The credential's secret (section 4.1), from the code on the letter.
fn credential_secret(code: &CredentialCode, fingerprint: &Hash) -> Result<Scalar, SampleError> {
    let typed = digits(&code.expose_text()).map_err(|_| "not a code")?;
    let packed = pack(typed.get(..26).ok_or("a short code")?);
    let mut transcript = Transcript::protocol("credential");
    transcript.append_hash(b"fingerprint", fingerprint);
    transcript.append_message(b"code", packed.get(..16).ok_or("a short code")?);
    Ok(transcript.challenge_scalar(b"secret"))
}

fn integer(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

fn weighted(terms: &[Term], values: &[Scalar]) -> Scalar {
    terms.iter().filter_map(|term| values.get(term.bit).map(|value| integer(term.weight) * value)).sum()
}

fn powers(y: Scalar) -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(y), move |power| Some(power * y))
}

fn sum(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    scalars.iter().zip(points).map(|(scalar, point)| point * scalar).sum()
}

/// A ballot with a pad r·G of one's choice, and a proof that holds.
///
/// # Errors
/// When the answers are refused.
pub fn ballot_with_nonce(
    context: &BallotContext,
    voter: &SampleVoter,
    (counter, previous): (u64, Hash),
    answers: &Answers,
    r: Scalar,
    rng: &mut impl CryptoRng,
) -> Result<EncryptedBallot, SampleError> {
    let manifest = context.manifest();
    let (_, style) = manifest.style(&voter.entry.style).ok_or("no such style")?;
    let bits = style.encode(&manifest.contests, answers)?;
    let bits: Vec<Scalar> = bits.into_iter().map(|bit| Scalar::from(u8::from(bit))).collect();
    let secret = credential_secret(&voter.code, &manifest.fingerprint())?;
    let keys: Vec<RistrettoPoint> =
        style.keys.iter().filter_map(|key| context.keys().keys.get(*key)).copied().collect();
    let generators = Generators::new(bits.len());
    let s = random_scalar(rng);
    let data = style
        .relation
        .secret
        .iter()
        .zip(&keys)
        .map(|(terms, key)| EncodedPoint::from(&(RistrettoPoint::mul_base(&weighted(terms, &bits)) + key * r)));
    let zero = EncodedPoint::IDENTITY;
    let nothing = EncodedScalar::from(&Scalar::ZERO);
    let mut leaf = BallotLeaf {
        a: zero,
        bits: (&(generators.h * s + sum(&bits, &generators.g))).into(),
        counter,
        credential: voter.entry.credential,
        data: data.collect(),
        e_data: zero,
        e_pad: zero,
        f: vec![],
        pad: (&RistrettoPoint::mul_base(&r)).into(),
        previous,
        s: zero,
        style: voter.entry.style.clone(),
        t: zero,
        tag: BallotTag,
        v: zero,
        z_1: nothing,
        z_2: nothing,
        z_3: nothing,
        z_4: nothing,
    };
    prove(context, style, &generators, &keys, &Witness { bits, r, s, secret }, &mut leaf, rng);
    Ok(EncryptedBallot::parse(&canonical::to_bytes(&leaf)?)?)
}

struct Witness {
    bits: Vec<Scalar>,
    r: Scalar,
    s: Scalar,
    secret: Scalar,
}

/// B1 to B5.
fn prove(
    context: &BallotContext,
    style: &CompiledStyle,
    generators: &Generators,
    keys: &[RistrettoPoint],
    witness: &Witness,
    leaf: &mut BallotLeaf,
    rng: &mut impl CryptoRng,
) {
    let mut transcript = Transcript::protocol("ballot");
    transcript.append_hash(b"fingerprint", &context.manifest().fingerprint());
    transcript.append_hash(b"ceremony", &context.keys().ceremony);
    transcript.append_points(b"keys", &context.keys().encoded);
    transcript.append_message(b"style", leaf.style.as_bytes());
    transcript.append_hash(b"relation", &style.relation.digest);
    transcript.append_point(b"credential", &leaf.credential);
    transcript.append_integer(b"counter", leaf.counter);
    transcript.append_hash(b"previous", &leaf.previous);
    transcript.append_point(b"pad", &leaf.pad);
    transcript.append_points(b"data", &leaf.data);
    transcript.append_point(b"bits", &leaf.bits);
    let y = transcript.challenge_scalar(b"y");

    let a: Vec<Scalar> = witness.bits.iter().map(|_| random_scalar(rng)).collect();
    let [s_a, s_t, s_s, rho, k] = std::array::from_fn(|_| random_scalar(rng));
    let (mut t, mut s) = (Scalar::ZERO, Scalar::ZERO);
    for ((a_i, bit), y_i) in a.iter().zip(&witness.bits).zip(powers(y)) {
        t += y_i * a_i * (Scalar::ONE - bit - bit);
        s -= y_i * a_i * a_i;
    }
    let rows = style.relation.secret.iter().map(Vec::as_slice);
    let rows = rows.chain(style.relation.public.iter().map(|row| row.terms.as_slice()));
    let row_sum: Scalar = rows.zip(powers(y)).map(|(terms, y_j)| y_j * weighted(terms, &a)).sum();
    let joint_key: RistrettoPoint = keys.iter().zip(powers(y)).map(|(key, y_j)| key * y_j).sum();
    leaf.a = (&(generators.h * s_a + sum(&a, &generators.g))).into();
    leaf.t = (&(generators.g_0 * t + generators.h * s_t)).into();
    leaf.s = (&(generators.g_0 * s + generators.h * s_s)).into();
    leaf.e_pad = (&RistrettoPoint::mul_base(&rho)).into();
    leaf.e_data = (&(RistrettoPoint::mul_base(&row_sum) + joint_key * rho)).into();
    leaf.v = (&RistrettoPoint::mul_base(&k)).into();
    for (label, point) in [
        (b"a".as_slice(), &leaf.a),
        (b"t", &leaf.t),
        (b"s", &leaf.s),
        (b"e-pad", &leaf.e_pad),
        (b"e-data", &leaf.e_data),
        (b"v", &leaf.v),
    ] {
        transcript.append_point(label, point);
    }
    let x = transcript.challenge_scalar(b"x");
    leaf.f = witness.bits.iter().zip(&a).map(|(bit, a_i)| (&(x * bit + a_i)).into()).collect();
    leaf.z_1 = (&(x * witness.s + s_a)).into();
    leaf.z_2 = (&(x * s_t + s_s)).into();
    leaf.z_3 = (&(x * witness.r + rho)).into();
    leaf.z_4 = (&(x * witness.secret + k)).into();
}
