//! Real trustees against boards that cheat after the election, and trustees that do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::path::Path;
use std::process::Command;

use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Agreement, AgreementTag};
use veritally_trustee::evidence::folder_of;
use veritally_verifier::evidence::{Evidence, Finding, Weight};

use common::*;

/// Three trustees, their keys made, one ballot cast.
async fn voted() -> World {
    let mut world = World::create(2, 2, 3).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    world.open(3).await;
    world.cast(0, "a").await;
    world
}

/// The only evidence that a trustee has kept, checked from its own files.
fn evidence(world: &World, trustee: usize) -> (Evidence, Weight) {
    let folder = folder_of(&world.key(trustee));
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let evidence = Evidence::read(&found.pop().unwrap()).unwrap();
    let weight = evidence.check().unwrap();
    assert_eq!(evidence.fingerprint(), world.link.fingerprint);
    (evidence, weight)
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
    std::fs::remove_file(veritally_trustee::journal::path_of(&world.key(1))).unwrap();
    fails_with(world.decrypt(1, 0), "an agreement of this trustee that its journal does not know").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agreement_and_one_signed_by_another_are_refused_and_a_bad_share_is_named() {
    let world = voted().await;
    world.close().await;
    fails_with(world.decrypt(1, 0), "1 of 2 agreements").await;
    let head = {
        let folder = tempfile::tempdir().unwrap();
        let no = veritally_verifier::NoProgress;
        let copy = veritally_verifier::source::download(&world.link, folder.path(), &no).await.unwrap().folder;
        let options = veritally_verifier::Options::default();
        veritally_verifier::verify_record(&copy, &options, &no).unwrap().state.unwrap().closing_head().unwrap()
    };
    let agreement = |trustee| Agreement {
        head,
        signature: None,
        time_ms: 7,
        trustee: veritally_crypto::id::TrusteeId(trustee),
        tag: AgreementTag,
    };
    let refused = world.post(agreement(1), world.store(1).identity()).await.unwrap_err();
    assert!(refused.contains("agreement is given once"), "{refused}");
    let refused = world.post(agreement(2), world.store(3).identity()).await.unwrap_err();
    assert!(refused.contains("trustee 2"), "{refused}");
    let mut other = agreement(2);
    other.head.root = Hash::of(b"another log");
    let refused = world.post(other, world.store(2).identity()).await.unwrap_err();
    assert!(refused.contains("two views of the log"), "{refused}");
    run_all([1, 2].map(|i| world.decrypt(i, 60))).await;
    world.publish().await;
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
