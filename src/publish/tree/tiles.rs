//! Tiles and bundles, cut from the tree when somebody asks for them.

use std::sync::Arc;

use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes as _;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::append_to_bundle;
use crate::log::leaf_bytes;
use crate::publish::PublishError;
use crate::publish::tree::LogTree;
use crate::publish::tree::READ_BYTES;
use crate::publish::tree::TILE;

impl LogTree {
    /// The bytes of a tile or bundle, full or partial, hashed from the entries as they are stored. Whoever gives them to
    /// somebody asks first whether the published size has it: [`Tile::is_within`].
    ///
    /// # Errors
    ///
    /// It is beyond the log, an entry cannot be read, or what is stored is not what was folded.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, PublishError> {
        let first = tile.number.saturating_mul(TILE);
        let (level, first_node) = tile.first_node().ok_or(PublishError::Entry { index: first })?;
        let width = usize::from(tile.width);
        match tile.kind {
            TileKind::Entries => self.bundle(tile),
            TileKind::Hashes(0) => {
                let hashes = self.checked(tile)?;
                Ok(hashes[..width].iter().flat_map(|hash| hash.0).collect())
            }
            TileKind::Hashes(_) => {
                let nodes = first_node..first_node + u64::from(tile.width);
                let hashes = nodes.map(|index| self.node(level, index)).collect::<Result<Vec<NodeHash>, _>>()?;
                Ok(hashes.iter().flat_map(|hash| hash.0).collect())
            }
        }
    }

    fn bundle(&self, tile: Tile) -> Result<Vec<u8>, PublishError> {
        let hashes = self.checked(tile)?;
        let mut expected = hashes[..usize::from(tile.width)].iter();
        let mut next = tile.number * TILE;
        let end = next + u64::from(tile.width);
        let mut bundle = Vec::new();
        while next < end {
            let read = self.store.read(next, READ_BYTES)?;
            if read.is_empty() {
                return Err(PublishError::Entry { index: next });
            }
            for (index, bytes) in read.into_iter().take_while(|(index, _)| *index < end) {
                let leaf = leaf_bytes(&bytes).ok_or(PublishError::Entry { index })?;
                if expected.next() != Some(&LeafHash::of(leaf)) {
                    return Err(PublishError::Fold { index, what: "it is not what was folded" });
                }
                append_to_bundle(&mut bundle, leaf).map_err(|_| PublishError::Entry { index })?;
                next = index + 1;
            }
        }
        Ok(bundle)
    }

    /// The leaf hashes of a tile, at least as many as it is wide. Where the tree knows the root of the full tile, they have
    /// it: nothing else is ever given under its name, not even in part.
    fn checked(&self, tile: Tile) -> Result<Arc<Vec<LeafHash>>, PublishError> {
        let index = tile.number.saturating_mul(TILE);
        let folded = self.tile_root(tile.number);
        let least = if folded.is_some() { usize::from(TILE_WIDTH) } else { usize::from(tile.width) };
        let hashes = self.leaf_hashes(tile.number, least)?;
        if hashes.len() < least {
            return Err(PublishError::Entry { index });
        }
        let root = hashes.iter().copied().collect::<Frontier>().root();
        if folded.is_none_or(|folded| folded.0 == root.0) {
            Ok(hashes)
        } else {
            Err(PublishError::Fold { index, what: "from here on 256 entries are not those that were folded" })
        }
    }
}
