//! What goes into the model and what comes out of it.

use std::fmt;
use std::path::PathBuf;

use veritally_board_api::Link;
use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::contests::SecretAnswers;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use zeroize::Zeroizing;

use super::draft::Edit;
use super::info::{ElectionInfo, ReceiptInfo, TestInfo, VoterInfo};
use super::trouble::Trouble;
use crate::second::{TestToCheck, TestVerdict};

/// A piece of work, so that late answers to work that nobody waits for any more are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job(pub u64);

/// How far the opening of an election is, for a progress bar and for the curious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenStage {
    /// The board is asked for manifest and signed head.
    Asking,
    /// The log is downloaded and every entry checked.
    Reading {
        /// Entries checked.
        done: u64,
        /// Entries of the signed log.
        total: u64,
    },
}

/// What happens to the model: voters' actions, and answers to its [`Effect`]s.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Opens what was pasted, scanned or handed over as a link.
    Open(String),
    /// Opens the practice election.
    OpenPractice,
    /// Wants to check another device's test ballot, from the first page.
    BeSecondDevice,
    /// Checks it.
    CheckTest(Box<TestToCheck>),
    /// Compares the election's fingerprint with what stands on the letter; as typed.
    CompareFingerprint(String),
    /// The next page.
    Continue,
    /// The page before. From the choice between Cast and Test, back to the review: the encrypted ballot is thrown away.
    Back,
    /// The code as typed so far: for feedback only, nothing is kept.
    TypeCode(Zeroizing<String>),
    /// Uses the typed code.
    EnterCode {
        /// As typed.
        text: Zeroizing<String>,
        /// Whether to keep it in the desktop's secret store.
        remember: bool,
    },
    /// Uses the code in a file.
    EnterCodeFile {
        /// Which one.
        path: PathBuf,
        /// Whether to keep it in the desktop's secret store.
        remember: bool,
    },
    /// Uses the code that the desktop's secret store keeps for this election.
    UseStoredCode,
    /// Removes the code from the desktop's secret store.
    ForgetCode,
    /// Changes the answer to the contest of the present page.
    Edit(Edit),
    /// Goes to a contest (from 0) from the review.
    GoTo(usize),
    /// Encrypts, from the review.
    Encrypt,
    /// Casts the encrypted ballot.
    Cast,
    /// Opens the encrypted ballot, to test the device.
    Test,
    /// Publishes the opened ballot on the board.
    Publish,
    /// Sends again, without waiting for the timer.
    RetryNow,
    /// Reads the whole log, after [`super::TroubleKind::VotedElsewhere`], and goes on with the same answers.
    ReadWholeLog,
    /// Votes again, from the receipt.
    VoteAgain,
    /// Leaves the election: secrets are erased, the first page is next. A ballot that is stored goes out the next time.
    Leave,

    /// An answer: how far [`Effect::Open`] is.
    Opening(Job, OpenStage),
    /// An answer to [`Effect::Open`] and [`Effect::OpenPractice`].
    Opened(Job, Result<Box<ElectionInfo>, Trouble>),
    /// An answer to [`Effect::CheckTest`].
    TestChecked(Job, Result<TestVerdict, Trouble>),
    /// An answer to the effects that unlock, and to [`Effect::ReadWholeLog`].
    Unlocked(Job, Result<Box<VoterInfo>, Trouble>),
    /// An answer to [`Effect::Encrypt`].
    Encrypted(Job, Result<ConfirmationCode, Trouble>),
    /// An answer to [`Effect::Spoil`].
    Spoiled(Job, Result<Box<TestInfo>, Trouble>),
    /// An answer to [`Effect::Publish`].
    Published(Job, Result<(), Trouble>),
    /// An answer to [`Effect::Prove`]: the ballot is complete, checked and stored.
    Proved(Job, Result<(), Trouble>),
    /// An answer to [`Effect::Send`].
    Sent(Job, Result<Box<ReceiptInfo>, Box<SendFailed>>),
    /// An answer to [`Effect::Wait`].
    TimeIsUp(Job),
    /// An answer to [`Effect::AskStore`] and [`Effect::Forget`]: whether a code is stored.
    Remembered(Job, Result<bool, Trouble>),
}

/// Why a ballot has no receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFailed {
    /// Why.
    pub trouble: Trouble,
    /// True: the board refused it for good and it was put aside, so that another one can be made. False: it may be in the
    /// log or not, and the same bytes are to be sent again.
    pub refused: bool,
}

/// What is to be done outside of the model. Each is answered by the event that it names, with the same [`Job`].
#[non_exhaustive]
pub enum Effect {
    /// Fetch, check and replay. Answered by [`Event::Opened`].
    Open(Job, Box<Link>, Option<Hash>),
    /// Make a practice election. Answered by [`Event::Opened`].
    OpenPractice(Job),
    /// Check another device's test ballot. Answered by [`Event::TestChecked`].
    CheckTest(Job, Box<TestToCheck>),
    /// Enter with a code. Answered by [`Event::Unlocked`].
    Unlock {
        /// For the answer.
        job: Job,
        /// The code.
        code: CredentialCode,
        /// Keep it in the secret store once it opened the election.
        remember: bool,
    },
    /// Enter with the code in a file. Answered by [`Event::Unlocked`].
    UnlockFile {
        /// For the answer.
        job: Job,
        /// The file.
        path: PathBuf,
        /// Keep the code in the secret store once it opened the election.
        remember: bool,
    },
    /// Enter with the stored code. Answered by [`Event::Unlocked`].
    UnlockStored(Job),
    /// Ask the secret store whether it has a code for this election. Answered by [`Event::Remembered`].
    AskStore(Job),
    /// Remove the stored code. Answered by [`Event::Remembered`].
    Forget(Job),
    /// Read the whole log and enter again with the same credential. Answered by [`Event::Unlocked`].
    ReadWholeLog(Job),
    /// Encrypt. Answered by [`Event::Encrypted`].
    Encrypt(Job, SecretAnswers),
    /// Throw the encrypted ballot away. Not answered.
    Discard,
    /// Open the encrypted ballot and write it to a file. Answered by [`Event::Spoiled`].
    Spoil(Job),
    /// Publish the opened ballot. Answered by [`Event::Published`].
    Publish(Job),
    /// Make the proof, check the whole ballot, store it. Answered by [`Event::Proved`].
    Prove(Job),
    /// Send the stored ballot, verify and store the receipt. Answered by [`Event::Sent`].
    Send(Job),
    /// Wait. Answered by [`Event::TimeIsUp`].
    Wait {
        /// For the answer.
        job: Job,
        /// How long.
        seconds: u64,
    },
    /// Forget credential, answers and election. Not answered.
    Lock,
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, job) = match self {
            Self::Open(job, ..) => ("Open", Some(job)),
            Self::OpenPractice(job) => ("OpenPractice", Some(job)),
            Self::CheckTest(job, _) => ("CheckTest", Some(job)),
            Self::Unlock { job, .. } => ("Unlock", Some(job)),
            Self::UnlockFile { job, .. } => ("UnlockFile", Some(job)),
            Self::UnlockStored(job) => ("UnlockStored", Some(job)),
            Self::AskStore(job) => ("AskStore", Some(job)),
            Self::Forget(job) => ("Forget", Some(job)),
            Self::ReadWholeLog(job) => ("ReadWholeLog", Some(job)),
            Self::Encrypt(job, _) => ("Encrypt", Some(job)),
            Self::Discard => ("Discard", None),
            Self::Spoil(job) => ("Spoil", Some(job)),
            Self::Publish(job) => ("Publish", Some(job)),
            Self::Prove(job) => ("Prove", Some(job)),
            Self::Send(job) => ("Send", Some(job)),
            Self::Wait { job, .. } => ("Wait", Some(job)),
            Self::Lock => ("Lock", None),
        };
        write!(f, "{name}({job:?})")
    }
}
