//! Where a credential code is kept when, and only when, the voter asks for it: the desktop's secret store.

use async_trait::async_trait;
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;

#[cfg(feature = "secret-service")]
mod desktop;
#[cfg(feature = "secret-service")]
pub use desktop::DesktopSecrets;

/// Why a secret store could not be used. Never repeats a code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// None is running, it is locked, or it refused.
    #[error("the desktop's secret store can't be used: {0}")]
    Unavailable(String),
    /// What is stored is no code.
    #[error("what the desktop's secret store keeps for this election is no credential code")]
    Damaged,
}

/// Keeps codes, one for each election.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Whether there is a code for this election; does not unlock or ask anything.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn has(&self, fingerprint: &Hash) -> Result<bool, SecretError>;

    /// The code for this election. May ask the voter to unlock the store.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn get(&self, fingerprint: &Hash) -> Result<Option<CredentialCode>, SecretError>;

    /// Keeps a code; `label` is for people who look into their store.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn put(&self, fingerprint: &Hash, label: &str, code: &CredentialCode) -> Result<(), SecretError>;

    /// Removes the code for this election, if there is one.
    ///
    /// # Errors
    /// [`SecretError`].
    async fn remove(&self, fingerprint: &Hash) -> Result<(), SecretError>;
}
