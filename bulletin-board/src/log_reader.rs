//! The reading side of a stored log: tiles, receipts, codes. No policy, no state.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::log::checkpoint::CheckpointError;
use veritally_crypto::log::merkle::ProofError;
use veritally_crypto::log::receipt::Receipt;
use veritally_crypto::log::tiles::{self, TileError, TileKind, TilePath};
use veritally_crypto::log::{ConsistencyProof, InclusionProof, SignedCheckpoint};
use veritally_crypto::manifest::LogIdentity;
use veritally_crypto::text;

use crate::store::{Store, StoreError};

/// Why a stored log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored checkpoint that this log's key did not sign.
    #[error("the store is damaged: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Stored hashes that do not make a proof.
    #[error("the store is damaged: {0}")]
    Proof(#[from] ProofError),
    /// An entry that no bundle holds.
    #[error("the store is damaged: {0}")]
    Tile(#[from] TileError),
}

/// A tile or entry bundle of a log that has all of it (`TilePath::is_in`).
///
/// # Errors
/// [`ReadError`].
pub async fn tile(store: &dyn Store, election: &Id, tile: TilePath) -> Result<Bytes, ReadError> {
    match tile.kind() {
        TileKind::Hashes(_) => {
            let hashes = store.hashes(election, tile.stored_hashes()).await?;
            Ok(tiles::encode_hashes(&hashes).into())
        }
        TileKind::Entries => {
            let leaves = store.leaves(election, tile.range()).await?;
            Ok(tiles::encode_entries(leaves.iter().map(AsRef::as_ref))?.into())
        }
    }
}

/// The receipt of a committed entry, with the first checkpoint that covers it: always the same text.
///
/// # Errors
/// [`ReadError`]; [`StoreError::Damaged`] when no checkpoint covers it.
pub async fn receipt(
    store: &dyn Store,
    election: &Id,
    log: &LogIdentity,
    index: LeafIndex,
) -> Result<String, ReadError> {
    let text = store.checkpoint_covering(election, index).await?;
    let text = text.ok_or_else(|| StoreError::Damaged(format!("no checkpoint covers entry {index}")))?;
    let checkpoint = SignedCheckpoint::parse(&text, &log.origin, &log.key)?;
    let size = checkpoint.checkpoint().tree_size;
    let needed = InclusionProof::needed(index, size)?;
    let hashes = store.hashes(election, needed.clone()).await?;
    let known: HashMap<u64, Hash> = needed.into_iter().zip(hashes).collect();
    let proof = InclusionProof::prove(index, size, &known)?;
    Ok(Receipt::new(index, proof, &checkpoint).to_string())
}

/// That the log of `new_size` entries begins with those of `old_size`.
///
/// # Errors
/// [`ReadError`].
pub async fn consistency(
    store: &dyn Store,
    election: &Id,
    old_size: u64,
    new_size: u64,
) -> Result<ConsistencyProof, ReadError> {
    let needed = ConsistencyProof::needed(old_size, new_size)?;
    let hashes = store.hashes(election, needed.clone()).await?;
    let known: HashMap<u64, Hash> = needed.into_iter().zip(hashes).collect();
    Ok(ConsistencyProof::prove(old_size, new_size, &known)?)
}

/// What a code in a path can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// 64 hexadecimal digits: a confirmation code, or the SHA-256 of an entry.
    Full(Hash),
    /// 20 base32 digits: all confirmation codes that begin with these 100 bits.
    Short(RangeInclusive<Hash>),
}

/// Digits of a short code: 100 bits.
const SHORT_DIGITS: usize = veritally_crypto::ballot::SHORT_CODE_DIGITS;

impl Code {
    /// Reads either form; short codes as people type them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(hash) = Hash::from_hex(text) {
            return Some(Self::Full(hash));
        }
        let digits = text::digits(text).ok().filter(|digits| digits.len() == SHORT_DIGITS)?;
        let packed = text::pack(&digits);
        let bound = |fill: u8| {
            let bytes = std::array::from_fn(|i| match packed.get(i) {
                // 12 bytes and a half: the low half of the 13th is free.
                Some(&byte) if i == 12 => byte | (fill & 0x0f),
                Some(&byte) => byte,
                None => fill,
            });
            Hash(bytes)
        };
        Some(Self::Short(bound(0)..=bound(255)))
    }
}

/// The entries that a code names: none, one, or two when it is ambiguous.
///
/// # Errors
/// [`StoreError`].
pub async fn find(store: &dyn Store, election: &Id, code: &Code) -> Result<Vec<LeafIndex>, StoreError> {
    match code {
        Code::Short(range) => store.indexes_of_codes(election, range.clone()).await,
        Code::Full(hash) => {
            let found = store.indexes_of_codes(election, *hash..=*hash).await?;
            if found.is_empty() {
                Ok(store.index_of_entry(election, hash).await?.into_iter().collect())
            } else {
                Ok(found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use veritally_crypto::ballot::ConfirmationCode;

    use super::*;

    #[test]
    fn a_short_code_names_all_codes_that_begin_with_it() {
        let hash = Hash::of(b"some ballot");
        let code = ConfirmationCode(hash);
        for text in [code.to_string(), code.short(), code.short().to_lowercase()] {
            let Some(Code::Short(range)) = Code::parse(&text) else { panic!("{text}") };
            assert!(range.contains(&hash));
            assert_eq!(range.start().0[..12], hash.0[..12]);
            assert_eq!(range.start().0[12], hash.0[12] & 0xf0);
            assert_eq!(range.end().0[12], hash.0[12] | 0x0f);
            assert!(range.start().0[13..].iter().all(|&b| b == 0) && range.end().0[13..].iter().all(|&b| b == 255));
        }
        assert_eq!(Code::parse(&hash.to_string()), Some(Code::Full(hash)));
        for bad in ["", "x", &code.short()[1..], &hash.to_string()[1..], &hash.to_string().to_uppercase()] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
    }
}
