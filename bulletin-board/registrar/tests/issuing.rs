//! Codes and roll: the board takes them, they fit each other, nothing secret is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use veritally_crypto::canonical::MAX_LEAF_BYTES;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::manifest::Manifest;
use veritally_crypto::sample::{SampleElection, english, id};
use veritally_crypto::signature::SigningSecret;
use veritally_registrar::codes;
use veritally_registrar::issue::{IssueError, Issued, Registrar};
use veritally_registrar::voters::VoterListReader;

fn election(edit: impl FnOnce(&mut Manifest)) -> SampleElection {
    SampleElection::start((1, 1), edit, &mut rand::rng()).unwrap()
}

fn issue(election: &SampleElection, count: usize) -> Issued {
    let registrar = Registrar::new(&election.entries[0], Some(&election.fingerprint()), &election.registrar).unwrap();
    let voters = VoterListReader::new(registrar.manifest()).numbered(count).unwrap();
    registrar.issue(voters, &mut rand::rng(), || {}).unwrap()
}

#[test]
fn the_board_takes_the_roll_and_every_code_is_on_it() {
    let mut election = election(|_| {});
    let issued = issue(&election, 1_000);
    assert_eq!(issued.leaves.len(), 4, "three parts of at most 400, and the end");
    for leaf in &issued.leaves {
        election.append(leaf.clone()).unwrap();
    }
    assert!(election.state.roll_hash().is_some());
    assert_eq!(election.state.voters().count(), 1_000);
    for one in &issued.voters {
        let credential = one.code.credential(&election.fingerprint()).public();
        assert_eq!(credential, one.credential);
        assert!(election.state.voter(credential).is_some());
    }
}

#[test]
fn the_roll_is_sorted_across_its_parts_and_says_nothing_of_the_order_of_the_list() {
    let election = election(|_| {});
    let issued = issue(&election, 900);
    let mut keys = vec![];
    for leaf in &issued.leaves {
        if let Leaf::RollPart(part) = Leaf::parse(leaf).unwrap() {
            keys.extend(part.entries.into_iter().map(|entry| entry.credential));
        }
    }
    assert!(keys.is_sorted() && keys.len() == 900);
    assert!(!issued.voters.is_sorted_by_key(|one| one.credential));
}

#[test]
fn parts_fit_an_entry_however_long_the_ids_are() {
    let long = "x".repeat(64);
    let election = election(|m| {
        m.groups[0].id = id(&long).unwrap();
        m.ballot_styles[0].id = id(&long).unwrap();
        m.name = english("Long");
    });
    let issued = issue(&election, 800);
    assert!(issued.leaves.len() > 3);
    assert!(issued.leaves.iter().all(|leaf| leaf.len() <= MAX_LEAF_BYTES));
}

#[test]
fn codes_differ_and_the_file_of_codes_has_them_with_ids_and_fingerprint() {
    let election = election(|_| {});
    let issued = issue(&election, 300);
    let bytes = codes::to_csv(&issued).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), codes::COLUMNS);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| row[3].to_owned()).collect::<BTreeSet<_>>().len(), 300);
    for (row, one) in rows.iter().zip(&issued.voters) {
        assert_eq!(&row[0], one.voter.id.as_str());
        let code = CredentialCode::parse(&row[3]).unwrap();
        assert_eq!(code.credential(&election.fingerprint()).public().public_id(), row[4]);
        assert_eq!(&row[8], election.fingerprint().to_string());
    }
}

#[test]
fn nothing_secret_is_printed() {
    let issued = issue(&election(|_| {}), 2);
    let shown = format!("{issued:?}");
    for one in &issued.voters {
        assert!(!shown.contains(one.code.expose_text().as_str()));
    }
    assert!(shown.contains("redacted"));
}

#[test]
fn another_fingerprint_key_or_manifest_is_refused() {
    let election = election(|_| {});
    let leaf = &election.entries[0];
    let other = Registrar::new(leaf, Some(&Hash::ZERO), &election.registrar);
    assert!(matches!(other, Err(IssueError::Fingerprint { .. })));
    let stranger = SigningSecret::generate(&mut rand::rng());
    assert!(matches!(Registrar::new(leaf, None, &stranger), Err(IssueError::OtherKey(_))));
    let reformatted = [leaf.as_slice(), b"\n"].concat();
    let refused = Registrar::new(&reformatted, None, &election.registrar).unwrap_err();
    assert!(refused.to_string().contains("exact bytes"), "{refused}");
}

#[test]
fn more_weight_than_the_manifest_allows_is_refused() {
    let election = election(|m| m.max_total_weight = 5);
    let registrar = Registrar::new(&election.entries[0], None, &election.registrar).unwrap();
    let reader = VoterListReader::new(registrar.manifest());
    let voters = reader.read(b"id,weight\na,3\nb,3\n").unwrap();
    let refused = registrar.issue(voters, &mut rand::rng(), || {});
    assert!(matches!(refused, Err(IssueError::TotalWeight { total: 6, max: 5 })));
    let voters = reader.read(b"id,weight\na,1099511627776\nb,1099511627776\n").unwrap();
    assert!(registrar.issue(voters, &mut rand::rng(), || {}).is_err());
}

#[test]
fn progress_is_told_for_each_credential() {
    let election = election(|_| {});
    let registrar = Registrar::new(&election.entries[0], None, &election.registrar).unwrap();
    let voters = VoterListReader::new(registrar.manifest()).numbered(50).unwrap();
    let derived = AtomicUsize::new(0);
    registrar.issue(voters, &mut rand::rng(), || _ = derived.fetch_add(1, Ordering::Relaxed)).unwrap();
    assert_eq!(derived.into_inner(), 50);
}
