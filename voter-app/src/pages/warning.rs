//! The board shows something that it can't show honestly. Loud and plain.

use gtk::prelude::*;

use super::{Intent, Post, on_click};
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone)]
pub struct WarningView {
    /// In a few words.
    pub heading: String,
    /// In a sentence.
    pub happened: String,
    /// What that means for the voter.
    pub means: String,
    /// What to do.
    pub todo: String,
    /// For experts.
    pub expert: String,
    /// Whether there is a folder with evidence.
    pub has_evidence: bool,
    /// Whether the election can be looked at all the same.
    pub has_status: bool,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct WarningPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    heading: gtk::Label,
    happened: gtk::Label,
    means: gtk::Label,
    todo: gtk::Label,
    expert: gtk::Label,
    evidence: gtk::Button,
    status: gtk::Button,
}

impl WarningPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/warning");
        let (evidence, status): (gtk::Button, gtk::Button) = (ui.get("evidence"), ui.get("status"));
        on_click(&evidence, post, || Intent::Evidence);
        on_click(&status, post, || Intent::Status);
        on_click(&ui.get("home"), post, || Intent::Home);
        Self {
            root: ui.page(),
            heading: ui.get("heading"),
            happened: ui.get("happened"),
            means: ui.get("means"),
            todo: ui.get("todo"),
            expert: ui.get("expert"),
            evidence,
            status,
        }
    }

    /// Shows a warning.
    pub fn show(&self, view: &WarningView) {
        self.heading.set_label(&view.heading);
        self.happened.set_label(&view.happened);
        self.means.set_label(&view.means);
        self.todo.set_label(&view.todo);
        self.expert.set_label(&view.expert);
        self.evidence.set_visible(view.has_evidence);
        self.status.set_visible(view.has_status);
    }
}
