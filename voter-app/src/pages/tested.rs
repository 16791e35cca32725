//! An opened ballot, and how to check it on another device.

use std::cell::Cell;
use std::rc::Rc;

use gtk::prelude::*;

use super::review::answer_box;
use super::{Intent, Post, ReviewLine, on_click, show_qr, show_words};
use crate::i18n::tr;
use crate::ui::{self, Ui};

/// What is shown.
#[derive(Debug, Clone)]
pub struct TestedView {
    /// What the ballot contains, as it was filled in.
    pub answers: Vec<ReviewLine>,
    /// Its confirmation code.
    pub code: String,
    /// The opened ballot.
    pub opening: String,
    /// Whether the election's board takes test ballots.
    pub can_publish: bool,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct TestedPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    answers: gtk::Box,
    code: gtk::Label,
    qr: gtk::Box,
    publish: gtk::CheckButton,
    published: gtk::Label,
    again: gtk::Button,
    showing: Rc<Cell<bool>>,
}

impl TestedPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/tested");
        on_click(&ui.get("save"), post, || Intent::SaveTest);
        let again: gtk::Button = ui.get("again");
        on_click(&again, post, || Intent::VoteAgain);
        let (publish, showing): (gtk::CheckButton, Rc<Cell<bool>>) = (ui.get("publish"), Rc::default());
        let (guard, post) = (showing.clone(), post.clone());
        publish.connect_toggled(move |publish| {
            if publish.is_active() && !guard.get() {
                publish.set_sensitive(false);
                post(Intent::PublishTest);
            }
        });
        let (answers, code, qr, published) = (ui.get("answers"), ui.get("code"), ui.get("qr"), ui.get("published"));
        Self { root: ui.page(), answers, code, qr, publish, published, again, showing }
    }

    /// Shows an opened ballot.
    pub fn show(&self, view: &TestedView) {
        ui::clear(&self.answers);
        for line in &view.answers {
            self.answers.append(&answer_box(&line.contest, &line.answers));
        }
        self.code.set_label(&view.code);
        show_qr(&self.qr, &view.opening, &tr("QR code of the test ballot"));
        self.showing.set(true);
        self.publish.set_active(false);
        self.showing.set(false);
        self.publish.set_visible(view.can_publish);
        self.say_published("", false, false);
    }

    /// Says what became of publishing; `fixed` when there is nothing more to choose, `busy` as long as it goes on.
    pub fn say_published(&self, words: &str, fixed: bool, busy: bool) {
        show_words(&self.published, words);
        self.showing.set(true);
        self.publish.set_active(fixed);
        self.showing.set(false);
        self.publish.set_sensitive(!fixed);
        self.again.set_sensitive(!busy);
    }
}
