//! A log that is read as files over HTTP (C2SP `tlog-tiles`), at one size.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use thiserror::Error;

use crate::fetch::Client;
use crate::fetch::FetchError;
use crate::fetch::below;
use crate::log::BundleEntries;
use crate::log::Malformed;
use crate::log::MalformedLine;
use crate::log::NOTE_BYTES_MAX;
use crate::log::NodeHash;
use crate::log::Nodes;
use crate::log::Note;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::TileSpan;
use crate::log::tile_hashes;

/// The most bytes of a bundle: 256 entries of the longest kind.
const BUNDLE_BYTES_MAX: u64 = 256 * (2 + 65_535);

/// Where a log is served. What comes from there is believed by nobody before it was verified.
#[derive(Debug)]
pub struct TiledLog {
    client: Client,
    url: String,
    /// Of an auditor, for the entries.
    token: Option<String>,
    /// Tiles that were read.
    tiles: Mutex<BTreeMap<Tile, Vec<NodeHash>>>,
}

/// Why something of a log could not be had.
#[derive(Debug, Error)]
pub enum TiledError {
    /// Nobody answered.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It was refused, or is not there.
    #[error("{url}: status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// Of HTTP.
        status: u16,
    },
    /// The checkpoint is no signed note.
    #[error("{url}: {fault}")]
    Note {
        /// What was asked.
        url: String,
        /// What is wrong.
        fault: MalformedLine,
    },
    /// A tile is none.
    #[error("{url}: {fault}")]
    Tile {
        /// What was asked.
        url: String,
        /// What is wrong.
        fault: Malformed,
    },
    /// No tree has such a node.
    #[error("there is no node {index} at level {level}")]
    Node {
        /// Above the leaves.
        level: u8,
        /// From the left.
        index: u64,
    },
}

/// A log's tree at one size, from its tiles.
#[derive(Debug)]
pub struct TiledTree<'l> {
    log: &'l TiledLog,
    size: u64,
}

impl TiledLog {
    /// The log below an address.
    pub fn new(client: Client, url: &str, token: Option<String>) -> Self {
        Self { client, url: url.to_owned(), token, tiles: Mutex::default() }
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    ///
    /// It cannot be had, or is no note.
    pub fn checkpoint(&self) -> Result<Note, TiledError> {
        let (url, body) = self.read("checkpoint", None, NOTE_BYTES_MAX as u64)?;
        Note::parse(&body).map_err(|fault| TiledError::Note { url, fault })
    }

    /// The tree as of a size.
    pub const fn tree(&self, size: u64) -> TiledTree<'_> {
        TiledTree { log: self, size }
    }

    /// The entries of the bundle in which entry `index` stands, in a log of `size` entries; with the index of the first.
    ///
    /// # Errors
    ///
    /// It cannot be had, or is no bundle.
    pub fn bundle(&self, index: u64, size: u64) -> Result<(u64, Vec<Vec<u8>>), TiledError> {
        let number = index / u64::from(TILE_WIDTH);
        let tile = Tile::at(TileKind::Entries, number, size).ok_or(TiledError::Node { level: 0, index })?;
        let (url, body, tile) = self.tile(tile, self.token.as_deref(), BUNDLE_BYTES_MAX)?;
        let entries: Result<Vec<Vec<u8>>, Malformed> =
            BundleEntries::new(&body, tile.width).map(|entry| entry.map(<[u8]>::to_vec)).collect();
        Ok((number * u64::from(TILE_WIDTH), entries.map_err(|fault| TiledError::Tile { url, fault })?))
    }

    /// A tile; where the partial one is gone since, the full one.
    fn tile(&self, tile: Tile, token: Option<&str>, bytes_max: u64) -> Result<(String, Vec<u8>, Tile), TiledError> {
        match self.read(&tile.to_string(), token, bytes_max) {
            Err(TiledError::Status { status: 404 | 410, .. }) if !tile.is_full() => {
                let full = tile.full();
                let (url, body) = self.read(&full.to_string(), token, bytes_max)?;
                Ok((url, body, full))
            }
            read => read.map(|(url, body)| (url, body, tile)),
        }
    }

    fn read(&self, path: &str, token: Option<&str>, bytes_max: u64) -> Result<(String, Vec<u8>), TiledError> {
        let url = below(&self.url, path);
        let answer = self.client.get(&url, token, bytes_max)?;
        if answer.status == 200 {
            Ok((url, answer.body))
        } else {
            Err(TiledError::Status { url, status: answer.status })
        }
    }
}

impl Nodes for TiledTree<'_> {
    type Error = TiledError;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, TiledError> {
        let none = || TiledError::Node { level, index };
        let span = TileSpan::of_node(level, index).ok_or_else(none)?;
        let tile = Tile::at(TileKind::Hashes(span.level), span.number, self.size).ok_or_else(none)?;
        let known = |tile: &Tile| {
            let tiles = self.log.tiles.lock().unwrap_or_else(PoisonError::into_inner);
            tiles.get(tile).and_then(|hashes| span.hash_in(hashes))
        };
        if let Some(hash) = known(&tile).or_else(|| known(&tile.full())) {
            return Ok(hash);
        }
        let (url, body, tile) = self.log.tile(tile, None, u64::from(TILE_WIDTH) * 32)?;
        let hashes = tile_hashes(&body, tile.width).map_err(|fault| TiledError::Tile { url, fault })?.collect();
        self.log.tiles.lock().unwrap_or_else(PoisonError::into_inner).insert(tile, hashes);
        known(&tile).ok_or_else(none)
    }
}
