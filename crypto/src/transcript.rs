//! Fiat–Shamir transcripts (merlin) with Veritally's names and types: specs/protocol.md section 1.
//!
//! This module owns how values enter a transcript; each proof owns its labels, which stand in the spec.

use curve25519_dalek::scalar::Scalar;
pub use merlin::Transcript;
use merlin::TranscriptRng;
use rand::CryptoRng;
use rand_core_06::RngCore as _;
use zeroize::Zeroize as _;

use crate::group::EncodedPoint;
use crate::hash::Hash;

/// What every proof does with a transcript.
pub trait TranscriptProtocol {
    /// `transcript(name)`.
    fn protocol(name: &'static str) -> Self;
    /// Appends an integer as 8 bytes, little-endian.
    fn append_integer(&mut self, label: &'static [u8], value: u64);
    /// Appends a hash.
    fn append_hash(&mut self, label: &'static [u8], value: &Hash);
    /// Appends one point.
    fn append_point(&mut self, label: &'static [u8], value: &EncodedPoint);
    /// Appends a list of points as one message.
    fn append_points<'a>(&mut self, label: &'static [u8], values: impl IntoIterator<Item = &'a EncodedPoint>);
    /// `challenge(label)`: 64 bytes reduced modulo q.
    fn challenge_scalar(&mut self, label: &'static [u8]) -> Scalar;
    /// Nonces for a proof's announcement: this transcript, rekeyed with the secrets and 32 fresh bytes of `rng`, so that
    /// neither a broken generator nor a repeated statement repeats a nonce. The transcript itself is unchanged.
    fn nonces(&self, secrets: &[&[u8]], rng: &mut impl CryptoRng) -> Nonces;
}

impl TranscriptProtocol for Transcript {
    fn protocol(name: &'static str) -> Self {
        let mut transcript = Self::new(b"veritally/v1");
        transcript.append_message(b"protocol", name.as_bytes());
        transcript
    }

    fn append_integer(&mut self, label: &'static [u8], value: u64) {
        self.append_message(label, &value.to_le_bytes());
    }

    fn append_hash(&mut self, label: &'static [u8], value: &Hash) {
        self.append_message(label, &value.0);
    }

    fn append_point(&mut self, label: &'static [u8], value: &EncodedPoint) {
        self.append_message(label, &value.0);
    }

    fn append_points<'a>(&mut self, label: &'static [u8], values: impl IntoIterator<Item = &'a EncodedPoint>) {
        let bytes: Vec<u8> = values.into_iter().flat_map(|p| p.0).collect();
        self.append_message(label, &bytes);
    }

    fn challenge_scalar(&mut self, label: &'static [u8]) -> Scalar {
        let mut wide = [0; 64];
        self.challenge_bytes(label, &mut wide);
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        // Some challenges are secrets (a credential, a ballot's nonces).
        wide.zeroize();
        scalar
    }

    fn nonces(&self, secrets: &[&[u8]], rng: &mut impl CryptoRng) -> Nonces {
        let mut fresh = [0; 32];
        rng.fill_bytes(&mut fresh);
        let builder = secrets
            .iter()
            .fold(self.build_rng(), |builder, secret| builder.rekey_with_witness_bytes(b"secret", secret));
        let nonces = Nonces(builder.finalize(&mut FreshBytes(&fresh)));
        fresh.zeroize();
        nonces
    }
}

/// A generator of nonces; see [`TranscriptProtocol::nonces`].
pub struct Nonces(TranscriptRng);

impl Nonces {
    /// A uniform scalar.
    pub fn scalar(&mut self) -> Scalar {
        let mut wide = [0; 64];
        self.0.fill_bytes(&mut wide);
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        wide.zeroize();
        scalar
    }

    /// Uniform 128-bit scalars, weights for folding equations: `EACH` for each of `count` statements.
    pub fn weights<const EACH: usize>(&mut self, count: usize) -> Vec<[Scalar; EACH]> {
        let mut bytes = vec![[[0; 16]; EACH]; count];
        self.0.fill_bytes(bytes.as_flattened_mut().as_flattened_mut());
        bytes.into_iter().map(|each| each.map(|bytes| Scalar::from(u128::from_le_bytes(bytes)))).collect()
    }
}

/// Hands 32 bytes to merlin, which wants a generator of an older rand_core.
struct FreshBytes<'a>(&'a [u8; 32]);

impl rand_core_06::RngCore for FreshBytes<'_> {
    fn next_u32(&mut self) -> u32 {
        rand_core_06::impls::next_u32_via_fill(self)
    }
    fn next_u64(&mut self) -> u64 {
        rand_core_06::impls::next_u64_via_fill(self)
    }
    fn fill_bytes(&mut self, destination: &mut [u8]) {
        // merlin asks once, for 32 bytes.
        for (to, from) in destination.iter_mut().zip(self.0.iter().cycle()) {
            *to = *from;
        }
    }
    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for FreshBytes<'_> {}
