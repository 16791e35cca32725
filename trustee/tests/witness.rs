//! `veritally-trustee witness` against boards that grow, fork and go back; and trustees of an election that needs witnesses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use veritally_board_api::key_file;
use veritally_crypto::signature::SigningSecret;
use veritally_verifier::evidence::{Evidence, Weight};

use common::*;

const NAME: &str = "w.example";

fn key() -> SigningSecret {
    SigningSecret::from_seed(&[9; 32])
}

/// The program as a witness that asks once.
fn witness(world: &World) -> Command {
    let file = world.dir.path().join("witness.key");
    if !file.exists() {
        key_file::create(&file, &key()).unwrap();
    }
    let (file, state) = (file.to_str().unwrap().to_owned(), state(world).to_str().unwrap().to_owned());
    world.about("witness", &["--once", "--witness-key", &file, "--name", NAME, "--state", &state])
}

fn state(world: &World) -> PathBuf {
    world.dir.path().join("witness")
}

/// The checkpoint that the witness has cosigned last.
fn cosigned(world: &World) -> PathBuf {
    let folders = std::fs::read_dir(state(world)).unwrap().map(|entry| entry.unwrap().path());
    folders.map(|folder| folder.join("checkpoint")).find(|file| file.exists()).unwrap()
}

/// Kind and weight of all evidence that the witness has kept.
fn evidence(world: &World) -> Vec<(String, Weight)> {
    let folders = std::fs::read_dir(state(world).join("evidence")).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = folders
        .map(|folder| Evidence::read(&folder).unwrap())
        .map(|found| (found.finding.kind().to_owned(), found.check().unwrap()))
        .collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trustee_as_witness_cosigns_what_grows_and_refuses_forks_and_rollbacks_with_evidence() {
    let world = World::create(2, 2, 3).await;
    let before = cheating::entries(&world).await;
    let said = succeeds(witness(&world)).await;
    assert!(said.contains("witness w.example+") && said.contains("cosigned 1 entries"), "{said}");
    fails_with(world.ceremony(1, 0), "still waiting").await;
    let said = succeeds(witness(&world)).await;
    assert!(said.contains("cosigned 2 entries"), "{said}");
    let kept = std::fs::read(cosigned(&world)).unwrap();

    // As many entries, another one.
    let mut world = world;
    let real = world.link.clone();
    let other = world.ceremony_message_of(2).await;
    cheating::show(&mut world, &[before.clone(), vec![other]].concat()).await;
    let said = fails_with(witness(&world), "NOT cosigned: fork").await;
    assert!(said.contains("the evidence is in"), "{said}");
    // Fewer.
    world.link = real.clone();
    cheating::show(&mut world, &before).await;
    fails_with(witness(&world), "NOT cosigned: rollback").await;
    assert_eq!(evidence(&world), [("fork".into(), Weight::Proof), ("rollback".into(), Weight::Testimony)]);
    assert_eq!(std::fs::read(cosigned(&world)).unwrap(), kept, "what was cosigned stays what was cosigned");

    // Without a fingerprint nobody knows which log is meant; on the honest board it goes on.
    world.link = real;
    let fingerprint = world.link.fingerprint.take();
    fails_with(witness(&world), "a witness must know which log it means").await;
    world.link.fingerprint = fingerprint;
    fails_with(world.ceremony(2, 0), "still waiting").await;
    let said = succeeds(witness(&world)).await;
    assert!(said.contains("cosigned 3 entries"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_witnesses_have_not_cosigned_everything_is_shown_and_nothing_agreed_to() {
    let named = format!("witness_quorum = 1\n[[witnesses]]\nname = {NAME:?}\nkey = \"{}\"", key().verification_key());
    let mut world = World::create_with((2, 2, 3), &named).await;
    world.hold_ceremony(&[1, 2, 3]).await;
    let not_yet = "0 of 1 witnesses cosigned the checkpoint; 1 are needed. Not yet cosigned by w.example.";
    let said = succeeds(world.status()).await;
    assert!(said.contains(not_yet) && said.contains("is complete: the election's keys exist"), "{said}");
    let link = world.link.to_string();
    let said = succeeds(world.command(1, "rehearse", &["--link", &link])).await;
    assert!(said.contains(not_yet) && said.contains("key file works"), "{said}");
    let page = world.dir.path().join("page.html");
    assert!(succeeds(world.about("page", &["--out", page.to_str().unwrap()])).await.contains(not_yet));
    world.open(1).await;
    world.cast(0, "a").await;
    world.close().await;
    let said = fails_with(world.decrypt(1, 0), not_yet).await;
    assert!(said.contains("nothing was agreed to or decrypted"), "{said}");
    // Without a network: the folder as it is, and as it is with the cosignature.
    let (record, out) = (world.dir.path().join("record"), world.dir.path().join("out.jsonl"));
    succeeds(world.about("export", &["--out", record.to_str().unwrap()])).await;
    let offline = |world: &World, record: &Path| {
        let (record, out) = (record.to_str().unwrap(), out.to_str().unwrap());
        let fingerprint = world.link.fingerprint.unwrap().to_string();
        let more = ["--record", record, "--fingerprint", &fingerprint, "--out", out, "--yes", "--accept-early-closing"];
        world.command(1, "offline", &more)
    };
    fails_with(offline(&world, &record), not_yet).await;
    assert_eq!(world.replica().await.state().agreements().len(), 0);
    succeeds(witness(&world)).await;
    std::fs::copy(cosigned(&world), record.join("checkpoint")).unwrap();
    assert!(succeeds(offline(&world, &record)).await.contains("agreement: 1 entries"));
}
