//! Reports: JSON obeys its schema, the page is whole and harmless.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::*;
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::Head;
use veritally_crypto::sample::english;
use veritally_verifier::{Report, html};

const HOSTILE: &str = "<script>alert(1)</script> & \"x\" <img src='https://evil.example/'>";

fn reports() -> Vec<Report> {
    let record = record(finished());
    let mut wrong = record.files().unwrap();
    let head = Head { root: Hash::of(b"other"), ..record.head() };
    wrong.0.insert("checkpoint".into(), record.checkpoint(&head).unwrap());
    let mut unreadable = record.files().unwrap();
    unreadable.0.insert("checkpoint".into(), b"x\n".to_vec());
    [files(begun(|_| {})), files(voted()), record.files().unwrap(), wrong, unreadable]
        .iter()
        .map(|f| check(f))
        .collect()
}

#[test]
fn every_report_obeys_the_schema_and_another_one_does_not() {
    let schema = serde_json::from_str(include_str!("../../specs/report.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for report in reports() {
        let json = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        let wrong: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        for (member, value) in [("verdict", "perhaps".into()), ("secret", 1.into()), ("tree_size", (-1).into())] {
            let mut altered: serde_json::Value = json.clone();
            altered[member] = value;
            assert!(!schema.is_valid(&altered), "{member}");
        }
    }
}

/// Every hash as `…`, so that the sentences are the same for any keys.
fn without_hashes(text: &str) -> String {
    let is_hash = |word: &str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split(' ').map(|word| if is_hash(word.trim_end_matches(['.', ','])) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_said_of_an_election_that_has_begun_is_open_and_is_published_stands_here_word_for_word() {
    let [begun, open, published, ..] = <[Report; 5]>::try_from(reports()).unwrap();
    let mut said = String::new();
    for (title, report) in [("begun", begun), ("open", open), ("published", published)] {
        said.push_str(&format!("# {title}\n"));
        for check in &report.checks {
            said.push_str(&format!("{} {:?}: {}\n", check.id, check.status, without_hashes(&check.message)));
        }
    }
    let expected = include_str!("sentences.txt");
    assert!(said == expected, "verifier/tests/sentences.txt would be:\n{said}");
}

#[test]
fn the_page_shows_counts_and_checks_and_loads_nothing() {
    let report = check(&files(finished()));
    let page = html::render(&report, 1_798_761_600_000).unwrap();
    assert!(page.contains("<strong>PASS.</strong>") && page.contains("2027-01-01"), "{page}");
    assert!(page.contains(&report.fingerprint) && page.contains("13 of 13, 100.0 %"));
    for check in &report.checks {
        assert!(page.contains(&format!("{} {}", check.id, check.name)));
    }
    for loading in ["http://", "https://", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(loading), "{loading}");
    }
    assert!(page.matches("<svg").count() > report.contests.len());
    let [begun, open, _, wrong, _] = reports().try_into().unwrap();
    for (report, words) in [(begun, "as far as the election has come"), (open, "as far as"), (wrong, "V5 failed")] {
        let page = html::render(&report, 0).unwrap();
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn hostile_names_stay_text_on_the_page() {
    let mut election = begun(|manifest| {
        manifest.name = english(HOSTILE);
        manifest.contests[0].name = english(HOSTILE);
        manifest.contests[0].selections[0].name = english(HOSTILE);
    });
    let rng = &mut rng();
    election.ceremony(rng).unwrap();
    election.roll(&VOTERS, rng).unwrap();
    election.open().unwrap();
    for voter in 0..4 {
        vote(&mut election, voter, "a", None);
    }
    election.finish(rng).unwrap();
    let report = check(&files(election));
    assert_eq!(report.name, HOSTILE);
    let page = html::render(&report, 0).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("evil.example/'"), "{page}");
    assert!(page.contains("alert(1)"));
}
