//! Whole records of sample elections, honest or altered (feature `sample-record`): for this package's tests and for
//! `benches/`' tampering generator.
//!
//! [`SampleElection`] makes the honest entries and keeps everybody's keys. A [`SampleRecord`] publishes them, and lets
//! a cheat put in entries that no honest board would take: later entries that depend on the log's size and root (tally
//! heads, agreements, decryption shares) are then made anew with the real keys, so that only the cheat shows.

use std::collections::BTreeMap;
use std::path::Path;

use rand::CryptoRng;
use serde::Serialize;
use veritally_crypto::ballot::{EncryptedBallot, VerifiedBallot};
use veritally_crypto::canonical;
use veritally_crypto::decryption::{ContestDecryption, decrypt_contest};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{DecryptionShare, Head, Leaf};
use veritally_crypto::log::checkpoint::{Checkpoint, SignedCheckpoint};
use veritally_crypto::log::merkle::{Frontier, leaf_hash, stored_hash_index};
use veritally_crypto::log::tiles::{bundles_of, encode_entries, encode_hashes, tiles_of};
use veritally_crypto::sample::{SampleElection, SampleError};
use veritally_crypto::signature::{SignedEntry, SigningSecret, sign};

use crate::source::{CHECKPOINT, Memory};

pub mod collusion;
pub mod forger;

/// An election and what its board publishes.
#[derive(Debug)]
pub struct SampleRecord {
    /// The honest election, and all keys.
    pub election: SampleElection,
    /// The published log.
    pub log: Vec<Vec<u8>>,
    /// How many of the election's entries are in the log.
    published: usize,
    /// Of the published log.
    closing_head: Option<Head>,
}

impl SampleRecord {
    /// Publishes an election's entries so far.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub fn new(election: SampleElection, rng: &mut impl CryptoRng) -> Result<Self, SampleError> {
        let mut record = Self { election, log: vec![], published: 0, closing_head: None };
        record.publish(rng)?;
        Ok(record)
    }

    /// Publishes what the election has got since the last time. Call it before [`Self::insert`], and at the end.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn publish(&mut self, rng: &mut impl CryptoRng) -> Result<(), SampleError> {
        while let Some(entry) = self.election.entries.get(self.published).cloned() {
            // The same log so far: the entry fits as it is.
            let same = self.log.len() == self.published
                && self.closing_head.is_none_or(|head| self.honest_head() == Some(head));
            let entry = if same { entry } else { self.fitted(&entry, rng)? };
            let closing = matches!(Leaf::parse(&entry), Ok(Leaf::Closing(_)));
            self.log.push(entry);
            self.published += 1;
            if closing {
                self.closing_head = Some(self.head());
            }
        }
        Ok(())
    }

    fn honest_head(&self) -> Option<Head> {
        self.election.state.closing_head()
    }

    /// The entry, made for the published log in place of the election's own.
    fn fitted(&self, entry: &[u8], rng: &mut impl CryptoRng) -> Result<Vec<u8>, SampleError> {
        Ok(match Leaf::parse(entry)? {
            Leaf::TallyHead(mut head) => {
                head.tree_size = self.log.len() as u64;
                canonical::to_bytes(&head)?
            }
            Leaf::Agreement(mut agreement) => {
                agreement.head = self.closing_head.ok_or("not closed")?;
                self.signed(agreement.clone(), &self.trustee_key(agreement.trustee.0)?)?
            }
            Leaf::DecryptionShare(share) => {
                let trustee = usize::try_from(share.trustee.0)? - 1;
                let share = self.share_for_published_log(trustee, rng)?;
                self.signed(share, &self.trustee_key(trustee as u64 + 1)?)?
            }
            _ => entry.to_vec(),
        })
    }

    /// A trustee's (from 0) decryption shares for the published closing head.
    ///
    /// # Errors
    /// When the election is not closed.
    pub fn share_for_published_log(
        &self,
        trustee: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<DecryptionShare, SampleError> {
        let head = self.closing_head.ok_or("not closed")?;
        let state = &self.election.state;
        let secrets = self.election.dealer(trustee)?.open_shares(state.ceremony())?;
        let mut share = self.election.decryption_share(trustee, rng)?;
        share.head = head;
        for (cells, shares) in state.decryptable().zip(&mut share.contests) {
            let made = state.with_decryption(cells, |what| {
                let what = ContestDecryption { head: &head, ..what.clone() };
                decrypt_contest(&what, &secrets, rng)
            });
            *shares = made.ok_or("not closed")??;
        }
        Ok(share)
    }

    /// A trustee's (from 1) identity key.
    ///
    /// # Errors
    /// When there is no such trustee.
    pub fn trustee_key(&self, trustee: u64) -> Result<SigningSecret, SampleError> {
        let found = self.election.trustees.iter().find(|t| t.id.0 == trustee).ok_or("no such trustee")?;
        Ok(SigningSecret::from_seed(&found.identity.expose_seed()))
    }

    /// The administrator's key.
    #[must_use]
    pub fn administrator_key(&self) -> SigningSecret {
        SigningSecret::from_seed(&self.election.administrator.expose_seed())
    }

    /// The registrar's key.
    #[must_use]
    pub fn registrar_key(&self) -> SigningSecret {
        SigningSecret::from_seed(&self.election.registrar.expose_seed())
    }

    /// An entry's bytes, signed for this election.
    ///
    /// # Errors
    /// When it lies outside the JSON profile.
    pub fn signed<E: SignedEntry + Clone>(&self, entry: E, key: &SigningSecret) -> Result<Vec<u8>, SampleError> {
        Ok(canonical::to_bytes(&sign(entry, &self.election.fingerprint(), key)?)?)
    }

    /// Puts in an entry that the honest election never had.
    pub fn insert(&mut self, entry: Vec<u8>) {
        self.log.push(entry);
    }

    /// Replaces the first entry for which `edit` gives another one. Nothing else is made anew.
    ///
    /// # Errors
    /// When there is no such entry.
    pub fn replace(&mut self, edit: impl Fn(Leaf) -> Option<Vec<u8>>) -> Result<u64, SampleError> {
        for (index, entry) in (0u64..).zip(&mut self.log) {
            if let Some(other) = Leaf::parse(entry).ok().and_then(&edit) {
                *entry = other;
                return Ok(index);
            }
        }
        Err("the log has no such entry".into())
    }

    /// A board that admits and counts a ballot whose proof does not hold.
    ///
    /// # Errors
    /// When it is refused for another reason.
    pub fn admit_unverified(&mut self, ballot: EncryptedBallot) -> Result<(), SampleError> {
        let bytes = ballot.bytes().to_vec();
        let superseded = self.election.state.superseded(&ballot).and_then(|i| usize::try_from(i).ok());
        let superseded = superseded.and_then(|i| self.election.entries.get(i)).cloned();
        let trusted = VerifiedBallot::trust_stored(ballot)?;
        self.election.state.apply_ballot(&trusted, superseded.as_deref())?;
        self.election.entries.push(bytes);
        Ok(())
    }

    /// Size and root of the published log.
    #[must_use]
    pub fn head(&self) -> Head {
        let mut frontier = Frontier::new();
        self.log.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
        frontier.head()
    }

    /// The record's files, with a checkpoint by the log's key.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn files(&self) -> Result<Memory, SampleError> {
        let mut files = tree_files(&self.log)?;
        files.insert(CHECKPOINT.into(), self.checkpoint(&self.head())?);
        Ok(Memory(files))
    }

    /// A checkpoint of this log's origin, signed by its key, for any head.
    ///
    /// # Errors
    /// None that the sample itself causes.
    pub fn checkpoint(&self, head: &Head) -> Result<Vec<u8>, SampleError> {
        let origin = self.election.state.manifest().log.origin.clone();
        let signed = SignedCheckpoint::sign(Checkpoint::new(origin, head), &self.election.log_key)?;
        Ok(signed.to_string().into_bytes())
    }
}

/// The tiles and bundles of a log.
///
/// # Errors
/// When an entry is longer than any may be.
pub fn tree_files(log: &[Vec<u8>]) -> Result<BTreeMap<String, Vec<u8>>, SampleError> {
    let size = log.len() as u64;
    let (mut frontier, mut stored) = (Frontier::new(), BTreeMap::new());
    for (entry, index) in log.iter().zip(0..) {
        let mut next = stored_hash_index(0, index);
        frontier.push_with(leaf_hash(entry), |hash| {
            stored.insert(next, hash);
            next += 1;
        });
    }
    let mut files = BTreeMap::new();
    for bundle in bundles_of(0, size) {
        let range = usize::try_from(bundle.range().start)?..usize::try_from(bundle.range().end)?;
        let entries = log.get(range).unwrap_or_default();
        files.insert(bundle.to_string(), encode_entries(entries.iter().map(Vec::as_slice))?);
    }
    for tile in tiles_of(size) {
        let hashes: Vec<Hash> = tile.stored_hashes().iter().filter_map(|index| stored.get(index).copied()).collect();
        files.insert(tile.to_string(), encode_hashes(&hashes));
    }
    Ok(files)
}

/// Writes a record's files to a folder.
///
/// # Errors
/// When the file system refuses.
pub fn write_folder(files: &Memory, folder: &Path) -> Result<(), SampleError> {
    for (path, bytes) in &files.0 {
        let to = folder.join(path);
        std::fs::create_dir_all(to.parent().unwrap_or(folder))?;
        std::fs::write(to, bytes)?;
    }
    Ok(())
}

/// Writes a record's files to a tar file, below a folder `record`.
///
/// # Errors
/// When the file system refuses.
pub fn write_tar(files: &Memory, path: &Path) -> Result<(), SampleError> {
    let mut builder = tar::Builder::new(std::fs::File::create(path)?);
    for (path, bytes) in &files.0 {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("record/{path}"), bytes.as_slice())?;
    }
    Ok(builder.finish()?)
}

/// The canonical bytes of something that is not signed.
///
/// # Errors
/// When it lies outside the JSON profile.
pub fn bytes(entry: &impl Serialize) -> Result<Vec<u8>, SampleError> {
    Ok(canonical::to_bytes(entry)?)
}
