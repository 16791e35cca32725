//! Backup of a board's keys, and their way to another node: PKCS #8 (RFC 5958), encrypted with a passphrase (scrypt and
//! AES-256-CBC), as PEM. Standard tools read it: `openssl pkey -in FILE -text`.
//!
//! Who has the log key can show different logs to different people. It exists once for each log: a second board that
//! *writes* with it must share the store, whose epochs let one of them write.

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::pem::LineEnding;
use pkcs8::der::{Decode as _, Encode as _};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use veritally_crypto::signature::SigningSecret;
use zeroize::Zeroizing;

/// id-Ed25519, RFC 8410.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// What the file calls itself.
const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Shorter passphrases are refused.
pub const MIN_PASSPHRASE: usize = 10;

/// Why a key can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogKeyError {
    /// Too easy to guess.
    #[error("the passphrase is too short: use at least {MIN_PASSPHRASE} characters, better five random words")]
    ShortPassphrase,
    /// Not such a file, or another passphrase.
    #[error("this is no encrypted Ed25519 key, or the passphrase is another one ({0})")]
    Unreadable(pkcs8::Error),
    /// The key can't be encoded, or the system gives no randomness.
    #[error("the key can't be encrypted: {0}")]
    Encrypt(pkcs8::Error),
}

/// Encrypts a key.
///
/// # Errors
/// [`LogKeyError::ShortPassphrase`], [`LogKeyError::Encrypt`].
pub fn export(key: &SigningSecret, passphrase: &str) -> Result<Zeroizing<String>, LogKeyError> {
    if passphrase.chars().count() < MIN_PASSPHRASE {
        return Err(LogKeyError::ShortPassphrase);
    }
    let document = encrypt(key, passphrase).map_err(LogKeyError::Encrypt)?;
    document.to_pem(LABEL, LineEnding::LF).map_err(|e| LogKeyError::Encrypt(e.into()))
}

fn encrypt(key: &SigningSecret, passphrase: &str) -> Result<SecretDocument, pkcs8::Error> {
    let seed = key.expose_seed();
    // RFC 8410: the private key is an octet string within the octet string.
    let inner = Zeroizing::new(OctetStringRef::new(seed.as_ref())?.to_der()?);
    let algorithm = AlgorithmIdentifierRef { oid: ED25519, parameters: None };
    PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&inner)?).encrypt(passphrase)
}

/// Decrypts a key.
///
/// # Errors
/// [`LogKeyError::Unreadable`].
pub fn import(pem: &str, passphrase: &str) -> Result<SigningSecret, LogKeyError> {
    decrypt(pem, passphrase).map_err(LogKeyError::Unreadable)
}

fn decrypt(pem: &str, passphrase: &str) -> Result<SigningSecret, pkcs8::Error> {
    let (label, document) = SecretDocument::from_pem(pem)?;
    if label != LABEL {
        return Err(pkcs8::Error::ParametersMalformed);
    }
    let decrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())?.decrypt(passphrase)?;
    let info = PrivateKeyInfoRef::try_from(decrypted.as_bytes())?;
    info.algorithm.assert_algorithm_oid(ED25519)?;
    let inner = <&OctetStringRef>::from_der(info.private_key.as_bytes())?;
    let seed = Zeroizing::new(
        <[u8; 32]>::try_from(inner.as_bytes()).map_err(|_| pkcs8::Error::KeyMalformed(pkcs8::KeyError::Invalid))?,
    );
    Ok(SigningSecret::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_only() {
        let key = SigningSecret::from_seed(&[7; 32]);
        let pem = export(&key, "five random words or so").unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let again = import(&pem, "five random words or so").unwrap();
        assert_eq!(again.verification_key(), key.verification_key());
        assert!(matches!(import(&pem, "five other words or so"), Err(LogKeyError::Unreadable(_))));
        assert!(matches!(import("nonsense", "x"), Err(LogKeyError::Unreadable(_))));
        assert!(matches!(export(&key, "short"), Err(LogKeyError::ShortPassphrase)));
    }
}
