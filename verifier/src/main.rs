//! `veritally-verifier`: checks an election's record and says what it found; follows, witnesses, checks receipts.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use veritally_board_api::manual::Manual;

mod commands;

use commands::{evidence, verify, voter, witness};

/// Checks everything that an election published: every ballot, the running tally, the trustees, the result.
///
/// Exit status: 0 no check failed, 1 a check failed, 2 the verification could not run.
#[derive(Parser)]
#[command(name = "veritally-verifier", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    verify: verify::Verify,
}

#[derive(Subcommand)]
enum Command {
    /// Show a folder of evidence, and check its signatures and proofs again.
    Evidence(evidence::Show),
    /// Check on any device that a ballot with this receipt is in the log today.
    Receipt(voter::ReceiptOf),
    /// Recompute a ballot that was opened to test a device, and compare all 256 bits of its code.
    Spoiled(voter::Spoiled),
    /// Cosign boards' checkpoints (C2SP tlog-witness), so that nobody can be shown another log.
    Witness(witness::Run),
    /// Write man pages and shell completions.
    #[command(hide = true)]
    Manual(Manual),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => verify::run(&arguments.verify),
        Some(Command::Evidence(show)) => evidence::run(&show),
        Some(Command::Receipt(receipt)) => voter::receipt(&receipt),
        Some(Command::Spoiled(spoiled)) => voter::spoiled(&spoiled),
        Some(Command::Witness(run)) => witness::run(&run),
        Some(Command::Manual(manual)) => match manual.write(Arguments::command()) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(error.into()),
        },
    };
    done.unwrap_or_else(|error| {
        eprintln!("veritally-verifier: {error:#}");
        ExitCode::from(2)
    })
}
