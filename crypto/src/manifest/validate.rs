//! From a manifest as written to a [`CheckedManifest`]: every rule of specs/encoding.md, every refusal explained.

use std::collections::BTreeMap;
use std::ops::{Deref, Range};

use super::problem::{ManifestError, ManifestProblem};
use super::{MAX_TOTAL, Manifest, Texts, duplicates};
use crate::canonical::{CanonicalError, MAX_LEAF_BYTES};
use crate::contests::ContestRows;
use crate::hash::Hash;
use crate::id::Id;
use crate::leaves::{Leaf, MAX_MESSAGE_BYTES};
use crate::relation::CompiledStyle;

/// Longest text, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 4_096;
/// Most trustees: shares are quadratic in their number.
const MAX_TRUSTEES: usize = 64;
/// Most administrators.
const MAX_ADMINISTRATORS: usize = 32;
/// Most points of the running tally, over all groups and styles: 32 MB in memory, and a tally head stays cheap.
pub(super) const MAX_TALLY_POINTS: usize = 200_000;
/// Digits of the largest total, 2^40, and a comma.
const COUNT_BYTES: usize = 14;
/// Bytes in base64 of a point or scalar, with quotes and comma.
const POINT_BYTES: usize = 47;
/// What else stands in a message: names, numbers, hashes, signature.
const AROUND: usize = 1_000;
/// Most casts of one credential.
const MAX_CASTS: u64 = 1_000;

/// Upper bounds of trustees' messages in bytes, for an election with so many tallied rows.
fn message_bounds(m: &Manifest, rows: usize) -> [(&'static str, usize); 3] {
    let (groups, n) = (m.groups.len(), m.trustees.len());
    let k = usize::try_from(m.quorum).unwrap_or(n).min(n);
    [
        ("a trustee's commitments", AROUND + rows * k * POINT_BYTES),
        ("a trustee's packages", AROUND + n * (400 + rows * POINT_BYTES)),
        ("a trustee's decryption shares", AROUND + groups * rows * POINT_BYTES),
    ]
}

/// A manifest that obeys every rule, with its styles compiled.
#[derive(Debug, Clone)]
pub struct CheckedManifest {
    manifest: Manifest,
    fingerprint: Hash,
    contests: Vec<ContestRows>,
    /// For each contest the indexes from 0 of its election keys.
    keys: Vec<Range<usize>>,
    styles: Vec<CompiledStyle>,
    style_index: BTreeMap<Id, usize>,
    group_index: BTreeMap<Id, usize>,
}

impl Deref for CheckedManifest {
    type Target = Manifest;
    fn deref(&self) -> &Manifest {
        &self.manifest
    }
}

impl CheckedManifest {
    /// Checks leaf 0.
    ///
    /// # Errors
    /// [`ManifestError`] with every problem found.
    pub fn from_leaf(bytes: &[u8]) -> Result<Self, ManifestError> {
        match Leaf::parse(bytes)? {
            Leaf::Manifest(manifest) => Self::new(*manifest),
            _ => Err(ManifestError::NotAManifest),
        }
    }

    /// Checks a manifest that is being made.
    ///
    /// # Errors
    /// [`ManifestError`] with every problem found.
    pub fn new(manifest: Manifest) -> Result<Self, ManifestError> {
        let leaf = manifest.to_leaf()?;
        if leaf.len() > MAX_LEAF_BYTES {
            return Err(CanonicalError::TooLong(leaf.len()).into());
        }
        let mut problems = Problems(vec![]);
        problems.people(&manifest);
        problems.texts(&manifest);
        problems.numbers(&manifest);
        let rules_hold = problems.rules(&manifest);
        if !rules_hold {
            return Err(ManifestError::Problems(problems.0));
        }
        let contests: Vec<_> = manifest.contests.iter().map(|c| c.rule.compile(c.selections.len())).collect();
        let mut next = 0;
        let keys: Vec<_> = contests
            .iter()
            .map(|rows| {
                let first = next;
                next += rows.secret.len();
                first..next
            })
            .collect();
        problems.totals(&manifest, &contests);
        let styles = problems.styles(&manifest, &contests, &keys);
        problems.messages(&manifest, &contests, &styles);
        if !problems.0.is_empty() {
            return Err(ManifestError::Problems(problems.0));
        }
        let style_index = manifest.ballot_styles.iter().zip(0..).map(|(s, i)| (s.id.clone(), i)).collect();
        let group_index = manifest.groups.iter().zip(0..).map(|(g, i)| (g.id.clone(), i)).collect();
        Ok(Self { fingerprint: Hash::of(&leaf), manifest, contests, keys, styles, style_index, group_index })
    }

    /// SHA-256 of leaf 0.
    #[must_use]
    pub fn fingerprint(&self) -> Hash {
        self.fingerprint
    }

    /// R, the number of tallied rows and so of election keys.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.keys.last().map_or(0, |range| range.end)
    }

    /// Upper bound of a trustee's longest message, in bytes: specs/protocol.md section 10.
    #[must_use]
    pub fn longest_message_bytes(&self) -> usize {
        message_bounds(&self.manifest, self.row_count()).into_iter().map(|(_, bytes)| bytes).max().unwrap_or(0)
    }

    /// The compiled contests, in manifest order.
    #[must_use]
    pub fn contest_rows(&self) -> &[ContestRows] {
        &self.contests
    }

    /// The indexes from 0 of a contest's election keys.
    #[must_use]
    pub fn contest_keys(&self, contest: usize) -> Range<usize> {
        self.keys.get(contest).cloned().unwrap_or(0..0)
    }

    /// The compiled styles, in manifest order.
    #[must_use]
    pub fn styles(&self) -> &[CompiledStyle] {
        &self.styles
    }

    /// Position and compilation of a style.
    #[must_use]
    pub fn style(&self, id: &Id) -> Option<(usize, &CompiledStyle)> {
        let index = *self.style_index.get(id)?;
        Some((index, self.styles.get(index)?))
    }

    /// Position of a reporting group.
    #[must_use]
    pub fn group(&self, id: &Id) -> Option<usize> {
        self.group_index.get(id).copied()
    }
}

struct Problems(Vec<ManifestProblem>);

impl Problems {
    fn push(&mut self, problem: ManifestProblem) {
        self.0.push(problem);
    }

    fn count(&mut self, what: &'static str, count: usize, min: usize, max: usize) {
        if !(min..=max).contains(&count) {
            self.push(ManifestProblem::Count { what, count, min, max });
        }
    }

    fn unique<'a, T: Ord + ToString + 'a>(&mut self, what: &'static str, items: impl IntoIterator<Item = &'a T>) {
        if let Some(id) = duplicates(items) {
            self.push(ManifestProblem::Duplicate { what, id: id.to_string() });
        }
    }

    fn text(&mut self, what: impl Into<String>, text: &str) {
        if text.trim().is_empty() || text.len() > MAX_TEXT_BYTES {
            self.push(ManifestProblem::Text { what: what.into() });
        }
    }

    fn people(&mut self, m: &Manifest) {
        self.count("administrators", m.administrators.len(), 1, MAX_ADMINISTRATORS);
        self.count("trustees", m.trustees.len(), 1, MAX_TRUSTEES);
        self.unique("administrator key", m.administrators.iter().map(|a| &a.key));
        self.unique("trustee identity key", m.trustees.iter().map(|t| &t.identity_key));
        self.unique("trustee encryption key", m.trustees.iter().map(|t| &t.encryption_key));
        self.unique("witness key", m.witnesses.iter().map(|w| &w.key));
        let names = m.administrators.iter().map(|a| &a.name).chain(m.trustees.iter().map(|t| &t.name));
        for name in names.chain(m.witnesses.iter().map(|w| &w.name)).chain([&m.registrar.name]) {
            self.text("a person's name", name);
        }
        let (k, n, q) = (m.quorum, m.trustee_count(), m.agreement_quorum);
        if k > n || 2 * k <= n {
            self.push(ManifestProblem::Quorum { quorum: k, trustees: n });
        } else if !(k..=n).contains(&q) {
            self.push(ManifestProblem::AgreementQuorum { agreement_quorum: q, quorum: k, trustees: n });
        }
        for (trustee, number) in m.trustees.iter().zip(1..) {
            if crate::ceremony::verify_possession(trustee).is_err() {
                self.push(ManifestProblem::Possession(number));
            }
        }
        let origin = &m.log.origin;
        if origin.is_empty()
            || origin.len() > 255
            || origin.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
        {
            self.push(ManifestProblem::Origin);
        }
    }

    fn texts(&mut self, m: &Manifest) {
        self.count("languages", m.languages.len(), 1, 64);
        self.unique("language", &m.languages);
        let mut one = |what: String, texts: &Texts, may_be_empty: bool| {
            if texts.len() != m.languages.len() || !m.languages.iter().all(|l| texts.contains_key(l)) {
                self.push(ManifestProblem::Languages { what, languages: m.languages.clone() });
            } else if texts.values().any(|t| t.len() > MAX_TEXT_BYTES || (!may_be_empty && t.trim().is_empty())) {
                self.push(ManifestProblem::Text { what });
            }
        };
        one("the election's name".into(), &m.name, false);
        one("the description".into(), &m.description, true);
        for contest in &m.contests {
            one(format!("the name of contest {}", contest.id), &contest.name, false);
            for selection in &contest.selections {
                one(
                    format!("the name of selection {} of contest {}", selection.id, contest.id),
                    &selection.name,
                    false,
                );
            }
        }
        for style in &m.ballot_styles {
            one(format!("the name of ballot style {}", style.id), &style.name, false);
        }
        for group in &m.groups {
            one(format!("the name of group {}", group.id), &group.name, false);
        }
    }

    fn range(&mut self, what: &'static str, value: u64, min: u64, max: u64) {
        if !(min..=max).contains(&value) {
            self.push(ManifestProblem::Range { what, value, min, max });
        }
    }

    fn numbers(&mut self, m: &Manifest) {
        self.range("casts_per_credential", m.casts_per_credential, 1, MAX_CASTS);
        self.range("floor", m.floor, 1, MAX_TOTAL);
        self.range("max_total_weight", m.max_total_weight, 1, MAX_TOTAL);
        self.range("witness_quorum", m.witness_quorum, 0, m.witnesses.len() as u64);
        let (opens_at_ms, closes_at_ms) = (m.schedule.opens_at_ms, m.schedule.closes_at_ms);
        if opens_at_ms >= closes_at_ms {
            self.push(ManifestProblem::Schedule { opens_at_ms, closes_at_ms });
        }
        self.count("groups", m.groups.len(), 1, 10_000);
        self.unique("group", m.groups.iter().map(|g| &g.id));
    }

    fn rules(&mut self, m: &Manifest) -> bool {
        self.count("contests", m.contests.len(), 1, 1_000);
        self.unique("contest", m.contests.iter().map(|c| &c.id));
        let mut hold = true;
        for contest in &m.contests {
            self.unique("selection", contest.selections.iter().map(|s| &s.id));
            if let Err(error) = contest.rule.validate(contest.selections.len()) {
                self.push(ManifestProblem::Rule { contest: contest.id.clone(), error });
                hold = false;
            }
        }
        hold
    }

    fn totals(&mut self, m: &Manifest, contests: &[ContestRows]) {
        let largest = contests.iter().flat_map(|c| &c.secret).map(|row| row.max).max().unwrap_or(0);
        if m.max_total_weight.checked_mul(largest).is_none_or(|total| total > MAX_TOTAL) {
            self.push(ManifestProblem::Total { max_total_weight: m.max_total_weight, largest });
        }
    }

    /// The election must be able to end: its largest messages must fit what may be logged.
    fn messages(&mut self, m: &Manifest, contests: &[ContestRows], styles: &[CompiledStyle]) {
        let rows: usize = contests.iter().map(|c| c.secret.len()).sum();
        let groups = m.groups.len();
        let mut check = |what, bytes: usize, max: usize| {
            if bytes > max {
                self.push(ManifestProblem::TooLarge { what, bytes, max });
            }
        };
        // Every group a cell of its own in every contest.
        let cells = groups * (contests.len() * (Id::MAX_BYTES + 40) + rows * COUNT_BYTES);
        check("the result", AROUND + contests.len() * (Id::MAX_BYTES + 60) + cells, MAX_LEAF_BYTES);
        for (what, bytes) in message_bounds(m, rows) {
            check(what, bytes, MAX_MESSAGE_BYTES);
        }
        let points: usize = styles.iter().map(|style| style.relation.secret.len() + 1).sum();
        if groups * points > MAX_TALLY_POINTS {
            self.push(ManifestProblem::Tally { groups, points });
        }
    }

    fn styles(&mut self, m: &Manifest, contests: &[ContestRows], keys: &[Range<usize>]) -> Vec<CompiledStyle> {
        self.count("ballot styles", m.ballot_styles.len(), 1, 10_000);
        self.unique("ballot style", m.ballot_styles.iter().map(|s| &s.id));
        for contest in &m.contests {
            if !m.ballot_styles.iter().any(|s| s.contests.contains(&contest.id)) {
                self.push(ManifestProblem::Unused(contest.id.clone()));
            }
        }
        let mut compiled = vec![];
        for style in &m.ballot_styles {
            let mut parts = vec![];
            let mut after = 0;
            for id in &style.contests {
                let found = m.contests.iter().position(|c| c.id == *id).filter(|&i| i >= after);
                let Some((i, rows, range)) = found.and_then(|i| Some((i, contests.get(i)?, keys.get(i)?))) else {
                    self.push(ManifestProblem::StyleContests { style: style.id.clone(), contest: id.clone() });
                    continue;
                };
                after = i + 1;
                parts.push((i, rows, range.start));
            }
            self.count("contests of a ballot style", style.contests.len(), 1, 1_000);
            match CompiledStyle::compile(parts) {
                Ok(one) if one.ballot_bytes() <= MAX_LEAF_BYTES => compiled.push(one),
                Ok(one) => {
                    let bytes = one.ballot_bytes();
                    self.push(ManifestProblem::BallotTooLarge { style: style.id.clone(), bytes });
                }
                Err(_) => self.push(ManifestProblem::RowTooLarge(style.id.clone())),
            }
        }
        compiled
    }
}
