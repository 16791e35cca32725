//! An election as a voter's device may trust it.
//!
//! A [`View`] is the manifest, compared with the fingerprint, and a fresh checkpoint: signed by the manifest's log key,
//! of a log that begins with this manifest and continues every log that this device saw before. An [`Election`] has
//! also replayed the log, so that its keys come from a ceremony that was checked message by message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use veritally_board_api::{Client, Link};
use veritally_crypto::ballot::BallotContext;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::{RecordState, Rejection};

use crate::SessionError;
use crate::board::Board;
use crate::evidence::About;
use crate::store::{ElectionStore, StateDirectory};

mod replay;
mod tree;

pub(crate) use tree::Tree;

/// How long a board that does not answer is asked again.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How much of the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Up to the opening: manifest, ceremony, roll. Enough to encrypt.
    Opening,
    /// All of it, every ballot verified: tells what a credential cast from other devices.
    Full,
}

/// Told how many entries were checked, and how many the signed log has.
pub type OnRead<'a> = dyn Fn(u64, u64) + Send + Sync + 'a;

/// Which election to open, and where its local state is.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// Where it is served.
    pub link: Link,
    /// The fingerprint, when it is known from elsewhere than the link.
    pub fingerprint: Option<Hash>,
    /// Local state of all elections.
    pub state: StateDirectory,
    /// [`PATIENCE`], or less.
    pub patience: Duration,
}

impl OpenRequest {
    /// With the usual patience, and the fingerprint that the link carries.
    #[must_use]
    pub fn new(link: Link, state: StateDirectory) -> Self {
        Self { link, fingerprint: None, state, patience: PATIENCE }
    }

    /// What leaf 0 has to hash to, if anybody said so.
    fn expected(&self) -> Result<Option<Hash>, SessionError> {
        match (self.link.fingerprint, self.fingerprint) {
            (Some(link), Some(given)) if link != given => Err(SessionError::TwoFingerprints { link, given }),
            (link, given) => Ok(link.or(given)),
        }
    }

    /// The board that the link names.
    ///
    /// # Errors
    /// [`SessionError::Client`] when HTTP can't be set up.
    pub fn board(&self) -> Result<Board, SessionError> {
        let client = Client::new(self.link.board.as_str())?.with_patience(self.patience);
        Ok(Board::Online(client.election(self.link.election.clone())))
    }
}

/// Manifest and fresh checkpoint, verified.
#[derive(Debug)]
pub struct View {
    board: Board,
    patience: Duration,
    leaf_0: Bytes,
    manifest: Arc<CheckedManifest>,
    checkpoint: SignedCheckpoint,
    store: ElectionStore,
    seen: Option<SignedCheckpoint>,
    compared: bool,
}

impl View {
    /// Asks the board, verifies its answers, and remembers link and checkpoint.
    ///
    /// # Errors
    /// [`SessionError`]; nothing is remembered then.
    pub async fn fetch(request: &OpenRequest) -> Result<Self, SessionError> {
        Self::fetch_from(request.board()?, request).await
    }

    /// As [`View::fetch`], from this board.
    ///
    /// # Errors
    /// [`SessionError`]; nothing is remembered then, but evidence that the board lies.
    pub async fn fetch_from(board: Board, request: &OpenRequest) -> Result<Self, SessionError> {
        let expected = request.expected()?;
        let leaf_0 = board.manifest_bytes().await?;
        let found = Hash::of(&leaf_0);
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            return Err(SessionError::OtherElection { expected, found });
        }
        let manifest =
            CheckedManifest::from_leaf(&leaf_0).map_err(|e| SessionError::Manifest(Rejection::Manifest(e)))?;
        if manifest.election != request.link.election {
            let (expected, found) = (request.link.election.clone(), manifest.election.clone());
            return Err(SessionError::OtherId { expected, found });
        }
        let store = request.state.election(&found);
        let log = &manifest.log;
        // Before the new one is fetched: another process may see a later log in the meantime.
        let seen = store.checkpoint()?.map(|text| SignedCheckpoint::parse(&text, &log.origin, &log.key)).transpose();
        let seen = seen.map_err(|e| SessionError::State(format!("its checkpoint does not hold ({e})")))?;
        let text = board.checkpoint().await?;
        let checkpoint = SignedCheckpoint::parse(&text, &log.origin, &log.key)?;
        let patience = request.patience;
        let manifest = Arc::new(manifest);
        let view = Self { board, patience, leaf_0, manifest, checkpoint, store, seen, compared: expected.is_some() };
        if let Err(error) = view.verify().await {
            let about = About { earlier: view.seen.as_ref(), ..About::default() };
            return Err(view.keep_evidence(error, about).await);
        }
        view.store.save_link(&Link { fingerprint: Some(found), ..request.link.clone() })?;
        view.store.save_manifest(&view.leaf_0)?;
        view.store.save_checkpoint(&view.checkpoint, view.seen_head().as_ref())?;
        Ok(view)
    }

    /// The log begins with the manifest and continues the one that was seen.
    async fn verify(&self) -> Result<(), SessionError> {
        let tree = self.tree();
        let size = tree.head().tree_size;
        tree.verify_includes(0, &self.leaf_0, |_| SessionError::NotTheLog(size)).await?;
        match self.seen_head() {
            Some(seen) => tree.verify_extends(&seen).await,
            None => Ok(()),
        }
    }

    fn seen_head(&self) -> Option<Head> {
        self.seen.as_ref().map(|seen| seen.checkpoint().head())
    }

    /// The log's tree as the checkpoint signs it.
    pub(crate) fn tree(&self) -> Tree<'_> {
        Tree::new(&self.board, self.checkpoint.checkpoint().head())
    }

    /// Verifies that two heads, in any order, are of one log.
    pub(crate) async fn verify_consistent(&self, one: &Head, other: &Head) -> Result<(), SessionError> {
        let (old, new) = if one.tree_size <= other.tree_size { (one, other) } else { (other, one) };
        Tree::new(&self.board, *new).verify_extends(old).await
    }

    /// The board.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Leaf 0, exactly.
    #[must_use]
    pub fn leaf_0(&self) -> &[u8] {
        &self.leaf_0
    }

    /// How long the board is asked again.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<CheckedManifest> {
        &self.manifest
    }

    /// SHA-256 of the manifest.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.manifest.fingerprint()
    }

    /// Whether the fingerprint was compared with one that came from elsewhere. If not, voters must be told.
    #[must_use]
    pub fn is_compared(&self) -> bool {
        self.compared
    }

    /// The fresh checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Local state of this election.
    #[must_use]
    pub fn store(&self) -> &ElectionStore {
        &self.store
    }

    /// Remembers a later checkpoint, verified to continue this one.
    pub(crate) fn remember(&self, checkpoint: &SignedCheckpoint) -> Result<(), SessionError> {
        // The fresh checkpoint is no smaller than what was seen: View::verify.
        Ok(self.store.save_checkpoint(checkpoint, Some(&self.checkpoint.checkpoint().head()))?)
    }
}

/// An election whose log was replayed.
#[derive(Debug)]
pub struct Election {
    view: View,
    state: RecordState,
    context: Arc<BallotContext>,
    depth: Depth,
}

impl Election {
    /// Opens an election: [`View::fetch`], then replays its log and compares that with the checkpoint.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn open(request: &OpenRequest, depth: Depth) -> Result<Self, SessionError> {
        Self::from_view(View::fetch(request).await?, depth, &|_, _| {}).await
    }

    /// Replays the log of a view.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn from_view(view: View, depth: Depth, on_read: &OnRead<'_>) -> Result<Self, SessionError> {
        match Self::replayed(&view, depth, on_read).await {
            Ok((state, context)) => Ok(Self { view, state, context, depth }),
            Err(error) => Err(view.keep_evidence(error, About::default()).await),
        }
    }

    async fn replayed(
        view: &View,
        depth: Depth,
        on_read: &OnRead<'_>,
    ) -> Result<(RecordState, Arc<BallotContext>), SessionError> {
        let state = replay::replay(&view.board, &view.leaf_0, view.tree().head(), depth, on_read).await?;
        // The keys are the log's: what was replayed is a beginning of what was signed.
        match view.tree().verify_extends(&state.head()).await {
            Err(SessionError::Fork { .. }) => return Err(SessionError::NotTheLog(view.tree().head().tree_size)),
            other => other?,
        }
        let context = state.ballot_context().cloned().ok_or(SessionError::NotOpen(state.phase()))?;
        Ok((state, context))
    }

    /// Manifest, checkpoint, board.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &CheckedManifest {
        &self.view.manifest
    }

    /// SHA-256 of the manifest.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.view.fingerprint()
    }

    /// The record as far as it was replayed.
    #[must_use]
    pub fn state(&self) -> &RecordState {
        &self.state
    }

    /// For making ballots.
    #[must_use]
    pub fn context(&self) -> &Arc<BallotContext> {
        &self.context
    }

    /// How much of the log was replayed.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.depth
    }
}
