//! Files with an Ed25519 signing key: the log's, an administrator's, the registrar's.
//!
//! One line: `veritally-signing-key-v1 <seed in base64>`. Not encrypted: the file's permissions protect it, so it
//! belongs on a disk that is encrypted. (Trustees' keys are another file, with a passphrase.)

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use veritally_crypto::signature::SigningSecret;
use zeroize::Zeroizing;

use crate::files::{self, FileError};

/// First word of the file.
const FORMAT: &str = "veritally-signing-key-v1 ";

/// Writes a new key file; refuses to replace one.
///
/// # Errors
/// [`FileError::Io`].
pub fn create(path: &Path, key: &SigningSecret) -> Result<(), FileError> {
    let text = Zeroizing::new(format!("{FORMAT}{}\n", STANDARD.encode(key.expose_seed().as_ref())));
    files::create_secret(path, text.as_bytes())
}

/// Reads a key file.
///
/// # Errors
/// [`FileError`]: also when others may read it.
pub fn read(path: &Path) -> Result<SigningSecret, FileError> {
    let bytes = files::read_secret(path)?;
    let seed = || -> Option<Zeroizing<[u8; 32]>> {
        let text = std::str::from_utf8(&bytes).ok()?.trim_end().strip_prefix(FORMAT)?;
        let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
        Some(Zeroizing::new(decoded.as_slice().try_into().ok()?))
    };
    let malformed = || FileError::Content { path: path.to_owned(), expected: "a signing key made by `keygen`" };
    Ok(SigningSecret::from_seed(&*seed().ok_or_else(malformed)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_key_survives_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let key = SigningSecret::from_seed(&[9; 32]);
        create(&path, &key).unwrap();
        assert_eq!(read(&path).unwrap().verification_key(), key.verification_key());
        assert!(create(&path, &key).is_err());
    }

    #[test]
    fn other_files_are_no_keys() {
        let directory = tempfile::tempdir().unwrap();
        for (i, bad) in ["", "x", "veritally-signing-key-v1", "veritally-signing-key-v1 AAAA"].iter().enumerate() {
            let path = directory.path().join(i.to_string());
            files::write_secret(&path, bad.as_bytes()).unwrap();
            assert!(matches!(read(&path), Err(FileError::Content { .. })), "{bad}");
        }
    }
}
