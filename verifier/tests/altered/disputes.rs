//! V32: complaints and restarts.

use super::*;
use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::leaves::{Exclusion, ExclusionReason, Restart, RestartTag};

fn at(phase: CeremonyPhase) -> SampleElection {
    let mut election = begun(|_| {});
    election.ceremony_until(phase, &mut rng()).unwrap();
    election
}

/// Trustee 1 deals trustee 2 a wrong share.
fn cheated() -> SampleElection {
    let (mut election, rng) = (at(CeremonyPhase::Shares), &mut rng());
    election.shares_that_cheat(0, TrusteeId(2), rng).unwrap();
    for i in [1, 2] {
        election.ceremony_step(i, rng).unwrap();
    }
    election
}

#[test]
fn v32_a_cheating_dealer_is_named_and_the_election_goes_on() {
    let (mut election, rng) = (cheated(), &mut rng());
    election.complain(1, TrusteeId(1), rng).unwrap();
    election.restart(&[]).unwrap();
    election.ceremony(rng).unwrap();
    let report = report(&record(election));
    assert!(report.failed().is_empty(), "{:?}", report.failed());
    let line = report.check("V32").unwrap();
    assert_eq!(line.status, Status::Pass);
    assert!(line.message.contains("attempt 1: trustee 1 dealt trustee 2 a wrong share"), "{}", line.message);
    assert!(line.message.contains("attempt 2 began without trustee 1 (fault)"), "{}", line.message);
    assert!(report.check("V11").unwrap().message.contains("The 2 remaining of 3 trustees"));
}

#[test]
fn v32_a_false_complaint_and_an_absence_are_told_apart() {
    let (mut election, rng) = (at(CeremonyPhase::Confirm), &mut rng());
    election.complain(2, TrusteeId(1), rng).unwrap();
    let line = report(&record(election)).check("V32").unwrap().message.clone();
    assert!(
        line.contains("trustee 3 complained falsely of trustee 1") && line.contains("waits for a restart"),
        "{line}"
    );
    let mut election = at(CeremonyPhase::Reveal);
    election.restart(&[TrusteeId(2)]).unwrap();
    let line = report(&record(election)).check("V32").unwrap().message.clone();
    assert!(line.contains("without trustee 2 (absent), after one that ended in its reveal phase"), "{line}");
}

#[test]
fn v32_a_restart_that_leaves_out_who_spoke() {
    let (mut election, rng) = (at(CeremonyPhase::Reveal), &mut rng());
    election.ceremony_step(0, rng).unwrap();
    let restart = Restart {
        administrator: 1,
        attempt: 2,
        excluded: vec![Exclusion { reason: ExclusionReason::Absent, trustee: TrusteeId(1) }],
        signature: None,
        time_ms: OPENS_AT_MS,
        tag: RestartTag,
    };
    let entry = signed(&election, restart);
    // The others go on with the second attempt: what they say follows from the restart.
    let mut second = begun(|_| {});
    second.restart(&[]).unwrap();
    let commit = second.entries.len();
    second.ceremony_step(1, rng).unwrap();
    let later = second.entries[commit].clone();
    let mut record = record(election);
    let index = record.log.len() as u64;
    record.insert(entry);
    record.insert(later);
    let report = report(&record);
    assert_eq!(report.failed(), ["V32"]);
    assert_eq!(report.check("V32").unwrap().entries, [index]);
    assert_eq!(status(&report, "V11"), Status::NotReached);
}
