//! After the vote: the list of elections, an election's status, its result, and warnings about it.

use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::text;
use veritally_crypto::record::Phase;
use veritally_session::flow;
use veritally_session::flow::Trouble;
use veritally_session::overview::{Event, Verification, Watched};
use veritally_session::watch::{BallotCard, Place, ResultInfo, Turnout};
use veritally_verifier::report::CheckReport;

use super::{Over, Window};
use crate::i18n::{self, tr, tr_count, tr_with};
use crate::pages::{BallotLine, ElectionRow, Offer, ResultView, StatusView, WarningView, WorkingView};
use crate::shell::Page;
use crate::{troubles, words};

impl Window {
    /// Gives an event to the model of "my elections", and shows what changed.
    pub(super) fn overview(&self, event: Event) {
        let effects = self.overview.borrow_mut().handle(event);
        self.watcher.run_all(effects);
        let rows: Vec<ElectionRow> = self.overview.borrow().elections().iter().map(row).collect();
        if *self.rows.borrow() != rows {
            self.shell.pages.elections.show(&rows);
            *self.rows.borrow_mut() = rows;
        }
        if self.over.get().is_some() {
            self.show();
        }
        self.show_notice();
    }

    /// Above all pages but the one that says the same.
    pub(super) fn show_notice(&self) {
        let alarmed = self.overview.borrow().is_alarmed() && self.shell.page() != Page::Warning;
        let notice = if alarmed {
            tr("A server was caught breaking the rules. Look at “My elections”.")
        } else {
            String::new()
        };
        self.shell.set_notice(&notice);
    }

    /// Back to the list; what was begun in an election is given up.
    pub(super) fn home(&self) {
        self.over.set(None);
        self.handle(flow::Event::Leave);
        self.overview(Event::Hide);
        self.overview(Event::Refresh);
    }

    pub(super) fn open_known(&self, index: usize) {
        let found = self
            .overview
            .borrow()
            .elections()
            .get(index)
            .map(|watched| (watched.card().fingerprint, watched.is_alarmed()));
        let Some((fingerprint, alarmed)) = found else { return };
        self.over.set(Some(if alarmed { Over::Alarm(fingerprint) } else { Over::Status(fingerprint) }));
        self.overview(Event::Show(fingerprint));
    }

    /// From the receipt or the result to the election's status.
    pub(super) fn show_status(&self) {
        let fingerprint = match (self.over.get(), self.flow.borrow().page()) {
            (Some(Over::Status(fingerprint) | Over::Result(fingerprint) | Over::Alarm(fingerprint)), _) => fingerprint,
            (None, flow::Page::Receipt { election, .. }) if !election.is_practice() => election.fingerprint,
            _ => {
                self.shell.toast(&tr("In the practice election there is nothing to follow."));
                return;
            }
        };
        self.over.set(Some(Over::Status(fingerprint)));
        self.handle(flow::Event::Leave);
        self.overview(Event::Refresh);
        self.overview(Event::Show(fingerprint));
    }

    pub(super) fn check_now(&self) {
        self.overview(Event::Refresh);
    }

    pub(super) fn show_result(&self) {
        let Some(Over::Status(fingerprint)) = self.over.get() else { return };
        self.over.set(Some(Over::Result(fingerprint)));
        self.overview(Event::Verify(fingerprint));
    }

    /// Votes in the election whose status is shown.
    pub(super) fn vote_in(&self, fingerprint: Hash) {
        let link = self.with(fingerprint, |watched| watched.card().link.as_ref().map(ToString::to_string)).flatten();
        if let Some(link) = link {
            self.open(&link);
        }
    }

    fn with<T>(&self, fingerprint: Hash, look: impl FnOnce(&Watched) -> T) -> Option<T> {
        let overview = self.overview.borrow();
        overview.elections().iter().find(|watched| watched.card().fingerprint == fingerprint).map(look)
    }

    /// Fills the page in that lies over the model's first page.
    pub(super) fn fill_over(&self, over: Over) -> Page {
        let pages = &self.shell.pages;
        match over {
            Over::Status(fingerprint) => {
                let view = self.with(fingerprint, status).unwrap_or_default();
                self.set_election(&view.name);
                pages.status.show(&view);
                Page::Status
            }
            Over::Alarm(fingerprint) => {
                let evidence = self.with(fingerprint, |watched| watched.evidence().map(ToOwned::to_owned)).flatten();
                let view = self.with(fingerprint, alarm);
                *self.evidence.borrow_mut() = evidence;
                if let Some(view) = view {
                    pages.warning.show(&WarningView { has_status: true, ..view });
                }
                Page::Warning
            }
            Over::Result(fingerprint) => {
                let verification = self.with(fingerprint, |watched| watched.verification().clone()).unwrap_or_default();
                match verification {
                    Verification::No | Verification::Busy(..) => {
                        pages.working.show(&verifying(&verification));
                        Page::Working
                    }
                    Verification::Failed(trouble) => self.fill_trouble(&trouble, ""),
                    // No charts of what does not hold.
                    Verification::Done(result) => {
                        // No charts of what does not hold.
                        if let Some(trouble) = &result.caught {
                            return self.fill_trouble(trouble, "");
                        }
                        let name = self.with(fingerprint, name).unwrap_or_default();
                        let counted = self.with(fingerprint, Watched::is_counted).unwrap_or_default();
                        pages.result.show(&result_view(name, &result, counted));
                        Page::Result
                    }
                }
            }
        }
    }
}

fn name(watched: &Watched) -> String {
    let card = watched.card();
    let named = text(&card.name, &i18n::election_language(&card.languages)).to_owned();
    let id = || card.link.as_ref().map(|link| link.election.to_string()).unwrap_or_default();
    if named.is_empty() { id() } else { named }
}

fn row(watched: &Watched) -> ElectionRow {
    let status = if watched.is_alarmed() {
        tr("Caught breaking the rules: open for what to do")
    } else if let Some(ballot) = watched.ballots().last() {
        place(ballot).0
    } else if let Some(turnout) = watched.turnout() {
        phase(turnout.phase)
    } else {
        tr("Not voted from this computer")
    };
    ElectionRow { name: name(watched), status, alarm: watched.is_alarmed() }
}

/// Where a ballot is, and whether that is good.
fn place(ballot: &BallotCard) -> (String, bool) {
    match &ballot.place {
        _ if ballot.replaced => (tr("Replaced by a later ballot of yours"), true),
        Place::Waiting => (tr("Not sent yet: choose “Send my ballot”"), false),
        Place::Stored(_) => (tr("In the box, by its receipt"), true),
        Place::InTheBox(_) => (tr("In the box: seen there just now"), true),
        Place::NotFound(trouble) => (troubles::line(trouble), false),
    }
}

fn phase(phase: Phase) -> String {
    match phase {
        Phase::Setup => tr("Voting has not begun"),
        Phase::Open => tr("Voting is open"),
        Phase::Closed | Phase::Agreed => tr("Voting has ended; the trustees are counting"),
        Phase::Decrypted | Phase::Published => tr("Counted: the result is there"),
        Phase::Abandoned => tr("The election was given up; nothing will be counted"),
    }
}

#[allow(clippy::cast_precision_loss)] // A bar.
fn status(watched: &Watched) -> StatusView {
    let turnout = watched.turnout();
    let has_result = turnout.is_some_and(|t| matches!(t.phase, Phase::Decrypted | Phase::Published));
    let line = |ballot: &BallotCard| {
        let (words, good) = place(ballot);
        BallotLine { code: ballot.code.to_string(), words, good }
    };
    StatusView {
        name: name(watched),
        phase: turnout.map(phase_and_end).unwrap_or_default(),
        ballots: watched.ballots().iter().map(line).collect(),
        turnout: turnout.map(voted).unwrap_or_default(),
        share: turnout.map_or(0.0, |t| t.counts.ballots_counted as f64 / t.counts.credentials.max(1) as f64),
        tally: turnout.and_then(tally).unwrap_or_default(),
        checked: checked(watched),
        offer: offer(watched),
        has_result,
    }
}

fn offer(watched: &Watched) -> Offer {
    let open = watched.turnout().is_none_or(|turnout| turnout.phase == Phase::Open);
    if !open || watched.card().link.is_none() {
        Offer::Nothing
    } else if watched.ballots().iter().any(|ballot| matches!(ballot.place, Place::Waiting)) {
        Offer::Send
    } else if watched.ballots().is_empty() {
        Offer::Vote
    } else {
        Offer::VoteAgain
    }
}

fn phase_and_end(turnout: &Turnout) -> String {
    match turnout.phase {
        Phase::Open => tr_with("Voting is open until {date}", &[("date", &words::moment(turnout.closes_at_ms))]),
        other => phase(other),
    }
}

fn voted(turnout: &Turnout) -> String {
    let values =
        [("voted", turnout.counts.ballots_counted.to_string()), ("all", turnout.counts.credentials.to_string())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    tr_with("{voted} of {all} voters have voted.", &values)
}

fn tally(turnout: &Turnout) -> Option<String> {
    let values = [("sums", turnout.tally_sums?.to_string()), ("bytes", turnout.tally_bytes?.to_string())];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    Some(tr_with("Running tally: {sums} encrypted sums, {bytes} bytes, however many people vote.", &values))
}

fn checked(watched: &Watched) -> String {
    if watched.is_checking() {
        return tr("Checking…");
    }
    match (watched.trouble(), watched.checked()) {
        (Some(trouble), _) => format!("{} {}", tr("The last check could not be made."), troubles::line(trouble)),
        (None, Some(checked)) => tr_count(
            "Checked: the record has {n} entry and continues what this computer saw before.",
            "Checked: the record has {n} entries and continues what this computer saw before.",
            checked.head.tree_size,
        ),
        (None, None) => String::new(),
    }
}

fn alarm(watched: &Watched) -> WarningView {
    match watched.alarm() {
        Some(trouble) => troubles::warning(trouble, ""),
        None => {
            let kind = flow::TroubleKind::Caught(flow::Lie::NotTheLog);
            let trouble = Trouble { kind, detail: String::new(), evidence: watched.evidence().map(ToOwned::to_owned) };
            WarningView {
                heading: tr("This server was caught before"),
                happened: tr(
                    "In an earlier session, what the server showed did not hold. The evidence is kept on this computer.",
                ),
                ..troubles::warning(&trouble, "")
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)] // A progress bar.
fn verifying(verification: &Verification) -> WorkingView {
    let (done, total) = match verification {
        Verification::Busy(done, total) => (*done, *total),
        _ => (0, 0),
    };
    WorkingView {
        heading: tr("Counting again on this computer"),
        detail: tr(
            "The whole public record is downloaded, every ballot’s proof is checked, and the result is recomputed.",
        ),
        fraction: (total > 0).then(|| done as f64 / total as f64),
        step: String::new(),
        ..WorkingView::default()
    }
}

fn result_view(name: String, result: &ResultInfo, counted: bool) -> ResultView {
    let report = &result.report;
    let verdict = if !report.passed() {
        tr(
            "Not confirmed yet: this election asks independent witnesses to see the same record, and too few have. Look again later.",
        )
    } else if report.contests.is_empty() {
        tr("The record holds, but there is no result in it yet. Look again later.")
    } else {
        tr_count(
            "All checks passed on this computer: {n} ballot was counted.",
            "All checks passed on this computer: {n} ballots were counted.",
            report.ballots_counted,
        )
    };
    let is_final = report.passed() && !report.contests.is_empty();
    let own_ballot = match (counted, result.ballots.is_empty()) {
        (true, _) => tr("Counted: your ballot is in this result."),
        (false, false) if is_final => {
            tr("Another ballot counts: one that was cast later with your code, on another device.")
        }
        _ => String::new(),
    };
    let check = |check: &CheckReport| format!("{} {}: {}", check.id, check.name, check.status.as_str());
    let checks: Vec<String> = report.checks.iter().map(check).collect();
    ResultView {
        name,
        passed: is_final && (counted || result.ballots.is_empty()),
        verdict,
        own_ballot,
        contests: report.contests.clone(),
        checks: checks.join("\n"),
    }
}
