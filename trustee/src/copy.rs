//! This machine's own copy of a record, verified as a whole, and held against every signed head that was seen before.

use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::note::{MAX_NOTE_BYTES, Note};
use veritally_crypto::log::tiles::{MAX_BUNDLE_BYTES, bundles_of, decode_entries};
use veritally_crypto::manifest::CheckedManifest;
use veritally_crypto::record::RecordState;
use veritally_verifier::checks::Check;
use veritally_verifier::source::{CHECKPOINT, Folder};
use veritally_verifier::{Options, Progress, Report, Source, verify_record};

use crate::duty::DutyStop;
use crate::journal::Journal;

/// A copy in which no check failed, but perhaps that of the witnesses.
#[derive(Debug)]
pub struct VerifiedCopy {
    /// The verification's report.
    pub report: Report,
    /// The election.
    pub state: RecordState,
    /// What V4 says while too few witnesses have cosigned: then others may be shown another log. ⚠ Nothing is agreed to or
    /// decrypted from it.
    pub uncosigned: Option<String>,
}

/// The whole verification of a copy on this machine.
///
/// # Errors
/// [`DutyStop::Fails`], [`DutyStop::Verify`].
pub fn verify(folder: &Folder, fingerprint: Option<Hash>, progress: &dyn Progress) -> Result<VerifiedCopy, DutyStop> {
    let options = Options { fingerprint, ..Options::default() };
    let verified = verify_record(folder, &options, progress)?;
    let report = verified.report;
    match (verified.state, verified.uncosigned) {
        (Some(state), _) => Ok(VerifiedCopy { report, state, uncosigned: None }),
        (None, Some(state)) => {
            let uncosigned = report.check(Check::Witnesses.id()).map(|check| check.message.clone());
            Ok(VerifiedCopy { report, state, uncosigned: Some(uncosigned.unwrap_or_default()) })
        }
        (None, None) => {
            let failed = report.failed().into_iter().filter_map(|id| report.check(id));
            let failed: Vec<_> = failed.map(|check| format!("{} {}", check.id, check.message)).collect();
            Err(DutyStop::Fails { failed: failed.join("; "), report: Box::new(report) })
        }
    }
}

/// [`verify`], and consistency with every head seen before; the head is noted.
///
/// # Errors
/// [`DutyStop`]: the record fails, or does not extend a head that was seen.
pub fn verify_and_note(
    folder: &Folder,
    fingerprint: Option<Hash>,
    journal: &mut Journal,
    progress: &dyn Progress,
) -> Result<VerifiedCopy, DutyStop> {
    let copy = verify(folder, fingerprint, progress)?;
    let (election, head) = (copy.state.fingerprint(), copy.state.head());
    let seen: Vec<Head> = journal.seen_heads(election).collect();
    check_extends(folder, head, &seen)?;
    let note = kept_checkpoint(folder, copy.state.manifest()).map(|checkpoint| checkpoint.to_string());
    journal.seen(election, head, note)?;
    Ok(copy)
}

/// The manifest of a copy that is not verified yet, if it is the one that is asked for.
#[must_use]
pub fn manifest_of(folder: &Folder, fingerprint: Option<Hash>) -> Option<CheckedManifest> {
    let note = folder.read(CHECKPOINT, MAX_NOTE_BYTES).ok()?.bytes()?;
    let note = Note::parse(std::str::from_utf8(&note).ok()?).ok()?;
    let tile = bundles_of(0, Checkpoint::parse(note.text()).ok()?.tree_size).next()?;
    let bytes = folder.read(&tile.to_string(), MAX_BUNDLE_BYTES).ok()?.bytes()?;
    let manifest = CheckedManifest::from_leaf(decode_entries(&bytes, tile.width()).ok()?.first()?).ok()?;
    fingerprint.is_none_or(|expected| expected == manifest.fingerprint()).then_some(manifest)
}

/// The signed note of a copy.
#[must_use]
pub fn kept_checkpoint(folder: &Folder, manifest: &CheckedManifest) -> Option<SignedCheckpoint> {
    let bytes = folder.read(CHECKPOINT, MAX_NOTE_BYTES).ok()?.bytes()?;
    SignedCheckpoint::parse(std::str::from_utf8(&bytes).ok()?, &manifest.log.origin, &manifest.log.key).ok()
}

/// Calls `each` with index and bytes of every entry of a copy.
///
/// # Errors
/// What `each` says; [`DutyStop::Source`]; [`DutyStop::Interrupted`] when entries are missing, as they are not in a copy that
/// was verified.
pub fn for_each_entry(
    source: &dyn Source,
    tree_size: u64,
    mut each: impl FnMut(LeafIndex, &[u8]) -> Result<(), DutyStop>,
) -> Result<(), DutyStop> {
    for tile in bundles_of(0, tree_size) {
        let bytes = source.read(&tile.to_string(), MAX_BUNDLE_BYTES)?.bytes().ok_or(DutyStop::Interrupted)?;
        let entries = decode_entries(&bytes, tile.width()).map_err(|_| DutyStop::Interrupted)?;
        for (index, entry) in (tile.range().start..).zip(entries) {
            each(index, entry)?;
        }
    }
    Ok(())
}

/// Recomputes the log's root at every size at which a signed head was seen.
fn check_extends(source: &dyn Source, now: Head, seen: &[Head]) -> Result<(), DutyStop> {
    let mut open: Vec<Head> = seen.to_vec();
    open.sort_by_key(|head| head.tree_size);
    let mut next = open.into_iter().peekable();
    let mut frontier = Frontier::new();
    for_each_entry(source, now.tree_size, |_, entry| {
        frontier.push(leaf_hash(entry));
        while let Some(head) = next.next_if(|head| head.tree_size == frontier.size()) {
            if head.root != frontier.root() {
                return Err(DutyStop::NotAnExtension { seen: head, now: now.tree_size });
            }
        }
        Ok(())
    })?;
    match next.last() {
        Some(larger) => Err(DutyStop::WentBack { seen: larger.tree_size, now: now.tree_size }),
        None => Ok(()),
    }
}
