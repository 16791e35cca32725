//! What a verification is told, and why it could not run.

use std::num::NonZeroUsize;

use veritally_crypto::hash::Hash;

use crate::source::SourceError;

/// What a verification is told besides the record.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The fingerprint from a letter, a link or a newspaper: which election is meant. Without it the report says that
    /// it was not compared.
    pub fingerprint: Option<Hash>,
    /// Threads; as many as there are cores when `None`.
    pub jobs: Option<NonZeroUsize>,
}

/// Why a verification could not run, as opposed to a record that fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The record can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No threads, or no randomness from the operating system.
    #[error("the operating system gives no {0}")]
    System(&'static str),
}
