//! Another code for a voter who has lost one: specs/protocol.md section 6. The voter keeps style, group and weight; the
//! board refuses the entry when the old credential has a ballot or a published test.

use std::collections::HashSet;

use rand::CryptoRng;
use veritally_crypto::canonical;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::id::Id;
use veritally_crypto::leaves::{Reissue, ReissueTag};
use veritally_crypto::signature;

use crate::credentials::CodeRow;
use crate::issue::{IssueError, Issued, IssuedVoter, Registrar};
use crate::voters::Voter;

/// Why no other code was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReissueError {
    /// Nobody of this name.
    #[error("the files of codes have no voter {0:?}")]
    Nobody(String),
    /// The line is no line of this election.
    #[error("the line of {0:?} in the file of codes was altered: its code does not belong to its public id")]
    Altered(String),
    /// As at the first issue.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// Another code for the voter with this id, and the entry for the log. `all` is what was ever issued, latest last.
///
/// # Errors
/// [`ReissueError`].
pub fn reissue(
    registrar: &Registrar<'_>,
    all: &[CodeRow],
    id: &str,
    time_ms: u64,
    rng: &mut impl CryptoRng,
) -> Result<Issued, ReissueError> {
    let fingerprint = registrar.manifest().fingerprint();
    let old = all.iter().rev().find(|one| one.id == id).ok_or_else(|| ReissueError::Nobody(id.to_owned()))?;
    let altered = || ReissueError::Altered(id.to_owned());
    let old_key = CredentialCode::parse(&old.code).map_err(|_| altered())?.credential(&fingerprint).public();
    if old_key.public_id() != old.public_id {
        return Err(altered());
    }
    let [style, group, weight] = &old.class;
    let voter = Voter {
        id: old.id.clone(),
        name: old.name.clone(),
        email: old.email.clone(),
        style: Id::new(style).map_err(|_| altered())?,
        group: Id::new(group).map_err(|_| altered())?,
        weight: weight.parse().map_err(|_| altered())?,
    };
    let known: HashSet<&str> = all.iter().map(|one| one.public_id.as_str()).collect();
    let (code, credential) = loop {
        let code = CredentialCode::random(rng);
        let credential = code.credential(&fingerprint).public();
        if !known.contains(credential.public_id().as_str()) {
            break (code, credential);
        }
    };
    let entry = Reissue { new: credential.0, old: old_key.0, signature: None, time_ms, tag: ReissueTag };
    let signed = signature::sign(entry, &fingerprint, registrar.key()).map_err(IssueError::from)?;
    let leaves = vec![canonical::to_bytes(&signed).map_err(IssueError::from)?];
    let total_weight = voter.weight;
    Ok(Issued { fingerprint, voters: vec![IssuedVoter { voter, code, credential }], leaves, total_weight })
}
