//! `cast`, `spoil` and `status`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use veritally_board_api::files;
use veritally_crypto::ballot::{BallotOpening, ConfirmationCode};
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::manifest::text;
use veritally_session::session::{Entered, Outgoing, Prepared, Unlocked};
use veritally_session::{Depth, Election, SessionError};

use crate::answers::{AnswerArguments, show};
use crate::check::read_opening;
use crate::code::CodeArguments;
use crate::{Common, Place};

/// `cast`.
#[derive(clap::Args)]
pub(crate) struct Cast {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    code: CodeArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// Read the whole log: needed when this credential cast a ballot from another device.
    #[arg(long)]
    full: bool,
    /// Cast without asking.
    #[arg(long)]
    yes: bool,
}

/// `spoil`.
#[derive(clap::Args)]
pub(crate) struct Spoil {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    code: CodeArguments,
    #[command(flatten)]
    answers: AnswerArguments,
    /// Read the whole log.
    #[arg(long)]
    full: bool,
    /// Open without waiting until the code is noted.
    #[arg(long)]
    yes: bool,
    /// Where the opened ballot goes [default: the local state].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `status`.
#[derive(clap::Args)]
pub(crate) struct StatusOf {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    code: CodeArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `publish-spoiled`.
#[derive(clap::Args)]
pub(crate) struct PublishSpoiled {
    /// The opened ballot that `spoil` wrote.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    code: CodeArguments,
}

async fn read(common: &Common, place: &Place, full: bool) -> anyhow::Result<Arc<Election>> {
    let depth = if full { Depth::Full } else { Depth::Opening };
    Ok(Arc::new(Election::open(&common.place(place)?, depth).await?))
}

async fn open(common: &Common, place: &Place, full: bool) -> anyhow::Result<Arc<Election>> {
    let election = read(common, place, full).await?;
    let compared = if election.view().is_compared() { "as expected" } else { "NOT COMPARED with your letter" };
    println!("election: {}", text(&election.manifest().name, language(&election)));
    println!("fingerprint: {} ({compared})", election.fingerprint());
    Ok(election)
}

/// The holder of a code. One that the roll at the opening lacks may have been issued later, in place of a lost one: the
/// whole log tells.
async fn enter(
    common: &Common,
    place: &Place,
    election: Arc<Election>,
    code: &CredentialCode,
) -> anyhow::Result<(Arc<Election>, Entered)> {
    match election.unlock(code) {
        Err(SessionError::NotOnRoll) if election.depth() == Depth::Opening => {
            println!("the code is not on the roll as of the opening; reading the whole log for codes issued later");
            let election = read(common, place, true).await?;
            let entered = election.unlock(code)?;
            Ok((election, entered))
        }
        entered => Ok((election, entered?)),
    }
}

/// The manifest's first language.
fn language(election: &Election) -> &str {
    election.manifest().languages.first().map_or("en", String::as_str)
}

fn show_code(code: ConfirmationCode) {
    println!("confirmation code: {code}");
    println!("all its bits: {}", code.0);
}

/// Fills in, encrypts, shows answers and code.
fn prepare(unlocked: Unlocked, arguments: &AnswerArguments) -> anyhow::Result<Prepared> {
    let answers = arguments.read(&unlocked)?;
    let election = unlocked.election().clone();
    println!("your public id: {}", unlocked.credential().public_id());
    if unlocked.ballots_cast() > 0 {
        println!("this ballot replaces your ballot number {}", unlocked.ballots_cast());
    }
    let contests: Vec<_> = unlocked.contests().cloned().collect();
    let filled = unlocked.fill(answers).map_err(|refused| refused.1)?;
    show(&contests, filled.answers(), language(&election));
    let prepared = filled.prepare(&mut rand::rng()).map_err(|failed| failed.1)?;
    show_code(prepared.code());
    Ok(prepared)
}

/// A line from the terminal.
fn ask(question: &str) -> anyhow::Result<String> {
    print!("{question}");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_lowercase())
}

/// Whether to cast, not to spoil.
fn decide(yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("no terminal to ask on: give --yes to cast without asking. Nothing was sent");
    }
    println!("Note the code. Then cast the ballot, or spoil it to test whether this device encrypted what you see.");
    loop {
        match ask("[c]ast, [s]poil or [q]uit? ")?.as_str() {
            "c" | "cast" => return Ok(true),
            "s" | "spoil" => return Ok(false),
            "q" | "quit" | "" => bail!("nothing was sent"),
            _ => {}
        }
    }
}

pub(crate) async fn cast(common: &Common, arguments: Cast) -> anyhow::Result<ExitCode> {
    let election = open(common, &arguments.place, arguments.full).await?;
    let (election, entered) = enter(common, &arguments.place, election, &arguments.code.read()?).await?;
    let unlocked = match entered {
        Entered::Ready(unlocked) => unlocked,
        Entered::Interrupted(outgoing) => {
            println!("a ballot was stored without a receipt: it is sent again now; the new answers are not used");
            show_code(outgoing.code());
            return send(outgoing).await;
        }
    };
    let prepared = prepare(unlocked, &arguments.answers)?;
    if decide(arguments.yes)? {
        return send(prepared.cast(&mut rand::rng()).map_err(|failed| failed.1)?).await;
    }
    let (unlocked, opening) = prepared.spoil();
    write_opening(&election, &unlocked, &opening, None)?;
    println!("cast a ballot with the same command; it will have another code");
    Ok(ExitCode::SUCCESS)
}

async fn send(outgoing: Outgoing) -> anyhow::Result<ExitCode> {
    let recorded = outgoing.send().await.map_err(|unsent| unsent.into_error())?;
    println!("cast: entry {} of a log of {} entries", recorded.index(), recorded.checkpoint().tree_size);
    println!("the receipt holds and is stored; anybody can look the code up, and `veritally-voter check` checks again");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn spoil(common: &Common, arguments: Spoil) -> anyhow::Result<ExitCode> {
    let election = open(common, &arguments.place, arguments.full).await?;
    let (election, entered) = enter(common, &arguments.place, election, &arguments.code.read()?).await?;
    let unlocked = match entered {
        Entered::Ready(unlocked) => unlocked,
        Entered::Interrupted(_) => {
            bail!("a stored ballot has no receipt yet: send it first with `veritally-voter cast`")
        }
    };
    let prepared = prepare(unlocked, &arguments.answers)?;
    if !arguments.yes && std::io::stdin().is_terminal() {
        ask("Note the code, then press Enter to open the ballot. ")?;
    }
    let (unlocked, opening) = prepared.spoil();
    write_opening(&election, &unlocked, &opening, arguments.out)?;
    Ok(ExitCode::SUCCESS)
}

fn write_opening(
    election: &Election,
    unlocked: &Unlocked,
    opening: &BallotOpening,
    out: Option<PathBuf>,
) -> anyhow::Result<()> {
    let path = match out {
        Some(path) => {
            files::write_secret(&path, &serde_json::to_vec_pretty(opening)?)?;
            path
        }
        None => election.view().store().credential(unlocked.credential()).save_opening(opening)?,
    };
    println!("spoiled: the opened ballot is in {}", path.display());
    println!("check it on another device: veritally-voter check-spoiled FILE --link 'LINK' --code {}", opening.code);
    Ok(())
}

pub(crate) async fn status(common: &Common, arguments: StatusOf) -> anyhow::Result<ExitCode> {
    let election = match arguments.json {
        true => read(common, &arguments.place, true).await?,
        false => open(common, &arguments.place, true).await?,
    };
    let code = arguments.code.read()?;
    let Some(voter) = election.voter(&code) else { bail!("this credential code is not on the election's roll") };
    let replaced = election.state().is_replaced(voter.credential);
    let last = (voter.counter > 0).then_some((voter.last_index, voter.last_hash));
    if arguments.json {
        let status = serde_json::json!({
            "fingerprint": election.fingerprint(),
            "compared": election.view().is_compared(),
            "phase": election.state().phase(),
            "public_id": voter.credential.public_id(),
            "replaced": replaced,
            "weight": voter.class.weight,
            "ballots": voter.counter,
            "last_entry": last.map(|(index, _)| index),
            "last_hash": last.map(|(_, hash)| hash),
        });
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("phase: {}", election.state().phase());
    println!("public id: {}", voter.credential.public_id());
    if replaced {
        println!("this credential was replaced by a newer one and can't vote any more");
    }
    println!("weight: {}", voter.class.weight);
    println!("ballots in the log: {}", voter.counter);
    if let Some((index, hash)) = last {
        println!("the last one, which counts: entry {index}, SHA-256 {hash}");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn publish_spoiled(common: &Common, arguments: PublishSpoiled) -> anyhow::Result<ExitCode> {
    let opening = read_opening(&arguments.file)?;
    // The whole log, so that a re-issued credential is known.
    let election = open(common, &arguments.place, true).await?;
    let Entered::Ready(unlocked) = election.unlock(&arguments.code.read()?)? else {
        bail!("a stored ballot has no receipt yet: send it first with `veritally-voter cast`");
    };
    let mut rng = StdRng::from_rng(&mut rand::rng());
    let index = unlocked.publish(&opening, &mut rng).await?;
    println!("published: entry {index} of the log, for everybody to see; it is not counted");
    Ok(ExitCode::SUCCESS)
}
