//! What a message must satisfy before it changes the state.

use std::collections::BTreeSet;

use crate::ceremony::messages::{ConstantTerms, PackageRoute, SHARE_BYTES, coefficients_hash};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase};
use crate::group::{EncodedPoint, RistrettoPoint};
use crate::id::TrusteeId;
use crate::leaves::{Reveal, SharePackage, Shares};

impl Ceremony {
    /// This trustee, in this attempt, has its turn for this message.
    pub(in crate::ceremony) fn in_turn(
        &self,
        trustee: TrusteeId,
        attempt: u64,
        message: CeremonyPhase,
    ) -> Result<(), CeremonyError> {
        let posted = self.posted_by(trustee)?;
        let expected = self.parameters.attempt();
        if attempt != expected {
            return Err(CeremonyError::WrongAttempt { trustee, attempt, expected });
        }
        if let Some(complaint) = self.complaints.first() {
            return Err(CeremonyError::Failed { attempt: expected, culprit: complaint.culprit() });
        }
        if posted.has(message) {
            return Err(CeremonyError::AlreadyPosted { trustee, message });
        }
        let phase = self.phase();
        if phase != message {
            return Err(CeremonyError::WrongPhase { trustee, message, phase });
        }
        Ok(())
    }

    /// *Reveal*: gives the decoded commitments.
    pub(super) fn check_reveal(&self, reveal: &Reveal) -> Result<Vec<RistrettoPoint>, CeremonyError> {
        let trustee = reveal.trustee;
        let (found, expected) = (reveal.commitments.len(), self.parameters.coefficients());
        // ⚠ One coefficient more and the quorum would be k + 1.
        if found != expected {
            return Err(CeremonyError::CommitmentCount { trustee, found, expected });
        }
        if self.commit_of(trustee) != Some(&coefficients_hash(&self.parameters, trustee, &reveal.commitments)) {
            return Err(CeremonyError::CommitmentsHash { trustee });
        }
        if self.commits() != Some(reveal.commits) {
            return Err(CeremonyError::CommitsHash { trustee });
        }
        let points: Result<Vec<_>, _> = reveal.commitments.iter().map(EncodedPoint::decode).collect();
        let points = points.map_err(|source| CeremonyError::Encoding { trustee, source })?;
        let (commits, commitments) = (&reveal.commits, reveal.commitments.as_slice());
        let statement = ConstantTerms { parameters: &self.parameters, trustee, commits, commitments };
        let refused = |_| CeremonyError::ConstantTermsProof { trustee };
        statement.verify(&reveal.proof, &points).map_err(refused)?;
        Ok(points)
    }

    /// *Shares*: gives the packages' ephemeral points.
    pub(super) fn check_shares(&self, shares: &Shares) -> Result<BTreeSet<EncodedPoint>, CeremonyError> {
        let trustee = shares.trustee;
        let recipients = self.parameters.trustees().filter(|i| *i != trustee);
        if !shares.packages.iter().map(|p| p.recipient).eq(recipients) {
            return Err(CeremonyError::Recipients { trustee });
        }
        let mut ephemerals = BTreeSet::new();
        for package in &shares.packages {
            let (recipient, ephemeral) = (package.recipient, package.ephemeral);
            // ⚠ Else a copied package could be opened by a complaint about the copy.
            if self.used_ephemerals.contains(&ephemeral) || !ephemerals.insert(ephemeral) {
                return Err(CeremonyError::RepeatedEphemeral { trustee, recipient });
            }
            self.check_package(trustee, package)?;
        }
        Ok(ephemerals)
    }

    fn check_package(&self, trustee: TrusteeId, package: &SharePackage) -> Result<(), CeremonyError> {
        let SharePackage { ephemeral, masked, proof, recipient } = package;
        let (recipient, found) = (*recipient, masked.0.len());
        let expected = self.parameters.rows().saturating_mul(SHARE_BYTES);
        if found != expected {
            return Err(CeremonyError::MaskedLength { trustee, recipient, found, expected });
        }
        let point = ephemeral.decode().map_err(|source| CeremonyError::Encoding { trustee, source })?;
        let (recipient_key, _) = self.parameters.encryption_key(recipient)?;
        let route = PackageRoute { parameters: &self.parameters, dealer: trustee, recipient, recipient_key };
        let refused = |_| CeremonyError::PackageProof { trustee, recipient };
        proof.verify(route.statement(ephemeral, &masked.0), &point).map_err(refused)
    }
}
