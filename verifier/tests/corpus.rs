//! The tampered corpus from a folder that `tampered DIR` wrote (benches/src/bin/tampered.rs), for `benches/mutants`: so its
//! mutants are built without everything else that cheats are made of. `VERITALLY_CORPUS` names the folder; without it
//! benches/tests/tampered.rs alone makes and verifies the same records, in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;

use rayon::prelude::*;
use serde::Deserialize;
use veritally_crypto::hash::Hash;
use veritally_verifier::source::Folder;
use veritally_verifier::{NoProgress, Options, Verified, verify_record};

#[derive(Deserialize)]
struct Case {
    name: String,
    fails: Vec<String>,
    entries: BTreeSet<u64>,
    fingerprint: Option<Hash>,
}

#[test]
fn every_cheat_of_the_corpus_fails_exactly_its_own_check() {
    let Some(corpus) = std::env::var_os("VERITALLY_CORPUS") else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: VERITALLY_CORPUS is not set (benches/mutants sets it)");
        return;
    };
    let corpus = Path::new(&corpus);
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(corpus.join("cases.json")).unwrap()).unwrap();
    assert!(cases.len() > 60, "{}", cases.len());
    let wrong: Vec<String> = cases
        .par_iter()
        .filter_map(|case| {
            let options = Options { fingerprint: case.fingerprint, jobs: NonZeroUsize::new(1) };
            let verified = verify_record(&Folder::new(corpus.join(&case.name)), &options, &NoProgress).unwrap();
            let Verified { report, state, uncosigned } = verified;
            let named: BTreeSet<u64> =
                case.fails.iter().filter_map(|id| report.check(id)).flat_map(|check| check.entries.clone()).collect();
            let witnesses_missing = case.fails == ["V4"];
            let handed_out = (state.is_some(), uncosigned.is_some()) != (false, witnesses_missing);
            (handed_out || report.failed() != case.fails || named != case.entries)
                .then(|| format!("{}: {:?} {named:?}", case.name, report.failed()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
