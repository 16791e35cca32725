//! TLS by rustls with ring: HTTP/1.1 over TLS 1.2 and 1.3, and a certificate that is replaced while the board runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::server::{Bounded, Handshake};

/// How often the files are looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Where certificate and key lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Why TLS can't be spoken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file that is not there or is no PEM of its kind.
    #[error("{}: {reason}; expected {expected} in PEM format", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A key that is another certificate's, or of a kind that rustls does not know.
    #[error("certificate {} and key {}: {source}", files.certificate.display(), files.key.display())]
    Pair {
        /// The files.
        files: Box<TlsFiles>,
        /// What is wrong.
        source: rustls::Error,
    },
}

impl TlsFiles {
    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let file = |path: &Path, expected: &'static str| {
            let path = path.to_owned();
            move |reason: String| TlsError::File { path, expected, reason }
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|e| file(&self.certificate, "certificates")(e.to_string()))?;
        if chain.is_empty() {
            return Err(file(&self.certificate, "certificates")("it holds none".into()));
        }
        // Neither the key nor a part of it is in the error.
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|e| file(&self.key, "a private key")(e.to_string()))?;
        let pair = |source| TlsError::Pair { files: Box::new(self.clone()), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// When the files were last written.
    fn written(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
    }
}

/// Shakes hands with the newest certificate.
#[derive(Debug, Clone)]
pub struct Tls(watch::Receiver<Arc<ServerConfig>>);

impl Tls {
    /// Reads the files; a task reads them again when they change or `reload` tells to, until the last [`Tls`] is gone. A
    /// pair that does not fit leaves the old one in use, and is tried again.
    ///
    /// # Errors
    /// [`TlsError`] of the first reading.
    pub fn start(files: TlsFiles, mut reload: watch::Receiver<u64>) -> Result<Self, TlsError> {
        let mut written = files.written();
        let (sender, receiver) = watch::channel(files.load()?);
        tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    () = sender.closed() => return,
                    Ok(()) = reload.changed() => true,
                    () = tokio::time::sleep(CHECK_INTERVAL) => false,
                };
                let now = files.written();
                if !asked && now == written {
                    continue;
                }
                match files.load() {
                    Ok(config) => {
                        tracing::info!("the new certificate is in use");
                        sender.send_replace(config);
                    }
                    // One of the two files may not be there yet.
                    Err(error) => tracing::error!(%error, "the new certificate can't be used; the old one stays"),
                }
                written = now;
            }
        });
        Ok(Self(receiver))
    }
}

impl Handshake for Tls {
    type Stream = TlsStream<Bounded>;
    async fn handshake(&self, stream: Bounded) -> io::Result<Self::Stream> {
        let config = Arc::clone(&self.0.borrow());
        TlsAcceptor::from(config).accept(stream).await
    }
}
