//! Published checkpoints, kept beside the ledger: they are no fold of it.
//!
//! ```text
//! checkpoints/newest      the newest one, signed, with the cosignatures that came
//! checkpoints/witnessed   the newest one that the policy's quorum has cosigned
//! ```

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::log::Note;
use crate::publish::PublishError;

const NEWEST: &str = "newest";
const WITNESSED: &str = "witnessed";

/// The folder of published checkpoints.
#[derive(Clone, Debug)]
pub(super) struct Kept(PathBuf);

impl Kept {
    /// Makes the folder where there is none.
    pub(super) fn open(data: &Path) -> Result<Self, PublishError> {
        let kept = Self(data.join("checkpoints"));
        if !kept.0.is_dir() {
            fs::create_dir(&kept.0).and_then(|()| sync(data)).map_err(|error| kept.io(NEWEST, error))?;
        }
        Ok(kept)
    }

    /// The newest one.
    pub(super) fn newest(&self) -> Result<Option<Note>, PublishError> {
        self.read(NEWEST)
    }

    /// The newest one that was witnessed.
    pub(super) fn witnessed(&self) -> Result<Option<Note>, PublishError> {
        self.read(WITNESSED)
    }

    /// Keeps the newest one. Durable when it returns; a crash before that leaves the one before.
    pub(super) fn keep(&self, note: &Note) -> Result<(), PublishError> {
        self.write(NEWEST, note)
    }

    /// Keeps the newest one that was witnessed, in the same way.
    pub(super) fn keep_witnessed(&self, note: &Note) -> Result<(), PublishError> {
        self.write(WITNESSED, note)
    }

    fn read(&self, name: &str) -> Result<Option<Note>, PublishError> {
        let bytes = match fs::read(self.0.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(name, error)),
        };
        let damaged = |error| PublishError::Kept { file: self.0.join(name), error };
        Note::parse(&bytes).map(Some).map_err(damaged)
    }

    fn write(&self, name: &str, note: &Note) -> Result<(), PublishError> {
        keep_note(&self.0.join(name), note).map_err(|error| self.io(name, error))
    }

    fn io(&self, name: &str, error: io::Error) -> PublishError {
        PublishError::Io { file: self.0.join(name), error }
    }
}

/// Puts a note into a file, in the place of the one before; its folder is made where there is none. Durable when it
/// returns; a crash before that leaves what was there.
///
/// # Errors
///
/// The file system said no.
pub fn keep_note(file: &Path, note: &Note) -> io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let new = file.with_extension("new");
    let mut written = File::create(&new)?;
    written.write_all(note.to_string().as_bytes())?;
    written.sync_all()?;
    fs::rename(&new, file)?;
    sync(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
