//! The program: exit status, JSON, table, and a record that comes from a board's address.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use veritally_verifier::Report;
use veritally_verifier::sample::write_folder;

#[test]
fn the_exit_status_is_0_for_a_record_that_passes_1_for_one_that_fails_2_for_none() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    let mut files = files(finished());
    write_folder(&files, &good).unwrap();
    let tile = files.0.keys().find(|path| path.starts_with("tile/0/")).unwrap().clone();
    files.0.get_mut(&tile).unwrap()[0] ^= 1;
    write_folder(&files, &bad).unwrap();

    let passed = run(&[path(&good)]);
    assert_eq!(passed.status.code(), Some(0), "{}", text(&passed.stderr));
    assert!(text(&passed.stdout).contains("PASS: no check failed."));
    assert!(text(&passed.stdout).contains("Not compared with a known fingerprint"));
    assert!(!text(&passed.stdout).contains('\u{1b}'), "colours are for terminals");
    assert!(text(&passed.stderr).contains("verifying entries"));

    let failed = run(&[path(&bad), "--jobs", "1", "--quiet"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains("FAIL: V6."), "{}", text(&failed.stdout));
    assert!(failed.stderr.is_empty());

    for nothing in [dir.path().join("nowhere"), dir.path().to_owned()] {
        let output = run(&[path(&nothing)]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
    assert_eq!(run(&[path(&good), "--fingerprint", "12"]).status.code(), Some(2));
}

#[test]
fn the_json_report_has_the_documented_shape() {
    let dir = tempfile::tempdir().unwrap();
    let election = finished();
    let fingerprint = election.fingerprint().to_string();
    write_folder(&files(election), dir.path()).unwrap();
    let record = path(dir.path());
    let output = run(&[record, "--fingerprint", &fingerprint.to_uppercase(), "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "format",
        "verdict",
        "name",
        "fingerprint",
        "tree_size",
        "credentials",
        "ballots_cast",
        "ballots_counted",
        "ballots_spoiled",
        "credentials_reissued",
        "contests",
        "groups",
        "checks",
    ];
    expected.sort_unstable();
    assert_eq!(members, expected);
    assert_eq!((&json["format"], &json["verdict"]), (&"veritally-report/v1".into(), &"pass".into()));
    assert_eq!(json["fingerprint"], fingerprint.as_str());
    assert_eq!(json["contests"][0]["selections"][0]["count"], 7);
    assert_eq!(json["contests"][0]["type"], "choice");
    assert_eq!(json["checks"][0]["id"], "V1");
    assert_eq!(json["checks"][1]["status"], "pass");
    assert_eq!(json["checks"][3]["status"], "not_applicable");
    let to_file = dir.path().join("report.json");
    let output = run(&[record, "--json", path(&to_file), "--fingerprint", &fingerprint]);
    assert!(text(&output.stdout).contains("PASS"));
    let read: Report = serde_json::from_slice(&std::fs::read(to_file).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
}

#[test]
fn a_record_is_downloaded_from_an_address_and_a_second_run_goes_on_from_the_first() {
    let election = finished();
    let fingerprint = election.fingerprint();
    let board = Board::serve(files(election));
    let address = &board.address;
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let link = format!("veritally://{address}/sample?fp={fingerprint}");
    let output = run(&[&link, "--keep", path(&kept), "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.check("V2").unwrap().message, "It is the one that you gave.");
    assert_eq!(board.asked().len(), 3);
    // The copy verifies without the board, and only the checkpoint is asked for again.
    assert_eq!(run(&[path(&kept)]).status.code(), Some(0));
    assert_eq!(run(&[&link, "--keep", path(&kept)]).status.code(), Some(0));
    assert_eq!(board.asked(), ["checkpoint"]);
    // Without a folder of one's own a temporary one does.
    assert_eq!(run(&[&link]).status.code(), Some(0));
    let other = "0".repeat(64);
    let differs = run(&[&link, "--fingerprint", &other]);
    assert_eq!(differs.status.code(), Some(2));
    assert!(text(&differs.stderr).contains("which election do you mean"));
}

#[test]
fn a_board_that_goes_back_or_shows_another_log_of_the_same_size_is_refused_with_the_evidence_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, voted) = (dir.path().join("kept"), record(voted()));
    write_folder(&voted.files().unwrap(), &kept).unwrap();
    let mut shorter = record(opened());
    let address = Board::serve(shorter.files().unwrap()).address;
    let output = run(&[&format!("http://{address}/e/sample"), "--keep", path(&kept)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("went back behind"), "{}", text(&output.stderr));

    shorter.log = voted.log.clone();
    shorter.log.swap(30, 31);
    let address = Board::serve(shorter.files().unwrap()).address;
    let output = run(&[&format!("http://{address}/e/sample"), "--keep", path(&kept)]);
    assert!(text(&output.stderr).contains("two different logs"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(kept.join("checkpoint")).unwrap(), voted.files().unwrap().0["checkpoint"]);
}
