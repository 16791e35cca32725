//! The verification of a whole record: the command without a name.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use clap::Args;
use veritally_board_api::Link;
use veritally_crypto::hash::Hash;
use veritally_verifier::{NoProgress, Options, Progress, Report, Source, html, progress, source, terminal};

use super::{block_on, parse_fingerprint, status};

/// What to verify, and what to do with the report.
#[derive(Args)]
pub(crate) struct Verify {
    /// The record: a folder, a tar file, or an election's address (`veritally://HOST/ELECTION?fp=HEX`,
    /// `https://HOST/e/ELECTION`).
    #[arg(required = true)]
    pub(super) record: Option<String>,
    /// The election's fingerprint, from a letter or an official notice.
    #[arg(long, value_name = "HEX", value_parser = parse_fingerprint)]
    pub(super) fingerprint: Option<Hash>,
    /// Write the report as JSON to this file, or to standard output (`-`) in place of the table.
    #[arg(long, value_name = "PATH|-")]
    json: Option<PathBuf>,
    /// Write the report as one page to this file: with charts, and printable as the result's certificate.
    #[arg(long, value_name = "PATH")]
    html: Option<PathBuf>,
    /// Threads; as many as there are cores, unless given.
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Keep what is downloaded in this folder; a later run goes on from there.
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    /// Say nothing while working.
    #[arg(long)]
    pub(super) quiet: bool,
    /// Keep verifying a live election until its result is published, and warn at once when the board contradicts itself.
    #[arg(long)]
    follow: bool,
    /// While following: pause between two questions to the board.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "follow")]
    pub(super) every: u64,
    /// While following: a board that does not go on for so long although it should has stalled.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "follow")]
    pub(super) stall_after: u64,
    /// While following: stop after so long.
    #[arg(long, value_name = "SECONDS", requires = "follow")]
    pub(super) stop_after: Option<u64>,
    /// While following: where evidence against the board is kept [default: beside --keep, or veritally-evidence].
    #[arg(long, value_name = "DIR", requires = "follow")]
    pub(super) evidence: Option<PathBuf>,
}

/// A record, and the folder that is deleted afterwards.
struct Opened {
    source: Box<dyn Source>,
    fingerprint: Option<Hash>,
    _temporary: Option<tempfile::TempDir>,
}

pub(crate) fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let record = arguments.record.as_deref().context("which record?")?;
    if arguments.follow {
        return super::follow::run(arguments, record);
    }
    let progress: Box<dyn Progress> =
        if arguments.quiet { Box::new(NoProgress) } else { progress::on_standard_error() };
    let opened = open(arguments, record, progress.as_ref())?;
    let options = Options { fingerprint: opened.fingerprint, jobs: arguments.jobs };
    let report = veritally_verifier::verify(opened.source.as_ref(), &options, progress.as_ref())?;
    write_reports(arguments, &report)?;
    Ok(status(report.passed()))
}

/// To files, and to standard output.
pub(super) fn write_reports(arguments: &Verify, report: &Report) -> anyhow::Result<()> {
    let json = report.to_json()?;
    let write =
        |path: &Path, text: &str| std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()));
    if let Some(path) = &arguments.html {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) * 1_000;
        write(path, &html::render(report, now)?)?;
    }
    let shown = match arguments.json.as_deref() {
        Some(path) if path == Path::new("-") => json,
        Some(path) => {
            write(path, &json)?;
            terminal::render(report, terminal::Style::of_standard_output())
        }
        None => terminal::render(report, terminal::Style::of_standard_output()),
    };
    std::io::stdout().write_all(shown.as_bytes()).context("can't write to standard output")
}

/// The fingerprint that is meant, by option or link.
pub(crate) fn fingerprint(link: &Link, given: Option<Hash>) -> anyhow::Result<Option<Hash>> {
    match (given, link.fingerprint) {
        (Some(given), Some(linked)) if given != linked => {
            bail!("--fingerprint {given} and the link's fingerprint {linked} differ: which election do you mean?")
        }
        (given, linked) => Ok(given.or(linked)),
    }
}

fn open(arguments: &Verify, record: &str, progress: &dyn Progress) -> anyhow::Result<Opened> {
    if !record.contains("://") {
        if arguments.keep.is_some() {
            bail!("--keep is for addresses; {record} is read where it lies");
        }
        let source = source::open(Path::new(record))?;
        return Ok(Opened { source, fingerprint: arguments.fingerprint, _temporary: None });
    }
    let link = Link::parse(record)?;
    let fingerprint = fingerprint(&link, arguments.fingerprint)?;
    let temporary = match arguments.keep {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("can't make a temporary folder")?),
    };
    let kept = arguments.keep.as_deref().or(temporary.as_ref().map(tempfile::TempDir::path));
    let folder = kept.context("no folder to download to")?;
    let downloaded = block_on(async { Ok(source::download(&link, folder, progress).await?) })?;
    Ok(Opened { source: Box::new(downloaded.folder), fingerprint, _temporary: temporary })
}
