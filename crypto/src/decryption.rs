//! Joint decryption: trustees' shares of tally cells, their proofs, and what any k of them come to; specs/protocol.md
//! sections 5 ("Share proof") and 8.
//!
//! - [`ShareStatement`] and [`crate::leaves::ShareProof`]: one proof that many shares D_{r,g} = x_r·P_g are right.
//! - [`ContestDecryption`] says what of a contest is decrypted; [`decrypt_contest`] and [`verify_contest_shares`] are
//!   the two sides. Only the second makes [`VerifiedContestShares`], which is all that [`combine`] takes.
//! - [`message_points`] takes the combined shares off the data; [`crate::discrete_log`] reads the counts.
//!
//! Whether shares may be made at all (agreements, the closing head) is decided elsewhere; this module computes.

mod combine;
mod contest;
mod error;
mod proof;
#[cfg(test)]
mod tests;

pub use combine::{combine, message_points};
pub use contest::{ContestDecryption, VerifiedContestShares, decrypt_contest, verify_contest_shares};
pub use error::DecryptionError;
pub(crate) use proof::share_points;
pub use proof::{ShareProofError, ShareStatement};
