//! Whatever a stranger's record holds, the verifier neither panics nor believes it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use rand::RngExt as _;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::tiles::{TileKind, TilePath};
use veritally_verifier::report::Status;
use veritally_verifier::source::{Content, MAX_ENTRIES, Memory, SourceError};
use veritally_verifier::{NoProgress, Options, Source, verify};

#[test]
fn a_changed_byte_anywhere_in_a_record_makes_it_fail() {
    let honest = files(finished());
    let paths: Vec<_> = honest.0.keys().cloned().collect();
    let rng = &mut rng();
    for round in 0..120 {
        // Most bytes are entries': every third change is elsewhere.
        let path = match round % 3 {
            0 => paths[rng.random_range(0..paths.len())].as_str(),
            _ => paths.iter().find(|path| path.starts_with("tile/entries")).unwrap(),
        };
        let mut altered = honest.clone();
        let bytes = altered.0.get_mut(path).unwrap();
        let position = rng.random_range(0..bytes.len());
        bytes[position] ^= 1 << rng.random_range(0..8);
        let report = check(&altered);
        assert!(!report.passed(), "byte {position} of {path}");
    }
}

#[test]
fn an_empty_log_fails() {
    let record = record(begun(|_| {}));
    let head = Head { root: veritally_crypto::log::merkle::EMPTY_ROOT, tree_size: 0 };
    let files = Memory([("checkpoint".to_owned(), record.checkpoint(&head).unwrap())].into());
    let report = check(&files);
    fails_only(&report, "V1", &[], "The log has no entries");
    assert!(
        report
            .checks
            .iter()
            .all(|check| check.status != Status::Pass || ["V5", "V6", "V7", "V8"].contains(&check.id.as_str()))
    );
}

#[test]
fn a_log_that_claims_to_be_endless_is_read_as_far_as_it_is_there() {
    let record = record(finished());
    for tree_size in [MAX_ENTRIES - 1, (1 << 53) - 1] {
        let mut files = record.files().unwrap();
        let head = Head { root: Hash::of(b"endless"), tree_size };
        files.0.insert("checkpoint".into(), record.checkpoint(&head).unwrap());
        let report = check(&files);
        assert!(report.failed().contains(&"V5"), "{:?}", report.failed());
    }
}

#[test]
fn files_of_any_content_are_refused_without_a_panic() {
    let honest = files(opened());
    let rng = &mut rng();
    for path in honest.0.keys() {
        for content in [vec![], vec![0; 7], vec![255; 9_000], rng.random_iter().take(3_000).collect(), b"\n\n".to_vec()]
        {
            let mut altered = honest.clone();
            altered.0.insert(path.clone(), content);
            assert!(!check(&altered).passed(), "{path}");
        }
        let mut without = honest.clone();
        without.0.remove(path);
        match verify(&without, &Options::default(), &NoProgress) {
            Ok(report) => assert!(!report.passed(), "{path}"),
            Err(error) => assert_eq!((path.as_str(), error.to_string().contains("no file")), ("checkpoint", true)),
        }
    }
}

/// Counts how often it is asked for a file's size.
struct Counting(Memory, AtomicU64);

impl Source for Counting {
    fn read(&self, path: &str, limit: usize) -> Result<Content, SourceError> {
        self.0.read(path, limit)
    }
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.read_at(path, offset, length)
    }
    fn size(&self, path: &str) -> Result<Option<u64>, SourceError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.size(path)
    }
    fn paths(&self) -> Result<Vec<String>, SourceError> {
        self.0.paths()
    }
}

#[test]
fn a_checkpoint_that_speaks_of_millions_of_entries_makes_nobody_look_for_millions_of_files() {
    let record = record(opened());
    let head = Head { tree_size: MAX_ENTRIES, ..record.head() };
    let mut files = record.files().unwrap();
    files.0.insert("checkpoint".into(), record.checkpoint(&head).unwrap());
    for empty in [false, true] {
        for number in 0..if empty { 3_000 } else { 0 } {
            files.0.insert(TilePath::new(TileKind::Entries, number, 256).unwrap().to_string(), vec![]);
        }
        let counting = Counting(files.clone(), AtomicU64::new(0));
        let report = verify(&counting, &Options::default(), &NoProgress).unwrap();
        assert!(report.failed().contains(&"V5"), "{:?}", report.failed());
        assert!(counting.1.into_inner() < 1_000, "looks far ahead");
    }
}

#[test]
fn strange_paths_in_a_listing_do_no_harm() {
    let mut files = files(opened());
    for path in ["tile/../../etc/passwd", "tile/9/000", "tile/0/999999", "x".repeat(2_000).as_str(), "\u{1b}[2J"] {
        files.0.insert(path.to_owned(), vec![]);
    }
    let report = check(&files);
    fails_only(&report, "V7", &[], "tile/../../etc/passwd");
    assert_eq!(files.read("tile/9/000", 0).unwrap(), Content::Bytes(vec![]));
}
