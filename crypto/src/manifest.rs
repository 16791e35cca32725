//! The manifest: leaf 0, the one description of an election. Its hash is the fingerprint.

use std::collections::{BTreeMap, BTreeSet};

use rand::CryptoRng;
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::contests::Rule;
use crate::group::EncodedPoint;
use crate::id::{Id, TrusteeId};
use crate::knowledge::KnowledgeProof;
use crate::leaves::tag;
use crate::signature::VerificationKey;

mod problem;
mod validate;
pub use problem::ManifestError;
pub use validate::CheckedManifest;

tag!(ManifestTag, "manifest/v1");

/// A text in every language of the election.
pub type Texts = BTreeMap<String, String>;

/// Largest total of a row over all ballots: discrete logarithms up to here are found in seconds.
pub const MAX_TOTAL: u64 = 1 << 40;

/// Who opens, extends, closes, publishes, abandons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    /// True when the board keeps this key, for its dashboard.
    pub held_by_board: bool,
    /// Signs.
    pub key: VerificationKey,
    /// For people.
    pub name: String,
}

/// A name and a key: the registrar, a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedKey {
    /// Signs what its holder sends.
    pub key: VerificationKey,
    /// For people.
    pub name: String,
}

/// A trustee's public description: what `veritally-trustee init` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrusteeKeys {
    /// PK_i: shares are encrypted to it.
    pub encryption_key: EncodedPoint,
    /// Signs the trustee's entries.
    pub identity_key: VerificationKey,
    /// For people.
    pub name: String,
    /// Possession of the encryption key, bound to the identity key.
    pub proof: KnowledgeProof,
}

/// An option of a contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Unique in its contest.
    pub id: Id,
    /// For people.
    pub name: Texts,
}

/// Something that is voted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contest {
    /// Unique in the election.
    pub id: Id,
    /// For people: what is asked.
    pub name: Texts,
    /// Voters' programs show the selections in random order, on the screen only. Left out of the JSON when false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random_order: bool,
    /// What is a valid answer, and how it is counted.
    pub rule: Rule,
    /// What can be chosen, in the order in which counts are given.
    pub selections: Vec<Selection>,
}

impl Contest {
    /// The selections' indexes in the order in which a voter's program shows them: the manifest's, or a random one that
    /// is drawn for each voter. Bits, answers and counts keep the manifest's order.
    pub fn shown_order(&self, rng: &mut impl CryptoRng) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.selections.len()).collect();
        if self.random_order {
            order.shuffle(rng);
        }
        order
    }
}

/// The contests that a group of voters finds on its ballots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallotStyle {
    /// Ids, in manifest order, at least one.
    pub contests: Vec<Id>,
    /// Unique among the styles.
    pub id: Id,
    /// For people.
    pub name: Texts,
}

/// A reporting group: counts are published by group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Unique among the groups.
    pub id: Id,
    /// For people.
    pub name: Texts,
}

/// The log's name and key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogIdentity {
    /// Signs checkpoints.
    pub key: VerificationKey,
    /// First line of every checkpoint and name of its signature.
    pub origin: String,
}

/// When voting is announced to begin and end; milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// After the opening.
    pub closes_at_ms: u64,
    /// Before the closing.
    pub opens_at_ms: u64,
}

/// Leaf 0; specs/encoding.md says what each member means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// 1 to 32.
    pub administrators: Vec<Administrator>,
    /// q: how many trustees must agree to one log before any decrypts; from k to n.
    pub agreement_quorum: u64,
    /// Which contests stand on which ballots; at least one.
    pub ballot_styles: Vec<BallotStyle>,
    /// How many ballots a voter may cast, of which the last counts; 1 to 1,000.
    pub casts_per_credential: u64,
    /// What is voted on; at least one.
    pub contests: Vec<Contest>,
    /// For people; the only text that may be blank.
    pub description: Texts,
    /// How long trustees wait after the closing before they agree, milliseconds.
    pub dispute_window_ms: u64,
    /// The path under which a board serves it.
    pub election: Id,
    /// Fewest credentials whose sum is decrypted, 1 to 2^40.
    pub floor: u64,
    /// Reporting groups, at least one.
    pub groups: Vec<Group>,
    /// Tags of the languages that all texts have, 1 to 64.
    pub languages: Vec<String>,
    /// Name and key of the log.
    pub log: LogIdentity,
    /// Most that the roll's weights may add up to, 1 to 2^40.
    pub max_total_weight: u64,
    /// For people: what the election is called.
    pub name: Texts,
    /// k: how many trustees decrypt; more than half of them.
    pub quorum: u64,
    /// Signs the roll.
    pub registrar: NamedKey,
    /// When voting is announced to begin and end.
    pub schedule: Schedule,
    /// n of them, 1 to 64; their numbers count from 1 in this order.
    pub trustees: Vec<TrusteeKeys>,
    /// The member `type`.
    #[serde(rename = "type")]
    pub tag: ManifestTag,
    /// Whether a cell may be decrypted in which few voters share a weight; voters see this before they vote.
    pub weights_may_identify: bool,
    /// How many witnesses must have cosigned before a trustee agrees; 0 for none needed.
    pub witness_quorum: u64,
    /// Who cosigns the log's checkpoints.
    pub witnesses: Vec<NamedKey>,
}

impl Manifest {
    /// n.
    #[must_use]
    pub fn trustee_count(&self) -> u64 {
        self.trustees.len() as u64
    }

    /// The trustee with this number.
    #[must_use]
    pub fn trustee(&self, id: TrusteeId) -> Option<&TrusteeKeys> {
        id.0.checked_sub(1).and_then(|i| usize::try_from(i).ok()).and_then(|i| self.trustees.get(i))
    }

    /// The administrator with this number, from 1.
    #[must_use]
    pub fn administrator(&self, number: u64) -> Option<&Administrator> {
        number.checked_sub(1).and_then(|i| usize::try_from(i).ok()).and_then(|i| self.administrators.get(i))
    }

    /// The canonical bytes, that is leaf 0.
    ///
    /// # Errors
    /// [`canonical::CanonicalError`] outside the profile.
    pub fn to_leaf(&self) -> Result<Vec<u8>, canonical::CanonicalError> {
        canonical::to_bytes(self)
    }
}

/// The text in the first of `languages` that it has, else in any.
#[must_use]
pub fn text<'a>(texts: &'a Texts, language: &str) -> &'a str {
    texts.get(language).or_else(|| texts.values().next()).map_or("", String::as_str)
}

fn duplicates<'a, T: Ord + 'a>(items: impl IntoIterator<Item = &'a T>) -> Option<&'a T> {
    let mut seen = BTreeSet::new();
    items.into_iter().find(|item| !seen.insert(*item))
}
