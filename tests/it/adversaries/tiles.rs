//! Lies in what a log publishes as tiles, and `probity verify --tiles`, which catches each.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use probity::log::Body;
use probity::log::Checked;
use probity::log::KeyChange;
use probity::log::Leaf;
use probity::log::MapRoot;
use probity::log::Seal;
use probity::log::SignatureType;
use probity::log::Target;
use probity::log::TileKind;
use probity::log::cosign;
use serde_json::Value;
use tempfile::TempDir;

use crate::adversaries::Log;
use crate::adversaries::checked;
use crate::adversaries::honest;
use crate::adversaries::published::publish;
use crate::adversaries::published::publish_under;
use crate::adversaries::published::put;
use crate::adversaries::published::tile;
use crate::adversaries::published::verify_tiles;
use crate::adversaries::vkey;
use crate::http;
use crate::witness;

/// A folder of tiles, and the log's key.
struct Setting {
    folder: TempDir,
    key: String,
}

impl Setting {
    fn of(log: &Log) -> Self {
        Self { folder: TempDir::new().unwrap(), key: vkey(&log.origin, &log.key) }
    }

    fn tiles(&self) -> PathBuf {
        self.folder.path().join("tiles")
    }

    fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    fn state(&self) -> String {
        self.folder.path().join("state").to_str().unwrap().to_owned()
    }

    fn verify(&self, more: &[&str]) -> (Option<i32>, Value, String) {
        verify_tiles(self.tiles().to_str().unwrap(), &[&["--key", &self.key], more].concat())
    }

    /// It is good, and all that leaves allow was done.
    fn good(&self, more: &[&str]) -> Value {
        let (status, report, said) = self.verify(more);
        assert_eq!(status, Some(0), "{said}");
        report
    }

    /// It is caught, and the words say at what.
    fn caught(&self, lie: &str, words: &str, more: &[&str]) {
        let (status, report, said) = self.verify(more);
        assert_eq!(status, Some(1), "{lie}: {said}");
        assert!(report["good"] == false && said.contains(words), "{lie}: {said}");
    }

    /// It cannot be verified, which is said and is no verdict.
    fn unseen(&self, words: &str, more: &[&str]) {
        let (status, _, said) = self.verify(more);
        assert!(status == Some(2) && said.contains(words), "{status:?} {said}");
    }
}

/// The numbers of the steps that were done, each once.
fn done(report: &Value) -> Vec<u64> {
    let steps = report["steps"].as_array().unwrap();
    let mut done: Vec<u64> =
        steps.iter().filter(|step| step["done"] == true).map(|step| step["step"].as_u64().unwrap()).collect();
    done.dedup();
    done
}

/// The log and many entries more, so that it has full tiles, and tiles above them.
fn long(mut log: Log, size: usize) -> Log {
    let (key, origin) = (log.key.clone(), log.origin.clone());
    while log.entries.len() < size - 1 {
        let change = KeyChange::add(&origin, log.entries.len() as u64, &key, &key);
        log = log.then(Body::Key(Box::new(change)));
    }
    log.sealed()
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_say_what_of_a_log_they_show() {
    let (_data, log) = honest().await;
    let (setting, size) = (Setting::of(&log), log.entries.len());
    publish(&setting.tiles(), &log, size);
    let report = setting.good(&[]);
    assert_eq!((done(&report), &report["entries"]), (vec![1, 2, 3, 4, 5], &Value::from(size)));
    // Hashes alone: the tree, and no more is claimed.
    fs::remove_dir_all(setting.tiles().join("tile/entries")).unwrap();
    let report = setting.good(&[]);
    assert_eq!((done(&report), &report["entries"]), (vec![1, 3], &Value::from(size)));
    let (_, report, _) = verify_tiles(setting.tiles().to_str().unwrap(), &[]);
    assert_eq!(done(&report), [3], "whose signature it is, nobody said");
    // A key that is not the log's.
    let other = vkey(&log.origin, &ed25519_dalek::SigningKey::from_bytes(&[3; 32]));
    for entries in [true, false] {
        publish(&setting.tiles(), &log, size);
        if !entries {
            fs::remove_dir_all(setting.tiles().join("tile/entries")).unwrap();
        }
        let (status, _, said) = verify_tiles(setting.tiles().to_str().unwrap(), &["--key", &other]);
        assert_eq!(status, Some(1), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_with_its_key_publishes_wrongly_is_caught_by_verify() {
    let (_data, log) = honest().await;
    let (setting, size, seals) = (Setting::of(&log), log.entries.len(), log.seals());
    let lying = |lie: &str, lying: &Log, words: &str, more: &[&str]| {
        publish(&setting.tiles(), lying, lying.entries.len());
        setting.caught(lie, words, more);
    };
    let mut open = log.clone();
    open.entries.truncate(size - 1);
    let (map_root, map_keys) = open.map_below(size - 1);
    let previous = Some(seals[seals.len() - 2] as u64);
    let omitted = Seal { map_root: MapRoot([1; 32]), map_keys: map_keys - 1, previous };
    lying("omits a key from the map that it seals", &open.clone().then(Body::Seal(omitted)), "SEAL over a map", &[]);
    let hidden = Seal { map_root, map_keys, previous: Some(seals[0] as u64) };
    lying("hides a seal", &open.then(Body::Seal(hidden)), "the seal before it", &[]);

    // A quiet night, cosigned; in the morning something is recorded as of the evening.
    let signer = witness::key("witness.example.org/w", 9);
    let night_s = checked(&log.entries[size - 1]).leaf.recorded_at_ms / 1000 + 36_000;
    let mut note = log.checkpoint(size, &log.key);
    note.add(cosign(note.text(), night_s, &signer)).unwrap();
    let cosigned = setting.file("cosigned", &note.to_string());
    let line = format!("witness w {}\nquorum w\n", signer.verifier(SignatureType::CosignatureV1));
    let policy = setting.file("policy", &line);
    let night = ["--checkpoint", &cosigned, "--policy", &policy];
    lying("back-dates after a quiet night", &log.clone().sealed(), "back-dated", &night);

    let event = log.events()[3];
    let later = log.clone().with(event, |leaf, _| leaf.recorded_at_ms += 1).remade(event);
    let kept = setting.file("kept", &log.checkpoint(size, &log.key).to_string());
    lying("signs another history again", &later, "rewritten", &["--checkpoint", &kept]);
    let mut shorter = log;
    shorter.entries.truncate(seals[3] + 1);
    lying("rolls back", &shorter, "the log ends after", &["--checkpoint", &kept]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_those_under_the_checkpoint_are_caught_by_verify() {
    let (_data, log) = honest().await;
    let log = long(log, 600);
    let (setting, size) = (Setting::of(&log), 600);
    let tiles = setting.tiles();
    publish(&tiles, &log, size);
    assert_eq!(setting.good(&[])["entries"], 600);

    // A leaf that decodes, follows, and is not the one.
    let swapped = log.clone().with(log.events()[2], |_, manifest| manifest.request_id = [9; 16]);
    let honest_note = log.checkpoint(size, &log.key);
    let bundle = tile(TileKind::Entries, 0, size);
    publish_under(&setting.folder.path().join("other"), &swapped, size, &honest_note);
    let other = fs::read(setting.folder.path().join("other").join(bundle.to_string())).unwrap();
    put(&tiles, bundle, &other);
    setting.caught("swaps a leaf", "says that entry", &[]);
    publish_under(&tiles, &swapped.remade(log.events()[2]), size, &honest_note);
    setting.caught("swaps a leaf and all tiles", "the tree over 600 entries", &[]);

    for (number, hash, words) in
        [(0, true, "the tiles of level 1"), (2, true, "expected 32 bytes"), (2, false, "\"entry\":512")]
    {
        publish(&tiles, &log, size);
        let (kind, number) = if number == 0 { (TileKind::Hashes(1), 0) } else { (TileKind::Hashes(0), number) };
        let kind = if hash { kind } else { TileKind::Entries };
        let at = tile(kind, number, size);
        let mut bytes = fs::read(tiles.join(at.to_string())).unwrap();
        if number == 0 {
            bytes[0] ^= 1;
        } else {
            bytes.truncate(bytes.len() - 1);
        }
        put(&tiles, at, &bytes);
        setting.caught(&format!("cuts or changes {at}"), words, &[]);
        fs::remove_file(tiles.join(at.to_string())).unwrap();
        setting.caught(&format!("lacks {at}"), &at.to_string(), &[]);
    }

    // A checkpoint beyond the tiles, and tiles beyond the checkpoint, of which nothing counts.
    let longer = log.clone().sealed();
    publish_under(&tiles, &log, size, &longer.checkpoint(size + 1, &log.key));
    setting.caught("signs more than it serves", "\"entry\":512", &[]);
    publish_under(&tiles, &longer, size + 1, &honest_note);
    for kind in [TileKind::Entries, TileKind::Hashes(0)] {
        let whole = fs::read(tiles.join(tile(kind, 2, size + 1).to_string())).unwrap();
        put(&tiles, tile(kind, 2, size).full(), &whole);
    }
    let (status, _, said) = setting.verify(&[]);
    assert_eq!(status, Some(1), "what is called full is not: {said}");
    publish(&tiles, &log, size);
    assert_eq!(setting.good(&[])["entries"], 600);
}

/// An erasure of an entry, recorded beside another one's manifest, since tiles have leaves alone.
fn erasing(log: &Log, target: usize, of: usize) -> Log {
    let Checked { mut entry, leaf, .. } = checked(&log.entries[of]);
    let mut event = leaf.event().unwrap().clone();
    for place in std::iter::once(&mut event.stream).chain(&mut event.subjects) {
        place.sequence += 1;
    }
    let last = checked(log.entries.last().unwrap());
    let leaf = Leaf {
        index: log.entries.len() as u64,
        recorded_at_ms: last.leaf.recorded_at_ms,
        previous: last.leaf_hash,
        body: Body::Erasure(event, Target { index: target as u64, parts: 1 }),
    };
    entry.leaf = leaf.encode().into();
    let mut erasing = log.clone();
    erasing.entries.push(entry.encode().into());
    erasing.sealed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_held_against_the_entry_that_it_names() {
    let (_data, log) = honest().await;
    let (setting, events) = (Setting::of(&log), log.events());
    let good = long(erasing(&log, events[1], events[1]), 600);
    publish(&setting.tiles(), &good, 600);
    let report = setting.good(&[]);
    assert_eq!((&report["erasures"], &report["erasures_pending"]), (&Value::from(1), &Value::Array(Vec::new())));
    let lying = erasing(&log, events[2], events[1]);
    publish(&setting.tiles(), &lying, lying.entries.len());
    setting.caught("erases what is filed elsewhere", "filed under other keys than the target", &[]);
    let lying = erasing(&log, log.seals()[0], events[1]);
    publish(&setting.tiles(), &lying, lying.entries.len());
    setting.caught("erases a SEAL", "the target is not an EVENT", &[]);
}

/// A run that cannot read on keeps how far it came; the next one goes on there, and skips nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_catches_what_was_changed_below() {
    let (_data, log) = honest().await;
    let log = long(log, 600);
    let setting = Setting::of(&log);
    let state = setting.state();
    let more = ["--state", &state];
    let (tiles, size) = (setting.tiles(), 600);
    publish(&tiles, &log, size);
    let blocked = tiles.join(tile(TileKind::Entries, 1, size).to_string());
    let bytes = fs::read(&blocked).unwrap();
    fs::remove_file(&blocked).unwrap();
    fs::create_dir(&blocked).unwrap();
    setting.unseen("001", &more);
    let at_256 = fs::read(&state).unwrap();
    fs::remove_dir(&blocked).unwrap();
    fs::write(&blocked, &bytes).unwrap();
    let report = setting.good(&more);
    assert_eq!((&report["entries_of_earlier_runs"], &report["entries"]), (&Value::from(256), &Value::from(600)));
    assert_eq!(done(&report), [1, 2, 3, 4, 5]);
    let at_600 = fs::read(&state).unwrap();
    let report = setting.good(&more);
    assert_eq!(report["entries_of_earlier_runs"], 600, "nothing is new");

    let changed = |at: usize, size: usize| {
        let lying = log.clone().with(log.events()[at], |leaf, _| leaf.recorded_at_ms += 1).remade(log.events()[at]);
        let lying = if size > lying.entries.len() { lying.sealed() } else { lying };
        publish(&tiles, &lying, size);
    };
    changed(1, 600);
    setting.caught("changed below, of the same size", "the tree over 600 entries", &more);
    assert_eq!(fs::read(&state).unwrap(), at_600, "what was good stays");
    changed(1, 601);
    setting.caught("changed below, and longer", "as the leaf hash before it", &more);
    fs::write(&state, &at_256).unwrap();
    changed(1, 601);
    setting.caught("changed below a run that was interrupted", "as the leaf hash before it", &more);
    publish(&tiles, &log, log.seals()[2] + 1);
    setting.caught("shorter than what was verified", "the log ends after", &more);

    // What only the entries below can answer begins at entry 0 again.
    fs::write(&state, &at_600).unwrap();
    publish(&tiles, &log, size);
    let older = log.seals()[2] + 1;
    let kept = setting.file("older", &log.checkpoint(older, &log.key).to_string());
    let report = setting.good(&[&more[..], &["--checkpoint", &kept]].concat());
    assert_eq!(report["entries_of_earlier_runs"], 0);
    let report = setting.good(&[&more[..], &["--checkpoint", &kept]].concat());
    assert_eq!(report["entries_of_earlier_runs"], 600, "it was held by the run before");
    let other = log.clone().with(log.events()[0], |leaf, _| leaf.recorded_at_ms -= 1).remade(1);
    let forked = setting.file("forked", &other.checkpoint(older, &log.key).to_string());
    setting.caught("a fork below", "rewritten", &[&more[..], &["--checkpoint", &forked]].concat());
    // Hashes do not go on from leaves, and a damaged state is no state.
    fs::remove_dir_all(tiles.join("tile/entries")).unwrap();
    setting.unseen("it is of a run with the token of an auditor", &more);
    let mut damaged = at_600;
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&state, damaged).unwrap();
    setting.unseen("it is damaged", &more);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_of_one_log() {
    let (_data, log) = honest().await;
    let (setting, size) = (Setting::of(&log), log.entries.len());
    publish(&setting.tiles(), &log, size);
    let state = setting.state();
    setting.good(&["--state", &state]);
    let other = Log { origin: "another.example.org/log".to_owned(), ..log.clone() };
    publish_under(&setting.tiles(), &log, size, &other.checkpoint(size, &log.key));
    setting.unseen("it is of the log", &["--state", &state]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_token_or_another_one_is_told_what_he_does_not_see() {
    let (folder, data) = http::folder();
    let (served, address) = http::start(&mut http::command(&data), &data);
    let url = format!("http://{address}");
    let mut ledger = served.ledger().await;
    http::record(&mut ledger, 0..40).await;
    let size = http::sealed(&mut ledger, &address).await.size;
    let token = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (right, wrong) = (token("right", http::TOKEN), token("wrong", "not a token of tests"));
    let (status, report, said) = verify_tiles(&url, &[]);
    assert_eq!((status, done(&report)), (Some(0), vec![3]), "{said}");
    let (status, report, said) = verify_tiles(&url, &["--token-file", &right]);
    assert_eq!((status, done(&report)), (Some(0), vec![1, 2, 3, 4, 5]), "{said}");
    assert_eq!(report["entries"], size);
    let (status, _, said) = verify_tiles(&url, &["--token-file", &wrong]);
    assert!(status == Some(2) && said.contains("this is not the token of one"), "{said}");
    let state = Path::new(&right).with_file_name("audit.state");
    let more = ["--token-file", &right, "--state", state.to_str().unwrap()];
    assert_eq!(verify_tiles(&url, &more).0, Some(0));
    http::record(&mut ledger, 40..50).await;
    let grown = http::sealed(&mut ledger, &address).await.size;
    let (status, report, said) = verify_tiles(&url, &more);
    assert_eq!((status, &report["entries_of_earlier_runs"]), (Some(0), &Value::from(size)), "{said}");
    assert_eq!((report["entries"].as_u64(), done(&report)), (Some(grown), vec![1, 2, 3, 4, 5]), "{said}");
    // The same service over gRPC holds its own checkpoint, and shows everything.
    let (status, printed, said) =
        crate::service::run(&mut crate::service::probity(["verify", "--json", "--from", &served.url]));
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, done(&report)), (Some(0), vec![1, 2, 3, 4, 5, 6]), "{said}");
    served.stop();
}
