//! The trustee's part in the key ceremony: does whatever is next, complains when it was cheated, waits for the others and
//! for restarts, resumes after a crash.
//!
//! [`next`] says what that is, from the record's state and the key file alone; [`run`] does it on a board, and
//! [`crate::offline`] on an exported record.

use std::time::{Duration, Instant};

use rand::CryptoRng;
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::ceremony::{CeremonyError, CeremonyPhase, Dealer};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{
    CommitTag, ComplaintTag, ConfirmTag, ExclusionReason, RehearsalTag, RevealTag, SharesTag, split,
};
use veritally_crypto::record::{Phase, RecordState};
use veritally_crypto::signature::{SignedEntry, sign};

use crate::Say;
use crate::evidence::Keeper;
use crate::journal::{Journal, JournalError};
use crate::key_store::{KeyStore, KeyStoreError};
use crate::replica::{Replica, ReplicaError};

/// How often the board is asked for the others' messages.
const POLL: Duration = Duration::from_millis(500);

/// Why the ceremony stopped for this trustee.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyStop {
    /// The record.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The board refuses an entry.
    #[error("this trustee's {what} is not in the log: {source}")]
    Refused {
        /// Which message.
        what: &'static str,
        /// Why.
        source: Box<ReplicaError>,
    },
    /// The protocol: somebody else's message is wrong, or this key file's seed is not the one that was used.
    #[error("the ceremony can't go on: {0}")]
    Ceremony(#[from] CeremonyError),
    /// The key file.
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A message could not be written down.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The others did not come in time.
    #[error("still waiting for {} to {}; run the same command again later, nothing is lost", names(.missing), .phase.task())]
    Waiting {
        /// What is awaited.
        phase: CeremonyPhase,
        /// From whom.
        missing: Vec<TrusteeId>,
    },
    /// Somebody cheated, and was named.
    #[error("{named}; still waiting for an administrator to restart the ceremony; run the same command again later")]
    Failed {
        /// Who, and how.
        named: String,
    },
    /// This trustee was left out.
    #[error("{trustee} was left out of this election by a restart (reason: {reason}): it has nothing more to do")]
    Excluded {
        /// This one.
        trustee: TrusteeId,
        /// As the restart says.
        reason: ExclusionReason,
    },
    /// Given up by an administrator.
    #[error("the election was abandoned: there are no keys to make, and this trustee has nothing more to do")]
    Abandoned,
    /// The key file was restored from a backup older than the ceremony.
    #[error(
        "the log has messages of this trustee that this key file knows nothing of: it is an older backup. \
         Use the newest key file"
    )]
    OldKeyFile,
}

fn names(trustees: &[TrusteeId]) -> String {
    trustees.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What a trustee has to do in a ceremony.
#[derive(Debug)]
pub enum Next {
    /// Post this.
    Post {
        /// Which message, for people.
        what: &'static str,
        /// Its entries: the message or its parts.
        entries: Vec<Vec<u8>>,
    },
    /// The others' turn.
    Wait {
        /// What is awaited.
        phase: CeremonyPhase,
        /// From whom.
        missing: Vec<TrusteeId>,
    },
    /// Somebody was shown to cheat: an administrator's turn.
    Failed {
        /// Who, and how.
        named: String,
    },
    /// The keys exist.
    Done,
}

/// What `trustee` has to do now. A seed that is drawn is on disk before anything made from it is returned.
///
/// # Errors
/// [`CeremonyStop`].
pub fn next(
    state: &RecordState,
    store: &mut KeyStore,
    trustee: TrusteeId,
    rng: &mut impl CryptoRng,
) -> Result<Next, CeremonyStop> {
    let ceremony = state.ceremony();
    let (phase, attempt) = (ceremony.phase(), ceremony.parameters().attempt());
    if let Some(exclusion) = state.excluded().iter().find(|exclusion| exclusion.trustee == trustee) {
        return Err(CeremonyStop::Excluded { trustee, reason: exclusion.reason });
    }
    // ⚠ Before the question whether it is past its setup: nothing of it is complete.
    if state.phase() == Phase::Abandoned {
        return Err(CeremonyStop::Abandoned);
    }
    if phase == CeremonyPhase::Complete || state.phase() != Phase::Setup {
        return Ok(Next::Done);
    }
    let began = ceremony.has_posted(trustee, CeremonyPhase::Commit);
    if began && !store.has_ceremony_seed(&state.fingerprint(), attempt) {
        return Err(CeremonyStop::OldKeyFile);
    }
    if ceremony.has_posted(trustee, phase) {
        return Ok(waiting(state));
    }
    let seed = store.ceremony_seed(&state.fingerprint(), attempt, rng)?;
    let dealer = Dealer::new(ceremony.parameters().clone(), trustee, &seed, store.decryption_secret().clone())?;
    let hand = Hand { store, trustee, fingerprint: state.fingerprint() };
    match phase {
        CeremonyPhase::Commit => hand.post("commit", dealer.commit(), CommitTag::NAME),
        CeremonyPhase::Reveal => hand.post("reveal", dealer.reveal(ceremony, rng)?, RevealTag::NAME),
        CeremonyPhase::Shares => hand.post("shares", dealer.shares(ceremony, rng)?, SharesTag::NAME),
        CeremonyPhase::Confirm => {
            // All who cheated this trustee, so that one restart leaves them all out.
            for accused in ceremony.parameters().trustees().filter(|l| *l != trustee) {
                let done = ceremony.complaints().iter().any(|c| (c.trustee, c.dealer) == (trustee, accused));
                match if done { continue } else { dealer.complain(ceremony, accused, rng) } {
                    Ok(complaint) => return hand.post("complaint", complaint, ComplaintTag::NAME),
                    Err(CeremonyError::NothingWrong { .. }) => {}
                    Err(other) => return Err(other.into()),
                }
            }
            if ceremony.has_failed() {
                return Ok(waiting(state));
            }
            hand.post("confirm", dealer.open_shares(ceremony)?.confirm(ceremony)?, ConfirmTag::NAME)
        }
        _ => hand.post("rehearsal", dealer.open_shares(ceremony)?.rehearse(ceremony, rng)?, RehearsalTag::NAME),
    }
}

/// Signs and splits.
struct Hand<'a> {
    store: &'a KeyStore,
    trustee: TrusteeId,
    fingerprint: Hash,
}

impl Hand<'_> {
    fn post<E: SignedEntry + Clone>(&self, what: &'static str, message: E, name: &str) -> Result<Next, CeremonyStop> {
        let message = sign(message, &self.fingerprint, self.store.identity())?;
        let entries = split(&message, name, self.trustee, &self.fingerprint, self.store.identity())?;
        Ok(Next::Post { what, entries })
    }
}

fn waiting(state: &RecordState) -> Next {
    let ceremony = state.ceremony();
    if ceremony.has_failed() {
        let named: Vec<_> = ceremony.complaints().iter().map(ToString::to_string).collect();
        return Next::Failed { named: named.join("; ") };
    }
    Next::Wait { phase: ceremony.phase(), missing: ceremony.missing() }
}

/// Takes part until the ceremony is complete or `patience` is over.
///
/// # Errors
/// [`CeremonyStop`]; running again goes on where this stopped.
pub async fn run(
    replica: &mut Replica,
    store: &mut KeyStore,
    journal: &mut Journal,
    patience: Duration,
    rng: &mut (impl CryptoRng + Send),
    say: Say<'_>,
) -> Result<(), CeremonyStop> {
    let trustee = replica.trustee(store.identity().verification_key())?;
    let started = Instant::now();
    let (mut told, mut attempt) = (String::new(), replica.ceremony().parameters().attempt());
    let fingerprint = replica.state().fingerprint();
    replica.expect(journal.seen_heads(fingerprint).collect::<Vec<_>>());
    let folder = crate::evidence::folder_of(store.path());
    let keeper = Keeper { folder: &folder, say };
    loop {
        replica.follow(journal, &keeper).await?;
        let now = replica.ceremony().parameters().attempt();
        if std::mem::replace(&mut attempt, now) != now {
            say(&format!("an administrator restarted the ceremony: attempt {now} begins, with new polynomials"));
        }
        let (line, stop) = match next(replica.state(), store, trustee, rng)? {
            Next::Done => {
                say("the key ceremony is complete: the election's keys exist, no one holds them alone");
                return Ok(());
            }
            Next::Post { what, entries } => {
                let before = replica.state().head();
                let refused = post(replica, journal, &entries).await.err();
                if let Some(source) = refused {
                    // Somebody else's entry may have come first, a complaint or a restart: then this one is out of date.
                    replica.follow(journal, &keeper).await?;
                    if replica.state().head() == before {
                        return Err(CeremonyStop::Refused { what, source: source.into() });
                    }
                } else {
                    say(&format!("{trustee} has done its part of: {what}"));
                }
                continue;
            }
            Next::Wait { phase, missing } => (
                format!("waiting for {} to {}", names(&missing), phase.task()),
                CeremonyStop::Waiting { phase, missing },
            ),
            Next::Failed { named } => {
                (format!("{named}: waiting for an administrator to restart"), CeremonyStop::Failed { named })
            }
        };
        if line != told {
            say(&line);
            told = line;
        }
        if started.elapsed() > patience {
            return Err(stop);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn post(replica: &mut Replica, journal: &mut Journal, entries: &[Vec<u8>]) -> Result<(), ReplicaError> {
    for entry in entries {
        replica.post_noted(entry, journal).await?;
    }
    Ok(())
}
