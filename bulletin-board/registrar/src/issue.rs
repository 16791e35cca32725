//! From voters to codes and roll.
//!
//! Codes are drawn in the list's order, credentials derived on all cores, and the roll sorted by credential, so that it
//! says nothing about the list. The roll is then replayed through [`RecordState`], as the board will: nothing is handed
//! out that a log would refuse.

use std::collections::HashSet;

use rand::CryptoRng;
use rayon::prelude::*;
use veritally_crypto::canonical::{self, CanonicalError, MAX_LEAF_BYTES};
use veritally_crypto::credential::{CredentialCode, CredentialKey};
use veritally_crypto::hash::Hash;
use veritally_crypto::leaves::{Leaf, Roll, RollEntry, RollPart, RollPartTag, RollTag};
use veritally_crypto::manifest::{CheckedManifest, ManifestError};
use veritally_crypto::record::{RecordState, Rejection, roll_hash};
use veritally_crypto::signature::{self, SigningSecret};

use crate::voters::Voter;

/// Voters in a part of the roll: about 50 kB with short ids.
const PART_VOTERS: usize = 400;

/// Room in a part for everything but its entries: names, number, signature.
const PART_OVERHEAD_BYTES: usize = 1_024;

/// Why nothing could be issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The manifest.
    #[error("{0} (the manifest must be the exact bytes that the board logged: don't edit or reformat the file)")]
    Manifest(#[from] ManifestError),
    /// The fingerprint that was given is another one.
    #[error(
        "the manifest's fingerprint is {found}, not {expected}: this is another election's manifest, or it was altered"
    )]
    Fingerprint {
        /// As given.
        expected: Hash,
        /// Of the manifest.
        found: Hash,
    },
    /// Signing with somebody else's key.
    #[error("the key is not that of the manifest's registrar {0:?}: the board would refuse the roll")]
    OtherKey(String),
    /// More votes than the manifest has room for.
    #[error(
        "the voters' total weight {total} exceeds the manifest's max_total_weight {max}: make a new manifest, or shorten the list"
    )]
    TotalWeight {
        /// Of the list.
        total: u128,
        /// Of the manifest.
        max: u64,
    },
    /// An entry of the roll can't be written.
    #[error("the roll can't be written: {0}")]
    Canonical(#[from] CanonicalError),
    /// The record's rules refuse what was made.
    #[error("the roll that was made would be refused by the board: {0}")]
    SelfCheck(Rejection),
}

/// A voter with a code.
#[derive(Debug)]
pub struct IssuedVoter {
    /// From the list.
    pub voter: Voter,
    /// What goes on the letter.
    pub code: CredentialCode,
    /// What goes on the roll.
    pub credential: CredentialKey,
}

/// What was issued for an election, not yet written anywhere.
#[derive(Debug)]
pub struct Issued {
    /// Of the election.
    pub fingerprint: Hash,
    /// In the list's order.
    pub voters: Vec<IssuedVoter>,
    /// The entries for the log: parts, then the end of the roll. Exact bytes.
    pub leaves: Vec<Vec<u8>>,
    /// Of all voters.
    pub total_weight: u64,
}

/// The election's manifest, the registrar's own.
#[derive(Debug)]
pub struct Registrar<'a> {
    leaf_0: &'a [u8],
    manifest: CheckedManifest,
    key: &'a SigningSecret,
}

impl<'a> Registrar<'a> {
    /// Checks the manifest (the exact bytes of leaf 0), its fingerprint if one is known, and that `key` is the
    /// registrar's in it.
    ///
    /// # Errors
    /// [`IssueError::Manifest`], [`IssueError::Fingerprint`], [`IssueError::OtherKey`].
    pub fn new(leaf_0: &'a [u8], fingerprint: Option<&Hash>, key: &'a SigningSecret) -> Result<Self, IssueError> {
        let manifest = CheckedManifest::from_leaf(leaf_0)?;
        let found = manifest.fingerprint();
        if let Some(&expected) = fingerprint.filter(|expected| **expected != found) {
            return Err(IssueError::Fingerprint { expected, found });
        }
        if manifest.registrar.key != key.verification_key() {
            return Err(IssueError::OtherKey(manifest.registrar.name.clone()));
        }
        Ok(Self { leaf_0, manifest, key })
    }

    /// Signs.
    pub(crate) fn key(&self) -> &SigningSecret {
        self.key
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &CheckedManifest {
        &self.manifest
    }

    /// Draws a code for each voter and makes the roll. `derived` is called once for each credential, on any thread.
    ///
    /// # Errors
    /// [`IssueError::TotalWeight`]; the others should not happen.
    pub fn issue(
        &self,
        voters: Vec<Voter>,
        rng: &mut impl CryptoRng,
        derived: impl Fn() + Sync,
    ) -> Result<Issued, IssueError> {
        let total: u128 = voters.iter().map(|voter| u128::from(voter.weight)).sum();
        let max = self.manifest.max_total_weight;
        let total_weight = u64::try_from(total).ok().filter(|total| *total <= max);
        let total_weight = total_weight.ok_or(IssueError::TotalWeight { total, max })?;
        let fingerprint = self.manifest.fingerprint();
        let drawn: Vec<_> = voters.into_iter().map(|voter| (voter, CredentialCode::random(rng))).collect();
        let voters: Vec<_> = drawn
            .into_par_iter()
            .map(|(voter, code)| {
                let credential = code.credential(&fingerprint).public();
                derived();
                IssuedVoter { voter, code, credential }
            })
            .collect();
        let mut voters = voters;
        let draw = || {
            let code = CredentialCode::random(rng);
            let credential = code.credential(&fingerprint).public();
            (code, credential)
        };
        redraw_clashes(&mut voters, CredentialKey::public_id_bits, draw);
        let leaves = self.roll(&voters, total_weight)?;
        self.check(&leaves)?;
        Ok(Issued { fingerprint, voters, leaves, total_weight })
    }

    /// The roll's entries: sorted by credential, cut into parts, signed.
    fn roll(&self, voters: &[IssuedVoter], total_weight: u64) -> Result<Vec<Vec<u8>>, IssueError> {
        let mut entries: Vec<RollEntry> = voters.par_iter().map(roll_entry).collect();
        entries.par_sort_unstable_by_key(|entry| entry.credential);
        let fingerprint = self.manifest.fingerprint();
        let parts = (0..).zip(cut(entries)?).map(|(part, entries)| {
            let part = RollPart { entries, part, signature: None, tag: RollPartTag };
            canonical::to_bytes(&signature::sign(part, &fingerprint, self.key)?)
        });
        let mut leaves = parts.collect::<Result<Vec<_>, _>>()?;
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| Hash::of(leaf)).collect();
        let roll = Roll {
            count: voters.len() as u64,
            hash: roll_hash(&fingerprint, &hashes),
            parts: hashes.len() as u64,
            signature: None,
            total_weight,
            tag: RollTag,
        };
        leaves.push(canonical::to_bytes(&signature::sign(roll, &fingerprint, self.key)?)?);
        Ok(leaves)
    }

    /// What the board will do with these entries.
    fn check(&self, leaves: &[Vec<u8>]) -> Result<(), IssueError> {
        let mut state = RecordState::start(self.leaf_0).map_err(IssueError::SelfCheck)?;
        leaves.iter().try_for_each(|bytes| {
            let leaf = Leaf::parse(bytes)?;
            state.apply(&leaf, bytes).map_err(IssueError::SelfCheck)
        })
    }
}

/// specs/protocol.md section 6: no two voters have the same public id. Who has the id of somebody before gets another
/// code. Among a million voters this happens once in two thousand elections.
fn redraw_clashes(
    voters: &mut [IssuedVoter],
    id: impl Fn(&CredentialKey) -> u64,
    mut draw: impl FnMut() -> (CredentialCode, CredentialKey),
) {
    let mut ids = HashSet::with_capacity(voters.len());
    for voter in voters {
        while !ids.insert(id(&voter.credential)) {
            (voter.code, voter.credential) = draw();
        }
    }
}

fn roll_entry(issued: &IssuedVoter) -> RollEntry {
    RollEntry {
        credential: issued.credential.0,
        group: issued.voter.group.clone(),
        style: issued.voter.style.clone(),
        weight: issued.voter.weight,
    }
}

/// Cuts sorted entries so that each part fits a leaf, however long the ids of styles and groups are.
fn cut(entries: Vec<RollEntry>) -> Result<Vec<Vec<RollEntry>>, CanonicalError> {
    let mut parts: Vec<Vec<RollEntry>> = vec![];
    let mut room = 0;
    for entry in entries {
        let bytes = canonical::to_bytes(&entry)?.len() + 1;
        match parts.last_mut() {
            Some(part) if part.len() < PART_VOTERS && bytes <= room => part.push(entry),
            _ => {
                parts.push(vec![entry]);
                room = MAX_LEAF_BYTES - PART_OVERHEAD_BYTES;
            }
        }
        room = room.saturating_sub(bytes);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn codes_are_drawn_again_until_all_public_ids_differ() {
        let rng = &mut rand::rngs::StdRng::seed_from_u64(1);
        let fingerprint = Hash::of(b"election");
        let mut draw = || {
            let code = CredentialCode::random(rng);
            let credential = code.credential(&fingerprint).public();
            (code, credential)
        };
        let voter = Voter {
            id: "a".into(),
            name: String::new(),
            email: String::new(),
            weight: 1,
            style: veritally_crypto::id::Id::new("all").unwrap(),
            group: veritally_crypto::id::Id::new("all").unwrap(),
        };
        let mut voters: Vec<_> = (0..60)
            .map(|_| {
                let (code, credential) = draw();
                IssuedVoter { voter: voter.clone(), code, credential }
            })
            .collect();
        // 64 ids for 60 voters: there are clashes.
        let id = |credential: &CredentialKey| credential.public_id_bits() % 64;
        let different = |voters: &[IssuedVoter]| voters.iter().map(|v| id(&v.credential)).collect::<HashSet<_>>().len();
        assert!(different(&voters) < 60);
        redraw_clashes(&mut voters, id, draw);
        assert_eq!(different(&voters), 60);
        let fits = |v: &IssuedVoter| v.code.credential(&fingerprint).public() == v.credential;
        assert!(voters.iter().all(fits));
    }
}
