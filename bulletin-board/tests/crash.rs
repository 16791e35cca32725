//! The real program killed at random moments, without room on its disk, and with writes that fail: nothing that was
//! acknowledged is lost, nothing is there twice, and the log fits every checkpoint that was ever served.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::kept::{collect, compare_with_log};
use common::{Running, now_ms, receipt, settled};
use tokio::runtime::Handle;
use veritally_board::fsck;
use veritally_board::replay::Trust;
use veritally_board::store::Store as _;
use veritally_board::store::sqlite::SqliteStore;
use veritally_board_api::answers::Service;
use veritally_board_api::files::Ready;
use veritally_board_api::{Client, ProblemKind};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::choose;

/// Ballots cast at the same time.
const CASTERS: usize = 8;
/// Between two looks at the checkpoint that is served.
const SAMPLED: Duration = Duration::from_millis(10);
/// Between two ballots of one caster, so that there is load in every round.
const PACE: Duration = Duration::from_millis(30);

/// The board's program.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(data: &Path, address: &str) -> Self {
        let ready = data.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        // A write beyond the limit of a file's size shall fail, not kill.
        let mut child = Command::new("sh")
            .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, env!("CARGO_BIN_EXE_veritally-board")])
            .args(["serve", "--name", "board.example", "--listen", address, "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .env("RUST_LOG", "off")
            .spawn()
            .unwrap();
        for _ in 0..600 {
            if let Ok(ready) = Ready::read(&ready) {
                return Self { child, address: ready.address };
            }
            assert!(child.try_wait().unwrap().is_none(), "the board did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the board is not ready after 30 seconds")
    }

    fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address)).unwrap().with_patience(Duration::ZERO)
    }

    fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::take(&mut self.address)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An open election on the program, and a ballot of each voter.
async fn scene(program: &Program, data: &Path, voters: usize) -> (Running, Vec<EncryptedBallot>) {
    let token = std::fs::read_to_string(data.join("operator.token")).unwrap();
    let mut running = Running::set_up_as(&program.client(), token.trim(), voters, now_ms(), |_| {}).await;
    running.sample.open().unwrap();
    running.post(running.sample.entries.last().unwrap().clone()).await;
    let answers = choose("chair", &["a"], false).unwrap();
    let ballots = (0..voters).map(|voter| running.sample.ballot(voter, &answers, &mut running.rng).unwrap()).collect();
    (running, ballots)
}

/// Compares what the board said with what its database holds in the end.
async fn compare(
    data: &Path,
    running: &Running,
    acknowledged: &[(usize, String)],
    ballots: &[EncryptedBallot],
    served: &[String],
) {
    let path = data.join("board.db");
    SqliteStore::check_file(&path).unwrap();
    let store = SqliteStore::open_to_read(&path).unwrap();
    let election = running.board.id();
    let sound = tokio::task::block_in_place(|| {
        fsck::check(&Handle::current(), &store, election, Trust::Nobody, &|_, _| {}).unwrap()
    });
    assert_eq!(sound.counts.ballots_cast as usize, acknowledged.len(), "none lost, none twice");
    let leaves = store.leaves(election, 0..sound.head.tree_size).await.unwrap();
    let acknowledged = acknowledged.iter().map(|(voter, text)| (&ballots[*voter], text.as_str()));
    compare_with_log(&leaves, running.sample.state.manifest(), acknowledged, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_killed_again_and_again_loses_nothing_that_it_acknowledged() {
    let rounds = if std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1") { 50 } else { 2 };
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let mut program = Program::start(data, "127.0.0.1:0");
    let (running, ballots) = scene(&program, data, 200 + 150 * rounds).await;
    let (ballots, next) = (Arc::new(ballots), Arc::new(AtomicUsize::new(0)));
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let collector = tokio::spawn(collect(running.board.clone(), Arc::clone(&stop), SAMPLED));
    let patient = program.client().with_patience(Duration::from_secs(120)).election(running.board.id().clone());
    let casters: Vec<_> = (0..CASTERS)
        .map(|_| {
            let (board, ballots, next) = (patient.clone(), Arc::clone(&ballots), Arc::clone(&next));
            let acknowledged = Arc::clone(&acknowledged);
            tokio::spawn(async move {
                while let Some((voter, ballot)) = {
                    let voter = next.fetch_add(1, Ordering::SeqCst);
                    ballots.get(voter).map(|ballot| (voter, ballot.bytes().to_vec()))
                } {
                    let (text, _) = receipt(board.submit_ballot(ballot).await.unwrap());
                    acknowledged.lock().unwrap().push((voter, text));
                    tokio::time::sleep(PACE).await;
                }
            })
        })
        .collect();
    let mut kills_under_load = 0;
    for _ in 0..rounds {
        tokio::time::sleep(Duration::from_millis(100 + rand::random::<u64>() % 600)).await;
        kills_under_load += usize::from(next.load(Ordering::SeqCst) < ballots.len());
        let address = program.kill();
        program = tokio::task::block_in_place(|| Program::start(data, &address));
    }
    for caster in casters {
        caster.await.unwrap();
    }
    settled(&running.board).await;
    stop.store(true, Ordering::SeqCst);
    let served = collector.await.unwrap();
    drop(program);
    let acknowledged = acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), ballots.len());
    assert!(kills_under_load >= 2.min(rounds), "{kills_under_load} of {rounds} kills were under load");
    println!("{rounds} kills, {} ballots, {} checkpoints served", ballots.len(), served.len());
    compare(data, &running, &acknowledged, &ballots, &served).await;
}

/// Casts until the board says that it can't store, makes room, and casts the rest.
async fn runs_out_of_space(data: &Path, take_space: impl FnOnce(u32), make_space: impl FnOnce(u32)) {
    let program = Program::start(data, "127.0.0.1:0");
    let (running, ballots) = scene(&program, data, 600).await;
    let stop = Arc::new(AtomicBool::new(false));
    let collector = tokio::spawn(collect(running.board.clone(), Arc::clone(&stop), SAMPLED));
    let mut acknowledged = Vec::new();
    take_space(program.child.id());
    let mut rest = ballots.iter().enumerate();
    let refused = loop {
        let (voter, ballot) = rest.next().expect("room for everything: the fault did not happen");
        match running.board.submit_ballot(ballot.bytes().to_vec()).await {
            Ok(submitted) => acknowledged.push((voter, receipt(submitted).0)),
            Err(error) => {
                assert_eq!(error.problem().unwrap_or_else(|| panic!("{error}")).kind(), ProblemKind::StoreUnavailable);
                break (voter, ballot);
            }
        }
    };
    // Still full: nothing is acknowledged, the reading side goes on.
    let error = running.board.submit_ballot(refused.1.bytes().to_vec()).await.unwrap_err();
    assert_eq!(error.problem().unwrap().kind(), ProblemKind::StoreUnavailable);
    let status = running.board.status().await.unwrap();
    assert_eq!(status.counts.ballots_cast as usize, acknowledged.len());
    running.board.receipt(&Hash::of(ballots[0].bytes()).to_string()).await.unwrap();
    make_space(program.child.id());
    let patient = program.client().with_patience(Duration::from_secs(60)).election(running.board.id().clone());
    for (voter, ballot) in std::iter::once(refused).chain(rest.take(20)) {
        acknowledged.push((voter, receipt(patient.submit_ballot(ballot.bytes().to_vec()).await.unwrap()).0));
    }
    settled(&running.board).await;
    assert_eq!(running.board.status().await.unwrap().service, Service::Serving);
    stop.store(true, Ordering::SeqCst);
    let served = collector.await.unwrap();
    drop(program);
    compare(data, &running, &acknowledged, &ballots, &served).await;
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_are_an_error_to_the_voter_and_the_board_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let wal = directory.path().join("board.db-wal");
    let limit = |pid: u32| {
        let bytes = std::fs::metadata(&wal).unwrap().len() + 100_000;
        assert!(run("prlimit", &["--pid", &pid.to_string(), &format!("--fsize={bytes}:unlimited")]));
    };
    let lift = |pid: u32| assert!(run("prlimit", &["--pid", &pid.to_string(), "--fsize=unlimited:unlimited"]));
    runs_out_of_space(directory.path(), limit, lift).await;
}

/// A file system of its own, for root.
struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.0.to_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_to_the_voter_and_the_board_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    if !run("mount", &["-t", "tmpfs", "-o", "size=64m", "veritally-test", &path]) {
        eprintln!("skipped: a small file system can't be mounted here; the test of failing writes ran instead");
        return;
    }
    let _mount = Mount(directory.path().to_owned());
    let filler = directory.path().join("filler");
    let fill = |_: u32| {
        // Fails when the disk is full, as it shall; then a little room is given back.
        let mut file = std::fs::File::create(&filler).unwrap();
        let _ = std::io::copy(&mut std::io::Read::take(std::io::repeat(1), 1 << 30), &mut file);
        let size = file.metadata().unwrap().len();
        file.set_len(size - 200_000).unwrap();
    };
    let free = |_: u32| std::fs::remove_file(&filler).unwrap();
    runs_out_of_space(directory.path(), fill, free).await;
}
