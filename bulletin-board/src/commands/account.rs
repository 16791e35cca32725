//! Accounts of the dashboard, for who is at the server's own machine and so may do everything anyway.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use veritally_board::admin::show_time;
use veritally_board::clock::{Clock as _, SystemClock};
use veritally_board::data_dir::DataDir;
use veritally_board::web::reset_account;

use super::keeping::StoreOf;

#[derive(Args)]
pub(crate) struct Account {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the accounts.
    List(Of),
    /// Print a one-time token with which the holder of an account sets a new password and second factor.
    Reset {
        /// The account's name.
        name: String,
        #[command(flatten)]
        of: Of,
    },
}

#[derive(Args)]
struct Of {
    /// The board's folder; the board may go on serving.
    #[arg(long, env = "VERITALLY_BOARD_DATA")]
    data: PathBuf,
    #[command(flatten)]
    store: StoreOf,
}

pub(crate) async fn run(args: Account) -> Result<()> {
    match args.action {
        Action::List(of) => {
            let store = of.store.storage().open_dashboard(&DataDir::admin_database(&of.data)?).await?;
            for account in store.accounts().await? {
                let disabled = if account.disabled { ", disabled" } else { "" };
                println!(
                    "{} ({}{disabled}), made {}",
                    account.name,
                    account.role.name(),
                    show_time(account.created_ms)
                );
            }
        }
        Action::Reset { name, of } => {
            let store = of.store.storage().open_dashboard(&DataDir::admin_database(&of.data)?).await?;
            let Some(token) = reset_account(&*store, &name, SystemClock.now_ms()).await? else {
                bail!("there is no account {name:?}; `veritally-board account list` shows those there are");
            };
            println!("/admin/join?token={token}");
            eprintln!(
                "Give {name} this address on the board: it holds once, for a day. The old password holds until it is used."
            );
        }
    }
    Ok(())
}
