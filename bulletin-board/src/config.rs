//! What `serve` can be told: by flags, by the environment, by a file; the first that says something counts.
//!
//! Every setting has one name: `max_connections` in the file (TOML), `--max-connections` on the command line,
//! `VERITALLY_BOARD_MAX_CONNECTIONS` in the environment. Unknown names are refused everywhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Command, ValueEnum};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::http::address::{AddressLimits, loopback};
use crate::http::server::ServerLimits;
use crate::http::tls::TlsFiles;
use crate::mailer::{MailServer, MailSettings};
use crate::postgres::{AddressError, without_passwords};
use crate::storage::Storage;

/// Before the names of settings in the environment.
const PREFIX: &str = "VERITALLY_BOARD_";

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is not there, is no TOML, or has a key or a value that is none.
    #[error("configuration file {}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and key.
        reason: String,
    },
    /// A variable with our prefix that is no setting.
    #[error("{0} in the environment is no setting of this board; `veritally-board serve --help` lists them")]
    Variable(String),
    /// A setting without which a board can't run.
    #[error("{what} is not set: give --{flag}, {PREFIX}{variable}, or {key} in the configuration file")]
    Missing {
        /// What it is.
        what: &'static str,
        /// Its flag.
        flag: String,
        /// Its variable.
        variable: String,
        /// Its key.
        key: &'static str,
    },
    /// The database's address or password.
    #[error(transparent)]
    Store(#[from] AddressError),
    /// Settings that exclude or need each other.
    #[error("{0}")]
    Together(&'static str),
}

macro_rules! from_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

/// A length of time as people write it: `20s`, `500ms`, `2min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_duration(text).map_err(|e| format!("{e}; write 20s, 500ms or 2min"))?;
        if time.is_zero() { Err("it must be longer than nothing".into()) } else { Ok(Self(time)) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// An address or a network: `10.0.0.1`, `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse()).map(Self).map_err(|_| "write an address or a network: 10.0.0.0/8".into())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a witness takes checkpoints: `NAME=URL`, the name being the manifest's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WitnessAddress {
    /// Its name in manifests.
    pub name: String,
    /// Its submission prefix; `/add-checkpoint` comes after it.
    pub url: Url,
}

impl FromStr for WitnessAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "write NAME=URL: witness.example/w1=https://witness.example".to_owned();
        let (name, url) = text.split_once('=').ok_or_else(expected)?;
        let url = Url::parse(url).map_err(|e| format!("{e}; {}", expected()))?;
        if name.is_empty() || !matches!(url.scheme(), "http" | "https") || url.query().is_some() {
            return Err(expected());
        }
        Ok(Self { name: name.to_owned(), url })
    }
}

impl fmt::Display for WitnessAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.url)
    }
}

from_text!(Time);
from_text!(Network);
from_text!(WitnessAddress);
from_text!(MailServer);

/// How to write the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line.
    Json,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty = $variable:literal $(, $arg:ident = $value:expr)?;)*) => {
        /// The settings of one source; those that it does not mention are `None`.
        #[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $(
                $(#[doc = $doc])*
                #[arg(long, env = concat!("VERITALLY_BOARD_", $variable) $(, $arg = $value)?)]
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
        }

        impl Settings {
            /// These, and those of `other` where these say nothing.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $($name: self.$name.or(other.$name),)* }
            }
        }

        const VARIABLES: &[&str] = &[$($variable),*];
    };
}

settings! {
    /// Folder for log key, operator's token and database; made on the first start.
    data: PathBuf = "DATA";
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8480].
    listen: SocketAddr = "LISTEN";
    /// The board's name, such as vote.example.org: the beginning of its logs' origins. Needed on the first start.
    name: String = "NAME";
    /// Where logs are kept: `sqlite`, a file in the board's folder, or a PostgreSQL database that several boards share,
    /// postgres://USER@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE [default: sqlite].
    store: Storage = "STORE", hide_env_values = true;
    /// File with the database's password, which only its owner may read: on a command line others would see it.
    store_password_file: PathBuf = "STORE_PASSWORD_FILE";
    /// Connections to PostgreSQL that read, besides four that write [default: 12].
    store_connections: NonZeroUsize = "STORE_CONNECTIONS";
    /// Written, with the address, once the board listens.
    ready_file: PathBuf = "READY_FILE";
    /// How to write the log (to standard error; `RUST_LOG` sets how much) [default: text].
    log_format: LogFormat = "LOG_FORMAT";
    /// Where to listen for Prometheus, apart from everybody else; without it there are no metrics.
    metrics_listen: SocketAddr = "METRICS_LISTEN";
    /// Speak TLS with this certificate: a chain in PEM. Read again when it changes, and on SIGHUP.
    tls_certificate: PathBuf = "TLS_CERTIFICATE";
    /// The certificate's private key, in PEM.
    tls_key: PathBuf = "TLS_KEY";
    /// Proxies before the board, addresses or networks: their X-Forwarded-For is believed, nobody else's.
    trusted_proxies: Vec<Network> = "TRUSTED_PROXIES", value_delimiter = ',';
    /// Addresses or networks without limits [default: this machine's loopback].
    unlimited_addresses: Vec<Network> = "UNLIMITED_ADDRESSES", value_delimiter = ',';
    /// Connections at once [default: 8192].
    max_connections: NonZeroUsize = "MAX_CONNECTIONS";
    /// Connections of one address at once; of IPv6, of one /64 [default: 256].
    max_connections_per_address: NonZeroU32 = "MAX_CONNECTIONS_PER_ADDRESS";
    /// Requests a second of one address that read; ten times as many at once [default: 200].
    reads_per_second: NonZeroU32 = "READS_PER_SECOND";
    /// Requests a second of one address that write, ballots too; ten times as many at once [default: 20].
    writes_per_second: NonZeroU32 = "WRITES_PER_SECOND";
    /// A request's head must arrive within this time, and the next on an idle connection [default: 20s].
    header_timeout: Time = "HEADER_TIMEOUT";
    /// Who takes nothing off its connection for this time is dropped [default: 30s].
    write_timeout: Time = "WRITE_TIMEOUT";
    /// On a shutdown, answers under way may take this long [default: 30s].
    shutdown_grace: Time = "SHUTDOWN_GRACE";
    /// Witnesses that manifests name and where they take checkpoints: NAME=URL.
    witnesses: Vec<WitnessAddress> = "WITNESSES", value_delimiter = ',';
    /// Shortest time between two checkpoints for one witness [default: 1s].
    witness_interval: Time = "WITNESS_INTERVAL";
    /// The mail server for voters' one-time codes: smtp://HOST (STARTTLS) or smtps://ACCOUNT@HOST; without it there are none.
    mail_server: MailServer = "MAIL_SERVER";
    /// The sender of those mails: "Elections <elections@example.org>".
    mail_from: String = "MAIL_FROM";
    /// A file with the mail account's password.
    mail_password_file: PathBuf = "MAIL_PASSWORD_FILE";
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError::File`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let error = |reason: String| ConfigError::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        // The message quotes the line, which may be that of the database.
        toml::from_str(&text).map_err(|e| error(without_passwords(e.to_string().trim_end())))
    }

    /// Refuses variables with our prefix that are no settings: a typing error would go unnoticed.
    ///
    /// # Errors
    /// [`ConfigError::Variable`].
    pub fn check_environment(names: impl IntoIterator<Item = String>) -> Result<(), ConfigError> {
        let unknown = |name: &String| match name.strip_prefix(PREFIX) {
            Some("CONFIG") | None => false,
            Some(rest) => !VARIABLES.contains(&rest),
        };
        names.into_iter().find(unknown).map_or(Ok(()), |name| Err(ConfigError::Variable(name)))
    }

    /// The board's folder.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn data(&self) -> Result<PathBuf, ConfigError> {
        let missing = || ConfigError::Missing {
            what: "the board's folder",
            flag: "data".into(),
            variable: "DATA".into(),
            key: "data",
        };
        self.data.clone().ok_or_else(missing)
    }

    /// Where logs are kept.
    ///
    /// # Errors
    /// [`ConfigError::Store`] when an address can't be used.
    pub fn storage(&self) -> Result<Storage, ConfigError> {
        let storage = self.store.clone().unwrap_or_default();
        let storage = storage.with_password_file(self.store_password_file.as_deref());
        storage.check()?;
        Ok(storage)
    }

    /// Certificate and key, if both are set.
    ///
    /// # Errors
    /// [`ConfigError::Together`] when only one is.
    pub fn tls(&self) -> Result<Option<TlsFiles>, ConfigError> {
        match (self.tls_certificate.clone(), self.tls_key.clone()) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(ConfigError::Together("tls_certificate and tls_key belong together: set both, or neither")),
        }
    }

    /// Where mail goes, if it is set.
    ///
    /// # Errors
    /// [`ConfigError::Together`] when only some of it is.
    pub fn mail(&self) -> Result<Option<MailSettings>, ConfigError> {
        let password_file = self.mail_password_file.clone();
        match (self.mail_server.clone(), self.mail_from.clone()) {
            (Some(server), Some(from)) => Ok(Some(MailSettings { server, from, password_file })),
            (None, None) if password_file.is_none() => Ok(None),
            _ => Err(ConfigError::Together("mail_server and mail_from belong together: set both, or neither")),
        }
    }

    /// Bounds of the server.
    #[must_use]
    pub fn server_limits(&self) -> ServerLimits {
        let default = ServerLimits::default();
        let or = |time: Option<Time>, default| time.map_or(default, |Time(time)| time);
        ServerLimits {
            connections: self.max_connections.map_or(default.connections, NonZeroUsize::get),
            header_timeout: or(self.header_timeout, default.header_timeout),
            write_timeout: or(self.write_timeout, default.write_timeout),
            shutdown_grace: or(self.shutdown_grace, default.shutdown_grace),
            ..default
        }
    }

    /// Bounds by address.
    #[must_use]
    pub fn address_limits(&self) -> AddressLimits {
        let default = AddressLimits::default();
        AddressLimits {
            reads_per_second: self.reads_per_second.unwrap_or(default.reads_per_second),
            writes_per_second: self.writes_per_second.unwrap_or(default.writes_per_second),
            connections: self.max_connections_per_address.map_or(default.connections, NonZeroU32::get),
            unlimited: self.unlimited_addresses.as_ref().map_or_else(loopback, |nets| networks(nets)),
        }
    }
}

/// Without our wrapping.
#[must_use]
pub fn networks(networks: &[Network]) -> Vec<IpNet> {
    networks.iter().map(|Network(network)| *network).collect()
}

/// Where a value that `clap` refuses came from, if it was not the command line: `clap` names the flag only.
#[must_use]
pub fn culprit(error: &clap::Error, command: &Command, arguments: &[String]) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = argument.split_whitespace().next()?.strip_prefix("--")?;
    let written = |word: &String| word.strip_prefix("--").and_then(|word| word.split('=').next()) == Some(flag);
    if arguments.iter().any(written) {
        return None;
    }
    let all = command.get_subcommands().flat_map(Command::get_arguments);
    let variable = all.filter(|arg| arg.get_long() == Some(flag)).find_map(clap::Arg::get_env)?;
    Some(format!("the value comes from the environment variable {}", variable.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    fn read(text: &str) -> Result<Settings, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Settings::read(file.path())
    }

    #[test]
    fn a_file_may_say_everything_and_survives_being_written() {
        let text = r#"
            data = "/var/lib/board"
            listen = "0.0.0.0:443"
            name = "vote.example.org"
            log_format = "json"
            metrics_listen = "127.0.0.1:9480"
            tls_certificate = "/etc/chain.pem"
            tls_key = "/etc/key.pem"
            trusted_proxies = ["10.0.0.1", "2001:db8::/32"]
            store = "postgres://board@%2Frun%2Fpostgresql/veritally"
            store_connections = 20
            max_connections = 100
            max_connections_per_address = 10
            writes_per_second = 5
            header_timeout = "500ms"
            witnesses = ["witness.example/w1=https://witness.example/prefix"]
            witness_interval = "2s"
            mail_server = "smtps://board@mail.example.org"
            mail_from = "Elections <elections@example.org>"
        "#;
        let settings = read(text).unwrap();
        assert_eq!(settings.header_timeout, Some(Time(Duration::from_millis(500))));
        assert_eq!(settings.server_limits().connections, 100);
        assert_eq!(settings.address_limits().connections, 10);
        assert_eq!(settings.tls().unwrap().unwrap().key, Path::new("/etc/key.pem"));
        assert_eq!(read(&toml::to_string(&settings).unwrap()).unwrap(), settings);
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_key() {
        for (text, expected) in [
            ("listn = \"127.0.0.1:1\"", "unknown field `listn`"),
            ("listen = \"here\"", "listen = \"here\""),
            ("max_connections = 0", "max_connections = 0"),
            ("header_timeout = \"soon\"", "write 20s"),
            ("header_timeout = \"0s\"", "longer than nothing"),
            ("trusted_proxies = [\"10.0.0.0/33\"]", "10.0.0.0/8"),
            ("witnesses = [\"https://w.example\"]", "NAME=URL"),
            ("witnesses = [\"w=ftp://w.example\"]", "NAME=URL"),
            ("mail_server = \"smtp://a:b@mail.example.org\"", "no password here"),
            ("log_format = \"xml\"", "expected `text` or `json`"),
            ("data = 7", "line 1"),
            ("[", "TOML"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("configuration file /"), "{text}: {error}");
        }
        assert!(read("tls_key = \"k\"").unwrap().tls().unwrap_err().to_string().contains("belong together"));
        assert!(read("mail_from = \"a@b.org\"").unwrap().mail().unwrap_err().to_string().contains("belong together"));
        assert!(read("").unwrap().data().unwrap_err().to_string().contains("VERITALLY_BOARD_DATA"));
        assert!(Settings::read(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn variables_that_are_no_settings_are_refused() {
        let check = |name: &str| Settings::check_environment([name.to_owned()]);
        check("VERITALLY_BOARD_LISTEN").unwrap();
        check("VERITALLY_BOARD_CONFIG").unwrap();
        check("VERITALLY_OTHER").unwrap();
        assert!(check("VERITALLY_BOARD_LISTN").unwrap_err().to_string().contains("VERITALLY_BOARD_LISTN"));
    }

    #[test]
    fn the_first_source_that_says_something_counts() {
        let first = Settings { name: Some("first".into()), ..Settings::default() };
        let second = read("name = \"second\"\nmax_connections = 3").unwrap();
        let both = first.or(second);
        assert_eq!((both.name.as_deref(), both.max_connections), (Some("first"), NonZeroUsize::new(3)));
    }

    #[test]
    fn the_databases_password_is_never_shown() {
        let line = "store = \"postgres://board:s3cr3t@127.0.0.1/veritally?sslmode=disable\"";
        let settings = read(line).unwrap();
        settings.storage().unwrap();
        let shown = format!("{settings:?} {}", toml::to_string(&settings).unwrap());
        assert!(shown.contains("board:***@") && !shown.contains("s3cr3t"), "{shown}");
        for wrong in [format!("{line}x"), format!("{line}\n{line}"), line.trim_end_matches('"').to_owned()] {
            let error = read(&wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
        let error = read("store = \"postgre://board:s3cr3t@db/v\"").unwrap().storage().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
}
