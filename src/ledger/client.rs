//! Parts that clients seal by themselves, under keys that the service never has. It checks what can be seen from outside,
//! records that a client sealed them, and reads none.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;

use crate::domain::Rule;
use crate::events::EventType;
use crate::events::shape;
use crate::events::shape::FieldFault;
use crate::events::shape::Group;
use crate::ledger::SealingKey;
use crate::log::Commitment;
use crate::log::KEY_LEN;
use crate::log::NONCE_LEN;
use crate::log::PartManifest;
use crate::log::SealContext;
use crate::log::SealedBy;
use crate::log::seal_part;
use crate::log::sealed_hash;

/// What the shortest ciphertext has: nonce, tag, part salt, and the tag and length of a field.
pub const CIPHERTEXT_BYTES_MIN: usize = NONCE_LEN + 16 + 32 + 2;

/// A personal field group that a client sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPart {
    /// Number of the field in the event's message.
    pub field: u32,
    /// Number of the part in the event, from 0, as it stands in the associated data.
    pub part: u8,
    /// 2 to 5.
    pub class: u8,
    /// The client's key.
    pub key_id: [u8; 16],
    /// `H("probity/part/v1\0" ‖ part salt ‖ content)`.
    pub content: Commitment,
    /// `nonce ‖ AEAD(key, nonce, part salt ‖ content)`.
    pub ciphertext: Bytes,
}

impl ClientPart {
    /// As the manifest names it.
    pub(super) fn named(&self) -> PartManifest {
        PartManifest {
            class: self.class,
            sealed_by: SealedBy::Client,
            key_id: self.key_id,
            len_bytes: u32::try_from(self.ciphertext.len()).expect("a part is shorter than its event may be"),
            ciphertext: sealed_hash(&self.ciphertext),
            content: self.content,
        }
    }
}

/// What is wrong with a part that a client sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedFault {
    /// The event has no personal field of that number.
    NotPersonal {
        /// As given.
        field: u32,
    },
    /// The field is given in plain as well, or sealed twice.
    Twice,
    /// The field is of another class.
    Class {
        /// As the event's message says.
        expected: u8,
        /// As given.
        found: u8,
    },
    /// Parts are numbered in the order of their fields, those that the service seals among them.
    Part {
        /// What it is.
        expected: u8,
        /// As given.
        found: u8,
    },
    /// The key is one of the service's own, which clients do not have.
    ServiceKey,
    /// It is too short to be a sealed part.
    TooShort {
        /// Bytes.
        found: usize,
    },
}

impl SealedFault {
    /// The field of the part that is at fault.
    pub const fn field(self) -> &'static str {
        match self {
            Self::NotPersonal { .. } | Self::Twice => "field",
            Self::Class { .. } => "personal_class",
            Self::Part { .. } => "part",
            Self::ServiceKey => "key_id",
            Self::TooShort { .. } => "ciphertext",
        }
    }

    /// The rule, as it is named on the wire.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NotPersonal { .. } => "NOT_PERSONAL",
            Self::Twice => "TWICE",
            Self::Class { .. } => "CLASS_DIFFERS",
            Self::Part { .. } => "PART_OUT_OF_ORDER",
            Self::ServiceKey => "KEY_OF_THE_SERVICE",
            Self::TooShort { .. } => "TOO_SHORT",
        }
    }
}

impl fmt::Display for SealedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPersonal { field } => write!(f, "the event has no personal field with the number {field}"),
            Self::Twice => f.write_str("the field is given twice: in plain and sealed, or sealed twice"),
            Self::Class { expected, found } => write!(f, "the field is of class P{expected}, not P{found}"),
            Self::Part { expected, found } => {
                write!(f, "part {found} is part {expected}: parts are numbered in the order of their fields")
            }
            Self::ServiceKey => f.write_str("the id is that of a key of the service; a client draws one of its own"),
            Self::TooShort { found } => write!(f, "{found} bytes, at least {CIPHERTEXT_BYTES_MIN}"),
        }
    }
}

/// What was not checked of an event, since a client sealed it: the shape of the field, and these rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Number of the event in its request.
    pub number: u16,
    /// Name of the field that was sealed.
    pub field: &'static str,
    /// Names of rules that would have read it.
    pub rules: &'static [&'static str],
}

/// Rules of admission that read a field of an event; beside those of the field's own shape.
pub(super) fn rules_on(event_type: EventType, field: &str) -> &'static [&'static str] {
    const IDENTITY: &[&str] = &[Rule::DateImpossible.name(), "ALREADY_REGISTERED"];
    const CONTENT: &[&str] = &[
        Rule::ItemCountWrong.name(),
        Rule::ItemClassUnlisted.name(),
        Rule::ItemNumbersNotAscending.name(),
        Rule::ContentEmpty.name(),
    ];
    const STATEMENT: &[&str] = &[Rule::StatementMissing.name(), Rule::StatementTooLong.name()];
    const DIGEST: &[&str] = &[Rule::DigestLength.name()];
    match event_type {
        EventType::PersonRegistered => IDENTITY,
        EventType::DeclarationSubmitted | EventType::DeclarationAmended => CONTENT,
        EventType::StatementAttached => STATEMENT,
        EventType::LegacyRecordImported if field == "digest" => DIGEST,
        _ => &[],
    }
}

/// Checks the sealed parts of one event, each by itself.
///
/// # Errors
///
/// The first part at fault, by its place in the request, and what is wrong.
pub(super) fn check(event_type: EventType, sealed: &[ClientPart]) -> Result<(), (usize, SealedFault)> {
    for (at, part) in sealed.iter().enumerate() {
        let Some(known) = shape::personal_field(event_type, part.field) else {
            return Err((at, SealedFault::NotPersonal { field: part.field }));
        };
        if sealed[..at].iter().any(|before| before.field == part.field) {
            return Err((at, SealedFault::Twice));
        }
        if known.class != part.class {
            return Err((at, SealedFault::Class { expected: known.class, found: part.class }));
        }
        if part.ciphertext.len() < CIPHERTEXT_BYTES_MIN {
            return Err((at, SealedFault::TooShort { found: part.ciphertext.len() }));
        }
    }
    Ok(())
}

/// How the parts of an event follow one another, those that a client sealed and those that came in plain: by ascending
/// number of their fields.
///
/// # Errors
///
/// The first part of the client that is given in plain, too, or has another number; by its place in the request.
pub(super) fn in_order<'a>(
    plain: &'a [Group],
    sealed: &'a [ClientPart],
) -> Result<Vec<Either<'a>>, (usize, SealedFault)> {
    let mut all: Vec<(u32, Either<'a>)> = plain.iter().map(|group| (group.field, Either::Plain(group))).collect();
    for (at, part) in sealed.iter().enumerate() {
        if plain.iter().any(|group| group.field == part.field) {
            return Err((at, SealedFault::Twice));
        }
        all.push((part.field, Either::Sealed(at, part)));
    }
    all.sort_by_key(|(field, _)| *field);
    for (expected, (_, either)) in (0_u8..).zip(&all) {
        if let Either::Sealed(at, part) = either
            && part.part != expected
        {
            return Err((*at, SealedFault::Part { expected, found: part.part }));
        }
    }
    Ok(all.into_iter().map(|(_, either)| either).collect())
}

/// Under what a person whose identity a client sealed stands in the lookup index, instead of the numbers that nobody can
/// read: `(scheme, value)`, which no number has.
pub const SEALED_IDENTITY: (&str, &str) = ("sealed by a client", "");

/// A field group, as it came.
#[derive(Debug)]
pub(super) enum Either<'a> {
    /// For the service to seal.
    Plain(&'a Group),
    /// Sealed by the client, with its place in the request.
    Sealed(usize, &'a ClientPart),
}

/// An event of which every personal field group is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSealed {
    /// The event without its personal fields.
    pub open: Bytes,
    /// The groups, in the order of their fields.
    pub parts: Vec<ClientPart>,
}

/// Seals every personal field group of an event as a client does: for the log of this origin, as this event of this
/// request. Nonce and part salt are made of the key and of what is sealed where, so that the same request sealed again is
/// the same to the byte and can be repeated; other content has others.
///
/// # Errors
///
/// The bytes are not an event in its only spelling, as [`crate::events::Event::encode`] writes it.
pub fn seal_by_client(
    (origin, request_id, number): (&str, [u8; 16], u16),
    event_type: EventType,
    encoded: &Bytes,
    key: &SealingKey,
) -> Result<ClientSealed, FieldFault> {
    let groups = shape::personal_groups(event_type, encoded)?;
    let mut parts = Vec::with_capacity(groups.len());
    for (part, group) in (0_u8..).zip(&groups) {
        let context = SealContext { origin, request_id, number, part, class: group.class, key_id: key.id };
        let content = &encoded[group.range.clone()];
        let salt = derived(key, "probity/client-salt/v1", &context, content);
        let nonce = derived(key, "probity/client-nonce/v1", &context, content);
        let nonce = *nonce.first_chunk().expect("32 bytes have a first 24");
        let (ciphertext, content) = seal_part(&context, &key.key, &nonce, &salt, content);
        parts.push(ClientPart { field: group.field, part, class: group.class, key_id: key.id, content, ciphertext });
    }
    Ok(ClientSealed { open: without(encoded, groups.iter().map(|group| group.range.clone())).into(), parts })
}

/// 32 bytes that nobody without the key can tell from random ones.
fn derived(key: &SealingKey, purpose: &str, context: &SealContext<'_>, content: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.key).expect("HMAC takes keys of any length");
    mac.update(purpose.as_bytes());
    mac.update(b"\0");
    mac.update(&(context.origin.len() as u64).to_be_bytes());
    mac.update(context.origin.as_bytes());
    mac.update(&context.key_id);
    mac.update(&context.request_id);
    mac.update(&context.number.to_be_bytes());
    mac.update(&[context.part, context.class]);
    mac.update(content);
    mac.finalize().into_bytes().into()
}

/// An event without some of its fields, which ascend.
pub(super) fn without(encoded: &[u8], ranges: impl Iterator<Item = Range<usize>>) -> Vec<u8> {
    let mut open = Vec::with_capacity(encoded.len());
    let mut from = 0;
    for range in ranges {
        open.extend_from_slice(&encoded[from..range.start]);
        from = range.end;
    }
    open.extend_from_slice(&encoded[from..]);
    open
}

/// The key of a client: its id follows from it, so that one secret is all there is to keep.
pub fn client_key(secret: [u8; KEY_LEN]) -> SealingKey {
    let digest = Sha256::new().chain_update(b"probity/client-key/v1\0").chain_update(secret).finalize();
    let digest: [u8; 32] = digest.into();
    SealingKey { id: *digest.first_chunk().expect("32 bytes have a first 16"), key: secret }
}

#[cfg(test)]
mod tests;
