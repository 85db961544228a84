//! A log that is read as files (C2SP `tlog-tiles`), over HTTP or from a folder, at one size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
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
    place: Place,
    /// Tiles that were read.
    tiles: Mutex<BTreeMap<Tile, Vec<NodeHash>>>,
}

#[derive(Debug)]
enum Place {
    Served {
        client: Client,
        url: String,
        /// Of an auditor, for the entries.
        token: Option<String>,
    },
    Folder(PathBuf),
}

/// Tiles that are kept after they were read; when there are more, they are read again.
const TILES_MAX: usize = 4096;

/// Why something of a log could not be had.
#[derive(Debug, Error)]
pub enum TiledError {
    /// Nobody answered.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not there, or cannot be read.
    #[error("{}: {error}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It was refused, or is not there.
    #[error("{url}: status {status}{}", hint(*status))]
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

const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": entries are for auditors, and this is not the token of one",
        _ => "",
    }
}

impl TiledError {
    /// Whether it is not there, though a checkpoint is over it, or is something else than it should be.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Status { .. } | Self::File { .. } => self.is_missing(),
            Self::Note { .. } | Self::Tile { .. } | Self::Node { .. } => true,
            Self::Fetch(_) => false,
        }
    }

    /// Whether it is not there.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 404 | 410),
            Self::File { error, .. } => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether a token was asked for, or another one.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, .. })
    }
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
        Self { place: Place::Served { client, url: url.to_owned(), token }, tiles: Mutex::default() }
    }

    /// The log in a folder, as `probity export tiles` writes it.
    pub fn in_folder(folder: &Path) -> Self {
        Self { place: Place::Folder(folder.to_owned()), tiles: Mutex::default() }
    }

    /// Whether it is asked with the token of an auditor.
    pub const fn has_token(&self) -> bool {
        matches!(self.place, Place::Served { token: Some(_), .. })
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    ///
    /// It cannot be had, or is no note.
    pub fn checkpoint(&self) -> Result<Note, TiledError> {
        let (url, body) = self.read("checkpoint", Asked::Hashes, NOTE_BYTES_MAX as u64)?;
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
        let (url, body, tile) = self.tile(tile, BUNDLE_BYTES_MAX)?;
        let entries: Result<Vec<Vec<u8>>, Malformed> =
            BundleEntries::new(&body, tile.width).map(|entry| entry.map(<[u8]>::to_vec)).collect();
        Ok((number * u64::from(TILE_WIDTH), entries.map_err(|fault| TiledError::Tile { url, fault })?))
    }

    /// The hashes of a tile, as many as it is wide at least.
    ///
    /// # Errors
    ///
    /// It cannot be had, or is no tile.
    pub fn hashes(&self, tile: Tile) -> Result<Vec<NodeHash>, TiledError> {
        self.hashes_and_width(tile).map(|(hashes, _)| hashes)
    }

    fn hashes_and_width(&self, tile: Tile) -> Result<(Vec<NodeHash>, Tile), TiledError> {
        let (url, body, tile) = self.tile(tile, u64::from(TILE_WIDTH) * 32)?;
        let hashes = tile_hashes(&body, tile.width).map_err(|fault| TiledError::Tile { url, fault })?.collect();
        Ok((hashes, tile))
    }

    /// A tile; where the partial one is gone since, the full one.
    fn tile(&self, tile: Tile, bytes_max: u64) -> Result<(String, Vec<u8>, Tile), TiledError> {
        let asked = if tile.kind == TileKind::Entries { Asked::Entries } else { Asked::Hashes };
        match self.read(&tile.to_string(), asked, bytes_max) {
            Err(missing) if missing.is_missing() && !tile.is_full() => {
                let full = tile.full();
                // What is said to be missing is what was asked for.
                let (url, body) = self
                    .read(&full.to_string(), asked, bytes_max)
                    .map_err(|error| if error.is_missing() { missing } else { error })?;
                Ok((url, body, full))
            }
            read => read.map(|(url, body)| (url, body, tile)),
        }
    }

    fn read(&self, path: &str, asked: Asked, bytes_max: u64) -> Result<(String, Vec<u8>), TiledError> {
        match &self.place {
            Place::Served { client, url, token } => {
                let url = below(url, path);
                let token = token.as_deref().filter(|_| asked == Asked::Entries);
                let answer = client.get(&url, token, bytes_max)?;
                if answer.status == 200 {
                    Ok((url, answer.body))
                } else {
                    Err(TiledError::Status { url, status: answer.status })
                }
            }
            Place::Folder(folder) => {
                let file = folder.join(path);
                let mut body = Vec::new();
                // What is longer than it may be is no tile, and the whole of it is not needed to see that.
                let read = File::open(&file).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut body));
                match read {
                    Ok(_) => Ok((file.display().to_string(), body)),
                    Err(error) => Err(TiledError::File { file, error }),
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What may be public.
    Hashes,
    /// What is for auditors.
    Entries,
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
        let (hashes, tile) = self.log.hashes_and_width(tile)?;
        let hash = span.hash_in(&hashes);
        let mut tiles = self.log.tiles.lock().unwrap_or_else(PoisonError::into_inner);
        if tiles.len() >= TILES_MAX {
            tiles.clear();
        }
        tiles.insert(tile, hashes);
        hash.ok_or_else(none)
    }
}
