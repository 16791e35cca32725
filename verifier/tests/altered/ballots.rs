//! V16 to V21: ballots.

use super::*;

#[test]
fn v16_a_ballot_of_another_style_or_shape() {
    let rng = &mut rng();
    let (record, index) = during_voting(|e| {
        // A guest fills in the members' ballot.
        let voter = &e.voters[2];
        let (context, record) = (e.state.ballot_context().unwrap(), e.state.voter(voter.credential.public()).unwrap());
        let style = veritally_crypto::sample::id("member").unwrap();
        let (counter, previous) = (record.counter + 1, record.last_hash);
        let key = voter.credential.public();
        let prepared = context.prepare(&style, &answers("member", "a", None), key, counter, previous, rng).unwrap();
        prepared.cast(&voter.credential, rng).unwrap().bytes().to_vec()
    });
    fails_only(&report(&record), "V16", &[index], "the roll gives this credential style");
    let (record, index) = during_voting(|e| {
        let ballot = e.ballot(2, &answers("guest", "a", None), rng).unwrap();
        edited(&ballot, |leaf| leaf.f.truncate(4)).bytes().to_vec()
    });
    fails_only(&report(&record), "V16", &[index], "4 responses where its style has");
}

#[test]
fn v17_a_ballot_by_nobody_on_the_roll() {
    let rng = &mut rng();
    let (record, index) = during_voting(|e| {
        let credential = CredentialCode::random(rng).credential(&e.fingerprint());
        let (context, style) = (e.state.ballot_context().unwrap(), veritally_crypto::sample::id("guest").unwrap());
        let (key, answers) = (credential.public(), answers("guest", "a", None));
        let prepared = context.prepare(&style, &answers, key, 1, Hash::ZERO, rng).unwrap();
        prepared.cast(&credential, rng).unwrap().bytes().to_vec()
    });
    let report = report(&record);
    fails_only(&report, "V17", &[index], "not on the roll");
    assert!(report.check("V17").unwrap().message.contains(&format!("Entry {index}: ballot ")));
    assert_eq!(status(&report, "V23"), Status::Pass);
}

#[test]
fn v18_an_old_ballot_once_more() {
    let (record, index) = during_voting(|e| {
        let first = e.entries.iter().find(|entry| entry.starts_with(b"{\"a\":")).unwrap();
        first.clone()
    });
    fails_only(&report(&record), "V18", &[index], "an old ballot sent again");
}

#[test]
fn v19_one_cast_too_many() {
    let rng = &mut rng();
    let (record, index) = during_voting(|e| e.ballot(0, &answers("member", "c", None), rng).unwrap().bytes().to_vec());
    fails_only(&report(&record), "V19", &[index], "has cast the 2 ballots");
}

#[test]
fn v20_a_repeated_pad_with_a_proof_that_holds() {
    let rng = &mut rng();
    let mut election = opened();
    let context = election.state.ballot_context().unwrap().clone();
    let r = random_scalar(rng);
    let mut with_r = |voter: usize| {
        let voter = &election.voters[voter];
        forger::ballot_with_nonce(&context, voter, (1, Hash::ZERO), &answers("guest", "a", None), r, rng).unwrap()
    };
    let (first, copy) = (with_r(2), with_r(3));
    election.submit(first, &mut common::rng()).unwrap();
    let mut record = record(election);
    let index = record.log.len() as u64;
    record.insert(copy.bytes().to_vec());
    vote(&mut record.election, 6, "b", None);
    record.election.finish(&mut common::rng()).unwrap();
    record.publish(&mut common::rng()).unwrap();
    fails_only(&report(&record), "V20", &[index], "pad occurred before");
}

#[test]
fn v21_ballots_whose_proof_does_not_hold_and_that_were_counted() {
    let more = |z: &mut EncodedScalar| *z = (&(z.decode().unwrap() + Scalar::ONE)).into();
    let edits: [(&str, &dyn Fn(&mut BallotLeaf)); 3] = [
        ("ballot check 1 fails", &|leaf| more(&mut leaf.z_1)),
        ("ballot check 2 fails", &|leaf| more(&mut leaf.z_2)),
        ("ballot check 5 fails", &|leaf| more(&mut leaf.z_4)),
    ];
    for (words, edit) in edits {
        let mut record = record(voted());
        let ballot = record.election.ballot(2, &answers("guest", "d", None), &mut rng()).unwrap();
        let index = record.log.len() as u64;
        record.admit_unverified(edited(&ballot, edit)).unwrap();
        record.election.finish(&mut rng()).unwrap();
        record.publish(&mut rng()).unwrap();
        let report = report(&record);
        fails_only(&report, "V21", &[index], words);
        others_pass(&report, &["V21"]);
        assert_eq!(report.contests[0].counts.selections[3].count, Some(1));
    }
}
