//! The key file: a trustee's identity key, decryption secret and ceremony seeds, encrypted with a passphrase.
//!
//! It is an ordinary `age` file (scrypt recipient) around JSON, so that a backup can be opened with `age -d` or `rage -d`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read as _};
use std::iter;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use veritally_board_api::files::{self, FileError};
use veritally_crypto::ceremony::prove_possession;
use veritally_crypto::group::{EncodedPoint, EncodedScalar, SecretScalar};
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::TrusteeKeys;
use veritally_crypto::signature::SigningSecret;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Key files hold a few hundred bytes and one seed a ceremony; backups a journal too, of some hundred bytes a head seen and
/// the decryption shares.
const MAX_FILE_BYTES: usize = 64 << 20;
/// Highest scrypt work factor of a file that is opened, as in the program `age`. Without it the library measures what this
/// machine manages at the moment, and a slow or busy one would call the passphrase of its own key file wrong.
const MAX_WORK_FACTOR: u8 = 22;

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Wrong passphrase, or not a key file.
    #[error("{} can't be decrypted: wrong passphrase, or not a trustee's key file", path.display())]
    Decrypt {
        /// Which file.
        path: PathBuf,
    },
    /// Decrypted, but not what this program wrote.
    #[error("{} was decrypted but its content is damaged: use the backup", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
    /// Encryption failed.
    #[error("the key file can't be encrypted: {0}")]
    Encrypt(String),
}

/// What is encrypted in a key file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    format: String,
    name: String,
    identity_seed: String,
    decryption_secret: String,
    /// By fingerprint and attempt ("<hex>/<attempt>"): the seed of the polynomials.
    #[zeroize(skip)]
    seeds: BTreeMap<String, Seed>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct Seed(String);

/// Counts bytes.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A secret as JSON, in a buffer of the right length from the beginning: one that grows leaves copies behind.
pub(crate) fn secret_json(secret: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
    let refused = |error: serde_json::Error| KeyStoreError::Encrypt(error.to_string());
    let mut length = Length(0);
    serde_json::to_writer(&mut length, secret).map_err(refused)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *bytes, secret).map_err(refused)?;
    Ok(bytes)
}

const FORMAT: &str = "veritally-trustee-key/v1";

/// An opened key file. Secrets are erased on drop and never printed.
pub struct KeyStore {
    path: PathBuf,
    passphrase: Zeroizing<String>,
    content: Content,
    identity: SigningSecret,
    decryption_secret: SecretScalar,
    work_factor: Option<u8>,
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyStore({}, secrets redacted)", self.path.display())
    }
}

fn seed_bytes(hex_text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(hex_text, bytes.as_mut()).ok()?;
    Some(bytes)
}

impl KeyStore {
    /// Makes new keys and writes their file, which must not exist yet. `work_factor` is scrypt's (its base-two
    /// logarithm); `None` measures what takes this machine about a second.
    ///
    /// # Errors
    /// [`KeyStoreError`]; nothing is written then.
    pub fn create(
        path: &Path,
        name: &str,
        passphrase: Zeroizing<String>,
        work_factor: Option<u8>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, KeyStoreError> {
        let identity = SigningSecret::generate(rng);
        let decryption_secret = SecretScalar::random(rng);
        let content = Content {
            format: FORMAT.into(),
            name: name.into(),
            identity_seed: hex::encode(identity.expose_seed().as_slice()),
            decryption_secret: hex::encode(decryption_secret.expose_secret().as_bytes()),
            seeds: BTreeMap::new(),
        };
        let store = Self { path: path.into(), passphrase, content, identity, decryption_secret, work_factor };
        files::create_secret(path, &store.encrypt(&secret_json(&store.content)?)?)?;
        Ok(store)
    }

    /// Opens a key file.
    ///
    /// # Errors
    /// [`KeyStoreError`]: unreadable, readable by others, wrong passphrase, damaged.
    pub fn open(path: &Path, passphrase: Zeroizing<String>) -> Result<Self, KeyStoreError> {
        let plain = Self::decrypt(path, &passphrase)?;
        let content = serde_json::from_slice(&plain).map_err(|_| KeyStoreError::Content { path: path.into() })?;
        Self::from_content(path, content, passphrase)
    }

    /// What is in an encrypted file.
    pub(crate) fn decrypt(path: &Path, passphrase: &Zeroizing<String>) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
        let encrypted = files::read_secret(path)?;
        let refused = || KeyStoreError::Decrypt { path: path.into() };
        if encrypted.len() > MAX_FILE_BYTES {
            return Err(refused());
        }
        let mut identity = age::scrypt::Identity::new(SecretString::from(passphrase.as_str()));
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let decryptor = age::Decryptor::new_buffered(encrypted.as_slice()).map_err(|_| refused())?;
        let mut reader = decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(|_| refused())?;
        // As long as what it is in, which is longer: a buffer that grows leaves copies behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(encrypted.len()));
        reader.read_to_end(&mut plain).map_err(|_| refused())?;
        Ok(plain)
    }

    /// From a key file's content; `path` is where it came from and where changes are written.
    pub(crate) fn from_content(
        path: &Path,
        content: Content,
        passphrase: Zeroizing<String>,
    ) -> Result<Self, KeyStoreError> {
        let damaged = || KeyStoreError::Content { path: path.into() };
        if content.format != FORMAT {
            return Err(damaged());
        }
        let identity = SigningSecret::from_seed(&*seed_bytes(&content.identity_seed).ok_or_else(damaged)?);
        let secret = seed_bytes(&content.decryption_secret).ok_or_else(damaged)?;
        let decryption_secret = SecretScalar::new(EncodedScalar(*secret).decode().map_err(|_| damaged())?);
        // Written with the factor that was measured then; reading it back out is not worth the parsing: measure again.
        Ok(Self { path: path.into(), passphrase, content, identity, decryption_secret, work_factor: None })
    }

    /// What is encrypted.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// Encrypts with this key file's passphrase.
    pub(crate) fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        let mut recipient = age::scrypt::Recipient::new(SecretString::from(self.passphrase.as_str()));
        if let Some(factor) = self.work_factor {
            recipient.set_work_factor(factor);
        }
        age::encrypt(&recipient, plain).map_err(|e| KeyStoreError::Encrypt(e.to_string()))
    }

    /// Writes the same keys to another file, which must not exist.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    pub fn copy_to(&self, path: &Path, work_factor: Option<u8>) -> Result<(), KeyStoreError> {
        let mut copy = Self::from_content(path, self.content.clone(), self.passphrase.clone())?;
        copy.work_factor = work_factor;
        Ok(files::create_secret(path, &copy.encrypt(&secret_json(&copy.content)?)?)?)
    }

    /// Keeps writing with this scrypt work factor (its base-two logarithm).
    pub fn set_work_factor(&mut self, factor: Option<u8>) {
        self.work_factor = factor;
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Signs this trustee's entries.
    #[must_use]
    pub fn identity(&self) -> &SigningSecret {
        &self.identity
    }

    /// d_i.
    #[must_use]
    pub fn decryption_secret(&self) -> &SecretScalar {
        &self.decryption_secret
    }

    /// What the administrator puts into the manifest.
    pub fn public_keys(&self, rng: &mut impl CryptoRng) -> TrusteeKeys {
        let identity_key = self.identity.verification_key();
        TrusteeKeys {
            encryption_key: EncodedPoint::from(&self.decryption_secret.public_point()),
            identity_key,
            name: self.content.name.clone(),
            proof: prove_possession(&identity_key, &self.decryption_secret, rng),
        }
    }

    /// The seed of this trustee's polynomials in one attempt of one election's ceremony; drawn and written to the file,
    /// durably, the first time.
    ///
    /// # Errors
    /// [`KeyStoreError`] when the file can't be written: then the seed must not be used.
    pub fn ceremony_seed(
        &mut self,
        fingerprint: &Hash,
        attempt: u64,
        rng: &mut impl CryptoRng,
    ) -> Result<Zeroizing<[u8; 32]>, KeyStoreError> {
        let name = format!("{fingerprint}/{attempt}");
        if !self.content.seeds.contains_key(&name) {
            let mut seed = Zeroizing::new([0; 32]);
            rng.fill_bytes(seed.as_mut());
            self.content.seeds.insert(name.clone(), Seed(hex::encode(seed.as_slice())));
            let sealed = secret_json(&self.content).and_then(|json| self.encrypt(&json));
            let written = sealed.and_then(|bytes| Ok(files::write_secret(&self.path, &bytes)?));
            if let Err(error) = written {
                self.content.seeds.remove(&name);
                return Err(error);
            }
        }
        let seed = self.content.seeds.get(&name).and_then(|seed| seed_bytes(&seed.0));
        seed.ok_or_else(|| KeyStoreError::Content { path: self.path.clone() })
    }

    /// The seed of a ceremony in which this trustee has taken part.
    #[must_use]
    pub fn known_seed(&self, fingerprint: &Hash, attempt: u64) -> Option<Zeroizing<[u8; 32]>> {
        seed_bytes(&self.content.seeds.get(&format!("{fingerprint}/{attempt}"))?.0)
    }

    /// Whether this file holds the seed of that ceremony: without it there are no shares to decrypt with.
    #[must_use]
    pub fn has_ceremony_seed(&self, fingerprint: &Hash, attempt: u64) -> bool {
        self.content.seeds.contains_key(&format!("{fingerprint}/{attempt}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn passphrase(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    /// Scrypt at 2^2: tests check the file, not scrypt's slowness.
    const QUICK: Option<u8> = Some(2);

    #[test]
    fn a_key_file_opens_with_its_passphrase_only_and_keeps_seeds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trustee.key");
        let rng = &mut rand::rng();
        let mut made = KeyStore::create(&path, "Ada", passphrase("correct horse"), QUICK, rng).unwrap();
        let seed = made.ceremony_seed(&Hash::of(b"e"), 1, rng).unwrap();
        assert!(matches!(KeyStore::open(&path, passphrase("wrong")), Err(KeyStoreError::Decrypt { .. })));
        let mut opened = KeyStore::open(&path, passphrase("correct horse")).unwrap();
        assert_eq!(opened.identity().verification_key(), made.identity().verification_key());
        assert_eq!(opened.ceremony_seed(&Hash::of(b"e"), 1, rng).unwrap(), seed);
        opened.set_work_factor(QUICK);
        assert_ne!(opened.ceremony_seed(&Hash::of(b"e"), 2, rng).unwrap(), seed, "a restart redraws");
        assert!(matches!(
            KeyStore::create(&path, "Bob", passphrase("another one"), QUICK, rng),
            Err(KeyStoreError::File(_))
        ));
    }

    #[test]
    fn secrets_are_written_to_buffers_that_do_not_grow() {
        let (dir, rng) = (tempfile::tempdir().unwrap(), &mut rand::rng());
        let path = dir.path().join("trustee.key");
        let mut store = KeyStore::create(&path, "Ada", passphrase("correct horse"), QUICK, rng).unwrap();
        for attempt in 1..5 {
            store.ceremony_seed(&Hash::of(b"e"), attempt, rng).unwrap();
        }
        let json = secret_json(&store.content).unwrap();
        assert_eq!((json.capacity(), json.as_slice()), (json.len(), &*serde_json::to_vec(&store.content).unwrap()));
        let plain = KeyStore::decrypt(&path, &store.passphrase).unwrap();
        assert_eq!(plain.as_slice(), json.as_slice());
        assert_eq!(plain.capacity(), std::fs::read(&path).unwrap().len());
    }

    #[test]
    fn neither_the_file_nor_debug_shows_a_secret() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trustee.key");
        let rng = &mut rand::rng();
        let store = KeyStore::create(&path, "Ada", passphrase("correct horse"), QUICK, rng).unwrap();
        let seed = hex::encode(store.identity().expose_seed().as_slice());
        let file = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&file).contains(&seed));
        assert!(file.starts_with(b"age-encryption.org/v1"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{store:?}").contains(&seed));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            KeyStore::open(&path, passphrase("correct horse")),
            Err(KeyStoreError::File(FileError::Permissions { .. }))
        ));
    }
}
