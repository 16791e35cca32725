//! Joint decryption: trustees' shares of tally cells, their proofs, and what any k of them come to; specs/protocol.md
//! sections 5 ("Share proof") and 8.
//!
//! - [`ShareStatement`] and [`crate::leaves::ShareProof`]: one proof that many shares D_{r,g} = x_r·P_g are right.
//! - [`ContestDecryption`] says what of a contest is decrypted; [`decrypt_contest`] and [`verify_contest_shares`] are
//!   the two sides. Only the second makes [`VerifiedContestShares`], which is all that [`combine`] takes.
//! - [`message_points`] takes the combined shares off the data; [`crate::discrete_log`] reads the counts.
//!
//! ```
//! use veritally_crypto::decryption::{combine, decrypt_contest, verify_contest_shares};
//! use veritally_crypto::sample::{SampleElection, SampleError, choose};
//!
//! # fn main() -> Result<(), SampleError> {
//! let rng = &mut rand::rng();
//! let mut election = SampleElection::open_with(10, rng)?;
//! for voter in 0..10 {
//!     election.cast(voter, &choose("chair", &["a"], false)?, rng)?;
//! }
//! election.close()?;
//!
//! // Two of three trustees make shares of the only cell; everybody checks them.
//! let state = &election.state;
//! let keys = state.ceremony().keys().ok_or("the ceremony is not complete")?;
//! let cells = state.decryptable().next().ok_or("nothing to decrypt")?;
//! let mut verified = vec![];
//! for trustee in 0..2 {
//!     let secrets = election.dealer(trustee)?.open_shares(state.ceremony())?;
//!     let shares = state.with_decryption(cells, |what| {
//!         let shares = decrypt_contest(what, &secrets, rng)?;
//!         verify_contest_shares(what, &keys, secrets.trustee(), &shares)
//!     });
//!     verified.push(shares.ok_or("not closed")??);
//! }
//! let combined = combine(&verified.iter().collect::<Vec<_>>(), 2)?;
//! assert_eq!(combined.len(), 1); // cells, and in each a point a row
//! # Ok(())
//! # }
//! ```
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
