//! Proofs about a log's tree, made of the board's tiles.
//!
//! The board's word counts for nothing: a wrong tile makes a proof that fails under the signed root.

use std::collections::HashMap;

use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{ConsistencyProof, InclusionProof, ProofError, stored_hash_index};
use veritally_crypto::log::place::{HashPlace, head_indexes, head_of};
use veritally_crypto::log::tiles::{self, TileError, TilePath};

use super::{ClientError, ElectionClient};

/// Why a proof could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The board could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A tile that is none.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// There is no such proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ElectionClient {
    /// The proof that the tree of `new_size` entries, as the board serves it, extends the one of `old_size`. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn consistency_proof(&self, old_size: u64, new_size: u64) -> Result<ConsistencyProof, TreeError> {
        let hashes = self.stored_hashes(&ConsistencyProof::needed(old_size, new_size)?, new_size).await?;
        Ok(ConsistencyProof::prove(old_size, new_size, &hashes)?)
    }

    /// The proof that entry `index` is in the tree of `tree_size` entries, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn inclusion_proof(&self, index: LeafIndex, tree_size: u64) -> Result<InclusionProof, TreeError> {
        let hashes = self.stored_hashes(&InclusionProof::needed(index, tree_size)?, tree_size).await?;
        Ok(InclusionProof::prove(index, tree_size, &hashes)?)
    }

    /// The head of the first `size` entries of the tree of `tree_size`, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn head_at(&self, size: u64, tree_size: u64) -> Result<Head, TreeError> {
        if size > tree_size {
            return Err(ProofError::OutOfRange { index: size, tree_size }.into());
        }
        let hashes = self.stored_hashes(&head_indexes(size), tree_size).await?;
        let head = head_of(size, |index| hashes.get(&index).copied());
        Ok(head.ok_or(ProofError::OutOfRange { index: size, tree_size })?)
    }

    /// The hash of entry `index` in the tree of `tree_size` entries, as the board serves it. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn leaf_hash_at(&self, index: LeafIndex, tree_size: u64) -> Result<Hash, TreeError> {
        let stored = stored_hash_index(0, index);
        let found = self.stored_hashes(&[stored], tree_size).await?;
        Ok(found.get(&stored).copied().ok_or(ProofError::MissingHash(stored))?)
    }

    /// The stored hashes with these indexes, each tile fetched once.
    async fn stored_hashes(&self, indexes: &[u64], tree_size: u64) -> Result<HashMap<u64, Hash>, TreeError> {
        let mut fetched: HashMap<TilePath, Vec<Hash>> = HashMap::new();
        let mut found = HashMap::with_capacity(indexes.len());
        for &index in indexes {
            let place = HashPlace::of(index, tree_size)?;
            let tile = place.tile();
            let hashes = match fetched.entry(tile) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(new) => {
                    let bytes = self.tile(tile).await?;
                    new.insert(tiles::decode_hashes(&bytes, tile.width())?)
                }
            };
            found.insert(index, place.hash(hashes).ok_or(TileError::Content("it lacks hashes of this tree"))?);
        }
        Ok(found)
    }
}
