//! From Cast to the receipt.

use super::messages::{Effect, Job, SendFailed};
use super::trouble::{Trouble, TroubleKind};
use super::{CastStep, Draft, Flow, Stage, back_off};

type Effects = Vec<Effect>;

impl Flow {
    pub(super) fn cast(&mut self) -> Effects {
        let Stage::Choose { code } = self.stage else { return vec![] };
        self.stage = Stage::Casting { code, step: CastStep::Proving, attempts: 0, found: false };
        let job = self.await_job();
        vec![Effect::Prove(job)]
    }

    pub(super) fn proved(&mut self, job: Job, outcome: Result<(), Trouble>) -> Effects {
        let Stage::Casting { step: CastStep::Proving, .. } = &self.stage else { return vec![] };
        if !self.takes(job) {
            return vec![];
        }
        match outcome {
            Ok(()) => self.send(),
            // Not stored, so not sent: the choices are still here.
            Err(trouble) => {
                self.stage = Stage::Review { trouble: Some(trouble) };
                vec![]
            }
        }
    }

    /// Sends the stored ballot, the first time or again: always the same bytes.
    fn send(&mut self) -> Effects {
        let job = self.await_job();
        if let Stage::Casting { step, .. } = &mut self.stage {
            *step = CastStep::Sending;
        }
        vec![Effect::Send(job)]
    }

    pub(super) fn sent(&mut self, job: Job, outcome: Result<Box<super::ReceiptInfo>, Box<SendFailed>>) -> Effects {
        let Stage::Casting { step: CastStep::Sending, attempts, .. } = &self.stage else { return vec![] };
        let attempts = attempts + 1;
        if !self.takes(job) {
            return vec![];
        }
        match outcome {
            Ok(receipt) => {
                if let Some(entered) = &mut self.entered {
                    // The choices are not needed any more: erased.
                    entered.drafts.clear();
                    if let Some(voter) = &mut entered.voter {
                        (voter.ballots_cast, voter.pending) = (receipt.number, None);
                        voter.casts_left = voter.casts_left.saturating_sub(1);
                    }
                }
                self.stage = Stage::Receipt { receipt };
                vec![]
            }
            Err(failed) if failed.refused => {
                let trouble = failed.trouble;
                if let Some(entered) = self.entered.as_mut().filter(|_| trouble.kind != TroubleKind::VotedElsewhere) {
                    entered.drafts.clear();
                }
                self.stage = Stage::Stopped { trouble, busy: false };
                vec![]
            }
            // Asking again would only hide the warning. The ballot stays stored, and goes out when the election is entered
            // the next time.
            Err(failed) if failed.trouble.is_evidence() => {
                self.stage = Stage::Stopped { trouble: failed.trouble, busy: false };
                vec![]
            }
            Err(failed) => self.queue(attempts, failed.trouble),
        }
    }

    fn queue(&mut self, attempts: u32, trouble: Trouble) -> Effects {
        let seconds = back_off(attempts, &trouble);
        let job = self.await_job();
        if let Stage::Casting { step, attempts: so_far, .. } = &mut self.stage {
            *so_far = attempts;
            *step = CastStep::Queued { attempts, seconds, trouble };
        }
        vec![Effect::Wait { job, seconds }]
    }

    pub(super) fn time_is_up(&mut self, job: Job) -> Effects {
        let queued = matches!(self.stage, Stage::Casting { step: CastStep::Queued { .. }, .. });
        if queued && self.takes(job) { self.send() } else { vec![] }
    }

    pub(super) fn retry(&mut self) -> Effects {
        match &self.stage {
            Stage::Casting { step: CastStep::Queued { .. }, .. } => self.send(),
            _ => vec![],
        }
    }

    pub(super) fn read_whole_log(&mut self) -> Effects {
        let Stage::Stopped { trouble, busy } = &mut self.stage else { return vec![] };
        if *busy || trouble.kind != TroubleKind::VotedElsewhere {
            return vec![];
        }
        *busy = true;
        let job = self.await_job();
        vec![Effect::ReadWholeLog(job)]
    }

    pub(super) fn vote_again(&mut self) -> Effects {
        let (Stage::Receipt { .. }, Some(entered)) = (&self.stage, &mut self.entered) else { return vec![] };
        let Some(voter) = entered.voter.as_ref().filter(|voter| voter.casts_left > 0) else { return vec![] };
        entered.drafts = voter.contests.iter().cloned().map(Draft::new).collect();
        entered.tests = 0;
        self.stage = Stage::Contest { number: 0, refused: None, from_review: false };
        vec![]
    }
}
