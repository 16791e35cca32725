//! V11, V12 and V32: the trustees' ceremony, the keys that came of it, and what went wrong on the way.

use std::collections::BTreeSet;

use veritally_crypto::ceremony::ElectionKeys;
use veritally_crypto::group::{RistrettoPoint, lagrange_at_zero};

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;

/// Recomputed apart from the ceremony's own code: keys are distinct, as many as counts, and what the public shares of
/// any k trustees come to. Gives the sentence that says what is wrong.
pub(crate) fn problem(keys: &ElectionKeys, rows: usize) -> Option<String> {
    if keys.keys.len() != rows || keys.encoded.len() != rows {
        return Some(format!("There are {} election keys for {rows} counts.", keys.keys.len()));
    }
    if keys.encoded.iter().collect::<BTreeSet<_>>().len() != rows {
        return Some("Two election keys are equal.".into());
    }
    let quorum = usize::try_from(keys.quorum).unwrap_or(usize::MAX);
    let numbered: Vec<(u64, &Vec<RistrettoPoint>)> =
        keys.trustees.iter().map(|trustee| trustee.0).zip(&keys.public_shares).collect();
    // The first k and the last k trustees.
    for group in [numbered.get(..quorum), numbered.len().checked_sub(quorum).and_then(|from| numbered.get(from..))] {
        let Some(group) = group else { return Some("There are fewer trustees than decrypt.".into()) };
        let lambdas = lagrange_at_zero(&group.iter().map(|(i, _)| *i).collect::<Vec<_>>());
        for (row, key) in keys.keys.iter().enumerate() {
            let shares = group.iter().map(|(_, shares)| shares.get(row));
            let sum: Option<RistrettoPoint> =
                shares.zip(&lambdas).map(|(share, lambda)| share.map(|share| share * lambda)).sum();
            if sum.as_ref() != Some(key) {
                return Some(format!("Election key {} is not the trustees' joint key.", row + 1));
            }
        }
    }
    None
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 3] {
    let found = audit.state.as_ref().map(|state| (state.ceremony().keys(), state.manifest().row_count()));
    let (keys, rows) = found.unwrap_or((None, 0));
    if let Some(sentence) = keys.as_deref().and_then(|keys| problem(keys, rows)) {
        audit.findings.fail(Check::Keys, audit.facts.culprits.reveal, sentence);
    }
    let (n, k) = audit.manifest.as_ref().map_or((0, 0), |m| (m.trustee_count(), m.quorum));
    let complete = keys.is_some();
    let took_part = keys.as_ref().map_or(0, |keys| keys.trustees.len() as u64);
    let who = if took_part == n { format!("All {n}") } else { format!("The {took_part} remaining of {n}") };
    let ceremony = format!("{who} trustees made and confirmed their shares and showed that they can decrypt.");
    let sound =
        format!("{rows} distinct keys, one for each count; any {k} of {took_part} trustees hold them together.");
    let disputes = disputes(audit);
    let not_yet = "The key ceremony is not complete.";
    [
        (Check::Ceremony, audit.reached(complete, ceremony, not_yet)),
        (Check::Keys, audit.reached(complete, sound, not_yet)),
        (Check::Disputes, disputes),
    ]
}

/// V32: each complaint with whom it names, each restart with whom it left out. A cheat that was named is no failure of the
/// record: the rules have dealt with it.
fn disputes(audit: &Audit<'_>) -> Conclusion {
    let Some(state) = audit.state.as_ref() else { return audit.reached(false, "", "") };
    let mut said: Vec<(u64, String)> = vec![];
    for complaint in state.complaints() {
        let (index, attempt) = (audit.refused.position(complaint.index), complaint.attempt);
        said.push((
            index,
            format!("Entry {index}, attempt {attempt}: {}, as everybody can compute.", complaint.judged),
        ));
    }
    for restart in state.restarts() {
        let index = audit.refused.position(restart.index);
        let left_out: Vec<_> = restart.excluded.iter().map(|e| format!("{} ({})", e.trustee, e.reason)).collect();
        let without = if left_out.is_empty() { String::new() } else { format!(" without {}", left_out.join(", ")) };
        let sentence = format!(
            "Entry {index}: attempt {} began{without}, after one that ended in its {} phase.",
            restart.attempt, restart.ended_in
        );
        said.push((index, sentence));
    }
    if said.is_empty() {
        return Conclusion::NotApplicable("Nobody complained, and the ceremony was not restarted.".into());
    }
    said.sort();
    if state.ceremony().has_failed() {
        said.push((u64::MAX, "The ceremony waits for a restart by an administrator.".into()));
    }
    let sentences: Vec<_> = said.into_iter().map(|(_, sentence)| sentence).collect();
    Conclusion::Holds(sentences.join(" "))
}
