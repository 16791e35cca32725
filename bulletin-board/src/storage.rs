//! Where a board's logs and its dashboard's things are kept: files in the board's folder, or a PostgreSQL database.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::admin_store::postgres::PostgresAdminStore;
use crate::admin_store::sqlite::SqliteAdminStore;
use crate::admin_store::{AdminStore, AdminStoreError};
use crate::data_dir::DataDir;
use crate::postgres::{AddressError, Database, PostgresAddress, PostgresError};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Storage {
    /// `sqlite`: files in the board's folder.
    #[default]
    Sqlite,
    /// `postgres://…`: a database that several nodes may share.
    Postgres(PostgresAddress),
}

impl From<String> for Storage {
    fn from(text: String) -> Self {
        if text == "sqlite" { Self::Sqlite } else { Self::Postgres(text.into()) }
    }
}

/// Never fails: messages about a wrong argument quote it, and an address may hold a password. [`Storage::check`] says
/// what is wrong without it.
impl FromStr for Storage {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite => f.write_str("sqlite"),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl From<Storage> for String {
    fn from(storage: Storage) -> Self {
        storage.to_string()
    }
}

/// Why the stores can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The logs.
    #[error("the database {place}: {source}")]
    Logs {
        /// File or address.
        place: String,
        /// Why not.
        source: StoreError,
    },
    /// The dashboard's things.
    #[error(transparent)]
    Dashboard(#[from] AdminStoreError),
}

/// Both stores of a board.
pub struct Stores {
    /// The logs.
    pub logs: Arc<dyn Store>,
    /// The dashboard's things.
    pub dashboard: Arc<dyn AdminStore>,
}

impl Storage {
    /// With the database's password from a file.
    #[must_use]
    pub fn with_password_file(self, file: Option<&Path>) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(address) => Self::Postgres(address.with_password_file(file.map(Path::to_owned))),
        }
    }

    /// That it could be opened, as far as that shows without trying.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn check(&self) -> Result<(), AddressError> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres(address) => address.check(),
        }
    }

    /// Opens the dashboard's things only, beside a running board.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn open_dashboard(&self, file: &Path) -> Result<Arc<dyn AdminStore>, StorageError> {
        match self {
            Self::Sqlite => Ok(Arc::new(SqliteAdminStore::open(file)?)),
            Self::Postgres(address) => {
                let database = Database::connect(address, None).await;
                let error = |source: PostgresError| StorageError::Dashboard(source.into());
                Ok(Arc::new(PostgresAdminStore::on(database.map_err(error)?).await?))
            }
        }
    }

    /// Opens both; makes what is absent.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn open(&self, data: &DataDir, connections: Option<NonZeroUsize>) -> Result<Stores, StorageError> {
        match self {
            Self::Sqlite => {
                let error = |source| StorageError::Logs { place: data.database.display().to_string(), source };
                let logs = SqliteStore::open(&data.database).map_err(error)?;
                let dashboard = SqliteAdminStore::open(&data.admin_database)?;
                Ok(Stores { logs: Arc::new(logs), dashboard: Arc::new(dashboard) })
            }
            Self::Postgres(address) => {
                let error = |source| StorageError::Logs { place: address.to_string(), source };
                let database = Database::connect(address, connections).await;
                let database = database.map_err(|e: PostgresError| error(e.into()))?;
                let logs = PostgresStore::on(database.clone()).await.map_err(error)?;
                let dashboard = PostgresAdminStore::on(database).await?;
                Ok(Stores { logs: Arc::new(logs), dashboard: Arc::new(dashboard) })
            }
        }
    }
}
