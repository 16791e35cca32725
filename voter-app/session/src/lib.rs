//! A voter's session without widgets: open an election, fill in, encrypt, cast or spoil, check.
//!
//! The desktop application puts pages on top of this package, `veritally-voter` a command line; both decide nothing. It
//! must never depend on GTK, nor on the server.
//!
//! Where to start reading:
//!
//! - [`election`]: downloads the log, replays it, and so takes keys from a checked ceremony and never from a server's
//!   word.
//! - [`session`]: the states of a session, as types that consume themselves.
//! - [`flow`]: a pure model of the pages that a voter goes through.
//! - [`runner`]: does what the model asks for, off the caller's thread.
//! - [`overview`]: a pure model of "my elections"; [`watch`]: checks receipts and log again, follows turnout, verifies results.
//! - [`secrets`]: where a code is kept, if the voter asks for it.
//! - [`store`]: what stays on the voter's device: encrypted ballots before they are sent, receipts, checkpoints.
//! - [`second`]: checks another device's test ballot.
//! - [`receipts`]: checks stored receipts again.
//! - [`marks`]: answers as people type them.
//! - [`ballot_files`] and [`bulk`]: many ballots from a file, for demonstrations and load.
//!
//! What the device may know it knows: the selections. Spoiling tests that it encrypts what it shows; the board and
//! everybody else see ciphertexts only.

pub mod ballot_files;
pub mod board;
pub mod bulk;
pub mod credentials;
pub mod election;
pub mod error;
mod evidence;
pub mod flow;
pub mod marks;
pub mod overview;
#[cfg(feature = "practice")]
pub mod practice;
pub mod receipts;
pub mod runner;
pub mod second;
pub mod secrets;
pub mod session;
pub mod store;
pub mod watch;

pub use election::{Depth, Election, OpenRequest, View};
pub use error::SessionError;
pub use store::StateDirectory;
