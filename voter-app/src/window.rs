//! The window: what the voter does goes to the session's model, what the model is at goes to a page.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use adw::prelude::*;
use gtk::glib;
use tokio::sync::mpsc::UnboundedReceiver;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::Contest;
use veritally_session::StateDirectory;
use veritally_session::flow::{self, Event, Flow};
use veritally_session::overview::{self, Overview};
use veritally_session::runner::Runner;
use veritally_session::watch::Watcher;

use crate::i18n::tr;
use crate::pages::{ElectionRow, Intent, Post, WarningView};
use crate::shell::{Page, Shell};
use crate::timings::Timings;
use crate::work;

mod afterwards;
mod files;
mod question;
mod second;
mod show;

/// How often bars move and seconds are counted down.
const TICK: Duration = Duration::from_millis(150);

/// By election and contest.
type Orders = BTreeMap<(Hash, Id), Rc<[usize]>>;

/// Shell and session together.
pub struct Window {
    this: Weak<Window>,
    shell: Shell,
    flow: RefCell<Flow>,
    runner: Runner,
    /// The page is being filled in: what widgets say now is not the voter's doing.
    showing: Cell<bool>,
    /// The contest that is on the screen: its control changes by itself.
    contest: Cell<Option<usize>>,
    /// Another contest came on the same page.
    moved: Cell<bool>,
    /// The order in which a contest's selections are shown, by election.
    orders: RefCell<Orders>,
    /// The contests of the ballot that was encrypted last.
    contests: RefCell<Vec<Contest>>,
    /// Attempts to send a ballot, and when the last one failed.
    queued: Cell<Option<(u32, Instant)>>,
    /// What was opened last, for another try.
    last_link: RefCell<Option<String>>,
    /// Where the opened ballot is.
    test_file: RefCell<Option<PathBuf>>,
    /// Where the evidence is.
    evidence: RefCell<Option<PathBuf>>,
    /// "My elections".
    overview: RefCell<Overview>,
    watcher: Watcher,
    /// The rows of the list that is shown.
    rows: RefCell<Vec<ElectionRow>>,
    /// The receipt is shown.
    voted: Cell<bool>,
    /// What is shown instead of the model's first page.
    over: Cell<Option<Over>>,
    /// The question that is asked, one at a time.
    question: RefCell<Option<adw::MessageDialog>>,
}

/// A page about an election that is not entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Status(Hash),
    Result(Hash),
    Alarm(Hash),
}

thread_local! {
    /// The one window; its closures know it weakly.
    static WINDOW: RefCell<Option<Rc<Window>>> = const { RefCell::new(None) };
}

impl Window {
    /// The application's only window, made when it is first asked for.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn of(application: &adw::Application, state: StateDirectory, timings: &Timings) -> std::io::Result<Rc<Self>> {
        if let Some(window) = WINDOW.with_borrow(Clone::clone) {
            return Ok(window);
        }
        let (runner, events) = work::start(state.clone())?;
        let (watcher, news) = Watcher::on(runner.handle().clone(), state);
        let window = Rc::new_cyclic(|this: &Weak<Self>| {
            let weak = this.clone();
            let post: Post = Rc::new(move |intent| {
                if let Some(window) = weak.upgrade().filter(|window| !window.showing.get()) {
                    window.act(intent);
                }
            });
            Self {
                this: this.clone(),
                shell: Shell::new(application, &post),
                flow: RefCell::new(Flow::new()),
                runner,
                showing: Cell::new(false),
                contest: Cell::new(None),
                moved: Cell::new(false),
                orders: RefCell::default(),
                contests: RefCell::default(),
                queued: Cell::default(),
                last_link: RefCell::default(),
                test_file: RefCell::default(),
                evidence: RefCell::default(),
                overview: RefCell::default(),
                watcher,
                rows: RefCell::default(),
                voted: Cell::default(),
                over: Cell::default(),
                question: RefCell::default(),
            }
        });
        window.listen(events, news);
        window.connect(timings);
        WINDOW.set(Some(window.clone()));
        window.show();
        window.overview(overview::Event::Refresh);
        Ok(window)
    }

    /// The session's answers.
    fn listen(&self, mut events: UnboundedReceiver<Event>, mut news: UnboundedReceiver<overview::Event>) {
        let weak = self.this.clone();
        glib::spawn_future_local(async move {
            while let Some(event) = news.recv().await {
                let Some(window) = weak.upgrade() else { return };
                window.overview(event);
            }
        });
        let weak = self.this.clone();
        glib::spawn_future_local(async move {
            while let Some(event) = events.recv().await {
                let Some(window) = weak.upgrade() else { return };
                window.handle(event);
            }
        });
    }

    fn connect(&self, timings: &Timings) {
        let weak = self.this.clone();
        let with = move |act: fn(&Self)| {
            let weak = weak.clone();
            move || {
                if let Some(window) = weak.upgrade() {
                    act(&window);
                }
            }
        };
        let back = with(Self::back);
        self.shell.back.connect_activate(move |_, _| back());
        for (name, act) in [
            ("elections", with(|window| window.act(Intent::Home))),
            ("practice", with(|window| window.act(Intent::Practice))),
            ("second", with(|window| window.act(Intent::SecondDevice))),
        ] {
            let action = gtk::gio::SimpleAction::new(name, None);
            action.connect_activate(move |_, _| act());
            self.shell.window.add_action(&action);
        }
        let tick = with(Self::tick);
        glib::timeout_add_local(TICK, move || {
            tick();
            glib::ControlFlow::Continue
        });
        let weak = self.this.clone();
        self.shell.window.connect_close_request(move |_| match weak.upgrade() {
            Some(window) if window.flow.borrow().has_unsaved_choices() => {
                window.ask_before_leaving(None);
                glib::Propagation::Stop
            }
            _ => glib::Propagation::Proceed,
        });
        let timings = timings.clone();
        self.shell.window.connect_map(move |_| {
            let timings = timings.clone();
            glib::idle_add_local_once(move || timings.shown());
        });
    }

    /// The program ends: the last reference goes, and with it every secret.
    pub fn end() {
        drop(WINDOW.take());
    }

    /// Brings the window to the front.
    pub fn present(&self) {
        self.shell.window.present();
    }

    /// Opens the election at a link; what was begun before is left.
    pub fn open_link(&self, link: &str) {
        self.act(Intent::OpenLink(link.to_owned()));
    }

    /// Opens the practice election.
    pub fn practice(&self) {
        self.act(Intent::Practice);
    }

    /// Gives an event to the model, has its effects carried out, and shows where it is then.
    fn handle(&self, event: Event) {
        if matches!(&event, Event::Unlocked(_, Ok(voter)) if voter.not_kept) {
            self.shell.toast(&tr("The code could not be kept: this computer’s key ring is missing or locked."));
        }
        let effects = self.flow.borrow_mut().handle(event);
        self.runner.run_all(effects);
        self.show();
        // A ballot that came into the box is one of "my elections" now.
        let voted = matches!(self.flow.borrow().page(), flow::Page::Receipt { .. });
        if voted != self.voted.replace(voted) && voted {
            self.overview(overview::Event::Refresh);
        }
    }

    /// The page before.
    fn back(&self) {
        match (self.shell.page(), self.over.get()) {
            (Page::Elections, _) => {}
            (Page::Result, Some(Over::Result(_))) => self.show_status(),
            (Page::Problem | Page::Warning, None) if matches!(self.flow.borrow().page(), flow::Page::Second { .. }) => {
                self.handle(Event::Back);
            }
            (_, Some(_)) | (Page::Receipt | Page::Problem | Page::Warning, None) => self.act(Intent::Home),
            _ => {
                self.handle(Event::Back);
                // An election that was looked at is one of mine now.
                if matches!(self.flow.borrow().page(), flow::Page::Open { .. }) {
                    self.overview(overview::Event::Refresh);
                }
            }
        }
    }

    fn open(&self, link: &str) {
        self.over.set(None);
        self.handle(Event::Leave);
        *self.last_link.borrow_mut() = Some(link.to_owned());
        self.handle(Event::Open(link.to_owned()));
    }

    /// What the voter did. Choices that were not cast are given up only when that is meant.
    fn act(&self, intent: Intent) {
        if intent.leaves_the_ballot() && self.flow.borrow().has_unsaved_choices() {
            self.ask_before_leaving(Some(intent));
        } else {
            self.obey(intent);
        }
    }

    fn obey(&self, intent: Intent) {
        match intent {
            Intent::OpenLink(link) => self.open(&link),
            Intent::OpenKnown(index) => self.open_known(index),
            Intent::Practice => {
                self.over.set(None);
                self.handle(Event::Leave);
                *self.last_link.borrow_mut() = None;
                self.handle(Event::OpenPractice);
            }
            Intent::Home => self.home(),
            Intent::Compare(typed) => self.handle(Event::CompareFingerprint(typed)),
            Intent::FingerprintSame | Intent::Next => self.handle(Event::Continue),
            Intent::FingerprintDifferent => self.warn_of_other_election(),
            Intent::Code(text, remember) => self.handle(Event::EnterCode { text, remember }),
            Intent::ReadFile(field) => self.read_file(field),
            Intent::Paste(field) => self.paste(field),
            Intent::SecondDevice => self.be_second_device(),
            Intent::CheckTest(test) => self.handle(Event::CheckTest(test)),
            Intent::UseStored => self.handle(Event::UseStoredCode),
            Intent::ForgetStored => self.handle(Event::ForgetCode),
            Intent::ToContest(number) => self.handle(Event::GoTo(number)),
            Intent::Encrypt => {
                self.keep_contests();
                self.handle(Event::Encrypt);
            }
            Intent::Cast => self.handle(Event::Cast),
            Intent::Test => self.handle(Event::Test),
            Intent::SaveTest => self.save_test(),
            Intent::PublishTest => self.handle(Event::Publish),
            Intent::VoteAgain => self.vote_again(),
            Intent::Retry => self.retry(),
            Intent::Stop => self.handle(Event::Back),
            Intent::SaveReceipt => self.save_receipt(),
            Intent::PrintReceipt => self.print_receipt(),
            Intent::Evidence => self.show_evidence(),
            Intent::Status => self.show_status(),
            Intent::Check => self.check_now(),
            Intent::Result => self.show_result(),
        }
    }

    /// The opened ballot's page names contests too, when the drafts are the next ballot's.
    fn keep_contests(&self) {
        if let flow::Page::Review { voter, .. } = self.flow.borrow().page() {
            self.contests.borrow_mut().clone_from(&voter.contests);
        }
    }

    fn vote_again(&self) {
        if let Some(Over::Status(fingerprint)) = self.over.get() {
            return self.vote_in(fingerprint);
        }
        let event = match self.flow.borrow().page() {
            flow::Page::Tested { .. } => Event::Encrypt,
            _ => Event::VoteAgain,
        };
        self.handle(event);
    }

    fn retry(&self) {
        if let Some(Over::Result(fingerprint)) = self.over.get() {
            return self.overview(overview::Event::Verify(fingerprint));
        }
        let event = match self.flow.borrow().page() {
            flow::Page::Stopped { .. } => Event::ReadWholeLog,
            // The form has everything still.
            flow::Page::Second { .. } => Event::Back,
            flow::Page::Open { .. } => {
                let link = self.last_link.borrow().clone();
                link.map_or(Event::OpenPractice, Event::Open)
            }
            _ => Event::RetryNow,
        };
        self.handle(event);
    }

    /// Leaves what was begun, and asks for a test ballot.
    fn be_second_device(&self) {
        self.over.set(None);
        self.handle(Event::Leave);
        self.handle(Event::BeSecondDevice);
    }

    fn warn_of_other_election(&self) {
        let registrar = match self.flow.borrow().page() {
            flow::Page::Election { election, .. } => election.registrar.clone(),
            _ => return,
        };
        *self.evidence.borrow_mut() = None;
        self.shell.pages.warning.show(&WarningView {
            heading: tr("This is not your election"),
            happened: tr("You say that the fingerprint differs from the one on your letter."),
            means: tr("Then this is another election, or a copy that somebody made. Nothing of yours was sent."),
            todo: crate::i18n::tr_with(
                "Use the link on your letter. If the fingerprint still differs, don’t vote, and tell {office}.",
                &[("office", &registrar)],
            ),
            expert: String::new(),
            has_evidence: false,
            has_status: false,
        });
        self.shell.show(Page::Warning);
    }
}
