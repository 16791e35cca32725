//! The verifier on the tampered corpus: each record fails exactly the check that its cheat breaks, and names the entries
//! that show it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;

use rayon::prelude::*;
use veritally_benches::tampered::{Tampered, cases, clock_stepped_back, honest};
use veritally_verifier::checks::Check;
use veritally_verifier::report::Status;
use veritally_verifier::{NoProgress, Options, Report, Verified, verify_record};

fn verified(tampered: &Tampered) -> Verified {
    verify_record(&tampered.files, &Options { fingerprint: tampered.fingerprint, jobs: None }, &NoProgress).unwrap()
}

fn shown(report: &Report) -> String {
    let lines = report.checks.iter().filter(|check| check.status == Status::Fail);
    lines.map(|check| format!("  {} {:?} {}\n", check.id, check.entries, check.message)).collect()
}

#[test]
fn the_honest_records_of_the_corpus_pass_whatever_the_boards_clock_said() {
    for tampered in [honest(), clock_stepped_back()] {
        let report = verified(&tampered.unwrap()).report;
        assert!(report.passed(), "{}", shown(&report));
        assert_eq!(report.contests.len(), 2);
    }
}

#[test]
fn every_cheat_fails_exactly_its_own_check() {
    let wrong: Vec<String> = cases()
        .into_par_iter()
        .filter_map(|case| {
            let tampered = match (case.make)() {
                Ok(tampered) => tampered,
                Err(error) => return Some(format!("{}: not made: {error}", case.name)),
            };
            let Verified { report, state, uncosigned } = verified(&tampered);
            // Nobody can build on it, but wait for witnesses if nothing else is wrong.
            let handed_out = (state.is_some(), uncosigned.is_some());
            let named: BTreeSet<_> = report.check(case.check).into_iter().flat_map(|check| &check.entries).collect();
            let right = report.failed() == [case.check]
                && named == tampered.culprits.iter().collect()
                && handed_out == (false, case.check == Check::Witnesses.id());
            (!right).then(|| format!("{} ({} {:?}):\n{}", case.name, case.check, tampered.culprits, shown(&report)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_corpus_has_at_least_60_cases_with_names_of_their_own_and_every_check_but_v28() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    assert_eq!(cases.iter().map(|case| case.name).collect::<BTreeSet<_>>().len(), cases.len());
    let covered: BTreeSet<_> = cases.iter().map(|case| case.check).collect();
    // Two ballots with the same 100 bits of a hash can't be made.
    let missing: Vec<_> = Check::ALL.iter().map(|check| check.id()).filter(|id| !covered.contains(id)).collect();
    assert_eq!(missing, ["V28"]);
    assert!(cases.iter().all(|case| case.what.ends_with('.')), "sentences");
}
