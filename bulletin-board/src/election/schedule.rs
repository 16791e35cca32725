//! Opening and closing by the clock, where the manifest lists the board's own key among the administrators'.
//!
//! Without such a key an administrator's command opens and closes: a board can't end an election that nobody let it end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use veritally_board_api::{Problem, ProblemKind};
use veritally_crypto::canonical;
use veritally_crypto::leaves::{Closing, ClosingTag, Opening, OpeningTag};
use veritally_crypto::record::Phase;
use veritally_crypto::signature::{self, SignedEntry, SigningSecret};

use super::{Election, Kind, Snapshot, problems};

/// Longest sleep: clocks are set, and extensions are noticed with the next snapshot anyway.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// After an entry that was refused.
const RETRY: Duration = Duration::from_secs(10);

/// What is to be done next, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Opening { at_ms: u64 },
    Closing { at_ms: u64 },
}

/// The number of the board's own key among the administrators, if it is listed as held by the board.
pub(super) fn held_number(election: &Election, key: &SigningSecret) -> Option<u64> {
    let public = key.verification_key();
    let administrators = (1..).zip(&election.manifest().administrators);
    administrators.filter(|(_, a)| a.held_by_board && a.key == public).map(|(number, _)| number).next()
}

/// Runs until the election is over or stops.
pub(super) async fn run(
    election: Weak<Election>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    key: Arc<SigningSecret>,
    number: u64,
) {
    loop {
        let Some(running) = election.upgrade() else { return };
        let now_ms = running.shared.clock.now_ms();
        let (due, phase) = (due(&running, now_ms), snapshots.borrow_and_update().phase);
        let sleep = match due {
            None if !matches!(phase, Phase::Setup | Phase::Open) => return,
            None => LONGEST_SLEEP,
            // Another node does it.
            Some(_) if !running.leads() => LONGEST_SLEEP,
            Some(Due::Opening { at_ms } | Due::Closing { at_ms }) if now_ms < at_ms => {
                Duration::from_millis(at_ms - now_ms).min(LONGEST_SLEEP)
            }
            Some(due) => match act(&running, due, &key, number, now_ms).await {
                Ok(()) => continue,
                Err(problem) if problem.kind() == ProblemKind::ShuttingDown => return,
                Err(problem) => {
                    tracing::error!(election = %running.id(), %problem, ?due, "the schedule can't be kept; trying again");
                    RETRY
                }
            },
        };
        drop(running);
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            changed = snapshots.changed() => if changed.is_err() { return },
        }
    }
}

fn due(election: &Election, now_ms: u64) -> Option<Due> {
    let state = election.shared.state();
    match state.phase() {
        Phase::Setup => {
            let ready = state.ceremony().keys().is_some() && state.roll_hash().is_some();
            // Too late to open is too late for ever.
            let possible = ready && now_ms < state.closes_at_ms();
            possible.then(|| Due::Opening { at_ms: state.manifest().schedule.opens_at_ms })
        }
        Phase::Open => {
            let grace_ms = u64::try_from(election.shared.limits.grace.as_millis()).unwrap_or(u64::MAX);
            Some(Due::Closing { at_ms: state.closes_at_ms().saturating_add(grace_ms) })
        }
        _ => None,
    }
}

async fn act(
    election: &Election,
    due: Due,
    key: &SigningSecret,
    administrator: u64,
    time_ms: u64,
) -> Result<(), Problem> {
    let bytes = match due {
        Due::Opening { .. } => {
            let (ceremony, roll) = {
                let state = election.shared.state();
                (state.ceremony().hash(), state.roll_hash())
            };
            let (ceremony, roll) = (ceremony.unwrap_or_default(), roll.unwrap_or_default());
            signed(election, Opening { administrator, ceremony, roll, signature: None, time_ms, tag: OpeningTag }, key)?
        }
        Due::Closing { .. } => {
            signed(election, Closing { administrator, signature: None, time_ms, tag: ClosingTag }, key)?
        }
    };
    election.submit(Kind::Entry, bytes.into()).await?;
    tracing::info!(election = %election.id(), ?due, "done by the schedule");
    Ok(())
}

fn signed<E: SignedEntry + Clone>(election: &Election, entry: E, key: &SigningSecret) -> Result<Vec<u8>, Problem> {
    let signed = signature::sign(entry, &election.manifest().fingerprint(), key);
    signed.and_then(|signed| canonical::to_bytes(&signed)).map_err(|error| {
        tracing::error!(%error, "an entry of the schedule can't be written");
        problems::internal()
    })
}
