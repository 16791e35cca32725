//! Ending and beginning logs that move.

use async_trait::async_trait;
use veritally_crypto::id::Id;

use super::{PostgresStore, integer, write};
use crate::store::moving::{Movable, SEALED};
use crate::store::{Batch, Store as _, StoreError, StoredHead};

#[async_trait]
impl Movable for PostgresStore {
    async fn seal(&self, election: &Id) -> Result<StoredHead, StoreError> {
        let number = self.number(election).await?;
        let sql = "UPDATE elections SET epoch = epoch | $2, holder = NULL, lease_until = 'epoch' WHERE number = $1";
        self.database.write(sql, &[&number, &integer(SEALED)?]).await?;
        self.head(election).await
    }

    async fn create_sealed(&self, election: &Id, first: Batch) -> Result<(), StoreError> {
        write::create(&self.database, election, &first, SEALED).await
    }

    async fn unseal(&self, election: &Id, epoch: u64) -> Result<(), StoreError> {
        let number = self.number(election).await?;
        let sql = "UPDATE elections SET epoch = $2 WHERE number = $1 AND epoch >= $3 RETURNING number";
        let rows = self.database.write(sql, &[&number, &integer(epoch)?, &integer(SEALED)?]).await?;
        let open = || StoreError::Damaged(format!("the log of {election} is not sealed"));
        rows.first().map(drop).ok_or_else(open)
    }
}
