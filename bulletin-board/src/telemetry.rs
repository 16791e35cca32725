//! What the dashboard shows of an election's service: answers by kind, and how long they took. In memory, since the start.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use veritally_board_api::Problem;

use crate::election::Outcome;

/// Powers of two of microseconds: up to 2^31 µs, more than half an hour.
const BUCKETS: usize = 32;

#[derive(Debug, Default, Clone)]
struct Counted {
    accepted: u64,
    repeated: u64,
    pending: u64,
    refused: BTreeMap<String, u64>,
    took: [u64; BUCKETS],
}

/// Counts of one election since the board started.
#[derive(Debug, Default)]
pub struct Telemetry(Mutex<Counted>);

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Entries that were logged.
    pub accepted: u64,
    /// Entries that the log had already.
    pub repeated: u64,
    /// Answers "still under way" (202).
    pub pending: u64,
    /// Refusals by reason: a rule's code, or the problem's tag.
    pub refused: Vec<(String, u64)>,
    /// Upper bounds of the time to a durable receipt, in microseconds: for half, 95 % and 99 % of the entries.
    pub latency_us: Option<[u64; 3]>,
}

impl Telemetry {
    /// Counts an answer.
    pub fn note(&self, answer: &Result<Outcome, Problem>, took: Duration) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(Outcome::Sequenced(sequenced)) if sequenced.new => {
                counted.accepted += 1;
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
                let bucket = usize::try_from(micros.ilog2()).unwrap_or(0).min(BUCKETS - 1);
                if let Some(bucket) = counted.took.get_mut(bucket) {
                    *bucket += 1;
                }
            }
            Ok(Outcome::Sequenced(_)) => counted.repeated += 1,
            Ok(Outcome::Pending(_)) => counted.pending += 1,
            Err(problem) => {
                let reason = problem.code.clone().unwrap_or_else(|| problem.kind().tag().to_owned());
                *counted.refused.entry(reason).or_default() += 1;
            }
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let total: u64 = counted.took.iter().sum();
        let quantile = |percent: u64| {
            let wanted = (total * percent).div_ceil(100);
            let mut seen = 0;
            let bucket = counted.took.iter().position(|&n| {
                seen += n;
                seen >= wanted
            });
            bucket.map_or(0, |bucket| 2u64 << bucket)
        };
        Figures {
            accepted: counted.accepted,
            repeated: counted.repeated,
            pending: counted.pending,
            latency_us: (total > 0).then(|| [50, 95, 99].map(quantile)),
            refused: counted.refused.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use veritally_board_api::ProblemKind;

    use super::*;
    use crate::election::Sequenced;

    #[test]
    fn answers_are_counted_by_kind_and_latency_is_an_upper_bound() {
        let telemetry = Telemetry::default();
        assert_eq!(telemetry.figures().latency_us, None);
        let sequenced = |new| Ok(Outcome::Sequenced(Sequenced { index: 0, receipt: String::new(), new }));
        for ms in 1..=100 {
            telemetry.note(&sequenced(true), Duration::from_millis(ms));
        }
        telemetry.note(&sequenced(false), Duration::ZERO);
        telemetry.note(&Err(Problem::new(ProblemKind::QueueFull, "")), Duration::ZERO);
        telemetry.note(&Err(Problem::new(ProblemKind::Rejected, "").with_code("counter")), Duration::ZERO);
        let figures = telemetry.figures();
        assert_eq!((figures.accepted, figures.repeated, figures.pending), (100, 1, 0));
        assert_eq!(figures.refused, [("counter".to_owned(), 1), ("queue-full".to_owned(), 1)]);
        let [half, most, _] = figures.latency_us.unwrap();
        assert!((50_000..=131_072).contains(&half) && most >= 95_000, "{half} {most}");
    }
}
