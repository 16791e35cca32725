//! What the second device found.

use gtk::prelude::*;

use super::review::answer_box;
use super::{Intent, Post, ReviewLine, on_click, show_words};
use crate::ui::{self, Ui};

/// How a verdict looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// The test failed.
    #[default]
    Bad,
    /// The person has to compare.
    Open,
    /// The test passed.
    Good,
}

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct VerdictView {
    /// In a few words.
    pub heading: String,
    /// How it looks.
    pub tone: Tone,
    /// In a sentence.
    pub found: String,
    /// What to do.
    pub todo: String,
    /// Of which election; empty when nothing was found.
    pub election: String,
    /// What was encrypted.
    pub answers: Vec<ReviewLine>,
    /// The recomputed confirmation code.
    pub code: String,
    /// What else to compare.
    pub notice: String,
    /// For experts.
    pub expert: String,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct VerdictPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    verdict: gtk::Box,
    heading: gtk::Label,
    found: gtk::Label,
    todo: gtk::Label,
    contents: gtk::Box,
    election: gtk::Label,
    answers: gtk::Box,
    code: gtk::Label,
    notice: gtk::Label,
    more: gtk::Expander,
    expert: gtk::Label,
}

impl VerdictPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/verdict");
        on_click(&ui.get("another"), post, || Intent::Stop);
        on_click(&ui.get("home"), post, || Intent::Home);
        Self {
            root: ui.page(),
            verdict: ui.get("verdict"),
            heading: ui.get("heading"),
            found: ui.get("found"),
            todo: ui.get("todo"),
            contents: ui.get("contents"),
            election: ui.get("election"),
            answers: ui.get("answers"),
            code: ui.get("code"),
            notice: ui.get("notice"),
            more: ui.get("more"),
            expert: ui.get("expert"),
        }
    }

    /// Shows a verdict.
    pub fn show(&self, view: &VerdictView) {
        self.verdict.set_css_classes(if view.tone == Tone::Bad { &["alarm"] } else { &["card", "option"] });
        self.heading.set_css_classes(if view.tone == Tone::Good { &["title-1", "success"] } else { &["title-1"] });
        self.heading.set_label(&view.heading);
        self.found.set_label(&view.found);
        show_words(&self.todo, &view.todo);
        self.contents.set_visible(!view.answers.is_empty());
        self.election.set_label(&view.election);
        ui::clear(&self.answers);
        for line in &view.answers {
            self.answers.append(&answer_box(&line.contest, &line.answers));
        }
        self.code.set_label(&view.code);
        show_words(&self.notice, &view.notice);
        self.more.set_visible(!view.expert.is_empty());
        self.expert.set_label(&view.expert);
    }
}
