//! Makes `tests/stored/schema-N.db`, the database of the present schema N, and a ballot that fits it: run once when a schema is
//! released, and until version 1.0 also when the format of an entry changes.
//!
//!     cargo run --locked -p veritally-board --example stored -- N
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;

use common::{Running, Setup, TestBoard, now_ms, receipt, settled};

#[tokio::main]
async fn main() {
    let schema: u32 = std::env::args().nth(1).and_then(|n| n.parse().ok()).expect("the schema's number");
    let directory = tempfile::tempdir().unwrap();
    let test = TestBoard::start(directory.path(), Setup::default()).await;
    let mut running = Running::open(&test.client, 3, now_ms()).await;
    for (voter, choice) in [(0, "a"), (1, "b"), (0, "c")] {
        let ballot = running.ballot(voter, choice);
        receipt(running.board.submit_ballot(ballot.bytes().to_vec()).await.unwrap());
    }
    settled(&running.board).await;
    test.stop().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored");
    std::fs::create_dir_all(&folder).unwrap();
    let out = folder.join(format!("schema-{schema}.db"));
    let _ = std::fs::remove_file(&out);
    std::fs::write(out.with_extension("ballot.json"), running.ballot(2, "b").bytes()).unwrap();
    let database = rusqlite::Connection::open(directory.path().join("board.db")).unwrap();
    database.execute("VACUUM INTO ?1", [out.to_str().unwrap()]).unwrap();
}
