//! Criterion benches (`benches/benches/`), generators of records (`src/bin/`), and tests that run on what they make.

pub mod tampered;
pub mod writer;
