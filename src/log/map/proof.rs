//! Presence and absence.

use thiserror::Error;

use crate::log::hash::HistoryValue;
use crate::log::hash::Key;
use crate::log::hash::MapRoot;
use crate::log::map::KeyHistory;
use crate::log::map::MapPath;
use crate::log::map::bit_of;
use crate::log::map::first_difference;
use crate::log::map::map_leaf;

/// What the map says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapProof {
    /// So many entries are filed under it; the value follows from them.
    Present {
        /// How many.
        count: u64,
        /// From the key's leaf.
        path: MapPath,
    },
    /// Nothing is filed under it: where it would be stands another key.
    Absent {
        /// The other key.
        neighbour: Neighbour,
        /// From the other key's leaf.
        path: MapPath,
    },
    /// Nothing is filed under any key.
    Empty,
}

/// What the map says about a key, with what is filed under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The proof.
    pub proof: MapProof,
    /// Of the key that was asked for; of none, where nothing is filed under it.
    pub history: KeyHistory,
}

/// The key that stands where an absent one would, and its value, which tells nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The key.
    pub key: Key,
    /// What the map holds for it.
    pub value: HistoryValue,
}

/// Why a proof about a key does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MapFault {
    /// The path leads to another root.
    #[error("the root of the map is {expected}, the path leads to {found}")]
    RootDiffers {
        /// The root that was to be proved.
        expected: MapRoot,
        /// The root that follows from the path.
        found: MapRoot,
    },
    /// The proof of absence shows the key itself, which is therefore there.
    #[error("the key that is said to be absent is the one shown")]
    SameKey,
    /// The key does not stand where an absent one would: it differs at a division that the path goes through.
    #[error("the key shown stands elsewhere: it differs at bit {bit}, where the path divides")]
    Elsewhere {
        /// The division, from the most significant bit of the key.
        bit: u8,
    },
    /// The map is not empty.
    #[error("the map is said to be empty, its root is {found}")]
    NotEmpty {
        /// Its root.
        found: MapRoot,
    },
}

impl MapPath {
    /// Verifies that the map holds this value for the key.
    ///
    /// # Errors
    ///
    /// The path leads to another root.
    pub fn verify_presence(&self, root: MapRoot, key: &Key, value: &HistoryValue) -> Result<(), MapFault> {
        let found = MapRoot(self.climb(key, map_leaf(key, value)).0);
        if found == root { Ok(()) } else { Err(MapFault::RootDiffers { expected: root, found }) }
    }

    /// Verifies that the map holds nothing for the key: the path is that of `neighbour`, and the key agrees with it
    /// wherever the path divides.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn verify_absence(&self, root: MapRoot, key: &Key, neighbour: &Neighbour) -> Result<(), MapFault> {
        if first_difference(key, &neighbour.key).is_none() {
            return Err(MapFault::SameKey);
        }
        let parts = |bit: &u8| bit_of(key, *bit) != bit_of(&neighbour.key, *bit);
        // From the root down, so that the first division that parts them is the one named.
        if let Some(bit) = self.steps().iter().rev().map(|step| step.bit).find(parts) {
            return Err(MapFault::Elsewhere { bit });
        }
        self.verify_presence(root, &neighbour.key, &neighbour.value)
    }
}

impl MapRoot {
    /// Verifies that the map holds nothing for any key.
    ///
    /// # Errors
    ///
    /// The root is another one.
    pub fn verify_empty(self) -> Result<(), MapFault> {
        if self == Self::EMPTY { Ok(()) } else { Err(MapFault::NotEmpty { found: self }) }
    }
}

impl Neighbour {
    /// `k' ‖ v'`, as proof files have it.
    pub fn encode(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(self.key.as_bytes());
        bytes[32..].copy_from_slice(self.value.as_bytes());
        bytes
    }

    /// Reads `k' ‖ v'`; `None` when there are not exactly 64 bytes.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (key, value) = bytes.split_first_chunk()?;
        Some(Self { key: Key(*key), value: HistoryValue(value.try_into().ok()?) })
    }
}
