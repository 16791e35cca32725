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
//! - [`flow`]: a pure model of the pages that a voter goes through; its runner does what it asks for.
//! - [`store`]: what stays on the voter's device: encrypted ballots before they are sent, receipts, checkpoints.
//! - [`receipts`]: checks stored receipts again.
//! - [`marks`]: answers as people type them.
//! - [`ballot_files`] and [`bulk`]: many ballots from a file, for demonstrations and load.
//!
//! What the device may know it knows: the selections. Spoiling tests that it encrypts what it shows; the board and
//! everybody else see ciphertexts only.

pub mod ballot_files;
pub mod bulk;
pub mod credentials;
pub mod election;
pub mod error;
pub mod flow;
pub mod marks;
pub mod receipts;
pub mod session;
pub mod store;

pub use election::{Depth, Election, OpenRequest, View};
pub use error::SessionError;
pub use store::StateDirectory;
