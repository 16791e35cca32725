//! Something takes its time: fetching, encrypting, sending, waiting for the network.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_words};
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct WorkingView {
    /// What goes on.
    pub heading: String,
    /// In a sentence.
    pub detail: String,
    /// How far it is, from 0 to 1; `None` while that is not known.
    pub fraction: Option<f64>,
    /// What is done at the moment.
    pub step: String,
    /// Whether to offer another try.
    pub retry: bool,
    /// Whether it can be stopped.
    pub stop: bool,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct WorkingPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    heading: gtk::Label,
    detail: gtk::Label,
    progress: gtk::ProgressBar,
    steps: gtk::Label,
    retry: gtk::Button,
    stop: gtk::Button,
}

impl WorkingPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/working");
        on_click(&ui.get("retry"), post, || Intent::Retry);
        on_click(&ui.get("stop"), post, || Intent::Stop);
        Self {
            root: ui.page(),
            heading: ui.get("heading"),
            detail: ui.get("detail"),
            progress: ui.get("progress"),
            steps: ui.get("steps"),
            retry: ui.get("retry"),
            stop: ui.get("stop"),
        }
    }

    /// Shows what goes on.
    pub fn show(&self, view: &WorkingView) {
        self.heading.set_label(&view.heading);
        show_words(&self.detail, &view.detail);
        show_words(&self.steps, &view.step);
        self.retry.set_visible(view.retry);
        self.stop.set_visible(view.stop);
        match view.fraction {
            Some(fraction) => self.progress.set_fraction(fraction),
            None => self.progress.pulse(),
        }
    }

    /// Moves the bar of something whose end is not known.
    pub fn pulse(&self) {
        self.progress.pulse();
    }
}
