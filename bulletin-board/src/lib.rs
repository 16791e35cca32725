//! The bulletin board: keeps elections' logs, admits entries, gives receipts, serves everything as static files.
//!
//! It is trusted for availability and the order of arrival and for nothing else: what may enter a log is decided by
//! `veritally_crypto::record::RecordState`, which everybody else replays. It must never depend on a trustee's, voter's
//! or registrar's code.
//!
//! Where to start reading:
//!
//! - [`store`]: the trait that keeps logs, its contract tests, SQLite, PostgreSQL; [`postgres`]: connections to the latter;
//!   [`storage`]: which of them.
//! - [`election`]: queue → admission → sequencer → receipts.
//! - [`board`]: all elections; [`replay`]: from a stored log to its state.
//! - [`http`]: routes, and the accept loop that they run in.
//! - [`web`]: the pages, public ones and the administrator's dashboard; [`admin_store`]: what the dashboard keeps.
//! - [`witnesses`]: cosignatures of the log by others.
//! - [`mailer`]: the board's own mail, for voters who confirm by it.
//! - [`config`], [`serve`]: settings and start; [`metrics`], [`health`]: what operators see.
//! - [`moving`]: logs from one store to another.
//! - [`admin`]: what the program's subcommands do; `main.rs` only parses arguments.

pub mod admin;
pub mod admin_store;
pub mod board;
pub mod clock;
pub mod config;
pub mod data_dir;
pub mod election;
pub mod folder;
pub mod fsck;
pub mod health;
pub mod http;
pub mod log_key;
pub mod log_reader;
pub mod mailer;
pub mod metrics;
pub mod moving;
pub mod postgres;
pub mod replay;
pub mod serve;
pub mod storage;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod witnesses;
