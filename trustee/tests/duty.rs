//! Real trustees against boards that cheat after the election, and trustees that do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use veritally_crypto::canonical;
use veritally_crypto::hash::Hash;
use veritally_crypto::signature::sign;
use veritally_trustee::journal;
use veritally_verifier::evidence::{Finding, Weight};

use common::*;

/// Three trustees, their keys made, one ballot cast.
async fn voted() -> World {
    let mut world = World::create(2, 2, 3).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    world.open(3).await;
    world.cast(0, "a").await;
    world
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.metadata().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The board's operator goes back to a copy of the log and lets another history follow.
async fn forked(world: &mut World, drop_the_ballot_of: usize) {
    let (now, before) = (world.dir.path().join("board"), world.dir.path().join("before"));
    // Stop, so that the copy is whole; then one history with the ballot …
    std::mem::replace(&mut world.board, Board::start(&world.dir.path().join("none")).await).stop().await;
    copy(&now, &before);
    world.board = Board::start(&now).await;
    world.link = world.board.link(world.link.fingerprint.unwrap());
    world.cast(drop_the_ballot_of, "b").await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements are there, trustee 2, trustee 3 have not agreed").await;
    // … and one without.
    std::mem::replace(&mut world.board, Board::start(&world.dir.path().join("none2")).await).stop().await;
    world.board = Board::start(&before).await;
    world.link = world.board.link(world.link.fingerprint.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_drops_a_ballot_which_the_trustee_has_seen_is_refused_and_the_evidence_is_proof() {
    let mut world = voted().await;
    forked(&mut world, 1).await;
    // As long as before: another ballot takes its place.
    world.cast(2, "a").await;
    world.close().await;
    let said = fails_with(world.decrypt(1, 0), "EVIDENCE (fork)").await;
    assert!(said.contains("two different logs") || said.contains("TWO VIEWS OF ONE ELECTION"), "{said}");
    let (found, weight) = evidence(&world, 1);
    assert!(matches!(found.finding, Finding::Fork { .. }));
    assert_eq!(weight, Weight::Proof);
    // Another copy's folder: the journal knows.
    let record = world.dir.path().join("elsewhere");
    let mut command = world.decrypt(1, 0);
    command.arg("--record").arg(&record);
    fails_with(command, "TWO VIEWS OF ONE ELECTION").await;
    // Who has seen nothing else agrees to what it is shown; the two never make up a quorum.
    fails_with(world.decrypt(2, 0), "1 of 2 agreements").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_early_closing_a_trustee_waits_for_the_announced_end_by_its_own_clock() {
    let world = voted().await;
    world.close().await;
    let link = world.link.to_string();
    // Not told to accept the earlier closing.
    let impatient = world.command(1, "decrypt", &["--link", &link, "--wait", "0", "--yes"]);
    fails_with(impatient, "an earlier closing is accepted with --accept-early-closing").await;
    assert_eq!(world.replica().await.state().agreements().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_goes_back_is_refused() {
    let mut world = voted().await;
    forked(&mut world, 1).await;
    world.close().await;
    let said = fails_with(world.decrypt(1, 0), "EVIDENCE (rollback)").await;
    assert!(said.contains("went back"), "{said}");
    assert_eq!(evidence(&world, 1).1, Weight::Testimony);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_the_journal_does_not_know_is_refused() {
    let world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    std::fs::remove_file(journal::path_of(&world.key(1))).unwrap();
    fails_with(world.decrypt(1, 0), "an agreement of this trustee that its journal does not know").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_adds_a_ballot_after_closing_is_refused_and_the_evidence_shows_the_ballot() {
    let mut world = voted().await;
    let late = world.ballot(1, "b").await;
    world.close().await;
    let mut log = cheating::entries(&world).await;
    log.push(late.clone());
    cheating::show(&mut world, &log).await;
    let said = fails_with(world.decrypt(1, 0), "the election's record does NOT verify").await;
    assert!(said.contains("Failed: V9") && said.contains("EVIDENCE (bad-entry)"), "{said}");
    let (found, weight) = evidence(&world, 1);
    let Finding::BadEntry { entry, index, reason, .. } = found.finding else { panic!("{found:?}") };
    assert_eq!((entry, index, weight), (late, log.len() as u64 - 1, Weight::Proof));
    assert!(reason.starts_with("V9"), "{reason}");
    assert_eq!(agreed(&world, 1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_logs_two_agreements_of_one_trustee_is_refused_and_the_trustee_named() {
    let mut world = voted().await;
    world.close().await;
    fails_with(world.decrypt(2, 0), "1 of 2 agreements").await;
    let mut log = cheating::entries(&world).await;
    let mut second = world.agreement(2).await;
    second.head.root = Hash::of(b"another log");
    let signed = sign(second, &world.link.fingerprint.unwrap(), world.store(2).identity()).unwrap();
    log.push(canonical::to_bytes(&signed).unwrap());
    cheating::show(&mut world, &log).await;
    let said = fails_with(world.decrypt(1, 0), "the election's record does NOT verify").await;
    assert!(said.contains("Failed: V24") && said.contains("trustee 2"), "{said}");
    let Finding::BadEntry { entry, reason, .. } = evidence(&world, 1).0.finding else { panic!("{said}") };
    assert!(entry == log[log.len() - 1] && reason.contains("trustee 2"), "{reason}");
    assert_eq!(agreed(&world, 1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn second_agreements_and_those_signed_by_another_are_refused_by_name_and_the_others_go_on() {
    let world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    let refused = world.post(world.agreement(1).await, world.store(1).identity()).await.unwrap_err();
    assert!(refused.contains("trustee 1") && refused.contains("agreement is given once"), "{refused}");
    let refused = world.post(world.agreement(2).await, world.store(3).identity()).await.unwrap_err();
    assert!(refused.contains("trustee 2"), "{refused}");
    let mut other = world.agreement(2).await;
    other.head.root = Hash::of(b"another log");
    let refused = world.post(other, world.store(2).identity()).await.unwrap_err();
    assert!(refused.contains("trustee 2") && refused.contains("two views of the log"), "{refused}");
    run_all([1, 2].map(|i| world.decrypt(i, 60))).await;
    world.publish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_shares_and_shares_for_another_head_are_dropped_their_author_named_and_the_others_decrypt() {
    let world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    // The second agreement is enough: trustee 2 decrypts at once.
    succeeds(world.decrypt(2, 0)).await;
    let store = world.store(1);
    let honest = world.share(1).await;
    let mut elsewhere = honest.clone();
    elsewhere.head.root = Hash::of(b"another log");
    let refused = world.post(elsewhere, store.identity()).await.unwrap_err();
    assert!(refused.contains("trustee 1's decryption shares are for a head of size"), "{refused}");
    let mut wrong = honest.clone();
    wrong.contests[0].shares[0].reverse();
    let index = world.post(wrong, store.identity()).await.unwrap();
    let status = succeeds(world.status()).await;
    let named = format!("bad share  trustee 1 (entry {index}): ");
    assert!(status.contains(&named) && status.contains("not: trustee 1, trustee 3"), "{status}");
    // One of k = 2 is missing still: a wrong one does not count.
    let target = world.administer().await;
    assert!(veritally_board::admin::publish(&target, &world.administrator, &|_, _| {}).await.is_err());
    succeeds(world.decrypt(3, 0)).await;
    world.publish().await;
    let status = succeeds(world.status()).await;
    assert!(status.contains(&named) && status.contains("the result is published"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ballot_that_comes_while_a_trustee_waits_for_the_others_is_refused_and_the_evidence_shows_it() {
    let mut world = voted().await;
    let late = world.ballot(1, "b").await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    let log = cheating::entries(&world).await;
    assert_eq!(
        sizes_seen(&world, 1).last(),
        Some(&(log.len() as u64)),
        "the receipt's head, which is the newest, is noted"
    );
    let with_the_ballot = cheating::files_of(&world, &[log.as_slice(), std::slice::from_ref(&late)].concat()).await;
    let board = cheating::show(&mut world, &log).await;
    let waiting = tokio::spawn(output(world.decrypt(1, 60)));
    // It asks again and again once it waits: after one checkpoint to download and others to wait.
    let mut asked = 0;
    while asked < 4 {
        asked += board.asked().iter().filter(|path| path.ends_with("/checkpoint")).count();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    board.show(with_the_ballot);
    let waited = waiting.await.unwrap();
    let said = text(&waited);
    assert!(!waited.status.success() && said.contains("EVIDENCE (bad-entry)"), "{said}");
    assert!(said.contains("breaks the rules: the election is closed: it takes no ballot now"), "{said}");
    let (found, weight) = evidence(&world, 1);
    let Finding::BadEntry { entry, index, .. } = found.finding else { panic!("{found:?}") };
    assert_eq!((entry, index, weight), (late, log.len() as u64, Weight::Proof));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_that_hides_an_agreement_for_which_it_gave_a_receipt_is_refused() {
    let mut world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    let mut log = cheating::entries(&world).await;
    log.pop();
    cheating::show(&mut world, &log).await;
    let said = fails_with(world.decrypt(1, 0), "the board takes back what it has published").await;
    assert!(said.contains("EVIDENCE (rollback)"), "{said}");
    assert_eq!(evidence(&world, 1).1, Weight::Testimony);
}

#[tokio::test(flavor = "multi_thread")]
async fn decryption_shares_that_the_journal_does_not_know_are_refused() {
    let world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    let (path, old) = (journal::path_of(&world.key(1)), world.dir.path().join("old.journal"));
    std::fs::copy(&path, &old).unwrap();
    run_all([1, 2].map(|i| world.decrypt(i, 60))).await;
    assert!(succeeds(world.decrypt(1, 0)).await.contains("its duty is done"));
    std::fs::copy(&old, &path).unwrap();
    fails_with(world.decrypt(1, 0), "decryption shares of this trustee that its journal does not know").await;
}

/// `offline` on a folder.
fn offline(world: &World, trustee: usize, record: &Path) -> Command {
    let (fingerprint, out) = (world.link.fingerprint.unwrap().to_string(), world.dir.path().join("out.jsonl"));
    let (record, out) = (record.to_str().unwrap(), out.to_str().unwrap());
    let more = ["--record", record, "--fingerprint", &fingerprint, "--out", out, "--yes", "--accept-early-closing"];
    world.command(trustee, "offline", &more)
}

/// What the board shows now, in a folder.
async fn exported(world: &World, name: &str) -> PathBuf {
    let folder = world.dir.path().join(name);
    succeeds(world.about("export", &["--out", folder.to_str().unwrap()])).await;
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_without_a_network_keeps_evidence_of_forks_but_not_of_old_folders() {
    let mut world = World::create(2, 2, 3).await;
    let real = world.link.clone();
    let old = exported(&world, "old").await;
    for trustee in [1, 3] {
        fails_with(world.ceremony(trustee, 0), "still waiting").await;
    }
    let now = exported(&world, "now").await;
    assert!(succeeds(offline(&world, 2, &now)).await.contains("commit: 1 entries"));
    let said = fails_with(offline(&world, 2, &old), "this is an older copy").await;
    assert!(!said.contains("EVIDENCE") && kept(&world, 2).is_empty(), "{said}");
    let log = cheating::entries(&world).await;
    let swapped = [log[0].clone(), log[2].clone(), log[1].clone()];
    let longer = [swapped.as_slice(), &[world.ceremony_message_of(2).await]].concat();
    for (number, shown) in [swapped.as_slice(), &longer, &swapped[..2]].into_iter().enumerate() {
        world.link = real.clone();
        cheating::show(&mut world, shown).await;
        let folder = exported(&world, &number.to_string()).await;
        match number {
            // Only trustee 2 has seen a head, that of three entries: the older folder proves nothing to it.
            2 => drop(fails_with(offline(&world, 2, &folder), "this is an older copy").await),
            _ => drop(fails_with(offline(&world, 2, &folder), "EVIDENCE (fork)").await),
        }
    }
    let kept = kept(&world, 2);
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|(found, weight)| found.finding.kind() == "fork" && *weight == Weight::Proof));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_without_a_network_keeps_evidence_of_a_ballot_after_closing() {
    let mut world = voted().await;
    let late = world.ballot(1, "b").await;
    world.close().await;
    let mut log = cheating::entries(&world).await;
    log.push(late.clone());
    cheating::show(&mut world, &log).await;
    let folder = exported(&world, "carried").await;
    let said = fails_with(offline(&world, 1, &folder), "the election's record does NOT verify").await;
    assert!(said.contains("EVIDENCE (bad-entry)"), "{said}");
    let (found, weight) = evidence(&world, 1);
    let Finding::BadEntry { entry, .. } = found.finding else { panic!("{found:?}") };
    assert_eq!((entry, weight), (late, Weight::Proof));
    assert_eq!(agreed(&world, 1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_without_a_network_holds_its_ceremony_and_decrypts_by_files() {
    let mut world = World::create(2, 2, 3).await;
    let fingerprint = world.link.fingerprint.unwrap().to_string();
    let (record, out) = (world.dir.path().join("carried"), world.dir.path().join("entries.jsonl"));
    let plain = |name: &str, link: &str, path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_veritally-trustee"));
        command.args([name, "--link", link]).args(path.split(' ').filter(|part| !part.is_empty()));
        command
    };
    let link = world.link.to_string();
    let online = [1, 2].map(|i| tokio::spawn(output(world.ceremony(i, 100))));
    let mut said = vec![];
    for _ in 0..200 {
        // A stick with the record there, a stick with entries back.
        succeeds(plain("export", &link, &format!("--out {}", record.display()))).await;
        _ = std::fs::remove_file(&out);
        let (record, out) = (record.to_str().unwrap(), out.to_str().unwrap());
        let arguments = ["--record", record, "--fingerprint", &fingerprint, "--out", out];
        let step = output(world.command(3, "offline", &arguments)).await;
        let text = text(&step);
        if step.status.success() {
            succeeds(plain("post", &link, out)).await;
            said.push(text.split(':').next().unwrap().to_owned());
        } else if text.contains("the key ceremony is complete") {
            break;
        } else {
            assert!(text.contains("nothing to say now"), "{text}");
        }
    }
    let said: Vec<_> = said.iter().map(|line| line.rsplit('\n').next().unwrap()).collect();
    assert_eq!(said, ["commit", "reveal", "shares", "confirm", "rehearsal"]);
    for run in online {
        assert!(run.await.unwrap().status.success());
    }
    world.open(1).await;
    world.cast(0, "a").await;
    world.close().await;
    let online = tokio::spawn(output(world.decrypt(1, 60)));
    let (record, out) = (record.to_str().unwrap(), out.to_str().unwrap());
    let mut done = 0;
    while done < 2 {
        succeeds(plain("export", &link, &format!("--out {record}"))).await;
        let arguments =
            ["--record", record, "--fingerprint", &fingerprint, "--out", out, "--yes", "--accept-early-closing"];
        let step = output(world.command(3, "offline", &arguments)).await;
        if step.status.success() {
            succeeds(plain("post", &link, out)).await;
            done += 1;
        } else {
            assert!(text(&step).contains("too few have agreed"), "{}", text(&step));
        }
    }
    assert!(online.await.unwrap().status.success());
    world.publish().await;
    // The ceremony's page, from the same folder.
    let page = world.dir.path().join("page.html");
    succeeds(plain("page", &link, &format!("--out {}", page.display()))).await;
    let page = std::fs::read_to_string(page).unwrap();
    let words = veritally_crypto::ceremony::enrolment_words(&world.store(2).public_keys(&mut rng(1)));
    for expected in [&fingerprint, "Trustee 3", &words, "attempt 1: trustee 3, rehearsal", "Ceremony hash", "Signature"]
    {
        assert!(page.contains(expected), "{expected} is not in the page");
    }
    assert!(!page.contains("http"), "the page needs nothing from elsewhere");
}
