//! The second device: takes a test ballot, the letter's link and the noted code.

use gtk::prelude::*;
use veritally_session::second::TestToCheck;

use super::{Field, Intent, Post, on_click, show_words};
use crate::ui::Ui;

/// Widgets of the page.
#[derive(Debug)]
pub struct SecondPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    link: gtk::Entry,
    opened: gtk::TextBuffer,
    code: gtk::Entry,
    hint: gtk::Label,
}

impl SecondPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/second");
        let (link, code): (gtk::Entry, gtk::Entry) = (ui.get("link"), ui.get("code"));
        let opened = ui.get::<gtk::TextView>("opened").buffer();
        let (check, hint): (gtk::Button, gtk::Label) = (ui.get("check"), ui.get("hint"));
        let (button, label) = (check.clone(), hint.clone());
        opened.connect_changed(move |opened| {
            button.set_sensitive(opened.char_count() > 0);
            show_words(&label, "");
        });
        for (button, field) in [("link", Field::TestLink), ("opened", Field::TestBallot), ("code", Field::TestCode)] {
            on_click(&ui.get(&format!("{button}_file")), post, move || Intent::ReadFile(field));
            on_click(&ui.get(&format!("{button}_paste")), post, move || Intent::Paste(field));
        }
        let page = Self { root: ui.page(), link, opened, code, hint };
        let (link, opened, code) = (page.link.clone(), page.opened.clone(), page.code.clone());
        on_click(&check, post, move || {
            let (link, code) = (link.text().to_string(), code.text().to_string());
            Intent::CheckTest(Box::new(TestToCheck { link, opened: all(&opened), code }))
        });
        page
    }

    /// Says what is wrong with what was given; nothing when empty.
    pub fn show(&self, hint: &str) {
        show_words(&self.hint, hint);
    }

    /// Puts into a field what was read or pasted.
    pub fn fill(&self, field: Field, text: &str) {
        match field {
            Field::TestLink => self.link.set_text(text),
            Field::TestCode => self.code.set_text(text),
            _ => self.opened.set_text(text),
        }
    }

    /// Forgets what was given.
    pub fn forget(&self) {
        self.link.set_text("");
        self.opened.set_text("");
        self.code.set_text("");
    }
}

fn all(buffer: &gtk::TextBuffer) -> String {
    buffer.text(&buffer.start_iter(), &buffer.end_iter(), false).to_string()
}
