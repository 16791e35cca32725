//! Loads a real board with ballots made beforehand, and measures what it costs:
//!
//! 1. the server's CPU time for each durably accepted ballot, beside that of batch-verifying the same ballots in the
//!    same run on one thread: the floor;
//! 2. accepted ballots a second at saturation;
//! 3. latencies at half that load, alone and with subscribers to the events.
//!
//! `cargo build --release && cargo run --release -p veritally-benches --bin veritally-load`. The board is a process of
//! its own, on loopback, with its database on the disk; generator and board share the machine's cores. With `--store` and
//! `--nodes` it is several processes on one PostgreSQL; `benches/nodes` compares one with two.

mod cpu;
mod drive;
mod scene;
mod subscribers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use rand::rngs::StdRng;
use rand::{SeedableRng as _, rngs::SysRng};
use veritally_crypto::ballot::EncryptedBallot;

use drive::{Drive, Outcome};
use scene::Scene;

/// Ballots verified at once for the floor: more gain nothing.
const FLOOR_BATCH: usize = 1_000;

/// Load generator for a bulletin board.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The board's program; beside this one.
    #[arg(long)]
    board: Option<PathBuf>,
    /// Folder for the board's data; a temporary one in the current folder. Not a RAM disk, or durability costs nothing.
    #[arg(long)]
    data: Option<PathBuf>,
    /// A PostgreSQL database in place of SQLite.
    #[arg(long)]
    store: Option<String>,
    /// Nodes of the board; several share a `--store`.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// The database server's first process, to measure what the database takes.
    #[arg(long)]
    database_pid: Option<u32>,
    /// Ballots cast as fast as the board takes them.
    #[arg(long, default_value_t = 20_000)]
    ballots: usize,
    /// Connections that cast at the same time.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Length of each phase at half load, in seconds; 0 leaves them out.
    #[arg(long, default_value_t = 10)]
    half_load_s: u64,
    /// Readers of the events in the last phase.
    #[arg(long, default_value_t = 1_000)]
    subscribers: usize,
    /// Exit with 1 when the server takes more than this multiple of the floor.
    #[arg(long)]
    require_ratio: Option<f64>,
    /// Write a profile of the saturated board with `perf record`.
    #[arg(long)]
    perf: Option<PathBuf>,
    /// Write the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    rlimit::increase_nofile_limit(16_384).context("raising the limit of open files")?;
    // Room for two phases at half load; what isn't used is not cast.
    let voters = arguments.ballots * if arguments.half_load_s > 0 { 3 } else { 1 };
    ensure!(arguments.nodes == 1 || arguments.store.is_some(), "several nodes need a --store that they share");
    let mut scene = Scene::start(&arguments, voters).await?;
    println!("making {voters} ballots");
    let ballots = scene.ballots()?;

    let (saturating, later) = ballots.split_at(arguments.ballots);
    let floor_us = floor_us(&scene, saturating)?;
    let drive = Drive::new(&scene, arguments.connections).await?;
    // Connections, caches and code are warm afterwards; these ballots are not measured.
    let (warming, measured) = saturating.split_at(arguments.ballots / 10);
    drive.saturate(warming).await?;
    let perf = arguments.perf.as_deref().map(|path| scene.perf(path)).transpose()?;
    let database = || arguments.database_pid.map_or(Ok(0.0), cpu::seconds_of_family);
    let (before, database_before) = (scene.cpu()?, database()?);
    let saturated = drive.saturate(measured).await?;
    let us = |seconds: f64| seconds * 1e6 / measured.len() as f64;
    let database_us = us(database()? - database_before);
    let nodes_us: Vec<f64> = scene.cpu()?.iter().zip(&before).map(|(after, before)| us(after - before)).collect();
    let server_us: f64 = nodes_us.iter().sum();
    if let Some(mut perf) = perf {
        perf.stop().await?;
    }
    let ratio = server_us / floor_us;
    println!("floor: batch verification on one thread    {floor_us:>7.0} µs of CPU time a ballot");
    println!(
        "server, durably accepted                   {server_us:>7.0} µs of CPU time a ballot, {ratio:.2} times the floor"
    );
    if arguments.store.is_some() {
        println!("  by node: {nodes_us:.0?} µs; the database {database_us:.0} µs");
    }
    println!(
        "saturated, {} connections                 {:>7.0} ballots a second, {}",
        arguments.connections,
        saturated.rate(),
        saturated.latencies()
    );
    let mut figures = serde_json::json!({
        "floor_us": floor_us, "server_us": server_us, "ratio": ratio, "ballots": measured.len(),
        "connections": arguments.connections, "saturated": saturated.json(), "nodes_us": nodes_us,
        "database_us": database_us,
    });
    if arguments.half_load_s > 0 {
        half_load(&arguments, &scene, &drive, later, saturated.rate() / 2.0, &mut figures).await?;
    }
    scene.stop().await?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)?;
    }
    if let Some(most) = arguments.require_ratio {
        ensure!(
            ratio <= most,
            "the server takes {ratio:.2} times the CPU time of batch verification, more than {most}"
        );
    }
    Ok(())
}

/// Seconds of CPU time of all nodes.
fn all(scene: &Scene) -> Result<f64> {
    Ok(scene.cpu()?.iter().sum())
}

async fn half_load(
    arguments: &Arguments,
    scene: &Scene,
    drive: &Drive,
    ballots: &[EncryptedBallot],
    rate: f64,
    figures: &mut serde_json::Value,
) -> Result<()> {
    let many = ((rate * arguments.half_load_s as f64) as usize).min(ballots.len() / 2);
    let (alone, with_readers) = ballots.split_at(ballots.len() / 2);
    let (alone, with_readers) = (alone.get(..many).unwrap_or(alone), with_readers.get(..many).unwrap_or(with_readers));
    let report = |name: &str, before: f64, outcome: &Outcome| -> Result<f64> {
        let server_us = (all(scene)? - before) * 1e6 / many as f64;
        println!(
            "{name:<42} {:>7.0} ballots a second, {}; server {server_us:.0} µs a ballot",
            outcome.rate(),
            outcome.latencies()
        );
        Ok(server_us)
    };
    let before = all(scene)?;
    let outcome = drive.paced(alone, rate).await?;
    let server_us = report("half load", before, &outcome)?;
    figures["half_load"] = serde_json::json!({ "server_us": server_us, "outcome": outcome.json() });
    let readers = subscribers::Subscribers::start(scene, arguments.subscribers).await?;
    // The first events of all readers come at once; that is not what is measured here.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, told) = (all(scene)?, readers.events());
    let outcome = drive.paced(with_readers, rate).await?;
    let name = format!("half load, {} subscribers", arguments.subscribers);
    let server_us = report(&name, before, &outcome)?;
    let told = (readers.events() - told) as f64 / outcome.seconds() / arguments.subscribers.max(1) as f64;
    println!("  events a second for each subscriber: {told:.2}; subscribers dropped: {}", readers.dropped());
    figures["half_load_with_subscribers"] = serde_json::json!({
        "server_us": server_us, "subscribers": arguments.subscribers, "events_per_second_each": told,
        "outcome": outcome.json(),
    });
    Ok(())
}

/// CPU time of parsing and batch-verifying these ballots on one thread, in microseconds a ballot.
fn floor_us(scene: &Scene, ballots: &[EncryptedBallot]) -> Result<f64> {
    let context = scene.election.state.ballot_context().context("the election is open")?;
    let bytes: Vec<_> = ballots.iter().map(|ballot| ballot.bytes().to_vec()).collect();
    let mut rng = StdRng::try_from_rng(&mut SysRng).context("the operating system's randomness")?;
    let before = cpu::seconds_of(std::process::id())?;
    for batch in bytes.chunks(FLOOR_BATCH) {
        let parsed = batch.iter().map(|bytes| EncryptedBallot::parse(bytes)).collect::<Result<Vec<_>, _>>()?;
        ensure!(context.verify_batch(parsed, &mut rng).iter().all(Result::is_ok), "a ballot of ours does not verify");
    }
    Ok((cpu::seconds_of(std::process::id())? - before) * 1e6 / ballots.len() as f64)
}
