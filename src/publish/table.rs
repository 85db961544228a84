//! Tree and map as they were saved: rows of a table beside the index. They can be thrown away and folded again.
//!
//! ```text
//! 'm' ‖ key (32)    → entries (8) ‖ frontier of the key's own log      histories
//! 's'               → index + 1 of the last SEAL (8) ‖ indexes (8 each) of GENESIS and the KEY entries
//! 't' ‖ number (8)  → roots of up to 128 full tiles of leaves          the tree
//! ```

use bytes::Bytes;

use crate::index::Index;
use crate::log::Frontier;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::LiveMap;
use crate::log::NodeHash;
use crate::publish::PublishError;
use crate::store::runs::Position;
use crate::store::runs::RunsError;
use crate::store::runs::Table;

/// Which table of the index's database it is.
const NUMBER: u8 = 9;

/// Rules by which the rows are made; another number, and they are folded anew.
const RULES: u32 = 1;

/// Nothing is looked up by key: everything is read at start.
const PREFIX_BYTES: usize = 1;

/// Roots of tiles in one row: 4 KiB.
const TILES_IN_ROW: u64 = 128;

#[derive(Debug)]
pub(super) struct FoldTable(Table);

/// What changed since the fold was last saved.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) position: Position,
    /// Ascending by key.
    pub(super) histories: Vec<(Key, KeyHistory)>,
    /// Number of the row, and all its roots.
    pub(super) tiles: Vec<(u64, Vec<NodeHash>)>,
    pub(super) last_seal: Option<u64>,
    pub(super) key_entries: Vec<u64>,
}

/// What is neither tree nor map.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) last_seal: Option<u64>,
    pub(super) key_entries: Vec<u64>,
}

impl Rows {
    /// Rows of tiles from the one in which tile `from` stands, of roots that `roots` gives from a tile on.
    pub(super) fn tiles(from: u64, roots: impl FnOnce(u64) -> Vec<NodeHash>) -> Vec<(u64, Vec<NodeHash>)> {
        let row = from / TILES_IN_ROW;
        let roots = roots(row * TILES_IN_ROW);
        let in_row = usize::try_from(TILES_IN_ROW).expect("a few");
        (row..).zip(roots.chunks(in_row)).map(|(row, roots)| (row, roots.to_vec())).collect()
    }
}

impl FoldTable {
    pub(super) fn open(index: &Index) -> Result<Self, PublishError> {
        Ok(Self(index.table_beside(NUMBER, PREFIX_BYTES, RULES)?))
    }

    pub(super) fn position(&self) -> Position {
        self.0.position()
    }

    /// How many rows there are, those of before merges included.
    pub(super) fn rows(&self) -> u64 {
        self.0.rows()
    }

    pub(super) fn clear(&self) -> Result<(), PublishError> {
        Ok(self.0.clear()?)
    }

    /// Reads the roots of tiles, and what is neither tree nor map.
    pub(super) fn load_tree(&self, tiles: &mut Vec<NodeHash>) -> Result<State, PublishError> {
        let mut state = State::default();
        let mut rows = self.0.rows_from(b"s")?;
        while let Some((key, value)) = rows.next_row()? {
            match key.split_first() {
                Some((b's', [])) => state = read_state(&value).ok_or(DAMAGED)?,
                Some((b't', _)) => tiles.extend(read_hashes(&value).ok_or(DAMAGED)?),
                _ => return Err(DAMAGED.into()),
            }
        }
        Ok(state)
    }

    /// Reads the histories of all keys.
    pub(super) fn load_map(&self, map: &mut LiveMap) -> Result<(), PublishError> {
        let mut rows = self.0.rows_from(b"m")?;
        while let Some((key, value)) = rows.next_row()? {
            match key.split_first() {
                Some((b'm', key)) => map.update([read_history(key, &value).ok_or(DAMAGED)?]),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Writes what changed, and then as many merges as there are to do.
    pub(super) fn save(&self, rows: &Rows) -> Result<(), PublishError> {
        self.0.add(3, rows.position, |put| {
            for (key, history) in &rows.histories {
                put(&[b"m", key.as_bytes().as_slice()].concat(), &history_value(history))?;
            }
            put(b"s", &state_value(rows))?;
            for (number, roots) in &rows.tiles {
                let value: Vec<u8> = roots.iter().flat_map(|root| root.0).collect();
                put(&[b"t", number.to_be_bytes().as_slice()].concat(), &value)?;
            }
            Ok(())
        })?;
        while self.0.merge_some(|| true)? {}
        Ok(())
    }
}

const DAMAGED: RunsError = RunsError::Damaged { what: "a row of the saved tree and map cannot be read" };

fn history_value(history: &KeyHistory) -> Vec<u8> {
    let mut value = history.count().to_be_bytes().to_vec();
    value.extend(history.frontier().hashes().iter().flat_map(|hash| hash.0));
    value
}

fn read_history(key: &[u8], value: &Bytes) -> Option<(Key, KeyHistory)> {
    let (count, hashes) = value.split_first_chunk()?;
    let frontier = Frontier::from_parts(u64::from_be_bytes(*count), read_hashes(hashes)?)?;
    Some((Key(key.try_into().ok()?), KeyHistory::from_frontier(frontier)))
}

fn read_hashes(bytes: &[u8]) -> Option<Vec<NodeHash>> {
    let (hashes, []) = bytes.as_chunks() else { return None };
    Some(hashes.iter().copied().map(NodeHash).collect())
}

fn state_value(rows: &Rows) -> Vec<u8> {
    let last_seal = rows.last_seal.map_or(0, |index| index + 1);
    std::iter::once(&last_seal).chain(&rows.key_entries).flat_map(|number| number.to_be_bytes()).collect()
}

fn read_state(bytes: &[u8]) -> Option<State> {
    let (numbers, []) = bytes.as_chunks() else { return None };
    let (last_seal, key_entries) = numbers.split_first()?;
    let key_entries = key_entries.iter().copied().map(u64::from_be_bytes).collect();
    Some(State { last_seal: u64::from_be_bytes(*last_seal).checked_sub(1), key_entries })
}
