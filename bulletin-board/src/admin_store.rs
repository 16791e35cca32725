//! What the dashboard keeps: accounts, sessions, activity, and documents such as drafts and voter lists. Its own database,
//! never the log's tables: losing it loses no election, and nothing in it decides what a log says.
//!
//! The trait is as small as the dashboard needs and knows no policy: who may do what is decided in `web::admin`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;

#[cfg(test)]
mod contract;
pub mod postgres;
pub mod sqlite;

/// Sessions that were not used for this time are swept away when a new one begins, in milliseconds.
const SESSION_SWEEP_MS: u64 = 24 * 3_600 * 1_000;

/// Why an admin store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminStoreError {
    /// There is one of this name already.
    #[error("{0:?} is taken")]
    Exists(String),
    /// A file that a newer program wrote, or that is damaged.
    #[error("the dashboard's database is damaged: {0}")]
    Damaged(String),
    /// The database failed.
    #[error("the dashboard's database failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What an account may do; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at everything but voter lists.
    Observer,
    /// Prepares and runs elections.
    Manager,
    /// Invites and disables accounts.
    Owner,
}

impl Role {
    /// From the least to the most.
    pub const ALL: [Self; 3] = [Self::Observer, Self::Manager, Self::Owner];

    /// Its name in forms and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// By name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Somebody who signs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What they sign in as.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Salt and hash of the password (`web::admin::password`).
    pub password: String,
    /// Secret of the second factor.
    pub totp_secret: Vec<u8>,
    /// May not sign in any more.
    pub disabled: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({}, {:?})", self.name, self.role)
    }
}

/// Somebody who is signed in. The browser's token is not kept, only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the token in the cookie.
    pub token: Hash,
    /// Whose.
    pub account: String,
    /// Sent back with each form.
    pub csrf: String,
    /// When it began.
    pub created_ms: u64,
    /// When it was used last.
    pub seen_ms: u64,
}

/// A line of the activity log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Position; 0 until it is stored.
    pub number: u64,
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Who; empty for nobody who is known.
    pub account: String,
    /// What, by a short name.
    pub action: String,
    /// In which election or draft; may be empty.
    pub election: String,
    /// More about it; never a secret.
    pub detail: String,
    /// From where.
    pub address: String,
}

/// Kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An election that is being prepared (key: its draft's number).
    Draft,
    /// A one-time invitation of an account (key: hash of its token).
    Invitation,
    /// A trustee's invitation (key: hash of its token).
    Trustee,
    /// A list of voters (key: election).
    VoterList,
    /// What pages say of a list of voters (key: election).
    ListSummary,
    /// An election that was put away (key: election).
    Archived,
    /// An election whose voters confirm by mail (key: election).
    ByMail,
    /// How far a voter's confirmation is (key: election/voter).
    Confirmation,
    /// A credential whose ballots are admitted (key: election/credential).
    Confirmed,
    /// Somebody's verification report (key: election).
    Report,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Invitation => "invitation",
            Self::Trustee => "trustee",
            Self::VoterList => "voter-list",
            Self::ListSummary => "list-summary",
            Self::Archived => "archived",
            Self::ByMail => "by-mail",
            Self::Confirmation => "confirmation",
            Self::Confirmed => "confirmed",
            Self::Report => "report",
        }
    }
}

/// A store of the dashboard's own things.
#[async_trait]
pub trait AdminStore: Send + Sync + 'static {
    /// All accounts, by name.
    async fn accounts(&self) -> Result<Vec<Account>, AdminStoreError>;

    /// One account.
    async fn account(&self, name: &str) -> Result<Option<Account>, AdminStoreError>;

    /// A new account.
    ///
    /// # Errors
    /// [`AdminStoreError::Exists`].
    async fn add_account(&self, account: Account) -> Result<(), AdminStoreError>;

    /// Lets an account sign in, or not any more; ends its sessions.
    async fn set_disabled(&self, name: &str, disabled: bool) -> Result<(), AdminStoreError>;

    /// Gives an account another password and second factor, lets it sign in, and ends its sessions.
    async fn renew_account(&self, name: &str, password: &str, totp_secret: Vec<u8>) -> Result<(), AdminStoreError>;

    /// Uses a step of an account's second factor: true the first time, false for this and all earlier steps after that.
    async fn use_totp_step(&self, name: &str, step: u64) -> Result<bool, AdminStoreError>;

    /// A new session.
    async fn add_session(&self, session: Session) -> Result<(), AdminStoreError>;

    /// A session, if there is one; `seen_ms` becomes the time of its last use if it is later. 0 only looks.
    async fn session(&self, token: &Hash, seen_ms: u64) -> Result<Option<Session>, AdminStoreError>;

    /// Ends a session.
    async fn end_session(&self, token: &Hash) -> Result<(), AdminStoreError>;

    /// Adds a line to the activity log.
    async fn note(&self, activity: Activity) -> Result<(), AdminStoreError>;

    /// The newest lines before a number, of one election if given, at most `most`.
    async fn activity(&self, before: u64, election: Option<&str>, most: u64) -> Result<Vec<Activity>, AdminStoreError>;

    /// Keeps a document, in place of an older one.
    async fn put(&self, kind: Kind, key: &str, bytes: Vec<u8>, time_ms: u64) -> Result<(), AdminStoreError>;

    /// A document.
    async fn find(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError>;

    /// All documents of a kind, newest first.
    async fn list(&self, kind: Kind) -> Result<Vec<(String, Vec<u8>)>, AdminStoreError>;

    /// Takes a document away and returns it: once, however many ask.
    async fn take(&self, kind: Kind, key: &str) -> Result<Option<Vec<u8>>, AdminStoreError>;

    /// Puts a document in the place of the one that is expected there (`None`: none), at once: false, and nothing done,
    /// when something else is there.
    async fn exchange(
        &self,
        kind: Kind,
        key: &str,
        expected: Option<&[u8]>,
        bytes: Vec<u8>,
        time_ms: u64,
    ) -> Result<bool, AdminStoreError>;

    /// How many documents of a kind have keys that begin so.
    async fn count(&self, kind: Kind, prefix: &str) -> Result<u64, AdminStoreError>;

    /// Takes all documents of a kind away whose keys begin so.
    async fn clear(&self, kind: Kind, prefix: &str) -> Result<(), AdminStoreError>;
}
