//! Statements for several nodes on one database: lease, inbox, cosigned checkpoints.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::Row;
use veritally_crypto::hash::Hash;
use veritally_crypto::id::Id;

use super::read::position;
use super::{integer, unsigned};
use crate::postgres::{ATTEMPTS, Database, PostgresError};
use crate::store::moving::SEALED;
use crate::store::{Lease, Offer, Position, REFUSALS_KEPT, StoreError};

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map(Hash).map_err(|_| StoreError::Damaged("a hash that is not of 32 bytes".to_owned()))
}

fn slices(hashes: &[Hash]) -> Vec<&[u8]> {
    hashes.iter().map(|hash| hash.0.as_slice()).collect()
}

/// Claims or renews a lease by the database's clock. Who may not changes nothing and waits for no lock.
pub(super) async fn lease(
    database: &Database,
    election: &Id,
    number: i64,
    node: &str,
    term: Duration,
) -> Result<Lease, StoreError> {
    let sealed = "SELECT 1 FROM elections WHERE number = $1 AND epoch >= $2";
    if !database.read(sealed, &[&number, &integer(SEALED)?]).await?.is_empty() {
        return Err(StoreError::Sealed(election.clone()));
    }
    let look = "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM elections
                WHERE number = $1 AND holder <> $2 AND lease_until > clock_timestamp()";
    let claim = "WITH forgotten AS (
                     DELETE FROM inbox WHERE election = $1 AND refusal IS NOT NULL
                     AND refused_at < clock_timestamp() - make_interval(secs => $4))
                 UPDATE elections SET epoch = epoch + CASE WHEN holder = $2 THEN 0 ELSE 1 END, holder = $2,
                     lease_until = clock_timestamp() + make_interval(secs => $3)
                 WHERE number = $1 AND epoch < $5 AND (holder IS NULL OR holder = $2 OR lease_until <= clock_timestamp())
                 RETURNING tree_size, epoch";
    let (term, kept) = (term.as_secs_f64(), REFUSALS_KEPT.as_secs_f64());
    for _ in 0..ATTEMPTS {
        if let Some(row) = database.read(look, &[&number, &node]).await?.first() {
            let remaining = Duration::try_from_secs_f64(row.try_get(0)?).unwrap_or_default();
            return Ok(Lease::Other { remaining });
        }
        if let Some(row) = database.write(claim, &[&number, &node, &term, &kept, &integer(SEALED)?]).await?.first() {
            return Ok(Lease::Held(position(row)?));
        }
        // Another node was faster.
    }
    Ok(Lease::Other { remaining: Duration::ZERO })
}

pub(super) async fn release(database: &Database, number: i64, node: &str) -> Result<(), StoreError> {
    let sql = "UPDATE elections SET holder = NULL, lease_until = 'epoch' WHERE number = $1 AND holder = $2";
    database.write(sql, &[&number, &node]).await?;
    Ok(())
}

/// Entries as columns.
#[derive(Default)]
struct Columns<'a> {
    hashes: Vec<&'a [u8]>,
    entries: Vec<&'a [u8]>,
    received: Vec<i64>,
}

/// Each entry once, with the earliest arrival, in the order of their first mention.
fn distinct(offers: &[Offer]) -> Result<Columns<'_>, StoreError> {
    let Columns { mut hashes, mut entries, mut received } = Columns::default();
    let mut places: HashMap<Hash, usize> = HashMap::new();
    for Offer { bytes, hash, received_ms } in offers {
        let received_ms = integer(*received_ms)?;
        match places.get(hash).and_then(|&place| received.get_mut(place)) {
            Some(earlier) => *earlier = received_ms.min(*earlier),
            None => {
                places.insert(*hash, hashes.len());
                hashes.push(hash.0.as_slice());
                entries.push(bytes.as_ref());
                received.push(received_ms);
            }
        }
    }
    Ok(Columns { hashes, entries, received })
}

pub(super) async fn offer(database: &Database, number: i64, offers: &[Offer]) -> Result<(), StoreError> {
    let Columns { hashes, entries, received } = distinct(offers)?;
    let forget = "DELETE FROM inbox WHERE election = $1 AND hash = ANY ($2) AND refusal IS NOT NULL";
    let insert = "INSERT INTO inbox (election, hash, entry, received_ms)
                  SELECT $1, hash, entry, received_ms FROM unnest($2::bytea[], $3::bytea[], $4::bigint[])
                      WITH ORDINALITY AS new (hash, entry, received_ms, place)
                  WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.election = $1 AND e.entry_hash = new.hash)
                  ORDER BY place
                  ON CONFLICT (election, hash) DO UPDATE
                  SET received_ms = least(inbox.received_ms, excluded.received_ms)";
    // Putting the same entries in twice changes nothing, so an unknown outcome is tried again, too.
    let mut attempt = 1;
    loop {
        let done = async {
            let mut connection = database.writer().await?;
            let transaction = connection.begin().await?;
            transaction.execute(forget, &[&number, &hashes]).await?;
            transaction.execute(insert, &[&number, &hashes, &entries, &received]).await?;
            transaction.commit().await?;
            connection.give_back();
            Ok::<_, PostgresError>(())
        };
        match done.await {
            Err(error) if attempt < ATTEMPTS && (error.is_transient() || error.is_disconnected()) => attempt += 1,
            result => return Ok(result?),
        }
    }
}

pub(super) async fn offers(database: &Database, number: i64, most: usize) -> Result<Vec<Offer>, StoreError> {
    let sql = "SELECT hash, entry, received_ms FROM inbox WHERE election = $1 AND refusal IS NULL
               ORDER BY ticket LIMIT $2";
    let rows = database.read(sql, &[&number, &i64::try_from(most).unwrap_or(i64::MAX)]).await?;
    let offer = |row: &Row| {
        let bytes = row.try_get::<_, &[u8]>(1)?.to_vec().into();
        Ok(Offer { bytes, hash: hash(row.try_get(0)?)?, received_ms: unsigned(row.try_get(2)?)? })
    };
    rows.iter().map(offer).collect()
}

/// Notes refusals. Noting the same twice changes nothing, so an unknown outcome is tried again, too.
pub(super) async fn refuse(
    database: &Database,
    number: i64,
    expected: Position,
    refusals: &[(Hash, String)],
) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        match try_to_refuse(database, number, expected, refusals).await {
            Ok(found) if found == expected => return Ok(()),
            Ok(found) => return Err(StoreError::Conflict { expected, found }),
            Err(error) if attempt < ATTEMPTS && (error.is_transient() || error.is_disconnected()) => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Under the lock of the election's row, so that nobody takes the log over meanwhile. Where the log stands; if elsewhere
/// than expected, nothing was noted.
async fn try_to_refuse(
    database: &Database,
    number: i64,
    expected: Position,
    refusals: &[(Hash, String)],
) -> Result<Position, PostgresError> {
    let hashes: Vec<&[u8]> = refusals.iter().map(|(hash, _)| hash.0.as_slice()).collect();
    let texts: Vec<&str> = refusals.iter().map(|(_, text)| text.as_str()).collect();
    let mut connection = database.writer().await?;
    let transaction = connection.begin().await?;
    let sql = "SELECT tree_size, epoch FROM elections WHERE number = $1 FOR NO KEY UPDATE";
    let rows = transaction.query(sql, &[&number]).await?;
    let found = rows.first().map(|row| Ok::<_, PostgresError>((row.try_get(0)?, row.try_get(1)?))).transpose()?;
    let (tree_size, epoch): (i64, i64) = found.unwrap_or_default();
    // Both are checked not to be negative by the table.
    let found = Position { tree_size: tree_size.unsigned_abs(), epoch: epoch.unsigned_abs() };
    if found == expected {
        let logged = "DELETE FROM inbox i WHERE election = $1 AND hash = ANY ($2)
                      AND EXISTS (SELECT 1 FROM entries e WHERE e.election = $1 AND e.entry_hash = i.hash)";
        transaction.execute(logged, &[&number, &hashes]).await?;
        let note = "UPDATE inbox i SET refusal = new.refusal, refused_at = clock_timestamp()
                    FROM unnest($2::bytea[], $3::text[]) AS new (hash, refusal)
                    WHERE i.election = $1 AND i.hash = new.hash AND i.refusal IS NULL";
        transaction.execute(note, &[&number, &hashes, &texts]).await?;
        transaction.commit().await?;
    } else {
        transaction.roll_back().await?;
    }
    connection.give_back();
    Ok(found)
}

pub(super) async fn inbox(
    database: &Database,
    number: i64,
    hashes: &[Hash],
) -> Result<Vec<(Hash, Option<String>)>, StoreError> {
    let sql = "SELECT hash, refusal FROM inbox WHERE election = $1 AND hash = ANY ($2)";
    let rows = database.read(sql, &[&number, &slices(hashes)]).await?;
    rows.iter().map(|row| Ok((hash(row.try_get(0)?)?, row.try_get(1)?))).collect()
}

pub(super) async fn keep_witnessed(
    database: &Database,
    number: i64,
    size: u64,
    checkpoint: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO witnessed (election, tree_size, note) VALUES ($1, $2, $3)
               ON CONFLICT (election) DO UPDATE SET tree_size = excluded.tree_size, note = excluded.note
               WHERE excluded.tree_size >= witnessed.tree_size";
    database.write(sql, &[&number, &integer(size)?, &checkpoint]).await?;
    Ok(())
}

pub(super) async fn witnessed(database: &Database, number: i64) -> Result<Option<(u64, String)>, StoreError> {
    let rows = database.read("SELECT tree_size, note FROM witnessed WHERE election = $1", &[&number]).await?;
    rows.first().map(|row| Ok((unsigned(row.try_get(0)?)?, row.try_get(1)?))).transpose()
}
