//! Evidence in plain words: the file `README.txt`.

use std::fmt::{Formatter, Result};

use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::log::checkpoint::Checkpoint;
use veritally_crypto::log::note::Note;

use super::{Evidence, Finding};
use crate::words::utc;

/// `120 entries with root hash …`, of a note that is not verified here.
fn log_of(note: &str) -> String {
    let checkpoint = Note::parse(note).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
    checkpoint.map_or("a log that can't be read".into(), |c| format!("{} entries, root hash {}", c.tree_size, c.root))
}

fn sentences(finding: &Finding) -> (&'static str, String) {
    let (first, second) = finding.notes();
    let (first, second) = (log_of(first), second.map(log_of).unwrap_or_default());
    match finding {
        Finding::Fork { .. } => (
            "The board signed two different versions of the election's log.",
            format!(
                "It signed a log of {first} (first.note), and a log of {second} (second.note). An honest log only grows: the \
                 larger one must begin with all entries of the smaller one. This one does not. So different people were \
                 shown different elections. Both notes carry the board's signature: this is proof, whoever hands it to you."
            ),
        ),
        Finding::Unproven { .. } => (
            "What the board serves does not fit what it signed.",
            format!(
                "It signed a log of {first} (first.note), later one of {second} (second.note). The files that it served \
                 do not show that the second extends the first. The signatures are the board's; that it served no fitting \
                 files is the word of who noticed it. Ask the board for the files of the second log: either they show that \
                 it extends the first, or they prove that it does not."
            ),
        ),
        Finding::Rollback { .. } => (
            "The board went back behind what it had signed and shown.",
            format!(
                "It showed a log of {first} (first.note), and later only one of {second} (second.note). Entries, perhaps \
                 ballots, were taken back. The signatures are the board's; the order in which the two were shown is the \
                 word of who noticed it. Whoever holds first.note can demand that the log contain all of its entries."
            ),
        ),
        Finding::Vanished { index, .. } => (
            "An entry that the board had signed for is not in its log any more.",
            format!(
                "Entry {index} of a log of {first} (first.note) was the one in the file `entry`. In a log of {second} \
                 (second.note) something else stands in its place. The board signed both: this is proof, whoever hands it \
                 to you."
            ),
        ),
        Finding::BadEntry { index, reason, .. } => (
            "The election's log has an entry that breaks the election's rules.",
            format!(
                "Entry {index} of a log of {first} (first.note) is the one in the file `entry`: the board signed for it. \
                 What is wrong with it: {reason} To see it for yourself, verify the whole record."
            ),
        ),
        Finding::Stalled { reason, .. } => (
            "The board does not go on.",
            format!(
                "{reason} The last log that it signed has {first} (first.note). This is the word of who noticed it; ask \
                 the board again, from elsewhere, before you draw conclusions."
            ),
        ),
    }
}

/// Which of the entries it is about.
fn details(evidence: &Evidence) -> Option<String> {
    let size = |note: &str| Some(Checkpoint::parse(Note::parse(note).ok()?.text()).ok()?.tree_size);
    match &evidence.finding {
        Finding::Vanished { index, entry, .. } => Some(format!("It is entry {index}, {}.", named(evidence, entry))),
        // The reason names check and entry.
        Finding::BadEntry { reason, .. } => Some(reason.clone()),
        Finding::Stalled { reason, .. } => Some(reason.clone()),
        Finding::Rollback { first, second } => {
            let (first, second) = (size(first)?, size(second)?);
            let which = match first.checked_sub(1).filter(|last| *last != second) {
                Some(last) => format!("Entries {second} to {last} are"),
                None => format!("Entry {second} is"),
            };
            Some(format!("{which} missing."))
        }
        Finding::Fork { first, second, .. } => {
            let (first, second) = (size(first)?, size(second)?);
            Some(format!("They have {first} and {second} entries."))
        }
        Finding::Unproven { .. } => None,
    }
}

/// What an entry is: a ballot by the code that its voter noted.
fn named(evidence: &Evidence, entry: &[u8]) -> String {
    let fingerprint = evidence.fingerprint();
    match (EncryptedBallot::parse(entry), fingerprint, Leaf::parse(entry)) {
        (Ok(ballot), Some(fingerprint), _) => {
            format!("the ballot with the confirmation code {}", ballot.confirmation_code(&fingerprint))
        }
        (Ok(_), None, _) => "a ballot".into(),
        (Err(_), _, Ok(leaf)) => format!("of type {}", leaf.type_name()),
        (Err(_), ..) => "which is in the file `entry`".into(),
    }
}

pub(super) fn headline(evidence: &Evidence) -> String {
    let (title, _) = sentences(&evidence.finding);
    details(evidence).map_or(title.to_owned(), |details| format!("{title} {details}"))
}

pub(super) fn explain(evidence: &Evidence, f: &mut Formatter<'_>) -> Result {
    let (title, body) = sentences(&evidence.finding);
    writeln!(f, "{title}\n")?;
    if let Finding::Vanished { index, entry, .. } = &evidence.finding {
        writeln!(f, "Entry {index}: {}.\n", named(evidence, entry))?;
    }
    for line in crate::terminal::wrapped(&body, 78) {
        writeln!(f, "{line}")?;
    }
    let fingerprint = evidence.fingerprint();
    let fingerprint = fingerprint.map_or("not known here".to_owned(), |fingerprint| fingerprint.to_string());
    writeln!(f, "\nlog          {}", crate::terminal::clean(&evidence.log.origin))?;
    writeln!(f, "fingerprint  {fingerprint}")?;
    writeln!(f, "noticed      {} by {}", utc(evidence.noticed_ms), crate::terminal::clean(&evidence.noticed_by))?;
    writeln!(f, "\nCheck it yourself: veritally-verifier evidence FOLDER")
}
