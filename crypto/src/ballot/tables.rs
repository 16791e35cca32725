//! Quicker ways to what encryption and proof multiply and encode, all in constant time.

use std::sync::LazyLock;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoBasepointTable;
use curve25519_dalek::traits::{MultiscalarMul as _, VartimeMultiscalarMul as _};
use zeroize::Zeroizing;

use super::{BallotContext, powers};
use crate::group::{EncodedPoint, RistrettoPoint, Scalar};
use crate::relation::CompiledStyle;

/// Up to so many keys it is quicker to multiply each by its secret than to combine them first.
const FEW_KEYS: usize = 8;

/// ½·G.
pub(super) static HALF_G: LazyLock<RistrettoPoint> =
    LazyLock::new(|| RISTRETTO_BASEPOINT_POINT * Scalar::ONE.div_by_2());

/// The encodings of the doubles of some points, which together cost little more than one alone (RFC 9496 needs an inverse
/// square root; of a double it is an inversion, and inversions can be shared).
pub(super) fn double_and_encode(halves: impl IntoIterator<Item = RistrettoPoint>) -> Vec<EncodedPoint> {
    let halves: Vec<RistrettoPoint> = halves.into_iter().collect();
    RistrettoPoint::double_and_compress_batch(&halves)
        .into_iter()
        .map(|double| EncodedPoint(double.to_bytes()))
        .collect()
}

/// Multiples of one point, 30 kB.
type Table = Box<RistrettoBasepointTable>;

fn table(point: &RistrettoPoint) -> Table {
    Box::new(RistrettoBasepointTable::create(point))
}

/// Of the points that every ballot's secrets are multiplied by.
pub(super) struct Tables {
    h: Table,
    g_0: Table,
    /// In the order of the election keys.
    keys: Vec<Table>,
}

impl BallotContext {
    /// For who encrypts many ballots: makes tables of the election keys and of two generators, after which a ballot takes three
    /// quarters of the time. Each takes a millisecond and 30 kB, so that some dozens of ballots make up for it.
    pub fn expect_many(&self) {
        self.tables.get_or_init(|| Tables {
            h: table(&self.generators.h),
            g_0: table(&self.generators.g_0),
            keys: self.keys().keys.iter().map(table).collect(),
        });
    }

    /// secret·H
    pub(super) fn times_h(&self, secret: &Scalar) -> RistrettoPoint {
        match self.tables.get() {
            Some(tables) => secret * &*tables.h,
            None => self.generators.h * secret,
        }
    }

    /// value·G_0 + blinding·H
    pub(super) fn blind(&self, value: &Scalar, blinding: &Scalar) -> RistrettoPoint {
        match self.tables.get() {
            Some(tables) => value * &*tables.g_0 + blinding * &*tables.h,
            None => RistrettoPoint::multiscalar_mul([value, blinding], [&self.generators.g_0, &self.generators.h]),
        }
    }

    /// secret·K_j for each secret row of a style.
    pub(super) fn times_keys(&self, style: &CompiledStyle, secret: &Scalar) -> impl Iterator<Item = RistrettoPoint> {
        let tables = self.tables.get();
        style.keys.iter().zip(self.style_keys(style)).map(move |(&index, key)| {
            match tables.and_then(|tables| tables.keys.get(index)) {
                Some(table) => secret * &**table,
                None => key * secret,
            }
        })
    }

    /// secret·Σ_j y^j·K_j over a style's secret rows.
    pub(super) fn times_combined_key(&self, style: &CompiledStyle, y: Scalar, secret: &Scalar) -> RistrettoPoint {
        let keys: Vec<&RistrettoPoint> = self.style_keys(style).collect();
        if keys.len() > FEW_KEYS {
            // Keys and y are public.
            let combined =
                RistrettoPoint::vartime_multiscalar_mul(powers(y).take(keys.len()).collect::<Vec<_>>(), keys);
            return combined * secret;
        }
        let secrets: Zeroizing<Vec<Scalar>> =
            Zeroizing::new(powers(y).take(keys.len()).map(|power| power * secret).collect());
        match self.tables.get() {
            Some(tables) => {
                let tables = style.keys.iter().filter_map(|&index| tables.keys.get(index));
                tables.zip(secrets.iter()).map(|(table, secret)| secret * &**table).sum()
            }
            None => RistrettoPoint::multiscalar_mul(secrets.iter(), keys),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use crate::sample::{SampleElection, choose};

    #[test]
    fn tables_change_no_byte_of_a_ballot() {
        let rng = &mut StdRng::seed_from_u64(1);
        let election = SampleElection::open_with(1, rng).unwrap();
        let answers = choose("chair", &["b"], false).unwrap();
        let ballot = || election.ballot(0, &answers, &mut StdRng::seed_from_u64(2)).unwrap();
        let before = ballot();
        let context = election.state.ballot_context().unwrap();
        assert!(context.tables.get().is_none());
        context.expect_many();
        assert!(context.tables.get().is_some());
        assert_eq!(ballot(), before);
        context.verify(before, rng).unwrap();
    }
}
