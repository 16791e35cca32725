//! Verification reports that somebody made with `veritally-verifier` and an administrator put up. The board shows what the
//! report says; it makes none of its own and vouches for none (specs/board.md section 7).

use serde::{Deserialize, Serialize};
use veritally_crypto::hash::Hash;

use super::{Answer, Dashboard, Form, Refusal, Visit, redirect};
use crate::admin_store::{AdminStoreError, Kind};
use crate::election::Election;

/// Longest report: one of 10,000 counts and 32 checks that name 1,000 culprits each has some 400 kB.
const MAX_BYTES: usize = 1 << 20;

/// What a page shows of a report; specs/report.schema.json has all of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::web) struct Report {
    format: String,
    pub verdict: Verdict,
    fingerprint: Hash,
    pub tree_size: u64,
    pub ballots_cast: u64,
    pub ballots_counted: u64,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::web) enum Verdict {
    Pass,
    Fail,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(in crate::web) struct Check {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum Status {
    Pass,
    Fail,
    NotApplicable,
    NotReached,
}

/// A report as it was put up.
#[derive(Serialize, Deserialize)]
pub(in crate::web) struct Stored {
    pub by: String,
    pub time_ms: u64,
    pub json: String,
}

impl Stored {
    pub fn report(&self) -> Option<Report> {
        serde_json::from_str(&self.json).ok()
    }
}

/// A report that is one, and of this election.
fn read(json: &str, fingerprint: &Hash) -> Option<Report> {
    let report: Report = serde_json::from_str(json).ok()?;
    (report.format == "veritally-report/v1" && report.fingerprint == *fingerprint).then_some(report)
}

impl Dashboard {
    /// The report that was put up for an election.
    pub(in crate::web) async fn report(&self, election: &Election) -> Result<Option<Stored>, AdminStoreError> {
        let bytes = self.store.find(Kind::Report, election.id().as_str()).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// Puts a report up, in the place of an older one.
pub(super) async fn upload(visit: &Visit<'_>, id: &str, election: &Election, form: &Form) -> Answer {
    let (account, _) = visit.account()?;
    let file = form.file("report").ok_or(Refusal::Wrong("no_file"))?;
    if file.len() > MAX_BYTES {
        return Err(Refusal::Wrong("report_too_long"));
    }
    let json = String::from_utf8(file.to_vec()).map_err(|_| Refusal::Wrong("bad_report"))?;
    let report = read(&json, &election.manifest().fingerprint()).ok_or(Refusal::Wrong("bad_report"))?;
    let time_ms = visit.dashboard.now_ms();
    let stored = Stored { by: account.name.clone(), time_ms, json };
    let bytes = serde_json::to_vec(&stored).map_err(|_| Refusal::Internal)?;
    visit.note("report", id, format!("{:?}, {} entries", report.verdict, report.tree_size)).await?;
    visit.dashboard.store.put(Kind::Report, id, bytes, time_ms).await?;
    Ok(redirect(&format!("/admin/e/{id}?done=report")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_report_is_of_this_election_and_of_the_known_format() {
        let fingerprint = Hash::of(b"election");
        let text = |format: &str, status: &str| {
            format!(
                r#"{{"format":"{format}","verdict":"pass","fingerprint":"{fingerprint}","tree_size":9,"ballots_cast":2,
                "ballots_counted":1,"checks":[{{"id":"V1","name":"n","status":"{status}","entries":[],"message":"m"}}]}}"#
            )
        };
        let report = read(&text("veritally-report/v1", "not_applicable"), &fingerprint).unwrap();
        assert_eq!((report.verdict, report.checks[0].status), (Verdict::Pass, Status::NotApplicable));
        assert_eq!(read(&text("veritally-report/v1", "pass"), &Hash::ZERO), None);
        assert_eq!(read(&text("veritally-report/v2", "pass"), &fingerprint), None);
        assert_eq!(read(&text("veritally-report/v1", "maybe"), &fingerprint), None);
        assert_eq!(read("<script>", &fingerprint), None);
    }
}
