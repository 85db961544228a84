//! Keyed snapshots: what a register showed under each key when it was last seen, and what a new sight of it means.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::import::ids::sha256;

/// All that has been seen, by key.
#[derive(Debug, Default)]
pub struct Table {
    seen: BTreeMap<String, Seen>,
    edition: u32,
}

#[derive(Debug)]
struct Seen {
    digest: [u8; 32],
    /// The row as JSON: smaller than a value, and seldom read.
    row: Box<[u8]>,
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
    pub const fn new() -> Self {
        Self { seen: BTreeMap::new(), edition: 0 }
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
            (false, _) if !seen.live => Sight::Back { was: seen.row() },
            (false, true) => Sight::Same,
            (false, false) => Sight::Changed { was: seen.row() },
        }
    }

    /// Remembers a row as it is now.
    pub fn remember(&mut self, key: String, digest: [u8; 32], row: &Value) {
        let row = row.to_string().into_bytes().into_boxed_slice();
        self.seen.insert(key, Seen { digest, row, edition: self.edition, noticed: self.edition, live: true });
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
        self.seen.get(key).filter(|seen| seen.live).map(Seen::row)
    }

    /// Takes a key away; what it was.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let seen = self.seen.get_mut(key).filter(|seen| seen.live)?;
        seen.live = false;
        Some(seen.row())
    }

    /// Keys that earlier editions had and this one has not, in their order.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.seen.iter().filter(|(_, seen)| seen.live && seen.noticed < self.edition);
        missing.map(|(key, _)| key.clone()).collect()
    }
}

impl Seen {
    fn row(&self) -> Value {
        serde_json::from_slice(&self.row).expect("it was written from a value")
    }
}

/// The digest of some columns of a row, or of all where none are named.
pub fn digest(row: &Value, columns: &[String]) -> [u8; 32] {
    let compared: Value = if columns.is_empty() {
        row.clone()
    } else {
        columns.iter().map(|column| row.get(column).cloned().unwrap_or(Value::Null)).collect()
    };
    sha256(compared.to_string().as_bytes())
}
