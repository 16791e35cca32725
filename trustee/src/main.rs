//! `veritally-trustee`: a trustee's program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use veritally_board_api::files::write_atomic;
use veritally_board_api::{Client, Link};
use veritally_crypto::canonical;
use veritally_trustee::duty::{Duty, Question};
use veritally_trustee::journal::Journal;
use veritally_trustee::key_store::KeyStore;
use veritally_trustee::replica::Replica;
use veritally_trustee::{ceremony, passphrase};
use veritally_verifier::progress;

/// A trustee's program: makes the election's keys together with the other trustees, and decrypts its result with them.
///
/// The key file is encrypted with a passphrase, asked for at the terminal, or taken from --passphrase-fd or the
/// environment variable VERITALLY_PASSPHRASE.
#[derive(Parser)]
#[command(name = "veritally-trustee", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Key {
    /// The key file; its journal lies beside it (KEY.journal). Keep both.
    #[arg(long)]
    key: PathBuf,
    /// Read the passphrase's line from this file descriptor
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
}

#[derive(clap::Args)]
struct Election {
    /// The election's link: veritally://HOST/ELECTION?fp=HEX
    #[arg(long)]
    link: String,
    /// Wait at most so many seconds for the others
    #[arg(long, value_name = "SECONDS", default_value_t = 7 * 24 * 3600)]
    wait: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key file, and the public file for the administrator
    Init {
        #[command(flatten)]
        key: Key,
        /// Your name as it will stand in the manifest
        #[arg(long)]
        name: String,
        /// Where to write the public file
        #[arg(long)]
        public: PathBuf,
        /// scrypt's work factor (base-two logarithm) instead of about a second's worth on this machine; for tests
        #[arg(long, hide = true)]
        work_factor: Option<u8>,
    },
    /// Take part in the key ceremony: does what is next, waits, resumes
    Ceremony {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        election: Election,
        #[arg(long, hide = true)]
        work_factor: Option<u8>,
    },
    /// After closing: verify everything, agree to the log's head, decrypt
    Decrypt {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        election: Election,
        /// Where to keep your own copy of the record; beside the key file by default
        #[arg(long)]
        record: Option<PathBuf>,
        /// Accept that voting was closed before its announced end
        #[arg(long)]
        accept_early_closing: bool,
        /// Agree without being asked
        #[arg(long)]
        yes: bool,
    },
    /// Show what has been done and what is awaited
    Status {
        /// The election's link
        #[arg(long)]
        link: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // Secrets stay out of core files.
    let no_cores = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    match no_cores.context("core dumps can't be switched off").and(run(Cli::parse()).await) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("veritally-trustee: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    println!("{line}");
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Init { key, name, public, work_factor } => {
            let passphrase = passphrase::read(key.passphrase_fd, true)?;
            let rng = &mut rand::rng();
            let store = KeyStore::create(&key.key, &name, passphrase, work_factor, rng)?;
            write_atomic(&public, &canonical::to_bytes(&store.public_keys(rng))?)?;
            println!("{} holds your secrets: keep a copy and the passphrase, apart from each other", key.key.display());
            println!("{} is for the administrator; your identity key is", public.display());
            println!("  {}", store.identity().verification_key());
            Ok(())
        }
        Command::Ceremony { key, election, work_factor } => {
            let link = Link::parse(&election.link)?;
            let (mut store, mut journal) = open(&key)?;
            store.set_work_factor(work_factor);
            let mut replica = Replica::connect(&link).await?;
            let patience = Duration::from_secs(election.wait);
            let rng = &mut rng();
            ceremony::run(&mut replica, &mut store, &mut journal, patience, rng, &say).await?;
            Ok(())
        }
        Command::Decrypt { key, election, record, accept_early_closing, yes } => {
            let link = Link::parse(&election.link)?;
            let (mut store, mut journal) = open(&key)?;
            let folder = record.unwrap_or_else(|| key.key.with_extension(format!("{}.record", link.election)));
            let ask = move |question: &Question<'_>| confirm(question, yes);
            let patience = Duration::from_secs(election.wait);
            let duty = Duty { link: &link, folder: &folder, accept_early_closing, patience, ask: &ask, say: &say };
            let progress = progress::on_standard_error();
            duty.run(&mut store, &mut journal, progress.as_ref(), &mut rng()).await?;
            Ok(())
        }
        Command::Status { link } => status(&Link::parse(&link)?).await,
    }
}

fn open(key: &Key) -> anyhow::Result<(KeyStore, Journal)> {
    let store = KeyStore::open(&key.key, passphrase::read(key.passphrase_fd, false)?)?;
    let journal = Journal::open(&key.key)?;
    Ok((store, journal))
}

/// The thread's generator can't be sent between threads; one seeded by the operating system can.
fn rng() -> rand::rngs::StdRng {
    use rand::SeedableRng as _;
    rand::rngs::StdRng::from_rng(&mut rand::rng())
}

fn confirm(question: &Question<'_>, yes: bool) -> bool {
    let report = question.report;
    println!("You are about to agree to this, once and for ever:");
    println!("  fingerprint  {}", report.fingerprint);
    println!("  log          {} entries, root {}", question.head.tree_size, question.head.root);
    println!("  ballots      {} cast, {} counted", report.ballots_cast, report.ballots_counted);
    println!("  verified     all checks pass on this machine's own copy");
    if yes {
        return true;
    }
    println!("Type \"agree\" to agree and to release your decryption shares once enough trustees have:");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok() && line.trim() == "agree"
}

async fn status(link: &Link) -> anyhow::Result<()> {
    let status = Client::for_link(link)?.status().await?;
    println!("election   {} ({})", status.election, status.phase);
    println!("ballots    {} cast, {} counted", status.counts.ballots_cast, status.counts.ballots_counted);
    if status.phase == veritally_crypto::record::Phase::Setup {
        let mut replica = Replica::connect(link).await?;
        replica.update().await?;
        let missing: Vec<_> = replica.ceremony().missing().iter().map(ToString::to_string).collect();
        println!("ceremony   {}", replica.ceremony().phase());
        println!("awaited    {}", if missing.is_empty() { "nobody".into() } else { missing.join(", ") });
    }
    Ok(())
}
