//! Data keys, the signing key and the key of the lookup index: what joins the log to people. Never inside sled,
//! readable by the service alone, backed up apart.
//!
//! ```text
//! keys/log.ed25519     seed of the signing key that GENESIS names, 32 bytes
//! keys/log-*.ed25519   seeds of signing keys that a KEY entry added, by the first digits of the public key
//! keys/lookup.key      key of the lookup index and of page tokens, 32 bytes
//! keys/kek             the key-encryption key, 32 bytes, or
//! keys/kek.wrapped     the same, sealed by a key that a token or a key management service holds
//! keys/data.keys       data keys sealed under it, records of 128 bytes, only ever appended or overwritten whole
//! ```

mod client;
mod copy;
mod custodian;
mod data;
mod files;
mod generate;
mod kek;
mod pkcs11;
mod rotate;
mod signer;
mod wrapped;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::log::SignerKey;

pub use client::read_client_key;
pub use copy::copy;
pub use custodian::Custodian;
pub use custodian::CustodianError;
pub use data::DataKey;
pub use data::DataKeys;
pub use generate::generate;
pub use kek::KeyEncryptionKey;
pub use pkcs11::Pkcs11Custodian;
pub use pkcs11::Pkcs11Settings;
pub use rotate::KekPlace;
pub use rotate::rotate;
pub use signer::Signer;
pub use signer::SignerError;
pub use wrapped::WrappedKey;

const SIGNING: &str = "log.ed25519";
const ADDED: &str = "log-";
const SUFFIX: &str = ".ed25519";
const LOOKUP: &str = "lookup.key";
const KEK: &str = "kek";
const WRAPPED: &str = "kek.wrapped";
const DATA: &str = "data.keys";

/// The files of a log's keys, which lie in this folder.
pub fn files_of(folder: &Path) -> [&'static str; 4] {
    [SIGNING, LOOKUP, KekPlace::of(folder).file(), DATA]
}

/// The key-encryption key of a folder of keys as a custodian sealed it; `None` where it lies in a file as it is. Nobody is
/// asked to open it.
///
/// # Errors
///
/// The file is damaged, or cannot be read.
pub fn wrapped_key(folder: &Path) -> Result<Option<WrappedKey>, KeysError> {
    match KekPlace::of(folder) {
        KekPlace::File => Ok(None),
        KekPlace::Custodian => WrappedKey::read(&folder.join(WRAPPED)).map(Some),
    }
}

/// What is held elsewhere of a log's keys.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// What signs its checkpoints: of a log that is made now, GENESIS names the first.
    pub signers: Vec<Arc<dyn Signer>>,
    /// Who seals its key-encryption key.
    pub custodian: Option<Arc<dyn Custodian>>,
}

/// All keys of one log.
#[derive(Debug)]
pub struct Keyring {
    /// Of sealed parts.
    pub data: DataKeys,
    /// The first one is that of `log.ed25519`, where that is there.
    signing: Vec<SigningKey>,
    /// Those that are in no file, and who holds the key-encryption key.
    elsewhere: Elsewhere,
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
        Self::open_with(folder, create, "", Elsewhere::default())
    }

    /// The same where keys of the log of this origin are held elsewhere. With a signing key among them none has to be in a
    /// file, and none is made; with a custodian a key-encryption key that is made now is sealed by it. One that lies in a
    /// file goes on as it is, which a warning says.
    ///
    /// # Errors
    ///
    /// As [`Keyring::open`]; or the key-encryption key was sealed by a custodian who is not named, cannot be asked, or
    /// does not open it.
    pub fn open_with(folder: &Path, create: bool, origin: &str, elsewhere: Elsewhere) -> Result<Self, KeysError> {
        files::make_folder(folder, create)?;
        rotate::finish(folder)?;
        let added = added_keys(folder)?;
        // The first key may have been retired, and taken away.
        let first = folder.join(SIGNING);
        let is_needed = added.is_empty() && elsewhere.signers.is_empty();
        let first = if first.exists() || is_needed { Some(first) } else { None };
        let signing = first
            .into_iter()
            .chain(added)
            .map(|file| files::secret(&file, create).map(|seed| SigningKey::from_bytes(&seed)))
            .collect::<Result<Vec<_>, KeysError>>()?;
        let lookup = files::secret(&folder.join(LOOKUP), create)?;
        let custodian = elsewhere.custodian.as_deref();
        let kek = KeyEncryptionKey::open(folder, origin, custodian, create)?;
        if custodian.is_some() && KekPlace::of(folder) == KekPlace::File {
            tracing::warn!(
                "keys/kek is not sealed by the custodian that is named; probity key rewrap --to pkcs11 does it"
            );
        }
        let data = DataKeys::open(&folder.join(DATA), create, kek)?;
        Ok(Self { data, signing, elsewhere, lookup: Secret(lookup) })
    }

    /// The signing key that a new log names in its GENESIS.
    pub fn public_key(&self) -> [u8; 32] {
        self.held().next().expect("a keyring opens with at least one signing key").public_key()
    }

    /// The public keys of all signing keys that are held.
    pub fn public_keys(&self) -> impl Iterator<Item = [u8; 32]> {
        self.held().map(Signer::public_key)
    }

    /// The signing keys that are in files.
    pub fn signing_keys(&self) -> &[SigningKey] {
        &self.signing
    }

    /// All that signs for the log, what is held elsewhere first.
    pub fn held(&self) -> impl Iterator<Item = &dyn Signer> {
        let elsewhere = self.elsewhere.signers.iter().map(|signer| &**signer);
        elsewhere.chain(self.signing.iter().map(|key| key as &dyn Signer))
    }

    /// Who holds the key that seals the key-encryption key, where somebody was named.
    pub fn custodian(&self) -> Option<Arc<dyn Custodian>> {
        self.elsewhere.custodian.clone()
    }

    /// The signing keys that are in files, under the name of the log.
    pub fn signers(&self, origin: &str) -> impl Iterator<Item = SignerKey> {
        self.signing.iter().filter_map(move |key| SignerKey::new(origin, key.clone()).ok())
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

/// Makes one more signing key in the folder of a log's keys, durable when this returns. It signs nothing before a KEY
/// entry adds it.
///
/// # Errors
///
/// It cannot be written.
pub fn make_signing_key(folder: &Path) -> Result<SigningKey, KeysError> {
    let mut seed = Zeroizing::new([0; 32]);
    files::random(&mut *seed);
    let key = SigningKey::from_bytes(&seed);
    let digits = HEXLOWER.encode(&key.verifying_key().to_bytes()[..8]);
    files::write_secret(&folder.join(format!("{ADDED}{digits}{SUFFIX}")), &seed)?;
    Ok(key)
}

/// Files of signing keys that were added, in the order of their names.
fn added_keys(folder: &Path) -> Result<Vec<PathBuf>, KeysError> {
    let mut added = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(added),
        Err(error) => return Err(files::io(folder)(error)),
    };
    for entry in entries {
        let name = entry.map_err(files::io(folder))?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(ADDED) && name.ends_with(SUFFIX)) {
            added.push(folder.join(name));
        }
    }
    added.sort_unstable();
    Ok(added)
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
    /// Sealed under another key-encryption key.
    #[error(
        "{file}: record {record} is sealed under another key-encryption key than keys/kek; restore that key, nothing was touched"
    )]
    OtherKeyEncryptionKey {
        /// Which file.
        file: String,
        /// Which record, from 0.
        record: u64,
    },
    /// A key cannot be opened with the key-encryption key that its record names.
    #[error(
        "{file}: a data key cannot be opened with the key-encryption key; restore the file from the backup of the keys"
    )]
    Unsealed {
        /// Which file.
        file: String,
    },
    /// The key-encryption key was sealed by somebody whom the settings do not name.
    #[error("{file} is sealed by {custodian}, which no setting names: set pkcs11.module, pkcs11.token and pkcs11.key")]
    NoCustodian {
        /// Which file.
        file: String,
        /// Who sealed it.
        custodian: String,
    },
    /// It was sealed by another than the one named.
    #[error("{file} is sealed by {custodian}, and the settings name {held}; nothing was touched")]
    OtherCustodian {
        /// Which file.
        file: String,
        /// Who sealed it.
        custodian: String,
        /// Who is named.
        held: String,
    },
    /// It was sealed for another log.
    #[error("{file} is the key of the log {origin}; restore the file that belongs to this one")]
    WrappedForAnother {
        /// Which file.
        file: String,
        /// Of that log.
        origin: String,
    },
    /// It is not as it was written.
    #[error("{file} is damaged; restore it from the backup of the keys")]
    WrappedDamaged {
        /// Which file.
        file: String,
    },
    /// Nobody can seal it, since nobody is named.
    #[error("no setting names a token: set pkcs11.module, pkcs11.token and pkcs11.key")]
    CustodianNotNamed,
    /// Who holds the key could not be asked, or does not open it.
    #[error(transparent)]
    Custodian(#[from] CustodianError),
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
