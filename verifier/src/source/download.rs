//! From a board's address to a folder: what the checkpoint covers, file by file, so that a second run goes on where
//! the first one stopped.

use std::io::Write as _;
use std::path::Path;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::Checkpoint;
use veritally_crypto::log::note::{MAX_NOTE_BYTES, Note};
use veritally_crypto::log::tiles::{TilePath, bundles_of, tiles_of};

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
fn read_head(note: &[u8]) -> Result<Head, DownloadError> {
    let unreadable = |error: &dyn std::fmt::Display| DownloadError::Checkpoint(error.to_string());
    let text = std::str::from_utf8(note).map_err(|e| unreadable(&e))?;
    let note = Note::parse(text).map_err(|e| unreadable(&e))?;
    Ok(Checkpoint::parse(note.text()).map_err(|e| unreadable(&e))?.head())
}

/// Downloads what the board's present checkpoint covers to a folder. Files that are there already are kept: full ones
/// never change, and the verification finds those that are wrong. The checkpoint is written last.
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
    let head = read_head(note.as_bytes())?;
    let size = head.tree_size;
    if size > MAX_ENTRIES {
        return Err(DownloadError::TooLarge(size));
    }
    make_folder(folder)?;
    let folder = Folder::new(folder);
    if let Some(kept) = folder.read(CHECKPOINT, MAX_NOTE_BYTES)?.bytes() {
        let kept = read_head(&kept)?;
        if kept.tree_size > size {
            return Err(DownloadError::WentBack { kept: kept.tree_size, now: size });
        }
        if kept.tree_size == size && kept.root != head.root {
            return Err(DownloadError::Forked(size));
        }
    }
    let files = || bundles_of(0, size).chain(tiles_of(size));
    progress.begin(Stage::Download, files().count() as u64);
    stream::iter(files())
        .map(|tile| fetch(election, &folder, tile, progress))
        .buffer_unordered(AHEAD)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    write(&folder.root().join(CHECKPOINT), note.as_bytes())?;
    progress.finish();
    Ok(Downloaded { folder, tree_size: size })
}

async fn fetch(
    election: &ElectionClient,
    folder: &Folder,
    tile: TilePath,
    progress: &dyn Progress,
) -> Result<(), DownloadError> {
    let path = tile.to_string();
    let kept = folder.size(&path)?.is_some_and(|size| size > 0 && size <= limit(tile.kind()) as u64);
    if !kept {
        let bytes = election.tile(tile).await?;
        let to = folder.root().join(&path);
        make_folder(parent(&to))?;
        write(&to, &bytes)?;
    }
    progress.advance(1);
    Ok(())
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
