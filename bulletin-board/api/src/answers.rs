//! The bodies of the board's JSON answers. Members may be added; clients ignore those that they do not know.

use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;
use veritally_crypto::leaves::{Head, TallyHead};
use veritally_crypto::manifest::Texts;
use veritally_crypto::record::{Counts, Phase};
use veritally_crypto::signature::VerificationKey;
use veritally_crypto::tally::EncodedSum;

/// `GET /board`: what a manifest needs to know of the board that will keep its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardInfo {
    /// The board's own administrator's key: a manifest that lists it as held by the board lets the board open and close
    /// the election by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator_key: Option<VerificationKey>,
    /// Signs every checkpoint of this board.
    pub log_key: VerificationKey,
    /// The origin of an election's log is `<origin_prefix>/<election>`.
    pub origin_prefix: String,
    /// The board's clock, milliseconds since the Unix epoch, UTC.
    pub time_ms: u64,
}

impl BoardInfo {
    /// The origin of this election's log.
    #[must_use]
    pub fn origin(&self, election: &Id) -> String {
        format!("{}/{election}", self.origin_prefix)
    }
}

/// Whether the board can take entries for an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Reads and writes.
    Serving,
    /// The store fails; the board keeps trying.
    Unavailable,
    /// Another node sequences this election, or its stored log does not fit its checkpoint: an operator must look.
    Stopped,
}

/// One line of `GET /elections`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectionSummary {
    /// When voting is to end, extensions included.
    pub closes_at_ms: u64,
    /// The path under which the board serves it.
    pub election: Id,
    /// SHA-256 of the manifest. Compare it with a letter or another source, not with the board.
    pub fingerprint: Hash,
    /// By language.
    pub name: Texts,
    /// When voting is to begin.
    pub opens_at_ms: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Whether it can be written to.
    pub service: Service,
}

/// `GET /e/{election}/status`, and the data of `status` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The signed checkpoint of `head`.
    #[serde(default)]
    pub checkpoint: String,
    /// When voting is to end, extensions included.
    pub closes_at_ms: u64,
    /// How many ballots came.
    pub counts: Counts,
    /// Which election.
    pub election: Id,
    /// SHA-256 of the manifest.
    pub fingerprint: Hash,
    /// The log's size and root, as in the checkpoint.
    pub head: Head,
    /// When voting is to begin.
    pub opens_at_ms: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Whether it can be written to.
    pub service: Service,
    /// The board's clock.
    pub time_ms: u64,
}

/// The data of `tally` events: the running encrypted tally that a logged tally head commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The logged commitment; its `tree_size` is its index.
    pub head: TallyHead,
    /// Sums by reporting group and style; their digest is `head.digest`.
    pub sums: Vec<EncodedSum>,
}

/// `GET /ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// How many are served.
    pub elections: u64,
    /// Those that are not written to here: an operator must look.
    pub stopped: Vec<Id>,
    /// What an operator should look at, in English: the clock.
    pub warnings: Vec<String>,
}

/// One line of `GET /e/{election}/witnesses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessState {
    /// The witness's name in the manifest.
    pub name: String,
    /// Why it does not cosign now, in English; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The time of its last cosignature, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// The size of the log that it last cosigned; 0 for none.
    pub tree_size: u64,
}

/// `GET /e/{election}/witnesses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnesses {
    /// How many must cosign, by the manifest.
    pub quorum: u64,
    /// The size of the largest log that so many cosigned; 0 for none since the board started.
    pub tree_size: u64,
    /// Each witness that the manifest names.
    pub witnesses: Vec<WitnessState>,
}
