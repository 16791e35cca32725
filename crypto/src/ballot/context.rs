//! What all ballots of one election share.

use std::sync::{Arc, OnceLock};

use super::Statement;
use super::tables::Tables;
use crate::ceremony::ElectionKeys;
use crate::group::{Generators, Scalar};
use crate::id::Id;
use crate::manifest::CheckedManifest;
use crate::relation::CompiledStyle;
use crate::transcript::{Transcript, TranscriptProtocol as _};

/// Manifest, election keys, generators and the common beginning of all ballots' transcripts.
pub struct BallotContext {
    manifest: Arc<CheckedManifest>,
    keys: Arc<ElectionKeys>,
    pub(super) generators: Generators,
    /// For each style, the transcript up to `relation`: the same for all its ballots, so hashed once.
    prefixes: Vec<Transcript>,
    /// Empty until somebody [expects many](BallotContext::expect_many) ballots to encrypt.
    pub(super) tables: OnceLock<Tables>,
}

impl std::fmt::Debug for BallotContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BallotContext({})", self.manifest.fingerprint())
    }
}

impl BallotContext {
    /// For an election whose ceremony is complete.
    #[must_use]
    pub fn new(manifest: Arc<CheckedManifest>, keys: Arc<ElectionKeys>) -> Self {
        let bits = manifest.styles().iter().map(|s| s.relation.bits).max().unwrap_or(0);
        let styles = manifest.ballot_styles.iter().zip(manifest.styles());
        let prefixes = styles
            .map(|(style, compiled)| {
                // B1, as far as it is the same for all ballots of the style.
                let mut transcript = Transcript::protocol("ballot");
                transcript.append_hash(b"fingerprint", &manifest.fingerprint());
                transcript.append_hash(b"ceremony", &keys.ceremony);
                transcript.append_points(b"keys", &keys.encoded);
                transcript.append_message(b"style", style.id.as_bytes());
                transcript.append_hash(b"relation", &compiled.relation.digest);
                transcript
            })
            .collect();
        Self { generators: Generators::new(bits), manifest, keys, prefixes, tables: OnceLock::new() }
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<CheckedManifest> {
        &self.manifest
    }

    /// The trustees' joint keys.
    #[must_use]
    pub fn keys(&self) -> &Arc<ElectionKeys> {
        &self.keys
    }

    pub(super) fn style(&self, id: &Id) -> Option<(&CompiledStyle, &Transcript)> {
        let (index, style) = self.manifest.style(id)?;
        Some((style, self.prefixes.get(index)?))
    }

    /// The election keys of a style's secret rows.
    pub(super) fn style_keys(&self, style: &CompiledStyle) -> impl Iterator<Item = &crate::group::RistrettoPoint> {
        style.keys.iter().filter_map(|&key| self.keys.keys.get(key))
    }

    /// *B1* and *B2*: the rest of the statement, then y.
    pub(super) fn challenge_y(prefix: &Transcript, statement: &Statement<'_>) -> (Transcript, Scalar) {
        let mut transcript = prefix.clone();
        transcript.append_point(b"credential", statement.credential);
        transcript.append_integer(b"counter", statement.counter);
        transcript.append_hash(b"previous", statement.previous);
        transcript.append_point(b"pad", statement.pad);
        transcript.append_points(b"data", statement.data);
        transcript.append_point(b"bits", statement.bits);
        let y = transcript.challenge_scalar(b"y");
        (transcript, y)
    }
}
