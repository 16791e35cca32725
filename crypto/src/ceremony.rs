//! The key ceremony: how n trustees make the election keys so that any k of them can decrypt; specs/protocol.md section 5.
//!
//! It is distributed key generation with Feldman's commitments (Feldman 1987; Pedersen 1991), one polynomial for each
//! key, run over the public log in five phases: *Commit*, *Reveal*, *Shares*, *Confirm*, *Rehearsal*. The first keeps
//! the last speaker from choosing the joint key (Gennaro, Jarecki, Krawczyk, Rabin 1999); the last shows, before anybody
//! votes, that every trustee can decrypt.
//!
//! - [`Ceremony`] is the public side. Board, trustees and verifiers replay the same entries through it and refuse the
//!   same ones. It ends in [`ElectionKeys`].
//! - [`Dealer`] is one trustee's private side up to its shares; [`Dealer::open_shares`] opens and checks what the others
//!   dealt and gives [`TrusteeShares`], without which nothing can be confirmed, rehearsed or decrypted.
//!
//! Who was dealt a wrong share complains ([`Dealer::complain`]); everybody then opens that one package and sees who
//! cheated, dealer or complainer ([`JudgedComplaint`]). The attempt has failed, and [`Ceremony::restarted`] begins the
//! next, with dealers with fresh seeds.
//!
//! ```
//! use veritally_crypto::ceremony::CeremonyPhase;
//! use veritally_crypto::sample::{SampleElection, SampleError};
//!
//! # fn main() -> Result<(), SampleError> {
//! let rng = &mut rand::rng();
//! // Three trustees, two decrypt; their commits, reveals and shares are in the log.
//! let mut election = SampleElection::start((2, 3), |_| {}, rng)?;
//! election.ceremony_until(CeremonyPhase::Confirm, rng)?;
//!
//! // What the first one does now: it opens and checks what the others dealt to it, and confirms that.
//! let dealer = election.dealer(0)?;
//! let ceremony = election.state.ceremony();
//! let confirm = dealer.open_shares(ceremony)?.confirm(ceremony)?;
//! assert_eq!(Some(confirm.ceremony), ceremony.hash());
//! # Ok(())
//! # }
//! ```
//!
//! What this does not do: check signatures on entries, decide to restart (the caller, [`crate::record`], does), store
//! anything.

#[cfg(any(test, feature = "sample"))]
mod cheats;
mod dealer;
mod error;
mod keys;
mod messages;
mod parameters;
mod possession;
mod shares;
mod state;
#[cfg(test)]
pub(crate) mod tests;

pub use dealer::Dealer;
pub use error::{CeremonyError, CeremonyPhase};
pub use keys::ElectionKeys;
pub use parameters::CeremonyParameters;
pub use possession::{PossessionError, enrolment_fingerprint, enrolment_words, prove_possession, verify_possession};
pub use shares::TrusteeShares;
pub use state::{Ceremony, ComplaintVerdict, JudgedComplaint};
