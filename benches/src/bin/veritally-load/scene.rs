//! A board, an open election on it, and its voters' ballots.

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

/// Long enough for any run.
const VOTING_MS: u64 = 24 * 3_600 * 1_000;

/// What is loaded.
pub(crate) struct Scene {
    pub election: SampleElection,
    pub address: String,
    pub id: Id,
    board: Child,
    pid: u32,
    _data: TempDir,
}

fn beside_us(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} is not there: build it with `cargo build --release`, or give --board", path.display());
    }
    Ok(path)
}

impl Scene {
    /// Starts a board and an election with so many voters, and opens it.
    pub(crate) async fn start(program: Option<&Path>, data: Option<&Path>, voters: usize) -> Result<Self> {
        let program = program.map_or_else(|| beside_us("veritally-board"), |path| Ok(path.to_owned()))?;
        let data = TempDir::with_prefix_in("veritally-load.", data.unwrap_or(Path::new(".")))?;
        let ready_file = data.path().join("ready.json");
        let mut command = Command::new(&program);
        command.arg("serve").arg("--data").arg(data.path()).arg("--ready-file").arg(&ready_file);
        command.args(["--name", "load.example", "--listen", "127.0.0.1:0"]);
        let mut board =
            command.stderr(Stdio::inherit()).env("RUST_LOG", "warn").kill_on_drop(true).spawn().context("the board")?;
        while !ready_file.exists() {
            if let Some(status) = board.try_wait()? {
                bail!("the board did not start: {status}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let ready = Ready::read(&ready_file)?;
        let token = std::fs::read_to_string(data.path().join("operator.token"))?;
        let client = Client::new(&ready.url)?;
        let election = open(&client, token.trim(), voters).await?;
        let id = election.state.manifest().election.clone();
        Ok(Self { election, address: ready.address, id, board, pid: ready.pid, _data: data })
    }

    /// The board's process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
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

    /// Records a profile of the board from now on.
    pub(crate) fn perf(&self, out: &Path) -> Result<Perf> {
        let mut command = Command::new("perf");
        command.args(["record", "-q", "-F", "499", "-g", "-p"]).arg(self.pid.to_string()).arg("-o").arg(out);
        Ok(Perf(command.spawn().context("perf (Debian's package linux-perf)")?))
    }

    /// Ends the board in an orderly way.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        Command::new("kill").arg(self.pid.to_string()).status().await?;
        let status = self.board.wait().await?;
        if status.success() { Ok(()) } else { bail!("the board ended with {status}") }
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
