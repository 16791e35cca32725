//! A trustee's machine without a network: a folder in, a file of entries out.
//!
//! Somebody else's machine exports the record (`veritally-trustee export` or `veritally-board export`) and posts the
//! entries (`veritally-trustee post` or `veritally-board post`). The folder is verified as a whole before anything is
//! said, as on a board; the journal is the same one.

use std::path::Path;

use rand::CryptoRng;
use veritally_crypto::hash::Hash;
use veritally_crypto::record::Phase;
use veritally_verifier::Progress;
use veritally_verifier::source::Folder;

use crate::ceremony::{self, CeremonyStop, Next};
use crate::copy::{self, VerifiedCopy};
use crate::duty::{self, DutyStop, Question};
use crate::journal::Journal;
use crate::key_store::KeyStore;
use crate::status::names;
use crate::{now_ms, replica};

/// Why there is nothing to carry back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineStop {
    /// In the ceremony.
    #[error(transparent)]
    Ceremony(Box<CeremonyStop>),
    /// After it.
    #[error(transparent)]
    Duty(Box<DutyStop>),
    /// Whose folder this is.
    #[error(transparent)]
    Replica(#[from] replica::ReplicaError),
    /// Nothing is to be said now.
    #[error("nothing to say now: {0}; export the record again later")]
    Wait(String),
}

impl From<CeremonyStop> for OfflineStop {
    fn from(stop: CeremonyStop) -> Self {
        Self::Ceremony(stop.into())
    }
}

impl From<DutyStop> for OfflineStop {
    fn from(stop: DutyStop) -> Self {
        Self::Duty(stop.into())
    }
}

/// What is carried back.
#[derive(Debug)]
pub struct Said {
    /// For people.
    pub what: &'static str,
    /// One line each in the file.
    pub entries: Vec<Vec<u8>>,
}

/// A trustee's next words on the record in a folder.
///
/// # Errors
/// [`OfflineStop`].
pub fn step(
    folder: &Path,
    fingerprint: Option<Hash>,
    accept_early: bool,
    (store, journal): (&mut KeyStore, &mut Journal),
    ask: &dyn Fn(&Question<'_>) -> bool,
    progress: &dyn Progress,
    rng: &mut impl CryptoRng,
) -> Result<Said, OfflineStop> {
    let copy = copy::verify_and_note(&Folder::new(folder), fingerprint, journal, progress)?;
    let VerifiedCopy { report, state, uncosigned } = copy;
    let trustee = replica::trustee_of(&state, store.identity().verification_key())?;
    if state.phase() == Phase::Setup {
        return match ceremony::next(&state, store, trustee, rng)? {
            Next::Post { what, entries } => Ok(Said { what, entries }),
            Next::Wait { phase, missing } => {
                Err(OfflineStop::Wait(format!("{} is awaited in the {phase} phase", names(&missing))))
            }
            Next::Failed { named } => Err(OfflineStop::Wait(format!("{named}; an administrator must restart"))),
            Next::Done => Err(OfflineStop::Wait("the key ceremony is complete".into())),
        };
    }
    let head = duty::closing_head(&state, trustee)?;
    if let Some(uncosigned) = uncosigned {
        return Err(DutyStop::NotCosigned(uncosigned).into());
    }
    let left = duty::window_ends(&state, journal, accept_early)?.saturating_sub(now_ms());
    if left > 0 {
        return Err(DutyStop::DisputeWindow(left.div_ceil(1_000)).into());
    }
    let question = Question { report: &report, head, state: &state, restored_from: journal.restored_from() };
    if let Some(entry) = duty::agreement(store, journal, trustee, &question, ask)? {
        return Ok(Said { what: "agreement", entries: vec![entry] });
    }
    if state.may_release_shares().is_none() {
        let missing = names(&crate::status::not_agreed(&state));
        return Err(OfflineStop::Wait(format!("too few have agreed; {missing} have not")));
    }
    let entries = duty::shares(&state, store, journal, trustee, rng)?;
    if entries.is_empty() {
        return Err(OfflineStop::Wait("this trustee's duty is done".into()));
    }
    Ok(Said { what: "decryption shares", entries })
}
