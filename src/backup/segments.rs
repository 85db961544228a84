//! The entries of a backup, as a verifier reads them. Each segment is read once from end to end and compared with the
//! manifest before an entry of it is taken.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;

use crate::backup::EntriesFile;
use crate::backup::Manifest;
use crate::backup::Segment;
use crate::verify::Entries;
use crate::verify::Unreadable;

/// Segments that are kept open beside each other: an erasure names an entry of an earlier one.
const KEPT_OPEN: usize = 4;

/// The entries of a backup.
#[derive(Debug)]
pub struct Segments {
    folder: PathBuf,
    named: Vec<Segment>,
    /// Segments that are open, the one used last at the end. Guards who opens one.
    open: Mutex<Vec<(usize, Arc<Opened>)>>,
}

#[derive(Debug)]
struct Opened {
    entries: EntriesFile,
    /// How the file differs from what the manifest says.
    difference: Option<String>,
}

impl Segments {
    /// The entries that a manifest names in a folder. No file is opened yet.
    pub fn new(folder: &Path, manifest: &Manifest) -> Self {
        Self { folder: folder.to_owned(), named: manifest.segments.clone(), open: Mutex::default() }
    }

    /// Whether every segment is there and as long as it should be, without reading it.
    ///
    /// # Errors
    ///
    /// Which is not.
    pub fn check_lengths(&self) -> Result<(), Unreadable> {
        for segment in &self.named {
            let found = self.length(segment)?;
            if found != segment.file.bytes {
                let what = format!("{}: {found} bytes, {} in the manifest", segment.file.name, segment.file.bytes);
                return Err(Unreadable { damaged: true, what });
            }
        }
        Ok(())
    }

    fn length(&self, segment: &Segment) -> Result<u64, Unreadable> {
        let name = &segment.file.name;
        match self.folder.join(name).symlink_metadata() {
            Ok(found) if found.is_file() => Ok(found.len()),
            Ok(_) => Err(Unreadable { damaged: true, what: format!("{name}: it is no file") }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Unreadable { damaged: true, what: format!("{name}: the manifest names it, and it is missing") })
            }
            Err(error) => Err(Unreadable { damaged: false, what: format!("{name}: cannot look at it: {error}") }),
        }
    }

    fn opened(&self, place: usize) -> Result<Arc<Opened>, Unreadable> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|(opened, _)| *opened == place);
        let opened = match found {
            Some(at) => open.remove(at).1,
            None => Arc::new(self.scan(&self.named[place])?),
        };
        open.push((place, Arc::clone(&opened)));
        if open.len() > KEPT_OPEN {
            open.remove(0);
        }
        Ok(opened)
    }

    fn scan(&self, segment: &Segment) -> Result<Opened, Unreadable> {
        self.length(segment)?;
        let (expected, name) = (&segment.file, &segment.file.name);
        let scanned = EntriesFile::scan(&self.folder.join(name), name, segment.first)?;
        let (found, entries) = (scanned.found, scanned.entries);
        let difference = if found == *expected {
            None
        } else if !scanned.whole {
            Some(format!("{name}: entry {} is cut", entries.size()))
        } else if found.bytes != expected.bytes {
            Some(format!("{name}: {} bytes, {} in the manifest", found.bytes, expected.bytes))
        } else {
            Some(format!("{name}: SHA-256 {}, {} in the manifest", found.sha256, expected.sha256))
        };
        Ok(Opened { entries, difference })
    }
}

impl Entries for Segments {
    fn size(&self) -> u64 {
        self.named.last().map_or(0, |segment| segment.last + 1)
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let place = self.named.partition_point(|segment| segment.last < from);
        let Some(segment) = self.named.get(place) else { return Ok(Vec::new()) };
        let opened = self.opened(place)?;
        // Of a segment that is not what it was, the last entry is never given: the entry at fault is found before it,
        // or the segment as a whole is at fault.
        let end = if opened.difference.is_none() { segment.last + 1 } else { segment.last };
        let read = opened.entries.read_before(from, end, bytes_max)?;
        match &opened.difference {
            Some(what) if read.is_empty() => Err(Unreadable { damaged: true, what: what.clone() }),
            _ => Ok(read),
        }
    }
}
