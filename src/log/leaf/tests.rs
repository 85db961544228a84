use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use serde_json::Value;

use crate::log::Body;
use crate::log::Close;
use crate::log::Entry;
use crate::log::EntryFault;
use crate::log::KeyAction;
use crate::log::KeyChange;
use crate::log::KeyFault;
use crate::log::KeysOfLog;
use crate::log::Kind;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::PublicKey;
use crate::log::Seal;
use crate::log::key_message;

/// A log with keys that come and go, which an independent implementation of the format wrote: GENESIS, SEAL, KEY (add),
/// EVENT, KEY (retire), SEAL, CLOSE, SEAL. These bytes are kept for ever.
fn keyed() -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../tests/it/golden/log_reference.json")).unwrap();
    all["keyed"].clone()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn leaves() -> Vec<Vec<u8>> {
    keyed()["leaves"].as_array().unwrap().iter().map(bytes_of).collect()
}

fn keys() -> [SigningKey; 2] {
    let seed = |at: usize| bytes_of(&keyed()["seeds"][at]).try_into().unwrap();
    [0, 1].map(|at| SigningKey::from_bytes(&seed(at)))
}

const ORIGIN: &str = "audit.example.org/discipline";

#[test]
fn seals_keys_and_ends_are_written_as_an_independent_implementation_wrote_them() {
    let golden = leaves();
    let [one, two] = keys();
    let body = |at: usize| Leaf::decode(&golden[at]).unwrap().body;
    let root = |at: usize| golden[at][54..86].try_into().unwrap();
    assert_eq!(body(1), Body::Seal(Seal { map_root: root(1), map_keys: 0, previous: None }));
    assert_eq!(body(5), Body::Seal(Seal { map_root: root(5), map_keys: 2, previous: Some(1) }));
    assert_eq!(body(7), Body::Seal(Seal { map_root: root(7), map_keys: 2, previous: Some(5) }));
    assert_eq!(body(2), Body::Key(Box::new(KeyChange::add(ORIGIN, 2, &two, &one))));
    let retired = PublicKey::of(&one).as_bytes().to_owned();
    assert_eq!(body(4), Body::Key(Box::new(KeyChange::retire(ORIGIN, 4, retired, &two))));
    assert_eq!(body(6), Body::Close(Close { successor: keyed()["successor"].as_str().unwrap().to_owned() }));
    let add = KeyAction::Add { own_signature: [0; 64] };
    let message = key_message(&add, ORIGIN, 2, &two.verifying_key().to_bytes());
    assert_eq!(message, bytes_of(&keyed()["message_of_leaf_2"]));
    for (at, leaf) in golden.iter().enumerate() {
        let decoded = Leaf::decode(leaf).unwrap();
        assert_eq!(decoded.encode(), *leaf, "leaf {at}");
        if at > 0 {
            assert_eq!(decoded.previous, LeafHash::of(&golden[at - 1]));
        }
    }
}

#[test]
fn a_second_spelling_of_a_seal_key_or_end_is_refused() {
    let golden = leaves();
    for (at, good) in golden.iter().enumerate() {
        let longer = [&good[..], &[0]].concat();
        assert!(Leaf::decode(&longer).is_err(), "leaf {at} with a byte more");
        for len in 0..good.len() {
            assert!(Leaf::decode(&good[..len]).is_err(), "leaf {at} cut to {len} bytes");
        }
    }
    let end = golden[1].len();
    for (name, at, place, byte) in [
        ("map algorithm 0", 1, 53, 0),
        ("map algorithm 2", 1, 53, 2),
        ("GENESIS as the seal before", 1, end - 1, 1),
        ("itself as the seal before", 1, end - 1, 2),
        ("a later seal before", 5, end - 1, 6),
        ("a seal before far beyond", 5, end - 8, 255),
        ("a seal as entry 0", 1, 12, 0),
        ("action 0", 2, 53, 0),
        ("action 3", 2, 53, 3),
        ("an add that says retire", 2, 53, 2),
        ("a retire that says add", 4, 53, 1),
        ("a plus in the successor", 6, 60, b'+'),
        ("a space in the successor", 6, 60, b' '),
        ("a shorter successor", 6, 53, 1),
    ] {
        let mut bytes = golden[at].clone();
        bytes[place] = byte;
        assert!(Leaf::decode(&bytes).is_err(), "{name}");
    }
    let nobody = Leaf { body: Body::Close(Close { successor: String::new() }), ..Leaf::decode(&golden[6]).unwrap() };
    assert_eq!(Leaf::decode(&nobody.encode()).unwrap(), nobody, "a log may end without a successor");
}

#[test]
fn a_changed_byte_is_refused_or_is_the_only_spelling_of_something_else() {
    for (at, good) in leaves().iter().enumerate() {
        for place in 0..good.len() {
            for byte in (0..8).map(|bit| good[place] ^ (1 << bit)).chain([0, 1, 2, 255]) {
                let mut bytes = good.clone();
                bytes[place] = byte;
                if let Ok(leaf) = Leaf::decode(&bytes) {
                    assert_eq!(leaf.encode(), bytes, "leaf {at}, byte {place} = {byte}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_event_is_kept_as_its_leaf_alone() {
    for leaf in leaves() {
        let leaf = Leaf::decode(&leaf).unwrap();
        if leaf.kind() == Kind::Event {
            continue;
        }
        let mut entry = Entry::bare(&leaf);
        let checked = Entry::check(&entry.encode().into()).unwrap();
        assert_eq!((&checked.leaf, &checked.entry), (&leaf, &entry));
        assert!(checked.manifest.is_none() && checked.leaf.event().is_none());
        assert_eq!((checked.named(), checked.absent()), (0, 0));
        entry.manifest = vec![1].into();
        entry.open = None;
        let mut bytes = entry.encode();
        assert_eq!(Entry::check(&bytes.clone().into()).unwrap_err(), EntryFault::ManifestOfNoEvent, "{leaf:?}");
        bytes.truncate(bytes.len() - 2);
        assert!(Entry::check(&bytes.into()).is_err());
    }
}

#[test]
fn the_keys_in_force_are_those_added_and_not_retired() {
    let [one, two] = keys();
    let three = SigningKey::from_bytes(&[3; 32]);
    let public = |key: &SigningKey| key.verifying_key().to_bytes();
    let begin = KeysOfLog::begin(public(&one));
    let mut keys = begin.clone();
    keys.take(ORIGIN, 2, &KeyChange::add(ORIGIN, 2, &two, &one)).unwrap();
    keys.take(ORIGIN, 4, &KeyChange::retire(ORIGIN, 4, public(&one), &two)).unwrap();
    for (size, expected) in [(0, [false, false]), (1, [true, false]), (2, [true, false]), (3, [true, true])] {
        assert_eq!([&one, &two].map(|key| keys.is_in_force(&public(key), size)), expected, "size {size}");
    }
    assert_eq!(keys.in_force(4).count(), 2);
    assert_eq!(keys.in_force(5).collect::<Vec<_>>(), [&public(&two)]);
    let check = |name: &str, keys: &KeysOfLog, index, change: KeyChange, expected| {
        let mut after = keys.clone();
        assert_eq!(after.take(ORIGIN, index, &change), Err(expected), "{name}");
        assert_eq!(after, *keys, "{name}");
    };
    check("by a key retired", &keys, 6, KeyChange::add(ORIGIN, 6, &three, &one), KeyFault::NotInForce);
    check("by a stranger", &keys, 6, KeyChange::add(ORIGIN, 6, &three, &three), KeyFault::NotInForce);
    check("by itself", &keys, 6, KeyChange::retire(ORIGIN, 6, public(&two), &two), KeyFault::RetiresItself);
    check("of another log", &keys, 6, KeyChange::add("other.example", 6, &three, &two), KeyFault::Signature);
    check("of another place", &keys, 6, KeyChange::add(ORIGIN, 7, &three, &two), KeyFault::Signature);
    let good = KeyChange::add(ORIGIN, 6, &three, &two);
    let as_retire = KeyChange { action: KeyAction::Retire, ..good };
    check("an add as a retire", &keys, 6, as_retire, KeyFault::Signature);
    let not_its_own = KeyChange { action: KeyAction::Add { own_signature: good.signature }, ..good };
    check("without the added key", &keys, 6, not_its_own, KeyFault::OwnSignature);
    check("of another key", &keys, 6, KeyChange { key: [9; 32], ..good }, KeyFault::Signature);
    // A key that went does not come back, as its entry says and the format says.
    let mut again = keys.clone();
    again.take(ORIGIN, 6, &KeyChange::add(ORIGIN, 6, &one, &two)).unwrap();
    assert!(!again.is_in_force(&public(&one), 7));
    assert!(begin.is_in_force(&public(&one), 1));
}

/// A key under which one signature is good for any message must not be one.
#[test]
fn a_key_of_small_order_or_of_a_second_spelling_is_none() {
    let y = |low: u8, rest: u8, high: u8| {
        let mut bytes = [rest; 32];
        (bytes[0], bytes[31]) = (low, high);
        bytes
    };
    for (name, bytes) in [
        ("order 4", y(0, 0, 0)),
        ("order 1", y(1, 0, 0)),
        ("order 1 with x = -0", y(1, 0, 0x80)),
        ("order 2", y(0xec, 0xff, 0x7f)),
        ("p", y(0xed, 0xff, 0x7f)),
        ("p + 1", y(0xee, 0xff, 0x7f)),
        ("p + 3, a point of large order", y(0xf0, 0xff, 0x7f)),
        ("p + 4, a point of large order", y(0xf1, 0xff, 0x7f)),
        ("no point", y(2, 0, 0)),
    ] {
        assert_eq!(PublicKey::parse(&bytes), None, "{name}");
    }
    let [one, _] = keys();
    let key = PublicKey::of(&one);
    assert_eq!(PublicKey::parse(key.as_bytes()), Some(key));
}
