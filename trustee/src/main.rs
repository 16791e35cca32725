//! `veritally-trustee`: a trustee's program. This file parses arguments; [`commands`] does and prints.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::signal::unix::{SignalKind, signal};
use veritally_board_api::Link;
use veritally_board_api::manual::Manual;
use veritally_crypto::hash::Hash;
use veritally_trustee::passphrase;
use veritally_verifier::terminal::printable;

mod commands;

/// Exit status after Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;

/// A trustee's program: makes the election's keys together with the other trustees, and decrypts its result with them.
///
/// The key file is encrypted with a passphrase, asked for at the terminal, or taken from --passphrase-fd or the
/// environment variable VERITALLY_PASSPHRASE. `veritally-trustee files` says which file to keep, when.
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
    /// scrypt's work factor (base-two logarithm) instead of about a second's worth on this machine; for tests
    #[arg(long, hide = true)]
    work_factor: Option<u8>,
}

#[derive(clap::Args)]
struct Election {
    /// The election's link: veritally://HOST/ELECTION?fp=HEX
    #[arg(long)]
    link: Link,
    /// Wait at most so many seconds for the others
    #[arg(long, value_name = "SECONDS", default_value_t = 7 * 24 * 3600)]
    wait: u64,
}

/// A record from a board, or exported.
#[derive(clap::Args)]
struct Record {
    /// The election's link
    #[arg(long, required_unless_present = "record")]
    link: Option<Link>,
    /// A folder with the exported record instead
    #[arg(long, conflicts_with = "link")]
    record: Option<PathBuf>,
    /// The election's fingerprint, with --record
    #[arg(long, value_name = "HEX", requires = "record")]
    fingerprint: Option<Hash>,
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
    },
    /// Write the public file once more, from the key file: the same keys, the same fingerprint
    Public {
        #[command(flatten)]
        key: Key,
        /// The file to write
        #[arg(long)]
        out: PathBuf,
    },
    /// Show a public file's enrolment fingerprint, to read aloud and as a QR code
    Fingerprint {
        /// Public files
        #[arg(required = true)]
        public: Vec<PathBuf>,
    },
    /// Take part in the key ceremony: does what is next, waits, resumes; complains when it was dealt a wrong share
    Ceremony {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        election: Election,
    },
    /// Try whether this machine's key file still works for an election: any time after the shares were dealt
    Rehearse {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        record: Record,
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
        /// Agree without being asked (you are asked all the same when the journal was restored from a backup, or the link has
        /// no fingerprint)
        #[arg(long)]
        yes: bool,
    },
    /// Show what has been done, what is awaited from whom, and what can go on without them
    Status {
        #[command(flatten)]
        record: Record,
    },
    /// Write key file and journal to one encrypted file, and check that it works; or check an earlier one
    Backup {
        #[command(flatten)]
        key: Key,
        /// The file to write; it must not exist
        #[arg(long, required_unless_present = "check")]
        out: Option<PathBuf>,
        /// Check that this backup works and is as new as the key file
        #[arg(long, conflicts_with = "out", value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Make key file and journal from a backup
    Restore {
        #[command(flatten)]
        key: Key,
        /// The backup
        #[arg(long)]
        backup: PathBuf,
    },
    /// Say which file to keep, when
    Files,
    /// Download an election's record to a folder, for a machine without a network
    Export {
        /// The election's link
        #[arg(long)]
        link: Link,
        /// Where to
        #[arg(long)]
        out: PathBuf,
    },
    /// On a machine without a network: verify a folder, and write what this trustee has to say next to a file
    Offline {
        #[command(flatten)]
        key: Key,
        /// The folder
        #[arg(long)]
        record: PathBuf,
        /// The election's fingerprint, as the invitation says
        #[arg(long, value_name = "HEX")]
        fingerprint: Hash,
        /// The file to write, for `post`
        #[arg(long)]
        out: PathBuf,
        /// Accept that voting was closed before its announced end
        #[arg(long)]
        accept_early_closing: bool,
        /// Agree without being asked (you are asked all the same when the journal was restored from a backup)
        #[arg(long)]
        yes: bool,
    },
    /// Post what `offline` wrote
    Post {
        /// The election's link
        #[arg(long)]
        link: Link,
        /// The file
        file: PathBuf,
    },
    /// Write the ceremony as one page to print and sign
    Page {
        #[command(flatten)]
        record: Record,
        /// The HTML file to write
        #[arg(long)]
        out: PathBuf,
    },
    /// Cosign a board's checkpoints, as a witness whose key the manifest names (see `veritally-verifier witness`)
    Witness {
        /// The witness's key file: not a trustee's
        #[arg(long, value_name = "FILE")]
        witness_key: PathBuf,
        /// The witness's name, as in the manifest
        #[arg(long)]
        name: String,
        /// Where it remembers what it cosigned. Never restore an old copy
        #[arg(long, value_name = "DIR")]
        state: PathBuf,
        /// The election's link
        #[arg(long)]
        link: Link,
        /// Pause between two questions
        #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
        /// Ask once, and stop
        #[arg(long)]
        once: bool,
    },
    /// Write man pages and shell completions.
    #[command(hide = true)]
    Manual(Manual),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse().command;
    let done = match prepare() {
        Ok(()) => commands::run(command).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A board's own words may be in it.
            eprintln!("veritally-trustee: {}", printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// ⚠ The limit alone does not keep a core from a handler that the kernel pipes it to: a process that is not dumpable does.
fn no_core_dumps() -> anyhow::Result<()> {
    let refused = "core dumps can't be switched off";
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).context(refused)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context(refused)
}

/// What holds for every command: no secrets in core files, and Ctrl-C leaves no terminal without echo.
fn prepare() -> anyhow::Result<()> {
    no_core_dumps()?;
    let mut interrupts = signal(SignalKind::interrupt()).context("Ctrl-C can't be waited for")?;
    // A task of its own: the command may be busy with a verification.
    tokio::spawn(async move {
        interrupts.recv().await;
        // And a thread that nobody waits for: at an interrupted prompt the program ends by itself.
        std::thread::spawn(|| {
            passphrase::wait_for_prompt();
            eprintln!("veritally-trustee: interrupted; nothing is lost, run the same command again");
            std::process::exit(INTERRUPTED);
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn neither_a_file_nor_a_handler_gets_a_core() {
        no_core_dumps().unwrap();
        assert_eq!(rlimit::getrlimit(rlimit::Resource::CORE).unwrap(), (0, 0));
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
