//! The program's commands beside the verification of a whole record: `--follow`, `receipt`, `spoiled`, `evidence`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use veritally_board_api::Status;
use veritally_board_api::answers::Service;
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::record::Counts;
use veritally_crypto::sample::id;
use veritally_verifier::Report;
use veritally_verifier::sample::{SampleRecord, write_folder};
use veritally_verifier::source::Memory;

/// What a board says of itself, beside the log's files.
fn with_status(record: &SampleRecord, mut files: Memory, ballots_cast: u64) -> Memory {
    let state = &record.election.state;
    let status = Status {
        checkpoint: String::new(),
        closes_at_ms: state.closes_at_ms(),
        counts: Counts { ballots_cast, ..state.counts() },
        election: id("sample").unwrap(),
        fingerprint: state.fingerprint(),
        head: record.head(),
        opens_at_ms: 0,
        phase: state.phase(),
        service: Service::Serving,
        time_ms: 0,
    };
    files.0.insert("status".into(), serde_json::to_vec(&status).unwrap());
    files
}

#[test]
fn a_live_election_is_followed_and_a_later_run_finds_the_fork_and_exits_with_1() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let mut record = record(voted());
    let files = beginning(&mut record, 30);
    let board = Board::serve(with_status(&record, files, 14));
    let link = board.link(Some(record.election.fingerprint())).to_string();
    let follow = || run(&[&link, "--follow", "--keep", path(&kept), "--every", "1", "--stop-after", "0"]);
    let output = follow();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(err.contains("10 of 14 ballots verified, 30 entries; the election is open"), "{err}");
    assert!(out.contains("PASS: no check failed."), "{out}");

    record.log.swap(24, 25);
    board.show(serve(&record, record.files().unwrap()));
    let output = follow();
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}{}", text(&output.stderr));
    assert!(out.contains("WARNING: The board signed two different versions of the election's log."), "{out}");
    assert!(out.contains("WARNING: An entry that the board had signed for is not in its log any more."), "{out}");
    assert!(out.contains("2 warnings while following"), "{out}");
    // Beside what is kept, and it convinces others.
    let folders: Vec<_> = out.lines().filter_map(|line| Some(line.split_once("Evidence: ")?.1)).collect();
    assert_eq!(folders.len(), 2);
    for folder in folders {
        assert!(folder.starts_with(path(&dir.path().join("kept-evidence"))), "{folder}");
        let shown = run(&["evidence", folder]);
        assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stdout));
        assert!(text(&shown.stdout).contains("HOLDS: the board's own signatures show it"));
    }
    // A folder is nothing to follow.
    assert_eq!(run(&[path(&kept), "--follow"]).status.code(), Some(2));
}

#[test]
fn an_election_is_followed_to_its_result_without_an_end_being_set() {
    let dir = tempfile::tempdir().unwrap();
    let record = record(finished());
    let board = Board::serve(with_status(&record, serve(&record, record.files().unwrap()), 14));
    let link = board.link(None).to_string();
    let output = run(&[&link, "--follow", "--keep", path(&dir.path().join("kept")), "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("14 of 14 ballots verified"), "{}", text(&output.stderr));
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.passed());
}

#[test]
fn a_receipt_is_checked_and_the_exit_status_tells() {
    let dir = tempfile::tempdir().unwrap();
    let (copy, mine) = (dir.path().join("copy"), dir.path().join("mine.tlog-proof"));
    let mut record = record(finished());
    write_folder(&record.files().unwrap(), &copy).unwrap();
    // Voter 0 voted twice.
    let ballots: Vec<usize> = (0..record.log.len()).filter(|i| record.log[*i].starts_with(b"{\"a\":")).collect();
    let (first, last, size) = (ballots[0], *ballots.last().unwrap(), record.log.len());
    let code = |index: usize| {
        EncryptedBallot::parse(&record.log[index])
            .unwrap()
            .confirmation_code(&record.election.fingerprint())
            .to_string()
    };
    for (index, words) in [(first, "A later ballot of the same voter takes its place."), (last, "this one counts")] {
        std::fs::write(&mine, receipt(&record, index as u64, size)).unwrap();
        let found = run(&["receipt", path(&mine), path(&copy)]);
        let out = text(&found.stdout);
        assert_eq!(found.status.code(), Some(0), "{out}{}", text(&found.stderr));
        assert!(out.contains(&format!("IN THE LOG: entry {index} of {size}.")) && out.contains(words), "{out}");
        assert!(out.contains(&code(index)), "{out}");
        assert!(out.contains("Compare code and public id with those that you noted."), "{out}");
    }
    // The ballot that lies beside the receipt is the one that must be in the log.
    let beside = dir.path().join("mine.ballot");
    std::fs::write(&beside, &record.log[last]).unwrap();
    let found = run(&["receipt", path(&mine), path(&copy)]);
    assert_eq!(found.status.code(), Some(0));
    assert!(!text(&found.stdout).contains("Compare code"));
    std::fs::write(&beside, &record.log[first]).unwrap();
    let found = run(&["receipt", path(&mine), path(&copy)]);
    assert_eq!(found.status.code(), Some(1));
    assert!(text(&found.stdout).starts_with("FAILED: receipt: "), "{}", text(&found.stdout));
    let other = "0".repeat(64);
    let found = run(&["receipt", path(&mine), path(&copy), "--fingerprint", &other]);
    assert_eq!(found.status.code(), Some(1));
    // What can't be asked is no finding.
    for (receipt, place) in [(&copy, &copy), (&mine, &dir.path().join("nowhere"))] {
        assert_eq!(run(&["receipt", path(receipt), path(place)]).status.code(), Some(2));
    }
    // A board that took the ballot out.
    std::fs::remove_file(&beside).unwrap();
    record.log.remove(first);
    let board = Board::serve(serve(&record, record.files().unwrap()));
    let found = run(&["receipt", path(&mine), &board.link(None).to_string()]);
    assert_eq!(found.status.code(), Some(1), "{}", text(&found.stderr));
    assert!(text(&found.stdout).contains("went back behind"), "{}", text(&found.stdout));
}

#[test]
fn an_opened_ballot_succeeds_only_if_the_code_that_was_noted_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let record = record(opened());
    let copy = dir.path().join("copy");
    write_folder(&record.files().unwrap(), &copy).unwrap();
    let election = &record.election;
    let (context, voter) = (election.state.ballot_context().unwrap(), &election.voters[2]);
    let prepared = context
        .prepare(&voter.entry.style, &answers("guest", "b", None), voter.credential.public(), 1, Hash::ZERO, &mut rng())
        .unwrap();
    let code = prepared.code();
    let json = serde_json::to_string(&prepared.spoil()).unwrap();
    let file = dir.path().join("spoiled-1.json");
    std::fs::write(&file, &json).unwrap();
    let whole = code.0.to_string();
    // The file, or the text of its QR code; the code in capitals, too.
    for opened in [path(&file), json.as_str()] {
        let holds = run(&["spoiled", opened, path(&copy), "--code", &whole.to_uppercase()]);
        let out = text(&holds.stdout);
        assert_eq!(holds.status.code(), Some(0), "{out}{}", text(&holds.stderr));
        assert!(out.starts_with("HOLDS: ") && out.contains(&code.to_string()), "{out}");
        assert!(out.contains("It is the code that was noted, all 256 bits."), "{out}");
    }
    let without = run(&["spoiled", path(&file), path(&copy)]);
    let out = text(&without.stdout);
    assert_eq!(without.status.code(), Some(1), "{out}");
    assert!(out.contains("NOT CHECKED: give --code") && out.contains(&whole) && !out.contains("HOLDS"), "{out}");
    let other = run(&["spoiled", path(&file), path(&copy), "--code", &"0".repeat(64)]);
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stdout).starts_with("FAILED: the opened ballot has the code"), "{}", text(&other.stdout));
    let lie = json.replace("\"b\"", "\"c\"");
    let lie = run(&["spoiled", &lie, path(&copy), "--code", &whole]);
    assert_eq!(lie.status.code(), Some(1), "{}", text(&lie.stderr));
    // The short form is not enough, and nonsense is no finding.
    for (opened, code) in [(json.as_str(), code.to_string()), ("{}", whole.clone()), ("nowhere", whole)] {
        let output = run(&["spoiled", opened, path(&copy), "--code", &code]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    }
}
