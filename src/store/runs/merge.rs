//! Rows of several runs in one order; of equal keys the newest run's.

use std::sync::Arc;

use bytes::Bytes;

use crate::store::runs::block::BlockReader;
use crate::store::runs::run::Run;
use crate::store::runs::table::RunsError;

/// Rows in ascending order of keys, from a key on.
#[derive(Debug)]
pub struct Rows {
    /// Newest first.
    cursors: Vec<Cursor>,
    /// Of the last row.
    key: Vec<u8>,
}

#[derive(Debug)]
struct Cursor {
    run: Arc<Run>,
    block: usize,
    reader: BlockReader,
    value: Option<Bytes>,
}

impl Cursor {
    fn at(run: Arc<Run>, from: &[u8]) -> Result<Option<Self>, RunsError> {
        if run.blocks() == 0 {
            return Ok(None);
        }
        let block = run.block_of(from);
        let reader = run.block(block)?;
        let mut cursor = Self { run, block, reader, value: None };
        cursor.advance()?;
        while cursor.value.is_some() && cursor.reader.key() < from {
            cursor.advance()?;
        }
        Ok(cursor.value.is_some().then_some(cursor))
    }

    fn advance(&mut self) -> Result<(), RunsError> {
        self.value = self.reader.next()?;
        while self.value.is_none() && self.block + 1 < self.run.blocks() {
            self.block += 1;
            self.reader = self.run.block(self.block)?;
            self.value = self.reader.next()?;
        }
        Ok(())
    }
}

impl Rows {
    /// `runs` newest first.
    pub(super) fn from(runs: &[Arc<Run>], from: &[u8]) -> Result<Self, RunsError> {
        let mut cursors = Vec::with_capacity(runs.len());
        for run in runs {
            cursors.extend(Cursor::at(Arc::clone(run), from)?);
        }
        Ok(Self { cursors, key: Vec::new() })
    }

    /// The next row.
    ///
    /// # Errors
    ///
    /// sled failed, or a block is damaged: throw the index away and fold it again.
    pub fn next_row(&mut self) -> Result<Option<(&[u8], Bytes)>, RunsError> {
        let Some(least) = self.cursors.iter().map(|cursor| cursor.reader.key()).min() else { return Ok(None) };
        least.clone_into(&mut self.key);
        let mut newest = None;
        let mut at = 0;
        while at < self.cursors.len() {
            let cursor = &mut self.cursors[at];
            if cursor.reader.key() == self.key {
                let stored = cursor.value.take().expect("a cursor without a row is taken out");
                if newest.is_none() {
                    newest = Some(cursor.run.resolve(&stored)?);
                }
                cursor.advance()?;
                if cursor.value.is_none() {
                    self.cursors.remove(at);
                    continue;
                }
            }
            at += 1;
        }
        Ok(newest.map(|value| (self.key.as_slice(), value)))
    }
}
