//! What the fuzz targets run (`benches/fuzz/`), here without a fuzzer: on every seed, and on some thousand mutations of them
//! that are the same each time. `scripts/fuzz` goes on from there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Longest input: an entry has at most 65,535 bytes; a little more must be refused, not read.
const MAX_BYTES: usize = 70_000;

/// What decoders of text and JSON look at more closely.
const TOKENS: [&[u8]; 16] = [
    b"\n",
    b"\n\n",
    b"\0",
    b"\"",
    b"{}",
    b"[]",
    b"null",
    b"-1",
    b"0",
    b"1e9",
    b"9007199254740992",
    b"18446744073709551615",
    b"\xef\xbb\xbf",
    b"\xff",
    b"/",
    b"?fp=",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The seeds that the sample election makes today.
fn made() -> &'static [fuzz::Seed] {
    static SEEDS: OnceLock<Vec<fuzz::Seed>> = OnceLock::new();
    SEEDS.get_or_init(|| fuzz::seeds().unwrap())
}

/// Those, and the committed ones, which may be of an earlier election.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let committed = std::fs::read_dir(folder().join("seeds").join(target)).unwrap();
    let committed = committed.map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let made = made().iter().filter(|seed| seed.0 == target).map(|seed| seed.2.clone());
    committed.chain(made).collect::<BTreeSet<_>>().into_iter().collect()
}

/// One to four changes, anywhere.
fn mutated(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len().min(at + 64));
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            4 => drop(bytes.splice(at..end, TOKENS[rng.random_range(0..TOKENS.len())].iter().copied())),
            5 => bytes.truncate(at),
            _ => {
                let other = &seeds[rng.random_range(0..seeds.len())];
                let from = rng.random_range(0..=other.len());
                bytes.splice(at..end, other[from..other.len().min(from + 64)].iter().copied());
            }
        }
    }
    bytes.truncate(MAX_BYTES);
    bytes
}

/// Says which input it was when a target panics.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was \"{}\"", self.0.escape_ascii());
        }
    }
}

fn replay(target: &str, run: fn(&[u8]) -> bool, mutations: u32) {
    let seeds = seeds(target);
    for seed in &seeds {
        let _shown = Shown(seed);
        assert!(run(seed), "a seed of {target} is not read");
    }
    let rng = &mut StdRng::seed_from_u64(target.len() as u64);
    for _ in 0..mutations {
        let input = mutated(&seeds, rng);
        let _shown = Shown(&input);
        run(&input);
    }
}

/// A test for each target, with so many mutations as take about a second.
macro_rules! targets {
    ($($name:ident $mutations:literal,)*) => {
        const TARGETS: &[&str] = &[$(stringify!($name)),*];

        mod every_seed_is_read_and_no_mutation_does_harm_to {
            $(#[test]
            fn $name() {
                super::replay(stringify!($name), super::fuzz::$name, $mutations);
            })*
        }
    };
}

targets! {
    ballot 2_000,
    ballot_file 10_000,
    bounce 5_000,
    canonical 20_000,
    checkpoint 20_000,
    code_list 20_000,
    credential_code 20_000,
    entry_bundle 20_000,
    evidence 100,
    leaf 20_000,
    link 20_000,
    manifest 10_000,
    marks 20_000,
    note 20_000,
    opening 10_000,
    receipt 20_000,
    record 300,
    spoiled 10_000,
    tile_path 20_000,
    voter_list 20_000,
    witness_request 20_000,
}

#[test]
fn every_target_of_the_fuzzer_has_seeds_and_is_run_here() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(ToString::to_string).collect();
    assert_eq!(names(folder().join("fuzz_targets")), targets);
    if std::env::var_os("VERITALLY_WRITE_SEEDS").is_some() {
        for (target, name, bytes) in made() {
            let folder = folder().join("seeds").join(target);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    assert_eq!(names(folder().join("seeds")), targets);
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"\n")), "{target}");
        let code = std::fs::read_to_string(folder().join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(code.contains(&format!("veritally_fuzz::{target}(bytes)")), "{target}");
        assert!(made().iter().any(|seed| seed.0 == target), "{target} has no seed");
    }
}
