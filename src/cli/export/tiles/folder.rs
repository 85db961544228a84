//! A folder of tiles. Every file is there whole or not at all, and the checkpoint after everything that is under it.
//!
//! ```text
//! checkpoint   tile/<level>/<number>   tile/entries/<number>
//! .new         what is being written; it takes its name by a rename
//! ```

use std::fs;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::syncfs;

use crate::cli::export::tiles::Failed;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::log::Tile;
use crate::store::failpoint;

const CHECKPOINT: &str = "checkpoint";
const NEW: &str = ".new";

/// The folder, ours as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked: a lock of the folder itself.
    lock: File,
    written: u64,
    kept: u64,
    /// Full tiles, of which no partial one is needed any more.
    full: Vec<PathBuf>,
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Self, Failed> {
        fs::create_dir_all(path).map_err(Failed::io(path, "make the folder"))?;
        let lock = File::open(path).map_err(Failed::io(path, "open it"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock, written: 0, kept: 0, full: Vec::new() }),
            Err(TryLockError::WouldBlock) => Err(Failed::UnderWay(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(Failed::io(path, "lock it")(error)),
        }
    }

    /// The checkpoint of an earlier run.
    pub(super) fn checkpoint(&self) -> Result<Option<Checkpoint>, Failed> {
        let path = self.path.join(CHECKPOINT);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let parsed = Note::parse(&bytes).and_then(|note| Checkpoint::parse(note.text(), Extensions::Refused));
        parsed.map(Some).map_err(|error| Failed::damaged(&path.display(), &error))
    }

    /// What is there of a tile.
    pub(super) fn read(&self, tile: Tile) -> Result<Option<Vec<u8>>, Failed> {
        read(&self.path.join(tile.to_string()))
    }

    /// A tile was looked at and is good.
    pub(super) fn keep(&mut self, tile: Tile) {
        self.kept += 1;
        self.note_full(tile);
    }

    /// Puts a tile there, unless it is there.
    pub(super) fn put(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Failed> {
        let path = self.path.join(tile.to_string());
        if read(&path)?.is_some_and(|found| found == bytes) {
            self.keep(tile);
            return Ok(());
        }
        let above = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(above).map_err(Failed::io(above, "make the folder"))?;
        self.replace(&path, bytes).map_err(Failed::io(&path, "write it"))?;
        failpoint::hit("export-tile-written");
        self.written += 1;
        self.note_full(tile);
        Ok(())
    }

    fn note_full(&mut self, tile: Tile) {
        if tile.is_full() {
            self.full.push(self.path.join(tile.to_string()));
        }
    }

    /// A crash before the rename leaves what was there, and `.new`, which the next file takes.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.join(NEW);
        fs::write(&new, bytes)?;
        fs::rename(&new, path)
    }

    /// Puts the checkpoint there, when everything under it is durable, and then removes partial tiles whose full ones are
    /// there. A crash in between leaves the earlier checkpoint, or some of these.
    pub(super) fn finish(&mut self, note: &Note) -> Result<(), Failed> {
        let path = self.path.join(CHECKPOINT);
        let text = note.to_string();
        if read(&path)?.is_some_and(|found| found == text.as_bytes()) && self.written == 0 {
            self.kept += 1;
            return Ok(());
        }
        syncfs(&self.lock).map_err(|error| Failed::io(&self.path, "sync it")(error.into()))?;
        failpoint::hit("export-tiles-synced");
        let new = self.path.join(NEW);
        let put = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            self.lock.sync_all()
        };
        put().map_err(Failed::io(&path, "write it"))?;
        failpoint::hit("export-tiles-checkpoint");
        self.written += 1;
        for tile in &self.full {
            let mut partial = tile.clone().into_os_string();
            partial.push(".p");
            match fs::remove_dir_all(&partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failed::io(Path::new(&partial), "remove it")(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Files written, and files found as they should be.
    pub(super) const fn counts(&self) -> (u64, u64) {
        (self.written, self.kept)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failed> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failed::io(path, "read it")(error)),
    }
}
