//! Paths below a board's address: the one place that spells them.

use veritally_crypto::id::Id;

/// Elections of the board (GET), a new one (POST with the operator's token).
pub const ELECTIONS: &str = "elections";
/// The board's name and log key.
pub const BOARD: &str = "board";
/// First segment of everything that belongs to one election.
pub const ELECTION: &str = "e";

/// Below an election: POST a ballot.
pub const BALLOTS: &str = "ballots";
/// Below an election: POST an official's entry.
pub const ENTRIES: &str = "entries";
/// Below an election: GET the receipt of an entry by confirmation code, short code or SHA-256 of the entry.
pub const RECEIPTS: &str = "receipts";
/// Below an election: where it stands.
pub const STATUS: &str = "status";
/// Below an election: server-sent events.
pub const EVENTS: &str = "events";
/// Below an election: the signed tree head (C2SP tlog-checkpoint).
pub const CHECKPOINT: &str = "checkpoint";
/// Below an election: tiles and entry bundles (C2SP tlog-tiles).
pub const TILE: &str = "tile";
/// Below an election: leaf 0.
pub const MANIFEST: &str = "manifest";

/// `e/<election>/<rest>`.
#[must_use]
pub fn in_election(election: &Id, rest: &str) -> String {
    format!("{ELECTION}/{election}/{rest}")
}

/// `receipts/<code>`.
#[must_use]
pub fn receipt(code: &str) -> String {
    format!("{RECEIPTS}/{code}")
}
