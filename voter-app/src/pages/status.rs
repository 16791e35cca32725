//! An election while it goes on: my ballots, turnout, and what was checked.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_words};
use crate::ui::{self, Ui};

/// One of the voter's ballots.
#[derive(Debug, Clone)]
pub struct BallotLine {
    /// Its confirmation code.
    pub code: String,
    /// What the last check found.
    pub words: String,
    /// Whether that is good.
    pub good: bool,
}

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct StatusView {
    /// Of the election.
    pub name: String,
    /// Where the election stands.
    pub phase: String,
    /// The voter's ballots.
    pub ballots: Vec<BallotLine>,
    /// How many voted.
    pub turnout: String,
    /// As a share of all, from 0 to 1.
    pub share: f64,
    /// About the running tally.
    pub tally: String,
    /// When was checked, and what.
    pub checked: String,
    /// Whether to offer voting.
    pub can_vote: bool,
    /// Whether there is a result.
    pub has_result: bool,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct StatusPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    name: gtk::Label,
    phase: gtk::Label,
    ballots: gtk::Box,
    turnout: gtk::Label,
    turnout_bar: gtk::ProgressBar,
    tally: gtk::Label,
    checked: gtk::Label,
    vote: gtk::Button,
    result: gtk::Button,
}

impl StatusPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/status");
        let (vote, result): (gtk::Button, gtk::Button) = (ui.get("vote"), ui.get("result"));
        on_click(&vote, post, || Intent::VoteAgain);
        on_click(&result, post, || Intent::Result);
        on_click(&ui.get("check"), post, || Intent::Check);
        Self {
            root: ui.page(),
            name: ui.get("name"),
            phase: ui.get("phase"),
            ballots: ui.get("ballots"),
            turnout: ui.get("turnout"),
            turnout_bar: ui.get("turnout_bar"),
            tally: ui.get("tally"),
            checked: ui.get("checked"),
            vote,
            result,
        }
    }

    /// Shows an election.
    pub fn show(&self, view: &StatusView) {
        self.name.set_label(&view.name);
        show_words(&self.phase, &view.phase);
        ui::clear(&self.ballots);
        for ballot in &view.ballots {
            self.ballots.append(&line(ballot));
        }
        show_words(&self.turnout, &view.turnout);
        self.turnout_bar.set_fraction(view.share);
        show_words(&self.tally, &view.tally);
        show_words(&self.checked, &view.checked);
        self.vote.set_visible(view.can_vote);
        self.result.set_visible(view.has_result);
    }
}

fn line(ballot: &BallotLine) -> gtk::Box {
    let words = gtk::Box::new(gtk::Orientation::Vertical, 3);
    let code = ui::text(&ballot.code);
    code.set_selectable(true);
    code.add_css_class("fingerprint");
    words.append(&code);
    let said = ui::text(&ballot.words);
    said.add_css_class(if ballot.good { "success" } else { "warning" });
    words.append(&said);
    let role = gtk::AccessibleRole::Presentation;
    let icon = if ballot.good { "emblem-ok-symbolic" } else { "dialog-warning-symbolic" };
    let image = gtk::Image::builder().icon_name(icon).accessible_role(role).build();
    let row = gtk::Box::builder().spacing(12).css_classes(["card", "option"]).build();
    row.append(&image);
    row.append(&words);
    row
}
