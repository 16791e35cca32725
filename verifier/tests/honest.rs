//! Honest records pass, in every form and at every stage, and the report says what happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::type_complexity)]

mod common;

use std::num::NonZeroUsize;

use common::*;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{
    Abandonment, AbandonmentTag, Base64Bytes, Closing, ClosingTag, Extension, ExtensionTag,
};
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::record::Phase;
use veritally_crypto::sample::SampleElection;
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::report::{Status, Verdict};
use veritally_verifier::sample::{write_folder, write_tar};
use veritally_verifier::{NoProgress, Options, source, verify_record};

fn administrator(election: &SampleElection) -> SigningSecret {
    SigningSecret::from_seed(&election.administrator.expose_seed())
}

#[test]
fn an_honest_election_passes_every_check_and_its_counts_are_reported() {
    let election = finished();
    let fingerprint = election.fingerprint();
    let options = Options { fingerprint: Some(fingerprint), jobs: NonZeroUsize::new(2) };
    let verified = verify_record(&files(election), &options, &NoProgress).unwrap();
    let report = verified.report;
    for check in &report.checks {
        let expected = if ["V4", "V32"].contains(&check.id.as_str()) { Status::NotApplicable } else { Status::Pass };
        assert_eq!(check.status, expected, "{} {}", check.id, check.message);
    }
    assert_eq!(report.verdict, Verdict::Pass);
    assert_eq!((report.ballots_cast, report.ballots_counted, report.ballots_spoiled), (14, 13, 0));
    assert_eq!(report.fingerprint, fingerprint.to_string());
    assert_eq!(verified.state.unwrap().phase(), Phase::Published);
    // Weighted: voters 10, 11 and 12 count three times.
    let counts = |contest: usize| -> Vec<_> {
        report.contests[contest].counts.selections.iter().map(|s| s.count.unwrap()).collect()
    };
    assert_eq!((counts(0), counts(1)), (vec![7, 6, 6, 0, 0], vec![11, 1, 6]));
    assert_eq!((report.contests[0].counts.blank, report.contests[1].counts.blank), (None, Some(0)));
    for contest in &report.contests {
        assert_eq!(
            (contest.kind.as_str(), &contest.winners),
            ("choice", &vec![contest.counts.selections[0].id.clone()])
        );
    }
    let cells: Vec<_> = report.groups.iter().map(|g| (g.groups.len(), g.ballots, g.weight)).collect();
    assert_eq!(cells, [(1, 4, 4), (1, 4, 4), (1, 5, 11), (1, 2, 2), (1, 2, 2), (1, 4, 8)]);
}

#[test]
fn without_a_known_fingerprint_the_report_says_so() {
    let report = check(&files(finished()));
    let line = report.check("V2").unwrap();
    assert_eq!(line.status, Status::NotApplicable);
    assert!(line.message.contains("Not compared with a known fingerprint"), "{}", line.message);
    assert!(line.message.contains(&report.fingerprint));
}

#[test]
fn folder_tar_and_memory_give_the_same_report() {
    let files = files(finished());
    let dir = tempfile::tempdir().unwrap();
    write_folder(&files, &dir.path().join("folder")).unwrap();
    write_tar(&files, &dir.path().join("record.tar")).unwrap();
    let expected = check(&files);
    assert!(expected.passed());
    for path in ["folder", "record.tar"] {
        let source = source::open(&dir.path().join(path)).unwrap();
        assert_eq!(check(source.as_ref()), expected, "{path}");
    }
}

#[test]
fn an_election_under_way_passes_and_what_is_to_come_is_not_applicable() {
    let stages: [(fn() -> SampleElection, &str); 3] = [(|| begun(|_| {}), "V11"), (opened, "V23"), (voted, "V23")];
    for (stage, first_missing) in stages {
        let report = check(&files(stage()));
        assert!(report.passed(), "{:?}", report.failed());
        assert_eq!(status(&report, first_missing), Status::NotApplicable);
        assert_eq!(status(&report, "V27"), Status::NotApplicable);
        assert!(report.contests.is_empty());
        assert_eq!(status(&report, "V5"), Status::Pass);
    }
}

#[test]
fn an_abandoned_election_passes_and_its_reason_is_shown() {
    let mut election = voted();
    let key = administrator(&election);
    let time_ms = election.time_ms;
    let reason = "the hall burned down".to_owned();
    let entry = Abandonment { administrator: 1, reason, signature: None, time_ms, tag: AbandonmentTag };
    election.append_signed(entry, &key).unwrap();
    let report = check(&files(election));
    assert!(report.passed());
    assert!(report.check("V15").unwrap().message.contains("the hall burned down"));
}

#[test]
fn an_early_closing_and_an_extension_are_said() {
    let mut election = voted();
    let key = administrator(&election);
    let (closes_at_ms, time_ms) = (election.state.closes_at_ms() + 3_600_000, election.time_ms);
    let entry = Extension { administrator: 1, closes_at_ms, signature: None, time_ms, tag: ExtensionTag };
    election.append_signed(entry, &key).unwrap();
    let entry = Closing { administrator: 1, signature: None, time_ms, tag: ClosingTag };
    election.append_signed(entry, &key).unwrap();
    let report = check(&files(election));
    assert!(report.passed());
    assert!(report.check("V15").unwrap().message.contains("moved 1 time, to 2027-01-02 01:00:00 UTC"));
    assert!(report.check("V23").unwrap().message.contains("before the announced end"));
}

#[test]
fn wrong_shares_are_named_and_the_others_combine() {
    let mut election = voted();
    let rng = &mut rng();
    election.close().unwrap();
    (0..3).for_each(|trustee| election.agree(trustee).unwrap());
    let mut wrong = election.decryption_share(0, rng).unwrap();
    wrong.contests[0].shares[0][0] = wrong.contests[0].shares[0][1];
    election.submit_share(0, wrong).unwrap();
    let culprit = election.entries.len() - 1;
    election.share(1, rng).unwrap();
    election.share(2, rng).unwrap();
    election.publish().unwrap();
    let report = check(&files(election));
    assert!(report.passed(), "{:?}", report.failed());
    let message = &report.check("V26").unwrap().message;
    assert!(message.contains(&format!("Entry {culprit}: trustee 1 posted wrong shares")), "{message}");
    assert!(message.contains("(trustee 2, trustee 3)"), "{message}");
}

#[test]
fn a_contest_with_too_few_voters_is_withheld_and_said_so() {
    let mut election = opened();
    vote(&mut election, 0, "a", Some(&["b"]));
    vote(&mut election, 2, "b", None);
    election.finish(&mut rng()).unwrap();
    let report = check(&files(election));
    assert!(report.passed(), "{:?}", report.failed());
    assert!(report.check("V25").unwrap().message.contains("1 contest is withheld"));
    let budget = &report.contests[1];
    assert!(budget.method.starts_with("withheld") && budget.winners.is_empty());
    assert!(budget.counts.selections.iter().all(|s| s.count.is_none()));
    assert_eq!(report.contests[0].counts.selections[0].count, Some(1));
}

#[test]
fn a_group_with_too_few_voters_is_counted_with_its_neighbour() {
    let mut election = opened();
    for voter in [2, 3, 6, 8, 9] {
        vote(&mut election, voter, "a", Some(&["b"]));
    }
    election.finish(&mut rng()).unwrap();
    let report = check(&files(election));
    assert!(report.passed(), "{:?}", report.failed());
    let groups: Vec<Vec<_>> =
        report.groups.iter().map(|cell| cell.groups.iter().map(ToString::to_string).collect()).collect();
    // In the east one guest voted: its count for the chair is given with the south's.
    assert_eq!(groups, [vec!["north"], vec!["east", "south"], vec!["north"], vec!["east"], vec!["south"]]);
    assert_eq!(report.groups[1].counts.selections[0].count, Some(3));
}

#[test]
fn a_witness_that_cosigned_is_counted() {
    use sha2::{Digest as _, Sha256};
    let key = SigningSecret::from_seed(&[5; 32]);
    let witness = NamedKey { key: key.verification_key(), name: "w.example".into() };
    let election = begun(|manifest| {
        manifest.witnesses = vec![witness.clone()];
        manifest.witness_quorum = 1;
    });
    let mut files = files(election);
    let checkpoint = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
    let text = checkpoint.split_inclusive('\n').take(3).collect::<String>();
    let id = Sha256::new().chain_update("w.example\n\u{4}").chain_update(witness.key.0).finalize();
    let mut line = [&id[..4], &1_800_000_000u64.to_be_bytes()].concat();
    line.extend(key.sign_bytes(format!("cosignature/v1\ntime 1800000000\n{text}").as_bytes()).0);
    let base64 = serde_json::to_value(Base64Bytes(line)).unwrap();
    let cosigned = format!("{checkpoint}\u{2014} w.example {}\n", base64.as_str().unwrap());
    files.0.insert("checkpoint".into(), cosigned.into_bytes());
    let report = check(&files);
    assert!(report.passed(), "{:?}", report.failed());
    assert!(report.check("V4").unwrap().message.contains("1 of 1 witnesses cosigned"));
}

#[test]
fn an_election_without_ballots_has_counts_of_zero() {
    let mut election = opened();
    election.finish(&mut rng()).unwrap();
    let report = check(&files(election));
    assert!(report.passed(), "{:?}", report.failed());
    assert!(report.contests.iter().flat_map(|c| &c.counts.selections).all(|s| s.count == Some(0)));
}

#[test]
fn re_votes_reach_back_over_many_bundles() {
    let rng = &mut rng();
    let mut election = SampleElection::open_with(300, rng).unwrap();
    let choose = |letter: &str| veritally_crypto::sample::choose("chair", &[letter], false).unwrap();
    for voter in 0..300 {
        election.cast(voter, &choose("a"), rng).unwrap();
    }
    for voter in (0..300).step_by(3) {
        election.cast(voter, &choose("b"), rng).unwrap();
    }
    election.finish(rng).unwrap();
    for jobs in [1, 2] {
        let options = Options { fingerprint: None, jobs: NonZeroUsize::new(jobs) };
        let memory = files_of(&election);
        let report = veritally_verifier::verify(&memory, &options, &NoProgress).unwrap();
        assert!(report.passed(), "{:?}", report.failed());
        assert_eq!((report.ballots_cast, report.ballots_counted), (400, 300));
        let counts: Vec<_> = report.contests[0].counts.selections.iter().map(|s| s.count.unwrap()).collect();
        assert_eq!(counts, [200, 100, 0, 0, 0]);
    }
}

fn files_of(election: &SampleElection) -> source::Memory {
    let mut files = veritally_verifier::sample::tree_files(&election.entries).unwrap();
    let manifest = election.state.manifest();
    let checkpoint = veritally_crypto::log::Checkpoint::new(manifest.log.origin.clone(), &election.state.head());
    let signed = veritally_crypto::log::SignedCheckpoint::sign(checkpoint, &election.log_key).unwrap();
    files.insert("checkpoint".into(), signed.to_string().into_bytes());
    source::Memory(files)
}

#[test]
fn a_full_tile_may_stand_for_a_partial_one_while_the_log_grows() {
    let election = voted();
    let mut files = files_of(&election);
    // The board has more by now: the same files, wider; the checkpoint is the old one.
    let more: Vec<Vec<u8>> = (0..256 - election.entries.len()).map(|_| election.entries[1].clone()).collect();
    let log: Vec<Vec<u8>> = election.entries.iter().cloned().chain(more).collect();
    let wider = veritally_verifier::sample::tree_files(&log).unwrap();
    let size = election.entries.len();
    for (partial, full) in
        [(format!("tile/entries/000.p/{size}"), "tile/entries/000"), (format!("tile/0/000.p/{size}"), "tile/0/000")]
    {
        files.0.remove(&partial).unwrap();
        files.0.insert(full.into(), wider.get(full).unwrap().clone());
    }
    let report = check(&files);
    // Readable, but in an exported copy the surplus is reported.
    fails_only(&report, "V7", &[], "belongs to no log of");
    assert_eq!(status(&report, "V5"), Status::Pass);
    assert_eq!(status(&report, "V6"), Status::Pass);
    assert_eq!(Hash::from_hex(&report.fingerprint).unwrap(), election.fingerprint());
}
