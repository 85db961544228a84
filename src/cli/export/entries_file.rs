//! Entries in one file, each after its length: `entries.prb` of an export, or what was read from a service.

use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;

use crate::cli::export::Failed;
use crate::verify::Entries;
use crate::verify::Unreadable;

const LENGTH_BYTES: u64 = 4;
/// Bytes of entries asked for at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A file of entries. Eight bytes an entry are kept in memory: where each begins.
#[derive(Debug)]
pub(crate) struct EntriesFile {
    file: File,
    /// Where each entry begins, its length first; at the end, where the file ends.
    begins: Vec<u64>,
}

impl EntriesFile {
    /// Opens a file that is there.
    ///
    /// # Errors
    ///
    /// It cannot be read, or does not end with an entry.
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let unreadable = |error: &io::Error| out_of_reach(&format!("{}: cannot read: {error}", path.display()));
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let end = file.metadata().map_err(|error| unreadable(&error))?.len();
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, &file);
        let mut begins = vec![0];
        let mut at = 0;
        while at < end {
            let mut length = [0; 4];
            let whole = at + LENGTH_BYTES <= end && reader.read_exact(&mut length).is_ok();
            let next = at + LENGTH_BYTES + u64::from(u32::from_be_bytes(length));
            if !whole || next > end {
                return Err(Unreadable { damaged: true, what: format!("entry {} is cut", begins.len() - 1) });
            }
            reader.seek_relative(i64::from(u32::from_be_bytes(length))).map_err(|error| unreadable(&error))?;
            begins.push(next);
            at = next;
        }
        drop(reader);
        Ok(Self { file, begins })
    }

    /// Copies all entries into an empty file.
    ///
    /// # Errors
    ///
    /// They cannot be had, or not be written.
    pub(super) fn copy(from: &dyn Entries, file: File, mut progress: impl FnMut(u64)) -> Result<Self, Failed> {
        let refused = |error| Failed::io(Path::new("the file of entries"), "write to it", error);
        let mut writer = BufWriter::with_capacity(CHUNK_BYTES, file);
        let mut begins = vec![0];
        let (mut at, mut next, size) = (0, 0, from.size());
        while next < size {
            let read = from.read(next, CHUNK_BYTES)?;
            if read.is_empty() {
                return Err(out_of_reach(&format!("the log ends after {next} of {size} entries")).into());
            }
            for (index, bytes) in read.into_iter().take_while(|(index, _)| *index < size) {
                if index != next {
                    return Err(Failed::Misplaced { index: next });
                }
                let length = u32::try_from(bytes.len()).expect("an entry is shorter than 4 GiB");
                writer.write_all(&length.to_be_bytes()).map_err(refused)?;
                writer.write_all(&bytes).map_err(refused)?;
                at += LENGTH_BYTES + u64::from(length);
                begins.push(at);
                next += 1;
            }
            progress(next);
        }
        let file = writer.into_inner().map_err(|error| refused(error.into_error()))?;
        Ok(Self { file, begins })
    }

    fn one(&self, place: usize) -> Result<Bytes, Unreadable> {
        let begin = self.begins[place] + LENGTH_BYTES;
        let length = usize::try_from(self.begins[place + 1] - begin).expect("a length of 32 bits fits");
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, begin)
            .map_err(|error| out_of_reach(&format!("entry {place}: cannot read: {error}")))?;
        Ok(bytes.into())
    }
}

impl Entries for EntriesFile {
    fn size(&self) -> u64 {
        (self.begins.len() - 1) as u64
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let mut read = Vec::new();
        let mut bytes = 0;
        for index in from..self.size() {
            let entry = self.one(usize::try_from(index).expect("it is in memory"))?;
            bytes += entry.len();
            read.push((index, entry));
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(read)
    }
}

fn out_of_reach(what: &str) -> Unreadable {
    Unreadable { damaged: false, what: what.to_owned() }
}
