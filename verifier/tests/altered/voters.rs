//! V30 and V31: re-issued credentials and published spoiled ballots.

use veritally_crypto::leaves::{Reissue, ReissueTag};

use super::*;

fn reissue(election: &SampleElection, old: usize, new: &CredentialCode) -> Vec<u8> {
    let new = new.credential(&election.fingerprint()).public().0;
    let old = election.voters[old].credential.public().0;
    let entry = Reissue { new, old, signature: None, time_ms: election.time_ms, tag: ReissueTag };
    let registrar = SigningSecret::from_seed(&election.registrar.expose_seed());
    canonical::to_bytes(&sign(entry, &election.fingerprint(), &registrar).unwrap()).unwrap()
}

#[test]
fn v30_a_voter_who_has_voted_gets_another_credential() {
    let (record, index) = during_voting(|e| reissue(e, 2, &CredentialCode::random(&mut rng())));
    let report = report(&record);
    fails_only(&report, "V30", &[index], "has a ballot or");
    assert_eq!((report.credentials_reissued, status(&report, "V23")), (0, Status::Pass));
}

#[test]
fn ballots_of_a_credential_whose_reissue_was_refused_are_not_reached() {
    let mut record = record(voted());
    let code = CredentialCode::random(&mut rng());
    let index = record.log.len() as u64;
    record.insert(reissue(&record.election, 2, &code));
    let election = &record.election;
    let credential = code.credential(&election.fingerprint());
    let (context, style) = (election.state.ballot_context().unwrap(), veritally_crypto::sample::id("guest").unwrap());
    let answers = answers("guest", "a", None);
    let prepared = context.prepare(&style, &answers, credential.public(), 1, Hash::ZERO, &mut rng()).unwrap();
    let ballot = prepared.cast(&credential, &mut rng()).unwrap().bytes().to_vec();
    record.insert(ballot);
    vote(&mut record.election, 1, "d", None);
    record.election.finish(&mut rng()).unwrap();
    record.publish(&mut rng()).unwrap();
    let report = report(&record);
    fails_only(&report, "V30", &[index], "has a ballot or");
    assert_eq!(status(&report, "V17"), Status::NotReached);
    assert_eq!(status(&report, "V18"), Status::Pass);
}

#[test]
fn v31_a_test_that_somebody_else_made_up() {
    let (record, index) = during_voting(|e| {
        let spoiled = e.spoiled(2, &answers("guest", "d", None), &mut rng()).unwrap();
        let voter = e.state.voter(e.voters[3].credential.public()).unwrap();
        let fake = veritally_crypto::leaves::SpoiledBallot {
            credential: voter.credential.0,
            counter: voter.counter + 1,
            previous: voter.last_hash,
            ..spoiled
        };
        bytes(&fake).unwrap()
    });
    let report = report(&record);
    fails_only(&report, "V31", &[index], "did not sign it");
    assert_eq!((report.ballots_spoiled, status(&report, "V23")), (0, Status::Pass));
}

#[test]
fn a_spoiled_ballot_that_was_cast_before_it_was_published_or_after_is_found() {
    // The same seed twice: a device that keeps what it should have erased.
    let mut election = opened();
    let context = election.state.ballot_context().unwrap().clone();
    let style = veritally_crypto::sample::id("guest").unwrap();
    let voter = &election.voters[2].credential;
    let prepare = || {
        let answers = answers("guest", "d", None);
        context.prepare(&style, &answers, voter.public(), 1, Hash::ZERO, &mut rng()).unwrap()
    };
    let cast = prepare().cast(voter, &mut rng()).unwrap();
    let spoiled = bytes(&prepare().spoil().publish(&context, voter, &mut rng()).unwrap()).unwrap();
    let other = election.ballot(3, &answers("guest", "a", None), &mut rng()).unwrap();
    let finished = |mut record: SampleRecord| {
        for voter in [6, 7] {
            vote(&mut record.election, voter, "b", None);
        }
        record.election.finish(&mut rng()).unwrap();
        record.publish(&mut rng()).unwrap();
        report(&record)
    };
    election.submit(other, &mut rng()).unwrap();
    let twin = || {
        let mut twin = opened();
        twin.submit(EncryptedBallot::parse(election.entries.last().unwrap()).unwrap(), &mut rng()).unwrap();
        twin
    };
    let mut published_first = twin();
    published_first.append(spoiled.clone()).unwrap();
    let mut published_first = record(published_first);
    let index = published_first.log.len() as u64;
    published_first.insert(cast.bytes().to_vec());
    fails_only(&finished(published_first), "V20", &[index], "pad occurred before");
    let mut cast_first = twin();
    cast_first.submit(cast, &mut rng()).unwrap();
    let mut cast_first = record(cast_first);
    let index = cast_first.log.len() as u64;
    cast_first.insert(spoiled);
    fails_only(&finished(cast_first), "V31", &[index], "one was cast in between");
}

#[test]
fn a_record_with_reissues_and_published_tests_passes_and_counts_them() {
    let rng = &mut rng();
    let mut election = opened();
    election.reissue(4, rng).unwrap();
    for _ in 0..2 {
        election.publish_spoiled(4, &answers("member", "b", None), rng).unwrap();
    }
    for voter in [4, 5] {
        vote(&mut election, voter, "a", None);
    }
    election.finish(rng).unwrap();
    let report = report(&record(election));
    assert!(report.passed());
    assert_eq!((report.ballots_spoiled, report.credentials_reissued, report.ballots_counted), (2, 1, 2));
    assert!(report.check("V30").unwrap().message.starts_with("1 credential was re-issued"));
    assert!(report.check("V31").unwrap().message.starts_with("2 opened ballots give their code"));
}

#[test]
fn who_repeats_an_old_ballot_is_told_from_a_voter_who_casts_too_often() {
    // Voter 0 has cast both ballots that the manifest allows.
    let first = |e: &SampleElection| e.entries.iter().find(|entry| entry.starts_with(b"{\"a\":")).unwrap().clone();
    let (record, index) = during_voting(first);
    let report = report(&record);
    fails_only(&report, "V18", &[index], "next is 3");
    let code = EncryptedBallot::parse(&first(&record.election)).unwrap();
    let code = code.confirmation_code(&record.election.fingerprint());
    assert!(report.check("V18").unwrap().message.contains(&format!("ballot {code}: ")));
}
