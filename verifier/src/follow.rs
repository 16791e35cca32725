//! Follow mode: keeps verifying a live election, entry by entry, and warns at once when the board contradicts itself.
//!
//! Each new checkpoint must be signed by the log, extend the one before (proved from the board's tiles before anything is
//! downloaded), and cover entries that obey the rules. What shows otherwise is kept as [`evidence`](crate::evidence).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use veritally_board_api::client::TreeError;
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::leaves::Head;
use veritally_crypto::log::checkpoint::{CheckpointError, SignedCheckpoint};
use veritally_crypto::log::tiles::{bundles_of, tiles_of};
use veritally_crypto::manifest::{CheckedManifest, ManifestError};
use veritally_crypto::record::{Phase, RecordState};

use crate::audit::Audit;
use crate::checks::Check;
use crate::evidence::{Evidence, EvidenceError, Finding, LogIdentity};
use crate::source::{DownloadError, Folder, SourceError, download_more, download_to};
use crate::{Options, Progress, Verified, VerifyError};

mod kept;

use kept::Contradiction;

/// How an election is followed.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// Where the copy of the record is kept; a later run goes on from there.
    pub folder: PathBuf,
    /// Where evidence is kept.
    pub evidence: PathBuf,
    /// Pause between two questions to the board.
    pub every: Duration,
    /// A board that does not go on for this time although it should has stalled.
    pub stall_after: Duration,
    /// Stop after this time; else when the result is published, or the election given up.
    pub stop_after: Option<Duration>,
    /// Fingerprint and threads.
    pub verify: Options,
}

/// What is told while following.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// How far it is.
    Progress {
        /// Ballots verified here.
        verified: u64,
        /// Ballots that the board claims to have, if it answers.
        claimed: Option<u64>,
        /// Entries verified here.
        entries: u64,
        /// Where the election stands.
        phase: Phase,
    },
    /// ⚠ Something is wrong.
    Warning {
        /// What, for people.
        text: String,
        /// Where the evidence is, if there is some.
        evidence: Option<PathBuf>,
    },
    /// The board goes on again.
    GoesOn,
}

/// Why an election can't be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The board can't be asked, at the beginning.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The manifest.
    #[error("the election's description is not usable: {0}")]
    Manifest(#[from] ManifestError),
    /// Another election.
    #[error("the board shows an election with fingerprint {found}, you mean {expected}")]
    Fingerprint {
        /// Given.
        expected: Hash,
        /// Served.
        found: Hash,
    },
    /// The folder.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The folder's checkpoint.
    #[error("the copy in {} is not of this election's log, or it is damaged ({reason}): take another folder", .folder.display())]
    Kept {
        /// Where.
        folder: PathBuf,
        /// Why not.
        reason: CheckpointError,
    },
    /// The verification could not run.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Evidence could not be kept.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The copy in the folder can't be continued.
    #[error(transparent)]
    Download(#[from] DownloadError),
}

/// What came of following.
#[derive(Debug)]
pub struct Followed {
    /// The report on what was there at the end; `None` when nothing could be downloaded.
    pub verified: Option<Verified>,
    /// Warnings about the board itself: forks, rollbacks, stalls.
    pub warnings: u64,
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Follows an election to its end, or as long as the options say.
///
/// # Errors
/// [`FollowError`]. A board that can't be reached later on is asked again.
pub async fn follow(
    link: &Link,
    options: &FollowOptions,
    tell: &(dyn Fn(Notice) + Sync),
    progress: &dyn Progress,
) -> Result<Followed, FollowError> {
    let client = Client::new(link.board.as_str())?.with_patience(options.every).election(link.election.clone());
    let leaf_0 = client.manifest_bytes().await?.to_vec();
    let found = Hash::of(&leaf_0);
    if let Some(expected) = options.verify.fingerprint.filter(|expected| *expected != found) {
        return Err(FollowError::Fingerprint { expected, found });
    }
    let manifest = CheckedManifest::from_leaf(&leaf_0)?;
    let log = LogIdentity { origin: manifest.log.origin.clone(), key: manifest.log.key };
    let folder = Folder::new(&options.folder);
    // ⚠ What an earlier run has seen binds the board, too.
    let last = kept::checkpoint(&folder, &log)?;
    let mut follower = Follower {
        client,
        options,
        tell,
        leaf_0,
        log,
        last,
        audit: None,
        warnings: 0,
        contradictions: vec![],
        reported: BTreeSet::new(),
        idle: None,
        stalled: false,
    };
    let started = Instant::now();
    loop {
        let stop = follower.step(&folder, progress).await?;
        let time_over = options.stop_after.is_some_and(|limit| started.elapsed() >= limit);
        if stop || time_over {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(options.every) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    Ok(Followed { verified: follower.audit.map(Audit::finish), warnings: follower.warnings })
}

struct Follower<'a> {
    client: ElectionClient,
    options: &'a FollowOptions,
    tell: &'a (dyn Fn(Notice) + Sync),
    leaf_0: Vec<u8>,
    log: LogIdentity,
    /// What was verified last, in this run or an earlier one whose copy is in the folder.
    last: Option<SignedCheckpoint>,
    audit: Option<Audit<'a>>,
    warnings: u64,
    /// Heads that do not extend the last one, and were told.
    contradictions: Vec<(&'static str, Head)>,
    /// Failed checks with culprits, and findings, that were told already.
    reported: BTreeSet<(Check, Option<LeafIndex>)>,
    /// Since when something is missing, and what.
    idle: Option<(Instant, String)>,
    stalled: bool,
}

impl<'a> Follower<'a> {
    /// Asks the board once; true at the end of the election.
    async fn step(&mut self, folder: &'a Folder, progress: &dyn Progress) -> Result<bool, FollowError> {
        let text = match self.client.checkpoint().await {
            Ok(text) => text,
            Err(error) => return self.waiting(format!("The board does not answer ({error}).")),
        };
        let signed = match SignedCheckpoint::parse(&text, &self.log.origin, &self.log.key) {
            Ok(signed) => signed,
            Err(error) => return self.waiting(format!("The board's checkpoint does not hold ({error}).")),
        };
        if let Some(last) = &self.last {
            if self.audit.is_some() && *last.checkpoint() == *signed.checkpoint() {
                return self.quiet().await;
            }
            match Finding::compare(&self.client, last, &signed).await {
                Ok(None) => {}
                Ok(Some(finding)) => {
                    let last = last.clone();
                    self.contradicted(finding, last, &signed, folder).await?;
                    if self.audit.is_none() {
                        // What an earlier run had got is all that there is to report on.
                        tokio::task::block_in_place(|| self.verify(folder, progress))?;
                    }
                    return Ok(false);
                }
                Err(error) => return self.waiting(missing_files(&error)),
            }
        }
        let downloaded = match self.audit {
            None => download_to(&self.client, &text, folder.root(), progress).await.map(drop),
            Some(_) => download_more(&self.client, &text, folder, progress).await,
        };
        if let Err(error) = downloaded {
            return match error {
                DownloadError::Client(error) => self.waiting(missing_files(&TreeError::Client(error))),
                other => Err(other.into()),
            };
        }
        tokio::task::block_in_place(|| self.verify(folder, progress))?;
        if let (Some(last), Some(audit)) = (&self.last, &mut self.audit) {
            forget_earlier(audit, folder.root(), last.checkpoint().tree_size, signed.checkpoint().tree_size);
        }
        self.last = Some(signed);
        self.goes_on();
        self.tell_failures().await?;
        self.tell_progress().await;
        let over = |state: &RecordState| matches!(state.phase(), Phase::Published | Phase::Abandoned);
        let audit = self.audit.as_ref();
        // Without a state, or with other entries than were signed, there is nothing to go on with.
        let lost = audit.is_some_and(|audit| audit.state.is_none() || !audit.is_what_was_signed());
        Ok(lost || audit.and_then(|audit| audit.state.as_ref()).is_some_and(over))
    }

    fn verify(&mut self, folder: &'a Folder, progress: &dyn Progress) -> Result<(), VerifyError> {
        match &mut self.audit {
            Some(audit) => audit.extend()?,
            None => self.audit = Some(Audit::new(folder, &self.options.verify)?),
        }
        self.audit.as_mut().map_or(Ok(()), |audit| audit.advance(progress))
    }

    /// The log is what it was: is something due?
    async fn quiet(&mut self) -> Result<bool, FollowError> {
        let due = self.audit.as_ref().and_then(|audit| audit.state.as_ref()).and_then(|state| {
            let grace = u64::try_from(self.options.stall_after.as_millis()).unwrap_or(u64::MAX);
            let ended = state.closes_at_ms().saturating_add(grace) < now_ms();
            match state.phase() {
                Phase::Open if state.tally_head_due() => Some("There are ballots that no published sum covers."),
                Phase::Open if ended => Some("The announced end of voting is over, and the log has no closing."),
                _ => None,
            }
        });
        match due {
            Some(due) => self.waiting(due.into()),
            None => {
                self.goes_on();
                self.tell_progress().await;
                Ok(false)
            }
        }
    }

    /// Something is missing; for too long it is a stall.
    fn waiting(&mut self, what: String) -> Result<bool, FollowError> {
        let since = self.idle.get_or_insert_with(|| (Instant::now(), what.clone())).0;
        if since.elapsed() >= self.options.stall_after && !self.stalled {
            self.stalled = true;
            let reason = format!("{what} This has lasted for {} seconds.", since.elapsed().as_secs());
            match &self.last {
                Some(last) => self.caught(Finding::Stalled { first: last.to_string(), reason })?,
                None => {
                    self.warnings += 1;
                    (self.tell)(Notice::Warning { text: reason, evidence: None });
                }
            }
        }
        Ok(false)
    }

    fn goes_on(&mut self) {
        self.idle = None;
        if std::mem::take(&mut self.stalled) {
            (self.tell)(Notice::GoesOn);
        }
    }

    /// The board shows a log that does not extend the last one: told once for each such log, and each time the program
    /// begins anew.
    async fn contradicted(
        &mut self,
        finding: Finding,
        first: SignedCheckpoint,
        second: &SignedCheckpoint,
        folder: &Folder,
    ) -> Result<(), FollowError> {
        let contradiction = (finding.kind(), second.checkpoint().head());
        if self.contradictions.contains(&contradiction) {
            return Ok(());
        }
        self.contradictions.push(contradiction);
        self.caught(finding.clone())?;
        let what = Contradiction { folder, client: &self.client, first: &first, second };
        let evidence = self.evidence(finding.clone());
        let proved = what.proved(&finding, |more| kept::holds(&evidence, more)).await;
        proved.into_iter().try_for_each(|more| self.caught(more))
    }

    fn evidence(&self, finding: Finding) -> Evidence {
        Evidence {
            log: self.log.clone(),
            manifest: Some(self.leaf_0.clone()),
            noticed_ms: now_ms(),
            noticed_by: concat!("veritally-verifier ", env!("CARGO_PKG_VERSION"), " --follow").into(),
            finding,
        }
    }

    /// Keeps evidence and warns.
    fn caught(&mut self, finding: Finding) -> Result<(), FollowError> {
        let evidence = self.evidence(finding);
        let folder = evidence.write(&self.options.evidence)?;
        self.warnings += 1;
        (self.tell)(Notice::Warning { text: evidence.headline(), evidence: Some(folder) });
        Ok(())
    }

    /// Checks that failed since the last time, each with its entry as evidence.
    async fn tell_failures(&mut self) -> Result<(), FollowError> {
        let (Some(audit), Some(last)) = (&self.audit, &self.last) else { return Ok(()) };
        let signed = audit.is_what_was_signed();
        let mut fresh = vec![];
        for (check, entries, sentence) in audit.findings.failures() {
            let culprits = entries.iter().map(|entry| Some(*entry)).chain(entries.is_empty().then_some(None));
            for entry in culprits.filter(|entry| self.reported.insert((check, *entry))) {
                fresh.push((check, entry, sentence.clone()));
            }
        }
        if !signed && self.reported.insert((Check::Root, None)) {
            fresh.push((Check::Root, None, "The entries are not those that the board signed for.".into()));
        }
        let mut findings = vec![];
        for (check, entry, sentence) in fresh {
            let text = format!("{check} ({}) fails: {sentence}", check.name());
            let bytes = entry.filter(|_| signed).map(|entry| audit.read_again(entry)).transpose()?.flatten();
            findings.push((entry, text, bytes));
        }
        let (first, size) = (last.to_string(), last.checkpoint().tree_size);
        for (entry, text, bytes) in findings {
            let proof = match entry {
                Some(index) => self.client.inclusion_proof(index, size).await.ok(),
                None => None,
            };
            match (entry, bytes, proof) {
                (Some(index), Some(entry), Some(proof)) => {
                    let (first, inclusion) = (first.clone(), proof.0);
                    self.caught(Finding::BadEntry { first, entry, index, inclusion, reason: text })?;
                }
                _ => {
                    self.warnings += 1;
                    (self.tell)(Notice::Warning { text, evidence: None });
                }
            }
        }
        Ok(())
    }

    async fn tell_progress(&self) {
        let Some(state) = self.audit.as_ref().and_then(|audit| audit.state.as_ref()) else { return };
        let claimed = self.client.status().await.ok().map(|status| status.counts.ballots_cast);
        let (verified, entries) =
            (state.counts().ballots_cast, self.last.as_ref().map_or(0, |l| l.checkpoint().tree_size));
        (self.tell)(Notice::Progress { verified, claimed, entries, phase: state.phase() });
    }
}

fn missing_files(error: &TreeError) -> String {
    format!("The board does not serve the files of what it signed ({error}).")
}

/// Shorter versions of tiles that a longer one took the place of: they were looked at, and would pile up.
fn forget_earlier(audit: &mut Audit<'_>, folder: &Path, old: u64, new: u64) {
    let kept: BTreeSet<_> = bundles_of(0, new).chain(tiles_of(new)).collect();
    for tile in bundles_of(old / 256 * 256, old).chain(tiles_of(old)).filter(|tile| !tile.is_full()) {
        if !kept.contains(&tile) {
            // One that can't be removed is compared at the end.
            if std::fs::remove_file(folder.join(tile.to_string())).is_ok() {
                audit.listing.forget(tile);
            }
        }
    }
}
