//! Connecting to a service: over TLS where the address says `https`, with the certificate and the token of whoever asks.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::TLS13;
use tonic::Request;
use tonic::Status;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::transport::Endpoint;
use tonic::transport::Uri;
use tower::service_fn;
use zeroize::Zeroizing;

use crate::tls::TlsError;
use crate::tls::certificates;
use crate::tls::private_key;
use crate::tls::provider;
use crate::tls::roots;

/// A channel to a service, on which every call says who asks and why.
pub type Line = InterceptedService<Channel, Told>;

/// Who asks, and why, as files and words that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The CAs whose servers are believed, PEM.
    pub ca: Option<PathBuf>,
    /// The own certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// A file with a token and nothing else.
    pub token: Option<PathBuf>,
    /// For what is asked, as `scheme/code`.
    pub purpose: Option<String>,
    /// By what right, as `scheme/code`.
    pub legal_basis: Option<String>,
    /// On what ground, in an emergency, as `scheme/code`.
    pub emergency: Option<String>,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum DialError {
    /// A file of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file or word that every call would carry cannot be used. What stands in it is not told.
    #[error("{what}: {why}")]
    Told {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// The service is not there, or another one than its certificate should say.
    #[error(transparent)]
    Connect(#[from] tonic::transport::Error),
}

/// What every call says of who asks and why.
#[derive(Clone)]
pub struct Told {
    authorization: Option<AsciiMetadataValue>,
    purpose: Option<AsciiMetadataValue>,
    legal_basis: Option<AsciiMetadataValue>,
    emergency: Option<AsciiMetadataValue>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("authorization", &self.authorization.is_some()).finish_non_exhaustive()
    }
}

impl Interceptor for Told {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        let told = [
            ("authorization", &self.authorization),
            ("probity-purpose", &self.purpose),
            ("probity-legal-basis", &self.legal_basis),
            ("probity-emergency", &self.emergency),
        ];
        for (name, value) in told {
            if let Some(value) = value {
                metadata.insert(name, value.clone());
            }
        }
        Ok(request)
    }
}

impl Credentials {
    /// Connects to a service.
    ///
    /// # Errors
    ///
    /// A file cannot be used, or nobody is there who can show that he is the one.
    pub async fn dial(&self, url: &str) -> Result<Line, DialError> {
        self.dial_with(Endpoint::from_shared(url.to_owned())?).await
    }

    /// The same, with an endpoint that is prepared.
    ///
    /// # Errors
    ///
    /// As [`Credentials::dial`].
    pub async fn dial_with(&self, endpoint: Endpoint) -> Result<Line, DialError> {
        let told = self.told()?;
        let channel = if endpoint.uri().scheme_str() == Some("https") {
            let tls = TlsConnector::from(self.config()?);
            endpoint.connect_with_connector(service_fn(move |uri| connect(uri, tls.clone()))).await?
        } else {
            endpoint.connect().await?
        };
        Ok(InterceptedService::new(channel, told))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let unusable = |why: String| TlsError::Unusable { file: self.ca.clone().unwrap_or_default(), why };
        let trusted = match &self.ca {
            Some(file) => roots(file)?,
            None => RootCertStore::empty(),
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(trusted);
        let mut config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| TlsError::Unusable { file: certificate.clone(), why: error.to_string() })?,
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    pub(super) fn told(&self) -> Result<Told, DialError> {
        let wrong = |what: &str, why: String| DialError::Told { what: what.to_owned(), why };
        let word = |what: &str, word: &Option<String>| {
            let parse = |word: &String| AsciiMetadataValue::try_from(word.as_str());
            word.as_ref().map(parse).transpose().map_err(|_| wrong(what, "not ASCII".to_owned()))
        };
        let authorization = match &self.token {
            None => None,
            Some(file) => {
                let what = file.display().to_string();
                let read = std::fs::read_to_string(file).map_err(|error| wrong(&what, error.to_string()))?;
                let bearer = Zeroizing::new(format!("Bearer {}", Zeroizing::new(read).trim()));
                let value = AsciiMetadataValue::try_from(bearer.as_str());
                let mut value = value.map_err(|_| wrong(&what, "not a token".to_owned()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Told {
            authorization,
            purpose: word("--purpose", &self.purpose)?,
            legal_basis: word("--legal-basis", &self.legal_basis)?,
            emergency: word("--emergency", &self.emergency)?,
        })
    }
}

async fn connect(uri: Uri, tls: TlsConnector) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let stream = TcpStream::connect((host.as_str(), uri.port_u16().unwrap_or(443))).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(TokioIo::new(tls.connect(name, stream).await?))
}
