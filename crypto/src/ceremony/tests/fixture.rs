//! A small ceremony for tests: three trustees, two decrypt, four rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::rngs::StdRng;
use rand::{CryptoRng, SeedableRng as _};

use crate::canonical;
use crate::ceremony::{Ceremony, CeremonyParameters, CeremonyPhase, Dealer, TrusteeShares};
use crate::group::{EncodedPoint, SecretScalar};
use crate::hash::Hash;
use crate::id::TrusteeId;

pub(crate) const TRUSTEES: u64 = 3;
pub(crate) const QUORUM: u64 = 2;
pub(crate) const ROWS: usize = 4;

pub(crate) fn rng(seed: u64) -> impl CryptoRng {
    StdRng::seed_from_u64(seed)
}

/// SHA-256 of a message's bytes.
pub(crate) fn message_hash(message: &impl serde::Serialize) -> Hash {
    Hash::of(&canonical::to_bytes(message).unwrap())
}

/// d_i, the same in every election.
pub(crate) fn decryption_secret(trustee: u64) -> SecretScalar {
    SecretScalar::random(&mut rng(1000 + trustee))
}

pub(crate) fn parameters(election: &str, attempt: u64) -> CeremonyParameters {
    let keys = (1..=TRUSTEES).map(|i| EncodedPoint::from(&decryption_secret(i).public_point())).collect();
    CeremonyParameters::from_parts(Hash::of(election.as_bytes()), attempt, QUORUM, ROWS, keys).unwrap()
}

/// The seed of a trustee's polynomials.
pub(crate) fn seed(trustee: u64) -> [u8; 32] {
    [u8::try_from(trustee).unwrap(); 32]
}

pub(crate) fn dealer(parameters: &CeremonyParameters, trustee: u64) -> Dealer {
    Dealer::new(parameters.clone(), TrusteeId(trustee), &seed(trustee), decryption_secret(trustee)).unwrap()
}

/// A ceremony under way, with everybody's secrets.
pub(crate) struct Fixture {
    pub(crate) ceremony: Ceremony,
    /// By trustee.
    pub(crate) dealers: Vec<Dealer>,
}

impl Fixture {
    /// The first attempt in the election named `election`, with honest messages up to the beginning of `phase`.
    pub(crate) fn at(election: &str, phase: CeremonyPhase) -> Self {
        let parameters = parameters(election, 1);
        let dealers = (1..=TRUSTEES).map(|i| dealer(&parameters, i)).collect();
        Self::with(Ceremony::new(parameters), dealers, phase)
    }

    pub(crate) fn with(ceremony: Ceremony, dealers: Vec<Dealer>, phase: CeremonyPhase) -> Self {
        let mut fixture = Self { ceremony, dealers };
        while fixture.ceremony.phase() < phase {
            for trustee in fixture.ceremony.missing() {
                fixture.post(trustee);
            }
        }
        fixture
    }

    pub(crate) fn dealer(&self, trustee: u64) -> &Dealer {
        &self.dealers[usize::try_from(trustee).unwrap() - 1]
    }

    pub(crate) fn shares_of(&self, trustee: u64) -> TrusteeShares {
        self.dealer(trustee).open_shares(&self.ceremony).unwrap()
    }

    /// The trustee's honest message of this phase.
    pub(crate) fn post(&mut self, trustee: TrusteeId) {
        let rng = &mut rng(trustee.0);
        let dealer = &self.dealers[usize::try_from(trustee.0).unwrap() - 1];
        match self.ceremony.phase() {
            CeremonyPhase::Commit => {
                let commit = dealer.commit();
                self.ceremony.apply_commit(&commit, message_hash(&commit)).unwrap();
            }
            CeremonyPhase::Reveal => {
                let reveal = dealer.reveal(&self.ceremony, rng).unwrap();
                self.ceremony.apply_reveal(&reveal, message_hash(&reveal)).unwrap();
            }
            CeremonyPhase::Shares => {
                let shares = dealer.shares(&self.ceremony, rng).unwrap();
                self.ceremony.apply_shares(&shares, message_hash(&shares)).unwrap();
            }
            CeremonyPhase::Confirm => {
                let confirm = dealer.open_shares(&self.ceremony).unwrap().confirm(&self.ceremony).unwrap();
                self.ceremony.apply_confirm(&confirm).unwrap();
            }
            CeremonyPhase::Rehearsal => {
                let shares = dealer.open_shares(&self.ceremony).unwrap();
                let rehearsal = shares.rehearse(&self.ceremony, rng).unwrap();
                self.ceremony.apply_rehearsal(&rehearsal).unwrap();
            }
            CeremonyPhase::Complete => {}
        }
    }
}
