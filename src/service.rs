//! One log, opened: its store, keys, index, writer and readers, and the threads that look after them.
//!
//! What is looked at before a single request is taken: the store against its guard, the newest entries as a verifier
//! would, the index against the log. Whatever is missing from the index is folded first.

pub mod erase;
mod histories;
mod open;
mod reader;
mod tend;
mod vault;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::index::Index;
use crate::index::IndexError;
use crate::index::fold_log;
use crate::keys::Elsewhere;
use crate::keys::Keyring;
use crate::keys::KeysError;
use crate::ledger::Head;
use crate::ledger::Receipt;
use crate::ledger::Vault as _;
use crate::log::Body;
use crate::log::EntryFault;
use crate::publish::Proofs;
use crate::publish::PublishError;
use crate::publish::PublishOptions;
use crate::publish::Publisher;
use crate::sequencer::AppendError;
use crate::sequencer::Commits;
use crate::sequencer::Health;
use crate::sequencer::Limits;
use crate::sequencer::LogOf;
use crate::sequencer::Queue;
use crate::sequencer::Sequencer;
use crate::service::erase::EraseError;
use crate::service::erase::Erasing;
use crate::service::erase::Rewritten;
use crate::store::LogStore;
use crate::store::OpenOptions;
use crate::store::SledStore;
use crate::store::StoreError;
use crate::store::background_panics;
use crate::views::policy::DisclosurePolicy;
use crate::witness;
use crate::witness::Contradiction;
use crate::witness::WitnessOptions;
use crate::witness::Witnessing;

pub use open::Progress;
pub use open::check_origin;
pub use open::open;
pub use open::open_over;
pub use reader::EntryRead;
pub use reader::LogEntries;
pub use reader::Reader;
pub use vault::KeyVault;

/// Longest time that an entry stands without a published checkpoint over it, where nobody said otherwise.
pub const LONGEST_DELAY_S: u32 = 600;

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// Of a log that is made now; a log that exists has its own.
    pub origin: Option<String>,
    /// Of a log that is made now: text of the last known checkpoint of the log that it continues, or empty.
    pub continues: String,
    /// Of the store.
    pub store: OpenOptions,
    /// Of the queue.
    pub limits: Limits,
    /// Whether a day or more since the last entry is in order.
    pub accept_gap: bool,
    /// How many of the newest entries are verified at start.
    pub verify_newest: u64,
    /// What of its keys is not in files.
    pub elsewhere: Elsewhere,
    /// What it is of.
    pub of: LogOf,
    /// How it is sealed and published; none, and it is not.
    pub publish: Option<PublishOptions>,
    /// How long what was erased may lie in the volumes; none, and they are not written again by themselves.
    pub rewrite_within: Option<Duration>,
    /// How it is witnessed; none, and nobody is asked. Only what is published is witnessed.
    pub witness: Option<WitnessOptions>,
    /// How long what is on record may be shown, and who is told of changes.
    pub disclosure: DisclosurePolicy,
}

impl Options {
    /// Everything as it is where nobody said otherwise.
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            origin: None,
            continues: String::new(),
            store: OpenOptions::default(),
            limits: Limits::default(),
            accept_gap: false,
            verify_newest: 1000,
            elsewhere: Elsewhere::default(),
            of: LogOf::default(),
            publish: None,
            rewrite_within: None,
            witness: None,
            disclosure: DisclosurePolicy::default(),
        }
    }

    /// How the access log of a log is opened: in the folder `access` of its data folder, under its origin with `/access`
    /// behind. `None` of a log that has no folder.
    pub fn of_accesses(service: &Service) -> Option<Self> {
        let sled = service.sled()?;
        let mut options = Self::new(sled.data().join("access"));
        options.origin = Some(format!("{}/access", service.vault().origin()));
        options.store.reserve_bytes = sled.reserve_bytes();
        options.of = LogOf::Accesses;
        options.elsewhere.custodian = service.keys().custodian();
        // Whoever learns of reads wants it proved that these are all.
        options.publish = Some(PublishOptions::default());
        // Nobody may have read for days. What the clock must show is asked of the log of matters.
        options.accept_gap = true;
        Some(options)
    }
}

/// Why a log could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys could not be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What was erased could not be looked at.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// The index could not be folded.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An entry is not what its leaf commits to.
    #[error("entry {index} is damaged: {fault}; restore the newest backup into a new folder")]
    Entry {
        /// Which.
        index: u64,
        /// What is wrong.
        fault: EntryFault,
    },
    /// The newest entries do not verify.
    #[error("the newest entries do not verify: {what}; restore the newest backup into a new folder")]
    Chain {
        /// The first fault.
        what: String,
    },
    /// The origin is none, or another one than the log's.
    #[error("origin: {what}")]
    Origin {
        /// What is wrong.
        what: String,
    },
    /// The signing key is not the one that GENESIS names.
    #[error("keys/log.ed25519 is not the key that this log names; restore it from the backup of the keys")]
    SigningKey,
    /// The log is not what was published of it, or cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A witness knows of entries that are not here. The log must not be written.
    #[error(transparent)]
    Witness(#[from] Box<Contradiction>),
    /// The system gave no thread, or the folder of the index could not be made anew.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A log that takes requests.
#[derive(Debug)]
pub struct Service {
    reader: Reader,
    vault: KeyVault,
    sequencer: Sequencer,
    publisher: Option<Publisher>,
    witnessing: Option<Witnessing>,
    /// The store, where it is one on disk.
    sled: Option<Arc<SledStore>>,
    index: Arc<Index>,
    erasing: Erasing,
    tending: tend::Tending,
    clock: Clock,
    disclosure: DisclosurePolicy,
    /// How many of sled's own threads had died before it was opened.
    panics: u64,
}

impl Service {
    /// Reads the log and its index.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Seals what clients send.
    pub const fn vault(&self) -> &KeyVault {
        &self.vault
    }

    /// Where prepared requests go.
    pub const fn queue(&self) -> &Queue {
        &self.sequencer.queue
    }

    /// The last durable entry, after every batch.
    pub fn head(&self) -> watch::Receiver<Head> {
        self.sequencer.head.clone()
    }

    /// Whether the writer still writes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.sequencer.health.clone()
    }

    /// What the writer has committed.
    pub const fn commits(&self) -> &Commits {
        &self.sequencer.commits
    }

    /// The store and its guard, where it is one on disk.
    pub fn sled(&self) -> Option<&SledStore> {
        self.sled.as_deref()
    }

    /// What is published, and proofs of it; none where nothing is.
    pub fn proofs(&self) -> Option<&Proofs> {
        self.publisher.as_ref().map(Publisher::proofs)
    }

    /// How it is with the witnesses, where the log is published and has any.
    pub fn witnesses(&self) -> Option<&watch::Receiver<witness::State>> {
        self.witnessing.as_ref().map(Witnessing::state)
    }

    /// Records a KEY or CLOSE entry, made for the place that it gets; the SEAL over it follows by itself. Not from a task
    /// of an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// As of every append.
    pub fn record_own(&self, make: impl FnOnce(Head) -> Body) -> Result<Receipt, AppendError> {
        let rest = self.sequencer.turns.rest()?;
        let body = make(rest.head());
        rest.record(body)
    }

    /// An erasure may have been approved: it is carried out beside everything else.
    pub fn erase_what_is_approved(&self) {
        self.erasing.kick();
    }

    /// Writes the volumes again in which something lies that was erased. Reads and appends go on meanwhile.
    ///
    /// # Errors
    ///
    /// The log, its index or the store failed; what was not written again is as before.
    pub fn rewrite_erased(&self) -> Result<Rewritten, IndexError> {
        self.sled.as_ref().map_or(Ok(Rewritten::default()), |sled| erase::rewrite(&self.reader, sled))
    }

    /// The clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How long what is on record may be shown, and who is told of changes.
    pub const fn disclosure(&self) -> &DisclosurePolicy {
        &self.disclosure
    }

    /// The keys.
    pub fn keys(&self) -> &Keyring {
        self.vault.keys()
    }

    /// The store, for figures.
    pub fn store(&self) -> &dyn LogStore {
        self.reader.store()
    }

    /// The index, for figures and rebuilds.
    pub const fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Folds on where the views halted, and takes requests again once they are at the end of the log. Gives the number
    /// of entries folded. Without a halt there is nothing to do.
    ///
    /// # Errors
    ///
    /// An entry cannot be folded by this program either, or the log cannot be read; everything is as before.
    pub fn resume_views(&self, progress: impl Fn(u64)) -> Result<u64, IndexError> {
        let _alone = self.index.alone();
        let Some(_) = self.index.halted() else { return Ok(self.index.position().size) };
        fold_log(&self.index, self.reader.store(), &self.vault, |done| {
            progress(done);
            ControlFlow::Continue(())
        })?;
        self.index.resumed();
        self.sequencer.stopper.resume();
        Ok(self.index.position().size)
    }

    /// Whether one of sled's own threads died since the log was opened, or a commit never came to an end: then nothing
    /// of it can be closed, since that would wait for the same.
    pub fn is_lost(&self) -> bool {
        background_panics() != self.panics || self.tending.is_stuck()
    }

    /// Finishes what is queued, writes the index and the guard, and closes the store so that the next start is short.
    /// Where the log is lost ([`Service::is_lost`]), it leaves all as it is, with the marker that the next start asks about.
    ///
    /// # Errors
    ///
    /// Something of that failed; everything that was acknowledged is durable all the same.
    pub fn stop(self) -> Result<(), OpenError> {
        if self.is_lost() {
            if let Some(sled) = &self.sled {
                sled.stop_writing(tend::THREAD_DIED);
            }
            tracing::warn!("the log is left as after a crash, which loses nothing that was acknowledged");
            // Neither the threads nor what sled has open would come to an end before the process does.
            std::mem::forget(self);
            return Ok(());
        }
        let Self {
            reader,
            vault,
            sequencer,
            publisher,
            witnessing,
            sled,
            index,
            erasing,
            tending,
            clock: _,
            disclosure: _,
            panics: _,
        } = self;
        // While the writer still records.
        drop(erasing);
        if let Some(witnessing) = witnessing {
            witnessing.stop();
        }
        // While the writer can still record a last SEAL.
        if let Some(publisher) = publisher {
            publisher.stop();
        }
        let wrote = *sequencer.health.borrow() == Health::Writing || index.halted().is_some();
        sequencer.stop();
        tending.stop();
        if wrote {
            index.flush()?;
            sled.as_ref().map_or(Ok(()), |sled| tend::write_guard(sled, &index))?;
        }
        drop((reader, vault));
        if let Some(index) = sole(index) {
            index.close()?;
        }
        if let Some(store) = sled.and_then(sole) {
            store.close()?;
        }
        Ok(())
    }
}

/// What the last reader has let go of: calls that were cut are dropped a moment later.
fn sole<T>(mut shared: Arc<T>) -> Option<T> {
    for _ in 0..200 {
        match Arc::try_unwrap(shared) {
            Ok(sole) => return Some(sole),
            Err(still) => shared = still,
        }
        thread::sleep(Duration::from_millis(10));
    }
    tracing::warn!("a reader still holds the log; the next start is longer, and that is all");
    None
}
