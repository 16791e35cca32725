//! The ballot proof, written a second time from specs/protocol.md section 4.3 with every value and every rule open to
//! change: a prover that cheats, and verifiers that were weakened.

use std::sync::Arc;

use rand::rngs::StdRng;
use veritally_crypto::ballot::{BallotContext, EncryptedBallot};
use veritally_crypto::canonical;
use veritally_crypto::ceremony::ElectionKeys;
use veritally_crypto::contests::{Answers, Rule};
use veritally_crypto::group::{EncodedPoint, EncodedScalar, Generators, RistrettoPoint, Scalar, random_scalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::leaves::{BallotLeaf, BallotTag};
use veritally_crypto::manifest::{CheckedManifest, Manifest};
use veritally_crypto::relation::{CompiledStyle, Term};
use veritally_crypto::sample::{SampleElection, choice_contest, id};
use veritally_crypto::transcript::{Transcript, TranscriptProtocol as _};

pub const ZERO: EncodedPoint = EncodedPoint::IDENTITY;

pub fn base(scalar: Scalar) -> RistrettoPoint {
    RistrettoPoint::mul_base(&scalar)
}

pub fn integer(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}

pub fn integers(values: &[i64]) -> Vec<Scalar> {
    values.iter().copied().map(integer).collect()
}

pub fn powers(y: Scalar) -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(y), move |power| Some(power * y))
}

fn point(encoded: &EncodedPoint) -> RistrettoPoint {
    encoded.decode().unwrap()
}

fn scalar(encoded: &EncodedScalar) -> Scalar {
    encoded.decode().unwrap()
}

/// The same ballot with other members.
pub fn altered(ballot: &EncryptedBallot, edit: impl FnOnce(&mut BallotLeaf)) -> EncryptedBallot {
    let mut leaf = ballot.leaf().clone();
    edit(&mut leaf);
    parsed(&leaf)
}

fn parsed(leaf: &BallotLeaf) -> EncryptedBallot {
    EncryptedBallot::parse(&canonical::to_bytes(leaf).unwrap()).unwrap()
}

/// An election as a ballot sees it, with election keys whose secrets are known: as to k trustees who conspire.
pub struct Setup {
    pub manifest: Arc<CheckedManifest>,
    pub keys: ElectionKeys,
    pub secrets: Vec<Scalar>,
    pub context: Arc<BallotContext>,
    generators: Generators,
}

impl Setup {
    pub fn new(edit: impl FnOnce(&mut Manifest), rng: &mut StdRng) -> Self {
        let manifest = SampleElection::start((1, 1), edit, rng).unwrap().state.manifest().clone();
        let secrets: Vec<Scalar> = (0..manifest.row_count()).map(|_| random_scalar(rng)).collect();
        let keys: Vec<RistrettoPoint> = secrets.iter().map(|k| base(*k)).collect();
        let keys = ElectionKeys {
            fingerprint: manifest.fingerprint(),
            ceremony: Hash::of(b"ceremony"),
            quorum: 1,
            encoded: keys.iter().map(EncodedPoint::from).collect(),
            trustees: (1..=3).map(veritally_crypto::id::TrusteeId).collect(),
            public_shares: vec![keys.clone()],
            keys,
        };
        Self::with_keys(manifest, keys, secrets)
    }

    pub fn with_keys(manifest: Arc<CheckedManifest>, keys: ElectionKeys, secrets: Vec<Scalar>) -> Self {
        let context = Arc::new(BallotContext::new(manifest.clone(), Arc::new(keys.clone())));
        let bits = manifest.styles().iter().map(|style| style.relation.bits).max().unwrap();
        Self { manifest, keys, secrets, context, generators: Generators::new(bits) }
    }

    /// One contest `contest` of this rule in one style `all`.
    pub fn one_contest(rule: Rule, selections: u8, rng: &mut StdRng) -> Self {
        let plain = veritally_crypto::contests::Choice { blank: false, max: 1, min: 1, seats: 1, undervotes: false };
        let mut contest = choice_contest("contest", selections, plain).unwrap();
        contest.rule = rule;
        let edit = |m: &mut Manifest| {
            m.ballot_styles[0].contests = vec![contest.id.clone()];
            m.contests = vec![contest];
        };
        Self::new(edit, rng)
    }

    pub fn style(&self, id: &Id) -> &CompiledStyle {
        self.manifest.style(id).unwrap().1
    }

    /// The bits of an answer, as scalars.
    pub fn encode(&self, style: &str, answers: &Answers) -> Vec<Scalar> {
        let bits = self.style(&id(style).unwrap()).encode(&self.manifest.contests, answers).unwrap();
        bits.into_iter().map(|bit| Scalar::from(u8::from(bit))).collect()
    }

    /// What the holders of the secrets decrypt: m_j·G, whatever the proof says.
    pub fn decrypt(&self, ballot: &EncryptedBallot) -> Vec<RistrettoPoint> {
        let leaf = ballot.leaf();
        let pad = point(&leaf.pad);
        let keys = &self.style(&leaf.style).keys;
        leaf.data.iter().zip(keys).map(|(data, key)| point(data) - pad * self.secrets[*key]).collect()
    }

    /// The verifier that is meant, with five checks each on its own; says which fails first.
    pub fn verify(&self, ballot: &EncryptedBallot, rng: &mut StdRng) -> Result<(), u8> {
        use veritally_crypto::ballot::BallotError;
        match self.context.verify(ballot.clone(), rng) {
            Ok(_) => Ok(()),
            Err(BallotError::Check(number)) => Err(number),
            Err(other) => panic!("{other}"),
        }
    }
}

/// What enters the challenges, and which checks a verifier adds up instead of doing each on its own.
pub struct Protocol {
    /// Members of the statement, in order, before y.
    pub before_y: Vec<&'static str>,
    /// Announcements, in order, between y and x.
    pub before_x: Vec<&'static str>,
    /// Each group of checks is one equation.
    pub checks: Vec<Vec<usize>>,
}

impl Protocol {
    /// B1 to B5 as they stand in the specification.
    pub fn real() -> Self {
        Self {
            before_y: vec![
                "fingerprint",
                "ceremony",
                "keys",
                "style",
                "relation",
                "credential",
                "counter",
                "previous",
                "pad",
                "data",
                "bits",
            ],
            before_x: vec!["a", "t", "s", "e-pad", "e-data", "v"],
            checks: (1..=5).map(|number| vec![number]).collect(),
        }
    }

    /// The real one but for a value that no challenge covers: a weak Fiat–Shamir transformation.
    pub fn without(member: &str) -> Self {
        let mut protocol = Self::real();
        protocol.before_y.retain(|m| *m != member);
        protocol.before_x.retain(|m| *m != member);
        protocol
    }

    /// The real one but for two checks that are added up.
    pub fn adding(one: usize, other: usize) -> Self {
        let mut protocol = Self::real();
        protocol.checks.retain(|group| *group != [one] && *group != [other]);
        protocol.checks.push(vec![one, other]);
        protocol
    }

    /// y, and x once the announcements stand in the ballot.
    pub fn challenges(&self, setup: &Setup, leaf: &BallotLeaf) -> (Scalar, Scalar) {
        let mut transcript = Transcript::protocol("ballot");
        self.before_y.iter().for_each(|member| append(&mut transcript, member, setup, leaf));
        let y = transcript.challenge_scalar(b"y");
        self.before_x.iter().for_each(|member| append(&mut transcript, member, setup, leaf));
        (y, transcript.challenge_scalar(b"x"))
    }

    pub fn accepts(&self, setup: &Setup, ballot: &EncryptedBallot) -> bool {
        let (y, x) = self.challenges(setup, ballot.leaf());
        let errors = errors(setup, ballot.leaf(), y, x);
        let sum = |group: &Vec<usize>| group.iter().map(|number| errors[number - 1]).sum::<RistrettoPoint>();
        self.checks.iter().all(|group| sum(group) == RistrettoPoint::default())
    }
}

/// Appends one value under its label; labels and encodings are the specification's.
fn append(transcript: &mut Transcript, member: &str, setup: &Setup, leaf: &BallotLeaf) {
    match member {
        "fingerprint" => transcript.append_hash(b"fingerprint", &setup.manifest.fingerprint()),
        "ceremony" => transcript.append_hash(b"ceremony", &setup.keys.ceremony),
        "keys" => transcript.append_points(b"keys", &setup.keys.encoded),
        "style" => transcript.append_message(b"style", leaf.style.as_bytes()),
        "relation" => transcript.append_hash(b"relation", &setup.style(&leaf.style).relation.digest),
        "credential" => transcript.append_point(b"credential", &leaf.credential),
        "counter" => transcript.append_integer(b"counter", leaf.counter),
        "previous" => transcript.append_hash(b"previous", &leaf.previous),
        "pad" => transcript.append_point(b"pad", &leaf.pad),
        "data" => transcript.append_points(b"data", &leaf.data),
        "bits" => transcript.append_point(b"bits", &leaf.bits),
        "a" => transcript.append_point(b"a", &leaf.a),
        "t" => transcript.append_point(b"t", &leaf.t),
        "s" => transcript.append_point(b"s", &leaf.s),
        "e-pad" => transcript.append_point(b"e-pad", &leaf.e_pad),
        "e-data" => transcript.append_point(b"e-data", &leaf.e_data),
        "v" => transcript.append_point(b"v", &leaf.v),
        other => panic!("{other}"),
    }
}

/// For each bit i, Σ_j y^j·(its weight in row j), and Σ_{j>M} y^j·t_j.
pub fn combined_rows(style: &CompiledStyle, y: Scalar) -> (Vec<Scalar>, Scalar) {
    let relation = &style.relation;
    let mut weights = vec![Scalar::ZERO; relation.bits];
    let mut values = Scalar::ZERO;
    let secret = relation.secret.iter().map(|terms| (terms, 0));
    let rows = secret.chain(relation.public.iter().map(|row| (&row.terms, row.value)));
    for ((terms, value), y_j) in rows.zip(powers(y)) {
        terms.iter().for_each(|term| weights[term.bit] += integer(term.weight) * y_j);
        values += integer(value) * y_j;
    }
    (weights, values)
}

fn combined_key(setup: &Setup, style: &CompiledStyle, y: Scalar) -> RistrettoPoint {
    style.keys.iter().zip(powers(y)).map(|(key, y_j)| setup.keys.keys[*key] * y_j).sum()
}

pub fn dot(a: &[Scalar], b: &[Scalar]) -> Scalar {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn row_values(rows: &[Vec<Term>], bits: &[Scalar]) -> Vec<Scalar> {
    rows.iter().map(|row| row.iter().map(|term| integer(term.weight) * bits[term.bit]).sum()).collect()
}

fn commit(generators: &Generators, values: &[Scalar], blinding: Scalar) -> RistrettoPoint {
    generators.h * blinding + values.iter().zip(&generators.g).map(|(v, g)| g * v).sum::<RistrettoPoint>()
}

/// By how much each of the five checks fails: left side minus right side.
pub fn errors(setup: &Setup, leaf: &BallotLeaf, y: Scalar, x: Scalar) -> [RistrettoPoint; 5] {
    let style = setup.style(&leaf.style);
    let generators = &setup.generators;
    let f: Vec<Scalar> = leaf.f.iter().map(scalar).collect();
    let [z_1, z_2, z_3, z_4] = [leaf.z_1, leaf.z_2, leaf.z_3, leaf.z_4].map(|z| scalar(&z));
    let bit_check: Scalar = f.iter().zip(powers(y)).map(|(f, y_i)| y_i * f * (x - f)).sum();
    let (weights, values) = combined_rows(style, y);
    let data: RistrettoPoint = leaf.data.iter().zip(powers(y)).map(|(data, y_j)| point(data) * y_j).sum();
    [
        point(&leaf.bits) * x + point(&leaf.a) - commit(generators, &f, z_1),
        point(&leaf.t) * x + point(&leaf.s) - generators.g_0 * bit_check - generators.h * z_2,
        point(&leaf.pad) * x + point(&leaf.e_pad) - base(z_3),
        (data + base(values)) * x + point(&leaf.e_data) - base(dot(&weights, &f)) - combined_key(setup, style, y) * z_3,
        point(&leaf.credential) * x + point(&leaf.v) - base(z_4),
    ]
}

/// A prover that follows every step but lets its values be replaced in between.
pub struct Prover<'a> {
    pub setup: &'a Setup,
    pub style: &'a CompiledStyle,
    pub leaf: BallotLeaf,
    /// In place of bits.
    pub bits: Vec<Scalar>,
    pub a: Vec<Scalar>,
    pub r: Scalar,
    pub s: Scalar,
    pub s_t: Scalar,
    pub credential_secret: Scalar,
    s_a: Scalar,
    s_s: Scalar,
    rho: Scalar,
    k: Scalar,
}

impl<'a> Prover<'a> {
    /// Encrypts what these "bits" come to, with a fresh credential.
    pub fn new(setup: &'a Setup, style: &str, bits: Vec<Scalar>, rng: &mut StdRng) -> Self {
        let (style_id, [r, s, s_a, s_t, s_s, rho, k, credential_secret]) =
            (id(style).unwrap(), std::array::from_fn(|_| random_scalar(rng)));
        let style = setup.style(&style_id);
        assert_eq!(bits.len(), style.relation.bits);
        let leaf = BallotLeaf {
            a: ZERO,
            bits: ZERO,
            counter: 1,
            credential: (&base(credential_secret)).into(),
            data: vec![],
            e_data: ZERO,
            e_pad: ZERO,
            f: vec![],
            pad: (&base(r)).into(),
            previous: Hash::ZERO,
            s: ZERO,
            style: style_id,
            t: ZERO,
            tag: BallotTag,
            v: ZERO,
            z_1: (&s).into(),
            z_2: (&s).into(),
            z_3: (&s).into(),
            z_4: (&s).into(),
        };
        let a = bits.iter().map(|_| random_scalar(rng)).collect();
        let mut prover = Self { setup, style, leaf, bits, a, r, s, s_t, credential_secret, s_a, s_s, rho, k };
        prover.encrypt(&row_values(&style.relation.secret, &prover.bits));
        prover.commit_bits();
        prover
    }

    /// data_j = m_j·G + r·K_j for these counts, whatever the bits say.
    pub fn encrypt(&mut self, counts: &[Scalar]) {
        let keys = self.style.keys.iter().map(|key| self.setup.keys.keys[*key]);
        self.leaf.data = counts.iter().zip(keys).map(|(m, key)| (&(base(*m) + key * self.r)).into()).collect();
    }

    /// B = Com(b; s)
    pub fn commit_bits(&mut self) {
        self.leaf.bits = (&commit(&self.setup.generators, &self.bits, self.s)).into();
    }

    /// B3.
    pub fn announce(&mut self, y: Scalar) {
        let (generators, leaf) = (&self.setup.generators, &mut self.leaf);
        let t: Scalar =
            self.a.iter().zip(&self.bits).zip(powers(y)).map(|((a, b), y)| y * a * (Scalar::ONE - b - b)).sum();
        let s: Scalar = self.a.iter().zip(powers(y)).map(|(a, y)| y * a * a).sum();
        leaf.a = (&commit(generators, &self.a, self.s_a)).into();
        leaf.t = (&(generators.g_0 * t + generators.h * self.s_t)).into();
        leaf.s = (&(generators.h * self.s_s - generators.g_0 * s)).into();
        leaf.e_pad = (&base(self.rho)).into();
        let rows = dot(&combined_rows(self.style, y).0, &self.a);
        leaf.e_data = (&(base(rows) + combined_key(self.setup, self.style, y) * self.rho)).into();
        leaf.v = (&base(self.k)).into();
    }

    /// B5.
    pub fn respond(&mut self, x: Scalar) {
        self.leaf.f = self.bits.iter().zip(&self.a).map(|(b, a)| (&(x * b + a)).into()).collect();
        self.leaf.z_1 = (&(x * self.s + self.s_a)).into();
        self.leaf.z_2 = (&(x * self.s_t + self.s_s)).into();
        self.leaf.z_3 = (&(x * self.r + self.rho)).into();
        self.leaf.z_4 = (&(x * self.credential_secret + self.k)).into();
    }

    /// The announcements after y, the responses after x.
    pub fn prove(mut self, protocol: &Protocol) -> EncryptedBallot {
        let (y, _) = protocol.challenges(self.setup, &self.leaf);
        self.announce(y);
        let (_, x) = protocol.challenges(self.setup, &self.leaf);
        self.respond(x);
        self.ballot()
    }

    pub fn ballot(self) -> EncryptedBallot {
        parsed(&self.leaf)
    }
}

/// A ballot of the real protocol with anything in place of bits, and counts that are so much higher than theirs.
pub fn cheat(setup: &Setup, style: &str, bits: &[Scalar], extra: &[(usize, i64)], rng: &mut StdRng) -> EncryptedBallot {
    let mut prover = Prover::new(setup, style, bits.to_vec(), rng);
    let mut counts = row_values(&prover.style.relation.secret, bits);
    extra.iter().for_each(|(row, more)| counts[*row] += integer(*more));
    prover.encrypt(&counts);
    prover.prove(&Protocol::real())
}
