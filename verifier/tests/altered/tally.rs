//! V22 and V23: running tally and closing.

use super::*;

#[test]
fn v22_a_tally_head_over_another_sum() {
    let mut record = record(voted());
    vote(&mut record.election, 1, "d", None);
    record.publish(&mut rng()).unwrap();
    let index = record.log.len() as u64;
    let mut head = record.election.state.tally_head(OPENS_AT_MS);
    head.digest = Hash::of(b"another sum");
    record.insert(bytes(&head).unwrap());
    record.election.finish(&mut rng()).unwrap();
    record.publish(&mut rng()).unwrap();
    let report = report(&record);
    fails_only(&report, "V22", &[index], "another tally than the sum of the counted ballots");
    assert_eq!(status(&report, "V23"), Status::Pass);
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

#[test]
fn v23_a_closing_without_a_last_tally_head() {
    let mut record = record(voted());
    vote(&mut record.election, 1, "d", None);
    record.publish(&mut rng()).unwrap();
    let time_ms = record.election.time_ms;
    let closing = Closing { administrator: 1, signature: None, time_ms, tag: ClosingTag };
    let index = record.log.len() as u64;
    record.insert(signed(&record.election, closing));
    let agreement =
        Agreement { head: record.head(), signature: None, time_ms, trustee: TrusteeId(1), tag: AgreementTag };
    let agreement = record.signed(agreement, &record.trustee_key(1).unwrap()).unwrap();
    record.insert(agreement);
    let report = report(&record);
    fails_only(&report, "V23", &[index], "a tally head must come first");
    assert_eq!(status(&report, "V24"), Status::NotReached);
}
