//! The public side of a ceremony: which messages are admissible, and what they come to.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ceremony::keys::JointCommitments;
use crate::ceremony::messages::{ceremony_hash, commits_hash, rehearsal_pad, rehearsal_transcript};
use crate::ceremony::{CeremonyError, CeremonyParameters, CeremonyPhase, ElectionKeys};
use crate::decryption::ShareStatement;
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{Commit, Confirm, Rehearsal, Reveal, SharePackage, Shares};

mod checks;
mod complaints;

pub use complaints::{ComplaintVerdict, JudgedComplaint};

/// One attempt at the ceremony, as far as it has come. Everything in it is public; a refused message changes nothing.
///
/// `message_hash` arguments are SHA-256 of the whole message's bytes, signature included, whether it came in parts or
/// not. Signatures are the caller's to check.
#[derive(Debug, Clone)]
pub struct Ceremony {
    parameters: CeremonyParameters,
    /// By trustee.
    posted: Vec<Posted>,
    used_ephemerals: BTreeSet<EncodedPoint>,
    /// Once all have revealed.
    joint: Option<JointCommitments>,
    /// Once all have dealt; handed out when all have rehearsed.
    keys: Option<Arc<ElectionKeys>>,
    /// In the order in which they came.
    complaints: Vec<JudgedComplaint>,
}

/// What one trustee has posted.
#[derive(Debug, Clone, Default)]
struct Posted {
    commit: Option<Committed>,
    reveal: Option<Revealed>,
    shares: Option<Dealt>,
    confirmed: bool,
    rehearsed: bool,
}

#[derive(Debug, Clone)]
struct Committed {
    hash: Hash,
    message: Hash,
}

#[derive(Debug, Clone)]
struct Revealed {
    /// C_{l,r,m}, row by row.
    commitments: Arc<Vec<RistrettoPoint>>,
    message: Hash,
}

#[derive(Debug, Clone)]
struct Dealt {
    packages: Arc<Vec<SharePackage>>,
    message: Hash,
}

impl Posted {
    fn has(&self, phase: CeremonyPhase) -> bool {
        match phase {
            CeremonyPhase::Commit => self.commit.is_some(),
            CeremonyPhase::Reveal => self.reveal.is_some(),
            CeremonyPhase::Shares => self.shares.is_some(),
            CeremonyPhase::Confirm => self.confirmed,
            CeremonyPhase::Rehearsal => self.rehearsed,
            CeremonyPhase::Complete => true,
        }
    }
}

impl Ceremony {
    /// Begins the first attempt.
    #[must_use]
    pub fn new(parameters: CeremonyParameters) -> Self {
        Self::continuing(parameters, BTreeSet::new())
    }

    /// Begins a later attempt, with the ephemeral points that earlier ones in this log used.
    #[must_use]
    pub fn continuing(parameters: CeremonyParameters, used_ephemerals: BTreeSet<EncodedPoint>) -> Self {
        let posted = vec![Posted::default(); parameters.trustee_count()];
        Self { parameters, posted, used_ephemerals, joint: None, keys: None, complaints: vec![] }
    }

    /// The next attempt, without the trustees `left_out`; everything is drawn anew, no ephemeral point may come again.
    ///
    /// # Errors
    /// As [`CeremonyParameters::next`].
    pub fn restarted(&self, left_out: &[TrusteeId]) -> Result<Self, CeremonyError> {
        Ok(Self::continuing(self.parameters.next(left_out)?, self.used_ephemerals.clone()))
    }

    /// What the ceremony is about.
    #[must_use]
    pub fn parameters(&self) -> &CeremonyParameters {
        &self.parameters
    }

    /// The ephemeral points of all packages admitted so far, earlier attempts' included.
    #[must_use]
    pub fn used_ephemerals(&self) -> &BTreeSet<EncodedPoint> {
        &self.used_ephemerals
    }

    /// The phase whose messages are awaited.
    #[must_use]
    pub fn phase(&self) -> CeremonyPhase {
        use CeremonyPhase::{Commit, Complete, Confirm, Rehearsal, Reveal, Shares};
        let phases = [Commit, Reveal, Shares, Confirm, Rehearsal];
        phases.into_iter().find(|phase| !self.posted.iter().all(|p| p.has(*phase))).unwrap_or(Complete)
    }

    /// Who has not yet spoken in this phase; nobody when the ceremony is complete or has failed.
    #[must_use]
    pub fn missing(&self) -> Vec<TrusteeId> {
        if self.has_failed() {
            return vec![];
        }
        let phase = self.phase();
        let trustees = self.parameters.trustees().zip(&self.posted);
        trustees.filter(|(_, posted)| !posted.has(phase)).map(|(trustee, _)| trustee).collect()
    }

    /// Whether this trustee's message of this phase is in.
    #[must_use]
    pub fn has_posted(&self, trustee: TrusteeId, phase: CeremonyPhase) -> bool {
        self.posted_by(trustee).is_ok_and(|posted| posted.has(phase))
    }

    /// The ceremony hash, once all shares are in.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        self.keys.as_ref().map(|keys| keys.ceremony)
    }

    /// The election keys, once the ceremony is complete.
    #[must_use]
    pub fn keys(&self) -> Option<Arc<ElectionKeys>> {
        self.keys.clone().filter(|_| self.phase() == CeremonyPhase::Complete)
    }

    /// *Commit*: takes h_l.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn.
    pub fn apply_commit(&mut self, commit: &Commit, message_hash: Hash) -> Result<(), CeremonyError> {
        self.in_turn(commit.trustee, commit.attempt, CeremonyPhase::Commit)?;
        let committed = Committed { hash: commit.hash, message: message_hash };
        self.posted_by_mut(commit.trustee)?.commit = Some(committed);
        Ok(())
    }

    /// *Reveal*: takes exactly R·k commitments that hash to h_l, with the hash of all commits and the proof of the
    /// constant terms.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn or one of these does not hold, or when, with the last one, two election
    /// keys are equal or one is the identity.
    pub fn apply_reveal(&mut self, reveal: &Reveal, message_hash: Hash) -> Result<(), CeremonyError> {
        self.in_turn(reveal.trustee, reveal.attempt, CeremonyPhase::Reveal)?;
        let commitments = self.check_reveal(reveal)?;
        let revealed = Revealed { commitments: Arc::new(commitments), message: message_hash };
        self.posted_by_mut(reveal.trustee)?.reveal = Some(revealed);
        match self.sum_commitments() {
            Ok(joint) => {
                self.joint = joint;
                Ok(())
            }
            Err(refused) => {
                self.posted_by_mut(reveal.trustee)?.reveal = None;
                Err(refused)
            }
        }
    }

    /// *Shares*: takes one package for each other trustee, each proved to be the dealer's own and fresh.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn or one of these does not hold. Whether the shares inside are right only
    /// their recipients can see: [`crate::ceremony::Dealer::open_shares`].
    pub fn apply_shares(&mut self, shares: &Shares, message_hash: Hash) -> Result<(), CeremonyError> {
        self.in_turn(shares.trustee, shares.attempt, CeremonyPhase::Shares)?;
        let ephemerals = self.check_shares(shares)?;
        let dealt = Dealt { packages: Arc::new(shares.packages.clone()), message: message_hash };
        self.posted_by_mut(shares.trustee)?.shares = Some(dealt);
        self.used_ephemerals.extend(ephemerals);
        if let (Some(messages), Some(joint)) = (self.messages(), &self.joint) {
            let hash = ceremony_hash(&self.parameters, messages.into_iter().flatten());
            self.keys = Some(Arc::new(ElectionKeys::new(&self.parameters, hash, joint)));
        }
        Ok(())
    }

    /// *Confirm*: a trustee found all its shares right and saw this transcript.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn or confirms another transcript.
    pub fn apply_confirm(&mut self, confirm: &Confirm) -> Result<(), CeremonyError> {
        self.in_turn(confirm.trustee, confirm.attempt, CeremonyPhase::Confirm)?;
        if self.hash() != Some(confirm.ceremony) {
            return Err(CeremonyError::CeremonyHash { trustee: confirm.trustee });
        }
        self.posted_by_mut(confirm.trustee)?.confirmed = true;
        Ok(())
    }

    /// *Rehearsal*: a trustee decrypts a pad that nobody chose, with one share proof over all rows.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn or the proof does not hold.
    pub fn apply_rehearsal(&mut self, rehearsal: &Rehearsal) -> Result<(), CeremonyError> {
        let trustee = rehearsal.trustee;
        self.in_turn(trustee, rehearsal.attempt, CeremonyPhase::Rehearsal)?;
        self.check_rehearsal(rehearsal)?;
        self.posted_by_mut(trustee)?.rehearsed = true;
        Ok(())
    }

    /// Whether a rehearsal's shares are right, whenever it was made: also when a trustee tries its key once more.
    ///
    /// # Errors
    /// [`CeremonyError::RehearsalCount`], [`CeremonyError::RehearsalProof`]; [`CeremonyError::UnknownTrustee`] before all
    /// have dealt.
    pub fn check_rehearsal(&self, rehearsal: &Rehearsal) -> Result<(), CeremonyError> {
        let trustee = rehearsal.trustee;
        let (found, expected) = (rehearsal.shares.len(), self.parameters.rows());
        if found != expected {
            return Err(CeremonyError::RehearsalCount { trustee, found, expected });
        }
        let keys = self.keys.as_ref().ok_or(CeremonyError::UnknownTrustee(trustee))?;
        let public_shares = keys.public_shares_of(trustee).ok_or(CeremonyError::UnknownTrustee(trustee))?;
        let pads = [rehearsal_pad(&keys.fingerprint, &keys.ceremony)];
        let statement = ShareStatement { public_shares, pads: &pads, shares: &rehearsal.shares };
        let transcript = rehearsal_transcript(&keys.fingerprint, &keys.ceremony, trustee);
        let refused = |_| CeremonyError::RehearsalProof { trustee };
        rehearsal.proof.verify(transcript, &statement).map_err(refused)?;
        Ok(())
    }

    /// `commits`, once all commits are in.
    pub(super) fn commits(&self) -> Option<Hash> {
        let hashes: Option<Vec<_>> = self.posted.iter().map(|p| p.commit.as_ref().map(|c| &c.hash)).collect();
        hashes.map(|hashes| commits_hash(&self.parameters, hashes))
    }

    /// h_l, once it is in.
    pub(super) fn commit_of(&self, trustee: TrusteeId) -> Option<&Hash> {
        self.posted_by(trustee).ok()?.commit.as_ref().map(|c| &c.hash)
    }

    /// C_{l,r,m}, row by row, once they are revealed.
    pub(super) fn commitments_of(&self, dealer: TrusteeId) -> Option<&[RistrettoPoint]> {
        self.posted_by(dealer).ok()?.reveal.as_ref().map(|r| r.commitments.as_slice())
    }

    /// The package from dealer to recipient, once it is in.
    pub(super) fn package(&self, dealer: TrusteeId, recipient: TrusteeId) -> Option<&SharePackage> {
        let dealt = self.posted_by(dealer).ok()?.shares.as_ref()?;
        dealt.packages.iter().find(|package| package.recipient == recipient)
    }

    /// The joint commitments, once all have revealed.
    fn sum_commitments(&self) -> Result<Option<JointCommitments>, CeremonyError> {
        let revealed: Option<Vec<_>> = self.posted.iter().map(|p| p.reveal.as_ref()).collect();
        let Some(revealed) = revealed else { return Ok(None) };
        JointCommitments::sum(&self.parameters, revealed.iter().map(|r| r.commitments.as_slice())).map(Some)
    }

    /// SHA-256 of each trustee's commit, reveal and shares messages, once all are in.
    fn messages(&self) -> Option<Vec<[&Hash; 3]>> {
        fn of(p: &Posted) -> Option<[&Hash; 3]> {
            Some([&p.commit.as_ref()?.message, &p.reveal.as_ref()?.message, &p.shares.as_ref()?.message])
        }
        self.posted.iter().map(of).collect()
    }

    fn posted_by(&self, trustee: TrusteeId) -> Result<&Posted, CeremonyError> {
        let index = self.parameters.index(trustee)?;
        self.posted.get(index).ok_or(CeremonyError::UnknownTrustee(trustee))
    }

    fn posted_by_mut(&mut self, trustee: TrusteeId) -> Result<&mut Posted, CeremonyError> {
        let index = self.parameters.index(trustee)?;
        self.posted.get_mut(index).ok_or(CeremonyError::UnknownTrustee(trustee))
    }
}
