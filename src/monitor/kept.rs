//! A replay of a log that is kept between runs, in a file, with the checkpoint that it went towards.
//!
//! ```text
//! length of the note (4) ‖ SHA-256 of the note (32) ‖ the note ‖ the replay, see `verify`
//! ```

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

use crate::fetch::TiledEntries;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::verify::Entries as _;
use crate::verify::LeafReplay;
use crate::verify::Stop;
use crate::verify::Unreadable;
use crate::verify::Wanted;

/// How many entries are replayed at least before that is kept; then a quarter of what it is over, so that all that is
/// written together is a small multiple of what is written last.
const KEPT_EVERY: u64 = 1 << 16;

/// How far a log was replayed, and towards which checkpoint of it.
#[derive(Debug)]
pub struct KeptReplay {
    /// The checkpoint, as it was signed.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Where the replay is; not beyond the checkpoint.
    pub replay: LeafReplay,
}

/// A kept replay cannot be used.
#[derive(Debug, Error)]
#[error("{}: {what}", file.display())]
pub struct KeptError {
    /// Which file.
    pub file: PathBuf,
    /// What is wrong.
    pub what: String,
}

impl From<KeptError> for Unreadable {
    fn from(error: KeptError) -> Self {
        Self { damaged: false, what: error.to_string() }
    }
}

impl KeptReplay {
    /// A replay that goes towards a checkpoint.
    pub const fn new(note: Note, checkpoint: Checkpoint, replay: LeafReplay) -> Self {
        Self { note, checkpoint, replay }
    }

    /// Reads what was kept; `None` where there is nothing yet.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is damaged.
    pub fn read(file: &Path) -> Result<Option<Self>, KeptError> {
        let fault = |what: String| KeptError { file: file.to_owned(), what };
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error.to_string())),
        };
        let kept = parse(&bytes);
        let damaged = || fault("it is damaged, or of another program; remove it to begin at entry 0 again".to_owned());
        kept.map(Some).ok_or_else(damaged)
    }

    /// Replays up to the checkpoint. Where there is a file, how far it came is kept now and then, and at the end: never
    /// after a fault, and only what the checkpoint is proved to continue.
    ///
    /// # Errors
    ///
    /// It cannot be kept. Why the replay itself did not come to the end is in what is returned.
    pub fn advance(
        &mut self,
        entries: &TiledEntries<'_>,
        wanted: &Wanted<'_>,
        file: Option<&Path>,
        mut progress: impl FnMut(u64),
    ) -> Result<Option<Stop>, KeptError> {
        let size = entries.size();
        loop {
            let from = self.replay.head().size;
            let step = if file.is_some() { KEPT_EVERY.max(from / 4) } else { size };
            let advanced = self.replay.advance(entries, size.min(from.saturating_add(step)), wanted, &mut progress);
            if let Err(Stop::Fault(_)) = advanced {
                return Ok(advanced.err());
            }
            let head = self.replay.head();
            if let Some(file) = file.filter(|_| head.size > from) {
                if let Err(stop) = entries.begins_with(head) {
                    return Ok(Some(stop));
                }
                self.write(file)?;
            }
            if advanced.is_err() || head.size >= size {
                return Ok(advanced.err());
            }
            if wanted.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                let what =
                    format!("interrupted after {} of {size} entries; the same command goes on from there", head.size);
                return Ok(Some(Unreadable { damaged: false, what }.into()));
            }
        }
    }

    /// Keeps it, durably: the new state takes the place of the old one, or the old one stays.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&mut self, file: &Path) -> Result<(), KeptError> {
        let note = self.note.to_string();
        let len = u32::try_from(note.len()).expect("a note is short").to_be_bytes();
        let replay = self.replay.encode();
        let put = || {
            let new = file.with_added_extension("new");
            let mut out = File::create(&new)?;
            for piece in [&len[..], &Sha256::digest(&note), note.as_bytes(), &replay] {
                out.write_all(piece)?;
            }
            out.sync_all()?;
            fs::rename(&new, file)?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        put().map_err(|error: io::Error| KeptError { file: file.to_owned(), what: error.to_string() })
    }
}

fn parse(bytes: &[u8]) -> Option<KeptReplay> {
    let (len, rest) = bytes.split_first_chunk()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let (note, replay) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    if Sha256::digest(note)[..] != digest[..] {
        return None;
    }
    let note = Note::parse(note).ok()?;
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refused).ok()?;
    let replay = LeafReplay::decode(replay).ok()?;
    let of_one = replay.origin().is_empty() || replay.origin() == checkpoint.origin;
    (of_one && replay.head().size <= checkpoint.size).then(|| KeptReplay::new(note, checkpoint, replay))
}
