//! The trustee's own copy of a record's state, kept up with a board that is not believed.

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

/// How long an entry may wait for its place in the log.
const SEQUENCING_PATIENCE: Duration = Duration::from_secs(60);

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
        /// Why.
        reason: Box<Rejection>,
    },
    /// The log got shorter.
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
    /// A ballot where none is expected.
    #[error("the log has ballots already: the key ceremony is over")]
    Ballots,
}

impl ReplicaError {
    /// Whether the board contradicts what it signed before.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        matches!(self, Self::Rollback { .. } | Self::Fork(_) | Self::NotAnExtension(_))
    }
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
        let refused = |reason| ReplicaError::Entry { index: 0, reason: Box::new(reason) };
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

    /// Sends one of this trustee's entries until the board has logged it, and verifies the receipt.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub async fn post(&self, entry: &[u8]) -> Result<LeafIndex, ReplicaError> {
        let deadline = Instant::now() + SEQUENCING_PATIENCE;
        loop {
            match self.client.submit_entry(entry.to_vec()).await? {
                Submitted::Receipt { text, .. } => {
                    let log = &self.state.manifest().log;
                    return Ok(Receipt::parse(&text)?.verify(entry, &log.origin, &log.key)?.0);
                }
                Submitted::Pending { .. } if Instant::now() > deadline => return Err(ReplicaError::Pending),
                // Sending again is asking again.
                Submitted::Pending { .. } => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// The number of the trustee with this identity key.
    ///
    /// # Errors
    /// [`ReplicaError::NotATrustee`].
    pub fn trustee(&self, identity: VerificationKey) -> Result<TrusteeId, ReplicaError> {
        trustee_of(&self.state, identity)
    }

    /// Fetches and applies what is new, and gives the verified head. Stops at the opening with `None`: with ballots, the
    /// verifier is the one to ask.
    ///
    /// # Errors
    /// [`ReplicaError`]; what was applied before stays.
    pub async fn update(&mut self) -> Result<Option<Head>, ReplicaError> {
        let text = self.client.checkpoint().await?;
        let log = &self.state.manifest().log;
        let checkpoint = SignedCheckpoint::parse(&text, &log.origin, &log.key)?;
        let head = checkpoint.checkpoint().head();
        self.checkpoint = Some(checkpoint);
        let seen = self.state.head();
        if head.tree_size < seen.tree_size {
            return Err(ReplicaError::Rollback { seen: seen.tree_size, found: head.tree_size });
        }
        let client = self.client.clone();
        let mut bundles = std::pin::pin!(client.bundles(seen.tree_size, head.tree_size));
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

    fn apply(&mut self, index: LeafIndex, bytes: &[u8]) -> Result<(), ReplicaError> {
        let refused = |reason: Rejection| ReplicaError::Entry { index, reason: Box::new(reason) };
        let leaf = Leaf::parse(bytes).map_err(|error: CanonicalError| refused(error.into()))?;
        if matches!(leaf, Leaf::Ballot(_)) {
            return Err(ReplicaError::Ballots);
        }
        self.state.apply(&leaf, bytes).map_err(refused)?;
        let now = self.state.head();
        match self.expected.iter().find(|seen| seen.tree_size == now.tree_size && seen.root != now.root) {
            Some(seen) => Err(ReplicaError::NotAnExtension(*seen)),
            None => Ok(()),
        }
    }
}
