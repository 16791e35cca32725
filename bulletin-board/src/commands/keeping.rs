//! What an operator does to keep a board's data: backup, check, keys.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use veritally_board::admin_store::sqlite::SqliteAdminStore;
use veritally_board::data_dir::{BoardKey, DataDir};
use veritally_board::moving::{self, Moved};
use veritally_board::postgres::PostgresAddress;
use veritally_board::replay::Trust;
use veritally_board::storage::Storage;
use veritally_board::store::Store;
use veritally_board::store::moving::Movable;
use veritally_board::store::postgres::PostgresStore;
use veritally_board::store::sqlite::SqliteStore;
use veritally_board::{fsck, log_key};
use veritally_board_api::files;
use veritally_crypto::id::Id;
use zeroize::Zeroizing;

use super::{bar, moving as shown};

/// The passphrase of an exported key, where there is no terminal.
const PASSPHRASE: &str = "VERITALLY_PASSPHRASE";

/// Where a board keeps its logs.
#[derive(Args)]
pub(super) struct StoreOf {
    /// Where the board keeps its logs: sqlite, in its folder, or postgres://…
    #[arg(long, env = "VERITALLY_BOARD_STORE", hide_env_values = true, default_value = "sqlite")]
    store: Storage,
    /// File with the database's password.
    #[arg(long, env = "VERITALLY_BOARD_STORE_PASSWORD_FILE")]
    store_password_file: Option<PathBuf>,
}

impl StoreOf {
    /// Where that is.
    pub(super) fn storage(&self) -> Storage {
        self.store.clone().with_password_file(self.store_password_file.as_deref())
    }

    /// The database, if it is one of PostgreSQL.
    fn postgres(&self) -> Option<PostgresAddress> {
        match self.storage() {
            Storage::Sqlite => None,
            Storage::Postgres(address) => Some(address),
        }
    }
}

#[derive(Args)]
pub(crate) struct Backup {
    /// The board's folder; the board may go on serving.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: PathBuf,
    #[command(flatten)]
    store: StoreOf,
    /// File for the copy of the logs' database; it must not exist. The dashboard's database (accounts, voter lists, who
    /// confirmed by mail) is copied beside it: FILE.db and FILE.admin.db.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
pub(crate) struct Fsck {
    /// The board's folder; the board may go on serving.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: Option<PathBuf>,
    /// Or a database file, such as a backup.
    #[arg(long, conflicts_with = "data")]
    database: Option<PathBuf>,
    #[command(flatten)]
    store: StoreOf,
    /// One election only.
    #[arg(long)]
    election: Option<Id>,
    /// Do not verify the ballots' proofs again: faster, and enough against a failing disk.
    #[arg(long)]
    without_proofs: bool,
}

#[derive(Args)]
pub(crate) struct MoveStore {
    /// Where the logs are: sqlite or postgres://… Nobody can write them there any more, whatever happens.
    #[arg(long)]
    from: Storage,
    /// Where they go: sqlite or postgres://…
    #[arg(long)]
    to: Storage,
    /// The folder of the SQLite database; no board may run on it.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: PathBuf,
    /// File with the PostgreSQL database's password.
    #[arg(long, env = "VERITALLY_BOARD_STORE_PASSWORD_FILE")]
    store_password_file: Option<PathBuf>,
    /// One election only.
    #[arg(long)]
    election: Option<Id>,
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
    if args.store.postgres().is_some() {
        bail!(
            "the logs are in PostgreSQL, which has its own backups (pg_basebackup and the archive of its write-ahead \
             log): bulletin-board/deploy/README.md says how; `veritally-board log-key export` keeps the keys"
        );
    }
    let database = DataDir::database(&args.data)?;
    let (dashboard, beside) =
        (DataDir::admin_database(&args.data).ok().filter(|path| path.is_file()), args.out.with_extension("admin.db"));
    if dashboard.is_some() && beside.exists() {
        bail!("{} must not exist: the dashboard's database is copied there", beside.display());
    }
    SqliteStore::backup(&database, &args.out).with_context(|| format!("backing {} up", database.display()))?;
    println!("{} is a copy of the logs as they stand now", args.out.display());
    // After the logs: that an election's voters confirm by mail is decided before it opens, so this copy knows of it.
    if let Some(dashboard) = dashboard {
        SqliteAdminStore::backup(&dashboard, &beside).with_context(|| format!("backing {} up", dashboard.display()))?;
        println!("{} is a copy of the dashboard's accounts, drafts, voter lists and confirmations", beside.display());
        eprintln!("Restore both: without the second nobody is asked to confirm by mail any more.");
    }
    eprintln!("They have no keys: keep `log-key export` beside them, and the board's name.");
    Ok(())
}

pub(crate) async fn fsck(args: Fsck) -> Result<()> {
    let store: Box<dyn Store> = match (args.store.postgres(), &args.data, args.database) {
        (Some(address), _, None) => {
            let store = PostgresStore::open_to_read(&address).await?;
            store.check_tables().await.with_context(|| format!("the database {address}"))?;
            Box::new(store)
        }
        (_, data, file) => {
            let database = match (file, data) {
                (Some(file), _) => file,
                (None, Some(data)) => DataDir::database(data)?,
                (None, None) => bail!("give --data DIR, --database FILE or --store postgres://…"),
            };
            SqliteStore::check_file(&database).with_context(|| format!("the file {}", database.display()))?;
            Box::new(SqliteStore::open_to_read(&database)?)
        }
    };
    let elections = match args.election {
        Some(election) => vec![election],
        None => store.elections().await?,
    };
    let trust = if args.without_proofs { Trust::Own } else { Trust::Nobody };
    let runtime = tokio::runtime::Handle::current();
    let mut differing = 0;
    for election in elections {
        let bar = bar("checking");
        let checked = tokio::task::block_in_place(|| fsck::check(&runtime, &*store, &election, trust, &shown(&bar)));
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

async fn movable(storage: Storage, file: Option<&Path>, database: &Path) -> Result<Box<dyn Movable>> {
    Ok(match storage.with_password_file(file) {
        Storage::Sqlite => Box::new(SqliteStore::open(database)?),
        Storage::Postgres(address) => Box::new(PostgresStore::open(&address, None).await?),
    })
}

pub(crate) async fn move_store(args: MoveStore) -> Result<()> {
    if args.from == args.to {
        bail!("--from and --to are the same store");
    }
    let (database, _no_board) = DataDir::without_board(&args.data)?;
    if args.from == Storage::Sqlite && !database.is_file() {
        bail!("there is no board's database in {}", args.data.display());
    }
    let file = args.store_password_file.as_deref();
    let (from, to) = (movable(args.from, file, &database).await?, movable(args.to, file, &database).await?);
    let elections = match args.election {
        Some(election) => vec![election],
        None => from.elections().await?,
    };
    for election in elections {
        let bar = bar("moving");
        let moved = moving::move_log(&*from, &*to, &election, &shown(&bar)).await;
        bar.finish_and_clear();
        match moved.with_context(|| format!("moving {election}: the same command again goes on from here"))? {
            Moved::Now(head) => println!("{election}: moved, {} entries, root {}", head.tree_size, head.root),
            Moved::Before => println!("{election}: was moved before"),
        }
    }
    eprintln!("The dashboard's accounts and drafts, keys and tokens are not in the logs: they stay where they are.");
    Ok(())
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
