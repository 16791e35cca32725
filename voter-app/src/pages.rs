//! The pages: one `.ui` file and one `.rs` file each. A page shows what it is given, and posts what the voter did as an
//! [`Intent`]; it decides nothing.

use std::rc::Rc;

use gtk::prelude::*;
use veritally_session::second::TestToCheck;
use zeroize::Zeroizing;

use crate::ui;

mod code;
mod contest;
mod elections;
mod fingerprint;
mod problem;
mod receipt;
mod result;
mod review;
mod sealed;
mod second;
mod status;
mod tested;
mod verdict;
mod warning;
mod working;

pub use code::{CodePage, CodeView};
pub use contest::{ContestPage, ContestView};
pub use elections::{ElectionRow, ElectionsPage};
pub use fingerprint::{FingerprintPage, FingerprintView};
pub use problem::{ProblemPage, ProblemView};
pub use receipt::{ReceiptPage, ReceiptView};
pub use result::{ResultPage, ResultView};
pub use review::{ReviewLine, ReviewPage};
pub use sealed::{SealedPage, SealedView};
pub use second::SecondPage;
pub use status::{BallotLine, Offer, StatusPage, StatusView};
pub use tested::{TestedPage, TestedView};
pub use verdict::{Tone, VerdictPage, VerdictView};
pub use warning::{WarningPage, WarningView};
pub use working::{WorkingPage, WorkingView};

/// What takes the text of a file, of a picture's QR code, or of the clipboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The link of the first page.
    Link,
    /// The voting code.
    Code,
    /// The second device's link.
    TestLink,
    /// The second device's test ballot.
    TestBallot,
    /// The second device's confirmation code.
    TestCode,
}

/// What the voter did.
#[derive(Debug)]
pub enum Intent {
    /// Opens the election at a link.
    OpenLink(String),
    /// Opens one of "my elections", by its place in the list.
    OpenKnown(usize),
    /// Starts the built-in practice election.
    Practice,
    /// Back to the list of elections.
    Home,
    /// The fingerprint is the letter's.
    FingerprintSame,
    /// It is not.
    FingerprintDifferent,
    /// The voting code, and whether the key ring shall keep it.
    Code(Zeroizing<String>, bool),
    /// The fingerprint as typed from the letter.
    Compare(String),
    /// Uses the key ring's code.
    UseStored,
    /// Removes the key ring's code.
    ForgetStored,
    /// What belongs into a field is in a file: a picture of a QR code, or text.
    ReadFile(Field),
    /// It is in the clipboard.
    Paste(Field),
    /// To the page that checks another device's test ballot.
    SecondDevice,
    /// Checks a test ballot.
    CheckTest(Box<TestToCheck>),
    /// To a contest, by its place on the ballot.
    ToContest(usize),
    /// To the next page of the ballot.
    Next,
    /// Encrypts what was reviewed.
    Encrypt,
    /// Casts the encrypted ballot.
    Cast,
    /// Opens it instead.
    Test,
    /// Writes the opened ballot to a file.
    SaveTest,
    /// Publishes the opened ballot.
    PublishTest,
    /// After a test, or to vote again.
    VoteAgain,
    /// Tries again what failed.
    Retry,
    /// Ends what is going on.
    Stop,
    /// Writes the receipt to a file.
    SaveReceipt,
    /// Writes the receipt as a PDF.
    PrintReceipt,
    /// To the election's status.
    Status,
    /// Checks the receipts and the record now.
    Check,
    /// To the result.
    Result,
    /// Opens the folder with the evidence.
    Evidence,
}

impl Intent {
    /// Whether a ballot that is being filled in would be given up for it.
    pub fn leaves_the_ballot(&self) -> bool {
        matches!(self, Self::OpenLink(_) | Self::OpenKnown(_) | Self::Practice | Self::Home | Self::SecondDevice)
    }
}

/// Takes intents.
pub type Post = Rc<dyn Fn(Intent)>;

/// Posts an intent whenever a button is pressed.
fn on_click(button: &gtk::Button, post: &Post, intent: impl Fn() -> Intent + 'static) {
    let post = post.clone();
    button.connect_clicked(move |_| post(intent()));
}

/// Shows words, or hides the label when there are none.
fn show_words(label: &gtk::Label, words: &str) {
    label.set_label(words);
    label.set_visible(!words.is_empty());
}

/// Replaces what a box holds by a QR code, or hides the box when the text is too long for one.
fn show_qr(holder: &gtk::Box, payload: &str, name: &str) {
    ui::clear(holder);
    let code = crate::widgets::qr(payload, name);
    holder.set_halign(gtk::Align::Fill);
    holder.set_visible(code.is_some());
    if let Some(code) = code {
        holder.append(&code);
    }
}
