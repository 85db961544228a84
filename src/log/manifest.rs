//! Manifests: who asked for what, and commitments to everything personal or open (section 3 of the format).

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::hash::Commitment;

/// The most events of one request.
pub const EVENTS_PER_REQUEST_MAX: u16 = 1000;

/// The most sealed parts of one event.
pub const PARTS_MAX: usize = 31;

/// What is committed beside a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Id of the caller in the policy file, ASCII, 1 to 64 bytes.
    pub principal: String,
    /// The request, a UUID.
    pub request_id: [u8; 16],
    /// Number of this event in its request, from 0.
    pub number: u16,
    /// Number of events in the request, 1 to 1,000.
    pub count: u16,
    /// For example `decision.issued`.
    pub event_type: String,
    /// Schema version of the event.
    pub version: u16,
    /// Length of the open payload.
    pub open_len: u32,
    /// Commitment to salt and open payload.
    pub open: Commitment,
    /// The sealed parts, at most 31.
    pub parts: Vec<PartManifest>,
}

/// Who sealed a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedBy {
    /// The service.
    Service,
    /// The client, under a key that the service does not hold.
    Client,
}

/// What is committed of a sealed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartManifest {
    /// Class of its personal data, 2 to 5.
    pub class: u8,
    /// Who sealed it.
    pub sealed_by: SealedBy,
    /// The data key.
    pub key_id: [u8; 16],
    /// Length of the ciphertext in bytes, nonce and tag included.
    pub len_bytes: u32,
    /// `H("probity/sealed/v1\0" ‖ ciphertext)`.
    pub ciphertext: Commitment,
    /// `H("probity/part/v1\0" ‖ part salt ‖ content)`.
    pub content: Commitment,
}

impl Manifest {
    /// The bytes that are committed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + self.parts.len() * 86);
        out.push(1);
        encode_text(&self.principal, &mut out);
        out.extend_from_slice(&self.request_id);
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        encode_text(&self.event_type, &mut out);
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(&self.open_len.to_be_bytes());
        out.extend_from_slice(self.open.as_bytes());
        out.push(u8::try_from(self.parts.len()).expect("at most 31 parts"));
        for part in &self.parts {
            out.push(part.class);
            out.push(u8::from(part.sealed_by == SealedBy::Client));
            out.extend_from_slice(&part.key_id);
            out.extend_from_slice(&part.len_bytes.to_be_bytes());
            out.extend_from_slice(part.ciphertext.as_bytes());
            out.extend_from_slice(part.content.as_bytes());
        }
        out
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// The bytes are not exactly one manifest in its only spelling.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let version = cursor.u8("manifest version 1")?;
        if version != 1 {
            return Err(cursor.bad(1, "manifest version 1", version));
        }
        let principal = decode_text(&mut cursor, "a principal: 1 to 64 printable ASCII characters", is_principal)?;
        let request_id = cursor.array("a request id")?;
        let number = cursor.u16("a number in the request")?;
        let count = cursor.u16("a number of events")?;
        if !(1..=EVENTS_PER_REQUEST_MAX).contains(&count) || number >= count {
            return Err(cursor.bad(4, "a number below a count of 1 to 1000", format!("{number} of {count}")));
        }
        let event_type = decode_text(&mut cursor, "an event type: 1 to 64 of a-z, 0-9, _ and .", is_event_type)?;
        let version = cursor.u16("a schema version")?;
        let open_len = cursor.u32("the open payload's length")?;
        let open = Commitment(cursor.array("the open commitment")?);
        let parts = usize::from(cursor.u8("the number of parts")?);
        if parts > PARTS_MAX {
            return Err(cursor.bad(1, "at most 31 parts", parts));
        }
        let parts = (0..parts).map(|_| decode_part(&mut cursor)).collect::<Result<_, _>>()?;
        cursor.end()?;
        Ok(Self { principal, request_id, number, count, event_type, version, open_len, open, parts })
    }
}

fn decode_part(cursor: &mut Cursor<'_>) -> Result<PartManifest, Malformed> {
    let class = cursor.u8("a class")?;
    if !(2..=5).contains(&class) {
        return Err(cursor.bad(1, "a class of 2 to 5", class));
    }
    let sealed_by = match cursor.u8("who sealed")? {
        0 => SealedBy::Service,
        1 => SealedBy::Client,
        other => return Err(cursor.bad(1, "sealed by 0 or 1", other)),
    };
    Ok(PartManifest {
        class,
        sealed_by,
        key_id: cursor.array("a key id")?,
        len_bytes: cursor.u32("the ciphertext's length")?,
        ciphertext: Commitment(cursor.array("the ciphertext's hash")?),
        content: Commitment(cursor.array("the content commitment")?),
    })
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).expect("at most 64 bytes"));
    out.extend_from_slice(text.as_bytes());
}

fn decode_text(cursor: &mut Cursor<'_>, expected: &'static str, allowed: fn(u8) -> bool) -> Result<String, Malformed> {
    let len = usize::from(cursor.u8(expected)?);
    if !(1..=64).contains(&len) {
        return Err(cursor.bad(1, expected, format!("a length of {len}")));
    }
    let bytes = cursor.take(len, expected)?;
    match bytes.iter().position(|byte| !allowed(*byte)) {
        None => Ok(String::from_utf8_lossy(bytes).into_owned()),
        Some(at) => Err(cursor.bad(len - at, expected, "another character")),
    }
}

const fn is_principal(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
}

const fn is_event_type(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.')
}
