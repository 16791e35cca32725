//! `veritally-voter`: a voter's session on the command line, and many ballots from a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use veritally_board_api::Link;
use veritally_board_api::manual::Manual;
use veritally_crypto::hash::Hash;
use veritally_session::{OpenRequest, StateDirectory};

mod answers;
mod check;
mod code;
mod compare;
mod describe;
mod many;
mod progress;
mod vote;

/// Casts, spoils and checks ballots.
///
/// The credential code is read from --code-file, --code-fd, the variable VERITALLY_CODE or the terminal, never from an
/// argument.
#[derive(Parser)]
#[command(name = "veritally-voter", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What all commands take.
#[derive(Args)]
struct Common {
    /// Where encrypted ballots, receipts and checkpoints are kept [default: the XDG data directory].
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Seconds for which a board that does not answer is asked again.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,
}

/// Which election.
#[derive(Args)]
struct Place {
    /// veritally://HOST/ELECTION?fp=HEX, as on the letter.
    #[arg(long)]
    link: Link,
    /// The election's fingerprint, if the link does not carry it.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<Hash>,
}

#[derive(Subcommand)]
enum Command {
    /// Encrypt a ballot, show its confirmation code, then cast or spoil it.
    Cast(vote::Cast),
    /// Encrypt a ballot, show its confirmation code, then open it, to test this device.
    Spoil(vote::Spoil),
    /// Recompute a spoiled ballot that another device made.
    CheckSpoiled(check::CheckSpoiled),
    /// Publish a spoiled ballot in the log, before the next ballot is cast.
    PublishSpoiled(vote::PublishSpoiled),
    /// Check all stored receipts against the boards' logs of today.
    Check(check::Check),
    /// Tell what a credential has cast.
    Status(vote::StatusOf),
    /// Cast many ballots from a file, one for each credential.
    CastMany(many::CastMany),
    /// Describe the election that a ballot file is from, for `veritally-board create`; or count its ballots.
    Describe(describe::Describe),
    /// Compare a verifier's report with the totals that `cast-many` wrote.
    Compare(compare::Compare),
    /// Write man pages and shell completions.
    #[command(hide = true)]
    Manual(Manual),
}

impl Common {
    fn state(&self) -> anyhow::Result<StateDirectory> {
        let given = self.state.as_ref().map(StateDirectory::new);
        given.or_else(StateDirectory::standard).context("no home directory: say where state is kept with --state")
    }

    fn request(&self, link: Link, fingerprint: Option<Hash>) -> anyhow::Result<OpenRequest> {
        let mut request = OpenRequest::new(link, self.state()?);
        request.fingerprint = fingerprint;
        request.patience = Duration::from_secs(self.patience);
        Ok(request)
    }

    fn place(&self, place: &Place) -> anyhow::Result<OpenRequest> {
        self.request(place.link.clone(), place.fingerprint)
    }
}

/// Exit status 0: done. 1: a check failed, or the board refused ballots of `cast-many`. 2: could not be done.
#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("veritally-voter: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Codes and seeds must not end up in a core dump.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).context("can't turn core dumps off")?;
    let common = &arguments.common;
    match arguments.command {
        Command::Cast(arguments) => vote::cast(common, arguments).await,
        Command::Spoil(arguments) => vote::spoil(common, arguments).await,
        Command::CheckSpoiled(arguments) => check::check_spoiled(common, arguments).await,
        Command::PublishSpoiled(arguments) => vote::publish_spoiled(common, arguments).await,
        Command::Check(arguments) => check::check(common, arguments).await,
        Command::Status(arguments) => vote::status(common, arguments).await,
        Command::CastMany(arguments) => many::cast_many(common, arguments).await,
        Command::Describe(arguments) => describe::describe(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Manual(manual) => {
            manual.write(Arguments::command())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
