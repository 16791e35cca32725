//! Ballots and tally heads: specs/protocol.md sections 4.2 and 4.4.

use super::{Phase, RecordState, Rejection, VoterRecord};
use crate::ballot::{EncryptedBallot, OpenedBallot, SPOILED_BEYOND_CASTS, SpoiledError, VerifiedBallot};
use crate::credential::CredentialKey;
use crate::hash::Hash;
use crate::id::LeafIndex;
use crate::leaves::{SpoiledBallot, TallyHead, TallyHeadTag};
use crate::log::merkle::leaf_hash;

impl RecordState {
    /// The cheap rules, before the proof: phase, roll, style, counter, previous ballot, pad.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn precheck(&self, ballot: &EncryptedBallot) -> Result<(), Rejection> {
        self.expect_phase("ballot", &[Phase::Open])?;
        self.check_turn(ballot).map(|_| ())
    }

    fn check_turn(&self, ballot: &EncryptedBallot) -> Result<&VoterRecord, Rejection> {
        let leaf = ballot.leaf();
        let voter = self.roll.voter(ballot.credential()).ok_or_else(|| match self.roll.known(ballot.credential()) {
            true => Rejection::ReplacedCredential,
            false => Rejection::UnknownCredential,
        })?;
        let expected = self.manifest.ballot_styles.get(voter.class.style);
        if let Some(expected) = expected.filter(|style| style.id != leaf.style) {
            return Err(Rejection::Style { found: leaf.style.clone(), expected: expected.id.clone() });
        }
        // ⚠ Only counter + 1 with the hash of the ballot before: no replay, no reordering.
        if leaf.counter != voter.counter + 1 {
            return Err(Rejection::Counter { found: leaf.counter, expected: voter.counter + 1 });
        }
        if leaf.previous != voter.last_hash {
            return Err(Rejection::Previous { expected: voter.last_hash });
        }
        if voter.counter >= self.manifest.casts_per_credential {
            return Err(Rejection::CastLimit(self.manifest.casts_per_credential));
        }
        if self.pads.contains(&leaf.pad.0) {
            return Err(Rejection::RepeatedPad);
        }
        Ok(voter)
    }

    /// The position of the ballot that this one supersedes: [`RecordState::apply_ballot`] wants its bytes.
    #[must_use]
    pub fn superseded(&self, ballot: &EncryptedBallot) -> Option<LeafIndex> {
        self.roll.voter(ballot.credential()).filter(|voter| voter.counter > 0).map(|voter| voter.last_index)
    }

    /// Appends a verified ballot and brings the running tally up to date. `superseded` are the exact bytes of the entry
    /// at [`RecordState::superseded`]: the state keeps their hash only. On error nothing has changed.
    ///
    /// # Errors
    /// [`Rejection`], as [`RecordState::precheck`]; [`Rejection::Superseded`].
    pub fn apply_ballot(&mut self, ballot: &VerifiedBallot, superseded: Option<&[u8]>) -> Result<(), Rejection> {
        self.expect_phase("ballot", &[Phase::Open])?;
        let voter = self.check_turn(ballot.ballot())?;
        let (class, last_hash, first) = (voter.class, voter.last_hash, voter.counter == 0);
        if first {
            self.tally.add(ballot, class);
        } else {
            let bytes = superseded.filter(|bytes| Hash::of(bytes) == last_hash).ok_or(Rejection::Superseded)?;
            // It was verified when it was admitted: its hash is ours.
            let old = EncryptedBallot::parse(bytes).and_then(VerifiedBallot::trust_stored);
            self.tally.replace(&old.map_err(|_| Rejection::Superseded)?, ballot, class);
        }
        let index = self.frontier.size();
        if let Some(voter) = self.roll.voter_mut(ballot.ballot().credential()) {
            voter.counter += 1;
            voter.last_hash = ballot.ballot().hash();
            voter.last_index = index;
        }
        self.pads.insert(ballot.ballot().leaf().pad.0);
        self.ballots_cast += 1;
        self.tally_head_due = true;
        self.frontier.push(leaf_hash(ballot.ballot().bytes()));
        Ok(())
    }

    /// Section 4.5: a spoiled ballot that would be admitted now.
    fn check_spoiled(&self, spoiled: &SpoiledBallot) -> Result<OpenedBallot, Rejection> {
        self.expect_phase("published spoiled ballot", &[Phase::Open])?;
        let credential = CredentialKey(spoiled.credential);
        let voter = self.roll.voter(credential).ok_or(SpoiledError::UnknownCredential)?;
        let style = self.manifest.ballot_styles.get(voter.class.style);
        if style.is_none_or(|style| style.id != spoiled.style) {
            return Err(SpoiledError::Style.into());
        }
        if (spoiled.counter, spoiled.previous) != (voter.counter + 1, voter.last_hash) {
            return Err(SpoiledError::Turn.into());
        }
        let limit = self.manifest.casts_per_credential + SPOILED_BEYOND_CASTS;
        if self.roll.spoiled_by(credential) >= limit {
            return Err(SpoiledError::Limit(limit).into());
        }
        let context = self.context.as_ref();
        let context = context.ok_or(Rejection::Phase { entry: "published spoiled ballot", phase: self.phase })?;
        let opened = context.open_spoiled(spoiled)?;
        if self.pads.contains(&opened.pad.0) {
            return Err(SpoiledError::RepeatedPad.into());
        }
        Ok(opened)
    }

    pub(super) fn apply_spoiled(&mut self, spoiled: &SpoiledBallot) -> Result<(), Rejection> {
        let opened = self.check_spoiled(spoiled)?;
        // ⚠ What was opened is not cast.
        self.pads.insert(opened.pad.0);
        self.roll.count_spoiled(CredentialKey(spoiled.credential));
        Ok(())
    }

    /// Whether ballots came since the last tally head.
    #[must_use]
    pub fn tally_head_due(&self) -> bool {
        self.tally_head_due
    }

    /// The tally head that the board would append now.
    #[must_use]
    pub fn tally_head(&self, time_ms: u64) -> TallyHead {
        TallyHead {
            ballots: self.tally.ballots(),
            digest: self.tally.digest(),
            time_ms,
            tree_size: self.frontier.size(),
            tag: TallyHeadTag,
        }
    }

    pub(super) fn apply_tally_head(&mut self, head: &TallyHead) -> Result<(), Rejection> {
        self.expect_phase("tally head", &[Phase::Open])?;
        if !self.tally_head_due {
            return Err(Rejection::TallyHead("no ballot came since the last one"));
        }
        if head.tree_size != self.frontier.size() {
            return Err(Rejection::TallyHead("it names another size of the log than its own position"));
        }
        if head.ballots != self.tally.ballots() || head.digest != self.tally.digest() {
            return Err(Rejection::TallyHead("it commits to another tally than the sum of the counted ballots"));
        }
        self.tally_head_due = false;
        Ok(())
    }
}
