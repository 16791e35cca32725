//! Logs go from one store to the other and back, also when the way is cut; what is left behind can't be written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use tokio::runtime::Handle;

use super::*;
use crate::fsck;
use crate::postgres::testing::scratch;
use crate::replay::Trust;
use crate::store::Store;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;

fn sample() -> Id {
    Id::new("sample").unwrap()
}

/// A board's database with an election: some ballots, one cast again.
fn voted(directory: &Path) -> SqliteStore {
    let file = directory.join("voted.db");
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored/schema-1.db"), &file).unwrap();
    SqliteStore::open(&file).unwrap()
}

/// All that a store says about a log, but for the epoch.
#[derive(Debug, PartialEq)]
struct Everything {
    size: u64,
    checkpoint: String,
    leaves: Vec<Bytes>,
    hashes: Vec<Hash>,
    checkpoints: Vec<(u64, String)>,
    codes: usize,
}

async fn everything(store: &dyn Movable) -> Everything {
    let id = sample();
    let head = store.head(&id).await.unwrap();
    let size = head.position.tree_size;
    let leaves = store.leaves(&id, 0..size).await.unwrap();
    let hashes = store.hashes(&id, (0..size).collect()).await.unwrap();
    let checkpoints = store.checkpoints(&id, 0..=size).await.unwrap();
    let codes = store.indexes_of_codes(&id, Hash::ZERO..=Hash([255; 32])).await.unwrap().len();
    Everything { size, checkpoint: head.checkpoint, leaves, hashes, checkpoints, codes }
}

async fn moved(from: &dyn Movable, to: &dyn Movable) -> Result<Moved, MoveError> {
    move_log(from, to, &sample(), &|_, _| {}).await
}

fn check(store: &dyn Store) {
    let sound = || fsck::check(&Handle::current(), store, &sample(), Trust::Nobody, &|_, _| {});
    assert_eq!(tokio::task::block_in_place(sound).unwrap().counts.ballots_cast, 3);
}

/// A log in `from`; `cut` makes writing to the store `to` fail beyond half of it, `mend` ends that.
async fn goes_there_even_if_it_is_cut(from: &dyn Movable, to: &dyn Movable, cut: impl AsyncFn(bool)) {
    let id = sample();
    let writer = from.take_epoch(&id).await.unwrap();
    from.keep_witnessed(&id, 3, "cosigned".to_owned()).await.unwrap();
    let before = everything(from).await;
    cut(true).await;
    let error = moved(from, to).await.unwrap_err();
    assert!(matches!(error, MoveError::Store(StoreError::Backend(_))), "{error}");
    // In the middle nobody can write it, neither here nor there.
    for store in [from, to] {
        assert!(matches!(store.take_epoch(&id).await, Err(StoreError::Sealed(_))));
        assert!(matches!(store.lease(&id, "node", std::time::Duration::ZERO).await, Err(StoreError::Sealed(_))));
    }
    let batch = Batch { leaves: Vec::new(), checkpoint: "no".to_owned() };
    let late = from.append(&id, writer.position, batch).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "who wrote it is fenced");
    cut(false).await;
    let Moved::Now(head) = moved(from, to).await.unwrap() else { panic!("it was not finished before") };
    assert_eq!(head.tree_size, before.size);
    assert_eq!(everything(to).await, before);
    assert_eq!(to.witnessed(&id).await.unwrap(), Some((3, "cosigned".to_owned())));
    assert!(matches!(from.take_epoch(&id).await, Err(StoreError::Sealed(_))));
    assert_eq!(moved(from, to).await.unwrap(), Moved::Before);
    assert!(to.take_epoch(&id).await.unwrap().position.epoch > writer.position.epoch);
    assert_eq!(moved(from, to).await.unwrap(), Moved::Before, "also when it goes on there");
}

/// Lets a SQLite file refuse checkpoints beyond a size.
fn cut_sqlite(file: &Path, cut: bool) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let sql = if cut {
        "CREATE TRIGGER cut BEFORE INSERT ON checkpoints WHEN new.position & 0xffffffffff > 5
         BEGIN SELECT RAISE(ABORT, 'cut'); END"
    } else {
        "DROP TRIGGER cut"
    };
    connection.execute_batch(sql).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_moves_between_sqlite_files() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("there.db");
    let (from, to) = (voted(directory.path()), SqliteStore::open(&file).unwrap());
    goes_there_even_if_it_is_cut(&from, &to, async |cut| cut_sqlite(&file, cut)).await;
    check(&to);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_moves_from_sqlite_to_postgres_and_back() {
    let Some(scratch) = scratch().await else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("back.db");
    let (sqlite, postgres) = (voted(directory.path()), PostgresStore::open(&scratch.address, None).await.unwrap());
    let cut = async |cut: bool| {
        let sql = if cut {
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cut'; END $$;
             CREATE TRIGGER cut BEFORE INSERT ON checkpoints FOR EACH ROW WHEN (NEW.tree_size > 5)
                 EXECUTE FUNCTION cut()"
        } else {
            "DROP TRIGGER cut ON checkpoints"
        };
        scratch.client.batch_execute(sql).await.unwrap();
    };
    goes_there_even_if_it_is_cut(&sqlite, &postgres, cut).await;
    postgres.check_tables().await.unwrap();
    check(&postgres);
    // To a new file, and to the one that it came from.
    let back = SqliteStore::open(&file).unwrap();
    goes_there_even_if_it_is_cut(&postgres, &back, async |cut| cut_sqlite(&file, cut)).await;
    check(&back);
    assert!(matches!(moved(&back, &sqlite).await.unwrap(), Moved::Now(_)));
    sqlite.take_epoch(&sample()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_hold_or_another_of_its_name_is_not_moved() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (voted(directory.path()), SqliteStore::open(&directory.path().join("there.db")).unwrap());
    // Somebody votes there under the same name.
    let first = from.leaves(&sample(), 0..1).await.unwrap();
    let mut frontier = Frontier::new();
    let mut stored_hashes = vec![];
    frontier.push_with(leaf_hash(&first[0]), |hash| stored_hashes.push(hash));
    let leaf = NewLeaf { hash: Hash::of(&first[0]), bytes: first[0].clone(), stored_hashes, code: None };
    let batch = Batch { leaves: vec![leaf], checkpoint: "another".to_owned() };
    to.create_election(&sample(), batch).await.unwrap();
    let error = moved(&from, &to).await.unwrap_err();
    assert!(matches!(error, MoveError::Different { .. }) && error.to_string().contains("open for writing"), "{error}");
    let empty = SqliteStore::open(&directory.path().join("empty.db")).unwrap();
    let damaged = rusqlite::Connection::open(directory.path().join("voted.db")).unwrap();
    damaged.execute_batch("UPDATE leaves SET entry = x'7b7d' WHERE position & 0xffffffffff = 4").unwrap();
    let error = moved(&from, &empty).await.unwrap_err();
    assert!(matches!(error, MoveError::Unsound { .. }), "{error}");
    assert!(matches!(empty.take_epoch(&sample()).await, Err(StoreError::Sealed(_))));
}
