//! The program itself: files, permissions, messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use veritally_board_api::key_file;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::record::RecordState;
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

#[test]
fn a_code_is_issued_again_and_the_record_takes_the_new_one_for_the_old() {
    let directory = set_up();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("voters.csv"), "id,name\n1,Ada\n2,Grace\n").unwrap();
    assert!(run(directory.path(), &format!("{ISSUE} --voters voters.csv")).status.success());
    let again = |voter: &str, number: u32, codes: &str| {
        let files = format!("--entry entry-{number}.jsonl --new-codes again-{number}.csv {codes}");
        let arguments = format!("reissue --manifest manifest.json --key registrar.key --voter {voter} {files}");
        run(directory.path(), &arguments)
    };
    let nobody = again("3", 0, "--codes codes.csv");
    assert!(!nobody.status.success() && text(&nobody.stderr).contains("no voter \"3\""));
    let first = again("2", 1, "--codes codes.csv");
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_eq!(mode(&path("again-1.csv")), 0o600);
    assert!(!again("2", 1, "--codes codes.csv").status.success(), "nothing is replaced");
    // Of who has two codes the last one is replaced.
    assert!(again("2", 2, "--codes codes.csv --codes again-1.csv").status.success());
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let mut state = RecordState::start(&std::fs::read(path("manifest.json")).unwrap()).unwrap();
    let mut apply = |name: &str| {
        for line in read(name).lines() {
            state.apply(&Leaf::parse(line.as_bytes()).unwrap(), line.as_bytes()).unwrap();
        }
    };
    ["roll.jsonl", "entry-1.jsonl", "entry-2.jsonl"].into_iter().for_each(&mut apply);
    let fingerprint = state.fingerprint();
    let holds = |name: &str, line: usize| {
        let csv = read(name);
        let code = CredentialCode::parse(csv.lines().nth(line).unwrap().split(',').nth(3).unwrap()).unwrap();
        state.voter(code.credential(&fingerprint).public()).is_some()
    };
    assert!(holds("codes.csv", 1) && holds("again-2.csv", 1));
    assert!(!holds("codes.csv", 2) && !holds("again-1.csv", 1), "the old codes hold no more");
}

#[test]
fn reminders_are_refused_with_a_list_that_is_another_election_s() {
    let directory = set_up();
    assert!(run(directory.path(), &format!("{ISSUE} --count 2")).status.success());
    let fingerprint = veritally_crypto::hash::Hash::of(&std::fs::read(directory.path().join("manifest.json")).unwrap());
    let remind = |voted: &str| {
        std::fs::write(directory.path().join("voted.csv"), voted).unwrap();
        let about =
            format!("--codes codes.csv --manifest manifest.json --link veritally://b.example/sample?fp={fingerprint}");
        let by = "--help-contact me --server 127.0.0.1 --port 1 --tls none --from a@example.org --voted voted.csv";
        text(&run(directory.path(), &format!("remind {about} {by}")).stderr)
    };
    assert!(remind("id\n1\n").contains("no list of public ids"));
    assert!(remind("public_id\nAAAA-BBBB\n").contains("1 of 1 public ids"), "{}", remind("public_id\nAAAA-BBBB\n"));
}
