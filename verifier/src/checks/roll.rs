//! V13 and V30: the electoral roll, and credentials that were re-issued.

use veritally_crypto::record::RecordState;

use super::Check;
use crate::audit::Audit;
use crate::findings::Conclusion;
use crate::words::count;

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 2] {
    let complete = audit.state.as_ref().is_some_and(|state| state.roll_hash().is_some());
    let weight: u64 = audit.state.iter().flat_map(RecordState::voters).map(|voter| voter.class.weight).sum();
    let counts = audit.state.as_ref().map(RecordState::counts).unwrap_or_default();
    let holds = format!(
        "{} with a total weight of {weight}, sorted, none twice, signed before voting began.",
        count(counts.credentials, "credential", "credentials")
    );
    let reissued = match counts.credentials_reissued {
        0 => "No credential was re-issued.".into(),
        some => {
            let were = count(some, "credential was", "credentials were");
            format!("{were} re-issued, one for one, to voters who had not voted. The registrar can say to whom.")
        }
    };
    let reissues = audit.reached(complete && audit.complete(), reissued, "The roll is not complete.");
    [(Check::Roll, audit.reached(complete, holds, "The roll is not complete.")), (Check::Reissues, reissues)]
}
