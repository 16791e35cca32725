//! Criterion benches (`benches/benches/`), generators of records (`src/bin/`), and tests that run on what they make.

pub mod cpu;
pub mod tampered;
pub mod types;
pub mod writer;
