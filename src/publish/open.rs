//! Before the writer may begin: tree and map are folded, and the log is held against every checkpoint that is known.

use std::path::Path;
use std::sync::Arc;

use crate::index::Index;
use crate::log::Checkpoint;
use crate::log::Extensions;
use crate::log::Note;
use crate::log::Root;
use crate::log::TreeHead;
use crate::log::VerifierKey;
use crate::log::root_at;
use crate::publish::PublishError;
use crate::publish::PublishOptions;
use crate::publish::fold::Fold;
use crate::publish::kept::Kept;
use crate::publish::table::FoldTable;
use crate::store::LogStore;
use crate::store::SledStore;

/// A log whose tree and map are folded, and which agrees with what was published of it.
#[derive(Debug)]
pub struct Opened {
    pub(super) store: Arc<dyn LogStore>,
    /// Where it has a guard.
    pub(super) sled: Option<Arc<SledStore>>,
    pub(super) index: Arc<Index>,
    pub(super) fold: Fold,
    pub(super) table: Arc<FoldTable>,
    pub(super) kept: Kept,
    pub(super) origin: Arc<str>,
    /// The newest checkpoint that was kept, with its text read.
    pub(super) newest: Option<(Checkpoint, Note)>,
    /// The newest one that was witnessed, in the same way.
    pub(super) witnessed: Option<(Checkpoint, Note)>,
    pub(super) options: PublishOptions,
}

/// Folds tree and map up to the end of the log. `progress` is told the number of entries folded.
///
/// # Errors
///
/// The log cannot be read, or it is not what was published: then nothing may ever be written to it again.
pub fn open(
    data: &Path,
    store: Arc<dyn LogStore>,
    sled: Option<Arc<SledStore>>,
    index: Arc<Index>,
    origin: Arc<str>,
    options: PublishOptions,
    progress: impl FnMut(u64),
) -> Result<Opened, PublishError> {
    let table = Arc::new(FoldTable::open(&index)?);
    let kept = Kept::open(data)?;
    let newest = read(kept.newest()?)?;
    let witnessed = read(kept.witnessed()?)?;
    let mut fold = Fold::load(&table, &store, Arc::clone(&origin), options.map_bytes)?;
    fold.catch_up(&*store, store.size(), progress)?;
    let guarded = sled.as_ref().map(|sled| sled.guard().state()).filter(|state| state.checkpoint_size > 0);
    let guarded = guarded.map(|state| TreeHead { size: state.checkpoint_size, root: Root(state.checkpoint_root) });
    for published in [&newest, &witnessed].into_iter().flatten().map(|(checkpoint, _)| checkpoint.head()).chain(guarded)
    {
        agrees(&fold, published)?;
    }
    Ok(Opened { store, sled, index, fold, table, kept, origin, newest, witnessed, options })
}

impl Opened {
    /// Number of entries.
    pub const fn size(&self) -> u64 {
        self.fold.size()
    }

    /// The newest checkpoint that was kept.
    pub fn newest(&self) -> Option<&Note> {
        self.newest.as_ref().map(|(_, note)| note)
    }

    /// The root over the first entries.
    ///
    /// # Errors
    ///
    /// There are not so many, or an entry cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Root, PublishError> {
        if size > self.size() {
            return Err(PublishError::Entry { index: size - 1 });
        }
        root_at(&*self.fold.tree, size)
    }

    /// Which log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// With what its checkpoints are verified: every key that was ever in force.
    pub fn keys(&self) -> Vec<VerifierKey> {
        self.fold.keys.verifiers(&self.origin)
    }
}

fn read(note: Option<Note>) -> Result<Option<(Checkpoint, Note)>, PublishError> {
    let Some(note) = note else { return Ok(None) };
    Ok(Some((Checkpoint::parse(note.text(), Extensions::Refused)?, note)))
}

/// Whether the log begins with what was published.
pub(super) fn agrees(fold: &Fold, published: TreeHead) -> Result<(), PublishError> {
    if published.size > fold.size() {
        return Err(PublishError::RolledBack { size: fold.size(), published: published.size });
    }
    let found = root_at(&*fold.tree, published.size)?;
    if found == published.root {
        Ok(())
    } else {
        Err(PublishError::Forked { size: published.size, found, published: published.root })
    }
}
