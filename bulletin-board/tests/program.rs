//! The real program as a process: killed while ballots come in, started twice, driven by its own subcommands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{now_ms, open_on, receipt, sample_for};
use veritally_board_api::files::Ready;
use veritally_board_api::{Client, key_file};
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::NamedKey;
use veritally_crypto::record::Phase;
use veritally_crypto::signature::SigningSecret;

const PROGRAM: &str = env!("CARGO_BIN_EXE_veritally-board");

/// A running `veritally-board serve`; killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--name", common::NAME, "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !ready.exists() {
            assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "the board did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, url: Ready::read(&ready).unwrap().url }
    }

    fn client(&self) -> Client {
        Client::new(&self.url).unwrap().with_patience(Duration::ZERO)
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    fn terminate(mut self) -> bool {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rounds() -> usize {
    if std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1") { 50 } else { 2 }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_during_casting_keeps_every_acknowledged_ballot() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let per_round = 120;
    let mut server = Server::start(&data);
    let mut running = open_on(&server.client(), &data, rounds() * per_round, |_| {}).await;
    let mut acknowledged: Vec<(Vec<u8>, String)> = Vec::new();
    let mut checkpoints = Vec::new();
    for round in 0..rounds() {
        let voters = round * per_round..(round + 1) * per_round;
        let ballots: Vec<_> = voters.map(|voter| running.ballot(voter, "c").bytes().to_vec()).collect();
        let client = server.client().election("sample".parse().unwrap());
        let done = Arc::new(Mutex::new(Vec::new()));
        let casting = ballots.iter().cloned().map(|ballot| {
            let (client, done) = (client.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                if let Ok(submitted) = client.submit_ballot(ballot.clone()).await {
                    done.lock().unwrap().push((ballot, receipt(submitted).0));
                }
            })
        });
        let casting: Vec<_> = casting.collect();
        // Somewhere in the middle of it.
        let enough = per_round / 4 + round % 40;
        while done.lock().unwrap().len() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for task in casting {
            task.await.unwrap();
        }
        acknowledged.append(&mut done.lock().unwrap());

        server = Server::start(&data);
        let client = server.client().election("sample".parse().unwrap());
        for (ballot, text) in &acknowledged {
            let found = client.receipt(&Hash::of(ballot).to_string()).await.unwrap();
            assert_eq!(found.as_ref(), Some(text), "an acknowledged ballot is there, with the same receipt");
        }
        // Voters whose connection broke send again: nobody is counted twice.
        for ballot in ballots {
            receipt(client.submit_ballot(ballot).await.unwrap());
        }
        assert_eq!(client.status().await.unwrap().counts.ballots_cast as usize, (round + 1) * per_round);
        checkpoints.push(client.checkpoint().await.unwrap());
    }
    assert!(server.terminate(), "an orderly end");

    let out = directory.path().join("record");
    let output = run(&["export", "--election", "sample"], &[("--data", &data), ("--out", &out)]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let replayed = veritally_board::folder::Folder::at(&out).replay(&|_, _| {}).unwrap();
    let manifest = replayed.state.manifest().clone();
    assert_eq!(replayed.state.counts().ballots_cast as usize, rounds() * per_round);
    for text in checkpoints {
        let log = &manifest.log;
        let old = veritally_crypto::log::SignedCheckpoint::parse(&text, &log.origin, &log.key).unwrap();
        assert!(old.checkpoint().tree_size <= replayed.state.head().tree_size);
        let mut frontier = veritally_crypto::log::Frontier::new();
        let store = veritally_board::store::sqlite::SqliteStore::open(&data.join("board.db")).unwrap();
        let leaves = veritally_board::store::Store::leaves(&store, &manifest.election, 0..old.checkpoint().tree_size);
        leaves.await.unwrap().iter().for_each(|leaf| frontier.push(veritally_crypto::log::leaf_hash(leaf)));
        assert_eq!(frontier.root(), old.checkpoint().root, "the log extends every checkpoint that was served");
    }
}

fn run(arguments: &[&str], paths: &[(&str, &PathBuf)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    for (name, path) in paths {
        command.arg(name).arg(path);
    }
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let output = run(&["serve", "--listen", "127.0.0.1:0"], &[("--data", &data)]);
    assert!(!output.status.success() && text(&output).contains("--name"), "{}", text(&output));
    let server = Server::start(&data);
    let output = run(&["serve", "--listen", "127.0.0.1:0"], &[("--data", &data)]);
    assert!(!output.status.success() && text(&output).contains("another board is running"), "{}", text(&output));
    assert!(server.terminate());
    let mode = |file: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(data.join(file)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("log.key"), mode("operator.token")), (0o600, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_opens_extends_closes_and_exports_an_election() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = Server::start(directory.path());
    let output = run(&["keygen"], &[("--out", &path("admin.key"))]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(!run(&["keygen"], &[("--out", &path("admin.key"))]).status.success(), "a key is never overwritten");

    // Everybody's public files come from the sample, whose trustees and registrar are at hand.
    let mut sample = sample_for(&server.client().board_info().await.unwrap(), now_ms(), 1);
    let registrar = NamedKey { key: sample.registrar.verification_key(), name: "Registrar".into() };
    std::fs::write(path("registrar.pub.json"), serde_json::to_vec(&registrar).unwrap()).unwrap();
    let trustees = sample.state.manifest().trustees.clone();
    for (i, trustee) in trustees.iter().enumerate() {
        std::fs::write(path(&format!("trustee{i}.pub.json")), serde_json::to_vec(trustee).unwrap()).unwrap();
    }
    let config = "election = \"village\"\nname = \"Village\"\nfloor = 1\nagreement_quorum = 2\n[[contests]]\n\
                  id = \"chair\"\nname = \"Chair\"\nselections = [\"A\", \"B\"]\n";
    let create = |config: &str| {
        std::fs::write(path("election.toml"), config).unwrap();
        let (link, token) = (path("link"), path("operator.token"));
        run(
            &["create", "--url", &server.url],
            &[
                ("--token-file", &token),
                ("--config", &path("election.toml")),
                ("--registrar", &path("registrar.pub.json")),
                ("--admin-key", &path("admin.key")),
                ("--out", &path("manifest.json")),
                ("--link-out", &link),
                ("--trustee", &path("trustee0.pub.json")),
                ("--trustee", &path("trustee1.pub.json")),
                ("--trustee", &path("trustee2.pub.json")),
            ],
        )
    };
    let refused = create(&config.replace("selections = [\"A\", \"B\"]", "selections = [\"A\"]\nmin = 2\nmax = 3"));
    assert!(!refused.status.success() && text(&refused).contains("choice of 2 to 3"), "{}", text(&refused));
    let refused = create(&config.replace("floor", "flor"));
    assert!(!refused.status.success() && text(&refused).contains("flor"), "{}", text(&refused));
    let created = create(config);
    assert!(created.status.success(), "{}", text(&created));
    let leaf = std::fs::read(path("manifest.json")).unwrap();
    assert!(text(&created).contains(&Hash::of(&leaf).to_string()));
    let link = std::fs::read_to_string(path("link")).unwrap().trim().to_owned();

    // Ceremony and roll as their programs would post them.
    sample.state = veritally_crypto::record::RecordState::start(&leaf).unwrap();
    sample.entries = vec![leaf];
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(7);
    sample.ceremony(&mut rng).unwrap();
    sample.roll(&[("all", "all", 1); 3], &mut rng).unwrap();
    let early = run(&["open", "--link", &link], &[("--admin-key", &path("admin.key"))]);
    assert!(!early.status.success() && text(&early).contains("ceremony"), "{}", text(&early));
    let lines: Vec<_> = sample.entries.iter().skip(1).flat_map(|e| [e.as_slice(), b"\n"].concat()).collect();
    std::fs::write(path("entries.jsonl"), lines).unwrap();
    for expected in ["17 entries posted, 0 were there", "0 entries posted, 17 were there"] {
        let posted = run(&["post", "--link", &link, path("entries.jsonl").to_str().unwrap()], &[]);
        assert!(posted.status.success() && text(&posted).contains(expected), "{}", text(&posted));
    }

    let stranger = path("stranger.key");
    key_file::create(&stranger, &SigningSecret::from_seed(&[5; 32])).unwrap();
    let refused = run(&["open", "--link", &link], &[("--admin-key", &stranger)]);
    assert!(!refused.status.success() && text(&refused).contains("administrators"), "{}", text(&refused));
    let admin = |arguments: &[&str]| {
        let output =
            run(&[&[arguments[0], "--link", &link], &arguments[1..]].concat(), &[("--admin-key", &path("admin.key"))]);
        (output.status.success(), text(&output))
    };
    for (arguments, success) in [
        (&["open"][..], true),
        (&["open"], false),
        (&["extend", "--until", "2020-01-01T00:00:00Z"], false),
        (&["extend", "--until", "2099-01-01T00:00:00Z"], true),
        (&["close"], false),
        (&["close", "--early"], true),
        (&["publish"], false),
        (&["abandon", "--reason", " "], false),
        (&["abandon", "--reason", "a test"], true),
    ] {
        let (succeeded, text) = admin(arguments);
        assert_eq!(succeeded, success, "{arguments:?}: {text}");
    }
    let status = run(&["status", "--link", &link, "--json"], &[]);
    let status: veritally_board_api::Status = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status.phase, Phase::Abandoned);
    let other = link.replace("fp=", "fp=0").chars().take(link.len()).collect::<String>();
    let refused = run(&["status", "--link", &other], &[]);
    assert!(!refused.status.success() && text(&refused).contains("not the election you mean"), "{}", text(&refused));
    let exported = run(&["export", "--link", &link], &[("--out", &path("record"))]);
    assert!(exported.status.success(), "{}", text(&exported));
    assert!(path("record").join("tile/entries/000.p/22").is_file(), "{}", text(&exported));
    assert!(server.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_start_prints_another_first_token_and_a_lost_account_comes_back_by_command() {
    use veritally_board::admin_store::sqlite::SqliteAdminStore;
    use veritally_board::admin_store::{Account, AdminStore as _, Kind, Role};
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let nowhere = directory.path().join("nowhere");
    let refused = run(&["account", "reset", "ada"], &[("--data", &nowhere)]);
    assert!(!refused.status.success() && text(&refused).contains("no board in") && !nowhere.exists());
    assert!(Server::start(&data).terminate());
    let server = Server::start(&data);
    let store = SqliteAdminStore::open(&data.join("admin.db")).unwrap();
    assert_eq!(store.count(Kind::Invitation, "").await.unwrap(), 1, "of the last start only");
    let account = Account {
        name: "ada".into(),
        role: Role::Owner,
        password: "lost".into(),
        totp_secret: vec![1; 20],
        disabled: true,
        created_ms: 1_798_761_600_000,
    };
    store.add_account(account).await.unwrap();
    // While the board serves.
    let listed = run(&["account", "list"], &[("--data", &data)]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "ada (owner, disabled), made 2027-01-01T00:00:00Z\n");
    let unknown = run(&["account", "reset", "eve"], &[("--data", &data)]);
    assert!(!unknown.status.success() && text(&unknown).contains("no account \"eve\""), "{}", text(&unknown));
    let reset = run(&["account", "reset", "ada"], &[("--data", &data)]);
    let path = String::from_utf8(reset.stdout).unwrap();
    assert!(path.starts_with("/admin/join?token="), "{path}");
    // Which also chooses who does the cryptography of TLS.
    server.client().board_info().await.unwrap();
    let page = reqwest::get(format!("{}{}", server.url, path.trim_end())).await.unwrap().text().await.unwrap();
    assert!(page.contains("Your account again") && page.contains("value=\"ada\""), "{page}");
    assert!(server.terminate());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_has_the_dashboards_database_beside_the_logs() {
    use std::os::unix::fs::PermissionsExt as _;

    use veritally_board::admin_store::sqlite::SqliteAdminStore;
    use veritally_board::admin_store::{AdminStore as _, Kind};
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let server = Server::start(&path("."));
    let store = SqliteAdminStore::open(&path("admin.db")).unwrap();
    store.put(Kind::ByMail, "sample", vec![], 1).await.unwrap();
    store.put(Kind::VoterList, "old", b"ada@example.org".to_vec(), 1).await.unwrap();
    store.take(Kind::VoterList, "old").await.unwrap();
    let backup = |out: &str| run(&["backup"], &[("--data", &path(".")), ("--out", &path(out))]);
    let done = backup("copy.db");
    assert!(done.status.success() && text(&done).contains("copy.admin.db"), "{}", text(&done));
    let copy = std::fs::read(path("copy.admin.db")).unwrap();
    assert!(!String::from_utf8_lossy(&copy).contains("ada@example.org"), "what was deleted is not copied");
    assert_eq!(std::fs::metadata(path("copy.admin.db")).unwrap().permissions().mode() & 0o077, 0);
    let restored = SqliteAdminStore::open(&path("copy.admin.db")).unwrap();
    assert_eq!(restored.count(Kind::ByMail, "").await.unwrap(), 1);
    // Neither is overwritten, and nothing is begun that can't be finished.
    std::fs::remove_file(path("copy.db")).unwrap();
    assert!(!backup("copy.db").status.success() && !path("copy.db").exists());
    assert!(server.terminate());
}
