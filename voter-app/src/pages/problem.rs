//! Something does not work, and nobody cheats.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_words};
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone)]
pub struct ProblemView {
    /// In a few words.
    pub heading: String,
    /// In a sentence.
    pub happened: String,
    /// What to do.
    pub todo: String,
    /// For experts.
    pub expert: String,
    /// What the first button says; none when there is nothing to try.
    pub retry: Option<String>,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct ProblemPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    heading: gtk::Label,
    happened: gtk::Label,
    todo: gtk::Label,
    expert: gtk::Label,
    retry: gtk::Button,
}

impl ProblemPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/problem");
        let retry: gtk::Button = ui.get("retry");
        on_click(&retry, post, || Intent::Retry);
        on_click(&ui.get("home"), post, || Intent::Home);
        let (heading, happened) = (ui.get("heading"), ui.get("happened"));
        Self { root: ui.page(), heading, happened, todo: ui.get("todo"), expert: ui.get("expert"), retry }
    }

    /// Shows a problem.
    pub fn show(&self, view: &ProblemView) {
        self.heading.set_label(&view.heading);
        self.happened.set_label(&view.happened);
        show_words(&self.todo, &view.todo);
        self.expert.set_label(&view.expert);
        self.retry.set_visible(view.retry.is_some());
        self.retry.set_label(view.retry.as_deref().unwrap_or_default());
    }
}
