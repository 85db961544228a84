//! The files of an export while they are written.

use std::collections::BTreeMap;

use crate::export::cell::Cell;
use crate::export::dictionary;
use crate::export::format::Format;
use crate::export::format::Rows;
use crate::export::manifest::Digester;
use crate::export::manifest::FileEntry;
use crate::export::profile::Profile;
use crate::export::profile::TableRule;
use crate::export::run::EntryRead;
use crate::export::run::Sink;
use crate::export::run::Wanted;
use crate::export::table::Row;

/// Name of the file with the entries.
pub const ENTRIES_FILE: &str = "entries.prb";
/// Name of the file with the profile.
pub const PROFILE_FILE: &str = "profile.toml";
const DICTIONARY_FILE: &str = "dictionary.json";

/// A file of which the name and the content are known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Dictionary,
    Profile,
    /// A table, by its place in the profile.
    Table(usize, Format),
    Entries,
}

/// The names of the files, and what each holds.
fn planned(wanted: &Wanted) -> Vec<(String, Holds)> {
    let mut files = vec![(DICTIONARY_FILE.to_owned(), Holds::Dictionary), (PROFILE_FILE.to_owned(), Holds::Profile)];
    for (place, rule) in wanted.profile.tables().iter().enumerate() {
        for format in &wanted.formats {
            files.push((format!("{}.{}", rule.described.name, format.name()), Holds::Table(place, *format)));
        }
    }
    if wanted.entries {
        files.push((ENTRIES_FILE.to_owned(), Holds::Entries));
    }
    files
}

/// The files of an export, but for its manifest.
pub fn file_names(wanted: &Wanted) -> Vec<String> {
    planned(wanted).into_iter().map(|(name, _)| name).collect()
}

/// A file that is being written.
struct Output {
    name: String,
    digester: Digester,
    /// Rows, of a file that does not say it itself.
    rows: Option<u64>,
    writing: Option<Rows>,
}

/// A table with the files that it goes to.
struct Written<'a> {
    rule: &'a TableRule,
    outputs: Vec<usize>,
    /// Rows that are alike, of a table that is counted.
    counts: BTreeMap<Vec<Cell>, u64>,
}

/// The files, on their way to the sink.
pub(super) struct Files<'a, K> {
    tables: Vec<Written<'a>>,
    outputs: Vec<Output>,
    entries: Option<usize>,
    sink: &'a mut K,
    /// Used again and again.
    buffer: Vec<u8>,
}

impl<'a, K: Sink> Files<'a, K> {
    pub(super) fn begin(wanted: &'a Wanted, sink: &'a mut K) -> Result<Self, K::Error> {
        let profile: &Profile = &wanted.profile;
        let written = |rule| Written { rule, outputs: Vec::new(), counts: BTreeMap::new() };
        let tables = profile.tables().iter().map(written).collect();
        let mut files = Self { tables, outputs: Vec::new(), entries: None, sink, buffer: Vec::new() };
        for (place, (name, holds)) in planned(wanted).into_iter().enumerate() {
            let mut bytes = Vec::new();
            let (mut rows, mut writing) = (None, None);
            match holds {
                Holds::Dictionary => bytes = dictionary::encode(profile),
                Holds::Profile => bytes = profile.text().as_bytes().to_vec(),
                Holds::Table(table, format) => {
                    writing = Some(Rows::begin(format, &files.tables[table].rule.described, &mut bytes));
                    rows = (format != Format::Parquet).then_some(0);
                    files.tables[table].outputs.push(place);
                }
                Holds::Entries => {
                    rows = Some(0);
                    files.entries = Some(place);
                }
            }
            files.outputs.push(Output { name, digester: Digester::default(), rows, writing });
            files.put(place, &bytes)?;
        }
        Ok(files)
    }

    /// A row of a thing. Where the thing did not change, only tables that are counted take it.
    pub(super) fn row(&mut self, row: &Row, changed: bool) -> Result<(), K::Error> {
        let Some(place) = self.tables.iter().position(|table| table.rule.described.name == row.table) else {
            return Ok(());
        };
        let table = &mut self.tables[place];
        let counted = table.rule.counted.is_some();
        if !counted && !changed {
            return Ok(());
        }
        let Some(cells) = table.rule.cells(&row.cells) else { return Ok(()) };
        if counted {
            *table.counts.entry(cells).or_default() += 1;
            return Ok(());
        }
        self.write(place, &cells)
    }

    fn write(&mut self, table: usize, cells: &[Cell]) -> Result<(), K::Error> {
        self.sink.row();
        for number in 0..self.tables[table].outputs.len() {
            let place = self.tables[table].outputs[number];
            let mut bytes = std::mem::take(&mut self.buffer);
            bytes.clear();
            let output = &mut self.outputs[place];
            if let Some(writing) = &mut output.writing {
                writing.row(cells, &mut bytes);
            }
            output.rows = output.rows.map(|rows| rows + 1);
            let put = self.put(place, &bytes);
            self.buffer = bytes;
            put?;
        }
        Ok(())
    }

    /// The entry as it is stored, after its length.
    pub(super) fn entry(&mut self, entry: &EntryRead) -> Result<(), K::Error> {
        let Some(place) = self.entries else { return Ok(()) };
        let bytes = entry.checked.entry.encode();
        let length = u32::try_from(bytes.len()).expect("an entry is shorter than 4 GiB");
        self.outputs[place].rows = self.outputs[place].rows.map(|rows| rows + 1);
        self.put(place, &length.to_be_bytes())?;
        self.put(place, &bytes)
    }

    /// Ends every file; what the manifest says of them, by name.
    pub(super) fn end(mut self) -> Result<Vec<FileEntry>, K::Error> {
        for table in 0..self.tables.len() {
            for cells in counted(&mut self.tables[table]) {
                self.write(table, &cells)?;
            }
        }
        for place in 0..self.outputs.len() {
            let mut bytes = Vec::new();
            if let Some(writing) = self.outputs[place].writing.take() {
                writing.end(&mut bytes);
            }
            self.put(place, &bytes)?;
        }
        let ended = |output: Output| output.digester.end(&output.name, output.rows);
        let mut files: Vec<FileEntry> = self.outputs.into_iter().map(ended).collect();
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    fn put(&mut self, file: usize, bytes: &[u8]) -> Result<(), K::Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.outputs[file].digester.take(bytes);
        self.sink.write(file, bytes)
    }
}

/// The rows of a table that is counted, in the order of their content, and at the end how many were too few alike.
fn counted(table: &mut Written<'_>) -> Vec<Vec<Cell>> {
    let least = table.rule.counted.unwrap_or_default();
    let mut held_back = 0;
    let mut rows = Vec::new();
    for (mut cells, count) in std::mem::take(&mut table.counts) {
        if count < least {
            held_back += count;
        } else {
            cells.push(Cell::Whole(count));
            rows.push(cells);
        }
    }
    if held_back > 0 {
        let mut cells = vec![Cell::Absent; table.rule.described.columns.len() - 1];
        cells.push(Cell::Whole(held_back));
        rows.push(cells);
    }
    rows
}
