//! Trustees' messages, whole or in parts: specs/encoding.md and specs/protocol.md section 5.

use std::collections::BTreeMap;

use super::{Phase, RecordState, Rejection};
use crate::hash::Hash;
use crate::id::TrusteeId;
use crate::leaves::{CHUNK_BYTES, DecryptionShareTag, Leaf, MAX_MESSAGE_BYTES, Part};
use crate::signature::{self, SignedEntry};

/// How many times its longest message a trustee may log in parts: all messages of an attempt, a few begun anew, no more.
const MAX_PART_MESSAGES: usize = 8;

/// A message of which not all parts have come.
struct Pending {
    message_type: &'static str,
    message: Hash,
    parts: u64,
    next: u64,
    bytes: Vec<u8>,
}

/// Messages under way, one a trustee.
#[derive(Default)]
pub(super) struct Messages {
    pending: BTreeMap<TrusteeId, Pending>,
    /// Bytes of all parts so far.
    logged: BTreeMap<TrusteeId, usize>,
}

impl RecordState {
    pub(super) fn verify_trustee<E: SignedEntry + Clone>(
        &self,
        entry: &E,
        trustee: TrusteeId,
    ) -> Result<(), Rejection> {
        let keys = self.manifest.trustee(trustee).ok_or(Rejection::UnknownTrustee(trustee))?;
        signature::verify(entry, &self.fingerprint(), &keys.identity_key)
            .map_err(|source| Rejection::Signature { who: trustee.to_string(), source })?;
        self.refuse_excluded(trustee)
    }

    pub(super) fn verify_agreement_signature(&self, entry: &crate::leaves::Agreement) -> Result<(), Rejection> {
        self.verify_trustee(entry, entry.trustee)
    }

    /// Applies a whole message; `hash` is SHA-256 of its bytes.
    pub(super) fn apply_message(&mut self, message: &Leaf, hash: Hash) -> Result<(), Rejection> {
        if !matches!(message, Leaf::DecryptionShare(_)) {
            self.expect_phase("ceremony entry", &[Phase::Setup])?;
        }
        match message {
            Leaf::Commit(commit) => {
                self.verify_trustee(commit, commit.trustee)?;
                self.ceremony.apply_commit(commit, hash)?;
            }
            Leaf::Reveal(reveal) => {
                self.verify_trustee(reveal, reveal.trustee)?;
                self.ceremony.apply_reveal(reveal, hash)?;
            }
            Leaf::Shares(shares) => {
                self.verify_trustee(shares, shares.trustee)?;
                self.ceremony.apply_shares(shares, hash)?;
            }
            Leaf::Confirm(confirm) => {
                self.verify_trustee(confirm, confirm.trustee)?;
                self.ceremony.apply_confirm(confirm)?;
            }
            Leaf::Rehearsal(rehearsal) => {
                self.verify_trustee(rehearsal, rehearsal.trustee)?;
                self.ceremony.apply_rehearsal(rehearsal)?;
            }
            Leaf::DecryptionShare(share) => {
                self.expect_phase("decryption share", &[Phase::Agreed, Phase::Decrypted])?;
                self.verify_trustee(share, share.trustee)?;
                self.apply_decryption_share(share, hash)?;
            }
            _ => return Err(Rejection::Canonical(crate::canonical::CanonicalError::Malformed("not a message".into()))),
        }
        Ok(())
    }

    pub(super) fn apply_part(&mut self, part: &Part) -> Result<(), Rejection> {
        let refuse = |problem| Rejection::Part { trustee: part.trustee, problem };
        let message_type = part.message_type().ok_or(refuse("no message of this type is split"))?;
        match message_type {
            DecryptionShareTag::NAME => self.expect_phase("decryption share", &[Phase::Agreed, Phase::Decrypted])?,
            _ => self.expect_phase("ceremony entry", &[Phase::Setup])?,
        }
        self.verify_trustee(part, part.trustee)?;
        let logged = self.messages.logged.get(&part.trustee).copied().unwrap_or(0) + part.chunk.0.len();
        if logged > MAX_PART_MESSAGES * self.manifest.longest_message_bytes() {
            return Err(refuse("this trustee has logged too many parts"));
        }
        if part.parts < 2 || part.parts > (MAX_MESSAGE_BYTES / CHUNK_BYTES) as u64 || part.part >= part.parts {
            return Err(refuse("the number of parts is impossible"));
        }
        let last = part.part + 1 == part.parts;
        if part.chunk.0.is_empty() || part.chunk.0.len() > CHUNK_BYTES || (!last && part.chunk.0.len() != CHUNK_BYTES) {
            return Err(refuse("every part but the last has 36,864 bytes"));
        }
        // Part 0 begins anew: a trustee that lost its message makes another one.
        let pending = self.messages.pending.get(&part.trustee);
        let fits = pending.is_some_and(|p| {
            (p.message_type, p.message, p.parts, p.next) == (message_type, part.message, part.parts, part.part)
        });
        if part.part != 0 && !fits {
            return Err(refuse("parts come in order, of one message at a time"));
        }
        if last {
            let mut bytes = pending.map(|p| p.bytes.clone()).unwrap_or_default();
            bytes.extend_from_slice(&part.chunk.0);
            self.apply_assembled(part, message_type, &bytes)?;
            self.messages.pending.remove(&part.trustee);
        } else {
            let new = || Pending { message_type, message: part.message, parts: part.parts, next: 0, bytes: vec![] };
            if part.part == 0 {
                self.messages.pending.insert(part.trustee, new());
            }
            let pending = self.messages.pending.entry(part.trustee).or_insert_with(new);
            pending.bytes.extend_from_slice(&part.chunk.0);
            pending.next += 1;
        }
        self.messages.logged.insert(part.trustee, logged);
        Ok(())
    }

    fn apply_assembled(&mut self, part: &Part, message_type: &str, bytes: &[u8]) -> Result<(), Rejection> {
        let refuse = |problem| Rejection::Part { trustee: part.trustee, problem };
        let hash = Hash::of(bytes);
        if hash != part.message {
            return Err(refuse("the parts do not add up to the announced message"));
        }
        let message = Leaf::parse_message(bytes)?;
        if message.type_name() != message_type || message_trustee(&message) != Some(part.trustee) {
            return Err(refuse("the message is of another type or trustee than its parts"));
        }
        self.apply_message(&message, hash)
    }
}

fn message_trustee(message: &Leaf) -> Option<TrusteeId> {
    match message {
        Leaf::Commit(m) => Some(m.trustee),
        Leaf::Reveal(m) => Some(m.trustee),
        Leaf::Shares(m) => Some(m.trustee),
        Leaf::Confirm(m) => Some(m.trustee),
        Leaf::Rehearsal(m) => Some(m.trustee),
        Leaf::DecryptionShare(m) => Some(m.trustee),
        _ => None,
    }
}
