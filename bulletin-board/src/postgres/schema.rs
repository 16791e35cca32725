//! Numbered migrations, each applied once, by whichever of many nodes starts first.

use super::{ATTEMPTS, Database, PostgresError};

/// The versions of all tables of this program, a row for each part of it.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS veritally_versions (
    component text PRIMARY KEY,
    version integer NOT NULL CHECK (version >= 0)
)";

/// The tables of one part of this program.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Whose tables, in a word or two.
    pub component: &'static str,
    /// Migration n brings the tables from version n − 1 to n. Never change one that was released: add another.
    pub migrations: &'static [&'static str],
}

impl Schema {
    /// The newest version.
    fn known(self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }

    fn compare(self, found: i32) -> Result<(), PostgresError> {
        let (component, known) = (self.component, self.known());
        if found > known { Err(PostgresError::Newer { component, found, known }) } else { Ok(()) }
    }

    /// Makes the tables, or brings them up to date.
    ///
    /// # Errors
    /// [`PostgresError`]; [`PostgresError::Newer`] when a newer version of this program was here.
    pub async fn migrate(self, database: &Database) -> Result<(), PostgresError> {
        let mut attempt = 1;
        loop {
            match self.try_to_migrate(database).await {
                // Two that start at once may both find a table absent and make it; the second one's error is a repetition.
                Err(error) if attempt < ATTEMPTS && (error.is_transient() || error.is_repeated()) => attempt += 1,
                result => return result,
            }
        }
    }

    async fn try_to_migrate(self, database: &Database) -> Result<(), PostgresError> {
        let mut connection = database.writer().await?;
        let transaction = connection.begin().await?;
        transaction.script(VERSIONS).await?;
        let component: &str = self.component;
        transaction
            .execute("INSERT INTO veritally_versions VALUES ($1, 0) ON CONFLICT DO NOTHING", &[&component])
            .await?;
        // The row's lock lets one node migrate at a time; the next one finds the new version.
        let rows = transaction
            .query("SELECT version FROM veritally_versions WHERE component = $1 FOR UPDATE", &[&component])
            .await?;
        let found: i32 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        self.compare(found)?;
        for migration in self.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.script(migration).await?;
        }
        let sql = "UPDATE veritally_versions SET version = $2 WHERE component = $1 AND version < $2";
        transaction.execute(sql, &[&component, &self.known()]).await?;
        transaction.commit().await?;
        connection.give_back();
        Ok(())
    }

    /// That the tables are those of this program, for those who only read.
    ///
    /// # Errors
    /// [`PostgresError::NoTables`], [`PostgresError::Newer`], [`PostgresError`].
    pub async fn expect_present(self, database: &Database) -> Result<(), PostgresError> {
        let absent = || PostgresError::NoTables(self.component);
        let there = database.read("SELECT to_regclass('veritally_versions') IS NOT NULL", &[]).await?;
        if !there.first().map_or(Ok(false), |row| row.try_get(0))? {
            return Err(absent());
        }
        let sql = "SELECT version FROM veritally_versions WHERE component = $1";
        let rows = database.read(sql, &[&self.component]).await?;
        let found: i32 = rows.first().ok_or_else(absent)?.try_get(0)?;
        self.compare(found)?;
        if found < self.known() { Err(absent()) } else { Ok(()) }
    }
}
