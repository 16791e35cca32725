//! A pure model of a voter's way through an election: events in, a page and effects out. No I/O, no clock, no threads.
//!
//! ```text
//! Open ─▶ Election ─▶ Credential ─▶ Contest 1…n ─▶ Review ─▶ Encrypting ─▶ Choose ─cast─▶ Casting ─▶ Receipt
//!                          │             ▲            ▲                    │  ▲              ▲          │
//!                          │             └────────────┤◀───────────────────┘  │              │          │
//!                          │                          └──test─▶ Tested ──encrypt afresh      │          │
//!                          └─(a ballot is stored whose receipt never came)───────────────────┘◀──again──┘
//! ```
//!
//! [`Flow::handle`] takes an [`Event`] — something that a person did, or the answer to an [`Effect`] — and returns the
//! effects that are to be carried out; [`Flow::page`] says what to show. [`crate::runner`] carries effects out, off the
//! caller's thread, and answers each with the event that its documentation names. What does not fit the present page,
//! such as a second click on Cast or a late answer to work that was given up, changes nothing.
//!
//! Pages and troubles are data, never prose: a program words them in the voter's language.
//!
//! ⚠ Kept by property tests (`tests/flow/`): after [`Effect::Prove`] nothing is encrypted, opened or proved until
//! that ballot has its receipt or was refused for good; [`Effect::Send`] follows only a proof that was checked and stored;
//! a receipt that comes while the ballot is awaited is shown.

use veritally_board_api::Link;
use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::hash::Hash;

use crate::second::TestVerdict;

mod casting;
pub mod code;
pub mod draft;
pub mod info;
mod messages;
mod second;
mod step;
pub mod trouble;

pub use code::{CodeFeedback, CodeVerdict, GroupState};
pub use draft::{Completeness, Draft, Edit, EditRefused, Standing};
pub use info::{Compared, ElectionInfo, ReceiptInfo, TestInfo, VoterInfo, code_qr};
pub use messages::{Effect, Event, Job, OpenStage, SendFailed};
pub use trouble::{Lie, Trouble, TroubleKind};

/// First wait before a ballot is sent again, seconds; doubles each time.
const FIRST_WAIT_S: u64 = 2;
/// Longest wait, seconds, and most that a board's wish is believed.
const LONGEST_WAIT_S: u64 = 300;

/// What to show.
#[derive(Debug)]
#[non_exhaustive]
pub enum Page<'f> {
    /// Where is the election? A link, a QR code, or the practice election.
    Open {
        /// An election is being opened.
        busy: Option<OpenStage>,
        /// The last attempt failed.
        trouble: Option<&'f Trouble>,
    },
    /// A test ballot of another device is checked on this one.
    Second {
        /// The check is being made.
        busy: bool,
        /// What came of the last one; none while it is filled in.
        outcome: Option<&'f Result<TestVerdict, Trouble>>,
    },
    /// Which election this is: name, board key, fingerprint, and whether that was compared.
    Election {
        /// The election.
        election: &'f ElectionInfo,
        /// The typed fingerprint is another one, or none.
        trouble: Option<&'f Trouble>,
    },
    /// The code from the letter.
    Credential {
        /// The election.
        election: &'f ElectionInfo,
        /// On what is typed so far.
        feedback: &'f CodeFeedback,
        /// The secret store has a code for this election.
        stored: bool,
        /// The code is being tried.
        busy: bool,
        /// The last attempt failed.
        trouble: Option<&'f Trouble>,
    },
    /// One contest.
    Contest {
        /// The election.
        election: &'f ElectionInfo,
        /// The voter; tells whether this ballot replaces an earlier one.
        voter: &'f VoterInfo,
        /// From 0.
        number: usize,
        /// How many there are.
        of: usize,
        /// Contest and answer so far.
        draft: &'f Draft,
        /// Why the last edit was not applied.
        refused: Option<EditRefused>,
    },
    /// Everything before it is encrypted.
    Review {
        /// The election.
        election: &'f ElectionInfo,
        /// The voter.
        voter: &'f VoterInfo,
        /// All answers.
        drafts: &'f [Draft],
        /// Encrypting failed.
        trouble: Option<&'f Trouble>,
    },
    /// A moment of work: encrypting, or opening the encrypted ballot.
    Working {
        /// What is being done.
        work: Work,
    },
    /// The confirmation code, to be noted; then Cast or Test.
    Choose {
        /// The election.
        election: &'f ElectionInfo,
        /// The voter; the public id is shown beside the code.
        voter: &'f VoterInfo,
        /// To be noted before choosing. Its QR code: [`code_qr`].
        code: ConfirmationCode,
        /// How many encrypted ballots were tested before this one.
        tests: u32,
    },
    /// The opened ballot, and how to check it on another device.
    Tested {
        /// The election.
        election: &'f ElectionInfo,
        /// The opened ballot.
        test: &'f TestInfo,
        /// Whether it was published.
        publishing: &'f Publishing,
    },
    /// On the way into the box.
    Casting {
        /// The election.
        election: &'f ElectionInfo,
        /// Of the ballot.
        code: ConfirmationCode,
        /// Where it is.
        step: &'f CastStep,
        /// It was found on this device: an earlier session was interrupted before its receipt came.
        found: bool,
    },
    /// In the box: the receipt was verified and stored.
    Receipt {
        /// The election.
        election: &'f ElectionInfo,
        /// The receipt.
        receipt: &'f ReceiptInfo,
        /// How many more ballots may be cast.
        casts_left: u64,
    },
    /// It does not go on like this.
    Stopped {
        /// The election.
        election: &'f ElectionInfo,
        /// Why.
        trouble: &'f Trouble,
        /// The whole log is being read: [`Event::ReadWholeLog`].
        busy: bool,
    },
}

/// What [`Page::Working`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The answers are being encrypted.
    Encrypting,
    /// The encrypted ballot is being opened.
    Opening,
}

/// Whether an opened ballot was published on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publishing {
    /// It stays on the voter's devices.
    No,
    /// It is being sent.
    Busy,
    /// It is in the log.
    Done,
    /// It could not be published.
    Failed(Trouble),
}

/// Where a ballot is between Cast and its receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CastStep {
    /// The proof is made, the whole ballot checked and stored on this device.
    Proving,
    /// It is sent, and the receipt verified.
    Sending,
    /// It is stored on this device and will be sent again. The program may be closed meanwhile: the ballot goes out when
    /// the election is entered the next time.
    Queued {
        /// Attempts so far.
        attempts: u32,
        /// Until the next one, from when this page was first shown.
        seconds: u64,
        /// Why the last one failed.
        trouble: Trouble,
    },
}

/// The present stage, with what only it knows.
#[derive(Debug)]
enum Stage {
    Open { busy: Option<OpenStage>, trouble: Option<Trouble> },
    Second { busy: bool, outcome: Option<Box<Result<TestVerdict, Trouble>>> },
    Election { trouble: Option<Trouble> },
    Credential { feedback: CodeFeedback, busy: bool, trouble: Option<Trouble> },
    Contest { number: usize, refused: Option<EditRefused>, from_review: bool },
    Review { trouble: Option<Trouble> },
    Encrypting,
    Choose { code: ConfirmationCode },
    Spoiling { code: ConfirmationCode },
    Tested { test: Box<TestInfo>, publishing: Publishing },
    Casting { code: ConfirmationCode, step: CastStep, attempts: u32, found: bool },
    Receipt { receipt: Box<ReceiptInfo> },
    Stopped { trouble: Trouble, busy: bool },
}

impl Stage {
    fn open() -> Self {
        Self::Open { busy: None, trouble: None }
    }

    fn credential() -> Self {
        Self::Credential { feedback: CodeFeedback::default(), busy: false, trouble: None }
    }
}

/// What is known once an election was entered.
#[derive(Debug)]
struct Entered {
    election: Box<ElectionInfo>,
    voter: Option<Box<VoterInfo>>,
    drafts: Vec<Draft>,
    stored: bool,
    tests: u32,
}

/// The model.
#[derive(Debug)]
pub struct Flow {
    stage: Stage,
    entered: Option<Entered>,
    /// Whose answer is awaited.
    waiting: Option<Job>,
    /// Whose answer about the secret store is awaited.
    asking: Option<Job>,
    jobs: u64,
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}

impl Flow {
    /// The first page.
    #[must_use]
    pub fn new() -> Self {
        Self { stage: Stage::open(), entered: None, waiting: None, asking: None, jobs: 0 }
    }

    /// What to show.
    #[must_use]
    pub fn page(&self) -> Page<'_> {
        let start = Page::Open { busy: None, trouble: None };
        if let Stage::Open { busy, trouble } = &self.stage {
            return Page::Open { busy: *busy, trouble: trouble.as_ref() };
        }
        if let Stage::Second { busy, outcome } = &self.stage {
            return Page::Second { busy: *busy, outcome: outcome.as_deref() };
        }
        let Some(entered) = &self.entered else { return start };
        let Entered { election, drafts, tests, stored, .. } = entered;
        let election = &**election;
        match &self.stage {
            Stage::Election { trouble } => return Page::Election { election, trouble: trouble.as_ref() },
            Stage::Credential { feedback, busy, trouble } => {
                let (stored, busy) = (*stored, *busy);
                return Page::Credential { election, feedback, stored, busy, trouble: trouble.as_ref() };
            }
            Stage::Stopped { trouble, busy } => return Page::Stopped { election, trouble, busy: *busy },
            _ => {}
        }
        let Some(voter) = entered.voter.as_deref() else { return start };
        match &self.stage {
            Stage::Contest { number, refused, .. } => match drafts.get(*number) {
                Some(draft) => {
                    Page::Contest { election, voter, number: *number, of: drafts.len(), draft, refused: *refused }
                }
                None => Page::Review { election, voter, drafts, trouble: None },
            },
            Stage::Review { trouble } => Page::Review { election, voter, drafts, trouble: trouble.as_ref() },
            Stage::Encrypting => Page::Working { work: Work::Encrypting },
            Stage::Choose { code } => Page::Choose { election, voter, code: *code, tests: *tests },
            Stage::Spoiling { .. } => Page::Working { work: Work::Opening },
            Stage::Tested { test, publishing } => Page::Tested { election, test, publishing },
            Stage::Casting { code, step, found, .. } => Page::Casting { election, code: *code, step, found: *found },
            Stage::Receipt { receipt } => Page::Receipt { election, receipt, casts_left: voter.casts_left },
            Stage::Open { .. }
            | Stage::Second { .. }
            | Stage::Election { .. }
            | Stage::Credential { .. }
            | Stage::Stopped { .. } => start,
        }
    }

    /// Whether leaving now would lose something: a choice that was not cast. A ballot that was cast is stored.
    #[must_use]
    pub fn has_unsaved_choices(&self) -> bool {
        let filling = match &self.stage {
            Stage::Contest { .. }
            | Stage::Review { .. }
            | Stage::Encrypting
            | Stage::Choose { .. }
            | Stage::Spoiling { .. }
            | Stage::Tested { .. } => true,
            // The answers are still here, and go on once the whole log was read.
            Stage::Stopped { trouble, .. } => trouble.kind == TroubleKind::VotedElsewhere,
            _ => false,
        };
        filling && self.entered.as_ref().is_some_and(|entered| entered.drafts.iter().any(Draft::is_begun))
    }

    fn job(&mut self) -> Job {
        self.jobs += 1;
        Job(self.jobs)
    }

    /// A new piece of work whose answer is awaited; answers to older ones are not any more.
    fn await_job(&mut self) -> Job {
        let job = self.job();
        self.waiting = Some(job);
        job
    }

    /// Whether this answer was awaited; it then is not any more.
    fn takes(&mut self, job: Job) -> bool {
        let takes = self.waiting == Some(job);
        if takes {
            self.waiting = None;
        }
        takes
    }
}

/// Reads what was pasted or scanned, and a fingerprint as people type it: with spaces, in either case.
fn parse_link(text: &str) -> Result<Link, Trouble> {
    Link::parse(text).map_err(|error| Trouble::new(TroubleKind::NotALink, error.to_string()))
}

fn parse_fingerprint(text: &str) -> Option<Hash> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != ':').collect();
    Hash::from_hex(&digits.to_ascii_lowercase()).ok()
}

/// How long to wait after so many failed attempts, seconds.
fn back_off(attempts: u32, trouble: &Trouble) -> u64 {
    let doubled = FIRST_WAIT_S.checked_shl(attempts.saturating_sub(1)).unwrap_or(LONGEST_WAIT_S);
    let wish = match trouble.kind {
        TroubleKind::Busy { retry_after_s } => retry_after_s.unwrap_or(0),
        _ => 0,
    };
    doubled.max(wish).clamp(FIRST_WAIT_S, LONGEST_WAIT_S)
}
