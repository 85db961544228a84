//! Ids that an import needs twice: keyed hashes, so that the same row gives the same ids for ever and nobody
//! without the key can compute one from a name or a number.
//!
//! Whoever loses the key cannot resume: the same rows would get other ids, and come in a second time.

use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::Digest as _;
use sha2::Sha256;
use ulid::Ulid;
use uuid::Builder;

use crate::import::error::ImportError;

/// The key of an import: 32 bytes in a file of mode 0600.
#[derive(Clone)]
pub struct ImportKey([u8; LEN_BYTES]);

impl std::fmt::Debug for ImportKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportKey(…)")
    }
}

impl ImportKey {
    /// A key of known bytes.
    pub const fn from_bytes(bytes: [u8; LEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key in a file; a file that is not there is made, with random bytes and its folders.
    ///
    /// # Errors
    ///
    /// `File` when it cannot be read or written, `Key` when it has another length.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        match Self::read(path)? {
            Some(key) => Ok(key),
            None => Self::create(path).map_err(|source| ImportError::File { path: path.to_owned(), source }),
        }
    }

    /// The key in a file, or for want of that one that is kept nowhere: its ids are good for a rehearsal only.
    ///
    /// # Errors
    ///
    /// `File` when it is there and cannot be read, `Key` when it has another length.
    pub fn open_or_passing(path: &Path) -> Result<Self, ImportError> {
        Ok(Self::read(path)?.unwrap_or(Self([0; LEN_BYTES])))
    }

    fn read(path: &Path) -> Result<Option<Self>, ImportError> {
        match fs::read(path) {
            Ok(bytes) => {
                let len_bytes = bytes.len();
                let key = bytes.try_into().map(Self);
                key.map(Some).map_err(|_| ImportError::Key { path: path.to_owned(), len_bytes })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ImportError::File { path: path.to_owned(), source }),
        }
    }

    /// Written aside and linked into place, so that a crash leaves no short key and two starts at once use one key.
    fn create(path: &Path) -> io::Result<Self> {
        let mut bytes = [0; LEN_BYTES];
        SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let aside = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        let linked = fs::hard_link(&aside, path);
        fs::remove_file(&aside)?;
        linked?;
        Ok(Self(bytes))
    }

    /// The id of a thing that `source` knows as `native`: HMAC-SHA-256 of `source ‖ 0x00 ‖ native` cut to 128 bits, as
    /// 26 characters of Crockford base 32.
    pub fn id(&self, source: &str, native: &str) -> String {
        Ulid::from_bytes(self.mac(&[source.as_bytes(), native.as_bytes()])).to_string()
    }

    /// The id of a request whose content is `parts`: a UUID of version 8. It begins with an empty part, so that no id
    /// of a thing is ever the id of a request.
    pub fn request_id(&self, parts: &[&[u8]]) -> String {
        let mut all: Vec<&[u8]> = vec![b"", b"request"];
        all.extend_from_slice(parts);
        Builder::from_custom_bytes(self.mac(&all)).into_uuid().hyphenated().to_string()
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                mac.update(&[0]);
            }
            mac.update(part);
        }
        let mut cut = [0; 16];
        cut.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        cut
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Length of a key.
const LEN_BYTES: usize = 32;
