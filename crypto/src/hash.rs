//! SHA-256 with a domain label and framed items: `hash(label, items…)` of specs/protocol.md section 1.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::group::EncodedPoint;

/// A 32-byte SHA-256 value, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

/// What a string that should be a hash was not.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("not a hash: expected 64 lower-case hexadecimal digits")]
pub struct HashError;

impl Hash {
    /// 32 zero bytes: "no previous ballot".
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of plain bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hex digits.
    ///
    /// # Errors
    /// [`HashError`] on anything else.
    pub fn from_hex(text: &str) -> Result<Self, HashError> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(HashError);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl std::str::FromStr for Hash {
    type Err = HashError;
    fn from_str(s: &str) -> Result<Self, HashError> {
        Self::from_hex(s)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&text).map_err(de::Error::custom)
    }
}

/// Builds `hash(label, items…)`: every item is framed, so that no two lists of items share their bytes.
pub struct Hasher(Sha256);

impl Hasher {
    /// Starts a hash in the domain `veritally/v1/<label>`.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let mut inner = Sha256::new();
        inner.update(("veritally/v1/".len() as u64 + label.len() as u64).to_le_bytes());
        inner.update(b"veritally/v1/");
        inner.update(label.as_bytes());
        Self(inner)
    }

    /// An integer item.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.update(value.to_le_bytes());
        self
    }

    /// A string or a byte string of variable length, preceded by its length.
    #[must_use]
    pub fn bytes(self, value: &[u8]) -> Self {
        let mut this = self.u64(value.len() as u64);
        this.0.update(value);
        this
    }

    /// A 32-byte hash.
    #[must_use]
    pub fn hash(mut self, value: &Hash) -> Self {
        self.0.update(value.0);
        self
    }

    /// A point.
    #[must_use]
    pub fn point(mut self, value: &EncodedPoint) -> Self {
        self.0.update(value.0);
        self
    }

    /// Points one after the other; their number must be fixed by items before.
    #[must_use]
    pub fn points<'a>(self, values: impl IntoIterator<Item = &'a EncodedPoint>) -> Self {
        values.into_iter().fold(self, Self::point)
    }

    /// The hash.
    #[must_use]
    pub fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}
