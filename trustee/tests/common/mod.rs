//! A real board in this process, real trustees as processes of the release's program, and an administrator.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use veritally_board::admin::create::People;
use veritally_board::admin::{self, Config, Target};
use veritally_board::board::Board as ServedBoard;
use veritally_board::clock::SystemClock;
use veritally_board::data_dir::{DataDir, read_token};
use veritally_board::election::{Environment, Limits};
use veritally_board::http::server::{Plain, ServerLimits, serve};
use veritally_board::http::{Context, Outside, routes};
use veritally_board::store::sqlite::SqliteStore;
use veritally_board_api::{Client, ElectionClient, Link};
use veritally_crypto::canonical;
use veritally_crypto::ceremony::{CeremonyPhase, Dealer};
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::decryption::decrypt_contest;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{
    Agreement, AgreementTag, DecryptionShare, DecryptionShareTag, Roll, RollEntry, RollPart, RollPartTag, RollTag,
};
use veritally_crypto::manifest::{NamedKey, TrusteeKeys};
use veritally_crypto::record::{RecordState, roll_hash};
use veritally_crypto::sample::choose;
use veritally_crypto::signature::{SignedEntry, SigningSecret, sign};
use veritally_trustee::ceremony::Next;
use veritally_trustee::duty;
use veritally_trustee::evidence::folder_of;
use veritally_trustee::journal::{Event, Journal, path_of};
use veritally_trustee::key_store::KeyStore;
use veritally_trustee::replica::Replica;
use veritally_verifier::evidence::{Evidence, Weight};
use veritally_verifier::source::download;
use veritally_verifier::{NoProgress, Options, verify_record};
use zeroize::Zeroizing;

pub const PASSPHRASE: &str = "correct horse battery staple";
/// scrypt at 2^2: these tests are not about scrypt's slowness.
pub const WORK_FACTOR: &str = "2";

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

pub mod cheating;
pub mod gate;

/// A board that serves until it is stopped; its folder can be copied then.
pub struct Board {
    pub url: String,
    board: Arc<ServedBoard>,
    down: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Board {
    pub async fn start(data: &Path) -> Self {
        let data = DataDir::open(data, Some("board.example")).unwrap();
        let environment = Environment {
            administrator_key: None,
            store: Arc::new(SqliteStore::open(&data.database).unwrap()),
            log_key: Arc::clone(&data.log_key),
            clock: Arc::new(SystemClock),
            limits: Limits::default(),
            sharing: None,
        };
        let board = Arc::new(ServedBoard::open(environment, &data.name).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (down, going_down) = watch::channel(false);
        let context = Context {
            board: Arc::clone(&board),
            dashboard: None,
            operator_token: Arc::clone(&data.operator_token),
            shutdown: going_down.clone(),
            outside: Outside::nobody().unwrap(),
        };
        let task = tokio::spawn(serve(listener, Plain, routes(&context), ServerLimits::default(), going_down));
        Self { url, board, down, task }
    }

    pub async fn stop(self) {
        self.down.send_replace(true);
        self.task.await.unwrap();
        self.board.close().await;
    }

    pub fn link(&self, fingerprint: Hash) -> Link {
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        Link::parse(&format!("veritally://{host}/test?fp={fingerprint}")).unwrap()
    }
}

/// An election on a board, with everybody's keys.
pub struct World {
    pub dir: TempDir,
    pub board: Board,
    pub link: Link,
    pub administrator: SigningSecret,
    pub registrar: SigningSecret,
    pub voters: Vec<CredentialCode>,
    pub trustees: usize,
}

impl World {
    /// An election of `n` trustees of whom `k` decrypt and `q` agree, freshly created.
    pub async fn create(k: u64, q: u64, n: usize) -> Self {
        Self::create_with((k, q, n), "").await
    }

    /// With more settings of the election's file.
    pub async fn create_with(numbers: (u64, u64, usize), settings: &str) -> Self {
        let contest = "[[contests]]\nid = \"chair\"\nname = \"Chair\"\n\
             rule = { type = \"choice\", min = 1, max = 1, seats = 1, blank = false }\nselections = [{ id = \"a\", name = \"A\" }, \
             { id = \"b\", name = \"B\" }]\n";
        Self::create_named(numbers, ("Test", "Trustee"), &format!("{settings}\n{contest}")).await
    }

    /// With so many selections that a trustee's messages are longer than a leaf.
    pub async fn create_long(numbers: (u64, u64, usize), selections: usize) -> Self {
        let selections: Vec<_> = (0..selections).map(|i| format!("{{ id = \"s{i}\", name = \"S{i}\" }}")).collect();
        let contest = format!(
            "[[contests]]\nid = \"chair\"\nname = \"Chair\"\nrule = {{ type = \"choice\", min = 0, max = 1, seats = 1, \
             blank = false }}\nselections = [{}]\n",
            selections.join(", ")
        );
        Self::create_named(numbers, ("Test", "Trustee"), &contest).await
    }

    /// With these names (the trustees' are numbered) and the rest of the election's file.
    pub async fn create_named((k, q, n): (u64, u64, usize), names: (&str, &str), rest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut rng = rand::rng();
        let mut trustees = vec![];
        for i in 1..=n {
            std::fs::create_dir(dir.path().join(i.to_string())).unwrap();
            let path = dir.path().join(i.to_string()).join("key");
            let words = Zeroizing::new(PASSPHRASE.to_owned());
            let store = KeyStore::create(&path, &format!("{} {i}", names.1), words, Some(2), &mut rng).unwrap();
            trustees.push(store.public_keys(&mut rng));
        }
        Self::begin(dir, (k, q), trustees, names.0, rest).await
    }

    async fn begin(dir: TempDir, (k, q): (u64, u64), trustees: Vec<TrusteeKeys>, name: &str, rest: &str) -> Self {
        let board = Board::start(&dir.path().join("board")).await;
        let (administrator, registrar) =
            (SigningSecret::generate(&mut rand::rng()), SigningSecret::generate(&mut rand::rng()));
        let config = dir.path().join("election.toml");
        let text = format!(
            "election = \"test\"\nname = {name}\ndescription = \"\"\nquorum = {k}\nagreement_quorum = {q}\nfloor = 1\n\
             voting_days = 1\ndispute_window_minutes = 0\n{rest}",
            // A string of JSON is one of TOML.
            name = serde_json::to_string(name).unwrap(),
        );
        std::fs::write(&config, text).unwrap();
        let token = read_token(&dir.path().join("board").join("operator.token")).unwrap();
        let n = trustees.len();
        let people = People {
            administrator: administrator.verification_key(),
            registrar: NamedKey { key: registrar.verification_key(), name: "Registrar".into() },
            trustees,
        };
        let client = Client::new(&board.url).unwrap();
        let created = admin::create(&client, &token, &Config::read(&config).unwrap(), people).await.unwrap();
        let link = created.link;
        Self { dir, board, link, administrator, registrar, voters: vec![], trustees: n }
    }

    pub fn key(&self, trustee: usize) -> PathBuf {
        self.dir.path().join(trustee.to_string()).join("key")
    }

    pub fn store(&self, trustee: usize) -> KeyStore {
        let mut store = KeyStore::open(&self.key(trustee), Zeroizing::new(PASSPHRASE.to_owned())).unwrap();
        store.set_work_factor(Some(2));
        store
    }

    pub fn client(&self) -> ElectionClient {
        Client::for_link(&self.link).unwrap()
    }

    pub async fn replica(&self) -> Replica {
        let mut replica = Replica::connect(&self.link).await.unwrap();
        replica.update().await.unwrap();
        replica
    }

    pub async fn tree_size(&self) -> u64 {
        let text = self.client().checkpoint().await.unwrap();
        text.lines().nth(1).unwrap().parse().unwrap()
    }

    /// The trustee's program with its key file, not yet started.
    pub fn command(&self, trustee: usize, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veritally-trustee"));
        command.arg(name).arg("--key").arg(self.key(trustee)).args(["--work-factor", WORK_FACTOR]).args(arguments);
        command.env("VERITALLY_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn ceremony(&self, trustee: usize, wait: u64) -> Command {
        self.command(trustee, "ceremony", &["--link", &self.link.to_string(), "--wait", &wait.to_string()])
    }

    pub fn decrypt(&self, trustee: usize, wait: u64) -> Command {
        self.decrypt_at(trustee, wait, &self.link)
    }

    pub fn decrypt_at(&self, trustee: usize, wait: u64, link: &Link) -> Command {
        let (link, wait) = (link.to_string(), wait.to_string());
        self.command(trustee, "decrypt", &["--link", &link, "--wait", &wait, "--yes", "--accept-early-closing"])
    }

    /// All these trustees at once, to the end.
    pub async fn hold_ceremony(&self, trustees: &[usize]) {
        run_all(trustees.iter().map(|i| self.ceremony(*i, 100))).await;
    }

    pub async fn administer(&self) -> Target {
        Target::find(&self.link.to_string(), None, None).await.unwrap()
    }

    pub async fn restart(&self, absent: &[u64]) -> Result<admin::restart::Restarted, admin::AdminError> {
        let absent: Vec<_> = absent.iter().map(|i| TrusteeId(*i)).collect();
        let target = self.administer().await;
        admin::restart::restart(&target, &self.administrator, &absent, false, &|_, _| {}).await
    }

    pub async fn post<E: SignedEntry + Clone>(&self, entry: E, key: &SigningSecret) -> Result<u64, String> {
        self.post_bytes(signed_bytes(entry, &self.link.fingerprint.unwrap(), key)).await
    }

    pub async fn post_bytes(&self, entry: Vec<u8>) -> Result<u64, String> {
        let posted = self.administer().await.post(entry.into(), "an entry").await;
        posted.map(|(index, _)| index).map_err(|error| error.to_string())
    }

    /// A roll of `voters`, and the opening.
    pub async fn open(&mut self, voters: usize) {
        let (fingerprint, rng) = (self.link.fingerprint.unwrap(), &mut rand::rng());
        let manifest = self.administer().await.manifest;
        self.voters = (0..voters).map(|_| CredentialCode::random(rng)).collect();
        let mut entries: Vec<_> = self
            .voters
            .iter()
            .map(|code| RollEntry {
                credential: code.credential(&fingerprint).public().0,
                group: manifest.groups[0].id.clone(),
                style: manifest.ballot_styles[0].id.clone(),
                weight: 1,
            })
            .collect();
        entries.sort_by_key(|entry| entry.credential);
        let part = RollPart { entries, part: 0, signature: None, tag: RollPartTag };
        let bytes = canonical::to_bytes(&sign(part.clone(), &fingerprint, &self.registrar).unwrap()).unwrap();
        let hash = roll_hash(&fingerprint, &[Hash::of(&bytes)]);
        self.post(part, &self.registrar).await.unwrap();
        let count = voters as u64;
        let roll = Roll { count, hash, parts: 1, signature: None, total_weight: count, tag: RollTag };
        self.post(roll, &self.registrar).await.unwrap();
        admin::open(&self.administer().await, &self.administrator, &|_, _| {}).await.unwrap();
    }

    /// A voter's (from 0) first ballot; not sent.
    pub async fn ballot(&self, voter: usize, choice: &str) -> Vec<u8> {
        let mut replica = Replica::connect(&self.link).await.unwrap();
        replica.update().await.unwrap();
        let context = replica.state().ballot_context().expect("open").clone();
        let style = replica.state().manifest().ballot_styles[0].id.clone();
        let credential = self.voters[voter].credential(&self.link.fingerprint.unwrap());
        let answers = choose("chair", &[choice], false).unwrap();
        let rng = &mut rand::rng();
        let prepared = context.prepare(&style, &answers, credential.public(), 1, Hash::ZERO, rng).unwrap();
        prepared.cast(&credential, rng).unwrap().bytes().to_vec()
    }

    pub async fn cast(&self, voter: usize, choice: &str) {
        let ballot = self.ballot(voter, choice).await;
        self.client().submit_ballot(ballot).await.unwrap();
    }

    pub async fn close(&self) {
        admin::close(&self.administer().await, &self.administrator, true).await.unwrap();
    }

    /// What the verification of the board's record comes to.
    pub async fn verified(&self) -> RecordState {
        let folder = tempfile::tempdir().unwrap();
        let copy = download(&self.link, folder.path(), &NoProgress).await.unwrap().folder;
        verify_record(&copy, &Options::default(), &NoProgress).unwrap().state.unwrap()
    }

    /// A trustee's first message of the ceremony, which it does not post.
    pub async fn ceremony_message_of(&self, trustee: usize) -> Vec<u8> {
        let replica = self.replica().await;
        let (mut store, rng) = (self.store(trustee), &mut rand::rng());
        let id = replica.trustee(store.identity().verification_key()).unwrap();
        let state = RecordState::start(&cheating::entries(self).await[0]).unwrap();
        match veritally_trustee::ceremony::next(&state, &mut store, id, rng).unwrap() {
            Next::Post { mut entries, .. } => entries.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// A trustee's agreement, not signed.
    pub async fn agreement(&self, trustee: u64) -> Agreement {
        let head = self.verified().await.closing_head().unwrap();
        Agreement { head, signature: None, time_ms: 7, trustee: TrusteeId(trustee), tag: AgreementTag }
    }

    /// A trustee's decryption shares, not signed; there must be enough agreements.
    pub async fn share(&self, trustee: usize) -> DecryptionShare {
        let (state, trustee_id) = (self.verified().await, TrusteeId(trustee as u64));
        let opened = duty::open_shares(&state, &self.store(trustee), trustee_id).unwrap();
        let decrypt = |cells| {
            state.with_decryption(cells, |what| decrypt_contest(what, &opened, &mut rand::rng())).unwrap().unwrap()
        };
        let (contests, head) = (state.decryptable().map(decrypt).collect(), state.closing_head().unwrap());
        DecryptionShare { contests, head, signature: None, trustee: trustee_id, tag: DecryptionShareTag }
    }

    /// `veritally-trustee status`.
    pub fn status(&self) -> Command {
        self.about("status", &[])
    }

    /// A command that needs no key, on this election.
    pub fn about(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veritally-trustee"));
        command.arg(name).arg("--link").arg(self.link.to_string()).args(arguments);
        command
    }

    pub async fn publish(&self) {
        admin::publish(&self.administer().await, &self.administrator, &|_, _| {}).await.unwrap();
    }
}

/// An entry as it is posted.
pub fn signed_bytes<E: SignedEntry + Clone>(entry: E, fingerprint: &Hash, key: &SigningSecret) -> Vec<u8> {
    canonical::to_bytes(&sign(entry, fingerprint, key).unwrap()).unwrap()
}

/// The whole lines of a trustee's journal. ⚠ Not opened as the program does: its lock would for a moment be a child's, too,
/// that another test is about to start.
pub fn journal(world: &World, trustee: usize) -> Vec<Event> {
    let path = path_of(&world.key(trustee));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    Journal::read(whole, &path).unwrap()
}

/// What a trustee has agreed to, by its journal.
pub fn agreed(world: &World, trustee: usize) -> Option<String> {
    journal(world, trustee).into_iter().find_map(|event| match event {
        Event::Agreed { entry, .. } => Some(entry),
        _ => None,
    })
}

/// The sizes of the heads that a trustee has noted.
pub fn sizes_seen(world: &World, trustee: usize) -> Vec<u64> {
    let events = journal(world, trustee).into_iter();
    events.filter_map(|event| if let Event::Seen { head, .. } = event { Some(head.tree_size) } else { None }).collect()
}

/// All evidence that a trustee has kept, by kind, each checked from its own files.
pub fn kept(world: &World, trustee: usize) -> Vec<(Evidence, Weight)> {
    let Ok(folder) = std::fs::read_dir(folder_of(&world.key(trustee))) else { return vec![] };
    let found = folder.map(|entry| Evidence::read(&entry.unwrap().path()).unwrap());
    let mut kept: Vec<_> = found.map(|evidence| (evidence.check().unwrap(), evidence)).map(|(w, e)| (e, w)).collect();
    kept.iter().for_each(|(evidence, _)| assert_eq!(evidence.fingerprint(), world.link.fingerprint));
    kept.sort_by_key(|(evidence, _)| evidence.finding.kind());
    kept
}

/// The only evidence that a trustee has kept.
pub fn evidence(world: &World, trustee: usize) -> (Evidence, Weight) {
    let mut found = kept(world, trustee);
    assert_eq!(found.len(), 1, "{found:?}");
    found.pop().unwrap()
}

/// Takes part as this trustee by hand, honestly, until the others have brought the ceremony to a phase.
pub async fn take_part(world: &World, trustee: usize, until: CeremonyPhase) -> Dealer {
    let mut store = world.store(trustee);
    let seed = store.ceremony_seed(&world.link.fingerprint.unwrap(), 1, &mut rng(1)).unwrap();
    let (id, started) = (TrusteeId(trustee as u64), Instant::now());
    loop {
        let replica = world.replica().await;
        let (ceremony, phase) = (replica.ceremony(), replica.ceremony().phase());
        let parameters = ceremony.parameters().clone();
        let dealer = Dealer::new(parameters, id, &seed, store.decryption_secret().clone()).unwrap();
        if phase == until {
            return dealer;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{phase}");
        if !ceremony.has_posted(id, phase) {
            let (rng, identity) = (&mut rng(2), store.identity());
            let posted = match phase {
                CeremonyPhase::Commit => world.post(dealer.commit(), identity).await,
                CeremonyPhase::Reveal => world.post(dealer.reveal(ceremony, rng).unwrap(), identity).await,
                _ => world.post(dealer.shares(ceremony, rng).unwrap(), identity).await,
            };
            posted.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs a command off this thread: the board serves on it.
pub async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub async fn succeeds(command: Command) -> String {
    let output = output(command).await;
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

pub async fn fails_with(command: Command, expected: &str) -> String {
    let output = output(command).await;
    let text = text(&output);
    assert!(!output.status.success() && text.contains(expected), "{expected} is not in\n{text}");
    text
}

/// All at once, each to the end.
pub async fn run_all(commands: impl IntoIterator<Item = Command>) -> Vec<String> {
    let running: Vec<_> = commands.into_iter().map(|command| tokio::spawn(succeeds(command))).collect();
    let mut texts = vec![];
    for one in running {
        texts.push(one.await.unwrap());
    }
    texts
}
