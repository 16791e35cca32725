//! The trustee's duty after closing: verify everything, agree once, decrypt.
//!
//! specs/protocol.md section 8. The order matters: what is agreed to was verified on this machine's own copy; the
//! agreement is in the journal before it is posted; shares leave only when q trustees agree to the same head.

use std::path::Path;
use std::time::{Duration, Instant};

use rand::CryptoRng;
use veritally_board_api::{Client, ClientError, ElectionClient, Link};
use veritally_crypto::canonical::{self, CanonicalError};
use veritally_crypto::ceremony::{CeremonyError, Dealer, TrusteeShares};
use veritally_crypto::decryption::{DecryptionError, decrypt_contest};
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{Agreement, AgreementTag, DecryptionShare, DecryptionShareTag, Head, split};
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::record::{Phase, RecordState};
use veritally_crypto::signature::sign;
use veritally_verifier::source::{DownloadError, Folder, SourceError, download_to};
use veritally_verifier::{Progress, Report, VerifyError};

use crate::copy::{self, VerifiedCopy};
use crate::evidence::Keeper;
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
    #[error("the election's record does NOT verify: nothing was agreed to or decrypted. Failed: {failed}")]
    Fails {
        /// The checks.
        failed: String,
        /// All of it.
        report: Box<Report>,
    },
    /// The witnesses' quorum is not there.
    #[error(
        "{0} Until they have, others may be shown another log: nothing was agreed to or decrypted. Run the same command \
         again later, or ask those witnesses"
    )]
    NotCosigned(String),
    /// An older copy of the key file.
    #[error(
        "this key file does not hold the seed of the election's ceremony: it is an older backup. Without the newest one \
         this trustee can't decrypt"
    )]
    NoSeed,
    /// ⚠ An earlier signed head is no prefix of this log.
    #[error(
        "the log of {now} entries does not extend the one of {} entries with root {} that this trustee has seen signed: \
         TWO VIEWS OF ONE ELECTION. Nothing was posted; keep journal and evidence",
        seen.tree_size, seen.root
    )]
    NotAnExtension {
        /// Seen and signed.
        seen: Head,
        /// Size shown now.
        now: u64,
    },
    /// ⚠ Fewer entries than were seen signed.
    #[error(
        "a log of {now} entries is shown after one of {seen} that this trustee has seen signed: this is an older copy (then \
         export it again), or the board takes back what it has published. Nothing was posted"
    )]
    WentBack {
        /// Seen and signed.
        seen: u64,
        /// Shown now.
        now: u64,
    },
    /// ⚠ An agreement of this trustee that this machine did not give.
    #[error(
        "the log has an agreement of this trustee that its journal does not know: the key is used elsewhere, or the \
         journal is an old copy. Nothing was posted"
    )]
    ForeignAgreement,
    /// ⚠ Decryption shares of this trustee that this machine did not make.
    #[error(
        "the log has decryption shares of this trustee that its journal does not know: the key is used elsewhere, or the \
         journal is an old copy. Nothing was posted"
    )]
    ForeignShares,
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
    #[error(
        "{given} of {needed} agreements are there, {missing} have not agreed; run the same command again later, nothing is lost"
    )]
    Waiting {
        /// So far.
        given: usize,
        /// q.
        needed: u64,
        /// The others.
        missing: String,
    },
    /// Left out by a restart.
    #[error("{0} was left out of this election by a restart: it can neither agree nor decrypt")]
    Excluded(TrusteeId),
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
    /// The election, with the cells that are to be decrypted.
    pub state: &'a RecordState,
    /// When the backup was made that the journal was restored from: an agreement given since is not in it.
    pub restored_from: Option<u64>,
}

/// How the duty is done.
pub struct Duty<'a> {
    /// The election.
    pub link: &'a Link,
    /// Where the copy of the record is kept.
    pub folder: &'a Path,
    /// Where evidence is kept, should the board contradict itself.
    pub evidence: &'a Path,
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
        let VerifiedCopy { report, state, .. } = self.wait_for_witnesses(&client, journal, progress, started).await?;
        let mut replica = Replica::from_state(client, state);
        replica.expect(journal.seen_heads(replica.state().fingerprint()).collect::<Vec<_>>());
        let trustee = replica.trustee(store.identity().verification_key())?;
        let head = closing_head(replica.state(), trustee)?;
        self.wait_for_dispute_window(replica.state(), journal, started).await?;
        let restored_from = journal.restored_from();
        let question = Question { report: &report, head, state: replica.state(), restored_from };
        if let Some(entry) = agreement(store, journal, trustee, &question, self.ask)? {
            replica.post_noted(&entry, journal).await?;
            (self.say)(&format!("{trustee} agrees to the log of {} entries", head.tree_size));
        }
        self.wait_for_agreements(&mut replica, journal, started).await?;
        if replica.state().decryptable().next().is_none() {
            (self.say)("there is nothing to decrypt: no cell has enough ballots");
            return Ok(());
        }
        for entry in shares(replica.state(), store, journal, trustee, rng)? {
            replica.post_noted(&entry, journal).await?;
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

    /// A verified copy that the witnesses' quorum has cosigned.
    async fn wait_for_witnesses(
        &self,
        client: &ElectionClient,
        journal: &mut Journal,
        progress: &dyn Progress,
        started: Instant,
    ) -> Result<VerifiedCopy, DutyStop> {
        loop {
            let note = client.checkpoint().await?;
            let copy = self.verify(client, &note, journal, progress).await?;
            let Some(uncosigned) = copy.uncosigned else { return Ok(copy) };
            (self.say)(&format!("{uncosigned} Waiting for them"));
            // A cosignature that comes changes the note.
            while client.checkpoint().await? == note {
                if started.elapsed() > self.patience {
                    return Err(DutyStop::NotCosigned(uncosigned));
                }
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// A copy of what the checkpoint covers, verified as a whole; evidence is kept of what is wrong with it.
    async fn verify(
        &self,
        client: &ElectionClient,
        note: &str,
        journal: &mut Journal,
        progress: &dyn Progress,
    ) -> Result<VerifiedCopy, DutyStop> {
        let keeper = self.keeper();
        let manifest = client.manifest(self.link.fingerprint.as_ref()).await?;
        let folder = match download_to(client, note, self.folder, progress).await {
            Ok(downloaded) => downloaded.folder,
            Err(error) => {
                use DownloadError::{Forked, NotExtended, WentBack};
                let shown = SignedCheckpoint::parse(note, &manifest.log.origin, &manifest.log.key);
                if let (Forked(_) | WentBack { .. } | NotExtended { .. }, Ok(shown)) = (&error, shown) {
                    let kept = copy::kept_checkpoint(&Folder::new(self.folder), &manifest);
                    keeper.compare(client, &manifest, &shown, journal, kept.as_slice()).await;
                }
                return Err(error.into());
            }
        };
        (self.say)("verifying the whole record");
        // On this thread: the program has nothing else to do, and the work itself runs on all cores.
        let fingerprint = self.link.fingerprint;
        let verified = tokio::task::block_in_place(|| copy::verify_and_note(&folder, fingerprint, journal, progress));
        match &verified {
            Err(DutyStop::NotAnExtension { .. } | DutyStop::WentBack { .. }) => {
                if let Some(shown) = copy::kept_checkpoint(&folder, &manifest) {
                    keeper.compare(client, &manifest, &shown, journal, &[]).await;
                }
            }
            Err(DutyStop::Fails { report, .. }) => keeper.bad_entry(&folder, &manifest, report),
            _ => {}
        }
        verified
    }

    fn keeper(&self) -> Keeper<'_> {
        Keeper { folder: self.evidence, say: self.say }
    }

    /// ⚠ The closing entry's own time is the administrator's word: what counts is this machine's clock when it first saw
    /// the closing, and the announced end of voting.
    async fn wait_for_dispute_window(
        &self,
        state: &RecordState,
        journal: &mut Journal,
        started: Instant,
    ) -> Result<(), DutyStop> {
        let ends = window_ends(state, journal, self.accept_early_closing)?;
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

    async fn wait_for_agreements(
        &self,
        replica: &mut Replica,
        journal: &mut Journal,
        started: Instant,
    ) -> Result<(), DutyStop> {
        let mut told = false;
        loop {
            replica.follow(journal, &self.keeper()).await?;
            if replica.state().phase() == Phase::Abandoned {
                return Err(DutyStop::Abandoned);
            }
            if replica.state().may_release_shares().is_some() {
                return Ok(());
            }
            let (given, needed) = (replica.state().agreements().len(), replica.state().manifest().agreement_quorum);
            if started.elapsed() > self.patience {
                let missing = crate::status::names(&crate::status::not_agreed(replica.state()));
                return Err(DutyStop::Waiting { given, needed, missing });
            }
            if !std::mem::replace(&mut told, true) {
                (self.say)(&format!("{given} of {needed} agreements are there: waiting for the others"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What is to be agreed to, if this trustee has a say.
///
/// # Errors
/// [`DutyStop::Excluded`], [`DutyStop::NotClosed`], [`DutyStop::Abandoned`].
pub fn closing_head(state: &RecordState, trustee: TrusteeId) -> Result<Head, DutyStop> {
    if state.ceremony().parameters().is_excluded(trustee) {
        return Err(DutyStop::Excluded(trustee));
    }
    if state.phase() == Phase::Abandoned {
        return Err(DutyStop::Abandoned);
    }
    state.closing_head().ok_or(DutyStop::NotClosed(state.phase()))
}

/// When the dispute window ends, by this machine's clock; notes that the closing was seen.
///
/// # Errors
/// [`DutyStop::Journal`].
pub fn window_ends(state: &RecordState, journal: &mut Journal, accept_early: bool) -> Result<u64, DutyStop> {
    let seen = journal.first_seen_closed(state.fingerprint(), now_ms())?;
    let announced = if accept_early { 0 } else { state.closes_at_ms() };
    Ok(seen.max(announced).saturating_add(state.manifest().dispute_window_ms))
}

/// This trustee's one agreement, written down before it is returned; `None` when the log has it. Asks the owner first.
///
/// # Errors
/// [`DutyStop::ForeignAgreement`], [`DutyStop::Declined`], [`DutyStop::Journal`] with another head.
pub fn agreement(
    store: &KeyStore,
    journal: &mut Journal,
    trustee: TrusteeId,
    question: &Question<'_>,
    ask: &dyn Fn(&Question<'_>) -> bool,
) -> Result<Option<Vec<u8>>, DutyStop> {
    let (state, head) = (question.state, question.head);
    let fingerprint = state.fingerprint();
    if let Some(logged) = state.agreements().get(&trustee) {
        let bytes = canonical::to_bytes(logged)?;
        let known = journal.agreement(fingerprint).is_some_and(|(_, entry)| entry.as_bytes() == bytes);
        return if known { Ok(None) } else { Err(DutyStop::ForeignAgreement) };
    }
    if journal.agreement(fingerprint).is_none() && !ask(question) {
        return Err(DutyStop::Declined);
    }
    let make = || -> Result<String, DutyStop> {
        let agreement = Agreement { head, signature: None, time_ms: now_ms(), trustee, tag: AgreementTag };
        let bytes = canonical::to_bytes(&sign(agreement, &fingerprint, store.identity())?)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Some(journal.agree(fingerprint, head, make)?.into_bytes()))
}

/// This trustee's decryption shares, written down before they are returned; none when the log has them. Call it only when
/// q trustees agreed.
///
/// # Errors
/// [`DutyStop::ForeignShares`], and others of [`DutyStop`].
pub fn shares(
    state: &RecordState,
    store: &mut KeyStore,
    journal: &mut Journal,
    trustee: TrusteeId,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Vec<u8>>, DutyStop> {
    let head = state.may_release_shares().ok_or(DutyStop::NotClosed(state.phase()))?;
    let fingerprint = state.fingerprint();
    if state.shares().iter().any(|share| share.trustee == trustee && share.shares.is_ok()) {
        return if journal.has_shares(fingerprint) { Ok(vec![]) } else { Err(DutyStop::ForeignShares) };
    }
    let make = || -> Result<Vec<String>, DutyStop> {
        let opened = open_shares(state, store, trustee)?;
        let mut contests = vec![];
        for cells in state.decryptable() {
            let made = state.with_decryption(cells, |what| decrypt_contest(what, &opened, rng));
            contests.push(made.ok_or(DutyStop::NotClosed(state.phase()))??);
        }
        let share = DecryptionShare { contests, head, signature: None, trustee, tag: DecryptionShareTag };
        let share = sign(share, &fingerprint, store.identity())?;
        let entries = split(&share, DecryptionShareTag::NAME, trustee, &fingerprint, store.identity())?;
        Ok(entries.into_iter().map(|entry| String::from_utf8_lossy(&entry).into_owned()).collect())
    };
    Ok(journal.shares(fingerprint, head, make)?.into_iter().map(String::into_bytes).collect())
}

/// This trustee's secret shares of the election keys, opened anew from the log.
///
/// # Errors
/// [`DutyStop::Ceremony`], [`DutyStop::NoSeed`].
pub fn open_shares(state: &RecordState, store: &KeyStore, trustee: TrusteeId) -> Result<TrusteeShares, DutyStop> {
    let parameters = state.ceremony().parameters().clone();
    let seed = store.known_seed(&state.fingerprint(), parameters.attempt()).ok_or(DutyStop::NoSeed)?;
    let dealer = Dealer::new(parameters, trustee, &seed, store.decryption_secret().clone())?;
    Ok(dealer.open_shares(state.ceremony())?)
}
