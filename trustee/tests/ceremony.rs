//! Real trustees against a real board: cheats, absences, crashes. What the record says of each cheat is in crypto's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use veritally_crypto::ceremony::{CeremonyPhase, Dealer};
use veritally_crypto::id::TrusteeId;
use veritally_trustee::journal::Journal;

use common::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_that_was_dealt_a_wrong_share_complains_and_the_election_goes_on_without_the_dealer() {
    let mut world = World::create(2, 2, 3).await;
    // Trustee 1 cheats trustee 2: its commit and reveal are honest, made with its own key file.
    let mut store = world.store(1);
    let seed = store.ceremony_seed(&world.link.fingerprint.unwrap(), 1, &mut rng(1)).unwrap();
    let honest = [2, 3].map(|i| tokio::spawn(output(world.ceremony(i, 60))));
    let started = Instant::now();
    loop {
        let replica = world.replica().await;
        let (ceremony, phase) = (replica.ceremony(), replica.ceremony().phase());
        let parameters = ceremony.parameters().clone();
        let dealer = Dealer::new(parameters, TrusteeId(1), &seed, store.decryption_secret().clone()).unwrap();
        if ceremony.has_failed() {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{phase}");
        if phase <= CeremonyPhase::Shares && !ceremony.has_posted(TrusteeId(1), phase) {
            let posted = match phase {
                CeremonyPhase::Commit => world.post(dealer.commit(), store.identity()).await,
                CeremonyPhase::Reveal => {
                    world.post(dealer.reveal(ceremony, &mut rng(2)).unwrap(), store.identity()).await
                }
                _ => {
                    let shares = dealer.shares_that_cheat(ceremony, TrusteeId(2), &mut rng(3)).unwrap();
                    world.post(shares, store.identity()).await
                }
            };
            posted.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = succeeds(world_status(&world)).await;
    assert!(status.contains("trustee 1 dealt trustee 2 a wrong share"), "{status}");
    assert!(world.restart(&[3]).await.is_err(), "nobody but the cheat is left out");
    let restarted = world.restart(&[]).await.unwrap();
    assert_eq!((restarted.attempt, restarted.excluded.len()), (2, 1));
    for run in honest {
        let output = run.await.unwrap();
        assert!(output.status.success(), "{}", text(&output));
        assert!(
            text(&output).contains("an administrator restarted the ceremony: attempt 2 begins"),
            "{}",
            text(&output)
        );
    }
    fails_with(world.ceremony(1, 0), "was left out of this election by a restart (reason: fault)").await;
    world.open(1).await;
    world.cast(0, "b").await;
    world.close().await;
    run_all([2, 3].map(|i| world.decrypt(i, 60))).await;
    fails_with(world.decrypt(1, 0), "it can neither agree nor decrypt").await;
    world.publish().await;
    let status = succeeds(world_status(&world)).await;
    assert!(status.contains("the result is published") && status.contains("trustee 1 (fault)"), "{status}");
}

fn world_status(world: &World) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_veritally-trustee"));
    command.arg("status").arg("--link").arg(world.link.to_string());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_trustee_is_left_out_without_being_called_a_cheat() {
    let world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting for trustee 2, trustee 3 to commit").await;
    fails_with(world.ceremony(2, 0), "still waiting for trustee 3 to commit").await;
    let status = succeeds(world_status(&world)).await;
    assert!(status.contains("awaited    trustee 3") && status.contains("2 would remain, 2 must"), "{status}");
    world.restart(&[3]).await.unwrap();
    world.hold_ceremony(&[1, 2]).await;
    fails_with(world.ceremony(3, 0), "(reason: absent)").await;
    let ceremony = world.replica().await;
    assert_eq!(ceremony.ceremony().keys().unwrap().trustees, [TrusteeId(1), TrusteeId(2)]);
}

/// Kills the program at its `event`th change of a file or of the log; true when it came to its end before.
async fn killed_at(world: &World, trustee: usize, command: std::process::Command, event: usize) -> Option<String> {
    let folder = world.dir.path().join(trustee.to_string());
    let (mut seen, mut size) = (snapshot(&folder), world.tree_size().await);
    let mut command = command;
    let mut child = command.spawn().unwrap();
    let (mut events, mut polls) = (0, 0u32);
    loop {
        if child.try_wait().unwrap().is_some() {
            return Some(text(&child.wait_with_output().unwrap()));
        }
        let now = snapshot(&folder);
        if now != seen {
            (events, seen) = (events + 1, now);
        }
        polls += 1;
        if polls.is_multiple_of(8) {
            let now = world.tree_size().await;
            events += usize::from(now != size);
            size = now;
        }
        if events >= event {
            kill(&mut child);
            return None;
        }
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_write_the_ceremony_and_the_decryption_end_with_the_same_keys_and_one_agreement() {
    let mut world = World::create(2, 2, 3).await;
    let (mut kills, mut runs) = (0, 0);
    // At each step, a trustee's first run dies at its first write, the second at its second, … until it gets through.
    let mut events = BTreeMap::from([(1, 0usize), (2, 0), (3, 0)]);
    while world.replica().await.ceremony().phase() != CeremonyPhase::Complete {
        for (&trustee, event) in &mut events {
            *event += 1;
            runs += 1;
            assert!(runs < 500, "the ceremony does not come to its end");
            let ended = killed_at(&world, trustee, world.ceremony(trustee, 0), *event).await;
            match ended {
                None => kills += 1,
                Some(said) => {
                    *event = 0;
                    let fine = said.contains("still waiting") || said.contains("complete");
                    assert!(fine, "trustee {trustee}: {said}");
                }
            }
        }
    }
    assert!(kills >= 10, "only {kills} of {runs} runs were killed");
    let keys = world.replica().await.ceremony().keys().unwrap();
    for trustee in 1..=3 {
        let said = succeeds(world.command(trustee, "rehearse", &["--link", &world.link.to_string()])).await;
        assert!(said.contains("key file works"), "{said}");
    }
    world.open(2).await;
    world.cast(0, "a").await;
    world.cast(1, "b").await;
    world.close().await;
    kills = 0;
    events = BTreeMap::from([(1, 0), (2, 0)]);
    let mut done = [false; 2];
    let mut agreements = vec![None; 2];
    while done != [true; 2] {
        for (&trustee, event) in &mut events {
            *event += 1;
            runs += 1;
            assert!(runs < 1_000, "the decryption does not come to its end");
            match killed_at(&world, trustee, world.decrypt(trustee, 0), *event).await {
                None => kills += 1,
                Some(said) if said.contains("its duty is done") => done[trustee - 1] = true,
                Some(said) => {
                    *event = 0;
                    assert!(said.contains("of 2 agreements are there"), "{said}");
                }
            }
            // Once written, an agreement never changes.
            let journal = Journal::open(&world.key(trustee)).unwrap();
            let given = journal.agreement(world.link.fingerprint.unwrap()).map(|(_, entry)| entry.to_owned());
            assert!(agreements[trustee - 1].is_none() || agreements[trustee - 1] == given);
            agreements[trustee - 1] = given;
        }
    }
    assert!(kills >= 6, "only {kills} runs were killed");
    println!("{runs} runs, {kills} of the decryption killed");
    world.publish().await;
    assert_eq!(keys.trustees.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_machine_goes_on_and_an_older_key_file_is_refused() {
    let world = World::create(2, 2, 3).await;
    let backup = world.dir.path().join("old.age");
    succeeds(world.command(1, "backup", &["--out", backup.to_str().unwrap()])).await;
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let newer = world.dir.path().join("new.age");
    succeeds(world.command(1, "backup", &["--out", newer.to_str().unwrap()])).await;
    let said = fails_with(world.command(1, "backup", &["--check", backup.to_str().unwrap()]), "it is older").await;
    assert!(!said.contains(PASSPHRASE));
    // The machine is lost.
    std::fs::remove_file(world.key(1)).unwrap();
    std::fs::remove_file(veritally_trustee::journal::path_of(&world.key(1))).unwrap();
    succeeds(world.command(1, "restore", &["--backup", backup.to_str().unwrap()])).await;
    fails_with(world.ceremony(1, 0), "it is an older backup").await;
    fails_with(world.command(1, "restore", &["--backup", newer.to_str().unwrap()]), "exists already").await;
    std::fs::remove_file(world.key(1)).unwrap();
    std::fs::remove_file(veritally_trustee::journal::path_of(&world.key(1))).unwrap();
    succeeds(world.command(1, "restore", &["--backup", newer.to_str().unwrap()])).await;
    world.hold_ceremony(&[1, 2, 3]).await;
}
