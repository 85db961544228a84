//! A log as it is published: a folder of checkpoint, tiles and bundles, by whoever lies or does not.

use std::fs;
use std::path::Path;

use probity::log::Frontier;
use probity::log::LeafHash;
use probity::log::Note;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::append_to_bundle;
use probity::log::leaf_bytes;
use probity::log::tiles_at;
use serde_json::Value;

use crate::adversaries::Log;
use crate::adversaries::checked;
use crate::service::probity;
use crate::service::run;

/// Writes the first entries of a log, instead of whatever lay in the folder.
pub(super) fn publish(folder: &Path, log: &Log, size: usize) {
    publish_under(folder, log, size, &log.checkpoint(size, &log.key));
}

/// With a checkpoint that may be another one.
pub(super) fn publish_under(folder: &Path, log: &Log, size: usize, note: &Note) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("checkpoint"), note.to_string()).unwrap();
    let hashes: Vec<LeafHash> = log.entries[..size].iter().map(|entry| checked(entry).leaf_hash).collect();
    for tile in tiles_at(size as u64) {
        put(folder, tile, &bytes(log, &hashes, tile));
    }
}

pub(super) fn put(folder: &Path, tile: Tile, bytes: &[u8]) {
    let path = folder.join(tile.to_string());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn bytes(log: &Log, hashes: &[LeafHash], tile: Tile) -> Vec<u8> {
    let (level, first) = tile.first_node().unwrap();
    let mut bytes = Vec::new();
    for index in first..first + u64::from(tile.width) {
        let range = usize::try_from(index << level).unwrap()..usize::try_from((index + 1) << level).unwrap();
        if tile.kind == TileKind::Entries {
            append_to_bundle(&mut bytes, leaf_bytes(&log.entries[range.start]).unwrap()).unwrap();
        } else {
            bytes.extend(hashes[range].iter().copied().collect::<Frontier>().root().0);
        }
    }
    bytes
}

/// A tile of a size.
pub(super) fn tile(kind: TileKind, number: u64, size: usize) -> Tile {
    Tile::at(kind, number, size as u64).unwrap()
}

/// What `probity verify` of a place of tiles said: its status, and its report.
pub(super) fn verify_tiles(place: &str, more: &[&str]) -> (Option<i32>, Value, String) {
    let (status, printed, said) = run(probity(["verify", "--json", "--tiles", place]).args(more));
    (status, serde_json::from_str(&printed).unwrap_or_default(), printed + &said)
}
