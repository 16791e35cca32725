//! `veritally-board`: the server, and what administrators do with it. This file parses arguments and prints; the work is
//! in the library.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use veritally_board::config::{Settings, culprit};
use veritally_board_api::manual::Manual;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

mod commands;

/// Bulletin board of verifiable elections.
#[derive(Parser)]
#[command(version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the board.
    Serve(Box<Serve>),
    /// Write an election's whole record as a folder of static files.
    Export(Export),
    /// Make an administrator's signing key.
    Keygen(Keygen),
    /// Make an election from a configuration and everybody's public files.
    Create(Create),
    /// Post files of entries, one entry a line, such as the registrar's roll. Run again to resume.
    Post(Post),
    /// Begin voting.
    Open(Signed),
    /// End voting.
    Close(Close),
    /// Let voting end later.
    Extend(Extend),
    /// Publish the counts that the trustees decrypted.
    Publish(Signed),
    /// Begin the trustees' key ceremony anew, without those who cheated or do not come.
    Restart(Restart),
    /// Give an election up.
    Abandon(Abandon),
    /// Show where an election stands.
    Status(Status),
    /// Copy the databases while the board serves.
    Backup(commands::keeping::Backup),
    /// Recompute trees, tallies and checkpoints from the entries, and name the first difference.
    Fsck(commands::keeping::Fsck),
    /// Move logs between SQLite and PostgreSQL, the same to the last byte.
    MoveStore(commands::keeping::MoveStore),
    /// Show, export or import the board's keys.
    LogKey(commands::keeping::LogKey),
    /// Accounts of the dashboard: give one back to who has lost password or second factor.
    Account(commands::account::Account),
    /// Write man pages and shell completions.
    #[command(hide = true)]
    Manual(Manual),
}

#[derive(Args)]
struct Serve {
    /// Settings in a file (TOML); flags and the environment come before it. Keys are the flags' names with `_` for `-`.
    #[arg(long, env = "VERITALLY_BOARD_CONFIG")]
    config: Option<PathBuf>,
    /// Print the settings that result, as a configuration file, and end.
    #[arg(long)]
    show_config: bool,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct Export {
    /// A board's folder on this machine.
    #[arg(long, conflicts_with = "link", requires = "election", required_unless_present = "link")]
    data: Option<PathBuf>,
    /// The election's link; or a board's address, with --election.
    #[arg(long, visible_alias = "url")]
    link: Option<String>,
    /// The election's id.
    #[arg(long)]
    election: Option<Id>,
    /// Folder to write.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct Keygen {
    /// File for the key; it must not exist.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct Create {
    /// The board's address.
    #[arg(long)]
    url: String,
    /// The board's operator.token.
    #[arg(long)]
    token_file: PathBuf,
    /// The election, TOML or JSON.
    #[arg(long)]
    config: PathBuf,
    /// A trustee's public file; once for each trustee, in order.
    #[arg(long = "trustee", required = true, num_args = 1..)]
    trustees: Vec<PathBuf>,
    /// The registrar's public file.
    #[arg(long)]
    registrar: PathBuf,
    /// The administrator's signing key (see keygen).
    #[arg(long)]
    admin_key: PathBuf,
    /// Where to write the manifest.
    #[arg(long, default_value = "manifest.json")]
    out: PathBuf,
    /// Where to write the link, besides printing it.
    #[arg(long)]
    link_out: Option<PathBuf>,
}

#[derive(Args)]
struct Target {
    /// The election's link (veritally://… or http(s)://HOST/e/ID); or a board's address, with --election.
    #[arg(long, visible_alias = "url")]
    link: String,
    /// The election's id, when --link is a board's address.
    #[arg(long)]
    election: Option<Id>,
    /// The fingerprint that the manifest must have, unless the link carries it.
    #[arg(long)]
    fingerprint: Option<Hash>,
}

#[derive(Args)]
struct Signed {
    #[command(flatten)]
    target: Target,
    /// The administrator's signing key.
    #[arg(long)]
    admin_key: PathBuf,
}

#[derive(Args)]
struct Post {
    #[command(flatten)]
    target: Target,
    /// Files of entries.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

#[derive(Args)]
struct Close {
    #[command(flatten)]
    signed: Signed,
    /// Close before the announced end of voting.
    #[arg(long)]
    early: bool,
}

#[derive(Args)]
struct Extend {
    #[command(flatten)]
    signed: Signed,
    /// The new end: 2027-05-08T20:00:00Z (UTC).
    #[arg(long)]
    until: String,
}

#[derive(Args)]
struct Restart {
    #[command(flatten)]
    signed: Signed,
    /// Number of a trustee that does not come, to be left out; may be repeated. Who was shown to cheat is left out
    /// without being named.
    #[arg(long, value_name = "N")]
    absent: Vec<u64>,
    /// Restart a ceremony that is complete, for example because a trustee lost its key file.
    #[arg(long)]
    discard_keys: bool,
}

#[derive(Args)]
struct Abandon {
    #[command(flatten)]
    signed: Signed,
    /// Why; published.
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
struct Status {
    #[command(flatten)]
    target: Target,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Reads the arguments; of a wrong value from the environment says so.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let arguments: Vec<_> = std::env::args().collect();
        if let Some(source) = culprit(&error, &Cli::command(), &arguments) {
            eprintln!("{source}:");
        }
        error.exit()
    })
}

fn main() -> Result<()> {
    // Core dumps would hold keys.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).context("switching core dumps off")?;
    let command = parse().command;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().context("starting the asynchronous runtime")?;
    runtime.block_on(commands::run(command))
}
