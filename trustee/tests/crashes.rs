//! The real program, killed at every system call that changes something, and started again.
//!
//! `strace` (from the package of that name) sends the SIGKILL when the program is about to make its N-th call, so that it is
//! always the same call. A state of key file, journal, copy and log is left only when a kill before each call that can be
//! made in it has been tried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use veritally_crypto::ceremony::CeremonyPhase;
use veritally_trustee::journal::Journal;

use common::*;

/// What changes files or tells the board something.
const CALLS: &str = "fsync,fdatasync,rename,renameat,renameat2,linkat,ftruncate,unlink,mkdir,sendto,sendmsg,writev";

/// Kills the program when it is about to make its `call`th call; what it said if it came to its end before.
async fn killed_at(command: Command, call: u32) -> Option<String> {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")]);
    traced.args(["-e", &format!("inject={CALLS}:signal=SIGKILL:when={call}")]);
    traced.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        traced.env(name, value.unwrap());
    }
    // The calls are counted for each thread: one for the program's own work, one for the network.
    traced.env("TOKIO_WORKER_THREADS", "1");
    traced.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output(traced).await;
    match output.status.signal() {
        Some(9) => None,
        Some(other) => panic!("ended by signal {other}"),
        None => Some(text(&output)),
    }
}

/// Everything in a folder: what a program finds when it starts again.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => open.push(entry.path()),
                false => _ = found.insert(entry.path(), std::fs::read(entry.path()).unwrap()),
            }
        }
    }
    found
}

/// One trustee's turn: killed at each call of each state, until it gets through. What it says then, and the kills.
async fn turn(world: &World, trustee: usize, command: impl Fn() -> Command) -> (String, u32) {
    let folder = world.dir.path().join(trustee.to_string());
    let (mut call, mut kills) = (1, 0);
    loop {
        let before = (contents(&folder), world.tree_size().await);
        match killed_at(command(), call).await {
            Some(said) => return (said, kills),
            None => kills += 1,
        }
        let changed = before != (contents(&folder), world.tree_size().await);
        call = if changed { 1 } else { call + 1 };
        assert!(kills < 300, "trustee {trustee} does not come to an end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_every_write_of_every_step_the_election_ends_with_the_same_keys_and_one_agreement() {
    let mut world = World::create(2, 2, 3).await;
    let mut kills = 0;
    while world.replica().await.ceremony().phase() != CeremonyPhase::Complete {
        for trustee in 1..=3 {
            let (said, more) = turn(&world, trustee, || world.ceremony(trustee, 0)).await;
            kills += more;
            let fine = said.contains("still waiting") || said.contains("complete");
            assert!(fine, "trustee {trustee}: {said}");
        }
    }
    let of_ceremony = kills;
    assert!(of_ceremony >= 120, "only {of_ceremony} runs were killed");
    // What the log says of the keys, every machine can still open.
    let keys = world.replica().await.ceremony().keys().unwrap();
    assert_eq!(keys.trustees.len(), 3);
    for trustee in 1..=3 {
        let said = succeeds(world.command(trustee, "rehearse", &["--link", &world.link.to_string()])).await;
        assert!(said.contains("key file works"), "{said}");
    }
    world.open(2).await;
    world.cast(0, "a").await;
    world.cast(1, "b").await;
    world.close().await;
    let agreed = |trustee| {
        let journal = Journal::open(&world.key(trustee)).unwrap();
        journal.agreement(world.link.fingerprint.unwrap()).map(|(_, entry)| entry.to_owned())
    };
    // First to agree, and, once the other one has, to decrypt.
    let (said, more) = turn(&world, 2, || world.decrypt(2, 0)).await;
    assert!(said.contains("1 of 2 agreements are there"), "{said}");
    let agreement = agreed(2);
    succeeds(world.decrypt(1, 0)).await;
    let (said, still_more) = turn(&world, 2, || world.decrypt(2, 0)).await;
    assert!(said.contains("its duty is done"), "{said}");
    assert!(agreement.is_some() && agreement == agreed(2), "once written, an agreement never changes");
    assert!(more + still_more >= 15, "only {more} and {still_more} runs were killed");
    world.publish().await;
    println!(
        "{of_ceremony} runs of the ceremony were killed, {more} before the agreement, {still_more} before the shares"
    );
}
