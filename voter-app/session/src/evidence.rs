//! Keeps what shows that a board lied: a folder that people read and that `veritally-verifier evidence` checks.
//!
//! The format is the verifier's ([`veritally_verifier::evidence`]); beside its files stand the voter's ballot and receipt,
//! where the finding is about them.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use veritally_board_api::ElectionClient;
use veritally_crypto::id::LeafIndex;
use veritally_crypto::log::checkpoint::SignedCheckpoint;
use veritally_crypto::log::receipt::Receipt;
use veritally_verifier::evidence::{Evidence, Finding, LogIdentity};

use crate::SessionError;
use crate::election::View;

/// What a finding is about, as far as it was at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// A checkpoint that was seen before the view's.
    pub earlier: Option<&'a SignedCheckpoint>,
    /// The exact bytes of a ballot.
    pub ballot: Option<&'a [u8]>,
    /// What the board gave as its receipt.
    pub receipt: Option<&'a str>,
    /// What the verifier found in the whole record, as JSON.
    pub report: Option<&'a str>,
}

impl View {
    /// Keeps evidence if the error is about a board that lies; gives the error with the folder, if one could be written.
    pub(crate) async fn keep_evidence(&self, error: SessionError, about: About<'_>) -> SessionError {
        let Some(client) = self.board().online().filter(|_| error.is_evidence() && error.evidence().is_none()) else {
            return error;
        };
        let finding = self.finding(client, &error, about).await;
        match self.write(finding, &error, about) {
            Some(folder) => SessionError::Kept { folder, error: Box::new(error) },
            None => error,
        }
    }

    async fn finding(&self, client: &ElectionClient, error: &SessionError, about: About<'_>) -> Finding {
        let now = self.checkpoint();
        let receipt = about.receipt.and_then(|text| Receipt::parse(text).ok());
        let log = &self.manifest().log;
        let then = receipt
            .as_ref()
            .and_then(|receipt| SignedCheckpoint::parse(receipt.checkpoint_text(), &log.origin, &log.key).ok());
        let earlier = about.earlier.or(then.as_ref());
        let found = match (error, earlier, &receipt, about.ballot) {
            // The receipt holds, so its checkpoint was signed with the ballot in it.
            (SessionError::Missing { .. }, Some(then), Some(receipt), Some(ballot)) => {
                Finding::vanished(client, (ballot, receipt.index, &receipt.proof), then, now).await.ok().flatten()
            }
            (SessionError::Record { index, rejection }, ..) => {
                self.bad_entry(client, *index, &rejection.to_string()).await
            }
            (SessionError::Fails { entry: Some(index), checks }, ..) => {
                self.bad_entry(client, *index, &checks.join("; ")).await
            }
            (_, Some(then), ..) => Finding::compare(client, then, now).await.ok().flatten(),
            _ => None,
        };
        found.unwrap_or_else(|| Finding::Stalled { first: now.to_string(), reason: error.to_string() })
    }

    /// An entry that may not be there, with the proof that it is.
    async fn bad_entry(&self, client: &ElectionClient, index: LeafIndex, reason: &str) -> Option<Finding> {
        let size = self.checkpoint().checkpoint().tree_size;
        let mut bundles = std::pin::pin!(client.bundles(index, size));
        let bundle = bundles.next().await?.ok()?;
        let entry = bundle.entries().find(|(at, _)| *at == index)?.1.to_vec();
        let inclusion = client.inclusion_proof(index, size).await.ok()?.0;
        let first = self.checkpoint().to_string();
        Some(Finding::BadEntry { first, entry, index, inclusion, reason: reason.to_owned() })
    }

    fn write(&self, finding: Finding, error: &SessionError, about: About<'_>) -> Option<PathBuf> {
        let log = &self.manifest().log;
        let noticed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut evidence = Evidence {
            log: LogIdentity { origin: log.origin.clone(), key: log.key },
            manifest: Some(self.leaf_0().to_vec()),
            noticed_ms: u64::try_from(noticed.as_millis()).unwrap_or_default(),
            noticed_by: concat!("veritally-session ", env!("CARGO_PKG_VERSION")).into(),
            finding,
        };
        if evidence.check().is_err() {
            // Proofs that do not hold are no evidence, only the checkpoint and what was noticed.
            let (first, _) = evidence.finding.notes();
            let kind = evidence.finding.kind();
            let reason = format!("What the board serves does not fit what it signed ({kind}): {error}.");
            evidence.finding = Finding::Stalled { first: first.to_owned(), reason };
        }
        let folder = evidence.write(&self.store().evidence_directory()).ok()?;
        add(&folder, "ballot", about.ballot);
        add(&folder, "ballot.tlog-proof", about.receipt.map(str::as_bytes));
        add(&folder, "report.json", about.report.map(str::as_bytes));
        Some(folder)
    }
}

/// The evidence is complete without these.
fn add(folder: &Path, name: &str, bytes: Option<&[u8]>) {
    if let Some(bytes) = bytes {
        let _ = veritally_board_api::files::write_secret(&folder.join(name), bytes);
    }
}
