//! Making an export of a running log, in a folder of its own. Runs on a thread that may block.

use std::fs;
use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use thiserror::Error;

use crate::export;
use crate::export::EntryRead;
use crate::export::ExportError;
use crate::export::MANIFEST_FILE;
use crate::export::Manifest;
use crate::export::Sink;
use crate::export::Source;
use crate::export::Wanted;
use crate::index::IndexError;
use crate::ledger::HistoryKey;
use crate::log::Key;
use crate::service::Reader;
use crate::store::failpoint;

/// Bytes of entries read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Bytes that are written between two looks at the free space.
const LOOK_EVERY_BYTES: u64 = 16 << 20;

/// How far an export is, and whether it is still wanted. Shared by who makes it and who watches.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    entries: AtomicU64,
    goal: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// Rows written, in one format.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Entries read, and how many there are to be read.
    pub fn entries(&self) -> (u64, u64) {
        (self.entries.load(Ordering::Relaxed), self.goal.load(Ordering::Relaxed))
    }

    /// It is not wanted any more; whoever makes it stops soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it is not wanted any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Why an export was not made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] IndexError),
    /// The disk refused.
    #[error("{path}: cannot {doing}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The disk is kept free for the log.
    #[error("free space is below the reserve of {reserve_bytes} bytes")]
    DiskNearlyFull {
        /// As configured.
        reserve_bytes: u64,
    },
    /// It is not wanted any more.
    #[error("it was cancelled")]
    Cancelled,
    /// There is no such export.
    #[error("{0}")]
    Refused(String),
}

impl From<ExportError<Self>> for MakeError {
    fn from(error: ExportError<Self>) -> Self {
        match error {
            ExportError::Failed(error) => error,
            other => Self::Refused(other.to_string()),
        }
    }
}

fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> MakeError {
    let path = path.to_owned();
    move |error| MakeError::Io { path, doing, error }
}

/// Makes an export in a folder, which is made anew: whatever was there is gone. Its manifest is written last, when
/// everything else is durable.
///
/// # Errors
///
/// It was not made; what is in the folder is no export.
pub fn make(
    reader: &Reader,
    wanted: &Wanted,
    folder: &Path,
    reserve_bytes: u64,
    progress: &Progress,
) -> Result<Manifest, MakeError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(io(folder, "remove what was left of an export"))?;
    }
    fs::create_dir_all(folder).map_err(io(folder, "make the folder"))?;
    let mut files = Files { folder, open: Vec::new(), reserve_bytes, until_look: 0, progress };
    for name in export::file_names(wanted) {
        let path = folder.join(name);
        let file = File::create_new(&path).map_err(io(&path, "make the file"))?;
        files.open.push((path, BufWriter::new(file)));
    }
    let log = Log { reader, progress };
    let mut manifest = export::write(&log, wanted, &mut files, |done, goal| {
        progress.entries.store(done, Ordering::Relaxed);
        progress.goal.store(goal, Ordering::Relaxed);
    })?;
    for (path, writer) in files.open {
        let file = writer.into_inner().map_err(|error| io(&path, "write to it")(error.into_error()))?;
        file.sync_all().map_err(io(&path, "sync it"))?;
        failpoint::hit("delivery-file-made");
    }
    // Under another name first: where there is a manifest, it is whole.
    let path = folder.join(format!("{MANIFEST_FILE}.partial"));
    let mut file = File::create_new(&path).map_err(io(&path, "make the file"))?;
    file.write_all(&manifest.encode()).and_then(|()| file.sync_all()).map_err(io(&path, "write to it"))?;
    fs::rename(&path, folder.join(MANIFEST_FILE)).map_err(io(&path, "give it its name"))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder, "sync it"))?;
    failpoint::hit("delivery-made");
    Ok(manifest)
}

/// The last entry recorded at or before a moment, or the one before its request where that was not all recorded by
/// then; `None` before the first.
///
/// # Errors
///
/// The log cannot be read.
pub fn position_at(reader: &Reader, unix_ms: u64) -> Result<Option<u64>, IndexError> {
    let Some(position) = reader.position_at(unix_ms)? else { return Ok(None) };
    whole_request(reader, position)
}

/// A position, or the last one before its request where that ends later.
///
/// # Errors
///
/// The log cannot be read.
pub fn whole_request(reader: &Reader, position: u64) -> Result<Option<u64>, IndexError> {
    let Some(entry) = reader.entry(position)? else { return Ok(None) };
    if export::end_of_request(&entry.checked) == position {
        return Ok(Some(position));
    }
    let number = entry.checked.manifest.as_ref().map_or(0, |manifest| manifest.number);
    Ok(position.checked_sub(u64::from(number) + 1))
}

/// A running log, as an export reads it.
struct Log<'a> {
    reader: &'a Reader,
    progress: &'a Progress,
}

impl Log<'_> {
    fn read(&self, read: crate::service::EntryRead) -> Result<EntryRead, MakeError> {
        let index = read.checked.leaf.index;
        let erased = read.open_erased_by.is_some() || read.parts_erased_by.iter().any(Option::is_some);
        // Most entries are as they were recorded, and nobody need ask who erased what of them.
        let erasures = if erased { self.reader.index().erasures(index)? } else { Vec::new() };
        Ok(EntryRead { checked: read.checked, erasures })
    }
}

impl Source for Log<'_> {
    type Error = MakeError;

    fn entries(&self, from: u64, upto: u64) -> Result<Vec<EntryRead>, MakeError> {
        if self.progress.is_cancelled() {
            return Err(MakeError::Cancelled);
        }
        let read = self.reader.entries(from, upto.saturating_add(1), CHUNK_BYTES)?;
        read.into_iter().map(|read| self.read(read)).collect()
    }

    fn entry(&self, index: u64) -> Result<Option<EntryRead>, MakeError> {
        self.reader.entry(index)?.map(|read| self.read(read)).transpose()
    }

    fn places(&self, stream: &Key, upto: u64) -> Result<Vec<u64>, MakeError> {
        let places = self.reader.history(&HistoryKey::Leaf(*stream), None, upto, usize::MAX)?;
        Ok(places.into_iter().map(|place| place.index).collect())
    }
}

/// The files while they are written.
struct Files<'a> {
    folder: &'a Path,
    open: Vec<(PathBuf, BufWriter<File>)>,
    reserve_bytes: u64,
    until_look: u64,
    progress: &'a Progress,
}

impl Sink for Files<'_> {
    type Error = MakeError;

    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), MakeError> {
        if self.progress.is_cancelled() {
            return Err(MakeError::Cancelled);
        }
        if self.until_look < bytes.len() as u64 {
            let found = rustix::fs::statvfs(self.folder)
                .map_err(|error| io(self.folder, "ask for free space")(error.into()))?;
            if found.f_bavail.saturating_mul(found.f_frsize) < self.reserve_bytes {
                return Err(MakeError::DiskNearlyFull { reserve_bytes: self.reserve_bytes });
            }
            self.until_look = LOOK_EVERY_BYTES;
        }
        self.until_look = self.until_look.saturating_sub(bytes.len() as u64);
        let (path, writer) = &mut self.open[file];
        writer.write_all(bytes).map_err(io(path, "write to it"))
    }

    fn row(&mut self) {
        self.progress.rows.fetch_add(1, Ordering::Relaxed);
    }
}
