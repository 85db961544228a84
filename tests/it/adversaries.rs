//! A malicious operator, with the log's own key and every piece of this program: what he can do, and who catches him.
//!
//! Here are the lies that show in a log or in its checkpoints. What a server can lie about in a single answer (an entry
//! left out, an absence, a fabricated leaf, another tree for one client) is caught by the proof files: see `proofs`;
//! what needs somebody who remembers (a fork, a rollback, a stale checkpoint shown as new) by monitor and witness: see
//! `witness`. What he publishes as tiles, `probity verify --tiles` catches, a monitor with the token of an auditor, and of an
//! export `probity verify --export` with a checkpoint: see below. The evidence is in each case the signed checkpoint, and the entries or the proof that contradict it.

mod export;
mod monitor;
mod published;
mod tiles;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use tempfile::TempDir;

use probity::events::Event;
use probity::keys::Keyring;
use probity::log::Body;
use probity::log::BundleEntries;
use probity::log::Checked;
use probity::log::Checkpoint;
use probity::log::Close;
use probity::log::Entry;
use probity::log::Frontier;
use probity::log::Key;
use probity::log::KeyChange;
use probity::log::KeyHistory;
use probity::log::Leaf;
use probity::log::Manifest;
use probity::log::MapItem;
use probity::log::MapRoot;
use probity::log::Note;
use probity::log::Seal;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::TreeHead;
use probity::log::VerifierKey;
use probity::log::append_to_bundle;
use probity::log::leaf_bytes;
use probity::log::map_root;
use probity::log::payload_commitment;
use probity::log::tile_hashes;
use probity::store;
use probity::store::LogStore;
use probity::store::OpenOptions;
use probity::verify::Entries;
use probity::verify::HeldHead;
use probity::verify::Report;
use probity::verify::Trust;
use probity::verify::Unreadable;
use probity::verify::Wanted;
use probity::verify::verify;
use probity::verify::verify_checkpoint;

use crate::publish::start;
use crate::service::append_all;
use crate::service::story;

/// A log, as it lies before whoever verifies it.
#[derive(Clone)]
struct Log {
    entries: Vec<Bytes>,
    origin: String,
    key: SigningKey,
}

impl Entries for Log {
    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        let take = if bytes_max <= 1 { 1 } else { 4 };
        Ok((0..)
            .zip(&self.entries)
            .skip(usize::try_from(from).unwrap())
            .take(take)
            .map(|(i, e)| (i, e.clone()))
            .collect())
    }
}

fn checked(bytes: &Bytes) -> Checked {
    Entry::check(bytes).unwrap()
}

impl Log {
    /// What a service wrote and stopped.
    fn of(data: &Path) -> Self {
        let key = Keyring::open(&data.join("keys"), false).unwrap().signing_keys()[0].clone();
        let options = OpenOptions { reserve_bytes: 0, ..OpenOptions::default() };
        let store = store::open(data, &options).unwrap();
        let mut entries = Vec::new();
        while (entries.len() as u64) < store.size() {
            entries.extend(store.read(entries.len() as u64, 1 << 20).unwrap().into_iter().map(|(_, bytes)| bytes));
        }
        store.close().unwrap();
        let Body::Genesis(genesis) = checked(&entries[0]).leaf.body else { panic!("no GENESIS") };
        Self { entries, origin: genesis.origin, key }
    }

    fn head_at(&self, size: usize) -> TreeHead {
        let frontier: Frontier = self.entries[..size].iter().map(|entry| checked(entry).leaf_hash).collect();
        TreeHead { size: frontier.size(), root: frontier.root() }
    }

    /// The checkpoint over the first entries, signed by somebody under the log's name.
    fn checkpoint(&self, size: usize, by: &SigningKey) -> Note {
        let TreeHead { size, root } = self.head_at(size);
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root, extensions: Vec::new() };
        checkpoint.sign(&[SignerKey::new(&self.origin, by.clone()).unwrap()]).unwrap()
    }

    /// The places of entries by what they are.
    fn places(&self, of: impl Fn(&Body) -> bool) -> Vec<usize> {
        (0..self.entries.len()).filter(|at| of(&checked(&self.entries[*at]).leaf.body)).collect()
    }

    fn events(&self) -> Vec<usize> {
        self.places(|body| matches!(body, Body::Event(_)))
    }

    fn seals(&self) -> Vec<usize> {
        self.places(|body| matches!(body, Body::Seal(_)))
    }

    fn map_below(&self, end: usize) -> (MapRoot, u64) {
        let mut histories: BTreeMap<Key, KeyHistory> = BTreeMap::new();
        for entry in self.entries[..end].iter().map(checked) {
            for place in
                entry.leaf.event().iter().flat_map(|event| std::iter::once(&event.stream).chain(&event.subjects))
            {
                histories.entry(place.key).or_default().push(entry.leaf.index, entry.leaf_hash);
            }
        }
        let items: Vec<MapItem> = histories.iter().map(|(key, of)| MapItem::new(*key, &of.value())).collect();
        (map_root(&items), items.len() as u64)
    }

    /// Makes everything from an entry on hold again: places, links, and what the seals say.
    fn remade(mut self, from: usize) -> Self {
        let mut seal_before = None;
        for at in 0..self.entries.len() {
            let mut entry = checked(&self.entries[at]);
            if at >= from.max(1) {
                entry.leaf.index = at as u64;
                entry.leaf.previous = checked(&self.entries[at - 1]).leaf_hash;
                if let Body::Seal(seal) = &mut entry.leaf.body {
                    let (map_root, map_keys) = self.map_below(at);
                    *seal = Seal { map_root, map_keys, previous: seal_before };
                }
                entry.entry.leaf = entry.leaf.encode().into();
                self.entries[at] = entry.entry.encode().into();
            }
            if matches!(entry.leaf.body, Body::Seal(_)) {
                seal_before = Some(at as u64);
            }
        }
        self
    }

    /// Changes an entry, with everything in it that commits to what was changed.
    fn with(mut self, at: usize, change: impl FnOnce(&mut Leaf, &mut Manifest)) -> Self {
        let Checked { mut entry, mut leaf, manifest, .. } = checked(&self.entries[at]);
        let mut manifest = manifest.unwrap();
        change(&mut leaf, &mut manifest);
        entry.manifest = manifest.encode().into();
        if let Body::Event(event) = &mut leaf.body {
            event.payload = payload_commitment(&entry.manifest);
        }
        entry.leaf = leaf.encode().into();
        self.entries[at] = entry.encode().into();
        self
    }

    /// Adds an entry of the log's own at its end.
    fn then(mut self, body: Body) -> Self {
        let last = checked(self.entries.last().unwrap());
        let index = self.entries.len() as u64;
        let leaf = Leaf { index, recorded_at_ms: last.leaf.recorded_at_ms, previous: last.leaf_hash, body };
        self.entries.push(Entry::bare(&leaf).encode().into());
        self
    }

    fn sealed(self) -> Self {
        let (map_root, map_keys) = self.map_below(self.entries.len());
        let previous = self.seals().last().map(|at| *at as u64);
        self.then(Body::Seal(Seal { map_root, map_keys, previous }))
    }

    fn report(&self, held: &[HeldHead]) -> Report {
        verify(self, &Wanted { held, threads: 2, ..Wanted::default() }, |_, _| {})
    }
}

/// An honest log: five persons, one request of two more, a seal after each.
async fn honest() -> (TempDir, Log) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    for number in 0..6 {
        let served = start(&data);
        let mut events: Vec<Event> = vec![story::person(&story::id(number, 1)).into()];
        if number == 5 {
            events.push(story::person(&story::id(number, 2)).into());
        }
        let request = story::append(number, events);
        for answer in append_all(&mut served.ledger().await, vec![request]).await.unwrap() {
            answer.unwrap();
        }
        served.stop();
    }
    let log = Log::of(&data);
    assert!(log.seals().len() >= 6 && log.events().len() == 7);
    (folder, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_about_the_log_is_caught() {
    let (_folder, log) = honest().await;
    let size = log.entries.len();
    let kept = |size: usize, cosigned_s: &[u64]| HeldHead { head: log.head_at(size), cosigned_s: cosigned_s.to_vec() };
    // What an auditor kept from before the lie: the newest checkpoint, cosigned at once.
    let now_s = checked(&log.entries[size - 1]).leaf.recorded_at_ms / 1000;
    let held = [kept(size, &[now_s])];
    assert!(log.report(&held).is_good() && log.report(&[]).is_good());
    let (events, seals) = (log.events(), log.seals());
    let check = |lie: &str, lying: &Log, held: &[HeldHead], caught: &str| {
        let found = lying.report(held).fault.unwrap_or_else(|| panic!("{lie}: not caught"));
        assert!(found.to_string().contains(caught), "{lie}: {found}");
    };

    let mut lying = log.clone();
    lying.entries.truncate(seals[3] + 1);
    check("rolls back", &lying, &held, "the log ends after");

    let lying = log.clone().with(events[1], |leaf, _| {
        let Body::Event(event) = &mut leaf.body else { panic!("no event") };
        event.subjects[0].key = Key([7; 32]);
    });
    check("files under other subjects", &lying.remade(events[1]), &[], "other subjects than its open payload names");

    let mut lying = log.clone();
    let (mut one, other) = (checked(&log.entries[events[0]]).entry, checked(&log.entries[events[1]]).entry);
    one.open = other.open.clone();
    lying.entries[events[0]] = one.encode().into();
    check("swaps a payload", &lying, &[], "open");
    let mut one = checked(&log.entries[events[0]]).entry;
    one.parts = other.parts;
    lying.entries[events[0]] = one.encode().into();
    check("swaps a part", &lying, &[], "part");

    let mut lying = log.clone();
    lying.entries.swap(events[0], events[1]);
    check("reorders", &lying, &[], "its leaf says index");

    let mut lying = log.clone();
    lying.entries.remove(events[6]);
    check("tears a request", &lying.remade(events[5]), &[], "a request of 2");

    let id = checked(&log.entries[events[0]]).manifest.unwrap().request_id;
    let lying = log.clone().with(events[2], |_, manifest| manifest.request_id = id);
    check("records a request twice", &lying.remade(events[2]), &[], "recorded before");

    let mut lying = log.clone();
    lying.entries.truncate(size - 1);
    let (map_root, map_keys) = lying.map_below(size - 1);
    let wrong = Seal { map_root: MapRoot([1; 32]), map_keys, previous: Some(seals[seals.len() - 2] as u64) };
    check("seals a wrong map", &lying.clone().then(Body::Seal(wrong)), &[], "SEAL over a map");
    let wrong = Seal { map_root, map_keys: map_keys - 1, previous: Some(seals[seals.len() - 2] as u64) };
    check("seals a map of fewer keys", &lying.clone().then(Body::Seal(wrong)), &[], "SEAL over a map");
    let wrong = Seal { map_root, map_keys, previous: Some(seals[0] as u64) };
    check("hides a seal", &lying.then(Body::Seal(wrong)), &[], "the seal before it");

    check("publishes without a seal", &log, &[kept(events[2] + 1, &[])], "no SEAL");

    let closed = log.clone().then(Body::Close(Close { successor: String::new() })).sealed();
    assert!(closed.report(&held).is_good());
    check("writes after CLOSE", &closed.sealed(), &[], "after the log was closed");

    let mut lying = log.clone();
    let mut erased = checked(&log.entries[events[0]]).entry;
    erased.open = None;
    lying.entries[events[0]] = erased.encode().into();
    check("erases without an ERASURE", &lying, &[], "no erasure names it");

    // A quiet night, cosigned every ten minutes; in the morning something is recorded as of the evening.
    let night_s = now_s + 36_000;
    check("back-dates after a quiet night", &log.clone().sealed(), &[kept(size, &[night_s])], "back-dated");
    check("is cosigned before it is recorded", &log, &[kept(size, &[now_s - 3600])], "cosigned a checkpoint over it");
}

/// With its key, an operator can write the whole log again, and nothing in it shows that: somebody must have kept a
/// checkpoint, or have cosigned one.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_signed_again_is_caught_by_whoever_remembers_and_by_nobody_else() {
    let (_folder, log) = honest().await;
    let held = [HeldHead { head: log.head_at(log.entries.len()), cosigned_s: Vec::new() }];
    let (events, seals) = (log.events(), log.seals());
    let mut without_a_seal = log.clone();
    without_a_seal.entries.remove(seals[1]);
    let mut without_an_event = log.clone();
    without_an_event.entries.remove(events[4]);
    let later = log.with(events[3], |leaf, _| leaf.recorded_at_ms += 1);
    for (lie, lying) in [
        ("a seal is gone", without_a_seal.remade(seals[1])),
        ("a person is gone", without_an_event.remade(events[4])),
        ("another time", later.remade(events[3])),
    ] {
        let again = lying.report(&[]);
        assert!(again.is_good(), "{lie}: {again:?}");
        let key = VerifierKey::parse(&vkey(&lying.origin, &lying.key)).unwrap();
        let note = lying.checkpoint(lying.entries.len(), &lying.key);
        assert!(verify_checkpoint(&note, Trust { keys: &[key], policy: None }).is_ok(), "{lie}");
        let found = lying.report(&held).fault.unwrap_or_else(|| panic!("{lie}: not caught")).to_string();
        assert!(found.contains("rewritten") || found.contains("the log ends after"), "{lie}: {found}");
    }
}

fn vkey(origin: &str, key: &SigningKey) -> String {
    SignerKey::new(origin, key.clone()).unwrap().verifier(SignatureType::Ed25519).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_a_key_that_is_not_in_force_is_no_checkpoint() {
    let (_folder, log) = honest().await;
    let next = SigningKey::from_bytes(&[9; 32]);
    let (old, origin) = (log.key.clone(), log.origin.clone());
    let size = log.entries.len() as u64;
    let log = log.then(Body::Key(Box::new(KeyChange::add(&origin, size, &next, &old))));
    let gone = KeyChange::retire(&origin, size + 1, old.verifying_key().to_bytes(), &next);
    let log = log.then(Body::Key(Box::new(gone))).sealed();
    let report = log.report(&[]);
    assert!(report.is_good(), "{report:?}");
    let end = log.entries.len();
    let in_force: Vec<VerifierKey> = [(&old, old.verifying_key()), (&next, next.verifying_key())]
        .into_iter()
        .filter(|(_, public)| report.keys.is_in_force(&public.to_bytes(), end as u64))
        .map(|(key, _)| VerifierKey::parse(&vkey(&origin, key)).unwrap())
        .collect();
    let believed =
        |by: &SigningKey| verify_checkpoint(&log.checkpoint(end, by), Trust { keys: &in_force, policy: None }).is_ok();
    assert!(believed(&next), "the key in force");
    assert!(!believed(&old), "signs with a retired key");
    assert!(!believed(&SigningKey::from_bytes(&[3; 32])), "another key for the same name");
}

/// Tiles that are cut or too wide are no tiles.
#[tokio::test(flavor = "multi_thread")]
async fn tiles_that_are_cut_are_refused() {
    let (_folder, log) = honest().await;
    let hashes: Vec<u8> = log.entries.iter().flat_map(|entry| checked(entry).leaf_hash.0).collect();
    let width = u16::try_from(log.entries.len()).unwrap();
    assert_eq!(tile_hashes(&hashes, width).unwrap().len(), log.entries.len());
    for cut in [1, 31, 32, 33] {
        assert!(tile_hashes(&hashes[..hashes.len() - cut], width).is_err(), "{cut} bytes less");
    }
    assert!(tile_hashes(&hashes, width - 1).is_err(), "one more than asked for");
    let mut bundle = Vec::new();
    for entry in &log.entries {
        append_to_bundle(&mut bundle, leaf_bytes(entry).unwrap()).unwrap();
    }
    let good = |bytes: &[u8]| BundleEntries::new(bytes, width).collect::<Result<Vec<_>, _>>().is_ok();
    assert!(good(&bundle));
    for cut in 1..bundle.len().min(400) {
        assert!(!good(&bundle[..bundle.len() - cut]), "{cut} bytes less");
    }
}
