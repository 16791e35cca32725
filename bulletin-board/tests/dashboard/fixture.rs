//! A board with a dashboard, sessions of each role, a clock that is moved by hand, a mail server that keeps what it gets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::redirect::Policy;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use totp_rs::{Builder, Secret};
use veritally_board::admin_store::sqlite::SqliteAdminStore;
use veritally_board::admin_store::{Account, AdminStore as _, Role, Session};
use veritally_board::http::address::{AddressLimits, Forwarders};
use veritally_board::http::server::{Edge, Plain, ServerLimits, serve};
use veritally_board::http::{Context, Outside, routes};
use veritally_board::mailer::{MailSettings, Mailer};
use veritally_board::web::Dashboard;
use veritally_board_api::{Client, ProblemKind};
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{Administrator, Manifest};
use veritally_crypto::signature::SigningSecret;

use crate::common::{BOARDS_ADMINISTRATOR, ManualClock, Running, Setup, TOKEN, TestBoard, now_ms, receipt};

/// A mail server that keeps what it gets: recipient and text.
async fn mail_sink() -> (u16, Arc<Mutex<Vec<(String, String)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(vec![]));
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 sink\r\n").await.unwrap();
                let (mut to, mut text, mut in_data) = (String::new(), String::new(), false);
                while let Ok(Some(line)) = lines.next_line().await {
                    let answer = match line.as_str() {
                        "." if in_data => {
                            in_data = false;
                            kept.lock().unwrap().push((to.clone(), std::mem::take(&mut text)));
                            "250 kept\r\n"
                        }
                        _ if in_data => {
                            text.push_str(line.trim_end_matches('='));
                            text.push_str(if line.ends_with('=') { "" } else { "\n" });
                            continue;
                        }
                        "DATA" => {
                            in_data = true;
                            "354 go on\r\n"
                        }
                        "QUIT" => "221 bye\r\n",
                        _ => {
                            if let Some(rest) = line.strip_prefix("RCPT TO:<") {
                                rest.trim_end_matches('>').clone_into(&mut to);
                            }
                            "250 ok\r\n"
                        }
                    };
                    write.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (port, mails)
}

/// A board with a dashboard beside it, and sessions of each role.
pub struct Fixture {
    pub test: TestBoard,
    pub running: Running,
    pub store: Arc<SqliteAdminStore>,
    pub clock: Arc<ManualClock>,
    pub mails: Arc<Mutex<Vec<(String, String)>>>,
    pub url: String,
    pub http: reqwest::Client,
    /// The dashboard itself.
    pub dashboard: Arc<Dashboard>,
    _down: watch::Sender<bool>,
    directory: tempfile::TempDir,
}

/// Of the second factor in tests.
pub const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub const ID: &str = "/admin/e/sample";

impl Fixture {
    pub async fn start(voters: usize) -> Self {
        Self::start_with(voters, |_| {}).await
    }

    /// With an edited manifest; sessions of each role.
    pub async fn start_with(voters: usize, edit: impl FnOnce(&mut Manifest)) -> Self {
        let fixture = Self::without_accounts(voters, edit).await;
        for role in Role::ALL {
            fixture.sign_in(role).await;
        }
        fixture
    }

    /// Before anybody has made an account.
    pub async fn without_accounts(voters: usize, edit: impl FnOnce(&mut Manifest)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let test = TestBoard::start(directory.path(), Setup::default()).await;
        let running = Running::set_up(&test.client, voters, now_ms(), edit).await;
        let store = Arc::new(SqliteAdminStore::open(&directory.path().join("admin.db")).unwrap());
        let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
        let (port, mails) = mail_sink().await;
        let server = format!("smtp://127.0.0.1:{port}").parse().unwrap();
        let from = "Elections <elections@example.org>".to_owned();
        let mailer = Mailer::new(&MailSettings { server, from, password_file: None }).unwrap();
        let key = Arc::new(SigningSecret::from_seed(&BOARDS_ADMINISTRATOR));
        let board = Arc::clone(&test.board);
        let dashboard = Dashboard::new(board, store.clone(), key, clock.clone(), Some(mailer), directory.path());
        let dashboard = Arc::new(dashboard);
        let (down, going_down) = watch::channel(false);
        let context = Context {
            board: Arc::clone(&test.board),
            operator_token: Arc::new(TOKEN.to_owned().into()),
            dashboard: Some(Arc::clone(&dashboard)),
            shutdown: going_down.clone(),
            outside: Outside::nobody().unwrap(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // A proxy on this machine says for whom it asks: tests come from where they like.
        let edge = Edge {
            forwarders: Forwarders::new(vec!["127.0.0.0/8".parse().unwrap()]),
            ..Edge::new(ServerLimits::default(), AddressLimits::default(), Arc::default())
        };
        tokio::spawn(serve(listener, Plain, routes(&context), edge, going_down));
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { test, running, store, clock, mails, url, http, dashboard, _down: down, directory }
    }

    /// An account of this role and its session, made anew.
    pub async fn sign_in(&self, role: Role) {
        let (name, time) = (role.name().to_owned(), self.clock.0.load(Ordering::SeqCst));
        let (password, totp_secret) = (String::new(), vec![1; 20]);
        let account = Account { name: name.clone(), role, password, totp_secret, disabled: false, created_ms: time };
        drop(self.store.add_account(account).await);
        let (token, csrf) = (Hash::of(name.as_bytes()), "token".to_owned());
        drop(self.store.end_session(&token).await);
        self.store.add_session(Session { token, account: name, csrf, created_ms: time, seen_ms: time }).await.unwrap();
    }

    pub async fn ask(&self, post: bool, path: &str, who: Option<Role>, body: &str) -> (u16, String, String) {
        let url = format!("{}{path}", self.url);
        let mut request = if post { self.http.post(url).body(body.to_owned()) } else { self.http.get(url) };
        let kind = if body.starts_with("--") {
            "multipart/form-data; boundary=b"
        } else {
            "application/x-www-form-urlencoded"
        };
        request = request.header("content-type", kind);
        if let Some(role) = who {
            request = request.header("cookie", format!("__Host-session={}", role.name()));
        }
        let answer = request.send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
        (answer.status().as_u16(), to, answer.text().await.unwrap())
    }

    /// A form sent from another address; whether it was judged at all.
    pub async fn post_from(&self, address: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let url = format!("{}{path}", self.url);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.http.post(url).body(body).header("x-forwarded-for", address);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The code of an account made by [`Fixture::join`], at this time.
    pub fn totp(&self) -> String {
        let builder = Builder::new().with_secret(Secret::try_from_base32(SECRET).unwrap().as_bytes().to_vec());
        let totp = builder.with_account_name("x").with_issuer(Some("Veritally")).build().unwrap();
        totp.generate(self.clock.0.load(Ordering::SeqCst) / 1_000).to_string()
    }

    /// Makes an account with a token, or takes one again.
    pub async fn join(&self, address: &str, token: &str, name: &str, password: &str) -> (u16, String) {
        let code = self.totp();
        let fields = [("token", token), ("name", name), ("password", password), ("secret", SECRET), ("code", &code)];
        self.post_from(address, "/admin/join", &fields).await
    }

    /// Tries to sign in.
    pub async fn try_password(&self, address: &str, name: &str, password: &str) -> u16 {
        let code = self.totp();
        let fields = [("name", name), ("password", password), ("code", code.as_str())];
        self.post_from(address, "/admin/sign-in", &fields).await.0
    }

    pub async fn manage(&self, action: &str, body: &str) -> (u16, String, String) {
        self.ask(true, &format!("{ID}/{action}"), Some(Role::Manager), body).await
    }

    /// Uploads a voter list, asks for confirmation by mail, and opens.
    pub async fn open_by_mail(&mut self, list: &str) {
        let uploaded = self.manage("voters", &file("list", list)).await;
        assert!(uploaded.1.ends_with("done=voters"), "{uploaded:?}");
        let asked = self.manage("confirm-by-mail", "csrf=token&sure=on").await;
        assert!(asked.1.ends_with("done=confirm-by-mail"), "{asked:?}");
        self.running.sample.open().unwrap();
        let opening = self.running.sample.entries.last().unwrap().clone();
        self.running.post(opening).await;
    }

    pub fn credential(&self, voter: usize) -> CredentialKey {
        self.running.sample.voters[voter].credential.public()
    }

    pub fn page(&self, voter: usize) -> String {
        format!("/confirm/sample/{}", Hash(self.credential(voter).0.0))
    }

    /// Asks for a code; the one that was mailed, if one was.
    pub async fn mailed(&self, voter: usize, who: &str) -> Option<String> {
        let before = self.mails.lock().unwrap().len();
        let (status, _, said) = self.ask(true, &self.page(voter), None, &format!("do=send&who={who}")).await;
        assert_eq!(status, 200, "{said}");
        for _ in 0..40 {
            if let Some((_, text)) = self.mails.lock().unwrap().get(before) {
                let line = text.lines().find_map(|line| line.strip_prefix("Code: ")).unwrap();
                return Some(line.trim().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        None
    }

    /// Whether a code is right.
    pub async fn try_code(&self, voter: usize, who: &str, code: &str) -> bool {
        let body = format!("do=confirm&who={who}&code={code}");
        self.ask(true, &self.page(voter), None, &body).await.0 == 200
    }

    /// The board's folder.
    pub fn store_folder(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub fn later(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Casts over the board that has a dashboard.
    pub async fn cast(&mut self, voter: usize) -> Result<(), ProblemKind> {
        let ballot = self.running.ballot(voter, "a");
        self.send(ballot.bytes().to_vec()).await.map_err(|problem| problem.kind())
    }

    pub async fn send(&self, bytes: Vec<u8>) -> Result<(), veritally_board_api::Problem> {
        let client = Client::new(&self.url).unwrap().with_patience(Duration::ZERO);
        match client.election("sample".parse().unwrap()).submit_ballot(bytes).await {
            Ok(submitted) => {
                receipt(submitted);
                Ok(())
            }
            Err(error) => Err(error.problem().unwrap_or_else(|| panic!("{error}")).clone()),
        }
    }
}

/// A form with a file.
pub fn file(name: &str, content: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--b\r\nContent-Disposition: form-data; \
         name=\"{name}\"; filename=\"f\"\r\n\r\n{content}\r\n--b--\r\n"
    )
}

/// Lets the dashboard act in an election.
pub fn run_by_board(manifest: &mut Manifest) {
    let key = SigningSecret::from_seed(&BOARDS_ADMINISTRATOR).verification_key();
    manifest.administrators.push(Administrator { held_by_board: true, key, name: "board".into() });
}

pub const LIST: &str =
    "id,name,email\n1,Ada,ada@example.org\n2,Grace,grace@example.org\n3,Ida,both@example.org\n4,Ira,both@example.org\n";
