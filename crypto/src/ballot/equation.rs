//! The five ballot checks, folded over any number of ballots into one equation Σ scalar·point = 0.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT as G;
use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};

use super::prove::{challenge_x, integer};
use super::{BallotContext, BallotError, EncryptedBallot};
use crate::group::{EncodedPoint, EncodedScalar, RistrettoPoint, Scalar};
use crate::relation::{CompiledStyle, Term};

/// Number of checks.
pub(super) const CHECKS: usize = 5;

/// Points of a ballot beside its data.
const OTHER_POINTS: usize = 9;

/// A ballot decoded, with its challenges.
pub(super) struct Decoded<'a> {
    style: &'a CompiledStyle,
    /// pad, data, bits, a, t, s, e_pad, e_data, credential, v.
    points: Vec<RistrettoPoint>,
    f: Vec<Scalar>,
    z: [Scalar; 4],
    x: Scalar,
    y: Scalar,
}

fn point(name: &'static str, encoded: &EncodedPoint) -> Result<RistrettoPoint, BallotError> {
    encoded.decode().map_err(|_| BallotError::Element(name))
}

fn non_identity(name: &'static str, encoded: &EncodedPoint) -> Result<RistrettoPoint, BallotError> {
    encoded.decode_non_identity().map_err(|_| BallotError::Element(name))
}

fn scalar(name: &'static str, encoded: &EncodedScalar) -> Result<Scalar, BallotError> {
    encoded.decode().map_err(|_| BallotError::Element(name))
}

fn length(what: &'static str, found: usize, expected: usize) -> Result<(), BallotError> {
    if found == expected { Ok(()) } else { Err(BallotError::Shape { what, found, expected }) }
}

impl<'a> Decoded<'a> {
    pub(super) fn new(context: &'a BallotContext, ballot: &EncryptedBallot) -> Result<Self, BallotError> {
        let leaf = ballot.leaf();
        let (style, prefix) =
            context.style(&leaf.style).ok_or_else(|| BallotError::UnknownStyle(leaf.style.clone()))?;
        length("encrypted rows", leaf.data.len(), style.relation.secret.len())?;
        length("responses", leaf.f.len(), style.relation.bits)?;
        let (mut transcript, y) = BallotContext::challenge_y(prefix, &ballot.statement());
        let x = challenge_x(&mut transcript, leaf);
        let mut points = Vec::with_capacity(leaf.data.len() + OTHER_POINTS);
        points.push(non_identity("pad", &leaf.pad)?);
        for data in &leaf.data {
            points.push(point("data", data)?);
        }
        points.push(point("bits", &leaf.bits)?);
        points.push(point("a", &leaf.a)?);
        points.push(point("t", &leaf.t)?);
        points.push(point("s", &leaf.s)?);
        points.push(point("e_pad", &leaf.e_pad)?);
        points.push(point("e_data", &leaf.e_data)?);
        points.push(non_identity("credential", &leaf.credential)?);
        points.push(point("v", &leaf.v)?);
        let mut f = Vec::with_capacity(leaf.f.len());
        for f_i in &leaf.f {
            f.push(scalar("f", f_i)?);
        }
        let z = [
            scalar("z_1", &leaf.z_1)?,
            scalar("z_2", &leaf.z_2)?,
            scalar("z_3", &leaf.z_3)?,
            scalar("z_4", &leaf.z_4)?,
        ];
        Ok(Self { style, points, f, z, x, y })
    }

    /// pad, and data: one point for each secret row.
    pub(super) fn ciphertext(&self) -> Option<(RistrettoPoint, Vec<RistrettoPoint>)> {
        let (pad, others) = self.points.split_first()?;
        Some((*pad, others.get(..self.style.relation.secret.len())?.to_vec()))
    }
}

/// The equation in the making: the shared generators and keys once, the ballots' points one by one.
pub(super) struct Equation<'a> {
    context: &'a BallotContext,
    base: Scalar,
    h: Scalar,
    g_0: Scalar,
    g: Vec<Scalar>,
    keys: Vec<Scalar>,
    scalars: Vec<Scalar>,
    points: Vec<&'a RistrettoPoint>,
}

impl<'a> Equation<'a> {
    /// For so many points of ballots.
    fn new(context: &'a BallotContext, points: usize) -> Self {
        let (generators, keys) = (context.generators.g.len(), context.keys().keys.len());
        let capacity = points + 3 + generators + keys;
        Self {
            context,
            base: Scalar::ZERO,
            h: Scalar::ZERO,
            g_0: Scalar::ZERO,
            g: vec![Scalar::ZERO; generators],
            keys: vec![Scalar::ZERO; keys],
            scalars: Vec::with_capacity(capacity),
            points: Vec::with_capacity(capacity),
        }
    }

    /// True when all checks hold of all these ballots, each folded in with a weight of its own.
    pub(super) fn holds(
        context: &'a BallotContext,
        ballots: &[&'a Decoded<'_>],
        weights: impl IntoIterator<Item = [Scalar; CHECKS]>,
    ) -> bool {
        let mut equation = Self::new(context, ballots.iter().map(|ballot| ballot.points.len()).sum());
        let mut weights = weights.into_iter();
        for ballot in ballots {
            let Some(weights) = weights.next() else { return false };
            equation.add(ballot, weights);
        }
        equation.sum().is_identity()
    }

    /// Adds the five checks of a ballot, each times its weight:
    ///
    /// ```text
    /// 1   x·B + A = Com(f; z_1)
    /// 2   x·T + S = (Σ y^i f_i(x − f_i))·G_0 + z_2·H
    /// 3   x·pad + E_pad = z_3·G
    /// 4   x·(Σ_{j≤M} y^j data_j + Σ_{j>M} y^j t_j·G) + E_data = (Σ_j y^j R_j·f)·G + z_3·Σ_{j≤M} y^j K_j
    /// 5   x·credential + V = z_4·G
    /// ```
    ///
    /// Multiplications of scalars are what the check costs beside its points, so nothing is multiplied twice.
    fn add(&mut self, ballot: &'a Decoded<'_>, [w_1, w_2, w_3, w_4, w_5]: [Scalar; CHECKS]) {
        let (x, y, f, [z_1, z_2, z_3, z_4]) = (ballot.x, ballot.y, &ballot.f, ballot.z);
        let CompiledStyle { relation, keys, .. } = ballot.style;

        self.scalars.push(w_3 * x);
        let mut product = w_4 * x;
        self.scalars.extend(relation.secret.iter().map(|_| {
            product *= y;
            product
        }));
        self.scalars.extend([w_1 * x, w_1, w_2 * x, w_2, w_3, w_4, w_5 * x, w_5]);
        self.points.extend(&ballot.points);

        let mut product = w_4 * z_3;
        for &key in keys {
            product *= y;
            if let Some(sum) = self.keys.get_mut(key) {
                *sum -= product;
            }
        }
        // Both sums by Horner's rule. Σ_j y^j R_j·f − Σ_{j>M} y^j t_j·x:
        let public = relation.public.iter().map(|public| row(&public.terms, f) - times(public.value, x));
        let rows = relation.secret.iter().map(|terms| row(terms, f)).chain(public);
        let rows = rows.rev().fold(Scalar::ZERO, |sum, row| (sum + row) * y);
        let bits = f.iter().rev().fold(Scalar::ZERO, |sum, f_i| (sum + f_i * (x - f_i)) * y);
        for (sum, f_i) in self.g.iter_mut().zip(f) {
            *sum -= w_1 * f_i;
        }
        self.g_0 -= w_2 * bits;
        self.h -= w_1 * z_1 + w_2 * z_2;
        self.base -= w_4 * rows + w_3 * z_3 + w_5 * z_4;
    }

    fn sum(mut self) -> RistrettoPoint {
        let generators = &self.context.generators;
        self.scalars.extend([self.base, self.h, self.g_0]);
        self.scalars.extend(self.g.iter().chain(&self.keys));
        self.points.extend([&G, &generators.h, &generators.g_0]);
        self.points.extend(generators.g.iter().chain(&self.context.keys().keys));
        RistrettoPoint::vartime_multiscalar_mul(self.scalars, self.points)
    }
}

/// value·scalar.
fn times(value: i64, scalar: Scalar) -> Scalar {
    match value {
        0 => Scalar::ZERO,
        1 => scalar,
        -1 => -scalar,
        other => integer(other) * scalar,
    }
}

/// R_j·f.
fn row(terms: &[Term], f: &[Scalar]) -> Scalar {
    terms.iter().filter_map(|term| Some(times(term.weight, *f.get(term.bit)?))).sum()
}
