//! Keys of notes as text: what a verifier is given, and what a signer keeps.

use std::fmt;

use data_encoding::BASE64;
use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use sha2::Digest;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::log::lines::base64;
use crate::log::signature::PublicKey;

/// What tells keys of one name apart: the first four bytes of `H(name ‖ 0x0A ‖ type ‖ key)`.
///
/// It is short and anybody can make another key with the same: it says which key to try, and no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    fn of(name: &str, signature_type: SignatureType, key: &PublicKey) -> Self {
        let hash = Sha256::new()
            .chain_update(name.as_bytes())
            .chain_update(b"\n")
            .chain_update([signature_type.byte()])
            .chain_update(key.as_bytes())
            .finalize();
        Self(*hash.first_chunk().expect("32 bytes have a first four"))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// 0x01: the text.
    Ed25519,
    /// 0x04: a checkpoint and the time at which it was seen (C2SP `tlog-cosignature`).
    CosignatureV1,
}

impl SignatureType {
    pub(in crate::log) const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }
}

/// A public key under a name, and how it signs: in text a *vkey*, `name+id+base64(type ‖ key)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    signature_type: SignatureType,
    key: PublicKey,
}

impl VerifierKey {
    /// A key under a name.
    ///
    /// # Errors
    ///
    /// The name is none: it is empty, or has a space or plus.
    pub fn new(name: &str, signature_type: SignatureType, key: PublicKey) -> Result<Self, KeyTextError> {
        if !is_name(name) {
            return Err(KeyTextError::Name);
        }
        Ok(Self::named(name, signature_type, key))
    }

    fn named(name: &str, signature_type: SignatureType, key: PublicKey) -> Self {
        Self { name: name.to_owned(), id: KeyId::of(name, signature_type, &key), signature_type, key }
    }

    /// Reads a vkey. There is one spelling of each.
    ///
    /// # Errors
    ///
    /// It is not one, or of a type that this program cannot verify.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (name, id, bytes) = parts(text)?;
        let (signature_type, key) = bytes.split_first().ok_or(KeyTextError::Length)?;
        let signature_type = match *signature_type {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::CosignatureV1,
            found => return Err(KeyTextError::Type { found }),
        };
        let key = key.try_into().map_err(|_| KeyTextError::Length)?;
        let key = PublicKey::parse(key).ok_or(KeyTextError::Point)?;
        let read = Self::named(name, signature_type, key);
        if read.id == id { Ok(read) } else { Err(KeyTextError::WrongId { expected: read.id, found: id }) }
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of that name.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// How it signs.
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The key itself.
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.signature_type.byte()][..], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, BASE64.encode(&bytes))
    }
}

/// A signing key under a name: in text as Go's `sumdb/note` keeps it, `PRIVATE+KEY+name+id+base64(0x01 ‖ seed)`,
/// whatever it signs.
#[derive(Clone)]
pub struct SignerKey {
    name: String,
    key: SigningKey,
}

impl SignerKey {
    /// A key under a name.
    ///
    /// # Errors
    ///
    /// As [`VerifierKey::new`].
    pub fn new(name: &str, key: SigningKey) -> Result<Self, KeyTextError> {
        if is_name(name) { Ok(Self { name: name.to_owned(), key }) } else { Err(KeyTextError::Name) }
    }

    /// Reads its text.
    ///
    /// # Errors
    ///
    /// It is not one.
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        let (name, id, bytes) = parts(text.strip_prefix(PRIVATE).ok_or(KeyTextError::Parts)?)?;
        let bytes = Zeroizing::new(bytes);
        let (signature_type, seed) = bytes.split_first().ok_or(KeyTextError::Length)?;
        if *signature_type != SignatureType::Ed25519.byte() {
            return Err(KeyTextError::Type { found: *signature_type });
        }
        let key = SigningKey::from_bytes(seed.try_into().map_err(|_| KeyTextError::Length)?);
        let read = Self { name: name.to_owned(), key };
        let expected = read.verifier(SignatureType::Ed25519).id;
        if expected == id { Ok(read) } else { Err(KeyTextError::WrongId { expected, found: id }) }
    }

    /// Its text. Whoever has it signs in this name.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([SignatureType::Ed25519.byte(); 33]);
        bytes[1..].copy_from_slice(self.key.as_bytes());
        let id = self.verifier(SignatureType::Ed25519).id;
        let encoded = Zeroizing::new(BASE64.encode(&*bytes));
        Zeroizing::new(format!("{PRIVATE}{}+{id}+{}", self.name, *encoded))
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// With what its signatures of a type are verified.
    pub fn verifier(&self, signature_type: SignatureType) -> VerifierKey {
        VerifierKey::named(&self.name, signature_type, PublicKey::of(&self.key))
    }

    pub(in crate::log) const fn signing_key(&self) -> &SigningKey {
        &self.key
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({})", self.name)
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyTextError {
    /// It is not made of its parts.
    #[error("a key is name, id and base 64, with + between")]
    Parts,
    /// The name is empty, or has a space or plus.
    #[error("a key's name is not empty and has no spaces, control characters and +")]
    Name,
    /// The id is not eight hexadecimal digits.
    #[error("a key's id is eight hexadecimal digits in lower case")]
    Id,
    /// The rest is not base 64.
    #[error("after a key's id stands base 64")]
    Encoding,
    /// A type of signature that cannot be verified here.
    #[error("signatures of type {found:#04x} are not known, only 0x01 and 0x04")]
    Type {
        /// The first byte of the rest.
        found: u8,
    },
    /// Not 32 bytes.
    #[error("an Ed25519 key has 32 bytes")]
    Length,
    /// No point, one of small order, or its second spelling.
    #[error("its bytes are no key of Ed25519")]
    Point,
    /// The id is that of another name or key.
    #[error("its id is {expected}, not {found}")]
    WrongId {
        /// Recomputed.
        expected: KeyId,
        /// In the text.
        found: KeyId,
    },
}

const PRIVATE: &str = "PRIVATE+KEY+";

/// Whether a key may be called so. That there is no control character in it is a rule of the note it signs.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+' || c < ' ')
}

/// Name, id and the bytes after it.
fn parts(text: &str) -> Result<(&str, KeyId, Vec<u8>), KeyTextError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(bytes)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyTextError::Parts);
    };
    if !is_name(name) {
        return Err(KeyTextError::Name);
    }
    let id = HEXLOWER.decode(id.as_bytes()).ok().and_then(|id| id.try_into().ok()).ok_or(KeyTextError::Id)?;
    // A key has 44 digits; nothing longer is decoded.
    if bytes.len() > 44 {
        return Err(KeyTextError::Length);
    }
    let bytes = base64(bytes).ok_or(KeyTextError::Encoding)?;
    Ok((name, KeyId(id), bytes))
}
