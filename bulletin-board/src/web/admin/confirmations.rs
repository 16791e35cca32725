//! Voters who confirm by mail: specs/board.md section 6. A code goes to the address on the voter list; the first success
//! binds one credential to that voter, and ballots of other credentials are not let in.
//!
//! Nothing of it is in a log. The link of voter and credential is the price: it is erased together with the voter list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::text;
use veritally_crypto::record::Phase;

use super::guard::Guard;
use super::{Refusal, Visit, voters};
use crate::admin_store::{AdminStore, AdminStoreError, Kind};
use crate::clock::Clock;
use crate::election::Election;
use crate::mailer::Mailer;

/// A code holds for so long, in milliseconds: greylisting takes some minutes.
const CODE_MS: u64 = 15 * 60 * 1_000;
/// A code may be tried so often.
const TRIES: u32 = 5;
/// Codes are one of so many.
const CODES: u32 = 1_000_000;
/// Mails to one voter within [`CODE_MS`], and within a day.
const MAILS: usize = 3;
const MAILS_A_DAY: usize = 10;
const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Mails, and wrong codes, of one address within the guard's time: a household, an office, a school.
const MOST_OF_ADDRESS: usize = 60;
/// How often a document that others change at the same time is tried again.
const ATTEMPTS: usize = 8;

/// A code that was mailed.
#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    credential: EncodedPoint,
    code: String,
    until_ms: u64,
    tries: u32,
}

/// How far a voter is.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Progress {
    confirmed: Option<EncodedPoint>,
    pending: Vec<Pending>,
    mailed_ms: Vec<u64>,
}

/// Who has confirmed, and who may.
pub struct Confirmations {
    store: Arc<dyn AdminStore>,
    clock: Arc<dyn Clock>,
    mailer: Option<Mailer>,
    guard: Guard,
    /// What elections that have begun ask for: it does not change any more.
    decided: Mutex<HashMap<Id, bool>>,
}

/// What somebody asks for on the page.
pub(super) struct Asking<'a> {
    pub election: &'a Election,
    /// An address or id of the voter list.
    pub who: &'a str,
    pub credential: CredentialKey,
}

impl Asking<'_> {
    /// Whether the voter has confirmed another credential, which still may vote.
    fn is_bound_elsewhere(&self, progress: &Progress) -> bool {
        let replaced = |bound| self.election.with_state(|state| state.is_replaced(CredentialKey(bound)));
        progress.confirmed.is_some_and(|bound| bound != self.credential.0 && !replaced(bound))
    }
}

fn key(election: &Election, rest: &str) -> String {
    format!("{}/{rest}", election.id())
}

fn of_credential(election: &Election, credential: CredentialKey) -> String {
    key(election, &Hash(credential.0.0).to_string())
}

/// The credential that an address of the page names, if it may vote.
pub(super) fn credential(election: &Election, hex: &str) -> Option<CredentialKey> {
    let credential = CredentialKey(EncodedPoint(Hash::from_hex(hex).ok()?.0));
    election.with_state(|state| state.voter(credential).map(|voter| voter.credential))
}

impl Confirmations {
    pub(super) fn new(store: Arc<dyn AdminStore>, clock: Arc<dyn Clock>, mailer: Option<Mailer>) -> Self {
        Self { store, clock, mailer, guard: Guard::new(MOST_OF_ADDRESS), decided: Mutex::default() }
    }

    /// Whether the board can send mail.
    #[must_use]
    pub fn possible(&self) -> bool {
        self.mailer.is_some()
    }

    /// Whether this election's voters must confirm.
    ///
    /// # Errors
    /// [`AdminStoreError`].
    pub async fn required(&self, election: &Election) -> Result<bool, AdminStoreError> {
        let known = self.decided.lock().unwrap_or_else(PoisonError::into_inner).get(election.id()).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let begun = election.snapshot().phase != Phase::Setup;
        let required = self.store.find(Kind::ByMail, election.id().as_str()).await?.is_some();
        if begun {
            self.decided.lock().unwrap_or_else(PoisonError::into_inner).insert(election.id().clone(), required);
        }
        Ok(required)
    }

    /// From now on voters must confirm; false once voting has begun.
    pub(super) async fn require(&self, election: &Election) -> Result<bool, AdminStoreError> {
        if election.snapshot().phase != Phase::Setup {
            return Ok(false);
        }
        self.store.put(Kind::ByMail, election.id().as_str(), vec![], self.clock.now_ms()).await?;
        Ok(true)
    }

    /// How many voters have confirmed.
    pub(super) async fn count(&self, election: &Election) -> Result<u64, AdminStoreError> {
        self.store.count(Kind::Confirmed, &key(election, "")).await
    }

    /// Forgets who is who.
    pub(super) async fn forget(&self, election: &Election) -> Result<(), AdminStoreError> {
        self.store.clear(Kind::Confirmation, &key(election, "")).await?;
        self.store.clear(Kind::Confirmed, &key(election, "")).await
    }

    /// Lets a ballot through if its election asks for nothing, or its credential is confirmed. What is no ballot, or of
    /// nobody who may vote, is left to the rules of the record.
    ///
    /// # Errors
    /// [`ProblemKind::ConfirmationNeeded`] with the address where to confirm; a failing store's.
    pub async fn admit(&self, election: &Election, ballot: &[u8], origin: &str) -> Result<(), Problem> {
        #[derive(Deserialize)]
        struct OfCredential {
            credential: EncodedPoint,
        }
        let unavailable = |error: AdminStoreError| {
            tracing::error!(%error, "the dashboard's database");
            Problem::new(ProblemKind::StoreUnavailable, "Nothing was stored. Send the same bytes again.")
                .with_retry_after(5)
        };
        if !self.required(election).await.map_err(unavailable)? {
            return Ok(());
        }
        let Ok(OfCredential { credential }) = serde_json::from_slice(ballot) else { return Ok(()) };
        let credential = CredentialKey(credential);
        let may_vote = election.with_state(|state| state.voter(credential).is_some());
        let confirmed = self.store.find(Kind::Confirmed, &of_credential(election, credential)).await;
        if !may_vote || confirmed.map_err(unavailable)?.is_some() {
            return Ok(());
        }
        let hex = Hash(credential.0.0);
        let detail = format!(
            "This election asks you to confirm by mail, once, before your ballot is taken. Open \
             {origin}/confirm/{}/{hex} in a browser, then send the same ballot again.",
            election.id()
        );
        Err(Problem::new(ProblemKind::ConfirmationNeeded, detail))
    }

    /// Counts a mail or a code of this address; its name in the guard.
    fn attempt(&self, visit: &Visit<'_>, now_ms: u64) -> Result<String, Refusal> {
        let by_address = format!("confirm {}", visit.customer);
        self.guard.attempt(&[&by_address], now_ms).map_err(Refusal::TooOften)?;
        Ok(by_address)
    }

    async fn progress(&self, key: &str) -> Result<(Option<Vec<u8>>, Progress), Refusal> {
        let bytes = self.store.find(Kind::Confirmation, key).await?;
        let progress = bytes.as_deref().map(serde_json::from_slice).transpose().map_err(|_| Refusal::Internal)?;
        Ok((bytes, progress.unwrap_or_default()))
    }

    /// Changes a voter's progress, however many do so at once. `None` of `change`: leaves it.
    async fn change<T>(&self, key: &str, change: impl Fn(&mut Progress) -> Option<T>) -> Result<Option<T>, Refusal> {
        for _ in 0..ATTEMPTS {
            let (before, mut progress) = self.progress(key).await?;
            let Some(result) = change(&mut progress) else { return Ok(None) };
            let bytes = serde_json::to_vec(&progress).map_err(|_| Refusal::Internal)?;
            let now_ms = self.clock.now_ms();
            if self.store.exchange(Kind::Confirmation, key, before.as_deref(), bytes, now_ms).await? {
                return Ok(Some(result));
            }
        }
        Err(Refusal::Internal)
    }

    /// Mails a code, if the list knows the voter and neither confirmed nor got too many. Whether it did is told to
    /// nobody: the page must not say who is on the list, or who has voted.
    pub(super) async fn begin(&self, visit: &Visit<'_>, asking: &Asking<'_>) -> Result<(), Refusal> {
        let now_ms = self.clock.now_ms();
        self.attempt(visit, now_ms)?;
        let mailer = self.mailer.as_ref().ok_or(Refusal::NotFound)?;
        let Some(voter) = voters::look_up(visit, asking.election.id().as_str(), asking.who).await? else {
            return Ok(());
        };
        let mut rng = crate::data_dir::rng().map_err(|_| Refusal::Internal)?;
        let code = format!("{:06}", rng.random_range(0..CODES));
        let until_ms = now_ms + CODE_MS;
        let credential = asking.credential.0;
        let put = |progress: &mut Progress| {
            let recent = |since: u64| progress.mailed_ms.iter().filter(|at| **at + since > now_ms).count();
            if asking.is_bound_elsewhere(progress) || recent(CODE_MS) >= MAILS || recent(DAY_MS) >= MAILS_A_DAY {
                return None;
            }
            progress.mailed_ms.retain(|at| at + DAY_MS > now_ms);
            progress.mailed_ms.push(now_ms);
            progress.pending.retain(|pending| pending.until_ms > now_ms && pending.credential != credential);
            progress.pending.push(Pending { credential, code: code.clone(), until_ms, tries: 0 });
            Some(())
        };
        if self.change(&key(asking.election, &voter.id), put).await?.is_none() {
            return Ok(());
        }
        let (w, manifest) = (visit.w, asking.election.manifest());
        // On one line: what the mail says is not the election's name's to say.
        let name: String =
            text(&manifest.name, w.0.tag()).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let subject = w.f("confirm_mail_subject", &name);
        let body = [
            w.f2("confirm_mail_intro", &name, asking.credential.public_id()),
            w.f("confirm_mail_code", &code),
            w.f("confirm_mail_compare", CODE_MS / 60_000),
            w.t("confirm_mail_not_you").to_owned(),
            w.f("confirm_mail_fingerprint", manifest.fingerprint()),
        ];
        let (election, id) = (asking.election.id().clone(), voter.id);
        // Neither address nor code: the voter's id is on the list, which only managers see.
        let failed =
            move |reason: String| tracing::warn!(%election, voter = id, reason, "a one-time code was not mailed");
        if mailer.send(&voter.email, &subject, body.join("\n\n") + "\n", failed) {
            Ok(())
        } else {
            Err(Refusal::TooOften(60))
        }
    }

    /// Whether the code is right; then the credential is confirmed.
    pub(super) async fn finish(&self, visit: &Visit<'_>, asking: &Asking<'_>, code: &str) -> Result<bool, Refusal> {
        let now_ms = self.clock.now_ms();
        let by_address = self.attempt(visit, now_ms)?;
        let right = match voters::look_up(visit, asking.election.id().as_str(), asking.who).await? {
            Some(voter) => self.try_code(asking, &voter.id, code, now_ms).await?,
            None => false,
        };
        if right {
            self.guard.withdraw(&by_address, now_ms);
        }
        Ok(right)
    }

    async fn try_code(&self, asking: &Asking<'_>, voter: &str, code: &str, now_ms: u64) -> Result<bool, Refusal> {
        let (credential, document) = (asking.credential.0, key(asking.election, voter));
        let confirmed = of_credential(asking.election, asking.credential);
        let holder = self.store.find(Kind::Confirmed, &confirmed).await?;
        if holder.is_some_and(|holder| holder != voter.as_bytes()) {
            return Ok(false);
        }
        // ⚠ The try is counted before it is judged: else many at once were one.
        let attempt = |progress: &mut Progress| {
            let good = |p: &&mut Pending| p.credential == credential && p.until_ms > now_ms && p.tries < TRIES;
            let pending = progress.pending.iter_mut().find(good)?;
            pending.tries += 1;
            Some(pending.code.clone())
        };
        let Some(expected) = self.change(&document, attempt).await? else { return Ok(false) };
        if !bool::from(expected.as_bytes().ct_eq(code.as_bytes())) {
            return Ok(false);
        }
        let bind = |progress: &mut Progress| {
            // Somebody else's success in between: another credential is bound.
            if asking.is_bound_elsewhere(progress) {
                return None;
            }
            progress.confirmed = Some(credential);
            progress.pending.clear();
            Some(())
        };
        if self.change(&document, bind).await?.is_none() {
            return Ok(false);
        }
        let new = self.store.exchange(Kind::Confirmed, &confirmed, None, voter.into(), now_ms).await?;
        if !new && self.store.find(Kind::Confirmed, &confirmed).await?.as_deref() != Some(voter.as_bytes()) {
            // Two voters confirmed one credential at the same time: the first has it.
            let unbind = |progress: &mut Progress| {
                progress.confirmed = None;
                Some(())
            };
            self.change(&document, unbind).await?;
            return Ok(false);
        }
        Ok(true)
    }
}
