//! Rows of objects that were read from runs, so that the next reader need not: the objects of the day are few, and
//! each event asks for several.

use crate::ledger::ByDigest;
use crate::ledger::ObjectRow;

/// Objects in each of the two halves.
const HALF: usize = 1 << 17;

/// Two halves: what the older has and nobody asked for goes when the younger is full.
#[derive(Debug, Default)]
pub(super) struct Cache {
    younger: ByDigest<[u8; 16], ObjectRow>,
    older: ByDigest<[u8; 16], ObjectRow>,
    /// How many runs were written.
    runs: u64,
}

impl Cache {
    /// The row, or how many runs were written until now.
    pub(super) fn get(&mut self, token: &[u8; 16]) -> Result<ObjectRow, u64> {
        if let Some(row) = self.younger.get(token) {
            return Ok(row.clone());
        }
        let row = self.older.remove(token).ok_or(self.runs)?;
        self.insert(*token, row.clone());
        Ok(row)
    }

    /// Keeps a row that was read from the runs when there were so many; another run may have a newer one.
    pub(super) fn keep(&mut self, token: [u8; 16], row: ObjectRow, runs: u64) {
        if runs == self.runs {
            self.insert(token, row);
        }
    }

    /// A run was written.
    pub(super) fn renew<'r>(&mut self, rows: impl Iterator<Item = (&'r [u8; 16], &'r ObjectRow)>) {
        self.runs += 1;
        for (token, row) in rows {
            for half in [&mut self.younger, &mut self.older] {
                if let Some(kept) = half.get_mut(token) {
                    *kept = row.clone();
                }
            }
        }
    }

    fn insert(&mut self, token: [u8; 16], row: ObjectRow) {
        if self.younger.len() >= HALF {
            std::mem::swap(&mut self.younger, &mut self.older);
            self.younger.clear();
        }
        self.younger.insert(token, row);
    }
}
