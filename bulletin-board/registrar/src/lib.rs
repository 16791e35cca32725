//! The registrar (credential authority): decides who may vote, offline.
//!
//! From a list of voters it makes a *code* for each, which goes to the voter on a letter, and the *roll*, which goes to
//! the log: the credentials that the codes stand for, with ballot style, reporting group and weight, sorted so that
//! they say nothing about the list's order. specs/protocol.md sections 4.1 and 6.
//!
//! Codes are issued on a machine without a network. This package knows no server and no database and must never depend on
//! them; of `veritally-board-api` it uses the helpers for files, keys and voter lists only.
//!
//! Where to start reading:
//!
//! - [`voters`]: reads the list of voters, and names everything that is wrong with it.
//! - [`issue`]: voters to codes and roll.
//! - [`codes`]: the file of codes, the one secret that comes out of this; [`credentials`] reads it again.
//! - [`reissue`]: another code for who has lost one.
//! - [`letters`] and [`mail`]: how codes reach voters; [`bounces`]: which came back. Sending mail is the one thing that needs a network: carry the file of
//!   codes to a machine that has one, or print letters.
//!
//! Whoever keeps the codes could vote for those who abstain. That is why participation is public by credential, and why
//! the file of codes is to be destroyed once the letters are printed.

pub mod bounces;
pub mod codes;
pub mod credentials;
pub mod issue;
pub mod letters;
pub mod mail;
pub mod reissue;
/// Reads the list of voters, and names everything that is wrong with it; the board's dashboard reads it alike.
pub use veritally_board_api::voters;
