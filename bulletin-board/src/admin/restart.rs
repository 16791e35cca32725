//! Restarting the trustees' key ceremony.

use veritally_crypto::ceremony::CeremonyPhase;
use veritally_crypto::id::{LeafIndex, TrusteeId};
use veritally_crypto::leaves::{Exclusion, Restart, RestartTag};
use veritally_crypto::record::{Phase, RecordState};
use veritally_crypto::signature::SigningSecret;

use super::{AdminError, Target, expect};
use crate::clock::{Clock as _, SystemClock};
use crate::folder::Progress;

/// What was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restarted {
    /// Where the entry stands.
    pub index: LeafIndex,
    /// The attempt that begins.
    pub attempt: u64,
    /// Who is left out from here on.
    pub excluded: Vec<Exclusion>,
}

/// Begins the next attempt at the key ceremony. Those whom complaints have shown to cheat are left out; `absent` are those
/// to leave out because they do not come. `even_if_complete`: keys that exist already are thrown away.
///
/// # Errors
/// [`AdminError`].
pub async fn restart(
    target: &Target,
    key: &SigningSecret,
    absent: &[TrusteeId],
    even_if_complete: bool,
    progress: Progress<'_>,
) -> Result<Restarted, AdminError> {
    let administrator = target.number(key)?;
    let (attempt, excluded) = target.with_record(progress, |state| next(state, absent, even_if_complete)).await?;
    let time_ms = SystemClock.now_ms();
    let entry =
        Restart { administrator, attempt, excluded: excluded.clone(), signature: None, time_ms, tag: RestartTag };
    let index = target.post_signed(entry, key, "the restart").await?;
    Ok(Restarted { index, attempt, excluded })
}

fn next(
    state: &RecordState,
    absent: &[TrusteeId],
    even_if_complete: bool,
) -> Result<(u64, Vec<Exclusion>), AdminError> {
    expect(state, Phase::Setup, "the ceremony can be restarted before voting begins only")?;
    let ceremony = state.ceremony();
    if ceremony.phase() == CeremonyPhase::Complete && !even_if_complete {
        let text = "the ceremony is complete; to throw its keys away and begin anew, add --discard-keys";
        return Err(AdminError::NotNow(text.into()));
    }
    let excluded = state.exclusions(absent);
    let named = |trustee: &TrusteeId| excluded.iter().any(|exclusion| exclusion.trustee == *trustee);
    if let Some(trustee) = absent.iter().find(|trustee| !named(trustee)) {
        let missing: Vec<_> = ceremony.missing().iter().map(ToString::to_string).collect();
        let awaited = if missing.is_empty() { "nobody".into() } else { missing.join(", ") };
        return Err(AdminError::NotNow(format!(
            "{trustee} can't be left out as absent: {awaited} is awaited in the {} phase",
            ceremony.phase()
        )));
    }
    Ok((ceremony.parameters().attempt() + 1, excluded))
}
