//! What the board knows of others: witnesses' cosignatures, and their clocks.

use std::sync::Arc;

use veritally_board_api::answers::Witnesses;

use crate::clock::SystemClock;
use crate::election::Election;
use crate::health::ClockWatch;

/// Watches over the clock, and witnesses.
#[derive(Clone)]
pub struct Outside {
    /// Compares the clock with others'.
    pub clock: Arc<ClockWatch>,
}

impl Default for Outside {
    fn default() -> Self {
        Self { clock: Arc::new(ClockWatch::new(Arc::new(SystemClock), Arc::default())) }
    }
}

impl Outside {
    /// The checkpoint to be published.
    pub(super) async fn checkpoint(&self, election: &Election) -> String {
        election.snapshot().checkpoint.to_string()
    }

    /// Who cosigned what.
    pub(super) fn witnesses(&self, election: &Election) -> Witnesses {
        let quorum = election.manifest().witness_quorum;
        Witnesses { quorum, tree_size: 0, witnesses: Vec::new() }
    }
}
