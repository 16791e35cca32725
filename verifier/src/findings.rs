//! What was found while entries went by, check by check; [`Findings::close`] turns it into the report's lines.

use std::collections::BTreeMap;

use veritally_crypto::id::LeafIndex;

use crate::checks::Check;
use crate::report::{CheckReport, Status};

/// Most culprits that a check lists; more are counted.
const MAX_ENTRIES_LISTED: usize = 1_000;

/// Most culprits that a check's message explains one by one.
const MAX_EXPLAINED: usize = 5;

/// What can be said of a check that found nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// It was made, and holds.
    Holds(String),
    /// The election has not come so far, or has nothing of the kind.
    NotApplicable(String),
    /// Something that failed before stands in the way.
    NotReached(String),
}

#[derive(Debug, Default)]
struct Finding {
    failures: u64,
    entries: Vec<LeafIndex>,
    explained: Vec<String>,
    /// Why the check could not be made for all entries.
    hindered: Option<String>,
    /// Said in addition, whatever the status.
    notes: Vec<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    by_check: BTreeMap<Check, Finding>,
}

impl Findings {
    /// A check fails. `entry` is the culprit's index; `sentence` says what is wrong with it.
    pub(crate) fn fail(&mut self, check: Check, entry: impl Into<Option<LeafIndex>>, sentence: impl Into<String>) {
        let finding = self.by_check.entry(check).or_default();
        finding.failures += 1;
        let entry = entry.into();
        if let Some(index) = entry.filter(|_| finding.entries.len() < MAX_ENTRIES_LISTED) {
            finding.entries.push(index);
        }
        if finding.explained.len() < MAX_EXPLAINED {
            let sentence = sentence.into();
            finding.explained.push(entry.map_or(sentence.clone(), |index| format!("Entry {index}: {sentence}")));
        }
    }

    /// A check can't be made for some entry, because of something that failed before.
    pub(crate) fn hinder(&mut self, check: Check, reason: impl Into<String>) {
        self.by_check.entry(check).or_default().hindered.get_or_insert_with(|| reason.into());
    }

    /// Something worth saying about a check that is no failure.
    pub(crate) fn note(&mut self, check: Check, sentence: impl Into<String>) {
        let notes = &mut self.by_check.entry(check).or_default().notes;
        if notes.len() < MAX_EXPLAINED {
            notes.push(sentence.into());
        }
    }

    /// Whether anything failed.
    pub(crate) fn any_failure(&self) -> bool {
        self.by_check.values().any(|finding| finding.failures > 0)
    }

    /// The checks that failed so far: culprits (at most 1,000), and the first sentences.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (Check, &[LeafIndex], String)> {
        let failed = self.by_check.iter().filter(|(_, finding)| finding.failures > 0);
        failed.map(|(check, finding)| (*check, finding.entries.as_slice(), finding.explained.join(" ")))
    }

    /// Whether this check failed.
    pub(crate) fn failed(&self, check: Check) -> bool {
        self.by_check.get(&check).is_some_and(|finding| finding.failures > 0)
    }

    /// The report's line on a check; `conclusion` is what to say if nothing was found wrong.
    pub(crate) fn close(&mut self, check: Check, conclusion: Conclusion) -> CheckReport {
        let finding = self.by_check.remove(&check).unwrap_or_default();
        let (status, mut message) = if finding.failures > 0 {
            let hidden = finding.failures - finding.explained.len() as u64;
            let more = if hidden > 0 { format!(" And {hidden} more.") } else { String::new() };
            (Status::Fail, format!("{} {}{more}", check.meaning(), finding.explained.join(" ")))
        } else if let Some(reason) = finding.hindered {
            (Status::NotReached, reason)
        } else {
            match conclusion {
                Conclusion::Holds(message) => (Status::Pass, message),
                Conclusion::NotApplicable(message) => (Status::NotApplicable, message),
                Conclusion::NotReached(message) => (Status::NotReached, message),
            }
        };
        for note in finding.notes {
            message.push(' ');
            message.push_str(&note);
        }
        let (id, name) = (check.id().into(), check.name().into());
        CheckReport { id, name, status, entries: finding.entries, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_failures_are_listed_up_to_the_limits_and_counted() {
        let mut findings = Findings::default();
        for entry in 0..2_000 {
            findings.fail(Check::OnRoll, entry, "unknown.");
        }
        let report = findings.close(Check::OnRoll, Conclusion::Holds(String::new()));
        assert_eq!((report.status, report.entries.len()), (Status::Fail, MAX_ENTRIES_LISTED));
        assert!(report.message.contains("Entry 4: unknown. And 1995 more."), "{}", report.message);
    }

    #[test]
    fn failure_outweighs_hindrance_and_hindrance_the_conclusion() {
        let mut findings = Findings::default();
        findings.hinder(Check::Result, "because");
        findings.note(Check::Result, "By the way.");
        assert!(!findings.failed(Check::Result) && !findings.failed(Check::Cells) && !findings.any_failure());
        assert_eq!(findings.failures().count(), 0);
        let holds = Conclusion::Holds("fine".into());
        let report = findings.close(Check::Result, holds.clone());
        assert_eq!((report.status, report.message.as_str()), (Status::NotReached, "because By the way."));
        findings.hinder(Check::Result, "because");
        findings.fail(Check::Result, None, "Wrong.");
        assert!(findings.failed(Check::Result) && findings.any_failure());
        let failed: Vec<_> = findings.failures().map(|(check, entries, said)| (check, entries.len(), said)).collect();
        assert_eq!(failed, [(Check::Result, 0, "Wrong.".to_owned())]);
        let report = findings.close(Check::Result, holds.clone());
        assert_eq!(report.status, Status::Fail);
        assert!(report.message.ends_with(" Wrong."), "{}", report.message);
        assert_eq!(findings.close(Check::Result, holds).status, Status::Pass);
    }

    #[test]
    fn no_more_is_said_than_anybody_reads() {
        let mut findings = Findings::default();
        (0..=MAX_EXPLAINED).for_each(|number| findings.note(Check::Shares, format!("Note {number}.")));
        let report = findings.close(Check::Shares, Conclusion::Holds("Fine.".into()));
        assert_eq!(report.message, "Fine. Note 0. Note 1. Note 2. Note 3. Note 4.");
    }
}
