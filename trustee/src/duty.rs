//! The trustee's duty after closing: verify everything, agree once, decrypt.
//!
//! specs/protocol.md section 8. The order matters: what is agreed to was verified on this machine's own copy; the
//! agreement is in the journal before it is posted; shares leave only when q trustees agree to the same head.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::CryptoRng;
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::canonical::{self, CanonicalError};
use veritally_crypto::ceremony::{CeremonyError, Dealer};
use veritally_crypto::decryption::{DecryptionError, decrypt_contest};
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Agreement, AgreementTag, DecryptionShare, DecryptionShareTag, Head, split};
use veritally_crypto::log::merkle::{Frontier, leaf_hash};
use veritally_crypto::log::tiles::{bundles_of, decode_entries};
use veritally_crypto::record::{Phase, RecordState};
use veritally_crypto::signature::sign;
use veritally_verifier::source::{DownloadError, SourceError, download};
use veritally_verifier::{Options, Progress, Report, Source, VerifyError, verify_record};

use crate::journal::{Journal, JournalError};
use crate::key_store::{KeyStore, KeyStoreError};
use crate::replica::{Replica, ReplicaError};
use crate::{Say, now_ms};

/// How often the board is asked.
const POLL: Duration = Duration::from_millis(500);

/// Why nothing was agreed to or decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DutyStop {
    /// The board can't be reached or refuses.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The record can't be downloaded.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The verification could not run.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The record can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The record.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The key file.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// This trustee's secrets do not fit the ceremony.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// Shares can't be made.
    #[error(transparent)]
    Decryption(#[from] DecryptionError),
    /// A message could not be written down.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The record fails.
    #[error("the election's record does NOT verify: nothing was agreed to or decrypted. Failed: {0}")]
    Fails(String),
    /// ⚠ An earlier signed head is no prefix of this log.
    #[error(
        "the log of {now} entries does not extend the one of {} entries with root {} that this trustee has seen signed: \
         TWO VIEWS OF ONE ELECTION. Nothing was posted; keep the journal as evidence",
        seen.tree_size, seen.root
    )]
    NotAnExtension {
        /// Seen and signed.
        seen: Head,
        /// Size shown now.
        now: u64,
    },
    /// ⚠ An agreement of this trustee that this machine did not give.
    #[error(
        "the log has an agreement of this trustee that its journal does not know: the key is used elsewhere, or the \
         journal is an old copy. Nothing was posted"
    )]
    ForeignAgreement,
    /// The owner said no.
    #[error("nothing was posted")]
    Declined,
    /// Not closed in time.
    #[error("the election is {0}; run the same command again after voting has closed")]
    NotClosed(Phase),
    /// Given up.
    #[error("the election was abandoned: there is nothing to decrypt")]
    Abandoned,
    /// The announced end of voting or the dispute window.
    #[error(
        "the announced end of voting and the dispute window after it are {0} more seconds away; run the same command again \
         then (an earlier closing is accepted with --accept-early-closing)"
    )]
    DisputeWindow(u64),
    /// The others did not come in time.
    #[error("{given} of {needed} agreements are there; run the same command again later, nothing is lost")]
    Waiting {
        /// So far.
        given: usize,
        /// q.
        needed: u64,
    },
    /// A task of this program ended unexpectedly.
    #[error("the verification was interrupted")]
    Interrupted,
}

/// What a trustee is asked before it agrees.
pub struct Question<'a> {
    /// The whole verification's report.
    pub report: &'a Report,
    /// What it would agree to.
    pub head: Head,
}

/// How the duty is done.
pub struct Duty<'a> {
    /// The election.
    pub link: &'a Link,
    /// Where the copy of the record is kept.
    pub folder: &'a Path,
    /// Whether a closing before the announced end of voting is accepted: a question for the trustees among themselves.
    pub accept_early_closing: bool,
    /// How long to wait for closing, the dispute window and the others.
    pub patience: Duration,
    /// Shown what is agreed to; true agrees.
    pub ask: &'a (dyn Fn(&Question<'_>) -> bool + Send + Sync),
    /// Told what happens.
    pub say: Say<'a>,
}

impl Duty<'_> {
    /// Verifies, agrees, waits for q agreements, decrypts.
    ///
    /// # Errors
    /// [`DutyStop`]; running again goes on where this stopped and repeats what was posted byte for byte.
    pub async fn run(
        &self,
        store: &mut KeyStore,
        journal: &mut Journal,
        progress: &dyn Progress,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(), DutyStop> {
        let started = Instant::now();
        let client = Client::for_link(self.link)?;
        self.wait_for_closing(&client, started).await?;
        let (report, state) = self.verify(journal, progress).await?;
        let mut replica = Replica::from_state(client, state);
        let trustee = replica.trustee(store.identity().verification_key())?;
        let head = replica.state().closing_head().ok_or(DutyStop::NotClosed(replica.state().phase()))?;
        self.wait_for_dispute_window(replica.state(), journal, started).await?;
        self.agree(&mut replica, store, journal, trustee, &Question { report: &report, head }).await?;
        self.wait_for_agreements(&mut replica, started).await?;
        if replica.state().decryptable().next().is_none() {
            (self.say)("there is nothing to decrypt: no cell has enough ballots");
            return Ok(());
        }
        let done = replica.state().shares().iter().any(|share| share.trustee == trustee && share.shares.is_ok());
        if !done {
            self.decrypt(&replica, store, journal, trustee, head, rng).await?;
        }
        (self.say)("this trustee's decryption shares are in the log; its duty is done");
        Ok(())
    }

    /// Asks the board; what it says is checked afterwards.
    async fn wait_for_closing(&self, client: &ElectionClient, started: Instant) -> Result<(), DutyStop> {
        let mut told = false;
        loop {
            match client.status().await?.phase {
                Phase::Abandoned => return Err(DutyStop::Abandoned),
                phase @ (Phase::Setup | Phase::Open) => {
                    if started.elapsed() > self.patience {
                        return Err(DutyStop::NotClosed(phase));
                    }
                    if !std::mem::replace(&mut told, true) {
                        (self.say)(&format!("the election is {phase}: waiting for its closing"));
                    }
                    tokio::time::sleep(POLL).await;
                }
                _ => return Ok(()),
            }
        }
    }

    /// The whole verification on this machine's own copy, and consistency with every head seen before.
    async fn verify(&self, journal: &mut Journal, progress: &dyn Progress) -> Result<(Report, RecordState), DutyStop> {
        let folder = download(self.link, self.folder, progress).await?.folder;
        let options = Options { fingerprint: self.link.fingerprint, ..Options::default() };
        (self.say)("verifying the whole record");
        // On this thread: the program has nothing else to do, and the work itself runs on all cores.
        let verified = tokio::task::block_in_place(|| verify_record(&folder, &options, progress))?;
        let Some(state) = verified.state else {
            let failed = verified.report.failed().into_iter().filter_map(|id| verified.report.check(id));
            let failed: Vec<_> = failed.map(|check| format!("{} {}", check.id, check.message)).collect();
            return Err(DutyStop::Fails(failed.join("; ")));
        };
        let seen: Vec<Head> = journal.seen_heads(state.fingerprint()).collect();
        tokio::task::block_in_place(|| check_extends(&folder, state.head(), &seen))?;
        journal.seen(state.fingerprint(), state.head())?;
        Ok((verified.report, state))
    }

    /// ⚠ The closing entry's own time is the administrator's word: what counts is this machine's clock when it first saw
    /// the closing, and the announced end of voting.
    async fn wait_for_dispute_window(
        &self,
        state: &RecordState,
        journal: &mut Journal,
        started: Instant,
    ) -> Result<(), DutyStop> {
        let seen = journal.first_seen_closed(state.fingerprint(), now_ms())?;
        let announced = if self.accept_early_closing { 0 } else { state.closes_at_ms() };
        let ends = seen.max(announced).saturating_add(state.manifest().dispute_window_ms);
        loop {
            // By this machine's own clock.
            let left = ends.saturating_sub(now_ms());
            if left == 0 {
                return Ok(());
            }
            if started.elapsed() + Duration::from_millis(left) > self.patience {
                return Err(DutyStop::DisputeWindow(left.div_ceil(1_000)));
            }
            (self.say)(&format!(
                "waiting {} seconds for the announced end and the dispute window",
                left.div_ceil(1_000)
            ));
            tokio::time::sleep(Duration::from_millis(left.min(10_000))).await;
        }
    }

    async fn agree(
        &self,
        replica: &mut Replica,
        store: &KeyStore,
        journal: &mut Journal,
        trustee: TrusteeId,
        question: &Question<'_>,
    ) -> Result<(), DutyStop> {
        let (state, head) = (replica.state(), question.head);
        let fingerprint = state.fingerprint();
        if let Some(logged) = state.agreements().get(&trustee) {
            let bytes = canonical::to_bytes(logged)?;
            let known = journal.agreement(fingerprint).is_some_and(|(_, entry)| entry.as_bytes() == bytes);
            return if known { Ok(()) } else { Err(DutyStop::ForeignAgreement) };
        }
        if journal.agreement(fingerprint).is_none() && !(self.ask)(question) {
            return Err(DutyStop::Declined);
        }
        let make = || -> Result<String, DutyStop> {
            let agreement = Agreement { head, signature: None, time_ms: now_ms(), trustee, tag: AgreementTag };
            let bytes = canonical::to_bytes(&sign(agreement, &fingerprint, store.identity())?)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let entry = journal.agree(fingerprint, head, make)?;
        replica.client().submit_entry(entry.into_bytes()).await?;
        (self.say)(&format!("{trustee} agrees to the log of {} entries", head.tree_size));
        Ok(())
    }

    async fn wait_for_agreements(&self, replica: &mut Replica, started: Instant) -> Result<(), DutyStop> {
        let mut told = false;
        loop {
            replica.update().await?;
            if replica.state().phase() == Phase::Abandoned {
                return Err(DutyStop::Abandoned);
            }
            if replica.state().may_release_shares().is_some() {
                return Ok(());
            }
            let (given, needed) = (replica.state().agreements().len(), replica.state().manifest().agreement_quorum);
            if started.elapsed() > self.patience {
                return Err(DutyStop::Waiting { given, needed });
            }
            if !std::mem::replace(&mut told, true) {
                (self.say)(&format!("{given} of {needed} agreements are there: waiting for the others"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn decrypt(
        &self,
        replica: &Replica,
        store: &mut KeyStore,
        journal: &mut Journal,
        trustee: TrusteeId,
        head: Head,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(), DutyStop> {
        let state = replica.state();
        let fingerprint = state.fingerprint();
        let attempt = state.ceremony().parameters().attempt();
        let make = || -> Result<Vec<String>, DutyStop> {
            let seed = store.ceremony_seed(&fingerprint, attempt, rng)?;
            let parameters = state.ceremony().parameters().clone();
            let dealer = Dealer::new(parameters, trustee, &seed, store.decryption_secret().clone())?;
            let shares = dealer.open_shares(state.ceremony())?;
            let mut contests = vec![];
            for cells in state.decryptable() {
                let made = state.with_decryption(cells, |what| decrypt_contest(what, &shares, rng));
                contests.push(made.ok_or(DutyStop::NotClosed(state.phase()))??);
            }
            let share = DecryptionShare { contests, head, signature: None, trustee, tag: DecryptionShareTag };
            let share = sign(share, &fingerprint, store.identity())?;
            let entries = split(&share, DecryptionShareTag::NAME, trustee, &fingerprint, store.identity())?;
            Ok(entries.into_iter().map(|entry| String::from_utf8_lossy(&entry).into_owned()).collect())
        };
        for entry in journal.shares(fingerprint, head, make)? {
            replica.client().submit_entry(entry.into_bytes()).await?;
        }
        Ok(())
    }
}

/// Recomputes the log's root at every size at which a signed head was seen.
fn check_extends(source: &dyn Source, now: Head, seen: &[Head]) -> Result<(), DutyStop> {
    let refused = |seen: Head| DutyStop::NotAnExtension { seen, now: now.tree_size };
    let mut open: Vec<Head> = seen.to_vec();
    open.sort_by_key(|head| head.tree_size);
    let mut next = open.into_iter().peekable();
    let mut frontier = Frontier::new();
    for tile in bundles_of(0, now.tree_size) {
        let limit = veritally_crypto::log::tiles::MAX_BUNDLE_BYTES;
        let bytes = source.read(&tile.to_string(), limit)?.bytes();
        // The verification has read the same files: they are there.
        let bytes = bytes.ok_or(DutyStop::Interrupted)?;
        for entry in decode_entries(&bytes, tile.width()).map_err(|_| DutyStop::Interrupted)? {
            frontier.push(leaf_hash(entry));
            while let Some(head) = next.next_if(|head| head.tree_size == frontier.size()) {
                if head.root != frontier.root() {
                    return Err(refused(head));
                }
            }
        }
    }
    next.next().map_or(Ok(()), |head| Err(refused(head)))
}
