//! Rows as lines of text: JSON Lines and CSV.
//!
//! CSV is RFC 4180 with one difference: lines end with LF, not with CR and LF. A spreadsheet runs a cell that begins
//! like a formula, so a text that does is given an apostrophe in front; so is one that begins with an apostrophe,
//! and taking one away from each cell that has it gives back the text. Numbers stay numbers.

use serde_json::Map;
use serde_json::Value;

use crate::export::cell::Cell;
use crate::export::table::Described;

/// What a spreadsheet may take for the beginning of a formula, with its wide forms, and the apostrophe itself.
const DANGEROUS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '＝', '＋', '－', '＠'];

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values, with a header.
    Csv,
}

impl Format {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Jsonl, Self::Csv];

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Its name, and the end of its files' names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// What stands before the rows.
    pub(super) fn head(self, table: &Described, out: &mut Vec<u8>) {
        if self == Self::Csv {
            for (place, column) in table.columns.iter().enumerate() {
                comma(place, out);
                field(column.name, out);
            }
            out.push(b'\n');
        }
    }

    /// One row, with the end of its line.
    pub(super) fn row(self, table: &Described, cells: Vec<Cell>, out: &mut Vec<u8>) {
        match self {
            Self::Jsonl => {
                let pairs = table.columns.iter().zip(cells);
                let object: Map<String, Value> =
                    pairs.map(|(column, cell)| (column.name.to_owned(), json(cell))).collect();
                serde_json::to_writer(&mut *out, &object).expect("writing to memory does not fail");
            }
            Self::Csv => {
                for (place, cell) in cells.into_iter().enumerate() {
                    comma(place, out);
                    csv(cell, out);
                }
            }
        }
        out.push(b'\n');
    }
}

/// A decimal is a string: many readers would make a float of a number and change it.
fn json(cell: Cell) -> Value {
    match cell {
        Cell::Absent => Value::Null,
        Cell::Text(text) | Cell::Decimal(text) => Value::String(text),
        Cell::Whole(number) => number.into(),
        Cell::Flag(flag) => flag.into(),
        Cell::List(texts) => texts.into(),
    }
}

fn comma(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

fn csv(cell: Cell, out: &mut Vec<u8>) {
    match cell {
        Cell::Absent => {}
        Cell::Text(text) if text.starts_with(DANGEROUS) => field(&format!("'{text}"), out),
        Cell::Text(text) => field(&text, out),
        Cell::Whole(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Cell::Decimal(number) => out.extend_from_slice(number.as_bytes()),
        Cell::Flag(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
        // Begins with a bracket, so with nothing that is dangerous.
        Cell::List(texts) => field(&Value::from(texts).to_string(), out),
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
