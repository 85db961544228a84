//! Tiles: the tree cut into pieces that never change, as C2SP `tlog-tiles` names and cuts them (section 4 of the format).
//!
//! Knows neither where tiles are kept nor how they travel. Other projects use other paths (`tile/<height>/<level>/…`,
//! `data` instead of `entries`); they are no paths of this format.

mod bundle;
mod path;

pub use bundle::BundleEntries;
pub use bundle::ENTRY_BYTES_MAX;
pub use bundle::EntryTooLong;
pub use bundle::append_to_bundle;
pub use path::TilePathError;

use crate::log::cursor::Malformed;
use crate::log::hash::NodeHash;

/// How many hashes or entries a full tile has.
pub const TILE_WIDTH: u16 = 256;

/// How many levels of the tree one level of tiles covers.
const LEVELS: u8 = 8;

/// Of which kind a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of level 0 to 63; the hashes of level `l` stand over `256^l` leaves each.
    Hashes(u8),
    /// A bundle of entries.
    Entries,
}

/// One tile, full or partial: `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Of which kind.
    pub kind: TileKind,
    /// Which one of its level, from 0.
    pub number: u64,
    /// How many hashes or entries: 256 in a full one, 1 to 255 in a partial one, which is the beginning of the full one.
    pub width: u16,
}

/// Where the hash of a complete subtree comes from: some hashes of one tile, which are its leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileSpan {
    /// Level of the tile.
    pub level: u8,
    /// Number of the tile in its level.
    pub number: u64,
    /// The first of the hashes in the tile.
    pub first: u16,
    /// How many: a power of two, 1 to 128.
    pub count: u16,
}

impl Tile {
    /// The tile of this kind and number in a tree of `size` leaves, as wide as it is then; `None` where it has nothing.
    pub fn at(kind: TileKind, number: u64, size: u64) -> Option<Self> {
        let before = number.checked_mul(u64::from(TILE_WIDTH))?;
        let left = kind.items_at(size).checked_sub(before)?.min(u64::from(TILE_WIDTH));
        let width = u16::try_from(left).expect("at most 256");
        (width > 0).then_some(Self { kind, number, width })
    }

    /// Whether a tree of `size` leaves has all of it. A service gives nothing that its published size has not.
    pub fn is_within(&self, size: u64) -> bool {
        Self::at(self.kind, self.number, size).is_some_and(|whole| self.width <= whole.width)
    }

    /// Whether nothing will be added to it.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile that this one is the beginning of, or will be.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH, ..self }
    }

    /// Level and index of the first complete subtree whose hash stands in it (entries: the first leaf), as
    /// [`Nodes::node`](crate::log::Nodes::node) counts them; the others follow by index. `None` beyond every tree.
    pub fn first_node(&self) -> Option<(u8, u64)> {
        let level = match self.kind {
            TileKind::Hashes(level) => level.checked_mul(LEVELS).filter(|level| *level < 64)?,
            TileKind::Entries => 0,
        };
        Some((level, self.number.checked_mul(u64::from(TILE_WIDTH))?))
    }
}

impl TileKind {
    /// How many hashes of this level, or entries, a tree of `size` leaves has.
    pub fn items_at(self, size: u64) -> u64 {
        match self {
            Self::Hashes(level) => size.checked_shr(u32::from(level) * u32::from(LEVELS)).unwrap_or(0),
            Self::Entries => size,
        }
    }
}

impl TileSpan {
    /// Where the hash of the complete subtree of this level and index comes from; `None` where no tree has such a one.
    pub fn of_node(level: u8, index: u64) -> Option<Self> {
        let height = level % LEVELS;
        let first = index.checked_mul(1 << height)?;
        let place = u16::try_from(first % u64::from(TILE_WIDTH)).expect("below 256");
        let span =
            Self { level: level / LEVELS, number: first / u64::from(TILE_WIDTH), first: place, count: 1 << height };
        (level < 64).then_some(span)
    }

    /// The hash of the subtree, from all hashes of the tile; `None` where the tile is too narrow.
    pub fn hash_in(&self, hashes: &[NodeHash]) -> Option<NodeHash> {
        let first = usize::from(self.first);
        hashes.get(first..first + usize::from(self.count)).map(complete)
    }
}

/// The hash over a complete subtree's leaves, a power of two of them.
fn complete(hashes: &[NodeHash]) -> NodeHash {
    if let [hash] = hashes {
        return *hash;
    }
    let (left, right) = hashes.split_at(hashes.len() / 2);
    NodeHash::over(&complete(left), &complete(right))
}

/// All tiles of a tree of `size` leaves: bundles first, then hashes from level 0 up, full ones before the partial one.
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    let levels = (0..LEVELS).map(TileKind::Hashes);
    std::iter::once(TileKind::Entries).chain(levels).flat_map(move |kind| {
        (0..kind.items_at(size).div_ceil(u64::from(TILE_WIDTH))).filter_map(move |number| Tile::at(kind, number, size))
    })
}

/// The hashes of a tile's bytes.
///
/// # Errors
///
/// There are not exactly `width` hashes.
pub fn tile_hashes(bytes: &[u8], width: u16) -> Result<impl ExactSizeIterator<Item = NodeHash> + '_, Malformed> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() != usize::from(width) {
        let found = format!("{} bytes for {width} hashes", bytes.len());
        return Err(Malformed { offset: 0, expected: "32 bytes for each hash of a tile", found });
    }
    Ok(hashes.iter().map(|hash| NodeHash(*hash)))
}

#[cfg(test)]
mod tests;
