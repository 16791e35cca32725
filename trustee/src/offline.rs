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
use crate::evidence::Keeper;
use crate::journal::Journal;
use crate::key_store::KeyStore;
use crate::status::names;
use crate::{Say, now_ms, replica};

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

/// How a folder is answered.
pub struct Offline<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The election that it must hold.
    pub fingerprint: Hash,
    /// Where evidence is kept, should the record show that the board cheated.
    pub evidence: &'a Path,
    /// Whether a closing before the announced end of voting is accepted.
    pub accept_early_closing: bool,
    /// Shown what is agreed to; true agrees.
    pub ask: &'a dyn Fn(&Question<'_>) -> bool,
    /// Told where evidence is.
    pub say: Say<'a>,
}

impl Offline<'_> {
    /// A trustee's next words on the record.
    ///
    /// # Errors
    /// [`OfflineStop`].
    pub fn step(
        &self,
        store: &mut KeyStore,
        journal: &mut Journal,
        progress: &dyn Progress,
        rng: &mut impl CryptoRng,
    ) -> Result<Said, OfflineStop> {
        let VerifiedCopy { report, state, uncosigned } = self.verify(journal, progress)?;
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
        let left = duty::window_ends(&state, journal, self.accept_early_closing)?.saturating_sub(now_ms());
        if left > 0 {
            return Err(DutyStop::DisputeWindow(left.div_ceil(1_000)).into());
        }
        let question = Question { report: &report, head, state: &state, restored_from: journal.restored_from() };
        if let Some(entry) = duty::agreement(store, journal, trustee, &question, self.ask)? {
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

    /// The folder verified as a whole; evidence is kept of what is wrong with it.
    fn verify(&self, journal: &mut Journal, progress: &dyn Progress) -> Result<VerifiedCopy, DutyStop> {
        let folder = Folder::new(self.folder);
        let verified = copy::verify_and_note(&folder, Some(self.fingerprint), journal, progress);
        let Some(manifest) = copy::manifest_of(&folder, Some(self.fingerprint)) else { return verified };
        let keeper = Keeper { folder: self.evidence, say: self.say };
        match &verified {
            Err(DutyStop::NotAnExtension { .. }) => keeper.compare_copy(&folder, &manifest, journal),
            Err(DutyStop::Fails { report, .. }) => keeper.bad_entry(&folder, &manifest, report),
            _ => {}
        }
        verified
    }
}
