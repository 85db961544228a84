//! SEAL: the last entry under every published checkpoint.

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::leaf::MAP_ALGORITHM;

/// What a seal commits to: the completeness map over all entries before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Root of the map, by map algorithm 1.
    pub map_root: [u8; 32],
    /// Keys in the map: streams and subjects that have an entry.
    pub map_keys: u64,
    /// Index of the seal before it.
    pub previous: Option<u64>,
}

impl Seal {
    pub(super) fn encode_to(&self, out: &mut Vec<u8>) {
        out.push(MAP_ALGORITHM);
        out.extend_from_slice(&self.map_root);
        out.extend_from_slice(&self.map_keys.to_be_bytes());
        out.extend_from_slice(&self.previous.map_or(0, |index| index.saturating_add(1)).to_be_bytes());
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>, own_index: u64) -> Result<Self, Malformed> {
        let algorithm = cursor.u8("the map algorithm")?;
        if algorithm != MAP_ALGORITHM {
            return Err(cursor.bad(1, "map algorithm 1", algorithm));
        }
        let map_root = cursor.array("a map root")?;
        let map_keys = cursor.u64("the number of keys")?;
        let previous = cursor.u64("the seal before")?.checked_sub(1);
        // Entry 0 is no seal.
        if previous.is_some_and(|index| index == 0 || index >= own_index) {
            return Err(cursor.bad(8, "the place after an earlier seal, or 0", previous.map_or(0, |index| index + 1)));
        }
        Ok(Self { map_root, map_keys, previous })
    }
}
