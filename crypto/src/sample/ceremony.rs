//! The sample's key ceremony, honest or not.

use rand::CryptoRng;

use super::{SampleElection, SampleError};
use crate::ceremony::CeremonyPhase;
use crate::id::TrusteeId;
use crate::leaves::{CommitTag, ComplaintTag, ConfirmTag, RehearsalTag, Restart, RestartTag, RevealTag, SharesTag};

impl SampleElection {
    /// Runs the key ceremony to its end.
    ///
    /// # Errors
    /// None that honest trustees cause.
    pub fn ceremony(&mut self, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        self.ceremony_until(CeremonyPhase::Complete, rng)
    }

    /// Runs the key ceremony up to the beginning of a phase.
    ///
    /// # Errors
    /// None that honest trustees cause.
    pub fn ceremony_until(&mut self, phase: CeremonyPhase, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        while self.state.ceremony().phase() < phase {
            for trustee in self.state.ceremony().missing() {
                self.ceremony_step(usize::try_from(trustee.0.saturating_sub(1))?, rng)?;
            }
        }
        Ok(())
    }

    /// Posts the honest message of one trustee (from 0) in the present phase.
    ///
    /// # Errors
    /// When the trustee has no turn.
    pub fn ceremony_step(&mut self, i: usize, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        let dealer = self.dealer(i)?;
        let ceremony = self.state.ceremony();
        match ceremony.phase() {
            CeremonyPhase::Commit => self.append_message(dealer.commit(), CommitTag::NAME, i),
            CeremonyPhase::Reveal => {
                let reveal = dealer.reveal(ceremony, rng)?;
                self.append_message(reveal, RevealTag::NAME, i)
            }
            CeremonyPhase::Shares => {
                let shares = dealer.shares(ceremony, rng)?;
                self.append_message(shares, SharesTag::NAME, i)
            }
            CeremonyPhase::Confirm => {
                let confirm = dealer.open_shares(ceremony)?.confirm(ceremony)?;
                self.append_message(confirm, ConfirmTag::NAME, i)
            }
            CeremonyPhase::Rehearsal => {
                let rehearsal = dealer.open_shares(ceremony)?.rehearse(ceremony, rng)?;
                self.append_message(rehearsal, RehearsalTag::NAME, i)
            }
            CeremonyPhase::Complete => Ok(()),
        }
    }

    /// Posts shares of one trustee (from 0) of which `victim` gets a wrong one: a cheat.
    ///
    /// # Errors
    /// When the trustee has no turn.
    pub fn shares_that_cheat(
        &mut self,
        i: usize,
        victim: TrusteeId,
        rng: &mut impl CryptoRng,
    ) -> Result<(), SampleError> {
        let shares = self.dealer(i)?.shares_that_cheat(self.state.ceremony(), victim, rng)?;
        self.append_message(shares, SharesTag::NAME, i)
    }

    /// Posts a complaint of one trustee (from 0) about another, deserved or not.
    ///
    /// # Errors
    /// When it is refused.
    pub fn complain(&mut self, i: usize, dealer: TrusteeId, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        let complaint = self.dealer(i)?.complain_anyway(self.state.ceremony(), dealer, rng)?;
        self.append_message(complaint, ComplaintTag::NAME, i)
    }

    /// Restarts the ceremony without those that were shown to cheat, or without those of `absent` that are awaited.
    ///
    /// # Errors
    /// When it is refused.
    pub fn restart(&mut self, absent: &[TrusteeId]) -> Result<(), SampleError> {
        let restart = Restart {
            administrator: 1,
            attempt: self.state.ceremony().parameters().attempt() + 1,
            excluded: self.state.exclusions(absent),
            signature: None,
            time_ms: self.time_ms,
            tag: RestartTag,
        };
        Ok(self.append_signed(restart, &self.administrator_key())?)
    }
}
