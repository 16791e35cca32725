//! The window's frame: header, notices, and the pages in a stack.

use std::cell::Cell;

use adw::prelude::*;
use gtk::{gio, glib};

use crate::pages::{
    CodePage, ContestPage, ElectionsPage, FingerprintPage, Post, ProblemPage, ReceiptPage, ResultPage, ReviewPage,
    SealedPage, SecondPage, StatusPage, TestedPage, VerdictPage, WarningPage, WorkingPage,
};
use crate::ui::Ui;

/// Which page is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Elections,
    Fingerprint,
    Code,
    Contest,
    Review,
    Sealed,
    Tested,
    Second,
    Verdict,
    Working,
    Receipt,
    Status,
    Result,
    Warning,
    Problem,
}

/// The pages, all made once.
pub struct Pages {
    pub elections: ElectionsPage,
    pub fingerprint: FingerprintPage,
    pub code: CodePage,
    pub contest: ContestPage,
    pub review: ReviewPage,
    pub sealed: SealedPage,
    pub tested: TestedPage,
    pub second: SecondPage,
    pub verdict: VerdictPage,
    pub working: WorkingPage,
    pub receipt: ReceiptPage,
    pub status: StatusPage,
    pub result: ResultPage,
    pub warning: WarningPage,
    pub problem: ProblemPage,
}

impl Pages {
    fn new(post: &Post) -> Self {
        Self {
            elections: ElectionsPage::new(post),
            fingerprint: FingerprintPage::new(post),
            code: CodePage::new(post),
            contest: ContestPage::new(post),
            review: ReviewPage::new(post),
            sealed: SealedPage::new(post),
            tested: TestedPage::new(post),
            second: SecondPage::new(post),
            verdict: VerdictPage::new(post),
            working: WorkingPage::new(post),
            receipt: ReceiptPage::new(post),
            status: StatusPage::new(post),
            result: ResultPage::new(post),
            warning: WarningPage::new(post),
            problem: ProblemPage::new(post),
        }
    }

    fn root(&self, page: Page) -> &gtk::ScrolledWindow {
        match page {
            Page::Elections => &self.elections.root,
            Page::Fingerprint => &self.fingerprint.root,
            Page::Code => &self.code.root,
            Page::Contest => &self.contest.root,
            Page::Review => &self.review.root,
            Page::Sealed => &self.sealed.root,
            Page::Tested => &self.tested.root,
            Page::Second => &self.second.root,
            Page::Verdict => &self.verdict.root,
            Page::Working => &self.working.root,
            Page::Receipt => &self.receipt.root,
            Page::Status => &self.status.root,
            Page::Result => &self.result.root,
            Page::Warning => &self.warning.root,
            Page::Problem => &self.problem.root,
        }
    }
}

const ALL: [Page; 15] = [
    Page::Elections,
    Page::Fingerprint,
    Page::Code,
    Page::Contest,
    Page::Review,
    Page::Sealed,
    Page::Tested,
    Page::Second,
    Page::Verdict,
    Page::Working,
    Page::Receipt,
    Page::Status,
    Page::Result,
    Page::Warning,
    Page::Problem,
];

/// The frame around the pages.
pub struct Shell {
    pub window: adw::ApplicationWindow,
    pub pages: Pages,
    stack: gtk::Stack,
    title: adw::WindowTitle,
    toasts: adw::ToastOverlay,
    notice: gtk::Label,
    notice_revealer: gtk::Revealer,
    pub back: gio::SimpleAction,
    page: Cell<Page>,
}

impl Shell {
    pub fn new(application: &adw::Application, post: &Post) -> Self {
        let ui = Ui::load("window");
        let window: adw::ApplicationWindow = ui.get("window");
        window.set_application(Some(application));
        window.set_help_overlay(Some(&ui.get::<gtk::ShortcutsWindow>("shortcuts")));
        let (stack, pages): (gtk::Stack, _) = (ui.get("stack"), Pages::new(post));
        for page in ALL {
            pages.root(page).set_visible(page == Page::Elections);
            stack.add_child(pages.root(page));
        }
        let back = gio::SimpleAction::new("back", None);
        window.add_action(&back);
        let (title, toasts) = (ui.get("title"), ui.get("toasts"));
        let (notice, notice_revealer) = (ui.get("notice"), ui.get("notice_revealer"));
        let page = Cell::new(Page::Elections);
        Self { window, pages, stack, title, toasts, notice, notice_revealer, back, page }
    }

    /// Which page is shown.
    pub fn page(&self) -> Page {
        self.page.get()
    }

    /// Brings a page to the front, from its top, with the keyboard's focus on its first control.
    pub fn show(&self, page: Page) {
        self.page.set(page);
        let root = self.pages.root(page);
        root.set_visible(true);
        self.stack.set_visible_child(root);
        // A screen reader would read pages that are merely covered.
        for other in ALL.into_iter().filter(|other| *other != page) {
            self.pages.root(other).set_visible(false);
        }
        root.vadjustment().set_value(0.0);
        root.child_focus(gtk::DirectionType::TabForward);
        root.vadjustment().set_value(0.0);
    }

    /// Below the window's title: which election.
    pub fn set_election(&self, name: &str) {
        self.title.set_subtitle(name);
    }

    /// A line above all pages; none when empty.
    pub fn set_notice(&self, words: &str) {
        self.notice.set_label(words);
        self.notice_revealer.set_visible(!words.is_empty());
        self.notice_revealer.set_reveal_child(!words.is_empty());
    }

    /// Says something in passing.
    pub fn toast(&self, words: &str) {
        self.toasts.add_toast(adw::Toast::new(&glib::markup_escape_text(words)));
    }
}
