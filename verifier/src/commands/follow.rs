//! `--follow`: the verification of a live election.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use veritally_board_api::Link;
use veritally_verifier::follow::{FollowOptions, Notice, follow};
use veritally_verifier::{NoProgress, Options, terminal};

use super::verify::{Verify, fingerprint, write_reports};
use super::{FAILED, block_on, status};

pub(crate) fn run(arguments: &Verify, record: &str) -> anyhow::Result<ExitCode> {
    let link = Link::parse(record).context("--follow takes an election's address")?;
    let fingerprint = fingerprint(&link, arguments.fingerprint)?;
    let temporary = match arguments.keep {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("can't make a temporary folder")?),
    };
    let folder = arguments.keep.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let options = FollowOptions {
        folder: folder.context("no folder to download to")?.to_owned(),
        evidence: evidence_folder(arguments),
        every: Duration::from_secs(arguments.every),
        stall_after: Duration::from_secs(arguments.stall_after),
        stop_after: arguments.stop_after.map(Duration::from_secs),
        verify: Options { fingerprint, jobs: arguments.jobs },
    };
    let quiet = arguments.quiet;
    let followed = block_on(async { Ok(follow(&link, &options, &|notice| tell(&notice, quiet), &NoProgress).await?) })?;
    if std::io::stderr().is_terminal() && !quiet {
        eprintln!();
    }
    let Some(verified) = followed.verified else {
        println!("Nothing could be verified.");
        return Ok(ExitCode::from(if followed.warnings > 0 { FAILED } else { 2 }));
    };
    write_reports(arguments, &verified.report)?;
    if followed.warnings > 0 {
        let style = terminal::Style::of_standard_output();
        println!("{}", style.warning(&format!("⚠ {} warnings while following; see above.", followed.warnings)));
    }
    Ok(status(verified.report.passed() && followed.warnings == 0))
}

/// Beside what is kept, or in the present folder: evidence must outlive the program.
fn evidence_folder(arguments: &Verify) -> PathBuf {
    let beside =
        |keep: &Path| keep.with_file_name(format!("{}-evidence", keep.file_name().unwrap_or_default().display()));
    let given = arguments.evidence.clone();
    given.or(arguments.keep.as_deref().map(beside)).unwrap_or_else(|| PathBuf::from("veritally-evidence"))
}

fn tell(notice: &Notice, quiet: bool) {
    match notice {
        Notice::Progress { verified, claimed, entries, phase } if !quiet => {
            let of = claimed.map_or(String::new(), |claimed| format!(" of {claimed}"));
            let line = format!("{verified}{of} ballots verified, {entries} entries; the election is {phase}");
            // One line that is written over on a terminal, a line each time elsewhere.
            match std::io::stderr().is_terminal() {
                true => eprint!("\r\u{1b}[K{line}"),
                false => eprintln!("{line}"),
            }
        }
        Notice::Warning { text, evidence } => {
            let kept = evidence.as_ref().map_or(String::new(), |path| format!(" Evidence: {}", path.display()));
            println!("\n⚠ WARNING: {}{kept}", terminal::printable(text));
        }
        Notice::GoesOn if !quiet => eprintln!("\nThe board goes on."),
        _ => {}
    }
    let _ = std::io::stdout().flush();
}
