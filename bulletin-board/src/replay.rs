//! From stored or downloaded entries to a [`RecordState`]: at start-up, after a failed append, in the administrator's
//! commands.

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};
use rayon::prelude::*;
use veritally_board_api::answers::Tally;
use veritally_crypto::ballot::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::{Head, Leaf, TallyHead};
use veritally_crypto::log::SignedCheckpoint;
use veritally_crypto::log::checkpoint::CheckpointError;
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::record::{RecordState, Rejection};

use crate::store::{Store, StoreError, StoredHead};

/// Entries read at once: a few megabytes.
const CHUNK: u64 = 1_024;

/// Ballots verified in one piece: enough to share the cost of the generators.
const VERIFY_PIECE: usize = 256;

/// Why a log can't be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry that the rules do not admit.
    #[error("entry {index}: {source}")]
    Rejected {
        /// Its position.
        index: LeafIndex,
        /// Why.
        source: Rejection,
    },
    /// The entries are not those of the checkpoint.
    #[error("the entries have {found:?}, the signed checkpoint says {expected:?}: the stored log was altered")]
    Root {
        /// What the checkpoint says.
        expected: Head,
        /// What the entries give.
        found: Head,
    },
    /// The checkpoint itself.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// No randomness, or a thread that ended.
    #[error("the operating system failed: {0}")]
    System(String),
}

/// Whose entries they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// From one's own store, where only verified ballots were put.
    Own,
    /// From elsewhere: every ballot's proof is verified.
    Nobody,
}

/// A state in the making, and the tree below it.
pub struct Replay {
    trust: Trust,
    state: Option<RecordState>,
    frontier: Frontier,
    tally_head: Option<TallyHead>,
}

/// What a whole log gives.
pub struct Replayed {
    /// The state after its last entry.
    pub state: RecordState,
    /// The tree of its entries.
    pub frontier: Frontier,
    /// The running tally of the last tally head, if no ballot follows it.
    pub tally: Option<Tally>,
}

/// An entry parsed once.
enum Entry {
    Ballot(Box<EncryptedBallot>),
    Other(Box<Leaf>),
}

fn parse(bytes: &[u8]) -> Result<Entry, BallotError> {
    match EncryptedBallot::parse(bytes) {
        Err(BallotError::NotABallot) => Ok(Entry::Other(Box::new(Leaf::parse(bytes)?))),
        other => other.map(|ballot| Entry::Ballot(Box::new(ballot))),
    }
}

impl Replay {
    /// Begins before leaf 0.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { trust, state: None, frontier: Frontier::new(), tally_head: None }
    }

    /// Entries so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The state after the entries fed so far; `None` before leaf 0.
    #[must_use]
    pub fn state(&self) -> Option<&RecordState> {
        self.state.as_ref()
    }

    /// Applies the next entries. `earlier` gives entries of former calls, when a later ballot supersedes one. Blocks,
    /// on all cores.
    ///
    /// # Errors
    /// [`ReplayError::Rejected`] with the first entry that is refused; whatever `earlier` fails with.
    pub fn feed(
        &mut self,
        entries: &[Bytes],
        earlier: &dyn Fn(LeafIndex) -> Result<Bytes, ReplayError>,
    ) -> Result<(), ReplayError> {
        let start = self.size();
        let parsed: Vec<_> = entries.par_iter().map(|bytes| parse(bytes)).collect();
        let mut run = Vec::new();
        for (offset, (parsed, bytes)) in parsed.into_iter().zip(entries).enumerate() {
            let index = start + offset as u64;
            let rejected = |source| ReplayError::Rejected { index, source };
            match parsed.map_err(|e| rejected(e.into()))? {
                Entry::Ballot(ballot) => run.push(*ballot),
                Entry::Other(leaf) => {
                    self.ballots(std::mem::take(&mut run), start, entries, earlier)?;
                    self.other(&leaf, bytes).map_err(rejected)?;
                }
            }
        }
        self.ballots(run, start, entries, earlier)
    }

    fn other(&mut self, leaf: &Leaf, bytes: &[u8]) -> Result<(), Rejection> {
        match &mut self.state {
            None => self.state = Some(RecordState::start(bytes)?),
            Some(state) => state.apply(leaf, bytes)?,
        }
        if let Leaf::TallyHead(head) = leaf {
            self.tally_head = Some(head.clone());
        }
        self.frontier.push(leaf_hash(bytes));
        Ok(())
    }

    /// A run of ballots: `start` and `entries` are those of the chunk it lies in.
    fn ballots(
        &mut self,
        run: Vec<EncryptedBallot>,
        start: LeafIndex,
        entries: &[Bytes],
        earlier: &dyn Fn(LeafIndex) -> Result<Bytes, ReplayError>,
    ) -> Result<(), ReplayError> {
        if run.is_empty() {
            return Ok(());
        }
        let first = self.frontier.size();
        let rejected = |index, source| ReplayError::Rejected { index, source };
        let manifest_first = CanonicalError::Malformed("a ballot where a log begins".into());
        let state = self.state.as_mut().ok_or_else(|| rejected(first, manifest_first.into()))?;
        let verdicts = match self.trust {
            Trust::Own => run.into_par_iter().map(VerifiedBallot::trust_stored).collect(),
            Trust::Nobody => {
                let open = Rejection::Phase { entry: "ballot", phase: state.phase() };
                verify_all(state.ballot_context().ok_or_else(|| rejected(first, open))?, run)?
            }
        };
        for (index, verdict) in (first..).zip(verdicts) {
            let ballot = verdict.map_err(|e| rejected(index, e.into()))?;
            let superseded = match state.superseded(ballot.ballot()) {
                None => None,
                Some(old) if old < start => Some(earlier(old)?),
                Some(old) => usize::try_from(old - start).ok().and_then(|i| entries.get(i)).cloned(),
            };
            state.apply_ballot(&ballot, superseded.as_deref()).map_err(|e| rejected(index, e))?;
            self.frontier.push(leaf_hash(ballot.ballot().bytes()));
        }
        Ok(())
    }

    /// Compares with a checkpoint.
    ///
    /// # Errors
    /// [`ReplayError::Root`]; [`ReplayError::Rejected`] without any entry.
    pub fn finish(self, expected: Head) -> Result<Replayed, ReplayError> {
        let found = self.frontier.head();
        match self.state {
            Some(state) if found == expected && state.head() == expected => {
                let head = self.tally_head.filter(|_| !state.tally_head_due());
                let tally = head.map(|head| Tally { head, sums: state.running_tally().encode() });
                Ok(Replayed { state, frontier: self.frontier, tally })
            }
            _ => Err(ReplayError::Root { expected, found }),
        }
    }
}

/// A generator seeded by the operating system: the weights of a batch must not be predictable.
pub(crate) fn fresh_rng() -> Result<StdRng, ReplayError> {
    StdRng::try_from_rng(&mut SysRng).map_err(|e| ReplayError::System(e.to_string()))
}

type Verdicts = Vec<Result<VerifiedBallot, BallotError>>;

/// Verifies on all cores, in order.
fn verify_all(context: &BallotContext, ballots: Vec<EncryptedBallot>) -> Result<Verdicts, ReplayError> {
    let mut pieces = Vec::new();
    let mut rest = ballots.into_iter().peekable();
    while rest.peek().is_some() {
        pieces.push(rest.by_ref().take(VERIFY_PIECE).collect::<Vec<_>>());
    }
    let pieces: Vec<Verdicts> = pieces
        .into_par_iter()
        .map(|piece| {
            let verdicts = context.verify_batch(piece, &mut fresh_rng()?);
            Ok(verdicts.into_iter().map(|v| v.map_err(|(_, error)| error)).collect())
        })
        .collect::<Result<_, ReplayError>>()?;
    Ok(pieces.into_iter().flatten().collect())
}

/// Replays a log of one's own store up to its committed head, and compares with the checkpoint that stands there.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay_store(
    store: &std::sync::Arc<dyn Store>,
    election: &Id,
    head: &StoredHead,
) -> Result<Replayed, ReplayError> {
    let size = head.position.tree_size;
    let mut replay = Replay::new(Trust::Own);
    let mut next = store.leaves(election, 0..size.min(CHUNK)).await?;
    while replay.size() < size {
        let entries = std::mem::take(&mut next);
        let end = replay.size() + entries.len() as u64;
        let (reader, id) = (std::sync::Arc::clone(store), election.clone());
        let applied = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Handle::current();
            let earlier = |index| {
                let entry = runtime.block_on(reader.leaves(&id, index..index + 1))?.pop();
                entry.ok_or_else(|| StoreError::Damaged(format!("entry {index} is missing")).into())
            };
            replay.feed(&entries, &earlier).map(|()| replay)
        });
        // The next entries are read while these are applied.
        next = store.leaves(election, end..size.min(end + CHUNK)).await?;
        replay = applied.await.map_err(|e| ReplayError::System(e.to_string()))??;
    }
    let expected = checkpoint_head(&replay, head)?;
    replay.finish(expected)
}

/// The head in a stored checkpoint, whose signature is verified under the manifest's own log key.
fn checkpoint_head(replay: &Replay, head: &StoredHead) -> Result<Head, ReplayError> {
    let none = Head { root: Hash::ZERO, tree_size: 0 };
    let Some(state) = replay.state() else { return Err(ReplayError::Root { expected: none, found: none }) };
    let log = &state.manifest().log;
    let signed = SignedCheckpoint::parse(&head.checkpoint, &log.origin, &log.key)?;
    Ok(signed.checkpoint().head())
}
