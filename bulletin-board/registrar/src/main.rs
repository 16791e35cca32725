//! `veritally-registrar`: the registrar's command line.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::{CommandFactory as _, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use veritally_board_api::manual::Manual;
use veritally_board_api::{Link, files, key_file};
use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::manifest::{CheckedManifest, NamedKey};
use veritally_crypto::signature::SigningSecret;
use veritally_registrar::bounces;
use veritally_registrar::codes::to_csv;
use veritally_registrar::credentials::{self, CodeRow, Occasion};
use veritally_registrar::issue::{Issued, Registrar};
use veritally_registrar::letters;
use veritally_registrar::mail::{self, Encryption, Kind, Plan, Server};
use veritally_registrar::reissue;
use veritally_registrar::voters::{MAX_LIST_BYTES, Voter, VoterListReader};

/// Decides who may vote: makes credential codes and the roll, offline.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make the registrar's signing key.
    Init(Init),
    /// Print letters: an HTML file with a page for each voter.
    Letters(Letters),
    /// Send the codes by mail. Run again to resume.
    Send(Send),
    /// Remind by mail, without a code, who has not voted yet. Run again to resume.
    Remind(Remind),
    /// Read mail that came back (delivery status notifications), and note whose it was.
    Bounces(Bounces),
    /// Draw another code for a voter who has lost one.
    Reissue(Reissue),
    /// Draw a code for each voter; write the file of codes and the roll.
    Issue(Issue),
    /// Write man pages and shell completions.
    #[command(hide = true)]
    Manual(Manual),
}

#[derive(clap::Args)]
struct Init {
    /// The registrar's name, as the manifest will show it.
    #[arg(long)]
    name: String,
    /// Where the secret key goes; an existing file is not replaced.
    #[arg(long)]
    key: PathBuf,
    /// Where the public part goes: the manifest's member `registrar`.
    #[arg(long)]
    public: PathBuf,
}

#[derive(clap::Args)]
struct Issue {
    /// The manifest, byte for byte as logged.
    #[arg(long)]
    manifest: PathBuf,
    /// The list of voters: CSV with the columns id, name, email, weight, style, group; only id is required.
    #[arg(long, required_unless_present = "count", conflicts_with = "count")]
    voters: Option<PathBuf>,
    /// Instead of a list: this many voters v000001, v000002, … (for demonstrations).
    #[arg(long)]
    count: Option<usize>,
    /// The registrar's secret key.
    #[arg(long)]
    key: PathBuf,
    /// Where the roll goes: one log entry a line, for the administrator.
    #[arg(long)]
    roll: PathBuf,
    /// Where the codes go: secret, for the letters.
    #[arg(long)]
    codes: PathBuf,
    /// The election's fingerprint, from another source than the manifest's file.
    #[arg(long)]
    fingerprint: Option<Hash>,
}

/// What mail and letters say.
#[derive(clap::Args)]
struct About {
    /// The file of codes; again for each file of re-issued ones, in their order.
    #[arg(long, required = true)]
    codes: Vec<PathBuf>,
    /// The manifest, byte for byte as logged.
    #[arg(long)]
    manifest: PathBuf,
    /// The election's link, with its fingerprint.
    #[arg(long)]
    link: Link,
    /// Whom voters ask for help: an address, a telephone number.
    #[arg(long)]
    help_contact: String,
}

#[derive(clap::Args)]
struct Letters {
    #[command(flatten)]
    about: About,
    /// Where the letters go; an existing file is not replaced. As secret as the file of codes.
    #[arg(long)]
    out: PathBuf,
}

#[derive(clap::Args)]
struct Send {
    #[command(flatten)]
    about: About,
    #[command(flatten)]
    by: By,
}

#[derive(clap::Args)]
struct Remind {
    #[command(flatten)]
    about: About,
    /// The public ids that have voted: the file voted.csv of the board's dashboard.
    #[arg(long)]
    voted: PathBuf,
    #[command(flatten)]
    by: By,
}

#[derive(clap::Args)]
struct Bounces {
    /// A message, an mbox, a Maildir, or a folder of messages.
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// The file of codes; again for each file of re-issued ones, in their order.
    #[arg(long, required = true)]
    codes: Vec<PathBuf>,
    /// The manifest, byte for byte as logged.
    #[arg(long)]
    manifest: PathBuf,
    /// The journal of what was sent; default: the first file of codes with `.journal`.
    #[arg(long)]
    journal: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Reissue {
    /// The voter's id in the list.
    #[arg(long)]
    voter: String,
    /// The file of codes; again for each file of re-issued ones, in their order.
    #[arg(long, required = true)]
    codes: Vec<PathBuf>,
    /// The manifest, byte for byte as logged.
    #[arg(long)]
    manifest: PathBuf,
    /// The registrar's secret key.
    #[arg(long)]
    key: PathBuf,
    /// Where the log entry goes, for the administrator.
    #[arg(long)]
    entry: PathBuf,
    /// Where the new code goes: a file of codes with this voter; secret.
    #[arg(long)]
    new_codes: PathBuf,
    /// The election's fingerprint, from another source than the manifest's file.
    #[arg(long)]
    fingerprint: Option<Hash>,
}

/// How mail is sent.
#[derive(clap::Args)]
struct By {
    /// The mail server.
    #[arg(long)]
    server: String,
    /// Its port; 465 with TLS from the beginning, else 587.
    #[arg(long)]
    port: Option<u16>,
    /// How the connection is encrypted; none is for a server on this machine.
    #[arg(long, value_enum, default_value_t = Security::Starttls)]
    tls: Security,
    /// The account there; its password comes from the environment variable VERITALLY_SMTP_PASSWORD, or is asked for.
    #[arg(long)]
    account: Option<String>,
    /// The sender, such as "Elections <elections@example.org>"; what can't be delivered later comes back to it.
    #[arg(long)]
    from: String,
    /// Most messages a minute.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    per_minute: u32,
    /// What was sent; default: the first file of codes with `.journal`; of reminders one for each day.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// Send again what was refused, and what may have arrived when a run was cut off.
    #[arg(long)]
    again: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Security {
    Tls,
    Starttls,
    None,
}

/// Exit status 0: done. 2: could not be done, and nothing was issued.
fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("veritally-registrar: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Codes and keys must not end up in a core dump.
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).context("can't turn core dumps off")?;
    match arguments.command {
        Command::Init(arguments) => init(&arguments),
        Command::Letters(arguments) => print_letters(&arguments),
        Command::Send(arguments) => send(&arguments.about, &arguments.by, None),
        Command::Remind(arguments) => remind(&arguments),
        Command::Bounces(arguments) => read_bounces(&arguments),
        Command::Reissue(arguments) => reissue_code(&arguments),
        Command::Issue(arguments) => issue(&arguments),
        Command::Manual(manual) => Ok(manual.write(Arguments::command())?),
    }
}

fn init(arguments: &Init) -> anyhow::Result<()> {
    if arguments.name.trim().is_empty() {
        bail!("the name is empty");
    }
    let key = SigningSecret::generate(&mut rand::rng());
    key_file::create(&arguments.key, &key)?;
    let public = NamedKey { key: key.verification_key(), name: arguments.name.clone() };
    files::write_atomic(&arguments.public, &canonical::to_bytes(&public)?)?;
    println!("secret key: {}", arguments.key.display());
    println!("for the manifest: {}", arguments.public.display());
    Ok(())
}

/// What `About` names, read and compared with the fingerprint in the link.
fn with_occasion<T>(
    about: &About,
    ends: impl FnOnce(&CheckedManifest) -> String,
    use_it: impl FnOnce(Occasion<'_>, Vec<CodeRow>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let manifest = CheckedManifest::from_leaf(&read(&about.manifest)?)?;
    let fingerprint = about.link.fingerprint.context("the link has no fingerprint: take the whole link")?;
    if fingerprint != manifest.fingerprint() {
        bail!("the link is for the election {fingerprint}, the manifest for {}", manifest.fingerprint());
    }
    let voters = all_codes(&about.codes, &fingerprint)?;
    let (link, ends) = (about.link.to_string(), ends(&manifest));
    use_it(Occasion { manifest: &manifest, link: &link, ends: &ends, help: &about.help_contact }, voters)
}

/// What is in the files of codes; the last code of each voter.
fn all_codes(paths: &[PathBuf], fingerprint: &Hash) -> anyhow::Result<Vec<CodeRow>> {
    let read = |path: &PathBuf| -> anyhow::Result<Vec<CodeRow>> {
        let file = files::read_secret(path)?;
        credentials::read(&file, fingerprint).with_context(|| path.display().to_string())
    };
    Ok(credentials::join(paths.iter().map(read).collect::<Result<_, _>>()?))
}

/// Beside the first file of codes.
fn beside(codes: &[PathBuf], ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", codes.first().map_or_else(String::new, |path| path.display().to_string())))
}

fn remind(arguments: &Remind) -> anyhow::Result<()> {
    let path = arguments.voted.display();
    let text = std::fs::read_to_string(&arguments.voted).with_context(|| format!("can't read {path}"))?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines.next() != Some("public_id") {
        bail!("{path} is no list of public ids that have voted: download it in the board's dashboard");
    }
    let voted: HashSet<&str> = lines.collect();
    send(&arguments.about, &arguments.by, Some(&voted))
}

fn read_bounces(arguments: &Bounces) -> anyhow::Result<()> {
    let fingerprint = CheckedManifest::from_leaf(&read(&arguments.manifest)?)?.fingerprint();
    let voters = all_codes(&arguments.codes, &fingerprint)?;
    let journal = arguments.journal.clone().unwrap_or_else(|| beside(&arguments.codes, ".journal"));
    let (mut all, mut passing, mut others) = (vec![], 0, 0);
    for path in &arguments.from {
        let found = bounces::read(path)?;
        all.extend(found.bounces);
        passing += found.passing;
        others += found.others;
    }
    let returned = mail::mark(&fingerprint, &voters, &all, &journal)?;
    returned.voters.iter().for_each(|(id, reason)| println!("came back: {}: {}", shown(id), shown(reason)));
    returned.strangers.iter().for_each(|address| println!("of nobody in the file of codes: {}", shown(address)));
    println!(
        "{} came back, {} were noted before, {passing} only delayed or delivered, {others} messages are no notifications",
        returned.voters.len(),
        returned.known
    );
    if !returned.voters.is_empty() {
        println!("correct the addresses in the file of codes and run `send --again`, or print letters");
    }
    Ok(())
}

/// Text of strangers, for a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn reissue_code(arguments: &Reissue) -> anyhow::Result<()> {
    for path in [&arguments.new_codes, &arguments.entry] {
        if path.exists() {
            bail!("{} exists: name another file", path.display());
        }
    }
    let leaf_0 = read(&arguments.manifest)?;
    let key = key_file::read(&arguments.key)?;
    let registrar = Registrar::new(&leaf_0, arguments.fingerprint.as_ref(), &key)?;
    let all = all_codes(&arguments.codes, &registrar.manifest().fingerprint())?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).context("the clock")?;
    let time_ms = u64::try_from(now.as_millis()).context("the clock")?;
    let issued = reissue::reissue(&registrar, &all, &arguments.voter, time_ms, &mut rand::rng())?;
    write(&arguments.new_codes, &arguments.entry, &issued)?;
    println!("entry, for the administrator: {}", arguments.entry.display());
    println!(
        "  to be uploaded within five minutes of this computer's time; refused when the voter has voted or published a test"
    );
    println!("new code (secret): {}", arguments.new_codes.display());
    println!(
        "  send or print it when the board has taken the entry; name it after the others: --codes OLD --codes NEW"
    );
    Ok(())
}

/// When voting is to end, UTC.
fn ends(manifest: &CheckedManifest) -> String {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(manifest.schedule.closes_at_ms);
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', " UTC")
}

fn print_letters(arguments: &Letters) -> anyhow::Result<()> {
    with_occasion(&arguments.about, ends, |occasion, voters| {
        files::create_secret(&arguments.out, letters::letters(&occasion, &voters).as_bytes())?;
        println!("{} letters (secret): {}", voters.len(), arguments.out.display());
        Ok(())
    })
}

/// Sends codes, or reminders to those who have not `voted`.
fn send(about: &About, arguments: &By, voted: Option<&HashSet<&str>>) -> anyhow::Result<()> {
    let encryption = match arguments.tls {
        Security::Tls => Encryption::Tls,
        Security::Starttls => Encryption::StartTls,
        Security::None => Encryption::None,
    };
    let port = arguments.port.unwrap_or(if encryption == Encryption::Tls { 465 } else { 587 });
    let account = arguments.account.clone().map(|name| {
        let password = std::env::var("VERITALLY_SMTP_PASSWORD").or_else(|_| rpassword::prompt_password("password: "));
        password.map(|password| (name, password))
    });
    let account = account.transpose().context("reading the mail account's password")?;
    let today = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let ending = match voted {
        Some(_) => format!(".reminder-{}.journal", today.chars().take(10).collect::<String>()),
        None => ".journal".to_owned(),
    };
    let journal = arguments.journal.clone().unwrap_or_else(|| beside(&about.codes, &ending));
    with_occasion(about, ends, |occasion, voters| {
        let voters = still_to_vote(voters, voted)?;
        let server = Server { host: arguments.server.clone(), port, encryption, account };
        let (from, per_minute, again) = (arguments.from.as_str(), arguments.per_minute, arguments.again);
        let kind = if voted.is_some() { Kind::Reminder } else { Kind::Code };
        let plan = Plan { occasion, kind, server, from, per_minute, again };
        let bar = progress_bar(voters.len());
        let report = mail::send(&plan, &voters, &journal, &|done, _| bar.set_position(done))?;
        bar.finish_and_clear();
        println!("{} sent, {} were sent before", report.sent, report.before);
        report.without_address.iter().for_each(|id| println!("no address, needs a letter: {id}"));
        report.refused.iter().for_each(|(id, reason)| println!("refused: {id}: {reason}"));
        report.bounced.iter().for_each(|(id, reason)| println!("came back: {id}: {reason}"));
        report
            .uncertain
            .iter()
            .for_each(|id| println!("may have arrived when a run was cut off (--again sends it once more): {id}"));
        Ok(())
    })
}

/// All voters, or those whose public id has not `voted`.
fn still_to_vote(mut voters: Vec<CodeRow>, voted: Option<&HashSet<&str>>) -> anyhow::Result<Vec<CodeRow>> {
    let Some(voted) = voted else { return Ok(voters) };
    let before = voters.len();
    voters.retain(|voter| !voted.contains(voter.public_id.as_str()));
    if before - voters.len() != voted.len() {
        bail!(
            "{} of {} public ids that have voted are in no file of codes: it is another election's list, or a file of \
             re-issued codes is missing (--codes)",
            voted.len() - (before - voters.len()),
            voted.len()
        );
    }
    println!("{} of {before} have voted", voted.len());
    Ok(voters)
}

fn issue(arguments: &Issue) -> anyhow::Result<()> {
    for path in [&arguments.codes, &arguments.roll] {
        if path.exists() {
            bail!(
                "{} exists: codes are issued once. If its roll was never given to a board, delete codes and roll and \
                 run again; otherwise use those",
                path.display()
            );
        }
    }
    let leaf_0 = read(&arguments.manifest)?;
    let key = key_file::read(&arguments.key)?;
    let registrar = Registrar::new(&leaf_0, arguments.fingerprint.as_ref(), &key)?;
    let voters = voters(arguments, &registrar)?;
    let count = voters.len();
    let begin = Instant::now();
    let bar = progress_bar(count);
    let issued = registrar.issue(voters, &mut rand::rng(), || bar.inc(1))?;
    bar.finish_and_clear();
    write(&arguments.codes, &arguments.roll, &issued)?;
    let took = begin.elapsed().as_secs_f64();
    println!("issued {count} codes, total weight {}, in {took:.1} s", issued.total_weight);
    println!("codes (secret, for the letters): {}", arguments.codes.display());
    println!("roll ({} log entries, for the administrator): {}", issued.leaves.len(), arguments.roll.display());
    let compared = if arguments.fingerprint.is_some() { "" } else { " (not compared with a known fingerprint)" };
    println!("fingerprint: {}{compared}", issued.fingerprint);
    Ok(())
}

fn voters(arguments: &Issue, registrar: &Registrar<'_>) -> anyhow::Result<Vec<Voter>> {
    let reader = VoterListReader::new(registrar.manifest());
    match (&arguments.voters, arguments.count) {
        (Some(path), _) => {
            let length = std::fs::metadata(path).with_context(|| format!("can't read {}", path.display()))?.len();
            if length > MAX_LIST_BYTES as u64 {
                bail!("{} has {length} bytes; a list of voters has at most {MAX_LIST_BYTES}", path.display());
            }
            reader.read(&read(path)?).with_context(|| path.display().to_string())
        }
        (None, Some(count)) => Ok(reader.numbered(count)?),
        (None, None) => bail!("give --voters or --count"),
    }
}

/// Codes first: a roll without its codes would be a lost election, codes without a roll are waste paper.
fn write(codes: &Path, entries: &Path, issued: &Issued) -> anyhow::Result<()> {
    files::create_secret(codes, &to_csv(issued)?)?;
    let mut roll = Vec::with_capacity(issued.leaves.iter().map(|leaf| leaf.len() + 1).sum());
    for leaf in &issued.leaves {
        roll.extend_from_slice(leaf);
        roll.push(b'\n');
    }
    files::write_atomic(entries, &roll)?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

/// A bar on a terminal, nothing in a file or pipe.
fn progress_bar(count: usize) -> ProgressBar {
    let terminal = std::io::stderr().is_terminal();
    let target = if terminal { ProgressDrawTarget::stderr_with_hz(5) } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("credentials {bar:40} {human_pos}/{human_len} {eta}");
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
