//! The typed states of the session, and what is done with them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use veritally_board_api::files;
use veritally_crypto::ballot::{BallotOpening, ConfirmationCode};
use veritally_crypto::contests::SecretAnswers;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::manifest::text;

use super::Settings;
use super::opening::Opened;
use crate::SessionError;
use crate::election::Depth;
use crate::flow::{Effect, Event, ReceiptInfo, SendFailed, TestInfo, Trouble, TroubleKind, VoterInfo};
use crate::session::{Entered, Outgoing, Prepared, Recorded, Unlocked, Unsent};

/// Longest opened ballot that fits into a QR code that a camera still reads.
const MAX_QR_BYTES: usize = 1_200;

/// Whose turn it is.
#[derive(Debug)]
enum Session {
    /// No credential.
    Locked,
    /// A piece of work has it.
    Away,
    Unlocked(Unlocked),
    Prepared(Box<Prepared>),
    Outgoing(Outgoing),
}

#[derive(Debug)]
struct Slot {
    /// Rises when the voter leaves: late results are then dropped.
    generation: u64,
    opened: Option<Arc<Opened>>,
    session: Session,
    /// The ballot that was opened last, to be published if the voter wants.
    opening: Option<Box<BallotOpening>>,
    abort: Vec<AbortHandle>,
}

pub(super) struct Device {
    pub(super) settings: Settings,
    events: UnboundedSender<Event>,
    slot: Mutex<Slot>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device(redacted)")
    }
}

fn out_of_turn() -> Trouble {
    Trouble::new(TroubleKind::Interrupted, "this was asked for out of turn")
}

impl Device {
    pub(super) fn new(settings: Settings, events: UnboundedSender<Event>) -> Self {
        let session = Session::Locked;
        let slot = Slot { generation: 0, opened: None, session, opening: None, abort: vec![] };
        Self { settings, events, slot: Mutex::new(slot) }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn generation(&self) -> u64 {
        self.slot().generation
    }

    pub(super) fn abort_when_locked(&self, handle: AbortHandle) {
        let mut slot = self.slot();
        slot.abort.retain(|handle| !handle.is_finished());
        slot.abort.push(handle);
    }

    /// Forgets everything; what is stored stays.
    pub(super) fn lock(&self) {
        let mut slot = self.slot();
        slot.generation += 1;
        slot.abort.drain(..).for_each(|handle| handle.abort());
        (slot.opened, slot.session, slot.opening) = (None, Session::Locked, None);
    }

    pub(super) fn discard(&self) {
        let mut slot = self.slot();
        slot.session = match std::mem::replace(&mut slot.session, Session::Away) {
            Session::Prepared(prepared) => Session::Unlocked(prepared.discard()),
            other => other,
        };
    }

    /// Takes the state out; only work that puts one back may call this.
    fn take(&self) -> Session {
        std::mem::replace(&mut self.slot().session, Session::Away)
    }

    fn put(&self, generation: u64, session: Session) {
        let mut slot = self.slot();
        if slot.generation == generation {
            slot.session = session;
        }
    }

    fn opened(&self) -> Result<Arc<Opened>, Trouble> {
        self.slot().opened.clone().ok_or_else(out_of_turn)
    }

    pub(super) fn tell(&self, event: Event) {
        // Nobody listens any more when the program ends.
        let _ = self.events.send(event);
    }

    pub(super) async fn carry_out(self: &Arc<Self>, effect: Effect, generation: u64) {
        let event = match effect {
            Effect::Open(job, link, fingerprint) => {
                let opened = self.open(job, *link, fingerprint).await;
                Event::Opened(job, self.keep_open(generation, opened))
            }
            Effect::OpenPractice(job) => {
                let opened = self.open_practice().await;
                Event::Opened(job, self.keep_open(generation, opened))
            }
            Effect::CheckTest(job, test) => {
                Event::TestChecked(job, crate::second::check(&test, &self.settings.state).await)
            }
            Effect::Unlock { job, code, remember } => {
                Event::Unlocked(job, self.unlock(generation, code, remember).await)
            }
            Effect::UnlockFile { job, path, remember } => {
                let read = tokio::task::spawn_blocking(move || read_code(&path)).await;
                let unlocked = match read.unwrap_or_else(|_| Err(out_of_turn())) {
                    Ok(code) => self.unlock(generation, code, remember).await,
                    Err(trouble) => Err(trouble),
                };
                Event::Unlocked(job, unlocked)
            }
            Effect::UnlockStored(job) => {
                let unlocked = match self.stored_code().await {
                    Ok(code) => self.unlock(generation, code, false).await,
                    Err(trouble) => Err(trouble),
                };
                Event::Unlocked(job, unlocked)
            }
            Effect::AskStore(job) => Event::Remembered(job, self.has_stored_code().await),
            Effect::Forget(job) => Event::Remembered(job, self.forget_code().await),
            Effect::ReadWholeLog(job) => Event::Unlocked(job, self.read_whole_log(generation).await),
            Effect::Encrypt(job, answers) => Event::Encrypted(job, self.encrypt(generation, answers).await),
            Effect::Spoil(job) => Event::Spoiled(job, self.spoil(generation).await),
            Effect::Publish(job) => Event::Published(job, self.publish(generation).await),
            Effect::Prove(job) => Event::Proved(job, self.prove(generation).await),
            Effect::Send(job) => Event::Sent(job, self.send(generation).await),
            Effect::Wait { job, seconds } => {
                // Not all voters at once, when a board comes back.
                let part = rand::RngExt::random_range(&mut rand::rng(), 0.8..=1.0);
                tokio::time::sleep(Duration::from_secs(seconds).mul_f64(part)).await;
                Event::TimeIsUp(job)
            }
            Effect::Discard => return self.discard(),
            Effect::Lock => return self.lock(),
        };
        self.tell(event);
    }

    fn keep_open(
        &self,
        generation: u64,
        opened: Result<Opened, Trouble>,
    ) -> Result<Box<crate::flow::ElectionInfo>, Trouble> {
        let opened = Arc::new(opened?);
        let mut slot = self.slot();
        if slot.generation != generation {
            return Err(out_of_turn());
        }
        let info = opened.info.clone();
        slot.opened = Some(opened);
        Ok(Box::new(info))
    }

    // --- entering ---

    async fn unlock(
        self: &Arc<Self>,
        generation: u64,
        code: CredentialCode,
        remember: bool,
    ) -> Result<Box<VoterInfo>, Trouble> {
        let mut opened = self.opened()?;
        let to_keep = remember.then(|| code.clone());
        let mut entered = enter(&opened, &code).await;
        if matches!(entered, Err(SessionError::NotOnRoll)) && opened.election.depth() == Depth::Opening {
            // Perhaps issued while voting was open, in place of a lost one: the whole log tells.
            opened = Arc::new(opened.read_whole_log().await?);
            self.replace_opened(generation, opened.clone());
            entered = enter(&opened, &code).await;
        }
        let mut info = self.enter(generation, entered)?;
        if let Some(code) = to_keep {
            let manifest = opened.election.manifest();
            let language = manifest.languages.first().map_or("en", String::as_str);
            let label = format!("Veritally: {}", text(&manifest.name, language));
            // Voting goes on without: the voter types the code again the next time.
            info.not_kept = match &self.settings.secrets {
                Some(secrets) => secrets.put(&manifest.fingerprint(), &label, &code).await.is_err(),
                None => true,
            };
        }
        Ok(info)
    }

    fn enter(&self, generation: u64, entered: Result<Entered, SessionError>) -> Result<Box<VoterInfo>, Trouble> {
        let (session, info) = match entered? {
            Entered::Ready(unlocked) => {
                let info = describe(&unlocked, None);
                (Session::Unlocked(unlocked), info)
            }
            Entered::Interrupted(outgoing) => {
                let info = describe(outgoing.unlocked(), Some(outgoing.code()));
                (Session::Outgoing(outgoing), info)
            }
        };
        self.put(generation, session);
        Ok(info)
    }

    async fn stored_code(&self) -> Result<CredentialCode, Trouble> {
        let nothing = || Trouble::new(TroubleKind::NothingStored, "no code is stored for this election");
        let fingerprint = self.opened()?.election.fingerprint();
        let secrets = self.settings.secrets.as_ref().ok_or_else(nothing)?;
        let found = secrets.get(&fingerprint).await;
        let found = found.map_err(|error| Trouble::new(TroubleKind::NothingStored, error.to_string()))?;
        found.ok_or_else(nothing)
    }

    async fn has_stored_code(&self) -> Result<bool, Trouble> {
        let fingerprint = self.opened()?.election.fingerprint();
        let Some(secrets) = &self.settings.secrets else { return Ok(false) };
        let has = secrets.has(&fingerprint).await;
        has.map_err(|error| Trouble::new(TroubleKind::NothingStored, error.to_string()))
    }

    async fn forget_code(&self) -> Result<bool, Trouble> {
        let fingerprint = self.opened()?.election.fingerprint();
        let Some(secrets) = &self.settings.secrets else { return Ok(false) };
        let removed = secrets.remove(&fingerprint).await;
        removed.map(|()| false).map_err(|error| Trouble::new(TroubleKind::NothingStored, error.to_string()))
    }

    /// With the credential that is at hand: nobody types the code again.
    async fn read_whole_log(self: &Arc<Self>, generation: u64) -> Result<Box<VoterInfo>, Trouble> {
        let opened = self.opened()?;
        let reread = Arc::new(opened.read_whole_log().await?);
        let unlocked = self.take_unlocked(generation)?;
        let election = reread.election.clone();
        let entered = tokio::task::spawn_blocking(move || unlocked.reopen(&election)).await;
        let info = self.enter(generation, entered.unwrap_or(Err(SessionError::Interrupted)))?;
        self.replace_opened(generation, reread);
        Ok(info)
    }

    fn replace_opened(&self, generation: u64, opened: Arc<Opened>) {
        let mut slot = self.slot();
        if slot.generation == generation {
            slot.opened = Some(opened);
        }
    }

    // --- the ballot ---

    async fn encrypt(&self, generation: u64, answers: SecretAnswers) -> Result<ConfirmationCode, Trouble> {
        let unlocked = self.take_unlocked(generation)?;
        let work = move || {
            let filled = unlocked.fill(answers).map_err(|refused| {
                let (unlocked, error) = *refused;
                Box::new((unlocked, SessionError::from(error)))
            })?;
            filled.prepare(&mut rand::rng())
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(prepared)) => {
                let code = prepared.code();
                self.put(generation, Session::Prepared(Box::new(prepared)));
                Ok(code)
            }
            Ok(Err(failed)) => {
                self.put(generation, Session::Unlocked(failed.0));
                Err(failed.1.into())
            }
            Err(_) => Err(out_of_turn()),
        }
    }

    async fn spoil(&self, generation: u64) -> Result<Box<TestInfo>, Trouble> {
        let prepared = self.take_prepared(generation)?;
        let work = move || {
            let (unlocked, opening) = prepared.spoil();
            let store = unlocked.election().view().store().credential(unlocked.credential());
            (store.save_opening(&opening), unlocked, opening)
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(|_| out_of_turn())?;
        let (file, unlocked, opening) = done;
        self.put(generation, Session::Unlocked(unlocked));
        let opening = Box::new(opening);
        self.slot().opening = Some(opening.clone());
        let file = file.map_err(SessionError::from)?;
        let qr = serde_json::to_string(&opening).ok().filter(|json| json.len() <= MAX_QR_BYTES);
        Ok(Box::new(TestInfo { opening, file, qr }))
    }

    async fn publish(&self, generation: u64) -> Result<(), Trouble> {
        let opening = self.slot().opening.clone().ok_or_else(out_of_turn)?;
        let unlocked = self.take_unlocked(generation)?;
        let mut rng = StdRng::from_rng(&mut rand::rng());
        let published = unlocked.publish(&opening, &mut rng).await;
        self.put(generation, Session::Unlocked(unlocked));
        published.map(|_| ()).map_err(Trouble::from)
    }

    fn take_unlocked(&self, generation: u64) -> Result<Unlocked, Trouble> {
        match self.take() {
            Session::Unlocked(unlocked) => Ok(unlocked),
            other => {
                self.put(generation, other);
                Err(out_of_turn())
            }
        }
    }

    fn take_prepared(&self, generation: u64) -> Result<Prepared, Trouble> {
        match self.take() {
            Session::Prepared(prepared) => Ok(*prepared),
            other => {
                self.put(generation, other);
                Err(out_of_turn())
            }
        }
    }

    async fn prove(&self, generation: u64) -> Result<(), Trouble> {
        let prepared = self.take_prepared(generation)?;
        match tokio::task::spawn_blocking(move || prepared.cast(&mut rand::rng())).await {
            Ok(Ok(outgoing)) => {
                self.put(generation, Session::Outgoing(outgoing));
                Ok(())
            }
            Ok(Err(failed)) => {
                self.put(generation, Session::Unlocked(failed.0));
                Err(failed.1.into())
            }
            Err(_) => Err(out_of_turn()),
        }
    }

    async fn send(&self, generation: u64) -> Result<Box<ReceiptInfo>, Box<SendFailed>> {
        let outgoing = match self.take() {
            Session::Outgoing(outgoing) => outgoing,
            other => {
                self.put(generation, other);
                return Err(Box::new(SendFailed { trouble: out_of_turn(), refused: false }));
            }
        };
        let (session, outcome) = match outgoing.send().await {
            Ok(recorded) => {
                let info = receipt(&recorded);
                (Session::Unlocked(recorded.again()), Ok(info))
            }
            Err(unsent) => match *unsent {
                Unsent::Retry(outgoing, error) => {
                    (Session::Outgoing(outgoing), Err(Box::new(SendFailed { trouble: error.into(), refused: false })))
                }
                Unsent::Refused(unlocked, error) => {
                    (Session::Unlocked(unlocked), Err(Box::new(SendFailed { trouble: error.into(), refused: true })))
                }
            },
        };
        self.put(generation, session);
        outcome
    }
}

/// Reads the local state.
async fn enter(opened: &Opened, code: &CredentialCode) -> Result<Entered, SessionError> {
    let (election, code) = (opened.election.clone(), code.clone());
    let entered = tokio::task::spawn_blocking(move || election.unlock(&code)).await;
    entered.unwrap_or(Err(SessionError::Interrupted))
}

fn read_code(path: &std::path::Path) -> Result<CredentialCode, Trouble> {
    let failed = |reason: String| Trouble::new(TroubleKind::CodeFile, reason);
    let bytes = files::read_secret(path).map_err(|error| failed(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed("the file is not text".into()))?;
    CredentialCode::parse(text).map_err(|error| failed(error.to_string()))
}

fn describe(unlocked: &Unlocked, pending: Option<ConfirmationCode>) -> Box<VoterInfo> {
    Box::new(VoterInfo {
        public_id: unlocked.credential().public_id(),
        style: unlocked.style().clone(),
        contests: unlocked.contests().cloned().collect(),
        weight: unlocked.weight(),
        ballots_cast: unlocked.ballots_cast(),
        casts_left: unlocked.casts_left(),
        pending,
        not_kept: false,
    })
}

fn receipt(recorded: &Recorded) -> Box<ReceiptInfo> {
    let unlocked = recorded.unlocked();
    let view = unlocked.election().view();
    let number = unlocked.ballots_cast();
    let file = view.store().credential(unlocked.credential()).receipt_file(number);
    Box::new(ReceiptInfo {
        code: recorded.code(),
        public_id: unlocked.credential().public_id(),
        number,
        index: recorded.index(),
        head: recorded.checkpoint().head(),
        origin: recorded.checkpoint().origin.clone(),
        fingerprint: view.fingerprint(),
        file: (!view.board().is_practice()).then_some(file),
    })
}
