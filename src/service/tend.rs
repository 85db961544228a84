//! What goes on beside the writer: the guard follows what is acknowledged, rows in memory become runs, full volumes
//! are rewritten.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::index::Index;
use crate::sequencer::Commits;
use crate::sequencer::Stopper;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::store::background_panics;

/// How long the guard may lag behind what is acknowledged.
const GUARD_EVERY: Duration = Duration::from_millis(500);

/// How often rows and volumes are looked at.
const TEND_EVERY: Duration = Duration::from_millis(20);

/// How often it is looked whether sled's own threads live.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// How long a commit that is under way may take, in looks of the watch, before nobody waits for it any longer.
const LOOKS_UNTIL_LOST: u32 = 20;

/// How long one commit may take, in looks of the watch: a minute, and nobody can say any more whether it ends.
const LOOKS_UNTIL_STUCK: u32 = 600;

/// What the operator reads.
const COMMIT_STUCK: &str = "the store has not answered for a minute, and may never";

/// What the operator reads.
pub(super) const THREAD_DIED: &str = "one of sled's own threads stopped, and what waits for it may wait for ever";

/// Threads that end when it is dropped.
#[derive(Debug)]
pub(super) struct Tending {
    /// Long work gives up.
    ending: Arc<AtomicBool>,
    /// The store may never answer again.
    stuck: Arc<AtomicBool>,
    stop: Vec<mpsc::Sender<()>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Tending {
    /// `panics` is the number of sled's threads that had died before the log was opened.
    pub(super) fn start(
        store: Option<&Arc<SledStore>>,
        index: &Arc<Index>,
        stopper: Stopper,
        commits: Commits,
        panics: u64,
    ) -> std::io::Result<Self> {
        let mut tending = Self { ending: Arc::default(), stuck: Arc::default(), stop: Vec::new(), threads: Vec::new() };
        let (watched, mut looks) = (store.cloned(), 0);
        let (stuck, mut patience) = (Arc::clone(&tending.stuck), Patience::default());
        // It calls nothing of sled's: that could wait for the same thread.
        tending.spawn("watch", WATCH_EVERY, move || {
            if patience.ends(commits.under_way()) {
                tracing::error!(why = COMMIT_STUCK, "nothing more is written in this run");
                stuck.store(true, Ordering::Relaxed);
                stopper.stop(COMMIT_STUCK);
                stopper.give_up(COMMIT_STUCK);
            }
            if background_panics() == panics {
                return;
            }
            looks += 1;
            if looks == 1 {
                tracing::error!(why = THREAD_DIED, "nothing more is written in this run");
                stopper.stop(THREAD_DIED);
                if let Some(store) = &watched {
                    store.stop_writing(THREAD_DIED);
                }
            } else if looks == LOOKS_UNTIL_LOST {
                stopper.give_up(THREAD_DIED);
            }
        })?;
        let flushed = Arc::clone(index);
        tending.spawn("index", TEND_EVERY, move || {
            if flushed.wants_flush()
                && let Err(error) = flushed.flush()
            {
                tracing::error!(%error, "the index could not be written; it is folded again at the next start");
            }
        })?;
        let (merged, ending) = (Arc::clone(index), Arc::clone(&tending.ending));
        tending.spawn("merge", TEND_EVERY, move || {
            if let Err(error) = merged.merge(|| !ending.load(Ordering::Relaxed)) {
                tracing::error!(%error, "runs of the index could not be merged; it answers as before");
            }
        })?;
        let Some(store) = store else { return Ok(tending) };
        let (guarded, indexed) = (Arc::clone(store), Arc::clone(index));
        tending.spawn("guard", GUARD_EVERY, move || {
            if guarded.guard().state().size < guarded.size()
                && let Err(error) = write_guard(&guarded, &indexed)
            {
                tracing::error!(%error, "the guard could not be written");
            }
        })?;
        let closed = Arc::clone(store);
        tending.spawn("volumes", GUARD_EVERY, move || {
            if let Err(error) = closed.close_finished_volumes() {
                tracing::error!(%error, "a full volume could not be rewritten; it stays as it is");
            }
        })?;
        Ok(tending)
    }

    /// Whether the store may never answer again.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }

    fn spawn(
        &mut self,
        name: &'static str,
        every: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> std::io::Result<()> {
        let (stop, stopped) = mpsc::channel();
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(move || {
            while stopped.recv_timeout(every) == Err(mpsc::RecvTimeoutError::Timeout) {
                work();
            }
        })?);
        self.stop.push(stop);
        Ok(())
    }

    pub(super) fn stop(self) {
        self.ending.store(true, Ordering::Relaxed);
        drop(self.stop);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread beside the writer had stopped by itself");
            }
        }
    }
}

/// How long the same commit has been under way.
#[derive(Debug, Default)]
struct Patience {
    seen: Option<u64>,
    looks: u32,
}

impl Patience {
    /// Whether it is just now that the commit which is under way has taken too long.
    fn ends(&mut self, under_way: Option<u64>) -> bool {
        self.looks = if under_way.is_some() && under_way == self.seen { self.looks + 1 } else { 0 };
        self.seen = under_way;
        self.looks == LOOKS_UNTIL_STUCK
    }
}

/// Tells the guard what is durable: entries, and the index on disk.
pub(super) fn write_guard(store: &SledStore, index: &Index) -> Result<(), StoreError> {
    let size = store.size();
    let Some(size_and_leaf) = last_leaf(store, size)? else { return Ok(()) };
    let index_position = index.synced_position().size;
    store.guard().update(|state| {
        if size_and_leaf.0 >= state.size {
            (state.size, state.leaf) = size_and_leaf;
        }
        state.index_position = index_position;
    })?;
    Ok(())
}

fn last_leaf(store: &SledStore, size: u64) -> Result<Option<(u64, crate::log::LeafHash)>, StoreError> {
    let Some(last) = size.checked_sub(1) else { return Ok(None) };
    let Some(bytes) = store.get(last)? else { return Ok(None) };
    match crate::log::Entry::check(&bytes) {
        Ok(entry) => Ok(Some((size, entry.leaf_hash))),
        Err(fault) => Err(StoreError::Damaged { volume: 0, at: Some(last), what: fault.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::LOOKS_UNTIL_STUCK;
    use super::Patience;

    /// How often patience ends over what the looks see.
    fn check(seen: impl IntoIterator<Item = Option<u64>>, ends: usize) {
        let mut patience = Patience::default();
        assert_eq!(seen.into_iter().filter(|under_way| patience.ends(*under_way)).count(), ends);
    }

    #[test]
    fn patience_ends_once_and_only_with_one_and_the_same_commit() {
        let long = 2 * LOOKS_UNTIL_STUCK as usize;
        check(std::iter::repeat_n(None, long), 0);
        check((0..long as u64).map(|commit| Some(2 * commit + 1)), 0);
        check((0..long).map(|look| (look % 2 == 0).then_some(1)), 0);
        check(std::iter::repeat_n(Some(1), LOOKS_UNTIL_STUCK as usize), 0);
        check(std::iter::repeat_n(Some(1), long), 1);
        check(std::iter::repeat_n(Some(1), long).chain([None]).chain(std::iter::repeat_n(Some(3), long)), 2);
    }
}
