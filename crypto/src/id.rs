//! Identifiers of contests, selections, styles, groups and elections, and positions in the log.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// 1 to 64 characters of `a-z 0-9 - _ .`, first and last a letter or digit: safe in paths, links and CSV.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(String);

/// A string that is no [`Id`].
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("{0:?} is not an id: use 1 to 64 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit")]
pub struct IdError(String);

impl Id {
    /// Longest id, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks and wraps.
    ///
    /// # Errors
    /// [`IdError`] with the (shortened) culprit.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let inside = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
        if bytes.len() <= Self::MAX_BYTES && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inside) {
            Ok(Self(text))
        } else {
            Err(IdError(text.chars().take(80).collect()))
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Erases an id that says how somebody voted.
    pub(crate) fn erase(mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }

    /// Its bytes, for hashes and transcripts.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::str::FromStr for Id {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        Self::new(s)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Position of an entry in an election's log, from 0.
pub type LeafIndex = u64;

/// A trustee's number, from 1, in manifest order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrusteeId(pub u64);

impl fmt::Display for TrusteeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trustee {}", self.0)
    }
}
