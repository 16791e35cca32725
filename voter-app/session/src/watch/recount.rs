//! The recount: the whole record is downloaded and verified on this device, with the verifier's code.

use std::path::Path;

use veritally_board_api::ClientError;
use veritally_board_api::files::FileError;
use veritally_crypto::record::RecordState;
use veritally_verifier::report::{CheckReport, Status};
use veritally_verifier::source::{DownloadError, Folder, SourceError, download_to};
use veritally_verifier::{Options, Progress, Report, VerifyError, verify_record};

use super::watcher::Meter;
use super::{CountedBallot, ResultInfo};
use crate::SessionError;
use crate::election::{OpenRequest, View};
use crate::evidence::About;
use crate::flow::Trouble;
use crate::receipts::is_newer;
use crate::store::StoredBallot;

/// The check of the witnesses' quorum: it fails as long as too few have cosigned, which is nobody's lie.
const WITNESSES: &str = "V4";
/// The check that the entries are those that were signed: without it, none of them is the board's word.
const ROOT: &str = "V5";

/// Downloads the whole record and verifies it on this device; finds the voter's ballots in it. `progress` is told how much
/// of how much is done, twice: for the download, then for the verification.
///
/// # Errors
/// [`SessionError`] when the record can't be had. A record that is wrong is no error: report and
/// [`ResultInfo::caught`] say so, and evidence is kept.
pub async fn verify_result(
    request: &OpenRequest,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<ResultInfo, SessionError> {
    // First: it is the election that is meant, and its log continues the one that was seen. ⚠ What is verified then is the
    // log of this very checkpoint: asked for another one, a board could show another log to the recount alone.
    let view = View::fetch(request).await?;
    let (fingerprint, stored) = (view.fingerprint(), view.store().ballots()?);
    let temporary = tempfile::tempdir().map_err(FileError::io("make", &std::env::temp_dir()))?;
    let meter = Meter::new(progress);
    let folder = download(&view, temporary.path(), &meter).await?;
    let work = move || {
        let options = Options { fingerprint: Some(fingerprint), jobs: None };
        // Dropped when the verification is done.
        let _temporary = temporary;
        verify_record(&folder, &options, &meter)
    };
    let verified = tokio::task::spawn_blocking(work).await.map_err(|_| SessionError::Interrupted)?;
    let verified = verified.map_err(cant_verify)?;
    let (report, state) = (verified.report, verified.state.or(verified.uncosigned));
    // One that was cast in the meantime can't be in the record.
    let due: Vec<&StoredBallot> = stored.iter().filter(|one| one.receipt.is_some() && !is_newer(one, &view)).collect();
    let caught = match wrong(&report, state.as_ref(), &due) {
        None => None,
        Some((error, ballot)) => {
            let json = report.to_json().ok();
            let (bytes, receipt) =
                (ballot.map(|one| one.ballot.bytes()), ballot.and_then(|one| one.receipt.as_deref()));
            let about = About { ballot: bytes, receipt, report: json.as_deref(), ..About::default() };
            Some(Trouble::from(view.keep_evidence(error, about).await))
        }
    };
    let ballots = stored.iter().filter(|one| one.receipt.is_some()).map(|one| {
        let (key, number) = (one.ballot.credential(), one.ballot.leaf().counter);
        // The last ballot is the one that counts; it has to be this one, to the byte.
        let last = state.as_ref().and_then(|state| state.voter(key)).map(|voter| voter.last_hash);
        CountedBallot {
            public_id: key.public_id(),
            number,
            code: one.ballot.confirmation_code(&fingerprint),
            counted: last == Some(one.ballot.hash()),
        }
    });
    Ok(ResultInfo { ballots: ballots.collect(), report, caught })
}

async fn download(view: &View, to: &Path, progress: &dyn Progress) -> Result<Folder, SessionError> {
    let client = view.board().online().ok_or(SessionError::Interrupted)?;
    let note = view.checkpoint().to_string();
    download_to(client, &note, to, progress).await.map(|downloaded| downloaded.folder).map_err(not_downloaded)
}

fn not_downloaded(error: DownloadError) -> SessionError {
    match error {
        DownloadError::Client(error) if may_pass(&error) => error.into(),
        DownloadError::Source(error) => cant_read(error),
        // A file that is missing, too long or none at all, or a log that nobody can have filled.
        other => SessionError::Unreadable(other.to_string()),
    }
}

/// No network, or a board that has too much to do; everything else is an answer that no whole record gives.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } => true,
        ClientError::Unexpected { status, .. } => matches!(status, 429 | 500..=599),
        ClientError::Refused(problem) => problem.kind().is_transient(),
        _ => false,
    }
}

fn cant_verify(error: VerifyError) -> SessionError {
    match error {
        VerifyError::Source(error) => cant_read(error),
        VerifyError::System(_) => SessionError::Interrupted,
        other => SessionError::Unreadable(other.to_string()),
    }
}

fn cant_read(error: SourceError) -> SessionError {
    match error {
        SourceError::Io { path, reason } => FileError::io("use", Path::new(&path))(reason).into(),
        other => SessionError::Unreadable(other.to_string()),
    }
}

/// What the board is caught at, and which of the voter's ballots it is about: checks that fail, or a ballot of those with a
/// receipt that the record does not have.
fn wrong<'s>(
    report: &Report,
    state: Option<&RecordState>,
    due: &[&'s StoredBallot],
) -> Option<(SessionError, Option<&'s StoredBallot>)> {
    let failed = report.checks.iter().filter(|check| check.status == Status::Fail && check.id != WITNESSES);
    let failed: Vec<&CheckReport> = failed.collect();
    if !failed.is_empty() {
        let checks = failed.iter().map(|check| format!("{} ({}): {}", check.id, check.name, check.message)).collect();
        let signed = failed.iter().all(|check| check.id != ROOT);
        let entry = failed.iter().find_map(|check| check.entries.first().copied()).filter(|_| signed);
        return Some((SessionError::Fails { checks, entry }, None));
    }
    let state = state?;
    let lacks = |one: &&StoredBallot| {
        let (ballot, number) = (&one.ballot, one.ballot.leaf().counter);
        state
            .voter(ballot.credential())
            .is_none_or(|voter| voter.counter < number || (voter.counter == number && voter.last_hash != ballot.hash()))
    };
    let one = due.iter().rev().copied().find(lacks)?;
    let logged = state.voter(one.ballot.credential()).map_or(0, |voter| voter.counter);
    Some((SessionError::Removed { receipts: one.ballot.leaf().counter, logged }, Some(one)))
}
