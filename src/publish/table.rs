//! Tree and map as they were saved: rows of a table beside the index. They can be thrown away and folded again.
//!
//! ```text
//! 'm' ‖ key (32)    → entries (8) ‖ frontier of the key's own log      histories
//! 's'               → index + 1 of the last SEAL (8) ‖ indexes (8 each) of GENESIS and the KEY entries
//! 't' ‖ number (8)  → roots of up to 128 full groups of 32 leaves      the tree
//! ```

use bytes::Bytes;

use crate::index::Index;
use crate::log::Frontier;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::NodeHash;
use crate::log::SavedMap;
use crate::log::SavedRows;
use crate::publish::PublishError;
use crate::store::runs;
use crate::store::runs::Position;
use crate::store::runs::RunsError;
use crate::store::runs::Table;
use crate::store::runs::shielded;

/// Which table of the index's database it is.
const NUMBER: u8 = 9;

/// Rules by which the rows are made; another number, and they are folded anew.
const RULES: u32 = 2;

/// Nothing is looked up by key: everything is read at start, and then buckets of the map.
const PREFIX_BYTES: usize = 1;

/// Roots of groups in one row: 4 KiB.
const GROUPS_IN_ROW: u64 = 128;

#[derive(Debug)]
pub(super) struct FoldTable(Table);

/// What changed since the fold was last saved.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) position: Position,
    /// Ascending by key.
    pub(super) histories: Vec<(Key, KeyHistory)>,
    /// Number of the row, and all its roots.
    pub(super) groups: Vec<(u64, Vec<NodeHash>)>,
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
    /// Rows of groups from the one in which group `from` stands, of roots that `roots` gives from a group on.
    pub(super) fn groups(from: u64, roots: impl FnOnce(u64) -> Vec<NodeHash>) -> Vec<(u64, Vec<NodeHash>)> {
        let row = from / GROUPS_IN_ROW;
        let roots = roots(row * GROUPS_IN_ROW);
        let in_row = usize::try_from(GROUPS_IN_ROW).expect("a few");
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

    /// Reads the roots of groups, and what is neither tree nor map.
    pub(super) fn load_tree(&self, groups: &mut Vec<NodeHash>) -> Result<State, PublishError> {
        let mut state = State::default();
        let mut rows = self.0.rows_from(b"s")?;
        while let Some((key, value)) = rows.next_row()? {
            match key.split_first() {
                Some((b's', [])) => state = read_state(&value).ok_or(DAMAGED)?,
                Some((b't', _)) => groups.extend(read_hashes(&value).ok_or(DAMAGED)?),
                _ => return Err(DAMAGED.into()),
            }
        }
        Ok(state)
    }

    /// The map as it was saved, with no more of it in memory than the budget.
    pub(super) fn load_map(&self, budget_bytes: u64) -> Result<SavedMap, PublishError> {
        let mut rows = shielded(|| self.0.rows_from(b"m"))??;
        let histories = std::iter::from_fn(|| shielded(|| next_history(&mut rows)).flatten().transpose());
        Ok(SavedMap::for_keys(self.rows(), budget_bytes).load(histories)?)
    }

    /// Writes what changed, and then as many merges as there are to do.
    pub(super) fn save(&self, rows: &Rows) -> Result<(), PublishError> {
        self.0.add(3, rows.position, |put| {
            for (key, history) in &rows.histories {
                put(&[b"m", key.as_bytes().as_slice()].concat(), &history_value(history))?;
            }
            put(b"s", &state_value(rows))?;
            for (number, roots) in &rows.groups {
                let value: Vec<u8> = roots.iter().flat_map(|root| root.0).collect();
                put(&[b"t", number.to_be_bytes().as_slice()].concat(), &value)?;
            }
            Ok(())
        })?;
        while self.0.merge_some(|| true)? {}
        Ok(())
    }
}

/// What is cold of the map is read here. The runs that are read stay until nobody reads them: a save or a merge meanwhile
/// changes nothing of what one read sees.
impl SavedRows for FoldTable {
    type Error = RunsError;

    fn rows(&self, first: &Key, last: &Key) -> Result<Vec<(Key, KeyHistory)>, RunsError> {
        shielded(|| {
            let mut rows = self.0.rows_from(&[b"m", first.as_bytes().as_slice()].concat())?;
            let mut found = Vec::new();
            while let Some((key, history)) = next_history(&mut rows)?
                && key <= *last
            {
                found.push((key, history));
            }
            Ok(found)
        })?
    }
}

const DAMAGED: RunsError = RunsError::Damaged { what: "a row of the saved tree and map cannot be read" };

fn next_history(rows: &mut runs::Rows) -> Result<Option<(Key, KeyHistory)>, RunsError> {
    let Some((key, value)) = rows.next_row()? else { return Ok(None) };
    match key.split_first() {
        Some((b'm', key)) => read_history(key, &value).map(Some).ok_or(DAMAGED),
        _ => Ok(None),
    }
}

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
