//! The published log of a data folder that no service uses now.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;

use crate::cli::export::tiles::Failed;
use crate::cli::export::tiles::Source;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::LeafHash;
use crate::log::Note;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::append_to_bundle;
use crate::log::leaf_bytes;
use crate::store::LogStore as _;
use crate::store::SledStore;

/// Bytes of entries read at once.
const READ_BYTES: usize = 4 << 20;

pub(super) struct Stored<'a> {
    /// The newest checkpoint that was published.
    newest: PathBuf,
    store: &'a SledStore,
    /// Entries that were read and not asked for yet.
    ahead: RefCell<VecDeque<(u64, Bytes)>>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(data: &Path, store: &'a SledStore) -> Self {
        Self { newest: data.join("checkpoints/newest"), store, ahead: RefCell::default() }
    }

    /// Tells each leaf below a tile.
    fn leaves(&self, tile: Tile, mut take: impl FnMut(&[u8]) -> Result<(), Failed>) -> Result<(), Failed> {
        let from = tile.number * u64::from(TILE_WIDTH);
        let mut ahead = self.ahead.borrow_mut();
        for wanted in from..from + u64::from(tile.width) {
            if ahead.front().is_none_or(|(index, _)| *index != wanted) {
                *ahead = self.store.read(wanted, READ_BYTES)?.into();
            }
            let entry = ahead.pop_front().filter(|(index, _)| *index == wanted);
            let entry = entry.ok_or_else(|| Failed::damaged(&format_args!("entry {wanted}"), &"it is not there"))?;
            let leaf = leaf_bytes(&entry.1);
            take(leaf.ok_or_else(|| Failed::damaged(&format_args!("entry {wanted}"), &"it has no leaf"))?)?;
        }
        Ok(())
    }
}

impl Source for Stored<'_> {
    fn checkpoint(&self) -> Result<(Checkpoint, Note), Failed> {
        let bytes = match fs::read(&self.newest) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failed::NotPublished(
                    "the data folder has no checkpoints/newest; serve it with seal_every_ms",
                ));
            }
            Err(error) => return Err(Failed::io(&self.newest, "read it")(error)),
        };
        let damaged = |error| Failed::damaged(&self.newest.display(), &error);
        let note = Note::parse(&bytes).map_err(damaged)?;
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).map_err(damaged)?;
        let size = self.store.size();
        if size < checkpoint.size {
            return Err(Failed::Short { size, published: checkpoint.size });
        }
        Ok((checkpoint, note))
    }

    fn leaf_hashes(&self, tile: Tile) -> Result<Vec<LeafHash>, Failed> {
        let mut hashes = Vec::with_capacity(tile.width.into());
        self.leaves(tile, |leaf| {
            hashes.push(LeafHash::of(leaf));
            Ok(())
        })?;
        Ok(hashes)
    }

    fn bundle(&self, tile: Tile) -> Result<Vec<u8>, Failed> {
        let mut bundle = Vec::new();
        self.leaves(tile, |leaf| append_to_bundle(&mut bundle, leaf).map_err(|error| Failed::damaged(&tile, &error)))?;
        Ok(bundle)
    }
}
