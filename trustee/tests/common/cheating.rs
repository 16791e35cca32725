//! A board in the place of the real one: its key, its address as good as any, and a log that no honest board would have.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use veritally_board::data_dir::{BoardKey, DataDir};
use veritally_board_api::Link;
use veritally_crypto::log::{Checkpoint, Frontier, SignedCheckpoint, leaf_hash};
use veritally_verifier::sample::tree_files;
use veritally_verifier::source::Memory;

use super::World;

#[path = "../../../verifier/tests/common/board.rs"]
mod files;

/// Everything that the real board has logged.
pub async fn entries(world: &World) -> Vec<Vec<u8>> {
    let client = world.client();
    let bundles: Vec<_> = client.bundles(0, world.tree_size().await).try_collect().await.unwrap();
    bundles.iter().flat_map(|bundle| bundle.entries().map(|(_, entry)| entry.to_vec())).collect()
}

/// From now on the link leads to a board that shows these entries, signed with the real log key; it can be made to show others.
pub async fn show(world: &mut World, entries: &[Vec<u8>]) -> files::Board {
    let board = files::Board::serve(files_of(world, entries).await);
    let link = format!("veritally://{}/test?fp={}", board.address, world.link.fingerprint.unwrap());
    world.link = Link::parse(&link).unwrap();
    board
}

/// What a board serves that has these entries.
pub async fn files_of(world: &World, entries: &[Vec<u8>]) -> Memory {
    let mut frontier = Frontier::new();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let key = DataDir::read_key(&world.dir.path().join("board"), BoardKey::Log).unwrap();
    let origin = world.administer().await.manifest.log.origin.clone();
    let checkpoint = SignedCheckpoint::sign(Checkpoint::new(origin, &frontier.head()), &key).unwrap();
    let mut shown: BTreeMap<_, _> = tree_files(entries).unwrap();
    shown.insert("checkpoint".into(), checkpoint.to_string().into_bytes());
    shown.insert("manifest".into(), entries[0].clone());
    shown.insert("status".into(), serde_json::to_vec(&world.client().status().await.unwrap()).unwrap());
    Memory(shown.into_iter().map(|(path, bytes)| (format!("/e/test/{path}"), bytes)).collect())
}
