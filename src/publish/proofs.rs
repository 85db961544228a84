//! Proofs of what is published. They are made from what only ever grows, or from the map as it was sealed: they never
//! wait for the writer, nor it for them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;
use thiserror::Error;
use tokio::sync::watch;

use crate::index::Index;
use crate::index::IndexError;
use crate::ledger::HistoryKey;
use crate::log;
use crate::log::Answer;
use crate::log::HistoryName;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::LeafHash;
use crate::log::MalformedLine;
use crate::log::MapPath;
use crate::log::MapProof;
use crate::log::NodeHash;
use crate::log::ProofFile;
use crate::log::Proved;
use crate::log::Root;
use crate::log::SUBJECT_PROOF_BYTES_MAX;
use crate::log::SavedFault;
use crate::log::SubjectProof;
use crate::log::leaf_bytes;
use crate::log::prove_consistency;
use crate::log::prove_inclusion;
use crate::log::root_at;
use crate::publish::Cosigned;
use crate::publish::LogTree;
use crate::publish::PublishError;
use crate::publish::Published;
use crate::publish::table::FoldTable;
use crate::store::LogStore;
use crate::store::runs::RunsError;

/// What is published of one log. Cheap to clone; any number of threads may ask.
#[derive(Clone, Debug)]
pub struct Proofs {
    store: Arc<dyn LogStore>,
    index: Arc<Index>,
    tree: Arc<LogTree>,
    /// Where the rows of the map are that are not in memory.
    saved: Arc<FoldTable>,
    seen: watch::Receiver<Option<Arc<Published>>>,
    wanted: Arc<AtomicU64>,
    kick: Sender<()>,
    witnessed: watch::Receiver<Option<Arc<Published>>>,
    cosigned: Sender<Cosigned>,
    asks_witnesses: bool,
    /// How often the saved map was of no use.
    refused: Arc<AtomicU64>,
}

/// How it is with the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapFigures {
    /// Keys under the newest seal.
    pub keys: u64,
    /// Bytes of the rows of them that are in memory.
    pub resident_bytes: u64,
    /// Proofs that were refused since the start, since rows that are saved could not be read or were others.
    pub refused: u64,
}

/// All that is filed under a name as of a checkpoint, proved.
#[derive(Clone, Debug)]
pub struct SubjectHistory {
    /// As of which one.
    pub published: Arc<Published>,
    /// The file.
    pub proof: SubjectProof,
}

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// Nothing is published yet, or the map is not, since the last start.
    #[error("nothing is published yet")]
    NotPublished,
    /// No published checkpoint reaches so far.
    #[error("the published checkpoint has {published} entries, {wanted} were asked for")]
    Beyond {
        /// Entries of the newest checkpoint.
        published: u64,
        /// Asked for.
        wanted: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The saved rows of the map cannot be read, or are not what was sealed. The log has everything.
    #[error("{0}; nothing is lost: the next start folds the map from the log")]
    Map(SavedFault<RunsError>),
    /// The proof is longer than a file may be.
    #[error("the proof of {count} entries has more than {max} bytes: {found}")]
    TooLarge {
        /// Entries of the history.
        count: u64,
        /// At least so many bytes.
        found: u64,
        /// The most.
        max: u64,
    },
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Index and map do not agree: the views halted, or the index must be folded again.
    #[error("the index has {indexed} entries of a history, the map has {mapped}")]
    Histories {
        /// In the index.
        indexed: u64,
        /// In the map.
        mapped: u64,
    },
    /// A proof cannot be written as a file.
    #[error(transparent)]
    Text(#[from] MalformedLine),
}

impl From<log::ProveError<PublishError>> for ProveError {
    fn from(error: log::ProveError<PublishError>) -> Self {
        match error {
            log::ProveError::IndexBeyondSize { index, size } => {
                Self::Beyond { published: size, wanted: index.saturating_add(1) }
            }
            log::ProveError::OldBeyondNew { old, new } => Self::Beyond { published: new, wanted: old },
            log::ProveError::Nodes(error) => Self::Publish(error),
        }
    }
}

impl Proofs {
    pub(super) fn new(
        store: Arc<dyn LogStore>,
        index: Arc<Index>,
        (tree, saved): (Arc<LogTree>, Arc<FoldTable>),
        [seen, witnessed]: [watch::Receiver<Option<Arc<Published>>>; 2],
        wanted: Arc<AtomicU64>,
        kick: Sender<()>,
        cosigned: Sender<Cosigned>,
    ) -> Self {
        Self {
            store,
            index,
            tree,
            saved,
            seen,
            wanted,
            kick,
            asks_witnesses: false,
            witnessed,
            cosigned,
            refused: Arc::default(),
        }
    }

    /// The same of a log whose checkpoints witnesses are asked to cosign.
    #[must_use]
    pub fn with_witnesses(self) -> Self {
        Self { asks_witnesses: true, ..self }
    }

    /// Whether witnesses are asked: without, no checkpoint is ever witnessed.
    pub const fn asks_witnesses(&self) -> bool {
        self.asks_witnesses
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    ///
    /// There is none yet.
    pub fn published(&self) -> Result<Arc<Published>, ProveError> {
        self.seen.borrow().clone().ok_or(ProveError::NotPublished)
    }

    /// Every checkpoint from now on, and every one that gets a cosignature.
    pub fn follow(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.seen.clone()
    }

    /// The newest checkpoint once it is over at least `size` entries, which is sealed for this at once. For ever, where
    /// the writer has stopped.
    ///
    /// # Errors
    ///
    /// The service is ending.
    pub async fn wait_for(&self, size: u64) -> Result<Arc<Published>, ProveError> {
        self.want(size);
        let mut seen = self.seen.clone();
        let reached = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| published.checkpoint.size >= size)
        };
        let found = seen.wait_for(reached).await.map_err(|_| ProveError::NotPublished)?;
        found.clone().ok_or(ProveError::NotPublished)
    }

    /// The newest checkpoint that the policy's quorum has cosigned, and every one from now on; it may be older than the
    /// newest.
    pub fn follow_witnessed(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.witnessed.clone()
    }

    /// Hands over a checkpoint of this log with cosignatures that came: they are kept, and told to those who follow.
    pub fn cosigned(&self, cosigned: Cosigned) {
        // Nobody takes them any more when the service is ending; witnesses give them again.
        self.cosigned.send(cosigned).unwrap_or_default();
    }

    /// Number of durable entries, also those that are not sealed.
    pub fn log_size(&self) -> u64 {
        self.store.size()
    }

    /// The root over the first entries, sealed or not.
    ///
    /// # Errors
    ///
    /// There are not so many, or an entry cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Root, PublishError> {
        root_at(&*self.tree, size)
    }

    /// As [`Proofs::wait_for`], and until the policy's quorum has cosigned it: not the newest one, where that is not
    /// cosigned yet.
    ///
    /// # Errors
    ///
    /// The service is ending.
    pub async fn wait_until_witnessed(&self, size: u64) -> Result<Arc<Published>, ProveError> {
        self.want(size);
        let mut seen = self.witnessed.clone();
        let reached = |published: &Option<Arc<Published>>| {
            published.as_ref().is_some_and(|published| published.checkpoint.size >= size)
        };
        let found = seen.wait_for(reached).await.map_err(|_| ProveError::NotPublished)?;
        found.clone().ok_or(ProveError::NotPublished)
    }

    /// Somebody waits for a checkpoint over so many entries.
    fn want(&self, size: u64) {
        self.wanted.fetch_max(size, Ordering::AcqRel);
        // One that is there already says the same.
        self.kick.try_send(()).unwrap_or_default();
    }

    /// The tree, for tiles; beyond the published size it is nobody's business.
    pub fn tree(&self) -> &LogTree {
        &self.tree
    }

    /// The leaf of an entry, as it is hashed.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn leaf(&self, index: u64) -> Result<Vec<u8>, PublishError> {
        let bytes = self.store.get(index)?.ok_or(PublishError::Entry { index })?;
        leaf_bytes(&bytes).map(<[u8]>::to_vec).ok_or(PublishError::Entry { index })
    }

    /// That an entry is in the log as of a size that was published.
    ///
    /// # Errors
    ///
    /// It is not below the size, the size is not published, or an entry cannot be read.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Vec<NodeHash>, ProveError> {
        self.within(size)?;
        Ok(prove_inclusion(&*self.tree, index, size)?)
    }

    /// That the log as of one size begins with the log as of another.
    ///
    /// # Errors
    ///
    /// They stand the other way round, the newer one is not published, or an entry cannot be read.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<NodeHash>, ProveError> {
        self.within(new)?;
        Ok(prove_consistency(&*self.tree, old, new)?)
    }

    fn within(&self, size: u64) -> Result<(), ProveError> {
        let published = self.published()?.checkpoint.size;
        if size > published { Err(ProveError::Beyond { published, wanted: size }) } else { Ok(()) }
    }

    /// That an entry is in the log as of a checkpoint, as a file.
    ///
    /// # Errors
    ///
    /// It is not below the checkpoint, or an entry cannot be read.
    pub fn of_entry(&self, published: &Published, index: u64) -> Result<ProofFile, ProveError> {
        let inclusion = prove_inclusion(&*self.tree, index, published.checkpoint.size)?;
        Ok(ProofFile::new(index, inclusion, published.note.clone())?)
    }

    /// All entries that are filed under a name as of the newest checkpoint, or that there are none; with an inclusion
    /// proof of each, where that is asked for.
    ///
    /// # Errors
    ///
    /// Nothing is published since the last start, or an entry cannot be read.
    pub fn of_history(&self, history: HistoryName, each: bool) -> Result<SubjectHistory, ProveError> {
        let key = history.key();
        let (published, Proved { proof, history: mapped }) = self.in_map(&key)?;
        let seal_proof = self.of_entry(&published, published.checkpoint.size - 1)?;
        let (answer, path, places) = match proof {
            MapProof::Present { count, path } => {
                check_bytes(count, count * LEAF_BYTES_MIN)?;
                (Answer::Present, path, self.places(&key, published.checkpoint.size - 1, count)?)
            }
            MapProof::Absent { neighbour, path } => (Answer::Absent(neighbour), path, Vec::new()),
            MapProof::Empty => (Answer::Empty, MapPath::default(), Vec::new()),
        };
        let mut own = KeyHistory::new();
        let (mut leaves, mut inclusion) = (Vec::with_capacity(places.len()), Vec::new());
        let mut bytes = 0;
        for index in places {
            let leaf = self.leaf(index)?;
            own.push(index, LeafHash::of(&leaf));
            bytes += leaf.len();
            leaves.push(leaf);
            if each {
                let hashes = prove_inclusion(&*self.tree, index, published.checkpoint.size)?;
                bytes += 32 * hashes.len();
                inclusion.push(hashes);
            }
            // As text they are a third longer.
            check_bytes(mapped.count(), bytes as u64 / 3 * 4)?;
        }
        if own != mapped {
            return Err(ProveError::Histories { indexed: own.count(), mapped: mapped.count() });
        }
        let proof = SubjectProof { history, answer, path, seal: published.seal.clone(), leaves, inclusion, seal_proof };
        Ok(SubjectHistory { published, proof })
    }

    /// What the map of the newest checkpoint says about a key. Where rows of it are not in memory, those that are read can
    /// be of a later checkpoint, which is out then: it is asked instead.
    fn in_map(&self, key: &Key) -> Result<(Arc<Published>, Proved), ProveError> {
        let mut published = self.published()?;
        let mut tries = 0;
        loop {
            let map = published.map.as_ref().ok_or(ProveError::NotPublished)?;
            let fault = match map.prove(key, &*self.saved) {
                Ok(proved) => return Ok((published, proved)),
                Err(fault) => fault,
            };
            let newest = self.published()?;
            let is_newer = newest.checkpoint.size > published.checkpoint.size;
            if !is_newer || tries == TRIES_MAX || matches!(fault, SavedFault::Read(_)) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(ProveError::Map(fault));
            }
            published = newest;
            tries += 1;
        }
    }

    /// How it is with the map.
    pub fn map_figures(&self) -> MapFigures {
        let refused = self.refused.load(Ordering::Relaxed);
        let published = self.seen.borrow();
        let map = published.as_ref().and_then(|published| published.map.as_ref());
        map.map_or_else(
            || MapFigures { refused, ..MapFigures::default() },
            |map| MapFigures { keys: map.keys(), resident_bytes: map.resident_bytes(), refused },
        )
    }

    /// Where the first `count` entries of a history stand, below the SEAL.
    fn places(&self, key: &Key, seal: u64, count: u64) -> Result<Vec<u64>, ProveError> {
        let places = self.index.history(&HistoryKey::Leaf(*key), None, seal, usize::MAX)?;
        let indexed = places.len() as u64;
        if indexed == count {
            Ok(places.into_iter().map(|placed| placed.index).collect())
        } else {
            Err(ProveError::Histories { indexed, mapped: count })
        }
    }
}

fn check_bytes(count: u64, found: u64) -> Result<(), ProveError> {
    let max = SUBJECT_PROOF_BYTES_MAX as u64;
    if found > max { Err(ProveError::TooLarge { count, found, max }) } else { Ok(()) }
}

/// Later checkpoints that are asked, where the rows of each are saved over while they are read: a save is rarer than
/// that by far.
const TRIES_MAX: u32 = 8;

/// The shortest leaf that is filed under a key, as a line of text: so many are refused before any is read.
const LEAF_BYTES_MIN: u64 = 150;
