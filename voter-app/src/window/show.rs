//! From the model's page to the page on the screen.

use std::rc::Rc;
use std::time::Instant;

use veritally_crypto::contests::Answer;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{Contest, Texts, text};
use veritally_session::flow::{
    self, CastStep, Compared, Draft, Edit, EditRefused, ElectionInfo, Event, OpenStage, Publishing, ReceiptInfo,
    Trouble, TroubleKind, VoterInfo, Work, code_qr,
};

use super::Window;
use crate::controls::{Drafting, Filling};
use crate::i18n::{self, tr, tr_count, tr_with};
use crate::pages::{
    CodeView, ContestView, FingerprintView, ReceiptView, ReviewLine, SealedView, TestedView, WarningView, WorkingView,
};
use crate::shell::Page;
use crate::{troubles, words};

/// A working page that says nothing but what goes on.
pub(super) fn working(heading: String, detail: String) -> WorkingView {
    WorkingView { heading, detail, ..WorkingView::default() }
}

/// In the language of the environment that the election has.
pub(super) fn told<'t>(election: &ElectionInfo, texts: &'t Texts) -> &'t str {
    text(texts, &i18n::election_language(&election.languages))
}

impl Window {
    /// Shows the model's page.
    pub(super) fn show(&self) {
        self.showing.set(true);
        let before = self.shell.page();
        let page = self.fill();
        // A contest's own changes don't move the focus.
        if page != before || self.moved.take() {
            self.forget_left_pages(page);
            self.shell.show(page);
        }
        let first = matches!(self.flow.borrow().page(), flow::Page::Contest { number: 0, .. });
        let busy = matches!(
            self.flow.borrow().page(),
            flow::Page::Working { .. }
                | flow::Page::Casting { .. }
                | flow::Page::Tested { publishing: Publishing::Busy, .. }
        );
        self.shell.back.set_enabled(page != Page::Elections && !first && !busy);
        self.show_notice();
        self.showing.set(false);
    }

    /// Fills the page in that the model is at, and says which it is.
    #[allow(clippy::too_many_lines)] // One arm a page.
    fn fill(&self) -> Page {
        let flow = self.flow.borrow();
        let pages = &self.shell.pages;
        if !matches!(flow.page(), flow::Page::Contest { .. }) {
            self.contest.set(None);
        }
        match flow.page() {
            flow::Page::Open { busy: Some(stage), .. } => {
                pages.working.show(&opening(stage));
                Page::Working
            }
            flow::Page::Second { busy, outcome } => self.fill_second(busy, outcome),
            flow::Page::Open { trouble: Some(trouble), .. } => self.fill_open_trouble(trouble),
            flow::Page::Open { .. } => match self.over.get() {
                Some(over) => self.fill_over(over),
                None => {
                    self.set_election("");
                    Page::Elections
                }
            },
            flow::Page::Election { election, trouble } => self.fill_election(election, trouble),
            flow::Page::Credential { election, stored, busy, trouble, .. } => {
                let registrar = election.registrar.clone();
                let refused = trouble.map(troubles::line).unwrap_or_default();
                let practice_code = election.practice_code.clone();
                pages.code.show(&CodeView { registrar, practice_code, stored, busy, refused });
                Page::Code
            }
            flow::Page::Contest { election, number, of, draft, .. } => {
                self.fill_contest(election, number, of, draft);
                Page::Contest
            }
            flow::Page::Review { election, voter, drafts, trouble } => {
                let line = |draft: &Draft| review_line(&election.languages, draft.contest(), draft.answer());
                let lines: Vec<ReviewLine> = drafts.iter().map(line).collect();
                pages.review.show(&lines, &review_notice(voter, trouble));
                Page::Review
            }
            flow::Page::Working { work } => {
                pages.working.show(&match work {
                    Work::Encrypting => working(
                        tr("Encrypting your ballot"),
                        tr("This computer makes your answers unreadable for everybody."),
                    ),
                    Work::Opening => working(tr("Opening the ballot for a test"), String::new()),
                });
                Page::Working
            }
            flow::Page::Choose { voter, code, .. } => {
                let public_id = voter.public_id.clone();
                pages.sealed.show(&SealedView { code: code.to_string(), payload: code_qr(&code), public_id });
                Page::Sealed
            }
            flow::Page::Tested { election, test, publishing } => {
                let (fixed, said) = published(publishing);
                if self.shell.page() != Page::Tested {
                    // In the order of the ballot.
                    let (contests, selections) = (self.contests.borrow(), &test.opening.selections);
                    let line = |contest: &Contest| {
                        Some(review_line(&election.languages, contest, selections.get(&contest.id)?))
                    };
                    let lines = contests.iter().filter_map(line);
                    pages.tested.show(&TestedView {
                        answers: lines.collect(),
                        code: test.code().to_string(),
                        opening: test.qr.clone().unwrap_or_default(),
                        can_publish: !election.is_practice(),
                    });
                    *self.test_file.borrow_mut() = Some(test.file.clone());
                }
                pages.tested.say_published(&said, fixed, *publishing == Publishing::Busy);
                Page::Tested
            }
            flow::Page::Casting { step, found, .. } => {
                pages.working.show(&self.casting(step, found));
                Page::Working
            }
            flow::Page::Receipt { election, receipt, casts_left } => {
                pages.receipt.show(&receipt_view(election, receipt, casts_left));
                Page::Receipt
            }
            flow::Page::Stopped { election, trouble, busy } => {
                if busy {
                    let detail = tr("The whole public record is downloaded and checked. That can take a minute.");
                    pages.working.show(&working(tr("Reading the record"), detail));
                    return Page::Working;
                }
                self.fill_trouble(trouble, &election.registrar)
            }
            _ => Page::Elections,
        }
    }

    /// The title says which election it is.
    pub(super) fn set_election(&self, name: &str) {
        self.shell.set_election(name);
    }

    fn fill_open_trouble(&self, trouble: &Trouble) -> Page {
        if trouble.kind == TroubleKind::NotALink {
            self.shell.pages.elections.refuse_link();
            return Page::Elections;
        }
        self.fill_trouble(trouble, "")
    }

    /// A plain problem, or a warning when the board was caught.
    pub(super) fn fill_trouble(&self, trouble: &Trouble, registrar: &str) -> Page {
        if trouble.is_evidence() {
            *self.evidence.borrow_mut() = trouble.evidence.clone();
            let has_status = self.over.get().is_some();
            self.shell.pages.warning.show(&WarningView { has_status, ..troubles::warning(trouble, registrar) });
            return Page::Warning;
        }
        self.shell.pages.problem.show(&troubles::problem(trouble, registrar));
        Page::Problem
    }

    fn fill_election(&self, election: &ElectionInfo, trouble: Option<&Trouble>) -> Page {
        if let Some(trouble) = trouble.filter(|trouble| trouble.is_evidence()) {
            return self.fill_trouble(trouble, &election.registrar);
        }
        let name = told(election, &election.name).to_owned();
        self.set_election(&name);
        let dates = [("opens", words::moment(election.opens_at_ms)), ("closes", words::moment(election.closes_at_ms))];
        let dates = dates.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut notices = vec![];
        if election.is_clock_off() {
            notices.push(tr("This computer’s clock differs from the server’s: times on these pages may be wrong."));
        }
        if election.weights_may_identify {
            notices.push(tr(
                "Votes count differently here, and the result is split so finely that a single vote may show.",
            ));
        }
        notices.extend(trouble.map(troubles::line));
        self.shell.pages.fingerprint.show(&FingerprintView {
            name,
            description: told(election, &election.description).to_owned(),
            dates: tr_with("Voting from {opens} to {closes}", &dates),
            fingerprint: election.fingerprint.to_string(),
            board_key: election.board_key.to_string(),
            compared: election.compared,
            notice: notices.join("\n"),
            board: match &election.link {
                Some(link) => tr_with("Server: {address}", &[("address", link.board.as_str())]),
                None => tr("On this computer only"),
            },
        });
        Page::Fingerprint
    }

    fn fill_contest(&self, election: &ElectionInfo, number: usize, of: usize, draft: &Draft) {
        if self.contest.replace(Some(number)) == Some(number) {
            return;
        }
        self.moved.set(true);
        let contest = Rc::new(draft.contest().clone());
        let filling = Filling {
            draft: Rc::new(Here(self.this.clone())),
            order: self.shown_order(election.fingerprint, &contest),
            contest,
            language: i18n::election_language(&election.languages).into(),
        };
        self.shell.pages.contest.show(ContestView { filling, index: number, count: of });
    }

    /// The order of a contest's selections on the screen: the manifest's, or by chance where it asks for that, and then the same
    /// one as long as the window is open, so that nothing jumps when the voter goes back.
    fn shown_order(&self, fingerprint: Hash, contest: &Contest) -> Rc<[usize]> {
        let mut orders = self.orders.borrow_mut();
        let order = orders.entry((fingerprint, contest.id.clone()));
        Rc::clone(order.or_insert_with(|| contest.shown_order(&mut rand::rng()).into()))
    }

    fn casting(&self, step: &CastStep, found: bool) -> WorkingView {
        let found = if found {
            tr("This computer had stored a ballot whose receipt never came. It is sent first, unchanged.")
        } else {
            String::new()
        };
        match step {
            CastStep::Proving => working(
                tr("Sealing your ballot"),
                tr("This computer proves that the ballot is valid, checks it once more and stores it."),
            ),
            CastStep::Sending => {
                WorkingView { step: found, ..working(tr("Casting your ballot"), tr("It is on its way into the box.")) }
            }
            CastStep::Queued { attempts, seconds, trouble } => {
                let (counted, since) = self.queued.get().unwrap_or((0, Instant::now()));
                let since = if counted == *attempts { since } else { Instant::now() };
                self.queued.set(Some((*attempts, since)));
                let left = seconds.saturating_sub(since.elapsed().as_secs());
                let detail = tr(
                    "It is encrypted and stored on this computer, and is sent by itself as soon as that works. You may close the app meanwhile: open it again later with the same code.",
                );
                WorkingView {
                    heading: tr("Your ballot is waiting to be sent"),
                    detail: format!("{}\n{detail}", troubles::line(trouble)),
                    step: tr_count("Next try in {n} second.", "Next try in {n} seconds.", left),
                    retry: true,
                    ..WorkingView::default()
                }
            }
        }
    }

    /// Once a moment: bars move, seconds are counted down.
    pub(super) fn tick(&self) {
        if self.shell.page() != Page::Working {
            return;
        }
        let flow = self.flow.borrow();
        match flow.page() {
            flow::Page::Casting { step: step @ CastStep::Queued { .. }, found, .. } => {
                self.shell.pages.working.show(&self.casting(step, found));
            }
            flow::Page::Open { busy: Some(OpenStage::Reading { .. }), .. } => {}
            _ => self.shell.pages.working.pulse(),
        }
    }

    /// What was typed or chosen does not stay in widgets.
    fn forget_left_pages(&self, page: Page) {
        let pages = &self.shell.pages;
        if page != Page::Code {
            pages.code.forget();
        }
        if !matches!(page, Page::Second | Page::Verdict | Page::Working | Page::Problem | Page::Warning) {
            pages.second.forget();
        }
        if page != Page::Fingerprint {
            pages.fingerprint.forget();
        }
        if page != Page::Contest {
            pages.contest.forget();
        }
        if page != Page::Review {
            pages.review.forget();
        }
    }
}

/// The draft of the contest that the model is at.
struct Here(std::rc::Weak<Window>);

impl Drafting for Here {
    fn read(&self, look: &mut dyn FnMut(&Draft)) {
        let Some(window) = self.0.upgrade() else { return };
        if let flow::Page::Contest { draft, .. } = window.flow.borrow().page() {
            look(draft);
        }
    }

    fn edit(&self, edit: Edit) -> Result<(), EditRefused> {
        let Some(window) = self.0.upgrade() else { return Ok(()) };
        // Edits have no effects outside of the model.
        let _ = window.flow.borrow_mut().handle(Event::Edit(edit));
        match window.flow.borrow().page() {
            flow::Page::Contest { refused: Some(refused), .. } => Err(refused),
            _ => Ok(()),
        }
    }
}

#[allow(clippy::cast_precision_loss)] // A progress bar.
fn opening(stage: OpenStage) -> WorkingView {
    let heading = tr("Opening the election");
    let stop = true;
    match stage {
        OpenStage::Asking => WorkingView { stop, ..working(heading, tr("The server is asked for the election.")) },
        OpenStage::Reading { done, total } => WorkingView {
            stop,
            fraction: Some(done as f64 / total.max(1) as f64),
            step: tr_with("{done} of {total} entries", &[("done", &done.to_string()), ("total", &total.to_string())]),
            ..working(heading, tr("The public record is downloaded, and every entry is checked."))
        },
    }
}

pub(super) fn review_line(languages: &[String], contest: &Contest, answer: &Answer) -> ReviewLine {
    let language = i18n::election_language(languages);
    ReviewLine {
        contest: text(&contest.name, &language).to_owned(),
        answers: words::answer(contest, answer, &language),
    }
}

fn review_notice(voter: &VoterInfo, trouble: Option<&Trouble>) -> String {
    let mut notices: Vec<String> = trouble.map(troubles::line).into_iter().collect();
    if voter.ballots_cast > 0 {
        notices.push(tr(
            "You have voted before. If you cast this ballot, it replaces the earlier one, and only this one counts.",
        ));
    }
    if voter.weight != 1 {
        notices.push(tr_count("Your vote counts {n} time.", "Your vote counts {n} times.", voter.weight));
    }
    notices.join("\n")
}

fn published(publishing: &Publishing) -> (bool, String) {
    match publishing {
        Publishing::No => (false, String::new()),
        Publishing::Busy => (true, tr("The test ballot is being published…")),
        Publishing::Done => (true, tr("Published: anybody can check this test ballot now.")),
        Publishing::Failed(trouble) => (false, troubles::line(trouble)),
    }
}

fn receipt_view(election: &ElectionInfo, receipt: &ReceiptInfo, casts_left: u64) -> ReceiptView {
    let practice = election.compared == Compared::Practice;
    let place = [("index", receipt.index.to_string()), ("size", receipt.head.tree_size.to_string())];
    let place = place.each_ref().map(|(name, value)| (*name, value.as_str()));
    let again = match casts_left {
        0 => String::new(),
        _ => tr_with(
            "You can vote again until {date}: the new ballot then replaces this one.",
            &[("date", &words::moment(election.closes_at_ms))],
        ),
    };
    ReceiptView {
        detail: tr_with(
            "This app has checked it: your encrypted ballot is entry {index} of the election’s public record, which has {size} entries so far.",
            &place,
        ),
        code: receipt.code.to_string(),
        payload: code_qr(&receipt.code),
        again,
        practice,
    }
}
