//! Entries in one file, each after its length: a segment of a backup, `entries.prb` of an export, or what was read
//! from a service.
//!
//! ```text
//! 4 + len  an entry as it is stored, and again, to the end of the file
//! ```

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;

use crate::export::Digester;
use crate::export::FileEntry;
use crate::verify::Entries;
use crate::verify::Unreadable;

const LENGTH_BYTES: u64 = 4;
const BUFFER_BYTES: usize = 1 << 20;

/// A file of entries. Eight bytes an entry are kept in memory: where each begins.
#[derive(Debug)]
pub struct EntriesFile {
    file: File,
    /// Index of the first entry.
    first: u64,
    /// Where each entry begins, its length first; at the end, where the last whole one ends.
    begins: Vec<u64>,
}

/// A file of entries as far as it could be read.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The whole entries at its beginning.
    pub(super) entries: EntriesFile,
    /// Whether the file ends with the last of them.
    pub(super) whole: bool,
    /// Of the file, all of it.
    pub(super) found: FileEntry,
}

impl EntriesFile {
    /// Opens a file that begins with entry 0.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not end with an entry.
    pub fn open(path: &Path) -> Result<Self, Unreadable> {
        Self::open_at(path, 0)
    }

    /// Opens a file that begins with entry `first`.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not end with an entry.
    pub fn open_at(path: &Path, first: u64) -> Result<Self, Unreadable> {
        let Scanned { entries, whole, .. } = Self::scan(path, "", first)?;
        if whole {
            Ok(entries)
        } else {
            Err(Unreadable { damaged: true, what: format!("entry {} is cut", entries.size()) })
        }
    }

    /// Opens a file that begins with entry `first`, and reads it once from end to end.
    pub(super) fn scan(path: &Path, name: &str, first: u64) -> Result<Scanned, Unreadable> {
        let unreadable = |error: io::Error| out_of_reach(&format!("{}: cannot read: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, &file);
        let mut digester = Digester::default();
        let (mut begins, mut at) = (vec![0], 0);
        let mut length = Vec::with_capacity(4);
        let whole = loop {
            length.clear();
            reader.by_ref().take(LENGTH_BYTES).read_to_end(&mut length).map_err(unreadable)?;
            digester.take(&length);
            if length.is_empty() {
                break true;
            }
            let Ok(length) = length.as_slice().try_into().map(u32::from_be_bytes) else { break false };
            if !pass(&mut reader, length, &mut digester).map_err(unreadable)? {
                break false;
            }
            at += LENGTH_BYTES + u64::from(length);
            begins.push(at);
        };
        // What comes after a cut is part of the file too.
        while !whole && pass(&mut reader, u32::MAX, &mut digester).map_err(unreadable)? {}
        let found = digester.end(name, Some((begins.len() - 1) as u64));
        Ok(Scanned { entries: Self { file, first, begins }, whole, found })
    }

    /// Entries from one on and before another, of about so many bytes.
    pub(super) fn read_before(&self, from: u64, end: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let mut read = Vec::new();
        let mut bytes = 0;
        for index in from..end.min(self.size()) {
            let entry = self.one(index)?;
            bytes += entry.len();
            read.push((index, entry));
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(read)
    }

    /// Index of the first entry.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Makes the file durable, but for its name.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn one(&self, index: u64) -> Result<Bytes, Unreadable> {
        let place = usize::try_from(index - self.first).expect("it is in memory");
        let begin = self.begins[place] + LENGTH_BYTES;
        let length = usize::try_from(self.begins[place + 1] - begin).expect("a length of 32 bits fits");
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, begin)
            .map_err(|error| out_of_reach(&format!("entry {index}: cannot read: {error}")))?;
        Ok(bytes.into())
    }
}

impl Entries for EntriesFile {
    fn size(&self) -> u64 {
        self.first + (self.begins.len() - 1) as u64
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        self.read_before(from, self.size(), bytes_max)
    }
}

/// A file of entries that is being written.
#[derive(Debug)]
pub struct EntriesWriter {
    writer: BufWriter<File>,
    first: u64,
    begins: Vec<u64>,
    digester: Digester,
}

impl EntriesWriter {
    /// Writes into an empty file, from entry `first` on.
    pub fn new(file: File, first: u64) -> Self {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        Self { writer, first, begins: vec![0], digester: Digester::default() }
    }

    /// Writes the next entry.
    ///
    /// # Errors
    ///
    /// The disk refused; the file is of no use then.
    pub fn push(&mut self, entry: &[u8]) -> io::Result<()> {
        let length = u32::try_from(entry.len()).expect("an entry is shorter than 4 GiB");
        for piece in [length.to_be_bytes().as_slice(), entry] {
            self.digester.take(piece);
            self.writer.write_all(piece)?;
        }
        self.begins.push(self.bytes() + LENGTH_BYTES + u64::from(length));
        Ok(())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.begins.last().copied().unwrap_or_default()
    }

    /// Index of the next entry.
    pub const fn next(&self) -> u64 {
        self.first + (self.begins.len() - 1) as u64
    }

    /// Hands everything to the system; the file, to be read, and what a manifest says of it under a name.
    ///
    /// # Errors
    ///
    /// The disk refused.
    pub fn finish(self, name: &str) -> io::Result<(EntriesFile, FileEntry)> {
        let found = self.digester.end(name, Some((self.begins.len() - 1) as u64));
        let file = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((EntriesFile { file, first: self.first, begins: self.begins }, found))
    }
}

/// Takes so many bytes; whether there were as many.
fn pass(reader: &mut impl BufRead, length: u32, digester: &mut Digester) -> io::Result<bool> {
    let mut left = usize::try_from(length).expect("a length of 32 bits fits");
    while left > 0 {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let taken = buffer.len().min(left);
        digester.take(&buffer[..taken]);
        reader.consume(taken);
        left -= taken;
    }
    Ok(true)
}

fn out_of_reach(what: &str) -> Unreadable {
    Unreadable { damaged: false, what: what.to_owned() }
}
