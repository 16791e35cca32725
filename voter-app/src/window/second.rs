//! This device as the second one: another one's test ballot, and what was found.

use veritally_crypto::manifest::text;
use veritally_session::flow::{Trouble, TroubleKind};
use veritally_session::second::{Cheat, Noted, TestFound, TestVerdict};

use super::Window;
use super::show::{review_line, working};
use crate::i18n::{self, tr, tr_with};
use crate::pages::{Tone, VerdictView, WorkingView};
use crate::shell::Page;

impl Window {
    pub(super) fn fill_second(&self, busy: bool, outcome: Option<&Result<TestVerdict, Trouble>>) -> Page {
        self.set_election("");
        let pages = &self.shell.pages;
        if busy {
            let detail = tr("The election’s keys are fetched and checked, and the ballot is encrypted once more.");
            pages.working.show(&WorkingView { stop: true, ..working(tr("Checking the test ballot"), detail) });
            return Page::Working;
        }
        match outcome {
            None => pages.second.show(""),
            Some(Ok(verdict)) => {
                pages.verdict.show(&view(verdict));
                return Page::Verdict;
            }
            Some(Err(trouble)) => match wanting(&trouble.kind) {
                Some(hint) => pages.second.show(&hint),
                None => return self.fill_trouble(trouble, ""),
            },
        }
        Page::Second
    }
}

/// What the person has to mend.
fn wanting(kind: &TroubleKind) -> Option<String> {
    Some(match kind {
        TroubleKind::NotALink => {
            tr("Give the link to the election: it begins with veritally:// and stands on the letter.")
        }
        TroubleKind::NotATest => tr("This is not a test ballot, or a part of it is missing."),
        TroubleKind::NotACode => {
            tr("This is not a confirmation code: it has 20 letters and digits, or 64 when it comes from the QR code.")
        }
        TroubleKind::OtherTest => tr("This test ballot is for another election than the link."),
        _ => return None,
    })
}

fn view(verdict: &TestVerdict) -> VerdictView {
    match verdict {
        TestVerdict::Holds(found) => holds(found),
        TestVerdict::Cheated { cheat, detail } => {
            let (found, todo) = match cheat {
                Cheat::OtherAnswers => (
                    tr("The other computer encrypted something else than the test ballot shows."),
                    tr("Don’t vote on that computer. Keep the test ballot, and tell the election’s office."),
                ),
                Cheat::OtherBallot => (
                    tr("This test ballot is not the one whose confirmation code was noted."),
                    tr(
                        "First look for a typing error in the code. If there is none, the other computer opened another ballot than the one it had encrypted: don’t vote on it, keep the test ballot, and tell the election’s office.",
                    ),
                ),
            };
            let heading = tr("The test failed");
            VerdictView { heading, found, todo, expert: detail.clone(), ..VerdictView::default() }
        }
    }
}

fn holds(found: &TestFound) -> VerdictView {
    let (heading, said, todo) = match found.noted {
        Noted::Whole => (
            tr("The test passed"),
            tr("The other computer encrypted exactly these answers, and the whole confirmation code is the noted one."),
            tr("Make sure that these are the answers that were given there."),
        ),
        Noted::Short => (
            tr("The test passed"),
            tr(
                "The other computer encrypted exactly these answers, and the 20 characters of the code are the noted ones.",
            ),
            tr(
                "Make sure that these are the answers that were given there. A skilled cheat could make two ballots with the same 20 characters: the next time take a picture of the code’s QR code before the test.",
            ),
        ),
        Noted::Nothing => (
            tr("Compare the code yourself"),
            tr("The other computer encrypted exactly these answers in the ballot with the code below."),
            tr(
                "Whether that is the ballot it had shown, only the code tells that was noted before the test. If it differs, the test failed.",
            ),
        ),
    };
    let language = i18n::election_language(&found.languages);
    let fingerprint = found.fingerprint.to_string();
    let notice = if found.compared {
        String::new()
    } else {
        tr_with(
            "The link says no fingerprint. Compare this one with the letter: {fingerprint}",
            &[("fingerprint", &fingerprint)],
        )
    };
    let lines = found.answers.iter().map(|(contest, answer)| review_line(&found.languages, contest, answer));
    VerdictView {
        heading,
        tone: if found.noted == Noted::Nothing { Tone::Open } else { Tone::Good },
        found: said,
        todo,
        election: text(&found.name, &language).to_owned(),
        answers: lines.collect(),
        code: found.code.to_string(),
        notice,
        expert: format!("{}\n{}\n{}", found.code.0, found.public_id, found.fingerprint),
    }
}
