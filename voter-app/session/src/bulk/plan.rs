//! Which credential casts which ballot of a file.

use std::collections::HashMap;

use rayon::prelude::*;
use veritally_crypto::contests::Answers;
use veritally_crypto::credential::{Credential, CredentialKey};
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

use super::BulkError;
use crate::ballot_files::{BallotFile, Converter};
use crate::credentials::CodeRow;
use crate::election::Election;

/// Answers on the ballots of a style.
#[derive(Debug)]
pub struct StyledAnswers {
    /// The style.
    pub style: Id,
    /// What is answered.
    pub answers: Answers,
    /// Position of the ballot in its file.
    pub ballot: usize,
}

/// A ballot to be cast.
#[derive(Debug)]
pub struct PlannedBallot {
    /// The voter's id in the file of codes.
    pub voter: String,
    /// Who casts it.
    pub credential: Credential,
    /// How much it counts.
    pub weight: u64,
    /// Position in [`Plan::answers`].
    pub answers: usize,
    /// Which ballot of this credential it is.
    pub counter: u64,
    /// SHA-256 of the one before.
    pub previous: Hash,
}

/// Everything that is to be cast; every rule is checked.
#[derive(Debug)]
pub struct Plan {
    /// One for each credential, in the order of the file of codes.
    pub ballots: Vec<PlannedBallot>,
    /// Each different ballot once.
    pub answers: Vec<StyledAnswers>,
}

impl Plan {
    /// Gives the file's ballots, in order, each as often as it was cast, to the credentials in order.
    ///
    /// # Errors
    /// [`BulkError`] before anything is cast: a ballot that breaks a rule, too few credentials, one that is repeated,
    /// not on the roll or used up.
    pub fn new(
        election: &Election,
        file: &BallotFile,
        converter: &Converter<'_>,
        codes: &[CodeRow],
        limit: Option<usize>,
    ) -> Result<Self, BulkError> {
        let wanted = limit.map_or(file.count(), |limit| file.count().min(limit as u64));
        let count = usize::try_from(wanted).unwrap_or(usize::MAX);
        let too_few = BulkError::TooFewCredentials { ballots: wanted, credentials: codes.len() };
        let codes = codes.get(..count).ok_or(too_few)?;
        let fingerprint = election.fingerprint();
        let credentials: Vec<_> = codes.par_iter().map(|row| row.code.credential(&fingerprint)).collect();
        let styles = &election.manifest().ballot_styles;
        let mut plan = Self { ballots: Vec::with_capacity(count), answers: vec![] };
        // Answers by ballot of the file and style.
        let mut known: HashMap<(usize, usize), usize> = HashMap::new();
        let mut seen: HashMap<CredentialKey, u64> = HashMap::new();
        let ballots = file.ballots.iter().enumerate().flat_map(|(position, ballot)| {
            std::iter::repeat_n((position, ballot), usize::try_from(ballot.count).unwrap_or(usize::MAX))
        });
        for ((row, credential), (position, ballot)) in codes.iter().zip(credentials).zip(ballots) {
            let line = row.line;
            if let Some(first) = seen.insert(credential.public(), line) {
                return Err(BulkError::Repeated { line, first });
            }
            let voter = election.state().voter(credential.public()).ok_or(BulkError::NotOnRoll { line })?;
            let limit = election.manifest().casts_per_credential;
            if voter.counter >= limit {
                return Err(BulkError::CastLimit { line, limit });
            }
            let answers = match known.get(&(position, voter.class.style)) {
                Some(known) => *known,
                None => {
                    // The roll's styles were looked up in the manifest when it was applied.
                    let style = styles.get(voter.class.style).ok_or(BulkError::NotOnRoll { line })?.id.clone();
                    let answers = converter.answers(ballot, &style)?;
                    plan.answers.push(StyledAnswers { style, answers, ballot: position });
                    known.insert((position, voter.class.style), plan.answers.len() - 1);
                    plan.answers.len() - 1
                }
            };
            plan.ballots.push(PlannedBallot {
                voter: row.id.clone(),
                weight: voter.class.weight,
                answers,
                counter: voter.counter + 1,
                previous: voter.last_hash,
                credential,
            });
        }
        Ok(plan)
    }
}
