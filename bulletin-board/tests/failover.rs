//! Three board nodes as processes on a PostgreSQL primary with two synchronous standbys, under load, while one after the
//! other is killed or frozen: the node that sequences, the primary, a standby, both standbys. Nothing that was acknowledged
//! is lost, nothing is there twice, every checkpoint that any node served is of the final log, casting resumes by itself, and
//! while no standby is there every node says so and goes on reading.
//!
//! Runs where `VERITALLY_TEST_CLUSTER` names the folder of servers that `scripts/lib/cluster start` made (stage `postgres`
//! of scripts/test); elsewhere it says that it is skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/program.rs"]
mod program;

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::kept::{collect, compare_with_log};
use common::{Running, settled};
use futures_util::future::join_all;
use program::Program;
use veritally_board::folder::{Folder, Source};
use veritally_board_api::answers::Service;
use veritally_board_api::{ElectionClient, ProblemKind, Submitted};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::hash::Hash;
use veritally_crypto::sample::choose;

const NODES: usize = 3;
/// Ballots cast at the same time, a third of them through each node.
const CASTERS: usize = 9;
/// Between two looks at the checkpoint that is served.
const SAMPLED: Duration = Duration::from_millis(20);
/// Between two ballots of one caster, so that there is load in every round.
const PACE: Duration = Duration::from_millis(150);
/// Casting must go on within this time after a fault.
const PATIENCE: Duration = Duration::from_secs(60);
/// Ballots that must come after each fault.
const ENOUGH: usize = 2 * CASTERS;
/// Within it every node refuses a ballot once no standby is there: somewhat longer than `Limits::answer_timeout`.
const REFUSED_WITHIN: Duration = Duration::from_secs(15);
/// Later ballots are refused, and everything is read, within this time.
const AT_ONCE: Duration = Duration::from_secs(3);
/// How long both standbys are away: longer than a lease and than a try to write.
const WITHOUT_STANDBYS: Duration = Duration::from_secs(18);
/// Longer than a lease.
const SLEEP: Duration = Duration::from_secs(8);

/// The database servers.
struct Cluster(String);

impl Cluster {
    fn run(&self, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/lib/cluster");
        let (action, rest) = arguments.split_first().unwrap();
        let output = Command::new(script).arg(action).arg(&self.0).args(rest).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.trim().to_owned()
    }
}

/// What happens to the nodes and their database.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Sequencer,
    Primary,
    Standby,
    Standbys,
    Sleep,
}

/// A receipt, whose ballot, and when it came.
type Acknowledged = Arc<Mutex<Vec<(usize, String, Instant)>>>;

struct Scene {
    cluster: Cluster,
    url: String,
    folders: Vec<PathBuf>,
    nodes: Vec<Option<Program>>,
    addresses: Vec<String>,
    running: Running,
    acknowledged: Acknowledged,
    ballots: Arc<Vec<EncryptedBallot>>,
    /// The next voter who casts.
    next: Arc<AtomicUsize>,
}

impl Scene {
    fn start_node(url: &str, folder: &Path, address: &str) -> Program {
        Program::start(folder, &["--store", url, "--listen", address])
    }

    fn restart(&mut self, node: usize) {
        self.nodes[node] = Some(Self::start_node(&self.url, &self.folders[node], &self.addresses[node]));
    }

    /// The node that holds the lease, by the name that it logged.
    fn sequencer(&self) -> Option<usize> {
        let holder = self.cluster.run(&["holder", "sample"]);
        let log = |node: &Option<Program>| node.as_ref().is_some_and(|node| node.log().contains(&holder));
        self.nodes.iter().position(log).filter(|_| !holder.is_empty())
    }

    fn wait_for_sequencer(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.sequencer() {
                Some(node) => return node,
                None => assert!(Instant::now() < deadline, "no node sequences"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Both standbys are gone: every node refuses to cast, soon and then at once, and goes on reading.
    async fn without_standbys(&self, voter: usize) {
        let boards: Vec<_> = self.nodes.iter().flatten().map(|node| self.board_of(node, Duration::ZERO)).collect();
        join_all(boards.into_iter().map(|board| self.without_standbys_at(board, voter))).await;
    }

    async fn without_standbys_at(&self, board: ElectionClient, voter: usize) {
        let refused = async || {
            let asked = Instant::now();
            let error = board.submit_ballot(self.ballots[voter].bytes().to_vec()).await.unwrap_err();
            assert!(error.is(ProblemKind::StoreUnavailable), "{error}");
            asked.elapsed()
        };
        let (began, first) = (Instant::now(), refused().await);
        assert!(first < REFUSED_WITHIN, "{first:?}");
        // The node that sequenced may make its state anew first, from the whole log.
        assert!(refused().await < REFUSED_WITHIN);
        let (earlier, receipt, _) = self.acknowledged.lock().unwrap().first().cloned().unwrap();
        let hash = Hash::of(self.ballots[earlier].bytes()).to_string();
        let (mut slowest, mut looks) = (Duration::ZERO, 0);
        while began.elapsed() < WITHOUT_STANDBYS {
            // Reading succeeds, and is not taken for more: once the node knows, it says so and keeps nobody waiting.
            if board.status().await.unwrap().service == Service::Unavailable {
                slowest = slowest.max(refused().await);
                looks += 1;
            }
            assert_eq!(board.receipt(&hash).await.unwrap().unwrap(), receipt);
            board.checkpoint().await.unwrap();
            tokio::time::timeout(AT_ONCE, board.events(None).next()).await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        println!("  without standbys: the first 503 after {first:.1?}, {looks} more after {slowest:.1?} at most");
        assert!(looks > 3, "the node does not say that it can't write: {looks}");
        assert!(slowest < AT_ONCE, "{slowest:?}");
    }

    fn board_of(&self, node: &Program, patience: Duration) -> ElectionClient {
        node.client().with_patience(patience).election(self.running.board.id().clone())
    }

    fn next_voter(&self) -> usize {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn wait_for_more(&self, from: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count() < from + ENOUGH {
            assert!(Instant::now() < deadline, "casting does not resume: {} of {ENOUGH}", self.count() - from);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The longest time without any receipt since then.
    fn longest_gap(&self, since: Instant) -> Duration {
        let acknowledged = self.acknowledged.lock().unwrap();
        let mut times: Vec<_> = acknowledged.iter().map(|(.., at)| *at).filter(|at| *at >= since).collect();
        times.sort_unstable();
        let steps = std::iter::once(&since).chain(&times).zip(&times).map(|(a, b)| *b - *a);
        steps.max().unwrap_or_default()
    }

    /// One fault, until casting goes on and everything is as before.
    fn suffer(&mut self, fault: Fault) -> Duration {
        self.wait_for_more(self.count());
        let sequencer = self.wait_for_sequencer();
        let (began, before) = (Instant::now(), self.count());
        match fault {
            Fault::Sequencer => {
                let mut node = self.nodes[sequencer].take().unwrap();
                node.child.kill().unwrap();
                node.child.wait().unwrap();
                // The others go on without it.
                self.wait_for_more(before);
                self.restart(sequencer);
            }
            Fault::Primary => {
                self.cluster.run(&["fail-over"]);
                self.wait_for_more(self.count());
            }
            Fault::Standby => {
                let name = self.cluster.run(&["kill-standby"]);
                self.wait_for_more(self.count());
                self.cluster.run(&["restart", &name]);
            }
            Fault::Standbys => {
                let (names, voter) = (self.cluster.run(&["kill-standbys"]), self.next_voter());
                let runtime = tokio::runtime::Handle::current();
                runtime.block_on(self.without_standbys(voter));
                for name in names.split_whitespace() {
                    self.cluster.run(&["restart", name]);
                }
                // What was refused may be committed, or not; sent again it is there once.
                let board = self.board_of(self.nodes[0].as_ref().unwrap(), PATIENCE);
                let text = runtime.block_on(cast(&board, &self.ballots[voter]));
                self.acknowledged.lock().unwrap().push((voter, text, Instant::now()));
            }
            Fault::Sleep => {
                let signal = |signal| self.nodes[sequencer].as_ref().unwrap().signal(signal);
                signal("STOP");
                std::thread::sleep(SLEEP);
                self.wait_for_more(before);
                signal("CONT");
            }
        }
        self.wait_for_more(self.count());
        self.longest_gap(began)
    }
}

/// Casts until there is a receipt. When one was promised, sending again is asking again, as voters' programs do.
async fn cast(board: &ElectionClient, ballot: &EncryptedBallot) -> String {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        if let Submitted::Receipt { text, .. } = board.submit_ballot(ballot.bytes().to_vec()).await.unwrap() {
            return text;
        }
        assert!(Instant::now() < deadline, "an entry that was to be waited for never comes");
    }
}

fn casters(scene: &Scene, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<()>> {
    let caster = |i: usize| {
        let board = scene.board_of(scene.nodes[i % NODES].as_ref().unwrap(), Duration::from_secs(180));
        let (ballots, next, stop) = (Arc::clone(&scene.ballots), Arc::clone(&scene.next), Arc::clone(stop));
        let acknowledged = Arc::clone(&scene.acknowledged);
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let voter = next.fetch_add(1, Ordering::SeqCst);
                let text = cast(&board, ballots.get(voter).expect("enough ballots")).await;
                acknowledged.lock().unwrap().push((voter, text, Instant::now()));
                tokio::time::sleep(PACE).await;
            }
        })
    };
    (0..CASTERS).map(caster).collect()
}

/// Compares what was said with the record that a node gives in the end, whose every proof is verified.
async fn compare(scene: &Scene, served: &[String], record: &Path) {
    let folder = Folder::at(record);
    folder.export(&Source::Board(&scene.running.board), &|_, _| {}).await.unwrap();
    let replayed = tokio::task::block_in_place(|| folder.replay(&|_, _| {})).unwrap();
    let acknowledged = scene.acknowledged.lock().unwrap().clone();
    assert_eq!(replayed.state.counts().ballots_cast as usize, acknowledged.len(), "none lost, none twice");
    let mut leaves = Vec::new();
    let tree_size = replayed.state.head().tree_size;
    let mut bundles = std::pin::pin!(scene.running.board.bundles(0, tree_size));
    while let Some(bundle) = futures_util::StreamExt::next(&mut bundles).await {
        leaves.extend(bundle.unwrap().entries().map(|(_, bytes)| bytes.to_vec()));
    }
    let acknowledged = acknowledged.iter().map(|(voter, text, _)| (&scene.ballots[*voter], text.as_str()));
    compare_with_log(&leaves, scene.running.sample.state.manifest(), acknowledged, served);
}

async fn scene(cluster: Cluster, directory: &Path, voters: usize) -> Scene {
    let url = cluster.run(&["url"]);
    let folders: Vec<_> = (0..NODES).map(|node| directory.join(format!("node-{node}"))).collect();
    std::fs::create_dir(&folders[0]).unwrap();
    let mut nodes = vec![Some(Scene::start_node(&url, &folders[0], "127.0.0.1:0"))];
    for folder in &folders[1..] {
        // The same keys and name; its logs are in the database.
        assert!(Command::new("cp").arg("-r").arg(&folders[0]).arg(folder).status().unwrap().success());
        std::fs::remove_file(folder.join("board.log")).unwrap();
        nodes.push(Some(Scene::start_node(&url, folder, "127.0.0.1:0")));
    }
    let addresses = nodes.iter().flatten().map(|node| node.address().to_owned()).collect();
    let first = nodes[0].as_ref().unwrap();
    let client = first.client().with_patience(Duration::from_secs(10));
    let mut running = first.election(&client, voters).await;
    let answers = choose("chair", &["a"], false).unwrap();
    let ballots: Vec<_> =
        (0..voters).map(|voter| running.sample.ballot(voter, &answers, &mut running.rng).unwrap()).collect();
    for node in nodes.iter().flatten() {
        let deadline = Instant::now() + PATIENCE;
        while node.client().elections().await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "a node does not hear of the election");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let (acknowledged, ballots, next) = (Acknowledged::default(), Arc::new(ballots), Arc::default());
    Scene { cluster, url, folders, nodes, addresses, running, acknowledged, ballots, next }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_on_three_databases_lose_nothing_whatever_dies() {
    let Ok(folder) = std::env::var("VERITALLY_TEST_CLUSTER") else {
        // Past the test harness, which hides what passing tests print.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: VERITALLY_TEST_CLUSTER is not set (scripts/test postgres sets it)");
        return;
    };
    let rounds = if std::env::var("VERITALLY_SOAK").is_ok_and(|soak| soak == "1") { 20 } else { 2 };
    let directory = tempfile::tempdir().unwrap();
    let mut scene = scene(Cluster(folder), directory.path(), 4 * rounds * 1_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        scene.nodes.iter().flatten().map(|node| node.client().election(scene.running.board.id().clone())).collect();
    let collectors: Vec<_> =
        clients.into_iter().map(|board| tokio::spawn(collect(board, Arc::clone(&stop), SAMPLED))).collect();
    let casters = casters(&scene, &stop);
    for fault in [Fault::Sequencer, Fault::Primary, Fault::Standby, Fault::Sleep, Fault::Standbys] {
        // Standbys are away for long enough that once in CI will do.
        let rounds = if matches!(fault, Fault::Standbys) { rounds.div_ceil(4) } else { rounds };
        for round in 1..=rounds {
            let gap = tokio::task::block_in_place(|| scene.suffer(fault));
            println!("{fault:?}, round {round}: {} receipts so far, longest pause {gap:.1?}", scene.count());
        }
    }
    stop.store(true, Ordering::SeqCst);
    for caster in casters {
        caster.await.unwrap();
    }
    settled(&scene.running.board).await;
    let mut served = Vec::new();
    for collector in collectors {
        served.extend(collector.await.unwrap());
    }
    let record =
        std::env::var_os("VERITALLY_TEST_RECORD").map_or_else(|| directory.path().join("record"), PathBuf::from);
    compare(&scene, &served, &record).await;
    println!("{} ballots, {} checkpoints served by {NODES} nodes", scene.count(), served.len());
}
