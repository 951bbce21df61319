//! The certificate that a relay shows.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Why there is no certificate, or it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read, or is no PEM file.
    #[error("cannot read {file}")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// No key or certificate could be made.
    #[error("cannot make a certificate")]
    NotMade(#[from] rcgen::Error),
    /// Key and certificate do not belong together, or are of an unknown kind.
    #[error("certificate and key do not fit")]
    Unfit(#[from] rustls::Error),
}

impl Certificate {
    /// Reads a chain and a key from PEM files.
    ///
    /// # Errors
    /// [`CertificateError::Unreadable`].
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let unreadable = |file: &Path| {
            let file = file.display().to_string();
            |source| CertificateError::Unreadable { file, source }
        };
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable(chain))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        Ok(Self { chain: certificates, key })
    }

    /// A new one, signed by itself, for clients that pin its [`Certificate::fingerprint`]. The name
    /// in it means nothing.
    ///
    /// # Errors
    /// [`CertificateError::NotMade`].
    pub fn generate() -> Result<Self, CertificateError> {
        let made = rcgen::generate_simple_self_signed(["standfast.invalid".to_owned()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .map_err(|_| CertificateError::NotMade(rcgen::Error::CouldNotParseKeyPair))?;
        Ok(Self { chain: vec![made.cert.der().clone()], key })
    }

    /// SHA-256 of the relay's own certificate: what a link pins.
    #[must_use]
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.chain.first().map(|own| Sha256::digest(own).into())
    }

    /// For [`crate::Config::tls`]. TLS 1.3 only: every client of ours speaks it.
    ///
    /// # Errors
    /// [`CertificateError::Unfit`].
    pub fn into_config(self) -> Result<Arc<ServerConfig>, CertificateError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)?;
        Ok(Arc::new(config))
    }
}
