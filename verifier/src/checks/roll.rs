//! V13: the electoral roll.

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::count;

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 1] {
    let complete = audit.state.as_ref().is_some_and(|state| state.roll_hash().is_some());
    let voters = audit.state.as_ref().map(|state| state.voters()).unwrap_or_default();
    let weight: u64 = voters.iter().map(|voter| voter.class.weight).sum();
    let holds = format!(
        "{} with a total weight of {weight}, sorted, none twice, signed before voting began.",
        count(voters.len() as u64, "credential", "credentials")
    );
    [(Check::Roll, audit.reached(complete, holds, "The roll is not complete."))]
}
