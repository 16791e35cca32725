//! Opening, extension, closing, abandonment: signed by an administrator.

use std::sync::Arc;

use super::{Phase, RecordState, Rejection};
use crate::ballot::BallotContext;
use crate::leaves::{Abandonment, Closing, Extension, Opening};
use crate::signature::{self, SignedEntry};

impl RecordState {
    pub(super) fn verify_administrator<E: SignedEntry + Clone>(&self, entry: &E, number: u64) -> Result<(), Rejection> {
        let administrator = self.manifest.administrator(number).ok_or(Rejection::UnknownAdministrator(number))?;
        signature::verify(entry, &self.fingerprint(), &administrator.key)
            .map_err(|source| Rejection::Signature { who: format!("administrator {number}"), source })
    }

    pub(super) fn apply_opening(&mut self, opening: &Opening) -> Result<(), Rejection> {
        self.expect_phase("opening", &[Phase::Setup])?;
        self.verify_administrator(opening, opening.administrator)?;
        let keys = self.ceremony.keys().ok_or(Rejection::Opening("the key ceremony is not complete"))?;
        let roll = self.roll.hash().ok_or(Rejection::Opening("the roll is not complete"))?;
        if opening.ceremony != keys.ceremony || opening.roll != roll {
            return Err(Rejection::Opening("it names another ceremony or another roll than the log's"));
        }
        if opening.time_ms < self.manifest.schedule.opens_at_ms {
            return Err(Rejection::Opening("it is before the time that the manifest announces"));
        }
        if opening.time_ms >= self.closes_at_ms {
            return Err(Rejection::Opening("the announced end of voting has passed"));
        }
        self.context = Some(Arc::new(BallotContext::new(self.manifest.clone(), keys)));
        self.schedule_set_at_ms = opening.time_ms;
        self.phase = Phase::Open;
        Ok(())
    }

    pub(super) fn apply_extension(&mut self, extension: &Extension) -> Result<(), Rejection> {
        self.expect_phase("extension", &[Phase::Open])?;
        self.verify_administrator(extension, extension.administrator)?;
        if extension.closes_at_ms <= self.closes_at_ms {
            return Err(Rejection::Extension("the new end of voting is not later than the present one"));
        }
        self.closes_at_ms = extension.closes_at_ms;
        self.schedule_set_at_ms = self.schedule_set_at_ms.max(extension.time_ms);
        Ok(())
    }

    /// Everything about a closing but that a tally head comes before it, which the board appends when it is due: it
    /// asks here first, so that nobody but an administrator makes it append one.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn precheck_closing(&self, closing: &Closing) -> Result<(), Rejection> {
        self.expect_phase("closing", &[Phase::Open])?;
        self.verify_administrator(closing, closing.administrator)?;
        // ⚠ A closing that was signed and not used does not undo an extension.
        if closing.time_ms < self.schedule_set_at_ms {
            return Err(Rejection::Closing("it was made before the opening or before the last extension"));
        }
        Ok(())
    }

    pub(super) fn check_closing(&self, closing: &Closing) -> Result<(), Rejection> {
        self.precheck_closing(closing)?;
        if self.tally_head_due {
            return Err(Rejection::Closing("a tally head must come first: ballots follow the last one"));
        }
        Ok(())
    }

    /// After the closing entry was appended.
    pub(super) fn close(&mut self, time_ms: u64) {
        self.closed_at_ms = Some(time_ms);
        self.closing_head = Some(self.head());
        self.cells = self.tally.cells(&self.manifest);
        self.phase = Phase::Closed;
    }

    pub(super) fn apply_abandonment(&mut self, abandonment: &Abandonment) -> Result<(), Rejection> {
        use Phase::{Agreed, Closed, Decrypted, Open, Setup};
        self.expect_phase("abandonment", &[Setup, Open, Closed, Agreed, Decrypted])?;
        self.verify_administrator(abandonment, abandonment.administrator)?;
        if abandonment.reason.trim().is_empty() || abandonment.reason.len() > 4_096 {
            return Err(Rejection::Reason);
        }
        self.phase = Phase::Abandoned;
        Ok(())
    }
}
