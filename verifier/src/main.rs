//! `veritally-verifier`: checks an election's record and says what it found.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;
use veritally_board_api::Link;
use veritally_crypto::hash::Hash;
use veritally_verifier::{Options, Progress, Report, Source, progress, source, terminal, verify};

/// Checks everything that an election published: every ballot, the running tally, the trustees, the result.
///
/// Exit status: 0 no check failed, 1 a check failed, 2 the verification could not run.
#[derive(Debug, Parser)]
#[command(name = "veritally-verifier", version)]
struct Arguments {
    /// The record: a folder, a tar file, or an election's address (`veritally://HOST/ELECTION?fp=HEX`,
    /// `https://HOST/e/ELECTION`).
    record: String,
    /// The election's fingerprint, from a letter or an official notice.
    #[arg(long, value_name = "HEX", value_parser = parse_fingerprint)]
    fingerprint: Option<Hash>,
    /// Write the report as JSON to this file, or to standard output (`-`) in place of the table.
    #[arg(long, value_name = "PATH|-")]
    json: Option<PathBuf>,
    /// Threads; as many as there are cores, unless given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Keep what is downloaded in this folder; a later run goes on from there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Say nothing while working.
    #[arg(long)]
    quiet: bool,
}

fn parse_fingerprint(text: &str) -> Result<Hash, String> {
    Hash::from_hex(&text.trim().to_ascii_lowercase()).map_err(|e| e.to_string())
}

/// A record, and the folder that is deleted afterwards.
struct Opened {
    source: Box<dyn Source>,
    fingerprint: Option<Hash>,
    _temporary: Option<tempfile::TempDir>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) if report.passed() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("veritally-verifier: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let progress: Box<dyn Progress> =
        if arguments.quiet { Box::new(veritally_verifier::NoProgress) } else { progress::on_standard_error() };
    let opened = open(arguments, progress.as_ref())?;
    let options = Options { fingerprint: opened.fingerprint, jobs: arguments.jobs };
    let report = verify(opened.source.as_ref(), &options, progress.as_ref())?;
    let json = report.to_json()?;
    let shown = match arguments.json.as_deref() {
        Some(path) if path == Path::new("-") => json,
        Some(path) => {
            std::fs::write(path, json).with_context(|| format!("can't write {}", path.display()))?;
            terminal::render(&report, terminal::Style::of_standard_output())
        }
        None => terminal::render(&report, terminal::Style::of_standard_output()),
    };
    std::io::stdout().write_all(shown.as_bytes()).context("can't write to standard output")?;
    Ok(report)
}

fn open(arguments: &Arguments, progress: &dyn Progress) -> anyhow::Result<Opened> {
    if !arguments.record.contains("://") {
        if arguments.keep.is_some() {
            bail!("--keep is for addresses; {} is read where it lies", arguments.record);
        }
        let source = source::open(Path::new(&arguments.record))?;
        return Ok(Opened { source, fingerprint: arguments.fingerprint, _temporary: None });
    }
    let link = Link::parse(&arguments.record)?;
    let fingerprint = match (arguments.fingerprint, link.fingerprint) {
        (Some(given), Some(linked)) if given != linked => {
            bail!("--fingerprint {given} and the link's fingerprint {linked} differ: which election do you mean?")
        }
        (given, linked) => given.or(linked),
    };
    let temporary = match arguments.keep {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("can't make a temporary folder")?),
    };
    let kept = arguments.keep.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = kept.context("no folder to download to")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let downloaded = runtime.block_on(source::download(&link, folder, progress))?;
    Ok(Opened { source: Box::new(downloaded.folder), fingerprint, _temporary: temporary })
}
