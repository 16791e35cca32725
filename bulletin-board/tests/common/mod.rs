//! What the board's tests share: a board in this process, a store that fails on demand, an election to run on it.
#![allow(dead_code)]

pub mod kept;

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use veritally_board::board::Board;
use veritally_board::clock::Clock;
use veritally_board::election::{Environment, Limits, Sharing};
use veritally_board::http::server::{Plain, ServerLimits, serve};
use veritally_board::http::{Context, Outside, routes};
use veritally_board::store::sqlite::SqliteStore;
use veritally_board::store::{Batch, Lease, Offer, Position, Store, StoreError, StoredHead};
use veritally_board_api::{BoardInfo, Client, ElectionClient, Submitted};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};
use veritally_crypto::log::Receipt;
use veritally_crypto::manifest::{LogIdentity, Manifest, Schedule};
use veritally_crypto::sample::{SampleElection, choose};
use veritally_crypto::signature::SigningSecret;

pub const NAME: &str = "board.example";
/// The seed of the administrator's key that the board holds.
pub const BOARDS_ADMINISTRATOR: [u8; 32] = [43; 32];
pub const TOKEN: &str = "a-token-that-nobody-guesses";

pub fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A clock that stands until it is moved.
pub struct ManualClock(pub AtomicU64);

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a [`FaultyStore`] does with the next appends.
#[derive(Default)]
pub struct Faults {
    /// So many appends fail, and store nothing.
    pub fail_before: AtomicUsize,
    /// So many appends fail after they were committed.
    pub fail_after: AtomicUsize,
    /// So many heads can't be read.
    pub fail_head: AtomicUsize,
    /// So many notes of refusals fail, and note nothing.
    pub fail_refuse: AtomicUsize,
    /// Nothing can be written; reading works.
    pub read_only: AtomicBool,
    /// Appends wait while this has no permits.
    pub gate: Option<Semaphore>,
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

fn broken() -> StoreError {
    StoreError::Backend("the disk is on fire".into())
}

/// A store that fails when it is told to.
pub struct FaultyStore {
    pub inner: SqliteStore,
    pub faults: Arc<Faults>,
}

impl FaultyStore {
    fn writes(&self) -> Result<(), StoreError> {
        if self.faults.read_only.load(Ordering::SeqCst) { Err(broken()) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn create_election(&self, election: &Id, first: Batch) -> Result<(), StoreError> {
        self.inner.create_election(election, first).await
    }
    async fn elections(&self) -> Result<Vec<Id>, StoreError> {
        self.inner.elections().await
    }
    async fn take_epoch(&self, election: &Id) -> Result<StoredHead, StoreError> {
        self.inner.take_epoch(election).await
    }
    async fn head(&self, election: &Id) -> Result<StoredHead, StoreError> {
        if take(&self.faults.fail_head) { Err(broken()) } else { self.inner.head(election).await }
    }
    async fn append(&self, election: &Id, expected: Position, batch: Batch) -> Result<(), StoreError> {
        if let Some(gate) = &self.faults.gate {
            gate.acquire().await.unwrap().forget();
        }
        self.writes()?;
        if take(&self.faults.fail_before) {
            return Err(broken());
        }
        self.inner.append(election, expected, batch).await?;
        if take(&self.faults.fail_after) { Err(broken()) } else { Ok(()) }
    }
    async fn leaves(&self, election: &Id, range: Range<LeafIndex>) -> Result<Vec<Bytes>, StoreError> {
        self.inner.leaves(election, range).await
    }
    async fn hashes(&self, election: &Id, indexes: Vec<u64>) -> Result<Vec<Hash>, StoreError> {
        self.inner.hashes(election, indexes).await
    }
    async fn checkpoint_covering(&self, election: &Id, index: LeafIndex) -> Result<Option<String>, StoreError> {
        self.inner.checkpoint_covering(election, index).await
    }
    async fn index_of_entry(&self, election: &Id, hash: &Hash) -> Result<Option<LeafIndex>, StoreError> {
        self.inner.index_of_entry(election, hash).await
    }
    async fn indexes_of_codes(&self, election: &Id, codes: RangeInclusive<Hash>) -> Result<Vec<LeafIndex>, StoreError> {
        self.inner.indexes_of_codes(election, codes).await
    }
    async fn checkpoints(&self, election: &Id, sizes: RangeInclusive<u64>) -> Result<Vec<(u64, String)>, StoreError> {
        self.inner.checkpoints(election, sizes).await
    }
    async fn lease(&self, election: &Id, node: &str, term: Duration) -> Result<Lease, StoreError> {
        self.writes()?;
        self.inner.lease(election, node, term).await
    }
    async fn release(&self, election: &Id, node: &str) -> Result<(), StoreError> {
        self.inner.release(election, node).await
    }
    async fn offer(&self, election: &Id, offers: Vec<Offer>) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.offer(election, offers).await
    }
    async fn offers(&self, election: &Id, most: usize) -> Result<Vec<Offer>, StoreError> {
        self.inner.offers(election, most).await
    }
    async fn refuse(&self, election: &Id, at: Position, refusals: Vec<(Hash, String)>) -> Result<(), StoreError> {
        self.writes()?;
        if take(&self.faults.fail_refuse) {
            return Err(broken());
        }
        self.inner.refuse(election, at, refusals).await
    }
    async fn inbox(&self, election: &Id, hashes: Vec<Hash>) -> Result<Vec<(Hash, Option<String>)>, StoreError> {
        self.inner.inbox(election, hashes).await
    }
    async fn probe(&self) -> Result<(), StoreError> {
        self.writes()?;
        self.inner.probe().await
    }
    async fn keep_witnessed(&self, election: &Id, size: u64, checkpoint: String) -> Result<(), StoreError> {
        self.inner.keep_witnessed(election, size, checkpoint).await
    }
    async fn witnessed(&self, election: &Id) -> Result<Option<(u64, String)>, StoreError> {
        self.inner.witnessed(election).await
    }
}

/// How a test's board differs from the usual.
pub struct Setup {
    pub limits: Limits,
    pub server: ServerLimits,
    pub faults: Faults,
    pub clock: Arc<dyn Clock>,
    pub sharing: Option<Sharing>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            server: ServerLimits::default(),
            faults: Faults::default(),
            clock: Arc::new(veritally_board::clock::SystemClock),
            sharing: None,
        }
    }
}

/// A board that listens.
pub struct TestBoard {
    pub address: SocketAddr,
    pub client: Client,
    pub board: Arc<Board>,
    pub faults: Arc<Faults>,
    down: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl TestBoard {
    pub async fn start(directory: &Path, setup: Setup) -> Self {
        let faults = Arc::new(setup.faults);
        let inner = SqliteStore::open(&directory.join("board.db")).unwrap();
        let store = FaultyStore { inner, faults: Arc::clone(&faults) };
        let environment = Environment {
            store: Arc::new(store),
            log_key: Arc::new(SigningSecret::from_seed(&[42; 32])),
            administrator_key: Some(Arc::new(SigningSecret::from_seed(&BOARDS_ADMINISTRATOR))),
            clock: setup.clock,
            limits: setup.limits,
            sharing: setup.sharing,
        };
        let board = Arc::new(Board::open(environment, NAME).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (down, going_down) = watch::channel(false);
        let context = Context {
            board: Arc::clone(&board),
            operator_token: Arc::new(TOKEN.to_owned().into()),
            dashboard: None,
            shutdown: going_down.clone(),
            outside: Outside::nobody().unwrap(),
        };
        let server = tokio::spawn(serve(listener, Plain, routes(&context), setup.server, going_down));
        let client = Client::new(&format!("http://{address}")).unwrap().with_patience(Duration::ZERO);
        Self { address, client, board, faults, down, server }
    }

    pub async fn stop(self) {
        self.down.send_replace(true);
        self.server.await.unwrap();
        self.board.close().await;
    }
}

/// An election whose entries go to a board.
pub struct Running {
    pub sample: SampleElection,
    pub board: ElectionClient,
    pub rng: StdRng,
}

/// The manifest of the sample, made for this board; nothing is sent.
pub fn sample_for(info: &BoardInfo, now_ms: u64, seed: u64) -> SampleElection {
    sample_with(info, now_ms, seed, |_| {})
}

/// The same, with an edited manifest.
pub fn sample_with(info: &BoardInfo, now_ms: u64, seed: u64, edit: impl FnOnce(&mut Manifest)) -> SampleElection {
    let mut rng = StdRng::seed_from_u64(seed);
    let edit = |manifest: &mut Manifest| {
        manifest.log = LogIdentity { key: info.log_key, origin: info.origin(&manifest.election) };
        manifest.schedule = Schedule { opens_at_ms: now_ms - 1_000, closes_at_ms: now_ms + 3_600_000 };
        edit(manifest);
    };
    let mut sample = SampleElection::start((2, 3), edit, &mut rng).unwrap();
    sample.time_ms = now_ms;
    sample
}

impl Running {
    /// Creates the sample election on a board and opens it.
    pub async fn open(client: &Client, voters: usize, now_ms: u64) -> Self {
        let mut running = Self::set_up(client, voters, now_ms, |_| {}).await;
        running.sample.open().unwrap();
        running.post(running.sample.entries.last().unwrap().clone()).await;
        running
    }

    /// Creates the sample election with an edited manifest, up to and without its opening.
    pub async fn set_up(client: &Client, voters: usize, now_ms: u64, edit: impl FnOnce(&mut Manifest)) -> Self {
        Self::set_up_as(client, TOKEN, voters, now_ms, edit).await
    }

    /// The same with another operator's token.
    pub async fn set_up_as(
        client: &Client,
        token: &str,
        voters: usize,
        now_ms: u64,
        edit: impl FnOnce(&mut Manifest),
    ) -> Self {
        let info = client.board_info().await.unwrap();
        let mut sample = sample_with(&info, now_ms, 1, edit);
        let mut rng = StdRng::seed_from_u64(2);
        client.create_election(sample.entries[0].clone(), token).await.unwrap();
        sample.ceremony(&mut rng).unwrap();
        let group = sample.state.manifest().groups[0].id.to_string();
        sample.roll(&vec![("all", group.as_str(), 1); voters], &mut rng).unwrap();
        let board = client.election(sample.state.manifest().election.clone());
        let mut running = Self { sample, board, rng };
        for entry in running.sample.entries.clone().into_iter().skip(1) {
            running.post(entry).await;
        }
        running
    }

    pub async fn post(&mut self, entry: Vec<u8>) -> String {
        match self.board.submit_entry(entry).await.unwrap() {
            Submitted::Receipt { text, .. } => text,
            Submitted::Pending { .. } => panic!("pending"),
        }
    }

    /// A voter's next ballot, made and noted by the sample, but not sent.
    pub fn ballot(&mut self, voter: usize, choice: &str) -> EncryptedBallot {
        let answers = choose("chair", &[choice], false).unwrap();
        let ballot = self.sample.ballot(voter, &answers, &mut self.rng).unwrap();
        self.sample.submit(ballot.clone(), &mut self.rng).unwrap();
        ballot
    }

    pub fn verify(&self, ballot: &EncryptedBallot, receipt: &str) -> LeafIndex {
        let log = &self.sample.state.manifest().log;
        Receipt::parse(receipt).unwrap().verify(ballot.bytes(), &log.origin, &log.key).unwrap().0
    }
}

/// A ballot in the same voter's name whose proof does not hold.
pub fn altered(ballot: &EncryptedBallot) -> Vec<u8> {
    let (from, to) = (ballot.leaf().z_1.to_string(), ballot.leaf().z_2.to_string());
    String::from_utf8(ballot.bytes().to_vec()).unwrap().replace(&from, &to).into_bytes()
}

/// Waits until the board has nothing more to append by itself.
pub async fn settled(board: &ElectionClient) {
    let mut head = board.status().await.unwrap().head;
    loop {
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        let now = board.status().await.unwrap().head;
        if now == head {
            return;
        }
        head = now;
    }
}

pub fn receipt(submitted: Submitted) -> (String, bool) {
    match submitted {
        Submitted::Receipt { text, new } => (text, new),
        Submitted::Pending { .. } => panic!("pending"),
    }
}

/// An open election of the sample on the board with this folder, with so many voters and a change of the manifest.
pub async fn open_on(client: &Client, data: &Path, voters: usize, change: impl FnOnce(&mut Manifest)) -> Running {
    let token = std::fs::read_to_string(data.join("operator.token")).unwrap();
    let mut sample = sample_with(&client.board_info().await.unwrap(), now_ms(), 1, change);
    let mut rng = StdRng::seed_from_u64(2);
    client.create_election(sample.entries[0].clone(), &token).await.unwrap();
    sample.ceremony(&mut rng).unwrap();
    sample.roll(&vec![("all", "all", 1); voters], &mut rng).unwrap();
    sample.open().unwrap();
    let board = client.election("sample".parse().unwrap());
    let mut running = Running { sample, board, rng };
    for entry in running.sample.entries.clone().into_iter().skip(1) {
        running.post(entry).await;
    }
    running
}
