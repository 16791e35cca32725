//! The Merkle tree of RFC 6962 section 2.1: hashes, the frontier of a growing tree, proofs.
//!
//! Inner hashes are stored in the order in which they are completed (`stored_hash_index` of golang.org/x/mod/sumdb/tlog):
//! entry n brings its own hash and those of the perfect subtrees that end with it.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::MAX_TREE_SIZE;
use crate::hash::Hash;
use crate::id::LeafIndex;
use crate::leaves::Head;

/// Longest proof that is looked at: a tree of 2^53 entries has 53 levels, a consistency proof one hash more.
pub const MAX_PROOF_HASHES: usize = 64;

/// SHA-256 of nothing: the root of the empty tree.
pub const EMPTY_ROOT: Hash = Hash(tlog_tiles::EMPTY_HASH.0);

/// Why a proof could not be made or does not hold.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// An index that is not in the tree, a size that is none, or a smaller tree as the newer one.
    #[error("there is no entry {index} in a tree of {tree_size} entries")]
    OutOfRange {
        /// The entry, or the size of the older tree.
        index: u64,
        /// The size of the tree.
        tree_size: u64,
    },
    /// A stored hash was not to be had.
    #[error("the store has not the inner hash {0} of the tree: it is damaged or behind the checkpoint")]
    MissingHash(u64),
    /// The hashes do not lead from leaf (or old root) to the root.
    #[error("the proof does not lead to this root: the entry is not in this log, or the proof was altered")]
    Invalid,
}

/// `MTH({d}) = SHA-256(0x00 ‖ d)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new_with_prefix([0]).chain_update(entry).finalize().into())
}

/// `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new_with_prefix([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The roots of the perfect subtrees that a growing tree consists of, largest first: all that it takes to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an entry, given its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        self.push_with(leaf, |_| {});
    }

    /// Appends an entry and hands out the hashes to be stored for it: its own, then each completed subtree's, from
    /// stored hash index `stored_hash_index(0, index)` on.
    pub fn push_with(&mut self, leaf: Hash, mut store: impl FnMut(Hash)) {
        store(leaf);
        let mut hash = leaf;
        // Every 1 at the end of the old size is a subtree as large as the one just completed.
        for _ in 0..self.size.trailing_ones() {
            // A 1 in `size` stands for an element of `roots`.
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
            store(hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.roots.iter().copied().rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { root: self.root(), tree_size: self.size }
    }

    /// The roots with their stored hash indexes: together with the hashes stored from here on they prove every later
    /// entry.
    pub fn stored(&self) -> impl Iterator<Item = (u64, Hash)> + '_ {
        let mut start = 0u64;
        let levels = (0..64u8).rev().filter(|level| self.size >> level & 1 == 1);
        self.roots.iter().zip(levels).map(move |(root, level)| {
            let index = stored_hash_index(level, start >> level);
            start += 1 << level;
            (index, *root)
        })
    }
}

/// Where the hash number `n` of `level` is stored, for trees up to [`MAX_TREE_SIZE`].
#[must_use]
pub fn stored_hash_index(level: u8, n: u64) -> u64 {
    tlog_tiles::stored_hash_index(level, n)
}

/// The entry that completed a stored hash, and the hash's level: the `level`-th hash stored for that entry.
#[must_use]
pub fn stored_hash_origin(index: u64) -> Option<(LeafIndex, u8)> {
    if index > tlog_tiles::stored_hash_index(0, MAX_TREE_SIZE) {
        return None;
    }
    let (level, n) = tlog_tiles::split_stored_hash_index(index);
    Some((((n + 1) << level) - 1, level))
}

/// Access to stored hashes.
pub trait HashReader {
    /// The hash with this stored hash index.
    fn stored_hash(&self, index: u64) -> Option<Hash>;
}

impl HashReader for HashMap<u64, Hash> {
    fn stored_hash(&self, index: u64) -> Option<Hash> {
        self.get(&index).copied()
    }
}

impl HashReader for Vec<Hash> {
    fn stored_hash(&self, index: u64) -> Option<Hash> {
        usize::try_from(index).ok().and_then(|i| self.get(i)).copied()
    }
}

/// Serves `tlog_tiles`, and notes what it asked for.
struct Adapter<'a> {
    reader: Option<&'a dyn HashReader>,
    asked: std::cell::RefCell<Vec<u64>>,
}

impl<'a> Adapter<'a> {
    fn new(reader: Option<&'a dyn HashReader>) -> Self {
        Self { reader, asked: std::cell::RefCell::default() }
    }
}

impl tlog_tiles::HashReader for Adapter<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        *self.asked.borrow_mut() = indexes.to_vec();
        let read = |&index: &u64| self.reader.and_then(|r| r.stored_hash(index)).map(|h| tlog_tiles::Hash(h.0));
        indexes.iter().map(read).collect::<Option<_>>().ok_or(tlog_tiles::Error::InvalidProof)
    }
}

/// Runs one of `tlog_tiles`' provers.
fn prove(
    reader: &dyn HashReader,
    prover: impl Fn(&Adapter<'_>) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error>,
) -> Result<Vec<Hash>, ProofError> {
    let adapter = Adapter::new(Some(reader));
    prover(&adapter).map(|hashes| hashes.into_iter().map(|h| Hash(h.0)).collect()).map_err(|_| {
        let missing = adapter.asked.borrow().iter().copied().find(|&i| reader.stored_hash(i).is_none());
        missing.map_or(ProofError::Invalid, ProofError::MissingHash)
    })
}

/// The stored hashes that one of `tlog_tiles`' provers would read.
fn needed(prover: impl Fn(&Adapter<'_>) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error>) -> Vec<u64> {
    let adapter = Adapter::new(None);
    // Fails for want of hashes, having asked for all of them at once.
    let _ = prover(&adapter);
    adapter.asked.into_inner()
}

fn outside(index: u64, tree_size: u64) -> ProofError {
    ProofError::OutOfRange { index, tree_size }
}

/// That an entry is in a tree: RFC 6962 section 2.1.1, sibling of the leaf first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof(pub Vec<Hash>);

impl InclusionProof {
    fn check_range(index: LeafIndex, tree_size: u64) -> Result<(), ProofError> {
        if index < tree_size && tree_size <= MAX_TREE_SIZE { Ok(()) } else { Err(outside(index, tree_size)) }
    }

    /// The stored hashes that [`Self::prove`] reads: for stores that are asked beforehand.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`].
    pub fn needed(index: LeafIndex, tree_size: u64) -> Result<Vec<u64>, ProofError> {
        Self::check_range(index, tree_size)?;
        Ok(needed(|reader| tlog_tiles::prove_record(tree_size, index, reader)))
    }

    /// Proves that entry `index` is in the tree of `tree_size` entries.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`], [`ProofError::MissingHash`].
    pub fn prove(index: LeafIndex, tree_size: u64, reader: &dyn HashReader) -> Result<Self, ProofError> {
        Self::check_range(index, tree_size)?;
        prove(reader, |adapter| tlog_tiles::prove_record(tree_size, index, adapter)).map(Self)
    }

    /// Verifies that the entry with this [`leaf_hash`] is number `index` in the tree with this head.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`], [`ProofError::Invalid`].
    pub fn verify(&self, index: LeafIndex, leaf: &Hash, head: &Head) -> Result<(), ProofError> {
        Self::check_range(index, head.tree_size)?;
        let proof = bounded(&self.0)?;
        tlog_tiles::check_record(&proof, head.tree_size, foreign(&head.root), index, foreign(leaf))
            .map_err(|_| ProofError::Invalid)
    }
}

/// That a tree begins with all entries of a smaller one: RFC 6962 section 2.1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof(pub Vec<Hash>);

impl ConsistencyProof {
    fn check_range(old_size: u64, new_size: u64) -> Result<(), ProofError> {
        if old_size <= new_size && new_size <= MAX_TREE_SIZE { Ok(()) } else { Err(outside(old_size, new_size)) }
    }

    /// The stored hashes that [`Self::prove`] reads.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`].
    pub fn needed(old_size: u64, new_size: u64) -> Result<Vec<u64>, ProofError> {
        Self::check_range(old_size, new_size)?;
        if old_size == 0 {
            return Ok(Vec::new());
        }
        Ok(needed(|reader| tlog_tiles::prove_tree(new_size, old_size, reader)))
    }

    /// Proves that the tree of `new_size` entries extends the one of `old_size`. The empty tree needs no proof.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`], [`ProofError::MissingHash`].
    pub fn prove(old_size: u64, new_size: u64, reader: &dyn HashReader) -> Result<Self, ProofError> {
        Self::check_range(old_size, new_size)?;
        if old_size == 0 {
            return Ok(Self(Vec::new()));
        }
        prove(reader, |adapter| tlog_tiles::prove_tree(new_size, old_size, adapter)).map(Self)
    }

    /// Verifies.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`], [`ProofError::Invalid`].
    pub fn verify(&self, old: &Head, new: &Head) -> Result<(), ProofError> {
        Self::check_range(old.tree_size, new.tree_size)?;
        if old.tree_size == 0 {
            return if self.0.is_empty() && old.root == EMPTY_ROOT { Ok(()) } else { Err(ProofError::Invalid) };
        }
        let proof = bounded(&self.0)?;
        tlog_tiles::check_tree(&proof, new.tree_size, foreign(&new.root), old.tree_size, foreign(&old.root))
            .map_err(|_| ProofError::Invalid)
    }
}

fn foreign(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

fn bounded(hashes: &[Hash]) -> Result<Vec<tlog_tiles::Hash>, ProofError> {
    if hashes.len() > MAX_PROOF_HASHES {
        return Err(ProofError::Invalid);
    }
    Ok(hashes.iter().map(foreign).collect())
}
