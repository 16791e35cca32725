//! Ending and beginning logs that move.

use async_trait::async_trait;
use rusqlite::params;
use veritally_crypto::id::Id;

use super::{SqliteStore, queries};
use crate::store::moving::{Movable, SEALED};
use crate::store::{Batch, StoreError, StoredHead};

#[async_trait]
impl Movable for SqliteStore {
    async fn seal(&self, election: &Id) -> Result<StoredHead, StoreError> {
        self.write(election, |connection, election| {
            let number = queries::election_number(connection, election)?;
            connection.execute(
                "UPDATE elections SET epoch = epoch | ?2, holder = NULL, lease_until_ms = 0 WHERE number = ?1",
                params![number, queries::integer(SEALED)?],
            )?;
            queries::head(connection, number)
        })
        .await
    }

    async fn create_sealed(&self, election: &Id, first: Batch) -> Result<(), StoreError> {
        self.write(election, move |connection, election| queries::create(connection, election, &first, SEALED)).await
    }

    async fn unseal(&self, election: &Id, epoch: u64) -> Result<(), StoreError> {
        self.write(election, move |connection, election| {
            let number = queries::election_number(connection, election)?;
            let changed = connection.execute(
                "UPDATE elections SET epoch = ?2 WHERE number = ?1 AND epoch >= ?3",
                params![number, queries::integer(epoch)?, queries::integer(SEALED)?],
            )?;
            let open = || StoreError::Damaged(format!("the log of {election} is not sealed"));
            if changed == 1 { Ok(()) } else { Err(open()) }
        })
        .await
    }
}
