//! The voting code, checked while it is typed.

use gtk::prelude::*;
use veritally_session::flow::{CodeFeedback, CodeVerdict, GroupState};
use zeroize::Zeroizing;

use super::{Field, Intent, Post, on_click, show_words};
use crate::i18n::{tr, tr_count, tr_with};
use crate::ui::Ui;

/// Letters and digits of a code.
const DIGITS: usize = 28;

/// Widgets of the page.
#[derive(Debug)]
pub struct CodePage {
    /// What the window shows.
    pub root: gtk::ScrolledWindow,
    code: gtk::Entry,
    hint: gtk::Label,
    remember: gtk::CheckButton,
    lost: gtk::Label,
    practice: gtk::Box,
    practice_code: gtk::Label,
    stored: gtk::Box,
    go_on: gtk::Button,
}

/// What is shown.
#[derive(Debug, Clone, Default)]
pub struct CodeView {
    /// Whom to ask for another code.
    pub registrar: String,
    /// In a practice election, the code to type.
    pub practice_code: Option<String>,
    /// The key ring has a code for this election.
    pub stored: bool,
    /// The code is being tried.
    pub busy: bool,
    /// Why the last one was not taken.
    pub refused: String,
}

impl CodePage {
    /// Loads the page.
    pub fn new(post: &Post) -> Self {
        let ui = Ui::load("pages/code");
        let (code, hint): (gtk::Entry, gtk::Label) = (ui.get("code"), ui.get("hint"));
        let go_on: gtk::Button = ui.get("continue");
        let (button, label) = (go_on.clone(), hint.clone());
        code.connect_changed(move |entry| {
            let typed = Zeroizing::new(entry.text().to_string());
            let (words, class, fits) = feedback(&typed);
            show_words(&label, &words);
            label.set_css_classes(&[class]);
            button.set_sensitive(fits);
        });
        let button = go_on.clone();
        code.connect_activate(move |_| button.emit_clicked());
        let (entry, remember): (gtk::Entry, gtk::CheckButton) = (code.clone(), ui.get("remember"));
        let keep = remember.clone();
        on_click(&go_on, post, move || Intent::Code(Zeroizing::new(entry.text().to_string()), keep.is_active()));
        on_click(&ui.get("file"), post, || Intent::ReadFile(Field::Code));
        on_click(&ui.get("paste"), post, || Intent::Paste(Field::Code));
        on_click(&ui.get("use_stored"), post, || Intent::UseStored);
        on_click(&ui.get("forget_stored"), post, || Intent::ForgetStored);
        let practice_code: gtk::Label = ui.get("practice_code");
        let (entry, shown) = (code.clone(), practice_code.clone());
        ui.get::<gtk::Button>("fill").connect_clicked(move |_| entry.set_text(&shown.text()));
        let (practice, stored, lost) = (ui.get("practice"), ui.get("stored"), ui.get("lost"));
        Self { root: ui.page(), code, hint, remember, lost, practice, practice_code, stored, go_on }
    }

    /// Shows what is known; what was typed stays.
    pub fn show(&self, view: &CodeView) {
        self.practice.set_visible(view.practice_code.is_some());
        self.remember.set_visible(view.practice_code.is_none());
        self.practice_code.set_label(view.practice_code.as_deref().unwrap_or_default());
        self.stored.set_visible(view.stored);
        self.code.set_sensitive(!view.busy);
        self.go_on
            .set_sensitive(!view.busy && CodeFeedback::of(&Zeroizing::new(self.code.text().to_string())).is_good());
        self.lost.set_label(&tr_with(
            "Ask {registrar}: they can replace a lost code, as long as no vote was cast with it. Nobody else can, not even the authors of this app.",
            &[("registrar", &view.registrar)],
        ));
        if !view.refused.is_empty() {
            show_words(&self.hint, &view.refused);
            self.hint.set_css_classes(&["error"]);
        }
    }

    /// Puts a code in that was read or pasted.
    pub fn fill(&self, code: &str) {
        self.code.set_text(code);
        self.code.grab_focus();
    }

    /// Whether the key ring shall keep the code.
    pub fn shall_remember(&self) -> bool {
        self.remember.is_active()
    }

    /// Forgets what was typed.
    pub fn forget(&self) {
        self.code.set_text("");
        self.remember.set_active(false);
    }
}

/// Words, their style, and whether the code is complete.
fn feedback(typed: &str) -> (String, &'static str, bool) {
    let feedback = CodeFeedback::of(typed);
    let suspects: Vec<String> = feedback
        .groups
        .iter()
        .zip(1..)
        .filter(|(group, _)| **group == GroupState::Suspect)
        .map(|(_, number): (_, u32)| number.to_string())
        .collect();
    match feedback.verdict {
        CodeVerdict::Good => (tr("The code is complete and well typed."), "success", true),
        CodeVerdict::Missing(DIGITS) => {
            (tr("28 letters and digits; it does not matter how you group them."), "dim-label", false)
        }
        CodeVerdict::Missing(n) => {
            let n = u64::try_from(n).unwrap_or(0);
            (tr_count("{n} character to go.", "{n} characters to go.", n), "dim-label", false)
        }
        CodeVerdict::TooLong(_) => (tr("That is too long: the code has 28 letters and digits."), "error", false),
        CodeVerdict::Character => (tr("There is a character that no code has."), "error", false),
        CodeVerdict::Mistyped if suspects.is_empty() => {
            (tr("There is a typing error. Compare with your letter."), "error", false)
        }
        CodeVerdict::Mistyped => (
            tr_with(
                "There is a typing error. Compare group {groups} with your letter.",
                &[("groups", &suspects.join(", "))],
            ),
            "error",
            false,
        ),
    }
}
