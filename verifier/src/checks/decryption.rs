//! V24 to V27: agreements, cells, decryption shares, result.

use veritally_crypto::contests::{Rule, SecretRow};
use veritally_crypto::record::{RecordState, ShareEntry};

use super::{Check, cells};
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::count;

/// After an entry that may have been a trustee's decryption shares: shares that do not hold are no fault of the record
/// (it keeps them as evidence), but everybody should know whose they are.
pub(crate) fn evidence(audit: &mut Audit<'_>) {
    let position = audit.tree.size().saturating_sub(1);
    let last = audit.state.as_ref().and_then(|state| state.shares().last());
    let Some(ShareEntry { trustee, index, shares: Err(problem) }) = last else { return };
    if audit.refused.position(*index) == position {
        let sentence = format!("⚠ Entry {position}: {trustee} posted wrong shares, which are not used ({problem}).");
        audit.findings.note(Check::Shares, sentence);
    }
}

pub(crate) fn conclude(audit: &mut Audit<'_>) -> [(Check, Conclusion); 4] {
    if let Some(state) = audit.state.as_ref().filter(|state| state.closing_head().is_some()) {
        if !cells::agree(state) {
            let sentence = "Two programs merge small groups of voters in different ways.";
            audit.findings.fail(Check::Cells, None, sentence);
        }
        if let Some(sentence) = audit.state.as_ref().and_then(impossible) {
            audit.findings.fail(Check::Result, None, sentence);
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

/// Counts that no permitted ballots could come to. The ballots' proofs rule this out: that it is looked at again costs
/// nothing and depends on no proof.
fn impossible(state: &RecordState) -> Option<String> {
    let manifest = state.manifest();
    for (counts, cells) in state.decrypted()?.iter().zip(state.cells()) {
        let contest = manifest.contests.get(cells.contest)?;
        let rows = &manifest.contest_rows().get(cells.contest)?.secret;
        for (found, cell) in counts.cells.iter().zip(&cells.cells) {
            let in_range =
                |(count, row): (&u64, &SecretRow)| u128::from(*count) <= u128::from(cell.weight) * u128::from(row.max);
            let rows_hold = found.counts.len() == rows.len() && found.counts.iter().zip(rows).all(in_range);
            if !rows_hold || !adds_up(&contest.rule, &found.counts, contest.selections.len(), cell.weight) {
                return Some(format!("No permitted ballots can add up to the counts of contest {}.", contest.id));
            }
        }
    }
    None
}

/// What a contest's rule says about the sum of all counts, where it is that simple: a choice has between min and max
/// selections for each ballot that is not blank.
fn adds_up(rule: &Rule, counts: &[u64], selections: usize, weight: u64) -> bool {
    #[allow(unreachable_patterns)] // Other contest types have no such rule over their counts.
    let choice = match rule {
        Rule::Choice(choice) => choice,
        _ => return true,
    };
    let blank = counts.get(selections).copied().unwrap_or(0);
    let selected: u128 = counts.iter().take(selections).map(|count| u128::from(*count)).sum();
    let Some(marked) = weight.checked_sub(blank) else { return false };
    let range = u128::from(choice.min) * u128::from(marked)..=u128::from(choice.max) * u128::from(marked);
    counts.iter().take(selections).all(|count| *count <= marked) && range.contains(&selected)
}

#[cfg(test)]
mod tests {
    use veritally_crypto::contests::Choice;

    use super::*;

    #[test]
    fn counts_that_no_permitted_ballots_come_to_are_told() {
        let one = Rule::Choice(Choice { blank: false, max: 1, min: 1, seats: 1 });
        assert!(adds_up(&one, &[3, 4], 2, 7));
        assert!(!adds_up(&one, &[3, 5], 2, 7));
        assert!(!adds_up(&one, &[3, 3], 2, 7));
        let blank = Rule::Choice(Choice { blank: true, max: 2, min: 1, seats: 1 });
        assert!(adds_up(&blank, &[3, 3, 1, 4], 3, 8));
        assert!(!adds_up(&blank, &[5, 1, 1, 4], 3, 8));
        assert!(!adds_up(&blank, &[3, 3, 3, 4], 3, 8));
        assert!(!adds_up(&blank, &[0, 0, 0, 9], 3, 8));
        assert!(adds_up(&blank, &[0, 0, 0, 8], 3, 8));
    }
}
