//! Attacks on the ballot proof: provers that cheat against the real verifier, and against weakened ones, written a
//! second time from the specification, which show that each rule is needed.
//!
//! - [`prover`]: prover and verifier with every value and rule open to change.
//! - [`traps`]: the simplifications of specs/security.md section 5; each breaks the proof, none is in it.
//! - [`binding`]: what challenges, nonces and batch weights have to depend on.
//! - [`rules`]: votes that break a rule, in every contest type and in random manifests.
//! - [`contests`]: random contests and answers, and what they count in the clear.
//! - [`voters`]: re-issued credentials and published spoiled ballots.
//! - [`yardstick`]: the classic disjunctive proof per option; both proofs accept the same votes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod binding;
mod contests;
mod prover;
mod rules;
mod traps;
mod voters;
mod yardstick;
