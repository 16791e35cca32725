//! V1 to V10: the election, the log, what holds for all entries.

use super::*;

// V1 and V2: the election.

#[test]
fn v1_a_manifest_that_breaks_its_rules() {
    let mut record = record(finished());
    let mut manifest = record.election.state.manifest().to_leaf().unwrap();
    manifest = String::from_utf8(manifest).unwrap().replace("\"quorum\":2", "\"quorum\":1").into_bytes();
    record.log[0] = manifest;
    let report = report(&record);
    fails_only(&report, "V1", &[0], "no two groups can decrypt apart");
    assert_eq!(status(&report, "V3"), Status::Pass);
    assert_eq!(status(&report, "V21"), Status::NotReached);
}

#[test]
fn v3_a_checkpoint_that_can_not_be_read() {
    let mut files = files(finished());
    files.0.insert("checkpoint".into(), b"hello\n".to_vec());
    let report = check(&files);
    fails_only(&report, "V3", &[], "can't be read");
    assert!(report.checks.iter().filter(|c| c.id != "V3").all(|c| c.status == Status::NotReached), "{report:?}");
}

#[test]
fn v5_missing_and_damaged_bundles() {
    let record = record(finished());
    let path = format!("tile/entries/000.p/{}", record.log.len());
    let mut files = record.files().unwrap();
    files.0.remove(&path);
    fails_only(&check(&files), "V5", &[0], "is missing");
    let mut files = record.files().unwrap();
    files.0.get_mut(&path).unwrap().pop();
    fails_only(&check(&files), "V5", &[0], "is damaged");
    let mut files = record.files().unwrap();
    files.0.insert(path, vec![0; 17 << 20]);
    fails_only(&check(&files), "V5", &[0], "is too large");
}

#[test]
fn v7_entries_beyond_the_checkpoint_and_another_version_of_the_log() {
    let record = record(finished());
    let mut longer = record.log.clone();
    longer.push(record.log[1].clone());
    let mut files = record.files().unwrap();
    for (path, bytes) in tree_files(&longer).unwrap() {
        files.0.entry(path).or_insert(bytes);
    }
    let report = check(&files);
    fails_only(&report, "V7", &[], "belongs to no log of");
    others_pass(&report, &["V7"]);

    // An earlier state of the board is welcome when it is a beginning of this log, and evidence when it is not.
    let mut earlier = record.log[..20].to_vec();
    let mut files = record.files().unwrap();
    files.0.extend(tree_files(&earlier).unwrap());
    files.0.insert("notes.txt".into(), vec![]);
    let report = check(&files);
    assert!(report.passed(), "{:?}", report.failed());
    assert!(report.check("V7").unwrap().message.contains("notes.txt"));
    earlier.swap(18, 19);
    files.0.extend(tree_files(&earlier).unwrap());
    fails_only(&check(&files), "V7", &[0, 0], "is of another log than");
}

#[test]
fn v10_an_extension_that_no_administrator_signed() {
    for (administrator, words) in [(1, "signature does not verify"), (2, "no administrator 2")] {
        let (record, index) = during_voting(|e| {
            let (closes_at_ms, time_ms) = (e.state.closes_at_ms() + 1, e.time_ms);
            let entry = Extension { administrator, closes_at_ms, signature: None, time_ms, tag: ExtensionTag };
            let stranger = SigningSecret::from_seed(&[9; 32]);
            canonical::to_bytes(&sign(entry, &e.fingerprint(), &stranger).unwrap()).unwrap()
        });
        let report = report(&record);
        fails_only(&report, "V10", &[index], words);
        // What an entry that was left out leaves to be checked: all ballots and the running tally.
        for check in ["V21", "V22", "V23"] {
            assert_eq!(status(&report, check), Status::Pass);
        }
        assert_eq!(status(&report, "V26"), Status::NotReached);
    }
}
