//! Three board nodes as processes on a PostgreSQL primary with two synchronous standbys, under load, while one after the
//! other is killed or frozen: the node that sequences, the primary, a standby. Nothing that was acknowledged is lost, nothing
//! is there twice, every checkpoint that any node served is of the final log, and casting resumes by itself.
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
use program::Program;
use veritally_board::folder::{Folder, Source};
use veritally_board_api::ElectionClient;
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

fn casters(
    scene: &Scene,
    ballots: &Arc<Vec<EncryptedBallot>>,
    stop: &Arc<AtomicBool>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let next = Arc::new(AtomicUsize::new(0));
    let caster = |i: usize| {
        let client = scene.nodes[i % NODES].as_ref().unwrap().client().with_patience(Duration::from_secs(180));
        let board = client.election(scene.running.board.id().clone());
        let (ballots, next, stop) = (Arc::clone(ballots), Arc::clone(&next), Arc::clone(stop));
        let acknowledged = Arc::clone(&scene.acknowledged);
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let voter = next.fetch_add(1, Ordering::SeqCst);
                let ballot = ballots.get(voter).expect("enough ballots");
                let text = match board.submit_ballot(ballot.bytes().to_vec()).await.unwrap() {
                    veritally_board_api::Submitted::Receipt { text, .. } => text,
                    veritally_board_api::Submitted::Pending { entry } => later(&board, entry).await,
                };
                acknowledged.lock().unwrap().push((voter, text, Instant::now()));
                tokio::time::sleep(PACE).await;
            }
        })
    };
    (0..CASTERS).map(caster).collect()
}

/// A receipt that was promised.
async fn later(board: &ElectionClient, entry: Hash) -> String {
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        if let Ok(Some(text)) = board.receipt(&entry.to_string()).await {
            return text;
        }
        assert!(Instant::now() < deadline, "an entry that was to be waited for never comes");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Compares what was said with the record that a node gives in the end, whose every proof is verified.
async fn compare(scene: &Scene, ballots: &[EncryptedBallot], served: &[String], record: &Path) {
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
    let acknowledged = acknowledged.iter().map(|(voter, text, _)| (&ballots[*voter], text.as_str()));
    compare_with_log(&leaves, scene.running.sample.state.manifest(), acknowledged, served);
}

async fn scene(cluster: Cluster, directory: &Path, voters: usize) -> (Scene, Vec<EncryptedBallot>) {
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
    let ballots = (0..voters).map(|voter| running.sample.ballot(voter, &answers, &mut running.rng).unwrap()).collect();
    // The others hear of the election.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let acknowledged = Acknowledged::default();
    (Scene { cluster, url, folders, nodes, addresses, running, acknowledged }, ballots)
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
    let (mut scene, ballots) = scene(Cluster(folder), directory.path(), 4 * rounds * 1_000).await;
    let (ballots, stop) = (Arc::new(ballots), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> =
        scene.nodes.iter().flatten().map(|node| node.client().election(scene.running.board.id().clone())).collect();
    let collectors: Vec<_> =
        clients.into_iter().map(|board| tokio::spawn(collect(board, Arc::clone(&stop), SAMPLED))).collect();
    let casters = casters(&scene, &ballots, &stop);
    for fault in [Fault::Sequencer, Fault::Primary, Fault::Standby, Fault::Sleep] {
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
    compare(&scene, &ballots, &served, &record).await;
    println!("{} ballots, {} checkpoints served by {NODES} nodes", scene.count(), served.len());
}
