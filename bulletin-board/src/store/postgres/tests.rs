//! The contract, and what only a server can do to a store: cut connections, fail a transaction, wait, say no.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use super::*;
use crate::postgres::testing::{AUTHORITY, Scratch, scratch, scratch_alone};
use crate::store::contract::{self, TestLog};

async fn open(scratch: &Scratch) -> PostgresStore {
    PostgresStore::open(&scratch.address, None).await.unwrap()
}

/// Waits until a condition on the server holds.
async fn until(scratch: &Scratch, condition: &str) {
    for _ in 0..200 {
        let row = scratch.client.query_one(&format!("SELECT ({condition})::boolean"), &[]).await.unwrap();
        if row.get(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{condition} does not become true");
}

/// The connections of stores on this scratch place that are doing something like that.
fn doing(scratch: &Scratch, what: &str) -> String {
    format!(
        "FROM pg_stat_activity WHERE application_name = '{}' AND pid <> pg_backend_pid() AND {what}",
        scratch.schema
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract() {
    let Some(_) = scratch().await else { return };
    contract::run_all(|| {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async { open(&scratch().await.unwrap()).await })
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_on_one_database_fence_each_other_and_hear_of_each_other() {
    let Some(scratch) = scratch().await else { return };
    let (a, b) = (open(&scratch).await, open(&scratch).await);
    contract::a_fenced_writer_loses(&a, &b).await;
    let mut news = b.news().unwrap();
    let log = TestLog::create(&a, "ape").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    news.mark_unchanged();
    log.append(&a, 1).await;
    tokio::time::timeout(Duration::from_secs(5), news.changed()).await.expect("no news in 5 s").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let Some(scratch) = scratch().await else { return };
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let address = scratch.address.clone();
            tokio::spawn(async move { PostgresStore::open(&address, None).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    scratch.client.batch_execute("UPDATE veritally_versions SET version = 999").await.unwrap();
    assert!(matches!(PostgresStore::open(&scratch.address, None).await, Err(StoreError::Damaged(_))));
    assert!(matches!(PostgresStore::open_to_read(&scratch.address).await, Err(StoreError::Damaged(_))));
    let nothing = crate::postgres::testing::scratch().await.unwrap();
    let error = PostgresStore::open_to_read(&nothing.address).await.unwrap_err().to_string();
    assert!(error.contains("start the board on it first"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_connection_is_cut_before_its_commit_is_done_once() {
    let Some(mut scratch) = scratch().await else { return };
    let store = Arc::new(open(&scratch).await);
    let log = Arc::new(TestLog::create(&*store, "village").await);
    let waiting = doing(&scratch, "wait_event_type = 'Lock' AND query LIKE 'UPDATE elections%'");
    let lock = scratch.client.transaction().await.unwrap();
    lock.execute("SELECT 1 FROM elections FOR UPDATE", &[]).await.unwrap();
    let append = {
        let (store, log) = (Arc::clone(&store), Arc::clone(&log));
        tokio::spawn(async move { log.try_append(&*store, 3).await })
    };
    for _ in 0..2 {
        let mut cut = 0;
        for _ in 0..100 {
            // Within a transaction the server's activity is read once.
            lock.execute("SELECT pg_stat_clear_snapshot()", &[]).await.unwrap();
            cut = lock.execute(&format!("SELECT pg_terminate_backend(pid) {waiting}"), &[]).await.unwrap();
            if cut > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(cut > 0, "the append waits for the lock");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    lock.rollback().await.unwrap();
    append.await.unwrap().unwrap();
    assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, 4);
    log.append(&*store, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_whose_connection_is_cut_in_its_commit_is_reported_as_unknown() {
    let Some(scratch) = scratch().await else { return };
    let store = Arc::new(open(&scratch).await);
    let log = Arc::new(TestLog::create(&*store, "village").await);
    // The commit, and nothing before it, takes half a minute.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON checkpoints DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION slow()";
    scratch.client.batch_execute(slow).await.unwrap();
    let append = {
        let (store, log) = (Arc::clone(&store), Arc::clone(&log));
        tokio::spawn(async move { log.try_append(&*store, 3).await })
    };
    let sleeping = doing(&scratch, "query = 'COMMIT' AND wait_event = 'PgSleep'");
    until(&scratch, &format!("EXISTS (SELECT 1 {sleeping})")).await;
    scratch.client.execute(&format!("SELECT pg_terminate_backend(pid) {sleeping}"), &[]).await.unwrap();
    let result = append.await.unwrap();
    assert!(matches!(result, Err(StoreError::Backend(_))), "{result:?}");
    // What the sequencer does then: it looks what was committed, and goes on from there.
    scratch.client.batch_execute("DROP TRIGGER slow ON checkpoints").await.unwrap();
    assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, 1);
    log.append(&*store, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serialization_failures_are_tried_again_but_not_for_ever() {
    let Some(scratch) = scratch().await else { return };
    let store = open(&scratch).await;
    let log = TestLog::create(&store, "village").await;
    // Sequences count failed transactions, too.
    let fail = |times: u32| {
        format!(
            "DROP TRIGGER IF EXISTS fail ON checkpoints; DROP SEQUENCE IF EXISTS tries; CREATE SEQUENCE tries;
             CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('tries') <= {times} THEN
                     RAISE EXCEPTION 'as if another were first' USING ERRCODE = '40001';
                 END IF; RETURN NEW; END $$;
             CREATE TRIGGER fail BEFORE INSERT ON checkpoints FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    };
    scratch.client.batch_execute(&fail(ATTEMPTS - 1)).await.unwrap();
    log.append(&store, 3).await;
    scratch.client.batch_execute(&fail(1_000)).await.unwrap();
    let error = log.try_append(&store, 1).await.unwrap_err();
    assert!(error.to_string().contains("40001"), "{error}");
    assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_survives_the_loss_of_its_connections() {
    let Some(scratch) = scratch().await else { return };
    let store = open(&scratch).await;
    let log = TestLog::create(&store, "village").await;
    let idle = doing(&scratch, "state = 'idle'");
    scratch.client.execute(&format!("SELECT pg_terminate_backend(pid) {idle}"), &[]).await.unwrap();
    assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, 1);
    log.append(&store, 1).await;
}

/// Each connection of the pool of writers is dead, and nobody has noticed.
#[tokio::test(flavor = "multi_thread")]
async fn writing_survives_the_loss_of_all_its_connections() {
    let Some(scratch) = scratch().await else { return };
    let store = open(&scratch).await;
    let log = TestLog::create(&store, "village").await;
    let end_all = async || {
        let mut opened = Vec::new();
        for _ in 0..WRITERS {
            opened.push(store.database.living_writer().await.unwrap());
        }
        opened.into_iter().for_each(crate::postgres::Connection::give_back);
        let idle = doing(&scratch, "state = 'idle'");
        let ended = scratch.client.execute(&format!("SELECT pg_terminate_backend(pid) {idle}"), &[]).await.unwrap();
        assert!(ended >= WRITERS as u64);
    };
    end_all().await;
    log.append(&store, 1).await;
    end_all().await;
    let offer = contract::nodes::offer(50);
    store.offer(&log.id, vec![offer.clone()]).await.unwrap();
    end_all().await;
    let position = store.head(&log.id).await.unwrap().position;
    store.refuse(&log.id, position, vec![(offer.hash, "no".to_owned())]).await.unwrap();
    end_all().await;
    store.probe().await.unwrap();
    end_all().await;
    // What must not be tried twice.
    TestLog::create(&store, "town").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_freezes_within_a_transaction_holds_up_others_for_less_than_they_wait() {
    let Some(scratch) = scratch().await else { return };
    let store = open(&scratch).await;
    let log = TestLog::create(&store, "village").await;
    let mut frozen = store.database.writer().await.unwrap();
    let transaction = frozen.begin().await.unwrap();
    transaction.query("SELECT 1 FROM elections FOR UPDATE", &[]).await.unwrap();
    log.append(&store, 1).await;
    let error = transaction.query("SELECT 1", &[]).await.unwrap_err();
    assert!(error.is_disconnected(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_lose_what_it_acknowledged_is_refused() {
    let Some(scratch) = scratch().await else { return };
    for level in ["off", "local", "remote_write"] {
        let address = format!("{}%20-csynchronous_commit%3D{level}", scratch.url).into();
        let error = PostgresStore::open(&address, None).await.unwrap_err().to_string();
        assert!(error.contains(&format!("synchronous_commit = {level}")), "{error}");
    }
    let address = format!("{}%20-csynchronous_commit%3Dremote_apply", scratch.url).into();
    PostgresStore::open(&address, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_not_shown() {
    let Some(scratch) = scratch().await else { return };
    let address: PostgresAddress = scratch.url.replacen("not-secret", "s3cr3t", 1).into();
    let error = PostgresStore::open(&address, None).await.unwrap_err();
    let shown = format!("{error} {error:?} {address:?}");
    assert!(shown.contains("28P01") && !shown.contains("s3cr3t"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_certificate_must_be_of_the_authority_and_name_the_host() {
    let Some(scratch) = scratch().await else { return };
    let authority = std::env::var(AUTHORITY).unwrap();
    let by = |host: &str, authority: &str| -> PostgresAddress {
        let url = scratch.url.replacen("127.0.0.1", host, 1);
        url.replacen("sslmode=disable", &format!("sslmode=verify-full&sslrootcert={authority}"), 1).into()
    };
    let store = PostgresStore::open(&by("localhost", &authority), None).await.unwrap();
    let used = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                WHERE pid = pg_backend_pid()";
    assert!(store.database.read(used, &[]).await.unwrap()[0].get::<_, bool>(0));
    let error = PostgresStore::open(&by("127.0.0.1", &authority), None).await.unwrap_err().to_string();
    assert!(error.contains("not valid for name"), "{error}");
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.pem");
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(&other, certificate.pem()).unwrap();
    let error = PostgresStore::open(&by("localhost", other.to_str().unwrap()), None).await.unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_do_not_fit_each_other_are_named() {
    let Some(scratch) = scratch().await else { return };
    let store = open(&scratch).await;
    let log = TestLog::create(&store, "village").await;
    log.append(&store, 5).await;
    store.check_tables().await.unwrap();
    for (damage, expected) in [
        ("DELETE FROM entries WHERE leaf_index = 2", "not as many entries"),
        ("UPDATE entries SET leaf_index = 99 WHERE leaf_index = 5", "beyond its size"),
        ("DELETE FROM checkpoints WHERE tree_size = 6", "newest checkpoint"),
    ] {
        let damage = format!("CREATE TABLE e AS TABLE entries; CREATE TABLE c AS TABLE checkpoints; {damage}");
        scratch.client.batch_execute(&damage).await.unwrap();
        let error = store.check_tables().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{damage}: {error}");
        let mend = "DELETE FROM entries; INSERT INTO entries TABLE e; DELETE FROM checkpoints;
                    INSERT INTO checkpoints TABLE c; DROP TABLE e, c";
        scratch.client.batch_execute(mend).await.unwrap();
    }
    store.check_tables().await.unwrap();
}

/// Without a standby that confirms: appends wait and end as unknown, reads go on, and a commit that somebody lets
/// through by force is not taken for one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_standby_nothing_is_acknowledged_and_reading_goes_on() {
    let Some(scratch) = scratch_alone().await else { return };
    let store = Arc::new(open(&scratch).await);
    let log = Arc::new(TestLog::create(&*store, "village").await);
    log.append(&*store, 1).await;
    // It speaks German: nothing may rest on the words of a message.
    let german = "SELECT current_setting('lc_messages') = 'C.UTF-8'";
    assert!(scratch.client.query_one(german, &[]).await.unwrap().get::<_, bool>(0), "scripts/lib/on-postgres sets it");
    let standbys = async |names: &str| {
        let sql = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        scratch.client.batch_execute(&sql).await.unwrap();
        scratch.client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        // The server's processes hear of it one after the other; a new connection's first write tells.
        let waits = format!("SELECT EXISTS (SELECT 1 {})", doing(&scratch, "wait_event = 'SyncRep'"));
        let waits = async || scratch.client.query_one(&waits, &[]).await.unwrap().get::<_, bool>(0);
        while !names.is_empty() && !waits().await {
            let address = scratch.address.clone();
            let opening = tokio::spawn(async move { PostgresStore::open(&address, None).await.map(drop) });
            while !opening.is_finished() && !waits().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            opening.abort();
        }
    };
    let append = || {
        let (store, log) = (Arc::clone(&store), Arc::clone(&log));
        tokio::spawn(async move { log.try_append(&*store, 3).await })
    };
    standbys("nobody").await;
    let waiting = append();
    let in_wait = doing(&scratch, "wait_event = 'SyncRep' AND query = 'COMMIT'");
    until(&scratch, &format!("EXISTS (SELECT 1 {in_wait})")).await;
    assert_eq!(store.head(&log.id).await.unwrap().position.tree_size, 2, "it is not visible yet");
    assert_eq!(store.leaves(&log.id, 0..2).await.unwrap().len(), 2);
    let error = PostgresStore::open(&scratch.address, None).await.unwrap_err().to_string();
    assert!(error.contains("no standby confirms"), "{error}");
    assert!(matches!(waiting.await.unwrap(), Err(StoreError::Backend(_))), "it is not known");
    // The standbys are back: what waited is done, though nobody was told.
    standbys("").await;
    until(&scratch, "(SELECT tree_size = 5 FROM elections)").await;
    log.learn_size(5);
    log.append(&*store, 1).await;
    // An administrator cancels the wait: the server says that the commit is done, with a warning.
    standbys("nobody").await;
    let waiting = append();
    until(&scratch, &format!("EXISTS (SELECT 1 {in_wait})")).await;
    let cancel = format!("SELECT pg_cancel_backend(pid) {in_wait}");
    scratch.client.execute(&cancel, &[]).await.unwrap();
    let result = waiting.await.unwrap();
    assert!(matches!(result, Err(StoreError::Backend(_))), "{result:?}");
    standbys("").await;
    log.learn_size(9);
    log.append(&*store, 1).await;
}
