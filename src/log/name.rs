//! Names of streams and subjects: `kind "/" id`, in one spelling.

use std::fmt;

use thiserror::Error;
use ulid::Ulid;

/// 128 bits that name a stream or subject; at least 80 of them random, or keyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u128);

impl Id {
    /// Reads 26 characters of Crockford base 32 in upper case, the first 0 to 7.
    ///
    /// # Errors
    ///
    /// Any other spelling.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_id(text)?;
        Ulid::from_string(text).map(|id| Self(id.0)).map_err(|_| NameError::IdTooLarge)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Ulid(self.0), f)
    }
}

/// The name of a stream or subject, for example `case/01J00000000000000000000003`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    text: String,
    kind_len: usize,
}

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// Any spelling but the one of the format: `kind` is `[a-z][a-z0-9]{0,15}`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (kind, id) = text.split_once('/').ok_or(NameError::NoSlash)?;
        Self::of(kind, id)
    }

    /// The name of an id of a kind.
    ///
    /// # Errors
    ///
    /// As [`Name::parse`].
    pub fn of(kind: &str, id: &str) -> Result<Self, NameError> {
        Self::check(kind, id)?;
        let mut text = String::with_capacity(kind.len() + 1 + id.len());
        text.push_str(kind);
        text.push('/');
        text.push_str(id);
        Ok(Self { text, kind_len: kind.len() })
    }

    /// Whether an id of a kind has a name.
    ///
    /// # Errors
    ///
    /// As [`Name::parse`].
    pub(super) fn check(kind: &str, id: &str) -> Result<(), NameError> {
        let bytes = kind.as_bytes();
        let good = matches!(bytes.first(), Some(b'a'..=b'z'))
            && bytes.len() <= 16
            && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
        if good { check_id(id) } else { Err(NameError::Kind) }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of thing it names.
    pub fn kind(&self) -> &str {
        &self.text[..self.kind_len]
    }

    /// Its id: 26 characters.
    pub fn id(&self) -> &str {
        &self.text[self.kind_len + 1..]
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.text)
    }
}

/// Why a text is not a name or id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// There is no slash between kind and id.
    #[error("a name is kind, slash, id")]
    NoSlash,
    /// The kind is not `[a-z][a-z0-9]{0,15}`.
    #[error("a kind is 1 to 16 lower-case letters and digits, a letter first")]
    Kind,
    /// The id is not 26 characters long.
    #[error("an id has 26 characters of Crockford base 32, this has {found}")]
    IdLength {
        /// Its length in bytes.
        found: usize,
    },
    /// The id begins with something above 7.
    #[error("the first of the 26 characters of an id, Crockford base 32, is 0 to 7")]
    IdTooLarge,
    /// A character is not Crockford base 32 in upper case.
    #[error("character {at} of the id is none of Crockford base 32 in upper case, of which it has 26")]
    IdCharacter {
        /// Its place, from 0.
        at: usize,
    },
}

fn check_id(text: &str) -> Result<(), NameError> {
    let bytes = text.as_bytes();
    if bytes.len() != 26 {
        return Err(NameError::IdLength { found: bytes.len() });
    }
    if !(b'0'..=b'7').contains(&bytes[0]) {
        return Err(NameError::IdTooLarge);
    }
    match bytes.iter().position(|byte| !is_crockford(*byte)) {
        Some(at) => Err(NameError::IdCharacter { at }),
        None => Ok(()),
    }
}

/// Whether a byte is a digit of Crockford base 32 in upper case.
pub(crate) const fn is_crockford(byte: u8) -> bool {
    const DIGITS: [bool; 256] = {
        let mut digits = [false; 256];
        let mut at = 0;
        while at < 32 {
            digits[b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[at] as usize] = true;
            at += 1;
        }
        digits
    };
    DIGITS[byte as usize]
}
