//! Agreement, decryption shares, result: specs/protocol.md section 8.

use super::{Phase, RecordState, Rejection};
use crate::decryption::{ContestDecryption, VerifiedContestShares, combine, message_points, verify_contest_shares};
use crate::discrete_log::DiscreteLogTable;
use crate::group::RistrettoPoint;
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{Agreement, CellCounts, ContestResult, DecryptionShare, ElectionResult, Head};
use crate::manifest::CheckedManifest;
use crate::tally::{Cell, ContestCells};

/// A trustee whose shares fail may try again, so often in all: a slip is mended, a flood is not.
const MAX_SHARE_ENTRIES: usize = 3;

/// A logged decryption-share entry and what became of it.
#[derive(Debug, Clone)]
pub struct ShareEntry {
    /// Whose.
    pub trustee: TrusteeId,
    /// SHA-256 of the message.
    pub hash: Hash,
    /// Position of the entry (of its last part) in the log.
    pub index: u64,
    /// The verified shares by contest, or why they are not used.
    pub shares: Result<Vec<VerifiedContestShares>, String>,
}

/// The counts of one contest, by cell.
pub type ContestCounts = ContestResult;

/// Pads of the cells that are decrypted.
fn pads(cells: &ContestCells) -> Vec<RistrettoPoint> {
    cells.with_ballots().map(|cell| cell.pad).collect()
}

impl RecordState {
    pub(super) fn apply_agreement(&mut self, agreement: &Agreement) -> Result<(), Rejection> {
        self.expect_phase("agreement", &[Phase::Closed, Phase::Agreed, Phase::Decrypted])?;
        self.verify_agreement_signature(agreement)?;
        let trustee = agreement.trustee;
        if Some(agreement.head) != self.closing_head {
            // There is one in these phases.
            let expected = self.closing_head.map_or(0, |head| head.tree_size);
            return Err(Rejection::AgreementHead { trustee, found: agreement.head.tree_size, expected });
        }
        if self.agreements.contains_key(&trustee) {
            return Err(Rejection::SecondAgreement(trustee));
        }
        self.agreements.insert(trustee, agreement.clone());
        if self.phase == Phase::Closed && self.agreements.len() as u64 >= self.manifest.agreement_quorum {
            self.phase = Phase::Agreed;
            // An election in which every contest is withheld, or nobody voted, has nothing to decrypt.
            if self.decryptable().next().is_none() {
                self.finish(vec![])?;
            }
        }
        Ok(())
    }

    /// The contests of which something is decrypted.
    pub fn decryptable(&self) -> impl Iterator<Item = &ContestCells> {
        self.cells.iter().filter(|cells| cells.with_ballots().next().is_some())
    }

    /// Whether trustees may release shares: q of them agreed to the closing head.
    #[must_use]
    pub fn may_release_shares(&self) -> Option<Head> {
        self.closing_head.filter(|_| self.agreements.len() as u64 >= self.manifest.agreement_quorum)
    }

    /// Calls `use_it` with the statement of a contest's decryption, built from this state's own tally.
    pub fn with_decryption<T>(
        &self,
        cells: &ContestCells,
        use_it: impl FnOnce(&ContestDecryption<'_>) -> T,
    ) -> Option<T> {
        let head = self.closing_head?;
        let contest = &self.manifest.contests.get(cells.contest)?.id;
        let fingerprint = self.fingerprint();
        let rows = self.manifest.contest_keys(cells.contest);
        let pads = pads(cells);
        Some(use_it(&ContestDecryption { fingerprint: &fingerprint, head: &head, contest, rows, pads: &pads }))
    }

    pub(super) fn apply_decryption_share(&mut self, share: &DecryptionShare, hash: Hash) -> Result<(), Rejection> {
        let refuse = |problem| Rejection::Share { trustee: share.trustee, problem };
        if Some(share.head) != self.may_release_shares() {
            return Err(Rejection::ShareHead { trustee: share.trustee, found: share.head.tree_size });
        }
        let mut before = self.shares.iter().filter(|entry| entry.trustee == share.trustee);
        if before.clone().any(|entry| entry.shares.is_ok()) {
            return Err(refuse("valid ones are logged already"));
        }
        // ⚠ Else anybody could log a wrong entry again until its author's tries are used up.
        if before.clone().any(|entry| entry.hash == hash) {
            return Err(refuse("these very ones are in the log already"));
        }
        if before.by_ref().count() >= MAX_SHARE_ENTRIES {
            return Err(refuse("too many entries whose proof failed"));
        }
        // A share that fails is logged all the same: it is the evidence that names its author.
        let shares = self.verify_shares(share);
        self.shares.push(ShareEntry { trustee: share.trustee, hash, index: self.frontier.size(), shares });
        if self.phase == Phase::Agreed {
            let valid: Vec<_> = self.shares.iter().filter_map(|entry| entry.shares.as_ref().ok()).collect();
            if valid.len() as u64 >= self.manifest.quorum {
                let valid: Vec<_> = valid.into_iter().cloned().collect();
                if let Err(error) = self.finish(valid) {
                    self.shares.pop();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn verify_shares(&self, share: &DecryptionShare) -> Result<Vec<VerifiedContestShares>, String> {
        let keys = self.ceremony.keys().ok_or("the key ceremony is not complete")?;
        let decryptable: Vec<_> = self.decryptable().collect();
        if share.contests.len() != decryptable.len() {
            return Err("the entry does not hold exactly the contests that are decrypted".into());
        }
        let mut verified = vec![];
        for (cells, shares) in decryptable.into_iter().zip(&share.contests) {
            let verdict = self
                .with_decryption(cells, |what| verify_contest_shares(what, &keys, share.trustee, shares))
                .ok_or("the election is not closed")?;
            verified.push(verdict.map_err(|error| error.to_string())?);
        }
        Ok(verified)
    }

    /// Combines k trustees' shares into the counts.
    fn finish(&mut self, valid: Vec<Vec<VerifiedContestShares>>) -> Result<(), Rejection> {
        let counts = decrypted_counts(&self.manifest, &self.cells, &valid)
            .ok_or(Rejection::Result("valid shares do not combine to counts in range: the tally can't be decrypted"))?;
        self.result = Some(counts);
        self.phase = Phase::Decrypted;
        Ok(())
    }

    pub(super) fn apply_result(&mut self, result: &ElectionResult) -> Result<(), Rejection> {
        self.expect_phase("result", &[Phase::Decrypted])?;
        self.verify_administrator(result, result.administrator)?;
        if self.result.as_ref() != Some(&result.contests) {
            return Err(Rejection::Result("its counts are not what the decryption shares combine to"));
        }
        self.result_published = true;
        self.phase = Phase::Published;
        Ok(())
    }

    /// Whether the log has its result entry.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.result_published
    }
}

/// The counts of all contests from k or more trustees' verified shares (each: contests in order). `None` when they do
/// not combine to counts within the cells' range.
#[must_use]
pub fn decrypted_counts(
    manifest: &CheckedManifest,
    cells: &[ContestCells],
    valid: &[Vec<VerifiedContestShares>],
) -> Option<Vec<ContestCounts>> {
    let largest = |cells: &ContestCells| {
        let row = manifest.contest_rows().get(cells.contest)?.secret.iter().map(|row| row.max).max()?;
        cells.with_ballots().map(|cell| cell.weight).max()?.checked_mul(row)
    };
    let searches: usize = cells.iter().flat_map(ContestCells::with_ballots).map(|cell| cell.data.len()).sum();
    let table = DiscreteLogTable::for_maximum(cells.iter().filter_map(largest).max().unwrap_or(1), searches);
    let mut position = 0;
    let mut contests = vec![];
    for contest in cells {
        let with_ballots: Vec<&Cell> = contest.with_ballots().collect();
        let mut decrypted = if with_ballots.is_empty() {
            vec![]
        } else {
            let shares: Option<Vec<_>> = valid.iter().map(|trustee| trustee.get(position)).collect();
            position += 1;
            let combined = combine(&shares?, manifest.quorum).ok()?;
            let data: Vec<_> = with_ballots.iter().map(|cell| cell.data.clone()).collect();
            message_points(&data, &combined).ok()?
        }
        .into_iter();
        let rows = &manifest.contest_rows().get(contest.contest)?.secret;
        let mut cell_counts = vec![];
        for cell in &contest.cells {
            let counts = if cell.ballots == 0 {
                vec![0; rows.len()]
            } else {
                let points = decrypted.next()?;
                let found =
                    points.iter().zip(rows).map(|(point, row)| table.find(point, cell.weight.checked_mul(row.max)?));
                found.collect::<Option<Vec<_>>>()?
            };
            let groups = manifest.groups.get(cell.groups.clone())?.iter().map(|group| group.id.clone()).collect();
            cell_counts.push(CellCounts { counts, groups });
        }
        let id = manifest.contests.get(contest.contest)?.id.clone();
        contests.push(ContestResult { cells: cell_counts, contest: id, withheld: contest.withheld });
    }
    Some(contests)
}
