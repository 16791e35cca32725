//! Real trustees against a real board: cheats, absences, crashes. What the record says of each cheat is in crypto's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use veritally_board::admin;
use veritally_crypto::ceremony::{CeremonyPhase, Dealer};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_trustee::ceremony::{Next, next};
use veritally_trustee::journal::{self, Journal};
use veritally_trustee::key_store::KeyStore;
use veritally_trustee::replica::{Replica, ReplicaError};
use veritally_verifier::evidence::{Finding, Weight};

use common::*;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_goes_back_or_forks_during_the_ceremony_is_refused_by_who_has_started_again() {
    let mut world = World::create(2, 2, 3).await;
    for trustee in [1, 3, 1] {
        fails_with(world.ceremony(trustee, 0), "still waiting").await;
    }
    let real = world.link.clone();
    let log = cheating::entries(&world).await;
    assert_eq!(log.len(), 3);
    // Every run begins again from the manifest: the journal knows what the last one saw.
    assert_eq!(sizes_seen(&world, 1), [1, 2, 3], "receipts' heads, too");
    cheating::show(&mut world, &log[..2]).await;
    let said = fails_with(world.ceremony(1, 0), "it takes back what it has published").await;
    assert!(said.contains("a log of 2 entries after one of 3") && said.contains("EVIDENCE (rollback)"), "{said}");
    assert_eq!(evidence(&world, 1).1, Weight::Testimony);
    // As long as before; longer; and one that goes back and forks, which is proof for everybody.
    let message = world.ceremony_message_of(2).await;
    let swapped = [log[0].clone(), log[2].clone(), log[1].clone()];
    let longer = [swapped.as_slice(), &[message]].concat();
    for (number, shown) in [swapped.as_slice(), &longer, &swapped[..2]].into_iter().enumerate() {
        world.link = real.clone();
        cheating::show(&mut world, shown).await;
        let said = fails_with(world.ceremony(1, 0), "EVIDENCE (fork)").await;
        assert!(said.contains(if number < 2 { "TWO VIEWS OF ONE ELECTION" } else { "it takes back" }), "{said}");
        let kept = kept(&world, 1);
        assert_eq!(kept.len(), number + 2);
        assert!(kept.iter().filter(|(found, _)| found.finding.kind() == "fork").all(|(_, w)| *w == Weight::Proof));
    }
    world.link = real;
    world.hold_ceremony(&[1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_a_receipt_is_noted_and_expected_ever_after() {
    let mut world = World::create(2, 2, 3).await;
    let before = cheating::entries(&world).await;
    let (entry, fingerprint) = (world.ceremony_message_of(1).await, world.link.fingerprint.unwrap());
    let mut journal = Journal::open(&world.dir.path().join("other")).unwrap();
    assert_eq!(world.replica().await.post_noted(&entry, &mut journal).await.unwrap(), 1);
    let seen: Vec<_> = journal.seen_heads(fingerprint).collect();
    assert_eq!(seen.iter().map(|head| head.tree_size).collect::<Vec<_>>(), [2]);
    cheating::show(&mut world, &before).await;
    let mut replica = Replica::connect(&world.link).await.unwrap();
    replica.expect(seen);
    let error = replica.update().await.unwrap_err();
    assert!(matches!(error, ReplicaError::Rollback { seen: 2, found: 1 }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_breaks_the_rules_of_the_ceremony_is_refused_and_the_evidence_is_the_entry() {
    let mut world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting").await;
    fails_with(world.ceremony(3, 0), "still waiting").await;
    let mut log = cheating::entries(&world).await;
    // An honest commit, once more.
    log.push(log[2].clone());
    cheating::show(&mut world, &log).await;
    let said = fails_with(world.ceremony(1, 0), "entry 3 of the log breaks the rules").await;
    assert!(
        said.contains("trustee 3 already sent its commit message") && said.contains("EVIDENCE (bad-entry)"),
        "{said}"
    );
    let (found, weight) = evidence(&world, 1);
    let Finding::BadEntry { entry, index, reason, .. } = found.finding else { panic!("{found:?}") };
    assert_eq!((&entry, index, weight), (&log[3], 3, Weight::Proof));
    assert!(reason.contains("trustee 3"), "{reason}");
}

/// The board refuses what trustee 3 posts, by name; and if a board logs it, a trustee's own program does, with evidence.
async fn refused(world: &mut World, entry: Vec<u8>, expected: &str) {
    let said = world.post_bytes(entry.clone()).await.unwrap_err();
    assert!(said.contains("trustee 3") && said.contains(expected), "{expected} is not in\n{said}");
    let (real, mut log) = (world.link.clone(), cheating::entries(world).await);
    log.push(entry);
    cheating::show(world, &log).await;
    let said = fails_with(world.ceremony(1, 0), &format!("entry {} of the log breaks the rules", log.len() - 1)).await;
    assert!(said.contains("trustee 3") && said.contains(expected) && said.contains("EVIDENCE (bad-entry)"), "{said}");
    world.link = real;
}

/// Trustee 3 of a new world, in the current attempt.
async fn third(world: &World, seed: [u8; 32]) -> (Dealer, KeyStore) {
    let (store, replica) = (world.store(3), world.replica().await);
    let parameters = replica.ceremony().parameters().clone();
    (Dealer::new(parameters, TrusteeId(3), &seed, store.decryption_secret().clone()).unwrap(), store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_that_signs_wrongly_reveals_something_else_or_copies_a_package_is_named_and_nothing_is_lost() {
    let mut world = World::create(2, 2, 3).await;
    let fingerprint = world.link.fingerprint.unwrap();
    let seed = world.store(3).ceremony_seed(&fingerprint, 1, &mut rng(1)).unwrap();
    let (dealer, store) = third(&world, *seed).await;
    let rng = &mut rng(2);
    let elsewhere = signed_bytes(dealer.commit(), &Hash::of(b"another election"), store.identity());
    refused(&mut world, elsewhere, "signature").await;
    let by_another = signed_bytes(dealer.commit(), &fingerprint, world.store(2).identity());
    refused(&mut world, by_another, "signature").await;
    world.post(dealer.commit(), store.identity()).await.unwrap();
    for trustee in [1, 2] {
        fails_with(world.ceremony(trustee, 0), "still waiting").await;
    }
    let (other, _) = third(&world, [9; 32]).await;
    let replica = world.replica().await;
    let reveal = other.reveal_that_cheats(replica.ceremony(), false, rng).unwrap();
    let reveal = signed_bytes(reveal, &fingerprint, store.identity());
    refused(&mut world, reveal, "are not those whose hash it had committed to").await;
    world.post(dealer.reveal(replica.ceremony(), rng).unwrap(), store.identity()).await.unwrap();
    fails_with(world.ceremony(1, 0), "still waiting for trustee 2, trustee 3 to send the shares").await;
    let replica = world.replica().await;
    let copied = dealer.shares_with_a_copy(replica.ceremony(), TrusteeId(1), TrusteeId(2), rng).unwrap();
    let repeated = dealer.shares_with_one_ephemeral(replica.ceremony(), rng).unwrap();
    for shares in [copied, repeated] {
        let shares = signed_bytes(shares, &fingerprint, store.identity());
        refused(&mut world, shares, "repeats an ephemeral point").await;
    }
    world.hold_ceremony(&[1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rogue_key_and_a_coefficient_too_many_are_refused_by_name_and_the_author_left_out_as_absent() {
    for rogue in [true, false] {
        let mut world = World::create(2, 2, 3).await;
        let fingerprint = world.link.fingerprint.unwrap();
        for trustee in [1, 2] {
            fails_with(world.ceremony(trustee, 0), "still waiting").await;
        }
        let (replica, rng) = (world.replica().await, &mut rng(3));
        let parameters = replica.ceremony().parameters().clone();
        let (dealer, store) = third(&world, [9; 32]).await;
        // As if it had read the others' disks: they have not revealed yet.
        let others = [1, 2].map(|i| {
            let other = world.store(i);
            let seed = other.known_seed(&fingerprint, 1).unwrap();
            Dealer::new(parameters.clone(), TrusteeId(i as u64), &seed, other.decryption_secret().clone()).unwrap()
        });
        let (dealer, expected) = if rogue {
            (dealer.with_a_rogue_key(&others.each_ref()), "did not prove that it knows its constant terms")
        } else {
            let secret = store.decryption_secret().clone();
            let dealer = Dealer::with_too_many_coefficients(parameters, TrusteeId(3), secret, rng);
            (dealer, "revealed 6 coefficient commitments instead of 4")
        };
        world.post(dealer.commit(), store.identity()).await.unwrap();
        let replica = world.replica().await;
        for plain_sum in [true, false] {
            let reveal = dealer.reveal_that_cheats(replica.ceremony(), plain_sum, rng).unwrap();
            refused(&mut world, signed_bytes(reveal, &fingerprint, store.identity()), expected).await;
        }
        for trustee in [1, 2] {
            fails_with(world.ceremony(trustee, 0), "still waiting for").await;
        }
        world.restart(&[3]).await.unwrap();
        world.hold_ceremony(&[1, 2]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_in_an_earlier_attempt_serves_in_no_later_one() {
    let mut world = World::create(2, 2, 3).await;
    let fingerprint = world.link.fingerprint.unwrap();
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let (dealer, store) = third(&world, [9; 32]).await;
    let commit = signed_bytes(dealer.commit(), &fingerprint, store.identity());
    let index = world.post_bytes(commit.clone()).await.unwrap();
    world.restart(&[2]).await.unwrap();
    let size = world.tree_size().await;
    assert_eq!(world.post_bytes(commit).await, Ok(index), "the same bytes are the same entry");
    assert_eq!(world.tree_size().await, size);
    let mut again = dealer.commit();
    again.hash = Hash::of(b"another polynomial");
    let again = signed_bytes(again, &fingerprint, store.identity());
    refused(&mut world, again, "speaks in attempt 1, this is attempt 2").await;
    // With the new number the commit is one like any other: but its polynomials belong to the old attempt.
    let mut renumbered = dealer.commit();
    renumbered.attempt = 2;
    world.post(renumbered, store.identity()).await.unwrap();
    fails_with(world.ceremony(1, 0), "still waiting for trustee 3 to reveal").await;
    let mut reveal = dealer.reveal_that_cheats(world.replica().await.ceremony(), false, &mut rng(4)).unwrap();
    reveal.attempt = 2;
    let reveal = signed_bytes(reveal, &fingerprint, store.identity());
    refused(&mut world, reveal, "are not those whose hash it had committed to").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_whose_entries_are_not_those_that_it_signed_leaves_testimony() {
    let mut world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(2, 0), "still waiting").await;
    let log = cheating::entries(&world).await;
    let other = [log[0].clone(), world.ceremony_message_of(3).await];
    let (shown, mut signed) = (cheating::files_of(&world, &log).await, cheating::files_of(&world, &other).await);
    signed.0.retain(|path, _| path.ends_with("/checkpoint"));
    let board = cheating::show(&mut world, &log).await;
    board.show(veritally_verifier::source::Memory(shown.0.into_iter().chain(signed.0).collect()));
    let said = fails_with(world.ceremony(1, 0), "two views of the log").await;
    assert!(said.contains("EVIDENCE (stalled)"), "{said}");
    assert_eq!(evidence(&world, 1).1, Weight::Testimony);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_election_has_no_keys() {
    let world = World::create(2, 2, 3).await;
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let waiting = tokio::spawn(output(world.ceremony(2, 60)));
    while world.tree_size().await < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    admin::abandon(&world.administer().await, &world.administrator, "no quorum").await.unwrap();
    let waited = waiting.await.unwrap();
    for said in [text(&waited), fails_with(world.ceremony(1, 0), "the election was abandoned").await] {
        assert!(said.contains("there are no keys to make") && !said.contains("complete"), "{said}");
    }
    assert!(!waited.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fingerprint_the_owner_compares_or_nothing_is_posted() {
    let mut world = World::create(2, 2, 3).await;
    let fingerprint = world.link.fingerprint.take().unwrap();
    let said = fails_with(world.ceremony(1, 0), "nothing was posted").await;
    assert!(said.contains("has no fingerprint") && said.contains(&format!("fingerprint  {fingerprint}")), "{said}");
    let said = fails_with(world.decrypt(1, 0), "nothing was posted").await;
    assert!(said.contains("has no fingerprint"), "{said}");
    assert_eq!(world.tree_size().await, 1);
    let answer = world.dir.path().join("answer");
    std::fs::write(&answer, "same\n").unwrap();
    let mut compared = world.ceremony(1, 0);
    compared.stdin(File::open(answer).unwrap());
    fails_with(compared, "still waiting for trustee 2").await;
    assert_eq!(world.tree_size().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_many_parts_of_which_some_were_posted_is_sent_anew() {
    // Four coefficients for each of 400 keys, and packages of 400 shares for four others.
    let world = World::create_long((4, 4, 5), 400).await;
    for trustee in [2, 3, 4, 5, 1] {
        output(world.ceremony(trustee, 0)).await;
    }
    for (trustee, what) in [(2, "reveal"), (1, "shares")] {
        let (replica, mut store) = (world.replica().await, world.store(trustee));
        let before = replica.state().head().tree_size;
        match next(replica.state(), &mut store, TrusteeId(trustee as u64), &mut rng(7)).unwrap() {
            Next::Post { what: found, entries } => {
                assert!(found == what && entries.len() > 1, "{found}, {} parts", entries.len());
                world.post_bytes(entries[0].clone()).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
        // Killed there. What is made now is another message: its proofs are drawn anew.
        for trustee in [trustee, 2, 3, 4, 5] {
            output(world.ceremony(trustee, 0)).await;
        }
        assert!(world.tree_size().await >= before + 1 + 2, "{what}");
    }
    world.hold_ceremony(&[1, 2, 3, 4, 5]).await;
    let link = world.link.to_string();
    for trustee in [1, 2] {
        assert!(succeeds(world.command(trustee, "rehearse", &["--link", &link])).await.contains("its 400 shares"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ceremony_leaves_no_core() {
    let world = World::create(2, 2, 3).await;
    let mut waiting = world.ceremony(1, 60).spawn().unwrap();
    while world.tree_size().await < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", waiting.id())).unwrap();
    waiting.kill().unwrap();
    waiting.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}
