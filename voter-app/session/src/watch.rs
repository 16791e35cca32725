//! After the ballot is cast: what this device knows of its elections, and looking after them.
//!
//! [`cards`] reads the local state, without network. [`recheck`] asks the board and checks everything again: that the log
//! continues the one that was seen, and that every receipt's ballot is still in it. [`follow`] hears of turnout while it
//! happens. [`verify_result`] runs the verifier on the whole record, on this device, and finds the voter's ballots in it.
//! [`Watcher`] does all that for the model in [`crate::overview`].

use std::path::PathBuf;
use std::time::Duration;

use veritally_board_api::client::Event;
use veritally_board_api::{Client, Link, Status};
use veritally_crypto::ballot::ConfirmationCode;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::receipt::Receipt;
use veritally_crypto::manifest::Texts;
use veritally_crypto::record::{Counts, Phase};
use veritally_verifier::Report;

use crate::election::OpenRequest;
use crate::flow::Trouble;
use crate::receipts::{self, ReceiptCheck};
use crate::store::{ElectionStore, StoredBallot};
use crate::{SessionError, StateDirectory};

mod recount;
mod watcher;
pub use recount::verify_result;
pub use watcher::Watcher;

/// How long a board that does not answer is asked again, in the background.
const PATIENCE: Duration = Duration::from_secs(10);

/// An election that this device has state of.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Which election.
    pub fingerprint: Hash,
    /// Where it is served.
    pub link: Option<Link>,
    /// By language; empty when the manifest was never kept.
    pub name: Texts,
    /// The election's languages.
    pub languages: Vec<String>,
    /// When voting was to end, as announced at first; milliseconds since the Unix epoch, UTC.
    pub closes_at_ms: Option<u64>,
    /// The voter's ballots, by public id and number.
    pub ballots: Vec<BallotCard>,
    /// Folders with evidence that the board lied.
    pub evidence: Vec<PathBuf>,
    /// The local state can't be read in full.
    pub trouble: Option<Trouble>,
}

/// A ballot that was cast from this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BallotCard {
    /// Whose.
    pub public_id: String,
    /// Which of the credential's ballots, from 1.
    pub number: u64,
    /// To be looked up by anybody.
    pub code: ConfirmationCode,
    /// A later ballot of the same credential has a receipt: that one counts.
    pub replaced: bool,
    /// Where it is.
    pub place: Place,
}

/// Where a ballot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It has no receipt yet: enter the election with the code, and it goes out.
    Waiting,
    /// In the log, by its stored receipt; not looked at again in this session.
    Stored(Option<LeafIndex>),
    /// In the log: seen there just now.
    InTheBox(LeafIndex),
    /// It should be there, and can't be shown to be.
    NotFound(Trouble),
}

/// What a new look at an election gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Rechecked {
    /// The signed log that everything was checked against.
    pub head: Head,
    /// How it stands, as the board tells it; `None` when it does not.
    pub turnout: Option<Turnout>,
    /// The ballots, looked at again.
    pub ballots: Vec<BallotCard>,
}

/// How many voted so far, and how large the running tally is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turnout {
    /// Where the election stands.
    pub phase: Phase,
    /// Ballots and voters.
    pub counts: Counts,
    /// Entries of the log.
    pub entries: u64,
    /// Encrypted sums in the running tally; `None` before the first was heard of.
    pub tally_sums: Option<usize>,
    /// Size of that tally, bytes: a pad or a sum has 32.
    pub tally_bytes: Option<usize>,
    /// When voting is to end; milliseconds since the Unix epoch, UTC.
    pub closes_at_ms: u64,
    /// The board's clock.
    pub time_ms: u64,
}

/// A whole record, verified on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultInfo {
    /// What the verifier found: counts, winners, every check.
    pub report: Report,
    /// The voter's ballots in it.
    pub ballots: Vec<CountedBallot>,
    /// At what the board was caught: the record does not hold, or lacks a ballot of the voter's.
    pub caught: Option<Trouble>,
}

/// What became of one of the voter's ballots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedBallot {
    /// Whose.
    pub public_id: String,
    /// Which of the credential's ballots.
    pub number: u64,
    /// Its code.
    pub code: ConfirmationCode,
    /// It is the ballot that counts for this credential. False: a later one does, or the record was not accepted.
    pub counted: bool,
}

/// All elections that this device has state of, from the local state alone. Blocks on files.
///
/// # Errors
/// [`SessionError::File`] when the directory can't be read; what is wrong with one election stands in its card.
pub fn cards(state: &StateDirectory) -> Result<Vec<Card>, SessionError> {
    Ok(state.elections()?.iter().map(|fingerprint| card(*fingerprint, &state.election(fingerprint))).collect())
}

fn card(fingerprint: Hash, store: &ElectionStore) -> Card {
    let mut trouble: Option<Trouble> = None;
    let mut note = |error: SessionError| {
        trouble.get_or_insert_with(|| error.into());
    };
    let link = store.link().map_err(&mut note).ok().flatten();
    let manifest = store.manifest().map_err(&mut note).ok().flatten();
    let ballots = store.ballots().map_err(&mut note).unwrap_or_default();
    let ballots = ballots.iter().map(|one| stored(one, &ballots, &fingerprint)).collect();
    let evidence = store.evidence().map_err(|error| note(error.into())).unwrap_or_default();
    Card {
        fingerprint,
        link,
        name: manifest.as_ref().map(|manifest| manifest.name.clone()).unwrap_or_default(),
        languages: manifest.as_ref().map(|manifest| manifest.languages.clone()).unwrap_or_default(),
        closes_at_ms: manifest.as_ref().map(|manifest| manifest.schedule.closes_at_ms),
        ballots,
        evidence,
        trouble,
    }
}

/// Whether a later ballot of the same credential has a receipt.
fn is_replaced(key: CredentialKey, number: u64, all: &[StoredBallot]) -> bool {
    let later = |one: &&StoredBallot| one.ballot.credential() == key && one.ballot.leaf().counter > number;
    all.iter().filter(later).any(|one| one.receipt.is_some())
}

fn stored(one: &StoredBallot, all: &[StoredBallot], fingerprint: &Hash) -> BallotCard {
    let index = |text: &String| Receipt::parse(text).ok().map(|receipt| receipt.index);
    let (key, number) = (one.ballot.credential(), one.ballot.leaf().counter);
    BallotCard {
        public_id: key.public_id(),
        number,
        code: one.ballot.confirmation_code(fingerprint),
        replaced: is_replaced(key, number, all),
        place: one.receipt.as_ref().map_or(Place::Waiting, |text| Place::Stored(index(text))),
    }
}

/// How to ask for an election that this device knows.
///
/// # Errors
/// [`SessionError`] when the local state does not say where it is served.
pub fn request(state: &StateDirectory, fingerprint: &Hash) -> Result<OpenRequest, SessionError> {
    let link = state.election(fingerprint).link()?;
    let link = link.ok_or_else(|| SessionError::State(format!("it does not say where {fingerprint} is served")))?;
    let mut request = OpenRequest::new(link, state.clone());
    (request.fingerprint, request.patience) = (Some(*fingerprint), PATIENCE);
    Ok(request)
}

/// Looks at an election again: log, receipts, turnout.
///
/// # Errors
/// [`SessionError`]; evidence was kept when the board was caught.
pub async fn recheck(request: &OpenRequest) -> Result<Rechecked, SessionError> {
    let (view, checks) = receipts::check(request).await?;
    let status = view.board().status().await.ok();
    let all = view.store().ballots()?;
    let ballot = |check: ReceiptCheck| BallotCard {
        public_id: check.credential.public_id(),
        number: check.counter,
        code: check.code,
        replaced: is_replaced(check.credential, check.counter, &all),
        place: match check.outcome {
            Ok(None) => Place::Waiting,
            Ok(Some(index)) => Place::InTheBox(index),
            Err(error) => Place::NotFound(error.into()),
        },
    };
    Ok(Rechecked {
        head: view.checkpoint().checkpoint().head(),
        turnout: status.as_ref().map(|status| turnout(status, None)),
        ballots: checks.into_iter().map(ballot).collect(),
    })
}

fn turnout(status: &Status, before: Option<&Turnout>) -> Turnout {
    Turnout {
        phase: status.phase,
        counts: status.counts,
        entries: status.head.tree_size,
        tally_sums: before.and_then(|before| before.tally_sums),
        tally_bytes: before.and_then(|before| before.tally_bytes),
        closes_at_ms: status.closes_at_ms,
        time_ms: status.time_ms,
    }
}

/// Hears of turnout while it happens, until the board can't be reached any more. Nothing of it is verified: it is news,
/// [`recheck`] is what holds.
pub async fn follow(request: &OpenRequest, mut tell: impl FnMut(Turnout)) -> SessionError {
    let client = match Client::for_link(&request.link) {
        Ok(client) => client,
        Err(error) => return error.into(),
    };
    let mut events = client.events(None);
    let mut latest: Option<Turnout> = None;
    loop {
        match events.next().await {
            Ok(Event::Status(status)) => latest = Some(turnout(&status, latest.as_ref())),
            Ok(Event::Tally(tally)) => {
                if let Some(latest) = &mut latest {
                    let points: usize = tally.sums.iter().map(|sum| 1 + sum.data.len()).sum();
                    latest.tally_sums = Some(tally.sums.iter().map(|sum| sum.data.len()).sum());
                    latest.tally_bytes = Some(points * 32);
                }
            }
            Ok(_) => {}
            Err(error) => return error.into(),
        }
        if let Some(latest) = latest {
            tell(latest);
        }
    }
}
