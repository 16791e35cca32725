//! What befalls single voters: re-issued credentials, spoiled ballots.

use rand::CryptoRng;

use super::{SampleElection, SampleError};
use crate::canonical;
use crate::contests::Answers;
use crate::credential::{CredentialCode, CredentialKey};
use crate::leaves::{Reissue, ReissueTag, SpoiledBallot};
use crate::record::Rejection;
use crate::signature::SigningSecret;

impl SampleElection {
    /// The registrar signs and logs a re-issue.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn log_reissue(&mut self, old: CredentialKey, new: CredentialKey) -> Result<(), Rejection> {
        let registrar = SigningSecret::from_seed(&self.registrar.expose_seed());
        let reissue = Reissue { new: new.0, old: old.0, signature: None, time_ms: self.time_ms, tag: ReissueTag };
        self.append_signed(reissue, &registrar)
    }

    /// A voter (from 0) gets another code.
    ///
    /// # Errors
    /// When the re-issue is refused.
    pub fn reissue(&mut self, voter: usize, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        let code = CredentialCode::random(rng);
        let credential = code.credential(&self.fingerprint());
        let old = self.voters.get(voter).ok_or("no such voter")?.credential.public();
        self.log_reissue(old, credential.public())?;
        let voter = self.voters.get_mut(voter).ok_or("no such voter")?;
        voter.entry.credential = credential.public().0;
        (voter.code, voter.credential) = (code, credential);
        Ok(())
    }

    /// A voter (from 0) spoils its next ballot; the entry that would publish it.
    ///
    /// # Errors
    /// When the answers are refused.
    pub fn spoiled(
        &self,
        voter: usize,
        answers: &Answers,
        rng: &mut impl CryptoRng,
    ) -> Result<SpoiledBallot, SampleError> {
        let voter = self.voters.get(voter).ok_or("no such voter")?;
        let key = voter.credential.public();
        let record = self.state.voter(key).ok_or("not on the roll")?;
        let context = self.state.ballot_context().ok_or("not open")?;
        let (counter, previous) = (record.counter + 1, record.last_hash);
        let opening = context.prepare(&voter.entry.style, answers, key, counter, previous, rng)?.spoil();
        Ok(opening.publish(context, &voter.credential, rng)?)
    }

    /// A voter (from 0) publishes a spoiled ballot.
    ///
    /// # Errors
    /// When answers or entry are refused.
    pub fn publish_spoiled(
        &mut self,
        voter: usize,
        answers: &Answers,
        rng: &mut impl CryptoRng,
    ) -> Result<(), SampleError> {
        let spoiled = self.spoiled(voter, answers, rng)?;
        Ok(self.append(canonical::to_bytes(&spoiled)?)?)
    }
}
