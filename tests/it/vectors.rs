//! What others publish about the tree, tiles and bundles, through the library as anyone would use it.
//!
//! Read from `data/vectors` of `PROBITY_SHARED_DATA`, or of `../shared` beside the project; skipped loudly elsewhere. The
//! figures that matter most stand in the unit tests, which run everywhere.

use std::convert::Infallible;
use std::env;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64;
use data_encoding::HEXLOWER;
use probity::log::BundleEntries;
use probity::log::Frontier;
use probity::log::LeafHash;
use probity::log::NodeHash;
use probity::log::Nodes;
use probity::log::Root;
use probity::log::Tile;
use probity::log::TileKind;
use probity::log::TileSpan;
use probity::log::TreeHead;
use probity::log::append_to_bundle;
use probity::log::prove_consistency;
use probity::log::prove_inclusion;
use probity::log::tile_hashes;
use probity::log::tiles_at;
use probity::log::verify_consistency;
use probity::log::verify_inclusion;
use serde_json::Value;

/// A folder of vectors, if they are here.
fn vectors(folder: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let data = env::var_os("PROBITY_SHARED_DATA").map_or_else(beside, PathBuf::from);
    let found = data.join("vectors").join(folder);
    if !found.is_dir() {
        // Past the harness, which shows only what failing tests print.
        let missing = format!("SKIPPED: no vectors/{folder} in ../shared/data or PROBITY_SHARED_DATA\n");
        std::io::stderr().write_all(missing.as_bytes()).unwrap();
        return None;
    }
    Some(found)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// A hash of a vector; those of other lengths are no hash to us.
fn hash(value: &Value) -> Option<[u8; 32]> {
    bytes(value)?.try_into().ok()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    BASE64.decode(value.as_str()?.as_bytes()).ok()
}

/// A proof of a vector: an array of hashes, or nothing for an empty one.
fn proof(value: &Value) -> Option<Vec<NodeHash>> {
    let Some(hashes) = value.as_array() else { return value.is_null().then(Vec::new) };
    hashes.iter().map(|value| hash(value).map(NodeHash)).collect()
}

fn head(size: &Value, root: &Value) -> Option<TreeHead> {
    Some(TreeHead { size: size.as_u64()?, root: Root(hash(root)?) })
}

fn included(vector: &Value) -> Option<bool> {
    let tree = head(&vector["treeSize"], &vector["root"])?;
    let (leaf, index) = (LeafHash(hash(&vector["leafHash"])?), vector["leafIdx"].as_u64()?);
    Some(verify_inclusion(leaf, index, tree, &proof(&vector["proof"])?).is_ok())
}

fn consistent(vector: &Value) -> Option<bool> {
    let old = head(&vector["size1"], &vector["root1"])?;
    let new = head(&vector["size2"], &vector["root2"])?;
    Some(verify_consistency(old, new, &proof(&vector["proof"])?).is_ok())
}

fn check(folder: &str, at_least: usize, holds: impl Fn(&Value) -> Option<bool>) {
    let Some(folder) = vectors(folder) else { return };
    let (mut good, mut bad) = (0, 0);
    for file in files(&folder) {
        let vector = json(&file);
        let wanted = !vector["wantErr"].as_bool().unwrap();
        assert_eq!(holds(&vector).unwrap_or(false), wanted, "{}: {}", file.display(), vector["desc"]);
        *(if wanted { &mut good } else { &mut bad }) += 1;
    }
    assert!(good >= 6 && bad >= at_least, "{good} good and {bad} bad vectors");
}

#[test]
fn inclusion_proofs_of_transparency_dev() {
    check("merkle-testdata/inclusion", 90, included);
}

#[test]
fn consistency_proofs_of_transparency_dev() {
    // One of them has words where roots stand, the same twice, and wants them to be equal: no roots here, but as equal.
    let padded = |root: &Value| {
        let mut padded = bytes(root).filter(|root| root.len() < 32)?;
        padded.resize(32, 0);
        Some(BASE64.encode(&padded))
    };
    check("merkle-testdata/consistency", 90, |vector| {
        let mut vector = vector.clone();
        if vector["wantErr"] == false {
            for root in ["root1", "root2"] {
                if let Some(padded) = padded(&vector[root]) {
                    vector[root] = padded.into();
                }
            }
        }
        consistent(&vector)
    });
}

#[test]
fn the_eight_leaf_tree_of_rfc_6962() {
    let Some(folder) = vectors("rfc6962") else { return };
    let vectors = json(&folder.join("rfc6962-vectors.json"));
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root().to_string()];
    for input in vectors["leaf_inputs_hex"].as_array().unwrap() {
        frontier.push(LeafHash::of(&HEXLOWER.decode(input.as_str().unwrap().as_bytes()).unwrap()));
        roots.push(frontier.root().to_string());
    }
    assert_eq!(Value::from(roots), vectors["root_hashes_hex_by_size"]);
    for level in vectors["node_hashes_hex_by_level"].as_array().unwrap().windows(2) {
        let parse = |level: &Value| -> Vec<NodeHash> {
            level.as_array().unwrap().iter().map(|hash| NodeHash::parse(hash.as_str().unwrap()).unwrap()).collect()
        };
        let joined: Vec<NodeHash> =
            parse(&level[0]).as_chunks::<2>().0.iter().map(|[left, right]| NodeHash::over(left, right)).collect();
        assert_eq!(joined, parse(&level[1]));
    }
}

#[test]
fn a_tile_and_a_bundle_of_c2sp() {
    let Some(folder) = vectors("c2sp") else { return };
    let golden = json(&folder.join("golden_c2sp.json"));
    let hex = |name: &str| HEXLOWER.decode(golden[name].as_str().unwrap().as_bytes()).unwrap();
    let bundle = hex("entry_bundle_tile/entries/000.p/8_hex");
    let entries: Vec<&[u8]> = BundleEntries::new(&bundle, 8).collect::<Result<_, _>>().unwrap();
    let hashed: Vec<NodeHash> = entries.iter().map(|entry| LeafHash::of(entry).into()).collect();
    assert_eq!(tile_hashes(&hex("tile_tile/0/000.p/8_hex"), 8).unwrap().collect::<Vec<_>>(), hashed);
}

/// A log of another implementation in a folder.
struct Log {
    folder: PathBuf,
    head: TreeHead,
}

impl Log {
    fn open(folder: &Path, checkpoint: &str) -> Self {
        let text = fs::read_to_string(folder.join(checkpoint)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let root = Root(hash(&lines[2].into()).unwrap());
        Self { folder: folder.to_owned(), head: TreeHead { size: lines[1].parse().unwrap(), root } }
    }

    fn tile(&self, tile: Tile) -> Vec<NodeHash> {
        let bytes = fs::read(self.folder.join(tile.to_string())).unwrap();
        tile_hashes(&bytes, tile.width).unwrap().collect()
    }

    /// All hashes of all tiles follow from those of level 0, and so does the root that the log signed.
    fn check_tiles(&self) {
        let leaves: Vec<LeafHash> = tiles_at(self.head.size)
            .filter(|tile| tile.kind == TileKind::Hashes(0))
            .flat_map(|tile| self.tile(tile))
            .map(|hash| LeafHash(hash.0))
            .collect();
        assert_eq!(leaves.iter().copied().collect::<Frontier>().root(), self.head.root);
        for tile in tiles_at(self.head.size).filter(|tile| tile.kind != TileKind::Entries) {
            let (level, first) = tile.first_node().unwrap();
            for (index, hash) in (first..).zip(self.tile(tile)) {
                let below = usize::try_from(index << level).unwrap()..usize::try_from((index + 1) << level).unwrap();
                let root = leaves[below].iter().copied().collect::<Frontier>().root();
                assert_eq!(root.0, hash.0, "{tile} at {index}");
            }
        }
        for (index, leaf) in (0..).zip(leaves) {
            let proof = prove_inclusion(self, index, self.head.size).unwrap();
            assert_eq!(verify_inclusion(leaf, index, self.head, &proof), Ok(()), "{index}");
        }
    }

    /// The entries of its bundles are the leaves of its tiles, and bundles have one spelling.
    fn check_bundles(&self) {
        for tile in tiles_at(self.head.size).filter(|tile| tile.kind == TileKind::Entries) {
            let bundle = fs::read(self.folder.join(tile.to_string())).unwrap();
            let entries: Vec<&[u8]> = BundleEntries::new(&bundle, tile.width).collect::<Result<_, _>>().unwrap();
            let hashed: Vec<NodeHash> = entries.iter().map(|entry| LeafHash::of(entry).into()).collect();
            assert_eq!(hashed, self.tile(Tile { kind: TileKind::Hashes(0), ..tile }), "{tile}");
            let mut again = Vec::new();
            for entry in entries {
                append_to_bundle(&mut again, entry).unwrap();
            }
            assert_eq!(again, bundle, "{tile}");
        }
    }
}

impl Nodes for Log {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<NodeHash, Infallible> {
        let span = TileSpan::of_node(level, index).unwrap();
        let tile = Tile::at(TileKind::Hashes(span.level), span.number, self.head.size).unwrap();
        Ok(span.hash_in(&self.tile(tile)).unwrap())
    }
}

#[test]
fn a_log_of_tessera_at_every_size() {
    let Some(folder) = vectors("tessera/log") else { return };
    let whole = Log::open(&folder, "checkpoint.15");
    for size in 0..=15 {
        let log = Log::open(&folder, &format!("checkpoint.{size}"));
        assert_eq!(log.head.size, size);
        log.check_tiles();
        log.check_bundles();
        if size > 0 {
            let proof = prove_consistency(&whole, size, whole.head.size).unwrap();
            assert_eq!(verify_consistency(log.head, whole.head, &proof), Ok(()));
        }
    }
}

/// The bundles beside them are stand-ins, so the leaves are those of level 0.
#[test]
fn the_tiles_of_a_mirror_of_sunlight() {
    let Some(mirror) = vectors("c2sp/sunlight_mirror_tree") else { return };
    Log::open(&mirror, "checkpoint").check_tiles();
}

/// A log of certificates keeps other bundles under other names; its hash tiles are the same, and only they are ours.
#[test]
fn the_paths_of_a_log_of_sunlight() {
    let Some(folder) = vectors("sunlight/testdata/navigli2025h2") else { return };
    let mut ours = 0;
    for file in files(&folder) {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        let Ok(tile) = path.parse::<Tile>() else {
            assert!(path.starts_with("tile/data/") || path.starts_with("tile/names/"), "{path}");
            continue;
        };
        assert_eq!(tile.to_string(), path);
        let (part, full) = (fs::read(&file).unwrap(), fs::read(folder.join(tile.full().to_string())).unwrap());
        assert_eq!(tile_hashes(&part, tile.width).unwrap().len(), usize::from(tile.width));
        assert!(full.starts_with(&part), "{path} is the beginning of the full tile");
        ours += 1;
    }
    assert_eq!(ours, 5);
}
