//! The program itself: files, permissions, messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use veritally_board_api::key_file;
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::sample::SampleElection;

fn run(directory: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_veritally-registrar"));
    command.current_dir(directory).args(arguments.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A directory with the registrar's key and a manifest that names it.
fn set_up() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made = run(directory.path(), "init --name Rita --key registrar.key --public registrar.json");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let public: NamedKey =
        serde_json::from_slice(&std::fs::read(directory.path().join("registrar.json")).unwrap()).unwrap();
    let election = SampleElection::start((1, 1), |m| m.registrar = public, &mut rand::rng()).unwrap();
    std::fs::write(directory.path().join("manifest.json"), &election.entries[0]).unwrap();
    directory
}

const ISSUE: &str = "issue --manifest manifest.json --key registrar.key --roll roll.jsonl --codes codes.csv";

#[test]
fn init_makes_a_key_for_its_owner_only_and_replaces_none() {
    let directory = set_up();
    let path = directory.path().join("registrar.key");
    assert_eq!(mode(&path), 0o600);
    let before = key_file::read(&path).unwrap().verification_key();
    let again = run(directory.path(), "init --name Rita --key registrar.key --public registrar.json");
    assert!(!again.status.success());
    assert_eq!(key_file::read(&path).unwrap().verification_key(), before);
}

#[test]
fn issue_writes_codes_and_roll_and_prints_no_code() {
    let directory = set_up();
    std::fs::write(directory.path().join("voters.csv"), "id,name\n1,Ada\n2,Grace\n").unwrap();
    let issued = run(directory.path(), &format!("{ISSUE} --voters voters.csv"));
    assert!(issued.status.success(), "{}", text(&issued.stderr));
    let codes = std::fs::read_to_string(directory.path().join("codes.csv")).unwrap();
    assert_eq!(mode(&directory.path().join("codes.csv")), 0o600);
    let shown = text(&issued.stdout) + &text(&issued.stderr);
    assert!(shown.contains("not compared with a known fingerprint"));
    for line in codes.lines().skip(1) {
        assert!(!shown.contains(line.split(',').nth(3).unwrap()));
    }
    let roll = std::fs::read_to_string(directory.path().join("roll.jsonl")).unwrap();
    assert_eq!(roll.lines().count(), 2);
    let again = run(directory.path(), &format!("{ISSUE} --count 3"));
    assert!(!again.status.success() && text(&again.stderr).contains("issued once"));
    assert_eq!(std::fs::read_to_string(directory.path().join("codes.csv")).unwrap(), codes);
}

#[test]
fn a_wrong_list_is_refused_whole_and_nothing_is_written() {
    let directory = set_up();
    std::fs::write(directory.path().join("voters.csv"), "id,weight\n1,1\n1,x\n").unwrap();
    let refused = run(directory.path(), &format!("{ISSUE} --voters voters.csv"));
    let message = text(&refused.stderr);
    assert!(!refused.status.success());
    assert!(message.contains("line 3: the weight \"x\"") && message.contains("line 3: the id \"1\""), "{message}");
    assert!(!directory.path().join("codes.csv").exists() && !directory.path().join("roll.jsonl").exists());
}
