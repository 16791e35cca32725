//! For a voter, on any other device than the one that voted: is my ballot in the log ([`check_receipt`]), and did my device
//! encrypt what I chose ([`check_opening`])? A board's address, a folder and a tar file all do.

use std::sync::Arc;

use futures_util::StreamExt as _;
use veritally_board_api::client::TreeError;
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::ballot::{BallotContext, BallotOpening, ConfirmationCode, EncryptedBallot, OpeningError};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::{Head, Leaf};
use veritally_crypto::log::checkpoint::{CheckpointError, SignedCheckpoint};
use veritally_crypto::log::merkle::{Frontier, ProofError, leaf_hash};
use veritally_crypto::log::receipt::{Receipt, ReceiptError};
use veritally_crypto::log::tiles::{TILE_WIDTH, TileKind, TilePath, bundles_of, decode_entries};
use veritally_crypto::manifest::{CheckedManifest, ManifestError};
use veritally_crypto::record::{RecordState, Rejection};

use crate::evidence::Finding;
use crate::source::{Source, SourceError, limit, locate, read_checkpoint};

/// Where the log is read from.
pub enum Place {
    /// A board.
    Board(Link),
    /// A copy: folder or tar.
    Copy(Box<dyn Source>),
}

/// Why a receipt or an opened ballot does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoterError {
    /// The board.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The copy.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Proofs can't be made of the board's files.
    #[error("the board's files do not fit what it signed: {0}")]
    Tree(TreeError),
    /// The election.
    #[error("the election's description is not usable: {0}")]
    Manifest(#[from] ManifestError),
    /// Another election.
    #[error("this is the election with fingerprint {found}, you mean {expected}")]
    Fingerprint {
        /// Given.
        expected: Hash,
        /// Found.
        found: Hash,
    },
    /// The log's checkpoint.
    #[error("the log's checkpoint does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The entries are not those that were signed.
    #[error("the entries are not those that the board signed for: they are damaged, or were altered")]
    NotTheLog,
    /// An entry before the opening.
    #[error("entry {0} of the log breaks the rules: {1}")]
    Entry(LeafIndex, Box<Rejection>),
    /// No keys yet.
    #[error("voting has not begun: there are no keys to check with")]
    NotOpen,
    /// The receipt.
    #[error("{0}")]
    Receipt(#[from] ReceiptError),
    /// ⚠ The log is not the receipt's.
    #[error(
        "the log does NOT contain the log that the receipt was given for: the board signed two different logs. Keep the \
         receipt: it is evidence"
    )]
    Forked(Box<Option<Finding>>),
    /// ⚠ The board shows a log that is smaller than the receipt's.
    #[error(
        "the board shows a log of {found} entries, the receipt is for one of {needed}: it went back behind what it had signed. \
         Keep the receipt: it is evidence"
    )]
    WentBack {
        /// Of the board.
        found: u64,
        /// Of the receipt's log.
        needed: u64,
    },
    /// The board's files show neither that its log extends the receipt's nor that it does not.
    #[error(
        "the files that the board serves do not show that its log contains the one that the receipt was given for: either they \
         are damaged, or the board signed two different logs. Keep the receipt, and ask again later, or with a copy of the record"
    )]
    Unproven(Box<Finding>),
    /// The board's log contains the receipt's, so the ballot is in it; the files that say where are wrong.
    #[error(
        "the ballot is in the board's log, which contains the one that the receipt was given for; but the board's files of \
         hashes are wrong at its place, so that nobody can follow the proof from the ballot to the log of today. Tell the board's \
         operator, and ask again later"
    )]
    WrongTiles,
    /// The copy is older than the receipt.
    #[error("this copy of the log has {found} entries, the receipt is for one of {needed}: get a newer copy")]
    TooOld {
        /// Of the copy.
        found: u64,
        /// Of the receipt's log.
        needed: u64,
    },
    /// The receipt's entry.
    #[error("the receipt is for an entry that is not a ballot")]
    NotABallot,
    /// The opened ballot.
    #[error("{0}. Don't cast ballots with the device that made it; tell the election's office")]
    Opening(#[from] OpeningError),
    /// Another ballot than the one whose code was noted.
    #[error(
        "the opened ballot has the code {found} ({}), the code that was noted before is {noted}: the device opened another \
         ballot than the one it had encrypted. Don't cast ballots with it; tell the election's office", found.0
    )]
    OtherCode {
        /// Noted before choosing to test.
        noted: Hash,
        /// Of the opened ballot.
        found: ConfirmationCode,
    },
}

/// A ballot that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its place.
    pub index: LeafIndex,
    /// What the voter noted.
    pub code: ConfirmationCode,
    /// The voter's pseudonym, as on the letter.
    pub public_id: String,
    /// Which of the voter's ballots.
    pub counter: u64,
    /// Entries of the log today.
    pub tree_size: u64,
    /// Whether a later ballot of the same voter takes its place; `None`: not looked at (addresses are not read whole).
    pub replaced: Option<bool>,
}

/// Leaf 0 and the log's signed head.
struct Log {
    manifest: CheckedManifest,
    leaf_0: Vec<u8>,
    latest: SignedCheckpoint,
}

impl Log {
    fn new(leaf_0: Vec<u8>, checkpoint: &str, expected: Option<Hash>) -> Result<Self, VoterError> {
        let manifest = CheckedManifest::from_leaf(&leaf_0)?;
        let found = manifest.fingerprint();
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(VoterError::Fingerprint { expected, found });
        }
        let latest = SignedCheckpoint::parse(checkpoint, &manifest.log.origin, &manifest.log.key)?;
        Ok(Self { manifest, leaf_0, latest })
    }

    async fn at(client: &ElectionClient, expected: Option<Hash>) -> Result<Self, VoterError> {
        let leaf_0 = client.manifest_bytes().await?.to_vec();
        Self::new(leaf_0, &client.checkpoint().await?, expected)
    }

    fn of(source: &dyn Source, expected: Option<Hash>) -> Result<Self, VoterError> {
        let checkpoint = String::from_utf8_lossy(&read_checkpoint(source)?).into_owned();
        let mut leaf_0 = None;
        scan(source, 1, |_, entry| {
            leaf_0 = Some(entry.to_vec());
            Ok(())
        })?;
        Self::new(leaf_0.ok_or(VoterError::NotTheLog)?, &checkpoint, expected)
    }

    fn size(&self) -> u64 {
        self.latest.checkpoint().tree_size
    }
}

/// Goes through the first `count` entries of a copy.
fn scan(
    source: &dyn Source,
    count: u64,
    mut each: impl FnMut(LeafIndex, &[u8]) -> Result<(), VoterError>,
) -> Result<(), VoterError> {
    let note = read_checkpoint(source)?;
    // How many entries a bundle has depends on the size of the whole log; who calls this verifies the checkpoint.
    let size = size_of(&note).ok_or(VoterError::NotTheLog)?;
    for bundle in bundles_of(0, size).take_while(|bundle| bundle.range().start < count) {
        let (found, _) = locate(source, bundle)?.ok_or(VoterError::NotTheLog)?;
        let bytes = source.read(&found.to_string(), limit(found.kind()))?.bytes().ok_or(VoterError::NotTheLog)?;
        let entries = decode_entries(&bytes, found.width()).map_err(|_| VoterError::NotTheLog)?;
        for (index, entry) in bundle.range().zip(entries).take_while(|(index, _)| *index < count) {
            each(index, entry)?;
        }
    }
    Ok(())
}

fn size_of(note: &[u8]) -> Option<u64> {
    let note = veritally_crypto::log::note::Note::parse(std::str::from_utf8(note).ok()?).ok()?;
    Some(veritally_crypto::log::Checkpoint::parse(note.text()).ok()?.tree_size)
}

/// Checks that a receipt's ballot is in the log today. `ballot`: the stored ballot's bytes, if they are at hand; else the
/// entry that the log has at the receipt's place, which then must be the one that the receipt proves.
///
/// # Errors
/// [`VoterError`].
pub async fn check_receipt(
    place: &Place,
    expected: Option<Hash>,
    receipt: &str,
    ballot: Option<&[u8]>,
) -> Result<Found, VoterError> {
    let receipt = Receipt::parse(receipt)?;
    match place {
        Place::Board(link) => {
            let client = Client::for_link(link)?;
            let log = Log::at(&client, expected.or(link.fingerprint)).await?;
            let then = signed(&receipt, &log)?;
            if let Some(finding) = Finding::compare(&client, &then, &log.latest).await.map_err(tree)? {
                return Err(contradiction(&client, finding, (&receipt, ballot), &then, &log).await);
            }
            let entry = fetch(&client, receipt.index, log.size()).await?;
            let found = ballot.unwrap_or(&entry);
            receipt.verify(found, &log.manifest.log.origin, &log.manifest.log.key)?;
            let proof = client.inclusion_proof(receipt.index, log.size()).await.map_err(tree)?;
            let head = log.latest.checkpoint().head();
            // What the receipt proves of its log holds of every log that extends it.
            proof.verify(receipt.index, &leaf_hash(found), &head).map_err(|_: ProofError| VoterError::WrongTiles)?;
            describe(&log, receipt.index, found, None)
        }
        Place::Copy(source) => {
            let log = Log::of(source.as_ref(), expected)?;
            let then = signed(&receipt, &log)?.checkpoint().head();
            if then.tree_size > log.size() {
                return Err(VoterError::TooOld { found: log.size(), needed: then.tree_size });
            }
            let scanned = Scanned::new(source.as_ref(), &log, receipt.index, then.tree_size)?;
            if scanned.then != then {
                return Err(VoterError::Forked(Box::new(None)));
            }
            let entry = scanned.entry.ok_or(VoterError::NotTheLog)?;
            let found = ballot.unwrap_or(&entry);
            receipt.verify(found, &log.manifest.log.origin, &log.manifest.log.key)?;
            describe(&log, receipt.index, found, Some(scanned.replaced))
        }
    }
}

/// The board's log does not extend the receipt's: names the ballot that vanished, if it is at hand and the board's files
/// prove it.
async fn contradiction(
    client: &ElectionClient,
    finding: Finding,
    (receipt, ballot): (&Receipt, Option<&[u8]>),
    then: &SignedCheckpoint,
    log: &Log,
) -> VoterError {
    match finding {
        Finding::Rollback { .. } => VoterError::WentBack { found: log.size(), needed: then.checkpoint().tree_size },
        Finding::Unproven { .. } => VoterError::Unproven(Box::new(finding)),
        fork => {
            let identity = &log.manifest.log;
            let ballot = ballot.filter(|ballot| receipt.verify(ballot, &identity.origin, &identity.key).is_ok());
            let vanished = match ballot {
                Some(ballot) => {
                    let entry = (ballot, receipt.index, &receipt.proof);
                    Finding::vanished(client, entry, then, &log.latest).await.ok().flatten()
                }
                None => None,
            };
            let vanished = vanished.filter(|finding| matches!(finding, Finding::Vanished { .. }));
            VoterError::Forked(Box::new(Some(vanished.unwrap_or(fork))))
        }
    }
}

/// The receipt's own checkpoint, verified.
fn signed(receipt: &Receipt, log: &Log) -> Result<SignedCheckpoint, VoterError> {
    let identity = &log.manifest.log;
    Ok(SignedCheckpoint::parse(receipt.checkpoint_text(), &identity.origin, &identity.key)?)
}

fn tree(error: TreeError) -> VoterError {
    match error {
        TreeError::Client(error) => error.into(),
        other => VoterError::Tree(other),
    }
}

/// An entry, from the bundle that has it.
async fn fetch(client: &ElectionClient, index: LeafIndex, size: u64) -> Result<Vec<u8>, VoterError> {
    let bundle = index / TILE_WIDTH;
    let width = size.saturating_sub(bundle * TILE_WIDTH).min(TILE_WIDTH);
    let tile = TilePath::new(TileKind::Entries, bundle, width).map_err(|_| VoterError::NotTheLog)?;
    let bytes = client.tile(tile).await?;
    let entries = decode_entries(&bytes, width).map_err(|_| VoterError::NotTheLog)?;
    let place = usize::try_from(index % TILE_WIDTH).unwrap_or(usize::MAX);
    Ok(entries.get(place).ok_or(VoterError::NotTheLog)?.to_vec())
}

/// What a copy has: all of it was hashed, and is what was signed.
struct Scanned {
    entry: Option<Vec<u8>>,
    /// The head at the receipt's size.
    then: Head,
    replaced: bool,
}

impl Scanned {
    fn new(source: &dyn Source, log: &Log, index: LeafIndex, then: u64) -> Result<Self, VoterError> {
        let (mut frontier, mut entry, mut at_then, mut replaced) = (Frontier::new(), None, None, false);
        let mut same_voter = vec![];
        scan(source, log.size(), |i, bytes| {
            frontier.push(leaf_hash(bytes));
            if frontier.size() == then {
                at_then = Some(frontier.head());
            }
            if i == index {
                entry = Some(bytes.to_vec());
                if let Ok(ballot) = EncryptedBallot::parse(bytes) {
                    let credential = serde_json::to_string(&ballot.leaf().credential).unwrap_or_default();
                    same_voter = format!("\"credential\":{credential}").into_bytes();
                }
            } else if i > index && !same_voter.is_empty() && bytes.starts_with(b"{\"a\":") {
                replaced |= bytes.windows(same_voter.len()).any(|window| window == same_voter);
            }
            Ok(())
        })?;
        if frontier.head() != log.latest.checkpoint().head() {
            return Err(VoterError::NotTheLog);
        }
        Ok(Self { entry, then: at_then.ok_or(VoterError::NotTheLog)?, replaced })
    }
}

fn describe(log: &Log, index: LeafIndex, entry: &[u8], replaced: Option<bool>) -> Result<Found, VoterError> {
    let ballot = EncryptedBallot::parse(entry).map_err(|_| VoterError::NotABallot)?;
    Ok(Found {
        index,
        code: ballot.confirmation_code(&log.manifest.fingerprint()),
        public_id: ballot.credential().public_id(),
        counter: ballot.leaf().counter,
        tree_size: log.size(),
        replaced,
    })
}

/// Recomputes a spoiled ballot from its selections and seed, with the keys of a log whose ceremony is checked message by
/// message; compares all 256 bits of its code with the one that was noted, if given.
///
/// ⚠ A device that may choose both ballots finds two with the same 100 bits: the short code is not enough.
///
/// # Errors
/// [`VoterError`].
pub async fn check_opening(
    place: &Place,
    opening: &BallotOpening,
    noted: Option<&Hash>,
) -> Result<(Arc<BallotContext>, ConfirmationCode), VoterError> {
    let expected = Some(opening.fingerprint);
    let context = match place {
        Place::Board(link) => {
            if let Some(given) = link.fingerprint.filter(|given| *given != opening.fingerprint) {
                return Err(VoterError::Fingerprint { expected: given, found: opening.fingerprint });
            }
            let client = Client::for_link(link)?;
            let log = Log::at(&client, expected).await?;
            let state = opened_at(&client, &log).await?;
            state.ballot_context().cloned()
        }
        Place::Copy(source) => {
            let log = Log::of(source.as_ref(), expected)?;
            let mut state = start(&log)?;
            let mut frontier = Frontier::new();
            scan(source.as_ref(), log.size(), |index, bytes| {
                frontier.push(leaf_hash(bytes));
                if index > 0 && state.ballot_context().is_none() { apply(&mut state, index, bytes) } else { Ok(()) }
            })?;
            if frontier.head() != log.latest.checkpoint().head() {
                return Err(VoterError::NotTheLog);
            }
            state.ballot_context().cloned()
        }
    };
    let context = context.ok_or(VoterError::NotOpen)?;
    let found = opening.verify(&context)?;
    match noted {
        Some(noted) if *noted != found.0 => Err(VoterError::OtherCode { noted: *noted, found }),
        _ => Ok((context, found)),
    }
}

fn start(log: &Log) -> Result<RecordState, VoterError> {
    RecordState::start(&log.leaf_0).map_err(|rejection| VoterError::Entry(0, Box::new(rejection)))
}

fn apply(state: &mut RecordState, index: LeafIndex, bytes: &[u8]) -> Result<(), VoterError> {
    let refused = |rejection: Rejection| VoterError::Entry(index, Box::new(rejection));
    let leaf = Leaf::parse(bytes).map_err(|error| refused(error.into()))?;
    state.apply(&leaf, bytes).map_err(refused)
}

/// The state at the opening, of a log that the board's signed one extends.
async fn opened_at(client: &ElectionClient, log: &Log) -> Result<RecordState, VoterError> {
    let mut state = start(log)?;
    let mut bundles = std::pin::pin!(client.bundles(1, log.size()));
    while let (None, Some(bundle)) = (state.ballot_context(), bundles.next().await) {
        for (index, bytes) in bundle?.entries() {
            if state.ballot_context().is_none() {
                apply(&mut state, index, bytes)?;
            }
        }
    }
    let (then, now) = (state.head(), log.latest.checkpoint().head());
    if then != now {
        let proof = client.consistency_proof(then.tree_size, now.tree_size).await.map_err(tree)?;
        proof.verify(&then, &now).map_err(|_| VoterError::NotTheLog)?;
    }
    Ok(state)
}
