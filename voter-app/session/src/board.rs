//! Who keeps the log: a board on the network, or the practice election's own.

use bytes::Bytes;
use futures_util::Stream;
use veritally_board_api::answers::Status;
use veritally_board_api::client::{Bundle, TreeError};
use veritally_board_api::{ClientError, ElectionClient, Submitted};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::log::merkle::{ConsistencyProof, InclusionProof};

#[cfg(feature = "practice")]
use crate::practice::PracticeBoard;

/// A board, as far as a voter's session asks it. Nothing of what it says is verified here.
#[derive(Debug, Clone)]
pub enum Board {
    /// On the network.
    Online(ElectionClient),
    /// In this process: a practice election, in which nothing counts.
    #[cfg(feature = "practice")]
    Practice(std::sync::Arc<PracticeBoard>),
}

impl Board {
    /// The client, when there is a network to ask.
    #[must_use]
    pub fn online(&self) -> Option<&ElectionClient> {
        match self {
            Self::Online(client) => Some(client),
            #[cfg(feature = "practice")]
            Self::Practice(_) => None,
        }
    }

    /// Whether nothing counts here.
    #[must_use]
    pub fn is_practice(&self) -> bool {
        self.online().is_none()
    }

    /// Leaf 0.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn manifest_bytes(&self) -> Result<Bytes, ClientError> {
        match self {
            Self::Online(client) => client.manifest_bytes().await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => Ok(board.manifest_bytes()),
        }
    }

    /// The signed tree head.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        match self {
            Self::Online(client) => client.checkpoint().await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => board.checkpoint(),
        }
    }

    /// Where the election stands, as the board tells it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        match self {
            Self::Online(client) => client.status().await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => Ok(board.status()),
        }
    }

    /// The entries from `from` to before `tree_size`, in order.
    pub fn bundles(&self, from: LeafIndex, tree_size: u64) -> impl Stream<Item = Result<Bundle, ClientError>> + '_ {
        #[cfg(feature = "practice")]
        {
            use futures_util::{StreamExt as _, stream};
            match self {
                Self::Online(client) => client.bundles(from, tree_size).left_stream(),
                Self::Practice(board) => stream::iter(board.bundles(from, tree_size)).right_stream(),
            }
        }
        #[cfg(not(feature = "practice"))]
        {
            let Self::Online(client) = self;
            client.bundles(from, tree_size)
        }
    }

    /// The proof that the tree of `new_size` entries extends the one of `old_size`. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn consistency_proof(&self, old_size: u64, new_size: u64) -> Result<ConsistencyProof, TreeError> {
        match self {
            Self::Online(client) => client.consistency_proof(old_size, new_size).await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => Ok(ConsistencyProof::prove(old_size, new_size, &board.stored_hashes(new_size))?),
        }
    }

    /// The proof that entry `index` is in the tree of `tree_size` entries. Not verified.
    ///
    /// # Errors
    /// [`TreeError`].
    pub async fn inclusion_proof(&self, index: LeafIndex, tree_size: u64) -> Result<InclusionProof, TreeError> {
        match self {
            Self::Online(client) => client.inclusion_proof(index, tree_size).await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => Ok(InclusionProof::prove(index, tree_size, &board.stored_hashes(tree_size))?),
        }
    }

    /// Sends a ballot. The same bytes may be sent any number of times.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_ballot(&self, ballot: Vec<u8>) -> Result<Submitted, ClientError> {
        match self {
            Self::Online(client) => client.submit_ballot(ballot).await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => board.submit_ballot(ballot).await,
        }
    }

    /// Sends an entry that is no ballot: a voter's published spoiled ballot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_entry(&self, entry: Vec<u8>) -> Result<Submitted, ClientError> {
        match self {
            Self::Online(client) => client.submit_entry(entry).await,
            #[cfg(feature = "practice")]
            Self::Practice(board) => board.submit_entry(entry).await,
        }
    }

    /// The receipt of an entry; `None` when the log has no such entry.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn receipt(&self, code: &str) -> Result<Option<String>, ClientError> {
        match self {
            Self::Online(client) => client.receipt(code).await,
            // Every ballot was answered with its receipt.
            #[cfg(feature = "practice")]
            Self::Practice(_) => Ok(None),
        }
    }
}
