//! Each subcommand: call the library, print.

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;
use veritally_board::admin::create::{People, read_public};
use veritally_board::admin::{self, Config, config, show_time};
use veritally_board::config::{LogFormat, Settings};
use veritally_board::data_dir::{DataDir, read_token};
use veritally_board::folder::{Folder, Source};
use veritally_board::serve;
use veritally_board::store::sqlite::SqliteStore;
use veritally_board::witnesses::kept;
use veritally_board_api::files::write_atomic;
use veritally_board_api::{Client, Link, key_file};
use veritally_crypto::id::TrusteeId;
use veritally_crypto::manifest::text;
use veritally_crypto::signature::SigningSecret;

use crate::{
    Abandon, Cli, Close, Command, Create, Export, Extend, Keygen, Post, Restart, Serve, Signed, Status, Target,
};

pub(crate) mod account;
pub(crate) mod keeping;

/// A board's clock that differs by more than this from ours is reported: entries carry times.
const CLOCK_WARNING_MS: u64 = 30_000;

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(args) => serve(*args).await,
        Command::Export(args) => export(args).await,
        Command::Keygen(args) => keygen(&args),
        Command::Create(args) => create(args).await,
        Command::Post(args) => post(args).await,
        Command::Open(args) => open(args).await,
        Command::Close(args) => close(args).await,
        Command::Extend(args) => extend(args).await,
        Command::Publish(args) => publish(args).await,
        Command::Restart(args) => restart(args).await,
        Command::Abandon(args) => abandon(args).await,
        Command::Status(args) => status(args).await,
        Command::Backup(args) => keeping::backup(&args),
        Command::Fsck(args) => keeping::fsck(args).await,
        Command::MoveStore(args) => keeping::move_store(args).await,
        Command::LogKey(args) => keeping::log_key(args),
        Command::Account(args) => account::run(args).await,
        Command::Manual(manual) => Ok(manual.write(Cli::command())?),
    }
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // At its finest level warp writes the paths of requests, and a receipt's path names a ballot.
    let filter = match "warp=info".parse() {
        Ok(quiet) => filter.add_directive(quiet),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

async fn serve(args: Serve) -> Result<()> {
    let Serve { config, show_config, settings } = args;
    Settings::check_environment(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    let file = config.as_deref().map(Settings::read).transpose()?;
    let settings = settings.or(file.unwrap_or_default());
    let options = serve::Options::new(&settings)?;
    if show_config {
        print!("{}", toml::to_string(&settings)?);
        return Ok(());
    }
    start_log(settings.log_format.unwrap_or_default());
    let signals = serve::Signals::install().context("installing signal handlers")?;
    Ok(serve::run(options, signals).await?)
}

/// A bar on standard error, if that is a terminal.
fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:40}] {pos}/{len} {eta}");
    let bar = ProgressBar::new(0).with_prefix(what);
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// A progress function that moves a bar.
fn moving(bar: &ProgressBar) -> impl Fn(u64, u64) + Sync + '_ {
    |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

async fn export(args: Export) -> Result<()> {
    let folder = Folder::at(&args.out);
    let bar = bar("exporting");
    let progress = moving(&bar);
    let checkpoint = match (&args.data, &args.link, &args.election) {
        (Some(data), None, Some(election)) => {
            let store = SqliteStore::open_to_read(&DataDir::database(data)?)?;
            let exported = folder.export(&Source::Store(&store, election), &progress).await?;
            // Where witnesses are asked at all.
            if let Ok(kept) = std::fs::read_to_string(kept(data, election)) {
                folder.cosign(&exported, &kept)?;
            }
            exported
        }
        (None, Some(url), Some(election)) => {
            let election = Client::new(url)?.election(election.clone());
            folder.export(&Source::Board(&election), &progress).await?
        }
        (None, Some(url), None) => {
            let election = Client::for_link(&Link::parse(url)?)?;
            folder.export(&Source::Board(&election), &progress).await?
        }
        _ => anyhow::bail!("give --data DIR --election ID, or --link LINK"),
    };
    bar.finish_and_clear();
    println!(
        "{} entries of {} in {}",
        checkpoint.checkpoint().tree_size,
        checkpoint.checkpoint().origin,
        args.out.display()
    );
    Ok(())
}

fn keygen(args: &Keygen) -> Result<()> {
    let key = SigningSecret::generate(&mut rand::rng());
    key_file::create(&args.out, &key)?;
    println!("{}", key.verification_key());
    eprintln!(
        "On standard output: the public key. The key itself is in {}: keep a copy, without it the election can't be opened or closed.",
        args.out.display()
    );
    Ok(())
}

async fn create(args: Create) -> Result<()> {
    let config = Config::read(&args.config)?;
    let token = read_token(&args.token_file)?;
    let read_trustee = |path| read_public(path, "a trustee's public file (`veritally-trustee init` writes it)");
    let people = People {
        administrator: key_file::read(&args.admin_key)?.verification_key(),
        registrar: read_public(&args.registrar, "the registrar's public file (`veritally-registrar init` writes it)")?,
        trustees: args.trustees.iter().map(|path| read_trustee(path)).collect::<Result<_, _>>()?,
    };
    let created = admin::create(&Client::new(&args.url)?, &token, &config, people).await?;
    write_atomic(&args.out, &created.manifest)?;
    println!("fingerprint {}", created.fingerprint);
    println!("link        {}", created.link);
    println!("manifest    {}", args.out.display());
    if let Some(path) = &args.link_out {
        write_atomic(path, format!("{}\n", created.link).as_bytes())?;
    }
    if created.clock_ahead_ms.unsigned_abs() > CLOCK_WARNING_MS {
        eprintln!("Warning: the board's clock is {} s ahead of yours.", created.clock_ahead_ms / 1_000);
    }
    Ok(())
}

async fn find(target: &Target) -> Result<admin::Target> {
    let found = admin::Target::find(&target.link, target.election.as_ref(), target.fingerprint).await?;
    if !found.compared {
        let fingerprint = found.manifest.fingerprint();
        eprintln!("Warning: fingerprint {fingerprint} was not compared with a known one (--fingerprint).");
    }
    Ok(found)
}

async fn post(args: Post) -> Result<()> {
    let target = find(&args.target).await?;
    let bar = bar("posting");
    let posted = admin::post_files(&target, &args.files, &moving(&bar)).await?;
    bar.finish_and_clear();
    println!("{} entries posted, {} were there before", posted.new, posted.known);
    Ok(())
}

async fn signed(args: &Signed) -> Result<(admin::Target, SigningSecret)> {
    Ok((find(&args.target).await?, key_file::read(&args.admin_key)?))
}

async fn open(args: Signed) -> Result<()> {
    let (target, key) = signed(&args).await?;
    let bar = bar("checking");
    let index = admin::open(&target, &key, &moving(&bar)).await?;
    bar.finish_and_clear();
    println!("voting is open (entry {index}) until {}", show_time(target.manifest.schedule.closes_at_ms));
    Ok(())
}

async fn close(args: Close) -> Result<()> {
    let (target, key) = signed(&args.signed).await?;
    let index = admin::close(&target, &key, args.early).await?;
    println!("voting is closed (entry {index})");
    Ok(())
}

async fn extend(args: Extend) -> Result<()> {
    let (target, key) = signed(&args.signed).await?;
    let until = config::parse_time(&args.until)
        .with_context(|| format!("--until {:?} is no time; write 2027-05-08T20:00:00Z (UTC)", args.until))?;
    let index = admin::extend(&target, &key, until).await?;
    println!("voting ends at {} (entry {index})", show_time(until));
    Ok(())
}

async fn publish(args: Signed) -> Result<()> {
    let (target, key) = signed(&args).await?;
    let bar = bar("checking");
    let index = admin::publish(&target, &key, &moving(&bar)).await?;
    bar.finish_and_clear();
    println!("the result is published (entry {index})");
    Ok(())
}

async fn restart(args: Restart) -> Result<()> {
    let (target, key) = signed(&args.signed).await?;
    let bar = bar("checking");
    let absent: Vec<_> = args.absent.iter().copied().map(TrusteeId).collect();
    let done = admin::restart::restart(&target, &key, &absent, args.discard_keys, &moving(&bar)).await?;
    bar.finish_and_clear();
    println!("attempt {} at the key ceremony begins (entry {})", done.attempt, done.index);
    for exclusion in &done.excluded {
        println!("left out: {} ({})", exclusion.trustee, exclusion.reason);
    }
    Ok(())
}

async fn abandon(args: Abandon) -> Result<()> {
    let (target, key) = signed(&args.signed).await?;
    let index = admin::abandon(&target, &key, &args.reason).await?;
    println!("the election is abandoned (entry {index})");
    Ok(())
}

async fn status(args: Status) -> Result<()> {
    let target = find(&args.target).await?;
    let status = target.election.status().await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    println!("election     {} ({})", text(&target.manifest.name, "en"), status.election);
    println!("fingerprint  {}", status.fingerprint);
    println!("phase        {}", status.phase);
    println!("voting       {} to {}", show_time(status.opens_at_ms), show_time(status.closes_at_ms));
    let counts = status.counts;
    println!(
        "turnout      {} of {} voters, {} ballots",
        counts.ballots_counted, counts.credentials, counts.ballots_cast
    );
    println!("log          {} entries, root {}", status.head.tree_size, status.head.root);
    Ok(())
}
