//! An election while it goes on: my ballots, turnout, and what was checked.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_words};
use crate::i18n::tr;
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

/// What the voter may do in an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Offer {
    /// Nothing.
    #[default]
    Nothing,
    /// Vote for the first time.
    Vote,
    /// Vote again.
    VoteAgain,
    /// Send a ballot that is stored.
    Send,
}

impl Offer {
    /// What the button says, and what that means.
    fn words(self) -> (String, String) {
        match self {
            Self::Nothing | Self::Vote => (tr("Vote"), String::new()),
            Self::VoteAgain => (
                tr("Vote again"),
                tr("You have voted. If you change your mind, vote again: only your last ballot counts."),
            ),
            Self::Send => (
                tr("Send my ballot"),
                tr(
                    "Your ballot is encrypted and stored on this computer. Enter your code again, and it goes out unchanged.",
                ),
            ),
        }
    }
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
    /// What the voter may do now.
    pub offer: Offer,
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
    offer: gtk::Label,
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
            offer: ui.get("offer"),
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
        let (button, meaning) = view.offer.words();
        self.vote.set_visible(view.offer != Offer::Nothing);
        self.vote.set_label(&button);
        ui::wrap_button_labels(self.vote.upcast_ref());
        show_words(&self.offer, &meaning);
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
