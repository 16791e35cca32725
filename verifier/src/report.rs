//! What a verification comes to: the types of `report.json`, format `veritally-report/v1`.
//!
//! Counts are those that this verifier computed from the trustees' shares, never those that somebody wrote into the
//! record; they are weighted where the roll gives weights.

use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::{Id, LeafIndex};

/// The format's name.
pub const FORMAT: &str = "veritally-report/v1";

/// Whether the record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No check failed.
    Pass,
    /// At least one failed.
    Fail,
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was made, and holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The election has nothing of the kind, or has not come so far.
    NotApplicable,
    /// Another failure stands in the way.
    NotReached,
}

impl Status {
    /// As in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotApplicable => "not applicable",
            Self::NotReached => "not reached",
        }
    }
}

/// The report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: String,
    /// Whether the record holds.
    pub verdict: Verdict,
    /// The election's name in its first language; empty when the manifest can't be used.
    pub name: String,
    /// SHA-256 of leaf 0, as found; empty when there is no leaf 0.
    pub fingerprint: String,
    /// Entries that the checkpoint covers.
    pub tree_size: u64,
    /// Credentials on the roll.
    pub credentials: u64,
    /// Ballots admitted, superseded ones included.
    pub ballots_cast: u64,
    /// Credentials whose last ballot counts.
    pub ballots_counted: u64,
    /// Spoiled ballots that their voters published.
    pub ballots_spoiled: u64,
    /// Credentials that were replaced by re-issued ones.
    #[serde(default)]
    pub credentials_reissued: u64,
    /// Empty before decryption.
    pub contests: Vec<ContestReport>,
    /// The contests' counts by reporting cell; empty before decryption.
    pub groups: Vec<GroupReport>,
    /// All checks, in order.
    pub checks: Vec<CheckReport>,
}

/// The result of one contest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContestReport {
    /// As in the manifest.
    pub id: Id,
    /// In the language that the report is made in.
    pub name: String,
    /// The rule's type: `choice`, `score`, …; the member `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Totals over all cells; its members stand beside these.
    #[serde(flatten)]
    pub counts: CountsReport,
    /// Row a, column b: strength of the strongest path from a to b. For contests that compare pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_strengths: Option<Vec<Vec<u64>>>,
    /// Layers, best first: nobody in a later one beats anybody in an earlier one. For contests that compare pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Vec<Vec<Id>>>,
    /// Who won for certain; ties are said in `method`.
    pub winners: Vec<Id>,
    /// How winners follow from counts; or why there are none.
    pub method: String,
}

/// Counts, of a whole contest or of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsReport {
    /// In manifest order.
    pub selections: Vec<SelectionReport>,
    /// Blank ballots, where blank is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blank: Option<u64>,
    /// Selections that could have been chosen and were not, where they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undervotes: Option<u64>,
    /// Row a, column b: how many prefer a to b, in the order of `selections`, which have no counts then. For contests
    /// that compare pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairwise: Option<Vec<Vec<u64>>>,
}

/// A selection's count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionReport {
    /// As in the manifest.
    pub id: Id,
    /// In the language that the report is made in.
    pub name: String,
    /// Votes, score or points. Left out when the contest is withheld, and where pairs are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// The counts of one contest in one reporting cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReport {
    /// The contest's id.
    pub contest: Id,
    /// The groups that the cell consists of.
    pub groups: Vec<Id>,
    /// Counted ballots.
    pub ballots: u64,
    /// Their total weight.
    pub weight: u64,
    /// The cell's counts; its members stand beside these.
    #[serde(flatten)]
    pub counts: CountsReport,
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// `V1`, …
    pub id: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub status: Status,
    /// Indexes of the entries that show the failure; at most 1,000.
    pub entries: Vec<LeafIndex>,
    /// For people.
    pub message: String,
}

impl Report {
    /// An empty report on a log of this size.
    pub(crate) fn new(fingerprint: Option<Hash>, tree_size: u64) -> Self {
        Self {
            format: FORMAT.into(),
            verdict: Verdict::Pass,
            name: String::new(),
            fingerprint: fingerprint.map(|f| f.to_string()).unwrap_or_default(),
            tree_size,
            credentials: 0,
            ballots_cast: 0,
            ballots_counted: 0,
            ballots_spoiled: 0,
            credentials_reissued: 0,
            contests: vec![],
            groups: vec![],
            checks: vec![],
        }
    }

    /// Whether the record holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// The check with this id.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&CheckReport> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// The ids of the checks that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&str> {
        self.checks.iter().filter(|check| check.status == Status::Fail).map(|check| check.id.as_str()).collect()
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// None that a report causes.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}
