//! The roll: who may vote, sorted, complete before the opening, and re-issues; specs/protocol.md section 6.

use std::collections::{BTreeMap, HashSet};

use super::{Phase, RecordState, Rejection};
use crate::credential::CredentialKey;
use crate::hash::{Hash, Hasher};
use crate::id::LeafIndex;
use crate::leaves::{Reissue, Roll, RollPart};
use crate::log::merkle::leaf_hash;
use crate::signature;
use crate::tally::VoterClass;

/// A voter as the rules need it: about 100 bytes.
#[derive(Debug, Clone)]
pub struct VoterRecord {
    /// The credential.
    pub credential: CredentialKey,
    /// Group, style, weight.
    pub class: VoterClass,
    /// Ballots admitted.
    pub counter: u64,
    /// SHA-256 of the last admitted ballot's entry; zeros for none.
    pub last_hash: Hash,
    /// Its position in the log.
    pub last_index: LeafIndex,
}

/// The roll so far.
#[derive(Default)]
pub(super) struct RollState {
    /// Sorted by credential. Those that were replaced stay, and can't be used.
    voters: Vec<VoterRecord>,
    /// The re-issued credentials, replaced ones too.
    reissued: BTreeMap<CredentialKey, VoterRecord>,
    replaced: HashSet<CredentialKey>,
    /// Of all credentials that ever were.
    public_ids: HashSet<u64>,
    /// Published spoiled ballots, for credentials that have any.
    spoiled: BTreeMap<CredentialKey, u64>,
    part_hashes: Vec<Hash>,
    total_weight: u64,
    hash: Option<Hash>,
}

impl RollState {
    pub(super) fn len(&self) -> usize {
        self.voters.len()
    }

    pub(super) fn hash(&self) -> Option<Hash> {
        self.hash
    }

    pub(super) fn parts(&self) -> u64 {
        self.part_hashes.len() as u64
    }

    /// Published spoiled ballots.
    pub(super) fn spoiled(&self) -> u64 {
        self.spoiled.values().sum()
    }

    pub(super) fn spoiled_by(&self, credential: CredentialKey) -> u64 {
        self.spoiled.get(&credential).copied().unwrap_or(0)
    }

    pub(super) fn count_spoiled(&mut self, credential: CredentialKey) {
        *self.spoiled.entry(credential).or_default() += 1;
    }

    /// Credentials that were replaced.
    pub(super) fn reissued(&self) -> u64 {
        self.replaced.len() as u64
    }

    fn position(&self, credential: CredentialKey) -> Option<usize> {
        self.voters.binary_search_by(|voter| voter.credential.cmp(&credential)).ok()
    }

    /// Whether this credential is on the roll or re-issued, replaced or not.
    pub(super) fn known(&self, credential: CredentialKey) -> bool {
        self.position(credential).is_some() || self.reissued.contains_key(&credential)
    }

    pub(super) fn voter(&self, credential: CredentialKey) -> Option<&VoterRecord> {
        if self.replaced.contains(&credential) {
            return None;
        }
        let of_roll = self.position(credential).and_then(|position| self.voters.get(position));
        of_roll.or_else(|| self.reissued.get(&credential))
    }

    pub(super) fn voter_mut(&mut self, credential: CredentialKey) -> Option<&mut VoterRecord> {
        if self.replaced.contains(&credential) {
            return None;
        }
        match self.position(credential) {
            Some(position) => self.voters.get_mut(position),
            None => self.reissued.get_mut(&credential),
        }
    }
}

impl RecordState {
    /// The roll's record of a credential: its style, group, weight, and what it has cast.
    #[must_use]
    pub fn voter(&self, credential: CredentialKey) -> Option<&VoterRecord> {
        self.roll.voter(credential)
    }

    /// Everybody who may vote: those of the roll sorted by credential, then the re-issued ones in the place of the
    /// replaced.
    pub fn voters(&self) -> impl Iterator<Item = &VoterRecord> {
        let all = self.roll.voters.iter().chain(self.roll.reissued.values());
        all.filter(|voter| !self.roll.replaced.contains(&voter.credential))
    }

    /// Whether this credential was on the roll or re-issued, and another one stands in its place.
    #[must_use]
    pub fn is_replaced(&self, credential: CredentialKey) -> bool {
        self.roll.replaced.contains(&credential)
    }

    fn verify_registrar<E: signature::SignedEntry + Clone>(&self, entry: &E) -> Result<(), Rejection> {
        signature::verify(entry, &self.fingerprint(), &self.manifest.registrar.key)
            .map_err(|source| Rejection::Signature { who: "registrar".into(), source })
    }

    pub(super) fn apply_roll_part(&mut self, part: &RollPart, bytes: &[u8]) -> Result<(), Rejection> {
        self.apply_roll_part_where(CredentialKey::is_valid, part, bytes)
    }

    /// As [`RecordState::apply`], for a part of the roll whose credentials are not decoded yet.
    ///
    /// ⚠ The state may be trusted only once all of [`RecordState::without_ballot`] are [valid](CredentialKey::is_valid).
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn apply_roll_part_undecoded(&mut self, part: &RollPart, bytes: &[u8]) -> Result<(), Rejection> {
        self.apply_roll_part_where(|_| true, part, bytes)
    }

    /// The credentials of the roll, replaced ones too, of which no ballot was admitted. The others' ballots were verified, and so
    /// their credentials decoded, unless somebody said otherwise (`VerifiedBallot::trust_stored`).
    #[must_use]
    pub fn without_ballot(&self) -> Vec<CredentialKey> {
        let voters = self.roll.voters.iter().filter(|voter| voter.counter == 0);
        voters.map(|voter| voter.credential).collect()
    }

    fn apply_roll_part_where(
        &mut self,
        valid: impl Fn(CredentialKey) -> bool,
        part: &RollPart,
        bytes: &[u8],
    ) -> Result<(), Rejection> {
        let refuse = |problem| Rejection::RollPart { part: part.part, problem };
        self.expect_phase("part of the roll", &[Phase::Setup])?;
        if self.roll.hash.is_some() {
            return Err(refuse("the roll is complete already"));
        }
        if part.part != self.roll.parts() {
            return Err(refuse("parts come in order, each once"));
        }
        self.verify_registrar(part)?;
        let mut last = self.roll.voters.last().map(|voter| voter.credential);
        let mut weight = self.roll.total_weight;
        let mut voters = Vec::with_capacity(part.entries.len());
        let mut public_ids = HashSet::with_capacity(part.entries.len());
        for entry in &part.entries {
            let credential = CredentialKey(entry.credential);
            if last.is_some_and(|last| last >= credential) {
                return Err(refuse("entries are sorted by credential, without duplicates"));
            }
            last = Some(credential);
            if !valid(credential) {
                return Err(refuse("a credential is not a valid group element"));
            }
            let (style, _) = self.manifest.style(&entry.style).ok_or(refuse("a ballot style does not exist"))?;
            let group = self.manifest.group(&entry.group).ok_or(refuse("a reporting group does not exist"))?;
            weight = weight.checked_add(entry.weight).ok_or(refuse("the weights are too large"))?;
            if entry.weight == 0 || weight > self.manifest.max_total_weight {
                return Err(refuse("weights are at least 1 and together at most the manifest's max_total_weight"));
            }
            // ⚠ Two voters who are told the same id could be shown the same ballot.
            let id = credential.public_id_bits();
            if self.roll.public_ids.contains(&id) || !public_ids.insert(id) {
                return Err(refuse("two credentials have the same public id: the registrar must draw again"));
            }
            let class = VoterClass { group, style, weight: entry.weight };
            voters.push(VoterRecord { credential, class, counter: 0, last_hash: Hash::ZERO, last_index: 0 });
        }
        if voters.is_empty() {
            return Err(refuse("it is empty"));
        }
        self.roll.voters.append(&mut voters);
        self.roll.public_ids.extend(public_ids);
        self.roll.total_weight = weight;
        self.roll.part_hashes.push(Hash::of(bytes));
        self.frontier.push(leaf_hash(bytes));
        Ok(())
    }

    pub(super) fn apply_roll(&mut self, roll: &Roll) -> Result<(), Rejection> {
        self.expect_phase("roll", &[Phase::Setup])?;
        if self.roll.hash.is_some() {
            return Err(Rejection::Roll("the roll is complete already"));
        }
        self.verify_registrar(roll)?;
        let hash = roll_hash(&self.fingerprint(), &self.roll.part_hashes);
        let expected = (self.roll.len() as u64, self.roll.total_weight, self.roll.parts(), hash);
        if roll.count == 0 {
            return Err(Rejection::Roll("it is empty"));
        }
        if (roll.count, roll.total_weight, roll.parts, roll.hash) != expected {
            return Err(Rejection::Roll("count, total weight or hash do not fit the parts that were logged"));
        }
        self.roll.hash = Some(hash);
        Ok(())
    }

    pub(super) fn apply_reissue(&mut self, reissue: &Reissue) -> Result<(), Rejection> {
        let refuse = Rejection::Reissue;
        self.expect_phase("re-issue", &[Phase::Setup, Phase::Open])?;
        self.verify_registrar(reissue)?;
        if self.roll.hash.is_none() {
            return Err(refuse("the roll is not complete"));
        }
        let (old, new) = (CredentialKey(reissue.old), CredentialKey(reissue.new));
        if self.is_replaced(old) {
            return Err(refuse("the old credential was replaced already"));
        }
        let voter = self.roll.voter(old).ok_or(refuse("the old credential is not on the roll"))?;
        // ⚠ Else the registrar could vote in the place of somebody who has voted or tested.
        if voter.counter > 0 || self.roll.spoiled_by(old) > 0 {
            return Err(refuse("the old credential has a ballot or a published spoiled ballot"));
        }
        reissue.new.decode_non_identity().map_err(|_| refuse("the new credential is not a valid group element"))?;
        if self.roll.known(new) {
            return Err(refuse("the new credential is or was on the roll"));
        }
        let id = new.public_id_bits();
        if self.roll.public_ids.contains(&id) {
            return Err(refuse("the new credential's public id is another one's: draw again"));
        }
        let voter = VoterRecord { credential: new, ..voter.clone() };
        self.roll.replaced.insert(old);
        self.roll.public_ids.insert(id);
        self.roll.reissued.insert(new, voter);
        Ok(())
    }
}

/// Roll hash = hash("roll", fingerprint, number of parts, SHA-256 of each part).
#[must_use]
pub fn roll_hash(fingerprint: &Hash, parts: &[Hash]) -> Hash {
    let hasher = Hasher::new("roll").hash(fingerprint).u64(parts.len() as u64);
    parts.iter().fold(hasher, |hasher, part| hasher.hash(part)).finish()
}
