//! What the parsers read: a small log of made-up entries, signed with keys that everybody knows.

use std::sync::LazyLock;

use bytes::Bytes;
use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use probity::backup;
use probity::export;
use probity::log::AddCheckpoint;
use probity::log::Answer;
use probity::log::Body;
use probity::log::Checkpoint;
use probity::log::Close;
use probity::log::Commitment;
use probity::log::Entry;
use probity::log::EventBody;
use probity::log::Frontier;
use probity::log::Genesis;
use probity::log::HistoryName;
use probity::log::HistoryValue;
use probity::log::Key;
use probity::log::KeyChange;
use probity::log::KeyHistory;
use probity::log::Leaf;
use probity::log::LeafHash;
use probity::log::Manifest;
use probity::log::MapItem;
use probity::log::MapPath;
use probity::log::MapRoot;
use probity::log::Name;
use probity::log::Neighbour;
use probity::log::NodeHash;
use probity::log::Note;
use probity::log::Open;
use probity::log::PartManifest;
use probity::log::Place;
use probity::log::ProofFile;
use probity::log::Seal;
use probity::log::SealedBy;
use probity::log::SignatureType;
use probity::log::SignerKey;
use probity::log::SubjectProof;
use probity::log::Target;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::VerifierKey;
use probity::log::append_to_bundle;
use probity::log::cosign;
use probity::log::map_root;
use probity::log::open_commitment;
use probity::log::payload_commitment;
use probity::log::prove_in_map;
use probity::log::sealed_hash;

use crate::parsers::ORIGIN;

const PERSON: &str = "entity/01J00000000000000000000001";
const NOBODY: &str = "entity/01J00000000000000000000009";

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::new(name, signing_key(seed)).expect("a name")
}

fn log() -> SignerKey {
    signer(ORIGIN, 1)
}

fn witness(seed: u8) -> SignerKey {
    signer(&format!("witness.example.org/w{seed}"), seed)
}

/// Those of the log and of a witness.
pub(super) fn known_keys() -> &'static [VerifierKey] {
    static KEYS: LazyLock<[VerifierKey; 2]> =
        LazyLock::new(|| [log().verifier(SignatureType::Ed25519), witness(2).verifier(SignatureType::CosignatureV1)]);
    &*KEYS
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn subject() -> Key {
    Key::of_subject(&name(PERSON))
}

fn stream() -> Key {
    Key::of_stream(&name("case/01J00000000000000000000002"))
}

/// What stands before the body of entry 9.
pub(super) fn head_of(kind: u8) -> Vec<u8> {
    [&b"PRB1"[..], &[kind], &9u64.to_be_bytes(), &1_790_000_000_000u64.to_be_bytes(), &[5; 32]].concat()
}

fn leaf(index: u64, body: Body) -> Leaf {
    let previous = if index == 0 { LeafHash::NONE } else { LeafHash([5; 32]) };
    Leaf { index, recorded_at_ms: 1_790_000_000_000, previous, body }
}

fn genesis(continues: &str) -> Leaf {
    let public_key = signing_key(1).verifying_key().to_bytes();
    let (origin, continues) = (ORIGIN.to_owned(), continues.to_owned());
    leaf(0, Body::Genesis(Genesis { origin, public_key, longest_delay_s: 600, continues }))
}

fn manifest_of(parts: &[Bytes], open: &Open) -> Manifest {
    let part = |(class, ciphertext): (u8, &Bytes)| PartManifest {
        class,
        sealed_by: if class == 2 { SealedBy::Service } else { SealedBy::Client },
        key_id: [class; 16],
        len_bytes: u32::try_from(ciphertext.len()).expect("short"),
        ciphertext: sealed_hash(ciphertext),
        content: Commitment([6; 32]),
    };
    Manifest {
        principal: "local".to_owned(),
        request_id: [3; 16],
        number: 0,
        count: 1,
        event_type: "case.opened".to_owned(),
        version: 1,
        open_len: u32::try_from(open.payload.len()).expect("short"),
        open: open_commitment(&open.salt, &open.payload),
        parts: (2..=5).cycle().zip(parts).map(part).collect(),
    }
}

fn event_of(manifest: &[u8], subjects: u8) -> EventBody {
    let of = |number: u8| Place { key: Key([number; 32]), sequence: number.into() };
    let subjects = match subjects {
        1 => vec![Place { key: subject(), sequence: 0 }],
        many => (0..many).map(of).collect(),
    };
    EventBody { stream: Place { key: stream(), sequence: 0 }, subjects, payload: payload_commitment(manifest) }
}

/// An event with so many sealed parts of so many bytes.
pub(super) fn event_entry(parts: u8, part_len: usize, payload_len: usize, subjects: u8) -> Entry {
    let parts = vec![Bytes::from(vec![8; part_len]); parts.into()];
    let open = Open { salt: [9; 32], payload: vec![1; payload_len].into() };
    let manifest = manifest_of(&parts, &open).encode();
    let leaf = leaf(1, Body::Event(event_of(&manifest, subjects)));
    let parts = parts.into_iter().map(Some).collect();
    Entry { leaf: leaf.encode().into(), manifest: manifest.into(), open: Some(open), parts }
}

fn history() -> KeyHistory {
    let mut history = KeyHistory::new();
    history.push(1, LeafHash::of(&event_entry(1, 80, 40, 1).leaf));
    history
}

/// What the map holds: one entry, in a stream and about a person.
fn items() -> Vec<MapItem> {
    let mut items = [stream(), subject()].map(|key| MapItem::new(key, &history().value()));
    items.sort_by_key(|item| item.key);
    items.to_vec()
}

fn seal() -> Leaf {
    leaf(2, Body::Seal(Seal { map_root: map_root(&items()), map_keys: 2, previous: None }))
}

/// GENESIS, an EVENT, a SEAL.
fn log_leaves() -> Vec<Vec<u8>> {
    vec![genesis("").encode(), event_entry(1, 80, 40, 1).leaf.to_vec(), seal().encode()]
}

fn head(size: usize) -> Checkpoint {
    let root = log_leaves().iter().take(size).map(|leaf| LeafHash::of(leaf)).collect::<Frontier>().root();
    Checkpoint { origin: ORIGIN.to_owned(), size: size as u64, root, extensions: Vec::new() }
}

fn signed() -> Note {
    head(3).sign(&[log()]).expect("a note")
}

fn cosigned() -> Note {
    let mut note = signed();
    for seed in 2..5 {
        note.add(cosign(note.text(), 1_790_000_100, &witness(seed))).expect("short");
    }
    note
}

/// Of every kind.
pub(super) fn leaves() -> Vec<Vec<u8>> {
    let manifest = &event_entry(0, 0, 1, 0).manifest;
    let erasure = Body::Erasure(event_of(manifest, 64), Target { index: 4, parts: 1 << 31 | 3 });
    let (one, two) = (signing_key(1), signing_key(2));
    let mut leaves = log_leaves();
    leaves.extend(
        [
            genesis(&head(2).to_string()),
            leaf(5, Body::Event(event_of(manifest, 64))),
            leaf(6, erasure),
            leaf(7, Body::Key(Box::new(KeyChange::add(ORIGIN, 7, &two, &one)))),
            leaf(8, Body::Key(Box::new(KeyChange::retire(ORIGIN, 8, two.verifying_key().to_bytes(), &one)))),
            leaf(9, Body::Close(Close { successor: String::new() })),
            leaf(9, Body::Close(Close { successor: ORIGIN.to_owned() })),
        ]
        .map(|leaf| leaf.encode()),
    );
    leaves
}

fn body_at_9(body: Body) -> Vec<u8> {
    leaf(9, body).encode().split_off(head_of(0).len())
}

pub(super) fn bodies_of_seals() -> Vec<Vec<u8>> {
    let seal = |previous| Body::Seal(Seal { map_root: MapRoot([7; 32]), map_keys: 3, previous });
    [None, Some(8)].map(|previous| body_at_9(seal(previous))).to_vec()
}

pub(super) fn bodies_of_keys() -> Vec<Vec<u8>> {
    let (one, two) = (signing_key(1), signing_key(2));
    let retired = two.verifying_key().to_bytes();
    [KeyChange::add(ORIGIN, 9, &two, &one), KeyChange::retire(ORIGIN, 9, retired, &one)]
        .map(|change| body_at_9(Body::Key(Box::new(change))))
        .to_vec()
}

pub(super) fn entries() -> Vec<Vec<u8>> {
    let erased = |bits: u8| {
        let mut entry = event_entry(2, 80, 40, 3);
        entry.open = entry.open.filter(|_| bits & 4 == 0);
        for (bit, part) in entry.parts.iter_mut().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1) {
            assert!(bit < 2 && part.take().is_some());
        }
        entry.encode()
    };
    let bare = [genesis(""), seal()].map(|leaf| Entry::bare(&leaf).encode());
    bare.into_iter().chain((0..8).map(erased)).collect()
}

pub(super) fn manifests() -> Vec<Vec<u8>> {
    [0, 1, 31].map(|parts| event_entry(parts, 80, 40, 1).manifest.to_vec()).to_vec()
}

/// The good notes, read once.
pub(super) fn parsed_notes() -> &'static [Note] {
    static NOTES: LazyLock<Vec<Note>> =
        LazyLock::new(|| notes().iter().map(|note| Note::parse(note).expect("it is good")).collect());
    &NOTES
}

pub(super) fn notes() -> Vec<Vec<u8>> {
    let words = Note::sign("words\n\nthat are no checkpoint\n".to_owned(), &log()).expect("a note");
    [signed(), cosigned(), words].map(|note| note.to_string().into_bytes()).to_vec()
}

pub(super) fn signature_lines() -> Vec<Vec<u8>> {
    cosigned().signatures().iter().map(|signature| signature.to_string().into_bytes()).collect()
}

pub(super) fn cosignatures() -> Vec<Vec<u8>> {
    let lines: Vec<String> = cosigned().signatures().iter().map(|signature| format!("{signature}\n")).collect();
    vec![lines[1].clone().into_bytes(), lines.concat().into_bytes()]
}

pub(super) fn checkpoints() -> Vec<Vec<u8>> {
    let extensions = vec!["a line".to_owned(), "another".to_owned()];
    let more = Checkpoint { extensions, ..head(3) };
    let largest = Checkpoint { size: i64::MAX as u64, ..head(3) };
    [head(3), more, largest].map(|checkpoint| checkpoint.to_string().into_bytes()).to_vec()
}

pub(super) fn vkeys() -> Vec<Vec<u8>> {
    known_keys().iter().map(|key| key.to_string().into_bytes()).collect()
}

pub(super) fn signer_keys() -> Vec<Vec<u8>> {
    vec![log().reveal().as_bytes().to_vec()]
}

pub(super) fn witness_line(seed: u8) -> String {
    let vkey = witness(seed).verifier(SignatureType::CosignatureV1);
    format!("witness w{seed} {vkey} https://w{seed}.example.org/\n")
}

pub(super) fn policies() -> Vec<Vec<u8>> {
    let log = format!("# the log\nlog {} https://{ORIGIN}\n", known_keys()[0]);
    let witnesses: String = (2..5).map(witness_line).collect();
    let groups = "group two 2 w2 w3 w4\ngroup\tall  all two\n\nquorum all\n";
    [format!("{log}quorum none"), format!("{log}{witnesses}{groups}")].map(String::into_bytes).to_vec()
}

pub(super) fn add_checkpoints() -> Vec<Vec<u8>> {
    let request = |old, proof| AddCheckpoint::new(old, proof, signed()).expect("a request").to_string().into_bytes();
    vec![request(0, Vec::new()), request(2, vec![NodeHash([2; 32]), NodeHash([3; 32])]), request(3, Vec::new())]
}

pub(super) fn tree_sizes() -> Vec<Vec<u8>> {
    ["0\n", "4711\n", "9223372036854775807\n"].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// That the SEAL is entry 2 of 3.
fn seal_proof(note: Note) -> ProofFile {
    ProofFile::new(2, vec![NodeHash(head(2).root.0)], note).expect("a proof")
}

pub(super) fn tlog_proofs() -> Vec<Vec<u8>> {
    let carrying = seal_proof(cosigned()).carrying(LeafHash::of(&seal().encode()));
    [seal_proof(signed()), carrying].map(|proof| proof.to_string().into_bytes()).to_vec()
}

/// What the log says of a person, with the proof of each leaf or without.
fn subject_proof_of(text: &str, each: bool) -> SubjectProof {
    let history = HistoryName::Subject(name(text));
    let (found, path) = prove_in_map(&items(), &history.key()).expect("the map has keys");
    let leaves = log_leaves();
    let present = found.key == history.key();
    let siblings = [&leaves[0], &leaves[2]].map(|leaf| NodeHash(LeafHash::of(leaf).0)).to_vec();
    SubjectProof {
        answer: if present {
            Answer::Present
        } else {
            Answer::Absent(Neighbour { key: found.key, value: self::history().value() })
        },
        history,
        path,
        seal: leaves[2].clone(),
        leaves: if present { vec![leaves[1].clone()] } else { Vec::new() },
        inclusion: if present && each { vec![siblings] } else { Vec::new() },
        seal_proof: seal_proof(cosigned()),
    }
}

pub(super) fn subject_proofs() -> Vec<Vec<u8>> {
    let proofs = [(PERSON, false), (PERSON, true), (NOBODY, false)].map(|(name, each)| subject_proof_of(name, each));
    let empty = SubjectProof { answer: Answer::Empty, path: MapPath::default(), ..proofs[2].clone() };
    proofs.iter().chain([&empty]).map(|proof| proof.to_string().into_bytes()).collect()
}

/// A proof of so many entries that mean nothing, each of which is in the log by itself.
pub(super) fn long_subject_proof(entries: usize, siblings: usize) -> SubjectProof {
    let close = leaf(9, Body::Close(Close { successor: String::new() })).encode();
    SubjectProof {
        leaves: vec![close; entries],
        inclusion: vec![vec![NodeHash([2; 32]); siblings]; entries],
        ..subject_proof_of(PERSON, false)
    }
}

pub(super) fn map_paths() -> Vec<Vec<u8>> {
    let step = |bit: &u8| {
        let uvarint = if *bit < 128 { vec![*bit] } else { vec![*bit, 1] };
        [uvarint, vec![*bit; 32]].concat()
    };
    [&[][..], &[7], &[255, 128, 127, 0]].map(|bits| bits.iter().flat_map(step).collect()).to_vec()
}

pub(super) fn neighbours() -> Vec<Vec<u8>> {
    vec![Neighbour { key: subject(), value: HistoryValue([4; 32]) }.encode().to_vec()]
}

pub(super) fn bundles() -> Vec<Vec<u8>> {
    let bundle = |entries: &[Vec<u8>]| {
        let mut bytes = u16::try_from(entries.len()).expect("few").to_be_bytes().to_vec();
        for entry in entries {
            append_to_bundle(&mut bytes, entry).expect("short");
        }
        bytes
    };
    vec![bundle(&log_leaves()[..1]), bundle(&leaves())]
}

pub(super) fn tiles() -> Vec<Vec<u8>> {
    [1u16, 3].map(|width| [&width.to_be_bytes()[..], &[7; 32].repeat(width.into())].concat()).to_vec()
}

pub(super) fn tile_paths() -> Vec<Vec<u8>> {
    let tile = |kind, number, width| Tile { kind, number, width }.to_string().into_bytes();
    vec![
        tile(TileKind::Entries, 0, 256),
        tile(TileKind::Hashes(0), 1_234_067, 255),
        tile(TileKind::Hashes(63), u64::MAX, 1),
    ]
}

pub(super) fn names() -> Vec<Vec<u8>> {
    [PERSON, NOBODY, "a234567890123456/7ZZZZZZZZZZZZZZZZZZZZZZZZZ"].map(|name| name.as_bytes().to_vec()).to_vec()
}

pub(super) fn hashes() -> Vec<Vec<u8>> {
    vec![LeafHash([0xa7; 32]).to_string().into_bytes()]
}

fn file(name: &str, rows: u64) -> export::FileEntry {
    export::FileEntry { name: name.to_owned(), rows: Some(rows), bytes: 10, sha256: "0a".repeat(32) }
}

/// The manifest of an export with so many files.
pub(super) fn export_manifest_of(files: u64) -> Vec<u8> {
    let profile = export::ProfileRef { name: "internal".to_owned(), sha256: "0b".repeat(32) };
    let mut manifest = export::Manifest {
        format: "probity export 2".to_owned(),
        program: "probity 0.1.0".to_owned(),
        tables_version: export::TABLES_VERSION,
        origin: ORIGIN.to_owned(),
        position: 9,
        head: "0c".repeat(32),
        recorded_at: "2026-09-21T14:13:20Z".to_owned(),
        as_of: "2026-09-21".to_owned(),
        name: "made-up".to_owned(),
        profile,
        since: None,
        erasures_upto: 9,
        entries: export::Entries::NotIncluded,
        files: (0..files).map(|number| file(&format!("{number:06}"), number)).collect(),
        manifest_sha256: String::new(),
    };
    manifest.encode()
}

pub(super) fn export_manifests() -> Vec<Vec<u8>> {
    vec![export_manifest_of(0), export_manifest_of(2)]
}

/// The manifest of a backup with so many segments, each of ten entries.
pub(super) fn backup_manifest_of(segments: u64) -> Vec<u8> {
    let leaf = |number: u64| if number == 0 { LeafHash::NONE } else { LeafHash([3; 32]) }.to_string();
    let segment = |number: u64| backup::Segment {
        first: number * 10,
        last: number * 10 + 9,
        before: leaf(number),
        leaf: leaf(number + 1),
        file: file(&format!("{:020}.entries", number * 10), 10),
    };
    let mut manifest = backup::Manifest {
        format: "probity backup 1".to_owned(),
        program: "probity 0.1.0".to_owned(),
        origin: ORIGIN.to_owned(),
        genesis: LeafHash([1; 32]).to_string(),
        segments: (0..segments).map(segment).collect(),
        manifest_sha256: String::new(),
    };
    manifest.encode()
}

pub(super) fn backup_manifests() -> Vec<Vec<u8>> {
    vec![backup_manifest_of(0), backup_manifest_of(2)]
}

/// Bytes as a line has them.
pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}
