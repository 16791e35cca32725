//! The real program, killed when it is about to make a system call that changes a file or tells the board something, and
//! started again.
//!
//! `strace` (from the package of that name) sends the SIGKILL before the N-th call of one name is made; it counts for each
//! thread, so that the first thread to come so far is hit. Which calls there are, a run that is not killed tells first. Every
//! kill starts from the same files: meanwhile a gate keeps what is posted from the board. What a kill has left on the disk is
//! then gone on from.
//!
//! Two threads may shadow one another: of their N-th calls of one name, the later one is not hit. So the states that matter
//! are asserted to have been hit (`Hits`): a seed in a file that has not taken the key file's name, a line of the journal
//! that is not flushed, an agreement that is written down and not posted, and a run that dies just before it posts.
//!
//! The usual round takes one trustee's commit, an agreement, a restore and a folder; with `VERITALLY_SOAK=1` every step of
//! every trustee, a complaint, and a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::Leaf;
use veritally_trustee::journal::{Event, path_of};

use common::gate::Gate;
use common::*;

/// What changes files or tells the board something. The question mark: not every machine has every call.
const CALLS: &str = "fsync,fdatasync,?rename,renameat,renameat2,?link,linkat,ftruncate,?unlink,unlinkat,?mkdir,mkdirat,\
                     write,openat,sendto,sendmsg,writev";
const SENDS: [&str; 3] = ["sendto", "sendmsg", "writev"];

/// The n-th call of this name, in a thread.
type Place = (String, u32);

/// A folder's files.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn soak() -> bool {
    std::env::var("VERITALLY_SOAK").is_ok_and(|value| value == "1")
}

async fn traced(command: Command, options: &[&str]) -> Output {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qqq", "-e", &format!("trace={CALLS}")]).args(options);
    traced.arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        traced.env(name, value.unwrap());
    }
    // One thread for the program's own work, one for the network.
    traced.env("TOKIO_WORKER_THREADS", "1");
    traced.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    output(traced).await
}

/// Where a run of this command can be killed: what it calls when it is not. Files that are only read do not matter.
async fn places(world: &World, command: Command) -> Vec<Place> {
    let trace = world.dir.path().join("trace");
    let ended = traced(command, &["-o", trace.to_str().unwrap()]).await;
    assert_eq!(ended.status.signal(), None, "{}", text(&ended));
    let (mut counts, mut places) = (BTreeMap::<(String, String), u32>::new(), BTreeSet::new());
    for line in std::fs::read_to_string(trace).unwrap().lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            continue;
        }
        let count = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *count += 1;
        if name != "openat" || arguments.contains("O_CREAT") {
            places.insert((name.to_owned(), *count));
        }
    }
    assert!(places.len() > 5, "{places:?}");
    places.into_iter().collect()
}

/// Kills the program there; what it said if it came to its end before.
async fn killed_at(command: Command, (name, count): &Place) -> Option<String> {
    let inject = format!("inject={name}:signal=SIGKILL:when={count}");
    let output = traced(command, &["-o", "/dev/null", "-e", &inject]).await;
    match output.status.signal() {
        Some(9) => None,
        Some(other) => panic!("ended by signal {other}"),
        None => Some(text(&output)),
    }
}

/// Everything in a folder: what a program finds when it starts again.
fn contents(folder: &Path) -> Files {
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

/// Makes a folder what it was.
fn restore(folder: &Path, files: &Files) {
    for path in contents(folder).into_keys().filter(|path| !files.contains_key(path)) {
        std::fs::remove_file(path).unwrap();
    }
    for (path, bytes) in files {
        veritally_board_api::files::write_secret(path, bytes).unwrap();
    }
}

/// How often what was hit.
#[derive(Debug, Default)]
struct Hits {
    kills: u32,
    /// Left something on the disk, and was gone on from.
    resumed: u32,
    /// A new seed in a file beside the key file.
    key_not_renamed: u32,
    /// A line in the journal that was not flushed.
    journal_not_flushed: u32,
    /// All is on the disk, nothing is posted.
    not_posted: u32,
    agreed_not_posted: u32,
    /// Posted, and the receipt not noted.
    posted_not_noted: u32,
}

/// What must never change once it is there: the seed of the attempt, the agreement.
fn promised(world: &World, trustee: usize, attempt: u64) -> (Option<Vec<u8>>, Option<String>) {
    let fingerprint = world.link.fingerprint.unwrap();
    let seed = world.store(trustee).known_seed(&fingerprint, attempt).map(|seed| seed.to_vec());
    (seed, agreed(world, trustee))
}

fn kept<T: PartialEq + std::fmt::Debug>(before: Option<T>, after: Option<T>, what: &str) {
    assert!(before.is_none() || before == after, "the {what} changed: {before:?}, {after:?}");
}

/// A trustee whose steps are killed.
struct Victim<'a> {
    world: &'a World,
    gate: &'a Gate,
    trustee: usize,
}

impl Victim<'_> {
    /// One step: killed at every place before the entry is posted, each time from the same files, and resumed; once after
    /// it; and then to the end. What it says then.
    async fn step(&self, command: impl Fn() -> Command, hits: &mut Hits) -> String {
        let Self { world, gate, trustee } = *self;
        let folder = world.dir.path().join(trustee.to_string());
        let (start, attempt) = (contents(&folder), world.replica().await.ceremony().parameters().attempt());
        gate.set_open(false);
        let places = places(world, command()).await;
        let flushes = places.iter().filter(|(name, _)| name == "fsync").count() as u32;
        for place in &places {
            restore(&folder, &start);
            let held = gate.held().len();
            // Which thread comes first is not always the same.
            if killed_at(command(), place).await.is_some() {
                continue;
            }
            let left = contents(&folder);
            self.note(hits, place, (&start, &left), gate.held().len() > held, attempt);
            if left != start {
                self.resume(command(), attempt).await;
                hits.resumed += 1;
            }
        }
        restore(&folder, &start);
        gate.set_open(true);
        let before = world.tree_size().await;
        if killed_at(command(), &("fsync".into(), flushes + 1)).await.is_none() {
            assert!(world.tree_size().await > before, "killed before it has posted");
            hits.posted_not_noted += 1;
        }
        let promise = promised(world, trustee, attempt);
        let said = text(&output(command()).await);
        let now = promised(world, trustee, attempt);
        kept(promise.0, now.0, "seed");
        kept(promise.1, now.1, "agreement");
        said
    }

    fn note(&self, hits: &mut Hits, (name, _): &Place, (start, left): (&Files, &Files), sent: bool, attempt: u64) {
        let (key, journal) = (self.world.key(self.trustee), path_of(&self.world.key(self.trustee)));
        let name = name.as_str();
        hits.kills += 1;
        let beside = left.iter().any(|(path, bytes)| {
            path.file_name().unwrap().to_string_lossy().starts_with(".veritally-")
                && bytes.starts_with(b"age-encryption")
        });
        hits.key_not_renamed += u32::from(name.starts_with("rename") && beside && start.get(&key) == left.get(&key));
        hits.journal_not_flushed += u32::from(name == "fsync" && start.get(&journal) != left.get(&journal));
        let (seed, agreed) = promised(self.world, self.trustee, attempt);
        hits.not_posted += u32::from(SENDS.contains(&name) && !sent && seed.is_some() && left != start);
        hits.agreed_not_posted += u32::from(agreed.is_some() && !sent);
    }

    /// Comes as far as to post, with the same seed and, if it was written down, the same agreement.
    async fn resume(&self, command: Command, attempt: u64) {
        let held = self.gate.held().len();
        let promise = promised(self.world, self.trustee, attempt);
        let said = text(&output(command).await);
        let posted = self.gate.held().split_off(held);
        let nothing_to_say = said.contains("still waiting") || said.contains("is complete");
        assert!(!posted.is_empty() || nothing_to_say, "{said}");
        let now = promised(self.world, self.trustee, attempt);
        kept(promise.0, now.0, "seed");
        if let Some(agreed) = &promise.1 {
            assert_eq!(&now.1.unwrap(), agreed);
            let mut agreements = posted.iter().filter(|entry| matches!(Leaf::parse(entry), Ok(Leaf::Agreement(_))));
            assert!(agreements.all(|entry| entry == agreed.as_bytes()), "another agreement than was written down");
        }
    }
}

/// What holds when the ceremony is over: what the log says of the keys, every machine can still open.
async fn keys_fit(world: &World, trustees: &[usize]) {
    let keys = world.replica().await.ceremony().keys().unwrap();
    assert_eq!(keys.trustees, trustees.iter().map(|i| TrusteeId(*i as u64)).collect::<Vec<_>>());
    for trustee in trustees {
        let said = succeeds(world.command(*trustee, "rehearse", &["--link", &world.link.to_string()])).await;
        assert!(said.contains("key file works"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_every_write_of_every_step_the_election_ends_with_the_same_keys_and_one_agreement() {
    let mut world = World::create(2, 2, 3).await;
    let gate = Gate::before(&mut world);
    let mut hits = Hits::default();
    while world.replica().await.ceremony().phase() != CeremonyPhase::Complete {
        for trustee in 1..=3 {
            let command = || world.ceremony(trustee, 0);
            let said = if soak() || hits.kills == 0 {
                Victim { world: &world, gate: &gate, trustee }.step(command, &mut hits).await
            } else {
                text(&output(command()).await)
            };
            assert!(said.contains("still waiting") || said.contains("complete"), "trustee {trustee}: {said}");
        }
    }
    println!("ceremony: {hits:?}");
    assert!(hits.key_not_renamed > 0 && hits.journal_not_flushed > 0, "{hits:?}");
    assert!(hits.not_posted > 0 && hits.posted_not_noted > 0, "{hits:?}");
    keys_fit(&world, &[1, 2, 3]).await;
    world.open(2).await;
    world.cast(0, "a").await;
    world.cast(1, "b").await;
    world.close().await;
    let mut hits = Hits::default();
    let victim = Victim { world: &world, gate: &gate, trustee: 2 };
    let said = victim.step(|| world.decrypt(2, 0), &mut hits).await;
    assert!(said.contains("1 of 2 agreements are there"), "{said}");
    println!("agreement: {hits:?}");
    assert!(hits.agreed_not_posted > 0 && hits.journal_not_flushed > 0, "{hits:?}");
    assert!(hits.not_posted > 0 && hits.posted_not_noted > 0, "{hits:?}");
    let agreement = promised(&world, 2, 1).1;
    succeeds(world.decrypt(1, 0)).await;
    let said = match soak() {
        true => victim.step(|| world.decrypt(2, 0), &mut hits).await,
        false => succeeds(world.decrypt(2, 0)).await,
    };
    assert!(said.contains("its duty is done"), "{said}");
    assert!(agreement.is_some() && agreement == promised(&world, 2, 1).1, "once written, an agreement never changes");
    world.publish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_complains_or_begins_anew_a_trustee_goes_on() {
    if !soak() {
        eprintln!("SKIPPED without VERITALLY_SOAK=1: complaint and restart");
        return;
    }
    let mut world = World::create(2, 2, 3).await;
    let gate = Gate::before(&mut world);
    let others = async {
        while world.replica().await.ceremony().phase() < CeremonyPhase::Shares {
            for trustee in [2, 3] {
                output(world.ceremony(trustee, 0)).await;
            }
        }
    };
    let (dealer, ()) = tokio::join!(take_part(&world, 1, CeremonyPhase::Shares), others);
    let shares = dealer.shares_that_cheat(world.replica().await.ceremony(), TrusteeId(2), &mut rng(3)).unwrap();
    world.post(shares, world.store(1).identity()).await.unwrap();
    for trustee in [2, 3] {
        output(world.ceremony(trustee, 0)).await;
    }
    let (mut hits, victim) = (Hits::default(), Victim { world: &world, gate: &gate, trustee: 2 });
    let said = victim.step(|| world.ceremony(2, 0), &mut hits).await;
    assert!(said.contains("trustee 1 dealt trustee 2 a wrong share"), "{said}");
    assert_eq!(world.replica().await.ceremony().complaints().len(), 1);
    world.restart(&[]).await.unwrap();
    for trustee in [2, 3] {
        let victim = Victim { world: &world, gate: &gate, trustee };
        let said = victim.step(|| world.ceremony(trustee, 0), &mut hits).await;
        assert!(said.contains("still waiting") || said.contains("complete"), "{said}");
    }
    println!("complaint and restart: {hits:?}");
    assert!(hits.key_not_renamed > 0 && hits.not_posted > 0 && hits.posted_not_noted > 0, "{hits:?}");
    world.hold_ceremony(&[2, 3]).await;
    keys_fit(&world, &[2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_never_leaves_a_journal_that_does_not_say_so() {
    let world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let backup = world.dir.path().join("backup.age");
    succeeds(world.command(1, "backup", &["--out", backup.to_str().unwrap()])).await;
    let (key, path) = (world.key(1), path_of(&world.key(1)));
    let folder = world.dir.path().join("1");
    let lost = Files::new();
    let command = || world.command(1, "restore", &["--backup", backup.to_str().unwrap()]);
    restore(&folder, &lost);
    let (mut kills, mut only_journal) = (0, 0);
    for place in places(&world, command()).await {
        restore(&folder, &lost);
        if killed_at(command(), &place).await.is_some() {
            continue;
        }
        kills += 1;
        let left = contents(&folder);
        assert!(!left.contains_key(&key) || left.contains_key(&path), "{place:?}: a key file without its journal");
        if let Some(journal) = left.get(&path) {
            let last = String::from_utf8_lossy(journal).lines().last().unwrap().to_owned();
            assert!(last.contains("\"restored\""), "{place:?}: {last}");
            only_journal += u32::from(!left.contains_key(&key));
        }
        match left.contains_key(&key) {
            true => drop(fails_with(command(), "exists already").await),
            false => drop(succeeds(command()).await),
        }
        let notes = journal(&world, 1).into_iter().filter(|event| matches!(event, Event::Restored { .. })).count();
        assert!(notes == 1 && promised(&world, 1, 1).0.is_some(), "{place:?}");
    }
    println!("restore: {kills} kills, {only_journal} with a journal alone");
    assert!(kills >= 8 && only_journal > 0, "{kills}, {only_journal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_without_a_network_that_is_killed_says_the_same_again() {
    let world = World::create(2, 2, 3).await;
    let (record, out) = (world.dir.path().join("record"), world.dir.path().join("1").join("out.jsonl"));
    succeeds(world.about("export", &["--out", record.to_str().unwrap()])).await;
    let fingerprint = world.link.fingerprint.unwrap().to_string();
    let (record, name) = (record.to_str().unwrap(), out.to_str().unwrap());
    let command = || world.command(1, "offline", &["--record", record, "--fingerprint", &fingerprint, "--out", name]);
    let folder = world.dir.path().join("1");
    let start = contents(&folder);
    let (mut kills, mut drawn) = (0, 0);
    for place in places(&world, command()).await {
        restore(&folder, &start);
        if killed_at(command(), &place).await.is_some() {
            continue;
        }
        kills += 1;
        let (seed, said) = (promised(&world, 1, 1).0, std::fs::read(&out).ok());
        drawn += u32::from(seed.is_some() && said.is_none());
        succeeds(command()).await;
        kept(seed, promised(&world, 1, 1).0, "seed");
        kept(said, std::fs::read(&out).ok(), "commit");
    }
    println!("offline: {kills} kills, {drawn} with a seed and nothing said");
    assert!(kills >= 8 && drawn > 0, "{kills}, {drawn}");
    succeeds(world.about("post", &[name])).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    keys_fit(&world, &[1, 2, 3]).await;
}
