//! What a board promised and served while it was killed and frozen, held against the log that is there in the end.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veritally_board_api::ElectionClient;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::{Receipt, SignedCheckpoint};
use veritally_crypto::manifest::CheckedManifest;

/// Collects what a board serves as its checkpoint until it is told to stop, asking again after each pause.
pub async fn collect(board: ElectionClient, stop: Arc<AtomicBool>, pause: Duration) -> Vec<String> {
    let mut served: Vec<String> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        if let Ok(text) = board.checkpoint().await
            && served.last() != Some(&text)
        {
            served.push(text);
        }
        tokio::time::sleep(pause).await;
    }
    served
}

/// No entry is there twice, every receipt is of its place, and every checkpoint that was served is of this log.
pub fn compare_with_log<'a>(
    leaves: &[impl AsRef<[u8]>],
    manifest: &CheckedManifest,
    acknowledged: impl Iterator<Item = (&'a EncryptedBallot, &'a str)>,
    served: &[String],
) {
    assert_eq!(leaves.iter().map(|leaf| Hash::of(leaf.as_ref())).collect::<HashSet<_>>().len(), leaves.len());
    let log = &manifest.log;
    let (mut heads, mut frontier) = (BTreeMap::new(), Frontier::new());
    for leaf in leaves {
        frontier.push(leaf_hash(leaf.as_ref()));
        heads.insert(frontier.size(), frontier.head());
    }
    for (ballot, text) in acknowledged {
        let (index, checkpoint) = Receipt::parse(text).unwrap().verify(ballot.bytes(), &log.origin, &log.key).unwrap();
        assert_eq!(leaves[usize::try_from(index).unwrap()].as_ref(), ballot.bytes());
        assert_eq!(heads.get(&checkpoint.tree_size), Some(&checkpoint.head()));
    }
    for text in served {
        let head = SignedCheckpoint::parse(text, &log.origin, &log.key).unwrap().checkpoint().head();
        assert_eq!(heads.get(&head.tree_size), Some(&head), "a checkpoint that was served is not of this log");
    }
}
