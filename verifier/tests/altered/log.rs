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
fn v2_another_election_than_the_one_that_was_meant() {
    let options = Options { fingerprint: Some(Hash::of(b"another")), jobs: None };
    let report = verify(&files(finished()), &options, &NoProgress).unwrap();
    fails_only(&report, "V2", &[0], "you gave");
    others_pass(&report, &["V2"]);
}

// V3 to V7: the log.

#[test]
fn v3_a_checkpoint_by_another_key_or_of_another_log() {
    let mut record = record(finished());
    record.election.log_key = SigningSecret::from_seed(&[9; 32]);
    let report = report(&record);
    fails_only(&report, "V3", &[], "not signed by");
    others_pass(&report, &["V3"]);
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
fn v4_a_witness_is_missing() {
    let witness = NamedKey { key: SigningSecret::from_seed(&[5; 32]).verification_key(), name: "w.example".into() };
    let election = begun(|manifest| {
        manifest.witnesses = vec![witness];
        manifest.witness_quorum = 1;
    });
    fails_only(&check(&files(election)), "V4", &[], "0 of 1 witnesses");
}

#[test]
fn v5_a_checkpoint_for_other_entries() {
    let record = record(finished());
    let mut files = record.files().unwrap();
    let head = Head { root: Hash::of(b"other entries"), ..record.head() };
    files.0.insert("checkpoint".into(), record.checkpoint(&head).unwrap());
    let report = check(&files);
    fails_only(&report, "V5", &[], "the checkpoint says");
    others_pass(&report, &["V5"]);
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
fn v6_a_tile_with_other_hashes() {
    let record = record(finished());
    let path = format!("tile/0/000.p/{}", record.log.len());
    let edits: [fn(&mut Vec<u8>); 3] = [|tile| tile[40] ^= 1, |tile| tile.truncate(32), |tile| tile.push(0)];
    for edit in edits {
        let mut files = record.files().unwrap();
        edit(files.0.get_mut(&path).unwrap());
        let report = check(&files);
        fails_only(&report, "V6", &[0], "does not have the hashes");
        others_pass(&report, &["V6"]);
    }
    let mut files = record.files().unwrap();
    files.0.remove(&path);
    fails_only(&check(&files), "V6", &[0], "is missing");
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

// V8 to V10: all entries.

#[test]
fn v8_an_entry_in_another_spelling() {
    let extension = |e: &SampleElection| {
        let (closes_at_ms, time_ms) = (e.state.closes_at_ms() + 1, e.time_ms);
        signed(e, Extension { administrator: 1, closes_at_ms, signature: None, time_ms, tag: ExtensionTag })
    };
    let (record, index) = during_voting(|e| {
        let mut entry = extension(e);
        entry.insert(1, b' ');
        entry
    });
    fails_only(&report(&record), "V8", &[index], "not in canonical form");
}

#[test]
fn v9_a_second_manifest_and_a_ballot_after_closing() {
    let (record, index) = during_voting(|e| e.entries[0].clone());
    fails_only(&report(&record), "V9", &[index], "a log has one manifest");

    let election = voted();
    let late = election.ballot(1, &answers("member", "a", None), &mut rng()).unwrap();
    let mut record = record_closed(election);
    let index = record.log.len() as u64;
    record.insert(late.bytes().to_vec());
    complete(&mut record);
    let report = report(&record);
    fails_only(&report, "V9", &[index], "closed: it takes no ballot now");
    others_pass(&report, &["V9"]);
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
