//! On a second device: did the first one encrypt what it shows? The test ballot, the link on the letter and the code that
//! was noted go in; the verifier's code encrypts the same answers again and compares. Nothing of it is stored.

use veritally_board_api::Link;
use veritally_crypto::ballot::{BallotOpening, ConfirmationCode, OpeningError};
use veritally_crypto::contests::Answer;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{Contest, Texts};
use veritally_crypto::record::Phase;
use veritally_crypto::text::digits;
use veritally_verifier::voter::{Place, VoterError, check_opening};

use crate::flow::{Lie, Trouble, TroubleKind, trouble};
use crate::{SessionError, StateDirectory};

/// Longest test ballot that is looked at, bytes: a ballot's points, a seed, ids.
pub const MAX_TEST_BYTES: usize = 256 << 10;
/// Characters of a confirmation code as people write it down.
const SHORT_DIGITS: usize = 20;

/// What a person brings along, as typed, pasted or scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestToCheck {
    /// From the letter. Empty: as this device knows the election.
    pub link: String,
    /// The test ballot: the file's content, or the text of its QR code.
    pub opened: String,
    /// The confirmation code that was noted *before* the ballot was opened: the text of its QR code, or its 20 characters, or
    /// nothing.
    pub code: String,
}

/// How much of the noted code was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// All 256 bits are the same.
    Whole,
    /// The 20 characters are the same. ⚠ A device that may choose both ballots finds two of the same.
    Short,
    /// None was given: the person has to compare.
    Nothing,
}

/// A test ballot that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TestFound {
    /// The election's.
    pub fingerprint: Hash,
    /// Whether the link, or what this device knew, said so too. If not, voters must be told to compare it.
    pub compared: bool,
    /// The election's name, by language.
    pub name: Texts,
    /// The election's languages, the first one is its own.
    pub languages: Vec<String>,
    /// What was encrypted, in the order of the manifest.
    pub answers: Vec<(Contest, Answer)>,
    /// Of the ballot, recomputed.
    pub code: ConfirmationCode,
    /// The voter's pseudonym.
    pub public_id: String,
    /// How it compares with what was noted.
    pub noted: Noted,
}

/// At what a device was caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cheat {
    /// It encrypted something else than it shows.
    OtherAnswers,
    /// It opened another ballot than the one whose code it had shown, or the code was noted wrongly.
    OtherBallot,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq)]
pub enum TestVerdict {
    /// The device encrypted what the test ballot shows.
    Holds(Box<TestFound>),
    /// It did not.
    Cheated {
        /// At what.
        cheat: Cheat,
        /// In English, for experts.
        detail: String,
    },
}

/// A noted code, read.
enum Given {
    Nothing,
    Short(Vec<u8>),
    Whole(Hash),
}

impl Given {
    fn parse(text: &str) -> Result<Self, Trouble> {
        let text: String = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | ':')).collect();
        if text.is_empty() {
            return Ok(Self::Nothing);
        }
        if let Ok(hash) = Hash::from_hex(&text.to_ascii_lowercase()) {
            return Ok(Self::Whole(hash));
        }
        match digits(&text) {
            Ok(short) if short.len() == SHORT_DIGITS => Ok(Self::Short(short)),
            _ => Err(Trouble::new(
                TroubleKind::NotACode,
                "a confirmation code is 20 characters, or 64 hexadecimal digits",
            )),
        }
    }
}

/// Recomputes a test ballot with the keys of the election's log, and compares its code with the noted one.
///
/// # Errors
/// [`Trouble`] when the check could not be made: something is missing or mistyped, the board does not answer, or is caught.
pub async fn check(test: &TestToCheck, state: &StateDirectory) -> Result<TestVerdict, Trouble> {
    let opening = parse(&test.opened)?;
    let given = Given::parse(&test.code)?;
    let link = match test.link.trim() {
        "" => known_link(state, &opening)?,
        text => Link::parse(text).map_err(|error| Trouble::new(TroubleKind::NotALink, error.to_string()))?,
    };
    let compared = link.fingerprint.is_some();
    let whole = match &given {
        Given::Whole(hash) => Some(*hash),
        Given::Nothing | Given::Short(_) => None,
    };
    // The encryption takes a moment, and what may be read from a copy is of one thread.
    let work = {
        let (opening, runtime) = (opening.clone(), tokio::runtime::Handle::current());
        move || runtime.block_on(check_opening(&Place::Board(link), &opening, whole.as_ref())).map_err(Box::new)
    };
    let checked = tokio::task::spawn_blocking(work).await.map_err(|_| SessionError::Interrupted)?;
    let (context, code) = match checked {
        Ok(found) => found,
        Err(error) => return judge(&error, &opening.fingerprint, compared),
    };
    let noted = match given {
        Given::Nothing => Noted::Nothing,
        Given::Whole(_) => Noted::Whole,
        Given::Short(short) if digits(&code.to_string()).is_ok_and(|found| found == short) => Noted::Short,
        Given::Short(_) => {
            let detail = format!("the opened ballot has the code {code}, another one was noted");
            return Ok(TestVerdict::Cheated { cheat: Cheat::OtherBallot, detail });
        }
    };
    let manifest = context.manifest();
    let answer = |contest: &Contest| Some((contest.clone(), opening.selections.get(&contest.id)?.clone()));
    Ok(TestVerdict::Holds(Box::new(TestFound {
        fingerprint: opening.fingerprint,
        compared,
        name: manifest.name.clone(),
        languages: manifest.languages.clone(),
        answers: manifest.contests.iter().filter_map(answer).collect(),
        code,
        public_id: CredentialKey(opening.credential).public_id(),
        noted,
    })))
}

fn parse(text: &str) -> Result<BallotOpening, Trouble> {
    let refused = |reason: String| Trouble::new(TroubleKind::NotATest, reason);
    if text.len() > MAX_TEST_BYTES {
        return Err(refused(format!("{} bytes are too many for a test ballot", text.len())));
    }
    serde_json::from_str(text.trim()).map_err(|error| refused(error.to_string()))
}

fn known_link(state: &StateDirectory, opening: &BallotOpening) -> Result<Link, Trouble> {
    let missing = || Trouble::new(TroubleKind::NotALink, "this device does not know the test ballot's election");
    state.election(&opening.fingerprint).link()?.ok_or_else(missing)
}

/// What does not hold is the device's fault, or the board's, or a mistake.
fn judge(error: &VoterError, of_test: &Hash, compared: bool) -> Result<TestVerdict, Trouble> {
    use VoterError as E;
    let detail = error.to_string();
    let cheat = |cheat| Ok(TestVerdict::Cheated { cheat, detail: detail.clone() });
    let kind = match error {
        E::Opening(OpeningError::OtherElection(_)) => TroubleKind::OtherTest,
        E::Opening(_) => return cheat(Cheat::OtherAnswers),
        E::OtherCode { .. } => return cheat(Cheat::OtherBallot),
        E::Client(error) => trouble::client(error),
        // The link's fingerprint is the test's, and the board shows something else.
        E::Fingerprint { expected, found } if compared && found != of_test => {
            TroubleKind::OtherElection { expected: *expected, found: *found }
        }
        E::Fingerprint { .. } => TroubleKind::OtherTest,
        E::Manifest(_) => TroubleKind::Caught(Lie::Manifest),
        E::Checkpoint(_) => TroubleKind::Caught(Lie::Checkpoint),
        E::Entry(index, _) => TroubleKind::Caught(Lie::Entry(*index)),
        E::Tree(_) | E::NotTheLog => TroubleKind::Caught(Lie::NotTheLog),
        E::NotOpen => TroubleKind::NotOpen(Phase::Setup),
        _ => TroubleKind::NotATest,
    };
    Err(Trouble::new(kind, detail))
}
