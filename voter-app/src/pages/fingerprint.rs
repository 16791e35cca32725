//! Is this the election that the voter means?

use gtk::prelude::*;

use veritally_session::flow::Compared;

use super::{Intent, Post, on_click, show_words};
use crate::i18n::tr;
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone)]
pub struct FingerprintView {
    /// Of the election.
    pub name: String,
    /// What it says of itself.
    pub description: String,
    /// When voting begins and ends.
    pub dates: String,
    /// 64 hexadecimal digits.
    pub fingerprint: String,
    /// The key with which the board signs its record.
    pub board_key: String,
    /// With what it was compared.
    pub compared: Compared,
    /// What else voters have to know.
    pub notice: String,
    /// Where it is served.
    pub board: String,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct FingerprintPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    name: gtk::Label,
    description: gtk::Label,
    dates: gtk::Label,
    fingerprint: gtk::Label,
    board_key: gtk::Label,
    compared: gtk::Label,
    board: gtk::Label,
    notice: gtk::Label,
    paste: gtk::Box,
    typed: gtk::Entry,
}

impl FingerprintPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/fingerprint");
        on_click(&ui.get("same"), post, || Intent::FingerprintSame);
        on_click(&ui.get("different"), post, || Intent::FingerprintDifferent);
        let page = Self {
            root: ui.page(),
            name: ui.get("name"),
            description: ui.get("description"),
            dates: ui.get("dates"),
            fingerprint: ui.get("fingerprint"),
            board_key: ui.get("board_key"),
            compared: ui.get("compared"),
            board: ui.get("board"),
            notice: ui.get("notice"),
            paste: ui.get("paste"),
            typed: ui.get("typed"),
        };
        let (shown, hint): (_, gtk::Label) = (page.fingerprint.clone(), ui.get("typed_hint"));
        let post = post.clone();
        page.typed.connect_changed(move |typed| {
            let digits =
                |text: &str| text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
            let (typed, shown) = (digits(&typed.text()), digits(&shown.text()));
            let (words, class) = match typed.is_empty() {
                true => (String::new(), "success"),
                false if shown.starts_with(&typed) && typed.len() < shown.len() => (tr("The same so far."), "success"),
                false if typed.len() >= shown.len() => (String::new(), "success"),
                false => {
                    (tr("They differ. Check your typing; if they still differ, this is not your election."), "error")
                }
            };
            show_words(&hint, &words);
            hint.set_css_classes(&[class]);
            if typed.len() == shown.len() {
                // Complete: the session compares.
                post(Intent::Compare(typed));
            }
        });
        page
    }

    /// Forgets what was typed.
    pub fn forget(&self) {
        self.typed.set_text("");
    }

    /// Shows an election.
    pub fn show(&self, view: &FingerprintView) {
        self.name.set_label(&view.name);
        show_words(&self.description, &view.description);
        show_words(&self.dates, &view.dates);
        self.fingerprint.set_label(&in_groups(&view.fingerprint));
        self.board_key.set_label(&view.board_key);
        self.compared.set_label(&match view.compared {
            Compared::Link => tr("The link that you opened carries the same fingerprint. Compare it with your letter too if the link came by another way."),
            Compared::Letter => tr("It is the same as on your letter."),
            Compared::Practice => tr("This is a practice election: there is no letter, and nothing to compare."),
            Compared::Nothing => tr("The link carried no fingerprint, so only you can compare."),
        });
        self.paste.set_visible(view.compared != Compared::Practice);
        self.board.set_label(&view.board);
        show_words(&self.notice, &view.notice);
    }
}

/// Groups of four are easier to compare.
fn in_groups(digits: &str) -> String {
    let characters: Vec<char> = digits.chars().collect();
    characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
