//! What every [`Store`] must do, as tests. An implementation calls [`run_all`] with a maker of empty stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::log::merkle::{Frontier, HashReader as _, leaf_hash, stored_hash_index};

use super::{Batch, NewLeaf, Position, Store, StoreError};

pub mod nodes;

/// A log that grows by numbered entries.
pub struct TestLog {
    pub id: Id,
    frontier: Mutex<Frontier>,
    pub epoch: Mutex<u64>,
}

pub fn entry(i: u64) -> Bytes {
    // Some empty, some short, some as large as entries get.
    match i % 7 {
        3 => Bytes::from(vec![u8::try_from(i % 251).unwrap(); 65_535]),
        _ => Bytes::from(format!("entry {i}")),
    }
}

pub fn code(i: u64) -> Hash {
    Hash::of(format!("code {i}").as_bytes())
}

/// A batch of entries `start..end`, and the frontier after it.
pub fn batch(frontier: &Frontier, end: u64) -> (Batch, Frontier) {
    let mut frontier = frontier.clone();
    let leaves = (frontier.size()..end)
        .map(|i| {
            let bytes = entry(i);
            let mut stored_hashes = vec![];
            frontier.push_with(leaf_hash(&bytes), |hash| stored_hashes.push(hash));
            NewLeaf { hash: Hash::of(&bytes), bytes, stored_hashes, code: (i % 2 == 1).then(|| code(i)) }
        })
        .collect();
    (Batch { leaves, checkpoint: format!("checkpoint {end}") }, frontier)
}

impl TestLog {
    pub async fn create(store: &impl Store, id: &str) -> Self {
        let id = Id::new(id).unwrap();
        let (first, frontier) = batch(&Frontier::new(), 1);
        store.create_election(&id, first).await.unwrap();
        let epoch = store.take_epoch(&id).await.unwrap().position.epoch;
        Self { id, frontier: Mutex::new(frontier), epoch: Mutex::new(epoch) }
    }

    pub async fn try_append(&self, store: &impl Store, count: u64) -> Result<(), StoreError> {
        let before = self.frontier.lock().unwrap().clone();
        let (batch, after) = batch(&before, before.size() + count);
        let expected = Position { tree_size: before.size(), epoch: *self.epoch.lock().unwrap() };
        store.append(&self.id, expected, batch).await?;
        *self.frontier.lock().unwrap() = after;
        Ok(())
    }

    pub async fn append(&self, store: &impl Store, count: u64) {
        self.try_append(store, count).await.unwrap();
    }

    /// After an append of unknown outcome: the log is known to have this size.
    pub fn learn_size(&self, size: u64) {
        let after = batch(&self.frontier.lock().unwrap(), size).1;
        *self.frontier.lock().unwrap() = after;
    }

    pub fn size(&self) -> u64 {
        self.frontier.lock().unwrap().size()
    }
}

/// Runs the whole contract.
pub async fn run_all<S: Store>(mut fresh: impl FnMut() -> S) {
    elections_are_created_once(&fresh()).await;
    an_unknown_election_is_an_error_everywhere(&fresh()).await;
    what_is_appended_is_read_back(&fresh()).await;
    elections_do_not_mix(&fresh()).await;
    checkpoints_cover_the_entries_of_their_batch(&fresh()).await;
    codes_are_found_by_range(&fresh()).await;
    ranges_beyond_the_log_are_errors(&fresh()).await;
    a_wrong_expectation_appends_nothing(&fresh()).await;
    a_repeated_entry_spoils_its_whole_batch(&fresh()).await;
    let store = fresh();
    a_fenced_writer_loses(&store, &store).await;
    of_two_writers_with_the_same_head_one_wins(fresh()).await;
    readers_see_whole_batches_only(fresh()).await;
    nodes::run_all(fresh).await;
}

pub async fn elections_are_created_once(store: &impl Store) {
    assert!(store.elections().await.unwrap().is_empty());
    let a = TestLog::create(store, "zebra").await;
    let b = TestLog::create(store, "ape").await;
    assert_eq!(store.elections().await.unwrap(), [a.id.clone(), b.id]);
    let again = store.create_election(&a.id, batch(&Frontier::new(), 1).0).await;
    assert!(matches!(again, Err(StoreError::Exists(id)) if id == a.id));
    let head = store.head(&a.id).await.unwrap();
    assert_eq!((head.position.tree_size, head.checkpoint.as_str()), (1, "checkpoint 1"));
}

pub async fn an_unknown_election_is_an_error_everywhere(store: &impl Store) {
    let id = Id::new("nobody").unwrap();
    let unknown = |e: StoreError| assert!(matches!(e, StoreError::UnknownElection(_)), "{e}");
    unknown(store.head(&id).await.unwrap_err());
    unknown(store.take_epoch(&id).await.unwrap_err());
    unknown(store.leaves(&id, 0..1).await.unwrap_err());
    unknown(store.hashes(&id, vec![0]).await.unwrap_err());
    unknown(store.checkpoint_covering(&id, 0).await.unwrap_err());
    unknown(store.index_of_entry(&id, &Hash::ZERO).await.unwrap_err());
    unknown(store.indexes_of_codes(&id, Hash::ZERO..=Hash::ZERO).await.unwrap_err());
    unknown(store.checkpoints(&id, 0..=1).await.unwrap_err());
    unknown(store.lease(&id, "node", std::time::Duration::from_secs(1)).await.unwrap_err());
    unknown(store.release(&id, "node").await.unwrap_err());
    unknown(store.offer(&id, vec![]).await.unwrap_err());
    unknown(store.offers(&id, 1).await.unwrap_err());
    unknown(store.inbox(&id, vec![Hash::ZERO]).await.unwrap_err());
    unknown(store.keep_witnessed(&id, 1, String::new()).await.unwrap_err());
    unknown(store.witnessed(&id).await.unwrap_err());
    let expected = Position { tree_size: 0, epoch: 0 };
    unknown(store.refuse(&id, expected, vec![]).await.unwrap_err());
    unknown(store.append(&id, expected, batch(&Frontier::new(), 1).0).await.unwrap_err());
}

pub async fn what_is_appended_is_read_back(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    for count in [1, 2, 7, 300] {
        log.append(store, count).await;
    }
    let size = log.size();
    let leaves = store.leaves(&log.id, 0..size).await.unwrap();
    assert!(leaves.iter().zip(0..).all(|(leaf, i)| *leaf == entry(i)));
    assert_eq!(store.leaves(&log.id, 5..7).await.unwrap(), [entry(5), entry(6)]);
    assert!(store.leaves(&log.id, 5..5).await.unwrap().is_empty());
    let mut all = vec![];
    let mut frontier = Frontier::new();
    (0..size).for_each(|i| frontier.push_with(leaf_hash(&entry(i)), |hash| all.push(hash)));
    let indexes: Vec<u64> = (0..all.len() as u64).rev().collect();
    let hashes = store.hashes(&log.id, indexes.clone()).await.unwrap();
    assert!(indexes.iter().zip(hashes).all(|(&i, hash)| all.stored_hash(i) == Some(hash)));
    for i in [0, 1, 100, size - 1] {
        assert_eq!(store.index_of_entry(&log.id, &Hash::of(&entry(i))).await.unwrap(), Some(i));
    }
    assert_eq!(store.index_of_entry(&log.id, &Hash::ZERO).await.unwrap(), None);
    let head = store.head(&log.id).await.unwrap();
    assert_eq!((head.position.tree_size, head.checkpoint), (size, format!("checkpoint {size}")));
}

pub async fn elections_do_not_mix(store: &impl Store) {
    let a = TestLog::create(store, "a").await;
    let b = TestLog::create(store, "b").await;
    a.append(store, 9).await;
    b.append(store, 3).await;
    a.append(store, 1).await;
    assert_eq!(store.head(&a.id).await.unwrap().position.tree_size, 11);
    assert_eq!(store.head(&b.id).await.unwrap().position.tree_size, 4);
    assert!(store.leaves(&b.id, 0..5).await.is_err());
    assert_eq!(store.index_of_entry(&b.id, &Hash::of(&entry(8))).await.unwrap(), None);
    assert_eq!(store.checkpoint_covering(&a.id, 11).await.unwrap(), None);
    assert!(store.indexes_of_codes(&b.id, code(9)..=code(9)).await.unwrap().is_empty());
}

pub async fn checkpoints_cover_the_entries_of_their_batch(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    log.append(store, 3).await;
    log.append(store, 2).await;
    for (index, size) in [(0, Some(1)), (1, Some(4)), (3, Some(4)), (4, Some(6)), (5, Some(6)), (6, None)] {
        let expected = size.map(|size: u64| format!("checkpoint {size}"));
        assert_eq!(store.checkpoint_covering(&log.id, index).await.unwrap(), expected, "{index}");
    }
    let other = TestLog::create(store, "zebra").await;
    let sizes = async |sizes| {
        let found = store.checkpoints(&log.id, sizes).await.unwrap();
        assert!(found.iter().all(|(size, text)| *text == format!("checkpoint {size}")));
        found.into_iter().map(|(size, _)| size).collect::<Vec<_>>()
    };
    assert_eq!(sizes(0..=u64::MAX).await, [1, 4, 6]);
    assert_eq!(sizes(2..=6).await, [4, 6]);
    assert_eq!(sizes(4..=5).await, [4]);
    assert!(sizes(7..=9).await.is_empty());
    assert_eq!(store.checkpoints(&other.id, 0..=9).await.unwrap().len(), 1);
}

pub async fn codes_are_found_by_range(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    log.append(store, 50).await;
    let find = async |codes| store.indexes_of_codes(&log.id, codes).await.unwrap();
    assert_eq!(find(code(7)..=code(7)).await, [7]);
    assert!(find(code(8)..=code(8)).await.is_empty());
    let (mut low, mut high) = (code(7), code(7));
    low.0[12..].fill(0);
    high.0[12..].fill(255);
    assert_eq!(find(low..=high).await, [7]);
    assert_eq!(find(Hash::ZERO..=Hash([255; 32])).await.len(), 2);
}

pub async fn ranges_beyond_the_log_are_errors(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    log.append(store, 3).await;
    assert!(matches!(store.leaves(&log.id, 2..5).await, Err(StoreError::Damaged(_))));
    assert!(store.hashes(&log.id, vec![stored_hash_index(0, 4)]).await.is_err());
    assert!(store.hashes(&log.id, vec![u64::MAX]).await.is_err());
    assert!(store.leaves(&log.id, 0..u64::MAX).await.is_err());
}

pub async fn a_wrong_expectation_appends_nothing(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    log.append(store, 3).await;
    let head = store.head(&log.id).await.unwrap();
    let Position { tree_size, epoch } = head.position;
    let wrong = [(tree_size - 1, epoch), (tree_size + 1, epoch), (tree_size, epoch + 1), (tree_size, epoch - 1)];
    for (tree_size, epoch) in wrong {
        let expected = Position { tree_size, epoch };
        let (batch, _) = batch(&log.frontier.lock().unwrap(), 6);
        let result = store.append(&log.id, expected, batch).await;
        assert!(matches!(result, Err(StoreError::Conflict { found, .. }) if found == head.position));
    }
    assert_eq!(store.head(&log.id).await.unwrap(), head);
    assert_eq!(store.index_of_entry(&log.id, &Hash::of(&entry(4))).await.unwrap(), None);
    log.append(store, 2).await;
}

pub async fn a_repeated_entry_spoils_its_whole_batch(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    log.append(store, 4).await;
    let head = store.head(&log.id).await.unwrap();
    let (mut batch, _) = batch(&log.frontier.lock().unwrap(), 8);
    batch.leaves[2].bytes = entry(1);
    batch.leaves[2].hash = Hash::of(&entry(1));
    assert!(matches!(store.append(&log.id, head.position, batch).await, Err(StoreError::Backend(_))));
    assert_eq!(store.head(&log.id).await.unwrap(), head);
    assert!(store.leaves(&log.id, 0..6).await.is_err());
    assert_eq!(store.index_of_entry(&log.id, &Hash::of(&entry(5))).await.unwrap(), None);
    log.append(store, 4).await;
}

/// `a` and `b` are the same store, or two handles on it.
pub async fn a_fenced_writer_loses(a: &impl Store, b: &impl Store) {
    let log = TestLog::create(a, "village").await;
    log.append(a, 2).await;
    let taken = b.take_epoch(&log.id).await.unwrap();
    assert!(matches!(log.try_append(a, 1).await, Err(StoreError::Conflict { .. })));
    *log.epoch.lock().unwrap() = taken.position.epoch;
    log.append(b, 1).await;
    assert_eq!(a.head(&log.id).await.unwrap().position.tree_size, 4);
}

pub async fn of_two_writers_with_the_same_head_one_wins(store: impl Store) {
    let store = Arc::new(store);
    let log = Arc::new(TestLog::create(&*store, "village").await);
    for round in 0..50 {
        let writers = [(); 2].map(|()| {
            let (store, log) = (Arc::clone(&store), Arc::clone(&log));
            tokio::spawn(async move { log.try_append(&*store, 1 + round % 3).await })
        });
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                Ok(()) => won += 1,
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        // Both may win one after the other, when one began after the other's end; never none.
        assert!(won >= 1);
        assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, log.size());
    }
    let leaves = store.leaves(&log.id, 0..log.size()).await.unwrap();
    assert!(leaves.iter().zip(0..).all(|(leaf, i)| *leaf == entry(i)));
}

pub async fn readers_see_whole_batches_only(store: impl Store) {
    let store = Arc::new(store);
    let log = Arc::new(TestLog::create(&*store, "village").await);
    let writer = {
        let (store, log) = (Arc::clone(&store), Arc::clone(&log));
        tokio::spawn(async move {
            for _ in 0..30 {
                log.append(&*store, 10).await;
            }
        })
    };
    while !writer.is_finished() {
        let head = store.head(&log.id).await.unwrap();
        let size = head.position.tree_size;
        assert_eq!(size % 10, 1);
        assert_eq!(head.checkpoint, format!("checkpoint {size}"));
        assert_eq!(store.leaves(&log.id, 0..size).await.unwrap().len() as u64, size);
    }
    writer.await.unwrap();
}
