//! Entries that were refused, and what follows from them: so that one cheat is reported once, under its own check, and
//! what merely could not be looked at any more is called so.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;
use veritally_crypto::ballot::SpoiledError;
use veritally_crypto::ceremony::CeremonyError;
use veritally_crypto::credential::CredentialKey;
use veritally_crypto::group::EncodedPoint;
use veritally_crypto::id::{LeafIndex, TrusteeId};
use veritally_crypto::leaves::{DecryptionShareTag, Leaf};
use veritally_crypto::record::{Phase, RecordState, Rejection};

/// What an entry is about, even if it can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Ceremony,
    Complaint,
    Restart,
    CeremonyPart(TrusteeId),
    SharePart(TrusteeId),
    Roll,
    Reissue {
        old: CredentialKey,
        new: CredentialKey,
    },
    Opening,
    Ballot(CredentialKey),
    Spoiled(CredentialKey),
    TallyHead,
    Closing,
    Agreement,
    Share,
    Extension,
    Result,
    /// Nothing that others build on.
    Other,
    /// Could be anything.
    Unknown,
}

impl Subject {
    pub(crate) fn of(leaf: &Leaf) -> Self {
        match leaf {
            Leaf::Commit(_) | Leaf::Reveal(_) | Leaf::Shares(_) | Leaf::Confirm(_) | Leaf::Rehearsal(_) => {
                Self::Ceremony
            }
            Leaf::Complaint(_) => Self::Complaint,
            Leaf::Restart(_) => Self::Restart,
            Leaf::Part(part) if part.message_type() == Some(DecryptionShareTag::NAME) => Self::SharePart(part.trustee),
            Leaf::Part(part) => Self::CeremonyPart(part.trustee),
            Leaf::RollPart(_) | Leaf::Roll(_) => Self::Roll,
            Leaf::Reissue(reissue) => {
                Self::Reissue { old: CredentialKey(reissue.old), new: CredentialKey(reissue.new) }
            }
            Leaf::SpoiledBallot(spoiled) => Self::Spoiled(CredentialKey(spoiled.credential)),
            Leaf::Opening(_) => Self::Opening,
            Leaf::Ballot(ballot) => Self::Ballot(CredentialKey(ballot.credential)),
            Leaf::TallyHead(_) => Self::TallyHead,
            Leaf::Closing(_) => Self::Closing,
            Leaf::Agreement(_) => Self::Agreement,
            Leaf::DecryptionShare(_) => Self::Share,
            Leaf::Extension(_) => Self::Extension,
            Leaf::Result(_) => Self::Result,
            Leaf::Manifest(_) | Leaf::Abandonment(_) => Self::Other,
        }
    }

    /// Whether it is admitted in a phase that comes after this one: specs/protocol.md section 2.
    fn needed_after(self, phase: Phase) -> bool {
        let last = match self {
            Self::Ceremony | Self::CeremonyPart(_) | Self::Complaint | Self::Restart | Self::Roll | Self::Opening => {
                Phase::Setup
            }
            Self::Reissue { .. } | Self::Ballot(_) | Self::Spoiled(_) | Self::TallyHead | Self::Closing => Phase::Open,
            Self::Extension => Phase::Open,
            Self::SharePart(_) | Self::Agreement | Self::Share | Self::Result | Self::Other | Self::Unknown => {
                Phase::Decrypted
            }
        };
        last > phase
    }

    /// Of an entry that is not canonical: by what it says, as far as it can be read.
    pub(crate) fn of_malformed(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Peek {
            #[serde(rename = "type")]
            tag: String,
            credential: Option<EncodedPoint>,
            old: Option<EncodedPoint>,
            new: Option<EncodedPoint>,
        }
        let Ok(peek) = serde_json::from_slice::<Peek>(bytes) else { return Self::Unknown };
        if let ("reissue/v1", Some(old), Some(new)) = (peek.tag.as_str(), peek.old, peek.new) {
            return Self::Reissue { old: CredentialKey(old), new: CredentialKey(new) };
        }
        match (peek.tag.as_str(), peek.credential) {
            ("ballot/v1", Some(credential)) => Self::Ballot(CredentialKey(credential)),
            ("tally-head/v1", _) => Self::TallyHead,
            ("roll-part/v1" | "roll/v1", _) => Self::Roll,
            ("trustee-complaint/v1", _) => Self::Complaint,
            ("ceremony-restart/v1", _) => Self::Restart,
            ("opening/v1", _) => Self::Opening,
            ("closing/v1", _) => Self::Closing,
            ("agreement/v1", _) => Self::Agreement,
            ("decryption-share/v1", _) => Self::Share,
            ("extension/v1", _) => Self::Extension,
            ("result/v1", _) => Self::Result,
            ("manifest/v1" | "abandonment/v1" | "spoiled-ballot/v1", _) => Self::Other,
            _ => Self::Unknown,
        }
    }
}

/// What was refused so far.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// For each refused entry, ascending, how many entries the state had taken when it came.
    taken_before: Vec<LeafIndex>,
    unknown: bool,
    ceremony: bool,
    complaint: bool,
    restart: bool,
    parts: BTreeSet<TrusteeId>,
    roll: bool,
    /// New credentials of refused re-issues.
    reissued: HashSet<CredentialKey>,
    opening: bool,
    ballots: HashSet<CredentialKey>,
    tally_head: bool,
    closing: bool,
    agreement: bool,
    share: bool,
    /// Entries were refused before the closing, so the state's closing head is not the log's.
    closing_head_differs: bool,
}

impl Refused {
    pub(crate) fn add(&mut self, index: LeafIndex, subject: Subject) {
        self.taken_before.push(index.saturating_sub(self.taken_before.len() as u64));
        match subject {
            Subject::Ceremony => self.ceremony = true,
            Subject::Complaint => self.complaint = true,
            Subject::Restart => self.restart = true,
            Subject::CeremonyPart(trustee) => {
                self.parts.insert(trustee);
                self.ceremony = true;
            }
            Subject::SharePart(trustee) => {
                self.parts.insert(trustee);
                self.share = true;
            }
            Subject::Roll => self.roll = true,
            Subject::Reissue { new, .. } => {
                self.reissued.insert(new);
            }
            Subject::Opening => self.opening = true,
            Subject::Ballot(credential) => {
                self.ballots.insert(credential);
            }
            Subject::TallyHead => self.tally_head = true,
            Subject::Closing => self.closing = true,
            Subject::Agreement => self.agreement = true,
            Subject::Share => self.share = true,
            Subject::Spoiled(_) | Subject::Extension | Subject::Result | Subject::Other => {}
            Subject::Unknown => self.unknown = true,
        }
    }

    pub(crate) fn any(&self) -> bool {
        !self.taken_before.is_empty()
    }

    /// The closing entry was applied.
    pub(crate) fn closed(&mut self) {
        self.closing_head_differs = self.any();
    }

    pub(crate) fn closing_head_differs(&self) -> bool {
        self.closing_head_differs
    }

    /// Where the state's entry number `of_state` stands in the log: the state counts only what it took.
    pub(crate) fn position(&self, of_state: LeafIndex) -> LeafIndex {
        of_state + self.taken_before.partition_point(|taken| *taken <= of_state) as u64
    }

    /// Whether a credential is missing because the re-issue that was to make it was refused.
    fn never_made(&self, credential: CredentialKey, state: &RecordState) -> bool {
        let missing = state.voter(credential).is_none() && !state.is_replaced(credential);
        missing && (self.reissued.contains(&credential) || self.unknown)
    }

    /// Whether a refusal follows from an earlier one, rather than from the entry itself.
    pub(crate) fn explains(&self, rejection: &Rejection, subject: Subject, state: &RecordState) -> bool {
        let unknown = self.unknown;
        match rejection {
            Rejection::Phase { phase, .. } if subject.needed_after(*phase) => match phase {
                Phase::Setup => self.opening || unknown,
                Phase::Open => self.closing || unknown,
                Phase::Closed => self.agreement || unknown,
                Phase::Agreed => self.share || unknown,
                Phase::Decrypted | Phase::Published | Phase::Abandoned => false,
            },
            Rejection::Ceremony(
                CeremonyError::WrongPhase { .. }
                | CeremonyError::CommitsHash { .. }
                | CeremonyError::CeremonyHash { .. }
                | CeremonyError::NotYet { .. },
            ) => self.ceremony || self.restart || unknown,
            // The attempt that a refused restart was to begin, or the trustees that it was to leave out.
            Rejection::Ceremony(CeremonyError::WrongAttempt { .. }) => self.restart || unknown,
            Rejection::Restart(_) => self.ceremony || self.complaint || self.restart || unknown,
            Rejection::Part { trustee, .. } => self.parts.contains(trustee) || unknown,
            Rejection::RollPart { .. } | Rejection::Roll(_) => self.roll || unknown,
            Rejection::Opening(_) => {
                let keys = state.ceremony().keys().is_none() && (self.ceremony || self.restart || unknown);
                keys || state.roll_hash().is_none() && (self.roll || unknown)
            }
            Rejection::Reissue(_) => match subject {
                Subject::Reissue { .. } if state.roll_hash().is_none() => self.roll || unknown,
                Subject::Reissue { old, .. } => self.never_made(old, state),
                _ => false,
            },
            Rejection::UnknownCredential | Rejection::Spoiled(SpoiledError::UnknownCredential) => match subject {
                Subject::Ballot(credential) | Subject::Spoiled(credential) => self.never_made(credential, state),
                _ => false,
            },
            Rejection::Counter { .. } | Rejection::Previous { .. } | Rejection::Spoiled(SpoiledError::Turn) => {
                match subject {
                    Subject::Ballot(credential) | Subject::Spoiled(credential) => {
                        self.ballots.contains(&credential) || unknown
                    }
                    _ => false,
                }
            }
            Rejection::TallyHead(_) => !self.ballots.is_empty() || unknown,
            Rejection::Closing(_) => state.tally_head_due() && (self.tally_head || unknown),
            Rejection::AgreementHead { .. } | Rejection::ShareHead { .. } => self.closing_head_differs,
            _ => false,
        }
    }
}

#[cfg(all(test, feature = "sample-record"))]
mod tests;
