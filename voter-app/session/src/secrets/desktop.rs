//! The Secret Service of the desktop (GNOME Keyring, KWallet, KeePassXC), or a sandbox's own encrypted file.

use std::collections::HashMap;

use async_trait::async_trait;
use oo7::dbus::Service;
use oo7::{Item, Keyring};
use veritally_crypto::credential::CredentialCode;
use veritally_crypto::hash::Hash;

use super::{SecretError, SecretStore};

/// Which program's secrets these are.
const APPLICATION: &str = "org.veritally.Veritally";

/// Asks the desktop only when something is asked of it: a desktop without a secret store starts like any other.
#[derive(Debug, Clone, Copy, Default)]
pub struct DesktopSecrets;

fn unavailable(error: oo7::Error) -> SecretError {
    SecretError::Unavailable(error.to_string())
}

/// Not secret: the store may keep them in the clear.
fn attributes(fingerprint: &Hash) -> HashMap<String, String> {
    [("application", APPLICATION.to_owned()), ("fingerprint", fingerprint.to_string())]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The store, if there is one already: to make one, the desktop asks for a new password, and who only looks asks nothing.
async fn existing() -> Result<Option<Keyring>, SecretError> {
    // In a sandbox there is no such service, but a file of the program's own.
    if let Ok(service) = Service::new().await {
        let default = service.with_alias("default").await;
        if default.map_err(|error| SecretError::Unavailable(error.to_string()))?.is_none() {
            return Ok(None);
        }
    }
    Keyring::new().await.map(Some).map_err(unavailable)
}

async fn find(fingerprint: &Hash) -> Result<Option<Item>, SecretError> {
    let Some(keyring) = existing().await? else { return Ok(None) };
    let items = keyring.search_items(&attributes(fingerprint)).await.map_err(unavailable)?;
    Ok(items.into_iter().next())
}

#[async_trait]
impl SecretStore for DesktopSecrets {
    async fn has(&self, fingerprint: &Hash) -> Result<bool, SecretError> {
        Ok(find(fingerprint).await?.is_some())
    }

    async fn get(&self, fingerprint: &Hash) -> Result<Option<CredentialCode>, SecretError> {
        let Some(item) = find(fingerprint).await? else { return Ok(None) };
        if item.is_locked().await.map_err(unavailable)? {
            item.unlock().await.map_err(unavailable)?;
        }
        // Erased when dropped: oo7::Secret is ZeroizeOnDrop.
        let secret = item.secret().await.map_err(unavailable)?;
        let text = std::str::from_utf8(secret.as_bytes()).map_err(|_| SecretError::Damaged)?;
        CredentialCode::parse(text).map(Some).map_err(|_| SecretError::Damaged)
    }

    async fn put(&self, fingerprint: &Hash, label: &str, code: &CredentialCode) -> Result<(), SecretError> {
        let keyring = Keyring::new().await.map_err(unavailable)?;
        keyring.unlock().await.map_err(unavailable)?;
        let secret = oo7::Secret::text(code.expose_text().as_str());
        keyring.create_item(label, &attributes(fingerprint), secret, true).await.map_err(unavailable)
    }

    async fn remove(&self, fingerprint: &Hash) -> Result<(), SecretError> {
        let Some(keyring) = existing().await? else { return Ok(()) };
        keyring.delete(&attributes(fingerprint)).await.map_err(unavailable)
    }
}
