//! Every parser of bytes that come from elsewhere, each with what must hold of whatever it reads. The tests of
//! `hostile_bytes` and the package of fuzz targets in `tests/fuzz` go by this one list.

#[path = "parsers/costly.rs"]
mod costly;
#[path = "parsers/good.rs"]
mod good;
#[path = "parsers/requests.rs"]
mod requests;

use std::fmt::Display;
use std::str::FromStr;

use bytes::Bytes;
use probity::backup;
use probity::export;
use probity::log::AddCheckpoint;
use probity::log::Body;
use probity::log::BundleEntries;
use probity::log::Checkpoint;
use probity::log::Entry;
use probity::log::Extensions;
use probity::log::HistoryValue;
use probity::log::Id;
use probity::log::Key;
use probity::log::KeysOfLog;
use probity::log::LEAF_BYTES_MAX;
use probity::log::Leaf;
use probity::log::LeafHash;
use probity::log::MapPath;
use probity::log::MapRoot;
use probity::log::Name;
use probity::log::Neighbour;
use probity::log::Note;
use probity::log::NoteSignature;
use probity::log::Policy;
use probity::log::ProofFile;
use probity::log::Root;
use probity::log::SignerKey;
use probity::log::SubjectProof;
use probity::log::Tile;
use probity::log::TreeHead;
use probity::log::VerifierKey;
use probity::log::append_to_bundle;
use probity::log::conflict;
use probity::log::leaf_bytes;
use probity::log::parse_conflict;
use probity::log::parse_cosignatures;
use probity::log::tile_hashes;
use probity::log::verify_consistency;
use probity::log::verify_inclusion;
use probity::verify::Trust;
use probity::verify::verify_checkpoint;
use probity::verify::verify_proof_file;
use probity::verify::verify_subject_proof;

/// The most bytes that are tried, and for which the bound on memory holds.
pub(crate) const BYTES_MAX: usize = 64 * 1024;

/// A parser of bytes that come from elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Parser {
    /// What it reads.
    pub(crate) name: &'static str,
    /// Whether it reads the bytes. Of what it read it checks what must hold: where there is one spelling of it, it is
    /// written as the same bytes again; and it is handed to whoever verifies it, who may say no.
    pub(crate) read: fn(&[u8]) -> bool,
    /// Bytes that it reads.
    pub(crate) good: fn() -> Vec<Vec<u8>>,
    /// Bytes that cost as much as any, up to [`BYTES_MAX`]: as many pieces as fit, the largest numbers, what is longest.
    pub(crate) costly: fn() -> Vec<Vec<u8>>,
}

/// The most bytes that a parser may hold at once, for each byte that it is given, with what it takes to check what it
/// read: to write it again, and to verify it.
const MULTIPLE: u64 = 5;

/// And beside that, whatever it is given.
const BESIDE: u64 = 16 * 1024;

/// Hands bytes to a parser; whether it reads them. It may not panic, nor hold more memory than is allowed.
pub(crate) fn check(parser: &Parser, bytes: &[u8]) -> bool {
    let mut read = false;
    let held = allocation_counter::measure(|| read = (parser.read)(bytes)).bytes_max;
    let allowed = MULTIPLE * bytes.len() as u64 + BESIDE;
    assert!(held <= allowed, "{} held {held} bytes to read {}, and may hold {allowed}", parser.name, bytes.len());
    read
}

const fn parser(
    name: &'static str,
    read: fn(&[u8]) -> bool,
    good: fn() -> Vec<Vec<u8>>,
    costly: fn() -> Vec<Vec<u8>>,
) -> Parser {
    Parser { name, read, good, costly }
}

/// All of them.
pub(crate) const PARSERS: [Parser; 28] = [
    parser("leaf", leaf, good::leaves, costly::leaves),
    parser("body_of_seal", body_of_seal, good::bodies_of_seals, costly::bytes),
    parser("body_of_key", body_of_key, good::bodies_of_keys, costly::bytes),
    parser("entry", entry, good::entries, costly::entries),
    parser("manifest", manifest, good::manifests, costly::manifests),
    parser("note", note, good::notes, costly::notes),
    parser("signature_line", signature_line, good::signature_lines, costly::signature_lines),
    parser("cosignatures", cosignatures, good::cosignatures, costly::cosignatures),
    parser("checkpoint", checkpoint, good::checkpoints, costly::checkpoints),
    parser("vkey", vkey, good::vkeys, costly::vkeys),
    parser("signer_key", signer_key, good::signer_keys, costly::vkeys),
    parser("policy", policy, good::policies, costly::policies),
    parser("add_checkpoint", add_checkpoint, good::add_checkpoints, costly::add_checkpoints),
    parser("tree_size", tree_size, good::tree_sizes, costly::bytes),
    parser("tlog_proof", tlog_proof, good::tlog_proofs, costly::tlog_proofs),
    parser("subject_proof", subject_proof, good::subject_proofs, costly::subject_proofs),
    parser("map_path", map_path, good::map_paths, costly::map_paths),
    parser("neighbour", neighbour, good::neighbours, costly::bytes),
    parser("bundle", bundle, good::bundles, costly::bundles),
    parser("tile", tile, good::tiles, costly::bytes),
    parser("tile_path", tile_path, good::tile_paths, costly::tile_paths),
    parser("name", name, good::names, costly::bytes),
    parser("hash", hash, good::hashes, costly::bytes),
    parser("export_manifest", export_manifest, good::export_manifests, costly::export_manifests),
    parser("backup_manifest", backup_manifest, good::backup_manifests, costly::backup_manifests),
    parser("open_payload", requests::open_payload, requests::good_payloads, requests::costly_payloads),
    parser("proposed_event", requests::proposed_event, requests::good_proposals, requests::costly_payloads),
    parser("append_request", requests::append_request, requests::good_requests, requests::costly_requests),
];

/// Of the log that every text is about.
const ORIGIN: &str = "audit.example.org/log";

fn same(what: &str, written: &[u8], read: &[u8]) {
    assert!(written == read, "{what} has a second spelling");
}

/// A text in its only spelling.
fn text<T: Display>(what: &str, bytes: &[u8], parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let read = parse(std::str::from_utf8(bytes).ok()?)?;
    same(what, read.to_string().as_bytes(), bytes);
    Some(read)
}

fn leaf(bytes: &[u8]) -> bool {
    let Ok(leaf) = Leaf::decode(bytes) else { return false };
    same("a leaf", &leaf.encode(), bytes);
    assert!(bytes.len() <= LEAF_BYTES_MAX, "a leaf of {} bytes", bytes.len());
    if let Body::Key(change) = &leaf.body {
        let mut keys = KeysOfLog::begin(change.signing_key);
        let _ = keys.take(ORIGIN, leaf.index, change);
        assert!(keys.in_force(u64::MAX).count() > 0, "a log without a key");
    }
    true
}

fn body_of_seal(bytes: &[u8]) -> bool {
    leaf(&[&good::head_of(2)[..], bytes].concat())
}

fn body_of_key(bytes: &[u8]) -> bool {
    leaf(&[&good::head_of(4)[..], bytes].concat())
}

fn entry(bytes: &[u8]) -> bool {
    let leaf = leaf_bytes(bytes).map(<[u8]>::to_vec);
    let Ok(checked) = Entry::check(&Bytes::copy_from_slice(bytes)) else { return false };
    same("an entry", &checked.entry.encode(), bytes);
    assert_eq!(checked.entry.encoded_len(), bytes.len());
    assert_eq!(leaf.as_deref(), Some(&*checked.entry.leaf));
    assert_eq!(checked.absent() & !checked.named(), 0, "what is absent is named");
    true
}

fn manifest(bytes: &[u8]) -> bool {
    let Ok(manifest) = probity::log::Manifest::decode(bytes) else { return false };
    same("a manifest", &manifest.encode(), bytes);
    true
}

fn note(bytes: &[u8]) -> bool {
    let Ok(note) = Note::parse(bytes) else { return false };
    same("a note", note.to_string().as_bytes(), bytes);
    let again = Note::new(note.text().to_owned(), note.signatures().to_vec());
    assert_eq!(again.as_ref(), Ok(&note), "a note that is read can be made");
    let _ = note.verify(good::known_keys());
    let _ = verify_checkpoint(&note, Trust { keys: good::known_keys(), policy: None });
    true
}

fn signature_line(bytes: &[u8]) -> bool {
    text("a line of signature", bytes, |text| NoteSignature::parse(text).ok()).is_some()
}

fn cosignatures(bytes: &[u8]) -> bool {
    let Ok(signatures) = parse_cosignatures(bytes) else { return false };
    let lines: Vec<String> = signatures.iter().map(|signature| format!("{signature}\n")).collect();
    same("an answer of a witness", lines.concat().as_bytes(), bytes);
    true
}

fn checkpoint(bytes: &[u8]) -> bool {
    let read = text("a checkpoint", bytes, |text| Checkpoint::parse(text, Extensions::Kept).ok());
    let strict = std::str::from_utf8(bytes).ok().and_then(|text| Checkpoint::parse(text, Extensions::Refused).ok());
    assert_eq!(strict, read.clone().filter(|read| read.extensions.is_empty()));
    read.is_some_and(|read| i64::try_from(read.size).is_ok())
}

fn vkey(bytes: &[u8]) -> bool {
    text("a vkey", bytes, |text| VerifierKey::parse(text).ok()).is_some()
}

fn signer_key(bytes: &[u8]) -> bool {
    let read = std::str::from_utf8(bytes).ok().and_then(|text| SignerKey::parse(text).ok());
    if let Some(key) = &read {
        same("a signing key", key.reveal().as_bytes(), bytes);
    }
    read.is_some()
}

/// A policy has many spellings.
fn policy(bytes: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(bytes) else { return false };
    let fault = policy.quorum(&[]).err();
    drop(fault.map(|fault| fault.to_string()));
    for note in good::parsed_notes() {
        let _ = policy.check(note);
    }
    true
}

fn add_checkpoint(bytes: &[u8]) -> bool {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return false };
    same("a request to cosign", request.to_string().as_bytes(), bytes);
    let old = TreeHead { size: request.old_size, root: Root([7; 32]) };
    let _ = verify_consistency(old, request.checkpoint.head(), &request.proof);
    true
}

/// More than a number means another conflict, and is passed over.
fn tree_size(bytes: &[u8]) -> bool {
    let Some(size) = parse_conflict(bytes) else { return false };
    same("the size that a witness has", conflict(size).as_bytes(), bytes);
    true
}

fn tlog_proof(bytes: &[u8]) -> bool {
    let Ok(proof) = ProofFile::parse(bytes) else { return false };
    same("a proof file", proof.to_string().as_bytes(), bytes);
    let leaf = proof.leaf_hash().unwrap_or(LeafHash([7; 32]));
    let _ = verify_inclusion(leaf, proof.index, proof.checkpoint.head(), &proof.inclusion);
    let _ = verify_proof_file(&proof, leaf, Trust { keys: good::known_keys(), policy: None });
    true
}

fn subject_proof(bytes: &[u8]) -> bool {
    let Ok(proof) = SubjectProof::parse(bytes) else { return false };
    same("a proof of a history", proof.to_string().as_bytes(), bytes);
    let _ = verify_subject_proof(&proof, Trust { keys: good::known_keys(), policy: None });
    true
}

fn map_path(bytes: &[u8]) -> bool {
    let Ok(path) = MapPath::decode(bytes) else { return false };
    same("a path of the map", &path.encode(), bytes);
    let neighbour = Neighbour { key: Key([1; 32]), value: HistoryValue([4; 32]) };
    let _ = path.verify_presence(MapRoot([2; 32]), &neighbour.key, &neighbour.value);
    let _ = path.verify_absence(MapRoot([2; 32]), &Key([3; 32]), &neighbour);
    true
}

fn neighbour(bytes: &[u8]) -> bool {
    let Some(neighbour) = Neighbour::decode(bytes) else { return false };
    same("a neighbour", &neighbour.encode(), bytes);
    true
}

/// How many entries or hashes there have to be, and what has to have them.
fn width(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (width, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*width), rest))
}

fn bundle(bytes: &[u8]) -> bool {
    let Some((width, bundle)) = width(bytes) else { return false };
    let (mut again, mut entries) = (Vec::with_capacity(bundle.len()), 0);
    for entry in BundleEntries::new(bundle, width) {
        let Ok(entry) = entry else { return false };
        append_to_bundle(&mut again, entry).expect("it was in a bundle");
        entries += 1;
    }
    assert_eq!(entries, width);
    same("a bundle", &again, bundle);
    true
}

fn tile(bytes: &[u8]) -> bool {
    let Some((width, hashes)) = width(bytes) else { return false };
    let Ok(read) = tile_hashes(hashes, width) else { return false };
    same("a tile", &read.flat_map(|hash| hash.0).collect::<Vec<u8>>(), hashes);
    true
}

fn tile_path(bytes: &[u8]) -> bool {
    let Some(tile) = text("the path of a tile", bytes, |text| Tile::from_str(text).ok()) else { return false };
    for size in [0, 1, 256, u64::MAX] {
        assert!(!tile.is_within(size) || tile.first_node().is_some(), "{tile} of {size} is nowhere");
    }
    true
}

fn name(bytes: &[u8]) -> bool {
    let Some(name) = text("a name", bytes, |text| Name::parse(text).ok()) else { return false };
    assert_eq!(Name::of(name.kind(), name.id()).as_ref(), Ok(&name));
    let id = Id::parse(name.id()).expect("it is the id of a name");
    assert_eq!(id.to_string(), name.id());
    true
}

/// People write hashes; capital letters are taken.
fn hash(bytes: &[u8]) -> bool {
    text("a hash", &bytes.to_ascii_lowercase(), LeafHash::parse).is_some()
}

fn export_manifest(bytes: &[u8]) -> bool {
    let Ok(mut manifest) = export::Manifest::decode(bytes) else { return false };
    assert!(manifest.head().is_some() && manifest.as_of().is_some());
    same("the manifest of an export", &manifest.encode(), bytes);
    true
}

fn backup_manifest(bytes: &[u8]) -> bool {
    let Ok(mut manifest) = backup::Manifest::decode(bytes) else { return false };
    let (_, _, _) = (manifest.size(), manifest.bytes(), manifest.head());
    same("the manifest of a backup", &manifest.encode(), bytes);
    true
}
