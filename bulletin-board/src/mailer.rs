//! The board's own mail: one-time codes to voters, when an election asks for them. Never a credential's code, which the
//! board does not have.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, Message, SmtpTransport, Transport as _};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use url::{Host, Url};

/// Messages that may be on their way or waiting: each keeps a line of memory and at most a connection.
const MOST_AT_ONCE: usize = 256;
/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses before a message that was put off (greylisting) is tried again.
const PAUSES: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(90)];

/// Why the board can't send mail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailerError {
    /// The sender's address.
    #[error("mail_from: {0}; write \"Elections <elections@example.org>\"")]
    From(#[source] lettre::address::AddressError),
    /// The password's file.
    #[error("mail_password_file: can't read {}: {source}", path.display())]
    Password {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// TLS.
    #[error("mail_server: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
}

/// A mail server: `smtp://` with STARTTLS (port 587; without TLS only to this machine), `smtps://` with TLS from the
/// beginning (port 465); an account as `smtp://ACCOUNT@HOST`, its password in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailServer(Url);

impl FromStr for MailServer {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("{e}; write smtp://mail.example.org"))?;
        if !matches!(url.scheme(), "smtp" | "smtps") || url.host_str().is_none_or(str::is_empty) {
            return Err("write smtp://mail.example.org or smtps://ACCOUNT@mail.example.org".into());
        }
        if url.password().is_some() {
            return Err("no password here, where others can read it: put it into a file, see mail_password_file".into());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl MailServer {
    /// Whether it runs on this machine. Such a URL's host is never parsed as an address by itself.
    fn is_local(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => {
                name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            None => false,
        }
    }

    fn connect(&self, password: Option<String>) -> Result<SmtpTransport, MailerError> {
        let host = self.0.host_str().unwrap_or_default().to_owned();
        let (tls, port) = match self.0.scheme() {
            "smtps" => (Tls::Wrapper(TlsParameters::new(host.clone())?), 465),
            _ if self.is_local() => (Tls::None, 25),
            _ => (Tls::Required(TlsParameters::new(host.clone())?), 587),
        };
        let port = self.0.port().unwrap_or(port);
        let builder = SmtpTransport::builder_dangerous(host).port(port).tls(tls).timeout(Some(TIMEOUT));
        Ok(match password {
            Some(password) => builder.credentials(Credentials::new(self.0.username().to_owned(), password)).build(),
            None => builder.build(),
        })
    }
}

/// Server, sender, the file with the account's password.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server.
    pub server: MailServer,
    /// The sender.
    pub from: String,
    /// Its first line is the password.
    pub password_file: Option<PathBuf>,
}

/// Whether mail can be sent there: one address, and nothing else.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Sends single messages in the background.
#[derive(Clone)]
pub struct Mailer {
    transport: SmtpTransport,
    from: Mailbox,
    room: Arc<Semaphore>,
}

impl Mailer {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// [`MailerError`].
    pub fn new(settings: &MailSettings) -> Result<Self, MailerError> {
        let from = settings.from.parse().map_err(MailerError::From)?;
        let password = settings.password_file.as_deref().map(first_line).transpose()?;
        let transport = settings.server.connect(password)?;
        Ok(Self { transport, from, room: Arc::new(Semaphore::new(MOST_AT_ONCE)) })
    }

    /// Sends a message in the background; `failed` is told when that was in vain. False: too many are waiting, nothing is
    /// sent.
    pub fn send(&self, to: &str, subject: &str, body: String, failed: impl FnOnce(String) + Send + 'static) -> bool {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else { return false };
        let message = message(self.from.clone(), to, subject, body);
        let transport = self.transport.clone();
        tokio::spawn(async move {
            if let Err(reason) = async { deliver(transport, message?).await }.await {
                failed(reason);
            }
            drop(place);
        });
        true
    }
}

fn message(from: Mailbox, to: &str, subject: &str, body: String) -> Result<Message, String> {
    // `Address` refuses everything that is not one address: nothing in a list adds headers or recipients.
    let address: Address = to.parse().map_err(|e| format!("no address: {e}"))?;
    let builder = Message::builder().from(from).to(Mailbox::new(None, address)).subject(subject);
    builder.header(ContentType::TEXT_PLAIN).body(body).map_err(|e| e.to_string())
}

async fn deliver(transport: SmtpTransport, message: Message) -> Result<(), String> {
    let message = Arc::new(message);
    for pause in PAUSES.into_iter().map(Some).chain([None]) {
        let (transport, message) = (transport.clone(), Arc::clone(&message));
        let sent = tokio::task::spawn_blocking(move || transport.send(&message)).await.map_err(|e| e.to_string())?;
        match (sent, pause) {
            (Ok(_), _) => return Ok(()),
            (Err(error), Some(pause)) if !error.is_permanent() => tokio::time::sleep(pause).await,
            (Err(error), _) => return Err(error.to_string()),
        }
    }
    Ok(())
}

fn first_line(path: &Path) -> Result<String, MailerError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| MailerError::Password { path: path.to_owned(), source })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn an_address_or_subject_adds_no_header_and_no_recipient() {
        let from: Mailbox = "Elections <elections@example.org>".parse().unwrap();
        for to in [
            "ada@example.org, eve@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org>\nBcc: eve@example.org",
            "ada@example.org\0",
            "Ada <ada@example.org>",
            "ada",
            "",
        ] {
            assert!(!is_address(to), "{to:?}");
            assert!(message(from.clone(), to, "Code", String::new()).is_err(), "{to:?}");
        }
        let subject = "Council\r\nBcc: eve@example.org\r\n\r\nBody";
        let sent = message(from, "ada@example.org", subject, "text".into()).unwrap().formatted();
        let sent = String::from_utf8(sent).unwrap();
        let (headers, body) = sent.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.trim_end(), "text");
        assert!(!headers.to_lowercase().lines().any(|line| line.starts_with("bcc")), "{headers}");
    }

    #[test]
    fn a_mail_server_is_a_url_without_password_and_unencrypted_only_on_this_machine() {
        for wrong in ["mail.example.org", "http://mail.example.org", "smtp://", "smtp://a:b@mail.example.org"] {
            assert!(wrong.parse::<MailServer>().is_err(), "{wrong}");
        }
        for (text, local) in [
            ("smtp://127.0.0.1:25", true),
            ("smtp://localhost", true),
            ("smtp://[::1]:25", true),
            ("smtp://127.0.0.1.example.org", false),
            ("smtps://account@mail.example.org", false),
        ] {
            let server: MailServer = text.parse().unwrap();
            assert_eq!((server.is_local(), server.to_string().as_str()), (local, text));
        }
    }
}
