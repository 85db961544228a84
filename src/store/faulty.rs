//! An instrument for tests: a store that lies and fails on request. No service uses it.
//!
//! What is above the store must find every lie (a reader recomputes what it serves) and survive every failure (a
//! writer stops at the first). All choices come from a seed, so that a run can be repeated.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::store::EntryBytes;
use crate::store::LogStore;
use crate::store::StoreError;
use crate::store::StoreStats;

/// When an append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Before anything is written: the entries will not be there at the next start.
    BeforeWriting,
    /// After everything is durable: the entries will be there at the next start.
    AfterWriting,
}

/// A lie about what is stored. Indexes are those that a reader sees when the lie is told; later lies are told on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The bits of `mask` are turned in byte `byte` of entry `index`. Beyond its end nothing is turned.
    Flip {
        /// The entry.
        index: u64,
        /// From its start.
        byte: usize,
        /// Which bits.
        mask: u8,
    },
    /// Entry `index` is cut to its first `len` bytes.
    Cut {
        /// The entry.
        index: u64,
        /// Bytes left.
        len: usize,
    },
    /// Entry `index` is not there; those after it move up.
    Drop {
        /// The entry.
        index: u64,
    },
    /// Entry `index` is there twice; those after it move down.
    Duplicate {
        /// The entry.
        index: u64,
    },
    /// Two entries have each other's places.
    Swap {
        /// One.
        one: u64,
        /// The other.
        other: u64,
    },
    /// The log ends before entry `size`.
    End {
        /// Entries left.
        size: u64,
    },
}

/// A store around another, with lies and failures.
#[derive(Debug)]
pub struct FaultyStore<S> {
    inner: S,
    plan: Mutex<Plan>,
}

#[derive(Debug)]
struct Plan {
    seed: u64,
    lies: Vec<Lie>,
    /// After how many appends the next fails, and how.
    failure: Option<(u64, Failure)>,
    stopped: bool,
}

impl<S: LogStore> FaultyStore<S> {
    /// Tells the truth until it is told otherwise.
    pub fn new(inner: S, seed: u64) -> Self {
        // Xorshift stays at zero for ever.
        let plan = Plan { seed: seed.max(1), lies: Vec::new(), failure: None, stopped: false };
        Self { inner, plan: Mutex::new(plan) }
    }

    /// The store inside.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The store inside, which tells the truth.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// From now on this lie is told, too.
    pub fn tell(&self, lie: Lie) {
        self.plan().lies.push(lie);
    }

    /// No lie is told any more.
    pub fn be_honest(&self) {
        self.plan().lies.clear();
    }

    /// After `appends` more that succeed, an append fails; all after it answer [`StoreError::Stopped`].
    pub fn fail_after(&self, appends: u64, failure: Failure) {
        self.plan().failure = Some((appends, failure));
    }

    /// Chooses one of the next `within` appends, and when it fails.
    pub fn fail_somewhere(&self, within: u64) -> (u64, Failure) {
        let mut plan = self.plan();
        let appends = plan.random(within.max(1));
        let failure = if plan.random(2) == 0 { Failure::BeforeWriting } else { Failure::AfterWriting };
        plan.failure = Some((appends, failure));
        (appends, failure)
    }

    /// Turns one bit anywhere in the log; `None` when there is nothing in it.
    ///
    /// # Errors
    ///
    /// The store inside could not be read.
    pub fn flip_somewhere(&self) -> Result<Option<Lie>, StoreError> {
        let size = self.size();
        if size == 0 {
            return Ok(None);
        }
        let index = self.plan().random(size);
        let len = self.get(index)?.map_or(0, |entry| entry.len());
        let mut plan = self.plan();
        let byte = usize::try_from(plan.random(len.max(1) as u64)).unwrap_or_default();
        let mask = 1 << plan.random(8);
        let lie = Lie::Flip { index, byte, mask };
        plan.lies.push(lie);
        Ok(Some(lie))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// Below `bound`, from the seed (xorshift64).
    fn random(&mut self, bound: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % bound
    }

    fn size(&self, truth: u64) -> u64 {
        self.lies.iter().fold(truth, |size, lie| match *lie {
            Lie::Drop { index } if index < size => size - 1,
            Lie::Duplicate { index } if index < size => size + 1,
            Lie::End { size: end } => size.min(end),
            _ => size,
        })
    }

    /// Where the entry that is shown at `index` really is, and what is done to its bytes.
    fn look(&self, index: u64) -> (u64, Vec<Lie>) {
        let mut at = index;
        let mut turned = Vec::new();
        for lie in self.lies.iter().rev() {
            match *lie {
                Lie::Drop { index } if at >= index => at += 1,
                Lie::Duplicate { index } if at > index => at -= 1,
                Lie::Swap { one, other } if at == one => at = other,
                Lie::Swap { one, other } if at == other => at = one,
                Lie::Flip { index, .. } | Lie::Cut { index, .. } if at == index => turned.push(*lie),
                _ => {}
            }
        }
        (at, turned)
    }
}

fn turn(entry: EntryBytes, lies: &[Lie]) -> EntryBytes {
    if lies.is_empty() {
        return entry;
    }
    let mut bytes = entry.to_vec();
    for lie in lies.iter().rev() {
        match *lie {
            Lie::Flip { byte, mask, .. } => bytes.iter_mut().skip(byte).take(1).for_each(|byte| *byte ^= mask),
            Lie::Cut { len, .. } => bytes.truncate(len),
            Lie::Drop { .. } | Lie::Duplicate { .. } | Lie::Swap { .. } | Lie::End { .. } => {}
        }
    }
    bytes.into()
}

impl<S: LogStore> LogStore for FaultyStore<S> {
    fn size(&self) -> u64 {
        self.plan().size(self.inner.size())
    }

    fn append(&self, entries: &[EntryBytes]) -> Result<(), StoreError> {
        let failure = {
            let mut plan = self.plan();
            if plan.stopped {
                return Err(StoreError::Stopped);
            }
            let due = plan.failure.as_mut().and_then(|(left, failure)| {
                let due = *left == 0;
                *left = left.saturating_sub(1);
                due.then_some(*failure)
            });
            plan.stopped = due.is_some();
            due
        };
        if failure != Some(Failure::BeforeWriting) {
            self.inner.append(entries)?;
        }
        match failure {
            None => Ok(()),
            Some(_) => Err(StoreError::SyncFailed { what: "the test wants it so".to_owned() }),
        }
    }

    fn get(&self, index: u64) -> Result<Option<EntryBytes>, StoreError> {
        if index >= self.size() {
            return Ok(None);
        }
        let (at, lies) = self.plan().look(index);
        Ok(self.inner.get(at)?.map(|entry| turn(entry, &lies)))
    }

    fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<(u64, EntryBytes)>, StoreError> {
        if self.plan().lies.is_empty() {
            return self.inner.read(from, max_bytes);
        }
        let mut out = Vec::new();
        let mut bytes = 0;
        for index in from..self.size() {
            let Some(entry) = self.get(index)? else { break };
            bytes += entry.len();
            out.push((index, entry));
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(out)
    }

    fn stats(&self) -> StoreStats {
        self.inner.stats()
    }

    fn last_sync(&self) -> Option<std::time::Duration> {
        self.inner.last_sync()
    }
}

#[cfg(test)]
mod tests;
