//! Tiles and bundles, cut from the tree when somebody asks for them.

use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes as _;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::append_to_bundle;
use crate::publish::PublishError;
use crate::publish::tree::GROUP;
use crate::publish::tree::GROUP_WIDTH;
use crate::publish::tree::LogTree;
use crate::publish::tree::check;

impl LogTree {
    /// The bytes of a tile or bundle, full or partial, hashed from the entries as they are stored. Whoever gives them to
    /// somebody asks first whether the published size has it: [`Tile::is_within`].
    ///
    /// # Errors
    ///
    /// It is beyond the log, an entry cannot be read, or what is stored is not what was folded.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, PublishError> {
        let first = tile.number.saturating_mul(u64::from(TILE_WIDTH));
        let (level, first_node) = tile.first_node().ok_or(PublishError::Entry { index: first })?;
        match tile.kind {
            TileKind::Entries => {
                let mut bundle = Vec::new();
                self.each_checked(tile, |index, leaf, _| {
                    append_to_bundle(&mut bundle, leaf).map_err(|_| PublishError::Entry { index })
                })?;
                Ok(bundle)
            }
            TileKind::Hashes(0) => {
                let mut hashes = Vec::with_capacity(32 * usize::from(tile.width));
                self.each_checked(tile, |_, _, hash| {
                    hashes.extend_from_slice(hash.as_bytes());
                    Ok(())
                })?;
                Ok(hashes)
            }
            TileKind::Hashes(_) => {
                let nodes = first_node..first_node + u64::from(tile.width);
                let hashes = nodes.map(|index| self.node(level, index)).collect::<Result<Vec<NodeHash>, _>>()?;
                Ok(hashes.iter().flat_map(|hash| hash.0).collect())
            }
        }
    }

    /// Reads the leaves of a tile, as many as it is wide. What it gave is good only when it returns: the tree knows the roots
    /// of its full groups, and they have it, also those behind the width. Nothing else is ever given under its name, not even
    /// in part.
    fn each_checked(
        &self,
        tile: Tile,
        mut take: impl FnMut(u64, &[u8], &LeafHash) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let first = tile.number.saturating_mul(u64::from(TILE_WIDTH));
        let end = first.saturating_add(u64::from(tile.width));
        // Asked for before the entries are: of a group that is full by then, all entries are durable.
        let groups = (first / GROUP..).take(usize::from(TILE_WIDTH) / GROUP_WIDTH);
        let folded: Vec<(u64, Option<NodeHash>)> = groups.map(|group| (group, self.group_root(group))).collect();
        let full = folded.iter().filter(|(_, root)| root.is_some()).count() as u64;
        let read_to = end.max(first + full * GROUP);
        let mut hashes = Vec::with_capacity(usize::from(TILE_WIDTH));
        self.each_leaf(first, read_to, |index, leaf| {
            let hash = LeafHash::of(leaf);
            hashes.push(hash);
            if index < end { take(index, leaf, &hash) } else { Ok(()) }
        })?;
        let read = hashes.len() as u64;
        if first + read < read_to {
            return Err(PublishError::Entry { index: first + read });
        }
        folded
            .into_iter()
            .zip(hashes.chunks(GROUP_WIDTH))
            .try_for_each(|((group, folded), hashes)| check(group, folded, hashes))
    }
}
