//! Checks of the tables as tables, beside boards that serve from them.

use super::PostgresStore;
use crate::store::StoreError;

/// What must be true of the rows of each election: counts and what they must equal.
const ROWS: &[(&str, &str)] = &[
    (
        "an election has not as many entries as its size says",
        "SELECT id FROM elections e WHERE tree_size <> (SELECT count(*) FROM entries WHERE election = e.number)",
    ),
    (
        "an election has an entry beyond its size",
        "SELECT id FROM elections e WHERE tree_size <=
         (SELECT max(leaf_index) FROM entries WHERE election = e.number)",
    ),
    (
        "an election's newest checkpoint is not of its size",
        "SELECT id FROM elections e WHERE tree_size IS DISTINCT FROM
         (SELECT max(tree_size) FROM checkpoints WHERE election = e.number)",
    ),
];

impl PostgresStore {
    /// Checks that the tables fit each other in number. What is in them, `fsck` checks; pages on disk, PostgreSQL's own
    /// tools (`pg_amcheck`, data checksums).
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Backend`].
    pub async fn check_tables(&self) -> Result<(), StoreError> {
        for (what, query) in ROWS {
            if let Some(row) = self.database.read_slowly(query).await?.first() {
                let id: String = row.try_get(0)?;
                return Err(StoreError::Damaged(format!("{what}: {id}")));
            }
        }
        Ok(())
    }
}
