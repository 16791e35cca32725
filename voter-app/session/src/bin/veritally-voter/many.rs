//! `cast-many`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use veritally_board_api::files;
use veritally_crypto::id::Id;
use veritally_crypto::manifest::text;
use veritally_session::ballot_files::{self, BallotFile, Converter};
use veritally_session::bulk::{self, ContestTotals, Journal, Plan, Report};
use veritally_session::{Depth, Election, credentials};

use crate::progress::Meter;
use crate::{Common, Place};

/// Requests under way at once, unless said otherwise: enough to fill a board's batches.
const JOBS: usize = 128;

/// `cast-many`.
#[derive(clap::Args)]
pub(crate) struct CastMany {
    #[command(flatten)]
    place: Place,
    /// Ballots: .soi, .soc, .toi, .toc, .cat (PrefLib), .blt or .csv.
    #[arg(long, value_name = "FILE")]
    ballots: PathBuf,
    /// The registrar's file of codes; the first ballot goes to the first code.
    #[arg(long, value_name = "FILE")]
    credentials: PathBuf,
    /// The contest that a file of rankings or categories is for, if there are several.
    #[arg(long)]
    contest: Option<Id>,
    /// Cast only the first N ballots.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Requests under way at once.
    #[arg(long, value_name = "N", default_value_t = JOBS)]
    jobs: usize,
    /// Read the whole log: needed when these credentials have cast ballots before.
    #[arg(long)]
    full: bool,
    /// What was done, so that an interrupted run goes on [default: the ballot file's name and `.journal`, beside the
    /// file of codes].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Write the totals as JSON.
    #[arg(long, value_name = "FILE")]
    totals: Option<PathBuf>,
}

impl CastMany {
    fn journal(&self) -> PathBuf {
        let mut name = self.ballots.file_name().unwrap_or_default().to_owned();
        name.push(".journal");
        self.journal.clone().unwrap_or_else(|| self.credentials.with_file_name(name))
    }
}

pub(crate) async fn cast_many(common: &Common, arguments: CastMany) -> anyhow::Result<ExitCode> {
    let file = ballot_files::read(&arguments.ballots)?;
    let depth = if arguments.full { Depth::Full } else { Depth::Opening };
    let election = Arc::new(Election::open(&common.place(&arguments.place)?, depth).await?);
    let codes = credentials::read(&arguments.credentials, &election.fingerprint())?;
    let converter = Converter::new(election.manifest(), &file, arguments.contest.as_ref())?;
    show_mapping(&election, &file, &converter);
    let make_plan = || Plan::new(&election, &file, &converter, &codes, arguments.limit);
    let plan = Arc::new(tokio::task::block_in_place(make_plan)?);
    drop(codes);
    let contest = arguments.contest.as_ref();
    let (journal, resumed) = Journal::open(&arguments.journal(), &election.fingerprint(), &file.digest, contest)?;
    let mut meter = Meter::new("cast", resumed.done.len(), plan.ballots.len());
    let work = bulk::cast_many(&election, &plan, (journal, resumed), arguments.jobs, |p| meter.show(p.done, p.total));
    let outcome = work.await;
    meter.finish();
    let report = outcome?;
    let target = converter.target().map(|contest| &contest.id);
    let totals = bulk::totals(election.manifest(), &file, target, &plan, &report.done);
    show_report(&report, &totals, arguments.totals.as_deref())?;
    Ok(if report.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Alternatives correspond to selections by position: shown, so that people see a wrong order.
fn show_mapping(election: &Election, file: &BallotFile, converter: &Converter<'_>) {
    let language = election.manifest().languages.first().map_or("en", String::as_str);
    for (name, selection) in file.alternatives.iter().zip(converter.selections()) {
        eprintln!("{name} → {} ({})", selection.id, text(&selection.name, language));
    }
}

fn show_report(report: &Report, totals: &[ContestTotals], path: Option<&Path>) -> anyhow::Result<()> {
    let seconds = report.took.as_secs_f64();
    let encrypting = report.encrypting.as_secs_f64();
    let rate = report.cast as f64 / seconds.max(0.001);
    println!("cast {} ballots in {seconds:.1} s: {rate:.0} a second; encrypting took {encrypting:.1} s", report.cast);
    if report.cast_before > 0 {
        println!("an earlier run had cast {}", report.cast_before);
    }
    for refusal in &report.refused {
        println!("refused: row {} (voter {:?}): {}", refusal.row + 1, refusal.voter, refusal.reason);
    }
    for contest in totals {
        for row in &contest.rows {
            println!("total {} {} {}", contest.id, row.id, row.count);
        }
    }
    if let Some(path) = path {
        files::write_atomic(path, &serde_json::to_vec_pretty(totals)?)?;
    }
    Ok(())
}
