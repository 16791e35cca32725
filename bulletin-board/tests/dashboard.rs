//! The dashboard's routes, each by each role; voters who confirm by mail, and who would like to get around it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{ManualClock, Running, Setup, TOKEN, TestBoard, now_ms, receipt};
use reqwest::redirect::Policy;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::watch;
use veritally_board::admin_store::sqlite::SqliteAdminStore;
use veritally_board::admin_store::{Account, AdminStore, Kind, Role, Session};
use veritally_board::http::server::{Plain, ServerLimits, serve};
use veritally_board::http::{Context, Outside, routes};
use veritally_board::mailer::{MailSettings, Mailer};
use veritally_board::web::Dashboard;
use veritally_board_api::{Client, ProblemKind};
use veritally_crypto::canonical;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Closing, ClosingTag};
use veritally_crypto::signature::{self, SigningSecret};

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
struct Fixture {
    test: TestBoard,
    running: Running,
    store: Arc<SqliteAdminStore>,
    clock: Arc<ManualClock>,
    mails: Arc<Mutex<Vec<(String, String)>>>,
    url: String,
    http: reqwest::Client,
    _down: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

const ID: &str = "/admin/e/sample";

impl Fixture {
    async fn start(voters: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let test = TestBoard::start(directory.path(), Setup::default()).await;
        let running = Running::set_up(&test.client, voters, now_ms(), |_| {}).await;
        let store = Arc::new(SqliteAdminStore::open(&directory.path().join("admin.db")).unwrap());
        let clock = Arc::new(ManualClock(AtomicU64::new(now_ms())));
        let (port, mails) = mail_sink().await;
        let server = format!("smtp://127.0.0.1:{port}").parse().unwrap();
        let from = "Elections <elections@example.org>".to_owned();
        let mailer = Mailer::new(&MailSettings { server, from, password_file: None }).unwrap();
        let key = Arc::new(SigningSecret::from_seed(&common::BOARDS_ADMINISTRATOR));
        let dashboard =
            Dashboard::new(Arc::clone(&test.board), store.clone(), key, clock.clone(), Some(mailer), directory.path());
        let (down, going_down) = watch::channel(false);
        let context = Context {
            board: Arc::clone(&test.board),
            operator_token: Arc::new(TOKEN.to_owned().into()),
            dashboard: Some(Arc::new(dashboard)),
            shutdown: going_down.clone(),
            outside: Outside::nobody().unwrap(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Plain, routes(&context), ServerLimits::default(), going_down));
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let fixture = Self { test, running, store, clock, mails, url, http, _down: down, _directory: directory };
        for role in Role::ALL {
            fixture.sign_in(role).await;
        }
        fixture
    }

    /// An account of this role and its session, made anew.
    async fn sign_in(&self, role: Role) {
        let (name, time) = (role.name().to_owned(), self.clock.0.load(Ordering::SeqCst));
        let (password, totp_secret) = (String::new(), vec![1; 20]);
        let account = Account { name: name.clone(), role, password, totp_secret, disabled: false, created_ms: time };
        drop(self.store.add_account(account).await);
        let (token, csrf) = (Hash::of(name.as_bytes()), "token".to_owned());
        drop(self.store.end_session(&token).await);
        self.store.add_session(Session { token, account: name, csrf, created_ms: time, seen_ms: time }).await.unwrap();
    }

    async fn ask(&self, post: bool, path: &str, who: Option<Role>, body: &str) -> (u16, String, String) {
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

    async fn manage(&self, action: &str, body: &str) -> (u16, String, String) {
        self.ask(true, &format!("{ID}/{action}"), Some(Role::Manager), body).await
    }

    /// Uploads a voter list, asks for confirmation by mail, and opens.
    async fn open_by_mail(&mut self, list: &str) {
        let uploaded = self.manage("voters", &file("list", list)).await;
        assert!(uploaded.1.ends_with("done=voters"), "{uploaded:?}");
        let asked = self.manage("confirm-by-mail", "csrf=token&sure=on").await;
        assert!(asked.1.ends_with("done=confirm-by-mail"), "{asked:?}");
        self.running.sample.open().unwrap();
        let opening = self.running.sample.entries.last().unwrap().clone();
        self.running.post(opening).await;
    }

    fn credential(&self, voter: usize) -> CredentialKey {
        self.running.sample.voters[voter].credential.public()
    }

    fn page(&self, voter: usize) -> String {
        format!("/confirm/sample/{}", Hash(self.credential(voter).0.0))
    }

    /// Asks for a code; the one that was mailed, if one was.
    async fn mailed(&self, voter: usize, who: &str) -> Option<String> {
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
    async fn try_code(&self, voter: usize, who: &str, code: &str) -> bool {
        let body = format!("do=confirm&who={who}&code={code}");
        self.ask(true, &self.page(voter), None, &body).await.0 == 200
    }

    fn later(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Casts over the board that has a dashboard.
    async fn cast(&mut self, voter: usize) -> Result<(), ProblemKind> {
        let ballot = self.running.ballot(voter, "a");
        self.send(ballot.bytes().to_vec()).await.map_err(|problem| problem.kind())
    }

    async fn send(&self, bytes: Vec<u8>) -> Result<(), veritally_board_api::Problem> {
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
fn file(name: &str, content: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\ntoken\r\n--b\r\nContent-Disposition: form-data; \
         name=\"{name}\"; filename=\"f\"\r\n\r\n{content}\r\n--b--\r\n"
    )
}

const LIST: &str =
    "id,name,email\n1,Ada,ada@example.org\n2,Grace,grace@example.org\n3,Ida,both@example.org\n4,Ira,both@example.org\n";

/// Who may: nobody needs to be signed in, or somebody of this role at least.
const MATRIX: &[(&str, &str, Option<Role>)] = &[
    ("GET", "admin/sign-in", None),
    ("GET", "admin/join", None),
    ("GET", "invitation/{token}", None),
    ("GET", "confirm/{id}/{credential}", None),
    ("GET", "admin", Some(Role::Observer)),
    ("GET", "admin/accounts", Some(Role::Owner)),
    ("GET", "admin/activity", Some(Role::Observer)),
    ("GET", "admin/activity.csv", Some(Role::Observer)),
    ("GET", "admin/e/{id}", Some(Role::Observer)),
    ("GET", "admin/e/{id}/voters.csv", Some(Role::Manager)),
    ("GET", "admin/e/{id}/voted.csv", Some(Role::Manager)),
    ("GET", "admin/e/{id}/voters|roll|reissue|report", Some(Role::Observer)),
    ("GET", "admin/e/{id}/{action}", Some(Role::Manager)),
    ("GET", "admin/d/{draft}/{step}", Some(Role::Manager)),
    ("POST", "admin/sign-in", None),
    ("POST", "admin/join", None),
    ("POST", "invitation/{token}", None),
    ("POST", "confirm/{id}/{credential}", None),
    ("POST", "admin/accounts", Some(Role::Owner)),
    ("POST", "admin/new", Some(Role::Manager)),
    ("POST", "admin/d/{draft}/{step}", Some(Role::Manager)),
    ("POST", "admin/e/{id}/voters", Some(Role::Manager)),
    ("POST", "admin/e/{id}/{action}", Some(Role::Manager)),
    ("POST", "admin/sign-out", Some(Role::Observer)),
];

const ACTIONS: [&str; 11] = [
    "open",
    "extend",
    "close",
    "publish",
    "abandon",
    "archive",
    "delete-voters",
    "confirm-by-mail",
    "roll",
    "reissue",
    "report",
];

/// The patterns of the functions `show` and `act`, written as in [`MATRIX`].
fn routed() -> Vec<(String, String)> {
    let source = include_str!("../src/web/admin.rs");
    let body = |name: &str| {
        let begin = source.find(&format!("async fn {name}(visit")).unwrap();
        source[begin..].split("\n}\n").next().unwrap().to_owned()
    };
    let mut all = vec![];
    for (method, name) in [("GET", "show"), ("POST", "act")] {
        for line in body(name).lines() {
            let Some(pattern) = line.trim().strip_prefix('[').and_then(|rest| rest.split_once("] =>")) else {
                continue;
            };
            let part = |part: &str| match part.trim() {
                literal if literal.starts_with('"') => literal.replace(['"', ' '], ""),
                name => format!("{{{name}}}"),
            };
            let path = pattern.0.split(',').map(part).collect::<Vec<_>>().join("/");
            all.push((method.to_owned(), path));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_open_to_the_roles_that_it_is_for_and_to_no_others() {
    let fixture = Fixture::start(2).await;
    let named: Vec<_> = MATRIX.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    for route in routed() {
        assert!(named.contains(&route), "{route:?} is not in the matrix");
    }
    assert_eq!(named.len(), routed().len(), "the matrix has routes that are none");
    let mut tried = 0;
    for (method, pattern, needed) in MATRIX {
        let fill = |path: &str| {
            let path = path.replace("{id}", "sample").replace("{token}", "x").replace("{credential}", "00");
            format!("/{}", path.replace("{draft}", "0123456789abcdef").replace("{step}", "basics"))
        };
        let paths: Vec<String> = if pattern.ends_with("{action}") {
            let known = |action: &&&str| *method == "POST" || !["roll", "reissue", "report"].contains(*action);
            ACTIONS.iter().filter(known).map(|action| fill(&pattern.replace("{action}", action))).collect()
        } else if let Some((base, last)) = pattern.rsplit_once('/').filter(|(_, last)| last.contains('|')) {
            last.split('|').map(|last| fill(&format!("{base}/{last}"))).collect()
        } else {
            vec![fill(pattern)]
        };
        for path in paths {
            let post = *method == "POST";
            for who in [None, Some(Role::Observer), Some(Role::Manager), Some(Role::Owner)] {
                let (status, to, _) = fixture.ask(post, &path, who, "csrf=token").await;
                let case = format!("{method} {path} by {who:?}: {status} {to}");
                tried += 1;
                match needed {
                    None => assert!(status != 403 && (status != 303 || to != "/admin/sign-in"), "{case}"),
                    Some(_) if who.is_none() => assert_eq!((status, to.as_str()), (303, "/admin/sign-in"), "{case}"),
                    Some(needed) if who < Some(*needed) => assert_eq!(status, 403, "{case}"),
                    Some(_) if path.ends_with("sign-out") => assert_eq!(status, 303, "{case}"),
                    Some(_) => assert!(status != 403 && to != "/admin/sign-in", "{case}"),
                }
                // A form of another page, or of none.
                if post && who.is_some() && !path.ends_with("sign-out") {
                    assert_eq!(
                        fixture.ask(true, &path, who, "csrf=tokem&sure=on").await.0,
                        403,
                        "{case}, foreign form"
                    );
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_with_the_bound_and_not_kept() {
    let fixture = Fixture::start(2).await;
    let large = "x".repeat((32 << 20) + 1);
    for action in ["voters", "roll", "report"] {
        let (status, _, said) = fixture.manage(action, &file("list", &large)).await;
        assert_eq!(status, 413, "{action}");
        assert!(said.contains("32 MiB"), "{action}");
    }
    let (status, _, said) = fixture.manage("report", &file("report", &large[..(1 << 20) + 1])).await;
    assert!(status == 422 && said.contains("at most 1 MiB"));
    // Who is not signed in has a smaller bound.
    assert_eq!(fixture.ask(true, "/admin/sign-in", None, &large[..40_000]).await.0, 413);
    // A field that never ends is named by its line, and a list with a stray quotation mark is no list.
    let (status, _, said) = fixture.manage("voters", &file("list", &format!("id,name\n1,{}\n", &large[..2_000]))).await;
    assert!(status == 422 && said.contains("line 2"), "{said}");
    assert_eq!(fixture.store.list(Kind::VoterList).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_is_let_in_once_its_voter_has_confirmed_by_mail() {
    let mut fixture = Fixture::start(4).await;
    let missing = fixture.manage("confirm-by-mail", "csrf=token&sure=on").await;
    assert!(missing.0 == 422 && missing.2.contains("voter list first"), "{missing:?}");
    fixture.open_by_mail(LIST).await;
    let ballot = fixture.running.ballot(0, "a").bytes().to_vec();
    let problem = fixture.send(ballot.clone()).await.unwrap_err();
    assert_eq!((problem.kind(), problem.status), (ProblemKind::ConfirmationNeeded, 403));
    assert!(problem.detail.contains(&format!("{}{}", fixture.url, fixture.page(0))), "{}", problem.detail);
    let (status, _, page) = fixture.ask(false, &fixture.page(0), None, "").await;
    assert!(status == 200 && page.contains(&fixture.credential(0).public_id()));
    let code = fixture.mailed(0, "ADA@example.org").await.unwrap();
    let (to, text) = fixture.mails.lock().unwrap()[0].clone();
    assert_eq!(to, "ada@example.org");
    assert!(text.contains(&fixture.credential(0).public_id()) && text.contains("holds for 15 minutes"), "{text}");
    assert!(fixture.try_code(0, "1", &code).await, "by id as well as by address");
    fixture.send(ballot.clone()).await.unwrap();
    fixture.send(ballot).await.unwrap();
    fixture.cast(0).await.unwrap();
    // Of the others nobody has; what is no ballot is refused for what it is.
    assert_eq!(fixture.cast(1).await, Err(ProblemKind::ConfirmationNeeded));
    assert_eq!(fixture.send(b"{}".to_vec()).await.unwrap_err().kind(), ProblemKind::NotCanonical);
    let (_, _, page) = fixture.ask(false, "/e/sample", None, "").await;
    assert!(page.contains("id=\"by-mail\""));
    // The list is needed until the end; with it goes what links voters and credentials.
    let kept = fixture.manage("delete-voters", "csrf=token&sure=on").await;
    assert!(kept.0 == 422 && kept.2.contains("once voting has ended"));
    let sample = &fixture.running.sample;
    let closing = Closing { administrator: 1, signature: None, time_ms: now_ms(), tag: ClosingTag };
    let signed = signature::sign(closing, &sample.fingerprint(), &sample.administrator).unwrap();
    let closing = canonical::to_bytes(&signed).unwrap();
    fixture.running.post(closing).await;
    fixture.manage("delete-voters", "csrf=token&sure=on").await;
    for kind in [Kind::Confirmation, Kind::Confirmed, Kind::VoterList] {
        assert_eq!(fixture.store.count(kind, "").await.unwrap(), 0, "{kind:?}");
    }
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_the_board_are_not_guessed_used_twice_or_used_by_others() {
    let mut fixture = Fixture::start(4).await;
    fixture.open_by_mail(LIST).await;
    // Who is not on the list, or shares an address, gets nothing, and the page says the same.
    let said = fixture.ask(true, &fixture.page(0), None, "do=send&who=eve%40example.org").await.2;
    assert!(said.contains("If eve@example.org is on the voter list"));
    for nobody in ["eve%40example.org", "both%40example.org", "", "ada%40example.org%0d%0aBcc%3a+eve%40example.org"] {
        assert_eq!(fixture.mailed(0, nobody).await, None, "{nobody}");
    }
    // Five tries, however many at once; then not even the right one.
    let code = fixture.mailed(0, "1").await.unwrap();
    let wrong = |i: u32| format!("{:06}", (code.parse::<u32>().unwrap() + 1 + i) % 1_000_000);
    let guesses: Vec<_> = (0..12).map(wrong).collect();
    assert!(
        futures_util::future::join_all(guesses.iter().map(|guess| fixture.try_code(0, "1", guess)))
            .await
            .iter()
            .all(|ok| !ok)
    );
    assert!(!fixture.try_code(0, "1", &code).await, "tried too often");
    // A new code replaces the old one; it ends after a quarter of an hour; three in that time.
    let second = fixture.mailed(0, "1").await.unwrap();
    assert!(code == second || !fixture.try_code(0, "1", &code).await);
    fixture.later(15 * 60_000);
    assert!(!fixture.try_code(0, "1", &second).await, "its time is over");
    let third = fixture.mailed(0, "1").await.unwrap();
    // A code is for one voter and one credential.
    assert!(!fixture.try_code(1, "1", &third).await);
    assert!(!fixture.try_code(0, "2", &third).await);
    assert!(fixture.try_code(0, "1", &third).await);
    assert!(!fixture.try_code(0, "1", &third).await, "used");
    // One credential a voter, one voter a credential.
    assert_eq!(fixture.mailed(1, "1").await, None, "confirmed with another credential");
    let graces = fixture.mailed(0, "2").await.unwrap();
    assert!(!fixture.try_code(0, "2", &graces).await, "it is somebody else's");
    assert_eq!(fixture.cast(1).await, Err(ProblemKind::ConfirmationNeeded));
    fixture.cast(0).await.unwrap();
    // Three mails in a quarter of an hour, ten a day.
    fixture.later(16 * 60_000);
    for _ in 0..3 {
        assert!(fixture.mailed(1, "2").await.is_some());
    }
    assert_eq!(fixture.mailed(1, "2").await, None);
    // Whoever asks too often for anybody waits.
    for _ in 0..60 {
        fixture.ask(true, &fixture.page(2), None, "do=send&who=nobody").await;
    }
    assert_eq!(fixture.ask(true, &fixture.page(2), None, "do=send&who=3").await.0, 429);
    fixture.test.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_another_credential_confirms_it_in_the_place_of_the_old_one() {
    let mut fixture = Fixture::start(2).await;
    fixture.open_by_mail("id,email\n1,ada@example.org\n2,grace@example.org\n").await;
    let code = fixture.mailed(0, "1").await.unwrap();
    assert!(fixture.try_code(0, "1", &code).await);
    let Running { sample, rng, .. } = &mut fixture.running;
    sample.reissue(0, rng).unwrap();
    let entry = String::from_utf8(sample.entries.last().unwrap().clone()).unwrap();
    let refused = fixture.manage("reissue", &file("reissue", "{}")).await;
    assert!(refused.0 == 422 && refused.2.contains("this is no re-issue"), "{refused:?}");
    let posted = fixture.manage("reissue", &file("reissue", &entry)).await;
    assert!(posted.1.ends_with("done=reissue"), "{posted:?}");
    assert_eq!(fixture.cast(0).await, Err(ProblemKind::ConfirmationNeeded));
    let code = fixture.mailed(0, "1").await.unwrap();
    assert!(fixture.try_code(0, "1", &code).await);
    let again = fixture.running.sample.voters[0].credential.public();
    assert_eq!(fixture.credential(0), again);
    fixture.test.stop().await;
}
