//! [`RecordState`]: the one judge of who may append what, when. Board, trustees and verifier replay the same function.
//!
//! It holds what the rules need, not the entries: about 110 bytes a voter (at most 125), and 38 to 76 bytes for the pad of each
//! ballot that was cast, superseded ones too: a hash set of 33 bytes each is between 7/16 and 7/8 full. The phases and the entries that
//! each admits are the table of specs/protocol.md section 2; each file below keeps the rules of some entries.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ballot::BallotContext;
use crate::ceremony::{Ceremony, CeremonyParameters};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{Agreement, Head, Leaf};
use crate::log::merkle::{Frontier, leaf_hash};
use crate::manifest::CheckedManifest;
use crate::tally::{ContestCells, EncryptedTally};

mod administration;
mod ballots;
mod decryption;
mod disputes;
mod messages;
mod rejection;
mod roll;

pub use decryption::{ContestCounts, ShareEntry, decrypted_counts};
pub use disputes::{ComplaintEntry, MAX_ATTEMPTS, RestartEntry};
pub use rejection::Rejection;
pub use roll::{VoterRecord, roll_hash};

/// Where an election stands; a function of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Manifest logged; ceremony and roll under way.
    Setup,
    /// Ballots are admitted.
    Open,
    /// Voting ended; trustees agree on the head.
    Closed,
    /// q trustees agreed; shares are admitted.
    Agreed,
    /// k valid shares are there.
    Decrypted,
    /// The result is logged.
    Published,
    /// Given up.
    Abandoned,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Setup => "setup",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Agreed => "agreed",
            Self::Decrypted => "decrypted",
            Self::Published => "published",
            Self::Abandoned => "abandoned",
        })
    }
}

/// How many ballots came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Admitted ballots, superseded ones included.
    pub ballots_cast: u64,
    /// Credentials that voted.
    pub ballots_counted: u64,
    /// Spoiled ballots that voters published.
    pub ballots_spoiled: u64,
    /// Credentials on the roll; a re-issued one stands for the one that it replaced.
    pub credentials: u64,
    /// Credentials that were replaced by others.
    pub credentials_reissued: u64,
}

/// The state of an election after a prefix of its log.
pub struct RecordState {
    manifest: Arc<CheckedManifest>,
    phase: Phase,
    frontier: Frontier,
    ceremony: Ceremony,
    disputes: disputes::Disputes,
    messages: messages::Messages,
    roll: roll::RollState,
    context: Option<Arc<BallotContext>>,
    closes_at_ms: u64,
    /// The latest word on when voting ends: the opening, or the last extension. A closing is not older.
    schedule_set_at_ms: u64,
    pads: HashSet<[u8; 32]>,
    ballots_cast: u64,
    tally: EncryptedTally,
    /// Ballots came since the last tally head.
    tally_head_due: bool,
    closing_head: Option<Head>,
    closed_at_ms: Option<u64>,
    cells: Vec<ContestCells>,
    agreements: BTreeMap<TrusteeId, Agreement>,
    shares: Vec<ShareEntry>,
    result: Option<Vec<ContestCounts>>,
    result_published: bool,
}

impl std::fmt::Debug for RecordState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordState({}, {} entries)", self.phase, self.frontier.size())
    }
}

impl RecordState {
    /// Begins with leaf 0.
    ///
    /// # Errors
    /// [`Rejection::Manifest`] with every problem of the manifest.
    pub fn start(leaf_0: &[u8]) -> Result<Self, Rejection> {
        let manifest = Arc::new(CheckedManifest::from_leaf(leaf_0)?);
        let parameters = CeremonyParameters::new(manifest.fingerprint(), 1, &manifest, manifest.row_count())?;
        let mut frontier = Frontier::new();
        frontier.push(leaf_hash(leaf_0));
        Ok(Self {
            phase: Phase::Setup,
            frontier,
            ceremony: Ceremony::new(parameters),
            disputes: disputes::Disputes::default(),
            messages: messages::Messages::default(),
            roll: roll::RollState::default(),
            context: None,
            closes_at_ms: manifest.schedule.closes_at_ms,
            schedule_set_at_ms: 0,
            pads: HashSet::new(),
            ballots_cast: 0,
            tally: EncryptedTally::new(&manifest),
            tally_head_due: false,
            closing_head: None,
            closed_at_ms: None,
            cells: vec![],
            agreements: BTreeMap::new(),
            shares: vec![],
            result: None,
            result_published: false,
            manifest,
        })
    }

    /// Judges and applies any entry but leaf 0 and ballots (for those: [`RecordState::apply_ballot`]). `bytes` are the
    /// entry's exact bytes, `leaf` what [`Leaf::parse`] made of them. On error nothing has changed.
    ///
    /// # Errors
    /// [`Rejection`]: why the entry may not enter this log now.
    pub fn apply(&mut self, leaf: &Leaf, bytes: &[u8]) -> Result<(), Rejection> {
        match leaf {
            Leaf::Manifest(_) => return Err(Rejection::SecondManifest),
            Leaf::Ballot(_) => return Err(Rejection::UnverifiedBallot),
            Leaf::Commit(_) | Leaf::Reveal(_) | Leaf::Shares(_) | Leaf::Confirm(_) | Leaf::Rehearsal(_) => {
                self.apply_message(leaf, Hash::of(bytes))?;
            }
            Leaf::Complaint(complaint) => self.apply_complaint(complaint)?,
            Leaf::Restart(restart) => self.apply_restart(restart)?,
            Leaf::DecryptionShare(_) => self.apply_message(leaf, Hash::of(bytes))?,
            Leaf::Part(part) => self.apply_part(part)?,
            Leaf::RollPart(part) => return self.apply_roll_part(part, bytes),
            Leaf::Roll(roll) => self.apply_roll(roll)?,
            Leaf::Reissue(reissue) => self.apply_reissue(reissue)?,
            Leaf::Opening(opening) => self.apply_opening(opening)?,
            Leaf::SpoiledBallot(spoiled) => self.apply_spoiled(spoiled)?,
            Leaf::TallyHead(head) => self.apply_tally_head(head)?,
            Leaf::Extension(extension) => self.apply_extension(extension)?,
            Leaf::Closing(closing) => {
                self.check_closing(closing)?;
                self.frontier.push(leaf_hash(bytes));
                self.close(closing.time_ms);
                return Ok(());
            }
            Leaf::Agreement(agreement) => self.apply_agreement(agreement)?,
            Leaf::Result(result) => self.apply_result(result)?,
            Leaf::Abandonment(abandonment) => self.apply_abandonment(abandonment)?,
        }
        self.frontier.push(leaf_hash(bytes));
        Ok(())
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<CheckedManifest> {
        &self.manifest
    }

    /// SHA-256 of leaf 0.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.manifest.fingerprint()
    }

    /// Where the election stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Size and root hash of the log so far.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { root: self.frontier.root(), tree_size: self.frontier.size() }
    }

    /// When voting is to end, extensions included; milliseconds since the Unix epoch.
    #[must_use]
    pub fn closes_at_ms(&self) -> u64 {
        self.closes_at_ms
    }

    /// The key ceremony: its present attempt.
    #[must_use]
    pub fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }

    /// For making and verifying ballots; from the opening on.
    #[must_use]
    pub fn ballot_context(&self) -> Option<&Arc<BallotContext>> {
        self.context.as_ref()
    }

    /// How many ballots came.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            ballots_cast: self.ballots_cast,
            ballots_counted: self.tally.ballots(),
            ballots_spoiled: self.roll.spoiled(),
            credentials: self.roll.len() as u64,
            credentials_reissued: self.roll.reissued(),
        }
    }

    /// The running tally.
    #[must_use]
    pub fn running_tally(&self) -> &EncryptedTally {
        &self.tally
    }

    /// The head that trustees agree to: the log up to the closing entry.
    #[must_use]
    pub fn closing_head(&self) -> Option<Head> {
        self.closing_head
    }

    /// When voting was closed, as the closing entry says; milliseconds since the Unix epoch.
    #[must_use]
    pub fn closed_at_ms(&self) -> Option<u64> {
        self.closed_at_ms
    }

    /// The cells that are decrypted; empty before closing.
    #[must_use]
    pub fn cells(&self) -> &[ContestCells] {
        &self.cells
    }

    /// Agreements so far.
    #[must_use]
    pub fn agreements(&self) -> &BTreeMap<TrusteeId, Agreement> {
        &self.agreements
    }

    /// Decryption share entries so far, bad ones included.
    #[must_use]
    pub fn shares(&self) -> &[ShareEntry] {
        &self.shares
    }

    /// The counts, once k valid shares are there.
    #[must_use]
    pub fn decrypted(&self) -> Option<&[ContestCounts]> {
        self.result.as_deref()
    }

    /// Whether the roll is complete, and its hash.
    #[must_use]
    pub fn roll_hash(&self) -> Option<Hash> {
        self.roll.hash()
    }

    /// Parts of the roll logged so far.
    #[must_use]
    pub fn roll_parts(&self) -> u64 {
        self.roll.parts()
    }

    fn expect_phase(&self, entry: &'static str, allowed: &[Phase]) -> Result<(), Rejection> {
        if allowed.contains(&self.phase) { Ok(()) } else { Err(Rejection::Phase { entry, phase: self.phase }) }
    }
}
