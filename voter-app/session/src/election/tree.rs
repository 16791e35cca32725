//! Proofs about a log's tree, made of the board's tiles and verified against a signed root.

use veritally_board_api::client::TreeError;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::merkle::{ProofError, leaf_hash};

use crate::SessionError;
use crate::board::Board;

/// The tree with this head; the head's signature was verified by the caller.
pub(crate) struct Tree<'a> {
    board: &'a Board,
    head: Head,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(board: &'a Board, head: Head) -> Self {
        Self { board, head }
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Verifies that this tree begins with all entries of the one with head `old`.
    pub(crate) async fn verify_extends(&self, old: &Head) -> Result<(), SessionError> {
        let new = self.head;
        let fork = |source| SessionError::Fork { old: *old, new, source };
        if *old == new {
            return Ok(());
        }
        if old.tree_size == new.tree_size {
            return Err(fork(ProofError::Invalid));
        }
        let proof = self.board.consistency_proof(old.tree_size, new.tree_size).await;
        proof.map_err(|error| unproven(error, fork))?.verify(old, &new).map_err(fork)
    }

    /// Verifies that an entry is in this tree; `otherwise` says what it means if it is not.
    pub(crate) async fn verify_includes(
        &self,
        index: LeafIndex,
        entry: &[u8],
        otherwise: impl Fn(ProofError) -> SessionError,
    ) -> Result<(), SessionError> {
        let proof = self.board.inclusion_proof(index, self.head.tree_size).await;
        let proof = proof.map_err(|error| unproven(error, &otherwise))?;
        proof.verify(index, &leaf_hash(entry), &self.head).map_err(otherwise)
    }
}

/// The board's tiles do not give a proof: `otherwise` says what it means if there can be none.
fn unproven(error: TreeError, otherwise: impl Fn(ProofError) -> SessionError) -> SessionError {
    match error {
        TreeError::Client(error) => error.into(),
        TreeError::Tile(error) => error.into(),
        TreeError::Proof(error) => otherwise(error),
        other => SessionError::State(other.to_string()),
    }
}
