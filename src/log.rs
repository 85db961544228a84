//! The log as bytes and hashes. Knows nothing of cases or declarations.
//!
//! What is hashed is exactly what is stored and served; nothing is encoded again to be verified. A decoder refuses
//! any second spelling of what it decodes.

mod aead;
mod cursor;
mod entry;
mod hash;
mod leaf;
mod manifest;
mod name;
mod signature;

pub use aead::ContentMismatch;
pub use aead::KEY_LEN;
pub use aead::NONCE_LEN;
pub use aead::OpenError;
pub use aead::SealContext;
pub use aead::open_part;
pub use aead::seal_part;
pub use cursor::Malformed;
pub use entry::Checked;
pub use entry::Entry;
pub use entry::EntryFault;
pub use entry::Open;
pub use hash::Commitment;
pub use hash::Key;
pub use hash::LeafHash;
pub use hash::Salt;
pub use hash::open_commitment;
pub use hash::part_commitment;
pub use hash::payload_commitment;
pub use hash::sealed_hash;
pub use leaf::Body;
pub use leaf::Close;
pub use leaf::EventBody;
pub use leaf::Genesis;
pub use leaf::KeyAction;
pub use leaf::KeyChange;
pub use leaf::KeyFault;
pub use leaf::KeysOfLog;
pub use leaf::Kind;
pub use leaf::LEAF_BYTES_MAX;
pub use leaf::Leaf;
pub use leaf::OPEN_PAYLOAD_BIT;
pub use leaf::Place;
pub use leaf::Seal;
pub use leaf::Target;
pub use leaf::key_message;
pub use manifest::EVENTS_PER_REQUEST_MAX;
pub use manifest::Manifest;
pub use manifest::PARTS_MAX;
pub use manifest::PartManifest;
pub use manifest::SealedBy;
pub use name::Id;
pub use name::Name;
pub use name::NameError;
pub use signature::PublicKey;
pub use signature::Signature;

#[cfg(test)]
mod tests;
