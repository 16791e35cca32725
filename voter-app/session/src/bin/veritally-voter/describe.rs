//! `describe`: the election that a ballot file is from.

use std::path::PathBuf;
use std::process::ExitCode;

use veritally_board_api::files;
use veritally_session::ballot_files::{self, ContestType, Quorums};

/// `describe`.
#[derive(clap::Args)]
pub(crate) struct Describe {
    /// Ballots: .soi, .soc, .toi, .toc, .cat (PrefLib) or .blt; for --count also .csv.
    #[arg(long, value_name = "FILE")]
    ballots: PathBuf,
    /// Where the description goes (TOML).
    #[arg(long, value_name = "FILE", required_unless_present = "count")]
    out: Option<PathBuf>,
    /// Print the number of ballots, nothing else.
    #[arg(long, conflicts_with = "out")]
    count: bool,
    /// What the ballots are cast in [default: choice; approval for .cat].
    #[arg(long = "type", value_name = "TYPE", value_enum, conflicts_with = "count")]
    kind: Option<ContestType>,
    /// Trustees needed to decrypt.
    #[arg(long, value_name = "K", default_value_t = 2)]
    quorum: u64,
    /// Trustees needed to agree on what is decrypted.
    #[arg(long, value_name = "Q", default_value_t = 2)]
    agreement_quorum: u64,
}

pub(crate) fn describe(arguments: &Describe) -> anyhow::Result<ExitCode> {
    let file = ballot_files::read(&arguments.ballots)?;
    match &arguments.out {
        Some(out) => {
            let quorums = Quorums { quorum: arguments.quorum, agreement_quorum: arguments.agreement_quorum };
            let description = ballot_files::describe(&arguments.ballots, &file, arguments.kind, quorums)?;
            files::write_atomic(out, description.as_bytes())?;
            println!("{} ballots, {} alternatives: {}", file.count(), file.alternatives.len(), out.display());
        }
        None => println!("{}", file.count()),
    }
    Ok(ExitCode::SUCCESS)
}
