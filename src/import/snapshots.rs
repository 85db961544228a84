//! Keyed snapshots: what a register showed under each key when it was last seen, and what a new sight of it means.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::import::filter;
use crate::import::ids::sha256;

/// All that has been seen, by key. In memory a short key costs about 230 bytes, and the values of its row.
#[derive(Debug)]
pub struct Table {
    seen: BTreeMap<String, Seen>,
    /// Names of columns, once for all rows that have the same.
    shapes: Vec<Box<[String]>>,
    keep: Keep,
    edition: u32,
}

/// What is kept of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of it: a later edition may change it or have it no more.
    Rows,
    /// Its digest: there is one edition, or nobody asks what a row was.
    Digests,
}

#[derive(Debug)]
struct Seen {
    digest: [u8; 32],
    /// The row as JSON, smaller than a value and seldom read: of an object the values alone.
    row: Box<[u8]>,
    /// The place in `shapes` of the names of an object's columns; none for a row as it is.
    shape: Option<u16>,
    /// The edition whose row this is.
    edition: u32,
    /// The last edition that had the key, with whatever row.
    noticed: u32,
    live: bool,
}

/// What a sight of a row means.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// Never seen before.
    First,
    /// Seen before, and other now.
    Changed {
        /// What it was.
        was: Value,
    },
    /// Seen before, then gone, and here again, the same or other.
    Back {
        /// What it was.
        was: Value,
    },
    /// Seen before, and the same.
    Same,
    /// Seen in this edition already, and the same.
    Repeated,
    /// Seen in this edition already, and other.
    Contradicting,
}

impl Table {
    /// Nothing has been seen.
    pub const fn new(keep: Keep) -> Self {
        Self { seen: BTreeMap::new(), shapes: Vec::new(), keep, edition: 0 }
    }

    /// The next edition begins.
    pub const fn next_edition(&mut self) {
        self.edition += 1;
    }

    /// What a row under a key means. Remembers nothing.
    pub fn sight(&self, key: &str, digest: &[u8; 32]) -> Sight {
        let Some(seen) = self.seen.get(key) else { return Sight::First };
        let same = seen.digest == *digest;
        match (seen.edition == self.edition && seen.live, same) {
            (true, true) => Sight::Repeated,
            (true, false) => Sight::Contradicting,
            (false, _) if !seen.live => Sight::Back { was: self.unpack(seen) },
            (false, true) => Sight::Same,
            (false, false) => Sight::Changed { was: self.unpack(seen) },
        }
    }

    /// Remembers a row as it is now.
    pub fn remember(&mut self, key: String, digest: [u8; 32], row: &Value) {
        let (row, shape) = self.pack(row);
        self.seen.insert(key, Seen { digest, row, shape, edition: self.edition, noticed: self.edition, live: true });
    }

    /// Remembers that the row under a key is still as it was.
    pub fn same_again(&mut self, key: &str) {
        if let Some(seen) = self.seen.get_mut(key) {
            (seen.edition, seen.noticed) = (self.edition, self.edition);
        }
    }

    /// Remembers that the key is still there, whatever the row says.
    pub fn still_there(&mut self, key: &str) {
        if let Some(seen) = self.seen.get_mut(key) {
            seen.noticed = self.edition;
        }
    }

    /// What is under a key now, if anything is.
    pub fn row(&self, key: &str) -> Option<Value> {
        self.seen.get(key).filter(|seen| seen.live).map(|seen| self.unpack(seen))
    }

    /// Takes a key away; what it was.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let row = self.row(key)?;
        self.seen.get_mut(key)?.live = false;
        Some(row)
    }

    /// Keys that earlier editions had and this one has not, in their order.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.seen.iter().filter(|(_, seen)| seen.live && seen.noticed < self.edition);
        missing.map(|(key, _)| key.clone()).collect()
    }

    fn pack(&mut self, row: &Value) -> (Box<[u8]>, Option<u16>) {
        if self.keep == Keep::Digests {
            return (Box::default(), None);
        }
        let shaped = row.as_object().and_then(|fields| Some((self.shape(fields)?, fields)));
        let text = match shaped {
            Some((_, fields)) => Value::Array(fields.values().cloned().collect()).to_string(),
            None => row.to_string(),
        };
        (text.into_bytes().into(), shaped.map(|(shape, _)| shape))
    }

    fn unpack(&self, seen: &Seen) -> Value {
        if self.keep == Keep::Digests {
            return Value::Null;
        }
        let row = serde_json::from_slice(&seen.row).expect("it was written from a value, where rows are asked for");
        match (seen.shape, row) {
            (Some(shape), Value::Array(values)) => {
                self.shapes[usize::from(shape)].iter().cloned().zip(values).collect::<Map<_, _>>().into()
            }
            (_, row) => row,
        }
    }

    /// The place of the names of a row's columns. None is left for a register in which hardly two rows have the same.
    fn shape(&mut self, fields: &Map<String, Value>) -> Option<u16> {
        let newest = self.shapes.iter().enumerate().rev().take(SHAPES_COMPARED);
        let known = newest.into_iter().find(|(_, names)| names.iter().eq(fields.keys())).map(|(place, _)| place);
        let place = u16::try_from(known.unwrap_or(self.shapes.len())).ok()?;
        if known.is_none() {
            self.shapes.push(fields.keys().cloned().collect());
        }
        Some(place)
    }
}

/// The digest of some columns of a row, or of all but the ignored where none are named. The order of the columns is
/// nothing, and of all columns an empty one is as one that is not there: editions differ in both.
pub fn digest(row: &Value, columns: &[String], ignored: &[String]) -> [u8; 32] {
    let compared: Value = match row.as_object() {
        Some(row) if columns.is_empty() => {
            let told = |(name, value): &(&String, &Value)| !ignored.contains(name) && filter::text_of(value).is_some();
            let told: BTreeMap<&String, &Value> = row.iter().filter(told).collect();
            json!(told)
        }
        None if columns.is_empty() => row.clone(),
        _ => columns.iter().map(|column| row.get(column).cloned().unwrap_or(Value::Null)).collect(),
    };
    sha256(compared.to_string().as_bytes())
}

/// Shapes that a row is compared with, the newest first: a register has one, or one for each edition.
const SHAPES_COMPARED: usize = 16;
