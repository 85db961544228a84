//! What signs checkpoints: a key in a file, or something that never gives its key away.

use std::fmt;

use ed25519_dalek::Signer as _;
use ed25519_dalek::SigningKey;
use thiserror::Error;

use crate::log::Signature;

/// Signs in the name of a log. A key in a file does; a token or a key management service takes its place by implementing
/// this and standing among the options with which the log is opened.
///
/// It is asked on the thread that publishes: while it takes its time, nothing is published, and the writer goes on.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The Ed25519 key that its signatures are verified with; always the same.
    fn public_key(&self) -> [u8; 32];

    /// Signs a message of at most 128 KiB, by RFC 8032, so that the same message has the same signature.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or will not. Whoever implements it tries again as long as that makes sense: after an error
    /// nothing is published or written in this run, and the next start has the same checkpoint signed.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError>;
}

/// Nothing was signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the signing key cannot be used: {0}")]
pub struct SignerError(pub String);

impl Signer for SigningKey {
    fn public_key(&self) -> [u8; 32] {
        self.verifying_key().to_bytes()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignerError> {
        Ok(self.try_sign(message).map_err(|error| SignerError(error.to_string()))?.to_bytes())
    }
}
