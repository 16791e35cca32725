//! What stays on the voter's device.
//!
//! ```text
//! DIR/<fingerprint>/link                                  where the election is served
//! DIR/<fingerprint>/manifest                              the election's description, as in its log
//! DIR/<fingerprint>/evidence/<kind>-<digest>/             what shows that the board lied
//! DIR/<fingerprint>/checkpoint                            the largest signed tree head seen
//! DIR/<fingerprint>/<public id>/0001.ballot               an encrypted ballot's exact bytes, before it is sent
//! DIR/<fingerprint>/<public id>/0001.tlog-proof           its receipt
//! DIR/<fingerprint>/<public id>/0001.refused              a ballot that the board refused for good
//! DIR/<fingerprint>/<public id>/spoiled-<code>.json       an opened ballot
//! ```
//!
//! No code, no seed of a cast ballot and no selections of one are ever written. Still everything is for its owner only:
//! who keeps a receipt shows which pseudonym is theirs.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use veritally_board_api::Link;
use veritally_board_api::files::{self, FileError};
use veritally_crypto::ballot::{BallotOpening, EncryptedBallot};
use veritally_crypto::canonical::MAX_LEAF_BYTES;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::receipt::MAX_RECEIPT_BYTES;
use veritally_crypto::manifest::CheckedManifest;

use crate::SessionError;

const LINK: &str = "link";
const CHECKPOINT: &str = "checkpoint";
const MANIFEST: &str = "manifest";
const EVIDENCE: &str = "evidence";
const BALLOT: &str = "ballot";
const RECEIPT: &str = "tlog-proof";
const REFUSED: &str = "refused";

/// Longest file of the local state that is read: a receipt.
const MAX_FILE_BYTES: usize = if MAX_RECEIPT_BYTES > MAX_LEAF_BYTES { MAX_RECEIPT_BYTES } else { MAX_LEAF_BYTES };

/// Local state of all elections.
#[derive(Debug, Clone)]
pub struct StateDirectory(PathBuf);

impl StateDirectory {
    /// A directory; made when something is written.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// `$XDG_DATA_HOME/veritally`, or `~/.local/share/veritally` (XDG base directory specification). `None` without a
    /// home directory.
    #[must_use]
    pub fn standard() -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
        Some(Self(data.join("veritally")))
    }

    /// The state of one election.
    #[must_use]
    pub fn election(&self, fingerprint: &Hash) -> ElectionStore {
        ElectionStore(self.0.join(fingerprint.to_string()))
    }

    /// The fingerprints of all elections that there is state of, sorted.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn elections(&self) -> Result<Vec<Hash>, FileError> {
        let mut found: Vec<Hash> = names(&self.0)?.iter().filter_map(|name| Hash::from_hex(name).ok()).collect();
        found.sort_unstable();
        Ok(found)
    }
}

/// Local state of one election.
#[derive(Debug, Clone)]
pub struct ElectionStore(PathBuf);

impl ElectionStore {
    /// Where it is served.
    ///
    /// # Errors
    /// [`SessionError::File`], [`SessionError::State`].
    pub fn link(&self) -> Result<Option<Link>, SessionError> {
        let damaged = || SessionError::State(format!("{} is no link", self.0.join(LINK).display()));
        let Some(text) = read_text(&self.0.join(LINK))? else { return Ok(None) };
        Link::parse(&text).map(Some).map_err(|_| damaged())
    }

    /// Remembers where it is served.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_link(&self, link: &Link) -> Result<(), FileError> {
        make_directory(&self.0)?;
        files::write_secret(&self.0.join(LINK), format!("{link}\n").as_bytes())
    }

    /// The text of the largest checkpoint seen.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn checkpoint(&self) -> Result<Option<String>, FileError> {
        read_text(&self.0.join(CHECKPOINT))
    }

    /// Remembers a checkpoint unless it is smaller than `seen`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_checkpoint(&self, new: &SignedCheckpoint, seen: Option<&Head>) -> Result<(), FileError> {
        if seen.is_some_and(|seen| seen.tree_size >= new.checkpoint().tree_size) {
            return Ok(());
        }
        make_directory(&self.0)?;
        files::write_secret(&self.0.join(CHECKPOINT), new.to_string().as_bytes())
    }

    /// The manifest as it was last seen; its hash is the election's fingerprint.
    ///
    /// # Errors
    /// [`SessionError::File`]; [`SessionError::State`] when it is another one.
    pub fn manifest(&self) -> Result<Option<CheckedManifest>, SessionError> {
        let path = self.0.join(MANIFEST);
        let damaged = || SessionError::State(format!("{} is not this election's manifest", path.display()));
        let Some(bytes) = read_bytes(&path)? else { return Ok(None) };
        let manifest = CheckedManifest::from_leaf(&bytes).map_err(|_| damaged())?;
        let own = self.0.file_name().is_some_and(|name| name.to_string_lossy() == manifest.fingerprint().to_string());
        if own { Ok(Some(manifest)) } else { Err(damaged()) }
    }

    /// Remembers the manifest, which was compared with the fingerprint.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_manifest(&self, leaf_0: &[u8]) -> Result<(), FileError> {
        make_directory(&self.0)?;
        if read_bytes(&self.0.join(MANIFEST))?.as_deref() == Some(leaf_0) {
            return Ok(());
        }
        files::write_secret(&self.0.join(MANIFEST), leaf_0)
    }

    /// Where evidence against the board is kept, one folder for each finding.
    #[must_use]
    pub fn evidence_directory(&self) -> PathBuf {
        self.0.join(EVIDENCE)
    }

    /// The folders with evidence, sorted.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn evidence(&self) -> Result<Vec<PathBuf>, FileError> {
        let directory = self.evidence_directory();
        let mut found: Vec<_> = names(&directory)?.iter().map(|name| directory.join(name)).collect();
        found.retain(|path| path.join("evidence.json").is_file());
        found.sort_unstable();
        Ok(found)
    }

    /// The state of one credential.
    #[must_use]
    pub fn credential(&self, key: CredentialKey) -> CredentialStore {
        CredentialStore { directory: self.0.join(key.public_id()), key }
    }

    /// All ballots of all credentials, those without receipt included, in order of public id and counter.
    ///
    /// # Errors
    /// [`SessionError::File`], [`SessionError::State`].
    pub fn ballots(&self) -> Result<Vec<StoredBallot>, SessionError> {
        let mut found = vec![];
        let mut credentials = names(&self.0)?;
        credentials.sort_unstable();
        for name in credentials {
            let directory = self.0.join(name);
            if name_is_public_id(&directory) && directory.is_dir() {
                found.extend(stored(&directory)?);
            }
        }
        Ok(found)
    }
}

/// An encrypted ballot and its receipt, as stored; the receipt is not verified.
#[derive(Debug, Clone)]
pub struct StoredBallot {
    /// The ballot.
    pub ballot: EncryptedBallot,
    /// None: it was perhaps never sent, or its answer was lost.
    pub receipt: Option<String>,
}

impl StoredBallot {
    fn counter(&self) -> u64 {
        self.ballot.leaf().counter
    }
}

/// Local state of one credential.
#[derive(Debug, Clone)]
pub struct CredentialStore {
    directory: PathBuf,
    key: CredentialKey,
}

impl CredentialStore {
    fn path(&self, counter: u64, extension: &str) -> PathBuf {
        self.directory.join(format!("{counter:04}.{extension}"))
    }

    /// Where the receipt of a ballot is, if there is one.
    #[must_use]
    pub fn receipt_file(&self, counter: u64) -> PathBuf {
        self.path(counter, RECEIPT)
    }

    /// All ballots, by counter.
    ///
    /// # Errors
    /// [`SessionError::File`], [`SessionError::State`].
    pub fn ballots(&self) -> Result<Vec<StoredBallot>, SessionError> {
        let found = stored(&self.directory)?;
        match found.iter().find(|one| one.ballot.credential() != self.key) {
            Some(_) => Err(SessionError::State(format!("{} has another's ballot", self.directory.display()))),
            None => Ok(found),
        }
    }

    /// Stores a ballot's bytes; must happen before they are sent. Refuses to replace one: those bytes may be logged.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_ballot(&self, ballot: &EncryptedBallot) -> Result<(), FileError> {
        make_directory(&self.directory)?;
        files::create_secret(&self.path(ballot.leaf().counter, BALLOT), ballot.bytes())
    }

    /// Stores a receipt that was verified.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_receipt(&self, counter: u64, receipt: &str) -> Result<(), FileError> {
        files::write_secret(&self.path(counter, RECEIPT), receipt.as_bytes())
    }

    /// Puts a ballot aside that the board refused for good.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn set_aside(&self, counter: u64) -> Result<(), FileError> {
        let path = self.path(counter, BALLOT);
        std::fs::rename(&path, self.path(counter, REFUSED)).map_err(FileError::io("rename", &path))
    }

    /// Stores an opened ballot and says where.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn save_opening(&self, opening: &BallotOpening) -> Result<PathBuf, FileError> {
        make_directory(&self.directory)?;
        let path = self.directory.join(format!("spoiled-{}.json", opening.code));
        let json =
            serde_json::to_vec_pretty(opening).map_err(|e| FileError::io("write", &path)(io::Error::other(e)))?;
        files::write_secret(&path, &json)?;
        Ok(path)
    }
}

/// Other directories have no ballots.
fn name_is_public_id(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name != EVIDENCE)
}

/// The ballots in a credential's directory, by counter.
fn stored(directory: &Path) -> Result<Vec<StoredBallot>, SessionError> {
    let mut found = vec![];
    for name in names(directory)? {
        let path = directory.join(&name);
        if path.extension().is_none_or(|extension| extension != BALLOT) {
            continue;
        }
        let damaged = || SessionError::State(format!("{} is no ballot", path.display()));
        let bytes = read_bytes(&path)?.ok_or_else(damaged)?;
        let ballot = EncryptedBallot::parse(&bytes).map_err(|_| damaged())?;
        if name != format!("{:04}.{BALLOT}", ballot.leaf().counter) {
            return Err(damaged());
        }
        found.push(StoredBallot { ballot, receipt: read_text(&path.with_extension(RECEIPT))? });
    }
    found.sort_unstable_by_key(StoredBallot::counter);
    Ok(found)
}

fn make_directory(path: &Path) -> Result<(), FileError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::io("make", path))
}

/// The names in a directory; none when there is no such directory.
fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other.map_err(FileError::io("read", path))?,
    };
    let names = entries.map(|entry| entry.map(|e| e.file_name().into_string().unwrap_or_default()));
    names.collect::<Result<_, _>>().map_err(FileError::io("read", path))
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("read", path)(error)),
        Ok(metadata) if metadata.len() > MAX_FILE_BYTES as u64 => {
            return Err(FileError::Content {
                path: path.to_owned(),
                expected: "a file of the local state: it is too long",
            });
        }
        Ok(_) => {}
    }
    std::fs::read(path).map(Some).map_err(FileError::io("read", path))
}

fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    let Some(bytes) = read_bytes(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| FileError::Content { path: path.to_owned(), expected: "text" })
}
