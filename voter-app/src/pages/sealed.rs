//! The encrypted ballot's confirmation code, and the choice between casting and testing.

use super::{Intent, Post, on_click, show_qr};
use crate::i18n::{tr, tr_with};
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone)]
pub struct SealedView {
    /// The code as people read it.
    pub code: String,
    /// What a second device scans: all of the code.
    pub payload: String,
    /// The pseudonym under which the ballot will be found.
    pub public_id: String,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct SealedPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    code: gtk::Label,
    qr: gtk::Box,
    public_id: gtk::Label,
}

impl SealedPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/sealed");
        on_click(&ui.get("cast"), post, || Intent::Cast);
        on_click(&ui.get("test"), post, || Intent::Test);
        Self { root: ui.page(), code: ui.get("code"), qr: ui.get("qr"), public_id: ui.get("public_id") }
    }

    /// Shows a code.
    pub fn show(&self, view: &SealedView) {
        self.code.set_label(&view.code);
        show_qr(&self.qr, &view.payload, &tr("QR code of the whole confirmation code"));
        self.public_id.set_label(&tr_with("Public number of your letter: {id}", &[("id", &view.public_id)]));
    }
}
