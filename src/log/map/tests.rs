mod live;
mod naive;
mod saved;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use crate::log::Body;
use crate::log::HistoryValue;
use crate::log::Key;
use crate::log::KeyHistory;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::LiveMap;
use crate::log::MapFault;
use crate::log::MapItem;
use crate::log::MapPath;
use crate::log::MapProof;
use crate::log::MapRoot;
use crate::log::Name;
use crate::log::Neighbour;
use crate::log::NodeHash;
use crate::log::map::fold::join;
use crate::log::map::leaf_of;
use crate::log::map::tests::naive::Naive;
use crate::log::map_root;
use crate::log::prove_in_map;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn key(begin: &str) -> Key {
    let mut key = [0; 32];
    key[..begin.len() / 2].copy_from_slice(&hex(begin));
    Key(key)
}

fn value(text: &str) -> HistoryValue {
    HistoryValue::parse(text).unwrap()
}

/// Published hashes of `filippo.io/torchwood/mpt` over keys and values of 32 bytes, as this map has them.
#[test]
fn the_published_roots_of_whole_keys() {
    let check = |pairs: &[(Key, &str)], root: &str| {
        let items: Vec<MapItem> = pairs.iter().map(|(key, text)| MapItem::new(*key, &value(text))).collect();
        assert_eq!(map_root(&items).to_string(), root);
    };
    check(&[], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(
        &[
            (key("00"), "920c9d26acc22861bcd8de8737683b0b4cfaf0dfb7e80b4774421517bf8489c8"),
            (key("80"), "5f9895fa7d0d2ecb5d14d6dd0bda94f6b86cd8b197377445405576ac04279d3b"),
        ],
        "6b6f242a8dcfacd8bc1213d4453852a2127b398c65a7684a2e1af666f6356061",
    );
    check(
        &[
            (key("00"), "cc406618223e1e591b2cec004a8c7c1bf4eeb09aec43600381eedacac20f2bf9"),
            (key("40"), "6b371a019461913d1c26b038eff19680952e6e1c51c87db18a94f3a1b565f6c7"),
            (key("80"), "d5819ee69ad23ea2c4612acab96a6ed0085a9a4800d33497ccfdc37ce09c6f32"),
        ],
        "3b5ae657915d8cd94abdf4362daf5397d0b74cea7edfcb88b2ad3a21bd0c6efd",
    );
    check(
        &[
            (key("00"), "651e31c69f55c7232848025467d5bb038b406bbdaa0a7e8ce18570e1629ac35c"),
            (key("40"), "ba70df9bc82f5867ca56cd5d3110830194bff04a94bf140398aea50c4d88e041"),
            (key("80"), "2e164bab01a16e0e27ae3e08927dea054e8d5935aab742c78c244e74d0d6165d"),
            (key("c0"), "d24e1a0392019144f59557f3fda9356417ed24125ade5c43f4fd5af5effb62c5"),
        ],
        "752cace32992bd2e650f86a60f7f4cb073e77bd0da0bbae17c9927ca0cac41d9",
    );
    check(
        &[
            (key(&"ff".repeat(16)), "a3b93625e143e33744bc532953260c66bcdb124ff930e6a55257558871df9e72"),
            (
                key(&format!("{}80", "ff".repeat(16))),
                "4f02252ceaba90d9997b0f84bface6cd661dcb1779c5beb55d1eec2510680464",
            ),
        ],
        "55664663e0148e90b47b18ec9660b0a9c5d83b03fc0235fcb8938763d7d3ed7f",
    );
}

/// The published hashes over keys of several lengths, which this map never has: leaves and joins are the same.
#[test]
fn the_published_roots_of_keys_of_any_length() {
    let check = |pairs: &[(&str, &str)], root: &str| {
        let naive = Naive(pairs.iter().map(|(key, value)| (hex(key), hex(value))).collect());
        assert_eq!(HEXLOWER.encode(&naive.root()), root);
    };
    let leaf = |key: &str, value: &str| Some(leaf_of(&hex(key), &hex(value)));
    assert_eq!(
        leaf("ab", "cd").unwrap().to_string(),
        "e2803f59293564e96b6c5c16157cec731a294631aefb5d08d18630ed6a27184c"
    );
    let joined = join(10, leaf("12", "aa"), leaf("1234", "bb")).unwrap();
    assert_eq!(joined.to_string(), "fdc14c0c7b5792f43d902121bad7c3adac246ce0ae9278745ecb0843e6324b45");
    let joined = join(8, leaf("00", "62"), leaf("", "61")).unwrap();
    assert_eq!(joined.to_string(), "7ec62f38ea1e0d542f7a32c7e726542fa90ee20a61046ada8eaa22d6014a28b7");
    check(&[("ab", "cd")], "e2803f59293564e96b6c5c16157cec731a294631aefb5d08d18630ed6a27184c");
    check(&[("", "")], "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c");
    check(&[("12", "aa"), ("1234", "bb")], "fdc14c0c7b5792f43d902121bad7c3adac246ce0ae9278745ecb0843e6324b45");
    check(&[("", "61"), ("00", "62")], "7ec62f38ea1e0d542f7a32c7e726542fa90ee20a61046ada8eaa22d6014a28b7");
    check(
        &[("ab", "81"), ("ab00", "82"), ("ab0000", "83")],
        "774fd8699a3458f407810074ba63252db93684833e0b2cc06edaa379408ea1d0",
    );
    check(
        &[("ab", "01"), ("ab00", "02"), ("ab00fe", "04"), ("ab00ff", "03"), ("ab01", "05")],
        "d3dc99aeacd7edf707a7b5f12753a5069726c3b6520c71fa44027e4a1ed63290",
    );
}

/// A log that an independent implementation of the format wrote; what it sealed is what follows from its leaves.
#[test]
fn the_seals_of_an_independent_implementation_are_the_same() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/it/golden/log_reference.json")).unwrap();
    let (mut map, mut seals) = (LiveMap::new(3), Vec::new());
    for (index, leaf) in (0..).zip(golden["leaves"].as_array().unwrap()) {
        let leaf = hex(leaf.as_str().unwrap());
        match leaf[4] {
            1 | 3 => {
                let (Body::Event(event) | Body::Erasure(event, _)) = Leaf::decode(&leaf).unwrap().body else {
                    panic!("the kind says that it is an event");
                };
                for place in std::iter::once(&event.stream).chain(&event.subjects) {
                    assert_eq!(map.history(&place.key).map_or(0, |history| history.count()), place.sequence);
                    map.push(&place.key, index, LeafHash::of(&leaf));
                }
            }
            2 => {
                let (root, keys) = map.fold();
                assert_eq!(root.0, leaf[54..86], "the seal at {index}");
                assert_eq!(keys.to_be_bytes(), leaf[86..94], "the seal at {index}");
                seals.push(root.to_string());
            }
            _ => {}
        }
    }
    assert_eq!(seals.len(), 3);
    assert_eq!(seals[2], "ff69b6befb3e0868f8a9f6d5472fca11cbd438576681c858db7007f1298bff5c");
    let snapshot = map.seal();
    let subject = Key::of_subject(&Name::parse("entity/01J00000000000000000000001").unwrap());
    let MapProof::Present { count, path } = snapshot.prove(&subject) else {
        panic!("four entries are filed under it");
    };
    assert_eq!(count, 4);
    let mut history = KeyHistory::new();
    for index in [1, 3, 5, 6] {
        history.push(index, LeafHash::of(&hex(golden["leaves"][usize::try_from(index).unwrap()].as_str().unwrap())));
    }
    assert_eq!(path.verify_presence(snapshot.root(), &subject, &history.value()), Ok(()));
}

fn items(keys: &[Key]) -> Vec<MapItem> {
    keys.iter().map(|key| MapItem::new(*key, &value_of(key))).collect()
}

fn value_of(key: &Key) -> HistoryValue {
    HistoryValue(LeafHash::of(key.as_bytes()).0)
}

fn naive(keys: &[Key]) -> Naive {
    Naive(keys.iter().map(|key| (key.0.to_vec(), value_of(key).0.to_vec())).collect())
}

/// Keys that part at many different bits, and share long beginnings.
fn some_key() -> impl Strategy<Value = Key> {
    let bytes = proptest::collection::vec(prop_oneof![Just(0), Just(0xff), Just(0x80), Just(1), any::<u8>()], 0..=32);
    (bytes, prop_oneof![Just(0), Just(0xff)]).prop_map(|(begin, fill)| {
        let mut key = [fill; 32];
        key[..begin.len()].copy_from_slice(&begin);
        Key(key)
    })
}

fn some_keys(count: usize) -> impl Strategy<Value = Vec<Key>> {
    proptest::collection::btree_set(some_key(), 0..count).prop_map(|keys| keys.into_iter().collect())
}

/// Every bit of a path's siblings, and every step left out, changed in its bit or repeated: none of it holds.
fn assert_binding(path: &MapPath, holds: impl Fn(&MapPath) -> bool) {
    assert!(holds(path));
    let bytes = path.encode();
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        let holds = MapPath::decode(&damaged).is_ok_and(|path| holds(&path));
        assert!(!holds, "byte {place} of {}", HEXLOWER.encode(&bytes));
    }
    for left_out in 0..path.steps().len() {
        let mut steps: Vec<_> = path.steps().iter().rev().copied().collect();
        steps.remove(left_out);
        assert!(!holds(&MapPath::from_descent(steps)), "step {left_out} is missing");
    }
}

proptest! {
    #[test]
    fn the_map_is_the_naive_one(keys in some_keys(24), others in some_keys(8)) {
        let (items, naive) = (items(&keys), naive(&keys));
        let root = map_root(&items);
        prop_assert_eq!(root.0, naive.root());
        for asked in keys.iter().chain(&others) {
            let Some((item, path)) = prove_in_map(&items, asked) else {
                prop_assert!(keys.is_empty() && root.verify_empty().is_ok());
                continue;
            };
            let (there, value, steps) = naive.prove(asked.as_bytes()).unwrap();
            prop_assert_eq!(&there[..], &item.key.0[..]);
            let ours: Vec<_> = path.steps().iter().map(|step| (usize::from(step.bit), step.sibling.0)).collect();
            prop_assert_eq!(ours, steps);
            prop_assert_eq!(MapPath::decode(&path.encode()), Ok(path.clone()));
            let value = HistoryValue(value.try_into().unwrap());
            let neighbour = Neighbour { key: item.key, value };
            if keys.binary_search(asked).is_ok() {
                prop_assert_eq!(item.key, *asked);
                prop_assert_eq!(path.verify_presence(root, asked, &value), Ok(()));
                prop_assert_eq!(path.verify_absence(root, asked, &neighbour), Err(MapFault::SameKey));
            } else {
                prop_assert_eq!(path.verify_absence(root, asked, &neighbour), Ok(()));
                prop_assert!(path.verify_presence(root, asked, &value).is_err());
            }
        }
    }

    #[test]
    fn no_damaged_path_holds(keys in some_keys(12), other in some_key()) {
        let items = items(&keys);
        let root = map_root(&items);
        for asked in &keys {
            let (_, path) = prove_in_map(&items, asked).unwrap();
            assert_binding(&path, |path| path.verify_presence(root, asked, &value_of(asked)).is_ok());
            prop_assert!(path.verify_presence(root, asked, &value_of(&other)).is_err() || *asked == other);
            prop_assert!(path.verify_presence(MapRoot([1; 32]), asked, &value_of(asked)).is_err());
        }
        if let Some((item, path)) = prove_in_map(&items, &other).filter(|(item, _)| item.key != other) {
            let neighbour = Neighbour { key: item.key, value: value_of(&item.key) };
            assert_binding(&path, |path| path.verify_absence(root, &other, &neighbour).is_ok());
        }
    }

    /// A server that would deny a key shows some other one with its true path: each divides from the key on the way.
    #[test]
    fn no_key_that_is_there_is_absent(keys in some_keys(24)) {
        let items = items(&keys);
        let root = map_root(&items);
        for shown in &keys {
            let (_, path) = prove_in_map(&items, shown).unwrap();
            let neighbour = Neighbour { key: *shown, value: value_of(shown) };
            for denied in keys.iter().filter(|key| *key != shown) {
                let fault = path.verify_absence(root, denied, &neighbour);
                prop_assert!(matches!(fault, Err(MapFault::Elsewhere { .. })), "{:?}", fault);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_path_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..140)) {
        if let Ok(path) = MapPath::decode(&bytes) {
            prop_assert_eq!(path.encode(), bytes);
        }
    }
}

#[test]
fn a_path_has_one_spelling() {
    let step = |bit: &[u8]| [bit, &[7; 32]].concat();
    let bits =
        |bytes: &[u8]| MapPath::decode(bytes).map(|path| path.steps().iter().map(|step| step.bit).collect::<Vec<_>>());
    assert_eq!(bits(&[]), Ok(vec![]));
    assert_eq!(bits(&step(&[0])), Ok(vec![0]));
    assert_eq!(
        bits(&[step(&[255, 1]), step(&[128, 1]), step(&[127]), step(&[0])].concat()),
        Ok(vec![255, 128, 127, 0])
    );
    let whole: Vec<u8> =
        (0..=255_u8).rev().flat_map(|bit| if bit < 128 { step(&[bit]) } else { step(&[bit, 1]) }).collect();
    assert_eq!(bits(&whole).unwrap().len(), 256);
    for (wrong, why) in [
        (step(&[0x80, 0]), "0 in two bytes"),
        (step(&[0xff, 0]), "127 in two bytes"),
        (step(&[0x80, 0x81, 0]), "128 in three bytes"),
        (step(&[0x80, 2]), "256"),
        (step(&[0xff, 0xff, 0xff, 0xff, 1]), "2^32"),
        ([step(&[5]), step(&[5])].concat(), "bits that stay"),
        ([step(&[5]), step(&[6])].concat(), "bits that grow"),
        ([step(&[127]), step(&[128, 1])].concat(), "bits that grow to two bytes"),
        ([step(&[0]), step(&[0])].concat(), "a bit after the last"),
        (step(&[5])[..32].to_vec(), "a sibling cut short"),
        (vec![5], "no sibling"),
        (vec![0x80], "half a bit"),
        ([step(&[5]), vec![4]].concat(), "a step without a sibling"),
        ([whole, step(&[0])].concat(), "257 steps"),
    ] {
        assert!(MapPath::decode(&wrong).is_err(), "{why}");
    }
}

#[test]
fn a_neighbour_has_sixty_four_bytes() {
    let neighbour = Neighbour { key: key("12"), value: HistoryValue([3; 32]) };
    let bytes = neighbour.encode();
    assert_eq!(Neighbour::decode(&bytes), Some(neighbour));
    for other in [&bytes[..63], &[], &bytes[..32], &[&bytes[..], &[0]].concat()] {
        assert_eq!(Neighbour::decode(other), None, "{} bytes", other.len());
    }
}

#[test]
fn an_empty_map_has_nothing_and_no_other_is_empty() {
    assert_eq!(MapRoot::EMPTY.verify_empty(), Ok(()));
    let root = map_root(&items(&[key("12")]));
    assert_eq!(root.verify_empty(), Err(MapFault::NotEmpty { found: root }));
    assert_eq!(prove_in_map(&[], &key("12")), None);
    assert_eq!(join(7, None, None), None);
    let one = Some(NodeHash([1; 32]));
    assert_eq!((join(7, one, None), join(7, None, one)), (one, one), "an empty side collapses");
}

/// What makes "all" mean all: none left out, none added, none in another order, none of another place.
#[test]
fn a_history_binds_every_entry() {
    let push = |entries: &[(u64, u8)]| {
        let mut history = KeyHistory::new();
        for (index, fill) in entries {
            history.push(*index, LeafHash([*fill; 32]));
        }
        assert_eq!(history.count(), entries.len() as u64);
        history.value()
    };
    let whole = push(&[(1, 1), (3, 3), (5, 5)]);
    assert_eq!(whole, push(&[(1, 1), (3, 3), (5, 5)]));
    for other in [
        &[][..],
        &[(1, 1), (3, 3)],
        &[(3, 3), (5, 5)],
        &[(1, 1), (5, 5)],
        &[(1, 1), (3, 3), (5, 5), (5, 5)],
        &[(3, 3), (1, 1), (5, 5)],
        &[(1, 1), (4, 3), (5, 5)],
        &[(1, 1), (3, 4), (5, 5)],
    ] {
        assert_ne!(whole, push(other), "{other:?}");
    }
}
