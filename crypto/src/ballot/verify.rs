//! Verification of ballots, alone and in batches, and the search for the bad ones of a batch.

use rand::CryptoRng;

use super::equation::{CHECKS, Decoded, Equation};
use super::{BallotContext, BallotError, EncryptedBallot, VerifiedBallot};
use crate::group::Scalar;
use crate::transcript::{Transcript, TranscriptProtocol as _};

impl BallotContext {
    /// True when all checks of all these ballots hold. Their weights: an XOF keyed with fresh randomness and the hashes of all
    /// the ballots' bytes.
    fn fold(&self, ballots: &[(&EncryptedBallot, &Decoded<'_>)], rng: &mut impl CryptoRng) -> bool {
        let hashes = ballots.iter().map(|(ballot, _)| ballot.hash().0).collect::<Vec<_>>().concat();
        let mut transcript = Transcript::protocol("batch");
        transcript.append_message(b"ballots", &hashes);
        let weights = transcript.nonces(&[], rng).weights(ballots.len());
        let decoded: Vec<&Decoded<'_>> = ballots.iter().map(|(_, decoded)| *decoded).collect();
        Equation::holds(self, &decoded, weights)
    }

    /// Halves a failing batch, with fresh weights each time, until the bad ballots are alone.
    fn find_bad(&self, ballots: &[(&EncryptedBallot, &Decoded<'_>)], bad: &mut Vec<bool>, rng: &mut impl CryptoRng) {
        if self.fold(ballots, rng) {
            bad.extend(ballots.iter().map(|_| false));
        } else if ballots.len() == 1 {
            bad.push(true);
        } else {
            let (left, right) = ballots.split_at(ballots.len() / 2);
            self.find_bad(left, bad, rng);
            self.find_bad(right, bad, rng);
        }
    }

    /// The first check that fails for one ballot, each on its own.
    fn failing_check(&self, decoded: &Decoded<'_>) -> Option<u8> {
        (0..CHECKS).zip(1..).find_map(|(only, number)| {
            let weights = std::array::from_fn(|check| if check == only { Scalar::ONE } else { Scalar::ZERO });
            (!Equation::holds(self, &[decoded], [weights])).then_some(number)
        })
    }

    /// Verifies many ballots at once, on this thread; each bad one is named with its error. Results stand in the order
    /// of `ballots`. Batches of some hundred are fastest.
    #[allow(clippy::result_large_err)] // A refused ballot goes back to its owner whole; it was moved in.
    pub fn verify_batch(
        &self,
        ballots: Vec<EncryptedBallot>,
        rng: &mut impl CryptoRng,
    ) -> Vec<Result<VerifiedBallot, (EncryptedBallot, BallotError)>> {
        let decoded: Vec<_> = ballots.iter().map(|ballot| Decoded::new(self, ballot)).collect();
        let whole: Vec<_> = ballots.iter().zip(&decoded).filter_map(|(b, d)| Some((b, d.as_ref().ok()?))).collect();
        let mut bad = Vec::with_capacity(whole.len());
        if !whole.is_empty() {
            self.find_bad(&whole, &mut bad, rng);
        }
        let mut bad = bad.into_iter();
        // `bad` has one entry for each decoded ballot, in order.
        let mut verdict = |decoded: Decoded<'_>| {
            if bad.next().unwrap_or(true) {
                return Err(BallotError::Check(self.failing_check(&decoded).unwrap_or(0)));
            }
            decoded.ciphertext().ok_or(BallotError::NotABallot)
        };
        let verified = ballots.into_iter().zip(decoded).map(|(ballot, decoded)| match decoded.and_then(&mut verdict) {
            Ok((pad, data)) => Ok(VerifiedBallot { ballot, pad, data }),
            Err(error) => Err((ballot, error)),
        });
        verified.collect()
    }

    /// Verifies one ballot.
    ///
    /// # Errors
    /// [`BallotError`], naming the failing check.
    pub fn verify(&self, ballot: EncryptedBallot, rng: &mut impl CryptoRng) -> Result<VerifiedBallot, BallotError> {
        self.verify_batch(vec![ballot], rng).pop().map_or(Err(BallotError::NotABallot), |r| r.map_err(|(_, e)| e))
    }
}
