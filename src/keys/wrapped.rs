//! `keys/kek.wrapped`: the key-encryption key, sealed under a key that is held elsewhere.
//!
//! ```text
//! "PKW1"             magic and version
//! 4                  number of the key-encryption key, as the records of data keys name it
//! 1 + len            origin of the log
//! 1 + len            id of the custodian
//! 2 + len            what the custodian gave; it opens together with all that stands before it
//! 4                  CRC-32 of all that
//! ```

use std::fs;
use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::KeyEncryptionKey;
use crate::keys::KeysError;
use crate::keys::custodian::Custodian;
use crate::keys::custodian::CustodianError;
use crate::keys::files;

const MAGIC: &[u8; 4] = b"PKW1";
/// Longer than any file of this kind.
const LEN_MAX: u64 = 2048;
const SEALED_LEN_MAX: usize = 1024;

/// The file, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    number: [u8; 4],
    origin: String,
    custodian: String,
    sealed: Vec<u8>,
}

impl WrappedKey {
    /// Has a key-encryption key sealed, and sees that it opens again before anybody relies on it.
    pub(super) fn seal(secret: &[u8; 32], origin: &str, custodian: &dyn Custodian) -> Result<Self, KeysError> {
        let number = KeyEncryptionKey::new(Zeroizing::new(*secret)).number();
        let (origin, custodian_id) = (origin.to_owned(), custodian.id().to_owned());
        if !(1..=255).contains(&custodian_id.len()) || !custodian_id.is_ascii() {
            return Err(CustodianError::Failed("its id is not 1 to 255 bytes of ASCII".to_owned()).into());
        }
        let mut made = Self { number, origin, custodian: custodian_id, sealed: Vec::new() };
        made.sealed = custodian.wrap(secret, &made.head())?;
        if !(1..=SEALED_LEN_MAX).contains(&made.sealed.len()) {
            return Err(CustodianError::Failed(format!("it gave {} bytes", made.sealed.len())).into());
        }
        let again = custodian.unwrap(&made.sealed, &made.head())?;
        if *again != *secret {
            return Err(CustodianError::Failed("what it wrapped opens as something else".to_owned()).into());
        }
        Ok(made)
    }

    /// Has it opened. `file` is for the words of errors.
    pub(super) fn open(
        &self,
        file: &Path,
        origin: &str,
        custodian: Option<&dyn Custodian>,
    ) -> Result<KeyEncryptionKey, KeysError> {
        let file = || file.display().to_string();
        let named = || self.custodian.clone();
        let Some(custodian) = custodian else {
            return Err(KeysError::NoCustodian { file: file(), custodian: named() });
        };
        if self.origin != origin {
            return Err(KeysError::WrappedForAnother { file: file(), origin: self.origin.clone() });
        }
        if self.custodian != custodian.id() {
            let held = custodian.id().to_owned();
            return Err(KeysError::OtherCustodian { file: file(), custodian: named(), held });
        }
        let kek = KeyEncryptionKey::new(custodian.unwrap(&self.sealed, &self.head())?);
        if kek.number() != self.number {
            return Err(CustodianError::OtherKey { what: "it opened as another key".to_owned() }.into());
        }
        Ok(kek)
    }

    /// Reads the file of a keyring.
    pub(super) fn read(path: &Path) -> Result<Self, KeysError> {
        let file = files::open(path, false)?;
        let found = file.metadata().map_err(files::io(path))?.len();
        let damaged = || KeysError::WrappedDamaged { file: path.display().to_string() };
        if found > LEN_MAX {
            return Err(damaged());
        }
        let bytes = fs::read(path).map_err(files::io(path))?;
        Self::parse(&bytes).ok_or_else(damaged)
    }

    /// Under what number records of data keys name the key.
    pub(super) const fn number(&self) -> [u8; 4] {
        self.number
    }

    /// The log whose key it is.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Which key of which holder opens it.
    pub fn custodian(&self) -> &str {
        &self.custodian
    }

    /// What the sealed bytes are bound to.
    fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(600);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&self.number);
        for text in [&self.origin, &self.custodian] {
            head.push(u8::try_from(text.len()).expect("an origin and an id have at most 255 bytes"));
            head.extend_from_slice(text.as_bytes());
        }
        head
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = self.head();
        let len = u16::try_from(self.sealed.len()).expect("at most 1,024 bytes");
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&self.sealed);
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// `None` where it is not as it was written, to the last byte.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk()?;
        let rest = body.strip_prefix(MAGIC)?;
        let (number, rest) = rest.split_first_chunk()?;
        let (origin, rest) = text(rest)?;
        let (custodian, rest) = text(rest)?;
        let (len, sealed) = rest.split_first_chunk()?;
        let is_whole = usize::from(u16::from_be_bytes(*len)) == sealed.len()
            && (1..=SEALED_LEN_MAX).contains(&sealed.len())
            && u32::from_be_bytes(*crc) == crc32fast::hash(body);
        is_whole.then(|| Self { number: *number, origin, custodian, sealed: sealed.to_vec() })
    }
}

/// A length of one byte, and as much text.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked((*len).into())?;
    let text = str::from_utf8(text).ok().filter(|text| !text.is_empty() && text.is_ascii())?;
    Some((text.to_owned(), rest))
}
