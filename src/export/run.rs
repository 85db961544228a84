//! From the entries of a log to the files of an export, in one pass: a stream gives its rows where it begins.
//!
//! Streams are found in the log itself, by the sequence numbers of their entries, so that one whose first payload
//! was erased is found like another, whoever exports and whenever.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::dates::Day;
use crate::events::Event;
use crate::events::EventType;
use crate::export::cell;
use crate::export::dictionary;
use crate::export::format::Format;
use crate::export::manifest::Digester;
use crate::export::manifest::Entries;
use crate::export::manifest::Manifest;
use crate::export::table::Described;
use crate::export::table::Row;
use crate::export::table::described;
use crate::export::tables;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Key;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::views::Part;
use crate::views::Payload;
use crate::views::Recorded;
use crate::views::View;

/// Name of the file with the entries.
pub const ENTRIES_FILE: &str = "entries.prb";
const DICTIONARY_FILE: &str = "dictionary.json";

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The last entry that counts.
    pub position: u64,
    /// The day for which "in force" is meant; the day, in UTC, of that entry where none is given.
    pub as_of: Option<Day>,
    /// How the tables are written.
    pub formats: BTreeSet<Format>,
    /// Whether the entries are to be there.
    pub entries: bool,
}

/// An entry, with what was taken out of it.
#[derive(Clone, Debug)]
pub struct EntryRead {
    /// The entry, checked. What was erased is not in it, whether or not its bytes are still stored.
    pub checked: Checked,
    /// What erased it: index of the ERASURE and the bits of the parts, ascending.
    pub erasures: Vec<(u64, u32)>,
}

/// Where entries come from.
pub trait Source {
    /// Why they cannot be had.
    type Error;

    /// Entries from one on up to another, in order, of any number; at least one where there is one.
    ///
    /// # Errors
    ///
    /// They cannot be had, or are not what was recorded.
    fn entries(&self, from: u64, upto: u64) -> Result<Vec<EntryRead>, Self::Error>;

    /// One entry; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`Source::entries`].
    fn entry(&self, index: u64) -> Result<Option<EntryRead>, Self::Error>;

    /// The entries of a stream up to one, ascending.
    ///
    /// # Errors
    ///
    /// As [`Source::entries`].
    fn places(&self, stream: &Key, upto: u64) -> Result<Vec<u64>, Self::Error>;
}

/// Where the files go, by their place in [`file_names`].
pub trait Sink {
    /// Why they cannot be written.
    type Error;

    /// The next bytes of a file.
    ///
    /// # Errors
    ///
    /// They could not be written.
    fn write(&mut self, file: usize, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// Why there is no export.
#[derive(Debug, Error)]
pub enum ExportError<E> {
    /// Entries cannot be had, or files cannot be written.
    #[error(transparent)]
    Failed(#[from] E),
    /// There is no such entry.
    #[error("there is no entry {index}")]
    Missing {
        /// Which.
        index: u64,
    },
    /// Requests are all or none: between two events of one there is no state to export.
    #[error("entry {position} is inside a request that ends with entry {end}: export at {end}, or before the request")]
    InsideRequest {
        /// The position asked for.
        position: u64,
        /// The last entry of its request.
        end: u64,
    },
    /// An entry cannot be folded. Nothing is skipped.
    #[error("entry {index} {what}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        what: &'static str,
    },
}

/// The files of an export, but for its manifest.
pub fn file_names(wanted: &Wanted) -> Vec<String> {
    outputs(wanted).into_iter().map(|output| output.name).collect()
}

/// Writes every file but the manifest, and gives the manifest: to be written last. `progress` is told the entries
/// read, and how many there are.
///
/// # Errors
///
/// The position is none, an entry cannot be folded, or source or sink failed. What was written is no export.
pub fn write<S: Source, K: Sink<Error = S::Error>>(
    source: &S,
    wanted: &Wanted,
    sink: &mut K,
    mut progress: impl FnMut(u64, u64),
) -> Result<Manifest, ExportError<S::Error>> {
    let position = wanted.position;
    let mut manifest = begin(source, wanted)?;
    let as_of = manifest.as_of().expect("it was written from a day");
    let view = View { as_of, known_at: position };
    let mut files = Files { tables: described(), outputs: outputs(wanted), sink };
    files.begin()?;
    let (mut next, mut upto) = (0, position);
    while next <= upto {
        let read = source.entries(next, upto)?;
        if read.is_empty() {
            return Err(ExportError::Missing { index: next });
        }
        for entry in read {
            let index = entry.checked.leaf.index;
            files.entry(&entry)?;
            if index <= position && begins_a_stream(&entry.checked) {
                for row in tables::rows(&stream(source, &entry, position)?, view) {
                    files.row(&row)?;
                }
            }
            // What was erased later is not exported; the entries then go on until they say so.
            if let Some((by, _)) = entry.erasures.last().filter(|(by, _)| *by > upto) {
                upto = end_of_request(&one(source, *by)?.checked);
            }
            next = index + 1;
            progress(next, upto + 1);
        }
    }
    manifest.erasures_upto = upto;
    manifest.entries = if wanted.entries { Entries::Included } else { Entries::NotIncluded };
    manifest.files = files.outputs.into_iter().map(Output::end).collect();
    manifest.files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(manifest)
}

/// The manifest so far: what the export is true of.
fn begin<S: Source>(source: &S, wanted: &Wanted) -> Result<Manifest, ExportError<S::Error>> {
    let position = wanted.position;
    let last = one(source, position)?.checked;
    let end = end_of_request(&last);
    if end != position {
        return Err(ExportError::InsideRequest { position, end });
    }
    let Body::Genesis(genesis) = one(source, 0)?.checked.leaf.body else {
        return Err(ExportError::Entry { index: 0, what: "is not GENESIS" });
    };
    let recorded_at_ms = last.leaf.recorded_at_ms;
    let as_of = wanted.as_of.unwrap_or_else(|| Day::from_unix_ms(recorded_at_ms));
    Ok(Manifest::new(genesis.origin, position, &last.leaf_hash, cell::written(recorded_at_ms), as_of))
}

/// Index of the last entry of the request in which an entry stands.
pub fn end_of_request(entry: &Checked) -> u64 {
    let after = entry.manifest.as_ref().map_or(0, |manifest| manifest.count.saturating_sub(manifest.number + 1));
    entry.leaf.index + u64::from(after)
}

fn one<S: Source>(source: &S, index: u64) -> Result<EntryRead, ExportError<S::Error>> {
    source.entry(index)?.ok_or(ExportError::Missing { index })
}

fn begins_a_stream(entry: &Checked) -> bool {
    entry.leaf.event().is_some_and(|event| event.stream.sequence == 0)
}

/// The entries of the stream that an entry begins.
fn stream<S: Source>(source: &S, first: &EntryRead, upto: u64) -> Result<Vec<Recorded>, ExportError<S::Error>> {
    let Some(event) = first.checked.leaf.event() else { return Ok(Vec::new()) };
    let places = source.places(&event.stream.key, upto)?;
    let begin = first.checked.leaf.index;
    if places.first() != Some(&begin) {
        return Err(ExportError::Entry {
            index: begin,
            what: "is not where the index has the beginning of its stream",
        });
    }
    let mut entries = vec![recorded(first)?];
    for (sequence, place) in (1..).zip(&places[1..]) {
        let read = one(source, *place)?;
        let found = read.checked.leaf.event().map(|event| event.stream);
        if found.is_none_or(|found| found.key != event.stream.key || found.sequence != sequence) {
            return Err(ExportError::Entry { index: *place, what: "is not where the index has it in its stream" });
        }
        entries.push(recorded(&read)?);
    }
    Ok(entries)
}

/// An entry as the folds take it.
fn recorded<E>(read: &EntryRead) -> Result<Recorded, ExportError<E>> {
    let checked = &read.checked;
    let index = checked.leaf.index;
    let broken = |what| ExportError::Entry { index, what };
    let (Some(event), Some(manifest)) = (checked.leaf.event(), checked.manifest.as_ref()) else {
        return Err(broken("is no event"));
    };
    let event_type = EventType::parse(&manifest.event_type, manifest.version)
        .ok_or_else(|| broken("is of a type that this program does not know: a newer one wrote it"))?;
    let erased_by = |bit: u32| read.erasures.iter().find(|(_, parts)| parts & bit != 0).map(|(by, _)| *by);
    let payload = match (&checked.entry.open, erased_by(OPEN_PAYLOAD_BIT)) {
        (Some(open), None) => Event::decode(event_type, &open.payload)
            .map(|event| Payload::Open(Box::new(event)))
            .map_err(|_| broken("holds a payload that is not of its type"))?,
        (_, Some(by)) => Payload::Erased { by },
        (None, None) => return Err(broken("lacks its payload, and no entry says that it was erased")),
    };
    let part = |(number, part): (u32, &crate::log::PartManifest)| Part {
        position: index,
        number,
        class: part.class,
        erased_by: erased_by(1 << number),
    };
    Ok(Recorded {
        index,
        recorded_at_ms: checked.leaf.recorded_at_ms,
        event_type,
        stream: event.stream.key,
        payload,
        parts: (0..).zip(&manifest.parts).map(part).collect(),
    })
}

/// A file that is being written.
struct Output {
    name: String,
    holds: Holds,
    digester: Digester,
    rows: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Dictionary,
    /// A table, by its place among all.
    Table(usize, Format),
    Entries,
}

impl Output {
    fn new(name: String, holds: Holds) -> Self {
        Self { name, holds, digester: Digester::default(), rows: 0 }
    }

    fn end(self) -> crate::export::manifest::FileEntry {
        let rows = (self.holds != Holds::Dictionary).then_some(self.rows);
        self.digester.end(&self.name, rows)
    }
}

fn outputs(wanted: &Wanted) -> Vec<Output> {
    let mut outputs = vec![Output::new(DICTIONARY_FILE.to_owned(), Holds::Dictionary)];
    for (place, table) in described().iter().enumerate() {
        for format in &wanted.formats {
            outputs.push(Output::new(format!("{}.{}", table.name, format.name()), Holds::Table(place, *format)));
        }
    }
    if wanted.entries {
        outputs.push(Output::new(ENTRIES_FILE.to_owned(), Holds::Entries));
    }
    outputs
}

/// The files, on their way to the sink.
struct Files<'a, K> {
    tables: Vec<Described>,
    outputs: Vec<Output>,
    sink: &'a mut K,
}

impl<K: Sink> Files<'_, K> {
    fn begin(&mut self) -> Result<(), K::Error> {
        for file in 0..self.outputs.len() {
            let mut bytes = Vec::new();
            match self.outputs[file].holds {
                Holds::Dictionary => bytes = dictionary::encode(),
                Holds::Table(table, format) => format.head(&self.tables[table], &mut bytes),
                Holds::Entries => {}
            }
            self.put(file, &bytes)?;
        }
        Ok(())
    }

    fn row(&mut self, row: &Row) -> Result<(), K::Error> {
        let mut bytes = Vec::new();
        for file in 0..self.outputs.len() {
            if let Holds::Table(table, format) = self.outputs[file].holds
                && self.tables[table].name == row.table
            {
                bytes.clear();
                format.row(&self.tables[table], row.cells.clone(), &mut bytes);
                self.outputs[file].rows += 1;
                self.put(file, &bytes)?;
            }
        }
        Ok(())
    }

    /// The entry as it is stored, after its length.
    fn entry(&mut self, entry: &EntryRead) -> Result<(), K::Error> {
        let Some(file) = self.outputs.iter().position(|output| output.holds == Holds::Entries) else { return Ok(()) };
        let bytes = entry.checked.entry.encode();
        let length = u32::try_from(bytes.len()).expect("an entry is shorter than 4 GiB");
        self.outputs[file].rows += 1;
        self.put(file, &length.to_be_bytes())?;
        self.put(file, &bytes)
    }

    fn put(&mut self, file: usize, bytes: &[u8]) -> Result<(), K::Error> {
        self.outputs[file].digester.take(bytes);
        self.sink.write(file, bytes)
    }
}
