use std::convert::Infallible;

use proptest::prelude::*;

use crate::log::BundleEntries;
use crate::log::EntryTooLong;
use crate::log::Frontier;
use crate::log::LeafHash;
use crate::log::NodeHash;
use crate::log::Nodes;
use crate::log::TILE_WIDTH;
use crate::log::Tile;
use crate::log::TileKind;
use crate::log::TilePathError;
use crate::log::TileSpan;
use crate::log::TreeHead;
use crate::log::append_to_bundle;
use crate::log::prove_inclusion;
use crate::log::root_at;
use crate::log::tile_hashes;
use crate::log::tiles_at;
use crate::log::verify_inclusion;

const fn hashes(level: u8, number: u64, width: u16) -> Tile {
    Tile { kind: TileKind::Hashes(level), number, width }
}

const fn entries(number: u64, width: u16) -> Tile {
    Tile { kind: TileKind::Entries, number, width }
}

/// Full tiles made by the definition alone: hash i of tile n is the root over the leaves below it.
fn naive_tile(leaves: &[LeafHash], tile: Tile) -> Vec<NodeHash> {
    let (level, first) = tile.first_node().unwrap();
    let over = |index: u64| {
        let range = usize::try_from(index << level).unwrap()..usize::try_from((index + 1) << level).unwrap();
        NodeHash(leaves[range].iter().copied().collect::<Frontier>().root().0)
    };
    (first..first + u64::from(tile.width)).map(over).collect()
}

/// A tree read from its tiles at one size.
struct Tiles {
    size: u64,
    tiles: Vec<(Tile, Vec<NodeHash>)>,
}

impl Nodes for Tiles {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Infallible> {
        let span = TileSpan::of_node(level, index).unwrap();
        let tile = Tile::at(TileKind::Hashes(span.level), span.number, self.size).unwrap();
        let (_, hashes) = self.tiles.iter().find(|(known, _)| *known == tile).unwrap();
        Ok(span.hash_in(hashes).unwrap())
    }
}

#[test]
fn published_paths_have_one_spelling() {
    for (path, tile) in [
        ("tile/0/000", hashes(0, 0, 256)),
        ("tile/1/000.p/1", hashes(1, 0, 1)),
        ("tile/0/273.p/112", hashes(0, 273, 112)),
        ("tile/15/x455/667", hashes(15, 455_667, 256)),
        ("tile/15/x123/x456/789.p/41", hashes(15, 123_456_789, 41)),
        ("tile/0/x001/x234/067", hashes(0, 1_234_067, 256)),
        ("tile/63/999.p/255", hashes(63, 999, 255)),
        ("tile/0/x001/000", hashes(0, 1000, 256)),
        ("tile/0/x018/x446/x744/x073/x709/x551/615", hashes(0, u64::MAX, 256)),
        ("tile/entries/x123/x456/789", entries(123_456_789, 256)),
        ("tile/entries/001.p/1", entries(1, 1)),
        ("tile/entries/000", entries(0, 256)),
    ] {
        assert_eq!(path.parse(), Ok(tile), "{path}");
        assert_eq!(tile.to_string(), path);
    }
}

#[test]
fn no_other_spelling_is_a_path() {
    let check = |fault: TilePathError, paths: &[&str]| {
        for path in paths {
            assert_eq!(path.parse::<Tile>(), Err(fault), "{path:?}");
        }
    };
    check(
        TilePathError::Shape,
        &["", "tile", "tile/", "tile/0", "/tile/0/000", "Tile/0/000", "checkpoint", "tiles/0/000"],
    );
    check(
        TilePathError::Level,
        &["tile//000", "tile/00/000", "tile/01/000", "tile/64/000", "tile/256/000", "tile/-1/000", "tile/+1/000"],
    );
    check(
        TilePathError::Level,
        &["tile/data/000", "tile/Entries/000", "tile/entries.p/000", "tile/ 8/000", "tile/\u{663}/000"],
    );
    check(
        TilePathError::Number,
        &[
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/1",
            "tile/0/x000",
            "tile/0/x001",
            "tile/0/x000/001",
            "tile/0/x000/x001/000",
            "tile/0/001/000",
            "tile/0/x01/000",
            "tile/0/x0001/000",
            "tile/0/X001/000",
            "tile/0/x001/x000",
            "tile/0/000/",
            "tile/0//000",
            "tile/0/+00",
            "tile/0/-01",
            "tile/0/ 01",
            "tile/0/00a",
            "tile/0/\u{660}\u{660}\u{660}",
            "tile/0/000.P/1",
            "tile/0/000.p",
            "tile/0/000?",
            "tile/8/0/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
            "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        ],
    );
    check(
        TilePathError::Width,
        &[
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/00",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/1000",
            "tile/0/000.p/+1",
            "tile/0/000.p/-1",
            "tile/0/000.p/1 ",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
        ],
    );
}

#[test]
fn the_tiles_of_a_size_are_those_that_the_specification_names() {
    let paths = |size: u64| tiles_at(size).map(|tile| tile.to_string()).collect::<Vec<_>>();
    assert_eq!(paths(0), Vec::<String>::new());
    assert_eq!(paths(1), ["tile/entries/000.p/1", "tile/0/000.p/1"]);
    assert_eq!(paths(256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(
        paths(257),
        ["tile/entries/000", "tile/entries/001.p/1", "tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]
    );
    let hashes: Vec<Tile> = tiles_at(70_000).filter(|tile| tile.kind != TileKind::Entries).collect();
    let of_level = |level: u8| hashes.iter().filter(move |tile| tile.kind == TileKind::Hashes(level));
    assert_eq!(of_level(0).filter(|tile| tile.is_full()).count(), 273);
    assert_eq!(of_level(0).filter(|tile| !tile.is_full()).map(|tile| tile.width).collect::<Vec<_>>(), [112]);
    assert_eq!(of_level(1).map(|tile| tile.width).collect::<Vec<_>>(), [256, 17]);
    assert_eq!(of_level(2).map(Tile::to_string).collect::<Vec<_>>(), ["tile/2/000.p/1"]);
    assert_eq!(hashes.len(), 274 + 2 + 1);
}

#[test]
fn nothing_beyond_a_size_is_within_it() {
    for (tile, first_size) in [
        (entries(0, 1), 1),
        (entries(0, 256), 256),
        (entries(1, 1), 257),
        (hashes(0, 1, 44), 300),
        (hashes(1, 0, 1), 256),
        (hashes(1, 0, 256), 65_536),
        (hashes(2, 0, 1), 65_536),
        (hashes(7, 0, 1), 1 << 56),
    ] {
        assert!(!tile.is_within(0) && !tile.is_within(first_size - 1), "{tile} before {first_size}");
        assert!(tile.is_within(first_size) && tile.is_within(u64::MAX), "{tile} at {first_size}");
        assert!(tile.full().is_full());
    }
    for tile in [hashes(8, 0, 1), hashes(63, 0, 1), hashes(0, u64::MAX, 1), entries(1 << 56, 1), entries(0, 257)] {
        assert!(!tile.is_within(u64::MAX), "{tile:?}");
    }
    assert_eq!(hashes(8, 0, 1).first_node(), None);
    assert_eq!(hashes(0, u64::MAX, 1).first_node(), None);
    assert_eq!(hashes(2, 3, 1).first_node(), Some((16, 768)));
    assert_eq!(entries(3, 1).first_node(), Some((0, 768)));
}

#[test]
fn a_tree_is_read_from_its_tiles() {
    let leaves: Vec<LeafHash> = (0..66_000u64).map(|number| LeafHash::of(&number.to_be_bytes())).collect();
    for size in [1, 2, 255, 256, 257, 300, 511, 512, 65_535, 65_536, 66_000] {
        let here = &leaves[..usize::try_from(size).unwrap()];
        let tiles = tiles_at(size).filter(|tile| tile.kind != TileKind::Entries);
        let tiles = Tiles { size, tiles: tiles.map(|tile| (tile, naive_tile(here, tile))).collect() };
        let root = here.iter().copied().collect::<Frontier>().root();
        assert_eq!(root_at(&tiles, size), Ok(root), "at {size}");
        let tree = TreeHead { size, root };
        for index in [0, size / 2, size - 1] {
            let proof = prove_inclusion(&tiles, index, size).unwrap();
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(leaf, index, tree, &proof), Ok(()), "{index} in {size}");
        }
    }
}

#[test]
fn a_node_comes_from_one_tile() {
    let span = |level, number, first, count| Some(TileSpan { level, number, first, count });
    assert_eq!(TileSpan::of_node(0, 0), span(0, 0, 0, 1));
    assert_eq!(TileSpan::of_node(0, 257), span(0, 1, 1, 1));
    assert_eq!(TileSpan::of_node(7, 1), span(0, 0, 128, 128));
    assert_eq!(TileSpan::of_node(8, 1), span(1, 0, 1, 1));
    assert_eq!(TileSpan::of_node(63, 1), span(7, 0, 128, 128));
    assert_eq!(TileSpan::of_node(64, 0), None);
    assert_eq!(TileSpan::of_node(1, u64::MAX), None);
    assert_eq!(TileSpan::of_node(7, 0).unwrap().hash_in(&[NodeHash([0; 32]); 127]), None, "too narrow");
}

#[test]
fn the_hashes_of_a_tile_are_exactly_its_width() {
    let bytes: Vec<u8> = (0..96).collect();
    let read = |len: usize, width: u16| tile_hashes(&bytes[..len], width).map(Iterator::collect::<Vec<_>>);
    let hashes = read(96, 3).unwrap();
    assert_eq!(hashes.iter().flat_map(|hash| hash.0).collect::<Vec<_>>(), bytes);
    for (len, width) in [(96, 2), (96, 4), (95, 3), (97 - 2, 2), (0, 1), (64, 3)] {
        assert!(read(len, width).is_err(), "{len} bytes for {width}");
    }
}

fn bundle(entries: &[&[u8]]) -> Vec<u8> {
    let mut bundle = Vec::new();
    for entry in entries {
        append_to_bundle(&mut bundle, entry).unwrap();
    }
    bundle
}

#[test]
fn a_bundle_gives_back_its_entries() {
    let long = vec![7; 65_535];
    let entries: [&[u8]; 4] = [b"", b"\x00", b"entry", &long];
    let bundle = bundle(&entries);
    assert_eq!(BundleEntries::new(&bundle, 4).collect::<Result<Vec<_>, _>>().unwrap(), entries);
    let mut same = bundle.clone();
    assert_eq!(append_to_bundle(&mut same, &vec![0; 65_536]), Err(EntryTooLong { len_bytes: 65_536 }));
    assert_eq!(same, bundle);
}

#[test]
fn a_bundle_has_exactly_its_entries() {
    let bundle = bundle(&[b"", b"one", b"two"]);
    for width in [0, 1, 2, 4, TILE_WIDTH] {
        let read: Result<Vec<_>, _> = BundleEntries::new(&bundle, width).collect();
        assert!(read.is_err(), "{width} entries");
    }
    for len in 0..bundle.len() {
        let items: Vec<_> = BundleEntries::new(&bundle[..len], 3).collect();
        assert!(items.last().unwrap().is_err(), "cut to {len} bytes");
        assert_eq!(items.iter().filter(|item| item.is_err()).count(), 1, "nothing follows a fault");
    }
    let fault = BundleEntries::new(&[0, 3, 1], 1).next().unwrap().unwrap_err();
    assert_eq!(fault.to_string(), "byte 2: expected an entry, found the end, 2 bytes short");
}

proptest! {
    #[test]
    fn whatever_parses_is_written_the_same(path in "(tile/)?([0-9]{1,2}|entries|data)?/?(x?[0-9]{2,4}/){0,3}[0-9]{2,4}(\\.p/[0-9]{0,4})?") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn any_text_is_a_path_or_a_fault(path in any::<String>()) {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn every_tile_has_a_path(level in 0..=64_u8, number in any::<u64>(), width in 1..=256_u16) {
        let kind = if level == 64 { TileKind::Entries } else { TileKind::Hashes(level) };
        let tile = Tile { kind, number, width };
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn any_bytes_are_a_bundle_or_a_fault(bytes in proptest::collection::vec(0..4_u8, 0..64), width in 0..32_u16) {
        if let Ok(entries) = BundleEntries::new(&bytes, width).collect::<Result<Vec<_>, _>>() {
            prop_assert_eq!(entries.len(), usize::from(width));
            prop_assert_eq!(bundle(&entries), bytes);
        }
    }
}
