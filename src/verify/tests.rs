mod growing;

use std::collections::BTreeMap;

use bytes::Bytes;
use ed25519_dalek::SigningKey;

use crate::events::Code;
use crate::events::EntryErased;
use crate::events::Event;
use crate::events::EventType;
use crate::ledger::fixture::TinyLedger;
use crate::ledger::fixture::case;
use crate::ledger::fixture::code;
use crate::ledger::fixture::person;
use crate::log::Body;
use crate::log::Checked;
use crate::log::Close;
use crate::log::Entry;
use crate::log::EventBody;
use crate::log::Key;
use crate::log::KeyChange;
use crate::log::KeyFault;
use crate::log::KeyHistory;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Manifest;
use crate::log::MapItem;
use crate::log::MapRoot;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::Open;
use crate::log::Place;
use crate::log::Seal;
use crate::log::Target;
use crate::log::map_root;
use crate::log::open_commitment;
use crate::log::payload_commitment;
use crate::verify::Entries;
use crate::verify::Report;
use crate::verify::Unreadable;
use crate::verify::Wanted;
use crate::verify::What;
use crate::verify::verify;
use crate::verify::verify_range;

/// Entries in memory; some of them may be out of reach.
pub(super) struct Kept(pub(super) Vec<Bytes>, pub(super) BTreeMap<u64, bool>);

impl Entries for Kept {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, from: u64, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, Unreadable> {
        if let Some(damaged) = self.1.get(&from) {
            return Err(Unreadable { damaged: *damaged, what: "the disk said no".to_owned() });
        }
        let take = if bytes_max <= 1 { 1 } else { 3 };
        let some = (from..self.size()).take(take).take_while(|index| *index == from || !self.1.contains_key(index));
        Ok(some.map(|index| (index, self.0[usize::try_from(index).unwrap()].clone())).collect())
    }
}

fn report(entries: Vec<Bytes>) -> Report {
    verify(&Kept(entries, BTreeMap::new()), &Wanted { threads: 2, ..Wanted::default() }, |_, _| {})
}

pub(super) fn checked(bytes: &Bytes) -> Checked {
    Entry::check(bytes).unwrap()
}

/// Makes every leaf from `from` on follow the one before it again: what a forger with the store in his hands does.
fn relink(entries: &mut [Bytes], from: usize) {
    for at in from.max(1)..entries.len() {
        let previous = checked(&entries[at - 1]).leaf_hash;
        let mut entry = checked(&entries[at]);
        entry.leaf.previous = previous;
        entry.entry.leaf = entry.leaf.encode().into();
        entries[at] = entry.entry.encode().into();
    }
}

/// Changes an entry through its leaf, manifest and open payload, and makes all commitments hold again.
fn rewrite(bytes: &Bytes, change: impl FnOnce(&mut Leaf, &mut Manifest, &mut Open)) -> Bytes {
    let Checked { mut entry, mut leaf, manifest, .. } = checked(bytes);
    let (mut manifest, mut open) = (manifest.unwrap(), entry.open.unwrap());
    change(&mut leaf, &mut manifest, &mut open);
    manifest.open_len = u32::try_from(open.payload.len()).unwrap();
    manifest.open = open_commitment(&open.salt, &open.payload);
    entry.manifest = manifest.encode().into();
    let (Body::Event(event) | Body::Erasure(event, _)) = &mut leaf.body else { panic!() };
    event.payload = payload_commitment(&entry.manifest);
    entry.leaf = leaf.encode().into();
    entry.open = Some(open);
    entry.encode().into()
}

fn event_of(leaf: &mut Leaf) -> &mut EventBody {
    match &mut leaf.body {
        Body::Event(event) | Body::Erasure(event, _) => event,
        _ => panic!("no event"),
    }
}

/// An ERASURE of entry `target` at the end of the log.
pub(super) fn erasure(entries: &[Bytes], target: usize, parts: u32) -> Bytes {
    let erased = checked(&entries[target]);
    let event = erased.leaf.event().unwrap();
    let sequence = |key: &Key, stream: bool| {
        let of = |bytes: &&Bytes| {
            let leaf = checked(bytes).leaf;
            leaf.event().is_some_and(|event| {
                if stream { event.stream.key == *key } else { event.subjects.iter().any(|place| place.key == *key) }
            })
        };
        entries.iter().filter(of).count() as u64
    };
    let order: Event = EntryErased {
        ground: Some(Code { scheme: "law".to_owned(), code: "erasure".to_owned() }),
        approvers: vec!["one".to_owned(), "two".to_owned()],
        ..EntryErased::default()
    }
    .into();
    let open = Open { salt: [5; 32], payload: order.encode().into() };
    let manifest = Manifest {
        principal: "local".to_owned(),
        request_id: [u8::try_from(entries.len()).unwrap() + 100; 16],
        number: 0,
        count: 1,
        event_type: EventType::EntryErased.name().to_owned(),
        version: 1,
        open_len: u32::try_from(open.payload.len()).unwrap(),
        open: open_commitment(&open.salt, &open.payload),
        parts: Vec::new(),
    }
    .encode();
    let last = checked(entries.last().unwrap());
    let leaf = Leaf {
        index: entries.len() as u64,
        recorded_at_ms: last.leaf.recorded_at_ms,
        previous: last.leaf_hash,
        body: Body::Erasure(
            EventBody {
                stream: Place { key: event.stream.key, sequence: sequence(&event.stream.key, true) },
                subjects: event
                    .subjects
                    .iter()
                    .map(|place| Place { key: place.key, sequence: sequence(&place.key, false) })
                    .collect(),
                payload: payload_commitment(&manifest),
            },
            Target { index: target as u64, parts },
        ),
    };
    Entry { leaf: leaf.encode().into(), manifest: manifest.into(), open: Some(open), parts: Vec::new() }.encode().into()
}

fn without(bytes: &Bytes, parts: u32) -> Bytes {
    let mut entry = checked(bytes).entry;
    if parts & OPEN_PAYLOAD_BIT != 0 {
        entry.open = None;
    }
    for (part, kept) in entry.parts.iter_mut().enumerate() {
        if parts & (1 << part) != 0 {
            *kept = None;
        }
    }
    entry.encode().into()
}

#[test]
fn a_log_as_it_was_written_is_good() {
    let ledger = TinyLedger::with_a_case();
    let report = report(ledger.entries.clone());
    assert!(report.is_good(), "{report:?}");
    assert_eq!((report.entries, report.requests, report.histories, report.parts), (6, 2, 5, 4));
    assert_eq!(report.head, Some((5, ledger.head.leaf_hash)));
    for from in 0..=6 {
        verify_range(&Kept(ledger.entries.clone(), BTreeMap::new()), from).unwrap();
    }
}

/// Each forgery, by hand: the entry that is named, and what is said of it.
#[test]
fn a_forgery_is_found_at_its_entry() {
    let good = TinyLedger::with_a_case().entries;
    let check = |name: &str, index: u64, forge: &dyn Fn(&mut Vec<Bytes>), expected: &dyn Fn(&What) -> bool| {
        let mut entries = good.clone();
        forge(&mut entries);
        let fault = report(entries.clone()).fault.unwrap_or_else(|| panic!("{name}: not found"));
        assert!(fault.index == index && expected(&fault.what), "{name}: {fault}");
        let ranged = verify_range(&Kept(entries, BTreeMap::new()), 0);
        if !matches!(fault.what, What::RequestCut { .. } | What::Absent(_) | What::UnknownEvent { .. }) {
            assert_eq!(ranged.unwrap_err().index, index, "{name}, in a range");
        }
    };
    check("a byte of a payload", 3, &|e| e[3] = flip(&e[3], e[3].len() - 3), &|w| matches!(w, What::Entry(_)));
    check("an entry gone", 2, &|e| drop(e.remove(2)), &|w| matches!(w, What::Index { found: 3 }));
    check("an entry twice", 3, &|e| e.insert(2, e[2].clone()), &|w| matches!(w, What::Index { found: 2 }));
    check("two exchanged", 2, &|e| e.swap(2, 3), &|w| matches!(w, What::Index { found: 3 }));
    check(
        "a time set back",
        3,
        &|e| {
            e[3] = rewrite(&e[3], |leaf, _, _| leaf.recorded_at_ms -= 1000);
            relink(e, 4);
        },
        &|w| matches!(w, What::Time { .. }),
    );
    check("an entry rewritten, the rest not", 4, &|e| e[3] = rewrite(&e[3], |_, _, open| open.salt = [9; 32]), &|w| {
        matches!(w, What::Chain { .. })
    });
    check(
        "a sequence skipped",
        4,
        &|e| {
            e[4] = rewrite(&e[4], |leaf, _, _| event_of(leaf).stream.sequence = 2);
            relink(e, 5);
        },
        &|w| matches!(w, What::Sequence { expected: 1, found: 2, .. }),
    );
    check(
        "a subject left out",
        3,
        &|e| {
            e[3] = rewrite(&e[3], |leaf, _, _| event_of(leaf).subjects.truncate(1));
            relink(e, 4);
        },
        &|w| matches!(w, What::Names("subjects")),
    );
    check(
        "a subject put in",
        4,
        &|e| {
            let extra = Place { key: Key([255; 32]), sequence: 0 };
            e[4] = rewrite(&e[4], |leaf, _, _| event_of(leaf).subjects.push(extra));
            relink(e, 5);
        },
        &|w| matches!(w, What::Names("subjects")),
    );
    check(
        "filed in another stream",
        4,
        &|e| {
            e[4] = rewrite(&e[4], |leaf, _, _| event_of(leaf).stream = Place { key: Key([1; 32]), sequence: 0 });
            relink(e, 5);
        },
        &|w| matches!(w, What::Names("streams")),
    );
    check(
        "an entry taken out and the rest numbered anew",
        2,
        &|e| {
            e.remove(2);
            for entry in &mut e[2..] {
                *entry = rewrite(entry, |leaf, _, _| leaf.index -= 1);
            }
            relink(e, 2);
        },
        &|w| matches!(w, What::Sequence { expected: 0, found: 1, .. }),
    );
    check("the end of a request missing", 4, &|e| e.truncate(5), &|w| {
        matches!(w, What::RequestCut { number: 1, count: 3 })
    });
    check(
        "a request under a used id",
        3,
        &|e| {
            for entry in &mut e[3..6] {
                *entry = rewrite(entry, |_, manifest, _| manifest.request_id = [1; 16]);
            }
            relink(e, 4);
        },
        &|w| matches!(w, What::RequestTwice),
    );
    check(
        "an unknown event",
        5,
        &|e| e[5] = rewrite(&e[5], |_, manifest, _| manifest.event_type = "later.event".to_owned()),
        &|w| matches!(w, What::UnknownEvent { .. }),
    );
    check(
        "a second spelling of a payload",
        3,
        &|e| {
            e[3] = rewrite(&e[3], |_, _, open| {
                let mut longer = open.payload.to_vec();
                longer.extend_from_slice(&[0x20, 0]);
                open.payload = longer.into();
            });
            relink(e, 4);
        },
        &|w| matches!(w, What::Payload(_)),
    );
    check("a second GENESIS", 6, &|e| e.push(e[0].clone()), &|w| matches!(w, What::Index { found: 0 }));
    check("no GENESIS", 0, &|e| drop(e.remove(0)), &|w| matches!(w, What::Index { found: 1 }));
    check("a part gone", 4, &|e| e[4] = without(&e[4], 1), &|w| matches!(w, What::Absent(_)));
    check("a payload gone", 3, &|e| e[3] = without(&e[3], OPEN_PAYLOAD_BIT), &|w| matches!(w, What::Absent(_)));
}

fn flip(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes.into()
}

#[test]
fn every_byte_of_every_entry_is_verified() {
    let ledger = TinyLedger::with_a_case();
    let good = ledger.entries;
    let wanted = Wanted { head: Some((5, ledger.head.leaf_hash)), threads: 1, ..Wanted::default() };
    for entry in 0..good.len() {
        for at in 0..good[entry].len() {
            let mut entries = good.clone();
            entries[entry] = flip(&entries[entry], at);
            let report = verify(&Kept(entries, BTreeMap::new()), &wanted, |_, _| {});
            let fault = report.fault.unwrap_or_else(|| panic!("entry {entry} byte {at}: not found"));
            // A changed leaf is seen by the next entry's link, that of the last entry by the head kept elsewhere.
            assert!(
                (fault.index == entry as u64) || (fault.index == entry as u64 + 1),
                "entry {entry} byte {at}: {fault}"
            );
        }
    }
}

#[test]
fn a_log_rewritten_whole_is_seen_by_a_head_kept_elsewhere_and_by_nothing_else() {
    let ledger = TinyLedger::with_a_case();
    let mut forged = ledger.entries.clone();
    forged[3] = rewrite(&forged[3], |_, _, open| {
        let Event::CaseOpened(mut opened) = Event::decode(EventType::CaseOpened, &open.payload).unwrap() else {
            panic!()
        };
        opened.regime = Some(code("another"));
        open.payload = Event::from(opened).encode().into();
    });
    relink(&mut forged, 4);
    assert!(report(forged.clone()).is_good(), "a chain alone does not show it");
    let with = |entries: Vec<Bytes>, head| {
        let wanted = Wanted { head: Some(head), threads: 2, ..Wanted::default() };
        verify(&Kept(entries, BTreeMap::new()), &wanted, |_, _| {})
    };
    assert!(with(ledger.entries.clone(), (5, ledger.head.leaf_hash)).is_good());
    let fault = with(forged, (5, ledger.head.leaf_hash)).fault.unwrap();
    assert!(fault.index == 5 && matches!(fault.what, What::Head { .. }), "{fault}");
    let cut = with(ledger.entries[..3].to_vec(), (5, ledger.head.leaf_hash)).fault.unwrap();
    assert_eq!((cut.index, cut.what), (5, What::Missing { size: 3 }));
    assert!(!with(ledger.entries, (2, LeafHash([1; 32]))).is_good());
}

#[test]
fn an_erasure_excuses_what_it_names_and_nothing_else() {
    let mut good = TinyLedger::with_a_case().entries;
    good.push(erasure(&good, 4, 1));
    let pending = report(good.clone());
    assert!(pending.is_good() && pending.erasures == 1, "{pending:?}");
    assert_eq!(pending.erasures_pending, [4], "its bytes are still kept");
    let mut carried_out = good.clone();
    carried_out[4] = without(&good[4], 1);
    let report_of_it = report(carried_out.clone());
    assert!(report_of_it.is_good() && report_of_it.erasures_pending.is_empty(), "{report_of_it:?}");
    let mut another = carried_out.clone();
    another[5] = without(&good[5], 1);
    assert!(matches!(report(another).fault.unwrap(), f if f.index == 5 && matches!(f.what, What::Absent(_))));
    let mut more = carried_out;
    more[4] = without(&good[4], 1 | OPEN_PAYLOAD_BIT);
    assert!(matches!(report(more).fault.unwrap(), f if f.index == 4 && matches!(f.what, What::Absent(_))));
    for (name, parts) in [("a part that is not there", 2), ("a bit beyond the parts", 1 << 30)] {
        let mut entries = good[..6].to_vec();
        entries.push(erasure(&entries, 4, parts));
        let fault = report(entries).fault.unwrap();
        assert!(fault.index == 6 && matches!(fault.what, What::Erasure { target: 4, .. }), "{name}: {fault}");
    }
    let mut other_keys = good.clone();
    other_keys[6] = rewrite(&good[6], |leaf, _, _| event_of(leaf).subjects.clear());
    assert!(matches!(report(other_keys).fault.unwrap().what, What::Erasure { .. }));
    let mut of_genesis = good[..6].to_vec();
    of_genesis.push(erasure(&of_genesis, 4, 1));
    of_genesis.push(erasure(&of_genesis, 6, 1 | OPEN_PAYLOAD_BIT));
    assert!(matches!(report(of_genesis).fault.unwrap().what, What::Erasure { target: 6, .. }));
}

#[test]
fn what_cannot_be_reached_is_not_called_damaged_and_what_is_damaged_is() {
    let entries = TinyLedger::with_a_case().entries;
    let at = |damaged| {
        let kept = Kept(entries.clone(), BTreeMap::from([(4, damaged)]));
        verify(&kept, &Wanted { threads: 2, ..Wanted::default() }, |_, _| {})
    };
    let away = at(false);
    assert!(away.fault.is_none() && away.unreadable.is_some() && away.entries == 4, "{away:?}");
    let damaged = at(true);
    assert!(matches!(damaged.fault.unwrap(), f if f.index == 4 && matches!(f.what, What::Unreadable(_))));
}

#[test]
fn many_entries_are_verified_in_order_by_many_threads() {
    let mut ledger = TinyLedger::new();
    for request in 0..200_u8 {
        let number = u64::from(request);
        ledger.append(request, &[person(number), case(1000 + number, &[number])]).unwrap();
    }
    for threads in [1, 2, 7] {
        let kept = Kept(ledger.entries.clone(), BTreeMap::new());
        let mut last = 0;
        let report = verify(&kept, &Wanted { threads, ..Wanted::default() }, |done, _| {
            assert_eq!(done, last + 1);
            last = done;
        });
        assert!(report.is_good() && report.entries == 401, "{threads}: {report:?}");
    }
}

#[test]
fn a_log_is_verified_from_an_entry_on() {
    let ledger = TinyLedger::with_a_case();
    let all = ledger.entries.len() as u64;
    let from = |entries: Vec<Bytes>, from| {
        let wanted = Wanted { from, threads: 2, ..Wanted::default() };
        verify(&Kept(entries, BTreeMap::new()), &wanted, |_, _| {})
    };
    for begin in 0..all {
        let report = from(ledger.entries.clone(), begin);
        assert!(report.is_good(), "{begin}: {report:?}");
        assert_eq!((report.entries, report.head), (all - begin, Some((all - 1, ledger.head.leaf_hash))));
    }
    assert_eq!(from(ledger.entries.clone(), all).entries, 0);
    let mut damaged = ledger.entries.clone();
    damaged[3] = flip(&damaged[3], damaged[3].len() - 1);
    assert_eq!(from(damaged.clone(), 1).fault.unwrap().index, 3);
    assert_eq!(from(damaged.clone(), 4).fault.unwrap().index, 3, "what it begins after is looked at");
    assert!(from(damaged, 5).is_good(), "what is before that is taken as it is");
    let mut another = ledger.entries.clone();
    another[2] = another[1].clone();
    assert_eq!(from(another, 3).fault.unwrap().index, 2);
    assert_eq!(from(ledger.entries, all + 1).fault.unwrap().what, What::Missing { size: all });
}

/// Entries that are no events, at the end of a log with a key that we hold.
pub(super) struct Written(pub(super) Vec<Bytes>);

const ORIGIN: &str = "log.example/tests";

/// The map over entries, as the format says it and no faster: its root and the number of its keys.
pub(super) fn map_over(entries: &[Bytes]) -> (MapRoot, u64) {
    let mut histories: BTreeMap<Key, KeyHistory> = BTreeMap::new();
    for entry in entries.iter().map(checked) {
        let event = entry.leaf.event();
        for place in event.iter().flat_map(|event| std::iter::once(&event.stream).chain(&event.subjects)) {
            histories.entry(place.key).or_default().push(entry.leaf.index, entry.leaf_hash);
        }
    }
    let items: Vec<MapItem> = histories.iter().map(|(key, history)| MapItem::new(*key, &history.value())).collect();
    (map_root(&items), items.len() as u64)
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

impl Written {
    pub(super) fn begin() -> Self {
        let mut entries = TinyLedger::with_a_case().entries;
        let mut genesis = checked(&entries[0]);
        if let Body::Genesis(genesis) = &mut genesis.leaf.body {
            (genesis.origin, genesis.public_key) = (ORIGIN.to_owned(), signing(1).verifying_key().to_bytes());
        }
        entries[0] = Entry::bare(&genesis.leaf).encode().into();
        relink(&mut entries, 1);
        Self(entries)
    }

    pub(super) fn then(mut self, body: Body) -> Self {
        let last = checked(self.0.last().unwrap());
        let (recorded_at_ms, previous) = (last.leaf.recorded_at_ms, last.leaf_hash);
        let leaf = Leaf { index: self.0.len() as u64, recorded_at_ms, previous, body };
        self.0.push(Entry::bare(&leaf).encode().into());
        self
    }

    pub(super) fn sealed(self, previous: Option<u64>) -> Self {
        let (map_root, map_keys) = map_over(&self.0);
        self.then(Body::Seal(Seal { map_root, map_keys, previous }))
    }

    fn key(self, change: impl FnOnce(u64) -> KeyChange) -> Self {
        let change = change(self.0.len() as u64);
        self.then(Body::Key(Box::new(change)))
    }

    fn closed(self) -> Self {
        self.then(Body::Close(Close { successor: "log.example/next".to_owned() }))
    }
}

#[test]
fn seals_keys_and_the_end_stand_where_they_may() {
    let (one, two) = (signing(1), signing(2));
    let public = one.verifying_key().to_bytes();
    let good = Written::begin()
        .sealed(None)
        .key(|index| KeyChange::add(ORIGIN, index, &two, &one))
        .key(|index| KeyChange::retire(ORIGIN, index, public, &two))
        .sealed(Some(6))
        .closed()
        .sealed(Some(9));
    let found = report(good.0.clone());
    assert!(found.is_good() && found.seals == 3 && found.entries == 12, "{found:?}");
    assert_eq!(found.keys.in_force(8).count(), 2);
    assert_eq!(found.keys.in_force(12).collect::<Vec<_>>(), [&two.verifying_key().to_bytes()]);
    for from in 0..=12 {
        let wanted = Wanted { from, threads: 2, ..Wanted::default() };
        let found = verify(&Kept(good.0.clone(), BTreeMap::new()), &wanted, |_, _| {});
        assert!(found.is_good(), "{from}: {found:?}");
        verify_range(&Kept(good.0.clone(), BTreeMap::new()), from).unwrap();
    }
    let crashed = Written(good.0[..11].to_vec());
    assert!(report(crashed.0).is_good(), "the SEAL after CLOSE is written at the next start");
}

#[test]
fn seals_keys_and_the_end_where_they_may_not_stand_are_found() {
    let (one, two) = (signing(1), signing(2));
    let public = one.verifying_key().to_bytes();
    let check = |name: &str, index: u64, written: Written, expected: What| {
        let fault = report(written.0).fault.unwrap_or_else(|| panic!("{name}: not found"));
        assert_eq!((fault.index, fault.what), (index, expected), "{name}");
    };
    let seal = |expected, found| What::Seal { expected, found };
    check("a seal before that is none", 6, Written::begin().sealed(Some(3)), seal(None, Some(3)));
    check("a seal left out", 7, Written::begin().sealed(None).sealed(None), seal(Some(6), None));
    check("a seal erased", 8, Written::begin().sealed(None).closed().sealed(Some(5)), seal(Some(6), Some(5)));
    let stranger = Written::begin().key(|index| KeyChange::add(ORIGIN, index, &two, &two));
    check("by a stranger", 6, stranger, What::Key(KeyFault::NotInForce));
    let itself = Written::begin().key(|index| KeyChange::retire(ORIGIN, index, public, &one));
    check("the last key", 6, itself, What::Key(KeyFault::RetiresItself));
    let elsewhere = Written::begin().key(|_| KeyChange::add(ORIGIN, 7, &two, &one));
    check("signed for another place", 6, elsewhere, What::Key(KeyFault::Signature));
    let retired = Written::begin()
        .key(|index| KeyChange::add(ORIGIN, index, &two, &one))
        .key(|index| KeyChange::retire(ORIGIN, index, public, &two))
        .key(|index| KeyChange::add(ORIGIN, index, &signing(3), &one));
    check("by a key retired", 8, retired, What::Key(KeyFault::NotInForce));
    check("a CLOSE after CLOSE", 7, Written::begin().closed().closed(), What::AfterClose);
    let key = Written::begin().closed().key(|index| KeyChange::add(ORIGIN, index, &two, &one));
    check("a KEY after CLOSE", 7, key, What::AfterClose);
    let twice = Written::begin().closed().sealed(None).sealed(Some(7));
    check("a second SEAL after CLOSE", 8, twice, What::AfterClose);
    let mut written = Written::begin().closed().sealed(None);
    for from in [7, 8] {
        let erasure = erasure(&written.0, 4, 1);
        let mut entries = written.0.clone();
        entries.push(erasure);
        let fault = verify_range(&Kept(entries, BTreeMap::new()), from).unwrap_err();
        assert_eq!((fault.index, fault.what), (8, What::AfterClose), "an ERASURE after the end, from {from}");
    }
    written = Written::begin();
    let mut torn = Written(written.0[..5].to_vec()).sealed(None).0;
    torn.extend(written.0[5..].iter().map(|bytes| {
        let mut entry = checked(bytes);
        entry.leaf.index += 1;
        entry.entry.leaf = entry.leaf.encode().into();
        Bytes::from(entry.entry.encode())
    }));
    relink(&mut torn, 6);
    check("a SEAL within a request", 5, Written(torn), What::InsideRequest { number: 1, count: 3 });
    let mut of_a_seal = written.sealed(None).0;
    let forged = rewrite_target(&erasure(&of_a_seal, 4, 1), 6);
    of_a_seal.push(forged);
    let what = What::Erasure { target: 6, what: "the target is not an EVENT" };
    check("an erasure of a SEAL", 7, Written(of_a_seal), what);
}

fn rewrite_target(bytes: &Bytes, index: u64) -> Bytes {
    let mut entry = checked(bytes);
    let Body::Erasure(_, target) = &mut entry.leaf.body else { panic!("no erasure") };
    target.index = index;
    entry.entry.leaf = entry.leaf.encode().into();
    entry.entry.encode().into()
}
