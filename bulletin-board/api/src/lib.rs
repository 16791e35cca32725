//! What the bulletin board and everybody who talks to it share: paths, the types of every HTTP answer, links, a client.
//!
//! Voters, trustees, registrars, verifiers and the server itself depend on this package; it depends on `veritally-crypto`
//! only and must never know how a board stores or serves anything.
//!
//! Where to start reading:
//!
//! - [`paths`] and [`answers`]: what a board serves.
//! - [`problem`]: how it says no (RFC 9457).
//! - [`link`]: `veritally://HOST/ELECTION?fp=HEX`, what is printed on letters.
//! - [`client`]: [`client::Client`] and [`client::ElectionClient`].
//! - [`voters`]: reading the registrar's list of voters, for registrar and dashboard.
//! - [`html`]: text for pages without a template.
//! - [`files`] and [`key_file`]: what all programs do with files: atomic writes, secrets, `--ready-file`.
//! - [`manual`]: their man pages and shell completions.

pub mod answers;
pub mod client;
pub mod files;
pub mod html;
pub mod key_file;
pub mod link;
pub mod manual;
pub mod paths;
pub mod problem;
pub mod voters;

pub use answers::{BoardInfo, ElectionSummary, Status, Tally};
pub use client::{Client, ClientError, ElectionClient, Submitted};
pub use link::Link;
pub use problem::{Problem, ProblemKind};
