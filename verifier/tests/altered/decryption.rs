//! V24 to V27: agreements, cells, shares, result.

use super::*;

#[test]
fn v24_a_trustee_that_agreed_to_another_head_or_twice() {
    for (other, words) in [(true, "two views of the log"), (false, "given once")] {
        let mut record = record_closed(voted());
        let closing = record.head();
        let head = if other { Head { root: Hash::of(b"fork"), ..closing } } else { closing };
        record.election.agree(2).unwrap();
        record.publish(&mut rng()).unwrap();
        let (time_ms, trustee) = (record.election.time_ms, TrusteeId(3));
        let agreement = Agreement { head, signature: None, time_ms, trustee, tag: AgreementTag };
        let index = record.log.len() as u64;
        let entry = record.signed(agreement, &record.trustee_key(3).unwrap()).unwrap();
        record.insert(entry);
        complete(&mut record);
        let report = report(&record);
        fails_only(&report, "V24", &[index], words);
        others_pass(&report, &["V24"]);
    }
}

#[test]
fn v24_shares_before_enough_trustees_agreed() {
    let mut record = record_closed(voted());
    record.election.agree(0).unwrap();
    record.publish(&mut rng()).unwrap();
    let share = record.share_for_published_log(0, &mut rng()).unwrap();
    let entry = record.signed(share, &record.trustee_key(1).unwrap()).unwrap();
    let index = record.log.len() as u64;
    record.insert(entry);
    let report = report(&record);
    fails_only(&report, "V24", &[index], "takes no decryption share now");
    assert_eq!(status(&report, "V26"), Status::NotReached);
}

fn result(record: &SampleRecord, edit: impl FnOnce(&mut ElectionResult)) -> Vec<u8> {
    let contests = record.election.state.decrypted().unwrap().to_vec();
    let time_ms = record.election.time_ms;
    let mut result = ElectionResult { administrator: 1, contests, signature: None, time_ms, tag: ResultTag };
    edit(&mut result);
    signed(&record.election, result)
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
fn v25_a_result_for_other_groups() {
    let mut record = decrypted();
    let index = record.log.len() as u64;
    let entry = result(&record, |result| {
        // The total alone, so that nobody sees how the south voted.
        let cells = &mut result.contests[0].cells;
        let last = cells.pop().unwrap();
        let before = cells.last_mut().unwrap();
        before.groups.extend(last.groups);
        before.counts.iter_mut().zip(last.counts).for_each(|(sum, count)| *sum += count);
    });
    record.insert(entry);
    let report = report(&record);
    fails_only(&report, "V25", &[index], "not what the decryption shares combine to");
    assert_eq!(status(&report, "V26"), Status::Pass);
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
    record.insert(result(&counted, |_| {}));
    let report = report(&record);
    fails_only(&report, "V26", &[index], "takes no result now");
    assert!(report.check("V26").unwrap().message.contains("trustee 2 posted wrong shares"));
    assert_eq!(status(&report, "V27"), Status::NotReached);
}

#[test]
fn v27_a_result_with_other_counts() {
    let mut record = decrypted();
    let index = record.log.len() as u64;
    record.insert(result(&record, |result| result.contests[0].cells[0].counts.swap(0, 1)));
    let report = report(&record);
    fails_only(&report, "V27", &[index], "not what the decryption shares combine to");
    others_pass(&report, &["V27"]);
    // The report has the counts that the shares combine to.
    assert_eq!(report.contests[0].counts.selections[0].count, Some(7));
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
