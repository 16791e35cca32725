//! What an operator does to keep a board's data: backup, check, keys.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use veritally_board::data_dir::{BoardKey, DataDir};
use veritally_board::replay::Trust;
use veritally_board::store::Store as _;
use veritally_board::store::sqlite::SqliteStore;
use veritally_board::{fsck, log_key};
use veritally_board_api::files;
use veritally_crypto::id::Id;
use zeroize::Zeroizing;

use super::{bar, moving};

/// The passphrase of an exported key, where there is no terminal.
const PASSPHRASE: &str = "VERITALLY_PASSPHRASE";

#[derive(Args)]
pub(crate) struct Backup {
    /// The board's folder; the board may go on serving.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: PathBuf,
    /// File for the copy of the database; it must not exist.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct Fsck {
    /// The board's folder; the board may go on serving.
    #[arg(long, env = "VERITALLY_BOARD_DATA", required_unless_present = "database")]
    data: Option<PathBuf>,
    /// Or a database file, such as a backup.
    #[arg(long, conflicts_with = "data")]
    database: Option<PathBuf>,
    /// One election only.
    #[arg(long)]
    election: Option<Id>,
    /// Do not verify the ballots' proofs again: faster, and enough against a failing disk.
    #[arg(long)]
    without_proofs: bool,
}

#[derive(Args)]
pub(crate) struct LogKey {
    #[command(subcommand)]
    action: LogKeyAction,
}

#[derive(Subcommand)]
enum LogKeyAction {
    /// Print the public key.
    Show(KeyOf),
    /// Write the key, encrypted with a passphrase (VERITALLY_PASSPHRASE, or asked for), to a file.
    Export {
        #[command(flatten)]
        key: KeyOf,
        /// File for the encrypted key; it must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Put an exported key into a board's folder that has none yet: a restored board, or another node.
    Import {
        #[command(flatten)]
        key: KeyOf,
        /// The exported file.
        #[arg(long = "in")]
        file: PathBuf,
    },
}

#[derive(Args)]
struct KeyOf {
    /// The board's folder.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: PathBuf,
    /// The administrator's key that the board holds, instead of the log key.
    #[arg(long)]
    administrator: bool,
}

impl KeyOf {
    fn which(&self) -> BoardKey {
        if self.administrator { BoardKey::Administrator } else { BoardKey::Log }
    }
}

pub(crate) fn backup(args: &Backup) -> Result<()> {
    let database = DataDir::database(&args.data)?;
    SqliteStore::backup(&database, &args.out).with_context(|| format!("backing {} up", database.display()))?;
    println!("{} is a copy of the database as it stands now", args.out.display());
    eprintln!("It has no keys: keep `log-key export` beside it, and the board's name.");
    Ok(())
}

pub(crate) async fn fsck(args: Fsck) -> Result<()> {
    let database = match (&args.data, args.database) {
        (Some(data), None) => DataDir::database(data)?,
        (_, Some(file)) => file,
        (None, None) => bail!("give --data DIR or --database FILE"),
    };
    SqliteStore::check_file(&database).with_context(|| format!("the file {}", database.display()))?;
    let store = SqliteStore::open_to_read(&database)?;
    let elections = match args.election {
        Some(election) => vec![election],
        None => store.elections().await?,
    };
    let trust = if args.without_proofs { Trust::Own } else { Trust::Nobody };
    let runtime = tokio::runtime::Handle::current();
    let mut differing = 0;
    for election in elections {
        let bar = bar("checking");
        let checked = tokio::task::block_in_place(|| fsck::check(&runtime, &store, &election, trust, &moving(&bar)));
        bar.finish_and_clear();
        match checked {
            Ok(sound) => println!(
                "{election}: sound, {}, {} entries, {} ballots, {} checkpoints, root {}",
                sound.phase, sound.head.tree_size, sound.counts.ballots_cast, sound.checkpoints, sound.head.root
            ),
            Err(error) => {
                println!("{election}: {error}");
                differing += 1;
            }
        }
    }
    if differing > 0 { bail!("{differing} of the logs do not hold: serve from a backup that does") } else { Ok(()) }
}

pub(crate) fn log_key(args: LogKey) -> Result<()> {
    match args.action {
        LogKeyAction::Show(key) => {
            println!("{}", DataDir::read_key(&key.data, key.which())?.verification_key());
        }
        LogKeyAction::Export { key, out } => {
            let secret = DataDir::read_key(&key.data, key.which())?;
            let pem = log_key::export(&secret, &passphrase(true)?)?;
            files::create_secret(&out, pem.as_bytes())?;
            println!("{} is in {}, encrypted", secret.verification_key(), out.display());
        }
        LogKeyAction::Import { key, file } => {
            let pem = files::read_secret(&file)?;
            let pem = std::str::from_utf8(&pem).context("the exported file is no text")?;
            let secret = log_key::import(pem, &passphrase(false)?)?;
            DataDir::import_key(&key.data, key.which(), &secret)?;
            println!("{} is in {}", secret.verification_key(), key.data.display());
        }
    }
    Ok(())
}

fn passphrase(new: bool) -> Result<Zeroizing<String>> {
    if let Ok(value) = std::env::var(PASSPHRASE) {
        return Ok(Zeroizing::new(value));
    }
    let ask = |prompt: &str| {
        let asked = rpassword::prompt_password(prompt);
        asked
            .map(Zeroizing::new)
            .with_context(|| format!("reading the passphrase (without a terminal, set {PASSPHRASE})"))
    };
    let first = ask("Passphrase of the exported key: ")?;
    if new && first != ask("The same again: ")? {
        bail!("the two passphrases differ; nothing was written");
    }
    Ok(first)
}
