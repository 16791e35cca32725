//! V11 and V12: the trustees' ceremony and the keys that came of it.

use std::collections::BTreeSet;

use veritally_crypto::ceremony::ElectionKeys;
use veritally_crypto::group::{RistrettoPoint, lagrange_at_zero};

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;

/// Recomputed apart from the ceremony's own code: keys are distinct, as many as counts, and what the public shares of
/// any k trustees come to. Gives the sentence that says what is wrong.
fn problem(keys: &ElectionKeys, rows: usize) -> Option<String> {
    if keys.keys.len() != rows || keys.encoded.len() != rows {
        return Some(format!("There are {} election keys for {rows} counts.", keys.keys.len()));
    }
    if keys.encoded.iter().collect::<BTreeSet<_>>().len() != rows {
        return Some("Two election keys are equal.".into());
    }
    let quorum = usize::try_from(keys.quorum).unwrap_or(usize::MAX);
    let numbered: Vec<(u64, &Vec<RistrettoPoint>)> = (1..).zip(&keys.public_shares).collect();
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

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 2] {
    let found = audit.state.as_ref().map(|state| (state.ceremony().keys(), state.manifest().row_count()));
    let (keys, rows) = found.unwrap_or((None, 0));
    if let Some(sentence) = keys.as_deref().and_then(|keys| problem(keys, rows)) {
        audit.findings.fail(Check::Keys, None, sentence);
    }
    let (n, k) = audit.manifest.as_ref().map_or((0, 0), |m| (m.trustee_count(), m.quorum));
    let complete = keys.is_some();
    let ceremony = format!("All {n} trustees made and confirmed their shares and showed that they can decrypt.");
    let sound = format!("{rows} distinct keys, one for each count; any {k} of {n} trustees hold them together.");
    let not_yet = "The key ceremony is not complete.";
    [
        (Check::Ceremony, audit.reached(complete, ceremony, not_yet)),
        (Check::Keys, audit.reached(complete, sound, not_yet)),
    ]
}
