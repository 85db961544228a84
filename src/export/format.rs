//! Rows as files: JSON Lines, CSV, and Parquet.
//!
//! CSV is RFC 4180 with one difference: lines end with LF, not with CR and LF. A spreadsheet runs a cell that begins
//! like a formula, so a text that does is given an apostrophe in front; so is one that begins with an apostrophe,
//! and taking one away from each cell that has it gives back the text. Numbers stay numbers.

use serde_json::Value;

use crate::export::cell::Cell;
use crate::export::parquet::Parquet;
use crate::export::table::Described;
use crate::export::table::DescribedColumn;

/// What a spreadsheet may take for the beginning of a formula, with its wide forms, and the apostrophe itself.
const DANGEROUS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values, with a header.
    Csv,
    /// Columns in row groups, each compressed by itself.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jsonl, Self::Csv, Self::Parquet];

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its name, and the end of its files' names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// A table on its way into a file.
#[derive(Debug)]
pub(super) enum Rows {
    /// Lines of JSON, with what stands before each value.
    Jsonl(Vec<Vec<u8>>),
    /// Lines of CSV.
    Csv,
    /// Row groups.
    Parquet(Box<Parquet>),
}

impl Rows {
    /// Begins a table; what stands before the rows goes to `out`.
    pub(super) fn begin(format: Format, table: &Described, out: &mut Vec<u8>) -> Self {
        match format {
            Format::Jsonl => {
                let before = |(place, column): (usize, &DescribedColumn)| {
                    let begin = if place == 0 { '{' } else { ',' };
                    format!("{begin}{}:", Value::from(column.name)).into_bytes()
                };
                Self::Jsonl(table.columns.iter().enumerate().map(before).collect())
            }
            Format::Csv => {
                for (place, column) in table.columns.iter().enumerate() {
                    comma(place, out);
                    field(column.name, out);
                }
                out.push(b'\n');
                Self::Csv
            }
            Format::Parquet => Self::Parquet(Box::new(Parquet::begin(table))),
        }
    }

    /// One row.
    pub(super) fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) {
        match self {
            Self::Jsonl(before) => {
                for (before, cell) in before.iter().zip(cells) {
                    out.extend_from_slice(before);
                    json(cell, out);
                }
                out.extend_from_slice(b"}\n");
            }
            Self::Csv => {
                for (place, cell) in cells.iter().enumerate() {
                    comma(place, out);
                    csv(cell, out);
                }
                out.push(b'\n');
            }
            Self::Parquet(parquet) => parquet.row(cells, out),
        }
    }

    /// What stands after the rows.
    pub(super) fn end(self, out: &mut Vec<u8>) {
        if let Self::Parquet(parquet) = self {
            parquet.end(out);
        }
    }
}

/// A decimal is a string: many readers would make a float of a number and change it.
fn json(cell: &Cell, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        serde_json::to_writer(&mut *out, text).expect("writing to memory does not fail");
    };
    match cell {
        Cell::Absent => out.extend_from_slice(b"null"),
        Cell::Text(word) | Cell::Decimal(word) => text(word, out),
        Cell::Whole(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Cell::Flag(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
        Cell::List(texts) => serde_json::to_writer(&mut *out, texts).expect("writing to memory does not fail"),
    }
}

fn comma(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

fn csv(cell: &Cell, out: &mut Vec<u8>) {
    match cell {
        Cell::Absent => {}
        Cell::Text(text) if text.starts_with(DANGEROUS) => field(&format!("'{text}"), out),
        Cell::Text(text) => field(text, out),
        Cell::Whole(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Cell::Decimal(number) => out.extend_from_slice(number.as_bytes()),
        Cell::Flag(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
        // Begins with a bracket, so with nothing that is dangerous.
        Cell::List(texts) => field(&Value::from(texts.as_slice()).to_string(), out),
    }
}

/// Quoted where a reader could split it: also one that takes semicolons or tabs for separators.
fn field(text: &str, out: &mut Vec<u8>) {
    if text.contains([',', ';', '"', '\t', '\r', '\n']) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}
