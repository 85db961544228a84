//! Data keys, the signing key and the key of the lookup index: what joins the log to people. Never inside sled,
//! readable by the service alone, backed up apart.
//!
//! ```text
//! keys/log.ed25519   seed of the signing key that GENESIS names, 32 bytes
//! keys/lookup.key    key of the lookup index and of page tokens, 32 bytes
//! keys/data.keys     data keys, records of 96 bytes, only ever appended or overwritten whole
//! ```

mod copy;
mod data;
mod files;
mod generate;

use std::path::Path;

use ed25519_dalek::SigningKey;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::log::SignerKey;

pub use copy::copy;
pub use data::DataKey;
pub use data::DataKeys;
pub use generate::generate;

const SIGNING: &str = "log.ed25519";
const LOOKUP: &str = "lookup.key";
const DATA: &str = "data.keys";

/// The files of a log's keys, in their folder.
pub const FILES: [&str; 3] = [SIGNING, LOOKUP, DATA];

/// All keys of one log.
#[derive(Debug)]
pub struct Keyring {
    /// Of sealed parts.
    pub data: DataKeys,
    signing: SigningKey,
    lookup: Secret,
}

struct Secret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Keyring {
    /// Opens the keys of a log, in a folder that it makes, mode 0700, where there is none; makes those that are not
    /// there when `create` is set.
    ///
    /// # Errors
    ///
    /// A key is missing and may not be made, a file cannot be read, has another length, or others may read it.
    pub fn open(folder: &Path, create: bool) -> Result<Self, KeysError> {
        files::make_folder(folder, create)?;
        let seed = files::secret(&folder.join(SIGNING), create)?;
        let lookup = files::secret(&folder.join(LOOKUP), create)?;
        let data = DataKeys::open(&folder.join(DATA), create)?;
        Ok(Self { data, signing: SigningKey::from_bytes(&seed), lookup: Secret(lookup) })
    }

    /// The public key that GENESIS names.
    pub fn public_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// The signing keys, under the name of the log.
    pub fn signers(&self, origin: &str) -> impl Iterator<Item = SignerKey> {
        std::iter::once(&self.signing).filter_map(move |key| SignerKey::new(origin, key.clone()).ok())
    }

    /// Under what a native id stands in the lookup index: `HMAC-SHA-256(lookup key, scheme ‖ 0x00 ‖ value)`, the
    /// first 16 bytes.
    pub fn lookup_token(&self, scheme: &str, value: &str) -> [u8; 16] {
        let whole = self.mac("probity/lookup/v1", &[scheme.as_bytes(), b"\0", value.as_bytes()]);
        *whole.first_chunk().expect("32 bytes have a first 16")
    }

    /// A key for page tokens.
    pub fn page_token_key(&self) -> [u8; 32] {
        self.mac("probity/page-token/v1", &[])
    }

    fn mac(&self, purpose: &str, pieces: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.lookup.0).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        for piece in pieces {
            mac.update(piece);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Why keys could not be used.
#[derive(Debug, Error)]
pub enum KeysError {
    /// Not there, and not to be made: the log exists, so its keys should.
    #[error("{file} is missing; restore it from the backup of the keys, what it sealed cannot be opened without it")]
    Missing {
        /// Which file.
        file: String,
    },
    /// The file system said no.
    #[error("{file}: {error}")]
    Io {
        /// Which file.
        file: String,
        /// What it said.
        error: std::io::Error,
    },
    /// Not as long as a key, or not made of whole records.
    #[error("{file} has {found} bytes, expected {expected}; restore it from the backup of the keys")]
    Length {
        /// Which file.
        file: String,
        /// Bytes.
        found: u64,
        /// In words.
        expected: &'static str,
    },
    /// A record's check sum does not hold.
    #[error("{file}: record {record} is damaged; restore the file from the backup of the keys")]
    Damaged {
        /// Which file.
        file: String,
        /// Which record, from 0.
        record: u64,
    },
    /// Keys of another log are there.
    #[error("{file} is there already, and is the key of another log; name another folder, nothing was touched")]
    OfAnother {
        /// Which file.
        file: String,
    },
    /// A key that was to be made is there.
    #[error("{file} is there already and is not overwritten: it may be the key of a log")]
    Exists {
        /// Which file.
        file: String,
    },
    /// Others than the owner may read or write it.
    #[error("{file} has mode {mode:o}; keys are for the service alone, make it 600")]
    Mode {
        /// Which file.
        file: String,
        /// Its mode.
        mode: u32,
    },
}

#[cfg(test)]
mod tests;
