//! The entries of a log that is read as files, as a verifier takes them: their leaves, or their hashes alone.

use std::thread;

use bytes::Bytes;

use crate::fetch::AT_ONCE;
use crate::fetch::TiledError;
use crate::fetch::TiledLog;
use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes as _;
use crate::log::ProveError;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::TreeHead;
use crate::log::prove_consistency;
use crate::log::prove_inclusion;
use crate::log::root_at;
use crate::log::verify_consistency;
use crate::log::verify_inclusion;
use crate::verify::Entries;
use crate::verify::Fault;
use crate::verify::Pieces;
use crate::verify::Stop;
use crate::verify::Unreadable;
use crate::verify::What;

/// Entries of a full bundle.
const BUNDLE: u64 = TILE_WIDTH as u64;

/// The entries under a checkpoint of a log that is read as files.
#[derive(Debug)]
pub struct TiledEntries<'l> {
    log: &'l TiledLog,
    /// What the checkpoint says.
    head: TreeHead,
    pieces: Pieces,
    /// Whether the tiles of hashes are compared with the leaves, and with those above them.
    tiles: bool,
}

impl<'l> TiledEntries<'l> {
    /// The leaves, from the bundles of entries.
    pub const fn leaves(log: &'l TiledLog, head: TreeHead) -> Self {
        Self { log, head, pieces: Pieces::Leaves, tiles: false }
    }

    /// The leaf hashes, from the tiles. Every tile is read, and has the hashes that follow from those below it.
    pub const fn hashes(log: &'l TiledLog, head: TreeHead) -> Self {
        Self { log, head, pieces: Pieces::Hashes, tiles: true }
    }

    /// Every tile is read too, and has the hashes that follow from the leaves.
    #[must_use]
    pub const fn beside_tiles(self) -> Self {
        Self { tiles: true, ..self }
    }

    /// Whether there are bundles of entries: none, where the tiles were published without them or a token is asked for.
    ///
    /// # Errors
    ///
    /// It cannot be said.
    pub fn has_leaves(log: &TiledLog, head: TreeHead) -> Result<bool, TiledError> {
        match log.bundle(0, head.size) {
            Ok(_) => Ok(true),
            Err(error) if !log.has_token() && (error.is_missing() || error.is_refused()) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether what was verified so far is the beginning of what the checkpoint is over.
    ///
    /// # Errors
    ///
    /// It is not, or cannot be proved.
    pub fn begins_with(&self, part: TreeHead) -> Result<(), Stop> {
        let head = self.head;
        if part.size == 0 || part == head {
            return Ok(());
        }
        let tree = self.log.tree(head.size);
        let of_proof = |error: ProveError<TiledError>| match error {
            ProveError::Nodes(error) => Unreadable::from(error),
            _ => beyond(head.size),
        };
        let proof = prove_consistency(&tree, part.size, head.size).map_err(of_proof)?;
        if verify_consistency(part, head, &proof).is_ok() {
            return Ok(());
        }
        let expected = root_at(&tree, part.size).map_err(Unreadable::from)?;
        let what = What::Root { size: part.size, expected, found: part.root };
        Err(Fault { index: part.size - 1, what }.into())
    }

    /// What stands in one bundle, or in the tile over it, from an entry on; the index of each.
    fn bundle(&self, from: u64) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let number = from / BUNDLE;
        let first = number * BUNDLE;
        let tile = Tile::at(TileKind::Hashes(0), number, self.head.size).ok_or_else(|| beyond(from))?;
        let width = usize::from(tile.width);
        let hashes = if self.tiles { self.log.hashes(tile)? } else { Vec::new() };
        let pieces: Vec<Bytes> = match self.pieces {
            Pieces::Hashes => hashes.iter().take(width).map(|hash| Bytes::copy_from_slice(&hash.0)).collect(),
            Pieces::Leaves | Pieces::Whole => {
                let (_, leaves) = self.log.bundle(first, self.head.size)?;
                leaves.into_iter().take(width).map(Bytes::from).collect()
            }
        };
        if pieces.len() < width {
            let what = format!("the bundle from entry {first} on has {} entries of {width}", pieces.len());
            return Err(Unreadable { damaged: true, what });
        }
        if self.tiles {
            self.compare(tile, &hashes, &pieces)?;
        }
        let place = usize::try_from(from - first).unwrap_or(width);
        Ok((first..).zip(pieces).skip(place).collect())
    }

    /// A tile, the leaves below it, and the tiles above.
    fn compare(&self, tile: Tile, hashes: &[NodeHash], pieces: &[Bytes]) -> Result<(), Unreadable> {
        if self.pieces != Pieces::Hashes {
            let differ =
                (0_u64..).zip(pieces.iter().zip(hashes)).find(|(_, (leaf, hash))| LeafHash::of(leaf).0 != hash.0);
            if let Some((place, (leaf, hash))) = differ {
                let (index, found) = (tile.number * BUNDLE + place, LeafHash::of(leaf));
                let what =
                    format!("{tile} says that entry {index} has leaf hash {}, and it has {found}", LeafHash(hash.0));
                return Err(Unreadable { damaged: true, what });
            }
        }
        if !tile.is_full() {
            return Ok(());
        }
        let all: Frontier = hashes.iter().map(|hash| LeafHash(hash.0)).collect();
        let tree = self.log.tree(self.head.size);
        let (mut level, mut index, mut below) = (8_u8, tile.number, NodeHash(all.root().0));
        loop {
            if tree.node(level, index)? != below {
                let (above, under) = (level / 8, level / 8 - 1);
                let what =
                    format!("hash {index} of the tiles of level {above} is not that of tile {index} of level {under}");
                return Err(Unreadable { damaged: true, what });
            }
            if index % BUNDLE != BUNDLE - 1 {
                return Ok(());
            }
            // The tile in which it stands is full.
            index /= BUNDLE;
            let half = |place| tree.node(level + 7, 2 * index + place);
            below = NodeHash::over(&half(0)?, &half(1)?);
            level += 8;
        }
    }

    /// One leaf, which is the one under the checkpoint: what was read before is not read again as something else.
    fn one(&self, index: u64) -> Result<(u64, Bytes), Unreadable> {
        let size = self.head.size;
        let (first, leaves) = self.log.bundle(index, size)?;
        let leaf = usize::try_from(index - first).ok().and_then(|place| leaves.into_iter().nth(place));
        let leaf = leaf.ok_or_else(|| beyond(index))?;
        let proof = prove_inclusion(&self.log.tree(size), index, size).map_err(|error| match error {
            ProveError::Nodes(error) => Unreadable::from(error),
            _ => beyond(index),
        })?;
        let another =
            |_| Unreadable { damaged: true, what: format!("entry {index} is not the one under the checkpoint") };
        verify_inclusion(LeafHash::of(&leaf), index, self.head, &proof).map_err(another)?;
        Ok((index, leaf.into()))
    }
}

impl Entries for TiledEntries<'_> {
    fn size(&self) -> u64 {
        self.head.size
    }

    fn pieces(&self) -> Pieces {
        self.pieces
    }

    /// Several bundles at once, since each has to come from afar.
    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        if from >= self.head.size {
            return Ok(Vec::new());
        }
        if bytes_max <= 1 && self.pieces == Pieces::Leaves {
            return Ok(vec![self.one(from)?]);
        }
        let last = (self.head.size - 1) / BUNDLE;
        let bundles = (from / BUNDLE..=last).take(AT_ONCE);
        let read: Vec<Result<Vec<(u64, Bytes)>, Unreadable>> = thread::scope(|scope| {
            let begun = bundles.map(|number| scope.spawn(move || self.bundle(from.max(number * BUNDLE))));
            let begun: Vec<_> = begun.collect();
            let stopped = |_| Err(Unreadable { damaged: false, what: "a thread that read stopped".to_owned() });
            begun.into_iter().map(|bundle| bundle.join().unwrap_or_else(stopped)).collect()
        });
        let mut entries = Vec::new();
        for bundle in read {
            match bundle {
                Ok(bundle) => entries.extend(bundle),
                // What came before it can be verified; it is asked for again then.
                Err(_) if !entries.is_empty() => break,
                Err(unreadable) => return Err(unreadable),
            }
        }
        Ok(entries)
    }
}

fn beyond(index: u64) -> Unreadable {
    Unreadable { damaged: true, what: format!("there is no entry {index}") }
}

impl From<TiledError> for Unreadable {
    fn from(error: TiledError) -> Self {
        Self { damaged: error.is_damage(), what: error.to_string() }
    }
}
