//! What an administrator does: make an election, post entries, open, extend, close, publish, abandon.
//!
//! All of it speaks HTTP and trusts the board with nothing: receipts are verified, and what is signed about a log
//! (opening, result) is computed from a replay of the downloaded record.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use veritally_board_api::files::FileError;
use veritally_board_api::link::LinkError;
use veritally_board_api::{Client, ClientError, ElectionClient, Link, Submitted};
use veritally_crypto::canonical::{self, CanonicalError};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::leaves::{
    Abandonment, AbandonmentTag, Closing, ClosingTag, ElectionResult, Extension, ExtensionTag, Opening, OpeningTag,
    ResultTag,
};
use veritally_crypto::log::Receipt;
use veritally_crypto::log::receipt::ReceiptError;
use veritally_crypto::manifest::{CheckedManifest, ManifestError};
use veritally_crypto::record::{Phase, RecordState};
use veritally_crypto::signature::{self, SignedEntry, SigningSecret};

use crate::clock::{Clock, SystemClock};
use crate::data_dir::DataDirError;
use crate::folder::{Folder, FolderError, Progress, Source};

pub mod config;
pub mod create;
pub mod restart;

pub use config::{Config, ConfigError};
pub use create::{Created, create};

/// How long an entry may stay under way (202) before the command gives up.
const SEQUENCING_PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);

/// Why a command failed, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The board.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The token's file, or randomness.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The manifest that the configuration gives.
    #[error("{}", explain(.0))]
    Manifest(#[from] ManifestError),
    /// The downloaded record.
    #[error("the record on the board does not hold: {0}")]
    Record(#[from] FolderError),
    /// A receipt that does not verify.
    #[error("the board's receipt for {what} does not hold: {source}. Keep it as evidence and ask the board's operator")]
    Receipt {
        /// For which entry.
        what: String,
        /// What is wrong.
        source: ReceiptError,
    },
    /// The board took an entry and did not sequence it.
    #[error("the board took {0} but did not log it in time; run the command again, nothing is logged twice")]
    StillPending(String),
    /// A key that is no administrator's.
    #[error("the key in --admin-key is not one of the manifest's {0} administrators")]
    NotAdministrator(usize),
    /// An entry outside the JSON profile.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The election does not stand where it should.
    #[error("{0}")]
    NotNow(String),
}

fn explain(error: &ManifestError) -> String {
    match error {
        ManifestError::Problems(problems) => {
            let lines = problems.iter().map(|problem| format!("\n  - {problem}"));
            format!("the election can't be made like this:{}", lines.collect::<String>())
        }
        other => other.to_string(),
    }
}

/// An election as an administrator addresses it.
pub struct Target {
    /// The board's side.
    pub election: ElectionClient,
    /// The manifest, compared with the fingerprint if one was given.
    pub manifest: CheckedManifest,
    /// Whether it was.
    pub compared: bool,
}

impl Target {
    /// By link; or by a board's address and an election's id.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn find(url: &str, id: Option<&Id>, fingerprint: Option<Hash>) -> Result<Self, AdminError> {
        let (election, in_link) = match id {
            Some(id) => (Client::new(url)?.election(id.clone()), None),
            None => {
                let link = Link::parse(url)?;
                (Client::for_link(&link)?, link.fingerprint)
            }
        };
        let expected = fingerprint.or(in_link);
        let manifest = election.manifest(expected.as_ref()).await?;
        Ok(Self { election, manifest, compared: expected.is_some() })
    }

    /// Sends an entry and verifies its receipt.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn post(&self, entry: Bytes, what: &str) -> Result<(LeafIndex, bool), AdminError> {
        let deadline = tokio::time::Instant::now() + SEQUENCING_PATIENCE;
        loop {
            match self.election.submit_entry(entry.clone()).await? {
                Submitted::Receipt { text, new } => return Ok((self.verify(&entry, &text, what)?, new)),
                Submitted::Pending { .. } if tokio::time::Instant::now() > deadline => {
                    return Err(AdminError::StillPending(what.to_owned()));
                }
                // Sending again is asking again.
                Submitted::Pending { .. } => tokio::time::sleep(std::time::Duration::from_secs(1)).await,
            }
        }
    }

    fn verify(&self, entry: &[u8], receipt: &str, what: &str) -> Result<LeafIndex, AdminError> {
        let refused = |source| AdminError::Receipt { what: what.to_owned(), source };
        let log = &self.manifest.log;
        let verified = Receipt::parse(receipt).and_then(|receipt| receipt.verify(entry, &log.origin, &log.key));
        verified.map(|(index, _)| index).map_err(refused)
    }

    async fn post_signed<E: SignedEntry + Clone>(&self, entry: E, key: &SigningSecret, what: &str) -> Posted {
        let signed = signature::sign(entry, &self.manifest.fingerprint(), key)?;
        Ok(self.post(canonical::to_bytes(&signed)?.into(), what).await?.0)
    }

    fn number(&self, key: &SigningSecret) -> Result<u64, AdminError> {
        let public = key.verification_key();
        let administrators = &self.manifest.administrators;
        let found = (1..).zip(administrators).find(|(_, administrator)| administrator.key == public);
        found.map(|(number, _)| number).ok_or(AdminError::NotAdministrator(administrators.len()))
    }

    /// Downloads the record, verifies all of it, and hands its state to `use_it`.
    async fn with_record<T>(
        &self,
        progress: Progress<'_>,
        use_it: impl FnOnce(&RecordState) -> Result<T, AdminError>,
    ) -> Result<T, AdminError> {
        let directory = tempfile::tempdir().map_err(FileError::io("make a folder in", &std::env::temp_dir()))?;
        let folder = Folder::at(directory.path());
        folder.export(&Source::Board(&self.election), progress).await?;
        // A command of its own process: nothing else waits for this thread.
        let replayed = tokio::task::block_in_place(|| folder.replay(progress))?;
        let found = replayed.state.fingerprint();
        if found != self.manifest.fingerprint() {
            let (election, expected) = (self.election.id().clone(), self.manifest.fingerprint());
            return Err(ClientError::Fingerprint { election, expected, found }.into());
        }
        use_it(&replayed.state)
    }
}

/// Where the entry stands in the log.
type Posted = Result<LeafIndex, AdminError>;

fn expect(state: &RecordState, phase: Phase, hint: &str) -> Result<(), AdminError> {
    let found = state.phase();
    if found == phase { Ok(()) } else { Err(AdminError::NotNow(format!("the election is {found}: {hint}"))) }
}

/// Begins voting, on exactly the ceremony and roll that the verified record has.
///
/// # Errors
/// [`AdminError`].
pub async fn open(target: &Target, key: &SigningSecret, progress: Progress<'_>) -> Posted {
    let administrator = target.number(key)?;
    let hashes = |state: &RecordState| {
        expect(state, Phase::Setup, "it can be opened once, from setup")?;
        let missing = |what: &str| AdminError::NotNow(format!("voting can't begin: {what}"));
        let keys = state.ceremony().keys().ok_or_else(|| missing("the trustees' key ceremony is not complete"))?;
        let roll = state.roll_hash().ok_or_else(|| missing("the registrar's roll is not complete (`post` it)"))?;
        Ok((keys.ceremony, roll))
    };
    let (ceremony, roll) = target.with_record(progress, hashes).await?;
    let time_ms = SystemClock.now_ms();
    if time_ms < target.manifest.schedule.opens_at_ms {
        let at = show_time(target.manifest.schedule.opens_at_ms);
        return Err(AdminError::NotNow(format!("the manifest announces that voting begins at {at}; open it then")));
    }
    let opening = Opening { administrator, ceremony, roll, signature: None, time_ms, tag: OpeningTag };
    target.post_signed(opening, key, "the opening").await
}

/// Ends voting. Before the announced time only if `early`.
///
/// # Errors
/// [`AdminError`].
pub async fn close(target: &Target, key: &SigningSecret, early: bool) -> Posted {
    let administrator = target.number(key)?;
    let closes_at_ms = target.election.status().await?.closes_at_ms;
    let time_ms = SystemClock.now_ms();
    if time_ms < closes_at_ms && !early {
        let at = show_time(closes_at_ms);
        let text = format!("voting is announced until {at}; to end it now, before everybody voted, add --early");
        return Err(AdminError::NotNow(text));
    }
    let closing = Closing { administrator, signature: None, time_ms, tag: ClosingTag };
    target.post_signed(closing, key, "the closing").await
}

/// Lets voting end later.
///
/// # Errors
/// [`AdminError`].
pub async fn extend(target: &Target, key: &SigningSecret, closes_at_ms: u64) -> Posted {
    let administrator = target.number(key)?;
    let time_ms = SystemClock.now_ms();
    let extension = Extension { administrator, closes_at_ms, signature: None, time_ms, tag: ExtensionTag };
    target.post_signed(extension, key, "the extension").await
}

/// Publishes the counts that the trustees' shares give.
///
/// # Errors
/// [`AdminError`].
pub async fn publish(target: &Target, key: &SigningSecret, progress: Progress<'_>) -> Posted {
    let administrator = target.number(key)?;
    let counts = |state: &RecordState| {
        let missing = format!(
            "{} of {} trustees agreed, {} share entries are there, {} valid ones are needed",
            state.agreements().len(),
            state.manifest().agreement_quorum,
            state.shares().len(),
            state.manifest().quorum
        );
        expect(state, Phase::Decrypted, &missing)?;
        state.decrypted().map(<[_]>::to_vec).ok_or(AdminError::NotNow(missing))
    };
    let contests = target.with_record(progress, counts).await?;
    let time_ms = SystemClock.now_ms();
    let result = ElectionResult { administrator, contests, signature: None, time_ms, tag: ResultTag };
    target.post_signed(result, key, "the result").await
}

/// Gives the election up.
///
/// # Errors
/// [`AdminError`].
pub async fn abandon(target: &Target, key: &SigningSecret, reason: &str) -> Posted {
    let administrator = target.number(key)?;
    let (reason, time_ms) = (reason.to_owned(), SystemClock.now_ms());
    let abandonment = Abandonment { administrator, reason, signature: None, time_ms, tag: AbandonmentTag };
    target.post_signed(abandonment, key, "the abandonment").await
}

/// Reads a file of entries, one a line.
///
/// # Errors
/// [`FileError`].
pub fn read_entries(path: &Path) -> Result<Vec<Bytes>, FileError> {
    let bytes = Bytes::from(std::fs::read(path).map_err(FileError::io("read", path))?);
    let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(|line| bytes.slice_ref(line)).collect())
}

/// How many entries were posted, and how many the log had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostedFiles {
    /// New in the log.
    pub new: u64,
    /// There before: an interrupted run is resumed by running it again.
    pub known: u64,
}

/// Posts files of entries, in order.
///
/// # Errors
/// [`AdminError`] at the first entry that is refused.
pub async fn post_files(target: &Target, paths: &[PathBuf], progress: Progress<'_>) -> Result<PostedFiles, AdminError> {
    let mut entries = Vec::new();
    for path in paths {
        let lines = read_entries(path)?;
        entries.extend((1..).zip(lines).map(|(line, entry)| (format!("{} line {line}", path.display()), entry)));
    }
    let (mut posted, total) = (PostedFiles::default(), entries.len() as u64);
    for (done, (what, entry)) in (1..).zip(entries) {
        let (_, new) = target.post(entry, &what).await?;
        *(if new { &mut posted.new } else { &mut posted.known }) += 1;
        progress(done, total);
    }
    Ok(posted)
}

/// A time for people, UTC.
#[must_use]
pub fn show_time(time_ms: u64) -> String {
    let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(time_ms));
    // humantime's own formatter fails beyond the year 9999.
    time.filter(|_| time_ms < 253_402_300_800_000)
        .map_or_else(|| format!("{time_ms} ms"), |time| humantime::format_rfc3339_seconds(time).to_string())
}
