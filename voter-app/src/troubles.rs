//! What went wrong, in the voter's words: what happened, and what to do.

use veritally_session::flow::{Lie, Trouble, TroubleKind};

use crate::i18n::{tr, tr_with};
use crate::pages::{ProblemView, WarningView};

/// A plain problem: nobody cheats.
pub fn problem(trouble: &Trouble, registrar: &str) -> ProblemView {
    let (heading, happened, todo) = words(&trouble.kind, registrar);
    let retry = match trouble.kind {
        TroubleKind::VotedElsewhere => Some(tr("It was me: go on")),
        _ => trouble.may_pass().then(|| tr("Try again")),
    };
    ProblemView { heading, happened, todo, expert: trouble.detail.clone(), retry }
}

/// In one line, for a notice.
pub fn line(trouble: &Trouble) -> String {
    words(&trouble.kind, "").1
}

#[allow(clippy::too_many_lines)] // A table.
fn words(kind: &TroubleKind, registrar: &str) -> (String, String, String) {
    use TroubleKind as K;
    let office = if registrar.is_empty() { tr("the election’s office") } else { registrar.to_owned() };
    let ask = tr_with("If it stays like this, ask {office}.", &[("office", &office)]);
    match kind {
        K::NotALink => (
            tr("This is not a link to an election"),
            tr("Perhaps a part of it is missing."),
            tr("Copy the whole link from your letter or e-mail; it begins with veritally://."),
        ),
        K::NotATest | K::OtherTest | K::NotACode => (
            tr("This can’t be checked"),
            tr("What was given is no test ballot of this election, or not its code."),
            ask,
        ),
        K::Offline => (
            tr("No connection"),
            tr("The election’s server can’t be reached. Either this computer has no network, or the server is down."),
            tr("Check your network, then try again."),
        ),
        K::Busy { .. } => (
            tr("The server is busy"),
            tr("The election’s server has too much to do at the moment."),
            tr("Try again in a minute."),
        ),
        K::NotABoard => (
            tr("Something else answers"),
            tr(
                "What answers at this address is not an election’s server. In hotels and trains that is often a page to sign in to the network.",
            ),
            tr("Sign in to the network with your web browser, then try again."),
        ),
        K::Unreadable => (
            tr("The record can’t be read"),
            tr("The server answers, but a part of the election’s public record is missing or damaged."),
            format!("{} {ask}", tr("Try again later.")),
        ),
        K::UnknownElection => (
            tr("The server does not know this election"),
            tr("Perhaps the link has a typing error, or the election was moved."),
            ask,
        ),
        K::TwoFingerprints { .. } | K::NotAFingerprint => (
            tr("The fingerprints differ"),
            tr("The link and what you typed name different elections, or there is a typing error."),
            tr("Compare once more with your letter. Don’t vote as long as they differ."),
        ),
        K::NotOpen(_) => (
            tr("Voting has not begun"),
            tr("The election exists, but its box is not open yet."),
            tr("Come back when voting begins. The app keeps the election in your list."),
        ),
        K::Closed => (
            tr("Voting has ended"),
            tr("The box is closed; no more ballots are taken."),
            tr("You can follow the counting, and see the result here when it is there."),
        ),
        K::Code(_) => (tr("Typing error"), tr("There is a typing error in the code."), tr("Compare with your letter.")),
        K::NotOnRoll => (
            tr("This code is not for this election"),
            tr(
                "The code is well typed, but it is not on this election’s list. It is for another election, or was replaced by a newer one.",
            ),
            ask,
        ),
        K::Replaced => (
            tr("There is a newer letter"),
            tr(
                "This code was replaced: another letter with a new code was issued to you, and only the new code can be used.",
            ),
            tr_with("Type the code from the newer letter. If you don’t have it, ask {office}.", &[("office", &office)]),
        ),
        K::CodeFile => (
            tr("The file can’t be read"),
            tr("It is not there, holds no code, or other people on this computer may read it."),
            tr("Type the code from your letter instead."),
        ),
        K::NothingStored => (
            tr("No code is stored"),
            tr("This computer’s key ring has no code for this election."),
            tr("Type the code from your letter."),
        ),
        K::CastLimit(_) => (
            tr("You have used all your votes"),
            tr("With this code as many ballots were cast as this election allows. The last one counts."),
            tr("There is nothing more to do. You can see your ballot in the list of your elections."),
        ),
        K::VotedElsewhere => (
            tr("You have voted on another device"),
            tr("A ballot was cast with this code that this computer does not know of."),
            tr_with(
                "If that was you, go on: the app reads the whole record first, and your new ballot replaces the other. If it was not you, tell {office}.",
                &[("office", &office)],
            ),
        ),
        K::Refused { .. } => (
            tr("The ballot was not taken"),
            tr("The server refused your encrypted ballot and gave its reason below. It does not count."),
            tr_with("Go back and vote again. If it is refused again, ask {office}.", &[("office", &office)]),
        ),
        K::ConfirmByMail { address } => (
            tr("Confirm by e-mail first"),
            match address {
                Some(address) => tr_with(
                    "This election asks you to confirm by e-mail, once. Open this page in your web browser, and follow it: {address}",
                    &[("address", address)],
                ),
                None => tr("This election asks you to confirm by e-mail, once. Its office tells you how."),
            },
            tr("Then try again: the same ballot is sent."),
        ),
        K::Pending => (
            tr("Almost done"),
            tr("The server took your ballot, but has not yet put it into the public record."),
            tr("Leave the app open: it asks again by itself."),
        ),
        K::LocalState => (
            tr("The stored data is damaged"),
            tr("What this computer stored about the election can’t be read any more."),
            ask,
        ),
        K::Storage => (
            tr("The disk is full or can’t be written"),
            tr("A ballot is stored on this computer before it is sent. That failed, so nothing was sent."),
            tr("Make room on the disk, then try again."),
        ),
        K::SelfCheck => (
            tr("This computer made a mistake"),
            tr("The app checked the ballot that it had just encrypted, and found it faulty. Nothing was sent."),
            tr("Start the computer anew and try again, or vote on another computer."),
        ),
        K::Interrupted => {
            (tr("Stopped"), tr("The work was stopped before it was done."), tr("You can start it again at any time."))
        }
        K::OtherElection { .. } | K::Caught(_) => {
            (tr("Don’t trust this server"), tr("What it shows does not hold."), ask)
        }
    }
}

/// The board was caught. Loud, and plain.
pub fn warning(trouble: &Trouble, registrar: &str) -> WarningView {
    let office = if registrar.is_empty() { tr("the election’s office") } else { registrar.to_owned() };
    let (heading, happened, means) = match &trouble.kind {
        TroubleKind::OtherElection { .. } => (
            tr("This is not your election"),
            tr("The server shows another election than your link or letter means."),
            tr("Whoever votes here votes somewhere else. Nothing of yours was sent."),
        ),
        TroubleKind::Caught(lie) => caught(lie),
        _ => (tr("Don’t trust this server"), tr("What it shows does not hold."), String::new()),
    };
    WarningView {
        heading,
        happened,
        means,
        todo: tr_with(
            "Don’t vote here until this is cleared up. Tell {office}, and keep the evidence: it lets others see what you saw. Your stored ballots and receipts stay on this computer.",
            &[("office", &office)],
        ),
        expert: trouble.detail.clone(),
        has_evidence: trouble.evidence.is_some(),
        has_status: false,
    }
}

fn caught(lie: &Lie) -> (String, String, String) {
    match lie {
        Lie::OtherId | Lie::Manifest => (
            tr("The election was altered"),
            tr("What the server says about the questions, the dates or the people who count breaks the rules."),
            tr("It can’t be a valid election like this. Nothing of yours was sent."),
        ),
        Lie::Checkpoint | Lie::NotTheLog => (
            tr("The record was altered"),
            tr("What the server sent is not what was signed for this election."),
            tr("Somebody changed the record, on the server or on the way to you."),
        ),
        Lie::Entry(_) => (
            tr("The record breaks the rules"),
            tr("The public record holds something that may not be there, such as a wrong key or a forged ballot."),
            tr("A ballot encrypted like this would not be safe. Nothing of yours was sent."),
        ),
        Lie::Fork { .. } => (
            tr("There are two versions of the box"),
            tr("The server shows a record that contradicts the one it showed to this computer before."),
            tr("An honest server never does that. Votes may have been removed or shown to some people only."),
        ),
        Lie::Receipt => (
            tr("The receipt is false"),
            tr("The server’s receipt for your ballot does not hold."),
            tr("Don’t count on your ballot being in the box. It is kept on this computer and can be sent again."),
        ),
        Lie::Missing { .. } => (
            tr("Your ballot is missing"),
            tr("The server signed a receipt for your ballot, but the ballot is not in the record."),
            tr("Your vote would not be counted. Your receipt proves that it was taken."),
        ),
        Lie::Removed { .. } => (
            tr("A ballot of yours was removed"),
            tr("This computer has a receipt for a ballot that the record no longer holds."),
            tr("Your vote would not be counted. Your receipt proves that it was taken."),
        ),
        Lie::Recount => (
            tr("The record does not hold"),
            tr("This computer checked the whole public record, and found that it breaks the rules of the election."),
            tr("Don’t believe a result that comes from it: votes may have been changed, added or left out."),
        ),
    }
}
