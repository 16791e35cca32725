//! A board of one or several nodes, an open election on it, and its voters' ballots.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rand::rngs::StdRng;
use rand::{SeedableRng as _, rngs::SysRng};
use rayon::prelude::*;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use veritally_board_api::files::Ready;
use veritally_board_api::{Client, Submitted};
use veritally_crypto::ballot::EncryptedBallot;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::{LogIdentity, Manifest, Schedule};
use veritally_crypto::sample::{SampleElection, choose};

use crate::{Arguments, cpu};

/// Long enough for any run.
const VOTING_MS: u64 = 24 * 3_600 * 1_000;

/// What is loaded.
pub(crate) struct Scene {
    pub election: SampleElection,
    /// Of the nodes.
    pub addresses: Vec<String>,
    pub id: Id,
    nodes: Vec<Node>,
    _data: TempDir,
}

/// A node's process.
struct Node {
    board: Child,
    ready: Ready,
}

impl Node {
    async fn start(program: &Path, data: &Path, store: Option<&str>) -> Result<Self> {
        let ready_file = data.join("ready.json");
        let mut command = Command::new(program);
        command.arg("serve").arg("--data").arg(data).arg("--ready-file").arg(&ready_file);
        command.args(["--name", "load.example", "--listen", "127.0.0.1:0"]);
        if let Some(store) = store {
            command.args(["--store", store]);
        }
        let mut board =
            command.stderr(Stdio::inherit()).env("RUST_LOG", "warn").kill_on_drop(true).spawn().context("the board")?;
        while !ready_file.exists() {
            if let Some(status) = board.try_wait()? {
                bail!("the board did not start: {status}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { board, ready: Ready::read(&ready_file)? })
    }
}

/// What the nodes of one board share, and each has in its folder.
const SHARED_FILES: [&str; 4] = ["name", "log.key", "administrator.key", "operator.token"];

fn beside_us(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} is not there: build it with `cargo build --release`, or give --board", path.display());
    }
    Ok(path)
}

impl Scene {
    /// Starts a board's nodes and an election with so many voters, and opens it.
    pub(crate) async fn start(arguments: &Arguments, voters: usize) -> Result<Self> {
        let program =
            arguments.board.as_deref().map_or_else(|| beside_us("veritally-board"), |path| Ok(path.to_owned()))?;
        let data = TempDir::with_prefix_in("veritally-load.", arguments.data.as_deref().unwrap_or(Path::new(".")))?;
        let folder = |node: usize| data.path().join(format!("node-{node}"));
        std::fs::create_dir(folder(0))?;
        let mut nodes = vec![Node::start(&program, &folder(0), arguments.store.as_deref()).await?];
        for node in 1..arguments.nodes {
            std::fs::create_dir(folder(node))?;
            for file in SHARED_FILES {
                std::fs::copy(folder(0).join(file), folder(node).join(file)).with_context(|| file)?;
            }
            nodes.push(Node::start(&program, &folder(node), arguments.store.as_deref()).await?);
        }
        let token = std::fs::read_to_string(folder(0).join("operator.token"))?;
        let urls: Vec<_> = nodes.iter().map(|node| node.ready.url.clone()).collect();
        let election = open(&Client::new(urls.first().context("no node")?)?, token.trim(), voters).await?;
        for url in urls {
            while Client::new(&url)?.elections().await?.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        let id = election.state.manifest().election.clone();
        let addresses = nodes.iter().map(|node| node.ready.address.clone()).collect();
        Ok(Self { election, addresses, id, nodes, _data: data })
    }

    /// Seconds of CPU time that each node took so far.
    pub(crate) fn cpu(&self) -> Result<Vec<f64>> {
        self.nodes.iter().map(|node| cpu::seconds_of(node.ready.pid)).collect()
    }

    /// One ballot for each voter.
    pub(crate) fn ballots(&self) -> Result<Vec<EncryptedBallot>> {
        let one = |voter: usize| {
            let selection = ["a", "b", "c", "d", "e"].get(voter % 5).copied().unwrap_or("a");
            let mut rng = StdRng::try_from_rng(&mut SysRng)?;
            let answers = choose("chair", &[selection], false)?;
            self.election.ballot(voter, &answers, &mut rng).map_err(|e| anyhow::anyhow!("{e}"))
        };
        self.election.state.ballot_context().context("the election is open")?.expect_many();
        (0..self.election.voters.len()).into_par_iter().map(one).collect()
    }

    /// Records a profile of the first node from now on.
    pub(crate) fn perf(&self, out: &Path) -> Result<Perf> {
        let mut command = Command::new("perf");
        command
            .args(["record", "-q", "-F", "499", "-g", "-p"])
            .arg(self.nodes.first().context("no node")?.ready.pid.to_string())
            .arg("-o")
            .arg(out);
        Ok(Perf(command.spawn().context("perf (Debian's package linux-perf)")?))
    }

    /// Ends the nodes in an orderly way.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        for node in &mut self.nodes {
            Command::new("kill").arg(node.ready.pid.to_string()).status().await?;
            let status = node.board.wait().await?;
            if !status.success() {
                bail!("the board ended with {status}");
            }
        }
        Ok(())
    }
}

/// A running `perf record`.
pub(crate) struct Perf(Child);

impl Perf {
    /// Lets it write its file.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if let Some(pid) = self.0.id() {
            Command::new("kill").args(["-INT", &pid.to_string()]).status().await?;
        }
        self.0.wait().await?;
        Ok(())
    }
}

async fn open(client: &Client, token: &str, voters: usize) -> Result<SampleElection> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let info = client.board_info().await?;
    let edit = |manifest: &mut Manifest| {
        manifest.log = LogIdentity { key: info.log_key, origin: info.origin(&manifest.election) };
        manifest.schedule = Schedule { opens_at_ms: info.time_ms, closes_at_ms: info.time_ms + VOTING_MS };
    };
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| anyhow::anyhow!("{e}");
    let mut election = SampleElection::start((2, 3), edit, &mut rng).map_err(failed)?;
    election.time_ms = info.time_ms;
    election.ceremony(&mut rng).map_err(failed)?;
    election.roll(&vec![("all", "all", 1); voters], &mut rng).map_err(failed)?;
    election.open().map_err(failed)?;
    let mut entries = election.entries.iter().cloned();
    client.create_election(entries.next().unwrap_or_default(), token).await?;
    let board = client.election(election.state.manifest().election.clone());
    for entry in entries {
        match board.submit_entry(entry).await? {
            Submitted::Receipt { .. } => {}
            Submitted::Pending { .. } => bail!("the board is too slow for the entries of the officials"),
        }
    }
    Ok(election)
}
