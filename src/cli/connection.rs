//! How a subcommand reaches a service: with what certificate and token, and for what purpose.

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Args;

use crate::tls::Credentials;
use crate::tls::DialError;
use crate::tls::Line;

/// What was given on the command line or in the environment: once, before any subcommand begins.
static GIVEN: OnceLock<Credentials> = OnceLock::new();

/// Who asks a service, and why. `serve` has its own certificate here, and the CAs of its clients.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// The CAs whose certificates are believed, PEM.
    #[arg(long, value_name = "FILE", env = "PROBITY_TLS_CA", hide_env_values = true, global = true)]
    tls_ca: Option<PathBuf>,
    /// The own certificate, PEM.
    #[arg(long, value_name = "FILE", env = "PROBITY_TLS_CERT", hide_env_values = true, global = true)]
    tls_cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", env = "PROBITY_TLS_KEY", hide_env_values = true, global = true)]
    tls_key: Option<PathBuf>,
    /// A file with the token of a person.
    #[arg(long, value_name = "FILE", env = "PROBITY_TOKEN_FILE", hide_env_values = true, global = true)]
    token_file: Option<PathBuf>,
    /// For what is asked: a code.
    #[arg(long, value_name = "SCHEME/CODE", env = "PROBITY_PURPOSE", hide_env_values = true, global = true)]
    purpose: Option<String>,
    /// By what right: a code.
    #[arg(long, value_name = "SCHEME/CODE", env = "PROBITY_LEGAL_BASIS", hide_env_values = true, global = true)]
    legal_basis: Option<String>,
    /// On what ground a foreign matter is read where nothing else helps: a code. It is reviewed by somebody else.
    #[arg(long, value_name = "SCHEME/CODE", global = true)]
    emergency: Option<String>,
}

/// Certificate, key and CAs.
pub(super) type TlsFiles = (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>);

impl ConnectionArgs {
    /// Keeps what was given for whoever connects; `token` where the subcommand has its own flag for it.
    pub(super) fn keep(self, token: Option<PathBuf>) -> TlsFiles {
        let files = (self.tls_cert.clone(), self.tls_key.clone(), self.tls_ca.clone());
        let given = Credentials {
            ca: self.tls_ca,
            certificate: self.tls_cert,
            key: self.tls_key,
            token: self.token_file.or(token),
            purpose: self.purpose,
            legal_basis: self.legal_basis,
            emergency: self.emergency,
        };
        // The program begins once.
        drop(GIVEN.set(given));
        files
    }
}

/// Connects to a service with what was given.
///
/// # Errors
///
/// As [`Credentials::dial`].
pub(super) async fn dial(url: &str) -> Result<Line, DialError> {
    given().dial(url).await
}

/// What was given.
pub(super) fn given() -> Credentials {
    GIVEN.get().cloned().unwrap_or_default()
}
