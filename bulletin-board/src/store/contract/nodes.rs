//! What a store must do where several nodes share it: lease, inbox, cosigned checkpoints.

use std::sync::Arc;
use std::time::Duration;

use veritally_crypto::hash::Hash;

use super::{TestLog, entry};
use crate::store::{Lease, Offer, Position, Store, StoreError};

const LONG: Duration = Duration::from_secs(60);
/// Longer than a busy machine takes from one statement to the next.
const SHORT: Duration = Duration::from_secs(2);

pub async fn run_all<S: Store>(mut fresh: impl FnMut() -> S) {
    let store = fresh();
    a_lease_is_held_by_one_node_until_it_ends(&store, &store).await;
    a_lease_that_is_given_up_is_free_at_once(&fresh()).await;
    taking_the_epoch_ends_the_lease(&fresh()).await;
    of_many_claims_at_once_one_is_granted(fresh()).await;
    what_is_offered_waits_in_order_until_it_is_appended(&fresh()).await;
    an_entry_offered_twice_waits_once(&fresh()).await;
    a_refusal_is_found_until_the_entry_is_offered_again(&fresh()).await;
    a_fenced_node_refuses_nothing(&fresh()).await;
    inboxes_of_elections_do_not_mix(&fresh()).await;
    the_newest_cosigned_checkpoint_is_kept(&fresh()).await;
}

pub fn offer(i: u64) -> Offer {
    let bytes = entry(i);
    Offer { hash: Hash::of(&bytes), bytes, received_ms: 1_000 + i }
}

fn held(lease: Lease) -> Position {
    match lease {
        Lease::Held(position) => position,
        Lease::Other { remaining } => panic!("another node holds the lease for {remaining:?}"),
    }
}

fn remaining(lease: Lease) -> Duration {
    match lease {
        Lease::Other { remaining } => remaining,
        Lease::Held(position) => panic!("held at {position}"),
    }
}

/// `a` and `b` are the same store, or two handles on it.
pub async fn a_lease_is_held_by_one_node_until_it_ends(a: &impl Store, b: &impl Store) {
    let log = TestLog::create(a, "village").await;
    let before = a.head(&log.id).await.unwrap().position;
    let first = held(a.lease(&log.id, "a", LONG).await.unwrap());
    assert_eq!(first, Position { epoch: before.epoch + 1, ..before });
    // A renewal, also a shorter one, keeps the epoch.
    assert_eq!(held(a.lease(&log.id, "a", SHORT).await.unwrap()), first);
    assert!(remaining(b.lease(&log.id, "b", LONG).await.unwrap()) <= SHORT);
    *log.epoch.lock().unwrap() = first.epoch;
    log.append(a, 2).await;
    tokio::time::sleep(SHORT + SHORT / 10).await;
    // It has run out, but nobody took it.
    log.append(a, 1).await;
    let second = held(b.lease(&log.id, "b", LONG).await.unwrap());
    assert_eq!(second, Position { epoch: first.epoch + 1, tree_size: 4 });
    assert!(matches!(log.try_append(a, 1).await, Err(StoreError::Conflict { found, .. }) if found == second));
    assert!(remaining(a.lease(&log.id, "a", LONG).await.unwrap()) > SHORT);
    *log.epoch.lock().unwrap() = second.epoch;
    log.append(b, 1).await;
    assert_eq!(b.head(&log.id).await.unwrap().position, Position { tree_size: 5, ..second });
}

pub async fn a_lease_that_is_given_up_is_free_at_once(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    let first = held(store.lease(&log.id, "a", LONG).await.unwrap());
    store.release(&log.id, "b").await.unwrap();
    remaining(store.lease(&log.id, "b", LONG).await.unwrap());
    store.release(&log.id, "a").await.unwrap();
    assert_eq!(held(store.lease(&log.id, "b", LONG).await.unwrap()).epoch, first.epoch + 1);
}

pub async fn taking_the_epoch_ends_the_lease(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    held(store.lease(&log.id, "a", LONG).await.unwrap());
    let taken = store.take_epoch(&log.id).await.unwrap().position;
    assert_eq!(held(store.lease(&log.id, "b", LONG).await.unwrap()).epoch, taken.epoch + 1);
}

pub async fn of_many_claims_at_once_one_is_granted(store: impl Store) {
    let store = Arc::new(store);
    let log = TestLog::create(&*store, "village").await;
    for round in 1..=10 {
        let claims: Vec<_> = (0..8)
            .map(|node| {
                let (store, id) = (Arc::clone(&store), log.id.clone());
                tokio::spawn(async move { store.lease(&id, &format!("{round}-{node}"), LONG).await.unwrap() })
            })
            .collect();
        let mut granted = 0;
        for claim in claims {
            granted += usize::from(matches!(claim.await.unwrap(), Lease::Held(_)));
        }
        assert_eq!(granted, 1);
        store.take_epoch(&log.id).await.unwrap();
    }
}

pub async fn what_is_offered_waits_in_order_until_it_is_appended(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    store.offer(&log.id, vec![offer(3), offer(1)]).await.unwrap();
    // Entry 0 is in the log.
    store.offer(&log.id, vec![offer(2), offer(0), offer(9)]).await.unwrap();
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(3), offer(1), offer(2), offer(9)]);
    assert_eq!(store.offers(&log.id, 2).await.unwrap(), [offer(3), offer(1)]);
    log.append(store, 3).await;
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(9)]);
    // A batch that is not committed takes nothing out.
    let wrong = Position { tree_size: 9, epoch: 9 };
    let (batch, _) = super::batch(&veritally_crypto::log::merkle::Frontier::new(), 10);
    store.append(&log.id, wrong, batch).await.unwrap_err();
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(9)]);
}

pub async fn an_entry_offered_twice_waits_once(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    let at = |received_ms| Offer { received_ms, ..offer(1) };
    store.offer(&log.id, vec![at(50), offer(2)]).await.unwrap();
    store.offer(&log.id, vec![at(70)]).await.unwrap();
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [at(50), offer(2)]);
    store.offer(&log.id, vec![at(30), at(40)]).await.unwrap();
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [at(30), offer(2)]);
    let none = store.offer(&log.id, vec![]).await;
    none.unwrap();
}

pub async fn a_refusal_is_found_until_the_entry_is_offered_again(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    let position = store.head(&log.id).await.unwrap().position;
    let hash = |i| Hash::of(&entry(i));
    store.offer(&log.id, vec![offer(1), offer(2)]).await.unwrap();
    let why = |text: &str, i| (hash(i), text.to_owned());
    // 7 waits nowhere.
    store.refuse(&log.id, position, vec![why("too late", 1), why("never seen", 7)]).await.unwrap();
    store.refuse(&log.id, position, vec![why("another reason", 1)]).await.unwrap();
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(2)]);
    let asked = vec![hash(1), hash(2), hash(7)];
    let in_inbox = async || {
        let mut found = store.inbox(&log.id, asked.clone()).await.unwrap();
        found.sort_by_key(|(found, _)| asked.iter().position(|hash| hash == found));
        found
    };
    let refused = Some(String::from("too late"));
    assert_eq!(in_inbox().await, [(hash(1), refused), (hash(2), None)]);
    store.offer(&log.id, vec![Offer { received_ms: 9_999, ..offer(1) }]).await.unwrap();
    assert_eq!(in_inbox().await, [(hash(1), None), (hash(2), None)]);
    assert_eq!(store.offers(&log.id, 10).await.unwrap()[1].received_ms, 9_999);
    log.append(store, 1).await;
    assert_eq!(in_inbox().await, [(hash(2), None)]);
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(2)]);
}

pub async fn a_fenced_node_refuses_nothing(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    let old = held(store.lease(&log.id, "a", Duration::ZERO).await.unwrap());
    let new = held(store.lease(&log.id, "b", LONG).await.unwrap());
    store.offer(&log.id, vec![offer(1)]).await.unwrap();
    let refusals = vec![(offer(1).hash, String::from("no"))];
    for wrong in [old, Position { tree_size: 2, ..new }] {
        let refused = store.refuse(&log.id, wrong, refusals.clone()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { found, .. }) if found == new));
    }
    assert_eq!(store.offers(&log.id, 10).await.unwrap(), [offer(1)]);
    store.refuse(&log.id, new, refusals).await.unwrap();
    assert!(store.offers(&log.id, 10).await.unwrap().is_empty());
}

pub async fn inboxes_of_elections_do_not_mix(store: &impl Store) {
    let (a, b) = (TestLog::create(store, "a").await, TestLog::create(store, "b").await);
    store.offer(&a.id, vec![offer(1)]).await.unwrap();
    store.offer(&b.id, vec![offer(1), offer(2)]).await.unwrap();
    a.append(store, 1).await;
    assert!(store.offers(&a.id, 10).await.unwrap().is_empty());
    assert_eq!(store.offers(&b.id, 10).await.unwrap(), [offer(1), offer(2)]);
    let position = store.head(&a.id).await.unwrap().position;
    store.refuse(&a.id, position, vec![(offer(2).hash, String::from("no"))]).await.unwrap();
    assert_eq!(store.offers(&b.id, 10).await.unwrap().len(), 2);
    held(store.lease(&a.id, "a", LONG).await.unwrap());
    held(store.lease(&b.id, "b", LONG).await.unwrap());
}

pub async fn the_newest_cosigned_checkpoint_is_kept(store: &impl Store) {
    let log = TestLog::create(store, "village").await;
    assert_eq!(store.witnessed(&log.id).await.unwrap(), None);
    let keep = async |size, text: &str| store.keep_witnessed(&log.id, size, text.to_owned()).await.unwrap();
    keep(5, "five").await;
    keep(3, "three").await;
    assert_eq!(store.witnessed(&log.id).await.unwrap(), Some((5, "five".to_owned())));
    keep(5, "five, cosigned by more").await;
    assert_eq!(store.witnessed(&log.id).await.unwrap(), Some((5, "five, cosigned by more".to_owned())));
    keep(8, "eight").await;
    assert_eq!(store.witnessed(&log.id).await.unwrap(), Some((8, "eight".to_owned())));
}
