//! The way from a key's leaf to the root of the map: `(uvarint(bit) ‖ sibling)*`.

use crate::log::cursor::Cursor;
use crate::log::cursor::Malformed;
use crate::log::hash::Key;
use crate::log::hash::NodeHash;
use crate::log::map::bit_of;
use crate::log::map::inner;

/// One step up: the bit in which the two sides differ first, and the side that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapStep {
    /// Bit of the key, from the most significant one, 0 to 255.
    pub bit: u8,
    /// The other side.
    pub sibling: NodeHash,
}

/// Steps from the leaf to the root, with bits that strictly decrease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapPath(Vec<MapStep>);

impl MapPath {
    /// The steps, from the leaf up.
    pub fn steps(&self) -> &[MapStep] {
        &self.0
    }

    /// From steps in the order of the descent, root first.
    pub(super) fn from_descent(mut steps: Vec<MapStep>) -> Self {
        steps.reverse();
        Self(steps)
    }

    /// Where the path leads from a leaf of `key`.
    pub(super) fn climb(&self, key: &Key, leaf: NodeHash) -> NodeHash {
        self.0.iter().fold(leaf, |hash, MapStep { bit, sibling }| {
            if bit_of(key, *bit) { inner(*bit, sibling, &hash) } else { inner(*bit, &hash, sibling) }
        })
    }

    /// The bytes of the path; none for the only key of a map.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 34);
        for step in &self.0 {
            write_uvarint(step.bit, |byte| bytes.push(byte));
            bytes.extend_from_slice(step.sibling.as_bytes());
        }
        bytes
    }

    /// Reads a path.
    ///
    /// # Errors
    ///
    /// A bit is not below 256, not below the one before it, or not in its shortest form; or a sibling is cut short.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        // Bits decrease, so there are at most 256 steps whatever is sent.
        let mut steps: Vec<MapStep> = Vec::new();
        while cursor.offset() < bytes.len() {
            let start = cursor.offset();
            let bit = read_uvarint(&mut cursor)?;
            if steps.last().is_some_and(|below| below.bit <= bit) {
                return Err(cursor.bad(cursor.offset() - start, "bits that decrease", bit));
            }
            steps.push(MapStep { bit, sibling: NodeHash(cursor.array("a sibling")?) });
        }
        Ok(Self(steps))
    }
}

/// Writes a bit in its shortest LEB128 form.
pub(super) fn write_uvarint(bit: u8, mut write: impl FnMut(u8)) {
    if bit < 0x80 {
        write(bit);
    } else {
        write(bit);
        write(1);
    }
}

fn read_uvarint(cursor: &mut Cursor<'_>) -> Result<u8, Malformed> {
    let low = cursor.u8("a bit")?;
    if low < 0x80 {
        return Ok(low);
    }
    // 128 to 255 have a second byte, which is 1: 0 would be a longer form, and anything above is no bit of a key.
    match cursor.u8("the rest of a bit")? {
        1 => Ok(low),
        other => Err(cursor.bad(1, "a bit below 256 in its shortest form", other)),
    }
}
