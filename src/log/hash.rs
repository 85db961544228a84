//! SHA-256 with the prefixes of the format, and a type for each thing that is hashed.

use std::fmt;

use data_encoding::HEXLOWER;
use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::Digest;
use sha2::Sha256;

use crate::log::name::Name;
use crate::log::name::NameError;

/// 32 random bytes that make a commitment say nothing about what it commits to.
pub type Salt = [u8; 32];

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Reads 64 hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

hash_type! {
    /// `H(0x00 ‖ leaf)`: the link of the chain and the leaf of the tree (RFC 6962 section 2.1).
    LeafHash
}
hash_type! {
    /// The key of a stream or of a subject. Tells nothing to whoever does not know the id.
    Key
}
hash_type! {
    /// What a manifest or leaf commits to.
    Commitment
}
hash_type! {
    /// The root of the log's tree at one size: `MTH(D[n])` (RFC 6962 section 2.1).
    Root
}
hash_type! {
    /// A complete subtree of a tree, or the subtree of a map on one side of a bit: what proofs are made of.
    NodeHash
}
hash_type! {
    /// The root of the completeness map: what a SEAL says that every key's history is (section 5).
    MapRoot
}
hash_type! {
    /// What the map holds for a key: `H("probity/history/v1\0" ‖ BE64(count) ‖ R)` (section 5).
    HistoryValue
}

impl LeafHash {
    /// What entry 0 names as the one before it.
    pub const NONE: Self = Self([0; 32]);

    /// The leaf hash of a leaf.
    pub fn of(leaf: &[u8]) -> Self {
        Self(hash(&[&[0], leaf]))
    }
}

impl Key {
    /// The key of a stream: `H("probity/stream/v1\0" ‖ name)`.
    pub fn of_stream(name: &Name) -> Self {
        Self(hash(&[b"probity/stream/v1\0", name.as_str().as_bytes()]))
    }

    /// The key of the stream of an id of a kind.
    ///
    /// # Errors
    ///
    /// They are no name.
    pub fn of_stream_id(kind: &str, id: &str) -> Result<Self, NameError> {
        Name::check(kind, id)?;
        Ok(Self(hash(&[b"probity/stream/v1\0", kind.as_bytes(), b"/", id.as_bytes()])))
    }

    /// The key of the subject of an id of a kind.
    ///
    /// # Errors
    ///
    /// They are no name.
    pub fn of_subject_id(kind: &str, id: &str) -> Result<Self, NameError> {
        Name::check(kind, id)?;
        Ok(Self(hash(&[b"probity/subject/v1\0", kind.as_bytes(), b"/", id.as_bytes()])))
    }

    /// The key of a subject: `H("probity/subject/v1\0" ‖ name)`.
    pub fn of_subject(name: &Name) -> Self {
        Self(hash(&[b"probity/subject/v1\0", name.as_str().as_bytes()]))
    }
}

/// `H("probity/payload/v1\0" ‖ manifest)`: what a leaf commits to.
pub fn payload_commitment(manifest: &[u8]) -> Commitment {
    Commitment(hash(&[b"probity/payload/v1\0", manifest]))
}

/// `H("probity/open/v1\0" ‖ salt ‖ open payload)`.
pub fn open_commitment(salt: &Salt, payload: &[u8]) -> Commitment {
    Commitment(hash(&[b"probity/open/v1\0", salt, payload]))
}

/// `H("probity/sealed/v1\0" ‖ ciphertext)`.
pub fn sealed_hash(ciphertext: &[u8]) -> Commitment {
    Commitment(hash(&[b"probity/sealed/v1\0", ciphertext]))
}

/// `H("probity/part/v1\0" ‖ part salt ‖ content)`.
pub fn part_commitment(salt: &Salt, content: &[u8]) -> Commitment {
    Commitment(hash(&[b"probity/part/v1\0", salt, content]))
}

pub(super) fn hash(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.finalize().into()
}
