//! Criterion benches (`benches/benches/`) and end-to-end tests that run the real programs (`benches/tests/`).
