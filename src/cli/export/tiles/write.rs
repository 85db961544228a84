//! Leaf hashes in, tiles out: every level is folded here, and held against the checkpoint at the end.

use crate::cli::export::tiles::Failed;
use crate::cli::export::tiles::Source;
use crate::cli::export::tiles::TilesArgs;
use crate::cli::export::tiles::folder::Folder;
use crate::log::BundleEntries;
use crate::log::Checkpoint;
use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::tile_hashes;

/// What came of an export.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) checkpoint: Checkpoint,
    /// Files that were written.
    pub(super) files: u64,
    /// Files that were there as they are.
    pub(super) kept: u64,
    /// Whether the bundles are there too.
    pub(super) entries: bool,
}

/// Brings the folder up to the newest checkpoint. `progress` is told the entries done, of all.
pub(super) fn write(
    source: &dyn Source,
    arguments: &TilesArgs,
    mut progress: impl FnMut(u64, u64),
) -> Result<Written, Failed> {
    let mut folder = Folder::open(&arguments.folder)?;
    let (checkpoint, note) = source.checkpoint()?;
    if let Some(key) = &arguments.key {
        note.verify([key])?;
    }
    let before = folder.checkpoint()?;
    if let Some(before) = &before {
        follows(before, &checkpoint)?;
    }
    let mut pass = |trust| {
        let mut pass = Pass { source, folder: &mut folder, entries: arguments.entries, trust, trusted: false };
        let result = pass.run(&checkpoint, before.as_ref(), &mut progress);
        (result, pass.trusted)
    };
    // A tile that is there was made by an earlier run. Where it is not what it should be, as after a power cut, everything
    // is read from the source again.
    match pass(true) {
        (Err(Failed::Root { .. } | Failed::Forked { .. }), true) => pass(false).0?,
        (result, _) => result?,
    }
    folder.finish(&note)?;
    let (files, kept) = folder.counts();
    Ok(Written { checkpoint, files, kept, entries: arguments.entries })
}

/// Whether a folder with one checkpoint may get the other.
fn follows(before: &Checkpoint, now: &Checkpoint) -> Result<(), Failed> {
    if before.origin != now.origin {
        return Err(Failed::Origin { before: before.origin.clone(), now: now.origin.clone() });
    }
    if before.size > now.size {
        return Err(Failed::Older { before: before.size, now: now.size });
    }
    Ok(())
}

struct Pass<'a> {
    source: &'a dyn Source,
    folder: &'a mut Folder,
    entries: bool,
    /// Whether what is in the folder may be gone on from.
    trust: bool,
    /// Whether something was.
    trusted: bool,
}

impl Pass<'_> {
    fn run(
        &mut self,
        checkpoint: &Checkpoint,
        before: Option<&Checkpoint>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Failed> {
        let size = checkpoint.size;
        let mut all = Frontier::new();
        let mut levels = Levels::default();
        for number in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
            let tile = Tile::at(TileKind::Hashes(0), number, size).expect("below the number of tiles");
            for hash in self.leaf_hashes(tile)? {
                all.push(hash);
                levels.push(0, hash.into(), self.folder)?;
                if let Some(before) = before.filter(|before| before.size == all.size() && before.root != all.root()) {
                    return Err(Failed::Forked { size: before.size, before: before.root, found: all.root() });
                }
            }
            progress(all.size(), size);
        }
        levels.finish(self.folder)?;
        if all.root() == checkpoint.root {
            Ok(())
        } else {
            Err(Failed::Root { size, found: all.root(), published: checkpoint.root })
        }
    }

    /// The hashes of a tile of level 0; its bundle is in the folder then, where bundles are wanted.
    fn leaf_hashes(&mut self, tile: Tile) -> Result<Vec<LeafHash>, Failed> {
        if self.trust
            && let Some(hashes) = self.found(tile)?
        {
            self.trusted = true;
            return Ok(hashes);
        }
        if !self.entries {
            return self.source.leaf_hashes(tile);
        }
        let of_entries = Tile { kind: TileKind::Entries, ..tile };
        let bundle = self.source.bundle(of_entries)?;
        let hashes = hashes_of(&bundle, tile.width).ok_or_else(|| Failed::damaged(&of_entries, &"it is no bundle"))?;
        self.folder.put(of_entries, &bundle)?;
        Ok(hashes)
    }

    /// What an earlier run left of a full tile: its hashes, and its bundle that has these hashes, where it is wanted.
    fn found(&mut self, tile: Tile) -> Result<Option<Vec<LeafHash>>, Failed> {
        let Some(bytes) = self.folder.read(tile)?.filter(|_| tile.is_full()) else { return Ok(None) };
        let Ok(hashes) = tile_hashes(&bytes, tile.width) else { return Ok(None) };
        let hashes: Vec<LeafHash> = hashes.map(|hash| LeafHash(hash.0)).collect();
        if self.entries {
            let of_entries = Tile { kind: TileKind::Entries, ..tile };
            let Some(bundle) = self.folder.read(of_entries)? else { return Ok(None) };
            if hashes_of(&bundle, tile.width).as_ref() != Some(&hashes) {
                return Ok(None);
            }
            self.folder.keep(of_entries);
        }
        Ok(Some(hashes))
    }
}

/// The hashes of a bundle's entries; `None` where it is not one of so many.
pub(super) fn hashes_of(bundle: &[u8], width: u16) -> Option<Vec<LeafHash>> {
    BundleEntries::new(bundle, width).map(|entry| entry.ok().map(LeafHash::of)).collect()
}

/// The tiles at the right edge, by level.
#[derive(Debug, Default)]
struct Levels(Vec<Edge>);

#[derive(Debug, Default)]
struct Edge {
    number: u64,
    hashes: Vec<NodeHash>,
}

impl Levels {
    /// Adds a hash to a level; a tile that is full then is written, and its root belongs to the level above.
    fn push(&mut self, level: u8, hash: NodeHash, folder: &mut Folder) -> Result<(), Failed> {
        let place = usize::from(level);
        if self.0.len() == place {
            self.0.push(Edge::default());
        }
        let edge = &mut self.0[place];
        edge.hashes.push(hash);
        if edge.hashes.len() < usize::from(TILE_WIDTH) {
            return Ok(());
        }
        edge.put(level, folder)?;
        let root: Frontier = edge.hashes.drain(..).map(|hash| LeafHash(hash.0)).collect();
        edge.number += 1;
        self.push(level + 1, NodeHash(root.root().0), folder)
    }

    /// Writes the partial tiles.
    fn finish(&self, folder: &mut Folder) -> Result<(), Failed> {
        let mut partial = (0..).zip(&self.0).filter(|(_, edge)| !edge.hashes.is_empty());
        partial.try_for_each(|(level, edge)| edge.put(level, folder))
    }
}

impl Edge {
    fn put(&self, level: u8, folder: &mut Folder) -> Result<(), Failed> {
        let width = u16::try_from(self.hashes.len()).expect("at most 256");
        let bytes: Vec<u8> = self.hashes.iter().flat_map(|hash| hash.0).collect();
        folder.put(Tile { kind: TileKind::Hashes(level), number: self.number, width }, &bytes)
    }
}
