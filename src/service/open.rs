//! Opening a log, or making one.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;

use crate::clock::Clock;
use crate::index::Halted;
use crate::index::Index;
use crate::index::IndexError;
use crate::index::fold_log;
use crate::keys;
use crate::keys::Keyring;
use crate::ledger::Head;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Entry;
use crate::log::Genesis;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::publish;
use crate::publish::Following;
use crate::publish::Publisher;
use crate::sequencer::End;
use crate::sequencer::Parts;
use crate::sequencer::Sequencer;
use crate::service::KeyVault;
use crate::service::LONGEST_DELAY_S;
use crate::service::LogEntries;
use crate::service::OpenError;
use crate::service::Options;
use crate::service::Reader;
use crate::service::Service;
use crate::service::erase;
use crate::service::erase::Disk;
use crate::service::erase::Erasing;
use crate::service::tend;
use crate::store;
use crate::store::LogStore;
use crate::store::SledStore;
use crate::store::runs::Position;
use crate::verify;
use crate::witness;
use crate::witness::Compared;
use crate::witness::Witnessing;

/// What opening is doing, for whoever waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Entries folded into the index, and the goal.
    Folding {
        /// Entries.
        done: u64,
        /// Entries.
        goal: u64,
    },
}

/// Opens the log in a folder, or makes one.
///
/// # Errors
///
/// The store, the keys, the newest entries or the index are not as they should be. Nothing was appended but, to a new
/// log, its GENESIS.
pub fn open(options: &Options, clock: Clock, progress: impl FnMut(Progress)) -> Result<Service, OpenError> {
    let panics = store::background_panics();
    let sled = Arc::new(store::open_or_create(&options.data, &options.store)?);
    open_parts(Arc::clone(&sled) as Arc<dyn LogStore>, Some(sled), panics, options, clock, progress)
}

/// Opens a log whose entries lie in a store that is open: one in memory, or one that lies. It has no guard. Keys and
/// index are in the folder, as ever.
///
/// # Errors
///
/// As [`open`].
pub fn open_over(
    store: Arc<dyn LogStore>,
    options: &Options,
    clock: Clock,
    progress: impl FnMut(Progress),
) -> Result<Service, OpenError> {
    open_parts(store, None, store::background_panics(), options, clock, progress)
}

fn open_parts(
    store: Arc<dyn LogStore>,
    sled: Option<Arc<SledStore>>,
    panics: u64,
    options: &Options,
    clock: Clock,
    mut progress: impl FnMut(Progress),
) -> Result<Service, OpenError> {
    let is_new = store.size() == 0;
    let origin = if is_new { new_origin(options)? } else { known_origin(&*store, options)? };
    let elsewhere = options.elsewhere.clone();
    let keys = Arc::new(Keyring::open_with(&options.data.join("keys"), is_new, &origin, elsewhere)?);
    if is_new {
        store.append(&[genesis(&origin, options, &keys, &clock)])?;
    }
    check_signing_key(&*store, options, &keys)?;
    let last = checked(&*store, store.size() - 1)?;
    let head = Head { size: store.size(), leaf_hash: last.leaf_hash, recorded_at_ms: last.leaf.recorded_at_ms };
    verify_newest(&*store, options.verify_newest)?;
    let vault = KeyVault::new(Arc::clone(&keys), Arc::clone(&origin));
    let index = Arc::new(open_index(&options.data.join("views"), &*store)?);
    let goal = store.size();
    let folded = fold_log(&index, &*store, &vault, |done| {
        progress(Progress::Folding { done, goal });
        ControlFlow::Continue(())
    });
    if let Err(error) = folded {
        let Some(at) = error.unfoldable() else { return Err(error.into()) };
        let log = Position { size: head.size, leaf_hash: head.leaf_hash.0 };
        tracing::error!(%error, entry = at, "the views halt before an entry; nothing is recorded until they go on");
        index.halt(Halted { at, why: error.to_string(), log }, &*store)?;
    }
    let opened = options
        .publish
        .clone()
        .map(|publish| {
            let (store, index) = (Arc::clone(&store), Arc::clone(&index));
            publish::open(&options.data, store, sled.clone(), index, Arc::clone(&origin), publish, |done| {
                progress(Progress::Folding { done, goal });
            })
        })
        .transpose()?;
    // Before anything can be written: what a witness has seen must be here.
    let compared = match (&opened, &options.witness) {
        (Some(opened), Some(witness)) => Some(witness::compare(opened, &witness.policy, &options.data)?),
        _ => None,
    };
    let reader = Reader::new(Arc::clone(&store), Arc::clone(&index), vault.clone());
    if index.halted().is_none() {
        let again = erase::destroy_again(&reader)?;
        if again > 0 {
            tracing::warn!(keys = again, "data keys whose entries were erased had come back; they are destroyed again");
        }
    }
    let end = end_of(&*store)?;
    let parts = Parts {
        store,
        index: Arc::clone(&index),
        keys: Arc::clone(&keys),
        origin: Arc::clone(&origin),
        clock: Arc::clone(&clock),
        head,
        accept_gap: options.accept_gap,
        end,
        followed: opened.is_some(),
    };
    let mut sequencer = Sequencer::start(parts, options.limits)?;
    sequencer.queue = sequencer.queue.of(options.of);
    if let Some(halted) = index.halted() {
        sequencer.stopper.stop(&halted.why);
    }
    if compared == Some(Compared::NobodyAnswered) {
        sequencer.stopper.stop("no witness answered yet, so it is not known whether the log is whole");
    }
    let publisher = match opened.zip(sequencer.followed.take()) {
        Some((opened, followed)) => {
            let turns = sequencer.turns.clone();
            let (health, stopper) = (sequencer.health.clone(), sequencer.stopper.clone());
            Some(Publisher::start(
                opened,
                Following { turns, followed, health, stopper, keys, asks_witnesses: options.witness.is_some() },
            )?)
        }
        None => None,
    };
    let witnessing = match (&publisher, &options.witness, compared) {
        (Some(publisher), Some(witness), Some(compared)) => {
            let following = witness::Following {
                proofs: publisher.proofs().clone(),
                data: options.data.clone(),
                origin: Arc::clone(&origin),
                longest_delay: longest_delay(reader.store())?,
                stopper: sequencer.stopper.clone(),
                turns: sequencer.turns.clone(),
                clock: Arc::clone(&clock),
                compared,
            };
            Some(Witnessing::start(witness.clone(), following)?)
        }
        _ => None,
    };
    let tending =
        tend::Tending::start(sled.as_ref(), &index, sequencer.stopper.clone(), sequencer.commits.clone(), panics)?;
    let disk = sled.as_ref().zip(options.rewrite_within).map(|(sled, within)| Disk {
        store: Arc::clone(sled),
        clock: Arc::clone(&clock),
        within,
    });
    let erasing = Erasing::start(reader.clone(), sequencer.queue.clone(), sequencer.turns.clone(), disk)?;
    Ok(Service {
        reader,
        vault,
        sequencer,
        publisher,
        witnessing,
        sled,
        index,
        erasing,
        tending,
        clock,
        disclosure: options.disclosure.clone(),
        panics,
    })
}

/// The longest delay that GENESIS promises.
fn longest_delay(store: &dyn LogStore) -> Result<Duration, OpenError> {
    match checked(store, 0)?.leaf.body {
        Body::Genesis(genesis) => Ok(Duration::from_secs(genesis.longest_delay_s.into())),
        _ => Err(OpenError::Chain { what: "entry 0 is not GENESIS".to_owned() }),
    }
}

/// Whether the log goes on, as its last two entries say.
fn end_of(store: &dyn LogStore) -> Result<End, OpenError> {
    let newest = store.size().saturating_sub(2)..store.size();
    newest.into_iter().try_fold(End::Open, |end, index| {
        let leaf = checked(store, index)?.leaf;
        end.after(&leaf.body).ok_or_else(|| OpenError::Chain { what: format!("entry {index} stands after the end") })
    })
}

/// The first entry of a new log.
fn genesis(origin: &str, options: &Options, keys: &Keyring, clock: &Clock) -> Bytes {
    let leaf = Leaf {
        index: 0,
        recorded_at_ms: clock.unix_ms(),
        previous: LeafHash::NONE,
        body: Body::Genesis(Genesis {
            origin: origin.to_owned(),
            public_key: keys.public_key(),
            longest_delay_s: LONGEST_DELAY_S,
            continues: options.continues.clone(),
        }),
    };
    let entry = Entry { leaf: leaf.encode().into(), manifest: Bytes::new(), open: None, parts: Vec::new() };
    entry.encode().into()
}

/// Whether a log can have this origin.
///
/// # Errors
///
/// What an origin is.
pub fn check_origin(origin: &str) -> Result<(), String> {
    let good = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b'+';
    if (1..=255).contains(&origin.len()) && origin.bytes().all(good) && !origin.contains("://") {
        return Ok(());
    }
    Err("1 to 255 printable ASCII characters without spaces, + and a scheme".to_owned())
}

/// An origin for a log that nobody named.
fn random_origin() -> String {
    let mut bytes = [0; 5];
    rand::rng().fill_bytes(&mut bytes);
    format!("probity.invalid/{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}

fn genesis_of(store: &dyn LogStore) -> Result<Genesis, OpenError> {
    match checked(store, 0)?.leaf.body {
        Body::Genesis(genesis) => Ok(genesis),
        _ => Err(OpenError::Chain { what: "entry 0 is not GENESIS".to_owned() }),
    }
}

fn new_origin(options: &Options) -> Result<Arc<str>, OpenError> {
    // A start that was cut before GENESIS may have left a key that a custodian bound to the origin it had drawn.
    let drawn = || keys::wrapped_key(&options.data.join("keys"));
    let origin = match &options.origin {
        Some(origin) => origin.clone(),
        None => drawn()?.map_or_else(random_origin, |wrapped| wrapped.origin().to_owned()),
    };
    check_origin(&origin).map_err(|what| OpenError::Origin { what })?;
    Ok(origin.into())
}

fn check_signing_key(store: &dyn LogStore, options: &Options, keys: &Keyring) -> Result<(), OpenError> {
    let genesis = genesis_of(store)?;
    // Of a log that is published, some key that is held must be in force, which its KEY entries say.
    if options.publish.is_none() && keys.public_keys().all(|key| key != genesis.public_key) {
        return Err(OpenError::SigningKey);
    }
    Ok(())
}

fn known_origin(store: &dyn LogStore, options: &Options) -> Result<Arc<str>, OpenError> {
    let genesis = genesis_of(store)?;
    match &options.origin {
        Some(wanted) if *wanted != genesis.origin => {
            let what = format!("the log in this folder is {}, not {wanted}", genesis.origin);
            Err(OpenError::Origin { what })
        }
        _ => Ok(genesis.origin.into()),
    }
}

fn checked(store: &dyn LogStore, index: u64) -> Result<Checked, OpenError> {
    let bytes = store.get(index)?.ok_or_else(|| OpenError::Chain { what: format!("entry {index} is missing") })?;
    Entry::check(&bytes).map_err(|fault| OpenError::Entry { index, fault })
}

/// The code of every verification, on the newest entries.
fn verify_newest(store: &dyn LogStore, count: u64) -> Result<(), OpenError> {
    let from = store.size().saturating_sub(count);
    verify::verify_range(&LogEntries(store), from).map_err(|fault| OpenError::Chain { what: fault.to_string() })
}

/// Opens the index. One that is damaged, or was folded from another log, is thrown away: the log has everything.
fn open_index(folder: &Path, store: &dyn LogStore) -> Result<Index, OpenError> {
    let opened = Index::open(folder).and_then(|index| if fits(&index, store)? { Ok(Some(index)) } else { Ok(None) });
    match opened {
        Ok(Some(index)) => return Ok(index),
        Ok(None) => tracing::warn!("the index was folded from another log; it is folded anew"),
        Err(error) => tracing::warn!(%error, "the index cannot be used; it is folded anew"),
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(Index::open(folder)?)
}

fn fits(index: &Index, store: &dyn LogStore) -> Result<bool, IndexError> {
    let position = index.position();
    let Some(last) = position.size.checked_sub(1) else { return Ok(true) };
    let Some(bytes) = store.get(last)? else { return Ok(false) };
    let entry = Entry::check(&bytes).map_err(|fault| IndexError::Entry { index: last, fault })?;
    Ok(entry.leaf_hash.0 == position.leaf_hash)
}
