//! TLS 1.3 for whoever listens and whoever connects, by rustls and nothing of the system's. Knows nothing of what is said
//! over it, nor what anybody may do: it finds out who is at the other end, as far as a certificate tells.

mod bounds;
mod client;
mod dev;
mod listen;
mod stream;

use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;
use tokio::sync::watch;
use tokio_rustls::rustls;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::CertificateRevocationListDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;

pub use bounds::Bounds;
pub use client::Credentials;
pub use client::DialError;
pub use client::Line;
pub use client::Told;
pub use dev::DevError;
pub use dev::dev_ca;
pub use dev::dev_steps;
pub use listen::connections;
pub use stream::Connection;
pub use stream::Met;
pub use stream::Standing;
pub use stream::Transport;

/// Files of TLS, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The own certificate, and those between it and its CA.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CAs whose certificates clients show; `None`: none is asked for.
    pub client_ca: Option<PathBuf>,
    /// Lists of the certificates that those CAs took back, each CA's own; `None`: none is looked at.
    pub revoked: Option<PathBuf>,
}

/// What a file of TLS lacks. Nothing of a key is told.
#[derive(Debug, Error)]
pub enum TlsError {
    /// It cannot be read, or holds no such thing.
    #[error("{}: no {what} in PEM: {why}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why it is none.
        why: String,
    },
    /// The files do not fit together, or are nothing that can be used.
    #[error("{}: {why}", file.display())]
    Unusable {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

/// What a listener shows and asks for. Replaced whole when a file changes.
#[derive(Clone)]
pub struct Configs {
    grpc: Arc<ServerConfig>,
    pages: Arc<ServerConfig>,
}

impl Configs {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// The first that cannot be used.
    pub fn read(files: &Files) -> Result<Self, TlsError> {
        Ok(Self { grpc: server(files, b"h2")?, pages: server(files, b"http/1.1")? })
    }
}

impl fmt::Debug for Configs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Configs")
    }
}

/// What listeners take connections with.
#[derive(Clone, Debug)]
pub struct Acceptor(watch::Receiver<Configs>);

impl Acceptor {
    /// One that takes whatever the other end says last.
    pub const fn new(configs: watch::Receiver<Configs>) -> Self {
        Self(configs)
    }

    fn grpc(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.borrow().grpc)
    }

    /// For plain pages.
    fn pages(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.borrow().pages)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

fn server(files: &Files, protocol: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |file: &Path, why: String| TlsError::Unusable { file: file.to_owned(), why };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            // Whoever shows none may still have a token; one that is shown is valid or ends the connection.
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(file)?), provider()).allow_unauthenticated();
            // A CA without its list, and a list that is over, let nobody in: silence is not "nothing was taken back".
            let verifier = match &files.revoked {
                Some(lists) => verifier.with_crls(revocations(lists)?).enforce_revocation_expiration(),
                None => verifier,
            };
            let at_fault = files.revoked.as_ref().unwrap_or(file);
            let verifier = verifier.build().map_err(|error| unusable(at_fault, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = (certificates(&files.certificate)?, private_key(&files.key)?);
    let mut config =
        builder.with_single_cert(chain, key).map_err(|error| unusable(&files.certificate, error.to_string()))?;
    config.alpn_protocols = vec![protocol.to_vec()];
    // A session that is taken up again would go on with a certificate that nobody looks at any more.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let none = |why: String| TlsError::File { file: file.to_owned(), what: "certificate", why };
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| none(error.to_string()))?;
    if read.is_empty() { Err(none("there is none".to_owned())) } else { Ok(read) }
}

fn revocations(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let none = |why: String| TlsError::File { file: file.to_owned(), what: "list of revocations", why };
    let read = CertificateRevocationListDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| none(error.to_string()))?;
    if read.is_empty() { Err(none("there is none".to_owned())) } else { Ok(read) }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let none = |why: String| TlsError::File { file: file.to_owned(), what: "key", why };
    PrivateKeyDer::from_pem_file(file).map_err(|error| none(error.to_string()))
}

fn roots(file: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::Unusable { file: file.to_owned(), why: error.to_string() })?;
    }
    Ok(roots)
}

/// What a policy may call a certificate by: `sha256:` and its digest, its DNS names and its URIs. The digest comes first.
pub fn names_of(certificate: &[u8]) -> Vec<String> {
    let mut names = vec![format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(certificate)))];
    let der = CertificateDer::from(certificate);
    if let Ok(parsed) = webpki::EndEntityCert::try_from(&der) {
        names.extend(parsed.valid_dns_names().map(str::to_owned));
        names.extend(parsed.valid_uri_names().map(str::to_owned));
    }
    names
}

/// The names of whoever is at the other end; none where no certificate was shown.
fn names_shown(certificates: Option<&[CertificateDer<'_>]>) -> Vec<String> {
    certificates.and_then(<[_]>::first).map(|certificate| names_of(certificate)).unwrap_or_default()
}

/// Why a handshake failed, for the log: nothing that the peer sent.
fn why(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => error.to_string(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests;
