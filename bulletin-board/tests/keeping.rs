//! What an operator relies on: checks that name the first difference, backups while serving, keys that move, files of
//! earlier versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use common::{Running, Setup, TestBoard, now_ms, receipt, settled};
use rusqlite::Connection;
use tokio::runtime::Handle;
use veritally_board::data_dir::{BoardKey, DataDir, DataDirError};
use veritally_board::fsck::{self, FsckError, Sound};
use veritally_board::replay::Trust;
use veritally_board::store::sqlite::SqliteStore;
use veritally_board::store::{Store as _, StoreError};
use veritally_crypto::id::Id;
use veritally_crypto::record::Phase;
use veritally_crypto::signature::SigningSecret;

fn check(path: &Path, trust: Trust) -> Result<Sound, FsckError> {
    let store = SqliteStore::open_to_read(path).unwrap();
    let election = Id::new("sample").unwrap();
    tokio::task::block_in_place(|| fsck::check(&Handle::current(), &store, &election, trust, &|_, _| {}))
}

/// A board with some ballots, one of them cast again.
async fn voted(directory: &Path) -> (TestBoard, Running) {
    let test = TestBoard::start(directory, Setup::default()).await;
    let mut running = Running::open(&test.client, 4, now_ms()).await;
    for (voter, choice) in [(0, "a"), (1, "b"), (2, "c"), (0, "c")] {
        let ballot = running.ballot(voter, choice);
        receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    settled(&running.board).await;
    (test, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn fsck_finds_a_sound_log_sound_and_names_the_first_difference_of_an_altered_one() {
    let directory = tempfile::tempdir().unwrap();
    let (test, running) = voted(directory.path()).await;
    let status = running.board.status().await.unwrap();
    let path = directory.path().join("board.db");
    let sound = check(&path, Trust::Nobody).unwrap();
    assert_eq!((sound.head, sound.counts, sound.phase), (status.head, status.counts, Phase::Open));
    SqliteStore::check_file(&path).unwrap();
    test.stop().await;

    let size = status.head.tree_size;
    // What is altered, what the first difference is called, and whether the file alone shows it.
    let cases: &[(&str, &str, bool)] = &[
        ("UPDATE hashes SET hashes = zeroblob(length(hashes)) WHERE position - (1 << 40) = 5", "stored hash", false),
        ("UPDATE leaves SET entry = x'7b7d' WHERE position - (1 << 40) = 7", "stored hash", false),
        ("DELETE FROM leaves WHERE position - (1 << 40) = 6", "entries", true),
        ("DELETE FROM entry_hashes WHERE leaf_index = 4", "entry 4 has the SHA-256", true),
        ("UPDATE entry_hashes SET leaf_index = 1 WHERE leaf_index = 3", "entry 3 has the SHA-256", false),
        ("UPDATE codes SET leaf_index = leaf_index - 1", "confirmation code", false),
        ("DELETE FROM codes", "confirmation code", false),
        (
            "DELETE FROM checkpoints WHERE position - (1 << 40) = (SELECT tree_size FROM elections)",
            "no checkpoint of size",
            true,
        ),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints ORDER BY position LIMIT 1) WHERE position - (1 << 40) = 3",
            "the checkpoint that covers entry 2",
            false,
        ),
        (
            "UPDATE checkpoints SET note = replace(note, 'a', 'b') WHERE position - (1 << 40) = 4",
            "covers entry 3",
            false,
        ),
    ];
    for (number, (alteration, named, file_shows)) in cases.iter().enumerate() {
        let copy = directory.path().join(format!("{number}.db"));
        SqliteStore::backup(&path, &copy).unwrap();
        let database = Connection::open(&copy).unwrap();
        assert!(database.execute(alteration, []).unwrap() > 0, "{alteration}");
        drop(database);
        let error = check(&copy, Trust::Nobody).unwrap_err().to_string();
        assert!(error.contains(named), "{alteration}: {error}");
        assert_eq!(SqliteStore::check_file(&copy).is_err(), *file_shows, "{alteration}");
    }
    assert!(size > 10);
    // A log that was cut short may be sound as far as it goes; what is left beyond its end shows.
    let copy = directory.path().join("short.db");
    SqliteStore::backup(&path, &copy).unwrap();
    Connection::open(&copy).unwrap().execute("UPDATE elections SET tree_size = tree_size - 1", []).unwrap();
    assert!(SqliteStore::check_file(&copy).unwrap_err().to_string().contains("not as many entries"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_ballots_come_is_whole_and_a_board_goes_on_from_it() {
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 30, now_ms()).await;
    let ballots: Vec<_> = (0..30).map(|voter| running.ballot(voter, "a").bytes().to_vec()).collect();
    let path = directory.path().join("board.db");
    let (board, sent) = (running.board.clone(), ballots.clone());
    let casting = tokio::spawn(async move {
        for ballot in sent {
            receipt(board.submit_ballot(ballot).await.unwrap());
        }
    });
    let mut sizes = Vec::new();
    for number in 0..5 {
        let copy = directory.path().join(format!("backup-{number}.db"));
        let (from, to) = (path.clone(), copy.clone());
        tokio::task::spawn_blocking(move || SqliteStore::backup(&from, &to)).await.unwrap().unwrap();
        sizes.push(check(&copy, Trust::Own).unwrap().head.tree_size);
        assert!(SqliteStore::backup(&path, &copy).is_err(), "a backup is never overwritten");
    }
    casting.await.unwrap();
    assert!(sizes.is_sorted());
    test.stop().await;

    let restored = directory.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    std::fs::rename(directory.path().join("backup-4.db"), restored.join("board.db")).unwrap();
    let test = TestBoard::start(&restored, Setup::default()).await;
    let board = test.client.election(running.board.id().clone());
    assert!(board.status().await.unwrap().head.tree_size >= sizes[4]);
    // Voters' programs send again what the board does not have: the same ballots fit.
    for ballot in ballots {
        receipt(board.submit_ballot(ballot).await.unwrap());
    }
    assert_eq!(board.status().await.unwrap().counts.ballots_cast, 30);
    test.stop().await;
}

#[tokio::test]
async fn a_file_opened_for_reading_can_not_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("board.db");
    drop(SqliteStore::open(&path).unwrap());
    let store = SqliteStore::open_to_read(&path).unwrap();
    assert!(store.elections().await.unwrap().is_empty());
    let election = Id::new("sample").unwrap();
    assert!(matches!(store.take_epoch(&election).await, Err(StoreError::Backend(_))));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 0).unwrap();
    assert!(matches!(SqliteStore::open_to_read(&path), Err(StoreError::Damaged(_))));
    assert!(matches!(SqliteStore::check_file(&path), Err(StoreError::Damaged(_))));
}

#[test]
fn a_key_is_imported_for_its_owner_only_and_never_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (SigningSecret::from_seed(&[1; 32]), SigningSecret::from_seed(&[2; 32]));
    let node = directory.path().join("node");
    DataDir::import_key(&node, BoardKey::Log, &one).unwrap();
    DataDir::import_key(&node, BoardKey::Log, &one).unwrap();
    assert!(matches!(DataDir::import_key(&node, BoardKey::Log, &two), Err(DataDirError::OtherKey(_))));
    assert_eq!(std::fs::metadata(node.join("log.key")).unwrap().permissions().mode() & 0o777, 0o600);
    // The node's first start takes it.
    let opened = DataDir::open(&node, Some("vote.example")).unwrap();
    assert_eq!(opened.log_key.verification_key(), one.verification_key());
    assert_ne!(opened.administrator_key.verification_key(), one.verification_key());
}
