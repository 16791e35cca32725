//! Each subcommand: call the library, ask, print.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use veritally_board_api::files::write_atomic;
use veritally_board_api::{Client, Link, key_file};
use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{Manifest, TrusteeKeys, text};
use veritally_crypto::record::RecordState;
use veritally_trustee::duty::{self, Duty, Question};
use veritally_trustee::journal::Journal;
use veritally_trustee::key_store::KeyStore;
use veritally_trustee::offline::Offline;
use veritally_trustee::replica::{Replica, trustee_of};
use veritally_trustee::{backup, ceremony, copy, enrolment, evidence, page, passphrase, status};
use veritally_verifier::evidence::LogIdentity;
use veritally_verifier::progress;
use veritally_verifier::source::{Folder, download};
use veritally_verifier::terminal::printable;
use veritally_verifier::witness::server::now_s;
use veritally_verifier::witness::{Witness, WitnessError, WitnessedLog};
use zeroize::Zeroizing;

use crate::{Cli, Command, Key, Record};

/// Largest file of entries that is posted.
const MAX_ENTRIES_FILE: u64 = 64 << 20;

/// Prints a line. ⚠ What a board, a manifest or another trustee wrote is in some: no control character gets through.
fn say(line: &str) {
    println!("{}", printable(line));
}

/// As `println!`, by [`say`].
macro_rules! show {
    ($($part:tt)*) => { say(&format!($($part)*)) };
}

pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Init { key, name, public } => init(&key, &name, &public),
        Command::Public { key, out } => write_public(&key, &out),
        Command::Fingerprint { public } => fingerprint(&public),
        Command::Ceremony { key, election } => {
            let (mut store, mut journal) = open(&key)?;
            let link = with_fingerprint(election.link).await?;
            let mut replica = Replica::connect(&link).await?;
            let patience = Duration::from_secs(election.wait);
            Ok(ceremony::run(&mut replica, &mut store, &mut journal, patience, &mut rng(), &say).await?)
        }
        Command::Rehearse { key, record } => rehearse(&key, &record).await,
        Command::Decrypt { key, election, record, accept_early_closing, yes } => {
            let (mut store, mut journal) = open(&key)?;
            let link = with_fingerprint(election.link).await?;
            let folder = record.unwrap_or_else(|| key.key.with_extension(format!("{}.record", link.election)));
            let ask = move |question: &Question<'_>| confirm(question, yes);
            let duty = Duty {
                link: &link,
                folder: &folder,
                evidence: &evidence::folder_of(&key.key),
                accept_early_closing,
                patience: Duration::from_secs(election.wait),
                ask: &ask,
                say: &say,
            };
            let progress = progress::on_standard_error();
            Ok(duty.run(&mut store, &mut journal, progress.as_ref(), &mut rng()).await?)
        }
        Command::Status { record } => show_status(&record).await,
        Command::Backup { key, out, check } => make_backup(&key, out.as_deref(), check.as_deref()),
        Command::Restore { key, backup } => restore(&key, &backup),
        Command::Files => {
            print!("{}", include_str!("files.txt"));
            Ok(())
        }
        Command::Export { link, out } => export(&link, &out).await,
        Command::Offline { key, record, fingerprint, out, accept_early_closing, yes } => {
            say_offline(&key, &record, fingerprint, &out, accept_early_closing, yes)
        }
        Command::Post { link, file } => post(&link, &file).await,
        Command::Page { record, out } => write_page(&record, &out).await,
        Command::Witness { witness_key, name, state, link, every, once } => {
            let witness = Witness::open(state, &name, key_file::read(&witness_key)?)?;
            witnessing(&witness, &link, every, once).await
        }
        Command::Manual(manual) => Ok(manual.write(Cli::command())?),
    }
}

fn open(key: &Key) -> anyhow::Result<(KeyStore, Journal)> {
    open_with(key, passphrase::read(key.passphrase_fd, false)?)
}

fn open_with(key: &Key, passphrase: Zeroizing<String>) -> anyhow::Result<(KeyStore, Journal)> {
    let (mut store, journal) = veritally_trustee::open(&key.key, passphrase)?;
    store.set_work_factor(key.work_factor);
    Ok((store, journal))
}

/// Whether the owner types this word.
fn answers(word: &str) -> bool {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok() && line.trim() == word
}

/// ⚠ A link without a fingerprint leads to whatever the board shows there: only the owner can compare.
async fn with_fingerprint(mut link: Link) -> anyhow::Result<Link> {
    if link.fingerprint.is_some() {
        return Ok(link);
    }
    let manifest = Client::for_link(&link)?.manifest(None).await?;
    show!("⚠ The link has no fingerprint: only you can tell whether this is the election that you mean.");
    show!("  election     {}", name_of(&manifest));
    show!("  fingerprint  {}", manifest.fingerprint());
    show!(
        "Compare the fingerprint with your invitation or with the other trustees, and type \"same\" if it is the same:"
    );
    if !answers("same") {
        bail!("nothing was posted; ask for the link with its fingerprint, veritally://HOST/ELECTION?fp=HEX");
    }
    link.fingerprint = Some(manifest.fingerprint());
    Ok(link)
}

fn name_of(manifest: &Manifest) -> &str {
    text(&manifest.name, manifest.languages.first().map_or("en", String::as_str))
}

/// The thread's generator can't be sent between threads; one seeded by the operating system can.
fn rng() -> rand::rngs::StdRng {
    use rand::SeedableRng as _;
    rand::rngs::StdRng::from_rng(&mut rand::rng())
}

fn show_time(time_ms: u64) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(time_ms));
    // humantime's own formatter fails beyond the year 9999.
    let time = time.filter(|_| time_ms < 253_402_300_800_000);
    time.map_or_else(|| format!("{time_ms} ms"), |time| humantime::format_rfc3339_seconds(time).to_string())
}

fn init(key: &Key, name: &str, public: &Path) -> anyhow::Result<()> {
    let passphrase = passphrase::read(key.passphrase_fd, true)?;
    let rng = &mut rand::rng();
    let store = KeyStore::create(&key.key, name, passphrase, key.work_factor, rng)?;
    show!("{} holds your secrets: `veritally-trustee files` says how to keep it", key.key.display());
    show_public(&store, public)
}

/// Again, should `init` have been interrupted before it, or the file be lost: the same keys and fingerprint.
fn write_public(key: &Key, public: &Path) -> anyhow::Result<()> {
    show_public(&KeyStore::open(&key.key, passphrase::read(key.passphrase_fd, false)?)?, public)
}

fn show_public(store: &KeyStore, public: &Path) -> anyhow::Result<()> {
    let keys = store.public_keys(&mut rand::rng());
    write_atomic(public, &canonical::to_bytes(&keys)?)?;
    show!("{} is for the administrator; the others compare this with it:", public.display());
    print!("{}", enrolment::show(&keys));
    Ok(())
}

fn fingerprint(paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        let keys: TrusteeKeys =
            canonical::from_bytes(&bytes).with_context(|| format!("{} is no public file", path.display()))?;
        veritally_crypto::ceremony::verify_possession(&keys).with_context(|| path.display().to_string())?;
        print!("{}", enrolment::show(&keys));
    }
    Ok(())
}

/// A record's folder, downloaded first when a link is given; the folder lives as long as what holds it.
async fn folder_of(record: &Record) -> anyhow::Result<(Folder, Option<Hash>, Option<tempfile::TempDir>)> {
    match (&record.record, &record.link) {
        (Some(folder), _) => Ok((Folder::new(folder), record.fingerprint, None)),
        (None, Some(link)) => {
            let dir = tempfile::tempdir()?;
            let folder = download(link, dir.path(), progress::on_standard_error().as_ref()).await?.folder;
            Ok((folder, link.fingerprint, Some(dir)))
        }
        (None, None) => bail!("give --link or --record"),
    }
}

/// The record's state, verified as a whole, to look at: says so when too few witnesses have cosigned it.
fn verified(folder: &Folder, fingerprint: Option<Hash>) -> anyhow::Result<RecordState> {
    let progress = progress::on_standard_error();
    let verify = || copy::verify(folder, fingerprint, progress.as_ref()).map_err(anyhow::Error::from);
    let copy = tokio::task::block_in_place(verify)?;
    if let Some(uncosigned) = copy.uncosigned {
        show!("⚠ {uncosigned} Until they have, others may be shown another log than this one");
    }
    Ok(copy.state)
}

async fn rehearse(key: &Key, record: &Record) -> anyhow::Result<()> {
    let (store, _journal) = open(key)?;
    let (folder, fingerprint, _dir) = folder_of(record).await?;
    let state = verified(&folder, fingerprint)?;
    let trustee = trustee_of(&state, store.identity().verification_key())?;
    let shares = duty::open_shares(&state, &store, trustee)?;
    let rehearsal = shares.rehearse_again(&mut rng());
    state.ceremony().check_rehearsal(&rehearsal)?;
    show!("{trustee}'s key file works: its {} shares decrypt what they should", rehearsal.shares.len());
    Ok(())
}

fn confirm(question: &Question<'_>, yes: bool) -> bool {
    let (report, state) = (question.report, question.state);
    let manifest = state.manifest();
    show!("You are about to agree to this, once and for ever:");
    show!("  election     {}", name_of(manifest));
    show!("  fingerprint  {}", report.fingerprint);
    show!("  log          {} entries, root {}", question.head.tree_size, question.head.root);
    show!("  ballots      {} cast, {} counted", report.ballots_cast, report.ballots_counted);
    for cells in state.cells() {
        let Some(contest) = manifest.contests.get(cells.contest) else { continue };
        // Ids are not padded by themselves.
        let id = contest.id.to_string();
        if cells.withheld {
            show!("  {id:<12} is not decrypted: too few voted");
        }
        for cell in cells.cells.iter().filter(|_| !cells.withheld) {
            let groups = manifest.groups.get(cell.groups.clone()).unwrap_or_default();
            let groups: Vec<_> = groups.iter().map(|group| group.id.to_string()).collect();
            let (ballots, weight) = (cell.ballots, cell.weight);
            show!("  {id:<12} sum of {ballots} ballots, weight {weight}: {}", groups.join(" + "));
        }
    }
    if let Some(check) = report.check("V4") {
        show!("  witnesses    {}", check.message);
    }
    show!("  verified     all checks pass on this machine's own copy");
    if let Some(backup_ms) = question.restored_from {
        show!("  ⚠ The journal was restored from a backup of {}.", show_time(backup_ms));
        show!("    If this trustee has agreed to anything since, on any machine, do NOT agree now.");
        if yes {
            show!("    Only you can know that: --yes does not answer it.");
        }
    }
    if yes && question.restored_from.is_none() {
        return true;
    }
    show!("Type \"agree\" to agree and to release your decryption shares once enough trustees have:");
    answers("agree")
}

async fn show_status(record: &Record) -> anyhow::Result<()> {
    let (folder, fingerprint, _dir) = folder_of(record).await?;
    let state = verified(&folder, fingerprint)?;
    let counts = state.counts();
    let manifest = state.manifest();
    show!("election   {} ({})", manifest.election, state.phase());
    show!("ballots    {} cast, {} counted", counts.ballots_cast, counts.ballots_counted);
    for (word, line) in status::describe(&state) {
        show!("{word:<10} {line}");
    }
    Ok(())
}

fn make_backup(key: &Key, out: Option<&Path>, check: Option<&Path>) -> anyhow::Result<()> {
    // Asked for once more: what counts is that its owner knows it.
    let passphrase = passphrase::read(key.passphrase_fd, false)?;
    let (store, journal) = open_with(key, passphrase.clone())?;
    let (path, opened) = match (out, check) {
        (Some(out), _) => (out, backup::make(&store, &journal, passphrase, out)?),
        (None, Some(path)) => {
            let opened = backup::open(path, passphrase)?;
            opened.compare(&store, &journal, path)?;
            (path, opened)
        }
        (None, None) => bail!("give --out or --check"),
    };
    show!("{} works: made {}, it opens with your passphrase", path.display(), show_time(opened.made_ms()));
    show!("it holds the identity {}", opened.store().identity().verification_key());
    show!("and a journal of {} lines. Keep it on another machine than the key file", opened.events);
    Ok(())
}

fn restore(key: &Key, path: &Path) -> anyhow::Result<()> {
    let opened = backup::open(path, passphrase::read(key.passphrase_fd, false)?)?;
    backup::restore(&opened, &key.key, key.work_factor)?;
    show!("{} and its journal are as they were at {}", key.key.display(), show_time(opened.made_ms()));
    show!("⚠ What this trustee said after that, the journal does not know: stop using the old machine for good");
    Ok(())
}

async fn export(link: &Link, out: &Path) -> anyhow::Result<()> {
    let downloaded = download(link, out, progress::on_standard_error().as_ref()).await?;
    show!("{} entries in {}: carry the folder to the trustee's machine", downloaded.tree_size, out.display());
    Ok(())
}

fn say_offline(
    key: &Key,
    record: &Path,
    fingerprint: Hash,
    out: &Path,
    accept_early: bool,
    yes: bool,
) -> anyhow::Result<()> {
    let (mut store, mut journal) = open(key)?;
    let ask = move |question: &Question<'_>| confirm(question, yes);
    let progress = progress::on_standard_error();
    let evidence = evidence::folder_of(&key.key);
    let offline = Offline {
        folder: record,
        fingerprint,
        evidence: &evidence,
        accept_early_closing: accept_early,
        ask: &ask,
        say: &say,
    };
    let said = tokio::task::block_in_place(|| offline.step(&mut store, &mut journal, progress.as_ref(), &mut rng()))?;
    let lines: Vec<u8> = said.entries.iter().flat_map(|entry| entry.iter().copied().chain([b'\n'])).collect();
    write_atomic(out, &lines)?;
    show!("{}: {} entries in {}", said.what, said.entries.len(), out.display());
    show!("carry the file to a machine with a network: `veritally-trustee post --link LINK {}`", out.display());
    Ok(())
}

async fn post(link: &Link, path: &Path) -> anyhow::Result<()> {
    let size = std::fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?.len();
    if size > MAX_ENTRIES_FILE {
        bail!("{} is too long to be a trustee's entries", path.display());
    }
    let replica = Replica::connect(link).await?;
    for line in std::fs::read(path)?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        show!("entry {} of the log", replica.post(line).await?.index);
    }
    Ok(())
}

async fn write_page(record: &Record, out: &Path) -> anyhow::Result<()> {
    let (folder, fingerprint, _dir) = folder_of(record).await?;
    let state = verified(&folder, fingerprint)?;
    let made = show_time(veritally_trustee::now_ms());
    write_atomic(out, page::html(&folder, &state, &made)?.as_bytes())?;
    show!("{}: print it, compare what is read aloud, sign it", out.display());
    Ok(())
}

async fn witnessing(witness: &Witness, link: &Link, every: u64, once: bool) -> anyhow::Result<()> {
    let client = Client::for_link(link)?;
    let expected = link.fingerprint.context("the link has no fingerprint: a witness must know which log it means")?;
    let manifest = client.manifest(Some(&expected)).await?;
    let identity = LogIdentity { origin: manifest.log.origin.clone(), key: manifest.log.key };
    let origin = identity.origin.clone();
    witness.add_log(WitnessedLog { identity, manifest: Some(client.manifest_bytes().await?.to_vec()) })?;
    show!("witness {}", witness.verifier());
    loop {
        match witness.pull(&client, &origin, now_s()).await {
            Ok(cosigned) => show!("cosigned {} entries, root {}", cosigned.head.tree_size, cosigned.head.root),
            // A board that can't be reached is asked again.
            Err(WitnessError::Client(error)) if !once => eprintln!("{}", printable(&error.to_string())),
            Err(error) => return Err(error.into()),
        }
        if once {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(every)).await;
    }
}
