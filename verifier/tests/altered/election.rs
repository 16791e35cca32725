//! Ceremony, ballots, tally and decryption: V11 to V27.

use super::*;

#[test]
fn v11_a_trustee_that_does_not_know_its_constant_terms() {
    let mut record = record(finished());
    let key = record.trustee_key(2).unwrap();
    let fingerprint = record.election.fingerprint();
    let index = record
        .replace(|leaf| match leaf {
            Leaf::Reveal(mut reveal) if reveal.trustee == TrusteeId(2) => {
                let z = reveal.proof.z.decode().unwrap() + Scalar::ONE;
                reveal.proof.z = (&z).into();
                Some(canonical::to_bytes(&sign(reveal, &fingerprint, &key).unwrap()).unwrap())
            }
            _ => None,
        })
        .unwrap();
    let report = report(&record);
    fails_only(&report, "V11", &[index], "trustee 2 did not prove");
    for check in ["V10", "V12", "V14", "V17", "V21", "V27"] {
        assert_eq!(status(&report, check), Status::NotReached, "{check}");
    }
    assert_eq!(status(&report, "V13"), Status::Pass);
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

#[test]
fn v22_a_tally_head_that_misstates_its_position_is_found_after_another_cheat_too() {
    let (mut record, _) = during_voting(|e| e.entries[0].clone());
    let lie = |leaf| match leaf {
        Leaf::TallyHead(mut head) if head.tree_size == 37 => {
            head.tree_size -= 1;
            bytes(&head).ok()
        }
        _ => None,
    };
    let index = record.replace(lie).unwrap();
    let report = report(&record);
    assert_eq!(report.failed(), ["V9", "V22"]);
    assert_eq!(report.check("V22").unwrap().entries, [index]);
}

fn result(record: &SampleRecord) -> Vec<u8> {
    let contests = record.election.state.decrypted().unwrap().to_vec();
    let time_ms = record.election.time_ms;
    signed(&record.election, ElectionResult { administrator: 1, contests, signature: None, time_ms, tag: ResultTag })
}

fn decrypted() -> SampleRecord {
    let mut election = voted();
    let rng = &mut rng();
    election.close().unwrap();
    (0..2).for_each(|trustee| election.agree(trustee).unwrap());
    (0..2).for_each(|trustee| election.share(trustee, rng).unwrap());
    record(election)
}

#[test]
fn v26_a_result_with_one_valid_share() {
    let mut election = voted();
    let rng = &mut rng();
    election.close().unwrap();
    (0..2).for_each(|trustee| election.agree(trustee).unwrap());
    election.share(0, rng).unwrap();
    let mut wrong = election.decryption_share(1, rng).unwrap();
    wrong.contests[0].shares[0].swap(0, 1);
    election.submit_share(1, wrong).unwrap();
    let (mut record, counted) = (record(election), decrypted());
    let index = record.log.len() as u64;
    record.insert(result(&counted));
    let report = report(&record);
    fails_only(&report, "V26", &[index], "takes no result now");
    assert!(report.check("V26").unwrap().message.contains("trustee 2 posted wrong shares"));
    assert_eq!(status(&report, "V27"), Status::NotReached);
}

#[test]
fn a_late_ballot_is_out_of_order_even_after_a_refused_agreement() {
    let election = voted();
    let late = election.ballot(3, &answers("guest", "d", None), &mut rng()).unwrap().bytes().to_vec();
    let mut record = record_closed(election);
    let other = Head { root: Hash::ZERO, ..record.election.state.closing_head().unwrap() };
    let time_ms = record.election.time_ms;
    let agreement = Agreement { head: other, signature: None, time_ms, trustee: TrusteeId(1), tag: AgreementTag };
    let agreement = record.signed(agreement, &record.trustee_key(1).unwrap()).unwrap();
    let index = record.log.len() as u64;
    record.insert(agreement);
    record.insert(late);
    complete(&mut record);
    let report = report(&record);
    assert_eq!(report.failed(), ["V9", "V24"]);
    assert_eq!(report.check("V9").unwrap().entries, [index + 1]);
    assert_eq!(report.check("V24").unwrap().entries, [index]);
}
