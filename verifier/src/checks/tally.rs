//! V22 and V23: the running tally and the end of voting.

use veritally_crypto::id::LeafIndex;

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::{count, utc};

/// Right after the closing: both implementations of the tree must agree on the head that trustees decrypt.
pub(crate) fn closing_head(audit: &mut Audit<'_>, index: LeafIndex) {
    let of_state = audit.state.as_ref().and_then(|state| state.closing_head());
    let own = audit.own_head();
    if !audit.refused.closing_head_differs() && of_state != Some(own) {
        let sentence = format!("two programs compute different hashes of the log up to here: {own:?}, {of_state:?}.");
        audit.findings.fail(Check::Root, index, sentence);
    }
}

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 2] {
    let state = audit.state.as_ref();
    let opened = state.is_some_and(|state| state.ballot_context().is_some());
    let complete = opened && audit.complete();
    let heads = count(audit.facts.tally_heads, "published sum is", "published sums are");
    let heads = format!("{heads} what the ballots before add up to.");
    let tally = audit.reached(complete, heads, "Voting has not begun.");
    let closing = audit.facts.closed_at_ms.map(|(time, announced)| {
        let when = utc(time);
        if time < announced {
            format!("⚠ Voting ended {when}, before the announced end {}.", utc(announced))
        } else {
            format!("Voting ended {when}; announced was {}.", utc(announced))
        }
    });
    let not_yet = if audit.facts.abandoned.is_some() { "The election was given up." } else { "Voting has not ended." };
    let closing = audit.reached(closing.is_some(), closing.unwrap_or_default(), not_yet);
    [(Check::TallyHeads, tally), (Check::Closing, closing)]
}
