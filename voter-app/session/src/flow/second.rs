//! This device checks another one's test ballot.

use super::messages::{Effect, Job};
use super::trouble::Trouble;
use super::{Flow, Stage};
use crate::second::{TestToCheck, TestVerdict};

impl Flow {
    pub(super) fn be_second_device(&mut self) -> Vec<Effect> {
        if matches!(self.stage, Stage::Open { busy: None, .. }) {
            self.stage = Stage::Second { busy: false, outcome: None };
        }
        vec![]
    }

    pub(super) fn check_test(&mut self, test: Box<TestToCheck>) -> Vec<Effect> {
        if !matches!(self.stage, Stage::Second { busy: false, .. }) {
            return vec![];
        }
        self.stage = Stage::Second { busy: true, outcome: None };
        let job = self.await_job();
        vec![Effect::CheckTest(job, test)]
    }

    pub(super) fn test_checked(&mut self, job: Job, found: Result<TestVerdict, Trouble>) -> Vec<Effect> {
        if matches!(self.stage, Stage::Second { busy: true, .. }) && self.takes(job) {
            self.stage = Stage::Second { busy: false, outcome: Some(Box::new(found)) };
        }
        vec![]
    }

    /// From the verdict, or from waiting, to the form; from the form to the first page.
    pub(super) fn back_to_the_form(&mut self) -> Vec<Effect> {
        match &self.stage {
            Stage::Second { busy: true, .. } => {
                self.waiting = None;
                self.stage = Stage::Second { busy: false, outcome: None };
                // What is under way is given up.
                vec![Effect::Lock]
            }
            Stage::Second { outcome: Some(_), .. } => {
                self.stage = Stage::Second { busy: false, outcome: None };
                vec![]
            }
            _ => self.leave(),
        }
    }
}
