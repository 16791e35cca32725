//! What every [`AdminStore`] must do, as tests. An implementation calls [`run_all`] with a maker of empty stores.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use veritally_crypto::hash::Hash;

use super::{Account, Activity, AdminStore, AdminStoreError, Kind, Role, SESSION_SWEEP_MS, Session};

/// Runs the whole contract.
pub async fn run_all<S: AdminStore>(mut fresh: impl AsyncFnMut() -> S) {
    accounts_are_added_once_and_listed_by_name(&fresh().await).await;
    an_account_loses_its_sessions_when_it_is_disabled(&fresh().await).await;
    an_account_that_is_renewed_signs_in_with_the_new_and_loses_its_sessions(&fresh().await).await;
    sessions_that_nobody_uses_are_swept_away(&fresh().await).await;
    a_step_of_a_second_factor_is_used_once_and_none_before_it_afterwards(&fresh().await).await;
    activity_is_read_backwards(&fresh().await).await;
    documents_are_replaced_and_listed_newest_first(&fresh().await).await;
    a_document_is_exchanged_only_for_the_expected_one_and_found_by_its_beginning(&fresh().await).await;
    of_many_who_take_at_once_one_gets_it(fresh().await).await;
}

fn named(name: &str) -> Account {
    let (name, password) = (name.to_owned(), "hash".to_owned());
    Account { name, role: Role::Owner, password, totp_secret: vec![1; 20], disabled: false, created_ms: 1 }
}

fn session(token: &[u8], account: &str, at_ms: u64) -> Session {
    let (account, csrf) = (account.to_owned(), "c".to_owned());
    Session { token: Hash::of(token), account, csrf, created_ms: at_ms, seen_ms: at_ms }
}

pub async fn accounts_are_added_once_and_listed_by_name(store: &impl AdminStore) {
    assert!(store.accounts().await.unwrap().is_empty());
    assert!(store.account("ada").await.unwrap().is_none());
    store.add_account(named("zoë")).await.unwrap();
    store.add_account(named("ada")).await.unwrap();
    let again = store.add_account(Account { role: Role::Observer, ..named("ada") }).await;
    assert!(matches!(again, Err(AdminStoreError::Exists(name)) if name == "ada"));
    assert!(store.account("ada").await.unwrap() == Some(named("ada")));
    assert!(store.accounts().await.unwrap() == [named("ada"), named("zoë")]);
}

pub async fn an_account_loses_its_sessions_when_it_is_disabled(store: &impl AdminStore) {
    store.add_account(named("ada")).await.unwrap();
    store.add_account(named("bob")).await.unwrap();
    let (ada, bob) = (session(b"1", "ada", 5), session(b"2", "bob", 5));
    store.add_session(ada.clone()).await.unwrap();
    store.add_session(bob.clone()).await.unwrap();
    assert_eq!(store.session(&ada.token, 9).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.session(&ada.token, 11).await.unwrap().unwrap().seen_ms, 9);
    assert_eq!(store.session(&ada.token, 0).await.unwrap().unwrap().seen_ms, 11);
    assert_eq!(store.session(&ada.token, 11).await.unwrap().unwrap().seen_ms, 11, "looking is no use");
    store.set_disabled("ada", true).await.unwrap();
    assert_eq!(store.session(&ada.token, 12).await.unwrap(), None);
    assert!(store.account("ada").await.unwrap().unwrap().disabled);
    assert!(store.session(&bob.token, 12).await.unwrap().is_some());
    store.end_session(&bob.token).await.unwrap();
    assert_eq!(store.session(&bob.token, 13).await.unwrap(), None);
    store.set_disabled("ada", false).await.unwrap();
    assert!(!store.account("ada").await.unwrap().unwrap().disabled);
}

pub async fn an_account_that_is_renewed_signs_in_with_the_new_and_loses_its_sessions(store: &impl AdminStore) {
    store.add_account(named("ada")).await.unwrap();
    store.add_account(named("bob")).await.unwrap();
    let (ada, bob) = (session(b"1", "ada", 5), session(b"2", "bob", 5));
    store.add_session(ada.clone()).await.unwrap();
    store.add_session(bob.clone()).await.unwrap();
    assert!(store.use_totp_step("ada", 7).await.unwrap());
    store.set_disabled("ada", true).await.unwrap();
    store.renew_account("ada", "another", vec![2; 20]).await.unwrap();
    let renewed = Account { password: "another".into(), totp_secret: vec![2; 20], ..named("ada") };
    assert!(store.accounts().await.unwrap() == [renewed, named("bob")]);
    assert_eq!(store.session(&ada.token, 9).await.unwrap(), None);
    assert!(store.session(&bob.token, 9).await.unwrap().is_some());
    assert!(store.use_totp_step("ada", 3).await.unwrap(), "steps of the new factor");
}

pub async fn sessions_that_nobody_uses_are_swept_away(store: &impl AdminStore) {
    store.add_account(named("ada")).await.unwrap();
    let (old, used) = (session(b"old", "ada", 1), session(b"used", "ada", 1));
    store.add_session(old.clone()).await.unwrap();
    store.add_session(used.clone()).await.unwrap();
    store.session(&used.token, 2).await.unwrap();
    store.add_session(session(b"new", "ada", 2 + SESSION_SWEEP_MS)).await.unwrap();
    assert_eq!(store.session(&old.token, 3).await.unwrap(), None);
    assert!(store.session(&used.token, 3).await.unwrap().is_some());
}

pub async fn a_step_of_a_second_factor_is_used_once_and_none_before_it_afterwards(store: &impl AdminStore) {
    store.add_account(named("ada")).await.unwrap();
    assert!(store.use_totp_step("ada", 7).await.unwrap());
    assert!(!store.use_totp_step("ada", 7).await.unwrap());
    assert!(!store.use_totp_step("ada", 6).await.unwrap());
    assert!(store.use_totp_step("ada", 8).await.unwrap());
    assert!(!store.use_totp_step("nobody", 9).await.unwrap());
}

pub async fn activity_is_read_backwards(store: &impl AdminStore) {
    for i in 0..3u64 {
        let (election, text) = (if i == 1 { "a" } else { "" }.to_owned(), format!("{i}"));
        let activity = Activity {
            number: 0,
            time_ms: i,
            account: text.clone(),
            action: text.clone(),
            election,
            detail: text.clone(),
            address: text,
        };
        store.note(activity).await.unwrap();
    }
    let times = |list: Vec<Activity>| list.iter().map(|a| a.time_ms).collect::<Vec<_>>();
    assert_eq!(times(store.activity(u64::MAX, None, 2).await.unwrap()), [2, 1]);
    let all = store.activity(u64::MAX, None, u64::MAX).await.unwrap();
    assert_eq!(times(store.activity(all[1].number, None, 9).await.unwrap()), [0]);
    assert_eq!(times(store.activity(u64::MAX, Some("a"), 9).await.unwrap()), [1]);
    assert_eq!(all[0].detail, "2");
}

pub async fn documents_are_replaced_and_listed_newest_first(store: &impl AdminStore) {
    store.put(Kind::Invitation, "k", b"1".to_vec(), 1).await.unwrap();
    store.put(Kind::Invitation, "k", b"2".to_vec(), 2).await.unwrap();
    store.put(Kind::Invitation, "j", vec![0, 255], 3).await.unwrap();
    assert_eq!(store.find(Kind::Draft, "k").await.unwrap(), None);
    assert_eq!(store.find(Kind::Invitation, "k").await.unwrap(), Some(b"2".to_vec()));
    let listed = store.list(Kind::Invitation).await.unwrap();
    assert_eq!(listed, [("j".to_owned(), vec![0, 255]), ("k".to_owned(), b"2".to_vec())]);
    assert_eq!(store.take(Kind::Invitation, "k").await.unwrap(), Some(b"2".to_vec()));
    assert_eq!(store.take(Kind::Invitation, "k").await.unwrap(), None);
}

pub async fn a_document_is_exchanged_only_for_the_expected_one_and_found_by_its_beginning(store: &impl AdminStore) {
    let exchange = async |key: &str, old: Option<&[u8]>, new: &str| {
        store.exchange(Kind::Confirmation, key, old, new.into(), 1).await.unwrap()
    };
    assert!(!exchange("a/1", Some(b"x"), "y").await);
    assert!(exchange("a/1", None, "x").await);
    assert!(!exchange("a/1", None, "z").await);
    assert!(!exchange("a/1", Some(b"y"), "z").await);
    assert!(exchange("a/1", Some(b"x"), "y").await);
    assert_eq!(store.find(Kind::Confirmation, "a/1").await.unwrap().unwrap(), b"y");
    assert!(exchange("a/\u{10FFFE}", None, "x").await && exchange("ab/1", None, "x").await);
    assert!(exchange("A/1", None, "x").await);
    assert_eq!(store.count(Kind::Confirmation, "a/").await.unwrap(), 2);
    assert_eq!(store.count(Kind::Draft, "a/").await.unwrap(), 0);
    store.clear(Kind::Confirmation, "a/").await.unwrap();
    assert_eq!(store.count(Kind::Confirmation, "").await.unwrap(), 2);
}

pub async fn of_many_who_take_at_once_one_gets_it(store: impl AdminStore) {
    let store = Arc::new(store);
    store.put(Kind::Invitation, "k", b"1".to_vec(), 1).await.unwrap();
    let taking: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.take(Kind::Invitation, "k").await.unwrap() })
        })
        .collect();
    let mut got = 0;
    for take in taking {
        got += usize::from(take.await.unwrap().is_some());
    }
    assert_eq!(got, 1);
}
