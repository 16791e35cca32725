//! The dashboard over HTTP: each route by each role, signing in, acts, voters who confirm by mail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod acting;
mod confirming;
mod fixture;
mod routes;
mod signing_in;
