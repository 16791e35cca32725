//! Databases of earlier versions, kept under `tests/stored/` (made by `examples/stored.rs`): this version must read them and go on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use common::{ManualClock, Setup, TestBoard, receipt};
use tokio::runtime::Handle;
use veritally_board::fsck;
use veritally_board::replay::Trust;
use veritally_board::store::sqlite::SqliteStore;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::Phase;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored")
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_earlier_versions_are_brought_up_to_date_and_go_on() {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let databases: Vec<_> = files.filter(|file| file.extension().is_some_and(|e| e == "db")).collect();
    assert!(!databases.is_empty());
    for file in databases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("board.db");
        std::fs::copy(&file, &path).unwrap();
        let stored = rusqlite::Connection::open(&path).unwrap();
        let schema: u32 = stored.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert!(file.ends_with(format!("schema-{schema}.db")));
        let leaf_0: Vec<u8> =
            stored.query_row("SELECT entry FROM leaves ORDER BY position LIMIT 1", [], |row| row.get(0)).unwrap();
        drop(stored);
        // Its voting ended long ago; for this board it is going on.
        let opens_at_ms = CheckedManifest::from_leaf(&leaf_0).unwrap().schedule.opens_at_ms;
        let clock = Arc::new(ManualClock(AtomicU64::new(opens_at_ms + 60_000)));
        let test = TestBoard::start(directory.path(), Setup { clock, ..Setup::default() }).await;
        let board = test.client.election(Id::new("sample").unwrap());
        let status = board.status().await.unwrap();
        assert_eq!((status.phase, status.counts.ballots_cast, status.counts.ballots_counted), (Phase::Open, 3, 2));
        let ballot = std::fs::read(file.with_extension("ballot.json")).unwrap();
        let (_, new) = receipt(board.submit_ballot(ballot).await.unwrap());
        assert!(new);
        test.stop().await;
        SqliteStore::check_file(&path).unwrap();
        let (store, id) = (SqliteStore::open_to_read(&path).unwrap(), Id::new("sample").unwrap());
        let check = || fsck::check(&Handle::current(), &store, &id, Trust::Nobody, &|_, _| {});
        assert_eq!(tokio::task::block_in_place(check).unwrap().counts.ballots_cast, 4);
    }
}
