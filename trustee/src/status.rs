//! Where an election stands, for its trustees: what is awaited, from whom, and what can go on without them.

use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::record::{Phase, RecordState};

/// `trustee 1, trustee 3`; `nobody`.
#[must_use]
pub fn names(trustees: &[TrusteeId]) -> String {
    if trustees.is_empty() {
        return "nobody".into();
    }
    trustees.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn taking_part(state: &RecordState) -> Vec<TrusteeId> {
    state.ceremony().parameters().trustees().collect()
}

/// Who takes part and has not agreed.
#[must_use]
pub fn not_agreed(state: &RecordState) -> Vec<TrusteeId> {
    taking_part(state).into_iter().filter(|i| !state.agreements().contains_key(i)).collect()
}

/// Who takes part and has no valid decryption shares in the log.
#[must_use]
pub fn not_decrypted(state: &RecordState) -> Vec<TrusteeId> {
    let valid = |i: &TrusteeId| state.shares().iter().any(|share| share.trustee == *i && share.shares.is_ok());
    taking_part(state).into_iter().filter(|i| !valid(i)).collect()
}

/// Lines for people: a word, and what it is about.
#[must_use]
pub fn describe(state: &RecordState) -> Vec<(&'static str, String)> {
    let manifest = state.manifest();
    let (k, q, n) = (manifest.quorum, manifest.agreement_quorum, manifest.trustee_count());
    let left = taking_part(state).len() as u64;
    let mut lines = vec![("trustees", format!("{n} in the manifest, {left} take part; {q} must agree, {k} decrypt"))];
    for (number, keys) in (1..).zip(&manifest.trustees) {
        lines.push(("", format!("trustee {number}: {}", keys.name)));
    }
    for complaint in state.complaints() {
        let (index, attempt) = (complaint.index, complaint.attempt);
        lines.push(("complaint", format!("entry {index}, attempt {attempt}: {}", complaint.judged)));
    }
    for restart in state.restarts() {
        lines.push(("restart", format!("entry {}: attempt {} began", restart.index, restart.attempt)));
    }
    for exclusion in state.excluded() {
        lines.push(("left out", format!("{} ({})", exclusion.trustee, exclusion.reason)));
    }
    match state.phase() {
        Phase::Setup => ceremony(state, left, &mut lines),
        Phase::Open => lines.push(("next", "voting; after its end, every trustee runs `decrypt`".into())),
        Phase::Abandoned => lines.push(("next", "nothing: the election was given up".into())),
        Phase::Closed | Phase::Agreed | Phase::Decrypted | Phase::Published => duty(state, left, &mut lines),
    }
    lines
}

fn ceremony(state: &RecordState, left: u64, lines: &mut Vec<(&'static str, String)>) {
    let (ceremony, q) = (state.ceremony(), state.manifest().agreement_quorum);
    let attempt = ceremony.parameters().attempt();
    if ceremony.has_failed() {
        let culprits = ceremony.culprits();
        lines.push(("ceremony", format!("attempt {attempt} has failed: {} cheated", names(&culprits))));
        let remain = left.saturating_sub(culprits.len() as u64);
        lines.push(("next", spare(remain, q, "an administrator restarts the ceremony (`veritally-board restart`)")));
        return;
    }
    if ceremony.phase() == CeremonyPhase::Complete {
        lines.push(("ceremony", format!("attempt {attempt} is complete: the election's keys exist")));
        lines.push(("next", "an administrator opens voting; until then each trustee may `rehearse`".into()));
        return;
    }
    let missing = ceremony.missing();
    lines.push(("ceremony", format!("attempt {attempt}, {} phase", ceremony.phase())));
    lines.push(("awaited", names(&missing)));
    let remain = left.saturating_sub(missing.len() as u64);
    let without = format!(
        "without {}: the ceremony needs all who take part; an administrator may restart it without them \
                           (`veritally-board restart --absent N`)",
        names(&missing)
    );
    lines.push(("next", spare(remain, q, &without)));
}

/// Whether those who remain are enough to go on.
fn spare(remain: u64, q: u64, what: &str) -> String {
    if remain >= q {
        format!("{what}; {remain} would remain, {q} must")
    } else {
        format!("only {remain} would remain and {q} must: it can't go on without them")
    }
}

fn duty(state: &RecordState, left: u64, lines: &mut Vec<(&'static str, String)>) {
    let manifest = state.manifest();
    let (k, q) = (manifest.quorum, manifest.agreement_quorum);
    let (agreed, not_yet) = (state.agreements().len() as u64, not_agreed(state));
    if let Some(head) = state.closing_head() {
        lines.push(("closed", format!("log of {} entries, root {}", head.tree_size, head.root)));
    }
    lines.push(("agreed", format!("{agreed} of the {q} that are needed; not: {}", names(&not_yet))));
    for bad in state.shares().iter() {
        if let Err(why) = &bad.shares {
            lines.push(("bad share", format!("{} (entry {}): {why}; not used", bad.trustee, bad.index)));
        }
    }
    if agreed < q {
        let spare = left.saturating_sub(q);
        let text = format!(
            "{} more must agree; {spare} of those who take part may stay away for ever, if {} remain to decrypt",
            q - agreed,
            k
        );
        lines.push(("next", text));
        return;
    }
    if state.decryptable().next().is_some() {
        let missing = not_decrypted(state);
        let valid = left.saturating_sub(missing.len() as u64);
        lines.push(("decrypted", format!("{valid} of the {k} that are needed; not: {}", names(&missing))));
        if valid < k {
            let text = format!("{} more of {} must run `decrypt`: any of them will do", k - valid, names(&missing));
            lines.push(("next", text));
            return;
        }
    }
    if state.is_published() {
        lines.push(("next", "nothing: the result is published".into()));
    } else {
        lines.push(("next", "an administrator publishes the result; nobody else is needed".into()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use veritally_crypto::sample::{SampleElection, choose};

    use super::*;

    fn text(election: &SampleElection) -> String {
        describe(&election.state).into_iter().map(|(word, line)| format!("{word}: {line}\n")).collect()
    }

    fn has(election: &SampleElection, expected: &[&str]) {
        let text = text(election);
        expected.iter().for_each(|line| assert!(text.contains(line), "{line} is not in\n{text}"));
    }

    #[test]
    fn three_of_five_with_two_absent_says_what_can_go_on_and_what_not() {
        let rng = &mut StdRng::seed_from_u64(1);
        let mut election = SampleElection::start((3, 5), |m| m.agreement_quorum = 3, rng).unwrap();
        for i in 0..3 {
            election.ceremony_step(i, rng).unwrap();
        }
        has(&election, &["awaited: trustee 4, trustee 5", "3 would remain, 3 must", "restart --absent N"]);
        election.restart(&[TrusteeId(4), TrusteeId(5)]).unwrap();
        has(
            &election,
            &["left out: trustee 4 (absent)", "5 in the manifest, 3 take part", "it can't go on without them"],
        );
        election.ceremony(rng).unwrap();
        has(&election, &["attempt 2 is complete", "may `rehearse`"]);
        election.roll(&[("all", "all", 1)], rng).unwrap();
        election.open().unwrap();
        election.cast(0, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
        election.close().unwrap();
        election.agree(0).unwrap();
        has(
            &election,
            &["agreed: 1 of the 3 that are needed; not: trustee 2, trustee 3", "2 more must agree; 0 of those"],
        );
        for i in [1, 2] {
            election.agree(i).unwrap();
        }
        election.share(2, rng).unwrap();
        has(&election, &["decrypted: 1 of the 3 that are needed; not: trustee 1, trustee 2", "2 more of"]);
        for i in [0, 1] {
            election.share(i, rng).unwrap();
        }
        has(&election, &["next: an administrator publishes the result"]);
    }

    #[test]
    fn without_a_restart_two_of_five_may_stay_away_after_the_election() {
        let rng = &mut StdRng::seed_from_u64(2);
        let mut election = SampleElection::start((3, 5), |_| {}, rng).unwrap();
        election.ceremony(rng).unwrap();
        election.roll(&[("all", "all", 1)], rng).unwrap();
        election.open().unwrap();
        election.cast(0, &choose("chair", &["a"], false).unwrap(), rng).unwrap();
        election.close().unwrap();
        has(&election, &["3 more must agree; 2 of those who take part may stay away for ever"]);
        for i in 0..3 {
            election.agree(i).unwrap();
        }
        let mut wrong = election.decryption_share(0, rng).unwrap();
        wrong.contests[0].shares[0].swap(0, 1);
        election.submit_share(0, wrong).unwrap();
        has(&election, &["bad share: trustee 1 (entry"]);
        for i in 0..3 {
            election.share(i, rng).unwrap();
        }
        has(&election, &["decrypted: 3 of the 3 that are needed; not: trustee 4, trustee 5", "nobody else is needed"]);
    }

    #[test]
    fn a_failed_attempt_names_the_cheat_and_awaits_nobody_but_an_administrator() {
        let rng = &mut StdRng::seed_from_u64(3);
        let mut election = SampleElection::start((2, 3), |_| {}, rng).unwrap();
        election.ceremony_until(CeremonyPhase::Confirm, rng).unwrap();
        election.complain(1, TrusteeId(3), rng).unwrap();
        has(&election, &["trustee 2 complained falsely of trustee 3", "trustee 2 cheated", "2 would remain, 2 must"]);
    }
}
