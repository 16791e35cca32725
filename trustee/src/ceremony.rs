//! The trustee's part in the key ceremony: does whatever is next, waits for the others, resumes after a crash.

use std::time::{Duration, Instant};

use rand::CryptoRng;
use veritally_board_api::ClientError;
use veritally_crypto::canonical::CanonicalError;
use veritally_crypto::ceremony::{CeremonyError, CeremonyPhase, Dealer};
use veritally_crypto::id::TrusteeId;
use veritally_crypto::leaves::{CommitTag, ConfirmTag, RehearsalTag, RevealTag, SharesTag, split};
use veritally_crypto::record::Phase;
use veritally_crypto::signature::{SignedEntry, sign};

use crate::Say;
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
    #[error("the board refuses this trustee's {what}: {source}")]
    Refused {
        /// Which message.
        what: &'static str,
        /// Why.
        source: ClientError,
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
    #[error("still waiting for {} to {phase}; run the same command again later, nothing is lost", names(.missing))]
    Waiting {
        /// What is awaited.
        phase: CeremonyPhase,
        /// From whom.
        missing: Vec<TrusteeId>,
    },
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
    let mut waiting_since = None;
    replica.expect(journal.seen_heads(replica.state().fingerprint()).collect::<Vec<_>>());
    loop {
        if let Some(head) = replica.update().await? {
            journal.seen(replica.state().fingerprint(), head)?;
        }
        let (phase, attempt) = (replica.ceremony().phase(), replica.ceremony().parameters().attempt());
        if phase == CeremonyPhase::Complete || replica.state().phase() != Phase::Setup {
            say("the key ceremony is complete: the election's keys exist, no one holds them alone");
            return Ok(());
        }
        if replica.ceremony().has_posted(trustee, phase) {
            if waiting_since != Some(phase) {
                say(&format!("waiting for {} to {phase}", names(&replica.ceremony().missing())));
                waiting_since = Some(phase);
            }
            if started.elapsed() > patience {
                return Err(CeremonyStop::Waiting { phase, missing: replica.ceremony().missing() });
            }
            tokio::time::sleep(POLL).await;
            continue;
        }
        let began = replica.ceremony().has_posted(trustee, CeremonyPhase::Commit);
        if began && !store.has_ceremony_seed(&replica.state().fingerprint(), attempt) {
            return Err(CeremonyStop::OldKeyFile);
        }
        // The seed is on disk before anything made from it leaves this machine.
        let seed = store.ceremony_seed(&replica.state().fingerprint(), attempt, rng)?;
        let parameters = replica.ceremony().parameters().clone();
        let dealer = Dealer::new(parameters, trustee, &seed, store.decryption_secret().clone())?;
        post_next(replica, &dealer, store, trustee, phase, rng).await?;
        say(&format!("{trustee} has done its part of: {phase}"));
    }
}

/// Makes and posts the message of a phase.
async fn post_next(
    replica: &Replica,
    dealer: &Dealer,
    store: &KeyStore,
    trustee: TrusteeId,
    phase: CeremonyPhase,
    rng: &mut (impl CryptoRng + Send),
) -> Result<(), CeremonyStop> {
    let ceremony = replica.ceremony();
    match phase {
        CeremonyPhase::Commit => post(replica, store, trustee, dealer.commit(), CommitTag::NAME).await,
        CeremonyPhase::Reveal => {
            let reveal = dealer.reveal(ceremony, rng)?;
            post(replica, store, trustee, reveal, RevealTag::NAME).await
        }
        CeremonyPhase::Shares => {
            let shares = dealer.shares(ceremony, rng)?;
            post(replica, store, trustee, shares, SharesTag::NAME).await
        }
        CeremonyPhase::Confirm => {
            let confirm = dealer.open_shares(ceremony)?.confirm(ceremony)?;
            post(replica, store, trustee, confirm, ConfirmTag::NAME).await
        }
        _ => {
            let rehearsal = dealer.open_shares(ceremony)?.rehearse(ceremony, rng)?;
            post(replica, store, trustee, rehearsal, RehearsalTag::NAME).await
        }
    }
}

async fn post<E: SignedEntry + Clone>(
    replica: &Replica,
    store: &KeyStore,
    trustee: TrusteeId,
    message: E,
    name: &'static str,
) -> Result<(), CeremonyStop> {
    let fingerprint = replica.state().fingerprint();
    let message = sign(message, &fingerprint, store.identity())?;
    for entry in split(&message, name, trustee, &fingerprint, store.identity())? {
        let posted = replica.client().submit_entry(entry).await;
        posted.map_err(|source| CeremonyStop::Refused { what: name, source })?;
    }
    Ok(())
}
