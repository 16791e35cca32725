//! Reads every case of every file of `specs/vectors/`, which the second implementation (`specs/reference/`) makes from the
//! specification alone. A file or a kind of case that nobody reads is a failure.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

mod disputes;
mod log;
mod officials;
mod primitives;
mod record;
mod voting;

/// One topic's file.
pub struct File(Value);

/// One case, and the file that it stands in.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub file: &'a File,
    pub value: &'a Value,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../specs/vectors")
}

impl File {
    fn read(topic: &str) -> Self {
        let path = folder().join(format!("{topic}.json"));
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// A list of entries that the file's cases share.
    pub fn entries(&self, member: &str) -> Vec<Vec<u8>> {
        self.0[member].as_array().unwrap().iter().map(|e| e.as_str().unwrap().as_bytes().to_vec()).collect()
    }

    pub fn member(&self, name: &str) -> &Value {
        &self.0[name]
    }
}

impl<'a> Case<'a> {
    pub fn text(self, member: &str) -> &'a str {
        self.value[member].as_str().unwrap_or_else(|| panic!("{member} of {}", self.value["name"]))
    }

    pub fn number(self, member: &str) -> u64 {
        self.value[member].as_u64().unwrap()
    }

    pub fn hex(self, member: &str) -> Vec<u8> {
        hex::decode(self.text(member)).unwrap()
    }

    pub fn list(self, member: &str) -> &'a [Value] {
        self.value[member].as_array().unwrap()
    }
}

pub fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// Runs `judge(kind, case)` on each case; its name shows when it fails.
fn for_each(topic: &str, mut judge: impl FnMut(&str, Case<'_>)) {
    let file = File::read(topic);
    let cases = file.0["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for value in cases {
        let kind = value["kind"].as_str().unwrap();
        println!("{topic}: {kind}: {}", value["name"].as_str().unwrap());
        judge(kind, Case { file: &file, value });
    }
}

macro_rules! topics {
    ($($topic:ident $judge:path)*) => {
        $(
            #[test]
            fn $topic() {
                for_each(stringify!($topic), $judge);
            }
        )*

        #[test]
        fn every_file_is_read() {
            let known = BTreeSet::from([$(concat!(stringify!($topic), ".json").to_owned()),*]);
            let found = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            assert_eq!(found.collect::<BTreeSet<_>>(), known);
        }
    };
}

topics! {
    generators primitives::generator
    hashing primitives::hash
    transcripts primitives::transcript
    encodings primitives::encoding
    canonical primitives::canonical
    signatures primitives::signature
    credentials voting::credential
    contests voting::contest
    encryption voting::opening
    ballots voting::ballot
    manifests officials::manifest
    ceremony officials::ceremony
    disputes disputes::disputes
    shares officials::shares
    tally officials::tally
    log log::log
    record record::record
    parts record::parts
}

#[test]
#[should_panic(expected = "unread kind")]
fn a_kind_of_case_that_nobody_knows_fails() {
    let file = File(Value::Null);
    primitives::generator("new-kind", Case { file: &file, value: &Value::Null });
}
