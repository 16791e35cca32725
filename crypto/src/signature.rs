//! Ed25519 signatures of officials over log entries: specs/protocol.md section 1.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use rand::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::canonical::{self, CanonicalError};
use crate::group::base64_bytes;
use crate::hash::Hash;

/// An Ed25519 verification key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerificationKey(pub [u8; 32]);
base64_bytes!(VerificationKey, 32, 44);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);
base64_bytes!(Signature, 64, 88);

/// A signature that is missing or does not verify.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error(
    "the signature does not verify under the manifest's key: signed by another key, for another election, or altered"
)]
pub struct SignatureError;

/// An Ed25519 signing key; erased on drop, never printed.
pub struct SigningSecret(SigningKey);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(redacted)")
    }
}

impl SigningSecret {
    /// A fresh key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut());
        Self(SigningKey::from_bytes(&seed))
    }

    /// From its 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for an encrypted or access-restricted file.
    #[must_use]
    pub fn expose_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn verification_key(&self) -> VerificationKey {
        VerificationKey(self.0.verifying_key().to_bytes())
    }

    /// Signs plain bytes (signed notes).
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl VerificationKey {
    /// Verifies a signature over plain bytes, strictly.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_bytes(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)))
            .map_err(|_| SignatureError)
    }
}

/// An entry with a `signature` member, `None` while it is being signed.
pub trait SignedEntry: Serialize {
    /// The member.
    fn signature(&self) -> Option<&Signature>;
    /// Sets the member.
    fn set_signature(&mut self, signature: Option<Signature>);
}

/// `lp("veritally/v1/signature") ‖ fingerprint ‖ SHA-256(canonical JSON without the signature)`.
fn signed_message<E: SignedEntry + Clone>(entry: &E, fingerprint: &Hash) -> Result<Vec<u8>, CanonicalError> {
    const LABEL: &[u8] = b"veritally/v1/signature";
    let mut unsigned = entry.clone();
    unsigned.set_signature(None);
    let digest = Hash::of(&canonical::to_bytes(&unsigned)?);
    let mut message = (LABEL.len() as u64).to_le_bytes().to_vec();
    message.extend_from_slice(LABEL);
    message.extend_from_slice(&fingerprint.0);
    message.extend_from_slice(&digest.0);
    Ok(message)
}

/// Signs an entry for the election with this fingerprint.
///
/// # Errors
/// [`CanonicalError`] when the entry lies outside the JSON profile.
pub fn sign<E: SignedEntry + Clone>(
    mut entry: E,
    fingerprint: &Hash,
    key: &SigningSecret,
) -> Result<E, CanonicalError> {
    let message = signed_message(&entry, fingerprint)?;
    entry.set_signature(Some(key.sign_bytes(&message)));
    Ok(entry)
}

/// Verifies an entry's signature.
///
/// # Errors
/// [`SignatureError`] when it is missing or wrong.
pub fn verify<E: SignedEntry + Clone>(
    entry: &E,
    fingerprint: &Hash,
    key: &VerificationKey,
) -> Result<(), SignatureError> {
    let signature = entry.signature().ok_or(SignatureError)?;
    let message = signed_message(entry, fingerprint).map_err(|_| SignatureError)?;
    key.verify_bytes(&message, signature)
}
