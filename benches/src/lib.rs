//! What several programs, benches and tests of this package share. The package measures and makes; nobody builds on it.
//!
//! - `benches/`: criterion benches, each beside a floor that is measured in the same run: `ballots` and `tally` (the protocol),
//!   `programs` (log and verifier), `peers` (elastic-elgamal, the same group), `ballot_table` (sizes and times by contest type,
//!   for specs/ballot-sizes.md), `timing` (does time depend on secrets?). `benches/report` runs them all and writes README.md.
//! - `src/bin/`: `record` writes a record of so many ballots, `throughput` verifies one, `veritally-load` drives a real board,
//!   `instructions` is counted under valgrind, `report` makes tables and plots, `tampered` writes the corpus below.
//! - [`tampered`]: one record for each way to cheat that the threat model knows, with the check that must fail;
//!   `tests/tampered.rs` holds the verifier to it, `specs/reference/verify_corpus.py` the Python implementation.
//! - `fuzz/`: what the fuzz targets of all decoders run, and their seeds; `tests/fuzzed.rs` replays them without a fuzzer.
//!
//! Start at `benches/ballots.rs` for how something is measured, at `src/tampered/lab.rs` for how something is falsified. Elections
//! with the real programs from end to end are scripts: `scripts/lib/elections`, `scripts/lib/faults`.
//!
//! - [`types`]: an election for each contest type.
//! - [`writer`]: records larger than memory.
//! - [`cpu`]: a thread's processor time.

pub mod cpu;
pub mod tampered;
pub mod types;
pub mod writer;
