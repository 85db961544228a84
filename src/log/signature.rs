//! Ed25519, checked strictly: one signature has one spelling, under a key that has one spelling.
//!
//! Signing is deterministic (RFC 8032 section 5.1.6), so it needs no randomness here.

use std::fmt;

use data_encoding::HEXLOWER;
use ed25519_dalek::Signer;
use ed25519_dalek::SigningKey;
use ed25519_dalek::VerifyingKey;

/// Bytes of a signature: R and S.
pub type Signature = [u8; 64];

/// A public key: the canonical encoding of a point that is of no small order.
///
/// A point of small order would be a key under which one signature is good for many messages. That a point has only
/// one spelling keeps two key ids from standing for one key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", HEXLOWER.encode(self.as_bytes()))
    }
}

impl PublicKey {
    /// Reads 32 bytes; `None` where they are no such point.
    pub fn parse(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak())?;
        // Decompression takes a y that is not reduced; what it stands for has another encoding.
        (key.to_edwards().compress().as_bytes() == bytes).then_some(Self(key))
    }

    /// The key that a signing key signs for.
    pub fn of(signing: &SigningKey) -> Self {
        Self(signing.verifying_key())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether it signed a message: RFC 8032 section 5.1.7 without the cofactor, S below the group's order, R canonical
    /// and of no small order.
    pub fn signed(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    key.sign(message).to_bytes()
}
