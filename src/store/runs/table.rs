//! A table: its manifest, its runs, and when they are merged.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::log::LeafHash;
use crate::store::runs::filter::Hashed;
use crate::store::runs::merge::Rows;
use crate::store::runs::run::Run;
use crate::store::runs::run::RunMeta;
use crate::store::runs::run::RunWriter;
use crate::store::runs::run::remove_run;

/// Runs of about the same size are merged when there are this many: each row is written again for every factor of
/// eight by which a table grows.
const RUNS_OF_A_SIZE: usize = 8;

/// How far an index is folded: the number of entries, and the leaf hash of the last of them, so that an index of
/// another log is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Entries 0..size are folded.
    pub size: u64,
    /// Of entry size - 1; zeros for size 0.
    pub leaf_hash: [u8; 32],
}

impl Position {
    /// Nothing is folded.
    pub const START: Self = Self { size: 0, leaf_hash: LeafHash::NONE.0 };
}

/// Why an index could not be read or written. The remedy is always the same: throw it away and fold it again.
#[derive(Debug, Error)]
pub enum RunsError {
    /// sled said no.
    #[error("the store of the indexes: {0}")]
    Sled(#[from] sled::Error),
    /// What is stored is not what was written.
    #[error("the store of the indexes is damaged: {what}")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Manifest {
    version: u32,
    position: Position,
    next_run: u64,
    /// Newest first.
    runs: Vec<RunMeta>,
}

/// Takes the next row of a run: its key and its value.
pub type Put<'p> = dyn FnMut(&[u8], &[u8]) -> Result<(), RunsError> + 'p;

/// One table of rows in a sled database. Many may read; one thread folds.
#[derive(Debug)]
pub struct Table {
    db: sled::Db,
    tree: sled::Tree,
    number: u8,
    /// How many leading bytes of a key lookups know; the filters hold those.
    prefix_bytes: usize,
    version: u32,
    /// Newest first, with the position that they make together. Guards which runs are read.
    runs: RwLock<(Position, Arc<Vec<Arc<Run>>>)>,
    /// Merged away; removed when no reader has them. Guards nothing else.
    obsolete: Mutex<Vec<Arc<Run>>>,
    /// Held while the manifest is written: a run may be added while others are merged.
    publishing: Mutex<()>,
    /// Held while runs are merged.
    merging: Mutex<()>,
    next_run: AtomicU64,
    values_written: AtomicU64,
}

impl Table {
    /// Opens a table, empty where there is none or where it was folded by other rules (`version`).
    ///
    /// # Errors
    ///
    /// sled failed, or the table is damaged.
    pub fn open(db: &sled::Db, number: u8, prefix_bytes: usize, version: u32) -> Result<Self, RunsError> {
        let tree = db.open_tree("runs")?;
        let manifest = match tree.get([number])? {
            None => None,
            Some(bytes) => Some(
                postcard::from_bytes::<Manifest>(&bytes)
                    .map_err(|_| RunsError::Damaged { what: "a manifest that cannot be read" })?,
            ),
        };
        let manifest = manifest.filter(|manifest| manifest.version == version).unwrap_or(Manifest {
            version,
            position: Position::START,
            next_run: 0,
            runs: Vec::new(),
        });
        let named: Vec<u64> = manifest.runs.iter().map(|run| run.id).collect();
        remove_unnamed(&tree, number, &named)?;
        let runs = manifest
            .runs
            .into_iter()
            .map(|meta| Run::open(&tree, number, meta).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            db: db.clone(),
            tree,
            number,
            prefix_bytes,
            version,
            runs: RwLock::new((manifest.position, Arc::new(runs))),
            obsolete: Mutex::default(),
            publishing: Mutex::default(),
            merging: Mutex::default(),
            next_run: AtomicU64::new(manifest.next_run),
            values_written: AtomicU64::new(0),
        })
    }

    /// How far it is folded.
    pub fn position(&self) -> Position {
        self.runs.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Values written to sled since it was opened.
    pub fn values_written(&self) -> u64 {
        self.values_written.load(Ordering::Relaxed)
    }

    /// How many runs there are: a lookup may have to ask each of them.
    pub fn runs(&self) -> usize {
        self.current().len()
    }

    fn current(&self) -> Arc<Vec<Arc<Run>>> {
        Arc::clone(&self.runs.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Rows of all runs: those of one key in several runs count in each.
    pub fn rows(&self) -> u64 {
        self.current().iter().map(|run| run.meta.rows).sum()
    }

    /// The newest value of a key.
    ///
    /// # Errors
    ///
    /// sled failed, or the table is damaged.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, RunsError> {
        let prefix = Hashed::of(self.prefix(key));
        for run in self.current().iter() {
            if let Some(value) = run.get(key, prefix)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Rows from `from` on, all of which begin with the prefix of `from` that lookups know.
    ///
    /// # Errors
    ///
    /// sled failed, or the table is damaged.
    pub fn rows_with_prefix(&self, from: &[u8]) -> Result<Rows, RunsError> {
        let prefix = Hashed::of(self.prefix(from));
        let runs: Vec<_> = self.current().iter().filter(|run| run.may_contain(prefix)).cloned().collect();
        Rows::from(&runs, from)
    }

    /// All rows from `from` on.
    ///
    /// # Errors
    ///
    /// sled failed, or the table is damaged.
    pub fn rows_from(&self, from: &[u8]) -> Result<Rows, RunsError> {
        Rows::from(&self.current(), from)
    }

    /// Writes the rows that `fill` puts, ascending by key, as a new run, makes them durable, and only then moves the
    /// position. A crash before that leaves the table as it was. `prefixes` is how many different ones lookups will
    /// know, at most.
    ///
    /// # Errors
    ///
    /// sled failed. The table is as it was.
    pub fn add(
        &self,
        prefixes: usize,
        position: Position,
        fill: impl FnOnce(&mut Put<'_>) -> Result<(), RunsError>,
    ) -> Result<(), RunsError> {
        let mut writer = RunWriter::new(&self.tree, self.number, self.next_id(), prefixes);
        fill(&mut |key, value| writer.push(key, self.prefix(key), value))?;
        let run = if writer.is_empty() { None } else { Some(self.finished(writer)?) };
        self.publish(|runs, at| {
            runs.splice(..0, run);
            *at = position;
        })
    }

    fn finished(&self, writer: RunWriter<'_>) -> Result<Arc<Run>, RunsError> {
        let (run, values) = writer.finish()?;
        self.values_written.fetch_add(values, Ordering::Relaxed);
        Ok(Arc::new(run))
    }

    /// Merges runs of about the same size, where there are enough of them, while others read and one adds. Returns
    /// whether it did; it gives up, and leaves the table as it was, when `go_on` says so.
    ///
    /// # Errors
    ///
    /// sled failed. The table is as it was.
    pub fn merge_some(&self, go_on: impl Fn() -> bool) -> Result<bool, RunsError> {
        let _merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        self.remove_obsolete()?;
        let runs = self.current();
        let Some(range) = same_size(&runs) else { return Ok(false) };
        let merged = runs[range].to_vec();
        drop(runs);
        let prefixes: u64 = merged.iter().map(|run| run.meta.prefixes).sum();
        let prefixes = usize::try_from(prefixes).expect("filters fit in memory");
        let id = self.next_id();
        let mut writer = RunWriter::new(&self.tree, self.number, id, prefixes);
        let mut sorted = Rows::from(&merged, &[])?;
        while let Some((key, value)) = sorted.next_row()? {
            if !go_on() {
                drop(writer);
                remove_run(&self.tree, self.number, id)?;
                return Ok(false);
            }
            writer.push(key, self.prefix(key), &value)?;
        }
        drop(sorted);
        let run = self.finished(writer)?;
        let oldest = merged.last().map(|run| run.meta.id);
        self.publish(|runs, _| {
            // Runs were added before the newest of them, and nothing else.
            let end =
                runs.iter().position(|run| Some(run.meta.id) == oldest).expect("only a merge takes runs away") + 1;
            runs.splice(end - merged.len()..end, [run]);
        })?;
        self.obsolete.lock().unwrap_or_else(PoisonError::into_inner).extend(merged);
        self.remove_obsolete()?;
        Ok(true)
    }

    /// Empties the table.
    ///
    /// # Errors
    ///
    /// sled failed.
    pub fn clear(&self) -> Result<(), RunsError> {
        let _merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = Vec::new();
        self.publish(|runs, position| {
            gone = std::mem::take(runs);
            *position = Position::START;
        })?;
        self.obsolete.lock().unwrap_or_else(PoisonError::into_inner).extend(gone);
        self.remove_obsolete()
    }

    /// Makes what was written durable, then the manifest that names it, and only then lets it answer.
    fn publish(&self, change: impl FnOnce(&mut Vec<Arc<Run>>, &mut Position)) -> Result<(), RunsError> {
        let _publishing = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        self.db.flush()?;
        let mut position = self.position();
        let mut runs = self.current().as_ref().clone();
        change(&mut runs, &mut position);
        let manifest = Manifest {
            version: self.version,
            position,
            next_run: self.next_run.load(Ordering::Relaxed),
            runs: runs.iter().map(|run| run.meta.clone()).collect(),
        };
        let bytes = postcard::to_stdvec(&manifest).expect("a manifest can be written");
        self.tree.insert([self.number], bytes)?;
        self.db.flush()?;
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = (position, Arc::new(runs));
        Ok(())
    }

    fn remove_obsolete(&self) -> Result<(), RunsError> {
        let mut obsolete = self.obsolete.lock().unwrap_or_else(PoisonError::into_inner);
        let (unread, read): (Vec<_>, Vec<_>) = obsolete.drain(..).partition(|run| Arc::strong_count(run) == 1);
        *obsolete = read;
        drop(obsolete);
        unread.iter().try_for_each(|run| run.remove())
    }

    fn next_id(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    fn prefix<'k>(&self, key: &'k [u8]) -> &'k [u8] {
        &key[..key.len().min(self.prefix_bytes)]
    }
}

/// The oldest neighbours of about the same size that are worth a merge, as a range of `runs` (newest first).
fn same_size(runs: &[Arc<Run>]) -> Option<std::ops::Range<usize>> {
    let tier = |run: &Run| run.meta.rows.max(1).ilog2() / 3;
    let mut end = runs.len();
    while end > 0 {
        let oldest = tier(&runs[end - 1]);
        let same = runs[..end].iter().rev().take_while(|run| tier(run) == oldest).count();
        if same >= RUNS_OF_A_SIZE {
            return Some(end - same..end);
        }
        end -= same;
    }
    None
}

/// Removes runs that a crash left behind: in sled, and in no manifest.
fn remove_unnamed(tree: &sled::Tree, table: u8, named: &[u64]) -> Result<(), RunsError> {
    let mut from = vec![table, 0, 0, 0, 0, 0, 0, 0, 0];
    while let Some((key, _)) = tree.get_gt(&from)? {
        if key.first() != Some(&table) || key.len() != 14 {
            break;
        }
        let id = u64::from_be_bytes(key[1..9].try_into().expect("eight bytes"));
        if !named.contains(&id) {
            remove_run(tree, table, id)?;
        }
        let Some(next) = id.checked_add(1) else { break };
        from.truncate(1);
        from.extend_from_slice(&next.to_be_bytes());
    }
    Ok(())
}
