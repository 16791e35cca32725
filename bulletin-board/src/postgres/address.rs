//! Where a database is: `postgres://USER@HOST[,HOST…]/DATABASE?sslmode=verify-full&sslrootcert=FILE`.
//!
//! TLS is what it is unless every server is this machine: the server's certificate must be of the given authority and name
//! the host. No other `sslmode` of libpq is offered, since none of them keeps somebody in the middle out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::form_urlencoded;
use veritally_board_api::files;

use super::connect::Connector;

/// How long one server may take to accept a connection, before the next host of the address is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long sent bytes may stay unacknowledged before the connection counts as broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is quiet before the system asks whether the other side still lives.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// What each connection asks of the server, in milliseconds: bounds for a statement, for a lock, for an idle transaction,
/// and how often it looks whether we are still there. A process that is frozen within a transaction holds the lock of an
/// election's row: the transaction ends before its lease, and before others give up waiting for the lock.
const SESSION: &str = "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=4000 \
                       -c client_connection_check_interval=2000 -c default_transaction_isolation=read\\ committed";
/// In `pg_stat_activity`.
const APPLICATION: &str = "veritally-board";

/// Why an address can't be used. Never holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not an address of PostgreSQL.
    #[error("the database's address {0}; write postgres://USER@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE")]
    Malformed(String),
    /// TLS without an authority.
    #[error(
        "the database's address names no certificate authority: add sslrootcert=FILE, or sslmode=disable for a server \
         on this machine"
    )]
    NoAuthority,
    /// No TLS to another machine.
    #[error(
        "sslmode=disable is for a server on this machine, not for {0}: use sslmode=verify-full and sslrootcert=FILE"
    )]
    Unprotected(String),
    /// The authority's file.
    #[error("sslrootcert {}: {reason}; expected certificates in PEM format", path.display())]
    Authority {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The password's file.
    #[error("the database's password: {0}")]
    Password(#[from] files::FileError),
}

/// An address as it was given; its password is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct PostgresAddress {
    text: String,
    password_file: Option<PathBuf>,
}

/// A text with the passwords of all PostgreSQL addresses in it replaced: for messages that quote what somebody wrote.
#[must_use]
pub fn without_passwords(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(redact_line).collect();
    lines.join("\n")
}

fn redact_line(line: &str) -> String {
    let schemes = ["postgres://", "postgresql://"];
    let Some(start) = schemes.iter().filter_map(|scheme| Some(line.find(scheme)? + scheme.len())).min() else {
        return line.to_owned();
    };
    let (before, address) = line.split_at(start);
    // A password may hold anything, an @ too: what lies before the last one is not shown.
    let address = match address.rsplit_once('@') {
        Some((credentials, rest)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{rest}"),
            None => address.to_owned(),
        },
        None => address.to_owned(),
    };
    let parameter = |part: &str| match part.rsplit_once("password=") {
        Some((before, _)) => format!("{before}password=***"),
        None => part.to_owned(),
    };
    let parts: Vec<_> = address.split('&').map(parameter).collect();
    format!("{before}{}", parts.join("&"))
}

impl From<String> for PostgresAddress {
    fn from(text: String) -> Self {
        Self { text, password_file: None }
    }
}

/// Never fails: what is wrong is said by [`PostgresAddress::check`], whose errors do not quote the address.
impl FromStr for PostgresAddress {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_passwords(&self.text))
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

impl From<PostgresAddress> for String {
    fn from(address: PostgresAddress) -> Self {
        address.to_string()
    }
}

impl PostgresAddress {
    /// Whether this begins as addresses of PostgreSQL do.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// With the password from a file that only its owner can read.
    #[must_use]
    pub fn with_password_file(self, password_file: Option<PathBuf>) -> Self {
        Self { password_file, ..self }
    }

    /// That a connection could be tried.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn check(&self) -> Result<(), AddressError> {
        self.connector().map(|_| ())
    }

    pub(super) fn connector(&self) -> Result<(Config, Connector), AddressError> {
        let malformed = |what: &str| AddressError::Malformed(what.to_owned());
        if !Self::is_one(&self.text) {
            return Err(malformed("does not begin with postgres://"));
        }
        let (address, parameters) = self.text.split_once('?').unwrap_or((&self.text, ""));
        if self.text.matches('@').count() > 1 {
            return Err(malformed("has more than one @: write %40 for those in the password"));
        }
        let (mut sslmode, mut authority, mut others) = (None, None, form_urlencoded::Serializer::new(String::new()));
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            match name.as_ref() {
                "sslmode" => sslmode = Some(value.into_owned()),
                "sslrootcert" => authority = Some(PathBuf::from(value.as_ref())),
                _ => {
                    others.append_pair(&name, &value);
                }
            }
        }
        // The client's parser knows %20 but no plus sign.
        let others = others.finish().replace('+', "%20");
        let config = format!("{address}?{others}").parse::<Config>();
        let mut config = config.map_err(|e| malformed(&format!("can't be read ({})", super::describe(&e))))?;
        if config.get_hosts().is_empty() {
            return Err(malformed("names no host"));
        }
        if let Some(file) = &self.password_file {
            let password = files::read_secret(file)?;
            config.password(password.trim_ascii_end());
        }
        let options = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
        config
            .options(format!("{options}{SESSION}"))
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(KEEPALIVE_IDLE)
            // Of several servers the one that is not a standby.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION);
        }
        let tls = tls(&config, sslmode.as_deref(), authority.as_deref())?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok((config, Connector(tls)))
    }
}

fn tls(
    config: &Config,
    sslmode: Option<&str>,
    authority: Option<&Path>,
) -> Result<Option<MakeRustlsConnect>, AddressError> {
    let socket = |host: &Host| matches!(host, Host::Unix(_));
    match sslmode {
        // A socket in the file system needs none.
        None if config.get_hosts().iter().all(socket) => Ok(None),
        None | Some("verify-full") => {
            let authority = authority.ok_or(AddressError::NoAuthority)?;
            Ok(Some(MakeRustlsConnect::new(client_config(authority)?)))
        }
        Some("disable") => match config.get_hosts().iter().find_map(elsewhere) {
            Some(host) => Err(AddressError::Unprotected(host)),
            None => Ok(None),
        },
        Some(_) => Err(AddressError::Malformed("has an sslmode that is neither verify-full nor disable".to_owned())),
    }
}

/// A host that is not this machine.
fn elsewhere(host: &Host) -> Option<String> {
    match host {
        Host::Unix(_) => None,
        Host::Tcp(name) if name == "localhost" => None,
        Host::Tcp(name) if name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) => None,
        Host::Tcp(name) => Some(name.clone()),
    }
}

fn client_config(authority: &Path) -> Result<ClientConfig, AddressError> {
    let error = |reason: String| AddressError::Authority { path: authority.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(authority).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = certificates.map_err(|e| error(e.to_string()))?;
    if certificates.is_empty() {
        return Err(error("it holds none".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|e| error(e.to_string()))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| error(e.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    const SECRET: &str = "s3cr3t";

    fn refused(text: &str) -> String {
        PostgresAddress::from(text.to_owned()).check().unwrap_err().to_string()
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://board:s3cr3t@db.example/veritally?sslmode=verify-full&sslrootcert=/ca.pem",
            "postgres://board:s3cr3t@s3cr3t@db.example/veritally",
            "postgres://board:s3cr3t/s3cr3t?s3cr3t@db.example/veritally",
            "postgresql://board@db.example/veritally?password=s3cr3t",
            "postgresql://board@db.example/veritally?sslmode=disable&password=s3cr3t&port=5432",
            "postgres://board:s3cr3t@db.example:s3cr3t@/x?sslmode=s3cr3t@",
        ] {
            let address = PostgresAddress::from(text.to_owned());
            let shown = [
                format!("{address} {address:?}"),
                String::from(address.clone()),
                without_passwords(&format!("line 1\n  store = \"{text}\" and more")),
                refused(text),
                format!("{:?}", address.check().unwrap_err()),
            ];
            assert!(shown.iter().all(|shown| !shown.contains(SECRET)), "{text}: {shown:#?}");
        }
        let address = PostgresAddress::from("postgres://board:s3cr3t@localhost/v?sslmode=disable".to_owned());
        let (config, _) = address.connector().unwrap();
        assert_eq!(config.get_password(), Some(SECRET.as_bytes()));
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for host in ["localhost", "127.0.0.1", "[::1]", "localhost:1,127.0.0.1:2", "%2Frun%2Fpostgresql"] {
            let address = PostgresAddress::from(format!("postgres://board@{host}/veritally?sslmode=disable"));
            address.check().unwrap();
        }
        PostgresAddress::from("postgres://board@%2Frun%2Fpostgresql/veritally".to_owned()).check().unwrap();
        assert!(refused("postgres://board@db.example/v?sslmode=disable").contains("not for db.example"));
        assert!(refused("postgres://board@localhost,10.0.0.1/v?sslmode=disable").contains("not for 10.0.0.1"));
        assert!(refused("postgres://board@127.0.0.1/v").contains("sslrootcert=FILE"));
        for weaker in ["prefer", "require", "verify-ca", "allow"] {
            let text = format!("postgres://board@db.example/v?sslmode={weaker}&sslrootcert=/ca.pem");
            assert!(refused(&text).contains("neither verify-full nor disable"));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, expected) in [
            ("mysql://board@db/v", "does not begin with postgres://"),
            ("postgres:///v?sslmode=disable", "names no host"),
            ("postgres://board@db:x/v", "invalid value for option `port`"),
            ("postgres://board@db/v?colour=red", "unknown option `colour`"),
            ("postgres://board@db/v?sslrootcert=/nowhere.pem", "/nowhere.pem"),
            ("postgres://board@db/v?sslrootcert=/dev/null", "it holds none"),
        ] {
            let error = refused(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_password_comes_from_a_file_that_only_its_owner_reads() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        std::fs::write(&file, "s3cr3t\n").unwrap();
        let address = PostgresAddress::from("postgres://board@localhost/v?sslmode=disable".to_owned());
        let address = address.with_password_file(Some(file.clone()));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(address.check().is_err(), "others can read it");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(address.connector().unwrap().0.get_password(), Some(SECRET.as_bytes()));
    }
}
