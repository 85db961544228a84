//! Asking a service for proofs, and handing on what it gave.

use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use tonic::Status;

use crate::cli::connection;
use crate::cli::said;
use crate::log::MalformedLine;
use crate::proto::v1::proof_service_client::ProofServiceClient;
use crate::tls::DialError;
use crate::tls::Line;

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum Failed {
    /// The service cannot be reached.
    #[error("{url} cannot be reached: {}", said::causes(error))]
    Connect {
        /// Where.
        url: String,
        /// What went wrong.
        error: DialError,
    },
    /// The service refused.
    #[error("{}", said::answer(.0))]
    Refused(Box<Status>),
    /// What the service gave is no proof.
    #[error("the service gave what is no proof: {0}")]
    Malformed(#[from] MalformedLine),
    /// What the service gave does not prove what it was asked for.
    #[error("the service gave a proof of something else: {0}")]
    Other(String),
    /// The stream ended early.
    #[error("the service gave {found} of {expected} bytes")]
    Cut {
        /// Bytes that came.
        found: u64,
        /// Bytes that were announced.
        expected: u64,
    },
    /// The file cannot be written.
    #[error("{}: {error}", file.display())]
    Output {
        /// Which; `-` is standard output.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// A client of the proofs at a URL.
pub(super) async fn connect(url: &str) -> Result<ProofServiceClient<Line>, Failed> {
    Ok(ProofServiceClient::new(dial(url).await?))
}

/// A line to the service at a URL.
pub(super) async fn dial(url: &str) -> Result<Line, Failed> {
    connection::dial(url).await.map_err(|error| Failed::Connect { url: url.to_owned(), error })
}

/// Writes to a new file, or to standard output where none is named. What is there is evidence and never overwritten.
pub(super) fn hand_on(text: &str, file: Option<&Path>) -> Result<(), Failed> {
    let written = match file {
        None => io::stdout().write_all(text.as_bytes()),
        Some(file) => {
            let created = OpenOptions::new().write(true).create_new(true).open(file);
            created.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        }
    };
    written.map_err(|error| Failed::Output { file: file.map_or_else(|| "-".into(), Path::to_owned), error })
}
