use bytes::Bytes;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use serde_json::Value;

use crate::log::Body;
use crate::log::Checked;
use crate::log::Commitment;
use crate::log::Entry;
use crate::log::EntryFault;
use crate::log::EventBody;
use crate::log::Genesis;
use crate::log::Id;
use crate::log::Key;
use crate::log::LEAF_BYTES_MAX;
use crate::log::Leaf;
use crate::log::LeafHash;
use crate::log::Manifest;
use crate::log::Name;
use crate::log::NameError;
use crate::log::OPEN_PAYLOAD_BIT;
use crate::log::Open;
use crate::log::OpenError;
use crate::log::PartManifest;
use crate::log::Place;
use crate::log::SealContext;
use crate::log::SealedBy;
use crate::log::Target;
use crate::log::open_commitment;
use crate::log::open_part;
use crate::log::part_commitment;
use crate::log::payload_commitment;
use crate::log::seal_part;
use crate::log::sealed_hash;

const A: &str = "entity/01J00000000000000000000001";
const B: &str = "entity/01J00000000000000000000002";
const C: &str = "case/01J00000000000000000000003";

/// A log that an independent implementation of the format wrote; these bytes are kept for ever.
fn reference() -> Value {
    serde_json::from_str(include_str!("../../tests/it/golden/log_reference.json")).unwrap()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn stream(name: &str, sequence: u64) -> Place {
    Place { key: Key::of_stream(&Name::parse(name).unwrap()), sequence }
}

fn subjects(names: &[(&str, u64)]) -> Vec<Place> {
    let mut places: Vec<Place> = names
        .iter()
        .map(|(name, sequence)| Place { key: Key::of_subject(&Name::parse(name).unwrap()), sequence: *sequence })
        .collect();
    places.sort_by_key(|place| place.key);
    places
}

fn manifest(number: u16, count: u16, event_type: &str, open: &[u8], parts: Vec<PartManifest>) -> Manifest {
    let salt = [u8::try_from(number % 256).unwrap(); 32];
    Manifest {
        principal: "svc-personnel".to_owned(),
        request_id: std::array::from_fn(|at| u8::try_from(at).unwrap()),
        number,
        count,
        event_type: event_type.to_owned(),
        version: 1,
        open_len: u32::try_from(open.len()).unwrap(),
        open: open_commitment(&salt, open),
        parts,
    }
}

#[test]
fn what_an_independent_implementation_wrote_is_written_the_same() {
    let golden = reference();
    let leaf = |at: usize| bytes_of(&golden["leaves"][at]);
    let hash = |at: usize| LeafHash::of(&leaf(at));
    let genesis = Leaf {
        index: 0,
        recorded_at_ms: 1000,
        previous: LeafHash::NONE,
        body: Body::Genesis(Genesis {
            origin: golden["origin"].as_str().unwrap().to_owned(),
            public_key: std::array::from_fn(|at| u8::try_from(at).unwrap()),
            longest_delay_s: 60,
            continues: String::new(),
        }),
    };
    assert_eq!(genesis.encode(), leaf(0));
    let part = PartManifest {
        class: 2,
        sealed_by: SealedBy::Service,
        key_id: [0; 16],
        len_bytes: 10,
        ciphertext: sealed_hash(b"ciphertext"),
        content: part_commitment(&[b's'; 32], b"Name"),
    };
    let registered = manifest(0, 3, "person.registered", b"open0", vec![part]);
    assert_eq!(registered.encode(), bytes_of(&golden["manifest_0"]));
    assert_eq!(payload_commitment(&registered.encode()).as_bytes().to_vec(), bytes_of(&golden["commitment_0"]));
    let event = |index, recorded_at_ms, previous, stream, subjects, payload| Leaf {
        index,
        recorded_at_ms,
        previous,
        body: Body::Event(EventBody { stream, subjects, payload }),
    };
    let commitment = |manifest: Manifest| payload_commitment(&manifest.encode());
    let written = event(1, 1001, hash(0), stream(A, 0), subjects(&[(A, 0)]), commitment(registered));
    assert_eq!(written.encode(), leaf(1));
    assert_eq!(LeafHash::of(&leaf(1)).as_bytes().to_vec(), bytes_of(&golden["leaf_hash_1"]));
    let second = commitment(manifest(1, 3, "person.registered", b"open1", Vec::new()));
    assert_eq!(event(2, 1001, hash(1), stream(B, 0), subjects(&[(B, 0)]), second).encode(), leaf(2));
    let opened = commitment(manifest(2, 3, "case.opened", b"open2", Vec::new()));
    let both = subjects(&[(A, 1), (B, 1)]);
    assert_eq!(event(3, 1001, hash(2), stream(C, 0), both, opened).encode(), leaf(3));
    let order = commitment(manifest(0, 1, "erasure.recorded", b"order", Vec::new()));
    let erasure = Leaf {
        index: 5,
        recorded_at_ms: 1003,
        previous: hash(4),
        body: Body::Erasure(
            EventBody { stream: stream(A, 1), subjects: subjects(&[(A, 2)]), payload: order },
            Target { index: 1, parts: 1 },
        ),
    };
    assert_eq!(erasure.encode(), leaf(5));
    for at in 0..10 {
        assert_eq!(Leaf::decode(&leaf(at)).unwrap().encode(), leaf(at), "leaf {at}");
    }
}

#[test]
fn a_second_spelling_of_a_leaf_is_refused() {
    let golden = reference();
    for at in 0..10 {
        let good = bytes_of(&golden["leaves"][at]);
        let mut longer = good.clone();
        longer.push(0);
        assert!(Leaf::decode(&longer).is_err(), "leaf {at} with a byte more");
        for len in 0..good.len() {
            assert!(Leaf::decode(&good[..len]).is_err(), "leaf {at} cut to {len} bytes");
        }
    }
    let good = bytes_of(&golden["leaves"][3]);
    let swapped = [&good[..94], &good[134..174], &good[94..134], &good[174..]].concat();
    let twice = [&good[..94], &good[94..134], &good[94..134], &good[174..]].concat();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (name, bytes) in [
        ("subjects that do not ascend", swapped),
        ("a subject twice", twice),
        ("another magic", changed(0, b'Q')),
        ("the body of another kind", changed(4, 2)),
        ("kind 6", changed(4, 6)),
        ("kind 255", changed(4, 255)),
        ("65 subjects", changed(93, 65)),
        ("fewer subjects than there are", changed(93, 1)),
        ("index 0 of an event", {
            let mut b = good.clone();
            b[5..13].fill(0);
            b
        }),
    ] {
        assert!(Leaf::decode(&bytes).is_err(), "{name}");
    }
    let genesis = bytes_of(&golden["leaves"][0]);
    let origin_len = usize::from(genesis[53]);
    let algorithm = 54 + origin_len + 32;
    for (name, at, byte) in [
        ("index 1 of a genesis", 12, 1),
        ("an empty origin", 53, 0),
        ("a plus in the origin", 54, b'+'),
        ("a space in the origin", 54, b' '),
        ("map algorithm 2", algorithm, 2),
        ("a delay of more than a day", algorithm + 2, 255),
    ] {
        let mut bytes = genesis.clone();
        bytes[at] = byte;
        assert!(Leaf::decode(&bytes).is_err(), "{name}");
    }
    let erasure = bytes_of(&golden["leaves"][5]);
    let end = erasure.len();
    for (name, range) in [("no part", end - 4..end), ("target 0", end - 12..end - 4)] {
        let mut bytes = erasure.clone();
        bytes[range].fill(0);
        assert!(Leaf::decode(&bytes).is_err(), "{name}");
    }
    let mut later = erasure;
    later[end - 5] = 5;
    assert!(Leaf::decode(&later).is_err(), "its own index as target");
}

#[test]
fn the_longest_leaf_is_as_long_as_the_format_says() {
    let place = |n: u8| Place { key: Key([n; 32]), sequence: 0 };
    let body = EventBody { stream: place(0), subjects: (0..64).map(place).collect(), payload: Commitment([0; 32]) };
    let target = Target { index: 1, parts: OPEN_PAYLOAD_BIT };
    let leaf = Leaf { index: 2, recorded_at_ms: 0, previous: LeafHash::NONE, body: Body::Erasure(body, target) };
    assert_eq!(leaf.encode().len(), 2698);
    assert_eq!(LEAF_BYTES_MAX, 2698);
}

#[test]
fn a_second_spelling_of_a_manifest_is_refused() {
    let part = PartManifest {
        class: 5,
        sealed_by: SealedBy::Client,
        key_id: [3; 16],
        len_bytes: 1,
        ciphertext: Commitment([1; 32]),
        content: Commitment([2; 32]),
    };
    let good = manifest(999, 1000, "a.b_1", b"", vec![part; 31]);
    let bytes = good.encode();
    assert_eq!(Manifest::decode(&bytes).unwrap(), good);
    for len in 0..bytes.len() {
        assert!(Manifest::decode(&bytes[..len]).is_err(), "cut to {len} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(Manifest::decode(&longer).is_err());
    let principal = 2;
    let number = principal + 13 + 16;
    let event_type = number + 5;
    let parts = event_type + 5 + 2 + 4 + 32;
    for (name, at, byte) in [
        ("version 2", 0, 2),
        ("a principal of another length", 1, 12),
        ("an empty principal", 1, 0),
        ("a space in the principal", principal, b' '),
        ("a principal that is not ASCII", principal, 200),
        ("a number past the count", number + 3, 0),
        ("an upper-case letter in the type", event_type, b'A'),
        ("32 parts", parts, 32),
        ("class 1", parts + 1, 1),
        ("class 6", parts + 1, 6),
        ("sealed by 2", parts + 2, 2),
    ] {
        let mut changed = bytes.clone();
        changed[at] = byte;
        assert!(Manifest::decode(&changed).is_err(), "{name}");
    }
}

#[test]
fn there_is_one_spelling_of_a_name() {
    let id = "01J00000000000000000000003";
    assert_eq!(Name::parse(C).unwrap().kind(), "case");
    assert_eq!(Name::parse(C).unwrap().id(), id);
    assert_eq!(Id::parse(id).unwrap().to_string(), id);
    assert_eq!(Id::parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").unwrap(), Id(u128::MAX));
    for (text, error) in [
        ("case", NameError::NoSlash),
        ("/01J00000000000000000000003", NameError::Kind),
        ("Case/01J00000000000000000000003", NameError::Kind),
        ("1case/01J00000000000000000000003", NameError::Kind),
        ("casecasecasecase1/01J00000000000000000000003", NameError::Kind),
        ("case/01J0000000000000000000000", NameError::IdLength { found: 25 }),
        ("case/01J000000000000000000000033", NameError::IdLength { found: 27 }),
        ("case/81J00000000000000000000003", NameError::IdTooLarge),
        ("case/01j00000000000000000000003", NameError::IdCharacter { at: 2 }),
        ("case/01J0000000000000000000000O", NameError::IdCharacter { at: 25 }),
        ("case/01J0000000000000000000000I", NameError::IdCharacter { at: 25 }),
        ("case/01J0000000000000000000000U", NameError::IdCharacter { at: 25 }),
        ("case/01J0000000000000000000000/", NameError::IdCharacter { at: 25 }),
    ] {
        assert_eq!(Name::parse(text), Err(error), "{text}");
    }
}

fn context() -> SealContext<'static> {
    SealContext { origin: "a.example/log", request_id: [1; 16], number: 2, part: 3, class: 4, key_id: [5; 16] }
}

#[test]
fn a_part_opens_with_its_key_at_its_place_and_nowhere_else() {
    let (sealed, committed) = seal_part(&context(), &[7; 32], &[8; 24], &[9; 32], b"content");
    assert_eq!(
        sealed_hash(&sealed).to_string(),
        "9bcc2324c237e21863f7ebdde2adf368fec54f39be64f073eba05cdf15ad42c0",
        "golden bytes of a sealed part, kept for ever"
    );
    assert_eq!(open_part(&context(), &[7; 32], &sealed, &committed).unwrap(), b"content");
    for (name, place) in [
        ("origin", SealContext { origin: "a.example/lag", ..context() }),
        ("request", SealContext { request_id: [2; 16], ..context() }),
        ("number", SealContext { number: 3, ..context() }),
        ("part", SealContext { part: 4, ..context() }),
        ("class", SealContext { class: 5, ..context() }),
        ("key id", SealContext { key_id: [6; 16], ..context() }),
    ] {
        assert_eq!(open_part(&place, &[7; 32], &sealed, &committed), Err(OpenError::NotAuthentic), "{name}");
    }
    assert_eq!(open_part(&context(), &[6; 32], &sealed, &committed), Err(OpenError::NotAuthentic));
    for at in 0..sealed.len() {
        let mut changed = sealed.to_vec();
        changed[at] ^= 1;
        assert_eq!(open_part(&context(), &[7; 32], &changed, &committed), Err(OpenError::NotAuthentic), "byte {at}");
    }
    assert_eq!(open_part(&context(), &[7; 32], &sealed[..23], &committed), Err(OpenError::NotAuthentic));
    let other = part_commitment(&[9; 32], b"another");
    assert!(matches!(open_part(&context(), &[7; 32], &sealed, &other), Err(OpenError::Content(_))));
}

/// An entry with an open payload and two parts, encoded.
fn entry() -> Bytes {
    let parts = [b"one".as_slice(), b"three"];
    let named = parts.map(|ciphertext| PartManifest {
        class: 2,
        sealed_by: SealedBy::Service,
        key_id: [0; 16],
        len_bytes: u32::try_from(ciphertext.len()).unwrap(),
        ciphertext: sealed_hash(ciphertext),
        content: Commitment([1; 32]),
    });
    let manifest = manifest(0, 1, "a.b", b"open", named.to_vec()).encode();
    let body =
        EventBody { stream: stream(C, 0), subjects: subjects(&[(A, 0)]), payload: payload_commitment(&manifest) };
    let leaf = Leaf { index: 1, recorded_at_ms: 5, previous: LeafHash([1; 32]), body: Body::Event(body) };
    let entry = Entry {
        leaf: leaf.encode().into(),
        manifest: manifest.into(),
        open: Some(Open { salt: [0; 32], payload: Bytes::from_static(b"open") }),
        parts: parts.map(|part| Some(Bytes::from_static(part))).to_vec(),
    };
    assert_eq!(entry.encode().len(), entry.encoded_len());
    entry.encode().into()
}

fn check(bytes: &[u8]) -> Result<Checked, EntryFault> {
    Entry::check(&Bytes::copy_from_slice(bytes))
}

#[test]
fn every_bit_of_an_entry_is_bound_by_its_leaf() {
    let good = entry();
    let whole = check(&good).unwrap();
    assert_eq!((whole.absent(), whole.named()), (0, OPEN_PAYLOAD_BIT | 3));
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.to_vec();
            changed[at] ^= 1 << bit;
            match check(&changed) {
                Err(_) => {}
                // What is left is the leaf itself, which the next entry's link and the tree bind, or a part that now
                // counts as absent, which only an ERASURE excuses.
                Ok(found) => assert!(found.leaf_hash != whole.leaf_hash || found.absent() != 0, "byte {at} bit {bit}"),
            }
        }
    }
    for len in 0..good.len() {
        assert!(check(&good[..len]).is_err(), "cut to {len} bytes");
    }
}

#[test]
fn what_was_erased_is_absent_and_the_rest_still_checks() {
    let mut entry = check(&entry()).unwrap().entry;
    entry.parts[1] = None;
    let kept = check(&entry.encode()).unwrap();
    assert_eq!(kept.absent(), 2);
    entry.open = None;
    entry.parts[0] = None;
    let kept = check(&entry.encode()).unwrap();
    assert_eq!(kept.absent(), OPEN_PAYLOAD_BIT | 3);
    assert_eq!(kept.manifest.unwrap().parts.len(), 2);
}

proptest! {
    #[test]
    fn decoders_never_panic_and_give_back_what_they_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(leaf) = Leaf::decode(&bytes) {
            prop_assert_eq!(leaf.encode(), bytes.clone());
        }
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(manifest.encode(), bytes.clone());
        }
        if let Ok(checked) = check(&bytes) {
            prop_assert_eq!(checked.entry.encode(), bytes);
        }
    }
}
