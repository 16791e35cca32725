//! Decrypted counts as pages and CSV show them. Computed from what the trustees' shares combine to, not from what
//! somebody wrote into the result.

use veritally_crypto::contests::{Outcome, RowMeaning, Rule};
use veritally_crypto::manifest::{CheckedManifest, Contest, text};
use veritally_crypto::record::{ContestCounts, RecordState};

use super::chart;
use super::words::Words;

/// One contest's result.
pub(super) struct ContestOutcome {
    pub name: String,
    pub id: String,
    pub rule: String,
    pub withheld: bool,
    /// Total weight of the ballots counted.
    pub weight: u64,
    pub ballots: u64,
    pub bars: Vec<Bar>,
    /// Scores have a mean.
    pub has_mean: bool,
    /// What part of the ballots chose it makes sense.
    pub has_share: bool,
    /// Points rather than votes.
    pub in_points: bool,
    pub pairs: Option<Pairs>,
    pub winners: String,
    pub tied: String,
    pub cells: Vec<CellOutcome>,
    pub columns: Vec<String>,
}

/// A count with its bar.
pub(super) struct Bar {
    pub name: String,
    pub count: u64,
    /// Of 1,000.
    pub length: u64,
    pub share: String,
    pub mean: String,
    pub wins: bool,
    /// Blank or undervotes: no selection.
    pub aside: bool,
}

/// A comparison of pairs.
pub(super) struct Pairs {
    pub names: Vec<String>,
    pub rows: Vec<(String, Vec<Pair>)>,
    pub paths: Vec<(String, Vec<Option<u64>>)>,
    /// Layers, best first.
    pub order: Vec<String>,
}

pub(super) struct Pair {
    /// `None` on the diagonal.
    pub count: Option<u64>,
    pub wins: bool,
    /// 0 to 4, for the colour.
    pub shade: u64,
}

/// The counts of some groups together.
pub(super) struct CellOutcome {
    pub groups: String,
    pub ballots: u64,
    pub counts: Vec<u64>,
}

/// Row names of a contest: what each count counts.
pub(super) fn row_names(manifest: &CheckedManifest, contest: usize, w: Words) -> Vec<String> {
    let Some(described) = manifest.contests.get(contest) else { return vec![] };
    let rows = manifest.contest_rows().get(contest).map(|rows| rows.secret.as_slice()).unwrap_or_default();
    let name = |i: usize| described.selections.get(i).map_or("", |s| text(&s.name, w.0.tag()));
    rows.iter()
        .map(|row| match row.meaning {
            RowMeaning::Selection(i) => name(i).to_owned(),
            RowMeaning::Blank => w.t("blank").to_owned(),
            RowMeaning::Undervotes => w.t("undervotes").to_owned(),
            RowMeaning::Pair(a, b) => format!("{} > {}", name(a), name(b)),
        })
        .collect()
}

/// All contests, once they are decrypted.
pub(super) fn outcomes(state: &RecordState, w: Words) -> Option<Vec<ContestOutcome>> {
    let counts = state.decrypted()?;
    Some((0..counts.len()).filter_map(|i| outcome(state, counts.get(i)?, i, w)).collect())
}

fn outcome(state: &RecordState, counts: &ContestCounts, index: usize, w: Words) -> Option<ContestOutcome> {
    let manifest = state.manifest();
    let contest = manifest.contests.get(index)?;
    let cells = state.cells().get(index)?;
    let rows = manifest.contest_rows().get(index)?.secret.len();
    let sum = |row: usize| counts.cells.iter().filter_map(|cell| cell.counts.get(row)).sum::<u64>();
    let totals: Vec<u64> = (0..rows).map(sum).collect();
    let (ballots, weight) = cells.cells.iter().fold((0, 0), |(b, w), cell| (b + cell.ballots, w + cell.weight));
    let found = contest.rule.outcome(&totals, contest.selections.len());
    let names = |indexes: &[usize]| {
        let one = |i: &usize| contest.selections.get(*i).map(|s| text(&s.name, w.0.tag()));
        indexes.iter().filter_map(one).collect::<Vec<_>>().join(", ")
    };
    let group = |range: std::ops::Range<usize>| {
        let groups = manifest.groups.get(range).unwrap_or_default();
        groups.iter().map(|g| text(&g.name, w.0.tag())).collect::<Vec<_>>().join(" + ")
    };
    let cell = |(cell, counts): (&veritally_crypto::tally::Cell, &veritally_crypto::leaves::CellCounts)| CellOutcome {
        groups: group(cell.groups.clone()),
        ballots: cell.ballots,
        counts: counts.counts.clone(),
    };
    let pairwise = matches!(contest.rule, Rule::Condorcet(_));
    Some(ContestOutcome {
        name: text(&contest.name, w.0.tag()).to_owned(),
        id: contest.id.to_string(),
        rule: describe_rule(contest, w),
        withheld: counts.withheld,
        weight,
        ballots,
        bars: if pairwise { vec![] } else { bars(manifest, index, &totals, weight, &found, w) },
        has_mean: matches!(contest.rule, Rule::Score(_)),
        has_share: matches!(contest.rule, Rule::Choice(_)),
        in_points: matches!(contest.rule, Rule::Score(_) | Rule::Borda(_)),
        pairs: pairs(contest, &found, w, &names),
        winners: names(&found.winners),
        tied: names(&found.tied),
        cells: if manifest.groups.len() > 1 {
            cells.cells.iter().zip(&counts.cells).map(cell).collect()
        } else {
            vec![]
        },
        columns: row_names(manifest, index, w),
    })
}

fn bars(
    manifest: &CheckedManifest,
    contest: usize,
    totals: &[u64],
    weight: u64,
    found: &Outcome,
    w: Words,
) -> Vec<Bar> {
    let rows = manifest.contest_rows().get(contest).map(|rows| rows.secret.as_slice()).unwrap_or_default();
    let largest = totals.iter().copied().max().unwrap_or(0);
    rows.iter()
        .zip(totals)
        .zip(row_names(manifest, contest, w))
        .map(|((row, &count), name)| Bar {
            name,
            count,
            length: chart::bar(count, largest),
            share: w.percent(count, weight),
            mean: w.mean(count, weight),
            wins: matches!(row.meaning, RowMeaning::Selection(i) if found.winners.contains(&i)),
            aside: !matches!(row.meaning, RowMeaning::Selection(_)),
        })
        .collect()
}

fn pairs(contest: &Contest, found: &Outcome, w: Words, names: &dyn Fn(&[usize]) -> String) -> Option<Pairs> {
    let matrix = found.pairwise.as_ref()?;
    let at = |m: &[Vec<u64>], a: usize, b: usize| m.get(a).and_then(|row| row.get(b)).copied().unwrap_or(0);
    let n = contest.selections.len();
    let largest = matrix.iter().flatten().copied().max().unwrap_or(0).max(1);
    let name = |i: usize| contest.selections.get(i).map_or("", |s| text(&s.name, w.0.tag())).to_owned();
    let pair = |a: usize, b: usize| {
        let count = at(matrix, a, b);
        Pair { count: (a != b).then_some(count), wins: a != b && count > at(matrix, b, a), shade: count * 4 / largest }
    };
    let paths = found.path_strengths.as_deref().unwrap_or_default();
    Some(Pairs {
        names: (0..n).map(name).collect(),
        rows: (0..n).map(|a| (name(a), (0..n).map(|b| pair(a, b)).collect())).collect(),
        paths: (0..n).map(|a| (name(a), (0..n).map(|b| (a != b).then(|| at(paths, a, b))).collect())).collect(),
        order: found.ranking.iter().map(|layer| names(layer)).collect(),
    })
}

/// How a contest is voted on, in the words of the voter's app.
pub(super) fn describe_rule(contest: &Contest, w: Words) -> String {
    let n = contest.selections.len() as u64;
    match &contest.rule {
        Rule::Choice(rule) => {
            let mut sentence = match (rule.min, rule.max) {
                (_, 1) => w.t("rule_choice_one").to_owned(),
                (min, max) if min == max => w.f("rule_choice_exactly", max),
                (0, max) if max >= n => w.t("rule_approval").to_owned(),
                (0, max) => w.f("rule_choice_most", max),
                (min, max) => w.f2("rule_choice", min, max),
            };
            if rule.blank {
                sentence = format!("{sentence} {}", w.t("rule_blank"));
            }
            sentence
        }
        Rule::Score(rule) if rule.limit > 0 => w.f2("rule_score_limit", rule.max, rule.limit),
        Rule::Score(rule) => w.f("rule_score", rule.max),
        Rule::Quadratic(rule) => w.f("rule_quadratic", rule.credits),
        Rule::Borda(rule) if rule.places == 1 => w.f("rule_borda_one", rule.places),
        Rule::Borda(rule) => w.f("rule_borda", rule.places),
        Rule::Condorcet(_) => format!("{} {}", w.t("rule_condorcet"), w.t("rule_schulze")),
    }
}

/// How many win.
pub(super) fn seats(rule: &Rule) -> u64 {
    match rule {
        Rule::Borda(rule) => rule.seats,
        Rule::Choice(rule) => rule.seats,
        Rule::Condorcet(rule) => rule.seats,
        Rule::Quadratic(rule) => rule.seats,
        Rule::Score(rule) => rule.seats,
    }
}

/// The counts as CSV: contest, group, option, count. Cells that a spreadsheet would take for a formula are defused.
pub(super) fn to_csv(state: &RecordState, w: Words) -> Option<Vec<u8>> {
    let counts = state.decrypted()?;
    let manifest = state.manifest();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["contest_id", "contest", "groups", "option", "count"]).ok()?;
    for (index, contest) in counts.iter().enumerate() {
        let name = manifest.contests.get(index).map_or("", |c| text(&c.name, w.0.tag()));
        let rows = row_names(manifest, index, w);
        for cell in &contest.cells {
            let groups = cell.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join("+");
            for (row, count) in rows.iter().zip(&cell.counts) {
                let fields = [contest.contest.as_str(), name, &groups, row, &count.to_string()];
                writer.write_record(fields.map(defused)).ok()?;
            }
        }
    }
    writer.into_inner().ok()
}

/// A cell that no spreadsheet takes for a formula.
pub(super) fn defused(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn cells_that_begin_a_formula_are_defused() {
        for cell in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            assert_eq!(defused(cell), format!("'{cell}"));
        }
        assert_eq!(defused("Ada = Lovelace"), "Ada = Lovelace");
    }
}
