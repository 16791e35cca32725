//! The five ballot checks, alone and folded over many ballots into one multiscalar multiplication.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;
use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};
use rand::CryptoRng;

use super::prove::{challenge_x, integer, row_weights};
use super::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot, powers};
use crate::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar};
use crate::relation::CompiledStyle;
use crate::transcript::{Nonces, Transcript, TranscriptProtocol as _};

/// Number of checks.
const CHECKS: usize = 5;

/// A ballot decoded, with its challenges.
struct Decoded<'a> {
    style: &'a CompiledStyle,
    bits: RistrettoPoint,
    a: RistrettoPoint,
    t: RistrettoPoint,
    s: RistrettoPoint,
    pad: RistrettoPoint,
    data: Vec<RistrettoPoint>,
    e_pad: RistrettoPoint,
    e_data: RistrettoPoint,
    credential: RistrettoPoint,
    v: RistrettoPoint,
    f: Vec<Scalar>,
    z: [Scalar; 4],
    x: Scalar,
    y: Scalar,
}

/// One equation Σ scalar·point = 0 in the making: the shared generators and keys once, other points one by one.
struct Equation<'a> {
    context: &'a BallotContext,
    base: Scalar,
    h: Scalar,
    g_0: Scalar,
    g: Vec<Scalar>,
    keys: Vec<Scalar>,
    scalars: Vec<Scalar>,
    points: Vec<RistrettoPoint>,
}

impl<'a> Equation<'a> {
    fn new(context: &'a BallotContext, ballots: usize) -> Self {
        let per_ballot = context.keys().keys.len() + 10;
        Self {
            context,
            base: Scalar::ZERO,
            h: Scalar::ZERO,
            g_0: Scalar::ZERO,
            g: vec![Scalar::ZERO; context.generators.g.len()],
            keys: vec![Scalar::ZERO; context.keys().keys.len()],
            scalars: Vec::with_capacity(ballots * per_ballot),
            points: Vec::with_capacity(ballots * per_ballot),
        }
    }

    fn term(&mut self, scalar: Scalar, point: RistrettoPoint) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    /// Check 1: x·B + A = Com(f; z_1)
    fn check_1(&mut self, ballot: &Decoded<'_>, weight: Scalar) {
        self.term(weight * ballot.x, ballot.bits);
        self.term(weight, ballot.a);
        for (sum, f) in self.g.iter_mut().zip(&ballot.f) {
            *sum -= weight * f;
        }
        self.h -= weight * ballot.z[0];
    }

    /// Check 2: x·T + S = (Σ y^i f_i(x − f_i))·G_0 + z_2·H
    fn check_2(&mut self, ballot: &Decoded<'_>, weight: Scalar) {
        // By Horner's rule.
        let sum = ballot.f.iter().rev().fold(Scalar::ZERO, |sum, f| (sum + f * (ballot.x - f)) * ballot.y);
        self.term(weight * ballot.x, ballot.t);
        self.term(weight, ballot.s);
        self.g_0 -= weight * sum;
        self.h -= weight * ballot.z[1];
    }

    /// Check 3: x·pad + E_pad = z_3·G
    fn check_3(&mut self, ballot: &Decoded<'_>, weight: Scalar) {
        self.term(weight * ballot.x, ballot.pad);
        self.term(weight, ballot.e_pad);
        self.base -= weight * ballot.z[2];
    }

    /// Check 4: x·(Σ_{j≤M} y^j data_j + Σ_{j>M} y^j t_j·G) + E_data = (Σ_j y^j R_j·f)·G + z_3·Σ_{j≤M} y^j K_j
    fn check_4(&mut self, ballot: &Decoded<'_>, weight: Scalar) {
        let relation = &ballot.style.relation;
        let weighted_x = weight * ballot.x;
        let weighted_z = weight * ballot.z[2];
        for ((data, &key), y_j) in ballot.data.iter().zip(&ballot.style.keys).zip(powers(ballot.y)) {
            self.term(weighted_x * y_j, *data);
            if let Some(sum) = self.keys.get_mut(key) {
                *sum -= weighted_z * y_j;
            }
        }
        let public = powers(ballot.y).skip(relation.secret.len());
        let values: Scalar = relation.public.iter().zip(public).map(|(row, y_j)| y_j * integer(row.value)).sum();
        let rows: Scalar = row_weights(ballot.style, ballot.y).iter().zip(&ballot.f).map(|(w, f)| w * f).sum();
        self.term(weight, ballot.e_data);
        self.base += weighted_x * values - weight * rows;
    }

    /// Check 5: x·credential + V = z_4·G
    fn check_5(&mut self, ballot: &Decoded<'_>, weight: Scalar) {
        self.term(weight * ballot.x, ballot.credential);
        self.term(weight, ballot.v);
        self.base -= weight * ballot.z[3];
    }

    fn check(&mut self, number: usize, ballot: &Decoded<'_>, weight: Scalar) {
        match number {
            1 => self.check_1(ballot, weight),
            2 => self.check_2(ballot, weight),
            3 => self.check_3(ballot, weight),
            4 => self.check_4(ballot, weight),
            _ => self.check_5(ballot, weight),
        }
    }

    fn holds(self) -> bool {
        let generators = &self.context.generators;
        let scalars = self.scalars.iter().chain([&self.base, &self.h, &self.g_0]).chain(&self.g).chain(&self.keys);
        let points = self.points.iter().chain([&G, &generators.h, &generators.g_0]);
        let points = points.chain(&generators.g).chain(&self.context.keys().keys);
        RistrettoPoint::vartime_multiscalar_mul(scalars, points).is_identity()
    }
}

fn point(name: &'static str, encoded: &EncodedPoint) -> Result<RistrettoPoint, BallotError> {
    encoded.decode().map_err(|_| BallotError::Element(name))
}

fn scalar(name: &'static str, encoded: &EncodedScalar) -> Result<Scalar, BallotError> {
    encoded.decode().map_err(|_| BallotError::Element(name))
}

fn length(what: &'static str, found: usize, expected: usize) -> Result<(), BallotError> {
    if found == expected { Ok(()) } else { Err(BallotError::Shape { what, found, expected }) }
}

impl BallotContext {
    fn decode<'a>(&'a self, ballot: &EncryptedBallot) -> Result<Decoded<'a>, BallotError> {
        let leaf = ballot.leaf();
        let (style, prefix) = self.style(&leaf.style).ok_or_else(|| BallotError::UnknownStyle(leaf.style.clone()))?;
        length("encrypted rows", leaf.data.len(), style.relation.secret.len())?;
        length("responses", leaf.f.len(), style.relation.bits)?;
        let (mut transcript, y) = Self::challenge_y(prefix, &ballot.statement());
        let x = challenge_x(&mut transcript, leaf);
        Ok(Decoded {
            style,
            bits: point("bits", &leaf.bits)?,
            a: point("a", &leaf.a)?,
            t: point("t", &leaf.t)?,
            s: point("s", &leaf.s)?,
            pad: leaf.pad.decode_non_identity().map_err(|_| BallotError::Element("pad"))?,
            data: leaf.data.iter().map(|d| point("data", d)).collect::<Result<_, _>>()?,
            e_pad: point("e_pad", &leaf.e_pad)?,
            e_data: point("e_data", &leaf.e_data)?,
            credential: leaf.credential.decode_non_identity().map_err(|_| BallotError::Element("credential"))?,
            v: point("v", &leaf.v)?,
            f: leaf.f.iter().map(|f| scalar("f", f)).collect::<Result<_, _>>()?,
            z: [
                scalar("z_1", &leaf.z_1)?,
                scalar("z_2", &leaf.z_2)?,
                scalar("z_3", &leaf.z_3)?,
                scalar("z_4", &leaf.z_4)?,
            ],
            x,
            y,
        })
    }

    /// Weights for folding: an XOF keyed with fresh randomness and a hash of all the batch's bytes.
    fn batch_weights(ballots: &[&EncryptedBallot], rng: &mut impl CryptoRng) -> Nonces {
        let mut transcript = Transcript::protocol("batch");
        for ballot in ballots {
            transcript.append_hash(b"ballot", &ballot.hash());
        }
        transcript.nonces(&[], rng)
    }

    /// True when all checks of all these ballots hold.
    fn fold(&self, ballots: &[(&EncryptedBallot, &Decoded<'_>)], rng: &mut impl CryptoRng) -> bool {
        let encrypted: Vec<_> = ballots.iter().map(|(ballot, _)| *ballot).collect();
        let mut weights = Self::batch_weights(&encrypted, rng);
        let mut equation = Equation::new(self, ballots.len());
        for (_, decoded) in ballots {
            for (number, weight) in (1..=CHECKS).zip(weights.weights::<CHECKS>()) {
                equation.check(number, decoded, weight);
            }
        }
        equation.holds()
    }

    /// Halves a failing batch, with fresh weights each time, until the bad ballots are alone.
    fn find_bad(&self, ballots: &[(&EncryptedBallot, &Decoded<'_>)], bad: &mut Vec<bool>, rng: &mut impl CryptoRng) {
        if self.fold(ballots, rng) {
            bad.extend(ballots.iter().map(|_| false));
        } else if ballots.len() == 1 {
            bad.push(true);
        } else {
            let (left, right) = ballots.split_at(ballots.len() / 2);
            self.find_bad(left, bad, rng);
            self.find_bad(right, bad, rng);
        }
    }

    /// The first check that fails for one ballot, each on its own.
    fn failing_check(&self, decoded: &Decoded<'_>) -> Option<u8> {
        (1..=CHECKS as u8).find(|&number| {
            let mut equation = Equation::new(self, 1);
            equation.check(number.into(), decoded, Scalar::ONE);
            !equation.holds()
        })
    }

    /// Verifies many ballots at once, on this thread; each bad one is named with its error. Results stand in the order
    /// of `ballots`. Batches of some hundred are fastest.
    #[allow(clippy::result_large_err)] // A refused ballot goes back to its owner whole; it was moved in.
    pub fn verify_batch(
        &self,
        ballots: Vec<EncryptedBallot>,
        rng: &mut impl CryptoRng,
    ) -> Vec<Result<VerifiedBallot, (EncryptedBallot, BallotError)>> {
        let decoded: Vec<_> = ballots.iter().map(|ballot| self.decode(ballot)).collect();
        let whole: Vec<_> = ballots.iter().zip(&decoded).filter_map(|(b, d)| Some((b, d.as_ref().ok()?))).collect();
        let mut bad = Vec::with_capacity(whole.len());
        if !whole.is_empty() {
            self.find_bad(&whole, &mut bad, rng);
        }
        let mut bad = bad.into_iter();
        let verdicts: Vec<Result<(RistrettoPoint, Vec<RistrettoPoint>), BallotError>> = decoded
            .into_iter()
            .map(|decoded| {
                let decoded = decoded?;
                // `bad` has one entry for each decoded ballot, in order.
                if bad.next().unwrap_or(true) {
                    return Err(BallotError::Check(self.failing_check(&decoded).unwrap_or(0)));
                }
                Ok((decoded.pad, decoded.data))
            })
            .collect();
        ballots
            .into_iter()
            .zip(verdicts)
            .map(|(ballot, verdict)| match verdict {
                Ok((pad, data)) => Ok(VerifiedBallot { ballot, pad, data }),
                Err(error) => Err((ballot, error)),
            })
            .collect()
    }

    /// Verifies one ballot.
    ///
    /// # Errors
    /// [`BallotError`], naming the failing check.
    pub fn verify(&self, ballot: EncryptedBallot, rng: &mut impl CryptoRng) -> Result<VerifiedBallot, BallotError> {
        self.verify_batch(vec![ballot], rng).pop().map_or(Err(BallotError::NotABallot), |r| r.map_err(|(_, e)| e))
    }
}
