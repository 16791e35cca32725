//! Messages longer than one entry, in parts: specs/encoding.md.

use serde::{Deserialize, Serialize};

use super::{Base64Bytes, CommitTag, ConfirmTag, DecryptionShareTag, RehearsalTag, RevealTag, SharesTag, signed};
use crate::canonical::{self, CanonicalError, MAX_LEAF_BYTES};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::signature::{self, Signature, SignedEntry, SigningSecret};

/// Bytes of a message in each of its parts but the last: 48 KiB of base64 and the members around it fit an entry.
pub const CHUNK_BYTES: usize = 36_864;

/// Longest message, in bytes: 20 trustees' shares of 400 rows are about 350 kB; the rest is reserve.
pub const MAX_MESSAGE_BYTES: usize = 16 << 20;

/// One part of a trustee's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// [`CHUNK_BYTES`] bytes of the message; the last part's are as many as are left, at least one.
    pub chunk: Base64Bytes,
    /// SHA-256 of the whole message.
    pub message: Hash,
    /// From 0.
    pub part: u64,
    /// How many in all, 2 to 455.
    pub parts: u64,
    /// Over the fingerprint and the entry without this member; `None` only while it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Signature>,
    /// Who sends it: a number from 1, in manifest order.
    pub trustee: TrusteeId,
    /// `<name>-part/v1`, where `<name>/v1` is the message's type.
    #[serde(rename = "type")]
    pub tag: String,
}
signed!(Part);

impl Part {
    /// The type of the message that this is a part of, if there is such a message.
    #[must_use]
    pub fn message_type(&self) -> Option<&'static str> {
        Self::message_type_of(&self.tag)
    }

    /// The type of the message whose parts have this type, if there is such a message.
    #[must_use]
    pub fn message_type_of(tag: &str) -> Option<&'static str> {
        let name = tag.strip_suffix("-part/v1")?;
        [
            CommitTag::NAME,
            RevealTag::NAME,
            SharesTag::NAME,
            ConfirmTag::NAME,
            RehearsalTag::NAME,
            DecryptionShareTag::NAME,
        ]
        .into_iter()
        .find(|full| full.strip_suffix("/v1") == Some(name))
    }
}

/// The entries that carry a trustee's signed message: itself, or its parts when it is longer than an entry.
///
/// # Errors
/// [`CanonicalError`] when the message lies outside the profile or is longer than [`MAX_MESSAGE_BYTES`].
pub fn split<E: SignedEntry + Clone>(
    message: &E,
    type_name: &str,
    trustee: TrusteeId,
    fingerprint: &Hash,
    key: &SigningSecret,
) -> Result<Vec<Vec<u8>>, CanonicalError> {
    let bytes = canonical::to_bytes(message)?;
    if bytes.len() <= MAX_LEAF_BYTES {
        return Ok(vec![bytes]);
    }
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(CanonicalError::TooLong(bytes.len()));
    }
    let tag = format!("{}-part/v1", type_name.strip_suffix("/v1").unwrap_or(type_name));
    let chunks: Vec<_> = bytes.chunks(CHUNK_BYTES).collect();
    chunks
        .iter()
        .enumerate()
        .map(|(i, chunk)| {
            let part = Part {
                chunk: Base64Bytes(chunk.to_vec()),
                message: Hash::of(&bytes),
                part: i as u64,
                parts: chunks.len() as u64,
                signature: None,
                trustee,
                tag: tag.clone(),
            };
            canonical::to_bytes(&signature::sign(part, fingerprint, key)?)
        })
        .collect()
}
