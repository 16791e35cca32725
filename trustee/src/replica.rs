//! The trustee's own copy of a record's state, kept up with a board that is not believed.
//!
//! Every head that the board signs, in checkpoints and in receipts, must lie on one line: what was seen earlier is
//! expected ever after ([`Replica::expect`]), also when a restart of the program begins again from the manifest.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use veritally_board_api::{Client, ClientError, ElectionClient, Link, Submitted};
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::ceremony::Ceremony;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{LeafIndex, TrusteeId};
use veritally_crypto::leaves::{Head, Leaf};
use veritally_crypto::log::Receipt;
use veritally_crypto::log::checkpoint::{CheckpointError, SignedCheckpoint};
use veritally_crypto::log::receipt::ReceiptError;
use veritally_crypto::record::{Phase, RecordState, Rejection};
use veritally_crypto::signature::VerificationKey;

use crate::evidence::Keeper;
use crate::journal::{Journal, JournalError};

/// How long an entry may wait for its place in the log.
const SEQUENCING_PATIENCE: Duration = Duration::from_secs(60);
/// How far a node or a cache of the board may lag behind another one before that is called going back.
const LAG: Duration = Duration::from_secs(3);
/// How often a board that lags is asked again.
const POLL: Duration = Duration::from_millis(500);

/// Why the board's record can't be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// The board can't be reached or refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The signed tree head does not verify.
    #[error("the board's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// An entry that may not be in the log.
    #[error("entry {index} of the log breaks the rules: {reason}")]
    Entry {
        /// Which.
        index: LeafIndex,
        /// Its exact bytes.
        entry: Vec<u8>,
        /// Why.
        reason: Box<Rejection>,
    },
    /// The log is shorter than one that was seen signed, in this run or an earlier one.
    #[error("the board shows a log of {found} entries after one of {seen}: it takes back what it has published")]
    Rollback {
        /// Seen before.
        seen: u64,
        /// Shown now.
        found: u64,
    },
    /// The entries do not hash to the signed root.
    #[error("the board's {0} entries are not those that its signed checkpoint commits to: two views of the log")]
    Fork(u64),
    /// ⚠ A signed head seen earlier is no prefix of this log.
    #[error(
        "the log does not extend the one of {} entries with root {} that this trustee has seen signed: TWO VIEWS OF ONE \
         ELECTION. Nothing was posted; keep journal and evidence", .0.tree_size, .0.root
    )]
    NotAnExtension(Head),
    /// Another election than the link says.
    #[error("the link is for the election with fingerprint {expected}, the board serves {found} there")]
    Fingerprint {
        /// Of the link.
        expected: Hash,
        /// Served.
        found: Hash,
    },
    /// The key file's identity is not in the manifest.
    #[error("none of this election's trustees has the identity key of this key file")]
    NotATrustee,
    /// The receipt for an entry of this trustee.
    #[error("the board's receipt for this trustee's entry does not verify: {0}")]
    Receipt(#[from] ReceiptError),
    /// The board took an entry and does not log it.
    #[error("the board does not log this trustee's entry; run the same command again later")]
    Pending,
    /// What was seen can't be noted.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl ReplicaError {
    /// Whether the board contradicts what it signed before, or signed what breaks the rules.
    #[must_use]
    pub fn is_the_boards_fault(&self) -> bool {
        matches!(self, Self::Rollback { .. } | Self::Fork(_) | Self::NotAnExtension(_) | Self::Entry { .. })
    }
}

/// An entry that the board has logged.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Where.
    pub index: LeafIndex,
    /// The signed head that covers it, out of the receipt.
    pub checkpoint: SignedCheckpoint,
}

/// The number of the trustee with this identity key.
///
/// # Errors
/// [`ReplicaError::NotATrustee`].
pub fn trustee_of(state: &RecordState, identity: VerificationKey) -> Result<TrusteeId, ReplicaError> {
    let trustees = (1..).zip(&state.manifest().trustees);
    let found = trustees.filter(|(_, keys)| keys.identity_key == identity).map(|(number, _)| TrusteeId(number)).next();
    found.ok_or(ReplicaError::NotATrustee)
}

/// A copy of a record's state.
#[derive(Debug)]
pub struct Replica {
    client: ElectionClient,
    state: RecordState,
    /// Heads that were seen signed and that the log must still pass through.
    expected: Vec<Head>,
    /// The last one that the board showed, whether the log fits it or not.
    checkpoint: Option<SignedCheckpoint>,
}

impl Replica {
    /// Begins with the manifest that the board serves under a link; it must have the link's fingerprint.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub async fn connect(link: &Link) -> Result<Self, ReplicaError> {
        let client = Client::for_link(link)?;
        let bytes = client.manifest_bytes().await?;
        let refused = |reason| ReplicaError::Entry { index: 0, entry: bytes.to_vec(), reason: Box::new(reason) };
        let state = RecordState::start(&bytes).map_err(refused)?;
        match link.fingerprint {
            Some(expected) if expected != state.fingerprint() => {
                Err(ReplicaError::Fingerprint { expected, found: state.fingerprint() })
            }
            _ => Ok(Self { client, state, expected: vec![], checkpoint: None }),
        }
    }

    /// Goes on from a state that was verified otherwise.
    #[must_use]
    pub fn from_state(client: ElectionClient, state: RecordState) -> Self {
        Self { client, state, expected: vec![], checkpoint: None }
    }

    /// Demands that the log pass through these heads, seen signed before.
    pub fn expect(&mut self, seen: impl IntoIterator<Item = Head>) {
        self.expected.extend(seen);
    }

    /// The state so far.
    #[must_use]
    pub fn state(&self) -> &RecordState {
        &self.state
    }

    /// The key ceremony so far.
    #[must_use]
    pub fn ceremony(&self) -> &Ceremony {
        self.state.ceremony()
    }

    /// The board's client for this election.
    #[must_use]
    pub fn client(&self) -> &ElectionClient {
        &self.client
    }

    /// The last checkpoint that the board showed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&SignedCheckpoint> {
        self.checkpoint.as_ref()
    }

    /// Sends one of this trustee's entries until the board has logged it, and verifies the receipt. Whose journal there is
    /// notes the receipt's head: [`Self::post_noted`].
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub async fn post(&self, entry: &[u8]) -> Result<Logged, ReplicaError> {
        let deadline = Instant::now() + SEQUENCING_PATIENCE;
        loop {
            match self.client.submit_entry(entry.to_vec()).await? {
                Submitted::Receipt { text, .. } => {
                    let log = &self.state.manifest().log;
                    let receipt = Receipt::parse(&text)?;
                    let (index, _) = receipt.verify(entry, &log.origin, &log.key)?;
                    let checkpoint = SignedCheckpoint::parse(receipt.checkpoint_text(), &log.origin, &log.key)?;
                    return Ok(Logged { index, checkpoint });
                }
                Submitted::Pending { .. } if Instant::now() > deadline => return Err(ReplicaError::Pending),
                // Sending again is asking again.
                Submitted::Pending { .. } => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// [`Self::post`]; the receipt's head is noted, and the log must pass through it from now on.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub async fn post_noted(&mut self, entry: &[u8], journal: &mut Journal) -> Result<LeafIndex, ReplicaError> {
        let Logged { index, checkpoint } = self.post(entry).await?;
        let head = checkpoint.checkpoint().head();
        journal.seen(self.state.fingerprint(), head, Some(checkpoint.to_string()))?;
        self.expect([head]);
        Ok(index)
    }

    /// The number of the trustee with this identity key.
    ///
    /// # Errors
    /// [`ReplicaError::NotATrustee`].
    pub fn trustee(&self, identity: VerificationKey) -> Result<TrusteeId, ReplicaError> {
        trustee_of(&self.state, identity)
    }

    /// [`Self::update`]; the head is noted, and evidence is kept when the board contradicts itself or breaks the rules.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub async fn follow(&mut self, journal: &mut Journal, keeper: &Keeper<'_>) -> Result<(), ReplicaError> {
        let seen_before = self.checkpoint.clone();
        let updated = self.update().await;
        match (&updated, &self.checkpoint) {
            (Ok(_), Some(shown)) => {
                journal.seen(self.state.fingerprint(), shown.checkpoint().head(), Some(shown.to_string()))?;
            }
            (Err(error), Some(shown)) if error.is_the_boards_fault() => {
                let manifest = self.state.manifest();
                keeper.of_board(&self.client, manifest, shown, error, journal, seen_before.as_slice()).await;
            }
            _ => {}
        }
        updated.map(drop)
    }

    /// Fetches and applies what is new, and gives the verified head. Stops at the opening with `None`: with ballots, the
    /// verifier is the one to ask.
    ///
    /// # Errors
    /// [`ReplicaError`]; what was applied before stays.
    pub async fn update(&mut self) -> Result<Option<Head>, ReplicaError> {
        let head = self.shown_head().await?;
        if self.state.phase() == Phase::Open {
            return Ok(None);
        }
        self.check_expected()?;
        let client = self.client.clone();
        let mut bundles = std::pin::pin!(client.bundles(self.state.head().tree_size, head.tree_size));
        while let Some(bundle) = bundles.next().await {
            for (index, bytes) in bundle?.entries() {
                self.apply(index, bytes)?;
                if self.state.phase() == Phase::Open {
                    return Ok(None);
                }
            }
        }
        if self.state.head() == head { Ok(Some(head)) } else { Err(ReplicaError::Fork(head.tree_size)) }
    }

    /// The head that the board signs for now: at least as large as every one that was seen.
    async fn shown_head(&mut self) -> Result<Head, ReplicaError> {
        let started = Instant::now();
        // ⚠ After a start the state is small: what earlier runs saw, only `expected` knows.
        let seen = self.expected.iter().map(|head| head.tree_size).max().unwrap_or(0);
        let seen = seen.max(self.state.head().tree_size);
        loop {
            let text = self.client.checkpoint().await?;
            let log = &self.state.manifest().log;
            let checkpoint = SignedCheckpoint::parse(&text, &log.origin, &log.key)?;
            let head = checkpoint.checkpoint().head();
            self.checkpoint = Some(checkpoint);
            if head.tree_size >= seen {
                return Ok(head);
            }
            if started.elapsed() > LAG {
                return Err(ReplicaError::Rollback { seen, found: head.tree_size });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn apply(&mut self, index: LeafIndex, bytes: &[u8]) -> Result<(), ReplicaError> {
        let refused =
            |reason: Rejection| ReplicaError::Entry { index, entry: bytes.to_vec(), reason: Box::new(reason) };
        let leaf = Leaf::parse(bytes).map_err(|error: CanonicalError| refused(error.into()))?;
        // Where voting is open, nothing is applied: a ballot that comes here is too early or too late.
        if matches!(leaf, Leaf::Ballot(_)) {
            return Err(refused(Rejection::Phase { entry: "ballot", phase: self.state.phase() }));
        }
        self.state.apply(&leaf, bytes).map_err(refused)?;
        self.check_expected()
    }

    fn check_expected(&self) -> Result<(), ReplicaError> {
        let now = self.state.head();
        match self.expected.iter().find(|seen| seen.tree_size == now.tree_size && seen.root != now.root) {
            Some(seen) => Err(ReplicaError::NotAnExtension(*seen)),
            None => Ok(()),
        }
    }
}
