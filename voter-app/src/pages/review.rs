//! The whole ballot, before it is encrypted.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_words};
use crate::i18n::{tr, tr_with};
use crate::ui::{self, Ui};

/// A contest and its answer.
#[derive(Debug, Clone)]
pub struct ReviewLine {
    /// Of the contest.
    pub contest: String,
    /// What was answered.
    pub answers: Vec<String>,
}

/// Widgets of the page.
pub struct ReviewPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    answers: gtk::Box,
    notice: gtk::Label,
    post: Post,
}

impl ReviewPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/review");
        on_click(&ui.get("encrypt"), post, || Intent::Encrypt);
        Self { root: ui.page(), answers: ui.get("answers"), notice: ui.get("notice"), post: post.clone() }
    }

    /// Shows the answers; `notice` is what else to know, for instance that this ballot replaces another.
    pub fn show(&self, lines: &[ReviewLine], notice: &str) {
        show_words(&self.notice, notice);
        ui::clear(&self.answers);
        for (index, line) in lines.iter().enumerate() {
            self.answers.append(&self.line(line, index));
        }
    }

    /// Lets go of the answers.
    pub fn forget(&self) {
        ui::clear(&self.answers);
    }

    fn line(&self, line: &ReviewLine, index: usize) -> gtk::Box {
        let words = answer_box(&line.contest, &line.answers);
        words.set_hexpand(true);
        let change: gtk::Button = ui::named(&tr_with("Change {contest}", &[("contest", &line.contest)]));
        // As a child: a label of the button's own would take its name away.
        change.set_child(Some(&gtk::Label::new(Some(&tr("Change")))));
        change.set_valign(gtk::Align::Center);
        on_click(&change, &self.post, move || Intent::ToContest(index));
        let row = gtk::Box::builder().spacing(12).css_classes(["card", "option"]).build();
        row.append(&words);
        row.append(&change);
        row
    }
}

/// A contest's name, and its answers below.
pub(super) fn answer_box(contest: &str, answers: &[String]) -> gtk::Box {
    let words = gtk::Box::new(gtk::Orientation::Vertical, 3);
    let name = ui::text(contest);
    name.add_css_class("dim-label");
    words.append(&name);
    for answer in answers {
        let answer = ui::text(answer);
        answer.add_css_class("heading");
        words.append(&answer);
    }
    words
}
