//! Mail that came back: delivery status notifications (RFC 3464) as files, mbox, Maildir or a folder of messages.
//!
//! A notification is matched with a voter by the Message-ID of the message that it returns, which only that message has, or
//! else by the recipient's address. Anybody can forge one: it marks a voter in the journal, for people to look at, and
//! changes nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
use veritally_board_api::files::FileError;
use veritally_crypto::hash::Hash;

/// Longest message that is looked at: notifications return at most the message, and ours has some kilobytes.
const MAX_MESSAGE_BYTES: u64 = 4 << 20;
/// Most files of a folder.
const MAX_FILES: usize = 200_000;

/// A recipient whom a message did not reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// Of the notification: read twice, it counts once.
    pub notification: Hash,
    /// Message-ID of the message that came back, if it was returned.
    pub message_id: Option<String>,
    /// To whom it was sent.
    pub recipient: String,
    /// Status and the server's words.
    pub reason: String,
}

/// What was found in a file or folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Final failures.
    pub bounces: Vec<Bounce>,
    /// Notifications of a delay or of success: nothing to do.
    pub passing: u64,
    /// Messages that are no notifications.
    pub others: u64,
}

/// Reads notifications from a file (one message, or an mbox), a Maildir or a folder.
///
/// # Errors
/// [`FileError`]; what is no notification is counted, not refused.
pub fn read(path: &Path) -> Result<Found, FileError> {
    let mut found = Found::default();
    for file in files(path)? {
        let mut bytes = vec![];
        let opened = fs::File::open(&file).map_err(FileError::io("read", &file))?;
        let is_mbox = read_start(&opened, &mut bytes).map_err(FileError::io("read", &file))?;
        if is_mbox {
            let reader = std::io::BufReader::new(fs::File::open(&file).map_err(FileError::io("read", &file))?);
            for message in MessageIterator::new(reader).flatten() {
                found.add(message.contents());
            }
        } else {
            found.add(&bytes);
        }
    }
    Ok(found)
}

/// Reads a message; whether the file is an mbox instead, of which only the beginning was read.
fn read_start(file: &fs::File, bytes: &mut Vec<u8>) -> std::io::Result<bool> {
    file.take(MAX_MESSAGE_BYTES).read_to_end(bytes)?;
    Ok(bytes.starts_with(b"From "))
}

/// The file itself; of a folder, its files, and those of `new` and `cur` in a Maildir.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut all = vec![];
    for folder in [path.to_owned(), path.join("new"), path.join("cur")] {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.map_err(FileError::io("read", &folder))?,
        };
        all.extend(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).take(MAX_FILES));
    }
    all.sort();
    Ok(all)
}

impl Found {
    fn add(&mut self, bytes: &[u8]) {
        let parsed = MessageParser::default().parse(bytes);
        let Some((message, status)) = parsed.as_ref().and_then(|m| Some((m, delivery_status(m)?))) else {
            self.others += 1;
            return;
        };
        let (notification, message_id) = (Hash::of(bytes), returned_id(message));
        for recipient in recipients(&status) {
            let field = |name: &str| recipient.get(name).cloned().unwrap_or_default();
            if !field("action").eq_ignore_ascii_case("failed") {
                self.passing += 1;
                continue;
            }
            // Original-Recipient is the address that was written to; Final-Recipient may be a mailbox behind it.
            let address = [field("original-recipient"), field("final-recipient")];
            let address = address.iter().find(|address| !address.is_empty()).map(|text| after_type(text));
            let reason = format!("{} {}", field("status"), after_type(&field("diagnostic-code")));
            self.bounces.push(Bounce {
                notification,
                message_id: message_id.clone(),
                recipient: address.unwrap_or_default(),
                reason: reason.trim().to_owned(),
            });
        }
    }
}

/// `rfc822; ada@example.org` without its type.
fn after_type(text: &str) -> String {
    text.split_once(';').map_or(text, |(_, rest)| rest).trim().trim_matches(['<', '>']).to_owned()
}

fn is(part: &mail_parser::MessagePart<'_>, kind: &str, subkind: &str) -> bool {
    part.content_type().is_some_and(|found| {
        found.ctype().eq_ignore_ascii_case(kind) && found.subtype().is_some_and(|s| s.eq_ignore_ascii_case(subkind))
    })
}

fn delivery_status(message: &Message<'_>) -> Option<String> {
    let part = message.parts.iter().find(|part| is(part, "message", "delivery-status"))?;
    Some(String::from_utf8_lossy(part.contents()).into_owned())
}

/// The Message-ID of the message, or of the headers, that a notification returns.
fn returned_id(message: &Message<'_>) -> Option<String> {
    let of = |message: &Message<'_>| message.message_id().map(str::to_owned);
    message.parts.iter().find_map(|part| match &part.body {
        PartType::Message(returned) => of(returned),
        _ if is(part, "text", "rfc822-headers") => {
            // Headers alone: the parser wants their end.
            let headers = [part.contents(), b"\r\n\r\n"].concat();
            MessageParser::default().parse(&headers).as_ref().and_then(of)
        }
        _ => None,
    })
}

/// The groups of fields after the first, one a recipient; names in small letters, folded lines joined.
fn recipients(status: &str) -> Vec<BTreeMap<String, String>> {
    let mut groups: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    let mut last = String::new();
    for line in status.lines() {
        let Some(group) = groups.last_mut() else { break };
        if line.trim().is_empty() {
            if !group.is_empty() {
                groups.push(BTreeMap::new());
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some(value) = group.get_mut(&last) {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.trim().to_ascii_lowercase();
            group.insert(last.clone(), value.trim().to_owned());
        }
    }
    groups.into_iter().filter(|group| group.contains_key("action")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    /// As Postfix writes it.
    fn notification(action: &str, returned: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example.org\nTo: elections@example.org\nSubject: Undelivered\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n\n--b\n\
             Content-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n\
             Reporting-MTA: dns; mx.example.org\nArrival-Date: Mon, 1 Feb 2027 10:00:00 +0000\n\n\
             Final-Recipient: rfc822; v1@example.org\nAction: {action}\nStatus: 5.1.1\n\
             Diagnostic-Code: smtp; 550 5.1.1\n    no such mailbox\n\n--b\n{returned}\n--b--\n"
        )
    }

    const RETURNED: &str = "Content-Type: message/rfc822\n\nMessage-ID: <abc@example.org>\nSubject: code\n\nbody";
    const HEADERS: &str = "Content-Type: text/rfc822-headers\n\nSubject: code\nMessage-ID: <abc@example.org>";

    #[test]
    fn a_failure_is_read_with_recipient_reason_and_the_message_that_came_back() {
        for returned in [RETURNED, HEADERS] {
            let mut found = Found::default();
            found.add(notification("failed", returned).as_bytes());
            let bounce = found.bounces.pop().unwrap();
            assert_eq!(bounce.recipient, "v1@example.org");
            assert_eq!(bounce.message_id.as_deref(), Some("abc@example.org"));
            assert_eq!(bounce.reason, "5.1.1 550 5.1.1 no such mailbox");
        }
    }

    #[test]
    fn delays_and_other_mail_are_no_failures() {
        let mut found = Found::default();
        found.add(notification("delayed", RETURNED).as_bytes());
        for other in
            ["", "Subject: out of office\n\nBack on Monday.", "\u{0}\u{ff}", "Content-Type: multipart/report\n\n"]
        {
            found.add(other.as_bytes());
        }
        assert_eq!((found.bounces.len(), found.passing, found.others), (0, 1, 4));
    }

    #[test]
    fn files_folders_maildirs_and_mboxes_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let text = notification("failed", RETURNED);
        fs::create_dir_all(path("maildir/new")).unwrap();
        fs::create_dir_all(path("maildir/cur")).unwrap();
        fs::write(path("maildir/new/1"), &text).unwrap();
        fs::write(path("maildir/cur/2"), text.replace("v1@", "v2@")).unwrap();
        let recipients = |found: Found| found.bounces.into_iter().map(|b| b.recipient).collect::<Vec<_>>();
        assert_eq!(recipients(read(&path("maildir")).unwrap()), ["v2@example.org", "v1@example.org"]);
        let mbox = format!("From a@b Mon Feb  1 10:00:00 2027\n{text}\nFrom a@b Mon Feb  1 10:00:01 2027\n{text}");
        fs::write(path("mbox"), mbox).unwrap();
        assert_eq!(read(&path("mbox")).unwrap().bounces.len(), 2);
        assert!(read(&path("nothing")).is_err());
    }
}
