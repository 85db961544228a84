//! Entries as they are stored and sent: leaf, manifest, open payload, sealed parts.
//!
//! ```text
//! 2 + len  leaf
//! 2 + len  manifest, empty for all but EVENT and ERASURE
//! 1        1 where the open payload is present, else 0      ┐
//! 32 + len salt and open payload; length from the manifest  │ EVENT and ERASURE alone
//! m × (1   1 where the part is present, else 0              │
//!      len ciphertext; length from the manifest)            ┘
//! ```

use bytes::Bytes;
use thiserror::Error;

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::hash::Commitment;
use crate::log::hash::LeafHash;
use crate::log::hash::Salt;
use crate::log::hash::open_commitment;
use crate::log::hash::payload_commitment;
use crate::log::hash::sealed_hash;
use crate::log::leaf::Body;
use crate::log::leaf::Leaf;
use crate::log::leaf::OPEN_PAYLOAD_BIT;
use crate::log::manifest::Manifest;

/// An entry with everything that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is hashed.
    pub leaf: Bytes,
    /// What the leaf commits to; empty for all but EVENT and ERASURE.
    pub manifest: Bytes,
    /// The open payload, unless it was erased.
    pub open: Option<Open>,
    /// The ciphertexts, `None` for those that were erased.
    pub parts: Vec<Option<Bytes>>,
}

/// An open payload with its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Of the commitment.
    pub salt: Salt,
    /// The event without its personal fields.
    pub payload: Bytes,
}

/// An entry whose commitments were recomputed and hold.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The bytes.
    pub entry: Entry,
    /// The leaf, decoded.
    pub leaf: Leaf,
    /// Its hash.
    pub leaf_hash: LeafHash,
    /// The manifest, decoded; `None` for all but EVENT and ERASURE.
    pub manifest: Option<Manifest>,
}

impl Entry {
    /// An entry that is its leaf alone: GENESIS, SEAL, KEY or CLOSE.
    pub fn bare(leaf: &Leaf) -> Self {
        Self { leaf: leaf.encode().into(), manifest: Bytes::new(), open: None, parts: Vec::new() }
    }

    /// The bytes that are stored of an event that nothing was erased of, and its leaf hash: the same as
    /// [`Entry::encode`], without a copy of each piece.
    pub fn assemble(leaf: &Leaf, manifest: &[u8], open: &Open, parts: &[Bytes]) -> (Vec<u8>, LeafHash) {
        let sealed: usize = parts.iter().map(|part| 1 + part.len()).sum();
        let beside = 2 + manifest.len() + 1 + open.salt.len() + open.payload.len() + sealed;
        let mut out = Vec::with_capacity(2 + leaf.encoded_len() + beside);
        out.extend_from_slice(&[0; 2]);
        leaf.encode_to(&mut out);
        let leaf_len = u16::try_from(out.len() - 2).expect("a leaf is short");
        out[..2].copy_from_slice(&leaf_len.to_be_bytes());
        let leaf_hash = LeafHash::of(&out[2..]);
        out.extend_from_slice(&u16::try_from(manifest.len()).expect("a manifest is short").to_be_bytes());
        out.extend_from_slice(manifest);
        out.push(1);
        out.extend_from_slice(&open.salt);
        out.extend_from_slice(&open.payload);
        for part in parts {
            out.push(1);
            out.extend_from_slice(part);
        }
        (out, leaf_hash)
    }

    /// The bytes that are stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len());
        self.encode_to(&mut out);
        out
    }

    /// Appends the bytes that are stored.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        for piece in [&self.leaf, &self.manifest] {
            out.extend_from_slice(&u16::try_from(piece.len()).expect("leaf and manifest are short").to_be_bytes());
            out.extend_from_slice(piece);
        }
        if self.manifest.is_empty() {
            return;
        }
        match &self.open {
            None => out.push(0),
            Some(open) => {
                out.push(1);
                out.extend_from_slice(&open.salt);
                out.extend_from_slice(&open.payload);
            }
        }
        for part in &self.parts {
            match part {
                None => out.push(0),
                Some(ciphertext) => {
                    out.push(1);
                    out.extend_from_slice(ciphertext);
                }
            }
        }
    }

    /// How many bytes [`Entry::encode`] gives.
    pub fn encoded_len(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| 32 + open.payload.len());
        let parts: usize = self.parts.iter().map(|part| 1 + part.as_ref().map_or(0, Bytes::len)).sum();
        let beside = if self.manifest.is_empty() { 0 } else { 1 + open + parts };
        4 + self.leaf.len() + self.manifest.len() + beside
    }

    /// Reads an entry and recomputes every commitment of it: what it returns is what was recorded.
    ///
    /// # Errors
    ///
    /// The bytes are not an entry in its only spelling, or something in it is not what leaf and manifest commit to.
    pub fn check(bytes: &Bytes) -> Result<Checked, EntryFault> {
        let mut cursor = Cursor::new(bytes);
        let leaf_bytes = prefixed(bytes, &mut cursor, "a leaf")?;
        let manifest_bytes = prefixed(bytes, &mut cursor, "a manifest")?;
        let leaf = Leaf::decode(&leaf_bytes).map_err(EntryFault::Leaf)?;
        let leaf_hash = LeafHash::of(&leaf_bytes);
        let (manifest, open, parts) = match &leaf.body {
            Body::Genesis(_) | Body::Seal(_) | Body::Key(_) | Body::Close(_) => {
                if !manifest_bytes.is_empty() {
                    return Err(EntryFault::ManifestOfNoEvent);
                }
                (None, None, Vec::new())
            }
            Body::Event(event) | Body::Erasure(event, _) => {
                let found = payload_commitment(&manifest_bytes);
                if found != event.payload {
                    return Err(EntryFault::Manifest { expected: event.payload, found });
                }
                let manifest = Manifest::decode(&manifest_bytes).map_err(EntryFault::ManifestMalformed)?;
                let open = read_open(bytes, &mut cursor, &manifest)?;
                let parts = read_parts(bytes, &mut cursor, &manifest)?;
                (Some(manifest), open, parts)
            }
        };
        cursor.end().map_err(EntryFault::Malformed)?;
        let entry = Self { leaf: leaf_bytes, manifest: manifest_bytes, open, parts };
        Ok(Checked { entry, leaf, leaf_hash, manifest })
    }
}

impl Checked {
    /// Bits, as in [`crate::log::Target::parts`], of what is absent.
    pub fn absent(&self) -> u32 {
        if self.manifest.is_none() {
            return 0;
        }
        let open = if self.entry.open.is_none() { OPEN_PAYLOAD_BIT } else { 0 };
        self.entry.parts.iter().enumerate().fold(open, |bits, (j, part)| bits | (u32::from(part.is_none()) << j))
    }

    /// Bits of everything that the manifest names.
    pub fn named(&self) -> u32 {
        self.manifest.as_ref().map_or(0, |manifest| OPEN_PAYLOAD_BIT | ((1 << manifest.parts.len()) - 1))
    }
}

/// What is wrong with the bytes of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// Not the layout of an entry.
    #[error("entry: {0}")]
    Malformed(Malformed),
    /// The leaf is not one.
    #[error("leaf: {0}")]
    Leaf(Malformed),
    /// Only an EVENT or ERASURE has a manifest.
    #[error("a manifest of an entry that is no event")]
    ManifestOfNoEvent,
    /// The manifest is not the one that the leaf commits to.
    #[error("payload commitment {expected} in the leaf, {found} of the manifest")]
    Manifest {
        /// In the leaf.
        expected: Commitment,
        /// Of the manifest.
        found: Commitment,
    },
    /// The leaf commits to bytes that are no manifest.
    #[error("manifest: {0}")]
    ManifestMalformed(Malformed),
    /// The open payload is not the one that the manifest commits to.
    #[error("open commitment {expected} in the manifest, {found} of the payload")]
    Open {
        /// In the manifest.
        expected: Commitment,
        /// Of salt and payload.
        found: Commitment,
    },
    /// A ciphertext is not the one that the manifest commits to.
    #[error("part {part}: hash {expected} in the manifest, {found} of the ciphertext")]
    Part {
        /// Its number, from 0.
        part: usize,
        /// In the manifest.
        expected: Commitment,
        /// Of the ciphertext.
        found: Commitment,
    },
}

fn prefixed(bytes: &Bytes, cursor: &mut Cursor<'_>, expected: &'static str) -> Result<Bytes, EntryFault> {
    let len = usize::from(cursor.u16(expected).map_err(EntryFault::Malformed)?);
    slice(bytes, cursor, len, expected)
}

fn slice(bytes: &Bytes, cursor: &mut Cursor<'_>, len: usize, expected: &'static str) -> Result<Bytes, EntryFault> {
    let start = cursor.offset();
    cursor.take(len, expected).map_err(EntryFault::Malformed)?;
    Ok(bytes.slice(start..start + len))
}

fn present(cursor: &mut Cursor<'_>) -> Result<bool, EntryFault> {
    match cursor.u8("0 or 1").map_err(EntryFault::Malformed)? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(EntryFault::Malformed(cursor.bad(1, "0 or 1", other))),
    }
}

fn read_open(bytes: &Bytes, cursor: &mut Cursor<'_>, manifest: &Manifest) -> Result<Option<Open>, EntryFault> {
    if !present(cursor)? {
        return Ok(None);
    }
    let salt: Salt = cursor.array("a salt").map_err(EntryFault::Malformed)?;
    let len = usize::try_from(manifest.open_len).expect("addresses have at least 32 bits");
    let payload = slice(bytes, cursor, len, "an open payload")?;
    let found = open_commitment(&salt, &payload);
    if found != manifest.open {
        return Err(EntryFault::Open { expected: manifest.open, found });
    }
    Ok(Some(Open { salt, payload }))
}

fn read_parts(bytes: &Bytes, cursor: &mut Cursor<'_>, manifest: &Manifest) -> Result<Vec<Option<Bytes>>, EntryFault> {
    let mut parts = Vec::with_capacity(manifest.parts.len());
    for (part, named) in manifest.parts.iter().enumerate() {
        if !present(cursor)? {
            parts.push(None);
            continue;
        }
        let len = usize::try_from(named.len_bytes).expect("addresses have at least 32 bits");
        let ciphertext = slice(bytes, cursor, len, "a ciphertext")?;
        let found = sealed_hash(&ciphertext);
        if found != named.ciphertext {
            return Err(EntryFault::Part { part, expected: named.ciphertext, found });
        }
        parts.push(Some(ciphertext));
    }
    Ok(parts)
}
