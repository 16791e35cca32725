//! V16 to V21 and V31: every ballot, whether it counts in the end or not, and those that were published as tests.

use veritally_crypto::ballot::{BallotError, EncryptedBallot, VerifiedBallot};
use veritally_crypto::id::LeafIndex;
use veritally_crypto::record::{RecordState, Rejection};

use super::Check;
use crate::audit::{Audit, Subject};
use crate::findings::Conclusion;
use crate::source::SourceError;
use crate::words::count;

/// A ballot whose proof holds.
pub(crate) fn good(audit: &mut Audit<'_>, index: LeafIndex, ballot: &VerifiedBallot) -> Result<(), SourceError> {
    let superseded = audit.superseded(ballot.ballot())?;
    let Some(state) = &mut audit.state else { return Ok(()) };
    match state.apply_ballot(ballot, superseded.as_deref()) {
        Ok(()) => {
            let fingerprint = state.fingerprint();
            audit.codes.add(&ballot.ballot().confirmation_code(&fingerprint), index);
        }
        Err(rejection) => refuse(audit, index, ballot.ballot(), &rejection),
    }
    Ok(())
}

/// A ballot whose proof does not hold, or that can't have one. If the proof is all that is wrong with it, it enters the
/// sums all the same: the verdict is settled, and whether everything else is as the record says can still be found out.
pub(crate) fn bad(
    audit: &mut Audit<'_>,
    index: LeafIndex,
    ballot: EncryptedBallot,
    error: BallotError,
) -> Result<(), SourceError> {
    let Some(state) = &audit.state else { return Ok(()) };
    // ⚠ Only what was decoded, its credential too, came as far as the five checks: V13 relies on that.
    if !matches!(error, BallotError::Check(_)) {
        refuse(audit, index, &ballot, &Rejection::Ballot(error));
        return Ok(());
    }
    let ineligible = state.precheck(&ballot).err();
    let sentence = format!("ballot {}: {error}.", code(audit, &ballot));
    audit.findings.fail(Check::BallotProof, index, sentence);
    match (ineligible, VerifiedBallot::trust_stored(ballot.clone())) {
        (None, Ok(trusted)) => good(audit, index, &trusted)?,
        (None, Err(error)) => refuse(audit, index, &ballot, &Rejection::Ballot(error)),
        (Some(rejection), _) => refuse(audit, index, &ballot, &rejection),
    }
    Ok(())
}

/// A ballot that came while there were no keys to look at it with.
pub(crate) fn out_of_phase(audit: &mut Audit<'_>, index: LeafIndex, ballot: &EncryptedBallot) {
    let Some(state) = &audit.state else { return };
    let rejection = state.precheck(ballot).err();
    refuse(audit, index, ballot, &rejection.unwrap_or(Rejection::UnverifiedBallot));
}

fn refuse(audit: &mut Audit<'_>, index: LeafIndex, ballot: &EncryptedBallot, rejection: &Rejection) {
    let about = format!("ballot {}: ", code(audit, ballot));
    audit.refuse(index, Subject::Ballot(ballot.credential()), None, rejection, &about);
}

fn code(audit: &Audit<'_>, ballot: &EncryptedBallot) -> String {
    audit.fingerprint.map(|fingerprint| ballot.confirmation_code(&fingerprint).to_string()).unwrap_or_default()
}

pub(crate) fn conclude(audit: &Audit<'_>) -> [(Check, Conclusion); 7] {
    let opened = audit.state.as_ref().is_some_and(|state| state.ballot_context().is_some());
    let complete = opened && audit.complete();
    let counts = audit.state.as_ref().map(RecordState::counts).unwrap_or_default();
    let (cast, counted) = (counts.ballots_cast, counts.ballots_counted);
    let limit = audit.manifest.as_ref().map_or(0, |manifest| manifest.casts_per_credential);
    let ballots = count(cast, "ballot is", "ballots are");
    let replaced = count(cast - counted, "ballot was", "ballots were");
    let voted = count(counted, "credential", "credentials");
    let proofs = count(audit.facts.proofs, "ballot", "ballots");
    let spoiled = match counts.ballots_spoiled {
        0 => "Nobody published a spoiled ballot.".into(),
        some => format!("{} their code and were not cast.", count(some, "opened ballot gives", "opened ballots give")),
    };
    let conclusion = |holds: String| audit.reached(complete, holds, "Voting has not begun.");
    [
        (Check::BallotForm, conclusion(format!("{ballots} of the style that the roll gives the voter."))),
        (Check::OnRoll, conclusion(format!("{voted} of {} on the roll voted; nobody else did.", counts.credentials))),
        (Check::Revotes, conclusion(format!("{replaced} replaced by a later one of the same voter."))),
        (Check::CastLimit, conclusion(format!("Nobody cast more than {}.", count(limit, "ballot", "ballots")))),
        (Check::Copies, conclusion("No encryption occurs twice.".into())),
        (Check::SpoiledBallots, conclusion(spoiled)),
        (Check::BallotProof, conclusion(format!("All five checks hold for {proofs}."))),
    ]
}
