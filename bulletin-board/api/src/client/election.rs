//! What can be asked of one election.

use bytes::Bytes;
use reqwest::StatusCode;
use veritally_crypto::canonical::MAX_LEAF_BYTES;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::log::note::MAX_NOTE_BYTES;
use veritally_crypto::log::receipt::MAX_RECEIPT_BYTES;
use veritally_crypto::log::tiles::{self, FULL_TILE_BYTES, MAX_BUNDLE_BYTES, TileKind, TilePath};
use veritally_crypto::manifest::CheckedManifest;

use super::{Client, ClientError, MAX_JSON_BYTES};
use crate::answers::Status;
use crate::paths;
use crate::problem::ProblemKind;

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// It is in the log, durably. `Receipt::parse` and `verify` the text.
    Receipt {
        /// C2SP tlog-proof.
        text: String,
        /// False when these bytes were in the log before.
        new: bool,
    },
    /// Accepted, but sequencing takes longer: ask for the receipt of this hash (SHA-256 of the entry), or send again.
    Pending {
        /// What to ask for.
        entry: Hash,
    },
}

/// One election of a board.
#[derive(Debug, Clone)]
pub struct ElectionClient {
    client: Client,
    election: Id,
}

impl ElectionClient {
    pub(super) fn new(client: Client, election: Id) -> Self {
        Self { client, election }
    }

    /// The board.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The election's id.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.election
    }

    pub(super) fn path(&self, rest: &str) -> String {
        paths::in_election(&self.election, rest)
    }

    /// Where the election stands, as the board tells it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.client.get(&self.path(paths::STATUS), MAX_JSON_BYTES).await?.json()
    }

    /// Leaf 0, unverified.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn manifest_bytes(&self) -> Result<Bytes, ClientError> {
        Ok(self.client.get(&self.path(paths::MANIFEST), MAX_LEAF_BYTES).await?.body)
    }

    /// The manifest, checked, and compared with a fingerprint that came from elsewhere.
    ///
    /// # Errors
    /// [`ClientError::Malformed`], [`ClientError::Fingerprint`], and what every request may fail with.
    pub async fn manifest(&self, expected: Option<&Hash>) -> Result<CheckedManifest, ClientError> {
        let answer = self.client.get(&self.path(paths::MANIFEST), MAX_LEAF_BYTES).await?;
        let manifest = CheckedManifest::from_leaf(&answer.body).map_err(|e| answer.malformed(e))?;
        match expected {
            Some(&expected) if expected != manifest.fingerprint() => Err(ClientError::Fingerprint {
                election: self.election.clone(),
                expected,
                found: manifest.fingerprint(),
            }),
            _ => Ok(manifest),
        }
    }

    /// Sends a ballot. The same bytes may be sent any number of times.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_ballot(&self, ballot: impl Into<Bytes>) -> Result<Submitted, ClientError> {
        self.submit(paths::BALLOTS, ballot.into()).await
    }

    /// Sends an official's signed entry. The same bytes may be sent any number of times.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn submit_entry(&self, entry: impl Into<Bytes>) -> Result<Submitted, ClientError> {
        self.submit(paths::ENTRIES, entry.into()).await
    }

    async fn submit(&self, path: &str, entry: Bytes) -> Result<Submitted, ClientError> {
        let hash = Hash::of(&entry);
        let answer = self.client.post(&self.path(path), entry, MAX_RECEIPT_BYTES).await?;
        match answer.status {
            StatusCode::ACCEPTED => Ok(Submitted::Pending { entry: hash }),
            status => Ok(Submitted::Receipt { text: answer.text()?, new: status == StatusCode::CREATED }),
        }
    }

    /// The receipt of an entry: by confirmation code (20 digits or 64 hexadecimal ones) or SHA-256 of the entry.
    /// `None` when the log has no such entry.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn receipt(&self, code: &str) -> Result<Option<String>, ClientError> {
        let path = self.path(&paths::receipt(code));
        match self.client.get(&path, MAX_RECEIPT_BYTES).await {
            Ok(answer) => answer.text().map(Some),
            Err(error) if error.is(ProblemKind::UnknownEntry) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The signed tree head: a note to be verified by `SignedCheckpoint::parse`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        self.client.get(&self.path(paths::CHECKPOINT), MAX_NOTE_BYTES).await?.text()
    }

    /// A tile or entry bundle. A partial one that the board no longer has is cut out of the full one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn tile(&self, tile: TilePath) -> Result<Bytes, ClientError> {
        match self.exact_tile(tile).await {
            Err(error) if error.is(ProblemKind::NotFound) && !tile.is_full() => {
                let full = self.exact_tile(tile.full()).await?;
                cut(&full, tile).ok_or(error)
            }
            other => other,
        }
    }

    async fn exact_tile(&self, tile: TilePath) -> Result<Bytes, ClientError> {
        let limit = match tile.kind() {
            TileKind::Entries => MAX_BUNDLE_BYTES,
            TileKind::Hashes(_) => FULL_TILE_BYTES,
        };
        Ok(self.client.get(&self.path(&tile.to_string()), limit).await?.body)
    }
}

/// The first `tile.width()` hashes or entries of a full tile.
fn cut(full: &Bytes, tile: TilePath) -> Option<Bytes> {
    let width = usize::try_from(tile.width()).ok()?;
    match tile.kind() {
        TileKind::Hashes(_) => full.get(..width * 32).map(|_| full.slice(..width * 32)),
        TileKind::Entries => {
            let entries = tiles::decode_entries(full, tiles::TILE_WIDTH).ok()?;
            tiles::encode_entries(entries.into_iter().take(width)).ok().map(Bytes::from)
        }
    }
}
