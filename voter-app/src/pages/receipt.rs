//! The ballot is in the box.

use gtk::prelude::*;

use super::{Intent, Post, on_click, show_qr, show_words};
use crate::i18n::tr;
use crate::ui::Ui;

/// What is shown.
#[derive(Debug, Clone)]
pub struct ReceiptView {
    /// In a sentence: which place, when.
    pub detail: String,
    /// The confirmation code.
    pub code: String,
    /// All of it, for a second device.
    pub payload: String,
    /// What voting again would mean; empty when it is not possible.
    pub again: String,
    /// Whether this was practice only.
    pub practice: bool,
}

/// Widgets of the page.
#[derive(Debug)]
pub struct ReceiptPage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    in_the_box: gtk::Label,
    detail: gtk::Label,
    code: gtk::Label,
    qr: gtk::Box,
    again_hint: gtk::Label,
    again: gtk::Button,
}

impl ReceiptPage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/receipt");
        on_click(&ui.get("status"), post, || Intent::Status);
        on_click(&ui.get("save"), post, || Intent::SaveReceipt);
        on_click(&ui.get("print"), post, || Intent::PrintReceipt);
        on_click(&ui.get("again"), post, || Intent::VoteAgain);
        Self {
            root: ui.page(),
            in_the_box: ui.get("in_the_box"),
            detail: ui.get("detail"),
            code: ui.get("code"),
            qr: ui.get("qr"),
            again_hint: ui.get("again_hint"),
            again: ui.get("again"),
        }
    }

    /// Shows a receipt.
    pub fn show(&self, view: &ReceiptView) {
        let words = if view.practice { tr("Your practice vote is in the box") } else { tr("Your vote is in the box") };
        self.in_the_box.set_label(&words);
        show_words(&self.detail, &view.detail);
        self.code.set_label(&view.code);
        show_qr(&self.qr, &view.payload, &tr("QR code of the whole confirmation code"));
        show_words(&self.again_hint, &view.again);
        self.again.set_visible(!view.again.is_empty());
    }
}
