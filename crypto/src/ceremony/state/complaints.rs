//! Complaints: one package is opened, and everybody sees whether its dealer or its recipient cheated.

use zeroize::Zeroizing;

use crate::ceremony::messages::{PackageRoute, SHARE_BYTES, complaint_transcript, vartime_evaluate};
use crate::ceremony::{Ceremony, CeremonyError, CeremonyPhase};
use crate::decryption::ShareStatement;
use crate::group::{RistrettoPoint, Scalar};
use crate::id::TrusteeId;
use crate::leaves::{Complaint, SharePackage};

/// What an opened package shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComplaintVerdict {
    /// The dealer dealt what does not match its commitments.
    WrongShare,
    /// The shares are right: the complaint is false.
    FalseComplaint,
}

/// A complaint with a valid proof, and who it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JudgedComplaint {
    /// Who complained.
    pub trustee: TrusteeId,
    /// Of whom.
    pub dealer: TrusteeId,
    /// Who cheated.
    pub verdict: ComplaintVerdict,
}

impl JudgedComplaint {
    /// Who cheated.
    #[must_use]
    pub fn culprit(&self) -> TrusteeId {
        match self.verdict {
            ComplaintVerdict::WrongShare => self.dealer,
            ComplaintVerdict::FalseComplaint => self.trustee,
        }
    }
}

impl std::fmt::Display for JudgedComplaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (trustee, dealer) = (self.trustee, self.dealer);
        match self.verdict {
            ComplaintVerdict::WrongShare => write!(f, "{dealer} dealt {trustee} a wrong share"),
            ComplaintVerdict::FalseComplaint => write!(f, "{trustee} complained falsely of {dealer}"),
        }
    }
}

impl Ceremony {
    /// Complaints of this attempt, judged, in the order in which they came.
    #[must_use]
    pub fn complaints(&self) -> &[JudgedComplaint] {
        &self.complaints
    }

    /// Whether somebody was shown to cheat: only a restart goes on from here.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        !self.complaints.is_empty()
    }

    /// Who was shown to cheat in this attempt, ascending.
    #[must_use]
    pub fn culprits(&self) -> Vec<TrusteeId> {
        let mut culprits: Vec<_> = self.complaints.iter().map(JudgedComplaint::culprit).collect();
        culprits.sort_unstable();
        culprits.dedup();
        culprits
    }

    /// *Complain*: takes a proved opening of one package, after all have dealt, from a recipient that has not confirmed;
    /// judges dealer and complainer.
    ///
    /// # Errors
    /// [`CeremonyError`] when it is out of turn, made before, or its proof does not hold. A false complaint is no error:
    /// it is evidence against its author.
    pub fn apply_complaint(&mut self, complaint: &Complaint) -> Result<(), CeremonyError> {
        let (trustee, dealer) = (complaint.trustee, complaint.dealer);
        let (confirm, phase) = (CeremonyPhase::Confirm, self.phase());
        let posted = self.posted_by(trustee)?;
        let expected = self.parameters.attempt();
        if complaint.attempt != expected {
            return Err(CeremonyError::WrongAttempt { trustee, attempt: complaint.attempt, expected });
        }
        if posted.has(confirm) {
            return Err(CeremonyError::AlreadyPosted { trustee, message: confirm });
        }
        if phase != confirm {
            return Err(CeremonyError::WrongPhase { trustee, message: confirm, phase });
        }
        let package = self.package(dealer, trustee).ok_or(CeremonyError::NoPackage { trustee, dealer })?;
        if self.complaints.iter().any(|c| (c.trustee, c.dealer) == (trustee, dealer)) {
            return Err(CeremonyError::AlreadyComplained { trustee, dealer });
        }
        // The share proof of one row and one pad: log_G PK_i = log_E Z.
        let refused = CeremonyError::ComplaintProof { trustee, dealer };
        let ephemeral = package.ephemeral.decode().map_err(|_| refused.clone())?;
        let (_, key) = self.parameters.encryption_key(trustee)?;
        let statement = ShareStatement { public_shares: &[*key], pads: &[ephemeral], shares: &[complaint.shared] };
        let transcript = complaint_transcript(&self.parameters, dealer, trustee);
        let opened = complaint.proof.verify(transcript, &statement).map_err(|_| refused.clone())?;
        let shared = opened.into_iter().next().ok_or(refused)?;
        let right = self.package_is_right(dealer, trustee, package, shared)?;
        let verdict = if right { ComplaintVerdict::FalseComplaint } else { ComplaintVerdict::WrongShare };
        self.complaints.push(JudgedComplaint { trustee, dealer, verdict });
        Ok(())
    }

    /// Unmasks with `shared` = Z and checks, row by row, f_{l,r}(i)·G = Σ_m i^m·C_{l,r,m}. Everything is public here.
    fn package_is_right(
        &self,
        dealer: TrusteeId,
        recipient: TrusteeId,
        package: &SharePackage,
        shared: RistrettoPoint,
    ) -> Result<bool, CeremonyError> {
        let parameters = &self.parameters;
        let (recipient_key, _) = parameters.encryption_key(recipient)?;
        let route = PackageRoute { parameters, dealer, recipient, recipient_key };
        let mut bytes = package.masked.0.clone();
        route.apply_mask(&package.ephemeral, &Zeroizing::new(shared), &mut bytes);
        let missing = CeremonyError::NoPackage { trustee: recipient, dealer };
        let commitments = self.commitments_of(dealer).ok_or(missing)?;
        let rows = commitments.chunks(parameters.quorum());
        let (shares, rest) = bytes.as_chunks::<SHARE_BYTES>();
        let holds = |(share, row): (&[u8; SHARE_BYTES], &[RistrettoPoint])| {
            let share = Scalar::from_canonical_bytes(*share).into_option();
            share.is_some_and(|share| RistrettoPoint::mul_base(&share) == vartime_evaluate(row, recipient))
        };
        Ok(rest.is_empty() && shares.len() == parameters.rows() && shares.iter().zip(rows).all(holds))
    }
}
