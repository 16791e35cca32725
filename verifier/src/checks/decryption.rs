//! V24 to V27: agreements, cells, decryption shares, result.

use veritally_crypto::record::ShareEntry;

use super::{Check, cells, counts};
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::count;

/// After an entry that may have been a trustee's decryption shares: shares that do not hold are no fault of the record
/// (it keeps them as evidence), but everybody should know whose they are.
pub(crate) fn evidence(audit: &mut Audit<'_>) {
    let position = audit.tree.size().saturating_sub(1);
    let last = audit.state.as_ref().and_then(|state| state.shares().last());
    let Some(ShareEntry { trustee, index, shares: Err(problem), .. }) = last else { return };
    if audit.refused.position(*index) == position {
        let sentence = format!("⚠ Entry {position}: {trustee} posted wrong shares, which are not used ({problem}).");
        audit.findings.note(Check::Shares, sentence);
    }
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 4] {
    if let Some(state) = audit.state.as_ref().filter(|state| state.closing_head().is_some()) {
        let culprits = &audit.facts.culprits;
        if !cells::agree(state.cells(), &cells::expected(state)) {
            let sentence = "two programs merge small groups of voters in different ways.";
            audit.findings.fail(Check::Cells, culprits.result.or(culprits.closing), sentence);
        }
        let decrypted = state.decrypted().unwrap_or_default();
        if let Some(sentence) = counts::impossible(decrypted, state.cells(), state.manifest()) {
            audit.findings.fail(Check::Result, culprits.result.or(culprits.counted), sentence);
        }
    }
    [
        (Check::Agreements, agreements(audit)),
        (Check::Cells, reporting_cells(audit)),
        (Check::Shares, shares(audit)),
        (Check::Result, result(audit)),
    ]
}

fn not_yet(audit: &Audit<'_>, otherwise: &str) -> String {
    if audit.facts.abandoned.is_some() { "The election was given up.".into() } else { otherwise.to_owned() }
}

fn agreements(audit: &Audit<'_>) -> Conclusion {
    let Some(manifest) = &audit.manifest else { return audit.reached(false, "", "") };
    let given = audit.state.as_ref().map_or(0, |state| state.agreements().len() as u64);
    let (q, n) = (manifest.agreement_quorum, manifest.trustee_count());
    // Two heads with q agreements each have 2q − n trustees in common, at least.
    let common = count((2 * q).saturating_sub(n), "trustee", "trustees");
    let witnesses = match manifest.witness_quorum {
        0 => String::new(),
        needed => format!(", and of witnesses: {needed} must cosign"),
    };
    let holds = format!(
        "{given} of {n} trustees agreed to the final list of ballots, {q} are needed: two different lists could be \
         decrypted only with the help of {common}{witnesses}."
    );
    let waiting = format!("{given} of {q} needed trustees have agreed to the final list of ballots.");
    audit.reached(given >= q, holds, not_yet(audit, &waiting))
}

fn reporting_cells(audit: &Audit<'_>) -> Conclusion {
    let cells = audit.state.as_ref().map(|state| state.cells()).unwrap_or_default();
    let withheld = cells.iter().filter(|contest| contest.withheld).count();
    let floor = audit.manifest.as_ref().map_or(0, |manifest| manifest.floor);
    let number: u64 = cells.iter().map(|contest| contest.cells.len() as u64).sum();
    let number = count(number, "group of voters", "groups of voters");
    let mut holds = match floor {
        0 | 1 => format!("Counts are given for {number}; the election sets no smallest number of voters."),
        _ => format!("Counts are given for {number}, never for the votes of fewer than {floor} voters."),
    };
    if withheld > 0 {
        let withheld = count(withheld as u64, "contest is", "contests are");
        holds.push_str(&format!(" {withheld} withheld: too few voted."));
    }
    audit.reached(!cells.is_empty(), holds, not_yet(audit, "Voting has not ended."))
}

fn shares(audit: &Audit<'_>) -> Conclusion {
    let Some(state) = &audit.state else { return audit.reached(false, "", "") };
    let valid: Vec<_> = state.shares().iter().filter(|entry| entry.shares.is_ok()).map(|entry| entry.trustee).collect();
    let (given, quorum) = (count(valid.len() as u64, "trustee", "trustees"), state.manifest().quorum);
    let names: Vec<_> = valid.iter().map(ToString::to_string).collect();
    let holds = match valid.len() {
        0 => "Nothing had to be decrypted.".to_owned(),
        _ => format!("{given} decrypted correctly ({}), {quorum} are needed.", names.join(", ")),
    };
    let waiting = format!("{} of {quorum} needed trustees have decrypted.", valid.len());
    audit.reached(state.decrypted().is_some(), holds, not_yet(audit, &waiting))
}

fn result(audit: &Audit<'_>) -> Conclusion {
    let Some(state) = &audit.state else { return audit.reached(false, "", "") };
    let ballots = count(state.counts().ballots_counted, "ballot adds", "ballots add");
    let holds = format!("The published counts are what {ballots} up to; winners were recomputed from them.");
    audit.reached(state.is_published(), holds, not_yet(audit, "No result is published yet."))
}
