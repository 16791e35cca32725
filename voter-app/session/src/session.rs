//! The states of a voter's session. Each consumes the one before, so that a wrong order does not compile. All own what
//! they need (`'static + Send`), so that a program can hand them to another thread, and erase their secrets when dropped.
//!
//! ```text
//! Election ─unlock─▶ Unlocked ─fill─▶ Filled ─prepare─▶ Prepared ─cast─▶ Outgoing ─send─▶ Recorded
//!             │         ▲  ▲◀─────change─────┘             │                ▲  └─(failed)─┘   │
//!             │         │  └──────────────────────────spoil┘                │                 │
//!             │         └───────────────────────────again───────────────────┼─────────────────┘
//!             └─(a ballot is stored whose answer never came)────────────────┘
//! ```
//!
//! ⚠ A ballot's bytes are stored before they are sent, so that a retry sends the same bytes and never a second ballot.
//! The seed is erased by [`Prepared::cast`], which is also what makes the proof; [`Prepared::spoil`] opens it instead.

use std::sync::Arc;

use rand::CryptoRng;
use veritally_crypto::ballot::{BallotError, BallotOpening, ConfirmationCode, EncryptedBallot, PreparedBallot};
use veritally_crypto::canonical;
use veritally_crypto::contests::{Answers, SecretAnswers};
use veritally_crypto::credential::{Credential, CredentialCode, CredentialKey};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::manifest::{BallotStyle, Contest};
use veritally_crypto::record::VoterRecord;
use veritally_crypto::tally::VoterClass;
use zeroize::Zeroize as _;

use crate::SessionError;
use crate::election::{Depth, Election};
use crate::store::{CredentialStore, StoredBallot};

mod sending;
mod spoiled;

use sending::submit_entry;
pub use sending::{Outgoing, Recorded, Unsent};
pub(crate) use sending::{submit, verify_receipt};
pub use spoiled::{SpoiledError, check_spoiled};

/// What unlocking leads to.
#[derive(Debug)]
pub enum Entered {
    /// A ballot can be filled in.
    Ready(Unlocked),
    /// A ballot was stored, and no receipt for it: it goes out first, with the same bytes.
    Interrupted(Outgoing),
}

/// The credential is known and on the roll.
#[derive(Debug)]
pub struct Unlocked {
    election: Arc<Election>,
    credential: Credential,
    class: VoterClass,
    style: BallotStyle,
    store: CredentialStore,
    /// Of its last ballot; 0 for none.
    counter: u64,
    /// SHA-256 of its last ballot; zeros for none.
    previous: Hash,
}

impl Election {
    /// Enters with a credential code.
    ///
    /// What the credential cast before is taken from the whole log if that was read, else from the local state.
    ///
    /// # Errors
    /// [`SessionError::NotOnRoll`]; [`SessionError::Removed`] when a ballot is gone; the local state's errors.
    pub fn unlock(self: &Arc<Self>, code: &CredentialCode) -> Result<Entered, SessionError> {
        self.enter(code.credential(&self.fingerprint()))
    }

    fn enter(self: &Arc<Self>, credential: Credential) -> Result<Entered, SessionError> {
        let key = credential.public();
        if self.state().is_replaced(key) {
            return Err(SessionError::Replaced);
        }
        let voter = self.state().voter(key).ok_or(SessionError::NotOnRoll)?;
        let class = voter.class;
        // The roll's styles were looked up in the manifest when it was applied.
        let style = self.manifest().ballot_styles.get(class.style).ok_or(SessionError::NotOnRoll)?.clone();
        let store = self.view().store().credential(key);
        let stored = store.ballots()?;
        let (recorded, pending): (Vec<_>, Vec<_>) = stored.into_iter().partition(|one| one.receipt.is_some());
        let (counter, previous) = last_ballot(self.depth(), voter, recorded.last())?;
        let mut unlocked = Unlocked { election: self.clone(), credential, class, style, store, counter, previous };
        match pending.into_iter().next() {
            None => Ok(Entered::Ready(unlocked)),
            Some(StoredBallot { ballot, .. }) => {
                (unlocked.counter, unlocked.previous) = (ballot.leaf().counter - 1, ballot.leaf().previous);
                Ok(Entered::Interrupted(Outgoing::new(unlocked, ballot)))
            }
        }
    }

    /// What the log says of a credential; only after the whole log was read does that include its ballots.
    #[must_use]
    pub fn voter(&self, code: &CredentialCode) -> Option<&VoterRecord> {
        self.state().voter(code.credential(&self.fingerprint()).public())
    }
}

/// Counter and hash of a credential's last ballot.
fn last_ballot(
    depth: Depth,
    voter: &VoterRecord,
    recorded: Option<&StoredBallot>,
) -> Result<(u64, Hash), SessionError> {
    let known = recorded.map(|one| (one.ballot.leaf().counter, one.ballot.hash()));
    if depth == Depth::Opening {
        return Ok(known.unwrap_or((0, Hash::ZERO)));
    }
    match known {
        // Every receipt was verified before it was stored: the log had this ballot.
        Some((counter, hash)) if counter > voter.counter || (counter == voter.counter && hash != voter.last_hash) => {
            Err(SessionError::Removed { receipts: counter, logged: voter.counter })
        }
        _ => Ok((voter.counter, voter.last_hash)),
    }
}

impl Unlocked {
    /// The election.
    #[must_use]
    pub fn election(&self) -> &Arc<Election> {
        &self.election
    }

    /// The credential's public point.
    #[must_use]
    pub fn credential(&self) -> CredentialKey {
        self.credential.public()
    }

    /// The ballot style.
    #[must_use]
    pub fn style(&self) -> &BallotStyle {
        &self.style
    }

    /// The contests to vote in, in order.
    pub fn contests(&self) -> impl Iterator<Item = &Contest> {
        let contests = self.election.manifest().contests.iter();
        contests.filter(|contest| self.style.contests.contains(&contest.id))
    }

    /// How much the vote counts.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.class.weight
    }

    /// How many ballots may still be cast.
    #[must_use]
    pub fn casts_left(&self) -> u64 {
        self.election.manifest().casts_per_credential.saturating_sub(self.counter)
    }

    /// Ballots cast so far, as far as is known.
    #[must_use]
    pub fn ballots_cast(&self) -> u64 {
        self.counter
    }

    /// The same credential in the same election, opened again: after another device's ballots were read from the whole log.
    ///
    /// # Errors
    /// As [`Election::unlock`].
    pub fn reopen(self, election: &Arc<Election>) -> Result<Entered, SessionError> {
        election.enter(self.credential)
    }

    /// Publishes an opened ballot in the log, so that everybody sees that devices are tested and with what outcome. Only
    /// before the credential's next ballot is cast. Returns its place, by a receipt that was verified.
    ///
    /// # Errors
    /// [`SessionError::Opening`] when the opening does not hold; the board's refusals.
    pub async fn publish(&self, opening: &BallotOpening, rng: &mut impl CryptoRng) -> Result<LeafIndex, SessionError> {
        let entry = opening.publish(self.election.context(), &self.credential, rng)?;
        let bytes = canonical::to_bytes(&entry).map_err(BallotError::from)?;
        let text = submit_entry(self.election.view(), bytes.clone()).await?;
        Ok(verify_receipt(self.election.view(), &bytes, &text)?.0)
    }

    fn prove(&self, ballot: PreparedBallot, rng: &mut impl CryptoRng) -> Result<EncryptedBallot, SessionError> {
        let ballot = ballot.cast(&self.credential, rng)?;
        // What is sent was verified here first: a fault of memory or processor shows now, not as a refusal.
        let context = self.election.context();
        let ballot = context.verify(ballot, rng).map_err(SessionError::SelfCheck)?.ballot().clone();
        self.store.save_ballot(&ballot)?;
        Ok(ballot)
    }

    /// Fills in the ballot. When a rule is broken the state comes back with what to change.
    ///
    /// # Errors
    /// [`BallotError::Answer`].
    pub fn fill(self, answers: impl Into<SecretAnswers>) -> Result<Filled, Box<(Self, BallotError)>> {
        let answers = answers.into();
        let manifest = self.election.manifest();
        let encoded = match manifest.style(&self.style.id) {
            Some((_, compiled)) => {
                let encoded = compiled.encode(&manifest.contests, answers.expose_answers());
                encoded.map(|mut bits| bits.zeroize()).map_err(BallotError::from)
            }
            None => Err(BallotError::UnknownStyle(self.style.id.clone())),
        };
        match encoded {
            Ok(()) => Ok(Filled { unlocked: self, answers }),
            Err(error) => Err(Box::new((self, error))),
        }
    }
}

/// A ballot that obeys every rule, still in the clear.
#[derive(Debug)]
pub struct Filled {
    unlocked: Unlocked,
    answers: SecretAnswers,
}

impl Filled {
    /// What will be encrypted.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        self.answers.expose_answers()
    }

    /// Back to the empty ballot.
    #[must_use]
    pub fn change(self) -> Unlocked {
        self.unlocked
    }

    /// Encrypts. On failure the state before filling in comes back with the reason.
    ///
    /// # Errors
    /// [`SessionError::CastLimit`]; [`SessionError::Ballot`] should not happen.
    pub fn prepare(self, rng: &mut impl CryptoRng) -> Result<Prepared, Box<(Unlocked, SessionError)>> {
        match self.encrypt(rng) {
            Ok(ballot) => Ok(Prepared { unlocked: self.unlocked, ballot }),
            Err(error) => Err(Box::new((self.unlocked, error))),
        }
    }

    fn encrypt(&self, rng: &mut impl CryptoRng) -> Result<PreparedBallot, SessionError> {
        let Unlocked { election, style, counter, previous, .. } = &self.unlocked;
        let (counter, previous) = (*counter, *previous);
        if counter >= election.manifest().casts_per_credential {
            return Err(SessionError::CastLimit(counter));
        }
        let key = self.unlocked.credential();
        Ok(election.context().prepare(&style.id, self.answers(), key, counter + 1, previous, rng)?)
    }
}

/// An encrypted ballot whose confirmation code is shown, and whose fate is not chosen yet.
#[derive(Debug)]
pub struct Prepared {
    unlocked: Unlocked,
    ballot: PreparedBallot,
}

impl Prepared {
    /// To be noted before choosing Cast or Spoil: all 256 bits of it for a check on another device.
    #[must_use]
    pub fn code(&self) -> ConfirmationCode {
        self.ballot.code()
    }

    /// Chooses Cast: makes the proof, verifies the whole ballot, erases the seed, and stores the ballot's bytes. Nothing is
    /// sent yet. On failure the state before filling in comes back with the reason.
    ///
    /// # Errors
    /// [`SessionError::File`] when the bytes can't be stored, [`SessionError::SelfCheck`] when they do not verify; they are
    /// then not sent.
    pub fn cast(self, rng: &mut impl CryptoRng) -> Result<Outgoing, Box<(Unlocked, SessionError)>> {
        let Self { unlocked, ballot } = self;
        match unlocked.prove(ballot, rng) {
            Ok(ballot) => Ok(Outgoing::new(unlocked, ballot)),
            Err(error) => Err(Box::new((unlocked, error))),
        }
    }

    /// Throws the encrypted ballot away, seed and all: neither cast nor opened.
    #[must_use]
    pub fn discard(self) -> Unlocked {
        self.unlocked
    }

    /// Chooses Spoil: opens the ballot, which can't be cast any more. The next one has a new seed.
    #[must_use]
    pub fn spoil(self) -> (Unlocked, BallotOpening) {
        (self.unlocked, self.ballot.spoil())
    }
}
