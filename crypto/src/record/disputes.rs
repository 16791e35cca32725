//! Complaints and restarts of the key ceremony: specs/protocol.md section 5, "Complain" and "Restart".

use super::{Phase, RecordState, Rejection};
use crate::ceremony::{CeremonyPhase, JudgedComplaint};
use crate::id::{LeafIndex, TrusteeId};
use crate::leaves::{Complaint, Exclusion, ExclusionReason, Restart};

/// Most attempts at the ceremony of one election: each is an administrator's decision and may fill the log with messages.
pub const MAX_ATTEMPTS: u64 = 100;

/// A complaint in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplaintEntry {
    /// In which attempt.
    pub attempt: u64,
    /// Its place in the log.
    pub index: LeafIndex,
    /// Who complained of whom, and who cheated.
    pub judged: JudgedComplaint,
}

/// A restart in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartEntry {
    /// The attempt that began.
    pub attempt: u64,
    /// Where the attempt before it had come to.
    pub ended_in: CeremonyPhase,
    /// Who is left out from here on, beside those left out before.
    pub excluded: Vec<Exclusion>,
    /// Its place in the log.
    pub index: LeafIndex,
}

/// What went wrong in the ceremony so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Disputes {
    complaints: Vec<ComplaintEntry>,
    restarts: Vec<RestartEntry>,
}

impl RecordState {
    /// All complaints, of earlier attempts too.
    #[must_use]
    pub fn complaints(&self) -> &[ComplaintEntry] {
        &self.disputes.complaints
    }

    /// All restarts.
    #[must_use]
    pub fn restarts(&self) -> &[RestartEntry] {
        &self.disputes.restarts
    }

    /// Who was left out, and why, ascending by trustee.
    #[must_use]
    pub fn excluded(&self) -> Vec<Exclusion> {
        let mut excluded: Vec<_> = self.disputes.restarts.iter().flat_map(|r| r.excluded.iter().copied()).collect();
        excluded.sort_by_key(|exclusion| exclusion.trustee);
        excluded
    }

    /// ⚠ Who was left out says nothing any more, neither to the ceremony nor after the election.
    pub(super) fn refuse_excluded(&self, trustee: TrusteeId) -> Result<(), Rejection> {
        if self.ceremony.parameters().is_excluded(trustee) { Err(Rejection::Excluded(trustee)) } else { Ok(()) }
    }

    pub(super) fn apply_complaint(&mut self, complaint: &Complaint) -> Result<(), Rejection> {
        self.expect_phase("complaint", &[Phase::Setup])?;
        self.verify_trustee(complaint, complaint.trustee)?;
        self.ceremony.apply_complaint(complaint)?;
        if let Some(judged) = self.ceremony.complaints().last() {
            let (attempt, index) = (complaint.attempt, self.frontier.size());
            self.disputes.complaints.push(ComplaintEntry { attempt, index, judged: *judged });
        }
        Ok(())
    }

    /// The exclusions that a restart has to name now: who was shown to cheat; or, when nobody was, those of `absent` that
    /// really are awaited.
    #[must_use]
    pub fn exclusions(&self, absent: &[TrusteeId]) -> Vec<Exclusion> {
        let of =
            |trustees: Vec<TrusteeId>, reason| trustees.into_iter().map(move |trustee| Exclusion { reason, trustee });
        if self.ceremony.has_failed() {
            return of(self.ceremony.culprits(), ExclusionReason::Fault).collect();
        }
        let missing = self.ceremony.missing();
        of(missing.into_iter().filter(|i| absent.contains(i)).collect(), ExclusionReason::Absent).collect()
    }

    pub(super) fn apply_restart(&mut self, restart: &Restart) -> Result<(), Rejection> {
        self.expect_phase("restart of the ceremony", &[Phase::Setup])?;
        self.verify_administrator(restart, restart.administrator)?;
        let (before, excluded) = (self.ceremony.parameters().attempt(), &restart.excluded);
        if restart.attempt != before + 1 {
            return Err(Rejection::Restart("it does not begin the next attempt"));
        }
        if restart.attempt > MAX_ATTEMPTS {
            return Err(Rejection::Restart("an election has at most 100 attempts at its ceremony"));
        }
        let named: Vec<_> = excluded.iter().map(|exclusion| exclusion.trustee).collect();
        if !named.is_sorted_by(|a, b| a < b) {
            return Err(Rejection::Restart("those left out are not in ascending order"));
        }
        if *excluded != self.exclusions(&named) {
            return Err(Rejection::Restart(if self.ceremony.has_failed() {
                "it must leave out, for a fault, exactly those whom complaints have shown to cheat"
            } else {
                "it may leave out, as absent, only those whose message of the present phase is awaited"
            }));
        }
        let remaining = self.ceremony.parameters().trustee_count().saturating_sub(named.len()) as u64;
        // q ≥ k: fewer could neither agree nor decrypt.
        if remaining < self.manifest.agreement_quorum {
            return Err(Rejection::Restart("fewer trustees remain than must agree (q): give the election up"));
        }
        let ended_in = self.ceremony.phase();
        self.ceremony = self.ceremony.restarted(&named)?;
        self.messages = super::messages::Messages::default();
        let (attempt, index) = (restart.attempt, self.frontier.size());
        self.disputes.restarts.push(RestartEntry { attempt, ended_in, excluded: excluded.clone(), index });
        Ok(())
    }
}
