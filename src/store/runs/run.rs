//! One run: its blocks in sled, its first keys and filter in memory.

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;

use crate::store::paging;
use crate::store::runs::block::BLOCK_BYTES_MAX;
use crate::store::runs::block::BlockReader;
use crate::store::runs::block::BlockWriter;
use crate::store::runs::block::INLINE_BYTES_MAX;
use crate::store::runs::block::KEY_BYTES_MAX;
use crate::store::runs::block::find;
use crate::store::runs::filter::Filter;
use crate::store::runs::filter::Hashed;
use crate::store::runs::table::RunsError;

const ROWS: u8 = 0;
const LONG: u8 = 1;
const FIRST_KEYS: u8 = 2;
const FILTER: u8 = 3;

/// Values written to sled at once: few, since a batch holds a lock that the ledger waits for.
const BATCH_VALUES: usize = 32;

/// Batches before sled is waited for. sled has seven threads for all its databases and adds none. When a file became
/// shorter, whoever needs it longer again waits for the thread that cuts it, and holds meanwhile what the threads need
/// that write: with seven of those waiting the cut is never made, and sled stands still for ever, the ledger with it.
/// So few writes may be under way at any time.
const BATCHES_UNDER_WAY: usize = 2;

/// What the manifest says of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunMeta {
    pub(super) id: u64,
    pub(super) rows: u64,
    /// Different prefixes that lookups know.
    pub(super) prefixes: u64,
    pub(super) blocks: u32,
    pub(super) long_values: u32,
    pub(super) first_key_blocks: u32,
    pub(super) filter_blocks: u32,
}

/// A run that can be read.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) meta: RunMeta,
    table: u8,
    tree: sled::Tree,
    first_keys: Vec<Box<[u8]>>,
    filter: Filter,
}

impl Run {
    /// Reads first keys and filter of a run that the manifest names.
    pub(super) fn open(tree: &sled::Tree, table: u8, meta: RunMeta) -> Result<Self, RunsError> {
        let mut first_keys = Vec::with_capacity(meta.blocks as usize);
        for block in 0..meta.first_key_blocks {
            let bytes = value(tree, &place(table, meta.id, FIRST_KEYS, block))?;
            let mut reader = BlockReader::new(bytes);
            while reader.next()?.is_some() {
                first_keys.push(reader.key().into());
            }
        }
        let mut filter = Vec::new();
        for block in 0..meta.filter_blocks {
            filter.extend_from_slice(&value(tree, &place(table, meta.id, FILTER, block))?);
        }
        if first_keys.len() != meta.blocks as usize {
            return Err(RunsError::Damaged { what: "a run with another number of blocks" });
        }
        let filter = Filter::of_bytes(filter).ok_or(RunsError::Damaged { what: "a filter that ends early" })?;
        Ok(Self { meta, table, tree: tree.clone(), first_keys, filter })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8], prefix: Hashed) -> Result<Option<Bytes>, RunsError> {
        if !self.filter.may_contain(prefix) {
            return Ok(None);
        }
        let block = self.first_keys.partition_point(|first| first.as_ref() <= key);
        let Some(block) = block.checked_sub(1) else { return Ok(None) };
        let bytes = stored(&self.tree, &self.place_of(block))?;
        let found = find(&bytes, key)?;
        found.map(|range| self.resolve(&Bytes::copy_from_slice(&bytes[range]))).transpose()
    }

    pub(super) fn may_contain(&self, prefix: Hashed) -> bool {
        self.filter.may_contain(prefix)
    }

    pub(super) fn block(&self, block: usize) -> Result<BlockReader, RunsError> {
        value(&self.tree, &self.place_of(block)).map(BlockReader::new)
    }

    fn place_of(&self, block: usize) -> [u8; 14] {
        let number = u32::try_from(block).expect("a run has fewer than 2^32 blocks");
        place(self.table, self.meta.id, ROWS, number)
    }

    /// The block in which a key is or would be.
    pub(super) fn block_of(&self, key: &[u8]) -> usize {
        self.first_keys.partition_point(|first| first.as_ref() <= key).saturating_sub(1)
    }

    pub(super) const fn blocks(&self) -> usize {
        self.first_keys.len()
    }

    /// A row's value: itself, or put together from where long ones lie.
    pub(super) fn resolve(&self, stored: &Bytes) -> Result<Bytes, RunsError> {
        match stored.first() {
            Some(0) => Ok(stored.slice(1..)),
            Some(1) if stored.len() == 9 => {
                let number =
                    |range: std::ops::Range<usize>| u32::from_be_bytes(stored[range].try_into().expect("four bytes"));
                let (first, len) = (number(1..5), number(5..9) as usize);
                let mut whole = Vec::with_capacity(len);
                let mut next = first;
                while whole.len() < len {
                    whole.extend_from_slice(&value(&self.tree, &place(self.table, self.meta.id, LONG, next))?);
                    next += 1;
                }
                Ok(whole.into())
            }
            _ => Err(RunsError::Damaged { what: "a value of no known kind" }),
        }
    }

    /// Takes the run's values out of sled. Nobody may read it any more.
    pub(super) fn remove(&self) -> Result<(), RunsError> {
        remove_run(&self.tree, self.table, self.meta.id)
    }
}

/// Takes everything that belongs to a run out of sled.
pub(super) fn remove_run(tree: &sled::Tree, table: u8, id: u64) -> Result<(), RunsError> {
    let mut prefix = vec![table];
    prefix.extend_from_slice(&id.to_be_bytes());
    let mut batches = Batches::new(tree);
    for key in tree.scan_prefix(prefix).keys() {
        batches.remove(key?)?;
    }
    batches.apply()
}

/// Changes of a tree, a few at once.
struct Batches<'t> {
    tree: &'t sled::Tree,
    batch: sled::Batch,
    values: usize,
    under_way: usize,
}

impl<'t> Batches<'t> {
    fn new(tree: &'t sled::Tree) -> Self {
        Self { tree, batch: sled::Batch::default(), values: 0, under_way: 0 }
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), RunsError> {
        self.batch.insert(key, value);
        self.one_more()
    }

    fn remove(&mut self, key: sled::IVec) -> Result<(), RunsError> {
        self.batch.remove(key);
        self.one_more()
    }

    fn one_more(&mut self) -> Result<(), RunsError> {
        self.values += 1;
        if self.values == BATCH_VALUES { self.apply() } else { Ok(()) }
    }

    /// Writes what there is.
    fn apply(&mut self) -> Result<(), RunsError> {
        self.tree.apply_batch(std::mem::take(&mut self.batch))?;
        self.values = 0;
        self.under_way += 1;
        if self.under_way == BATCHES_UNDER_WAY {
            self.tree.flush()?;
            self.under_way = 0;
        }
        Ok(())
    }
}

/// Writes a run, rows ascending by key.
pub(super) struct RunWriter<'t> {
    table: u8,
    meta: RunMeta,
    block: BlockWriter,
    /// A row's value as it is stored; only its room is kept.
    stored: Vec<u8>,
    /// The last row's.
    prefix: Vec<u8>,
    first_keys: Vec<Box<[u8]>>,
    filter: Filter,
    batches: Batches<'t>,
    written: u64,
}

impl<'t> RunWriter<'t> {
    /// `prefixes` are expected at most.
    pub(super) fn new(tree: &'t sled::Tree, table: u8, id: u64, prefixes: usize) -> Self {
        Self {
            table,
            meta: RunMeta {
                id,
                rows: 0,
                prefixes: 0,
                blocks: 0,
                long_values: 0,
                first_key_blocks: 0,
                filter_blocks: 0,
            },
            block: BlockWriter::default(),
            stored: Vec::new(),
            prefix: Vec::new(),
            first_keys: Vec::new(),
            filter: Filter::with_capacity(prefixes),
            batches: Batches::new(tree),
            written: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.meta.rows == 0
    }

    /// Adds a row. `prefix` is the part of the key that lookups know.
    pub(super) fn push(&mut self, key: &[u8], prefix: &[u8], value: &[u8]) -> Result<(), RunsError> {
        bound(key.len(), KEY_BYTES_MAX);
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        if value.len() < INLINE_BYTES_MAX {
            stored.push(0);
            stored.extend_from_slice(value);
        } else {
            self.long(value, &mut stored)?;
        }
        if self.prefix != prefix || self.meta.rows == 0 {
            self.filter.insert(Hashed::of(prefix));
            self.meta.prefixes += 1;
            self.prefix.clear();
            self.prefix.extend_from_slice(prefix);
        }
        self.meta.rows += 1;
        if !self.block.push(key, &stored) {
            self.end_block()?;
            self.block.push(key, &stored);
        }
        self.stored = stored;
        Ok(())
    }

    fn long(&mut self, value: &[u8], stored: &mut Vec<u8>) -> Result<(), RunsError> {
        stored.push(1);
        stored.extend_from_slice(&self.meta.long_values.to_be_bytes());
        stored.extend_from_slice(&u32::try_from(value.len()).expect("values are far below 4 GiB").to_be_bytes());
        for chunk in value.chunks(BLOCK_BYTES_MAX) {
            let key = place(self.table, self.meta.id, LONG, self.meta.long_values);
            self.meta.long_values += 1;
            self.put(&key, chunk)?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), RunsError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let (first, bytes) = self.block.take();
        let key = place(self.table, self.meta.id, ROWS, self.meta.blocks);
        self.meta.blocks += 1;
        self.first_keys.push(first.into());
        self.put(&key, &bytes)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), RunsError> {
        bound(value.len(), BLOCK_BYTES_MAX);
        self.written += 1;
        self.batches.insert(key, value)
    }

    /// Ends the run; it is in sled, not yet synced, and no manifest names it. Returns it and how many values it took.
    pub(super) fn finish(mut self) -> Result<(Run, u64), RunsError> {
        self.end_block()?;
        let mut keys = BlockWriter::default();
        for at in 0..self.first_keys.len() {
            let first = self.first_keys[at].clone();
            if !keys.push(&first, &[]) {
                self.end_first_keys(&mut keys)?;
                keys.push(&first, &[]);
            }
        }
        if !keys.is_empty() {
            self.end_first_keys(&mut keys)?;
        }
        let filter = self.filter.as_bytes().to_vec();
        for chunk in filter.chunks(BLOCK_BYTES_MAX) {
            let key = place(self.table, self.meta.id, FILTER, self.meta.filter_blocks);
            self.meta.filter_blocks += 1;
            self.put(&key, chunk)?;
        }
        self.batches.apply()?;
        let run = Run {
            meta: self.meta,
            table: self.table,
            tree: self.batches.tree.clone(),
            first_keys: self.first_keys,
            filter: self.filter,
        };
        Ok((run, self.written))
    }

    fn end_first_keys(&mut self, keys: &mut BlockWriter) -> Result<(), RunsError> {
        let (_, bytes) = keys.take();
        let key = place(self.table, self.meta.id, FIRST_KEYS, self.meta.first_key_blocks);
        self.meta.first_key_blocks += 1;
        self.put(&key, &bytes)
    }
}

/// Longer keys and values are a mistake of ours, and would cost the durability of the database.
fn bound(found: usize, max: usize) {
    assert!(found <= max, "{found} bytes where {max} is the most");
}

fn place(table: u8, run: u64, section: u8, block: u32) -> [u8; 14] {
    let mut key = [0; 14];
    key[0] = table;
    key[1..9].copy_from_slice(&run.to_be_bytes());
    key[9] = section;
    key[10..].copy_from_slice(&block.to_be_bytes());
    key
}

fn value(tree: &sled::Tree, key: &[u8]) -> Result<Bytes, RunsError> {
    stored(tree, key).map(Bytes::from_owner)
}

fn stored(tree: &sled::Tree, key: &[u8]) -> Result<sled::IVec, RunsError> {
    paging::read(tree, paging::RANDOM, || tree.get(key), |_| key.into())?
        .ok_or(RunsError::Damaged { what: "a block that the manifest names is missing" })
}
