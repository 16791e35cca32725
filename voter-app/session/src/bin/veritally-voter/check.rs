//! `check` and `check-spoiled`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use veritally_board_api::Link;
use veritally_crypto::ballot::BallotOpening;
use veritally_crypto::hash::Hash;
use veritally_session::receipts::{self, ReceiptCheck};
use veritally_session::session::check_spoiled as check_opening;
use veritally_session::{Depth, Election, OpenRequest};

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
    let mut good = true;
    for request in requests {
        println!("{}", request.link);
        match receipts::check(&request).await {
            Ok((view, checks)) => {
                let size = view.checkpoint().checkpoint().tree_size;
                println!("  log of {size} entries, signed, and continuing what this device saw before");
                for check in &checks {
                    good &= show_check(check);
                }
            }
            Err(error) => {
                good = false;
                println!("  FAILED: {error}");
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn show_check(check: &ReceiptCheck) -> bool {
    let ballot = format!("{} ballot {} code {}", check.credential.public_id(), check.counter, check.code);
    match &check.outcome {
        Ok(Some(index)) => println!("  ok: {ballot}: entry {index}"),
        Ok(None) => println!("  no receipt yet: {ballot}: `veritally-voter cast` sends it again"),
        Err(error) => println!("  FAILED: {ballot}: {error}"),
    }
    check.outcome.is_ok()
}

pub(crate) async fn check_spoiled(common: &Common, arguments: CheckSpoiled) -> anyhow::Result<ExitCode> {
    let noted = arguments.code.as_deref().map(noted).transpose()?;
    let path = arguments.file.display().to_string();
    let length = std::fs::metadata(&arguments.file).with_context(|| format!("can't read {path}"))?.len();
    if length > MAX_OPENING_BYTES {
        bail!("{path} is no opened ballot: it has {length} bytes");
    }
    let bytes = std::fs::read(&arguments.file).with_context(|| format!("can't read {path}"))?;
    let opening: BallotOpening =
        serde_json::from_slice(&bytes).with_context(|| format!("{path} is no opened ballot"))?;
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

/// ⚠ A device that may choose both ballots finds two with the same 100 bits.
fn noted(text: &str) -> anyhow::Result<Hash> {
    Hash::from_hex(&text.trim().to_lowercase()).context(
        "the code must be given whole, as 64 hexadecimal digits: the short form of 20 characters is for looking \
         ballots up, and too short for this check",
    )
}
