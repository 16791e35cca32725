//! What an earlier run left in the folder: the log that a later one must extend, and the entries of it that a contradicting
//! log has not.

use std::path::PathBuf;

use veritally_board_api::ElectionClient;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::merkle::{ConsistencyProof, InclusionProof};
use veritally_crypto::log::note::MAX_NOTE_BYTES;

use super::FollowError;
use crate::evidence::{Evidence, Finding, LogIdentity, Passage};
use crate::source::{CHECKPOINT, Folder, Source as _, StoredTree};

/// The checkpoint of the copy in a folder; `None` when there is no copy yet.
pub(super) fn checkpoint(folder: &Folder, log: &LogIdentity) -> Result<Option<SignedCheckpoint>, FollowError> {
    let Some(note) = folder.read(CHECKPOINT, MAX_NOTE_BYTES)?.bytes() else { return Ok(None) };
    let signed = SignedCheckpoint::parse(&String::from_utf8_lossy(&note), &log.origin, &log.key);
    signed.map(Some).map_err(|reason| FollowError::Kept { folder: PathBuf::from(folder.root()), reason })
}

/// A copy of the log that was seen first, and the board that shows another one.
pub(super) struct Contradiction<'a> {
    pub(super) folder: &'a Folder,
    pub(super) client: &'a ElectionClient,
    /// Of the copy.
    pub(super) first: &'a SignedCheckpoint,
    /// Of the board.
    pub(super) second: &'a SignedCheckpoint,
}

impl Contradiction<'_> {
    fn tree(&self) -> StoredTree<'_> {
        StoredTree { source: self.folder, size: self.seen().tree_size }
    }

    fn seen(&self) -> Head {
        self.first.checkpoint().head()
    }

    fn shown(&self) -> Head {
        self.second.checkpoint().head()
    }

    /// What the copy proves beyond a comparison of checkpoints, all of it checked by [`Evidence::check`]: that a smaller log is
    /// no beginning of the one that was seen first, and which of its entries is the first that the board's log has not.
    pub(super) async fn proved(&self, finding: &Finding, hold: impl Fn(&Finding) -> bool) -> Vec<Finding> {
        let mut proved = vec![];
        if matches!(finding, Finding::Rollback { .. }) {
            proved.extend(self.fork_of_smaller());
        }
        if matches!(finding, Finding::Fork { .. } | Finding::Rollback { .. } | Finding::Unproven { .. }) {
            proved.extend(self.vanished().await);
        }
        proved.retain(hold);
        proved
    }

    fn fork_of_smaller(&self) -> Option<Finding> {
        let (tree, old, new) = (self.tree(), self.seen(), self.shown());
        let passed = tree.head_at(new.tree_size).filter(|passed| *passed != new)?;
        let proof = ConsistencyProof::prove(new.tree_size, old.tree_size, &tree).ok()?;
        let passage = Some(Passage { root: passed.root, proof: proof.0 });
        Some(Finding::Fork { first: self.second.to_string(), second: self.first.to_string(), passage })
    }

    async fn vanished(&self) -> Option<Finding> {
        let index = self.first_difference().await?;
        let tree = self.tree();
        let entry = tree.entry(index)?;
        let inclusion = InclusionProof::prove(index, self.seen().tree_size, &tree).ok()?;
        let entry = (entry.as_slice(), index, &inclusion);
        let found = Finding::vanished(self.client, entry, self.first, self.second).await.ok().flatten();
        found.filter(|finding| matches!(finding, Finding::Vanished { .. }))
    }

    /// The first entry in which both logs differ, of those that both have: heads of equal beginnings are equal.
    async fn first_difference(&self) -> Option<LeafIndex> {
        let (tree, new) = (self.tree(), self.shown().tree_size);
        let (mut same, mut differs) = (0, self.seen().tree_size.min(new));
        let head = async |size| Some(tree.head_at(size)? == self.client.head_at(size, new).await.ok()?);
        if head(differs).await? {
            return None;
        }
        while differs - same > 1 {
            let middle = same + (differs - same) / 2;
            if head(middle).await? { same = middle } else { differs = middle }
        }
        Some(same)
    }
}

/// Whether evidence with this finding shows what it says.
pub(super) fn holds(evidence: &Evidence, finding: &Finding) -> bool {
    Evidence { finding: finding.clone(), ..evidence.clone() }.check().is_ok()
}
