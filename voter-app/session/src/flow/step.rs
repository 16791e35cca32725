//! What each event does.

use zeroize::Zeroizing;

use veritally_crypto::credential::CredentialCode;
use veritally_crypto::record::Phase;

use super::draft::{self, Draft};
use super::info::{Compared, ElectionInfo, VoterInfo};
use super::messages::{Effect, Event, Job};
use super::trouble::{Trouble, TroubleKind};
use super::{
    CastStep, CodeFeedback, CodeVerdict, Entered, Flow, OpenStage, Publishing, Stage, parse_fingerprint, parse_link,
};

type Effects = Vec<Effect>;

impl Flow {
    /// Takes what happened; returns what is to be done. Events that do not fit the present page change nothing.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Open(text) => self.open(&text),
            Event::OpenPractice => self.open_practice(),
            Event::BeSecondDevice => self.be_second_device(),
            Event::CheckTest(test) => self.check_test(test),
            Event::TestChecked(job, outcome) => self.test_checked(job, outcome),
            Event::CompareFingerprint(text) => self.compare(&text),
            Event::Continue => self.go_on(),
            Event::Back => self.go_back(),
            Event::TypeCode(text) => self.type_code(&text),
            Event::EnterCode { text, remember } => self.enter_code(&text, remember),
            Event::EnterCodeFile { path, remember } => {
                self.unlock_with(|job| Effect::UnlockFile { job, path, remember })
            }
            Event::UseStoredCode => self.unlock_with(Effect::UnlockStored),
            Event::ForgetCode => self.forget(),
            Event::Edit(edit) => self.edit(&edit),
            Event::GoTo(number) => self.go_to(number),
            Event::Encrypt => self.encrypt(),
            Event::Cast => self.cast(),
            Event::Test => self.test(),
            Event::Publish => self.publish(),
            Event::RetryNow => self.retry(),
            Event::ReadWholeLog => self.read_whole_log(),
            Event::VoteAgain => self.vote_again(),
            Event::Leave => self.leave(),
            Event::Opening(job, stage) => self.opening(job, stage),
            Event::Opened(job, outcome) => self.opened(job, outcome),
            Event::Unlocked(job, outcome) => self.unlocked(job, outcome),
            Event::Encrypted(job, outcome) => self.encrypted(job, outcome),
            Event::Spoiled(job, outcome) => self.spoiled(job, outcome),
            Event::Published(job, outcome) => self.published(job, outcome),
            Event::Proved(job, outcome) => self.proved(job, outcome),
            Event::Sent(job, outcome) => self.sent(job, outcome),
            Event::TimeIsUp(job) => self.time_is_up(job),
            Event::Remembered(job, outcome) => self.remembered(job, outcome),
        }
    }

    // --- opening ---

    fn open(&mut self, text: &str) -> Effects {
        if !matches!(self.stage, Stage::Open { .. }) {
            return vec![];
        }
        match parse_link(text) {
            Ok(link) => {
                let job = self.await_job();
                self.stage = Stage::Open { busy: Some(OpenStage::Asking), trouble: None };
                vec![Effect::Open(job, Box::new(link), None)]
            }
            Err(trouble) => {
                self.waiting = None;
                self.stage = Stage::Open { busy: None, trouble: Some(trouble) };
                vec![]
            }
        }
    }

    fn open_practice(&mut self) -> Effects {
        if !matches!(self.stage, Stage::Open { .. }) {
            return vec![];
        }
        let job = self.await_job();
        self.stage = Stage::Open { busy: Some(OpenStage::Asking), trouble: None };
        vec![Effect::OpenPractice(job)]
    }

    fn opening(&mut self, job: Job, stage: OpenStage) -> Effects {
        if let (true, Stage::Open { busy, .. }) = (self.waiting == Some(job), &mut self.stage) {
            *busy = Some(stage);
        }
        vec![]
    }

    fn opened(&mut self, job: Job, outcome: Result<Box<ElectionInfo>, Trouble>) -> Effects {
        if !matches!(self.stage, Stage::Open { .. }) || !self.takes(job) {
            return vec![];
        }
        match outcome {
            Ok(election) => {
                self.entered = Some(Entered { election, voter: None, drafts: vec![], stored: false, tests: 0 });
                self.stage = Stage::Election { trouble: None };
                let job = self.job();
                self.asking = Some(job);
                vec![Effect::AskStore(job)]
            }
            Err(trouble) => {
                self.stage = Stage::Open { busy: None, trouble: Some(trouble) };
                vec![]
            }
        }
    }

    /// The letter's fingerprint is compared here, not by the board's word.
    fn compare(&mut self, text: &str) -> Effects {
        let (Stage::Election { trouble }, Some(entered)) = (&mut self.stage, &mut self.entered) else { return vec![] };
        let found = entered.election.fingerprint;
        *trouble = match parse_fingerprint(text) {
            Some(typed) if typed == found => {
                entered.election.compared = Compared::Letter;
                None
            }
            Some(expected) => {
                let detail = format!("the letter's fingerprint is {expected}, this election's is {found}");
                Some(Trouble::new(TroubleKind::OtherElection { expected, found }, detail))
            }
            None => Some(Trouble::new(TroubleKind::NotAFingerprint, "a fingerprint is 64 hexadecimal digits")),
        };
        vec![]
    }

    // --- moving about ---

    fn go_on(&mut self) -> Effects {
        let castable = |drafts: &[Draft], number: usize| drafts.get(number).is_some_and(Draft::is_castable);
        let Some(entered) = &self.entered else { return vec![] };
        match &self.stage {
            // Another fingerprint than the letter's: here it ends.
            Stage::Election { trouble: Some(Trouble { kind: TroubleKind::OtherElection { .. }, .. }) } => {}
            Stage::Election { .. } if ended(&entered.election) => {
                let detail = format!("the board says that the election is {}", entered.election.phase);
                self.stage = Stage::Stopped { trouble: Trouble::new(TroubleKind::Closed, detail), busy: false };
            }
            Stage::Election { .. } => self.stage = Stage::credential(),
            Stage::Contest { number, from_review, .. } if castable(&entered.drafts, *number) => {
                let next = number + 1;
                self.stage = if *from_review || next >= entered.drafts.len() {
                    Stage::Review { trouble: None }
                } else {
                    Stage::Contest { number: next, refused: None, from_review: false }
                };
            }
            _ => {}
        }
        vec![]
    }

    fn go_back(&mut self) -> Effects {
        match &self.stage {
            // Gives up waiting for a slow board.
            Stage::Open { busy: Some(_), .. } => {
                self.waiting = None;
                self.stage = Stage::open();
                vec![Effect::Lock]
            }
            Stage::Second { .. } => self.back_to_the_form(),
            Stage::Election { .. } | Stage::Credential { busy: true, .. } => self.leave(),
            Stage::Credential { .. } => {
                self.stage = Stage::Election { trouble: None };
                vec![]
            }
            Stage::Contest { from_review: true, .. } => {
                self.stage = Stage::Review { trouble: None };
                vec![]
            }
            Stage::Contest { number: 0, .. } => vec![],
            Stage::Contest { number, .. } => {
                self.stage = Stage::Contest { number: number - 1, refused: None, from_review: false };
                vec![]
            }
            Stage::Review { .. } => {
                let last = self.entered.as_ref().map_or(0, |entered| entered.drafts.len().saturating_sub(1));
                self.stage = Stage::Contest { number: last, refused: None, from_review: false };
                vec![]
            }
            Stage::Choose { .. } => {
                self.stage = Stage::Review { trouble: None };
                vec![Effect::Discard]
            }
            Stage::Tested { publishing: Publishing::Busy, .. } => vec![],
            Stage::Tested { .. } => {
                self.stage = Stage::Review { trouble: None };
                vec![]
            }
            _ => vec![],
        }
    }

    fn go_to(&mut self, number: usize) -> Effects {
        let contests = self.entered.as_ref().map_or(0, |entered| entered.drafts.len());
        if matches!(self.stage, Stage::Review { .. }) && number < contests {
            self.stage = Stage::Contest { number, refused: None, from_review: true };
        }
        vec![]
    }

    pub(super) fn leave(&mut self) -> Effects {
        let locked = self.entered.is_some() || self.waiting.is_some();
        let jobs = self.jobs;
        *self = Self { jobs, ..Self::new() };
        if locked { vec![Effect::Lock] } else { vec![] }
    }

    // --- the code ---

    fn type_code(&mut self, text: &Zeroizing<String>) -> Effects {
        if let Stage::Credential { feedback, busy: false, trouble } = &mut self.stage {
            *feedback = CodeFeedback::of(text);
            *trouble = None;
        }
        vec![]
    }

    fn enter_code(&mut self, text: &Zeroizing<String>, remember: bool) -> Effects {
        let Stage::Credential { feedback, busy: false, trouble } = &mut self.stage else { return vec![] };
        *feedback = CodeFeedback::of(text);
        match CredentialCode::parse(text) {
            Ok(code) => self.unlock_with(|job| Effect::Unlock { job, code, remember }),
            Err(error) => {
                let verdict = feedback.verdict;
                debug_assert_ne!(verdict, CodeVerdict::Good);
                *trouble = Some(Trouble::new(TroubleKind::Code(verdict), error.to_string()));
                vec![]
            }
        }
    }

    fn unlock_with(&mut self, effect: impl FnOnce(Job) -> Effect) -> Effects {
        let Stage::Credential { busy: false, .. } = &self.stage else { return vec![] };
        let job = self.await_job();
        if let Stage::Credential { busy, trouble, .. } = &mut self.stage {
            (*busy, *trouble) = (true, None);
        }
        vec![effect(job)]
    }

    fn forget(&mut self) -> Effects {
        if self.entered.is_none() {
            return vec![];
        }
        let job = self.job();
        self.asking = Some(job);
        vec![Effect::Forget(job)]
    }

    fn remembered(&mut self, job: Job, outcome: Result<bool, Trouble>) -> Effects {
        if self.asking == Some(job) {
            self.asking = None;
            if let Some(entered) = &mut self.entered {
                // A secret store that does not answer has nothing to offer.
                entered.stored = outcome.unwrap_or(false);
            }
        }
        vec![]
    }

    fn unlocked(&mut self, job: Job, outcome: Result<Box<VoterInfo>, Trouble>) -> Effects {
        let rereading = matches!(self.stage, Stage::Stopped { busy: true, .. });
        if !(rereading || matches!(self.stage, Stage::Credential { busy: true, .. })) || !self.takes(job) {
            return vec![];
        }
        let voter = match outcome {
            Ok(voter) => voter,
            Err(trouble) if rereading || trouble.is_evidence() => {
                self.stage = Stage::Stopped { trouble, busy: false };
                return vec![];
            }
            Err(failed) => {
                if let Stage::Credential { busy, trouble, .. } = &mut self.stage {
                    (*busy, *trouble) = (false, Some(failed));
                }
                return vec![];
            }
        };
        let Some(entered) = &mut self.entered else { return vec![] };
        let (pending, casts_left, cast) = (voter.pending, voter.casts_left, voter.ballots_cast);
        let same = entered.drafts.iter().map(|draft| &draft.contest().id).eq(voter.contests.iter().map(|c| &c.id));
        if !(rereading && same) {
            entered.drafts = voter.contests.iter().cloned().map(Draft::new).collect();
        }
        entered.voter = Some(voter);
        if let Some(code) = pending {
            let job = self.await_job();
            self.stage = Stage::Casting { code, step: CastStep::Sending, attempts: 0, found: true };
            return vec![Effect::Send(job)];
        }
        self.stage = if casts_left == 0 {
            let detail = format!("{cast} ballots were cast, as many as the election allows");
            Stage::Stopped { trouble: Trouble::new(TroubleKind::CastLimit(cast), detail), busy: false }
        } else if rereading && same {
            Stage::Review { trouble: None }
        } else {
            Stage::Contest { number: 0, refused: None, from_review: false }
        };
        vec![]
    }

    // --- the ballot ---

    fn edit(&mut self, edit: &super::Edit) -> Effects {
        if let (Stage::Contest { number, refused, .. }, Some(entered)) = (&mut self.stage, &mut self.entered)
            && let Some(draft) = entered.drafts.get_mut(*number)
        {
            *refused = draft.edit(edit).err();
        }
        vec![]
    }

    fn encrypt(&mut self) -> Effects {
        let Some(entered) = &self.entered else { return vec![] };
        let castable = !entered.drafts.is_empty() && entered.drafts.iter().all(Draft::is_castable);
        // The credential is in use as long as a test ballot is being published.
        let free = match &self.stage {
            Stage::Review { .. } => true,
            Stage::Tested { publishing, .. } => *publishing != Publishing::Busy,
            _ => false,
        };
        if !castable || !free {
            return vec![];
        }
        let answers = draft::answers(&entered.drafts);
        self.stage = Stage::Encrypting;
        let job = self.await_job();
        vec![Effect::Encrypt(job, answers)]
    }

    fn encrypted(&mut self, job: Job, outcome: Result<veritally_crypto::ballot::ConfirmationCode, Trouble>) -> Effects {
        if matches!(self.stage, Stage::Encrypting) && self.takes(job) {
            self.stage = match outcome {
                Ok(code) => Stage::Choose { code },
                Err(trouble) => Stage::Review { trouble: Some(trouble) },
            };
        }
        vec![]
    }

    fn test(&mut self) -> Effects {
        let Stage::Choose { code } = self.stage else { return vec![] };
        self.stage = Stage::Spoiling { code };
        let job = self.await_job();
        vec![Effect::Spoil(job)]
    }

    fn spoiled(&mut self, job: Job, outcome: Result<Box<super::TestInfo>, Trouble>) -> Effects {
        let Stage::Spoiling { code } = self.stage else { return vec![] };
        if !self.takes(job) {
            return vec![];
        }
        self.stage = match outcome {
            // The page compares what is opened with the code that was noted.
            Ok(test) if test.code() == code => {
                if let Some(entered) = &mut self.entered {
                    entered.tests += 1;
                }
                Stage::Tested { test, publishing: Publishing::No }
            }
            Ok(test) => {
                let detail = format!("the code shown was {code}, the opened ballot has {}", test.code());
                Stage::Review { trouble: Some(Trouble::new(TroubleKind::SelfCheck, detail)) }
            }
            Err(trouble) => Stage::Review { trouble: Some(trouble) },
        };
        vec![]
    }

    fn publish(&mut self) -> Effects {
        let Stage::Tested { publishing: Publishing::No | Publishing::Failed(_), .. } = &self.stage else {
            return vec![];
        };
        let job = self.await_job();
        if let Stage::Tested { publishing, .. } = &mut self.stage {
            *publishing = Publishing::Busy;
        }
        vec![Effect::Publish(job)]
    }

    fn published(&mut self, job: Job, outcome: Result<(), Trouble>) -> Effects {
        let takes = matches!(self.stage, Stage::Tested { .. }) && self.takes(job);
        if let (true, Stage::Tested { publishing, .. }) = (takes, &mut self.stage) {
            *publishing = outcome.map_or_else(Publishing::Failed, |()| Publishing::Done);
        }
        vec![]
    }
}

fn ended(election: &ElectionInfo) -> bool {
    !matches!(election.phase, Phase::Setup | Phase::Open)
}
