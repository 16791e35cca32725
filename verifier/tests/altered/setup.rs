//! V11 to V15: trustees, roll, schedule.

use super::*;

// V11 and V12: the trustees.

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
fn v12_trustees_that_make_all_keys_equal() {
    let election = begun(|_| {});
    let entries = collusion::equal_keys(&election, &mut rng()).unwrap();
    let mut record = record(election);
    entries.into_iter().for_each(|entry| record.insert(entry));
    fails_only(&report(&record), "V12", &[6], "two election keys are equal");
}

// V13 to V15: roll and schedule.

#[test]
fn v13_a_roll_with_a_voter_twice() {
    let mut record = record(finished());
    let (key, fingerprint) = (record.registrar_key(), record.election.fingerprint());
    let twice = |mut part: RollPart| {
        part.entries[1] = part.entries[0].clone();
        canonical::to_bytes(&sign(part, &fingerprint, &key).unwrap()).unwrap()
    };
    let edit = |leaf| if let Leaf::RollPart(part) = leaf { Some(twice(part)) } else { None };
    let index = record.replace(edit).unwrap();
    let report = report(&record);
    fails_only(&report, "V13", &[index], "without duplicates");
    assert_eq!(status(&report, "V12"), Status::Pass);
    assert_eq!(status(&report, "V14"), Status::NotReached);
}

#[test]
fn v14_an_opening_before_the_announced_time() {
    let mut record = record(finished());
    let early = |opening: Opening, e: &SampleElection| signed(e, Opening { time_ms: OPENS_AT_MS - 1, ..opening });
    let election = finished();
    let edit = |leaf| if let Leaf::Opening(opening) = leaf { Some(early(opening, &election)) } else { None };
    let index = record.replace(edit).unwrap();
    let report = report(&record);
    fails_only(&report, "V14", &[index], "before the time that the manifest announces");
    assert_eq!(status(&report, "V21"), Status::NotReached);
}

#[test]
fn v15_an_extension_that_shortens() {
    let (record, index) = during_voting(|e| {
        let (closes_at_ms, time_ms) = (e.state.closes_at_ms() - 1, e.time_ms);
        signed(e, Extension { administrator: 1, closes_at_ms, signature: None, time_ms, tag: ExtensionTag })
    });
    fails_only(&report(&record), "V15", &[index], "not later than the present one");
}
