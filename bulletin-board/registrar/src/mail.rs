//! Sending the codes by mail: one message a voter, resumable, not too fast, with a report of what was refused.
//!
//! A journal beside the file of codes has two lines a message, each flushed to disk: `begun` before anything is sent,
//! `sent` (or `refused`) once the server has answered. After a crash a message that has only `begun` may or may not have
//! arrived: it is reported and sent again only on request. It would be the same code with the same Message-ID.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, Message, SmtpTransport, Transport as _};
use veritally_board_api::files::FileError;
use veritally_crypto::hash::{Hash, Hasher};
use zeroize::Zeroizing;

use crate::bounces::Bounce;
use crate::credentials::{CodeRow, Occasion};

/// Attempts for a message that the server puts off (4xx).
const ATTEMPTS: u32 = 4;
/// First pause before the next attempt; doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why mail can't be sent at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] FileError),
    /// A journal with a line that is none.
    #[error("the journal's line {0} can't be read: it is not a journal of this program")]
    JournalLine(usize),
    /// The sender's address.
    #[error("--from: {0}")]
    From(lettre::address::AddressError),
    /// The server.
    #[error("the mail server: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
    /// Without encryption to somewhere else.
    #[error("without TLS the codes could be read on the way: --tls none is for a server on this machine only")]
    Unencrypted,
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte (port 465).
    Tls,
    /// After STARTTLS (port 587), or not at all.
    StartTls,
    /// Not: to this machine only.
    None,
}

/// The mail server.
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How.
    pub encryption: Encryption,
    /// Name and password.
    pub account: Option<(String, String)>,
}

impl Server {
    fn connect(&self) -> Result<SmtpTransport, MailError> {
        let local = self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let parameters = || TlsParameters::new(self.host.clone());
        let tls = match self.encryption {
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::None if local => Tls::None,
            Encryption::None => return Err(MailError::Unencrypted),
        };
        let builder = SmtpTransport::builder_dangerous(&self.host).port(self.port).tls(tls).timeout(Some(TIMEOUT));
        let account = self.account.clone().map(|(name, password)| Credentials::new(name, password));
        Ok(match account {
            Some(account) => builder.credentials(account),
            None => builder,
        }
        .build())
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Begun,
    Sent,
    Refused(String),
    /// Came back later.
    Bounced(String),
}

/// The journal: what became of whose message.
struct Journal {
    file: std::fs::File,
    states: BTreeMap<String, State>,
    /// Notifications that were noted.
    notifications: BTreeSet<String>,
}

impl Journal {
    fn open(path: &Path) -> Result<Self, MailError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(FileError::io("read", path))?,
        };
        // A line that a crash cut off says nothing.
        let whole = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
        let (mut states, mut notifications) = (BTreeMap::new(), BTreeSet::new());
        for (number, line) in (1..).zip(whole.lines()) {
            let (state, id) = match line.split('\t').collect::<Vec<_>>().as_slice() {
                ["begun", id] => (State::Begun, *id),
                ["sent", id] => (State::Sent, *id),
                ["refused", id, reason] => (State::Refused((*reason).to_owned()), *id),
                ["bounced", id, notification, reason] => {
                    notifications.insert((*notification).to_owned());
                    (State::Bounced((*reason).to_owned()), *id)
                }
                _ => return Err(MailError::JournalLine(number)),
            };
            states.insert(id.to_owned(), state);
        }
        let open = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        let mut file = open.map_err(FileError::io("open", path))?;
        if whole.len() != text.len() {
            file.set_len(whole.len() as u64).map_err(FileError::io("mend", path))?;
        }
        file.flush().map_err(FileError::io("write", path))?;
        Ok(Self { file, states, notifications })
    }

    fn note(&mut self, id: &str, state: State) -> Result<(), MailError> {
        let line = match &state {
            State::Begun => format!("begun\t{id}\n"),
            State::Sent => format!("sent\t{id}\n"),
            State::Refused(reason) => format!("refused\t{id}\t{}\n", on_one_line(reason)),
            // Noted by `bounced`, with its notification.
            State::Bounced(_) => return Ok(()),
        };
        self.write(&line)?;
        self.states.insert(id.to_owned(), state);
        Ok(())
    }

    /// Notes that a message came back; false when this notification was noted before.
    fn bounced(&mut self, id: &str, notification: &Hash, reason: &str) -> Result<bool, MailError> {
        if !self.notifications.insert(notification.to_string()) {
            return Ok(false);
        }
        self.write(&format!("bounced\t{id}\t{notification}\t{}\n", on_one_line(reason)))?;
        self.states.insert(id.to_owned(), State::Bounced(reason.to_owned()));
        Ok(true)
    }

    fn write(&mut self, line: &str) -> Result<(), MailError> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        Ok(written.map_err(FileError::io("write", Path::new("the journal")))?)
    }
}

fn on_one_line(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

/// What notifications said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// Voters whose message came back, and why: addresses to correct, or letters to send.
    pub voters: Vec<(String, String)>,
    /// Notifications that were read before.
    pub known: u64,
    /// Recipients who are nobody's.
    pub strangers: Vec<String>,
}

/// Marks in the journal whose messages came back.
///
/// # Errors
/// [`MailError`].
pub fn mark(fingerprint: &Hash, voters: &[CodeRow], bounces: &[Bounce], journal: &Path) -> Result<Returned, MailError> {
    let mut journal = Journal::open(journal)?;
    let mut returned = Returned::default();
    let ids = Kind::ALL
        .iter()
        .flat_map(|kind| voters.iter().map(move |voter| (message_id(*kind, fingerprint, voter), voter)));
    let ids: BTreeMap<String, &CodeRow> = ids.collect();
    for bounce in bounces {
        let of_id = bounce.message_id.as_deref().and_then(|id| ids.get(id.split('@').next()?));
        let of_address = |voter: &&CodeRow| voter.email.eq_ignore_ascii_case(&bounce.recipient);
        // Without the id: everybody with this address, since it reaches none of them.
        let found: Vec<&CodeRow> = match of_id {
            Some(voter) => vec![voter],
            None => voters.iter().filter(of_address).collect(),
        };
        if found.is_empty() {
            returned.strangers.push(bounce.recipient.clone());
        }
        for voter in found {
            let notification = Hash::of(format!("{} {}", bounce.notification, voter.id).as_bytes());
            if journal.bounced(&voter.id, &notification, &bounce.reason)? {
                returned.voters.push((voter.id.clone(), bounce.reason.clone()));
            } else {
                returned.known += 1;
            }
        }
    }
    Ok(returned)
}

/// What a run did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sent now.
    pub sent: u64,
    /// Sent by an earlier run.
    pub before: u64,
    /// Voters without an address: they need a letter.
    pub without_address: Vec<String>,
    /// Who was refused, and why: addresses to correct.
    pub refused: Vec<(String, String)>,
    /// Whose message came back later, and why.
    pub bounced: Vec<(String, String)>,
    /// Begun by a run that was cut off: may have arrived.
    pub uncertain: Vec<String>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The code.
    Code,
    /// A reminder, without the code.
    Reminder,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Code, Self::Reminder];
}

/// How to send.
pub struct Plan<'a> {
    /// What the mail says.
    pub occasion: Occasion<'a>,
    /// Which message.
    pub kind: Kind,
    /// The server.
    pub server: Server,
    /// The sender, also where bounces go.
    pub from: &'a str,
    /// Most messages a minute.
    pub per_minute: u32,
    /// Sends again what was refused, and what may have arrived.
    pub again: bool,
}

/// Sends to everybody who has not got a message yet, in the list's order.
///
/// # Errors
/// [`MailError`]; the server's refusal of a single message is part of the report.
pub fn send(
    plan: &Plan<'_>,
    voters: &[CodeRow],
    journal: &Path,
    progress: &dyn Fn(u64, u64),
) -> Result<Report, MailError> {
    let from: Mailbox = plan.from.parse().map_err(MailError::From)?;
    let mut journal = Journal::open(journal)?;
    let (server, subject, mut report) = (plan.server.connect()?, plan.subject(), Report::default());
    let pause = Duration::from_secs(60) / plan.per_minute.max(1);
    for (done, voter) in (1..).zip(voters) {
        progress(done, voters.len() as u64);
        match journal.states.get(&voter.id) {
            Some(State::Sent) => report.before += 1,
            Some(State::Begun) if !plan.again => report.uncertain.push(voter.id.clone()),
            Some(State::Refused(reason)) if !plan.again => report.refused.push((voter.id.clone(), reason.clone())),
            Some(State::Bounced(reason)) if !plan.again => report.bounced.push((voter.id.clone(), reason.clone())),
            _ if voter.email.is_empty() => report.without_address.push(voter.id.clone()),
            _ => {
                let begin = Instant::now();
                match message(plan, &from, &subject, voter) {
                    Ok(message) => {
                        journal.note(&voter.id, State::Begun)?;
                        match deliver(&server, &message) {
                            Ok(()) => {
                                journal.note(&voter.id, State::Sent)?;
                                report.sent += 1;
                            }
                            Err(Failure::Refused(reason)) => {
                                journal.note(&voter.id, State::Refused(reason.clone()))?;
                                report.refused.push((voter.id.clone(), reason));
                            }
                            Err(Failure::Server(error)) => return Err(error.into()),
                        }
                    }
                    Err(reason) => {
                        journal.note(&voter.id, State::Refused(reason.clone()))?;
                        report.refused.push((voter.id.clone(), reason));
                    }
                }
                std::thread::sleep(pause.saturating_sub(begin.elapsed()));
            }
        }
    }
    Ok(report)
}

fn message(plan: &Plan<'_>, from: &Mailbox, subject: &str, voter: &CodeRow) -> Result<Message, String> {
    // `Address` refuses everything that is not one address: nothing in a list can add headers or recipients.
    let address: Address = voter.email.parse().map_err(|e| format!("{:?} is no address: {e}", voter.email))?;
    let name = Some(voter.name.clone()).filter(|name| !name.is_empty());
    let id = message_id(plan.kind, &plan.occasion.manifest.fingerprint(), voter);
    let domain = from.email.domain();
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(name, address))
        .subject(subject)
        .message_id(Some(format!("<{id}@{domain}>")))
        .header(ContentType::TEXT_PLAIN)
        .body(plan.body(voter).to_string())
        .map_err(|e| e.to_string())
}

impl Plan<'_> {
    fn subject(&self) -> String {
        match self.kind {
            Kind::Code => self.occasion.subject(),
            Kind::Reminder => self.occasion.reminder_subject(),
        }
    }

    fn body(&self, to: &CodeRow) -> Zeroizing<String> {
        match self.kind {
            Kind::Code => self.occasion.mail(to),
            Kind::Reminder => self.occasion.reminder(to),
        }
    }
}

/// What goes before the `@` of a message's id. The same message has the same id, however often it is sent; another code
/// has another one. Who sees it learns nothing: the public id is among a million million.
fn message_id(kind: Kind, fingerprint: &Hash, voter: &CodeRow) -> String {
    let kind = match kind {
        Kind::Code => "code",
        Kind::Reminder => "reminder",
    };
    let hasher = Hasher::new("registrar-mail").hash(fingerprint).bytes(kind.as_bytes());
    hasher.bytes(voter.id.as_bytes()).bytes(voter.public_id.as_bytes()).finish().to_string()
}

enum Failure {
    /// This message.
    Refused(String),
    /// Everything: no connection, or no sign-in.
    Server(lettre::transport::smtp::Error),
}

/// Sends one message; what the server puts off is tried again.
fn deliver(server: &SmtpTransport, message: &Message) -> Result<(), Failure> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        match server.send(message) {
            Ok(_) => return Ok(()),
            Err(error) if error.is_permanent() => return Err(Failure::Refused(error.to_string())),
            Err(error) if attempt == ATTEMPTS && error.is_transient() => {
                return Err(Failure::Refused(error.to_string()));
            }
            Err(error) if attempt == ATTEMPTS => return Err(Failure::Server(error)),
            Err(_) => std::thread::sleep(pause),
        }
        pause *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_journal_is_read_again_and_a_line_that_was_cut_off_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path).unwrap();
        journal.note("a", State::Begun).unwrap();
        journal.note("a", State::Sent).unwrap();
        journal.note("b", State::Refused("no\nsuch\tbox".into())).unwrap();
        journal.note("c", State::Begun).unwrap();
        drop(journal);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"sent\tc").unwrap();
        let mut again = Journal::open(&path).unwrap();
        assert_eq!(again.states["a"], State::Sent);
        assert_eq!(again.states["b"], State::Refused("no such box".into()));
        assert_eq!(again.states["c"], State::Begun);
        again.note("c", State::Sent).unwrap();
        let notification = Hash::of(b"came back");
        assert!(again.bounced("a", &notification, "no\tsuch box").unwrap());
        assert!(!again.bounced("a", &notification, "no such box").unwrap(), "read twice, it counts once");
        assert_eq!(Journal::open(&path).unwrap().states["a"], State::Bounced("no such box".into()));
        again.note("a", State::Sent).unwrap();
        assert!(!Journal::open(&path).unwrap().bounced("a", &notification, "no such box").unwrap(), "of the first one");
        assert_eq!(Journal::open(&path).unwrap().states["a"], State::Sent);
        assert_eq!(Journal::open(&path).unwrap().states["c"], State::Sent);
        std::fs::write(&path, "what\n").unwrap();
        assert!(matches!(Journal::open(&path), Err(MailError::JournalLine(1))));
    }

    #[test]
    fn codes_are_not_sent_in_the_clear_to_another_machine() {
        let server = |host: &str| Server { host: host.into(), port: 25, encryption: Encryption::None, account: None };
        assert!(matches!(server("mail.example.org").connect(), Err(MailError::Unencrypted)));
        assert!(server("127.0.0.1").connect().is_ok());
    }
}
