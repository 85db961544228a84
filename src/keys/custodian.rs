//! Who keeps the key that the key-encryption key lies sealed under: a token, or a key management service.
//!
//! Such a key never leaves the one who holds it. What it sealed lies in `keys/kek.wrapped`; the service asks once, when it
//! starts, and has the key-encryption key in memory from then on. So a stolen disk or backup is worth nothing, and a
//! machine that is broken into while it serves is: who holds the key cannot tell one question from another.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;
use zeroize::Zeroizing;

/// Holds a key that seals one other key, and never gives it away. A token does; a key management service takes its place
/// by implementing this and standing among the options with which the log is opened.
///
/// It is asked on the thread that opens the log.
pub trait Custodian: fmt::Debug + Send + Sync {
    /// Which key of which holder: the same for as long as what it sealed can be opened. 1 to 255 bytes of ASCII; it stands
    /// in the file, and in errors.
    fn id(&self) -> &str;

    /// Seals 32 secret bytes so that they open together with `bound_to` alone. Gives at most 1,024 bytes, which are stored
    /// as they are.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or will not. Nothing was changed.
    fn wrap(&self, secret: &[u8; 32], bound_to: &[u8]) -> Result<Vec<u8>, CustodianError>;

    /// Opens what [`Custodian::wrap`] gave.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or will not; or what was given was sealed by another key, or bound to something else.
    fn unwrap(&self, wrapped: &[u8], bound_to: &[u8]) -> Result<Zeroizing<[u8; 32]>, CustodianError>;
}

/// Why the key that is held elsewhere could not be used. No PIN and no key stands in it.
#[derive(Debug, Error)]
pub enum CustodianError {
    /// The module is not there, or is none.
    #[error("the PKCS#11 module {} cannot be loaded: {what}", module.display())]
    Module {
        /// As configured.
        module: PathBuf,
        /// What the system said.
        what: String,
    },
    /// No token has that label.
    #[error("no token {token:?} is in any slot of the PKCS#11 module; {found} other tokens are")]
    TokenNotFound {
        /// Its label, as configured.
        token: String,
        /// How many others there are.
        found: usize,
    },
    /// More than one object could be meant.
    #[error("{found} {what} bear the same label; give each its own, so that it is clear which is meant")]
    Ambiguous {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// Nobody said the PIN, and the token has no other way to ask for it.
    #[error("the token asks for a PIN: name a file with it (pkcs11.pin_file), or set PROBITY_PKCS11_PIN")]
    PinMissing,
    /// The file with the PIN cannot be used.
    #[error("the file with the PIN, {}: {what}", file.display())]
    PinFile {
        /// As configured.
        file: PathBuf,
        /// Why.
        what: String,
    },
    /// The PIN is another.
    #[error("the token refuses the PIN; tokens lock after a few wrong ones, so look before you try again")]
    PinWrong,
    /// Too many wrong PINs were tried.
    #[error("the PIN of the token is locked; its security officer can set another")]
    PinLocked,
    /// The token has no such key.
    #[error("the token {token:?} has no AES key {key:?}; `probity key make-token-key` makes one")]
    KeyNotFound {
        /// The token's label.
        token: String,
        /// The key's label, as configured.
        key: String,
    },
    /// A key of that label is there already.
    #[error("the token {token:?} has a key {key:?} already; nothing was made")]
    KeyExists {
        /// The token's label.
        token: String,
        /// The key's label, as configured.
        key: String,
    },
    /// The key could be taken out of the token, so that nobody knew who else has it.
    #[error("the key {key:?} can be extracted from the token; make one that cannot (`probity key make-token-key`)")]
    Extractable {
        /// The key's label, as configured.
        key: String,
    },
    /// The key does not open what was wrapped.
    #[error("the key does not open what was wrapped: another key wrapped it, under the same name ({what})")]
    OtherKey {
        /// What the custodian said.
        what: String,
    },
    /// Something else.
    #[error("the key cannot be used: {0}")]
    Failed(String),
}
