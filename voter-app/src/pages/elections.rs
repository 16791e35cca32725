//! The first page: open an election, or go back to one.

use adw::prelude::*;

use super::{Field, Intent, Post, on_click, show_words};
use crate::i18n::tr;
use crate::ui::Ui;

/// A known election.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElectionRow {
    /// Of the election.
    pub name: String,
    /// In a few words.
    pub status: String,
    /// Whether something is wrong with it.
    pub alarm: bool,
}

/// Widgets of the page.
pub struct ElectionsPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    link: gtk::Entry,
    link_hint: gtk::Label,
    list: gtk::ListBox,
    none: gtk::Label,
    post: Post,
}

impl ElectionsPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/elections");
        let (link, link_hint): (gtk::Entry, gtk::Label) = (ui.get("link"), ui.get("link_hint"));
        let open: gtk::Button = ui.get("open");
        let (button, hint) = (open.clone(), link_hint.clone());
        link.connect_changed(move |entry| {
            button.set_sensitive(!entry.text().trim().is_empty());
            show_words(&hint, "");
        });
        let entry = link.clone();
        on_click(&open, post, move || Intent::OpenLink(entry.text().to_string()));
        let button = open.clone();
        link.connect_activate(move |_| button.emit_clicked());
        on_click(&ui.get("practice"), post, || Intent::Practice);
        on_click(&ui.get("link_file"), post, || Intent::ReadFile(Field::Link));
        on_click(&ui.get("link_paste"), post, || Intent::Paste(Field::Link));
        on_click(&ui.get("second"), post, || Intent::SecondDevice);
        let post = post.clone();
        Self { root: ui.page(), link, link_hint, list: ui.get("list"), none: ui.get("none"), post }
    }

    /// Shows the known elections.
    pub fn show(&self, rows: &[ElectionRow]) {
        while let Some(row) = self.list.row_at_index(0) {
            self.list.remove(&row);
        }
        self.list.set_visible(!rows.is_empty());
        self.none.set_visible(rows.is_empty());
        for (index, row) in rows.iter().enumerate() {
            let shown: adw::ActionRow = crate::ui::named(&format!("{}, {}", row.name, row.status));
            shown.set_use_markup(false);
            shown.set_title(&row.name);
            shown.set_subtitle(&row.status);
            shown.set_title_lines(0);
            shown.set_subtitle_lines(0);
            shown.set_activatable(true);
            let icon = if row.alarm { "dialog-warning-symbolic" } else { "go-next-symbolic" };
            shown.add_suffix(&gtk::Image::from_icon_name(icon));
            let post = self.post.clone();
            shown.connect_activated(move |_| post(Intent::OpenKnown(index)));
            self.list.append(&shown);
        }
    }

    /// Puts a link in that was read or pasted.
    pub fn fill(&self, link: &str) {
        self.link.set_text(link);
        self.link.grab_focus();
    }

    /// Says that the text is no link.
    pub fn refuse_link(&self) {
        show_words(
            &self.link_hint,
            &tr("This is not a link to an election. It begins with veritally:// and stands on your letter."),
        );
        self.link.grab_focus();
    }
}
