//! From a board's address to a folder: what the checkpoint covers, file by file, so that a second run goes on where
//! the first one stopped.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use veritally_board_api::client::TreeError;
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::Checkpoint;
use veritally_crypto::log::note::{MAX_NOTE_BYTES, Note};
use veritally_crypto::log::tiles::{TilePath, bundles_of, tiles_of};

use super::tree::{StoredTree, misfitting_versions};
use super::unfinished::clear_unfinished;
use super::{CHECKPOINT, Folder, MAX_ENTRIES, Source as _, SourceError, limit};
use crate::progress::{Progress, Stage};

/// Files under way at once: enough to hide the latency, few enough to be polite. At most 16 MB each.
const AHEAD: usize = 6;

/// Why a record could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The board.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The folder.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A log that nobody can have filled.
    #[error("the board says that its log has {0} entries; at most {MAX_ENTRIES} are downloaded")]
    TooLarge(u64),
    /// What the board serves as its signed tree head.
    #[error("the board's checkpoint can't be read: {0}")]
    Checkpoint(String),
    /// The folder holds another log of the same size.
    #[error(
        "the board signed two different logs of {0} entries: this one and the one in the folder; keep the folder, it \
         is evidence"
    )]
    Forked(u64),
    /// The folder holds a larger log than the board has now.
    #[error(
        "the board's log has {now} entries, the copy in the folder has {kept}: the board went back behind what it had \
         signed; keep the folder, it is evidence"
    )]
    WentBack {
        /// Entries in the folder.
        kept: u64,
        /// Entries now.
        now: u64,
    },
    /// The folder holds a smaller log, and the board's files do not show that its own begins with it.
    #[error(
        "the board's log of {now} entries does not begin with the {kept} entries of the copy in the folder, as far as its \
         files show; keep the folder, it is evidence, and take another one if you want a copy of what the board has now"
    )]
    NotExtended {
        /// Entries in the folder.
        kept: u64,
        /// Entries now.
        now: u64,
    },
    /// The folder's own checkpoint.
    #[error("the checkpoint of the copy in the folder can't be read ({0}): take another folder")]
    Kept(String),
    /// The program is ending.
    #[error("the download was interrupted")]
    Interrupted,
}

/// A downloaded record.
#[derive(Debug)]
pub struct Downloaded {
    /// Where it lies.
    pub folder: Folder,
    /// Entries of the log.
    pub tree_size: u64,
}

/// What a checkpoint says, whoever signed it: the verification looks at that.
fn read_head(note: &[u8]) -> Result<Head, String> {
    let text = std::str::from_utf8(note).map_err(|e| e.to_string())?;
    let note = Note::parse(text).map_err(|e| e.to_string())?;
    Ok(Checkpoint::parse(note.text()).map_err(|e| e.to_string())?.head())
}

/// Downloads what the board's present checkpoint covers to a folder. A copy that is there already must be of the beginning
/// of this log; its files are kept where they fit the tree, and those that are damaged are asked for once more. What the
/// board itself serves is not judged here: the verification does that. The checkpoint is written last.
///
/// # Errors
/// [`DownloadError`]. Nothing that was downloaded is lost.
pub async fn download(link: &Link, folder: &Path, progress: &dyn Progress) -> Result<Downloaded, DownloadError> {
    let election = Client::for_link(link)?;
    let note = election.checkpoint().await?;
    download_to(&election, &note, folder, progress).await
}

/// Downloads what this checkpoint covers: [`download`], for callers that asked for the checkpoint themselves.
///
/// # Errors
/// [`DownloadError`].
pub async fn download_to(
    election: &ElectionClient,
    note: &str,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Downloaded, DownloadError> {
    let head = read_head(note.as_bytes()).map_err(DownloadError::Checkpoint)?;
    if head.tree_size > MAX_ENTRIES {
        return Err(DownloadError::TooLarge(head.tree_size));
    }
    make_folder(folder)?;
    clear_unfinished(folder);
    let folder = Folder::new(folder);
    compare_kept(election, &folder, &head).await?;
    let kept = fetch_missing(election, &folder, &head, progress).await?;
    if !kept.is_empty() {
        mend(election, &folder, head, kept).await?;
    }
    write(&folder.root().join(CHECKPOINT), note.as_bytes())?;
    Ok(Downloaded { folder, tree_size: head.tree_size })
}

/// As [`download_to`], for a copy that this process made, of a log that it has compared already.
pub(crate) async fn download_more(
    election: &ElectionClient,
    note: &str,
    folder: &Folder,
    progress: &dyn Progress,
) -> Result<(), DownloadError> {
    let head = read_head(note.as_bytes()).map_err(DownloadError::Checkpoint)?;
    if head.tree_size > MAX_ENTRIES {
        return Err(DownloadError::TooLarge(head.tree_size));
    }
    fetch_missing(election, folder, &head, progress).await?;
    Ok(write(&folder.root().join(CHECKPOINT), note.as_bytes())?)
}

/// ⚠ Before anything is downloaded: files of two logs in one folder are evidence of neither.
async fn compare_kept(election: &ElectionClient, folder: &Folder, head: &Head) -> Result<(), DownloadError> {
    let Some(kept) = folder.read(CHECKPOINT, MAX_NOTE_BYTES)?.bytes() else { return Ok(()) };
    let kept = read_head(&kept).map_err(DownloadError::Kept)?;
    let now = head.tree_size;
    if kept.tree_size > now {
        return Err(DownloadError::WentBack { kept: kept.tree_size, now });
    }
    if kept.tree_size == now {
        return if kept.root == head.root { Ok(()) } else { Err(DownloadError::Forked(now)) };
    }
    let extends = match election.consistency_proof(kept.tree_size, now).await {
        Ok(proof) => proof.verify(&kept, head).is_ok(),
        Err(TreeError::Client(error)) => return Err(error.into()),
        Err(_) => false,
    };
    if extends { Ok(()) } else { Err(DownloadError::NotExtended { kept: kept.tree_size, now }) }
}

/// Gives the files that were there already.
async fn fetch_missing(
    election: &ElectionClient,
    folder: &Folder,
    head: &Head,
    progress: &dyn Progress,
) -> Result<BTreeSet<TilePath>, DownloadError> {
    let files = || bundles_of(0, head.tree_size).chain(tiles_of(head.tree_size));
    progress.begin(Stage::Download, files().count() as u64);
    let kept = stream::iter(files())
        .map(|tile| fetch_if_missing(election, folder, tile, progress))
        .buffer_unordered(AHEAD)
        .try_filter_map(|kept| async move { Ok(kept) })
        .try_collect()
        .await?;
    progress.finish();
    Ok(kept)
}

/// Asks once more for each kept file that does not fit the tree: a disk may have spoiled it. Shorter versions of files that
/// are spoiled are of no use and would look like another log's.
async fn mend(
    election: &ElectionClient,
    folder: &Folder,
    head: Head,
    mut kept: BTreeSet<TilePath>,
) -> Result<(), DownloadError> {
    loop {
        let copy = folder.clone();
        let misfits = move || StoredTree { source: &copy, size: head.tree_size }.misfits(&head);
        let misfits = tokio::task::spawn_blocking(misfits).await.map_err(|_| DownloadError::Interrupted)?;
        let again: Vec<_> = misfits.into_iter().filter(|tile| kept.remove(tile)).collect();
        if again.is_empty() {
            break;
        }
        for tile in again {
            fetch(election, folder, tile).await?;
        }
    }
    for spoiled in misfitting_versions(folder, head.tree_size)? {
        let path = folder.root().join(spoiled.to_string());
        std::fs::remove_file(&path).map_err(SourceError::io(path.display()))?;
    }
    Ok(())
}

/// The tile if it was there.
async fn fetch_if_missing(
    election: &ElectionClient,
    folder: &Folder,
    tile: TilePath,
    progress: &dyn Progress,
) -> Result<Option<TilePath>, DownloadError> {
    let kept = folder.size(&tile.to_string())?.is_some_and(|size| size > 0 && size <= limit(tile.kind()) as u64);
    if !kept {
        fetch(election, folder, tile).await?;
    }
    progress.advance(1);
    Ok(kept.then_some(tile))
}

async fn fetch(election: &ElectionClient, folder: &Folder, tile: TilePath) -> Result<(), DownloadError> {
    let bytes = election.tile(tile).await?;
    let to = folder.root().join(tile.to_string());
    make_folder(parent(&to))?;
    Ok(write(&to, &bytes)?)
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn make_folder(path: &Path) -> Result<(), SourceError> {
    std::fs::create_dir_all(path).map_err(SourceError::io(path.display()))
}

/// Writes a file whole or not at all. Not flushed to disk: what a crash loses is downloaded again.
fn write(path: &Path, bytes: &[u8]) -> Result<(), SourceError> {
    let failed = || SourceError::io(path.display());
    let mut file = tempfile::NamedTempFile::new_in(parent(path)).map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    file.persist(path).map_err(|e| failed()(e.error))?;
    Ok(())
}
