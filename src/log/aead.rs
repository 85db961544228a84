//! Sealed parts: XChaCha20-Poly1305 bound to its place by associated data, with the content committed by itself,
//! since no cipher of this kind commits to its key.

use bytes::Bytes;
use chacha20poly1305::KeyInit;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::aead::Payload;
use thiserror::Error;

use crate::log::hash::Commitment;
use crate::log::hash::Salt;
use crate::log::hash::part_commitment;

/// Length of a data key in bytes.
pub const KEY_LEN: usize = 32;

/// Length of a nonce in bytes.
pub const NONCE_LEN: usize = 24;

/// Where a part belongs: the associated data of its cipher. Not the index, which nobody knows yet when a part is
/// sealed.
#[derive(Clone, Copy, Debug)]
pub struct SealContext<'a> {
    /// The log's.
    pub origin: &'a str,
    /// Of the request.
    pub request_id: [u8; 16],
    /// Of the event in its request.
    pub number: u16,
    /// Number of the part in the event.
    pub part: u8,
    /// 2 to 5.
    pub class: u8,
    /// Of the data key.
    pub key_id: [u8; 16],
}

impl SealContext<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.origin.len());
        out.extend_from_slice(b"probity/seal/v1\0");
        out.push(u8::try_from(self.origin.len()).expect("an origin has at most 255 bytes"));
        out.extend_from_slice(self.origin.as_bytes());
        out.extend_from_slice(&self.request_id);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.push(self.part);
        out.push(self.class);
        out.extend_from_slice(&self.key_id);
        out
    }
}

/// Seals `content`: `nonce ‖ AEAD(key, nonce, salt ‖ content)`, and its content commitment.
pub fn seal_part(
    context: &SealContext<'_>,
    key: &[u8; KEY_LEN],
    nonce: &[u8; NONCE_LEN],
    salt: &Salt,
    content: &[u8],
) -> (Bytes, Commitment) {
    let mut plain = Vec::with_capacity(salt.len() + content.len());
    plain.extend_from_slice(salt);
    plain.extend_from_slice(content);
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(*nonce), Payload { msg: &plain, aad: &context.associated_data() })
        .expect("a part is far below the cipher's limit of 256 GiB");
    let mut out = Vec::with_capacity(NONCE_LEN + sealed.len());
    out.extend_from_slice(nonce);
    out.extend_from_slice(&sealed);
    (out.into(), part_commitment(salt, content))
}

/// Opens a part and compares its content with the commitment of the manifest.
///
/// # Errors
///
/// The key, the place or the ciphertext is another ([`OpenError::NotAuthentic`]), or what was sealed is not what was
/// committed ([`OpenError::Content`]).
pub fn open_part(
    context: &SealContext<'_>,
    key: &[u8; KEY_LEN],
    ciphertext: &[u8],
    committed: &Commitment,
) -> Result<Vec<u8>, OpenError> {
    let (nonce, sealed) = ciphertext.split_first_chunk::<NONCE_LEN>().ok_or(OpenError::NotAuthentic)?;
    let plain = XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &context.associated_data() })
        .map_err(|_| OpenError::NotAuthentic)?;
    let (salt, content) = plain.split_first_chunk::<32>().ok_or(OpenError::NotAuthentic)?;
    let found = part_commitment(salt, content);
    if found == *committed {
        Ok(content.to_vec())
    } else {
        Err(OpenError::Content(ContentMismatch { expected: *committed, found }))
    }
}

/// Why a part could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Another key, another place, or changed bytes.
    #[error("the part does not open with this key at this place")]
    NotAuthentic,
    /// It opens, but was not what had been committed.
    #[error(transparent)]
    Content(ContentMismatch),
}

/// What was sealed is not what was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("content commitment {expected} of the manifest, {found} of what was sealed")]
pub struct ContentMismatch {
    /// Of the manifest.
    pub expected: Commitment,
    /// Of what the part holds.
    pub found: Commitment,
}
