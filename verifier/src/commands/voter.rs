//! `receipt` and `spoiled`: for a voter, on any other device than the one that voted.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use veritally_board_api::Link;
use veritally_crypto::ballot::BallotOpening;
use veritally_crypto::contests::Answer;
use veritally_crypto::hash::Hash;
use veritally_crypto::log::receipt::MAX_RECEIPT_BYTES;
use veritally_crypto::manifest::text;
use veritally_verifier::source;
use veritally_verifier::terminal::printable;
use veritally_verifier::voter::{Place, VoterError, check_opening, check_receipt};

use super::{block_on, parse_fingerprint, status};

/// Longest opened ballot that is read: a ballot's points, a seed, ids.
const MAX_OPENING_BYTES: usize = 256 << 10;

/// `receipt`.
#[derive(Args)]
pub(crate) struct ReceiptOf {
    /// The receipt: the file `….tlog-proof` that the voter's program wrote.
    file: PathBuf,
    /// The election: its address, or a copy of its record (folder or tar file).
    record: String,
    /// The ballot that the receipt is for [default: the file `….ballot` beside the receipt, if there is one].
    #[arg(long, value_name = "FILE")]
    ballot: Option<PathBuf>,
    /// The election's fingerprint, from a letter or an official notice.
    #[arg(long, value_name = "HEX", value_parser = parse_fingerprint)]
    fingerprint: Option<Hash>,
}

/// `spoiled`.
#[derive(Args)]
pub(crate) struct Spoiled {
    /// The opened ballot: the file `spoiled-….json`, or the text of its QR code.
    opened: String,
    /// The election: its address, or a copy of its record (folder or tar file).
    record: String,
    /// The confirmation code that was shown before the ballot was opened: the text of its QR code, all 256 bits. Without it
    /// nothing is compared, and the check does not succeed.
    #[arg(long, value_name = "QR-TEXT")]
    code: Option<String>,
}

fn place(record: &str) -> anyhow::Result<Place> {
    Ok(match record.contains("://") {
        true => Place::Board(Link::parse(record)?),
        false => Place::Copy(source::open(Path::new(record))?),
    })
}

fn read(path: &Path, limit: usize) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let shown = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("can't read {shown}"))?;
    let mut bytes = vec![];
    file.take(limit as u64 + 1).read_to_end(&mut bytes).with_context(|| format!("can't read {shown}"))?;
    if bytes.len() > limit {
        bail!("{shown} is longer than such a file may be");
    }
    Ok(bytes)
}

pub(crate) fn receipt(arguments: &ReceiptOf) -> anyhow::Result<ExitCode> {
    let receipt = String::from_utf8(read(&arguments.file, MAX_RECEIPT_BYTES)?).context("the receipt is no text")?;
    let beside = Some(arguments.file.with_extension("ballot")).filter(|path| path.is_file());
    let ballot = arguments.ballot.clone().or(beside).map(|path| read(&path, MAX_RECEIPT_BYTES)).transpose()?;
    let place = place(&arguments.record)?;
    let checked =
        block_on(async { Ok(check_receipt(&place, arguments.fingerprint, &receipt, ballot.as_deref()).await) })?;
    let found = match checked {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    println!("IN THE LOG: entry {} of {}.", found.index, found.tree_size);
    println!("confirmation code  {}", found.code);
    println!("public id          {}, ballot {}", found.public_id, found.counter);
    match found.replaced {
        Some(true) => println!("A later ballot of the same voter takes its place."),
        Some(false) => println!("It is the voter's last ballot: this one counts."),
        None => println!("Whether a later ballot of the same voter replaced it: see `veritally-voter status`."),
    }
    if ballot.is_none() {
        println!("Compare code and public id with those that you noted.");
    }
    Ok(status(true))
}

pub(crate) fn spoiled(arguments: &Spoiled) -> anyhow::Result<ExitCode> {
    let json = match arguments.opened.trim_start().starts_with('{') {
        true => arguments.opened.clone().into_bytes(),
        false => read(Path::new(&arguments.opened), MAX_OPENING_BYTES)?,
    };
    let opening: BallotOpening = serde_json::from_slice(&json).context("this is no opened ballot")?;
    let noted = arguments.code.as_deref().map(whole_code).transpose()?;
    let place = place(&arguments.record)?;
    let checked = block_on(async { Ok(check_opening(&place, &opening, noted.as_ref()).await) })?;
    let (context, code) = match checked {
        Ok(found) => found,
        Err(error) => return failed(&error),
    };
    match noted {
        Some(_) => println!("HOLDS: the device encrypted what it shows here:"),
        None => println!("The opened ballot is sound; it encrypts:"),
    }
    let manifest = context.manifest();
    let language = manifest.languages.first().map_or("en", String::as_str);
    for contest in &manifest.contests {
        if let Some(answer) = opening.selections.get(&contest.id) {
            println!("  {}: {}", printable(text(&contest.name, language)), shown(answer));
        }
    }
    println!("confirmation code  {code}");
    match noted {
        Some(_) => println!("It is the code that was noted, all 256 bits."),
        None => {
            println!("all its bits       {}", code.0);
            println!(
                "NOT CHECKED: give --code with all 256 bits that were shown before the ballot was opened; nothing was compared, \
                 and a device can open another ballot than the one that it showed."
            );
        }
    }
    Ok(status(noted.is_some()))
}

fn shown(answer: &Answer) -> String {
    let json = serde_json::to_string(answer).unwrap_or_default();
    printable(&json)
}

/// ⚠ The short form of 20 characters is for looking ballots up: a device that picks both ballots finds two of the same.
fn whole_code(text: &str) -> anyhow::Result<Hash> {
    Hash::from_hex(&text.trim().to_ascii_lowercase()).context(
        "the code must be given whole, as 64 hexadecimal digits (the text of its QR code): the short form of 20 characters \
         is too short for this check",
    )
}

/// What could not be asked is status 2, what does not hold 1.
fn failed(error: &VoterError) -> anyhow::Result<ExitCode> {
    match error {
        VoterError::Client(_) | VoterError::Source(_) | VoterError::TooOld { .. } | VoterError::NotOpen => {
            bail!("{error}")
        }
        error => println!("FAILED: {error}."),
    }
    Ok(status(false))
}
