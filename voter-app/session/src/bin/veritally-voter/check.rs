//! `check` and `check-spoiled`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use veritally_board_api::Link;
use veritally_crypto::ballot::BallotOpening;
use veritally_crypto::hash::Hash;
use veritally_session::receipts::{self, ReceiptCheck};
use veritally_session::session::check_spoiled as check_opening;
use veritally_session::{Depth, Election, OpenRequest, SessionError, View};

use crate::Common;
use crate::answers::show;

/// Longest opening that is read: a ballot's points, a seed, ids.
const MAX_OPENING_BYTES: u64 = 256 << 10;

/// `check`.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// Only this election [default: all elections in the local state].
    #[arg(long)]
    link: Option<Link>,
    /// The election's fingerprint, if the link does not carry it.
    #[arg(long, value_name = "HEX", requires = "link")]
    fingerprint: Option<Hash>,
    /// Print JSON: for each election its link, log size or error, and its ballots.
    #[arg(long)]
    json: bool,
}

/// `check-spoiled`.
#[derive(clap::Args)]
pub(crate) struct CheckSpoiled {
    /// The opened ballot.
    file: PathBuf,
    /// Where the election is served [default: as in the local state].
    #[arg(long)]
    link: Option<Link>,
    /// All 256 bits of the confirmation code that was shown before spoiling, as 64 hexadecimal digits. Without them nothing
    /// is compared, and the check does not succeed.
    #[arg(long, value_name = "HEX256")]
    code: Option<String>,
}

pub(crate) async fn check(common: &Common, arguments: Check) -> anyhow::Result<ExitCode> {
    let requests: Vec<OpenRequest> = match arguments.link {
        Some(link) => vec![common.request(link, arguments.fingerprint)?],
        None => stored(common)?,
    };
    if requests.is_empty() {
        bail!("the local state knows no election: give --link, or --state");
    }
    let (mut good, mut found) = (true, vec![]);
    for request in requests {
        let outcome = receipts::check(&request).await;
        good &= outcome.as_ref().is_ok_and(|(_, checks)| checks.iter().all(|check| check.outcome.is_ok()));
        if arguments.json {
            found.push(as_json(&request, &outcome));
        } else {
            show_outcome(&request, &outcome);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&found)?);
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Outcome = Result<(View, Vec<ReceiptCheck>), SessionError>;

fn show_outcome(request: &OpenRequest, outcome: &Outcome) {
    println!("{}", request.link);
    match outcome {
        Ok((view, checks)) => {
            let size = view.checkpoint().checkpoint().tree_size;
            println!("  log of {size} entries, signed, and continuing what this device saw before");
            checks.iter().for_each(show_check);
        }
        Err(error) => println!("  FAILED: {error}"),
    }
}

fn as_json(request: &OpenRequest, outcome: &Outcome) -> Value {
    let failed = |error: &SessionError| json!({ "error": error.to_string(), "evidence": error.evidence(), "board_lies": error.is_evidence() });
    let ballot = |check: &ReceiptCheck| {
        json!({
            "public_id": check.credential.public_id(),
            "ballot": check.counter,
            "code": check.code.0,
            "entry": check.outcome.as_ref().ok().copied().flatten(),
            "failed": check.outcome.as_ref().err().map(failed),
        })
    };
    let (view, checks) = match outcome {
        Ok((view, checks)) => (Some(view), checks.iter().map(ballot).collect()),
        Err(_) => (None, vec![]),
    };
    json!({
        "link": request.link.to_string(),
        "fingerprint": view.map(View::fingerprint),
        "tree_size": view.map(|view| view.checkpoint().checkpoint().tree_size),
        "ballots": checks,
        "failed": outcome.as_ref().err().map(failed),
    })
}

/// Every election of the local state, where it was last served.
fn stored(common: &Common) -> anyhow::Result<Vec<OpenRequest>> {
    let state = common.state()?;
    let mut requests = vec![];
    for fingerprint in state.elections()? {
        if let Some(link) = state.election(&fingerprint).link()? {
            requests.push(common.request(link, Some(fingerprint))?);
        }
    }
    Ok(requests)
}

fn show_check(check: &ReceiptCheck) {
    let ballot = format!("{} ballot {} code {}", check.credential.public_id(), check.counter, check.code);
    match &check.outcome {
        Ok(Some(index)) => println!("  ok: {ballot}: entry {index}"),
        Ok(None) => println!("  no receipt yet: {ballot}: `veritally-voter cast` sends it again"),
        Err(error) => println!("  FAILED: {ballot}: {error}"),
    }
}

pub(crate) async fn check_spoiled(common: &Common, arguments: CheckSpoiled) -> anyhow::Result<ExitCode> {
    let noted = arguments.code.as_deref().map(noted).transpose()?;
    let opening = read_opening(&arguments.file)?;
    let link = match arguments.link {
        Some(link) => link,
        None => common.state()?.election(&opening.fingerprint).link()?.context("unknown election: give --link")?,
    };
    let election = Election::open(&common.request(link, Some(opening.fingerprint))?, Depth::Opening).await?;
    match check_opening(&election, &opening, noted.as_ref()) {
        Ok(code) => {
            let language = election.manifest().languages.first().map_or("en", String::as_str);
            println!("the opened ballot holds; it encrypted:");
            show(&election.manifest().contests, &opening.selections, language);
            println!("confirmation code: {code}");
            if noted.is_some() {
                println!("which is the code that was noted, all 256 bits");
                return Ok(ExitCode::SUCCESS);
            }
            println!("all its bits: {}", code.0);
            println!(
                "NOT CHECKED: give --code with all 256 bits that were shown before spoiling; nothing was compared"
            );
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            println!("FAILED: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// An opened ballot from a file.
pub(crate) fn read_opening(path: &Path) -> anyhow::Result<BallotOpening> {
    let name = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("can't read {name}"))?.len();
    if length > MAX_OPENING_BYTES {
        bail!("{name} is no opened ballot: it has {length} bytes");
    }
    let bytes = std::fs::read(path).with_context(|| format!("can't read {name}"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{name} is no opened ballot"))
}

/// ⚠ A device that may choose both ballots finds two with the same 100 bits.
fn noted(text: &str) -> anyhow::Result<Hash> {
    Hash::from_hex(&text.trim().to_lowercase()).context(
        "the code must be given whole, as 64 hexadecimal digits: the short form of 20 characters is for looking \
         ballots up, and too short for this check",
    )
}
