//! Adding to a backup what is new in its log.

use std::fs;
use std::fs::File;
use std::mem;
use std::path::Path;
use std::path::PathBuf;

use bytes::Bytes;

use crate::backup::BackupError;
use crate::backup::EntriesWriter;
use crate::backup::Manifest;
use crate::backup::Segment;
use crate::backup::Segments;
use crate::backup::folder::Folder;
use crate::backup::folder::PARTIAL;
use crate::backup::manifest::segment_name;
use crate::backup::pass::Sink;
use crate::backup::pass::pass;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::LeafHash;
use crate::store::failpoint;
use crate::verify::Entries;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;

/// How long a segment becomes where nobody said otherwise, in bytes; 64 MiB.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// What a run has written.
#[derive(Clone, Debug)]
pub struct Written {
    /// What the backup holds now.
    pub manifest: Manifest,
    /// What it held before: number of entries, and number of segments.
    pub before: (u64, usize),
    /// Of the entries that were added.
    pub report: Report,
}

/// Adds to the backup in a folder what the log has beyond it, or begins one. The last entry of the backup is the
/// log's, and what is added is verified as it is written, from there on. A segment ends with the entry that reaches
/// `segment_bytes`. `progress` is told how many entries are good, and the goal.
///
/// # Errors
///
/// The log does not continue the backup, an entry is at fault, or something could not be read or written. The backup
/// is what it was.
pub fn write(
    log: &dyn Entries,
    to: &Path,
    segment_bytes: u64,
    progress: impl FnMut(u64, u64),
) -> Result<Written, BackupError> {
    let genesis = one(log, 0)?;
    let Body::Genesis(named) = &genesis.leaf.body else {
        return Err(Unreadable { damaged: true, what: "entry 0 is not GENESIS".to_owned() }.into());
    };
    let mut folder = Folder::begin(to, &named.origin, &genesis.leaf_hash)?;
    let leaf = compare(log, &folder)?;
    let from = folder.manifest.size();
    let before = (from, folder.manifest.segments.len());
    if from == log.size() {
        return Ok(Written { manifest: folder.manifest, before, report: Report::default() });
    }
    let mut writing = Writing { folder: folder.path.clone(), segment_bytes, leaf, open: None, done: Vec::new() };
    let passed = pass(log, &Wanted { from, ..Wanted::default() }, &mut writing, progress).and_then(|report| {
        writing.end_segment()?;
        failpoint::hit("backup-verified");
        Ok(report)
    });
    let published = passed.and_then(|report| folder.publish(mem::take(&mut writing.done)).map(|()| report));
    match published {
        Ok(report) => Ok(Written { manifest: folder.manifest, before, report }),
        Err(error) => {
            drop(writing);
            // Only to give the room back: nothing names them, and the next run would remove them.
            _ = folder.remove_unnamed();
            Err(error)
        }
    }
}

/// Whether the log continues the backup; leaf hash of the backup's last entry.
fn compare(log: &dyn Entries, folder: &Folder) -> Result<LeafHash, BackupError> {
    let Some((index, named)) = folder.manifest.head() else { return Ok(LeafHash::NONE) };
    if index >= log.size() {
        return Err(BackupError::Ahead { backup: index, log: log.size() });
    }
    let segments = Segments::new(&folder.path, &folder.manifest);
    let damaged = |error: Unreadable| match error {
        Unreadable { damaged: true, what } => BackupError::Segment { what },
        other => other.into(),
    };
    segments.check_lengths().map_err(damaged)?;
    let read = segments.read(index, 1).map_err(damaged)?;
    let kept = read.first().and_then(|(_, bytes)| Entry::check(bytes).ok()).map(|entry| entry.leaf_hash);
    if kept != Some(named) {
        let what = format!("entry {index} of the backup is not the one that its manifest names");
        return Err(BackupError::Segment { what });
    }
    let found = one(log, index)?.leaf_hash;
    if found == named { Ok(named) } else { Err(BackupError::Forked { index, backup: named, log: found }) }
}

fn one(log: &dyn Entries, index: u64) -> Result<Checked, BackupError> {
    let read = log.read(index, 1)?;
    let missing = || Unreadable { damaged: true, what: format!("entry {index} is missing") };
    let (_, bytes) = read.first().ok_or_else(missing)?;
    Entry::check(bytes).map_err(|fault| BackupError::Damaged { index, fault })
}

/// Segments that are being written; none of them is the backup's yet.
struct Writing {
    folder: PathBuf,
    segment_bytes: u64,
    /// Leaf hash of the last entry of the segment before.
    leaf: LeafHash,
    open: Option<Open>,
    done: Vec<Segment>,
}

struct Open {
    first: u64,
    partial: PathBuf,
    writer: EntriesWriter,
    last: Bytes,
}

impl Writing {
    fn begin_segment(&self, first: u64) -> Result<Open, BackupError> {
        let partial = self.folder.join(segment_name(first) + PARTIAL);
        let file = File::options().read(true).write(true).create_new(true).open(&partial);
        let file = file.map_err(BackupError::io(&partial, "make the file"))?;
        Ok(Open { first, partial, writer: EntriesWriter::new(file, first), last: Bytes::new() })
    }

    /// Makes the open segment durable and gives it its name, which is not yet durable.
    fn end_segment(&mut self) -> Result<(), BackupError> {
        let Some(Open { first, partial, writer, last }) = self.open.take() else { return Ok(()) };
        let (index, name) = (writer.next() - 1, segment_name(first));
        let (file, entry) = writer.finish(&name).map_err(BackupError::io(&partial, "write to it"))?;
        file.sync().map_err(BackupError::io(&partial, "sync it"))?;
        failpoint::hit("backup-segment-written");
        let path = self.folder.join(&name);
        fs::rename(&partial, &path).map_err(BackupError::io(&path, "put it into its place"))?;
        failpoint::hit("backup-segment-renamed");
        let leaf = Entry::check(&last).map_err(|fault| BackupError::Damaged { index, fault })?.leaf_hash;
        let before = mem::replace(&mut self.leaf, leaf).to_string();
        self.done.push(Segment { first, last: index, before, leaf: leaf.to_string(), file: entry });
        Ok(())
    }
}

impl Sink for Writing {
    fn take(&mut self, entries: &[(u64, Bytes)]) -> Result<(), BackupError> {
        for (index, bytes) in entries {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => self.begin_segment(*index)?,
            };
            open.writer.push(bytes).map_err(BackupError::io(&open.partial, "write to it"))?;
            open.last = bytes.clone();
            let full = open.writer.bytes() >= self.segment_bytes;
            self.open = Some(open);
            if full {
                self.end_segment()?;
            }
        }
        Ok(())
    }
}
