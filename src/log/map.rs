//! The completeness map: for every key, a hash over all that is filed under it (section 5 of the format).
//!
//! A Merkle Patricia tree over the 32-byte keys, with the hashes of `filippo.io/torchwood/mpt`. A proof of presence
//! together with a key's entries shows that these are all; a proof of absence shows that there are none. Knows nothing of
//! what is filed.

mod bucket;
mod fold;
mod folded;
mod growing;
mod history;
mod joins;
mod live;
mod path;
mod proof;
mod saved;

pub use fold::MapItem;
pub use fold::map_root;
pub use fold::prove_in_map;
pub use history::KeyHistory;
pub use live::LiveMap;
pub use live::MapSnapshot;
pub use path::MapPath;
pub use path::MapStep;
pub use proof::MapFault;
pub use proof::MapProof;
pub use proof::Neighbour;
pub use proof::Proved;
pub use saved::SaveInterval;
pub use saved::SavedFault;
pub use saved::SavedMap;
pub use saved::SavedRows;
pub use saved::SavedSnapshot;

use crate::log::hash::HistoryValue;
use crate::log::hash::Key;
use crate::log::hash::MapRoot;
use crate::log::hash::NodeHash;
use crate::log::hash::Root;
use crate::log::hash::hash;

impl MapRoot {
    /// `H("")`: the root of the map without keys.
    pub const EMPTY: Self = Self(Root::EMPTY.0);
}

/// `H(0x00 ‖ uvarint(32) ‖ k ‖ uvarint(32) ‖ v)`: a key and what the map holds for it.
pub(super) fn map_leaf(key: &Key, value: &HistoryValue) -> NodeHash {
    leaf_of(key.as_bytes(), value.as_bytes())
}

/// The leaf for keys and values of any length below 128, as the published vectors have them.
fn leaf_of(key: &[u8], value: &[u8]) -> NodeHash {
    let len = |bytes: &[u8]| [u8::try_from(bytes.len()).expect("keys and values have 32 bytes")];
    NodeHash(hash(&[&[0], &len(key), key, &len(value), value]))
}

/// `H(0x01 ‖ uvarint(bit) ‖ left ‖ right)`: two sides that differ first in `bit`.
fn inner(bit: u8, left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut bytes = [0; 67];
    bytes[0] = 1;
    let mut len = 1;
    path::write_uvarint(bit, |byte| {
        bytes[len] = byte;
        len += 1;
    });
    bytes[len..len + 32].copy_from_slice(left.as_bytes());
    bytes[len + 32..len + 64].copy_from_slice(right.as_bytes());
    NodeHash(hash(&[&bytes[..len + 64]]))
}

/// A bit of a key, the most significant first.
const fn bit_of(key: &Key, bit: u8) -> bool {
    key.0[bit as usize / 8] >> (7 - bit % 8) & 1 == 1
}

/// The first bit in which two keys differ; `None` for equal ones.
fn first_difference(one: &Key, other: &Key) -> Option<u8> {
    let byte = one.0.iter().zip(&other.0).position(|(one, other)| one != other)?;
    let bit = 8 * byte + (one.0[byte] ^ other.0[byte]).leading_zeros() as usize;
    Some(u8::try_from(bit).expect("a key has 256 bits"))
}

#[cfg(test)]
mod tests;
