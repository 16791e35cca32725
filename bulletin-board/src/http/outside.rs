//! What the board knows of others: witnesses' cosignatures, and their clocks.

use std::sync::Arc;

use crate::clock::SystemClock;
use crate::health::ClockWatch;
use crate::witnesses::{INTERVAL, WitnessError, Witnessing};

/// Watches over the clock, and witnesses.
#[derive(Clone)]
pub struct Outside {
    /// Compares the clock with others'.
    pub clock: Arc<ClockWatch>,
    /// Collects cosignatures.
    pub witnesses: Arc<Witnessing>,
}

impl Outside {
    /// Nobody.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn nobody() -> Result<Self, WitnessError> {
        let clock = Arc::new(ClockWatch::new(Arc::new(SystemClock), Arc::default()));
        let witnesses = Witnessing::new(&[], INTERVAL, Arc::clone(&clock), Arc::default())?;
        Ok(Self { clock, witnesses: Arc::new(witnesses) })
    }
}
