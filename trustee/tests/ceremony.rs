//! Real trustees against a real board: cheats, absences, crashes. What the record says of each cheat is in crypto's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use veritally_crypto::ceremony::{CeremonyPhase, Dealer};
use veritally_crypto::id::TrusteeId;
use veritally_trustee::journal;

use common::*;

/// Takes part as this trustee by hand, honestly, until the others have brought the ceremony to a phase.
async fn take_part(world: &World, trustee: usize, until: CeremonyPhase) -> Dealer {
    let mut store = world.store(trustee);
    let seed = store.ceremony_seed(&world.link.fingerprint.unwrap(), 1, &mut rng(1)).unwrap();
    let (id, started) = (TrusteeId(trustee as u64), Instant::now());
    loop {
        let replica = world.replica().await;
        let (ceremony, phase) = (replica.ceremony(), replica.ceremony().phase());
        let parameters = ceremony.parameters().clone();
        let dealer = Dealer::new(parameters, id, &seed, store.decryption_secret().clone()).unwrap();
        if phase == until {
            return dealer;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{phase}");
        if !ceremony.has_posted(id, phase) {
            let (rng, identity) = (&mut rng(2), store.identity());
            let posted = match phase {
                CeremonyPhase::Commit => world.post(dealer.commit(), identity).await,
                CeremonyPhase::Reveal => world.post(dealer.reveal(ceremony, rng).unwrap(), identity).await,
                _ => world.post(dealer.shares(ceremony, rng).unwrap(), identity).await,
            };
            posted.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_that_was_dealt_a_wrong_share_complains_and_the_election_goes_on_without_the_dealer() {
    let mut world = World::create(2, 2, 3).await;
    let honest = [2, 3].map(|i| tokio::spawn(output(world.ceremony(i, 60))));
    let dealer = take_part(&world, 1, CeremonyPhase::Shares).await;
    let shares = dealer.shares_that_cheat(world.replica().await.ceremony(), TrusteeId(2), &mut rng(3)).unwrap();
    world.post(shares, world.store(1).identity()).await.unwrap();
    while !world.replica().await.ceremony().has_failed() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let status = succeeds(world.status()).await;
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
    let status = succeeds(world.status()).await;
    assert!(status.contains("the result is published") && status.contains("trustee 1 (fault)"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_complaint_names_its_author_and_the_election_goes_on_without_it() {
    let world = World::create(2, 2, 3).await;
    let honest = [1, 2].map(|i| tokio::spawn(output(world.ceremony(i, 60))));
    let dealer = take_part(&world, 3, CeremonyPhase::Confirm).await;
    // Against an honest dealer: what it opens is right, as everybody sees.
    let complaint = dealer.complain_anyway(world.replica().await.ceremony(), TrusteeId(1), &mut rng(2)).unwrap();
    world.post(complaint, world.store(3).identity()).await.unwrap();
    let status = succeeds(world.status()).await;
    assert!(status.contains("trustee 3 complained falsely of trustee 1"), "{status}");
    world.restart(&[]).await.unwrap();
    for run in honest {
        assert!(run.await.unwrap().status.success());
    }
    fails_with(world.ceremony(3, 0), "was left out of this election by a restart (reason: fault)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_trustee_is_left_out_without_being_called_a_cheat() {
    let world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting for trustee 2, trustee 3 to commit").await;
    fails_with(world.ceremony(2, 0), "still waiting for trustee 3 to commit").await;
    let status = succeeds(world.status()).await;
    assert!(status.contains("awaited    trustee 3") && status.contains("2 would remain, 2 must"), "{status}");
    world.restart(&[3]).await.unwrap();
    world.hold_ceremony(&[1, 2]).await;
    fails_with(world.ceremony(3, 0), "(reason: absent)").await;
    let ceremony = world.replica().await;
    assert_eq!(ceremony.ceremony().keys().unwrap().trustees, [TrusteeId(1), TrusteeId(2)]);
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
    std::fs::remove_file(journal::path_of(&world.key(1))).unwrap();
    succeeds(world.command(1, "restore", &["--backup", backup.to_str().unwrap()])).await;
    fails_with(world.ceremony(1, 0), "it is an older backup").await;
    fails_with(world.command(1, "restore", &["--backup", newer.to_str().unwrap()]), "exists already").await;
    std::fs::remove_file(world.key(1)).unwrap();
    std::fs::remove_file(journal::path_of(&world.key(1))).unwrap();
    succeeds(world.command(1, "restore", &["--backup", newer.to_str().unwrap()])).await;
    world.hold_ceremony(&[1, 2, 3]).await;
}

/// The machine is lost; another one gets what the backup holds.
async fn restored(world: &World, trustee: usize, backup: &Path) {
    std::fs::remove_file(world.key(trustee)).unwrap();
    std::fs::remove_file(journal::path_of(&world.key(trustee))).unwrap();
    succeeds(world.command(trustee, "restore", &["--backup", backup.to_str().unwrap()])).await;
}

/// A backup as it is now.
async fn backup(world: &World, trustee: usize, name: &str) -> PathBuf {
    let path = world.dir.path().join(name);
    succeeds(world.command(trustee, "backup", &["--out", path.to_str().unwrap()])).await;
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_restored_at_any_step_goes_on_unless_it_has_forgotten_what_it_said() {
    let mut world = World::create(2, 2, 3).await;
    // The seed is drawn in the first run: from then on a backup of any step is enough, even the one before the last.
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let mut steps = 0;
    while world.replica().await.ceremony().phase() != CeremonyPhase::Complete {
        let earlier = backup(&world, 1, &format!("step-{steps}.age")).await;
        output(world.ceremony(1, 0)).await;
        restored(&world, 1, &earlier).await;
        let said = text(&output(world.ceremony(1, 0)).await);
        assert!(said.contains("still waiting") || said.contains("complete"), "{said}");
        for other in [2, 3] {
            output(world.ceremony(other, 0)).await;
        }
        steps += 1;
        assert!(steps < 20);
    }
    let link = world.link.to_string();
    assert!(succeeds(world.command(1, "rehearse", &["--link", &link])).await.contains("key file works"));
    world.open(1).await;
    world.cast(0, "a").await;
    world.close().await;
    let before = backup(&world, 1, "before.age").await;
    // The journal has been restored: the owner is asked.
    let mut asked = world.decrypt(1, 0);
    let answer = world.dir.path().join("answer");
    std::fs::write(&answer, "agree\n").unwrap();
    asked.stdin(File::open(answer).unwrap());
    fails_with(asked, "1 of 2 agreements").await;
    let agreed = backup(&world, 1, "agreed.age").await;
    // ⚠ The journal of before the agreement, and a board that shows it: refused.
    restored(&world, 1, &before).await;
    fails_with(world.decrypt(1, 0), "an agreement of this trustee that its journal does not know").await;
    // ⚠ And one that hides it: only the owner can know. `--yes` does not answer that.
    let honest = world.link.clone();
    let mut log = cheating::entries(&world).await;
    log.pop();
    cheating::show(&mut world, &log).await;
    std::fs::remove_dir_all(world.key(1).with_extension("test.record")).unwrap();
    restored(&world, 1, &before).await;
    let said = fails_with(world.decrypt(1, 0), "nothing was posted").await;
    assert!(
        said.contains("The journal was restored from a backup of") && said.contains("--yes does not answer"),
        "{said}"
    );
    // The backup that was made after it goes on.
    world.link = honest;
    restored(&world, 1, &agreed).await;
    run_all([1, 2].map(|i| world.decrypt(i, 60))).await;
    world.publish().await;
}
