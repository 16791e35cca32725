//! Empty places in the server that `VERITALLY_TEST_POSTGRES` names; without it tests say that they are skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;

use tokio_postgres::{Client, NoTls};

use super::PostgresAddress;

/// The address of a server on which a test may do anything: `postgres://USER@HOST:PORT/DATABASE?sslmode=disable`.
const VARIABLE: &str = "VERITALLY_TEST_POSTGRES";
/// The same of a server whose settings one test changes, alone.
const ALONE: &str = "VERITALLY_TEST_POSTGRES_ALONE";
/// The file of the authority of the server's certificate, which names `localhost`.
pub const AUTHORITY: &str = "VERITALLY_TEST_POSTGRES_CA";

/// A schema of its own in the tests' database.
pub struct Scratch {
    /// With the schema as search path.
    pub address: PostgresAddress,
    /// The same as text.
    pub url: String,
    /// A connection that no store knows.
    pub client: Client,
    /// Its name, and by what name its stores are known to the server.
    pub schema: String,
}

/// `None`, and a line on standard error, where there is no server.
pub async fn scratch() -> Option<Scratch> {
    on(VARIABLE).await
}

/// On a server of which nobody else has anything.
pub async fn scratch_alone() -> Option<Scratch> {
    on(ALONE).await
}

async fn on(variable: &str) -> Option<Scratch> {
    let Ok(url) = std::env::var(variable) else {
        // Past the test harness, which hides what passing tests print.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {variable} is not set (scripts/test postgres sets it)");
        return None;
    };
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let schema = format!("test_{:032x}", rand::random::<u128>());
    client.batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path = {schema}")).await.unwrap();
    let url = format!("{url}&application_name={schema}&options=-csearch_path%3D{schema}");
    Some(Scratch { address: url.clone().into(), url, client, schema })
}
