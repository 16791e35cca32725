//! From decrypted counts to the report's contests and groups.

use veritally_crypto::contests::RowMeaning;
use veritally_crypto::leaves::{CellCounts, ContestResult};
use veritally_crypto::manifest::{CheckedManifest, Contest, text};
use veritally_crypto::record::RecordState;

use crate::report::{ContestReport, CountsReport, GroupReport, Report, SelectionReport};

/// Enters numbers of ballots, and counts if they are decrypted.
pub(super) fn fill(report: &mut Report, state: &RecordState) {
    let counts = state.counts();
    report.ballots_cast = counts.ballots_cast;
    report.ballots_counted = counts.ballots_counted;
    report.ballots_spoiled = counts.ballots_spoiled;
    report.credentials_reissued = counts.credentials_reissued;
    report.credentials = counts.credentials;
    let manifest = state.manifest();
    let language = manifest.languages.first().map_or("en", String::as_str);
    report.name = text(&manifest.name, language).to_owned();
    for (result, cells) in state.decrypted().unwrap_or_default().iter().zip(state.cells()) {
        let Some(contest) = manifest.contests.get(cells.contest) else { continue };
        let rows = Rows::new(manifest, contest, cells.contest);
        report.contests.push(rows.contest(result));
        report.groups.extend(result.cells.iter().zip(&cells.cells).map(|(counts, cell)| GroupReport {
            contest: contest.id.clone(),
            groups: counts.groups.clone(),
            ballots: cell.ballots,
            weight: cell.weight,
            counts: rows.counts(Some(&counts.counts)),
        }));
    }
}

/// What the rows of a contest mean.
struct Rows<'a> {
    contest: &'a Contest,
    meanings: Vec<RowMeaning>,
    language: &'a str,
}

impl<'a> Rows<'a> {
    fn new(manifest: &'a CheckedManifest, contest: &'a Contest, index: usize) -> Self {
        let rows = manifest.contest_rows().get(index).map(|rows| rows.secret.as_slice()).unwrap_or_default();
        let language = manifest.languages.first().map_or("en", String::as_str);
        Self { contest, meanings: rows.iter().map(|row| row.meaning).collect(), language }
    }

    fn find(&self, counts: &[u64], meaning: RowMeaning) -> Option<u64> {
        self.meanings.iter().zip(counts).find(|(m, _)| **m == meaning).map(|(_, count)| *count)
    }

    fn counts(&self, counts: Option<&[u64]>) -> CountsReport {
        let outcome = |counts| self.contest.rule.outcome(counts, self.contest.selections.len());
        CountsReport {
            selections: self.selections(counts),
            blank: counts.and_then(|counts| self.find(counts, RowMeaning::Blank)),
            undervotes: counts.and_then(|counts| self.find(counts, RowMeaning::Undervotes)),
            pairwise: counts.and_then(|counts| outcome(counts).pairwise),
        }
    }

    fn selections(&self, counts: Option<&[u64]>) -> Vec<SelectionReport> {
        let selections = self.contest.selections.iter().enumerate();
        selections
            .map(|(i, selection)| SelectionReport {
                id: selection.id.clone(),
                name: text(&selection.name, self.language).to_owned(),
                count: counts.and_then(|counts| self.find(counts, RowMeaning::Selection(i))),
            })
            .collect()
    }

    /// Totals over all cells, and who wins.
    fn contest(&self, result: &ContestResult) -> ContestReport {
        let mut totals = vec![0u64; self.meanings.len()];
        for CellCounts { counts, .. } in &result.cells {
            for (total, count) in totals.iter_mut().zip(counts) {
                // Cells are bounded by the manifest's total weight, 2^40.
                *total = total.saturating_add(*count);
            }
        }
        let outcome = self.contest.rule.outcome(&totals, self.contest.selections.len());
        let ids = |indexes: &[usize]| -> Vec<_> {
            indexes.iter().filter_map(|i| self.contest.selections.get(*i)).map(|s| s.id.clone()).collect()
        };
        let tied: Vec<_> = ids(&outcome.tied).iter().map(ToString::to_string).collect();
        let method = match (result.withheld, tied.is_empty()) {
            (true, _) => "withheld: too few voted to publish counts without showing single votes".to_owned(),
            (false, true) => outcome.method.to_owned(),
            (false, false) => format!("{}; tied for the last seats: {}", outcome.method, tied.join(", ")),
        };
        let counts = self.counts((!result.withheld).then_some(totals.as_slice()));
        let compared = counts.pairwise.is_some();
        let ranking = compared.then(|| outcome.ranking.iter().map(|layer| ids(layer)).collect());
        ContestReport {
            id: self.contest.id.clone(),
            name: text(&self.contest.name, self.language).to_owned(),
            kind: self.contest.rule.type_name().to_owned(),
            counts,
            path_strengths: outcome.path_strengths.filter(|_| compared),
            ranking,
            winners: if result.withheld { vec![] } else { ids(&outcome.winners) },
            method,
        }
    }
}
