//! Inputs: files of rows, read one row at a time. Knows formats, not what a row means.
//!
//! A row that is broken is a row that is refused; a file that cannot be read any further ends the import.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use serde_json::Map;
use serde_json::Value;

use crate::import::encoding::Encoding;
use crate::import::error::ImportError;
use crate::import::error::Refusal;

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of its file, without folders.
    pub file: Arc<str>,
    /// The name of the folder that the file is in, as the path says it; empty for the root.
    pub folder: Arc<str>,
    /// Its line, from 1: where its record begins; 1 for the object of a document.
    pub line: u64,
    /// Its number in the file, from 1.
    pub row: u64,
}

impl Place {
    /// A file as a whole: its first row is row 1.
    pub fn of_file(path: &Path) -> Self {
        let name = |path: Option<&OsStr>| path.unwrap_or_default().to_string_lossy().into_owned();
        // A file named without its folder is in one all the same.
        let whole = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = whole.parent().and_then(Path::file_name);
        Self { file: name(path.file_name()).into(), folder: name(folder).into(), line: 0, row: 0 }
    }
}

/// A row as it was read.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// Its bytes, as they stand in the file. An element of a JSON or YAML list: its compact JSON.
    pub bytes: Vec<u8>,
    /// Its columns, or why it has none.
    pub content: Result<Value, Refusal>,
    /// Where it has none, those that could be read all the same; else null.
    pub readable: Value,
}

/// What a file's name does not tell about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Between two fields of a CSV file: a comma, or a tab for `.tsv`, unless said otherwise.
    pub delimiter: Option<u8>,
    /// How its texts are written.
    pub encoding: Encoding,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Records with a header.
    Csv {
        /// Between two fields.
        delimiter: u8,
    },
    /// One JSON value a line.
    JsonLines,
    /// One JSON value: an object is a row, a list is rows.
    Json,
    /// The same in YAML.
    Yaml,
}

impl Format {
    /// The format that a file's name tells, and whether it is compressed with gzip.
    ///
    /// # Errors
    ///
    /// `UnknownFormat`.
    pub fn of(path: &Path, delimiter: Option<u8>) -> Result<(Self, bool), ImportError> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let (name, packed) = name.strip_suffix(".gz").map_or((name.as_str(), false), |name| (name, true));
        let format = match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Self::Csv { delimiter: delimiter.unwrap_or(b',') },
            Some("tsv") => Self::Csv { delimiter: delimiter.unwrap_or(b'\t') },
            Some("jsonl" | "ndjson") => Self::JsonLines,
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            _ => return Err(ImportError::UnknownFormat { path: path.to_owned() }),
        };
        Ok((format, packed))
    }
}

/// The files that `inputs` name: a file is itself, a folder is the files in it whose names tell a format, by name.
///
/// # Errors
///
/// `File` for what is not there, `UnknownFormat` for a file named by itself, `NoInput` when nothing is left.
pub fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = Vec::new();
    for input in inputs {
        let failed = |source| ImportError::File { path: input.clone(), source };
        if !fs::metadata(input).map_err(failed)?.is_dir() {
            Format::of(input, None)?;
            files.push(input.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(input).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_file() && Format::of(&path, None).is_ok() {
                inside.push(path);
            }
        }
        inside.sort();
        files.append(&mut inside);
    }
    if files.is_empty() { Err(ImportError::NoInput) } else { Ok(files) }
}

/// The rows of one file. An item that is an error ends it.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    file: Arc<str>,
    folder: Arc<str>,
    row: u64,
    reader: Reader,
    encoding: Encoding,
    /// What it holds.
    pub format: Format,
    /// The columns of a CSV file.
    pub header: Option<Vec<String>>,
}

enum Reader {
    Csv { reader: Box<csv::Reader<Tee>>, drained: u64 },
    Lines { reader: Box<dyn BufRead>, line: u64 },
    Elements { values: std::vec::IntoIter<Value>, whole: Option<Vec<u8>> },
    Broken(Option<(Vec<u8>, Refusal)>),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Csv { .. } => "Csv",
            Self::Lines { .. } => "Lines",
            Self::Elements { .. } => "Elements",
            Self::Broken(_) => "Broken",
        })
    }
}

impl Rows {
    /// Opens a file. `read` counts the bytes that were taken from the disk.
    ///
    /// # Errors
    ///
    /// `File` or `UnknownFormat`.
    pub fn open(path: &Path, reading: Reading, read: &Arc<AtomicU64>) -> Result<Self, ImportError> {
        let failed = |source| ImportError::File { path: path.to_owned(), source };
        let (format, packed) = Format::of(path, reading.delimiter)?;
        let encoding = reading.encoding;
        let counted = Counted { inner: File::open(path).map_err(failed)?, read: Arc::clone(read) };
        let input: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        let mut header = None;
        let reader = match format {
            Format::Csv { delimiter } => {
                let (reader, names) = open_csv(path, input, delimiter, encoding)?;
                header = Some(names);
                reader
            }
            Format::JsonLines => Reader::Lines { reader: Box::new(BufReader::with_capacity(CHUNK, input)), line: 0 },
            Format::Json | Format::Yaml => open_document(input, format, encoding).map_err(failed)?,
        };
        let Place { file, folder, .. } = Place::of_file(path);
        Ok(Self { path: path.to_owned(), file, folder, row: 0, reader, encoding, format, header })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> io::Result<Option<RawRow>> {
        match &mut self.reader {
            Reader::Csv { reader, drained } => {
                let header = self.header.as_deref().unwrap_or_default();
                read_record(reader, drained, header, self.encoding)
            }
            Reader::Lines { reader, line } => read_line(reader, line, self.encoding),
            Reader::Elements { values, whole } => Ok(values.next().map(|value| {
                let bytes = whole.take().unwrap_or_else(|| value.to_string().into_bytes());
                RawRow { line: 1, bytes, content: Ok(value), readable: Value::Null }
            })),
            Reader::Broken(broken) => Ok(broken.take().map(|(bytes, refusal)| {
                let content = Err(refusal);
                RawRow { line: 1, bytes, content, readable: Value::Null }
            })),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(None) => None,
            Ok(Some(RawRow { line, bytes, content, readable })) => {
                self.row += 1;
                let (file, folder) = (Arc::clone(&self.file), Arc::clone(&self.folder));
                let place = Place { file, folder, line, row: self.row };
                Some(Ok(Row { place, bytes, content, readable }))
            }
            Err(source) => Some(Err(ImportError::File { path: self.path.clone(), source })),
        }
    }
}

fn open_csv(
    path: &Path,
    input: Box<dyn Read>,
    delimiter: u8,
    encoding: Encoding,
) -> Result<(Reader, Vec<String>), ImportError> {
    let failed = |source| ImportError::File { path: path.to_owned(), source };
    let tee = Tee { inner: input, kept: Vec::new() };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(tee);
    let mut header = ByteRecord::new();
    reader.read_byte_record(&mut header).map_err(|error| failed(io::Error::other(error)))?;
    let mut names = Vec::new();
    for name in &header {
        let wrong = |refusal: Refusal| failed(io::Error::other(format!("the header: {}", refusal.detail)));
        let name = encoding.text(name).map_err(wrong)?;
        names.push(name.trim().to_owned());
    }
    let end = reader.position().byte();
    reader.get_mut().drain(end);
    Ok((Reader::Csv { reader: Box::new(reader), drained: end }, names))
}

fn open_document(mut input: Box<dyn Read>, format: Format, encoding: Encoding) -> io::Result<Reader> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let value = match encoding.text(&bytes) {
        Err(refusal) => Err(refusal),
        Ok(text) if format == Format::Yaml => {
            serde_saphyr::from_str(&text).map_err(|error| Refusal::new("YAML_MALFORMED", error.to_string()))
        }
        Ok(text) => serde_json::from_str(&text).map_err(|error| Refusal::new("JSON_MALFORMED", error.to_string())),
    };
    Ok(match value {
        Ok(Value::Array(values)) => Reader::Elements { values: values.into_iter(), whole: None },
        Ok(value) => Reader::Elements { values: vec![value].into_iter(), whole: Some(bytes) },
        Err(refusal) => Reader::Broken(Some((bytes, refusal))),
    })
}

/// A row before it is known which it is.
struct RawRow {
    line: u64,
    bytes: Vec<u8>,
    content: Result<Value, Refusal>,
    readable: Value,
}

fn read_record(
    reader: &mut csv::Reader<Tee>,
    drained: &mut u64,
    header: &[String],
    encoding: Encoding,
) -> io::Result<Option<RawRow>> {
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        return Ok(None);
    }
    let line = record.position().map_or(0, csv::Position::line);
    let end = reader.position().byte();
    let taken = reader.get_mut().drain(end - *drained);
    *drained = end;
    // The reader leaves the rest of a line's end, and empty lines, to the record after them.
    let is_end = |byte: &u8| [b'\r', b'\n'].contains(byte);
    let empty = taken.iter().take_while(|byte| is_end(byte)).count();
    let passed = taken[..empty].split(|byte| *byte == b'\n').count() - 1;
    let len = taken.len() - taken[empty..].iter().rev().take_while(|byte| is_end(byte)).count();
    let (content, readable) = columns(&record, header, encoding);
    Ok(Some(RawRow { line: line + passed as u64, bytes: taken[empty..len].to_vec(), content, readable }))
}

/// The columns, or why there are none and those that can be read all the same.
fn columns(record: &ByteRecord, header: &[String], encoding: Encoding) -> (Result<Value, Refusal>, Value) {
    if record.len() != header.len() {
        let what = format!("{} fields where the header has {}", record.len(), header.len());
        return (Err(Refusal::new("CSV_MALFORMED", what)), Value::Null);
    }
    let mut columns = Map::with_capacity(header.len());
    let mut refused = None;
    for (name, field) in header.iter().zip(record) {
        match encoding.text(field) {
            Ok(text) => _ = columns.insert(name.clone(), Value::String(text)),
            Err(refusal) => _ = refused.get_or_insert_with(|| refusal.at(name)),
        }
    }
    match refused {
        None => (Ok(Value::Object(columns)), Value::Null),
        Some(refusal) => (Err(refusal), Value::Object(columns)),
    }
}

fn read_line(reader: &mut Box<dyn BufRead>, line: &mut u64, encoding: Encoding) -> io::Result<Option<RawRow>> {
    loop {
        let mut bytes = Vec::new();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        *line += 1;
        let text = bytes.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let malformed = |error: serde_json::Error| Refusal::new("JSON_MALFORMED", error.to_string());
        let content = encoding.text(text).and_then(|text| serde_json::from_str(&text).map_err(malformed));
        return Ok(Some(RawRow { line: *line, bytes: text.to_vec(), content, readable: Value::Null }));
    }
}

/// Keeps what the CSV reader took and no record has claimed yet: at most its buffer and one record.
struct Tee {
    inner: Box<dyn Read>,
    kept: Vec<u8>,
}

impl Tee {
    fn drain(&mut self, len_bytes: u64) -> Vec<u8> {
        let len = usize::try_from(len_bytes).unwrap_or(usize::MAX).min(self.kept.len());
        let mut rest = self.kept.split_off(len);
        std::mem::swap(&mut rest, &mut self.kept);
        rest
    }
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..len]);
        Ok(len)
    }
}

struct Counted {
    inner: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.read.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}

const CHUNK: usize = 64 * 1024;
