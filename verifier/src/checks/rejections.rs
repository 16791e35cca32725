//! From the state's refusals to checks: the one function that decides under which number a refused entry is reported.

use veritally_crypto::ballot::BallotError;
use veritally_crypto::ceremony::CeremonyError;
use veritally_crypto::leaves::Leaf;
use veritally_crypto::record::{Phase, RecordState, Rejection};

use super::{Check, cells};

/// The check that a refused entry fails; `state` is the election's when it came.
pub(crate) fn check_of(rejection: &Rejection, leaf: Option<&Leaf>, state: &RecordState) -> Check {
    match rejection {
        Rejection::Canonical(_) | Rejection::Ballot(BallotError::Canonical(_) | BallotError::NotABallot) => {
            Check::Canonical
        }
        Rejection::Manifest(_) => Check::Manifest,
        // Shares without agreement, or a result without shares, say what is missing rather than that they came early.
        Rejection::Phase { entry: "decryption share", phase: Phase::Closed } => Check::Agreements,
        Rejection::Phase { entry: "result", phase: Phase::Closed } => Check::Agreements,
        Rejection::Phase { entry: "result", phase: Phase::Agreed } => Check::Shares,
        Rejection::Phase { .. } | Rejection::SecondManifest => Check::Order,
        Rejection::Signature { .. } | Rejection::UnknownAdministrator(_) | Rejection::UnknownTrustee(_) => {
            Check::Signatures
        }
        Rejection::Ceremony(CeremonyError::Keys) => Check::Keys,
        Rejection::Ceremony(_) if matches!(leaf, Some(Leaf::Complaint(_))) => Check::Disputes,
        Rejection::Excluded(_) | Rejection::Restart(_) => Check::Disputes,
        Rejection::Ceremony(_) => Check::Ceremony,
        Rejection::Part { .. } if matches!(state.phase(), Phase::Agreed | Phase::Decrypted) => Check::Shares,
        Rejection::Part { .. } => Check::Ceremony,
        Rejection::RollPart { .. } | Rejection::Roll(_) => Check::Roll,
        Rejection::Opening(_) => Check::Opening,
        Rejection::Extension(_) | Rejection::Reason => Check::Extension,
        Rejection::Ballot(BallotError::Check(_)) | Rejection::UnverifiedBallot => Check::BallotProof,
        Rejection::Ballot(_) | Rejection::Style { .. } => Check::BallotForm,
        Rejection::Reissue(_) => Check::Reissues,
        Rejection::Spoiled(_) => Check::SpoiledBallots,
        Rejection::UnknownCredential | Rejection::ReplacedCredential => Check::OnRoll,
        Rejection::Counter { .. } | Rejection::Previous { .. } => Check::Revotes,
        Rejection::CastLimit(_) => Check::CastLimit,
        Rejection::RepeatedPad => Check::Copies,
        // The entry was read twice with different content.
        Rejection::Superseded => Check::Root,
        Rejection::TallyHead(_) => Check::TallyHeads,
        Rejection::Closing(_) => Check::Closing,
        Rejection::AgreementHead { .. } | Rejection::SecondAgreement(_) => Check::Agreements,
        Rejection::Share { .. } | Rejection::ShareHead { .. } => Check::Shares,
        Rejection::Result(_) => match leaf {
            Some(Leaf::Result(result)) if !cells::are_those_of(&result.contests, state) => Check::Cells,
            _ => Check::Result,
        },
        // A refusal that this verifier does not know yet.
        _ => Check::Unexplained,
    }
}
