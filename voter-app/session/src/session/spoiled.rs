//! Checking a spoiled ballot, on another device than the one that made it.

use veritally_crypto::ballot::{BallotOpening, ConfirmationCode, OpeningError};
use veritally_crypto::hash::Hash;

use crate::election::Election;

/// Why a spoiled ballot does not prove what the voter was told.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoiledError {
    /// The opening does not hold.
    #[error("{0}. Don't cast ballots with that device; tell the election's office")]
    Opening(#[from] OpeningError),
    /// It opens another ballot than the one whose code was shown.
    #[error("the opening gives confirmation code {found} ({}), the code noted before spoiling was {noted}: the device opened another ballot than the one it had encrypted. Don't cast ballots with it; tell the election's office", found.0)]
    OtherCode {
        /// Noted before choosing Spoil.
        noted: Hash,
        /// Of the opened ballot.
        found: ConfirmationCode,
    },
}

/// Recomputes a spoiled ballot from its selections and seed, and compares its code with the one that was noted, if
/// given.
///
/// ⚠ The comparison needs all 256 bits: a device that may choose both ballots finds two with the same 100 bits.
///
/// # Errors
/// [`SpoiledError`].
pub fn check_spoiled(
    election: &Election,
    opening: &BallotOpening,
    noted: Option<&Hash>,
) -> Result<ConfirmationCode, SpoiledError> {
    let found = opening.verify(election.context())?;
    match noted {
        Some(noted) if *noted != found.0 => Err(SpoiledError::OtherCode { noted: *noted, found }),
        _ => Ok(found),
    }
}
