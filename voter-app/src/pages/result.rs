//! The result, as this computer recomputed it.

use gtk::prelude::*;
use veritally_verifier::report::ContestReport;

use super::{Intent, Post, on_click};
use crate::i18n::{tr, tr_with};
use crate::ui::{self, Ui};
use crate::widgets::{Bar, chart};

/// What is shown.
#[derive(Debug, Clone)]
pub struct ResultView {
    /// Of the election.
    pub name: String,
    /// Whether every check passed.
    pub passed: bool,
    /// What the checks found, in a sentence.
    pub verdict: String,
    /// About the voter's own ballot; empty without one on this computer.
    pub own_ballot: String,
    /// Contest by contest.
    pub contests: Vec<ContestReport>,
    /// For experts: each check and what became of it.
    pub checks: String,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct ResultPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    name: gtk::Label,
    verdict: gtk::Box,
    contests: gtk::Box,
    checks: gtk::Label,
}

impl ResultPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/result");
        on_click(&ui.get("status"), post, || Intent::Status);
        let (verdict, contests, checks) = (ui.get("verdict"), ui.get("contests"), ui.get("checks"));
        Self { root: ui.page(), name: ui.get("name"), verdict, contests, checks }
    }

    /// Shows a result.
    pub fn show(&self, view: &ResultView) {
        self.name.set_label(&view.name);
        ui::clear(&self.verdict);
        for words in [&view.own_ballot, &view.verdict].into_iter().filter(|words| !words.is_empty()) {
            let label = ui::text(words);
            label.set_css_classes(&["title-4", if view.passed { "success" } else { "error" }]);
            self.verdict.append(&label);
        }
        self.checks.set_label(&view.checks);
        ui::clear(&self.contests);
        for contest in &view.contests {
            self.contests.append(&contest_box(contest));
        }
    }
}

fn contest_box(contest: &ContestReport) -> gtk::Box {
    let content = gtk::Box::new(gtk::Orientation::Vertical, 9);
    let role = gtk::AccessibleRole::Heading;
    let heading = gtk::Label::builder().label(&contest.name).wrap(true).xalign(0.0).accessible_role(role).build();
    heading.add_css_class("title-3");
    content.append(&heading);
    let winners: Vec<&str> =
        contest.counts.selections.iter().filter(|s| contest.winners.contains(&s.id)).map(|s| s.name.as_str()).collect();
    let elected = match winners.as_slice() {
        [] => tr("Nobody is elected: it is a tie, or nothing was counted."),
        names => tr_with("Elected: {names}", &[("names", &names.join(", "))]),
    };
    let elected = ui::text(&elected);
    elected.add_css_class("heading");
    content.append(&elected);
    match &contest.counts.pairwise {
        Some(pairs) => content.append(&matrix(contest, pairs)),
        None => content.append(&chart(&contest.name, &bars(contest))),
    }
    for (words, count) in
        [(tr("Blank votes: {n}"), contest.counts.blank), (tr("Choices not used: {n}"), contest.counts.undervotes)]
    {
        if let Some(count) = count {
            let label = ui::text(&words.replace("{n}", &count.to_string()));
            label.add_css_class("dim-label");
            content.append(&label);
        }
    }
    content
}

fn bars(contest: &ContestReport) -> Vec<Bar> {
    let bar = |s: &veritally_verifier::report::SelectionReport| Bar {
        name: s.name.clone(),
        count: s.count,
        won: contest.winners.contains(&s.id),
    };
    contest.counts.selections.iter().map(bar).collect()
}

/// Row a, column b: how many put a before b. Scrolls by itself where it is wider than the window.
fn matrix(contest: &ContestReport, pairs: &[Vec<u64>]) -> gtk::Box {
    let content = gtk::Box::new(gtk::Orientation::Vertical, 6);
    content.append(&ui::text(&tr("How many voters put the one on the left before the one above:")));
    let grid: gtk::Grid = ui::described(&contest.name, "", Some("table"));
    grid.set_column_spacing(12);
    grid.set_row_spacing(6);
    let names: Vec<&str> = contest.counts.selections.iter().map(|s| s.name.as_str()).collect();
    for (name, place) in names.iter().zip(1..) {
        grid.attach(&gtk::Label::builder().label(*name).css_classes(["heading"]).build(), place, 0, 1, 1);
        grid.attach(&gtk::Label::builder().label(*name).xalign(0.0).css_classes(["heading"]).build(), 0, place, 1, 1);
    }
    for (row, a) in pairs.iter().zip(0..) {
        for (count, b) in row.iter().zip(0..) {
            let opposite = pairs.get(b).and_then(|other| other.get(a)).copied().unwrap_or(0);
            let words = if a == b { "–".to_owned() } else { count.to_string() };
            let label = gtk::Label::builder().label(words).css_classes(["numeric"]).build();
            if a != b && *count > opposite {
                label.set_css_classes(&["numeric", "heading", "success"]);
            }
            let (column, line) = (i32::try_from(b).unwrap_or(0) + 1, i32::try_from(a).unwrap_or(0) + 1);
            grid.attach(&label, column, line, 1, 1);
        }
    }
    let scrolled = gtk::ScrolledWindow::builder().vscrollbar_policy(gtk::PolicyType::Never).child(&grid).build();
    scrolled.set_propagate_natural_width(true);
    content.append(&scrolled);
    content
}
