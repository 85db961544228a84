//! The thread that follows the writer, seals and publishes.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::Receiver;
use crossbeam_channel::RecvError;
use crossbeam_channel::Sender;
use crossbeam_channel::TryRecvError;
use crossbeam_channel::select;
use tokio::sync::watch;

use crate::keys::Keyring;
use crate::keys::Signer;
use crate::log::Body;
use crate::log::Checkpoint;
use crate::log::Leaf;
use crate::log::Note;
use crate::log::NoteSignature;
use crate::log::PublicKey;
use crate::log::SaveInterval;
use crate::log::SavedFault;
use crate::log::SavedSnapshot;
use crate::log::Seal;
use crate::log::SignatureType;
use crate::log::VerifierKey;
use crate::log::leaf_bytes;
use crate::log::root_at;
use crate::publish::Opened;
use crate::publish::Proofs;
use crate::publish::PublishError;
use crate::publish::Published;
use crate::publish::fold::Fold;
use crate::publish::kept::Kept;
use crate::publish::table::FoldTable;
use crate::sequencer::AppendError;
use crate::sequencer::Health;
use crate::sequencer::Stopper;
use crate::sequencer::Turns;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::failpoint;
use crate::store::runs::RunsError;

/// How long nothing is tried again after the writer would not rest: its clock may come right.
const PAUSE: Duration = Duration::from_secs(1);

/// What the thread works with, beside what was opened.
#[derive(Debug)]
pub struct Following {
    /// Brings the writer to rest.
    pub turns: Turns,
    /// What became durable.
    pub followed: Receiver<Arc<Vec<Bytes>>>,
    /// Whether the writer writes.
    pub health: watch::Receiver<Health>,
    /// Stops it, when what it wrote is not what is stored.
    pub stopper: Stopper,
    /// Signs.
    pub keys: Arc<Keyring>,
    /// Whether witnesses are asked to cosign.
    pub asks_witnesses: bool,
}

/// A checkpoint that was published, with cosignatures that came since.
#[derive(Clone, Debug)]
pub struct Cosigned {
    /// Which one.
    pub published: Arc<Published>,
    /// With all of them, each good.
    pub note: Note,
    /// Whether they are as many as the policy's quorum asks.
    pub witnessed: bool,
}

/// Seals and publishes, until it is stopped.
#[derive(Debug)]
pub struct Publisher {
    proofs: Proofs,
    stop: Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Publisher {
    /// Publishes what was published before, and, once the map is folded, what was sealed; seals what was not, and follows
    /// the writer.
    ///
    /// # Errors
    ///
    /// No signing key is in force, or the system gives no thread.
    pub fn start(opened: Opened, following: Following) -> Result<Self, PublishError> {
        let Opened { store, sled, index, fold, table, kept, origin, newest, witnessed, options } = opened;
        let (published, seen) = watch::channel(None);
        let (kick, kicks) = crossbeam_channel::bounded(1);
        let (stop, stopped) = crossbeam_channel::bounded(1);
        let (witnessed_sender, seen_witnessed) = watch::channel(None);
        let (cosigned_sender, cosigned) = crossbeam_channel::unbounded();
        let wanted = Arc::new(AtomicU64::new(0));
        let tree = Arc::clone(&fold.tree);
        let (told, asked) = ([seen, seen_witnessed], Arc::clone(&wanted));
        let folded = (tree, Arc::clone(&table));
        let proofs = Proofs::new(Arc::clone(&store), index, folded, told, asked, kick, cosigned_sender);
        let proofs = if following.asks_witnesses { proofs.with_witnesses() } else { proofs };
        let run = Run {
            store,
            sled,
            fold,
            table,
            saving: None,
            kept,
            origin,
            published,
            published_size: newest.as_ref().map_or(0, |(checkpoint, _)| checkpoint.size),
            witnessed: witnessed_sender,
            cosigned,
            seal_every: options.seal_every,
            wanted,
            following,
        };
        run.signers(run.fold.size())?;
        let witnessed_size = witnessed.as_ref().map(|(checkpoint, _)| checkpoint.size);
        run.publish_again(newest.clone(), witnessed)?;
        let thread = thread::Builder::new()
            .name("publisher".to_owned())
            .spawn(move || run.begin(newest, witnessed_size, &kicks, &stopped))
            .map_err(PublishError::Thread)?;
        Ok(Self { proofs, stop, thread })
    }

    /// What is published, and proofs of it.
    pub const fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Seals what is not sealed, publishes it, and saves what is folded. While the writer still takes turns.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that publishes had stopped by itself");
        }
    }
}

/// What becomes of rows that are being saved; nobody answers, where the thread that saves them died.
type Saving = Receiver<Result<SaveInterval, PublishError>>;

struct Run {
    store: Arc<dyn LogStore>,
    sled: Option<Arc<SledStore>>,
    fold: Fold,
    table: Arc<FoldTable>,
    /// While rows are being saved.
    saving: Option<Saving>,
    kept: Kept,
    origin: Arc<str>,
    published: watch::Sender<Option<Arc<Published>>>,
    published_size: u64,
    /// The newest one that the quorum has cosigned.
    witnessed: watch::Sender<Option<Arc<Published>>>,
    /// What witnesses gave.
    cosigned: Receiver<Cosigned>,
    seal_every: Duration,
    /// Somebody waits for a checkpoint over this many entries.
    wanted: Arc<AtomicU64>,
    following: Following,
}

impl Run {
    /// The checkpoints that were kept are out again, the newest one and the newest one that was witnessed. Proofs of
    /// their maps come with the next one.
    fn publish_again(
        &self,
        newest: Option<(Checkpoint, Note)>,
        witnessed: Option<(Checkpoint, Note)>,
    ) -> Result<(), PublishError> {
        let witnessed_size = witnessed.as_ref().map(|(checkpoint, _)| checkpoint.size);
        let again = |(checkpoint, note): (Checkpoint, Note)| -> Result<Arc<Published>, PublishError> {
            let (seal, sealed_at_ms) = self.seal_at(checkpoint.size - 1)?;
            let (witnessed, keys) = (witnessed_size == Some(checkpoint.size), self.fold.keys.clone());
            Ok(Arc::new(Published { checkpoint, note, seal, sealed_at_ms, witnessed, keys, map: None }))
        };
        if let Some(witnessed) = witnessed {
            self.witnessed.send_replace(Some(again(witnessed)?));
        }
        if let Some(newest) = newest {
            self.published.send_replace(Some(again(newest)?));
        }
        Ok(())
    }

    /// Folds the map; does what a crash left undone between SEAL and checkpoint; and goes on.
    fn begin(
        mut self,
        newest: Option<(Checkpoint, Note)>,
        witnessed: Option<u64>,
        kicks: &Receiver<()>,
        stopped: &Receiver<()>,
    ) {
        let go_on = || stopped.try_recv() == Err(TryRecvError::Empty);
        match self.fold.load_map(&self.table, &*self.store, go_on) {
            Ok(true) => {}
            // Nothing is sealed or saved: the next start does all of it.
            Ok(false) => return,
            Err(error) => {
                self.stops_after(&SealError::Publish(error));
                return;
            }
        }
        let size = self.fold.size();
        if self.fold.last_seal.is_some_and(|seal| seal + 1 == size) {
            let map = match self.fold.map.seal(&*self.table) {
                Ok(map) => map,
                Err(fault) => {
                    self.stops_after(&SealError::Publish(fault.into()));
                    return;
                }
            };
            let note = newest.filter(|(checkpoint, _)| checkpoint.size == size).map(|(_, note)| note);
            if let Err(error) = self.publish(map, note, witnessed == Some(size)) {
                self.stops_after(&SealError::Publish(error));
                return;
            }
        }
        self.run(kicks, stopped);
    }

    fn run(mut self, kicks: &Receiver<()>, stopped: &Receiver<()>) {
        let mut tick = Instant::now();
        loop {
            let followed = self.following.followed.clone();
            let saving = self.saving.clone().unwrap_or_else(crossbeam_channel::never);
            select! {
                recv(followed) -> batch => match batch {
                    Ok(batch) => if self.folded(&batch).is_err() { return },
                    Err(_) => break,
                },
                recv(kicks) -> _ => {}
                recv(self.cosigned) -> cosigned => if let Ok(cosigned) = cosigned
                    && self.stops_at(cosigned)
                {
                    return;
                },
                recv(saving) -> saved => if let Err(error) = self.was_saved(saved) {
                    self.stops_after(&SealError::Publish(error));
                    return;
                },
                recv(stopped) -> _ => break,
                default(tick.saturating_duration_since(Instant::now())) => {}
            }
            let now = Instant::now();
            let waited_for = self.wanted.load(Ordering::Acquire) > self.published_size;
            if (waited_for || now >= tick) && self.is_something_new() {
                tick = now + self.seal_every;
                if let Err(error) = self.seal() {
                    tick = now + self.seal_every.max(PAUSE);
                    if self.stops_after(&error) {
                        return;
                    }
                }
            } else if now >= tick {
                tick = now + self.seal_every;
            }
            if self.fold.wants_save()
                && let Err(error) = self.save()
            {
                self.stops_after(&SealError::Publish(error));
                return;
            }
        }
        if self.is_something_new()
            && let Err(error) = self.seal()
        {
            tracing::warn!(%error, "the last entries are not sealed; the next start seals them");
        }
        self.save_now();
    }

    /// Whether entries stand behind the last SEAL, and the writer can add one.
    fn is_something_new(&self) -> bool {
        let unsealed =
            self.fold.last_seal.is_none_or(|seal| seal + 1 < self.fold.size()) || !self.following.followed.is_empty();
        unsealed && *self.following.health.borrow() == Health::Writing
    }

    fn stops_after(&self, error: &SealError) -> bool {
        match error {
            SealError::Writer(error) => {
                tracing::warn!(%error, "nothing is sealed for now");
                false
            }
            SealError::Publish(error) => {
                tracing::error!(%error, "nothing more is published, and nothing more is written in this run");
                self.following.stopper.stop(&error.to_string());
                true
            }
        }
    }

    fn folded(&mut self, batch: &[Bytes]) -> Result<(), PublishError> {
        let taken = batch.iter().try_for_each(|entry| self.fold.take(&self.table, entry));
        if let Err(error) = &taken {
            tracing::error!(%error, "the fold of tree and map stopped, and nothing more is written in this run");
            self.following.stopper.stop(&error.to_string());
        }
        taken
    }

    /// Waits until everything below `size` is folded; the writer has sent it.
    fn fold_to(&mut self, size: u64) -> Result<(), SealError> {
        while self.fold.size() < size {
            let batch = self.following.followed.recv().map_err(|_| SealError::Writer(AppendError::Stopped))?;
            self.folded(&batch).map_err(SealError::Publish)?;
        }
        Ok(())
    }

    /// Has a SEAL recorded over all entries, and publishes the checkpoint over it.
    fn seal(&mut self) -> Result<(), SealError> {
        while let Ok(batch) = self.following.followed.try_recv() {
            self.folded(&batch).map_err(SealError::Publish)?;
        }
        // The writer rests: do beforehand what can be done beforehand.
        self.fold.map.fold(&*self.table)?;
        let rest = self.following.turns.rest().map_err(SealError::Writer)?;
        self.fold_to(rest.head().size)?;
        let map = self.fold.map.seal(&*self.table)?;
        let seal = Seal { map_root: map.root(), map_keys: map.keys(), previous: self.fold.last_seal };
        failpoint::hit("before-seal");
        // A crash before it is durable leaves nothing; after that, a SEAL that the next start publishes.
        let receipt = rest.record(Body::Seal(seal)).map_err(SealError::Writer)?;
        self.fold_to(receipt.first_index + 1)?;
        failpoint::hit("sealed");
        self.publish(map, None, false).map_err(SealError::Publish)
    }

    /// Publishes the checkpoint over the SEAL at the end of the log.
    fn publish(&mut self, map: SavedSnapshot, kept: Option<Note>, witnessed: bool) -> Result<(), PublishError> {
        let size = self.fold.size();
        let root = self.fold.frontier.root();
        // Read back, and by another way.
        let (seal, sealed_at_ms) = self.seal_at(size - 1)?;
        self.is_of(&seal, &map)?;
        let stored = root_at(&*self.fold.tree, size)?;
        if stored != root {
            return Err(PublishError::Roots { size, frontier: root, stored });
        }
        if let Some(sled) = &self.sled {
            let leaf = crate::log::LeafHash::of(&seal);
            sled.guard().update(|state| {
                if size >= state.size {
                    (state.size, state.leaf) = (size, leaf);
                }
                (state.checkpoint_size, state.checkpoint_root) = (size, root.0);
            })?;
        }
        // A crash here leaves a guard that asks for what the next start signs, with the same bytes.
        failpoint::hit("guarded-checkpoint");
        let checkpoint = Checkpoint { origin: self.origin.to_string(), size, root, extensions: Vec::new() };
        let note = if let Some(note) = kept {
            note
        } else {
            let note = self.sign(&checkpoint)?;
            self.kept.keep(&note)?;
            note
        };
        // A crash here leaves a checkpoint that nobody saw; it is published at the next start.
        failpoint::hit("kept-checkpoint");
        let keys = self.fold.keys.clone();
        let published = Published { checkpoint, note, seal, sealed_at_ms, witnessed, keys, map: Some(map) };
        self.published_size = size;
        self.published.send_replace(Some(Arc::new(published)));
        Ok(())
    }

    /// Whether cosignatures that came could not be kept, so that nothing goes on.
    fn stops_at(&self, cosigned: Cosigned) -> bool {
        self.take_cosigned(cosigned).is_err_and(|error| self.stops_after(&SealError::Publish(error)))
    }

    /// Keeps cosignatures that came, and tells of them. A crash before they are kept loses them, and the next start asks
    /// for them again.
    fn take_cosigned(&self, cosigned: Cosigned) -> Result<(), PublishError> {
        let Cosigned { published, note, witnessed } = cosigned;
        let newest = published.checkpoint.size == self.published_size;
        let before = self.witnessed.borrow().as_ref().map_or(0, |before| before.checkpoint.size);
        let witnessed_newer = witnessed && published.checkpoint.size >= before;
        if newest {
            self.kept.keep(&note)?;
        }
        if witnessed_newer {
            self.kept.keep_witnessed(&note)?;
        }
        // The map is the newest one's alone: whoever asks for proofs asks there, and an old one would hold its rows.
        let published = Published { note, witnessed, map: None, ..(*published).clone() };
        if newest {
            let map = self.published.borrow().as_ref().and_then(|published| published.map.clone());
            self.published.send_replace(Some(Arc::new(Published { map, ..published.clone() })));
        }
        if witnessed_newer {
            self.witnessed.send_replace(Some(Arc::new(published)));
        }
        Ok(())
    }

    /// Whether a SEAL as it is stored is over this map.
    fn is_of(&self, seal: &[u8], map: &SavedSnapshot) -> Result<(), PublishError> {
        match Leaf::decode(seal).map(|leaf| leaf.body) {
            Ok(Body::Seal(seal)) if (seal.map_root, seal.map_keys) == (map.root(), map.keys()) => Ok(()),
            _ => Err(PublishError::Fold {
                index: self.fold.size() - 1,
                what: "the map that it seals is not that of the entries before it",
            }),
        }
    }

    /// The leaf of a SEAL as it is stored, and when it was recorded.
    fn seal_at(&self, index: u64) -> Result<(Vec<u8>, u64), PublishError> {
        let bytes = self.store.get(index)?.ok_or(PublishError::Entry { index })?;
        let leaf = leaf_bytes(&bytes).ok_or(PublishError::Entry { index })?;
        match Leaf::decode(leaf) {
            Ok(Leaf { body: Body::Seal(_), recorded_at_ms, .. }) => Ok((leaf.to_vec(), recorded_at_ms)),
            _ => Err(PublishError::Fold { index, what: "it stands under a checkpoint and is no SEAL" }),
        }
    }

    /// The keys that are held and in force.
    fn signers(&self, size: u64) -> Result<Vec<&dyn Signer>, PublishError> {
        let held = self.following.keys.held();
        let signers: Vec<_> = held.filter(|signer| self.fold.keys.is_in_force(&signer.public_key(), size)).collect();
        if signers.is_empty() { Err(PublishError::NoKey { size }) } else { Ok(signers) }
    }

    /// Has a checkpoint signed by all of them, in their order.
    fn sign(&self, checkpoint: &Checkpoint) -> Result<Note, PublishError> {
        let text = checkpoint.to_string();
        let signed = |signer: &dyn Signer| {
            let size = checkpoint.size;
            let key = PublicKey::parse(&signer.public_key()).ok_or(PublishError::NoKey { size })?;
            let key = VerifierKey::new(&self.origin, SignatureType::Ed25519, key)?;
            Ok(NoteSignature::made(&key, &signer.sign(text.as_bytes())?))
        };
        let signatures: Result<Vec<_>, PublishError> = self.signers(checkpoint.size)?.into_iter().map(signed).collect();
        Ok(Note::new(text.clone(), signatures?)?)
    }

    /// Saves the fold on a thread of its own, unless one is at it: as it is published, and no further, so that whoever
    /// proves from the newest checkpoint finds its rows.
    fn save(&mut self) -> Result<(), PublishError> {
        if self.saving.is_some() || self.published_size != self.fold.size() {
            return Ok(());
        }
        let Some((rows, interval)) = self.fold.unsaved(&self.table)? else { return Ok(()) };
        let (saved, saving) = crossbeam_channel::bounded(1);
        let table = Arc::clone(&self.table);
        let spawned = thread::Builder::new().name("saver".to_owned()).spawn(move || {
            let outcome = table.save(&rows).map(|()| interval);
            drop(table);
            // Whoever asked may have ended.
            drop(saved.send(outcome));
        });
        match spawned {
            Ok(_) => self.saving = Some(saving),
            Err(error) => self.fold.was_saved(Err(PublishError::Thread(error))),
        }
        Ok(())
    }

    /// Lets rows go that are saved, also those that the newest checkpoint holds.
    fn was_saved(&mut self, saved: Result<Result<SaveInterval, PublishError>, RecvError>) -> Result<(), PublishError> {
        self.saving = None;
        let died = |_| PublishError::Thread(std::io::Error::other("the one that saved the map died"));
        self.fold.was_saved(saved.map_err(died).flatten());
        // Else the next seal takes the place of what is published.
        if self.published_size == self.fold.size() {
            let map = self.fold.map.seal(&*self.table)?;
            self.published.send_if_modified(|published| {
                if let Some(published) = published {
                    *published = Arc::new(Published { map: Some(map), ..(**published).clone() });
                }
                // It says what it said: nobody is woken.
                false
            });
        }
        Ok(())
    }

    fn save_now(&mut self) {
        if let Some(saving) = &self.saving {
            let saved = saving.recv();
            if let Err(error) = self.was_saved(saved) {
                tracing::error!(%error, "what is not saved of tree and map is folded again at the next start");
                return;
            }
        }
        if self.published_size != self.fold.size() {
            return;
        }
        match self.fold.unsaved(&self.table) {
            Ok(Some((rows, interval))) => self.fold.was_saved(self.table.save(&rows).map(|()| interval)),
            Ok(None) => {}
            Err(error) => self.fold.was_saved(Err(error)),
        }
    }
}

/// Why there is no seal.
#[derive(Debug, thiserror::Error)]
enum SealError {
    /// The writer would not; it may later.
    #[error(transparent)]
    Writer(AppendError),
    /// What is stored is not what was folded, or cannot be read or kept: nothing goes on.
    #[error(transparent)]
    Publish(PublishError),
}

impl From<SavedFault<RunsError>> for SealError {
    fn from(fault: SavedFault<RunsError>) -> Self {
        Self::Publish(fault.into())
    }
}
